"""The sweep: every window, ``for``, ``keep_firing_for`` and threshold, counted over spans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from alertlab.tuning.evaluations import Evaluations
from alertlab.tuning.grid import HOLD_DURATIONS_MS, KEEP_FIRING_FOR_MS, edges_of, human_thresholds
from alertlab.tuning.setting import DURATIONS, KNOBS, Setting, Span
from alertlab.tuning.sweep import Counts, Truth, count_thresholds, group_levels
from alertlab.tuning.yardstick import Yardstick


@dataclass(frozen=True)
class Candidates:
    """Settings, a row each, and what each would have done.

    settings : the fields of ``Setting``, and the levels between which all thresholds do the same:
        ``noise_edge`` on the side on which more fires, ``incident_edge`` on the other
    spans : neighbouring stretches of time on which ``counts`` are kept apart
    """

    settings: pd.DataFrame
    counts: Counts
    spans: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.settings)

    def table(self, chosen: slice = slice(None)) -> pd.DataFrame:
        """Return settings and counts (columns as ``Counts.table``) over the chosen spans."""
        return pd.concat([self.settings, self.counts.table(self.spans, chosen)], axis=1)


def sweep_settings(
    evaluations: Evaluations,
    windows_ms: Sequence[int | None],
    yardstick: Yardstick,
    spans: Sequence[Span],
    *,
    track: Callable[[list], Iterable] = iter,
) -> Candidates:
    """Count what each setting of a rule would have done.

    Thresholds are numbers that people write, one for each thing that thresholds can do (grid);
    of a rule whose thresholds must each be evaluated by itself, few near the present one.
    """
    current = evaluations.current
    holds = sorted({current.hold_duration_ms, *HOLD_DURATIONS_MS})
    keeps = sorted({current.keep_firing_for_ms, *KEEP_FIRING_FOR_MS})
    durations = list(product(holds, keeps))
    settings: list[pd.DataFrame] = []
    counts: list[Counts] = []
    for window in track(list(windows_ms)):
        for evaluated, tried in evaluations.of_window(window):
            truth = Truth.lay(evaluated, yardstick)
            for (hold, keep), level in zip(
                durations, group_levels(evaluated, durations), strict=True
            ):
                if tried is None:
                    levels = level if evaluated.threshold.rising else -level
                    thresholds = human_thresholds(levels, evaluated.threshold)
                    edges = edges_of(thresholds, levels, evaluated.threshold)
                else:
                    thresholds = np.array([tried])
                    edges = thresholds, thresholds
                one = Setting(np.nan, hold, keep, window)
                settings.append(_settings(thresholds, edges, one))
                counts.append(count_thresholds(evaluated, level, thresholds, truth, spans))
    return Candidates(pd.concat(settings, ignore_index=True), Counts.joined(counts), tuple(spans))


def rows_of(candidates: pd.DataFrame, setting: Setting, knobs: Sequence[str] = KNOBS) -> np.ndarray:
    """Tell which candidates have a setting's numbers; bool, shape (n_candidates,).

    knobs : the numbers that are compared
    """
    same = np.ones(len(candidates), bool)
    for name in knobs:
        value, column = getattr(setting, name), candidates[name]
        same &= (column.isna() if value is None else column == value).to_numpy()
    return same


def doing_as(candidates: pd.DataFrame, setting: Setting) -> np.ndarray:
    """Tell which candidates do what a setting does; bool, shape (n_candidates,).

    Its threshold need not be among them, if it lies between the edges of one.
    """
    noise, incident = (candidates[f"{side}_edge"].to_numpy() for side in ("noise", "incident"))
    value = setting.threshold
    between = (np.minimum(noise, incident) < value) & (value < np.maximum(noise, incident))
    same = (candidates["threshold"] == value).to_numpy() | between
    return same & rows_of(candidates, setting, DURATIONS)


def to_setting(candidate: pd.Series) -> Setting:
    """Return a candidate's numbers as a setting."""
    window = candidate["window_ms"]
    return Setting(
        threshold=float(candidate["threshold"]),
        hold_duration_ms=int(candidate["hold_duration_ms"]),
        keep_firing_for_ms=int(candidate["keep_firing_for_ms"]),
        window_ms=None if pd.isna(window) else int(window),
    )


def _settings(
    thresholds: np.ndarray, edges: tuple[np.ndarray, np.ndarray], setting: Setting
) -> pd.DataFrame:
    window = np.nan if setting.window_ms is None else setting.window_ms
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "window_ms": float(window),
            "hold_duration_ms": setting.hold_duration_ms,
            "keep_firing_for_ms": setting.keep_firing_for_ms,
            "noise_edge": edges[0],
            "incident_edge": edges[1],
        }
    )
