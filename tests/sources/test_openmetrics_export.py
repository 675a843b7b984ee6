"""Recordings as text: what is written, and what promtool, servers and the import make of it."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.frame import STALE_NAN, Series, is_stale
from alertlab.sources import Recording, RecordingWriter, openmetrics_export
from alertlab.sources.openmetrics_export import export_openmetrics
from alertlab.sources.openmetrics_import import import_openmetrics
from alertlab.units import DAY_MS, HOUR_MS, label_set
from auth_service.stack import run_prometheus

DAY = 20_000 * DAY_MS


def series(labels, times, values, start=DAY) -> Series:
    """Build a series; times are since ``start`` [ms]."""
    return Series(
        label_set(labels), start + np.array(times, np.int64), np.array(values, np.float64)
    )


def recording(folder, *days) -> Recording:
    """Record some days of series."""
    with RecordingWriter(
        folder / "rec", origin="a test", scrape_interval_ms=15_000, synthetic=True
    ) as writer:
        for day in days:
            writer.add_day(day)
    return Recording.open(folder / "rec")


def test_the_text(tmp_path):
    """Metrics together, series in label order, seconds, Prometheus' numbers, escapes, the end."""
    kept = recording(
        tmp_path,
        [
            series({"__name__": "b_total", "x": 'a"\\\n'}, [0, 15_000], [1, 1e-7]),
            series({"__name__": "a", "x": "2"}, [1], [np.inf]),
            series({"__name__": "b_total"}, [250], [0.25]),
            series({"__name__": "a"}, [0], [np.nan]),
            series({"__name__": "my.name", "l.b": "c"}, [0], [-0.0]),
        ],
        [series({"__name__": "a"}, [DAY_MS], [2])],
    )
    done = export_openmetrics(kept, tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == (
        "# TYPE a unknown\n"
        "a NaN 1728000000\n"
        "a 2 1728086400\n"
        'a{x="2"} +Inf 1728000000.001\n'
        "# TYPE b_total unknown\n"
        "b_total 0.25 1728000000.250\n"
        'b_total{x="a\\"\\\\\\n"} 1 1728000000\n'
        'b_total{x="a\\"\\\\\\n"} 1e-07 1728000015\n'
        '# TYPE "my.name" unknown\n'
        '{"my.name","l.b"="c"} -0 1728000000\n'
        "# EOF\n"
    )
    assert done == (7, 5, 0, (tmp_path / "out.txt").stat().st_size)


def test_stale_markers_are_left_out_and_counted(tmp_path):
    """Text has one NaN only; a series of nothing but markers has no line."""
    kept = recording(
        tmp_path,
        [
            series({"__name__": "a"}, [0, 1, 2, 3], [1, STALE_NAN, np.nan, STALE_NAN]),
            series({"__name__": "b"}, [0], [STALE_NAN]),
        ],
    )
    done = export_openmetrics(kept, tmp_path / "out.txt")
    assert (done.samples, done.stale_markers) == (2, 3)
    assert (tmp_path / "out.txt").read_text().count("\na ") == 2


def test_long_series_are_written_in_portions(tmp_path, monkeypatch):
    """Without a gap or a repetition, and progress counts every sample."""
    kept = recording(tmp_path, [series({"__name__": "a"}, range(10), range(10))])
    export_openmetrics(kept, tmp_path / "whole.txt")
    monkeypatch.setattr(openmetrics_export, "_SAMPLES_AT_ONCE", 3)
    seen = []
    export_openmetrics(kept, tmp_path / "parts.txt", advance=seen.append)
    assert (tmp_path / "parts.txt").read_text() == (tmp_path / "whole.txt").read_text()
    assert sum(seen) == 10


def test_a_failure_leaves_the_older_file(tmp_path):
    """Written under another name first; what cannot be held is refused."""
    kept = recording(tmp_path, [series({"x": "nameless"}, [0], [1])])
    (tmp_path / "out.txt").write_text("older")
    with pytest.raises(BadInput, match="series without a name"):
        export_openmetrics(kept, tmp_path / "out.txt")
    assert {one.name for one in tmp_path.iterdir()} == {"rec", "out.txt"}
    assert (tmp_path / "out.txt").read_text() == "older"


def test_nowhere_to_write(tmp_path):
    """Is one sentence."""
    kept = recording(tmp_path, [series({"__name__": "a"}, [0], [1])])
    with pytest.raises(BadInput, match=r"cannot write .+ No such file or directory"):
        export_openmetrics(kept, tmp_path / "nowhere" / "out.txt")


anything = st.text(st.characters(codec="utf-8"), max_size=6)
samples = st.dictionaries(st.integers(0, 2 * DAY_MS), st.floats(), min_size=1, max_size=8)
label_sets = st.tuples(
    st.sampled_from(["a", "b:c_total", "with blank", "한"]),
    st.dictionaries(st.sampled_from(["x", "y.z", "__w"]), anything),
).map(lambda one: label_set({"__name__": one[0], **one[1]}))


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(label_sets, samples, min_size=1, max_size=5), st.integers(0, 2**33))
def test_the_way_there_and_back(tmp_path_factory, by_labels, start_s):
    """What is exported and imported is the same, at any time and with any label value."""
    folder = tmp_path_factory.mktemp("om")
    start = start_s * 1000 // DAY_MS * DAY_MS
    whole = [
        series(dict(labels), sorted(found), [found[time] for time in sorted(found)], start)
        for labels, found in by_labels.items()
    ]
    days = [
        [
            Series(one.labels, one.times[there], one.values[there])
            for one in whole
            if (there := one.times // DAY_MS == start // DAY_MS + number).any()
        ]
        for number in range(3)
    ]
    export_openmetrics(recording(folder, *days), folder / "out.txt")
    notices = import_openmetrics(folder / "out.txt", folder / "back").notices
    assert not any("out.txt" in one for one in notices)  # but samples may be far apart
    back = Recording.open(folder / "back")
    found = {one.labels: one for one in back.select((), back.start_ms, back.end_ms)}
    assert found.keys() == by_labels.keys()
    for one in whole:
        np.testing.assert_array_equal(found[one.labels].times, one.times)
        np.testing.assert_array_equal(found[one.labels].values, one.values)
        signs = np.signbit(found[one.labels].values) == np.signbit(one.values)
        assert (signs | np.isnan(one.values)).all()


# --- judged by promtool and servers -----------------------------------------------------------


@pytest.mark.server
@pytest.mark.parametrize("start", [DAY, 0, 12_600 * DAY_MS], ids=["2024", "1970", "July 2004"])
def test_a_server_holds_the_same_samples(server, tmp_path, promtool, start):
    """promtool makes blocks of the text, and a server answers with the raw samples, to the bit.

    The other years are where a cut-off of ``seconds * 1000`` loses a millisecond.
    """
    rng = np.random.default_rng(7)
    times = np.cumsum(rng.integers(1, 30_000, 400))
    times = times[times < DAY_MS]
    bits = rng.integers(0, 2**64, len(times), dtype=np.uint64).view(np.float64)
    odd = np.where(np.isnan(bits), 0.1, bits)
    gone = np.where(rng.random(len(times)) < 0.1, STALE_NAN, 1.0)
    kept = recording(
        tmp_path,
        [
            series({"__name__": "odd", "text": 'a "b" \\ \n é 한'}, times, odd, start),
            series({"__name__": "gone"}, times, gone, start),
            series({"__name__": "plain_total", "a": "1"}, times, np.arange(len(times)), start),
            series({"__name__": "plain_total", "a": "2"}, [5], [np.inf], start),
        ],
    )
    done = export_openmetrics(kept, tmp_path / "out.txt")
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", "out.txt", "data"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    held = {}
    with run_prometheus(tmp_path, {}, program=server.program) as url:
        end = (start + 24 * HOUR_MS) / 1000
        for name in ("odd", "gone", "plain_total"):
            form = {"query": f"{name}[25h]", "time": end}
            for one in requests.get(f"{url}/api/v1/query", form, timeout=60).json()["data"][
                "result"
            ]:
                held[label_set(one["metric"])] = one["values"]
    for one in kept.select((), kept.start_ms, kept.end_ms):
        there = ~is_stale(one.values)
        found = np.array([[round(t * 1000), float(v)] for t, v in held.pop(one.labels)])
        np.testing.assert_array_equal(found[:, 0], one.times[there])
        np.testing.assert_array_equal(found[:, 1], one.values[there])
    assert not held
    assert done.stale_markers == int(is_stale(gone).sum()) > 0
