"""``alertlab replay``: the episodes that rules would have produced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.cli import options
from alertlab.cli.output import print_json, print_table, unix_seconds
from alertlab.units import format_duration

if TYPE_CHECKING:
    import pandas as pd

    from alertlab.replay import Agreement, EvaluatedRule


def replay(
    rules: options.RulesArgument,
    source: options.SourceOption,
    start: options.StartOption = "",
    end: options.EndOption = "",
    rule: Annotated[str, typer.Option("--rule", help="Only this alert.")] = "",
    prometheus: options.PrometheusOption = None,
    evaluation_interval: options.IntervalOption = "",
    slot_offset: options.SlotOffsetOption = "0s",
    semantics: options.SemanticsOption = 3,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Replay alerting rules and print their episodes."""
    import pandas as pd

    from alertlab import find_rule
    from alertlab.replay import compare_recorded, evaluate_rules, find_episodes, join_episodes

    loaded = options.load_rules(
        rules,
        evaluation_interval=evaluation_interval,
        prometheus=prometheus,
        token_env=token_env,
    )
    chosen = [find_rule(loaded, rule)] if rule else loaded
    opened, start_ms, end_ms = options.open_at(
        source, start, end, semantics=semantics, token_env=token_env
    )
    coverage, parts = [], []
    for evaluated in evaluate_rules(
        options.progress("rules")(chosen), opened, start_ms, end_ms,
        slot_offset_ms=options.duration(slot_offset, "--slot-offset"),
    ):  # fmt: skip
        parts.append(find_episodes(evaluated))
        agreement = None if json else compare_recorded(evaluated, parts[-1], opened)
        coverage.append(_coverage(evaluated, agreement))
    episodes = join_episodes(parts)
    if json:
        print_json([_episode(row) for row in episodes.itertuples()])
        return
    print_table(
        pd.DataFrame(coverage),
        caption="Evaluations of each rule, and agreement with the alerts that were recorded",
        formats={"agreement": "ratio"},
    )
    shown = episodes[["rule", "labels", "active_at", "fired_at", "resolved_at"]]
    print_table(shown, caption=f"\n{len(episodes)} episodes", formats={"labels": "labels"})


def _coverage(evaluated: EvaluatedRule, agreement: Agreement | None) -> dict:
    counts = evaluated.coverage
    return {
        "rule": evaluated.rule.name,
        "evaluated": counts.evaluated,
        "missed": counts.missed,
        "failed": counts.failed,
        "not placed": counts.unplaced,
        "times": counts.slots_from,
        "warm-up": format_duration(counts.warm_up_ms),
        "agreement": None if agreement is None else agreement.ratio,
    }


def _episode(row: pd.Series) -> dict:
    return {
        "rule": row.rule,
        "labels": dict(row.labels),
        "active_at": unix_seconds(row.active_at),
        "fired_at": unix_seconds(row.fired_at),
        "resolved_at": unix_seconds(row.resolved_at),
    }
