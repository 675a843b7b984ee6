"""The report of a changed rule for its pull request: what, why, what it costs, how it is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from alertlab.change.markdown import block, code, number, plain, source_label, table
from alertlab.change.proposal import Proposal
from alertlab.lint import lint_rule
from alertlab.rules import rule_diff
from alertlab.rules.edit import changed_rule
from alertlab.tuning import MEASURES, Score
from alertlab.units import format_duration, format_time

_UNITS = {"count": "", "ratio": "%", "seconds": "s"}  # of MEASURES
_LIMITS = (
    "Rules were replayed over what happened; that people react otherwise to other pages is not in "
    "it, nor what will be new next month.",
    "Restarts of Prometheus and Alertmanager, and sends that fail, are not simulated.",
)


def change_report(
    proposal: Proposal, provenance: dict[str, Any], *, proofs: list[str], why_no_test: str
) -> str:
    """Return the Markdown report of a proposed change.

    provenance : as the source says
    proofs : what the unit test proves, a phrase each; where there is none, ``why_no_test``
    """
    return "\n\n".join(_parts(proposal, provenance, proofs, why_no_test)) + "\n"


def _parts(
    proposal: Proposal, provenance: dict[str, Any], proofs: list[str], why_no_test: str
) -> Iterator[str]:
    now, then = proposal.current, proposal.proposed
    yield f"## Change of {code(proposal.rule.name)}"
    yield plain(proposal.why)
    yield block(rule_diff(proposal.rule, proposal.change), "diff")
    yield from _to_mend(proposal)
    yield "### Now and then"
    yield table(["", "now", "then"], _score_rows(now, then))
    yield (
        "In brackets: 95% intervals. A page is a first notification, or one about new alerts, to a "
        "receiver that wakes someone."
    )
    yield from _incidents(now, then)
    yield "### Will it hold?"
    yield plain(proposal.how_sure)
    yield _proved(proofs, why_no_test)
    yield "### How it was measured"
    yield _list(_measured(proposal, provenance))
    yield "### Limits"
    yield _list([*_limits(proposal), *_LIMITS])


def _to_mend(proposal: Proposal) -> Iterator[str]:
    """Tell what is suspicious in the changed rule: the edit leaves its text as it was."""
    remarks = lint_rule(changed_rule(proposal.rule, proposal.change))
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
    for name, attribute, kind in MEASURES:
        yield [name, *(number(getattr(score, attribute), _UNITS[kind]) for score in (now, then))]
    for severity in {**now.recall_by_severity, **then.recall_by_severity}:
        shares = (score.recall_by_severity.get(severity) for score in (now, then))
        label = code(severity) if severity else "no severity"
        yield [f"recall, {label}", *(number(share, "%") for share in shares)]


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


def _measured(proposal: Proposal, provenance: dict[str, Any]) -> Iterator[str]:
    span, coverage, yardstick = proposal.span, proposal.coverage, proposal.yardstick
    yield (
        f"Source: {code(source_label(provenance))}"
        f"{' (synthetic)' if provenance.get('synthetic') else ''}"
    )
    yield (
        f"History: {format_time(span.start_ms)} to {format_time(span.end_ms)}, "
        f"{coverage['weeks']:.1f} weeks"
    )
    every = format_duration(proposal.rule.interval_ms)
    yield (
        f"Evaluations: {coverage['evaluations']:,} every {every}, {coverage['missed']:,} missed, "
        f"{coverage['failed']:,} failed; there was something to compare at "
        f"{number(coverage['data_ratio'], '%')} of them"
    )
    if proposal.tried is not None:
        yield f"Candidates: {proposal.tried:,} settings"
    margins = yardstick.margins
    yield (
        f"Incidents: {coverage['owed_incidents']} that this rule owes an alert; a page belongs to "
        f"one from {format_duration(margins.before_ms)} before it to "
        f"{format_duration(margins.after_ms)} after it"
    )
    woken = ", ".join(map(code, yardstick.waking)) or "nobody"
    yield (f"Alertmanager {code(yardstick.config.profile.version)} simulated; it wakes {woken}")


def _limits(proposal: Proposal) -> Iterator[str]:
    if not proposal.yardstick.is_labelled:
        yield "No incident is labelled, so no page can be called false."


def _window(window_ms: int | None) -> str:
    return "" if window_ms is None else format_duration(window_ms)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)
