"""The sentences and tables that a report leads with, written from the numbers of this run.

``noise`` and ``counts``, ``mechanisms``, ``health`` serve the noise review, ``tuning`` the session.
"""

from alertlab.report.answers.counts import (
    hours_table,
    incident_findings,
    incidents_table,
    reasons_table,
)
from alertlab.report.answers.health import (
    agreement_findings,
    agreement_table,
    agreement_text,
    health_table,
)
from alertlab.report.answers.mechanisms import (
    SAVINGS_FORMATS,
    WAITS_FORMATS,
    mechanism_findings,
    mechanisms_text,
    savings_table,
    waits_table,
)
from alertlab.report.answers.noise import (
    changes_table,
    coverage_text,
    noise_answer,
    noise_findings,
    noise_numbers,
    receiver_table,
    rules_coverage_table,
    rules_detail_table,
    rules_table,
)
from alertlab.report.answers.tuning import (
    SCORE_FORMATS,
    coverage_table,
    front_table,
    knobs_table,
    reading_table,
    scorecard_table,
    settings_table,
    tuning_answer,
    tuning_findings,
    tuning_numbers,
    validation_table,
)

__all__ = [
    "SAVINGS_FORMATS",
    "SCORE_FORMATS",
    "WAITS_FORMATS",
    "agreement_findings",
    "agreement_table",
    "agreement_text",
    "changes_table",
    "coverage_table",
    "coverage_text",
    "front_table",
    "health_table",
    "hours_table",
    "incident_findings",
    "incidents_table",
    "knobs_table",
    "mechanism_findings",
    "mechanisms_text",
    "noise_answer",
    "noise_findings",
    "noise_numbers",
    "reading_table",
    "reasons_table",
    "receiver_table",
    "rules_coverage_table",
    "rules_detail_table",
    "rules_table",
    "savings_table",
    "scorecard_table",
    "settings_table",
    "tuning_answer",
    "tuning_findings",
    "tuning_numbers",
    "validation_table",
    "waits_table",
]
