"""Reviews of a day made by hand: alerts that fire in given minutes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alertlab.frame import Series
from alertlab.incidents import INCIDENT_COLUMNS
from alertlab.noise import NoiseReview, review_noise
from alertlab.notify import load_alertmanager
from alertlab.rules import AlertRule
from alertlab.tuning import Yardstick
from alertlab.units import MINUTE_MS, label_set

DAY_MINUTES = 1440
Runs = Mapping[str, Sequence[tuple[int, int]]]
"""Minutes (from, to) in which each pod of a rule is above its threshold."""


def make_incidents(*rows: tuple[str, int, int]) -> pd.DataFrame:
    """Incidents of id, start and end in minutes; every rule owes them."""
    frame = pd.DataFrame(
        [(name, start * MINUTE_MS, end * MINUTE_MS, "", None, "") for name, start, end in rows],
        columns=INCIDENT_COLUMNS,
    )
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


def make_rule(name: str, **more: object) -> AlertRule:
    """A rule on a series of its own name, evaluated every minute; its label ``rule`` routes it."""
    labels = (("rule", name),)
    rule = AlertRule(name, f"{name} > 5", "g", Path("r.yml"), 1, MINUTE_MS, labels=labels)
    return replace(rule, **more)


@pytest.fixture
def review_of(memory_source, tmp_path) -> Callable[..., NoiseReview]:
    """A function that reviews rules of given runs under a configuration (YAML)."""

    def make(
        runs: Mapping[str, Runs],
        config: str,
        *incidents: tuple[str, int, int],
        rules: Mapping[str, Mapping[str, object]] | None = None,
        recorded: Sequence[Series] = (),
        start: int = 0,
        **options: object,
    ) -> NoiseReview:
        path = tmp_path / "alertmanager.yml"
        path.write_text(config)
        times = np.arange(DAY_MINUTES, dtype=np.int64) * MINUTE_MS
        series = list(recorded)
        for name, pods in runs.items():
            for pod, spans in pods.items():
                values = np.ones(DAY_MINUTES)
                for first, last in spans:
                    values[first:last] = 9
                labels = label_set({"__name__": name, "pod": pod})
                series.append(Series(labels, times, values))
        return review_noise(
            [make_rule(name, **(rules or {}).get(name, {})) for name in runs],
            memory_source(series),
            start * MINUTE_MS,
            (DAY_MINUTES - 1) * MINUTE_MS,
            yardstick=Yardstick(
                make_incidents(*incidents), config=load_alertmanager(path), **options
            ),
        )

    return make
