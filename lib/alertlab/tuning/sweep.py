"""Every threshold at once: what each candidate would have fired, from one pass per window.

Counts here are those of the alert group (the largest firing level of all series): a *rise* is a
time at which the group starts firing, the first page that Alertmanager would send for it.
Pages themselves come from simulating the few candidates worth it (tuning.score).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from alertlab.incidents import epoch_ms, owed
from alertlab.replay import EvaluatedRule, forgetting, remembered, signed_threshold
from alertlab.tuning.setting import Span
from alertlab.tuning.yardstick import Yardstick


def group_levels(evaluated: EvaluatedRule, durations_ms: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return the level below which any series of a rule fires.

    Shape (n_durations, n_times): of each pair of ``for`` and ``keep_firing_for``.
    """
    highest = np.full((len(durations_ms), len(evaluated.frame.times)), -np.inf)
    if evaluated.rule.limit > 0:  # what it forgets depends on the durations
        for level, pair in zip(highest, durations_ms, strict=True):
            _raise_limited(level, evaluated, *pair)
        return highest
    for _, part, _, levels in evaluated.levels(durations_ms):
        np.maximum(highest[:, part], levels, out=highest[:, part])
    return highest


def _raise_limited(
    highest: np.ndarray, evaluated: EvaluatedRule, hold_duration_ms: int, keep_firing_for_ms: int
) -> None:
    """Raise levels to those of a rule that forgets its alerts at its group's limit."""
    rule = replace(
        evaluated.rule, hold_duration_ms=hold_duration_ms, keep_firing_for_ms=keep_firing_for_ms
    )
    turned = replace(evaluated, rule=rule)
    for columns in remembered(turned, forgetting(turned)):
        there = highest[columns]
        for _, part, _, level in turned.alerts(hold_duration_ms, keep_firing_for_ms, columns):
            np.maximum(there[part], level, out=there[part])


@dataclass(frozen=True)
class Truth:
    """The incidents laid over one rule's evaluations.

    times : of the evaluations [ms], shape (n_times,)
    outside : which of them lie outside every incident, so that a rise there is false
    starts, windows : of the incidents that the rule owes: labelled start [ms], shape (n_owed,),
        and the first and last-plus-one evaluation that belongs to each, shape (n_owed, 2)
    critical : which of the owed ones are critical
    """

    times: np.ndarray
    outside: np.ndarray
    starts: np.ndarray
    windows: np.ndarray
    critical: np.ndarray

    @classmethod
    def lay(cls, evaluated: EvaluatedRule, yardstick: Yardstick) -> Truth:
        """Find which evaluations belong to which incident."""
        times, owes = evaluated.frame.times, owed(yardstick.incidents, evaluated.rule.name)
        return cls(
            times=times,
            outside=yardstick.incident_of(times) < 0,
            starts=epoch_ms(owes["start"]),
            windows=np.searchsorted(times, yardstick.windows_ms(owes)),
            critical=(owes["severity"] == "critical").to_numpy(),
        )


@dataclass(frozen=True)
class Counts:
    """What thresholds, one a row, would have done on each of several spans, one a column.

    rises, false_rises : starts of the group's firing; the latter outside every incident
    firing, false_firing : evaluations at which the group fires
    delays : seconds from each owed incident's start to the group's first firing within it, shape
        (n_thresholds, n_owed); 0 if it fired already at the start, NaN if never
    quiet : how many evaluations there are outside incidents, shape (n_spans,)
    starts : of the owed incidents [ms]
    critical : which of them are critical
    """

    rises: np.ndarray
    false_rises: np.ndarray
    firing: np.ndarray
    false_firing: np.ndarray
    delays: np.ndarray
    quiet: np.ndarray
    starts: np.ndarray
    critical: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Counts]) -> Counts:
        """Return the rows of several together; they are of the same spans and incidents."""
        rows = ("rises", "false_rises", "firing", "false_firing", "delays")
        stacked = {name: np.concatenate([getattr(one, name) for one in parts]) for name in rows}
        return replace(parts[0], **stacked)

    def table(self, spans: Sequence[Span], chosen: slice = slice(None)) -> pd.DataFrame:
        """Return the counts over the chosen, neighbouring spans together, a row per threshold.

        Columns: ``rises``, ``false_rises``; ``firing`` (evaluations); ``false_firing_ratio``
        (share of the time outside incidents at which it fires); ``owed``, ``detected`` and
        ``critical_detected`` (numbers of owed incidents that start in the spans);
        ``delay_p50_seconds``, ``delay_p90_seconds`` (over the detected, NaN of none).
        """
        first, last = spans[chosen][0], spans[chosen][-1]
        here = (self.starts >= first.start_ms) & (self.starts < last.end_ms)
        delays = self.delays[:, here]
        found = np.isfinite(delays)
        quiet = max(1, int(self.quiet[chosen].sum()))
        return pd.DataFrame(
            {
                "rises": self.rises[:, chosen].sum(axis=1),
                "false_rises": self.false_rises[:, chosen].sum(axis=1),
                "firing": self.firing[:, chosen].sum(axis=1),
                "false_firing_ratio": self.false_firing[:, chosen].sum(axis=1) / quiet,
                "owed": int(here.sum()),
                "detected": found.sum(axis=1),
                "critical_detected": found[:, self.critical[here]].sum(axis=1),
                "delay_p50_seconds": _quantile_of_found(delays, 0.5),
                "delay_p90_seconds": _quantile_of_found(delays, 0.9),
            }
        )


def count_thresholds(
    evaluated: EvaluatedRule,
    level: np.ndarray,
    thresholds: np.ndarray,
    truth: Truth,
    spans: Sequence[Span],
) -> Counts:
    """Count, for each threshold and span, what the group would have done.

    level : of the group, a row of ``group_levels``
    thresholds : of a rule evaluated as a whole, the one that it was evaluated with
    truth : of the same evaluations
    """
    signed = _exact(thresholds, evaluated)
    before = np.concatenate([[-np.inf], level[:-1]])
    columns = []
    for span in spans:
        inside = slice(*np.searchsorted(truth.times, [span.start_ms, span.end_ms]))
        here, earlier, outside = level[inside], before[inside], truth.outside[inside]
        rising = here > earlier
        parts = [
            (_count_rises(earlier, here, rising & where, signed), _count_above(here[where], signed))
            for where in (outside, ~outside)
        ]
        columns.append((*parts[0], *parts[1], np.count_nonzero(outside)))
    false_rises, false_firing, true_rises, true_firing, quiet = zip(*columns, strict=True)
    return Counts(
        rises=np.stack(false_rises, axis=1) + np.stack(true_rises, axis=1),
        false_rises=np.stack(false_rises, axis=1),
        firing=np.stack(false_firing, axis=1) + np.stack(true_firing, axis=1),
        false_firing=np.stack(false_firing, axis=1),
        delays=group_delays(level, signed, truth),
        quiet=np.array(quiet),
        starts=truth.starts,
        critical=truth.critical,
    )


def group_delays(level: np.ndarray, signed_thresholds: np.ndarray, truth: Truth) -> np.ndarray:
    """Return seconds from each owed incident's start to the group's first firing within it.

    Shape (n_thresholds, n_owed); 0 if it fired already at the start, NaN if never.
    """
    delays = np.full((len(signed_thresholds), len(truth.starts)), np.nan, np.float32)
    for i, (start, (first, last)) in enumerate(zip(truth.starts, truth.windows, strict=True)):
        highest = np.maximum.accumulate(level[first:last])
        # The first evaluation whose running maximum exceeds the threshold.
        at = first + np.searchsorted(highest, signed_thresholds, side="right")
        seen = at < last
        delays[seen, i] = np.maximum(0, truth.times[at[seen]] - start) / 1000
    return delays


def _quantile_of_found(delays: np.ndarray, q: float) -> np.ndarray:
    """Return each row's quantile over its finite values, NaN for a row without any."""
    if not delays.shape[1]:
        return np.full(len(delays), np.nan)
    ordered = np.sort(delays, axis=1)  # NaN comes last
    rank = q * (np.isfinite(delays).sum(axis=1) - 1)
    low = np.floor(np.maximum(rank, 0)).astype(int)
    high = np.ceil(np.maximum(rank, 0)).astype(int)
    rows = np.arange(len(delays))
    below, above = ordered[rows, low], ordered[rows, high]
    return below + (above - below) * (rank - low)


def _exact(thresholds: np.ndarray, evaluated: EvaluatedRule) -> np.ndarray:
    """Return what levels are to exceed, on their scale; ``>= T`` is ``> just below T``.

    Without a threshold the expression has decided already: what alerts is at 1.
    """
    if evaluated.threshold is None:
        return np.zeros(len(thresholds))
    signed = signed_threshold(thresholds, evaluated.threshold)
    return signed if evaluated.threshold.strict else np.nextafter(signed, -np.inf)


def _count_rises(
    before: np.ndarray, level: np.ndarray, chosen: np.ndarray, thresholds: np.ndarray
) -> np.ndarray:
    """Count, per threshold, the times t with ``before[t] <= threshold < level[t]``."""
    lows, highs = np.sort(before[chosen]), np.sort(level[chosen])
    started = np.searchsorted(lows, thresholds, side="right")
    return (started - np.searchsorted(highs, thresholds, side="right")).astype(np.int32)


def _count_above(level: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Count, per threshold, the evaluations whose level exceeds it."""
    at_most = np.searchsorted(np.sort(level), thresholds, side="right")
    return (len(level) - at_most).astype(np.int32)
