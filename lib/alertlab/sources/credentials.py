"""Credentials for a Prometheus server: from the environment or a file named in it, never a value.

``PROMETHEUS_TOKEN`` (bearer), ``PROMETHEUS_USERNAME`` with ``PROMETHEUS_PASSWORD`` (basic) and
``PROMETHEUS_HEADERS`` (lines of ``Name: value``) may each be given as ``…_FILE`` instead, which
names a file; ``PROMETHEUS_CA_FILE``, ``PROMETHEUS_CERT_FILE`` and ``PROMETHEUS_KEY_FILE`` are
paths for TLS.
"""

from __future__ import annotations

import os
from pathlib import Path

import requests

from alertlab.errors import BadInput


def authenticate(session: requests.Session, *, token_env: str = "PROMETHEUS_TOKEN") -> list[str]:
    """Put the environment's credentials on a session; return the secrets, to be redacted.

    ``token_env`` is the *name* of the variable that holds the bearer token.
    """
    secrets = []
    if token := _secret(token_env):
        session.headers["Authorization"] = f"Bearer {token}"
        secrets.append(token)
    username, password = _secret("PROMETHEUS_USERNAME"), _secret("PROMETHEUS_PASSWORD")
    if username and password:
        session.auth = (username, password)
        secrets.append(password)
    for line in (_secret("PROMETHEUS_HEADERS") or "").splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            raise BadInput("PROMETHEUS_HEADERS has a line without a colon; write Name: value")
        session.headers[name.strip()] = value.strip()
        secrets.append(value.strip())
    session.verify = os.environ.get("PROMETHEUS_CA_FILE") or True
    if certificate := os.environ.get("PROMETHEUS_CERT_FILE"):
        key = os.environ.get("PROMETHEUS_KEY_FILE")
        session.cert = (certificate, key) if key else certificate
    return secrets


def _secret(name: str) -> str | None:
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadInput(f"{name}_FILE names a file that cannot be read: {error}") from None
    return os.environ.get(name) or None
