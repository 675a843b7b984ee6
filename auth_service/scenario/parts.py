"""The parts of a scenario: numbers with their bounds, the regular life, and kinds of effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from alertlab.errors import BadInput
from alertlab.units import parse_duration, parse_time
from auth_service.metrics import METHODS

OUTCOMES: dict[str, dict[str, str]] = {
    "CreateUser": {"ok": "OK", "already_exists": "ALREADY_EXISTS", "internal": "INTERNAL"},
    "Login": {
        "ok": "OK",
        "bad_password": "UNAUTHENTICATED",
        "unknown_user": "UNAUTHENTICATED",
        "internal": "INTERNAL",
    },
    "ValidateToken": {
        "ok": "OK",
        "expired": "UNAUTHENTICATED",
        "revoked": "UNAUTHENTICATED",
        "unknown_key": "UNAUTHENTICATED",
        "internal": "INTERNAL",
    },
    "RefreshToken": {
        "ok": "OK",
        "expired": "UNAUTHENTICATED",
        "unknown_key": "UNAUTHENTICATED",
        "unknown_token": "UNAUTHENTICATED",
        "internal": "INTERNAL",
    },
    "RevokeToken": {"ok": "OK", "unknown_token": "NOT_FOUND", "internal": "INTERNAL"},
}
"""How a request of each method can end here, and the gRPC code that it then answers.

An outcome that is a reason for a failed login or a refused token bears that reason's name.
"""

INTEGRATIONS = ("email", "pagerduty", "slack")


def _as_value_error(parse: Callable[[Any], int]) -> Callable[[Any], int]:
    """Let pydantic add the key's path to what one of our own parsers says."""

    def checked(value: Any) -> int:
        try:
            return parse(value)
        except BadInput as error:
            raise ValueError(str(error)) from None

    return checked


def _instant(value: Any) -> int:
    return parse_time(str(value))  # YAML has made a datetime of an unquoted RFC 3339 time


def _sums_to_one(shares: dict[str, float]) -> dict[str, float]:
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f"the shares sum to {sum(shares.values()):g}, not 1")
    return shares


DurationMs = Annotated[int, BeforeValidator(_as_value_error(lambda v: parse_duration(str(v))))]
TimeMs = Annotated[int, BeforeValidator(_as_value_error(_instant))]
Ratio = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Outcomes = Annotated[dict[str, Ratio], AfterValidator(_sums_to_one)]
MethodName = Literal[METHODS]
Integration = Literal[INTEGRATIONS]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Drift(Part):
    """A slow random swing of the traffic, the same for all methods."""

    sigma: Annotated[float, Field(ge=0)]  # of the traffic's logarithm
    correlation: DurationMs


class Rhythm(Part):
    """How the traffic follows the clock of the users; 1 is the peak that methods state."""

    utc_offset: DurationMs
    hours: Annotated[list[Ratio], Field(min_length=24, max_length=24)]  # at each full hour
    weekdays: Annotated[list[Positive], Field(min_length=7, max_length=7)]  # from Monday
    drift: Drift
    dispersion: Annotated[float, Field(ge=0)]  # variance = mean + dispersion * mean^2
    growth_per_week: Annotated[float, Field(gt=-1)] = 0.0  # 0.03: after a week 3 % more


class Method(Part):
    """One gRPC method's regular traffic: requests/s of the whole service, and how they end."""

    peak_per_second: Positive
    outcomes: Outcomes


class Lognormal(Part):
    """A share of the calls and how long those take."""

    share: Ratio
    median_ms: Positive
    sigma: Positive


def _mixture(components: list[Lognormal]) -> list[Lognormal]:
    _sums_to_one({str(i): one.share for i, one in enumerate(components)})
    return components


Mixture = Annotated[list[Lognormal], Field(min_length=1), AfterValidator(_mixture)]


class ColdStart(Part):
    """Calls that find no warm connection to the store and wait for a new one.

    Their share is ``share`` on an idle pod and half of it at ``half_at_per_second`` requests/s.
    """

    share: Ratio
    half_at_per_second: Positive
    wait: DurationMs


class Latency(Part):
    """How long calls take when nothing is wrong, and what load and waiting add."""

    methods: dict[MethodName, Mixture]
    validation: Mixture
    hashes_per_second: Positive  # that one pod can compute
    wait_sigma: Positive  # spread of a wait's logarithm
    cold_start: ColdStart


class Pods(Part):
    """How many pods serve: ``replicas``, and ``busy_replicas`` between two local hours."""

    namespace: str
    replicas: Annotated[int, Field(ge=1)]
    busy_replicas: Annotated[int, Field(ge=1)]
    busy_hours: tuple[Annotated[int, Field(ge=0, le=24)], Annotated[int, Field(ge=0, le=24)]]
    restart: DurationMs  # from a crash to the next process

    @model_validator(mode="after")
    def _busy_is_more(self) -> Pods:
        if self.busy_replicas < self.replicas or self.busy_hours[0] >= self.busy_hours[1]:
            raise ValueError("busy_replicas must not be below replicas, nor busy_hours be reversed")
        return self


class Gap(Part):
    """A time in which every scrape of the first ``pods`` pods fails, for no fault of theirs."""

    start: TimeMs
    length: DurationMs
    pods: Annotated[int, Field(ge=1)]


class Scrapes(Part):
    """How reliably Prometheus reads its targets."""

    missed_ratio: Ratio
    gaps: list[Gap] = []
    exporters: DurationMs | None = None  # how often those of the platform are read; None: as pods


class Requests(Part):
    """Adds requests of one method, service-wide, with their own outcomes."""

    effect: Literal["requests"]
    method: MethodName
    per_second: Positive
    outcomes: Outcomes


class Traffic(Part):
    """Multiplies the regular traffic of some methods."""

    effect: Literal["traffic"]
    methods: list[MethodName]
    factor: Positive


class Failing(Part):
    """Turns a share of the regular requests of one method into another outcome."""

    effect: Literal["failing"]
    method: MethodName
    outcome: str
    share: Ratio


class Slow(Part):
    """Makes a share of the calls wait, on all pods or only on the first few.

    ``where`` tells which part of the platform shows it: a database that is slow for no reason of
    its own, by locks or by reading from disk; a CPU that others take; or none.
    """

    effect: Literal["slow"]
    methods: list[MethodName]
    share: Ratio
    wait: DurationMs
    pods: Annotated[int, Field(ge=1)] | None = None
    where: Literal["database", "locks", "disk", "cpu", "elsewhere"] = "database"


class Unreachable(Part):
    """Cuts the first pods off: no requests, failing scrapes; their counters survive."""

    effect: Literal["unreachable"]
    pods: Annotated[int, Field(ge=1)]


class Crashing(Part):
    """Ends the processes of the first pods again and again; their counters restart at zero."""

    effect: Literal["crashing"]
    pods: Annotated[int, Field(ge=1)]
    every: Annotated[DurationMs, Field(gt=0)]


class Undelivered(Part):
    """Makes a share of Alertmanager's notifications of one integration fail."""

    effect: Literal["undelivered"]
    integration: Integration
    share: Ratio


Effect = Annotated[
    Requests | Traffic | Failing | Slow | Unreachable | Crashing | Undelivered,
    Field(discriminator="effect"),
]
