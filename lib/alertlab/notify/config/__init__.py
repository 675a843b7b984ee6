"""Alertmanager's configuration: loaded or refused as Alertmanager does."""

from alertlab.notify.config.loading import (
    AlertmanagerConfig,
    InhibitRule,
    load_alertmanager,
    single_receiver,
)
from alertlab.notify.config.receivers import Integration
from alertlab.notify.config.routes import Route
from alertlab.notify.config.time_intervals import TimeInterval

__all__ = [
    "AlertmanagerConfig",
    "InhibitRule",
    "Integration",
    "Route",
    "TimeInterval",
    "load_alertmanager",
    "single_receiver",
]
