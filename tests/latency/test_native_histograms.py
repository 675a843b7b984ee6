"""Native histograms: read from the API, answered as a real Prometheus 3 does, bracket kept.

The server gets random histograms by remote write, the only way to give it any schema, wide zero
buckets, fractional counts and observations that are no number.
"""

from __future__ import annotations

import json
import math
import struct
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
import requests

from alertlab.errors import BadInput
from alertlab.latency import BEYOND, FEW, GOOD, WIDE, histogram_quantile, quantile
from alertlab.latency.native import layouts, native_histograms, read_native
from alertlab.latency.native_history import native_history
from alertlab.sources import open_source
from alertlab.sources.answers import decode_native
from alertlab.units import MINUTE_MS
from auth_service.stack import run_prometheus

CUSTOM = -53  # the schema of custom buckets (model/histogram/generic.go)
# Ties of a rank with a bucket's end lie at eighths of the histograms made for them.
LEVELS = sorted({*np.arange(0, 1.001, 0.125), *np.linspace(0.003, 0.997, 30), 0.9, 0.99, 0.999})


class Wire(NamedTuple):
    """A native histogram as it is written: buckets by index, custom bounds for schema -53."""

    schema: int
    positive: dict[int, float]
    negative: dict[int, float]
    zero: float = 0.0
    zero_threshold: float = 0.0
    bounds: Sequence[float] = ()
    not_a_number: float = 0.0  # observations in no bucket

    @property
    def count(self) -> float:
        """All observations."""
        buckets = sum(self.positive.values()) + sum(self.negative.values())
        return buckets + self.zero + self.not_a_number


def random_histogram(random: np.random.Generator, number: int) -> Wire:
    """Return one of several kinds, with whole or fractional counts."""

    def buckets(first: int, last: int, empty: float) -> dict[int, float]:
        scale = 1.0 if number % 2 else 0.37
        counts = scale * random.integers(1, 500, last - first)
        kept = random.random(last - first) > empty
        kept[random.integers(last - first)] = True
        return {first + int(i): float(counts[i]) for i in np.flatnonzero(kept)}

    kind = number % 6
    schema = int(random.choice([-2, 0, 1, 3, 8]))
    first = int(random.integers(-40, 5))
    if kind == 0:
        return Wire(schema, buckets(first, first + 30, 0.4), {})
    if kind == 1:  # the zero bucket ends within the lowest of the others
        positive = buckets(first, first + 9, 0.6)
        threshold = 2.0 ** ((min(positive) - 0.4) / 2.0**schema)
        return Wire(schema, positive, {}, 50.0, threshold)
    if kind == 2:
        return Wire(schema, buckets(first, 20, 0.5), buckets(first, 9, 0.5), 20.0, 2.0**-200)
    if kind == 3:
        return Wire(schema, {}, buckets(first, first + 12, 0.5), 20.0, 2.0**-200)
    bounds = np.unique(np.round(random.lognormal(-2, 2, 12), 4))
    if kind == 4:
        bounds = np.append([-1.5, -0.25], bounds)
    return Wire(CUSTOM, buckets(0, len(bounds) + 1, 0.3), {}, bounds=tuple(bounds))


def all_histograms() -> list[Wire]:
    """Return the random ones and those of which each is a case by itself."""
    random = np.random.default_rng(20_240_901)
    return [
        *(random_histogram(random, number) for number in range(60)),
        Wire(0, {1: 2.0, 2: 2.0, 7: 4.0}, {}),  # a gap behind rank 4 of 8
        Wire(3, {3: 4.0, 30: 4.0}, {0: 8.0}),
        Wire(0, {}, {}, 8.0, 0.5),  # nothing but the zero bucket
        Wire(0, {4: 8.0}, {}, 8.0),  # a zero bucket of no width
        Wire(2, {0: 5.0, 3: 2.0}, {}, not_a_number=3.0),
        Wire(0, {1025: 3.0, 1024: 2.0, 5: 4.0}, {}),  # infinite observations
        Wire(CUSTOM, {0: 3.0, 1: 5.0}, {}, bounds=(-0.5, 1.0)),
        Wire(CUSTOM, {2: 8.0}, {}, bounds=(0.1, 1.0)),  # all in +Inf
        Wire(CUSTOM, {2: 5.0, 3: 3.0}, {}, bounds=(0.0, 1.0, 2.0, 2.5)),
    ]


# A minute's calls; the second method's bounds become eight times as wide on the way.
GROWN = {
    "steady": [Wire(3, {-20: 3.0, -19: 9.0, -12: 2.0}, {}, zero=1.0, zero_threshold=1e-6)] * 40,
    "wider": [Wire(3, {-24: 5.0, -20: 4.0, 3: 1.0}, {})] * 21
    + [Wire(0, {-2: 9.0, 1: 1.0}, {})] * 19,
}


def growing(now_ms: int, wires: Sequence[Wire]) -> bytes:
    """Encode a counter that has grown by each histogram in a minute, up to now."""
    written = b""
    for minute, one in enumerate(wires, start=1):
        same = sum(1 for earlier in wires[:minute] if earlier.schema == one.schema)
        total = one._replace(
            positive={index: same * count for index, count in one.positive.items()},
            zero=same * one.zero,
        )
        written += histogram(total, now_ms - MINUTE_MS * (len(wires) - minute))
    return written


@pytest.fixture(scope="module")
def live(prometheus3_bin, tmp_path_factory):
    """A Prometheus 3 that holds all histograms as ``h``; the source and the time."""
    now_ms = int(time.time()) * 1_000
    made = [
        series({"__name__": "h", "number": str(i)}, histogram(one, now_ms))
        for i, one in enumerate(all_histograms())
    ]
    both = [
        series({"__name__": "both"}, histogram(Wire(3, {1: 4.0}, {}), now_ms)),
        series({"__name__": "both_bucket", "le": "+Inf"}, sample(4.0, now_ms)),
        series({"__name__": "old_bucket", "le": "+Inf"}, sample(4.0, now_ms)),
        series({"__name__": "old_bucket", "le": "1"}, sample(3.0, now_ms)),
    ]
    grown = [
        series({"__name__": "grown", "method": method}, growing(now_ms, wires))
        for method, wires in GROWN.items()
    ]
    body = pa.compress(b"".join(grown + made + both), codec="snappy", asbytes=True)
    headers = {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
    headers["Content-Type"] = "application/x-protobuf"
    folder = tmp_path_factory.mktemp("native")
    flag = "--web.enable-remote-write-receiver"
    with run_prometheus(folder, {"global": {}}, flag, program=prometheus3_bin) as url:
        answer = requests.post(f"{url}/api/v1/write", body, headers=headers, timeout=30)
        assert answer.ok, answer.text
        yield open_source(url), now_ms


def varint(number: int) -> bytes:
    """Encode as Protocol Buffers do; negative numbers are 64 bits in two's complement."""
    number %= 1 << 64
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def field(number: int, value: bytes | float | int) -> bytes:
    """Encode one field by its type: bytes, double or varint."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(number << 3) + varint(value)


def series(labels: dict[str, str], written: bytes) -> bytes:
    """Encode one series of a WriteRequest (prompb/types.proto)."""
    pairs = [
        field(1, field(1, name.encode()) + field(2, value.encode()))
        for name, value in sorted(labels.items())
    ]
    return field(1, b"".join(pairs) + written)


def sample(value: float, at_ms: int) -> bytes:
    """Encode a float sample."""
    return field(2, field(1, value) + field(2, at_ms))


def histogram(one: Wire, at_ms: int) -> bytes:
    """Encode a histogram with float counts."""

    def zigzag(number: int) -> int:
        return number << 1 ^ number >> 63

    def side(buckets: dict[int, float], spans: int, counts: int) -> bytes:
        encoded, end = b"", 0
        for index in sorted(buckets):
            encoded += field(spans, field(1, zigzag(index - end)) + field(2, 1))
            end = index + 1
        packed = struct.pack(f"<{len(buckets)}d", *(buckets[index] for index in sorted(buckets)))
        return encoded + field(counts, packed) if buckets else b""

    total = math.nan if one.not_a_number else 1.0
    encoded = field(2, one.count) + field(3, total) + field(4, zigzag(one.schema))
    if one.schema != CUSTOM:
        encoded += field(5, one.zero_threshold) + field(7, one.zero)
    encoded += side(one.negative, 8, 10) + side(one.positive, 11, 13) + field(15, at_ms)
    if one.bounds:
        encoded += field(16, struct.pack(f"<{len(one.bounds)}d", *one.bounds))
    return field(4, encoded)


@pytest.mark.server
def test_quantiles_are_those_of_a_real_prometheus(live):
    """Every kind of histogram, levels at and between the ends of buckets."""
    source, at_ms = live
    ours = {
        dict(labels)["number"]: one for labels, one in native_histograms(source, "h", at_ms).items()
    }
    assert len(ours) == len(all_histograms())
    for q in (*LEVELS, -0.1, 1.1, math.nan):
        asked = f"histogram_quantile({float(q)!r}, h)"
        frame = source.range_query(asked, at_ms, at_ms, 1_000)
        for labels, (theirs,) in zip(frame.labels, frame.values, strict=True):
            number = dict(labels)["number"]
            assert ours[number].prometheus_quantile(float(q)) == pytest.approx(
                theirs, rel=1e-9, abs=1e-300, nan_ok=True
            ), (number, q, all_histograms()[int(number)])


@pytest.mark.server
def test_what_the_server_says_lies_in_the_bracket(live):
    """The estimate, too, wherever the bracket has two ends."""
    source, at_ms = live
    checked = 0
    for one in native_histograms(source, "h", at_ms).values():
        for q in np.linspace(0.013, 0.987, 20):
            found = one.quantile(float(q))
            if np.isfinite([found.low, found.high]).all():
                assert found.low <= found.prometheus <= found.high
                assert found.low <= found.estimate <= found.high
                checked += 1
    assert checked > 1_000


@pytest.mark.server
def test_what_a_source_has_of_a_metric(live):
    """Both, one or none, told in a sentence; matchers choose among series."""
    source, at_ms = live
    assert layouts(source, "both", at_ms)[:2] == (True, True)
    assert layouts(source, "old", at_ms)[:2] == (True, False)
    assert layouts(source, "h", at_ms)[:2] == (False, True)
    assert layouts(source, "nothing", at_ms)[:2] == (False, False)
    assert layouts(source, "h", at_ms, matchers='number="none"')[:2] == (False, False)
    assert layouts(source, "old", at_ms, matchers='le="2"')[:2] == (False, False)
    said = [layouts(source, name, at_ms).sentence for name in ("both", "old", "h", "nothing")]
    assert said == [
        "both has classic buckets and native histograms.",
        "old has classic buckets, and no native histograms.",
        "h has native histograms, and no classic buckets.",
        "nothing has neither classic buckets nor native histograms.",
    ]


@pytest.mark.server
def test_only_histograms_are_read_and_the_query_is_accounted(live):
    """Floats are left out; a range is refused by name; the cost is in the provenance."""
    source, at_ms = live
    assert native_histograms(source, "old_bucket", at_ms) == {}
    everything = native_histograms(source, '{__name__=~"both.*"}', at_ms)
    assert [dict(labels)["__name__"] for labels in everything] == ["both"]
    assert source.provenance()["queries"][-1]["series"] == 1
    with pytest.raises(BadInput, match="gives a matrix"):
        native_histograms(source, "h[5m]", at_ms)


@pytest.mark.server
def test_counts_over_time_are_those_of_a_real_prometheus(live):
    """Spans of five minutes: quantiles of each, and how many there were."""
    source, now_ms = live
    step_ms = 5 * MINUTE_MS
    start_ms = now_ms - 38 * MINUTE_MS
    history = native_history(source, "grown", start_ms, now_ms, by=["method"], step_ms=step_ms)
    assert history.names == ("steady", "wider")
    assert len(history.ends_ms) >= 6
    increase = "sum by (method) (increase(grown[5m]))"
    for expr, q in [(f"histogram_quantile({q}, {increase})", q) for q in (0.23, 0.45, 0.95)]:
        told = source.range_query(expr, int(history.ends_ms[0]), now_ms, step_ms)
        for group, name in enumerate(history.names):
            row = told.values[[dict(one)["method"] for one in told.labels].index(name)]
            for span in range(len(history.ends_ms)):
                known = history.histogram([group], np.arange(len(history.ends_ms)) == span)
                found = histogram_quantile(known, q)
                assert found.low <= row[span] * (1 + 1e-9) and row[span] <= found.high * (1 + 1e-9)
    counts = source.range_query(
        f"histogram_count({increase})", int(history.ends_ms[0]), now_ms, step_ms
    )
    np.testing.assert_allclose(history.counts, counts.values, rtol=1e-9)
    # Merged, a narrow bound inside a wide bucket with calls is unknown; elsewhere nothing is lost.
    wide = history.histogram([1])
    assert wide.count == pytest.approx(counts.values[1].sum())
    inside = (wide.upper_bounds > 2.0**-3 + 1e-9) & (wide.upper_bounds < 2.0**-2 - 1e-9)
    assert not inside.any()
    narrow = history.histogram([1], history.ends_ms < history.ends_ms[3])
    assert ((narrow.upper_bounds > 2.0**-3) & (narrow.upper_bounds < 2.0**-2)).any()
    assert any("layouts differ" in note for note in wide.notes)


def test_an_answer_is_read_as_the_api_writes_it():
    """Histograms by their labels, as they stand in the answer; notices stay in the envelope."""
    one = written((0, 1, 2, 5))
    items = [
        {"metric": {"__name__": "h", "pod": "a"}, "histogram": [1.5, one]},
        {"metric": {"__name__": "x"}, "value": [1.5, "3"]},
    ]
    answer = {"data": {"resultType": "vector", "result": items}, "infos": ["so"]}
    envelope, found = decode_native(json.dumps(answer).encode(), "h")
    assert found == [((("__name__", "h"), ("pod", "a")), [(1_500, one)])]
    assert envelope["infos"] == ["so"]
    answer["data"] = {"resultType": "scalar", "result": [1.5, "3"]}
    with pytest.raises(BadInput, match="'3' gives a scalar"):
        decode_native(json.dumps(answer).encode(), "3")


def test_a_recording_holds_floats_only(memory_source, series_of):
    """What has no native histograms says so; classic buckets are found none the less."""
    source = memory_source([series_of('x_bucket{le="+Inf"}', "1 2 3")])
    told = layouts(source, "x", 60_000)
    assert told[:2] == (True, False)
    assert told.sentence == (
        "x has classic buckets here; a recording holds no native histograms, only floats."
    )
    assert layouts(source, "y", 60_000).sentence.startswith("y has no buckets here; a recording")
    with pytest.raises(BadInput, match="only be asked of a live server"):
        native_histograms(source, "x", 60_000)


def written(*buckets: tuple[int, float, float, float], total: float = 1.0) -> dict:
    """Write a histogram as the API does: numbers are strings."""
    rows = [[rule, str(low), str(high), str(n)] for rule, low, high, n in buckets]
    count = sum(n for *_, n in buckets)
    return {"count": str(count), "sum": str(total)} | ({"buckets": rows} if rows else {})


def test_the_bracket_holds_the_quantile_of_the_sample():
    """Exponential buckets of random samples, also negative ones, at every rank."""
    random = np.random.default_rng(5)
    for schema in (-1, 0, 2, 3):
        values = random.lognormal(-1, 1.5, 400) * random.choice([1, 1, 1, -1], 400)
        index = np.ceil(np.log2(np.abs(values)) * 2.0**schema)
        rows = []
        for sign, at in sorted(
            {(float(np.sign(v)), i) for v, i in zip(values, index, strict=True)}
        ):
            ends = 2.0 ** (np.array([at - 1, at]) / 2.0**schema)
            low, high = sorted(sign * ends)
            n = float(((index == at) & (np.sign(values) == sign)).sum())
            rows.append((0 if sign > 0 else 1, low, high, n))
        native = read_native(written(*sorted(rows, key=lambda row: row[1])), "h")
        assert not native.custom
        ordered = np.sort(values)
        for rank in range(1, 401, 9):
            found = native.quantile((rank - 0.5) / 400)
            assert found.low <= ordered[rank - 1] <= found.high
            assert found.ci_low <= found.low and found.high <= found.ci_high


def test_narrow_buckets_give_good_answers():
    """Schema 3 is good where classic buckets are too wide; few observations stay few."""
    edges = 2.0 ** (np.arange(-33, 25) / 8)
    shares = np.exp(-(np.log(edges / 0.2) ** 2))
    rows = [
        (0, low, high, round(1e5 * n))
        for low, high, n in zip(edges, edges[1:], shares, strict=False)
    ]
    many = read_native(written(*rows), "h").quantile(0.95)
    assert many.verdict == GOOD
    assert many.high / many.low == pytest.approx(2 ** (1 / 8))
    assert many.estimate == pytest.approx(many.prometheus, rel=0.02)
    few = read_native(written(*((rule, a, b, min(n, 2)) for rule, a, b, n in rows)), "h")
    assert few.quantile(0.99).verdict == FEW
    assert few.quantile(0.5, confidence=0.5).ci_high < few.quantile(0.5, confidence=0.99).ci_high


def test_estimates_below_zero_are_those_of_prometheus():
    """The curve through the buckets is one of logarithms, which end at 0."""
    rows = [(1, -4, -2, 10), (1, -2, -1, 30), (0, 1, 2, 30), (0, 2, 4, 10)]
    native = read_native(written(*rows), "h")
    assert native.quantile(0.3).estimate == native.prometheus_quantile(0.3) < -1
    assert native.quantile(0.7).estimate != native.prometheus_quantile(0.7)


def test_custom_buckets_are_the_classic_ones():
    """Converted classic buckets say what the classic ones do, however few of them are filled."""
    bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, math.inf]
    counts = [0, 0, 40, 0, 30, 900, 20, 0, 10]
    rows = [
        (0, low, high, n) for low, high, n in zip([0.0, *bounds], bounds, counts, strict=False) if n
    ]
    native = read_native(written(*rows), "h")
    assert native.custom
    for q in (0.01, 0.5, 0.9, 0.985):
        converted, classic = native.quantile(q), quantile(bounds, np.cumsum(counts), q)
        assert converted.prometheus == pytest.approx(classic.prometheus)
        assert (converted.low, converted.high) == (classic.low, classic.high)
        assert converted.verdict == classic.verdict
    assert native.quantile(0.5).verdict == WIDE
    beyond = native.quantile(0.995)
    # The last bucket that is not empty begins at 1 s.
    assert (beyond.verdict, beyond.low, beyond.high) == (BEYOND, 1.0, math.inf)
    assert math.isnan(beyond.estimate) and beyond.prometheus == 1.0


def test_which_bounds_are_exponential():
    """One schema for all buckets, on its grid; anything else was chosen by people."""
    assert not read_native(written((0, 1, 2, 5), (0, 4, 8, 5)), "h").custom
    assert not read_native(written((0, 1, 2**0.125, 5)), "h").custom
    assert not read_native(written((3, -0.001, 0.001, 5), (0, 0.25, 0.5, 1)), "h").custom
    assert read_native(written((0, 1, 2, 5), (0, 2, 8, 5)), "h").custom  # two widths
    assert read_native(written((0, 3, 6, 5)), "h").custom  # off the grid
    assert read_native(written((0, 0, 1, 5)), "h").custom
    assert read_native(written((3, -math.inf, 1, 5)), "h").custom
    assert read_native(written((0, 4, math.inf, 5)), "h").custom


def test_observations_that_are_no_number_count_as_infinite():
    """The count is above the sum of the buckets, and the sum is NaN."""
    one = written((0, 1, 2, 6), (0, 2, 4, 2), total=math.nan) | {"count": "10"}
    native = read_native(one, "h")
    assert native.quantile(0.75).high == 4
    assert native.quantile(0.9).verdict == BEYOND
    assert math.isnan(native.quantile(0.9).prometheus)


def test_an_empty_histogram_knows_nothing():
    """No observations: NaN and a sentence."""
    nothing = read_native(written(), "h").quantile(0.5)
    assert math.isnan(nothing.prometheus) and math.isnan(nothing.low)
    assert any("no observations" in note for note in nothing.notes)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"count": "1"}, "no native histogram"),
        ({"count": "1", "sum": "x"}, "no native histogram"),
        ({"count": "1", "sum": "1", "buckets": [[0, "1", "2"]]}, "no native histogram"),
        (written((0, 2, 1, 1)), "not in order"),
        (written((0, 2, 4, 1), (0, 1, 2, 1)), "not in order"),
        (written((7, 1, 2, 1)), "not in order"),
        (written((0, 1, 2, -1)), "below 0"),
    ],
)
def test_bad_histograms_are_named(wrong, said):
    """Each refusal names the series."""
    with pytest.raises(BadInput, match=said) as refused:
        read_native(wrong, 'h{pod="a"}')
    assert str(refused.value).startswith('h{pod="a"}: ')
