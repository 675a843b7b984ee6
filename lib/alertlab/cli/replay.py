"""``alertlab replay``: the episodes that rules would have produced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.cli import options
from alertlab.cli.output import print_json, print_table, unix_seconds

if TYPE_CHECKING:
    import pandas as pd


def replay(
    rules: options.RulesArgument,
    source: options.SourceOption,
    start: options.StartOption = "",
    end: options.EndOption = "",
    rule: Annotated[str, typer.Option("--rule", help="Only this alert.")] = "",
    evaluation_interval: options.IntervalOption = "1m",
    slot_offset: options.SlotOffsetOption = "0s",
    semantics: options.SemanticsOption = 3,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Replay alerting rules and print their episodes."""
    from alertlab import find_rule, load_rules, replay_rules

    interval_ms = options.duration(evaluation_interval, "--evaluation-interval")
    loaded = load_rules(rules, evaluation_interval_ms=interval_ms)
    chosen = [find_rule(loaded, rule)] if rule else loaded
    opened, start_ms, end_ms = options.open_at(
        source, start, end, semantics=semantics, token_env=token_env
    )
    episodes = replay_rules(
        chosen, opened, start_ms, end_ms,
        slot_offset_ms=options.duration(slot_offset, "--slot-offset"),
    )  # fmt: skip
    if json:
        print_json([_episode(row) for row in episodes.itertuples()])
    else:
        print_table(episodes, caption=f"{len(episodes)} episodes", formats={"labels": "labels"})


def _episode(row: pd.Series) -> dict:
    return {
        "rule": row.rule,
        "labels": dict(row.labels),
        "active_at": unix_seconds(row.active_at),
        "fired_at": unix_seconds(row.fired_at),
        "resolved_at": unix_seconds(row.resolved_at),
    }
