"""Credentials for a Prometheus server: from the environment or a file named in it, never a value.

``PROMETHEUS_TOKEN`` (bearer), ``PROMETHEUS_USERNAME`` with ``PROMETHEUS_PASSWORD`` (basic) and
``PROMETHEUS_HEADERS`` (lines of ``Name: value``) may each be given as ``…_FILE`` instead, which
names a file and wins over the value; ``PROMETHEUS_CA_FILE``, ``PROMETHEUS_CERT_FILE`` and
``PROMETHEUS_KEY_FILE`` are paths for TLS.
"""

from __future__ import annotations

import os
from pathlib import Path

import requests

from alertlab.errors import BadInput, require_file


def authenticate(session: requests.Session, *, token_env: str = "PROMETHEUS_TOKEN") -> list[str]:
    """Put the environment's credentials on a session; return the secrets, to be redacted.

    ``token_env`` is the *name* of the variable that holds the bearer token.  Raises BadInput for
    credentials that are incomplete, contradict each other, or cannot be read or sent.
    """
    token = _secret(token_env)
    username, password = _secret("PROMETHEUS_USERNAME"), _secret("PROMETHEUS_PASSWORD")
    headers = _extra_headers()
    if bool(username) != bool(password):
        raise BadInput("PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD need each other; give both")
    if username and token:
        raise BadInput(f"{token_env} and PROMETHEUS_USERNAME are both set; give one of them")
    if token:
        headers["Authorization"] = _sendable(f"Bearer {token}", token_env)
    session.headers.update(headers)
    if username:
        session.auth = (username.encode(), password.encode())
    elif "Authorization" in session.headers:
        # Without an auth of its own a session lets ~/.netrc replace the header.
        session.auth = _as_it_is
    _trust(session)
    return [one for one in (token, password, *headers.values()) if one]


def _trust(session: requests.Session) -> None:
    """Set whom the session believes (CA) and how it identifies itself (client certificate)."""
    authority = _path("PROMETHEUS_CA_FILE")
    certificate, key = _path("PROMETHEUS_CERT_FILE"), _path("PROMETHEUS_KEY_FILE")
    if key and not certificate:
        raise BadInput("PROMETHEUS_KEY_FILE is set without PROMETHEUS_CERT_FILE; give both")
    session.verify = authority or True
    session.cert = (certificate, key) if key else certificate


def _extra_headers() -> dict[str, str]:
    headers = {}
    for line in (_secret("PROMETHEUS_HEADERS") or "").splitlines():
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not (name and colon):
            raise BadInput("PROMETHEUS_HEADERS has a line without a name; write Name: value")
        headers[_sendable(name, "PROMETHEUS_HEADERS")] = _sendable(value, "PROMETHEUS_HEADERS")
    return headers


def _sendable(text: str, where: str) -> str:
    if not (text.isascii() and (text.isprintable() or not text)):
        raise BadInput(f"{where} holds a character that no HTTP header can carry; check its end")
    return text


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _secret(name: str) -> str | None:
    """Return what a variable, or the file that ``NAME_FILE`` names, holds; None if neither."""
    path = _path(f"{name}_FILE")
    if path is None:
        return os.environ.get(name, "").strip() or None
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{name}_FILE names {path}, which cannot be read as text") from None
    if not text:
        raise BadInput(f"{name}_FILE names {path}, which is empty; write the value into it")
    return text


def _path(name: str) -> str | None:
    path = os.environ.get(name)
    return str(require_file(path, f"{name}:")) if path else None
