"""``alertlab pages``: the notifications that each receiver would have got."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.cli import options
from alertlab.cli.output import print_json, print_table, unix_seconds
from alertlab.units import DAY_MS

if TYPE_CHECKING:
    import pandas as pd

_BEFORE_MS = DAY_MS  # groups, and what was told of them, are known at the start


def pages(
    rules: options.RulesArgument,
    source: options.SourceOption,
    alertmanager: Annotated[
        Path, typer.Option("--alertmanager", help="Alertmanager's configuration.")
    ],
    start: options.StartOption = "",
    end: options.EndOption = "",
    prometheus: options.PrometheusOption = None,
    alertmanager_version: options.AlertmanagerVersionOption = "",
    silences: options.SilencesOption = None,
    paging_receivers: options.PagingReceiversOption = "",
    evaluation_interval: options.IntervalOption = "",
    slot_offset: options.SlotOffsetOption = "0s",
    semantics: options.SemanticsOption = 3,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Replay rules through Alertmanager's routes and print the notifications."""
    import pandas as pd

    from alertlab import load_alertmanager, replay_rules, simulate_notifications
    from alertlab.notify import CURRENT, load_silences

    loaded = options.load_rules(
        rules,
        evaluation_interval=evaluation_interval,
        prometheus=prometheus,
        token_env=token_env,
    )
    config = load_alertmanager(alertmanager, version=alertmanager_version or CURRENT)
    waking = options.receivers(paging_receivers, config)
    opened, start_ms, end_ms = options.open_at(
        source, start, end, semantics=semantics, token_env=token_env
    )
    before_ms = min(start_ms, max(opened.start_ms, start_ms - _BEFORE_MS))
    episodes = replay_rules(
        loaded, opened, before_ms, end_ms,
        slot_offset_ms=start_ms - before_ms + options.duration(slot_offset, "--slot-offset"),
        track=options.progress("rules"),
    )  # fmt: skip
    notifications = simulate_notifications(
        episodes, config, end_ms=end_ms,
        sending=options.sending(prometheus),
        silences=() if silences is None else load_silences(silences),
    )  # fmt: skip
    start_at = pd.Timestamp(start_ms, unit="ms", tz="UTC")
    notifications = notifications[notifications["at"] >= start_at]
    if json:
        print_json([_notification(row) for row in notifications.itertuples()])
        return
    _print_counts(notifications, waking)


def _print_counts(notifications: pd.DataFrame, waking: list[str]) -> None:
    import pandas as pd

    from alertlab.notify import find_pages

    counts = notifications.groupby(["receiver", "integration", "reason"]).size()
    print_table(
        counts.rename("notifications").reset_index(),
        caption=f"Notifications (paging receivers: {', '.join(waking) or 'none'})",
    )
    found = find_pages(notifications, waking)
    # Weeks begin on Mondays, UTC.
    monday = (found["at"] - pd.to_timedelta(found["at"].dt.day_of_week, unit="D")).dt.strftime("%F")
    weekly = found.assign(week=monday).groupby(["week", "receiver"]).size()
    print_table(
        weekly.rename("pages").reset_index(),
        caption=f"\n{len(found)} pages: first notifications and new alerts, by week (UTC)",
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
