"""What Alertmanager tells, taken in by local servers: webhook, Slack, PagerDuty and mail."""

from __future__ import annotations

import asyncio
import email
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from aiosmtpd.controller import Controller

from alertlab.units import LabelSet

# An answer takes a moment, as it does over a network: longer than a busy machine is late, for else
# a repeat may be due at a tick that is an interval after the last notification.
ANSWER_SECONDS = 0.3

# In Slack's text, PagerDuty's description and a mail's subject, so that all can be read back.
_ALERTS = "{{ range . }}{{ range .Labels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }};{{ end }}"
TEMPLATE = (
    '{{ define "alerts" }}' + _ALERTS + "{{ end }}"
    '{{ define "told" }}{{ .Receiver }}|'
    "{{ range .GroupLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}|"
    '{{ template "alerts" .Alerts.Firing }}|{{ template "alerts" .Alerts.Resolved }}|REASON'
    "{{ end }}"
)
REASONS = {
    "first notification": "first",
    "new alerts added": "new alerts",
    "some alerts resolved": "resolved",
    "all alerts resolved": "resolved",
    "repeat interval elapsed": "repeat",
    "": None,  # before release 0.32 it is not told
}


class Told(NamedTuple):
    """A notification as it came in at a time (seconds since the epoch)."""

    at: float
    receiver: str
    integration: str
    group_labels: LabelSet
    reason: str | None
    firing: frozenset[LabelSet]
    resolved: frozenset[LabelSet]
    spans: dict[LabelSet, tuple[str, str]] | None = None  # StartsAt, EndsAt; a webhook has them


class _Server(ThreadingHTTPServer):
    request_queue_size = 256  # many groups are flushed at the same moment
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of an Alertmanager that was stopped before it had its answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def receiving() -> Iterator[tuple[str, str, list[Told]]]:
    """Run all receivers on free ports; give an http address, a mail address and what comes in."""
    told: list[Told] = []

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            at = time.time()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.append(_READERS[self.path](at, body))
            time.sleep(ANSWER_SECONDS)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")  # Slack's answer; the others take any

        def log_message(self, *_: object) -> None:
            pass

    class Mailbox:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
            message = email.message_from_bytes(envelope.content, policy=policy.default)
            told.append(_from_text(time.time(), "email", message["Subject"]))
            await asyncio.sleep(ANSWER_SECONDS)
            return "250 OK"

    server = _Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    mail = Controller(Mailbox(), hostname="127.0.0.1", port=free_port())
    mail.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", f"127.0.0.1:{mail.port}", told
    finally:
        mail.stop()
        server.shutdown()
        server.server_close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _from_webhook(at: float, body: dict) -> Told:
    alerts = {
        status: {_labels(one["labels"]): one for one in body["alerts"] if one["status"] == status}
        for status in ("firing", "resolved")
    }
    return Told(
        at,
        body["receiver"],
        "webhook",
        _labels(body["groupLabels"]),
        REASONS[body.get("notification_reason", "")],
        frozenset(alerts["firing"]),
        frozenset(alerts["resolved"]),
        {
            labels: (one["startsAt"], one["endsAt"])
            for some in alerts.values()
            for labels, one in some.items()
        },
    )


def _from_text(at: float, integration: str, text: str) -> Told:
    receiver, group, firing, resolved, reason = text.split("|")
    return Told(
        at, receiver, integration, _read(group), REASONS[reason], _all(firing), _all(resolved)
    )


def _all(text: str) -> frozenset[LabelSet]:
    return frozenset(_read(one) for one in text.split(";") if one)


def _read(text: str) -> LabelSet:
    return _labels(dict(pair.split("=") for pair in text.split()))


def _labels(labels: dict[str, str]) -> LabelSet:
    return tuple(sorted(labels.items()))


_READERS = {
    "/webhook": _from_webhook,
    "/slack": lambda at, body: _from_text(at, "slack", body["attachments"][0]["text"]),
    "/pagerduty": lambda at, body: _from_text(at, "pagerduty", body["payload"]["summary"]),
}
