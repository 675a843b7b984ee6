"""Alerts on one route, in seconds."""

from __future__ import annotations

import pandas as pd
from alert_scenes import Recurring

from alertlab.notify import AlertmanagerConfig, simulate_notifications
from alertlab.notify.config import Integration, Route
from alertlab.notify.profiles import profile_of
from alertlab.units import HOUR_MS, MINUTE_MS, SECOND_MS, label_set


def config_of(
    *, version: str = "0.34.2", repeat_ms: int = HOUR_MS, **route: tuple[str, ...]
) -> AlertmanagerConfig:
    """One route that waits 30 seconds and ticks every minute."""
    defaults = {"mute_intervals": (), "active_intervals": ()}
    root = Route(
        id="0", key="{}", receiver="hook", matchers=(), continues=False, group_by=frozenset(),
        group_wait_ms=30 * SECOND_MS, group_interval_ms=MINUTE_MS, repeat_interval_ms=repeat_ms,
        children=(), **defaults | route,
    )  # fmt: skip
    return AlertmanagerConfig(
        root, {"hook": (Integration("webhook", 0, True),)}, (),
        time_intervals={"even": Recurring(2, 1), "hour": Recurring(10_000, 60)},
        profile=profile_of(version),
    )  # fmt: skip


def episodes_of(*runs: tuple[str, float, float | None]) -> pd.DataFrame:
    """Runs of alerts by name, in seconds."""
    frame = pd.DataFrame(
        [(name, label_set({"alertname": name}), *times) for name, *times in runs],
        columns=["rule", "labels", "fired_at", "resolved_at"],
    )
    for column in ("fired_at", "resolved_at"):
        frame[column] = pd.to_datetime(frame[column].astype("Float64"), unit="s", utc=True)
    return frame.assign(active_at=frame["fired_at"])


def told(config: AlertmanagerConfig, episodes: pd.DataFrame, **more: object) -> list[tuple]:
    """Return (second, reason) of what is told within two hours."""
    rows = simulate_notifications(episodes, config, **{"end_ms": 2 * HOUR_MS} | more)
    return [(one.at.timestamp(), one.reason) for one in rows.itertuples()]
