"""The injected faults of the PetShop data set: two plain rules must fire in their 25 minutes.

Amazon.com, Inc. or its affiliates, https://github.com/amazon-science/petshop-root-cause-analysis,
CC BY 4.0, no changes made; none of it is part of this repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alertlab import open_source
from alertlab.replay import replay_rules
from alertlab.rules import AlertRule
from alertlab.sources import Source
from alertlab.units import SECOND_MS
from truth.cases import import_csv_file

METRIC = "petshop"
LATENCY, AVAILABILITY = "latency", "availability"


class Measure(NamedTuple):
    """What a rule watches at the node that users complain about."""

    kind: str
    statistic: str


MEASURES = (Measure(LATENCY, "Average"), Measure(LATENCY, "p95"), Measure(AVAILABILITY, "Average"))


@dataclass(frozen=True)
class Fault:
    """One injected fault: what users complained of, when, and what was measured around it."""

    name: str
    kind: str
    complaint_ms: int
    node: str
    source: Source

    def selector(self, measure: Measure) -> str:
        """Return the series of a measure at the node that users complained about."""
        kind, statistic = measure
        return f'{METRIC}{{microservice="{self.node}",metric="{kind}",statistic="{statistic}"}}'

    def values(self, measure: Measure) -> np.ndarray:
        """Return the samples of that series."""
        start_ms, end_ms = self.source.start_ms, self.source.end_ms
        [series] = self.source.series(self.selector(measure), start_ms, end_ms)
        return series.values

    def first_firing_ms(self, measure: Measure, threshold: float) -> int | None:
        """Return when the rule on a measure first fires in these minutes; None if never."""
        op = ">" if measure.kind == LATENCY else "<"
        rule = AlertRule(
            name="Fault",
            expr=f"{self.selector(measure)} {op} {threshold!r}",
            group="truth",
            file=Path("rules.yml"),
            line=1,
            interval_ms=self.source.meta["scrape_interval_ms"],
        )
        episodes = replay_rules([rule], self.source, self.source.start_ms, self.source.end_ms)
        fired = episodes["fired_at"].dropna()
        return None if fired.empty else int(fired.min().timestamp() * 1000)


def read_faults(oracles: Path, out: Path) -> list[Fault]:
    """Import every fault by ``alertlab import csv --wide``; recordings go to the folder ``out``."""
    found = sorted((oracles / "incidents" / "petshop" / "dataset").glob("*/train/*/metrics.csv"))
    return [_read_fault(file, out) for file in found]


def plain_threshold(faults: Iterable[Fault], measure: Measure) -> float:
    """Return three standard deviations from the mean, of the runs with the other kind of fault.

    There is no normal time in the data; but while requests fail, latency is as usual, and the other
    way round.
    """
    values = np.concatenate([one.values(measure) for one in faults if one.kind != measure.kind])
    away = 3 * values.std() * (1 if measure.kind == LATENCY else -1)
    return float(f"{values.mean() + away:.3g}")


def delays_seconds(
    faults: Iterable[Fault], measure: Measure, threshold: float
) -> list[float | None]:
    """Return from complaint to firing, for each fault of a measure's kind; None if it is missed.

    Below zero where the rule fires before anybody complains.
    """
    fired = [
        (one.first_firing_ms(measure, threshold), one.complaint_ms)
        for one in faults
        if one.kind == measure.kind
    ]
    return [None if at is None else (at - complaint) / SECOND_MS for at, complaint in fired]


def _read_fault(file: Path, out: Path) -> Fault:
    target = json.loads((file.parent / "target.json").read_text())["target"]
    name = f"{file.parts[-4]}-{file.parts[-2]}"
    import_csv_file(file, out / name, "--wide", "--metric", METRIC)
    return Fault(
        name=name,
        kind=target["metric"],
        complaint_ms=target["timestamp"] * SECOND_MS,
        node=target["node"],
        source=open_source(str(out / name)),
    )
