"""Parameters as text: what they mean, and the words of refusals (more against a real server)."""

from __future__ import annotations

import pytest

from alertlab.serve.parameters import (
    FIRST_MS,
    LAST_MS,
    Form,
    quoted,
    read_duration,
    read_limit,
    read_time,
)


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("0", 0),
        ("1728003600.137", 1_728_003_600_137),
        ("1.0005", 1_000),
        ("-5.25", -5_250),
        ("-0.0006", -1),
        ("1e3", 1_000_000),
        ("2024-10-04T01:00:00Z", 1_728_003_600_000),
        ("2024-10-04T10:00:00.9999+09:00", 1_728_003_600_999),
        ("-292273086-05-16T16:47:06Z", FIRST_MS),
        ("292277025-08-18T07:12:54.999999999Z", LAST_MS),
        ("1e300", LAST_MS),
    ],
)
def test_times(text, time_ms):
    """Milliseconds; what Go calls the first and the last time is far enough away."""
    assert read_time(text) == time_ms


@pytest.mark.parametrize("text", ["", "now", "NaN", "Inf", "1_0", " 1", "2024-10-04", "1s"])
def test_no_times(text):
    """In Prometheus' words."""
    with pytest.raises(ValueError, match=f"^cannot parse {quoted(text)} to a valid timestamp$"):
        read_time(text)


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [("15", 15 * 10**9), ("1.5", 15 * 10**8), ("-1", -(10**9)), ("1h30m", 5_400 * 10**9), ("0", 0)],
)
def test_durations(text, duration_ns):
    """Nanoseconds of seconds, or of Prometheus' notation."""
    assert read_duration(text) == duration_ns


@pytest.mark.parametrize("text", ["", "soon", "1.5m", "1s1m", "-1s", " 1s", "300y"])
def test_no_durations(text):
    """In Prometheus' words."""
    with pytest.raises(ValueError, match=f"^cannot parse {quoted(text)} to a valid duration$"):
        read_duration(text)


def test_a_duration_beyond_all_bounds():
    """Has words of its own."""
    with pytest.raises(ValueError, match="It overflows int64"):
        read_duration("1e300")


@pytest.mark.parametrize(("text", "limit"), [("", 0), ("0", 0), ("7", 7), ("+7", 7)])
def test_limits(text, limit):
    """None is all."""
    assert read_limit(text) == limit


@pytest.mark.parametrize(
    ("text", "said"),
    [("x", "invalid syntax"), ("1.0", "invalid syntax"), ("-1", "non-negative"), ("9" * 20, "out")],
)
def test_no_limits(text, said):
    """In Go's words."""
    with pytest.raises(ValueError, match=said):
        read_limit(text)


def test_forms():
    """The first of several values counts; what is not there is empty."""
    form = Form({"query": ["a", "b"], "match[]": ["x", "y"]})
    assert (form.get("query"), form.get("time")) == ("a", "")
    assert (list(form.all("match[]")), list(form.all("other"))) == (["x", "y"], [])
