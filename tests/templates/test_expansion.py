"""Templates without a judge at hand: closed answers, and what is refused by name."""

from __future__ import annotations

import pytest
from promtool_expansion import ALERT, we_expand

from alertlab.errors import BadInput, UnsupportedTemplate
from alertlab.templates import (
    AlertContext,
    QueryResult,
    Sample,
    StringMap,
    check_template,
    expand,
    has_template,
    reads_data,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no template }}", "no template }}"),
        ("{{ $labels.job }} at {{ $value }}", "api at 1.2345675e+06"),
        ("{{ $value | humanize }}", "1.235M"),
        ('{{ printf "%.2f" $value }}', "1234567.50"),
        ("{{ $labels.instance | stripPort }}", "web-1.example.org"),
        ("{{ $externalLabels.site }}{{ $externalURL }}", "euhttp://prometheus.example:9090/path"),
        ('{{ with query "up" | sortByLabel "n" }}{{ . | first | value }}{{ end }}', "0.25"),
        ("{{ if gt $value 10.0 }}high{{ else }}low{{ end }}", "high"),
        ('{{ define "d" }}<{{ . }}>{{ end }}{{ template "d" $labels.job }}', "<api>"),
        ("a {{- /* no */ -}} b", "ab"),
        ('{{ reReplaceAll "^(\\\\w+)-.*" "$1" $labels.instance }}', "web"),
        ("{{ 0.125 | humanizePercentage }}", "12.5%"),
        ("{{ 4000 | humanizeDuration }}", "1h 6m 40s"),
        ("{{ 2048 | humanize1024 }}", "2ki"),
        ("{{ now | humanizeTimestamp }}", "1970-01-01 00:02:00 +0000 UTC"),
        ('{{ printf "%d" $value }}', "%!d(float64=1.2345675e+06)"),
    ],
)
def test_expands(text: str, expected: str):
    """A label or annotation as Prometheus would send it."""
    assert we_expand(text) == expected


def test_an_error_becomes_part_of_the_text():
    """Prometheus writes what went wrong, and where, into the annotation."""
    assert we_expand('{{ query "nothing" | first }}') == (
        "<error expanding template: error executing template __alert_Some_alert: "
        'template: __alert_Some_alert:1:133: executing "__alert_Some_alert" at <first>: '
        "error calling first: first() called on vector with no elements>"
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{{ query "up" }}', "address"),
        ('{{ query "up ==" }}', "query fails"),
        ('{{ reReplaceAll "(" "" $labels.job }}', "regular expression fails"),
        ('{{ match "(" $labels.job }}', "regular expression fails"),
        ('{{ reReplaceAll "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)" "$10" "x" }}', "group 10"),
        ('{{ parseDuration "five" }}', "parseDuration fails"),
        ('{{ title "über" }}', "beyond ASCII"),
        ('{{ printf "%x" 1.5 }}', "%x of a float"),
        ('{{ printf "%#v" 1 }}', "%#v"),
        ('{{ printf "%p" "a" }}', "address"),
        ('{{ printf "%d" (toTime 0) }}', "%d of *time.Time"),
        ('{{ printf "%99999999d" 1 }}', "width or precision of 99999999"),
        ("{{ (toTime 0).Month }}", "the method Month"),
        ("{{ toDuration 1e30 }}", "toDuration of a number beyond int64"),
        ("{{ eq $labels $labels }}", "comparing map[string]string"),
        ('{{ slice (query "up") 0 1 1 }}', "slice with a capacity"),
        ("{{ call 5 }}", "call is not evaluated"),
        ('{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}', "includes itself"),
        ("{{ 1+2i }}", "complex numbers"),
    ],
)
def test_what_is_not_expanded_is_refused_by_name(text: str, part: str):
    """Nothing is printed that Prometheus might print otherwise."""
    with pytest.raises(UnsupportedTemplate) as refused:
        we_expand(text)
    assert part in str(refused.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{{ nope }}", 'function "nope" not defined'),
        ('{{ tmpl "a" . }}', 'function "tmpl" not defined'),
        ("{{ if true }}", "unexpected EOF"),
        ("a\nb{{ $x }}", ':2: undefined variable "$x"'),
    ],
)
def test_what_prometheus_would_not_load(text: str, part: str):
    """A broken template is the rule's mistake, told with its line."""
    with pytest.raises(BadInput) as refused:
        check_template(text, ALERT)
    assert part in str(refused.value)
    assert not isinstance(refused.value, UnsupportedTemplate)
    assert part in we_expand(text)  # a group's label is not checked when the rule is loaded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain query", False),
        ("{{ $labels.query }}", False),
        ('{{ "query" }}', False),
        ('{{ query "up" | first }}', True),
        ('{{ if true }}{{ range (query "up") }}{{ end }}{{ end }}', True),
        ('{{ define "d" }}{{ query . }}{{ end }}{{ template "d" "up" }}', True),
        ('{{ if true }}a{{ else }}{{ with $x := query "up" }}{{ end }}{{ end }}', True),
    ],
)
def test_whether_a_text_reads_data(text: str, expected: bool):
    """Only a call of query does, wherever it stands."""
    assert reads_data(text, ALERT) is expected


def test_where_there_is_something_to_expand():
    """Braces open an action."""
    assert has_template("a {{ b")
    assert not has_template("a } } { {b }}")


def test_query_sees_what_it_is_given():
    """The function gets the text of the query, its samples come back with labels and values."""
    asked = []

    def query(expr: str) -> QueryResult:
        asked.append(expr)
        return QueryResult([Sample(StringMap(a="1", __value__="v"), 2.5)])

    context = AlertContext("A", {}, 1.0, 0, query)
    text = '{{ range query "x" }}{{ .Labels.a }} {{ .Value }} {{ strvalue . }}{{ end }}'
    assert expand(text, context) == "1 2.5 v"
    assert asked == ["x"]
