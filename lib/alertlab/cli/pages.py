"""``alertlab pages``: the notifications that each receiver would have got."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.cli import options
from alertlab.cli.output import print_json, print_table, unix_seconds

if TYPE_CHECKING:
    import pandas as pd


def pages(
    rules: options.RulesArgument,
    source: options.SourceOption,
    alertmanager: Annotated[
        Path, typer.Option("--alertmanager", help="Alertmanager's configuration.")
    ],
    start: options.StartOption = "",
    end: options.EndOption = "",
    evaluation_interval: options.IntervalOption = "1m",
    slot_offset: options.SlotOffsetOption = "0s",
    semantics: options.SemanticsOption = 3,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Replay rules through Alertmanager's routes and print the notifications."""
    from alertlab import load_alertmanager, load_rules, replay_rules, simulate_notifications

    interval_ms = options.duration(evaluation_interval, "--evaluation-interval")
    loaded = load_rules(rules, evaluation_interval_ms=interval_ms)
    config = load_alertmanager(alertmanager)
    opened, start_ms, end_ms = options.open_at(
        source, start, end, semantics=semantics, token_env=token_env
    )
    episodes = replay_rules(
        loaded, opened, start_ms, end_ms,
        slot_offset_ms=options.duration(slot_offset, "--slot-offset"),
    )  # fmt: skip
    notifications = simulate_notifications(episodes, config, end_ms=end_ms)
    if json:
        print_json([_notification(row) for row in notifications.itertuples()])
        return
    counts = notifications.groupby(["receiver", "integration", "reason"]).size()
    print_table(
        counts.rename("notifications").reset_index(),
        caption=f"Notifications (paging receivers: {', '.join(config.paging_receivers())})",
    )


def _notification(row: pd.Series) -> dict:
    return {
        "at": unix_seconds(row.at),
        "receiver": row.receiver,
        "integration": row.integration,
        "group_labels": dict(row.group_labels),
        "reason": row.reason,
        "firing": [dict(labels) for labels in row.firing],
        "resolved": [dict(labels) for labels in row.resolved],
    }
