"""What a notebook found: shown to people and carried to machines in one output."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from html import escape
from typing import Any, Protocol

import numpy as np
import pandas as pd
from IPython.display import display

from alertlab.units import Interval

RESULT_MIME = "application/vnd.alertlab.result+json"

SEVERITIES = ("action", "warning", "info", "ok")
"""From what asks for a decision to what is fine."""

_SEVERITY_COLOURS = {"action": "#b42318", "warning": "#9a6700", "info": "#0b5cad", "ok": "#1a7f37"}
_SLUG = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")


@dataclass(frozen=True)
class Finding:
    """One sentence that a reader may act on.

    id : stable slug; the same matter has the same id in every report (``false-pages.login-rate``)
    severity : action (decide now), warning, info or ok
    title : the finding in one sentence
    detail : why, and what to do
    numbers : the figures behind it, by name with unit; may hold Intervals
    """

    id: str
    severity: str
    title: str
    detail: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _SLUG.fullmatch(self.id):
            raise ValueError(f"a finding's id must be a slug such as false-pages, not {self.id!r}")
        if self.severity not in SEVERITIES:
            raise ValueError(
                f"severity must be one of {', '.join(SEVERITIES)}, not {self.severity!r}"
            )


class HasProvenance(Protocol):
    """A source that can say where its numbers come from."""

    def provenance(self) -> Mapping[str, Any]: ...


def publish(findings: Sequence[Finding], numbers: Mapping[str, Any], source: HasProvenance) -> None:
    """Show the findings, most urgent first, and hand them with ``numbers`` to whoever runs us.

    The output carries ``{"findings", "numbers", "provenance"}`` as strict JSON under RESULT_MIME.
    A notebook calls this once, at its end.  Raises ValueError if an id is used twice.
    """
    ids = [finding.id for finding in findings]
    doubles = sorted({one for one in ids if ids.count(one) > 1})
    if doubles:
        raise ValueError(f"finding ids must differ; used twice: {', '.join(doubles)}")
    ordered = by_urgency(findings)
    document = {
        "findings": [asdict(finding) for finding in ordered],
        "numbers": numbers,
        "provenance": source.provenance(),
    }
    display(_Published(ordered, to_json(document)))


def by_urgency(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings from action to ok, otherwise in the given order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def findings_html(findings: Sequence[Finding]) -> str:
    """Return the findings as an HTML list; each can be linked to as ``#finding-<id>``."""
    if not findings:
        return '<p class="al-nothing">Nothing was found that asks for attention.</p>'
    return f'<ul class="al-findings">{"".join(map(_item, findings))}</ul>'


def badge_html(severity: str) -> str:
    """Return the small word that names a finding's severity."""
    style = f"color:{_SEVERITY_COLOURS[severity]};font-weight:600"
    return f'<span class="al-badge al-{severity}" style="{style}">{severity}</span>'


def to_json(value: Any, where: str = "result") -> Any:
    """Return ``value`` in the types of strict JSON: NaN and infinities become null.

    Intervals become ``{"low", "mid", "high", "confidence"}``, times RFC 3339, durations seconds.
    Raises TypeError, naming the place, for what has no such form.
    """
    if isinstance(value, Interval):
        return to_json(value._asdict(), where)
    if isinstance(value, Mapping):
        return {str(key): to_json(one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray | pd.Index | pd.Series):
        many = sorted(value) if isinstance(value, set | frozenset) else value
        return [to_json(one, f"{where}[{at}]") for at, one in enumerate(many)]
    if value is None or value is pd.NaT or value is pd.NA or isinstance(value, str):
        return value if isinstance(value, str) else None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, pd.Timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return pd.Timestamp(value).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{where} is a {type(value).__name__}, which JSON cannot hold")


def _item(finding: Finding) -> str:
    detail = f"<p>{escape(finding.detail)}</p>" if finding.detail else ""
    return (
        f'<li id="finding-{escape(finding.id)}" class="al-finding al-{finding.severity}">'
        f"<p>{badge_html(finding.severity)} <strong>{escape(finding.title)}</strong></p>"
        f"{detail}</li>"
    )


class _Published:
    """The one output that people read and machines parse."""

    def __init__(self, findings: Sequence[Finding], document: Any):
        self.findings, self.document = findings, document

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {
            RESULT_MIME: self.document,
            "text/html": findings_html(self.findings),
            "text/plain": repr(self),
        }

    def __repr__(self) -> str:
        lines = [f"{one.severity:8}{one.title}" for one in self.findings]
        return "\n".join(lines) or "Nothing was found that asks for attention."
