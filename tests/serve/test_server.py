"""The server as a program: its address, its end, patience, packing, mistakes of its own."""

from __future__ import annotations

import asyncio
import gzip
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest
import requests
from served_recording import START_MS, serving
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from alertlab.serve.server import application
from alertlab.sources import Recording

T = START_MS // 1000
LONG = {"query": "bits", "start": T, "end": T + 3_600, "step": 1}
SHORT = {"query": "1", "time": T}


def command(*arguments: object) -> list[str]:
    """Return the command line."""
    return [sys.executable, "-m", "alertlab", "serve", *map(str, arguments)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly(recording_path, number):
    """On Ctrl-C and SIGTERM, with exit code 0 and not a word."""
    with serving(recording_path) as (process, url):
        assert requests.get(f"{url}/-/ready", timeout=60).ok
        process.send_signal(number)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0


def test_it_ends_in_the_middle_of_a_query(recording_path):
    """Nobody wants to wait for an answer that nobody will get."""
    with serving(recording_path) as (process, url):
        slow = {"query": "sum_over_time(bits[1h:1s])", **{k: LONG[k] for k in ("start", "end")}}
        with pytest.raises(requests.exceptions.RequestException):
            requests.get(f"{url}/api/v1/query_range", slow | {"step": "400ms"}, timeout=0.3)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0


def test_it_says_what_it_serves(recording_path):
    """Address, folder and span on one line."""
    with subprocess.Popen(
        command(recording_path, "--port", 0), stdout=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()
        process.terminate()
    assert line.startswith("http://127.0.0.1:")
    assert line.endswith(f" serves {recording_path}: 2024-10-04T01:00:00Z to "
                         "2024-10-04T01:59:59Z\n")  # fmt: skip


def test_a_taken_port(recording_path):
    """Is said in one sentence."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            command(recording_path, "--port", port), capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"alertlab: port {port} of 127.0.0.1 is taken; choose another with --port, or 0 for a free "
        "one\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid, port 9090"),
        (["--port", "70000"], "Invalid value for '--port'"),
        (["--semantics", "4"], "--semantics is 2 or 3, not 4"),
    ],
)
def test_what_cannot_be_listened_on(recording_path, arguments, said):
    """Is bad input."""
    done = subprocess.run(
        command(recording_path, *arguments), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr


def test_no_recording(tmp_path):
    """Is refused before anything listens."""
    done = subprocess.run(command(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not a recording" in done.stderr


# --- in this process --------------------------------------------------------------------------


@contextmanager
def running(recording: Recording) -> Iterator[str]:
    """Serve in a thread of this process."""
    loop, started, url = asyncio.new_event_loop(), Event(), []

    async def start() -> HTTPServer:
        server = HTTPServer(application(recording))
        sockets = bind_sockets(0, address="127.0.0.1")
        server.add_sockets(sockets)
        url.append(f"http://127.0.0.1:{sockets[0].getsockname()[1]}")
        return server

    def run() -> None:
        server = loop.run_until_complete(start())
        started.set()
        loop.run_forever()
        server.stop()
        loop.run_until_complete(server.close_all_connections())
        loop.close()

    thread = Thread(target=run)
    thread.start()
    started.wait()
    yield url[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


class Held:
    """A recording whose evaluations begin when the test says so."""

    def __init__(self, recording: Recording) -> None:
        self.release, self.begun = Event(), 0
        self.recording = recording
        self._select = recording.select
        recording.select = self.select

    def select(self, *arguments):
        """Wait, then select."""
        self.begun += 1
        assert self.release.wait(30)
        return self._select(*arguments)


@pytest.fixture
def held(recording_path) -> Iterator[Held]:
    """One that is released at the latest at the end."""
    one = Held(Recording.open(recording_path))
    yield one
    one.release.set()


def in_background(work: Callable[[], object]) -> Thread:
    """Start and return a thread."""
    thread = Thread(target=work)
    thread.start()
    return thread


def wait_until(condition: Callable[[], object]) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_answers_while_it_evaluates(held):
    """What needs no work is answered at once; the query comes when it is done."""
    answers = []
    with running(held.recording) as url:
        query = in_background(
            lambda: answers.append(requests.get(f"{url}/api/v1/query_range", LONG, timeout=60))
        )
        wait_until(lambda: held.begun)
        for path in ("-/healthy", "api/v1/status/buildinfo", "api/v1/nothing"):
            assert requests.get(f"{url}/{path}", timeout=5).status_code in (200, 404)
        assert not answers
        held.release.set()
        query.join()
    (answer,) = answers
    assert len(answer.json()["data"]["result"][0]["values"]) > 3_500


def test_a_query_that_takes_too_long(held):
    """Is answered by 503 in Prometheus' words, and the server goes on."""
    with running(held.recording) as url:
        answer = requests.get(
            f"{url}/api/v1/query", {"query": "up", "timeout": "200ms"}, timeout=60
        )
        assert answer.status_code == 503
        assert answer.json() == {
            "status": "error",
            "errorType": "timeout",
            "error": "query timed out in query execution",
        }
        held.release.set()
        assert requests.get(f"{url}/api/v1/query", {"query": "up"}, timeout=60).ok


def test_nobody_is_evaluated_for_who_has_gone(held):
    """A client that hung up while its query waited for its turn costs nothing."""
    with running(held.recording) as url:
        first = in_background(
            lambda: requests.get(f"{url}/api/v1/query", {"query": "up"}, timeout=60)
        )
        wait_until(lambda: held.begun == 1)
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(f"{url}/api/v1/query", {"query": "odd"}, timeout=0.3)
        time.sleep(0.2)  # for the server to notice
        held.release.set()
        first.join()
        assert requests.get(f"{url}/api/v1/query", {"query": "up"}, timeout=60).ok
    assert held.begun == 2


def test_a_mistake_of_ours(recording_path, caplog):
    """Is an internal error with a body, and is logged; the next request finds the server well."""
    recording = Recording.open(recording_path)
    recording.label_sets = None
    with running(recording) as url:
        answer = requests.get(f"{url}/api/v1/labels", timeout=60)
        assert answer.status_code == 500
        assert answer.json()["errorType"] == "internal"
        assert requests.get(f"{url}/api/v1/query", SHORT, timeout=60).ok
    assert "TypeError" in caplog.text


@pytest.mark.parametrize(
    ("accepted", "parameters", "packed"),
    [
        ("gzip, deflate", LONG, True),
        ("br;q=1, gzip;q=0.5", LONG, True),
        ("gzip;q=0", LONG, False),
        ("identity", LONG, False),
        ("", LONG, False),
        ("gzip", LONG | {"end": T + 10}, False),
    ],
)
def test_large_answers_are_packed_for_who_wants_it(served, accepted, parameters, packed):
    """The same body, in a fraction of the bytes."""
    url = f"{served(3)}/api/v1/query_range"
    plain = requests.get(url, parameters, headers={"Accept-Encoding": "identity"}, timeout=60)
    answer = requests.get(
        url, parameters, headers={"Accept-Encoding": accepted}, stream=True, timeout=60
    )
    raw = answer.raw.read()
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (answer.headers.get("Content-Encoding") == "gzip") is packed
    assert (gzip.decompress(raw) if packed else raw) == plain.content
    assert len(raw) == int(answer.headers["Content-Length"])
    assert (len(raw) < len(plain.content)) is packed


def test_no_page_of_another_site_may_read(served):
    """There are no headers for cross-origin requests, and no name of the server software."""
    answer = requests.get(
        f"{served(3)}/api/v1/query", SHORT, headers={"Origin": "http://elsewhere"}, timeout=60
    )
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert "Server" not in answer.headers and "Etag" not in answer.headers


def test_now_is_the_end_of_the_recording(served):
    """A query without a time is answered where the data ends, not today."""
    body = requests.get(f"{served(3)}/api/v1/query", {"query": "time()"}, timeout=60).json()
    assert float(body["data"]["result"][1]) == T + 3_599


def test_the_front_page(served):
    """prometheus-api-client asks for it to see whether there is a server."""
    assert "alertlab" in requests.get(served(3), timeout=60).text
