"""A tiny HTTP server that answers as a test says and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Asked(NamedTuple):
    """One request: ``path`` without the query string, parameters of query string and form."""

    method: str
    path: str
    in_url: dict[str, str]
    in_body: dict[str, str]
    headers: dict[str, str]


class Reply(NamedTuple):
    """One answer; a ``body`` that is not bytes is sent as JSON."""

    body: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Answer = Callable[[Asked], Reply]


class FakePrometheus:
    """Serves ``answer(request)`` on a free port and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = lambda asked: matrix()
        self.asked: list[Asked] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.handle_error = lambda *_: None  # a client that gave up is no news
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                path = urlsplit(self.path)
                asked = Asked(
                    self.command,
                    path.path,
                    _flat(path.query),
                    _flat(self.rfile.read(length).decode()),
                    dict(self.headers),
                )
                fake.asked.append(asked)
                reply = fake.answer(asked)
                body = reply.body if isinstance(reply.body, bytes) else _json(reply.body)
                self.send_response(reply.status)
                for name, value in (*reply.headers, ("Content-Length", str(len(body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                """Stay quiet."""

        return Handler


def matrix(*series: tuple[dict[str, str], list[tuple[float, str]]], **more: Any) -> Reply:
    """Answer a range query: (labels, [(seconds, text), …]) each; ``more`` stands beside data.

    As from a server, there is no series without a value.
    """
    result = [{"metric": labels, "values": values} for labels, values in series if values]
    data = {"resultType": "matrix", "result": result}
    return Reply({"status": "success", "data": data, **more})


def error(status: int, message: str, kind: str = "bad_data") -> Reply:
    """Answer as Prometheus does when it refuses."""
    return Reply({"status": "error", "errorType": kind, "error": message}, status)


def _flat(text: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(text).items()}


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()
