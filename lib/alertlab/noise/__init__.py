"""What the weekly review of alert noise computes: who was told what, and whether it was worth it.

``review`` holds the review itself, ``verdicts`` a rule's line of it, ``counts`` the notifications
by reason, hour and incident, ``mechanisms`` what Alertmanager saved and cost, ``muted`` when alerts
fired in silence, ``health`` the rules that are silent or broken, ``agreement`` what really fired
beside the replay.
"""

from alertlab.noise.agreement import recorded_agreement
from alertlab.noise.counts import (
    FIRED,
    NOTHING,
    PAGED,
    TOLD,
    incident_pages,
    notifications_by_reason,
    pages_by_hour,
)
from alertlab.noise.health import MISSED, rule_health
from alertlab.noise.mechanisms import (
    GROUP_WAIT,
    GROUPING,
    INHIBITION,
    REPEATS,
    SILENCES,
    TIME_INTERVALS,
    alert_waits,
    incident_delays,
    mechanism_effects,
    without_mechanisms,
)
from alertlab.noise.muted import muted_time
from alertlab.noise.review import NoiseReview, review_noise, tune_noisy_rules
from alertlab.noise.verdicts import (
    ALWAYS,
    FAILING,
    FINE,
    NO_DATA,
    NOISY,
    ONLY_PENDING,
    SILENT,
    UNLABELLED,
)

__all__ = [
    "ALWAYS",
    "FAILING",
    "FINE",
    "FIRED",
    "GROUPING",
    "GROUP_WAIT",
    "INHIBITION",
    "MISSED",
    "NOISY",
    "NOTHING",
    "NO_DATA",
    "ONLY_PENDING",
    "PAGED",
    "REPEATS",
    "SILENCES",
    "SILENT",
    "TIME_INTERVALS",
    "TOLD",
    "UNLABELLED",
    "NoiseReview",
    "alert_waits",
    "incident_delays",
    "incident_pages",
    "mechanism_effects",
    "muted_time",
    "notifications_by_reason",
    "pages_by_hour",
    "recorded_agreement",
    "review_noise",
    "rule_health",
    "tune_noisy_rules",
    "without_mechanisms",
]
