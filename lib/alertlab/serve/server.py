"""The HTTP server: tornado for the requests, one thread for the work.

One, because a recording's cache is one and evaluation fills a core or more; whatever waits for
its turn does not hold up the answers that need no work.
"""

from __future__ import annotations

import asyncio
import errno
import gzip
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from alertlab.errors import BadInput, ServerError
from alertlab.serve import encode
from alertlab.serve.api import Job, ReadApi
from alertlab.serve.failures import STATUS, ApiError
from alertlab.serve.parameters import Form
from alertlab.sources import Recording

_GZIP_FROM_BYTES = 1_400  # what fits into a packet gains nothing
_GZIP_LEVEL = 1  # a third of the size already; more takes longer than loopback does
_TEXT = "text/plain; charset=utf-8"
_GET, _GET_POST = ("GET", "OPTIONS"), ("GET", "OPTIONS", "POST")
_LABEL_VALUES = re.compile(r"label/([^/]+)/values")

_GZIP_MAGIC = b"\x1f\x8b"
_NOTHING: dict[str, object] = {  # what a server without scraping and rules answers
    "alertmanagers": {"activeAlertmanagers": [], "droppedAlertmanagers": []},
    "alerts": {"alerts": []},
    "rules": {"groups": []},
    "scrape_pools": {"scrapePools": []},
    "targets": {"activeTargets": [], "droppedTargets": []},
    "targets/metadata": [],
}

Endpoint = Callable[[Form], Job | bytes]


class _Route(NamedTuple):
    """The methods of a path, and what answers: a job, or a body that needed no work."""

    methods: tuple[str, ...]
    endpoint: Endpoint


def serve(recording: Recording, *, host: str, port: int, announce: Callable[[str], object]) -> None:
    """Serve a recording until SIGINT or SIGTERM; ``announce`` is told the address.

    Port 0 takes any free one.  Raises ServerError if the port is taken, BadInput if there is no
    listening there at all.
    """
    asyncio.run(_serve(recording, host, port, announce))


async def _serve(
    recording: Recording, host: str, port: int, announce: Callable[[str], object]
) -> None:
    try:
        sockets = bind_sockets(port, address=host)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ServerError(
                f"port {port} of {host} is taken; choose another with --port, or 0 for a free one"
            ) from None
        raise BadInput(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    server = HTTPServer(application(recording))
    server.add_sockets(sockets)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    shown = f"[{host}]" if ":" in host else host
    announce(f"http://{shown}:{sockets[0].getsockname()[1]}")
    await stopped.wait()
    server.stop()
    await server.close_all_connections()


def application(recording: Recording) -> Application:
    """Return tornado's application with all endpoints over a recording."""
    api = ReadApi(recording)
    return Application(
        [
            (r"/api/v1/(.*)", _Api, {"api": api, "routes": _routes(api), "worker": Worker()}),
            (r"/-/(healthy|ready)", _Probe),
            (r"/", _Root),
        ],
        default_handler_class=_NotFound,
        log_function=lambda handler: None,  # as quiet as Prometheus
    )


def _routes(api: ReadApi) -> dict[str, _Route]:
    """Return what is asked by GET, and what by GET or POST (web/api/v1/api.go, Register)."""
    either = {
        "query": api.query,
        "query_range": api.query_range,
        "query_exemplars": api.exemplars,
        "series": api.series,
        "labels": api.labels,
    }
    get = {
        "metadata": api.metadata,
        "status/buildinfo": api.build_info,
        "status/flags": api.flags,
        "status/runtimeinfo": api.runtime_info,
    } | {path: _always(answer) for path, answer in _NOTHING.items()}
    return {path: _Route(_GET_POST, one) for path, one in either.items()} | {
        path: _Route(_GET, one) for path, one in get.items()
    }


def _always(answer: object) -> Endpoint:
    body = encode.success(encode.encoded(answer))
    return lambda form: body


class Worker:
    """A thread that does one job after the other; it does not keep the program from ending."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue = SimpleQueue()
        Thread(target=self._work, daemon=True).start()

    async def run(self, job: Callable[[], bytes]) -> bytes:
        """Return what the job returns; a job that nobody waits for any more is not begun."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._jobs.put((job, loop, future))
        return await future

    def _work(self) -> None:
        while True:
            job, loop, future = self._jobs.get()
            if future.cancelled():
                continue
            try:
                settle, result = future.set_result, job()
            except BaseException as error:
                settle, result = future.set_exception, error
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_settled, future, settle, result)


def _settled(future: asyncio.Future, settle: Callable[..., object], result: object) -> None:
    if not future.done():
        settle(result)


class _Handler(RequestHandler):
    """Every method comes to ``handle``, which knows what it allows."""

    def set_default_headers(self) -> None:
        self.clear_header("Server")

    def compute_etag(self) -> None:
        """Answers are made anew each time; a hash of megabytes would hold up the others."""

    async def get(self, *parts: str) -> None:
        await self.handle(*parts)

    post = put = delete = patch = head = options = get

    async def handle(self, *parts: str) -> None:
        raise NotImplementedError

    def text(self, text: str, status: int = 200) -> None:
        """Answer in plain text."""
        self.set_status(status)
        self.set_header("Content-Type", _TEXT)
        self.finish(text)

    def allows(self, *methods: str) -> bool:
        """Tell whether the method is allowed; else it is answered."""
        if self.request.method in methods:
            return True
        self.set_header("Allow", ", ".join(methods))
        self.text("Method Not Allowed\n", 405)
        return False


class _Api(_Handler):
    def initialize(self, api: ReadApi, routes: dict[str, _Route], worker: Worker) -> None:
        self._api, self._routes, self._worker = api, routes, worker
        self._work: asyncio.Future | None = None

    def on_connection_close(self) -> None:
        if self._work is not None:  # nobody waits for it any more
            self._work.cancel()

    async def handle(self, path: str) -> None:
        if self.request.method == "OPTIONS":
            self.set_status(204)
            return
        route = self._routes.get(path)
        if found := _LABEL_VALUES.fullmatch(path):
            route = _Route(_GET, partial(self._api.label_values, found[1]))
        if route is None:
            self.text("404 page not found\n", 404)
        elif self.allows(*route.methods):
            with suppress(asyncio.CancelledError):
                self._send(*await self._answer(route.endpoint))

    async def _answer(self, endpoint: Endpoint) -> tuple[int, bytes]:
        """Return status and body."""
        try:
            job = endpoint(_form(self.request))
            if isinstance(job, bytes):
                return 200, job
            packed = _accepts_gzip(self.request)
            self._work = asyncio.ensure_future(self._worker.run(partial(_packed, job, packed)))
            return 200, await asyncio.wait_for(self._work, job.timeout_seconds)
        except ApiError as error:
            return STATUS[error.kind], encode.failure(error.kind, str(error))
        except TimeoutError:
            return STATUS["timeout"], encode.failure(
                "timeout", "query timed out in query execution"
            )

    def _send(self, status: int, body: bytes) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Vary", "Accept-Encoding")
        if body.startswith(_GZIP_MAGIC):
            self.set_header("Content-Encoding", "gzip")
        self.finish(body)

    def write_error(self, status_code: int, **_: object) -> None:
        """Answer what went wrong here by mistake; tornado logs it."""
        self._send(status_code, encode.failure("internal", self._reason))


class _Probe(_Handler):
    async def handle(self, probe: str) -> None:
        if self.allows("GET", "HEAD", "OPTIONS"):
            self.text(f"Prometheus Server is {probe.capitalize()}.\n")


class _Root(_Handler):
    async def handle(self) -> None:
        if self.allows("GET", "HEAD", "OPTIONS"):
            self.text("A recording, served by alertlab as Prometheus' read API under /api/v1/.\n")


class _NotFound(_Handler):
    async def handle(self) -> None:
        self.text("404 page not found\n", 404)


def _form(request: HTTPServerRequest) -> Form:
    """Return the parameters of body and URL, the body's first."""
    values: dict[str, list[str]] = {}
    for arguments in (request.body_arguments, request.query_arguments):
        for name, given in arguments.items():
            values.setdefault(name, []).extend(one.decode("utf-8", "replace") for one in given)
    return Form(values)


def _accepts_gzip(request: HTTPServerRequest) -> bool:
    codings = request.headers.get("Accept-Encoding", "").replace(" ", "").split(",")
    return any(one.partition(";")[0] == "gzip" and not one.endswith(";q=0") for one in codings)


def _packed(job: Job, packed: bool) -> bytes:
    body = job.run()
    if packed and len(body) >= _GZIP_FROM_BYTES:
        return gzip.compress(body, _GZIP_LEVEL)
    return body
