"""Burn-rate alerts replayed over history, beside other rules on the same history."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from alertlab.errors import BadInput
from alertlab.intervals import share_interval
from alertlab.noise import PAGED, NoiseReview, incident_pages, review_noise
from alertlab.noise.verdicts import pages_per_week
from alertlab.rules import AlertRule, load_rules
from alertlab.slo.burn_rules import joined_rules, yaml_text
from alertlab.slo.burn_windows import GOOGLE_WINDOWS, WindowTable
from alertlab.slo.objectives import Objective
from alertlab.sources import Source
from alertlab.tuning import Yardstick
from alertlab.units import MINUTE_MS

BURN_RATES = "burn-rate alerts"
"""What the objectives' own rules are called beside others."""


@dataclass(frozen=True)
class BurnReplay:
    """Reviews of several sets of rules on one history, each set through an Alertmanager of its own.

    reviews : by the name of the set; ``BURN_RATES`` are the objectives' own rules
    """

    reviews: Mapping[str, NoiseReview]

    def receivers(self) -> pd.DataFrame:
        """How often does each set of rules page each receiver, and for nothing?

        One row per set and paging receiver: ``rules``, ``receiver``, ``pages``,
        ``pages_per_week``, ``false_pages`` and ``false_pages_per_week``, both missing where no
        incident is labelled.
        """
        rows = []
        for name, review in self.reviews.items():
            labelled = review.yardstick.is_labelled
            for receiver in review.yardstick.waking:
                pages = review.distinct_pages
                own = pages[pages["receiver"] == receiver]
                false = own[own["false"].to_numpy(bool)]
                rows.append(
                    {
                        "rules": name,
                        "receiver": receiver,
                        "pages": len(own),
                        "pages_per_week": pages_per_week(own, review.span),
                        "false_pages": len(false) if labelled else None,
                        "false_pages_per_week": (
                            pages_per_week(false, review.span) if labelled else None
                        ),
                    }
                )
        return pd.DataFrame(rows)

    def incidents(self) -> pd.DataFrame:
        """Which set of rules paged in which incident, and how soon?

        One row per set and incident: ``rules`` in front of the columns of ``incident_pages``,
        whose own ``rules`` is ``paged_by`` here.
        """
        parts = []
        for name, review in self.reviews.items():
            part = incident_pages(review).rename(columns={"rules": "paged_by"})
            part.insert(0, "rules", name)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def catches(self) -> pd.DataFrame:
        """What part of the incidents does each set of rules page in, and how soon?

        One row per set: ``rules``, ``paged``, ``incidents``, ``recall`` (their ratio with its
        interval), ``first_page_p50_seconds`` (median over those that paged).
        """
        rows, incidents = [], self.incidents()
        for name in self.reviews:
            part = incidents[incidents["rules"] == name]
            paged = part[part["outcome"] == PAGED]
            delays = paged["first_page_seconds"].to_numpy(float)
            rows.append(
                {
                    "rules": name,
                    "paged": len(paged),
                    "incidents": len(part),
                    "recall": share_interval(len(paged), len(part)),
                    "first_page_p50_seconds": float(np.median(delays)) if len(delays) else np.nan,
                }
            )
        return pd.DataFrame(rows)


def replay_burn_rules(
    objectives: Iterable[Objective],
    source: Source,
    start_ms: int,
    end_ms: int,
    *,
    yardstick: Yardstick,
    windows: WindowTable = GOOGLE_WINDOWS,
    min_bad_events: int = 0,
    interval_ms: int = MINUTE_MS,
    beside: Mapping[str, Sequence[AlertRule]] | None = None,
    track: Callable[[list], Iterable] = iter,
) -> BurnReplay:
    """Whom would the objectives' burn-rate alerts have paged, and in which incidents?

    interval_ms : Prometheus' evaluation interval
    beside : other sets of rules by name, for comparison
    track : wraps each list of rules to show progress
    """
    sets = {
        BURN_RATES: load_burn_rules(
            objectives, windows, min_bad_events=min_bad_events, interval_ms=interval_ms
        )
    }
    for name, rules in (beside or {}).items():
        if name in sets:
            raise BadInput(f"the rules beside may not be called {name!r}; choose another name")
        sets[name] = list(rules)
    return BurnReplay(
        {
            name: review_noise(rules, source, start_ms, end_ms, yardstick=yardstick, track=track)
            for name, rules in sets.items()
        }
    )


def load_burn_rules(
    objectives: Iterable[Objective],
    windows: WindowTable = GOOGLE_WINDOWS,
    *,
    min_bad_events: int = 0,
    interval_ms: int = MINUTE_MS,
) -> list[AlertRule]:
    """Return the objectives' burn-rate alerts as a rule file with them would load."""
    with tempfile.TemporaryDirectory(prefix="alertlab-") as folder:
        path = Path(folder, "slo-burn-rates.yml")
        path.write_text(yaml_text(joined_rules(objectives, windows, min_bad_events)), "utf-8")
        return load_rules(path, evaluation_interval_ms=interval_ms)
