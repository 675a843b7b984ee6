"""``--fail-on``: limits on the numbers of a JSON document."""

from __future__ import annotations

import math

import numpy as np
import pytest
import typer

from alertlab.cli.fail_on import Limit, crossed, leave, parse_limits
from alertlab.errors import BadInput

DOCUMENT = {
    "false_pages_per_week": {"low": 0.5, "mid": 1.25, "high": 3},
    "new_pages": 3,
    "counted": np.int64(4),
    "incidents": {"lost": ["a", "b"], "gained": []},
    "recall": {"new": None},
    "nothing": math.nan,
    "recommended": None,
    "rule": "A",
    "synthetic": True,
}


@pytest.mark.parametrize(
    ("text", "is_crossed"),
    [
        ("false_pages_per_week>1", True),  # the interval's mid counts
        ("false_pages_per_week>1.25", False),
        ("false_pages_per_week>=1.25", True),
        ("false_pages_per_week<1.26", True),
        ("false_pages_per_week<=1.25", True),
        ("false_pages_per_week<1.25", False),
        (" new_pages > 2 ", True),
        ("new_pages>-1e9", True),
        ("counted>3", True),
        ("incidents.lost>0", True),  # a list counts by its length
        ("incidents.gained>0", False),
        ("incidents.gained<1", True),
    ],
)
def test_what_crosses_a_limit(text: str, is_crossed: bool) -> None:
    """Each comparison, at its edge."""
    assert bool(crossed(parse_limits([text]), DOCUMENT)) is is_crossed


def test_the_sentence_tells_limit_and_number() -> None:
    """One sentence for each limit that is crossed, in the order given."""
    limits = parse_limits(["new_pages>2", "new_pages>9", "false_pages_per_week>1"])
    assert limits[0] == Limit("new_pages", ">", 2.0)
    assert crossed(limits, DOCUMENT) == [
        "--fail-on new_pages>2: new_pages is 3",
        "--fail-on false_pages_per_week>1: false_pages_per_week is 1.25",
    ]
    assert parse_limits(None) == []


@pytest.mark.parametrize("key", ["recall.new", "nothing", "recommended", "recommended.pages.x"])
def test_what_is_missing_crosses_nothing(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A number that is not known, or that belongs to what is not there, is told on stderr."""
    assert crossed(parse_limits([f"{key}<9", f"{key}>0"]), DOCUMENT) == []
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        f"--fail-on {key}{limit}: {key} is not known here" for limit in ("<9", ">0")
    ]


@pytest.mark.parametrize("key", ["pages", "rule", "incidents", "synthetic", "new_pages.mid", "a.b"])
def test_an_unknown_key_lists_the_known_ones(key: str) -> None:
    """Texts, truth values and what holds other things are no numbers."""
    with pytest.raises(BadInput) as error:
        crossed(parse_limits([f"{key}>1"]), DOCUMENT)
    known = (
        "counted, false_pages_per_week, incidents.gained, incidents.lost, new_pages, nothing, "
        "recall.new, recommended"
    )
    assert str(error.value) == f"--fail-on {key}>1: there is no number '{key}'; there are: {known}"


@pytest.mark.parametrize(
    "text", ["", "pages", ">1", "pages>", "pages=1", "pages>x", "pages>nan", "pages>inf", "a>1>2"]
)
def test_what_is_no_limit(text: str) -> None:
    """It is refused with an example."""
    with pytest.raises(BadInput, match="is no limit; write it like 'false_pages_per_week>1'"):
        parse_limits([text])


def test_leaving(capsys: pytest.CaptureFixture[str]) -> None:
    """With findings the command ends with 3, and they are on stderr; without it goes on."""
    leave([])
    with pytest.raises(typer.Exit) as end:
        leave(["one", "two"])
    assert end.value.exit_code == 3
    assert capsys.readouterr() == ("", "one\ntwo\n")
