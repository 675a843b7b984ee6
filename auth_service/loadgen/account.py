"""The account: what was truly sent and answered, in the words of the service's counters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from alertlab.frame import Series
from alertlab.units import LabelSet, label_set
from auth_service import metrics
from auth_service.metrics import CODES_BY_METHOD, METHODS

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_TOKEN_REFUSED = "token refused: "


class Account:
    """Collects the outcome of every call; ``summary`` is the JSON document."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.login_failures: Counter[str] = Counter()
        self.token_errors: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.phases: list[dict[str, Any]] = []
        self.max_lag_seconds = 0.0
        self._latencies_ms: defaultdict[str, list[float]] = defaultdict(list)

    def record(
        self, method: str, code: str, details: str, latency_ms: float, login_reason: str
    ) -> None:
        """Add one answer.

        ``login_reason`` is why a login was bound to fail: the service does not tell the caller.
        Why a token was refused it does tell, in ``details``.
        """
        self.calls[method, code] += 1
        self._latencies_ms[method].append(latency_ms)
        if not _is_answer(method, code):
            return
        if method == "Login" and code != "OK":
            self.login_failures[login_reason if code == "UNAUTHENTICATED" else "internal"] += 1
        if details.startswith(_TOKEN_REFUSED):
            self.token_errors[details.removeprefix(_TOKEN_REFUSED)] += 1

    def summary(self) -> dict[str, Any]:
        """Return the account: counts as the service's counters grew, times in unix seconds.

        ``unanswered`` counts calls that ended on the way (connection, deadline): the service may
        or may not have handled them, so the counters are certain only if it is 0.
        """
        answered = {key: n for key, n in self.calls.items() if _is_answer(*key)}
        logins = sum(n for (method, _), n in answered.items() if method == "Login")
        login_success = answered.get(("Login", "OK"), 0)
        return {
            "calls": {
                method: {code: n for (m, code), n in sorted(self.calls.items()) if m == method}
                for method in METHODS
            },
            "unanswered": self.calls.total() - sum(answered.values()),
            "login_requests": logins,
            "login_success": login_success,
            "login_failure": dict(self.login_failures),
            "token_validations": sum(
                n for (method, _), n in answered.items() if method == "ValidateToken"
            ),
            # An access and a refresh token each time.
            "tokens_issued": 2 * (login_success + answered.get(("RefreshToken", "OK"), 0)),
            "token_errors": dict(self.token_errors),
            "skipped": dict(self.skipped),
            "max_lag_seconds": self.max_lag_seconds,
            "latency": {m: _latency(ms) for m, ms in sorted(self._latencies_ms.items())},
            "phases": sorted(self.phases, key=lambda phase: phase["start"]),
        }


def expected_counters(account: Mapping[str, Any]) -> dict[LabelSet, int]:
    """Return what a service started for one run must export after it, zeros included.

    account : ``Account.summary`` of that run, with ``unanswered`` 0
    """
    found: dict[LabelSet, int] = {}

    def add(name: str, value: int, **labels: str) -> None:
        found[label_set({"__name__": name, **labels})] = value

    add(metrics.LOGIN_REQUESTS, account["login_requests"])
    add(metrics.LOGIN_SUCCESS, account["login_success"])
    add(metrics.TOKENS_ISSUED, account["tokens_issued"])
    add(metrics.TOKEN_VALIDATION_LATENCY + "_count", account["token_validations"])
    for reason in metrics.LOGIN_FAILURE_REASONS:
        add(metrics.LOGIN_FAILURE, account["login_failure"].get(reason, 0), reason=reason)
    for reason in metrics.TOKEN_ERROR_REASONS:
        add(metrics.TOKEN_ERRORS, account["token_errors"].get(reason, 0), reason=reason)
    for method, codes in CODES_BY_METHOD.items():
        labels = {
            "grpc_type": metrics.GRPC_TYPE,
            "grpc_service": metrics.GRPC_SERVICE,
            "grpc_method": method,
        }
        calls = account["calls"][method]
        for code in codes:
            add(metrics.GRPC_HANDLED, calls.get(code, 0), grpc_code=code, **labels)
        for name in (metrics.GRPC_STARTED, metrics.GRPC_HANDLING + "_count"):
            add(name, sum(calls.values()), **labels)
    return found


def disagreements(
    account: Mapping[str, Any], series: Iterable[Series]
) -> dict[LabelSet, tuple[int, float | None]]:
    """Return the counters that ended at another value than the account says: (said, seen).

    series : what was scraped of the service, with the labels that Prometheus adds to a target
    """
    seen = {
        label_set({k: v for k, v in one.labels if k not in ("job", "instance")}): one.values[-1]
        for one in series
    }
    expected = expected_counters(account)
    return {
        labels: (count, seen.get(labels))
        for labels, count in expected.items()
        if seen.get(labels) != count
    }


def _is_answer(method: str, code: str) -> bool:
    """Say whether the code is one that the service gives, rather than the channel."""
    return code in CODES_BY_METHOD[method]


def _latency(latencies_ms: list[float]) -> dict[str, float]:
    """Return quantiles as the caller saw them, and a lognormal's parameters for milliseconds."""
    values = np.array(latencies_ms)
    quantiles = {f"{name}_ms": float(np.quantile(values, q)) for name, q in _QUANTILES.items()}
    logs = np.log(values)
    return {
        "count": len(values),
        **quantiles,
        "lognormal_mu_log_ms": float(logs.mean()),
        "lognormal_sigma_log_ms": float(logs.std()),
    }
