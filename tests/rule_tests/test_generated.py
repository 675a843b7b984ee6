"""Random rule groups over random series: promtool confirms every alert and every sample.

What we find is written down as what is expected, and promtool must agree; with one label or value
changed it must not.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from promtool_verdicts import verdicts, write_yaml

from alertlab.number_text import format_value
from alertlab.rule_tests import read_test_file, run_test_file
from alertlab.rule_tests.evaluation import Evaluation
from alertlab.rule_tests.running import load_ordered_groups
from alertlab.rule_tests.store import read_input
from alertlab.units import format_duration, format_labels

STEPS = 16
VALUE = st.sampled_from(["_", "stale", *map(str, range(7))])
DURATION = st.integers(0, 4).map(lambda n: f"{n * 30}s")  # also between two evaluations
EXPRESSIONS = [
    "{x} > {t}", "{x} >= bool {t}", "sum by (job) ({x}) > {t}", "max_over_time({x}[3m]) > {t}",
    "rate({x}[4m]) * 60 > {t}", "avg_over_time({x}[90s])", "{x} unless {x} > {t}", "absent({x})",
    "count_over_time({x}[5m:1m])", "{x} * on (n) group_left () {y}", "{t}",
    "vector(time()) > {t} * 100", "{x} offset -1m > {t}", "{x} @ 300 > {t}",
    'ALERTS{{alertname=~"A[01]"}} == 1', "ALERTS_FOR_STATE > {t} * 60",
    "count by (alertstate) (ALERTS)", '{{__name__=~"m.|r0"}} > {t}', "sum without (n) ({x})",
    "changes({x}[5m]) > {t} - 3", "{x} - {x} offset 1m != 0",
    'label_replace({x}, "n", "same", "n", ".*")',
]  # fmt: skip
LABELS = [
    {}, {"severity": "page"}, {"n": ""}, {"n": "{{ $labels.n }}x"}, {"v": "{{ $value }}"},
    {"e": "{{ $externalLabels.site }}", "gone": "{{ $labels.nope }}"},
    {"q": '{{ with query "m0" | sortByLabel "n" }}{{ . | first | value }}{{ end }}'},
]  # fmt: skip
ANNOTATIONS = [
    {}, {"a": "{{ $labels.n }} of {{ $labels.job }} at {{ $value | humanize }}"},
    {"b": '{{ query "count(ALERTS) or vector(0)" | first | value }} {{ $externalURL }}'},
    {"c": "{{ $labels.nope.x }}", "d": "", "e": "{{ now }}"},
    {"f": '{{ range query "sum(r0) + sum(ALERTS)" }}{{ .Value }};{{ end }}'},
]  # fmt: skip


@st.composite
def rules(draw: st.DrawFn, number: int, newer: bool) -> dict:
    """An alerting or a recording rule over ``m0``, ``m1`` and what others record."""
    reads = st.sampled_from(["m0", "m0", "m1", "r0", "r1"])
    expr = draw(st.sampled_from(EXPRESSIONS)).format(
        x=draw(reads), y=draw(reads), t=draw(st.integers(0, 6))
    )
    if draw(st.booleans()):
        labels = draw(st.sampled_from([{}, {"kind": "rec"}, {"n": ""}]))
        return {"record": f"r{draw(st.integers(0, 1))}", "expr": expr, "labels": labels}
    return {
        "alert": f"A{number % 3}",
        "expr": expr,
        "for": draw(DURATION),
        "keep_firing_for": draw(DURATION),
        "labels": draw(st.sampled_from(LABELS)),
        "annotations": draw(st.sampled_from(ANNOTATIONS if newer else ANNOTATIONS[:3])),
    }


@st.composite
def cases(draw: st.DrawFn, semantics: int) -> dict:
    """Two groups of rules and a unit test of them that expects nothing yet."""
    newer = semantics == 3
    groups = []
    for name in ("g1", "g2"):
        group = {
            "name": name,
            "rules": [draw(rules(number, newer)) for number in range(draw(st.integers(1, 3)))],
        }
        group["limit"] = draw(st.sampled_from([0, 0, 0, 1, 2]))
        if newer:
            group["query_offset"] = draw(st.sampled_from(["0s", "0s", "1m"]))
            group["labels"] = draw(st.sampled_from([{}, {"severity": "group"}]))
        groups.append(group)
    series = [
        {"series": f'{name}{{job="j{n % 2}",n="{n}"}}', "values": " ".join(values)}
        for name in ("m0", "m1", *draw(st.sampled_from([(), ("r1",)])))
        for n in range(2)
        for values in [draw(st.lists(VALUE, min_size=STEPS, max_size=STEPS))]
    ]
    times = [format_duration(n * 20_000) for n in draw(st.lists(st.integers(0, 40), max_size=5))]
    exprs = ["m0", "r0", "r1", "ALERTS", "ALERTS_FOR_STATE", "count_over_time(r0[10m])"]
    test = {
        "interval": draw(st.sampled_from(["1m", "30s", "45s"])),
        "input_series": series,
        "external_labels": {"site": "eu"},
        "external_url": "http://x",
        "alert_rule_test": [
            {"eval_time": time, "alertname": f"A{n % 3}"} for n, time in enumerate(times)
        ],
        "promql_expr_test": [
            {"eval_time": draw(st.sampled_from(["0s", "7m", "630s"])), "expr": expr}
            for expr in draw(st.lists(st.sampled_from(exprs), max_size=3, unique=True))
        ],
    }
    if newer and draw(st.booleans()):
        test["start_timestamp"] = "2024-05-05T10:00:07Z"
    return {
        "rules": {"groups": groups},
        "test": {
            "rule_files": ["{}"],
            "evaluation_interval": draw(st.sampled_from(["1m", "30s"])),
            "group_eval_order": draw(st.sampled_from([["g1", "g2"], ["g2", "g1"]])),
            "tests": [test],
        },
    }


def fill_in(path: Path, document: dict, semantics: int) -> None:
    """Write what we find into the file as what is expected."""
    file = read_test_file(path)
    (test,), (written,) = file.tests, document["tests"]
    end_ms = test.start_ms + test.span_ms
    inputs, _ = read_input(test.input_series, test.interval_ms, test.start_ms, end_ms)
    evaluation = Evaluation(
        load_ordered_groups(file, []), test, inputs,
        interval_ms=file.evaluation_interval_ms, semantics=semantics, at_once=False,
    )  # fmt: skip
    for slot_ms, errors in evaluation.run():
        if errors:
            return
        for check, entry in zip(test.alert_checks, written["alert_rule_test"], strict=True):
            if slot_ms <= check.eval_time_ms < slot_ms + file.evaluation_interval_ms:
                entry["exp_alerts"] = [
                    {
                        "exp_labels": {k: v for k, v in alert.labels if k != "alertname"},
                        "exp_annotations": alert.annotations,
                    }
                    for alert in evaluation.firing(check.alertname)
                ]
    for check, entry in zip(test.expr_checks, written["promql_expr_test"], strict=True):
        got = evaluation.queries.at(check.expr, test.start_ms + check.eval_time_ms)
        entry["exp_samples"] = [
            {"labels": format_labels(labels) or "{}", "value": float(format_value(value))}
            for labels, value in got
        ]
    write_yaml(path, document)


def spoilt(document: dict) -> Iterator[dict]:
    """Give variants of a test each of which expects one thing that is not so."""
    (test,) = document["tests"]
    for kind, expected in (("alert_rule_test", "exp_alerts"), ("promql_expr_test", "exp_samples")):
        for place, entry in enumerate(test[kind]):
            for alert in range(len(entry.get(expected, ()))):
                variant = copy.deepcopy(document)
                one = variant["tests"][0][kind][place][expected][alert]
                if kind == "alert_rule_test":
                    one["exp_labels"]["spoilt"] = "yes"
                else:
                    one["value"] += 1
                yield variant
                return


def run_batch(judge, folder: Path, batch: list[dict]) -> None:
    files: list[str] = []
    for number, case in enumerate(batch):
        document = case["test"]
        document["rule_files"] = [f"rules{number}.yml"]
        write_yaml(folder / f"rules{number}.yml", case["rules"])
        write_yaml(folder / f"test{number}.yml", document)
        fill_in(folder / f"test{number}.yml", document, judge.semantics)
        files.append(f"test{number}.yml")
        for variant in spoilt(document):
            write_yaml(folder / f"spoilt{number}.yml", variant)
            files.append(f"spoilt{number}.yml")
    judged = verdicts(judge.promtool, folder, files)
    for name, verdict in judged.items():
        for at_once in (True, False):
            ours = run_test_file(folder / name, semantics=judge.semantics, at_once=at_once)
            assert not ours.not_judged
            assert ours.verdict == verdict, (folder / name, at_once, ours.failures)
        assert verdict == "failed" or not name.startswith("spoilt")
    assert "success" in judged.values()


SETTINGS = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # the file that fails is named; shrinking is slow
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.server
@SETTINGS
@given(data=st.data())
def test_promtool_agrees(judge, tmp_path_factory, data: st.DataObject) -> None:
    """Both ways of evaluating give promtool's verdicts, on true and on spoilt expectations."""
    batch = data.draw(st.lists(cases(judge.semantics), min_size=25, max_size=25))
    run_batch(judge, tmp_path_factory.mktemp("generated"), batch)
