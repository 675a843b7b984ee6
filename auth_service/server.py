"""The parts put together: a gRPC server with health, reflection and metrics."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from alertlab.errors import ServerError
from auth_service.faults import delay_while_file_exists
from auth_service.hash_workers import HashWorkers
from auth_service.interceptors import MetricsInterceptor
from auth_service.metrics import GRPC_SERVICE, AuthMetrics
from auth_service.passwords import Passwords
from auth_service.proto import auth_pb2_grpc
from auth_service.service import AuthService
from auth_service.settings import Settings
from auth_service.store import Store
from auth_service.tokens import KeyRing, Tokens


class AuthServer:
    """A server that is bound to its port; ``start`` it, then ``stop`` it once."""

    def __init__(
        self,
        server: grpc.Server,
        workers: ThreadPoolExecutor,
        hash_workers: HashWorkers,
        health_service: health.HealthServicer,
        store: Store,
    ) -> None:
        self._server = server
        self._workers = workers
        self._hash_workers = hash_workers
        self._health = health_service
        self._store = store

    def start(self) -> None:
        """Begin to answer RPCs, and say so in the health service."""
        self._server.start()
        for name in ("", GRPC_SERVICE):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    def stop(self, grace_seconds: float) -> None:
        """Refuse new RPCs, finish those in flight, and cancel what is left after the grace.

        To cancel ends an RPC for its caller only: a handler that was entered runs to its end,
        hash included, and the store stays open until then.
        """
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_seconds).wait()
        self._workers.shutdown()
        self._hash_workers.close()
        self._store.close()


def create_server(
    address: str,
    *,
    registry: CollectorRegistry,
    settings: Settings,
    key_ring: KeyRing,
) -> tuple[AuthServer, int]:
    """Return a server bound to ``address`` (``host:port``, port 0: a free one) and its port.

    Raises ServerError if the address cannot be bound or the database does not open, BadInput for
    a database URL that is none.
    """
    delay = settings.fault_file and functools.partial(delay_while_file_exists, settings.fault_file)
    metrics = AuthMetrics(registry)
    store = Store(settings.database_url, metrics, before_transaction=delay or (lambda: None))
    hash_workers = HashWorkers(settings.hash_workers, metrics)
    passwords = Passwords(settings, hash_workers)
    service = AuthService(store, passwords, Tokens(settings, key_ring), metrics)
    workers = ThreadPoolExecutor(settings.workers, thread_name_prefix="rpc")
    server = grpc.server(
        workers,
        interceptors=[MetricsInterceptor(metrics)],
        # Otherwise a second server on the same port would start, and take half of the RPCs.
        options=[("grpc.so_reuseport", 0)],
    )
    auth_pb2_grpc.add_AuthServiceServicer_to_server(service, server)
    health_service = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    reflection.enable_server_reflection(
        (GRPC_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise ServerError(
            f"cannot listen on {address}: is the port taken, the host ours?"
        ) from error
    return AuthServer(server, workers, hash_workers, health_service, store), port
