"""Templates expanded by promtool: it prints the annotations that a wrong expectation meets."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alertlab.frame import Series
from alertlab.go_text import unquote
from alertlab.promql import evaluate, matches_all
from alertlab.promql.notation import read_series
from alertlab.templates import AlertContext, QueryResult, Sample, StringMap, expand

ALERT = "Some_alert"
EVAL_TIME_MS = 120_000
EXTERNAL_LABELS = {"site": "eu", "cluster": "a/b"}
EXTERNAL_URL = "http://prometheus.example:9090/path"
ALERTING = 'm{instance="web-1.example.org:9090",job="api",path="/srv/a b"}'
SERIES = {ALERTING: 1234567.5, 'up{job="api",n="2"}': 1.0, 'up{job="db",n="1"}': 0.25}
_LABEL = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')
_REFUSED = re.compile(r'annotation "a(\d+)": (.*)')


def promtool_expands(promtool: str, folder: Path, texts: Sequence[str]) -> list[str]:
    """Return what promtool makes of annotations with these texts, in their order."""
    said = _promtool_says(promtool, folder, texts)
    got = said.partition("got:")[2].partition("Annotations:{")[2]
    found = {name: unquote(literal) for name, literal in _LABEL.findall(got)}
    assert list(found) == [_name(i) for i in range(len(texts))], said[-4000:]
    return list(found.values())


def promtool_refuses(promtool: str, folder: Path, texts: Sequence[str]) -> dict[str, str]:
    """Return the texts that promtool refuses as annotations, with its words for each."""
    said = _promtool_says(promtool, folder, texts)
    return {texts[int(number)]: words for number, words in _REFUSED.findall(said)}


def _promtool_says(promtool: str, folder: Path, texts: Sequence[str]) -> str:
    annotations = {_name(i): text for i, text in enumerate(texts)}
    rule = {"alert": ALERT, "expr": "m", "annotations": annotations}
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": [rule]}]}))
    test = {
        "interval": "1m",
        "external_labels": EXTERNAL_LABELS,
        "external_url": EXTERNAL_URL,
        "input_series": [
            {"series": series, "values": f"{number!r}x5"} for series, number in SERIES.items()
        ],
        "alert_rule_test": [{"eval_time": "2m", "alertname": ALERT, "exp_alerts": []}],
    }
    (folder / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    run = subprocess.run(
        [promtool, "test", "rules", "test.yml"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return run.stdout + run.stderr


def _name(number: int) -> str:
    return f"a{number:04}"


def we_expand(text: str) -> str:
    """Expand a text as ``promtool_expands`` has it done."""
    return expand(
        text,
        AlertContext(
            alert=ALERT,
            labels=dict(read_series(ALERTING)[0]),
            value=SERIES[ALERTING],
            at_ms=EVAL_TIME_MS,
            query=_query,
            external_labels=EXTERNAL_LABELS,
            external_url=EXTERNAL_URL,
        ),
    )


def _query(expr: str) -> QueryResult:
    times = np.array([EVAL_TIME_MS])
    series = [
        Series(read_series(text)[0], times, np.array([number])) for text, number in SERIES.items()
    ]
    frame = evaluate(
        expr, lambda asked, *_: [one for one in series if matches_all(asked, one.labels)], times
    )
    return QueryResult(
        Sample(StringMap(labels), float(values[0]))
        for labels, values in zip(frame.labels, frame.values, strict=True)
    )
