"""The report of a changed rule for its pull request: what, why, what it costs, how it is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from alertlab.change.markdown import block, code, number, plain, source_label, table
from alertlab.lint import lint_rule
from alertlab.rules import rule_diff
from alertlab.rules.edit import changed_rule
from alertlab.tuning import Score, Tuning, explain
from alertlab.units import format_duration, format_time

_LIMITS = (
    "Rules were replayed over what happened; that people react otherwise to other pages is not in "
    "it, nor what will be new next month.",
    "Restarts of Prometheus and Alertmanager, and sends that fail, are not simulated.",
)


def change_report(
    tuning: Tuning, provenance: dict[str, Any], *, proofs: list[str], why_no_test: str
) -> str:
    """Return the Markdown report of a tuning whose verdict is to change the rule.

    provenance : as the source says
    proofs : what the unit test proves, a phrase each; where there is none, ``why_no_test``
    """
    return "\n\n".join(_parts(tuning, provenance, proofs, why_no_test)) + "\n"


def _parts(
    tuning: Tuning, provenance: dict[str, Any], proofs: list[str], why_no_test: str
) -> Iterator[str]:
    now, then = tuning.current, tuning.recommended
    yield f"## Change of {code(tuning.rule.name)}"
    effect, why, how_sure = explain(tuning)
    yield plain(f"{effect} {why}")
    yield block(rule_diff(tuning.rule, tuning.change), "diff")
    yield from _to_mend(tuning)
    yield "### Now and then"
    yield table(["", "now", "then"], _score_rows(now, then))
    yield (
        "In brackets: 95% intervals. A page is a first notification, or one about new alerts, to a "
        "receiver that wakes someone."
    )
    yield from _incidents(now, then)
    yield "### Will it hold?"
    yield plain(how_sure)
    yield _proved(proofs, why_no_test)
    yield "### How it was measured"
    yield _list(_measured(tuning, provenance))
    yield "### Limits"
    yield _list([*_limits(tuning), *_LIMITS])


def _to_mend(tuning: Tuning) -> Iterator[str]:
    """Tell what is suspicious in the changed rule: the edit leaves its text as it was."""
    remarks = lint_rule(changed_rule(tuning.rule, tuning.change))
    if remarks:
        yield "Still to be looked at in the changed rule; its labels and annotations are untouched:"
        yield _list(f"{plain(f'{one.text} {one.fix}')} ({code(one.id)})" for one in remarks)


def _score_rows(now: Score, then: Score) -> Iterator[list[str]]:
    a, b = now.setting, then.setting
    for name, before, after in (
        ("threshold", f"{a.threshold:.12g}", f"{b.threshold:.12g}"),
        ("window", _window(a.window_ms), _window(b.window_ms)),
        ("`for`", format_duration(a.hold_duration_ms), format_duration(b.hold_duration_ms)),
        (
            "`keep_firing_for`",
            format_duration(a.keep_firing_for_ms),
            format_duration(b.keep_firing_for_ms),
        ),
    ):
        if before or after:
            yield [name, before, after if before == after else f"**{after}**"]
    for name, attribute, unit in (
        ("pages a week", "pages_per_week", ""),
        ("false pages a week", "false_pages_per_week", ""),
        ("pages at night a week", "night_pages_per_week", ""),
        ("flaps a week", "flaps_per_week", ""),
        ("precision (true pages per page)", "precision", "%"),
        ("recall (incidents caught)", "recall", "%"),
    ):
        yield [name, *(number(getattr(score, attribute), unit) for score in (now, then))]
    for severity in {**now.recall_by_severity, **then.recall_by_severity}:
        shares = (score.recall_by_severity.get(severity) for score in (now, then))
        label = code(severity) if severity else "no severity"
        yield [f"recall, {label}", *(number(share, "%") for share in shares)]
    for name, attribute in (
        ("delay until it fires, median", "delay_p50_seconds"),
        ("delay, 90th percentile", "delay_p90_seconds"),
        ("still firing after the incident, median", "time_to_resolve_p50_seconds"),
    ):
        yield [name, *(number(getattr(score, attribute), "s") for score in (now, then))]


def _incidents(now: Score, then: Score) -> Iterator[str]:
    owed = len(now.caught) + len(now.missed)
    if not owed:
        yield "No incident is labelled that this rule owes an alert; what it misses is unknown."
        return
    yield f"Incidents caught: {len(now.caught)} of {owed} now, {len(then.caught)} of {owed} then."
    before, after = set(now.caught), set(then.caught)
    lines = [
        f"{what}: {', '.join(map(code, sorted(ids)))}"
        for what, ids in (
            ("Gained", after - before),
            ("**Lost**", before - after),
            ("Missed by both", set(then.missed) - before),
        )
        if ids
    ]
    if lines:
        yield _list(lines)


def _proved(proofs: list[str], why_no_test: str) -> str:
    if not proofs:
        return f"There is no unit test: {plain(why_no_test)}."
    return "The unit test beside the rule proves on cuts of this history:\n\n" + _list(
        [code(one) for one in proofs]
    )


def _measured(tuning: Tuning, provenance: dict[str, Any]) -> Iterator[str]:
    span, coverage, yardstick = tuning.span, tuning.coverage, tuning.yardstick
    yield (
        f"Source: {code(source_label(provenance))}"
        f"{' (synthetic)' if provenance.get('synthetic') else ''}"
    )
    yield (
        f"History: {format_time(span.start_ms)} to {format_time(span.end_ms)}, "
        f"{coverage['weeks']:.1f} weeks"
    )
    every = format_duration(tuning.rule.interval_ms)
    yield (
        f"Evaluations: {coverage['evaluations']:,} every {every}, {coverage['missed']:,} missed, "
        f"{coverage['failed']:,} failed; there was something to compare at "
        f"{number(coverage['data_ratio'], '%')} of them"
    )
    yield f"Candidates: {len(tuning.candidates):,} settings"
    margins = yardstick.margins
    yield (
        f"Incidents: {coverage['owed_incidents']} that this rule owes an alert; a page belongs to "
        f"one from {format_duration(margins.before_ms)} before it to "
        f"{format_duration(margins.after_ms)} after it"
    )
    woken = ", ".join(map(code, yardstick.waking)) or "nobody"
    yield (f"Alertmanager {code(yardstick.config.profile.version)} simulated; it wakes {woken}")


def _limits(tuning: Tuning) -> Iterator[str]:
    if not tuning.yardstick.is_labelled:
        yield "No incident is labelled, so no page can be called false."


def _window(window_ms: int | None) -> str:
    return "" if window_ms is None else format_duration(window_ms)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)
