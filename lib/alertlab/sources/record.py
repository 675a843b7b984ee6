"""Copy raw samples of a source into a recording, one UTC day after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.sources import Recording, RecordingWriter, Source
from alertlab.sources.grid import step_times
from alertlab.sources.prometheus import LOOKBACK_MS, typical_gap_ms
from alertlab.units import DAY_MS, LabelSet, format_time


def record(
    source: Source,
    selectors: Sequence[str],
    start_ms: int,
    end_ms: int,
    out: str | Path,
    *,
    scrape_interval_ms: int | None = None,
) -> dict[str, Any]:
    """Write the selectors' samples in ``[start_ms, end_ms]`` to the recording ``out``.

    A series that several selectors find is written once.  ``scrape_interval_ms`` is noted in the
    recording; without it the median distance of the first day's samples is.

    Returns the recording's meta data, and under ``warnings`` what the server warned of, such as
    partial data.  Raises BadInput for selectors that find nothing, or a folder in the way.
    """
    step_times(start_ms, end_ms, DAY_MS)  # refuses a start after the end
    days = _days(source, selectors, start_ms, end_ms)
    first = next(days, None)
    if first is None:
        raise BadInput(
            f"{' and '.join(selectors)} found no sample between {format_time(start_ms)} and "
            f"{format_time(end_ms)}; check the selector and the times"
        )
    about = source.provenance()
    with RecordingWriter(
        out,
        origin=f"{' and '.join(selectors)} of {about['location']} ({about['origin']})",
        scrape_interval_ms=scrape_interval_ms or typical_gap_ms(first),
        synthetic=about["synthetic"],
    ) as writer:
        for day in chain([first], days):
            writer.add_day(day)
    return Recording.open(out).meta | {"warnings": source.provenance()["warnings"]}


def _days(
    source: Source, selectors: Sequence[str], start_ms: int, end_ms: int
) -> Iterator[list[Series]]:
    """Yield the series of each UTC day that has samples."""
    for day in range(start_ms // DAY_MS, end_ms // DAY_MS + 1):
        first, last = max(start_ms, day * DAY_MS), min(end_ms, (day + 1) * DAY_MS - 1)
        found: dict[LabelSet, Series] = {}
        for selector in selectors:
            # A series that ended just before midnight has its stale marker in the new day, and
            # only who knows its last samples can put the marker there.
            for one in source.series(selector, first - LOOKBACK_MS, last):
                inside = (one.times >= first) & (one.times <= last)
                if inside.any():
                    part = Series(one.labels, one.times[inside], one.values[inside])
                    found.setdefault(one.labels, part)
        if found:
            yield [found[labels] for labels in sorted(found)]
