"""A live Prometheus and a recording of it give the same frames, and keep one contract.

The server scrapes a scripted exporter every second: a counter that restarts, a series that goes
and comes back, a scrape that fails; a second target is taken out of discovery, and a third dies.

What a recording cannot know is where the stale marker of the second target stands: its ``up`` ends
with it, so the marker is put at the first whole second at which the series is gone, less than a
step late.  On the grid that the recording was made on that makes no difference; between its
steps only the other targets are compared.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from exporter import Exporter

from alertlab.errors import BadInput
from alertlab.frame import is_stale
from alertlab.sources import Source, open_source
from alertlab.sources.record import record
from auth_service.stack import run_prometheus

pytestmark = pytest.mark.server

SCRAPES = 25
ALIVE = 5  # scrapes after which the third target dies
QUERIES = [
    "up",
    '{__name__!=""}',
    "requests_total",
    "timestamp(gauge)",
    "odd",
    'queue{name="mail"}',
    "queue offset 3s",
    "requests_total @ end()",
    "rate(requests_total[5s])",
    "increase(requests_total[20s])",
    "irate(requests_total[3s])",
    "resets(requests_total[1m])",
    "changes(queue[10s])",
    "delta(gauge[4s])",
    "deriv(gauge[7s])",
    "count_over_time(queue[4s])",
    "max_over_time(odd[3s])",
    "quantile_over_time(0.9, gauge[6s])",
    "max_over_time(rate(requests_total[4s])[8s:2s])",
    "sum by (job) (rate(requests_total[5s]))",
    "histogram_quantile(0.9, sum by (job, le) (rate(latency_seconds_bucket[6s])))",
    "absent(queue)",
    'requests_total{code="500"} / ignoring(code) latency_seconds_count',
    'up{job="stays"} == 0 or absent(up{job="leaves"})',
    '{job="dies"}',
    'absent(requests_total{job="dies"}) or sum by (job) (rate(requests_total[4s]))',
    "gauge > 0 and on(job, instance) up unless on(job, instance) queue > 5",
    "scrape_samples_scraped",
    "avg(up) * 2 + scalar(count(gauge))",
]


class Recorded(NamedTuple):
    """A server, a recording of it, and the whole seconds that both know."""

    url: str
    semantics: int
    path: Path
    meta: dict
    start_ms: int
    end_ms: int


@pytest.fixture(scope="module")
def recorded(server, tmp_path_factory):
    """Let a server scrape for a while, then record all it has."""
    folder = tmp_path_factory.mktemp("live")
    targets = folder / "targets.json"
    with Exporter() as stays, Exporter() as leaves, ExitStack() as until_then:
        dies = until_then.enter_context(Exporter())
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {"job_name": "stays", "static_configs": [{"targets": [stays.address]}]},
                {"job_name": "leaves", "file_sd_configs": [{"files": [str(targets)]}]},
                {"job_name": "dies", "static_configs": [{"targets": [dies.address]}]},
            ],
        }
        targets.write_text(json.dumps([{"targets": [leaves.address]}]))
        start_ms = int(time.time()) * 1_000
        with run_prometheus(folder, config, program=server.program) as url:
            wait_for(leaves, 3)
            # Discovery collects changes for five seconds; then the target's series end.
            targets.write_text("[]")
            wait_for(dies, ALIVE)
            until_then.close()
            wait_for(stays, SCRAPES)
            # The newest second may not be stored yet.
            end_ms = (int(time.time()) - 1) * 1_000
            meta = record(open_source(url), ['{__name__!=""}'], start_ms, end_ms, folder / "rec")
            yield Recorded(url, server.semantics, folder / "rec", meta, start_ms, end_ms)


def wait_for(exporter: Exporter, scrapes: int) -> None:
    """Return when the exporter was scraped so often."""
    deadline = time.monotonic() + 60
    while exporter.scrapes < scrapes:
        assert time.monotonic() < deadline, "nobody scrapes"
        time.sleep(0.05)


def recording_of(recorded: Recorded) -> Source:
    """Open the recording in the server's semantics."""
    return open_source(str(recorded.path), semantics=recorded.semantics)


def assert_same_frame(live, kept) -> None:
    """Compare times, label sets, presence and values."""
    assert live.labels == kept.labels
    np.testing.assert_array_equal(live.times, kept.times)
    for i, labels in enumerate(live.labels):
        np.testing.assert_array_equal(live.present[i], kept.present[i], err_msg=str(labels))
        there = live.present[i]
        np.testing.assert_allclose(
            kept.values[i, there], live.values[i, there], rtol=1e-12, atol=0, err_msg=str(labels)
        )


@pytest.mark.parametrize("query", QUERIES)
def test_the_same_query_gives_the_same_frame(recorded, query):
    """On the whole seconds, from before the first sample to the last."""
    span = recorded.start_ms, recorded.end_ms, 1_000
    live = open_source(recorded.url).range_query(query, *span)
    assert live.present.any()
    assert_same_frame(live, recording_of(recorded).range_query(query, *span))


@pytest.mark.parametrize("offset_ms", [137, 500, 891])
def test_between_the_steps_a_scraped_target_is_exact(recorded, offset_ms):
    """Markers of a target that is still watched stand at its scrapes, not at whole seconds."""
    span = recorded.start_ms + offset_ms, recorded.end_ms, 100
    query = '{job=~"stays|dies"}'
    live = open_source(recorded.url).range_query(query, *span)
    assert_same_frame(live, recording_of(recorded).range_query(query, *span))


def test_the_recording_holds_what_happened(recorded):
    """A marker where the series went and at the failed scrape, and one for the target that left."""
    source = open_source(str(recorded.path))
    span = recorded.start_ms, recorded.end_ms
    ups = {dict(one.labels)["job"]: one for one in source.series("up", *span)}
    (queue,) = source.series('queue{job="stays"}', *span)
    failed = ups["stays"].times[ups["stays"].values == 0]
    markers = queue.times[is_stale(queue.values)]
    assert len(failed) == 1 and len(markers) == 2
    assert failed[0] in markers and set(markers) <= set(ups["stays"].times.tolist())
    assert is_stale(ups["leaves"].values).tolist() == [False] * (len(ups["leaves"].times) - 1) + [
        True
    ]
    (gauge,) = source.series('gauge{job="dies"}', *span)
    first_failed = ups["dies"].times[ups["dies"].values == 0][0]
    assert gauge.times[is_stale(gauge.values)].tolist() == [first_failed] == [gauge.times[-1]]
    (quoted,) = source.series('quoted{job="stays"}', *span)
    assert dict(quoted.labels)["text"] == 'it\'s \\ "so"'


def test_the_recording_says_where_it_comes_from(recorded):
    """Measured scrape interval, origin with the server's address, not synthetic."""
    assert recorded.meta["scrape_interval_ms"] == 1_000
    assert recorded.meta["synthetic"] is False
    assert (
        recorded.meta["origin"] == f'{{__name__!=""}} of {recorded.url} (a live server\'s HTTP API)'
    )
    assert recorded.meta["warnings"] == []


# --- one contract for both kinds of source ----------------------------------------------------


@pytest.fixture(params=["live", "recording"])
def source(request, recorded) -> Source:
    """Each kind of source over the same samples."""
    return open_source(recorded.url) if request.param == "live" else recording_of(recorded)


def test_a_frame_is_sorted_and_typed(source, recorded):
    """Rows by label set, both ends of the grid included."""
    start_ms = recorded.end_ms - 10_500
    frame = source.range_query('{job="stays"}', start_ms, start_ms + 9_000, 1_500)
    assert frame.times.tolist() == [start_ms + 1_500 * k for k in range(7)]
    assert frame.labels == tuple(sorted(frame.labels)) and len(frame.labels) > 5
    assert (frame.times.dtype, frame.values.dtype, frame.present.dtype) == ("i8", "f8", "?")
    assert dict(frame.labels[0]).keys() >= {"__name__", "job", "instance"}
    assert source.range_query("sum(up)", start_ms, start_ms, 1_000).labels == ((),)
    assert source.range_query("3", start_ms, start_ms, 1_000).values.tolist() == [[3.0]]


def test_nothing_found_is_an_empty_frame(source, recorded):
    """No series, but the times."""
    frame = source.range_query("nobody_has_this", recorded.start_ms, recorded.end_ms, 1_000)
    assert frame.labels == () and frame.values.shape == (0, len(frame.times))
    assert source.series("nobody_has_this", recorded.start_ms, recorded.end_ms) == []


@pytest.mark.parametrize(
    ("expr", "start", "end", "step"),
    [
        ("up", 1_000, 0, 1_000),
        ("up", 0, 1_000, 0),
        ("up{", 0, 1_000, 1_000),
        ("nobody_has_this_function(up)", 0, 1_000, 1_000),
        ("up[5m]", 0, 1_000, 1_000),
    ],
)
def test_a_bad_query_is_bad_input(source, recorded, expr, start, end, step):
    """Start after end, no step, syntax, unknown function, wrong type."""
    with pytest.raises(BadInput):
        source.range_query(expr, recorded.start_ms + start, recorded.start_ms + end, step)


@pytest.mark.parametrize("selector", ["up{", "rate(up[5m])", "up[5m]", "1"])
def test_raw_samples_need_a_selector(source, recorded, selector):
    """Anything else is refused."""
    with pytest.raises(BadInput):
        source.series(selector, recorded.start_ms, recorded.end_ms)


def test_raw_samples_lie_between_start_and_end(source, recorded):
    """Both included, by label set, increasing; an end before the start has none."""
    (whole,) = source.series('gauge{job="stays"}', recorded.start_ms, recorded.end_ms)
    first, last = int(whole.times[4]), int(whole.times[9])
    (part,) = source.series('gauge{job="stays"}', first, last)
    np.testing.assert_array_equal(part.times, whole.times[4:10])
    np.testing.assert_array_equal(part.values, whole.values[4:10])
    assert np.all(np.diff(whole.times) > 0)
    labels = [one.labels for one in source.series('{job="stays"}', first, last)]
    assert labels == sorted(labels)
    assert source.series("gauge", last, first) == []


def test_provenance_has_the_common_keys(source, recorded):
    """What a report reads of any source, ready for JSON."""
    source.range_query("sum(up)", recorded.start_ms, recorded.end_ms, 1_000)
    about = source.provenance()
    assert {"kind", "location", "origin", "synthetic", "queries", "warnings"} <= about.keys()
    (query,) = about["queries"]
    steps = (recorded.end_ms - recorded.start_ms) // 1_000 + 1
    assert {"expr": "sum(up)", "steps": steps, "series": 1}.items() <= query.items()
    assert (about["synthetic"], about["warnings"]) == (False, [])
    json.dumps(about)


def test_a_source_knows_its_span(source, recorded):
    """Milliseconds since the epoch, no later than the first sample; a server does not say."""
    (up,) = source.series('up{job="stays"}', recorded.start_ms, recorded.end_ms)
    assert source.start_ms <= up.times[0]
    assert up.times[-1] <= source.end_ms
