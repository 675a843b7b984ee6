"""Choose among candidates: constraints first, then fewest false pages, then within a plateau.

All thresholds of a plateau do the same to the incidents and alarms that were seen.  Its middle is
safest where its ends are known equally well.  But ordinary days are seen by the thousand, incidents
by the handful: of n, the next is weaker than all with a probability of 1 / (n + 1).  So the fewer
incidents there are, the nearer to the ordinary values the threshold is put.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.tuning.candidates import doing_as, rows_of, to_setting
from alertlab.tuning.grid import roundest
from alertlab.tuning.score import Score
from alertlab.tuning.setting import DURATIONS, Setting

_FEW_INCIDENTS = 4  # so many move the threshold half of the way from the edge to the middle
_ROUNDING_RATIO = 0.05  # of a plateau, on either side, for the sake of a round number


@dataclass(frozen=True)
class Constraints:
    """What a recommended setting must hold before its noise is looked at.

    min_recall_ratio : share of the owed incidents to catch (capped by what any candidate can, but
        at least one); of the critical ones it must catch all that any candidate can
    max_delay_seconds : largest p90 of the detection delay
    max_false_firing_ratio : share of the time outside incidents at which it may fire; a rule that
        always fires detects everything and rises never, yet tells nobody anything
    min_incidents : fewer owed incidents are not enough to choose on
    """

    min_recall_ratio: float = 0.8
    max_delay_seconds: float = 900.0
    max_false_firing_ratio: float = 0.02
    min_incidents: int = 3

    def __post_init__(self) -> None:
        for name in ("min_recall_ratio", "max_false_firing_ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} is a share between 0 and 1, not {getattr(self, name):g}")
        if not self.max_delay_seconds >= 0:
            raise BadInput(f"a largest delay of {self.max_delay_seconds:g} s cannot be held")
        if self.min_incidents < 1:
            raise BadInput("a choice needs at least one incident: min_incidents is 1 or more")


def feasible(candidates: pd.DataFrame, constraints: Constraints) -> np.ndarray:
    """Tell which candidates hold the constraints; bool, shape (n_candidates,)."""
    possible = timely(candidates, constraints)
    if not possible.any():
        return possible
    most_critical = candidates["critical_detected"][possible].max()
    most = candidates["detected"][possible].max()
    owed = candidates["owed"].max()
    # Who catches nothing is silent, not good.
    needed = max(min(most, np.ceil(constraints.min_recall_ratio * owed)), min(1, owed))
    holds = (candidates["critical_detected"] >= most_critical) & (candidates["detected"] >= needed)
    return possible & holds.to_numpy()


def holds_constraints(candidates: pd.DataFrame, constraints: Constraints, setting: Setting) -> bool:
    """Tell whether a setting that was swept holds the constraints."""
    return bool(feasible(candidates, constraints)[doing_as(candidates, setting)].any())


def timely(candidates: pd.DataFrame, constraints: Constraints) -> np.ndarray:
    """Tell which candidates fire soon enough in incidents and seldom enough outside them."""
    quiet = candidates["false_firing_ratio"] <= constraints.max_false_firing_ratio
    delay = candidates["delay_p90_seconds"]
    return (quiet & (delay.isna() | (delay <= constraints.max_delay_seconds))).to_numpy()


def shortlist(
    candidates: pd.DataFrame, constraints: Constraints, current: Setting, most: int
) -> list[Setting]:
    """Return the ``most`` feasible settings to simulate, best first (``best_of``).

    Their thresholds lie well within their plateaus.
    """
    possible = candidates[feasible(candidates, constraints)]
    return [well_within(possible, one, current) for one in best_of(possible, current, most)]


def best_of(possible: pd.DataFrame, current: Setting, most: int) -> list[Setting]:
    """Return the ``most`` candidates that are best by their group's counts, best first.

    One per window, ``for`` and ``keep_firing_for``: the one with fewest false rises, then most
    incidents.
    """
    now = {knob: getattr(current, knob) for knob in DURATIONS}
    turned = sum((possible[knob] != now[knob]).astype(int) for knob in DURATIONS)
    ranked = possible.assign(turned=turned, missed=-possible["detected"])
    order = ["false_rises", "missed", "turned", "delay_p50_seconds", "threshold"]
    best = ranked.sort_values(order, kind="stable").drop_duplicates(list(DURATIONS)).head(most)
    return [to_setting(row) for _, row in best.iterrows()]


def well_within(candidates: pd.DataFrame, setting: Setting, current: Setting) -> Setting:
    """Return a candidate with its threshold moved away from the ends of its plateau.

    With one or two incidents it comes to lie near the ordinary values, with many in the middle.
    Where each threshold was evaluated by itself, it is the middle one of those that were.  The
    current threshold stays if it lies on the plateau.
    """
    rows = _plateau_rows(candidates, setting)
    low, high = sorted(plateau(candidates, setting))
    if low < current.threshold < high:
        return replace(setting, threshold=current.threshold)
    if (rows["noise_edge"] == rows["incident_edge"]).all():
        return replace(setting, threshold=float(rows["threshold"].iloc[len(rows) // 2]))
    noise, incident = plateau(candidates, setting)
    if not math.isfinite(incident - noise):
        return setting
    incidents = max(1, int(candidates["owed"].iloc[0]))
    share = incidents / (2 * (incidents + _FEW_INCIDENTS))
    place, slack = noise + share * (incident - noise), _ROUNDING_RATIO * (incident - noise)
    round_one = replace(setting, threshold=roundest(place - slack, place + slack))
    if doing_as(rows, round_one).any():
        return round_one
    # Between two candidates nothing was counted; the plateau is one of those that were.
    nearest = (rows["threshold"] - place).abs().idxmin()
    return replace(setting, threshold=float(rows["threshold"].loc[nearest]))


def plateau(candidates: pd.DataFrame, setting: Setting) -> tuple[float, float]:
    """Return the thresholds between which the group's rises and detections stay.

    First the edge on the side on which more fires.  Neighbours of the candidate that do otherwise
    end it.
    """
    rows = _plateau_rows(candidates, setting)
    noise, incident = (
        rows[f"{side}_edge"].iloc[[0, -1]].to_numpy() for side in ("noise", "incident")
    )
    if noise[0] > incident[0]:  # small values alert
        return float(noise[1]), float(incident[0])
    return float(noise[0]), float(incident[1])


def _plateau_rows(candidates: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Return the neighbouring thresholds that rise and detect as a setting, increasing."""
    row = candidates[rows_of(candidates, setting, DURATIONS)].sort_values(
        "threshold", ignore_index=True
    )
    at = int(np.flatnonzero(doing_as(row, setting))[0])
    counts = row[["false_rises", "detected"]].to_numpy()
    unlike = np.flatnonzero((counts != counts[at]).any(axis=1))
    first = unlike[unlike < at].max(initial=-1) + 1
    return row.iloc[first : unlike[unlike > at].min(initial=len(row))]


def best_thresholds(candidates: pd.DataFrame, constraints: Constraints) -> pd.DataFrame:
    """Return, per window and ``for`` without ``keep_firing_for``, the feasible threshold with the
    fewest false rises, then the most incidents."""
    possible = candidates[feasible(candidates, constraints)]
    plain = possible[possible["keep_firing_for_ms"] == 0]
    ranked = plain.sort_values(["false_rises", "detected"], ascending=[True, False], kind="stable")
    return ranked.drop_duplicates(["window_ms", "hold_duration_ms"])


def pick(scores: Sequence[Score], current: Setting) -> Score:
    """Return the best of simulated settings: least noise, most incidents caught, fewest durations
    turned away from ``current``, shortest median delay; the first of equals."""

    def rank(score: Score) -> tuple:
        turned = len(set(score.setting.turned(current)) - {"threshold"})
        delay = score.delay_p50_seconds
        return score.noise, -len(score.caught), turned, delay.mid if delay else 0.0

    return min(scores, key=rank)


def pareto_front(candidates: pd.DataFrame, constraints: Constraints) -> pd.DataFrame:
    """Return, for each number of incidents caught in time, the quietest candidate.

    Ordered by incidents caught; a candidate that catches fewer must also be quieter.
    """
    ranked = candidates[timely(candidates, constraints)].sort_values(
        ["detected", "false_rises", "delay_p50_seconds"], ascending=[False, True, True]
    )
    best = ranked.drop_duplicates("detected")
    quieter = best["false_rises"] < best["false_rises"].astype(float).cummin().shift(
        fill_value=np.inf
    )
    return best[quieter & (best["detected"] > 0)].iloc[::-1].reset_index(drop=True)


def unbeaten(scores: Sequence[Score]) -> list[Score]:
    """Return the simulated settings that no other beats in both noise and incidents.

    Of settings that do the same the first stays; ordered by noise.
    """
    kept: list[Score] = []
    for one in sorted(scores, key=lambda score: (score.noise, -len(score.caught))):
        if not kept or len(one.caught) > len(kept[-1].caught):
            kept.append(one)
    return kept
