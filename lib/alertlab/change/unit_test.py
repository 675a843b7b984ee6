"""A promtool unit-test file that proves a change of a rule, as text."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from alertlab.change.proofs import Proof
from alertlab.rules import AlertRule
from alertlab.units import LabelSet, format_duration, format_time

# Others might be read as a truth value, a number or nothing.
_PLAIN_KEY = re.compile(
    r"(?!(?:true|false|null|yes|no|on|off|[yn])$)[a-z_][a-z0-9_]*", re.IGNORECASE
)


def unit_test_text(
    rule: AlertRule, proofs: Sequence[Proof], *, rule_file: str, test_file: str, origin: str
) -> str:
    """Return the text of a unit-test file.

    rule : the rule after the change
    rule_file, test_file : names beside each other
    origin : where the samples come from, in one line
    """
    document = {
        "rule_files": [_text(rule_file)],
        "evaluation_interval": format_duration(rule.interval_ms),
        "tests": [_test(rule, proof) for proof in proofs],
    }
    yaml, body = YAML(), io.StringIO()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 1_000_000  # no value is folded
    yaml.allow_unicode = True
    yaml.dump(document, body)
    return "".join(f"# {line}\n" for line in _heading(rule, proofs, test_file, origin)) + (
        body.getvalue()
    )


def _heading(rule: AlertRule, proofs: Sequence[Proof], test_file: str, origin: str) -> list[str]:
    steps = ", ".join(dict.fromkeys(format_duration(one.cut.step_ms) for one in proofs))
    lines = [
        f"What the change of {one_line(rule.name)} does, on cuts of real history.  Run it with",
        f"    promtool test rules {one_line(test_file)}",
        f"The samples are from {one_line(origin)},",
        f"each moved onto the next step of a grid of {steps}; a cut begins with no alert active.",
    ]
    for one in proofs:
        cut = f"{format_time(one.cut.start_ms)} to {format_time(one.cut.end_ms)}"
        fails = "The rule before the change fails it." if one.tells else "Both rules pass it."
        lines.append(f"- {one_line(one.name)} (cut from {cut}).  {fails}")
    fixed = sorted({one.semantics[0] for one in proofs if len(one.semantics) == 1})
    lines += [f"Other values than those of Prometheus {one} would fail it." for one in fixed]
    return lines


def _test(rule: AlertRule, proof: Proof) -> dict[str, Any]:
    return {
        "name": _text(proof.name),
        "interval": format_duration(proof.cut.step_ms),
        "input_series": [
            {"series": SingleQuotedScalarString(series), "values": SingleQuotedScalarString(values)}
            for series, values in proof.cut.series
        ],
        "alert_rule_test": [
            {
                "eval_time": format_duration(at_ms),
                "alertname": _text(rule.name),
                "exp_alerts": [_alert(*one) for one in alerts],
            }
            for at_ms, alerts in proof.checks
        ],
    }


def _alert(labels: LabelSet, annotations: LabelSet) -> dict[str, Any]:
    own = {name: text for name, text in labels if name != "alertname"}
    found = {"exp_labels": _texts(own), "exp_annotations": _texts(dict(annotations))}
    return {key: texts for key, texts in found.items() if texts}


def _texts(texts: Mapping[str, str]) -> dict[str, str]:
    return {
        name if _PLAIN_KEY.fullmatch(name) else _text(name): _text(text)
        for name, text in texts.items()
    }


def _text(text: str) -> DoubleQuotedScalarString:
    """Return a text that no YAML reader takes for a number, a truth value or several lines."""
    return DoubleQuotedScalarString(text)


def one_line(text: str) -> str:
    """Return a text as one line of what can be printed: labels and names may hold anything."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def file_name(rules: Path, rule: AlertRule, ending: str) -> str:
    """Return the name of a file beside ``rules`` that is about one rule."""
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in rule.name)
    return f"{rules.stem}.{safe}.{ending}"
