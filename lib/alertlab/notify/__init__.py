"""Episodes -> Alertmanager -> notifications per receiver -> pages."""

from alertlab.notify.config import AlertmanagerConfig, load_alertmanager, single_receiver
from alertlab.notify.config.routes import Route
from alertlab.notify.dedup import REPEAT
from alertlab.notify.profiles import CURRENT, Profile, profile_of
from alertlab.notify.prometheus_config import PrometheusConfig, load_prometheus_config
from alertlab.notify.sending import Sending, rules_by_alert
from alertlab.notify.silences import Silence, load_silences
from alertlab.notify.simulate import find_pages, simulate_notifications

__all__ = [
    "CURRENT",
    "REPEAT",
    "AlertmanagerConfig",
    "Profile",
    "PrometheusConfig",
    "Route",
    "Sending",
    "Silence",
    "find_pages",
    "load_alertmanager",
    "load_prometheus_config",
    "load_silences",
    "profile_of",
    "rules_by_alert",
    "simulate_notifications",
    "single_receiver",
]
