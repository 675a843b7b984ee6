"""Labelled incidents: the ground truth that pages are scored against."""

from alertlab.incidents.load import load_incidents
from alertlab.incidents.save import save_incident
from alertlab.incidents.table import (
    HARMLESS,
    INCIDENT_COLUMNS,
    Margins,
    bounds_ms,
    epoch_ms,
    is_harmless,
    match_times,
    no_incidents,
    owed,
    starting_within,
)

__all__ = [
    "HARMLESS",
    "INCIDENT_COLUMNS",
    "Margins",
    "bounds_ms",
    "epoch_ms",
    "is_harmless",
    "load_incidents",
    "match_times",
    "no_incidents",
    "owed",
    "save_incident",
    "starting_within",
]
