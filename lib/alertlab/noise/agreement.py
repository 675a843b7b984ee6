"""What really fired beside what the replay says, where the source recorded it."""

from __future__ import annotations

import pandas as pd

from alertlab.noise.review import NoiseReview
from alertlab.replay import compare_recorded
from alertlab.sources import Source

_COLUMNS = [
    "rule", "recorded_slots", "replayed_slots", "common_slots", "ratio", "first_difference",
]  # fmt: skip


def recorded_agreement(review: NoiseReview, source: Source) -> pd.DataFrame:
    """Does the replay fire when the rules really fired?

    One row per rule whose ``ALERTS`` the source holds, least agreement first: ``rule``; counts of
    (alert, slot) pairs that fired, ``recorded_slots``, ``replayed_slots`` and ``common_slots``;
    ``ratio``, common ones per pair that fired in either (None: none did); ``first_difference``
    (UTC, NaT without any).  Empty where the source holds none.
    """
    found = []
    for name, evaluated in review.evaluated.items():
        own = review.episodes[review.episodes["rule"] == name]
        if (agreement := compare_recorded(evaluated, own, source)) is not None:
            found.append({column: getattr(agreement, column) for column in _COLUMNS})
    frame = pd.DataFrame(found, columns=_COLUMNS)
    frame["first_difference"] = pd.to_datetime(frame["first_difference"], utc=True)
    return frame.sort_values("ratio", ignore_index=True)
