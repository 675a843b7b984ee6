"""What a Prometheus configuration says about rules and alerts; the rest is passed over.

Follows config/config.go (Load, GlobalConfig.UnmarshalYAML) of Prometheus 3.16.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alertlab.errors import require_file
from alertlab.notify.config.decoding import (
    Place,
    Struct,
    Values,
    deferred,
    duration,
    list_of,
    map_of,
    read_document,
    text,
)
from alertlab.notify.relabel import Relabel, is_label_name, relabel_reader
from alertlab.units import MINUTE_MS, LabelSet, label_set

# os/env.go, Expand: a brace that does not close, or holds nothing, vanishes with its dollar.
_VARIABLE = re.compile(r"\$(?:\{([^}]+)\}|(\{\}?)|([*#$@!?\-0-9]|[A-Za-z_][A-Za-z0-9_]*))")
_RULE_FILE = re.compile(r"[^*]*(\*[^/]*)?")


@dataclass(frozen=True)
class PrometheusConfig:
    """What decides when rules run and what Alertmanager gets.

    rule_files : paths, which may end in a pattern; relative ones start at the configuration
    """

    evaluation_interval_ms: int
    query_offset_ms: int
    external_labels: LabelSet
    alert_relabel: tuple[Relabel, ...]
    rule_files: tuple[str, ...]


def load_prometheus_config(
    path: str | Path, *, environment: Mapping[str, str] | None = None
) -> PrometheusConfig:
    """Read a Prometheus configuration.

    ``environment`` (by default that of this process) gives ``${NAME}`` in external labels; a
    variable that is not set is empty.  BadInput names the place of what Prometheus would refuse
    in the parts that are read, and Alertmanagers that get alerts with different labels.
    """
    place = Place(require_file(path, "the Prometheus configuration"))
    values = _PARTS(read_document(place.file), place)
    settings = values["global"]
    legacy_names = settings["metric_name_validation_scheme"] == "legacy"
    labels = _external_labels(*settings["external_labels"], legacy_names)
    alerting = _alerting(legacy_names)(*values["alerting"])
    return PrometheusConfig(
        evaluation_interval_ms=settings["evaluation_interval"] or MINUTE_MS,
        query_offset_ms=settings["rule_query_offset"],
        external_labels=label_set(
            {
                name: _expanded(value, os.environ if environment is None else environment)
                for name, value in labels.items()
            }
        ),
        alert_relabel=tuple(alerting["alert_relabel_configs"] + _own_steps(alerting, place)),
        rule_files=tuple(str(place.file.parent / one) for one in values["rule_files"]),
    )


def _alerting(legacy_names: bool) -> Struct:
    steps = list_of(relabel_reader(legacy_names=legacy_names))
    alertmanager = Struct({"alert_relabel_configs": steps}, ignores_others=True)

    def present(node: Any, place: Place) -> Values:
        if node is None:
            raise place.refusal("this entry is empty; write its settings or remove it")
        return alertmanager(node, place)

    return Struct({"alert_relabel_configs": steps, "alertmanagers": list_of(present)})


def _own_steps(alerting: Values, place: Place) -> list[Relabel]:
    """Return the steps that Alertmanagers have of their own, if there is one opinion."""
    found: list[list[Relabel]] = []
    for one in alerting["alertmanagers"]:
        if (steps := one["alert_relabel_configs"]) and steps not in found:
            found.append(steps)
    if len(found) > 1:
        raise place.inside("alerting.alertmanagers", place.line).refusal(
            "several Alertmanagers have different alert_relabel_configs; keep the one to simulate"
        )
    return found[0] if found else []


def _external_labels(node: Any, place: Place, legacy_names: bool) -> dict[str, str]:
    labels = map_of(text)(node, place)
    for name in labels:
        if not is_label_name(name, legacy_names):
            raise place.refusal(f"{name!r} is not a label name")
    return labels


def _expanded(value: str, environment: Mapping[str, str]) -> str:
    """Expand ``$NAME`` and ``${NAME}``; ``$$`` is a dollar."""

    def variable(found: re.Match[str]) -> str:
        name = found[1] or found[3]
        return "$" if name == "$" else environment.get(name, "") if name else ""

    return _VARIABLE.sub(variable, value)


def _rule_file(node: Any, place: Place) -> str:
    pattern = text(node, place)
    if not _RULE_FILE.fullmatch(pattern):
        raise place.refusal(f"{pattern!r} has a * before its last part; only that may have some")
    return pattern


def _scheme(node: Any, place: Place) -> str:
    scheme = text(node, place)
    if scheme not in ("", "legacy", "utf8"):
        raise place.refusal("metric_name_validation_scheme is neither legacy nor utf8")
    return scheme


_PARTS = Struct(
    {
        "global": Struct(
            {
                "evaluation_interval": duration,
                "rule_query_offset": duration,
                "external_labels": deferred,
                "metric_name_validation_scheme": _scheme,
            },
            ignores_others=True,
        ),
        "alerting": deferred,
        "rule_files": list_of(_rule_file),
    },
    ignores_others=True,
)
