"""A verdict in three sentences: what, why this number, and whether it will hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertlab.tuning.recommend import feasible
from alertlab.tuning.verdict import CHANGE, LEAVE
from alertlab.units import format_duration

if TYPE_CHECKING:
    from alertlab.tuning.tune import Tuning


def explain(tuning: Tuning) -> tuple[str, str, str]:
    """Return what to do and its effect, why so, and what is known of weeks not looked at."""
    return tuning.reason, _why(tuning), _how_sure(tuning)


def _why(tuning: Tuning) -> str:
    limits = tuning.constraints
    holding = int(feasible(tuning.candidates, limits).sum())
    found = (
        f"Of {len(tuning.candidates):,} settings {holding:,} catch enough incidents "
        f"(at least {limits.min_recall_ratio:.0%}) soon enough "
        f"({format_duration(round(limits.max_delay_seconds) * 1000)})"
    )
    if tuning.verdict == CHANGE:
        low, high = sorted(tuning.plateau)
        return (
            f"{found}; this one has the fewest false pages, and its threshold may lie anywhere "
            f"from {low:.3g} to {high:.3g} without another outcome{_main_knob(tuning)}."
        )
    if tuning.verdict == LEAVE:
        return f"{found}; none of them is worth a change{_main_knob(tuning)}."
    now = tuning.current
    return (
        f"As it stands it pages {now.pages_per_week.mid:.1f} times a week, "
        f"{now.night_pages_per_week.mid:.1f} of them at night, flaps "
        f"{now.flaps_per_week.mid:.1f} times and fires {now.firing_ratio:.1%} of the time"
        f"{_main_knob(tuning)}."
    )


def _main_knob(tuning: Tuning) -> str:
    """Say which number saves most if it alone is turned, where any saves anything."""
    helping = tuning.knobs[tuning.knobs["saved"] > 0]
    if helping.empty:
        return ""
    most = helping.loc[helping["saved"].idxmax()]
    kind = "pages" if tuning.current.false_pages is None else "false pages"
    return (
        f"; {most['knob']} alone, from {most['now']} to {most['then']}, would save "
        f"{most['saved']:.0f} of {tuning.current.noise} {kind}"
    )


def _how_sure(tuning: Tuning) -> str:
    check = tuning.validation
    if check is None:
        return "No stretch of the history has incidents before it: no choice could be checked."
    return (
        f"Chosen on earlier weeks alone ({check.false_rises_seen:.1f} false alarms a week there), "
        f"settings made {check.false_rises_unseen:.1f} a week on the weeks that followed "
        f"({check.optimism:+.1f}) and caught {check.detected_unseen} of {check.owed_unseen} "
        f"incidents there; the rule as it stands made {check.false_rises_now:.1f} and caught "
        f"{check.detected_now}."
    )
