"""Expected and found alerts and samples, compared as promtool does, told apart for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.number_text import format_value
from alertlab.promql.notation import read_series
from alertlab.rule_tests.queries import Samples
from alertlab.rule_tests.reading import ExpectedSample, ExprCheck
from alertlab.units import LabelSet, format_labels

Alert = tuple[Mapping[str, str], Mapping[str, str]]
"""Labels and annotations."""

_INDENT = " " * 8


def alert_difference(expected: Sequence[Alert], got: Sequence[Alert]) -> list[str]:
    """Return lines that show how two sets of alerts differ, none if they are equal."""
    missing, unexpected = _without_common(list(expected), list(got))
    lines = []
    while missing and unexpected:
        one, other = _closest(missing, unexpected)
        missing.remove(one)
        unexpected.remove(other)
        lines += _alert_lines("this alert differs", one, other)
    for one in missing:
        lines += _alert_lines("this alert is expected and does not fire", one, None)
    for other in unexpected:
        lines += _alert_lines("this alert fires and is not expected", None, other)
    return lines


def expected_samples(check: ExprCheck) -> Samples:
    """Return what a check expects; BadInput for labels that are none, UnsupportedPromQL for
    native histograms."""
    return [_expected_sample(one) for one in check.expected]


def sample_difference(expected: Samples, got: Samples, *, fuzzy: bool) -> list[str]:
    """Return lines that show how two vectors differ, none if they are equal.

    Values are equal as Go compares float64; with ``fuzzy`` neighbouring ones are, too.
    """
    expected, got = sorted(expected, key=lambda one: one[0]), sorted(got, key=lambda one: one[0])
    same_labels = [labels for labels, _ in expected] == [labels for labels, _ in got]
    if same_labels and all(
        _is_equal(one, other, fuzzy) for (_, one), (_, other) in zip(expected, got, strict=True)
    ):
        return []
    lines = [f"{_INDENT}- exp: {_shown_sample(*one)}" for one in expected]
    lines += [f"{_INDENT}+ got: {_shown_sample(*one)}" for one in got]
    return [
        *(lines[: len(expected)] or [f"{_INDENT}- exp: nothing"]),
        *(lines[len(expected) :] or [f"{_INDENT}+ got: nothing"]),
    ]


def _expected_sample(one: ExpectedSample) -> tuple[LabelSet, float]:
    try:
        labels, rest = read_series(one.labels)
    except BadInput as error:
        raise BadInput(f"labels {one.labels!r}: {error}") from None
    if rest:
        raise BadInput(f"labels {one.labels!r}: {rest!r} does not belong to them")
    if one.histogram:
        raise UnsupportedPromQL(f"the native histogram {one.histogram!r} is not compared here")
    return labels, one.value


def _is_equal(one: float, other: float, fuzzy: bool) -> bool:
    if one == other:
        return True
    return fuzzy and other in (math.nextafter(one, -math.inf), math.nextafter(one, math.inf))


def _shown_sample(labels: LabelSet, value: float) -> str:
    return f"{format_labels(labels) or '{}'} {format_value(value)}"


def _without_common(expected: list[Alert], got: list[Alert]) -> tuple[list[Alert], list[Alert]]:
    """Take away what both have, each as often as both have it; sort the rest."""
    missing = []
    for one in expected:
        if one in got:
            got.remove(one)
        else:
            missing.append(one)
    return sorted(missing, key=_order), sorted(got, key=_order)


def _order(alert: Alert) -> tuple[LabelSet, LabelSet]:
    labels, annotations = alert
    return tuple(sorted(labels.items())), tuple(sorted(annotations.items()))


def _closest(missing: Sequence[Alert], unexpected: Sequence[Alert]) -> tuple[Alert, Alert]:
    """Return the two alerts that have most in common, labels before annotations."""
    return max(
        ((one, other) for one in missing for other in unexpected),
        key=lambda pair: [
            sum(ours.get(name) == text for name, text in theirs.items())
            for ours, theirs in zip(*pair, strict=True)
        ],
    )


def _alert_lines(heading: str, expected: Alert | None, got: Alert | None) -> list[str]:
    """Show two alerts side by side: ``-`` is expected, ``+`` is what fires."""
    lines = [f"{_INDENT}{heading}:"]
    both = [expected or ({}, {}), got or ({}, {})]
    width = max((len(name) for alert in both for part in alert for name in part), default=0)
    for place, what in enumerate(("labels", "annotations")):
        ours, theirs = both[0][place], both[1][place]
        if ours or theirs:
            lines.append(f"{_INDENT}    {what}")
        for name in sorted({*ours, *theirs}):
            marks = [("-", ours), ("+", theirs)]
            if name in ours and ours[name] == theirs.get(name):
                marks = [(" ", ours)]
            lines += [
                f"{_INDENT}  {mark}   {name:{width}} = {texts[name]!r}"
                for mark, texts in marks
                if name in texts
            ]
    return lines
