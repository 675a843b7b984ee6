"""Run the service: ``python -m auth_service --listen 127.0.0.1:50051 --metrics-port 9464``.

It prints where it listens to stderr and runs until SIGTERM or SIGINT, which stop it gracefully.
The signing keys come from ``AUTH_SIGNING_KEYS`` (PEM) or the file that
``AUTH_SIGNING_KEYS_FILE`` names; without either, a key is made that ends with the process.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from dataclasses import fields

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from alertlab.errors import BadInput, ServerError
from auth_service.cli import Parser, run_command
from auth_service.server import create_server
from auth_service.settings import Settings
from auth_service.tokens import KeyRing


def parse_flags(arguments: list[str] | None = None) -> tuple[argparse.Namespace, Settings]:
    """Read the command line, where every setting is a flag.  Raises BadInput."""
    parser = Parser("auth_service", description="The ImmersiVerse authentication service.")
    parser.add_argument(
        "--listen", default="127.0.0.1:50051", metavar="HOST:PORT", help="where gRPC is served"
    )
    parser.add_argument(
        "--metrics-port", type=int, default=9464, help="where /metrics is served, on the same host"
    )
    specs = fields(Settings)
    for spec in specs:
        flag, about = "--" + spec.name.replace("_", "-"), spec.metadata
        parser.add_argument(flag, type=about["kind"], default=spec.default, help=about["help"])
    flags = parser.parse_args(arguments)
    return flags, Settings(**{spec.name: getattr(flags, spec.name) for spec in specs})


def serve() -> None:
    """Run the service until a signal stops it."""
    flags, settings = parse_flags()
    host = _host(flags.listen)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    server, port = create_server(
        flags.listen,
        registry=registry,
        settings=settings,
        key_ring=KeyRing.from_environment(os.environ),
    )
    pages = _serve_metrics(host, flags.metrics_port, registry)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    _say(f"gRPC on {host}:{port}")
    _say(f"metrics on http://{host}:{pages.server_port}/metrics")
    stopped.wait()
    _say(f"stopping; RPCs in flight have {settings.grace_seconds:g} s")
    server.stop(settings.grace_seconds)
    pages.shutdown()
    _say("stopped")


def _host(address: str) -> str:
    """Return the host of ``host:port``; an IPv6 one keeps its brackets.  Raises BadInput."""
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) < 65_536):
        raise BadInput(f"--listen {address!r} is not an address; write it like 127.0.0.1:50051")
    return host


def _serve_metrics(host: str, port: int, registry: CollectorRegistry):
    """Serve /metrics from a thread of its own; raises ServerError if the port is not free."""
    if not 0 <= port < 65_536:
        raise BadInput(f"--metrics-port {port} is not a port; give 0 (any free one) to 65535")
    try:
        return start_http_server(port, host.strip("[]"), registry)[0]
    except OSError as error:
        raise ServerError(f"cannot serve metrics on {host}:{port}: {error.strerror}") from error


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    logging.basicConfig()
    sys.exit(run_command("auth_service", serve))
