"""alertlab: replay alerting rules over history, count pages, tune thresholds.

The names below are loaded at first use, so that a program which needs only a part (the watched
service, for instance) does not wait for pandas and SciPy.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "diff_rules": "alertlab.change",
    "find_rule": "alertlab.rules",
    "load_alertmanager": "alertlab.notify",
    "load_incidents": "alertlab.incidents",
    "load_rules": "alertlab.rules",
    "open_source": "alertlab.sources",
    "replay_rules": "alertlab.replay",
    "simulate_notifications": "alertlab.notify",
    "tune_rule": "alertlab.tuning",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'alertlab' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
