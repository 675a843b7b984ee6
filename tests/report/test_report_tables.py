"""Tables: what a cell says, and that people with and without eyes can read the whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from alertlab.report.tables import format_cell, table
from alertlab.units import Interval

HOSTILE = '<script>alert(1)</script> & "quoted" <b>'

CELLS = [  # id, value, format, text
    ("integer", 1234, None, "1,234"),
    ("whole_float", 14.0, None, "14"),
    ("three_digits", 12.345, None, "12.3"),
    ("rounding_keeps_zeros", 100.4, None, "100"),
    ("small", 0.00012, None, "1.20e-04"),
    ("zero", 0, None, "0"),
    ("infinite", -np.inf, None, "-∞"),
    ("missing_float", np.nan, None, "–"),
    ("missing_time", pd.NaT, "time", "–"),
    ("missing_integer", pd.NA, "number", "–"),
    ("missing_text", None, "code", "–"),
    ("flag", True, None, "yes"),
    ("ratio", 0.125, "ratio", "12.5%"),
    ("ratio_near_one", 0.99987, "ratio", "99.987%"),
    ("ratio_one", 1.0, "ratio", "100%"),
    ("ratio_near_zero", 1e-5, "ratio", "<0.1%"),
    ("milliseconds", 0.12, "seconds", "120 ms"),
    ("few_seconds", 1.25, "seconds", "1.2 s"),
    ("no_time", 0.0, "seconds", "0 s"),
    ("minutes", 94.3, "seconds", "1m34s"),
    ("duration", 90_000, "duration_ms", "1m30s"),
    ("timedelta", pd.Timedelta("90s"), None, "1m30s"),
    ("time", pd.Timestamp("2026-03-01T08:05:59Z"), None, "2026-03-01 08:05"),
    ("time_elsewhere", pd.Timestamp("2026-03-01T08:05+09:00"), None, "2026-02-28 23:05"),
    ("time_ms", 1_772_352_300_000, "time", "2026-03-01 08:05"),
    ("labels", (("__name__", "up"), ("job", "a")), "labels", 'up{job="a"}'),
    ("python_format", 3.14159, ".2f", "3.14"),
    ("function", 3, lambda value: f"{value} pods", "3 pods"),
    ("interval", Interval(9.5, 14, 19.1), None, "14 (9.5–19.1)"),
    ("interval_ratio", Interval(0.1, 0.2, 0.3), "ratio", "20% (10%–30%)"),
    ("interval_below_zero", Interval(-5, -3, 1), None, "-3 (-5 to 1)"),
    ("interval_without_doubt", Interval(np.nan, 2, np.nan), None, "2"),
    ("interval_missing", Interval(np.nan, np.nan, np.nan), None, "–"),
]


@pytest.mark.parametrize(
    ("value", "form", "text"), [c[1:] for c in CELLS], ids=[c[0] for c in CELLS]
)
def test_cell(value, form, text):
    """A cell says its value in the unit asked for, and a dash where there is none."""
    assert format_cell(value, form) == text


def parsed(frame, **options):
    return BeautifulSoup(table(frame, caption="pages", **options).html, "html.parser")


def test_table_is_accessible():
    """Caption, column heads with scope, and the first column as heads of the rows."""
    soup = parsed(pd.DataFrame({"rule": ["A", "B"], "pages": [1, 2]}))
    assert soup.caption.get_text() == "pages"
    assert [th.get_text() for th in soup.select('thead th[scope="col"]')] == ["rule", "pages"]
    assert [th.get_text() for th in soup.select('tbody th[scope="row"]')] == ["A", "B"]
    assert soup.select_one("[tabindex='0']")["aria-label"] == "pages"


def test_numbers_stand_right_and_text_left():
    """The side follows the kind of the column, unless align says otherwise."""
    frame = pd.DataFrame({"rule": ["A"], "n": [1], "doubt": [Interval(0, 1, 2)], "none": [None]})
    sides = [td["style"] for td in parsed(frame).select("tbody tr > *")]
    assert sides == [f"text-align:{side}" for side in ("left", "right", "right", "left")]
    turned = parsed(frame, align={"n": "left"}).select("tbody td")[0]
    assert turned["style"] == "text-align:left"


def test_named_index_is_the_first_column():
    """An index that means something is shown; a count of rows is not."""
    frame = pd.DataFrame({"pages": [1]}, index=pd.Index(["A"], name="rule"))
    assert [th.get_text() for th in parsed(frame).select("thead th")] == ["rule", "pages"]
    plain = parsed(frame.reset_index(drop=True))
    assert [th.get_text() for th in plain.select("thead th")] == ["pages"]


def test_empty_table_says_so():
    """A table without rows keeps its heads and says that there is nothing."""
    soup = parsed(pd.DataFrame({"rule": [], "pages": []}))
    assert soup.tbody.get_text() == "nothing to show"
    assert len(soup.select("thead th")) == 2


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1))
def test_any_text_stays_text(text):
    """Whatever a label holds, the page's reader gets exactly that text back."""
    shown = table(pd.DataFrame({text: [text]}), caption="c", formats={text: "text"})
    soup = BeautifulSoup(shown.html, "html.parser")
    assert soup.thead.get_text() == text
    assert soup.tbody.get_text() == text


def test_hostile_caption_is_text():
    """A caption goes into an attribute and an element, and leaves neither."""
    soup = BeautifulSoup(table(pd.DataFrame({"a": [1]}), caption=HOSTILE).html, "html.parser")
    assert soup.caption.get_text() == HOSTILE
    assert soup.select_one("[tabindex]")["aria-label"] == HOSTILE
    assert soup.script is None


def test_plain_text_lines_up():
    """Terminals get caption, heads and cells in columns."""
    frame = pd.DataFrame({"rule": ["A", "Long"], "pages": [10, np.nan]})
    assert repr(table(frame, caption="c")) == "c\nrule  pages\nA        10\nLong      –"


def test_same_frame_same_html():
    """Two runs give the same bytes, so that notebooks can be compared."""
    frame = pd.DataFrame({"rule": ["A"], "pages": [1.5]})
    assert table(frame, caption="c").html == table(frame, caption="c").html


@pytest.mark.parametrize("options", [{"formats": {"b": "ratio"}}, {"align": {"b": "left"}}])
def test_unknown_column_is_refused(options):
    """A format for a column that is not there is a slip, named with the columns there are."""
    with pytest.raises(ValueError, match="no column 'b'; it has: a"):
        table(pd.DataFrame({"a": [1]}), caption="c", **options)


def test_caption_is_required():
    """A table without a caption cannot be understood out of its place."""
    with pytest.raises(ValueError, match="needs a caption"):
        table(pd.DataFrame({"a": [1]}), caption=" ")
