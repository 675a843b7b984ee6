"""Alerting rules on how fast an objective's error budget burns, as a rule file.

Per objective one group: recording rules with the ratio of bad events in each window, so that each
is computed once, then one alert for each severity (and ``for``).  An alert joins its pairs of
windows with ``or``: whichever of them fires, it is one alert, and so one page.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    LiteralScalarString,
    SingleQuotedScalarString,
)

from alertlab.errors import BadInput
from alertlab.number_text import format_value
from alertlab.slo.burn_windows import (
    GOOGLE_WINDOWS,
    PAGE,
    BurnWindow,
    WindowTable,
    able_to_fire,
    budget_ratio,
)
from alertlab.slo.objectives import Objective
from alertlab.units import SECOND_MS, format_duration

RATIO_METRIC = "slo:error_ratio:rate"
"""What recorded ratios are called, in front of their window; their label ``slo`` has the name."""

_WORD = re.compile(r"[^\W_]+")


class BurnAlert(NamedTuple):
    """An alert that fires while any of its pairs of windows does; they share severity and for."""

    name: str
    pairs: tuple[BurnWindow, ...]

    @property
    def windows(self) -> str:
        """The pairs as people write them: ``1h/5m or 6h/30m``."""
        return " or ".join(pair.name for pair in self.pairs)

    @property
    def severity(self) -> str:
        """PAGE or TICKET."""
        return self.pairs[0].severity

    @property
    def hold_duration_ms(self) -> int:
        """The alert's ``for``."""
        return self.pairs[0].hold_duration_ms


def burn_rules(
    objective: Objective, windows: WindowTable = GOOGLE_WINDOWS, min_bad_events: int = 0
) -> dict[str, Any]:
    """Return the rule file of one objective's burn-rate alerts, as a document for YAML.

    min_bad_events : fewer bad events than this in a long window do not alert, whatever the ratio;
        0 for none.  ``increase()`` extrapolates, so the count is Prometheus' estimate

    Pairs that cannot fire, because the objective allows too much, are left out.  Raises BadInput
    where none is left.
    """
    if min_bad_events < 0:
        raise BadInput(f"{min_bad_events} bad events are no minimum; give 0 or more")
    rules = [_recording(objective, span_ms) for span_ms in spans_of(objective, windows)]
    rules += [_alert(objective, alert, min_bad_events) for alert in burn_alerts(objective, windows)]
    return {"groups": [{"name": quoted(f"slo-{objective.name}"), "rules": rules}]}


def windows_of(objective: Objective, windows: WindowTable) -> list[BurnWindow]:
    """Return the pairs of a table over an objective's period that can fire; BadInput if none."""
    found = able_to_fire(windows.over(objective.period_ms), objective.target_ratio)
    if not found:
        raise BadInput(
            f"objective {objective.name}: a target of {_percent(objective.target_ratio)} allows so "
            f"much that no pair of windows of the table {windows.name!r} can fire; alert on the "
            "ratio itself"
        )
    return found


def spans_of(objective: Objective, windows: WindowTable) -> list[int]:
    """Return all windows that an objective's rules look at [ms], short ones first."""
    pairs = windows_of(objective, windows)
    return sorted({span_ms for pair in pairs for span_ms in (pair.long_ms, pair.short_ms)})


def burn_alerts(objective: Objective, windows: WindowTable) -> list[BurnAlert]:
    """Return the alerts that an objective gets: one for each severity and ``for``."""
    together: dict[tuple[str, int], list[BurnWindow]] = {}
    for pair in windows_of(objective, windows):
        together.setdefault((pair.severity, pair.hold_duration_ms), []).append(pair)
    several = Counter(severity for severity, _ in together)
    found = []
    for (severity, _), pairs in together.items():
        speed = "Fast" if severity == PAGE else "Slow"
        window = format_duration(pairs[0].long_ms) if several[severity] > 1 else ""
        name = f"{_camel(objective.name)}BudgetBurn{speed}{window}"
        found.append(BurnAlert(name, tuple(pairs)))
    return found


def annotations_of(objective: Objective, alert: BurnAlert, min_bad_events: int) -> dict[str, str]:
    """Return what an alert tells people, as templates."""
    return {
        "summary": _summary(objective, alert),
        "description": _description(objective, alert.pairs, min_bad_events),
    }


def alerting(objectives: Iterable[Objective]) -> list[Objective]:
    """Return the objectives that get alerts: not those that are only shown beside another one."""
    return [one for one in objectives if not one.beside]


def joined_rules(
    objectives: Iterable[Objective],
    windows: WindowTable = GOOGLE_WINDOWS,
    min_bad_events: int = 0,
) -> dict[str, Any]:
    """Return one document with the rules of several objectives.

    Raises BadInput where there is none, or where two would have an alert of the same name.
    """
    objectives = list(objectives)
    if not objectives:
        raise BadInput("there is no objective that rules could be about")
    alerts = Counter(name for one in objectives for name, _ in burn_alerts(one, windows))
    for name, count in alerts.items():
        if count > 1:
            raise BadInput(f"two objectives would have an alert {name}; rename one of them")
    documents = [burn_rules(one, windows, min_bad_events) for one in objectives]
    return {"groups": [group for document in documents for group in document["groups"]]}


def yaml_text(document: dict[str, Any], heading: Sequence[str] = ()) -> str:
    """Return a document's text, with comment lines in front."""
    yaml, body = YAML(), io.StringIO()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 1_000_000  # no value is folded
    yaml.allow_unicode = True
    yaml.dump(document, body)
    return "".join(f"# {line}".rstrip() + "\n" for line in heading) + body.getvalue()


def quoted(text: str) -> DoubleQuotedScalarString:
    """Return a text that no YAML reader takes for a number, a truth value or several lines."""
    return DoubleQuotedScalarString(text)


def readable(text: str) -> SingleQuotedScalarString | DoubleQuotedScalarString:
    """Return a text without escapes, unless YAML would take one of its characters for a break."""
    return SingleQuotedScalarString(text) if text.isprintable() else quoted(text)


def ratio_series(objective: Objective, span_ms: int) -> str:
    """Return the selector of the recorded ratio of bad events within a window."""
    return f'{RATIO_METRIC}{format_duration(span_ms)}{{slo="{objective.name}"}}'


def _recording(objective: Objective, span_ms: int) -> dict[str, Any]:
    return {
        "record": f"{RATIO_METRIC}{format_duration(span_ms)}",
        "expr": LiteralScalarString(objective.error_ratio_expr(format_duration(span_ms)) + "\n"),
        "labels": {"slo": quoted(objective.name)},
    }


def _alert(objective: Objective, alert: BurnAlert, min_bad_events: int) -> dict[str, Any]:
    conditions = [_condition(objective, one, min_bad_events) for one in alert.pairs]
    rule: dict[str, Any] = {
        "alert": quoted(alert.name),
        "expr": LiteralScalarString("or\n".join(conditions)),
    }
    if alert.hold_duration_ms:
        rule["for"] = format_duration(alert.hold_duration_ms)
    texts = annotations_of(objective, alert, min_bad_events)
    return rule | {
        "labels": {"severity": quoted(alert.severity)},
        "annotations": {name: quoted(text) for name, text in texts.items()},
    }


def _condition(objective: Objective, pair: BurnWindow, min_bad_events: int) -> str:
    limit = f"{format_value(pair.factor)} * {format_value(budget_ratio(objective.target_ratio))}"
    parts = [f"{ratio_series(objective, one)} > {limit}" for one in (pair.long_ms, pair.short_ms)]
    condition = "\n  and\n".join(f"  {part}" for part in parts)
    if min_bad_events:
        counted = objective.bad.increase_expr(format_duration(pair.long_ms))
        condition += f"\n  and on()\n  ({counted}) >= {min_bad_events}"
    return f"(\n{condition}\n)\n"


def _summary(objective: Objective, alert: BurnAlert) -> str:
    speed = "fast" if alert.severity == PAGE else "slowly, but too fast to last"
    return f"{objective.name}: the error budget burns {speed}"


def _description(objective: Objective, pairs: Sequence[BurnWindow], min_bad_events: int) -> str:
    spent = [(_percent(one.budget_ratio), format_duration(one.long_ms)) for one in pairs]
    (share, window), *more = spent
    told = [
        f"{{{{ $value | humanizePercentage }}}} {_what_is_bad(objective)}; "
        f"{_percent(budget_ratio(objective.target_ratio))} would be within the objective.",
        f"That pace spends {share} of the budget of {format_duration(objective.period_ms)} in "
        f"{window}{''.join(f', or {share} in {window}' for share, window in more)}.",
    ]
    if min_bad_events:
        told.append(f"Fewer than {min_bad_events} bad ones within that time would not alert.")
    if objective.description:
        told.append(_literal(objective.description))
    return " ".join(told)


def _what_is_bad(objective: Objective) -> str:
    """Return what bad events did, to stand behind a percentage; a template shows it as it is."""
    of = f"of {_literal(objective.method)} requests" if objective.method else "of requests"
    if objective.kind == "latency":
        return f"{of} were slower than the objective ({_threshold(objective.threshold_seconds)})"
    return f"{of} failed" if objective.kind == "availability" else "of what is counted was bad"


def _threshold(seconds: float) -> str:
    """Return a threshold as people write it; parts of a millisecond stay: ``2.5ms``."""
    slow_ms = round(seconds * SECOND_MS, 6)
    return format_duration(int(slow_ms)) if slow_ms.is_integer() else f"{slow_ms:.12g}ms"


def _literal(text: str) -> str:
    """Return a text that a template shows as it stands: it is not ours, and may hold anything."""
    return text.replace("{{", '{{ "{{" }}')


def _camel(name: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in _WORD.findall(name))


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.3g}%"
