"""Findings: readable for people, strict JSON for machines, in one output."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from alertlab.report import Finding, findings, publish
from alertlab.report.findings import RESULT_MIME, findings_html, to_json
from alertlab.units import Interval


class Source:
    """The least that publish needs of a source."""

    def provenance(self):
        return {"kind": "recording", "synthetic": True}


@pytest.fixture
def published(monkeypatch):
    """Publish and return the bundle that the notebook would show."""

    def act(found, numbers):
        shown = []
        monkeypatch.setattr(findings, "display", shown.append)
        publish(found, numbers, Source())
        (one,) = shown
        return one._repr_mimebundle_()

    return act


def test_one_output_for_people_and_machines(published):
    """The bundle holds findings by urgency, numbers and provenance, and HTML of the same."""
    bundle = published(
        [
            Finding("quiet-rule", "info", "never fired"),
            Finding("false-pages", "action", "14 pages", "raise it", {"pages": np.int64(14)}),
        ],
        {"recall": Interval(0.5, np.nan, 1.0)},
    )
    assert bundle[RESULT_MIME] == {
        "findings": [
            {
                "id": "false-pages",
                "severity": "action",
                "title": "14 pages",
                "detail": "raise it",
                "numbers": {"pages": 14},
            },
            {
                "id": "quiet-rule",
                "severity": "info",
                "title": "never fired",
                "detail": "",
                "numbers": {},
            },
        ],
        "numbers": {"recall": {"low": 0.5, "mid": None, "high": 1.0, "confidence": 0.95}},
        "provenance": {"kind": "recording", "synthetic": True},
    }
    items = BeautifulSoup(bundle["text/html"], "html.parser").find_all("li")
    assert [item["id"] for item in items] == ["finding-false-pages", "finding-quiet-rule"]
    assert bundle["text/plain"] == "action  14 pages\ninfo    never fired"


def test_nothing_found(published):
    """No finding is an answer too."""
    assert "Nothing was found" in published([], {})["text/html"]


def test_hostile_findings_are_text():
    """A label value in a title makes no element."""
    hostile = "<script>alert(1)</script>"
    soup = BeautifulSoup(findings_html([Finding("x", "ok", hostile, hostile)]), "html.parser")
    assert soup.script is None
    assert soup.get_text().count(hostile) == 2


def test_ids_differ():
    """One id names one matter."""
    with pytest.raises(ValueError, match="used twice: x"):
        publish([Finding("x", "ok", "a"), Finding("x", "info", "b")], {}, Source())


@pytest.mark.parametrize("bad", ["", "Two Words", "UPPER", "a--b", "<b>", "-a"])
def test_id_is_a_slug(bad):
    """An id can stand in an address and a file name."""
    with pytest.raises(ValueError, match="slug"):
        Finding(bad, "ok", "t")


def test_severity_is_known():
    """Four severities, no more."""
    with pytest.raises(ValueError, match="action, warning, info, ok"):
        Finding("x", "critical", "t")


JSON = [
    ("nan", float("nan"), None),
    ("infinity", np.inf, None),
    ("numpy_float", np.float64(1.5), 1.5),
    ("numpy_bool", np.True_, True),
    ("array", np.array([1.0, np.nan]), [1.0, None]),
    ("missing_time", pd.NaT, None),
    ("missing", pd.NA, None),
    ("time", pd.Timestamp("2026-03-01T08:00Z"), "2026-03-01T08:00:00Z"),
    ("datetime", datetime(2026, 3, 1, 8, tzinfo=UTC), "2026-03-01T08:00:00Z"),
    ("duration", pd.Timedelta("90s"), 90.0),
    ("set", {"b", "a"}, ["a", "b"]),
    ("nested", {1: (np.int32(2), {"x": float("-inf")})}, {"1": [2, {"x": None}]}),
]


@pytest.mark.parametrize(("value", "expected"), [c[1:] for c in JSON], ids=[c[0] for c in JSON])
def test_to_json(value, expected):
    """Values of the stages become the types of strict JSON."""
    assert to_json(value) == expected
    assert type(to_json(value)) is type(expected)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_is_always_strict(value):
    """No NaN or infinity reaches the file, however deep."""
    json.dumps(to_json(value), allow_nan=False)


def test_what_json_cannot_hold_is_named():
    """The place of a value of another type is told."""
    with pytest.raises(TypeError, match=r"result\.a\[1\] is a object"):
        to_json({"a": [1, object()]})
