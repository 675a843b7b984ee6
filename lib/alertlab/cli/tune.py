"""``alertlab tune``: sweep, score and recommend the numbers of one rule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alertlab.cli import options
from alertlab.cli.output import print_json, print_table


def tune(
    rules: Annotated[str, typer.Argument(help="The rule file.")],
    rule: Annotated[str, typer.Option("--rule", help="The alert to tune.")],
    source: options.SourceOption,
    start: options.StartOption = "",
    end: options.EndOption = "",
    incidents: Annotated[
        Path | None, typer.Option("--incidents", help="Labelled incidents, YAML or CSV.")
    ] = None,
    alertmanager: options.AlertmanagerOption = None,
    prometheus: options.PrometheusOption = None,
    comparison: Annotated[
        int,
        typer.Option(
            "--comparison", help="Which number is tuned, if the rule compares with several."
        ),
    ] = 0,
    evaluation_interval: options.IntervalOption = "",
    slot_offset: options.SlotOffsetOption = "0s",
    time_zone: Annotated[str, typer.Option(help="Where people sleep, for night pages.")] = "UTC",
    semantics: options.SemanticsOption = 3,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Try every window, for, keep_firing_for and threshold of a rule and recommend one."""
    from alertlab import find_rule, load_alertmanager, load_incidents, tune_rule

    loaded = options.load_rules(
        [rules],
        evaluation_interval=evaluation_interval,
        prometheus=prometheus,
        token_env=token_env,
    )
    chosen = find_rule(loaded, rule)
    truth = None if incidents is None else load_incidents(incidents)
    config = None if alertmanager is None else load_alertmanager(alertmanager)
    opened, start_ms, end_ms = options.open_at(
        source, start, end, semantics=semantics, token_env=token_env
    )
    tuning = tune_rule(
        chosen, opened, start_ms, end_ms,
        incidents=truth, config=config, time_zone=time_zone, comparison=comparison,
        slot_offset_ms=options.duration(slot_offset, "--slot-offset"),
        track=options.progress("windows"),
    )  # fmt: skip
    if json:
        print_json(tuning.to_json())
        return

    from alertlab.report import answers
    from alertlab.rules import rule_diff

    named = [(chosen.name, tuning)]
    formats = answers.SCORE_FORMATS
    print_table(answers.reading_table(named), caption="Now and recommended", formats=formats)
    print_table(answers.front_table(named), caption="\nWhat no setting beats", formats=formats)
    print(f"\n{tuning.verdict}: {tuning.reason}\n{answers.validation_text(tuning)}")
    if tuning.change is not None:
        print(f"\n{rule_diff(chosen, tuning.change)}", end="")
