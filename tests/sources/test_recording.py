"""Recordings: every bit comes back, damage is named, nothing half-written stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.frame import STALE_NAN, Series
from alertlab.promql import parse_selector
from alertlab.sources import Recording, RecordingWriter, open_source
from alertlab.units import DAY_MS, label_set

HARD = [0.0, -0.0, 1.0, -7.0, 2.5, 1e300, 5e-324, np.inf, -np.inf, np.nan, STALE_NAN]
HARD += [2.0**53 - 1, 2.0**53, 2.0**53 + 2, -(2.0**53), 2.0**62, 2.0**63, -(2.0**63), 1e19]


def series(name: str, times: list[int], values: list[float], **labels: str) -> Series:
    return Series(
        label_set({"__name__": name} | labels), np.array(times, np.int64), np.array(values, float)
    )


def record(path: Path, *days: list[Series], **meta: object) -> Path:
    settings_ = {"origin": "a test", "scrape_interval_ms": 15_000, "synthetic": True} | meta
    with RecordingWriter(path, **settings_) as writer:
        for day in days:
            writer.add_day(day)
    return path


def bits(one: Series) -> list[int]:
    return one.values.view(np.uint64).tolist()


VALUE = st.one_of(st.sampled_from(HARD), st.floats(), st.integers(-(2**60), 2**60).map(float))
ONE_SERIES = st.dictionaries(st.integers(0, 3 * DAY_MS - 1), VALUE, min_size=1, max_size=12)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.lists(ONE_SERIES, min_size=1, max_size=4))
def test_every_sample_comes_back_to_the_bit(tmp_path_factory, content: list[dict]) -> None:
    """Integers, floats, NaN, stale markers, -0.0 and infinities, over several days."""
    whole = [
        series("m", sorted(one), [one[t] for t in sorted(one)], n=str(i))
        for i, one in enumerate(content)
    ]
    days = [
        [
            Series(one.labels, one.times[there], one.values[there])
            for one in whole
            for there in [one.times // DAY_MS == day]
        ]
        for day in range(3)
    ]
    path = record(tmp_path_factory.mktemp("recording") / "r", *days)
    read = Recording.open(path).series("m", 0, 3 * DAY_MS)
    assert [one.labels for one in read] == [one.labels for one in whole]
    for found, given_ in zip(read, whole, strict=True):
        assert found.times.tolist() == given_.times.tolist()
        assert bits(found) == bits(given_)


def test_each_hard_value_alone_comes_back(tmp_path: Path) -> None:
    """A series of one kind of value (an all-integer or all-float column) keeps its bits."""
    for i, value in enumerate(HARD):
        path = record(tmp_path / str(i), [series("m", [0, 1, 2], [value] * 3)])
        (found,) = Recording.open(path).series("m", 0, 10)
        assert bits(found) == [int(np.float64(value).view(np.uint64))] * 3, value


def test_time_bounds_are_inclusive(tmp_path: Path) -> None:
    """Both ends belong to a selection; a series without a sample inside is left out."""
    path = record(
        tmp_path / "r", [series("m", [10, 20, 30], [1, 2, 3]), series("m", [5], [9], a="b")]
    )
    recording = Recording.open(path)
    (found,) = recording.series("m", 10, 20)
    assert found.times.tolist() == [10, 20]
    assert recording.series("m", 11, 19) == []
    assert [len(one.times) for one in recording.series("m", 0, 100)] == [3, 1]


def test_a_series_that_misses_whole_days(tmp_path: Path) -> None:
    """A pod that lived on one day is found by itself, though the other days' files lack it."""
    path = record(
        tmp_path / "r",
        [series("m", [0], [1], pod="a")],
        [series("m", [DAY_MS], [2], pod="b")],
        [series("m", [2 * DAY_MS], [3], pod="a")],
    )
    recording = Recording.open(path)
    assert [one.values.tolist() for one in recording.series('m{pod="b"}', 0, 9 * DAY_MS)] == [[2]]
    assert [one.values.tolist() for one in recording.series('m{pod="a"}', 0, 9 * DAY_MS)] == [
        [1, 3]
    ]


def test_label_sets_are_those_of_the_samples(tmp_path: Path) -> None:
    """Of any span: within a day, over whole days, beyond both ends."""
    path = record(
        tmp_path / "r",
        [series("m", [7, 9], [1, 2], pod="b"), series("n", [9], [1])],
        [series("m", [DAY_MS, 2 * DAY_MS - 1], [2, 3], pod="a")],
        [series("m", [2 * DAY_MS], [3], pod="b")],
    )
    recording = Recording.open(path)
    edges = [-5, 7, 8, 9, 10, DAY_MS, DAY_MS + 1, 2 * DAY_MS - 1, 2 * DAY_MS, 9 * DAY_MS]
    for selector in ('{__name__!=""}', "m", 'm{pod="b"}'):
        for start in edges:
            for end in edges:
                found = [one.labels for one in recording.series(selector, start, end)]
                listed = recording.label_sets(parse_selector(selector), start, end)
                assert listed == found, (selector, start, end)


def test_matchers_choose_series(tmp_path: Path) -> None:
    """All four operators; a label that a series lacks is empty."""
    path = record(
        tmp_path / "r",
        [series("m", [0], [1], pod="a-1"), series("m", [0], [2], pod="b"), series("m", [0], [3])],
    )
    recording = Recording.open(path)

    def found(selector: str) -> list[float]:
        return sorted(float(one.values[0]) for one in recording.series(selector, 0, 1))

    assert found('m{pod="b"}') == [2]
    assert found('m{pod!="b"}') == [1, 3]
    assert found('m{pod=~"a-.*"}') == [1]
    assert found('m{pod!~".+"}') == [3]
    assert found('{__name__="m",pod=""}') == [3]


def test_series_of_one_target_share_their_timestamps(tmp_path: Path) -> None:
    """Equal times are one array in memory, also after a cut."""
    path = record(
        tmp_path / "r", [series(name, [0, 15_000, 30_000], [1, 2, 3]) for name in ("a", "b", "c")]
    )
    first, *others = Recording.open(path).series('{__name__=~".+"}', 1, 30_000)
    assert len(others) == 2
    assert all(one.times is first.times for one in others)


def test_counters_stay_small(tmp_path: Path) -> None:
    """A day of twenty scraped counters takes less than 2.5 bytes a sample, all files together."""
    rng = np.random.default_rng(5)
    times = np.arange(0, DAY_MS, 15_000) + 137
    path = record(
        tmp_path / "r",
        [
            Series(
                label_set({"__name__": "requests_total", "pod": str(i)}),
                times,
                np.cumsum(rng.poisson(3, len(times))).astype(float),
            )
            for i in range(20)
        ],
    )
    size = sum(file.stat().st_size for file in path.iterdir())
    samples = 20 * len(times)
    assert size / samples < 2.5
    assert Recording.open(path).meta["samples"] == samples


def test_pandas_reads_the_day_files(tmp_path: Path) -> None:
    """One file per day, named by it; coalesce(integer, float) is the value."""
    path = record(
        tmp_path / "r",
        [series("m", [0, 1], [5, 2.5])],
        [series("m", [DAY_MS], [7])],
    )
    table = pd.read_parquet(path / "1970-01-01.parquet")
    assert table["integer"].combine_first(table["float"]).tolist() == [5.0, 2.5]
    assert table["time"].tolist() == list(pd.to_datetime([0, 1], unit="ms", utc=True))
    index = pd.read_parquet(path / "series.parquet")
    assert dict(index["labels"][0]) == {"__name__": "m"}
    assert (path / "1970-01-02.parquet").is_file()


def test_a_day_holds_one_day(tmp_path: Path) -> None:
    """Samples of two days in one call, or one day twice, are a programming error."""
    with (
        pytest.raises(ValueError, match="two days"),
        RecordingWriter(tmp_path / "r", origin="", scrape_interval_ms=1, synthetic=True) as writer,
    ):
        writer.add_day([series("m", [DAY_MS - 1, DAY_MS], [1, 2])])
    with (
        pytest.raises(ValueError, match="written already"),
        RecordingWriter(tmp_path / "r", origin="", scrape_interval_ms=1, synthetic=True) as writer,
    ):
        writer.add_day([series("m", [0], [1])])
        writer.add_day([series("m", [1], [1])])
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_old_recording_and_nothing_else(tmp_path: Path) -> None:
    """What was there before stays as it was; no temporary folder remains."""
    path = record(tmp_path / "r", [series("m", [0], [1])])
    with (
        pytest.raises(RuntimeError, match="on purpose"),
        RecordingWriter(path, origin="", scrape_interval_ms=1, synthetic=True) as writer,
    ):
        writer.add_day([series("m", [0], [2])])
        raise RuntimeError("on purpose")
    assert [one.name for one in tmp_path.iterdir()] == ["r"]
    assert Recording.open(path).series("m", 0, 1)[0].values.tolist() == [1]


def test_a_recording_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """A new one of fewer days leaves no file of the old one behind."""
    path = record(tmp_path / "r", [series("m", [0], [1])], [series("m", [DAY_MS], [1])])
    record(path, [series("n", [DAY_MS], [2])])
    assert sorted(one.name for one in path.iterdir()) == [
        "1970-01-02.parquet", "meta.json", "series.parquet",
    ]  # fmt: skip
    assert Recording.open(path).series("m", 0, 2 * DAY_MS) == []


def test_nothing_to_record_is_refused(tmp_path: Path) -> None:
    """An empty recording would say that nothing was ever measured."""
    with pytest.raises(BadInput, match="no sample to record"):
        record(tmp_path / "r", [series("m", [], [])])
    assert list(tmp_path.iterdir()) == []


def test_another_folder_is_never_overwritten(tmp_path: Path) -> None:
    """A folder that is no recording, or a file, is refused before anything is written."""
    (tmp_path / "work").mkdir()
    (tmp_path / "file").touch()
    for name in ("work", "file"):
        with pytest.raises(BadInput, match="exists and is not a recording"):
            record(tmp_path / name, [series("m", [0], [1])])


@pytest.mark.parametrize("name", ["1970-01-01.parquet", "series.parquet"])
@pytest.mark.parametrize(("harm", "word"), [("flip", "damaged"), ("drop", "missing")])
def test_damage_is_named(tmp_path: Path, name: str, harm: str, word: str) -> None:
    """One changed byte or one lost file, and the sentence says which and what to do."""
    path = record(tmp_path / "r", [series("m", [0], [1])])
    file = path / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content) if harm == "flip" else file.unlink()
    with pytest.raises(BadInput, match=f"{word}.*again") as refused:
        Recording.open(path)
    assert str(file) in str(refused.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "cannot be read"),
        ("[]", "is not as written"),
        ('{"format": 1, "files": []}', "is not as written"),
        ("{}", "lacks the key 'format'"),
        ('{"format": 99}', "has format 99"),
        ('{"format": 1, "files": {}}', "is not as written"),
        ('{"format": 1, "start_ms": "now"}', "is not as written"),
    ],
)
def test_damaged_metadata_is_named(tmp_path: Path, text: str, part: str) -> None:
    """Whatever stands in meta.json, the answer is a sentence."""
    path = record(tmp_path / "r", [series("m", [0], [1])])
    (path / "meta.json").write_text(text)
    with pytest.raises(BadInput, match=part) as refused:
        Recording.open(path)
    assert str(path / "meta.json") in str(refused.value)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    """The sentence says what a source can be."""
    with pytest.raises(BadInput, match=r"is not a recording.*give an http\(s\) URL or a recording"):
        open_source(str(tmp_path))
    with pytest.raises(BadInput, match="is not a recording"):
        open_source(str(tmp_path / "nowhere"))


def test_queries_and_provenance(tmp_path: Path) -> None:
    """A query is evaluated on its grid; the manifest learns the query and a stable digest."""
    day = [series("up", [0, 60_000, 120_000], [1, 0, 1])]
    path = record(tmp_path / "r", day, origin="a test")
    recording = open_source(str(path))
    frame = recording.range_query("up == 0", 0, 120_000, 60_000)
    assert frame.present.tolist() == [[False, True, False]]
    told = recording.provenance()
    assert (told["kind"], told["origin"], told["synthetic"]) == ("recording", "a test", True)
    assert (told["start"], told["end"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:02:00Z")
    assert told["queries"] == [{"expr": "up == 0", "steps": 3, "series": 1, "requests": 0}]
    again = record(tmp_path / "again", day, origin="another sentence")
    assert Recording.open(again).provenance()["digest"] == told["digest"]
    other = record(tmp_path / "other", [series("up", [0], [0])])
    assert Recording.open(other).provenance()["digest"] != told["digest"]
    json.dumps(told)


def test_semantics_are_handed_to_the_evaluator(tmp_path: Path) -> None:
    """Prometheus 2 includes the left edge of a range, Prometheus 3 does not."""
    path = record(tmp_path / "r", [series("c", [0, 60_000], [1, 2])])
    counts = [
        open_source(str(path), semantics=semantics).range_query(
            "count_over_time(c[1m])", 60_000, 60_000, 60_000
        ).values[0, 0]
        for semantics in (2, 3)
    ]  # fmt: skip
    assert counts == [2, 1]


def test_a_small_cache_changes_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples that were forgotten are read again."""
    monkeypatch.setattr("alertlab.sources.day_files._CACHE_BYTES", 8)
    path, last = tmp_path / "r", DAY_MS + 1
    with RecordingWriter(path, origin="", scrape_interval_ms=1, synthetic=True) as writer:
        for day in (0, 1):
            at = [day * DAY_MS, day * DAY_MS + 1]
            writer.add_day(series("m", at, [i, day], n=str(i)) for i in range(5))
    recording = Recording.open(path)
    for selector, expected in (("m", [0, 1, 2, 3, 4]), ('m{n="2"}', [2]), ("m", [0, 1, 2, 3, 4])):
        found = recording.series(selector, 1, last)
        assert [one.values.tolist() for one in found] == [[0, i, 1] for i in expected]


def test_a_query_over_the_sample_budget_is_refused(tmp_path: Path) -> None:
    """The refusal says how much it would have been, and the limit changes the answer."""
    path = record(tmp_path / "r", [series("m", [0, 1], [i, i], n=str(i)) for i in range(5)])
    enough = open_source(str(path), max_samples=60)
    assert enough.range_query("m", 0, 9, 1).values.shape == (5, 10)
    with pytest.raises(BadInput, match=r"too many samples.*at least 50 .*5 series of 10 steps"):
        open_source(str(path), max_samples=40).range_query("m", 0, 9, 1)
