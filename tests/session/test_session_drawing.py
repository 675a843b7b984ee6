"""What is drawn: nothing is thinned away, nothing breaks out of the text, words stand beside it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_history import DAYS, START_MS

from alertlab.incidents import HARMLESS
from alertlab.report.answers import scorecard_table
from alertlab.session import drawing, picture, views, words
from alertlab.session.axes import Axis, number_ticks, power_ticks, time_ticks
from alertlab.session.drawing import Stretch, thin, timeline, trade_off
from alertlab.tuning import Span
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>&'
SVG = "{http://www.w3.org/2000/svg}"


@given(
    values=st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=1, max_size=200),
    columns=st.integers(1, 60),
    first=st.integers(-50, 50),
    data=st.data(),
)
def test_thinning_keeps_extremes(values, columns, first, data) -> None:
    """Each column has the lowest and highest value that falls into it, and no other column is."""
    times = START_MS + 1000 * np.cumsum(
        data.draw(st.lists(st.integers(1, 9), min_size=len(values), max_size=len(values)))
    )
    start, end = START_MS + 1000 * first, START_MS + 1000 * (first + 150)
    at, low, high = thin(times, np.array(values), start, end, columns)
    expected: dict[int, list[float]] = {}
    for moment, value in zip(times.tolist(), values, strict=True):
        if start <= moment < end and not np.isnan(value):
            expected.setdefault((moment - start) * columns // (end - start), []).append(value)
    assert at.tolist() == sorted(expected)
    assert low.tolist() == [min(expected[i]) for i in sorted(expected)]
    assert high.tolist() == [max(expected[i]) for i in sorted(expected)]
    assert all(0 <= i < columns for i in at)


def drawn(session, shown: Span | None = None) -> ET.Element:
    """The timeline of a session, parsed."""
    svg, _ = views.timeline_view(session, shown or session.span)
    return ET.fromstring(svg)


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in root.iter() if one.get("class") == name]


def test_timeline_shows_what_follows(session) -> None:
    """A mark per stretch of firing and per page, a line at the threshold, words beside it."""
    root = drawn(session)
    assert len(of_class(root, "al-firing")) == len(session.effect.firing_ms) == 14
    titles = [one[0].text for one in of_class(root, "al-page")]
    assert sorted(titles[:14]) == ["1 false page"] * 12 + ["1 page"] * 2
    assert "12 of them in no incident" in root.get("aria-label")
    assert root.get("role") == "img" and root.find(f"{SVG}desc").text in root.get("aria-label")
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert {"threshold > 5", "incidents", "firing", "pages", "10-06 00:00"} <= set(texts)
    [line] = of_class(root, "al-threshold")
    session.turn("threshold", 9.0)
    [moved] = of_class(drawn(session), "al-threshold")
    heights = [float(re.match(r"M\d+ ([\d.]+)", one.get("d"))[1]) for one in (line, moved)]
    assert heights[0] > heights[1]
    assert len(of_class(drawn(session), "al-firing")) == 2


def test_part_of_the_time(session) -> None:
    """A day has the marks of that day."""
    day = Span(START_MS + DAY_MS, START_MS + 2 * DAY_MS)
    assert len(of_class(drawn(session, day), "al-firing")) == 4


def test_fates(session) -> None:
    """Caught, missed, of other rules, harmless: each looks otherwise and says what it is."""
    session.mark("2024-10-04 09:30", "2024-10-04 11:00", severity=HARMLESS)
    session.turn("hold_duration_ms", 30 * MINUTE_MS)
    boxes = {
        one[0].text: {k: v for k, v in one.attrib.items() if k not in ("x", "width")}
        for one in drawn(session).iter(f"{SVG}rect")
        if len(one)
    }
    assert {"first: missed", "elsewhere: not owed", "2024-10-04-0030: harmless"} <= set(boxes)
    session.setting = session.trial.current
    boxes |= {
        one[0].text: {k: v for k, v in one.attrib.items() if k not in ("x", "width")}
        for one in drawn(session).iter(f"{SVG}rect")
        if len(one)
    }
    looks = [boxes[name] for name in ("first: missed", "first: caught", "elsewhere: not owed",
                                      "2024-10-04-0030: harmless")]  # fmt: skip
    assert len({tuple(sorted(look.items())) for look in looks}) == 4


def test_nothing_breaks_out(session) -> None:
    """Ids, units and words are text, whatever they hold."""
    effect = session.effect
    svg = timeline(
        np.array([START_MS]), np.array([1.0]), effect,
        [Stretch(HOSTILE, START_MS, START_MS + HOUR_MS, "missed")],
        session.span, op=">", unit=HOSTILE, time_zone="UTC", words=HOSTILE,
    )  # fmt: skip
    root = ET.fromstring(svg)
    assert not [one for one in root.iter() if one.tag.endswith(("script", "img"))]
    assert root.get("aria-label") == f"Timeline. {HOSTILE}"
    assert f"{HOSTILE}: missed" in [one.text for one in root.iter(f"{SVG}title")]
    session.yardstick.incidents.loc[:, "id"] = [HOSTILE, f"{HOSTILE}2", f"{HOSTILE}3"]
    session.choose_rule(0)
    session.turn("hold_duration_ms", 30 * MINUTE_MS)
    for html in (views.scorecard_view(session), picture(session).html):
        assert "<script" not in html and "&lt;script&gt;" in html


def test_infinite_and_absent_values(session) -> None:
    """They neither break the scale nor the line."""
    times = START_MS + MINUTE_MS * np.arange(4)
    for line in (np.array([np.inf, 1, np.nan, -np.inf]), np.full(4, np.nan)):
        svg = timeline(
            times, line, session.effect, [], Span(START_MS, START_MS + DAY_MS),
            op=">", unit="s", time_zone="UTC", words="w",
        )  # fmt: skip
        assert "nan" not in svg and "inf" not in svg
        ET.fromstring(svg)


def test_near_pages_are_counted_together(session) -> None:
    """One cross for ten pages within minutes, with their number."""
    near = START_MS + HOUR_MS + MINUTE_MS * np.arange(10)
    effect = replace(session.effect, pages_ms=near, incident=np.full(10, -1))
    marks = drawing._page_marks(effect, Axis(START_MS, START_MS + DAYS * DAY_MS, 78, 946), 10.0)
    assert len(marks) == 1
    assert "10 false pages" in marks[0] and ">10<" in marks[0]


def test_trade_off_moves_with_the_setting(session) -> None:
    """The star stays, the ring moves; the points are those of the curve."""
    before = ET.fromstring(views.trade_off_view(session))
    session.turn("threshold", 9.0)
    after = ET.fromstring(views.trade_off_view(session))
    star = [of_class(one, "al-current")[0].get("points") for one in (before, after)]
    ring = [of_class(one, "al-chosen")[0].attrib for one in (before, after)]
    assert star[0] == star[1]
    assert float(ring[0]["cx"]) > float(ring[1]["cx"]) and ring[0]["cy"] == ring[1]["cy"]
    assert "2 of 2 incidents caught at 21.0 false alarms a week; chosen: 2 at 0.0" in after.get(
        "aria-label"
    )


def test_trade_off_of_nothing() -> None:
    """An empty curve is a chart without points, not an error."""
    empty = pd.DataFrame({"threshold": [], "false_rises_per_week": [], "detected": [], "owed": []})
    ET.fromstring(trade_off(empty, (0.0, 0), (0.0, 0), words="none"))


def test_without_owed_incidents_a_sentence(open_session) -> None:
    """There is nothing to trade."""
    session = open_session("OnAverage")
    session.yardstick.incidents.loc[:, "should_alert"] = [("Other",)] * 3
    session.choose_rule(1)
    assert "nothing to trade" in views.trade_off_view(session)


def test_picture(session, open_session) -> None:
    """A still image inside the page with words, and the scorecard; or why there is none."""
    shown = picture(session)
    assert re.search(
        r'<img src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+" alt="At the thr', shown.html
    )
    assert "errors &gt; 5" in shown.html and "<table" in shown.html
    assert "false pages a week" in shown.text and "chosen" not in shown.text
    session.turn("threshold", 9.0)
    assert "chosen" in picture(session).text
    assert "cannot be tuned" in picture(open_session("Always")).text


def test_scorecard(session) -> None:
    """Both settings side by side, doubt included; a dash for what nobody can know."""
    current = session.effect.score
    session.turn("threshold", 9.0)
    card = scorecard_table({"as written": current, "chosen": session.effect.score})
    card = card.set_index("measure")
    assert card.loc["threshold"].tolist() == ["5", "9"]
    assert card.loc["for"].tolist() == ["2m", "2m"]
    assert card.loc["window"].tolist() == ["–", "–"]
    assert card.loc["false pages a week", "as written"].startswith("21.0 (")
    assert card.loc["recall (incidents caught)", "chosen"].startswith("100% (")
    assert card.loc["missed"].tolist() == ["none", "none"]
    said = words.verdict_words(current, session.effect.score)
    assert said == (
        "False pages: 21.0 a week as written, 0.0 chosen. Incidents caught: 2 and 2 of 2."
    )
    assert words.verdict_words(current, current) == "This is the rule as written."


def test_firing_stretches(session) -> None:
    """Stretches to look at, in the zone's time, with their pages."""
    found = words.firing_stretches(session.effect, "Asia/Seoul")
    assert len(found) == 14
    label, (start, end) = found[0]
    assert label == "10-04 10:02, 1m, 1 page, in no incident"
    assert (start, end) == tuple(session.effect.firing_ms[0])
    assert [said.endswith("in an incident") for said, _ in found].count(True) == 2


def test_flapping_is_one_stretch(session) -> None:
    """Firing that pauses for less than a quarter of an hour is looked at as one."""
    firing = START_MS + MINUTE_MS * np.array([[0, 5], [19, 22], [37, 40]])
    nowhere = np.array([-1, -1])
    effect = replace(session.effect, firing_ms=firing, pages_ms=firing[:2, 0], incident=nowhere)
    found = words.firing_stretches(effect, "UTC")
    assert [stretch for _, stretch in found] == [
        (START_MS, START_MS + 22 * MINUTE_MS),
        (START_MS + 37 * MINUTE_MS, START_MS + 40 * MINUTE_MS),
    ]
    assert found[0][0] == "10-04 00:00, 22m, 2 pages, in no incident"
    assert found[1][0] == "10-04 00:37, 3m, no page"


@given(low=st.floats(-1e4, 1e4), length=st.floats(1e-3, 1e4))
def test_number_ticks(low: float, length: float) -> None:
    """A few round numbers on the axis."""
    ticks = number_ticks(Axis(low, low + length, 0, 100))
    assert 1 <= len(ticks) <= 11
    assert all(low - length / 1e6 <= one <= low + length * 1.000001 for one in ticks)


def test_power_ticks() -> None:
    """From nothing on, apart from one another."""
    assert power_ticks(5) == [0, 1, 3]
    assert power_ticks(600)[0] == 0 and len(power_ticks(600)) < 9


@pytest.mark.parametrize(
    ("hours", "labels"),
    [
        (3, ["10-04 09:00", "10-04 09:30"]),
        (24, ["10-04 09:00", "10-04 12:00", "10-04 15:00"]),
        (24 * 28, ["10-05", "10-09"]),
    ],
)
def test_time_ticks(hours: int, labels: list[str]) -> None:
    """Round times of the zone, on whose midnights days begin."""
    found = time_ticks(START_MS, START_MS + hours * HOUR_MS, "Asia/Seoul")
    assert 2 <= len(found) <= 11
    assert set(labels) <= {label for _, label in found} or hours > 24
    assert all(at % HOUR_MS in (0, 30 * MINUTE_MS) for at, _ in found)
    if hours > 24:
        assert all((at + 9 * HOUR_MS) % DAY_MS == 0 for at, _ in found)


def test_days_of_23_hours() -> None:
    """Ticks stay at midnight when clocks change."""
    start = 1_743_200_000_000  # 2025-03-28 23:13 in Berlin
    found = time_ticks(start, start + 7 * DAY_MS, "Europe/Berlin")
    moments = pd.to_datetime([at for at, _ in found], unit="ms", utc=True).tz_convert(
        "Europe/Berlin"
    )
    assert set(moments.hour) == {0} and len(found) == 8
