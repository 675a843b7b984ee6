"""Recording from a source: days, overlapping selectors, what is noted, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from alertlab.errors import BadInput
from alertlab.frame import STALE_NAN, Series, is_stale
from alertlab.promql import parse_selector
from alertlab.sources import Recording
from alertlab.sources.record import record
from alertlab.units import DAY_MS, MINUTE_MS

MIDNIGHT = 20_000 * DAY_MS


class Scripted:
    """A source over literal series that, like a live server, tells of a series' end only with it.

    A stale marker comes with the answer only if one of the series' samples does.
    """

    def __init__(self, *series: Series, warnings: tuple[str, ...] = ()) -> None:
        self._series, self._warnings = series, warnings

    def series(self, selector: str, start_ms: int, end_ms: int) -> list[Series]:
        """Return what matches in [start, end]."""
        found = []
        for one in self._series:
            inside = (one.times >= start_ms) & (one.times <= end_ms)
            samples = one.values[inside]
            labels = dict(one.labels)
            matched = all(m.matches(labels.get(m.name, "")) for m in parse_selector(selector))
            if matched and not is_stale(samples).all():
                found.append(Series(one.labels, one.times[inside], samples))
        return found

    def provenance(self) -> dict:
        """Say what a live server says."""
        return {
            "location": "http://p:9090",
            "origin": "a live server's HTTP API",
            "synthetic": False,
            "warnings": list(self._warnings),
        }


def series(name: str, times: list[int], values: list[float]) -> Series:
    """Build a series; times are relative to midnight [ms]."""
    labels = (("__name__", name),)
    return Series(labels, MIDNIGHT + np.array(times, np.int64), np.array(values, np.float64))


A = series("a", [-20_000, -10_000, 0, 10_000], [1, 2, 3, 4])
B = series("b", [-20_000, -10_000, 500], [1.5, 2.5, STALE_NAN])


def recorded(folder, source, *selectors, start=-MINUTE_MS, end=MINUTE_MS, **more):
    """Record around midnight; gives the meta data and the series by name."""
    meta = record(source, selectors, MIDNIGHT + start, MIDNIGHT + end, folder / "rec", **more)
    kept = Recording.open(folder / "rec")
    found = kept.series('{__name__!=""}', kept.start_ms, kept.end_ms)
    return meta, {dict(one.labels)["__name__"]: one for one in found}


def test_days_are_joined_with_their_stale_markers(tmp_path):
    """A file per UTC day; a series that ended just before midnight ends in the new day."""
    meta, kept = recorded(tmp_path, Scripted(A, B), '{__name__=~"a|b"}')
    assert len([name for name in meta["files"] if name != "series.parquet"]) == 2
    for one in (A, B):
        name = dict(one.labels)["__name__"]
        np.testing.assert_array_equal(kept[name].times, one.times)
        assert kept[name].values.tobytes() == one.values.tobytes()


def test_start_and_end_are_included(tmp_path):
    """And nothing outside, though earlier samples are looked at."""
    _, kept = recorded(tmp_path, Scripted(A, B), "a", start=-10_000, end=0)
    assert (kept["a"].times - MIDNIGHT).tolist() == [-10_000, 0]


def test_a_series_of_two_selectors_is_written_once(tmp_path):
    """Both selectors are in the origin."""
    meta, kept = recorded(tmp_path, Scripted(A, B), "a", '{__name__=~"a|b"}')
    assert set(kept) == {"a", "b"} and meta["samples"] == 7
    assert meta["origin"] == (
        'a and {__name__=~"a|b"} of http://p:9090 (a live server\'s HTTP API)'
    )


@pytest.mark.parametrize(("given", "noted"), [(None, 10_000), (5_000, 5_000)])
def test_the_scrape_interval_is_measured_or_given(tmp_path, given, noted):
    """The median distance of samples, unless somebody knows better."""
    meta, _ = recorded(tmp_path, Scripted(A), "a", scrape_interval_ms=given)
    assert meta["scrape_interval_ms"] == noted


def test_warnings_are_handed_back(tmp_path):
    """Whoever records must hear that data were partial."""
    meta, _ = recorded(tmp_path, Scripted(A, warnings=("partial",)), "a")
    assert meta["warnings"] == ["partial"]


def test_a_copy_of_a_recording_stays_synthetic_or_not(tmp_path):
    """``synthetic`` is what the source says of itself."""
    recorded(tmp_path, Scripted(A), "a")
    source = Recording.open(tmp_path / "rec")
    source.meta["synthetic"] = True
    meta = record(source, ["a"], source.start_ms, source.end_ms, tmp_path / "copy")
    assert meta["synthetic"] is True and "rec (" in meta["origin"]


@pytest.mark.parametrize(
    ("selector", "start", "end", "said"),
    [
        ("nobody", -1, 1, "nobody found no sample between 2024-10-03T23:59:59.999Z and"),
        ("a", 1, -1, "is after the end"),
    ],
)
def test_nothing_is_left_of_a_refused_recording(tmp_path, selector, start, end, said):
    """One sentence and an empty folder."""
    with pytest.raises(BadInput, match=said):
        recorded(tmp_path, Scripted(A), selector, start=start, end=end)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_fails_on_the_second_day_leaves_nothing(tmp_path):
    """The recording appears whole or not at all."""

    class Failing(Scripted):
        def series(self, selector, start_ms, end_ms):
            if end_ms > MIDNIGHT:
                raise BadInput("refused")
            return super().series(selector, start_ms, end_ms)

    with pytest.raises(BadInput, match="refused"):
        recorded(tmp_path, Failing(A), "a")
    assert list(tmp_path.iterdir()) == []
