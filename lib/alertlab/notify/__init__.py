"""Episodes -> Alertmanager -> notifications per receiver -> pages."""

from alertlab.notify.config import AlertmanagerConfig, load_alertmanager, single_receiver
from alertlab.notify.simulate import find_pages, simulate_notifications

__all__ = [
    "AlertmanagerConfig",
    "find_pages",
    "load_alertmanager",
    "simulate_notifications",
    "single_receiver",
]
