"""``alertlab tune``: sweep, score and recommend the numbers of one rule; write the change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.cli import fail_on as limits
from alertlab.cli import options
from alertlab.cli import yardstick as measured
from alertlab.cli.output import print_json, print_table, print_text

if TYPE_CHECKING:
    from alertlab.sources import Source
    from alertlab.tuning import Tuning


def tune(
    rules: Annotated[str, typer.Argument(help="The rule file.")],
    rule: Annotated[str, typer.Option("--rule", help="The alert to tune.")],
    source: options.SourceOption,
    start: options.StartOption = "",
    end: options.EndOption = "",
    incidents: measured.IncidentsOption = None,
    alertmanager: options.AlertmanagerOption = None,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write",
            metavar="RULES_OUT",
            help="Write the changed rule file to it, a unit test and a report beside it.",
        ),
    ] = None,
    fail_on: limits.FailOnOption = None,
    margin_before: measured.MarginBeforeOption = "5m",
    margin_after: measured.MarginAfterOption = "10m",
    prometheus: options.PrometheusOption = None,
    alertmanager_version: options.AlertmanagerVersionOption = "",
    silences: options.SilencesOption = None,
    paging_receivers: options.PagingReceiversOption = "",
    comparison: Annotated[
        int,
        typer.Option(
            "--comparison", help="Which number is tuned, if the rule compares with several."
        ),
    ] = 0,
    evaluation_interval: options.IntervalOption = "",
    slot_offset: options.SlotOffsetOption = "0s",
    time_zone: measured.TimeZoneOption = "UTC",
    semantics: options.SemanticsOption = 3,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Try every window, for, keep_firing_for and threshold of a rule and recommend one."""
    from alertlab import find_rule, tune_rule
    from alertlab.change import check_output

    forbidden = limits.parse_limits(fail_on)
    if write is not None:
        check_output(rules, write)
    loaded = options.load_rules(
        [rules],
        evaluation_interval=evaluation_interval,
        prometheus=prometheus,
        token_env=token_env,
    )
    chosen = find_rule(loaded, rule)
    yardstick = measured.yardstick_of(
        incidents=incidents, margin_before=margin_before, margin_after=margin_after,
        alertmanager=alertmanager, alertmanager_version=alertmanager_version,
        prometheus=prometheus, silences=silences, paging_receivers=paging_receivers,
        time_zone=time_zone,
    )  # fmt: skip
    opened, start_ms, end_ms = options.open_at(
        source, start, end, semantics=semantics, token_env=token_env
    )
    tuning = tune_rule(
        chosen, opened, start_ms, end_ms, yardstick=yardstick, comparison=comparison,
        slot_offset_ms=options.duration(slot_offset, "--slot-offset"),
        track=options.progress("windows"),
    )  # fmt: skip
    document = tuning.to_json()
    crossed = limits.crossed(forbidden, document)
    if json:
        print_json(document)
    else:
        _print(tuning)
    if write is not None:
        _write(tuning, opened, write)
    limits.leave(crossed)


def _print(tuning: Tuning) -> None:
    from alertlab.report import answers
    from alertlab.rules import rule_diff
    from alertlab.tuning import explain

    named = [(tuning.rule.name, tuning)]
    formats = answers.SCORE_FORMATS
    print_table(answers.reading_table(named), caption="Now and recommended", formats=formats)
    print_table(answers.front_table(named), caption="\nWhat no setting beats", formats=formats)
    print_table(answers.knobs_table(tuning), caption="\nWhat each number alone would save")
    print(f"\n{tuning.verdict}: {' '.join(explain(tuning))}")
    if tuning.change is not None:
        print_text(f"\n{rule_diff(tuning.rule, tuning.change)}")


def _write(tuning: Tuning, source: Source, out: Path) -> None:
    """Write the change, if there is one; say on stderr what was written."""
    from alertlab.change import Proposal, write_change

    if tuning.change is None:
        print(f"the verdict is {tuning.verdict!r}, so nothing is written", file=sys.stderr)
        return
    written = write_change(Proposal.of(tuning), source, out)
    for path in (written.rules, written.unit_test, written.report):
        if path is not None:
            print(f"written: {path}", file=sys.stderr)
    if written.unit_test is None:
        print(f"no unit test is written: {written.why_no_test}", file=sys.stderr)
