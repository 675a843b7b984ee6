"""Real histograms with known percentiles: merged, put into coarser buckets, and asked again."""

from __future__ import annotations

import base64
import csv
import json
import math
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from alertlab.latency import Histogram, histogram_quantile, make_histogram, merge, quantile

pytestmark = pytest.mark.oracle

GO = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
PYTHON = sorted([*GO, 0.075, 0.75, 7.5])
A66 = [
    *(1e-5, 5e-5, 1e-4, 3e-4, 6e-4, 8e-4, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01),
    *(0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3),
    *(0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100),
]
NANOSECOND = 1e-9

Bins = Mapping[tuple[float, float], float]
"""Observations by the lower and upper edge of their bin."""


def histogram_of(bins: Bins, edges: np.ndarray | None = None) -> Histogram:
    """Return a histogram over all edges of its own bins, or over given ones."""
    lower, upper = np.array(sorted(bins)).T
    known = np.unique(np.append(lower, upper)) if edges is None else edges
    counts = np.array([bins[one] for one in sorted(bins)])
    reached = np.append(0.0, np.cumsum(counts))
    at_edges = reached[np.searchsorted(upper, known, "right")]
    return make_histogram(np.append(known, np.inf), np.append(at_edges, counts.sum()))


def true_bin(bins: Bins, q: float) -> tuple[float, float]:
    """Return the bin in which the count first reaches a share of all, without any library."""
    rank, reached = q * sum(bins.values()), 0
    for one in sorted(bins):
        reached += bins[one]
        if reached >= rank:
            return one
    raise AssertionError("the counts do not add up")


def edges_of(many: Iterable[Bins]) -> np.ndarray:
    """Return all edges of many sets of bins."""
    return np.unique([edge for bins in many for one in bins for edge in one])


@pytest.fixture(scope="module")
def expected(oracles) -> dict:
    """What is known of the histograms."""
    folder = oracles / "latency"
    read = YAML(typ="safe").load
    return {
        name: read((folder / name / "expected.yml").read_text(encoding="utf-8"))
        for name in ("hartmann-ds4ops", "hdrhistogram")
    }


# --- an API over a week: 2,020 histograms of five minutes, in bins of two digits [ms]


def two_digit_bin(key: str) -> tuple[float, float]:
    """Return the edges of a bin of two significant digits from its lower one."""
    low = float(key)
    return low, round(low + 10.0 ** (math.floor(math.log10(low)) - 1), 6)


@pytest.fixture(scope="module")
def api_rows(oracles) -> list[tuple[int, Bins]]:
    """Return (time, bins) of each row."""
    path = oracles / "latency" / "hartmann-ds4ops" / "api_latency_histogram_1W@60sec.csv"
    with path.open(encoding="utf-8") as file:
        return [
            (int(at), {two_digit_bin(key): n for key, n in json.loads(bins).items()})
            for at, bins in csv.reader(file)
        ]


@pytest.fixture(scope="module")
def api_week(api_rows) -> Histogram:
    """Return the week, merged from its days."""
    days: dict[int, Counter] = {}
    for at, bins in api_rows:
        days.setdefault(at // 86_400, Counter()).update(bins)
    edges = edges_of(bins for _, bins in api_rows)
    return merge([histogram_of(bins, edges) for bins in days.values()])


@pytest.fixture(scope="module")
def api_bins(api_rows) -> Bins:
    """Return the bins of the whole week."""
    return sum((Counter(bins) for _, bins in api_rows), Counter())


@pytest.fixture(scope="module")
def api_expected(expected) -> dict:
    """What is known of the week."""
    return expected["hartmann-ds4ops"]["api_latency_histogram_1W@60sec.csv"]


def level(name: str) -> float:
    """Return the level of ``p99_9``."""
    return float(name.removeprefix("p").replace("_", ".")) / 100


def test_merged_counts_give_the_percentiles_of_the_week(api_week, api_expected):
    """Counts are added up; each percentile lies in the bin that is known to hold it."""
    assert api_week.count == api_expected["samples"]
    for name, edges in api_expected["merged_percentile_bin"].items():
        found = histogram_quantile(api_week, level(name))
        assert [found.low, found.high] == edges, name
        assert found.low <= found.estimate <= found.high


def test_an_average_of_percentiles_is_something_else(api_rows, api_week, api_expected):
    """The mean of the rows' p99 is a sixth of the week's p99, and known to the digit."""
    lows = [true_bin(bins, 0.99)[0] for _, bins in api_rows if bins]
    wrong = api_expected["wrong_way"]
    assert round(float(np.mean(lows)), 2) == wrong["mean_of_row_p99"]
    assert np.median(lows) == wrong["median_of_row_p99"]
    assert histogram_quantile(api_week, 0.99).low > 6 * np.mean(lows)


@pytest.fixture(scope="module")
def api_classic(api_week, api_expected) -> tuple[np.ndarray, np.ndarray]:
    """Return the week in Prometheus' default buckets: bounds [ms] and cumulative counts."""
    bounds = np.array(api_expected["as_prometheus_classic"]["le"])
    return bounds, api_week.cumulative[np.searchsorted(api_week.upper_bounds, bounds)]


def test_coarse_buckets_give_the_published_quantiles(api_classic, api_expected):
    """Counts and ``histogram_quantile`` to the printed digits."""
    bounds, cumulative = api_classic
    known = api_expected["as_prometheus_classic"]
    assert cumulative.tolist() == known["cumulative"]
    for q, value in known["histogram_quantile"].items():
        assert round(quantile(bounds, cumulative, float(q)).prometheus, 3) == value


def test_coarse_brackets_hold_every_true_quantile(api_classic, api_bins):
    """Each bound is an edge of the fine bins, so the whole fine bin lies in the bracket."""
    for q in np.arange(1, 1000, 4) / 1000:
        low, high = true_bin(api_bins, float(q))
        coarse = quantile(*api_classic, float(q))
        assert coarse.low <= low and high <= coarse.high


def test_the_estimate_is_nearer_than_the_straight_line(api_classic, api_bins):
    """Over all levels: half the median error of Prometheus' number, and less at worst."""
    levels = (np.arange(1, 100) / 100).tolist()
    coarse = [quantile(*api_classic, q) for q in levels]
    truth = np.array([sum(true_bin(api_bins, q)) / 2 for q in levels])
    estimate = np.abs(np.array([one.estimate for one in coarse]) / truth - 1)
    straight = np.abs(np.array([one.prometheus for one in coarse]) / truth - 1)
    assert np.median(estimate) < 0.5 * np.median(straight)
    assert np.quantile(estimate, 0.95) < 0.75 * np.quantile(straight, 0.95)
    assert estimate.max() < straight.max()


# --- system calls over 30 days, 93 billion of them


def syscall_bin(key: str) -> tuple[float, float]:
    """Return the edges of a bin such as ``+72e-007`` [s]; ``0`` is exactly zero."""
    if key == "0":
        return 0.0, 0.0
    digits, exponent = key.split("e")
    return float(f"{digits}e{exponent}"), float(f"{int(digits) + 1}e{exponent}")


def test_counts_beyond_32_bits(oracles, expected):
    """Thirty days add up without a loss, and give the known percentiles."""
    folder = oracles / "latency" / "hartmann-ds4ops"
    text = (folder / "syscall_latency@1day.json").read_text(encoding="utf-8")
    days = [{syscall_bin(key): n for key, n in bins.items()} for _, _, bins in json.loads(text)]
    edges = edges_of(days)
    by_day = [histogram_of(one, edges) for one in days]
    month = merge(by_day)
    known = expected["hartmann-ds4ops"]["syscall_latency@1day.json"]
    assert month.count == known["samples"] > 2**32
    assert month.cumulative[0] == known["samples_in_bin_0"]
    for name, bin_edges in known["merged_percentile_bin"].items():
        found = histogram_quantile(month, level(name))
        assert [found.low, found.high] == bin_edges, name
    daily = np.mean([true_bin(one, 0.99)[0] for one in days])
    assert daily == pytest.approx(known["mean_of_daily_p99"], rel=1e-4)


# --- HdrHistogram logs [ns]


def derived_bins(folder: Path, name: str) -> Bins:
    """Return the bins of a whole log; the edges are the lowest value, and the next bin's."""
    with (folder / "derived" / f"{name}.buckets.csv").open(encoding="utf-8") as file:
        return {
            (int(row["value_low"]), int(row["value_high"]) + 1): int(row["count"])
            for row in csv.DictReader(file)
        }


LOGS = ["jHiccup-2.0.1.logV0", "jHiccup-2.0.6.logV1", "jHiccup-2.0.7S.logV2"]


@pytest.mark.parametrize("layout", [GO, PYTHON, A66], ids=["go", "python", "a66"])
@pytest.mark.parametrize("name", LOGS)
def test_brackets_meet_the_true_percentile_of_a_log(oracles, expected, name, layout):
    """Wherever in its fine bin an observation lies: the coarse bracket meets the true bin."""
    bins = derived_bins(oracles / "latency" / "hdrhistogram", name)
    known = expected["hdrhistogram"]["derived_buckets"][name]
    assert sum(bins.values()) == known["samples"]
    lower, upper = np.array(sorted(bins)).T
    counts = np.array([bins[one] for one in sorted(bins)])
    bounds = np.append(layout, np.inf)
    for place in (lower, upper - 1):
        which = np.searchsorted(bounds, place * NANOSECOND)
        cumulative = np.cumsum(np.bincount(which, counts, len(bounds)))
        for q in [*np.arange(0.01, 1, 0.04), 0.999, 0.9999]:
            low, high = true_bin(bins, float(q))
            coarse = quantile(bounds, cumulative, float(q))
            assert coarse.low <= high * NANOSECOND and low * NANOSECOND <= coarse.high
    for text in ("p50", "p90", "p95", "p99", "p99_9", "p100"):
        assert true_bin(bins, level(text))[1] == known[text] + 1


def decoded(payload: str) -> Bins:
    """Decode an interval of a V2 log: zlib, then zigzag numbers, negative ones runs of zeros.

    AbstractHistogram.java and ZigZagEncoding.java of HdrHistogram, for 2 digits from 20,000 ns.
    """
    body = zlib.decompress(base64.b64decode(payload)[8:])
    cookie, length, _, digits, lowest, _, _ = struct.unpack_from(">iiiiqqd", body)
    assert (cookie, digits, lowest) == (0x1C849313, 2, 20_000)
    bins, at, index = {}, 40, 0
    while at < 40 + length:
        number = shift = 0
        while True:
            byte = body[at]
            at += 1
            number |= (byte if shift == 56 else byte & 0x7F) << shift
            shift += 7
            if shift == 63 or byte < 0x80:
                break
        count = (number >> 1) ^ -(number & 1)
        if count > 0:
            doubling = max((index >> 7) - 1, 0)
            sub = (index & 127) + (128 if index >= 128 else 0)
            bins[sub << doubling + 14, sub + 1 << doubling + 14] = count
        index += -count if count < 0 else 1
    return bins


def log_intervals(path: Path) -> list[tuple[str, float, Bins]]:
    """Return (tag, start [s], bins) of the intervals of a V2 log."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(("#", '"')):
            *tags, start, _length, _max, payload = line.split(",")
            found.append(("".join(tags), float(start), decoded(payload)))
    return found


def test_intervals_of_a_log_merge_into_the_whole(oracles, expected):
    """Added-up intervals are the whole log's bins, and give the p99.9 known of each range."""
    folder = oracles / "latency" / "hdrhistogram"
    intervals = log_intervals(folder / "jHiccup-2.0.7S.logV2.hlog")
    edges = edges_of(bins for _, _, bins in intervals)
    made = [(start, histogram_of(bins, edges)) for _, start, bins in intervals]
    for known in expected["hdrhistogram"]["jHiccup-2.0.7S.logV2.hlog"]["ranges"]:
        first, end = known["range_s"] or (0, math.inf)
        parts = [one for start, one in made if first <= start < end]
        whole = merge(parts)
        assert (len(parts), whole.count) == (known["intervals"], known["samples"])
        found = histogram_quantile(whole, 0.999)
        assert [found.low, found.high - 1] == known["p99_9_bucket"]
    whole = histogram_of(derived_bins(folder, "jHiccup-2.0.7S.logV2"), edges)
    np.testing.assert_array_equal(merge([one for _, one in made]).cumulative, whole.cumulative)


def test_two_halves_of_a_log_are_the_same(oracles, expected):
    """The intervals with a tag and those without add up to the same counts."""
    intervals = log_intervals(oracles / "latency" / "hdrhistogram" / "tagged-Log.logV2.hlog")
    known = expected["hdrhistogram"]["tagged-Log.logV2.hlog"]
    edges = edges_of(bins for _, _, bins in intervals)
    tagged, plain = (
        merge([histogram_of(bins, edges) for tag, _, bins in intervals if tag == which])
        for which in ("Tag=A", "")
    )
    assert tagged.count == known["samples_tag_A"] and plain.count == known["samples_no_tag"]
    np.testing.assert_array_equal(tagged.cumulative, plain.cumulative)
    assert merge([tagged, plain]).count == known["samples_total"]
