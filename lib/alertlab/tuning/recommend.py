"""Choose among candidates: constraints first, then fewest false pages, then a plateau's middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.tuning.score import Score, Setting

KNOBS = ["window_ms", "hold_duration_ms", "keep_firing_for_ms"]


@dataclass(frozen=True)
class Constraints:
    """What a recommended setting must hold before its noise is looked at.

    min_recall_ratio : share of the owed incidents to catch (capped by what any candidate can, but
        at least one); of the critical ones it must catch all that any candidate can
    max_delay_seconds : largest p90 of the detection delay
    max_false_firing_ratio : share of the time outside incidents at which it may fire; a rule that
        always fires detects everything and rises never, yet tells nobody anything
    """

    min_recall_ratio: float = 0.8
    max_delay_seconds: float = 900.0
    max_false_firing_ratio: float = 0.02

    def __post_init__(self) -> None:
        for name in ("min_recall_ratio", "max_false_firing_ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} is a share between 0 and 1, not {getattr(self, name):g}")
        if not self.max_delay_seconds >= 0:
            raise BadInput(f"a largest delay of {self.max_delay_seconds:g} s cannot be held")


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
    return bool(feasible(candidates, constraints)[rows_of(candidates, setting)].any())


def rows_of(candidates: pd.DataFrame, setting: Setting) -> np.ndarray:
    """Tell which candidates have a setting's numbers; bool, shape (n_candidates,)."""
    same = np.ones(len(candidates), bool)
    for name, value in vars(setting).items():
        column = candidates[name]
        same &= (column.isna() if value is None else column == value).to_numpy()
    return same


def timely(candidates: pd.DataFrame, constraints: Constraints) -> np.ndarray:
    """Tell which candidates fire soon enough in incidents and seldom enough outside them."""
    quiet = candidates["false_firing_ratio"] <= constraints.max_false_firing_ratio
    delay = candidates["delay_p90_seconds"]
    return (quiet & (delay.isna() | (delay <= constraints.max_delay_seconds))).to_numpy()


def shortlist(
    candidates: pd.DataFrame, constraints: Constraints, current: Setting, most: int
) -> pd.DataFrame:
    """Return the ``most`` feasible candidates to simulate, best first by their group's counts.

    One per window, ``for`` and ``keep_firing_for``: the one with fewest false rises, then most
    incidents, moved to the middle of the neighbouring thresholds that do the same.
    """
    possible = candidates[feasible(candidates, constraints)]
    if possible.empty:
        return possible
    now = {knob: getattr(current, knob) for knob in KNOBS}
    turned = sum((possible[knob] != now[knob]).astype(int) for knob in KNOBS)
    order = ["false_rises", "missed", "turned", "delay_p50_seconds", "threshold"]
    ranked = possible.assign(turned=turned, missed=-possible["detected"])
    best = ranked.sort_values(order, kind="stable").drop_duplicates(KNOBS).head(most)
    return pd.DataFrame([_plateau_middle(ranked, row) for _, row in best.iterrows()])


def best_thresholds(candidates: pd.DataFrame, constraints: Constraints) -> pd.DataFrame:
    """Return, per window and ``for`` without ``keep_firing_for``, the feasible threshold with the
    fewest false rises, then the most incidents."""
    possible = candidates[feasible(candidates, constraints)]
    plain = possible[possible["keep_firing_for_ms"] == 0]
    ranked = plain.sort_values(["false_rises", "detected"], ascending=[True, False], kind="stable")
    return ranked.drop_duplicates(["window_ms", "hold_duration_ms"])


def pick(scores: Sequence[Score], current: Setting) -> Score:
    """Return the best of simulated settings: fewest false pages, most incidents caught, fewest
    knobs turned away from ``current``, shortest median delay; the first of equals."""

    def rank(score: Score) -> tuple:
        turned = sum(getattr(score.setting, knob) != getattr(current, knob) for knob in KNOBS)
        return score.false_pages, -len(score.caught), turned, score.delay_p50_seconds or 0.0

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
    """Return the simulated settings that no other beats in both false pages and incidents.

    Of settings that do the same the first stays; ordered by false pages.
    """
    kept: list[Score] = []
    for one in sorted(scores, key=lambda score: (score.false_pages, -len(score.caught))):
        if not kept or len(one.caught) > len(kept[-1].caught):
            kept.append(one)
    return kept


def to_setting(candidate: pd.Series) -> Setting:
    """Return a candidate's numbers as a setting."""
    window = candidate["window_ms"]
    return Setting(
        threshold=float(candidate["threshold"]),
        hold_duration_ms=int(candidate["hold_duration_ms"]),
        keep_firing_for_ms=int(candidate["keep_firing_for_ms"]),
        window_ms=None if pd.isna(window) else int(window),
    )


def _plateau_middle(possible: pd.DataFrame, best: pd.Series) -> pd.Series:
    """Return the middle one of the neighbouring thresholds that rise and detect as ``best``."""
    same = np.ones(len(possible), bool)
    for knob in KNOBS:
        same &= (possible[knob] == best[knob]) | (possible[knob].isna() & pd.isna(best[knob]))
    row = possible[same].sort_values("threshold", ignore_index=True)
    alike = (
        (row["false_rises"] == best["false_rises"]) & (row["detected"] == best["detected"])
    ).to_numpy()
    first = last = int(np.flatnonzero(row["threshold"] == best["threshold"])[0])
    while first > 0 and alike[first - 1]:
        first -= 1
    while last + 1 < len(row) and alike[last + 1]:
        last += 1
    return row.iloc[(first + last) // 2]
