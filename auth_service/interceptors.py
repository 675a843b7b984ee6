"""The ``grpc_server_*`` metrics, taken around every RPC of the service."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc

from auth_service.metrics import GRPC_SERVICE, GRPC_TYPE, METHODS, AuthMetrics

_METHOD_BY_PATH = {f"/{GRPC_SERVICE}/{method}": method for method in METHODS}


class MetricsInterceptor(grpc.ServerInterceptor):
    """Counts and times the RPCs of AuthService.

    Health, reflection and unknown methods are left out: a method's name comes from the client,
    and must not become a label.  An RPC counts as started when its handler is entered, so that
    every started one is handled; its time runs from its arrival, so that waiting for a worker,
    which the caller feels, is part of it.
    """

    def __init__(self, metrics: AuthMetrics) -> None:
        self._metrics = metrics

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """Wrap the handler of one RPC; grpc calls this at its arrival, before a worker is free."""
        arrived_at = time.perf_counter()
        handler = continuation(handler_call_details)
        method = _METHOD_BY_PATH.get(handler_call_details.method)
        if handler is None or method is None:
            return handler
        labels = (GRPC_TYPE, GRPC_SERVICE, method)

        def observed(request: Any, context: grpc.ServicerContext) -> Any:
            self._metrics.grpc_started.labels(*labels).inc()
            raised = True
            try:
                response = handler.unary_unary(request, context)
                raised = False
                return response
            finally:
                code = _code_name(context.code(), raised)
                self._metrics.grpc_handled.labels(*labels, code).inc()
                self._metrics.grpc_handling.labels(*labels).observe(
                    time.perf_counter() - arrived_at
                )

        return grpc.unary_unary_rpc_method_handler(
            observed, handler.request_deserializer, handler.response_serializer
        )


def _code_name(code: grpc.StatusCode | None, raised: bool) -> str:
    """Return the code that the caller gets.

    ``context.abort`` raises a bare Exception after setting its code; any other exception leaves
    the code unset, which reads as OK, although grpc answers UNKNOWN (grpc/_server.py,
    ``_call_behavior``).
    """
    code = code or grpc.StatusCode.OK
    return "UNKNOWN" if raised and code is grpc.StatusCode.OK else code.name
