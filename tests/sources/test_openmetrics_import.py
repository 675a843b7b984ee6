"""OpenMetrics and Prometheus text: what is read, what is refused and where, what is put right."""

from __future__ import annotations

import math
from io import StringIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_fd_to_metric_families

from alertlab.errors import BadInput
from alertlab.sources import Recording, openmetrics_import
from alertlab.sources.openmetrics_import import import_openmetrics
from alertlab.units import DAY_MS, format_labels, label_set

DAY = 20_000 * DAY_MS
SECOND = DAY // 1000

OPENMETRICS = f"""\
# HELP requests Requests.
# TYPE requests counter
# UNIT requests requests
requests_total{{code="200",path="/a b"}} 3 {SECOND}
requests_total{{code="200",path="/a b"}} 4.5e1 {SECOND + 15}.5
requests_total{{path="\\"q\\" \\\\ \\n é,}}",code="500"}} +Inf {SECOND}.0009
# TYPE latency histogram
latency_bucket{{le="1.0"}} 7 {SECOND} # {{trace_id="x y"}} 0.3 {SECOND}.1
latency_bucket{{le="+Inf"}} 8 {SECOND} # {{}} 1.5
latency_created 17 {SECOND}
# TYPE "my.gauge" gauge
{{"my.gauge","a.b"="c"}} NaN 1.7278272e9
plain -0 {SECOND}
# EOF
"""
PROMETHEUS = f"""\
# A comment, then tabs, blanks, an empty line and no label.

 requests_total {{ code = "200", }}\t 3   {DAY}
requests_total{{code="200"}} 4 {DAY + 250}
plain\t-Inf {DAY + 1}
# TYPE plain gauge
"""


def imported(folder, text, name="metrics.txt"):
    """Import a text; gives its samples by series as [(time since DAY [ms], value)], and notices."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    done = import_openmetrics(folder / name, folder / "rec")
    kept = Recording.open(folder / "rec")
    found = kept.series('{__name__!=""}', kept.start_ms, kept.end_ms)
    samples = {
        format_labels(one.labels): list(
            zip((one.times - DAY).tolist(), one.values.tolist(), strict=True)
        )
        for one in found
    }
    return samples, done.notices


def test_openmetrics_is_read(tmp_path):
    """Labels with escapes and in any order, exemplars, suffixes, quoted names, odd values."""
    samples, notices = imported(tmp_path, OPENMETRICS)
    ((_, nan),) = samples.pop('my.gauge{a.b="c"}')
    ((_, zero),) = samples.pop("plain")
    assert math.isnan(nan) and math.copysign(1, zero) == -1
    assert samples == {
        'requests_total{code="200", path="/a b"}': [(0, 3.0), (15_500, 45.0)],
        # Prometheus cuts off what is finer than a millisecond.
        'requests_total{code="500", path="\\"q\\" \\\\ \\n é,}"}': [(0, math.inf)],
        'latency_bucket{le="1.0"}': [(0, 7.0)],
        'latency_bucket{le="+Inf"}': [(0, 8.0)],
        "latency_created": [(0, 17.0)],
    }
    assert notices == ()


def test_prometheus_text_is_read(tmp_path):
    """Without # EOF times are milliseconds; white space is free."""
    samples, notices = imported(tmp_path, PROMETHEUS)
    assert samples == {
        'requests_total{code="200"}': [(0, 3.0), (250, 4.0)],
        "plain": [(1, -math.inf)],
    }
    assert notices == ()


def test_the_origin_names_format_and_file(tmp_path):
    """And a foreign file is not held for synthetic."""
    imported(tmp_path, OPENMETRICS)
    meta = Recording.open(tmp_path / "rec").meta
    assert (meta["origin"], meta["synthetic"]) == ("OpenMetrics imported from metrics.txt", False)
    imported(tmp_path, PROMETHEUS)
    origin = Recording.open(tmp_path / "rec").meta["origin"]
    assert origin == "Prometheus text imported from metrics.txt"


def test_lines_may_end_like_on_windows_and_without_an_end(tmp_path):
    """Carriage returns belong to the line's end; the last line needs none."""
    windows = OPENMETRICS.replace("\n", "\r\n")
    plain = imported(tmp_path, OPENMETRICS)
    assert repr(imported(tmp_path, windows)) == repr(plain)
    assert repr(imported(tmp_path, OPENMETRICS.rstrip())) == repr(plain)


@pytest.mark.parametrize("size", [1, 40, 200])
def test_blocks_are_cut_between_lines(tmp_path, monkeypatch, size):
    """Wherever a block of bytes ends, whole lines are read, and counted."""
    whole = imported(tmp_path, OPENMETRICS)
    monkeypatch.setattr(openmetrics_import, "_BLOCK_BYTES", size)
    assert repr(imported(tmp_path, OPENMETRICS)) == repr(whole)
    with pytest.raises(BadInput, match=r"metrics\.txt:13: 'x' is not a number"):
        imported(tmp_path, OPENMETRICS.replace("plain -0", "plain x"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a 1", ":2: the sample has no timestamp"),
        ('a{x="y z"} 1', ":2: the sample has no timestamp"),
        ('a{x="1 2"} 3', ":2: the sample has no timestamp"),
        (f"a one {SECOND}", ":2: 'one' is not a number"),
        (f"a 0x1p3 {SECOND}", ":2: '0x1p3' is not a number"),
        ("a 1 now", ":2: 'now' is not a number"),
        ("a 1 NaN", ":2: nan is no timestamp"),
        (f"a 1 {DAY}", f":2: {DAY} is no timestamp: the file ends with # EOF"),
        (f'a{{x="y}} 1 {SECOND}', ":2: 'a{x="),
        (f"a{{x}} 1 {SECOND}", ":2: label x has no value"),
        (f'a{{x="1",x="2"}} 1 {SECOND}', ":2: label x has no value or stands twice"),
        (f'{{x="1"}} 1 {SECOND}', ":2: .* has no metric name"),
        (f'a{{1x="1"}} 1 {SECOND}', ":2: .* is not a list of labels"),
        (f"a-b 1 {SECOND}", ":2: 'a-b 1"),
        (f"a 1 {SECOND} 5", ":2: .* is not a sample"),
        ("just words", ":2: "),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, line, said):
    """One sentence with file and line, and no recording."""
    with pytest.raises(BadInput, match=said):
        imported(tmp_path, f"ok 1 {SECOND}\n{line}\nok 2 {SECOND + 1}\n# EOF\n")
    assert not (tmp_path / "rec").exists()


def test_bytes_that_are_no_text(tmp_path):
    """Are refused with their line."""
    with pytest.raises(BadInput, match=r"metrics\.txt:2: .*utf-8"):
        imported(tmp_path, b'a 1 5\na{x="\xff"} 1 5\n# EOF\n')


@pytest.mark.parametrize("seconds", [str(SECOND), f"{SECOND}.5", f"{DAY}.5", "NaN"])
def test_seconds_without_the_end_are_no_milliseconds(tmp_path, seconds):
    """A cut OpenMetrics file would lie in 1970; it is refused."""
    with pytest.raises(
        BadInput, match=r"metrics\.txt:1: .* whole milliseconds; if they are seconds"
    ):
        imported(tmp_path, f"a 1 {seconds}\n")


@pytest.mark.parametrize("text", ["", "# EOF\n", "# TYPE a gauge\n"])
def test_nothing_to_import(tmp_path, text):
    """A file without samples makes no recording."""
    with pytest.raises(BadInput, match="no sample"):
        imported(tmp_path, text)


def test_no_such_file(tmp_path):
    """Is one sentence."""
    with pytest.raises(BadInput, match=r"the OpenMetrics file .+ does not exist"):
        import_openmetrics(tmp_path / "none", tmp_path / "rec")


@pytest.mark.parametrize("size", [1, 30, 1 << 20])
def test_disorder_is_sorted_and_told(tmp_path, monkeypatch, size):
    """By series and time, over midnight; the first line that steps back is named."""
    monkeypatch.setattr(openmetrics_import, "_BLOCK_BYTES", size)
    text = "".join(f"a {n} {SECOND + n}\n" for n in (5, 3, 4, -2, 9)) + "# EOF\n"
    samples, notices = imported(tmp_path, text)
    assert samples == {"a": [(n * 1000, float(n)) for n in (-2, 3, 4, 5, 9)]}
    (notice,) = notices
    assert notice.startswith(f"{tmp_path / 'metrics.txt'}:2: from here on 3 samples are out of ")


def test_repeated_samples_are_kept_once(tmp_path):
    """The same again is harmless; another value at the same time is told with both values."""
    text = f"a 1 {SECOND}\na 1 {SECOND}\nb 2 {SECOND}\nb 3 {SECOND}\nb 2 {SECOND}\n# EOF\n"
    samples, notices = imported(tmp_path, text)
    assert samples == {"a": [(0, 1.0)], "b": [(0, 2.0)]}
    repeated, contradicting = notices
    assert ":2: from here on 2 samples are said twice" in repeated
    assert ":4: 1 sample is of a time that already has another value" in contradicting
    assert "b at 2024-10-04T00:00:00Z is 3 after 2" in contradicting


def test_progress_is_told_in_bytes(tmp_path, monkeypatch):
    """All of them, block by block."""
    monkeypatch.setattr(openmetrics_import, "_BLOCK_BYTES", 64)
    (tmp_path / "m").write_text(OPENMETRICS)
    sizes = []
    import_openmetrics(tmp_path / "m", tmp_path / "rec", advance=sizes.append)
    assert sum(sizes) == len(OPENMETRICS.encode()) and len(sizes) > 5


label_values = st.text(st.characters(codec="utf-8"), max_size=8)
names = st.sampled_from(["a", "b:c", "d_total", "e f", "한"])
lines = st.tuples(
    names,
    st.dictionaries(st.sampled_from(["x", "y_2", "z.z"]), label_values),
    st.one_of(st.floats(), st.integers(-9, 9).map(float)),
    st.integers(0, 3 * DAY_MS),
)


def _line(name, labels, value, time_ms) -> str:
    texts = []
    for key, text in labels.items():
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        texts.append(f'{key if "." not in key else chr(34) + key + chr(34)}="{escaped}"')
    if name.isascii() and " " not in name:
        series = f"{name}{{{','.join(texts)}}}"
    else:
        series = f"{{{','.join([chr(34) + name + chr(34), *texts])}}}"
    return f"{series} {value!r} {(DAY + time_ms) / 1000:.3f}"


@settings(deadline=None, max_examples=50)
@given(st.lists(lines, min_size=1, max_size=20))
def test_any_lines_come_back(tmp_path_factory, written):
    """The quick way and the careful way (which a trailing blank demands) read the same."""
    folder = tmp_path_factory.mktemp("om")
    text = "\n".join(_line(*one) for one in written)
    quick = imported(folder, f"{text}\n# EOF\n")
    careful = imported(folder, f"{text} \n# EOF\n")
    assert repr(quick) == repr(careful)
    expected = {}
    for name, labels, value, time_ms in written:
        kept = {"__name__": name} | {k: v for k, v in labels.items() if v}
        expected.setdefault(frozenset(kept.items()), {}).setdefault(time_ms, value)
    kept = Recording.open(folder / "rec")
    found = kept.series('{__name__!=""}', kept.start_ms, kept.end_ms)
    assert {frozenset(one.labels) for one in found} == set(expected)
    for one in found:
        wanted = sorted(expected[frozenset(one.labels)].items())
        assert (one.times - DAY).tolist() == [time for time, _ in wanted]
        np.testing.assert_array_equal(one.values, [value for _, value in wanted])


def test_prometheus_clients_own_parser_agrees(tmp_path):
    """On what it accepts (neither quoted names nor half a histogram): labels, times, values."""
    lines = OPENMETRICS.splitlines(keepends=True)
    odd = ("# UNIT", "my.gauge", "# {}", "latency")
    text = "".join(line for line in lines if not any(one in line for one in odd))
    imported(tmp_path, text)
    kept = Recording.open(tmp_path / "rec")
    ours = {
        (one.labels, time, value)
        for one in kept.series('{__name__!=""}', kept.start_ms, kept.end_ms)
        for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
    }
    theirs = {
        (
            label_set({"__name__": one.name} | one.labels),
            int(float(one.timestamp) * 1000),
            one.value,
        )
        for family in text_fd_to_metric_families(StringIO(text))
        for one in family.samples
    }
    assert ours == theirs and len(ours) == 4
