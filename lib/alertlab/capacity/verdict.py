"""How many logins a second are possible before anything breaks: a promise, or a resource."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alertlab.capacity.login_path import LoginPath
from alertlab.capacity.resources import Measured, most_demand
from alertlab.errors import BadInput
from alertlab.units import Interval


@dataclass(frozen=True)
class Limit:
    """The most logins/s that one thing allows; None where nobody knows, with the reason."""

    name: str
    logins_per_second: Interval | None
    reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """All limits, the tightest first, those that nobody knows last."""

    limits: tuple[Limit, ...]

    @property
    def first(self) -> Limit | None:
        """Return what breaks first; None if no limit is known."""
        return next((one for one in self.limits if one.logins_per_second), None)

    @property
    def logins_per_second(self) -> Interval | None:
        """How many logins/s are possible at most?

        The least of all limits.  What seems to break second may be the first, so each end is the
        least of those ends.
        """
        known = [one.logins_per_second for one in self.limits if one.logins_per_second]
        if not known:
            return None
        ends = (min(getattr(one, end) for one in known) for end in ("low", "mid", "high"))
        return Interval(*ends, known[0].confidence)


def joint_verdict(limits: Iterable[Limit]) -> Verdict:
    """Put limits in order of what breaks first."""

    def order(limit: Limit) -> tuple[bool, float]:
        known = limit.logins_per_second
        return known is None, known.mid if known else 0.0

    return Verdict(tuple(sorted(limits, key=order)))


def login_limits(
    path: LoginPath,
    measured: Sequence[Measured],
    *,
    replicas: int,
    lost_replicas: int = 1,
) -> list[Limit]:
    """How many logins/s does each thing allow while some of the replicas are gone?

    Of the resources, those that demand drives; each up to its own threshold.
    """
    limits = [
        Limit(
            f"p{100 * path.quantile:g} of logins passes {path.threshold_seconds:g} s",
            None if path.refusal else path.most_logins(replicas - lost_replicas),
            path.refusal,
        )
    ]
    for one in measured:
        if one.resource.demand is None:
            continue
        name = f"{one.resource.name} passes its threshold of {one.resource.threshold_ratio:.0%}"
        try:
            limits.append(Limit(name, most_demand(one, lost_replicas=lost_replicas)))
        except BadInput as error:
            limits.append(Limit(name, None, str(error)))
    return limits
