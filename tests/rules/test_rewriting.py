"""Expressions written anew with some of their parts changed."""

from __future__ import annotations

import pytest

from alertlab.promql import parse, parse_selector
from alertlab.rules.parts import Part, parts_of
from alertlab.rules.rewriting import aggregated, grouping_of, rewritten, selecting


def without_change(part: Part, texts: list[str]) -> None:
    return None


@pytest.mark.parametrize(
    "expr",
    [
        "sum(rate(a[5m])) / sum(rate(b[5m])) > 0.5",
        "-(a + b) * 2",
        "sum by (x, y) (a) and max without (z) (b) >= 3",
        "sum without () (a)",
        "topk(3, a)",
        "quantile by (x) (0.5, a)",
        "a > bool 1",
        'label_replace(a, "x", "$1", "y", "(.*)") or vector(1)',
        'a{b="c", d=~"e.*"} offset 5m',
        "max_over_time(sum(rate(a[5m]))[1h:1m])",
        "time() - a @ 60",
        "a unless b",
    ],
)
def test_nothing_changed_means_the_same(expr: str) -> None:
    """Whatever it is made of."""
    assert parse(rewritten(parts_of(expr), without_change)).prettify() == parse(expr).prettify()


def test_inner_parts_come_first() -> None:
    """What is changed inside is in the texts that the outer part is given."""

    def change(part: Part, texts: list[str]) -> str | None:
        if part.kind == "VectorSelector":
            return f"{part.text}_total"
        return f"<{', '.join(texts)}>" if part.kind == "Call" else None

    assert rewritten(parts_of("abs(a) > -b"), change) == "<a_total> > -b_total"


@pytest.mark.parametrize("expr", ["a / on(x) b", "a * ignoring(x) group_left b", "sum(a - on() b)"])
def test_matched_operands_are_refused(expr: str) -> None:
    """A change may break what on() and ignoring() match."""
    assert rewritten(parts_of(expr), without_change) is None


def test_a_change_in_a_subquery_is_refused() -> None:
    """Its text is the parser's, so that a change would be lost."""

    def change(part: Part, texts: list[str]) -> str | None:
        return "b" if part.kind == "VectorSelector" else None

    assert rewritten(parts_of("max_over_time(abs(a)[1h:1m])"), change) is None
    assert rewritten(parts_of("max_over_time(abs(c)[1h:1m])"), without_change) is not None


@pytest.mark.parametrize(
    ("expr", "grouping"),
    [
        ("sum(a)", ("", [])),
        ("sum by (x, y) (a)", ("by", ["x", "y"])),
        ("sum(a) without (x)", ("without", ["x"])),
        ("sum without () (a)", ("without", [])),
    ],
)
def test_the_grouping_of_an_aggregation(expr: str, grouping: tuple[str, list[str]]) -> None:
    """And back: written out it is the same aggregation."""
    part = parts_of(expr)
    assert grouping_of(part) == grouping
    assert parse(aggregated(part.op, *grouping, ["a"])).prettify() == part.tree.prettify()


def test_by_nothing_is_no_grouping() -> None:
    """All series become one, as without any words."""
    assert aggregated("sum", "by", [], ["a"]) == "sum(a)"


@pytest.mark.parametrize(
    "selector", ['a{b="c"}', "a", '{b="c"}', '{__name__="a b"}', '{__name__=~"a.*", b="c"}']
)
def test_a_selector_as_people_write_it(selector: str) -> None:
    """The name before the braces where it can stand there."""
    assert selecting(parse_selector(selector)) == selector
