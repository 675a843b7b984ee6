"""What the service exports to Prometheus: names, labels, buckets, and the metrics themselves.

The ``auth_*`` names are those of the operations guide; the ``grpc_server_*`` names are the ones
that gRPC interceptors for Prometheus export everywhere.  Every label value comes from a tuple
below, never from a request, so that no user data and no unbounded set can become a series.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Summary,
    disable_created_metrics,
)

LOGIN_REQUESTS = "auth_login_requests_total"
LOGIN_SUCCESS = "auth_login_success_total"
LOGIN_FAILURE = "auth_login_failure_total"
TOKEN_VALIDATION_LATENCY = "auth_token_validation_latency_seconds"
TOKENS_ISSUED = "auth_tokens_issued_total"
TOKEN_ERRORS = "auth_token_errors_total"
GRPC_STARTED = "grpc_server_started_total"
GRPC_HANDLED = "grpc_server_handled_total"
GRPC_HANDLING = "grpc_server_handling_seconds"
HASH_WORKERS = "auth_hash_workers"
HASH_WORKERS_BUSY = "auth_hash_workers_busy"
HASH_QUEUE_LENGTH = "auth_hash_queue_length"
HASH_SECONDS = "auth_hash_seconds"
HASH_WAIT_SECONDS = "auth_hash_wait_seconds"
DATABASE_POOL_SIZE = "auth_database_pool_size"
DATABASE_POOL_IN_USE = "auth_database_pool_in_use"
DATABASE_HELD_SECONDS = "auth_database_held_seconds"

REASON_LABELS = ("reason",)
GRPC_LABELS = ("grpc_type", "grpc_service", "grpc_method")
GRPC_HANDLED_LABELS = (*GRPC_LABELS, "grpc_code")

GRPC_TYPE = "unary"
GRPC_SERVICE = "immersiverse.auth.v1.AuthService"
METHODS = ("CreateUser", "Login", "ValidateToken", "RefreshToken", "RevokeToken")

_ANY_METHOD = ("OK", "INVALID_ARGUMENT", "INTERNAL", "UNKNOWN")
CODES_BY_METHOD = {
    "CreateUser": (*_ANY_METHOD, "ALREADY_EXISTS"),
    "Login": (*_ANY_METHOD, "UNAUTHENTICATED"),
    "ValidateToken": (*_ANY_METHOD, "UNAUTHENTICATED"),
    "RefreshToken": (*_ANY_METHOD, "UNAUTHENTICATED"),
    "RevokeToken": (*_ANY_METHOD, "UNAUTHENTICATED", "NOT_FOUND"),
}
"""The codes that each method can answer; UNKNOWN is an exception that nobody foresaw."""

LOGIN_FAILURE_REASONS = ("bad_password", "unknown_user", "invalid_request", "internal")
TOKEN_ERROR_REASONS = (
    "malformed",
    "bad_signature",
    "unknown_key",
    "expired",
    "wrong_issuer",
    "wrong_type",
    "revoked",
    "unknown_token",
)

# A bucket quantile is only as good as the edges beside it.  The latency rules compare the p95
# with 0.5 s, so that edge exists and has near neighbours; the low edges separate the token
# methods (milliseconds) from those that hash a password (tens of milliseconds).
HANDLING_BUCKETS_SECONDS = (
    0.0025,
    0.01,
    0.025,
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.75,
    1.0,
    2.5,
    5.0,
)
# A validation is one signature check and one look-up by key: milliseconds, unless the store is
# slow; 50 ms is where a rule may say so.
VALIDATION_BUCKETS_SECONDS = (
    0.0005,
    0.001,
    0.002,
    0.003,
    0.005,
    0.0075,
    0.01,
    0.02,
    0.035,
    0.05,
    0.075,
    0.15,
    0.5,
)
# A hash of the default cost takes 0.1 to 0.2 s, longer where workers outnumber cores.
HASH_BUCKETS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
# Nobody waits while a worker is free; in a line, the wait is a few hashes long.
HASH_WAIT_BUCKETS_SECONDS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 1.0, 2.5)


class AuthMetrics:
    """The service's metrics on one registry, every label child present from the start.

    A child that appears only with its first event has no earlier sample, so ``rate`` would miss
    that event; hence all of them are created at zero here.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # The switch is the library's, for the whole process: without it every counter would
        # export a second series, ``_created``, that no rule reads.
        disable_created_metrics()
        self.login_requests = Counter(LOGIN_REQUESTS, "Login attempts.", registry=registry)
        self.login_success = Counter(LOGIN_SUCCESS, "Successful logins.", registry=registry)
        self.login_failure = Counter(
            LOGIN_FAILURE, "Failed logins by reason.", REASON_LABELS, registry=registry
        )
        self.token_validation_latency = Histogram(
            TOKEN_VALIDATION_LATENCY,
            "Time to check an access token: signature, claims and revocation.",
            buckets=VALIDATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.tokens_issued = Counter(
            TOKENS_ISSUED, "Tokens signed; access and refresh count one each.", registry=registry
        )
        self.token_errors = Counter(
            TOKEN_ERRORS, "Tokens refused by reason.", REASON_LABELS, registry=registry
        )
        self.grpc_started = Counter(
            GRPC_STARTED, "RPCs whose handler was entered.", GRPC_LABELS, registry=registry
        )
        self.grpc_handled = Counter(
            GRPC_HANDLED, "RPCs completed by gRPC code.", GRPC_HANDLED_LABELS, registry=registry
        )
        self.grpc_handling = Histogram(
            GRPC_HANDLING,
            "Time from the arrival of an RPC to its answer, waiting for a worker included.",
            GRPC_LABELS,
            buckets=HANDLING_BUCKETS_SECONDS,
            registry=registry,
        )
        self.hash_workers = Gauge(HASH_WORKERS, "Threads that hash passwords.", registry=registry)
        self.hash_workers_busy = Gauge(
            HASH_WORKERS_BUSY, "Hash workers at work.", registry=registry
        )
        self.hash_queue_length = Gauge(
            HASH_QUEUE_LENGTH, "Hashes that wait for a worker.", registry=registry
        )
        self.hash_seconds = Histogram(
            HASH_SECONDS,
            "Time of a worker for one hash.",
            buckets=HASH_BUCKETS_SECONDS,
            registry=registry,
        )
        self.hash_wait_seconds = Histogram(
            HASH_WAIT_SECONDS,
            "Time that a hash waited for a worker.",
            buckets=HASH_WAIT_BUCKETS_SECONDS,
            registry=registry,
        )
        self.database_pool_size = Gauge(
            DATABASE_POOL_SIZE,
            "Database connections that the pool may open, overflow included.",
            registry=registry,
        )
        self.database_pool_in_use = Gauge(
            DATABASE_POOL_IN_USE, "Database connections handed out.", registry=registry
        )
        self.database_held_seconds = Summary(
            DATABASE_HELD_SECONDS,
            "Time that a transaction held a database connection.",
            registry=registry,
        )
        self._create_children()

    def _create_children(self) -> None:
        for reason in LOGIN_FAILURE_REASONS:
            self.login_failure.labels(reason)
        for reason in TOKEN_ERROR_REASONS:
            self.token_errors.labels(reason)
        for method, codes in CODES_BY_METHOD.items():
            self.grpc_started.labels(GRPC_TYPE, GRPC_SERVICE, method)
            self.grpc_handling.labels(GRPC_TYPE, GRPC_SERVICE, method)
            for code in codes:
                self.grpc_handled.labels(GRPC_TYPE, GRPC_SERVICE, method, code)
