"""Relabelling of alerts: what each action does and what is refused, as a real Prometheus has it."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from json_sink import json_sink
from mutated_yaml import Mutator, Plain, refusals, tree_of

from alertlab.errors import BadInput
from alertlab.notify.prometheus_config import load_prometheus_config
from alertlab.notify.relabel import Relabel, relabel
from alertlab.units import label_set
from auth_service.stack import run_prometheus

ALERT = label_set({"alertname": "High", "pod": "auth-1", "severity": "page"})


def changed(*steps: Relabel) -> dict[str, str] | None:
    found = relabel(ALERT, steps)
    return None if found is None else dict(found)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Relabel(source_labels=("pod",), regex="(.+)-(.+)", target_label="app"), {"app": "auth"}),
        (Relabel(source_labels=("pod",), regex="(.+)-(?P<n>.+)", target_label="x_$n",
                 replacement="${1}$$$2x-${n}$missing"), {"x_1": "auth$-1"}),
        (Relabel(source_labels=("pod",), regex="auth", target_label="app"), {}),
        (Relabel(source_labels=("pod", "none", "severity"), target_label="x"),
         {"x": "auth-1;;page"}),
        (Relabel(source_labels=("pod", "severity"), separator="", target_label="x"),
         {"x": "auth-1page"}),
        (Relabel(target_label="site", replacement="b"), {"site": "b"}),
        (Relabel(target_label="pod", replacement=""), {"pod": ""}),
        (Relabel(target_label="$1", replacement="x"), {}),
        (Relabel("lowercase", ("alertname",), target_label="x"), {"x": "high"}),
        (Relabel("uppercase", ("alertname",), target_label="alertname"), {"alertname": "HIGH"}),
        (Relabel("hashmod", ("pod",), modulus=1000, target_label="shard"), {"shard": "404"}),
        (Relabel("labelmap", regex="p(.*)", replacement="k8s_$1"), {"k8s_od": "auth-1"}),
        (Relabel("labelmap", regex="pod|severity", replacement="x"), {"x": "page"}),
        (Relabel("labeldrop", regex="pod|sev.*"), {"pod": "", "severity": ""}),
        (Relabel("labelkeep", regex="pod|alertname"), {"severity": ""}),
        (Relabel("keep", ("severity",), regex="page|warn"), {}),
        (Relabel("drop", ("severity",), regex="pag"), {}),
        (Relabel("drop", ("severity",), regex=")("), {}),
        (Relabel("keepequal", ("pod",), target_label="pod"), {}),
        (Relabel("dropequal", ("pod",), target_label="severity"), {}),
    ],
)  # fmt: skip
def test_what_an_action_changes(step: Relabel, expected: dict[str, str]) -> None:
    """Each action by hand; a label that becomes empty is gone."""
    assert relabel(ALERT, [step]) == label_set({**dict(ALERT), **expected})


@pytest.mark.parametrize(
    "step",
    [
        Relabel("keep", ("severity",), regex="pag"),
        Relabel("drop", ("severity",), regex="pa.e"),
        Relabel("keepequal", ("pod",), target_label="severity"),
        Relabel("dropequal", ("pod",), target_label="pod"),
        Relabel("drop"),
    ],
)
def test_what_is_dropped(step: Relabel) -> None:
    """Patterns match whole values; no source labels are an empty value."""
    assert relabel(ALERT, [step, Relabel(target_label="x", replacement="y")]) is None


def test_what_alertmanager_would_refuse_is_lost() -> None:
    """An alert without labels, or one whose name has been cut to nothing."""
    assert changed(Relabel("labelkeep", regex="none")) is None
    assert changed(Relabel("labelmap", regex="pod(.*)", replacement="$1")) is None
    assert relabel(ALERT, ()) == ALERT


def test_steps_see_what_earlier_ones_did() -> None:
    """A label that was set comes after the others in a map, whatever its name."""
    first = Relabel(target_label="a_pod", replacement="first")
    both = Relabel("labelmap", regex="(?:a_)?pod", replacement="x")
    assert changed(first, both)["x"] == "first"
    assert relabel(label_set({**dict(ALERT), "a_pod": "given"}), [both]) == label_set(
        {**dict(ALERT), "a_pod": "given", "x": "auth-1"}
    )


def test_a_dot_is_any_character() -> None:
    """Patterns are those of Prometheus 3: a line feed, too."""
    labels = label_set({"a": "x\ny"})
    assert relabel(labels, [Relabel("keep", ("a",), regex="x.y")]) == labels


def test_legacy_names() -> None:
    """Names that Prometheus 2 did not know are not set where it says so."""
    step = Relabel(source_labels=("pod",), target_label="a_$1", replacement="x")
    assert changed(step)["a_auth-1"] == "x"
    assert changed(Relabel(**{**vars(step), "legacy_names": True})) == dict(ALERT)


# A real server

NAMES = ["alertname", "severity", "team", "instance", "é", "a.b", "A"]
PATTERNS = [
    "(.*)", "a.*", "(.)(.*)", "(?P<first>.)(.*)", "|x", "(a|b)+(.*)", ".*;.*", "[^;]+;(.*)", "é",
    "(?i)PAGE", "page|warn", "(.+)-(.+)", "", ".", "(x)?(.*)", r"\d+", "s.*|t.*", "(.*)e(.*)",
]  # fmt: skip
TEMPLATES = ["$1", "${1}x", "$1x", "$2$1", "$$1", "${first}", "x", "", "a${2}", "$", "$-", "é$1"]
ALERTS = [
    {},
    {"severity": "page", "team": "auth", "instance": "host-1:9090"},
    {"severity": "Page", "é": "ÉCOLE", "a.b": "x;y"},
    {"severity": "warn", "team": "warn", "A": "aabb"},
    {"severity": "straße", "instance": "line\nfeed", "A": "A", "team": "é"},
]


def random_step(rng: random.Random) -> dict[str, Any]:
    """Return an entry of alert_relabel_configs that Prometheus loads."""
    action = rng.choice(
        ["replace"] * 6 + ["labelmap"] * 3
        + ["keep", "drop", "hashmod", "labeldrop", "labelkeep", "lowercase", "uppercase",
           "keepequal", "dropequal"]
    )  # fmt: skip
    sources = {"source_labels": rng.sample(NAMES, rng.choice([0, 1, 1, 1, 2, 3]))}
    target = {"target_label": rng.choice([*NAMES, "new"])}
    regex = {"regex": rng.choice(PATTERNS)} if rng.random() < 0.8 else {}
    separator = {"separator": rng.choice(["", ",", ";"])} if rng.random() < 0.4 else {}
    step: dict[str, Any] = {"action": action.upper() if rng.random() < 0.1 else action}
    match action:
        case "replace":
            if rng.random() < 0.2:
                target = {"target_label": rng.choice(["$1", "x_$1", "${2}", "$first"])}
            if rng.random() < 0.7:
                step["replacement"] = rng.choice(TEMPLATES)
            return step | sources | target | regex | separator
        case "keep" | "drop":
            return step | sources | regex | separator
        case "labelmap":
            return step | regex | {"replacement": rng.choice([one for one in TEMPLATES if one])}
        case "labeldrop" | "labelkeep":
            return step | {"regex": rng.choice(["a.*", "é", "severity|team", "[^s].*", ".{5,}"])}
        case "hashmod":
            return step | sources | target | separator | {"modulus": rng.choice([1, 7, 2**40])}
        case "keepequal" | "dropequal":
            return step | sources | target
    return step | sources | target | separator


@pytest.mark.server
def test_prometheus_sends_the_same_labels(prometheus3_bin: str, tmp_path: Path) -> None:
    """Five alerts through 150 random chains, each before an Alertmanager of its own."""
    rng = random.Random(5)
    chains = [[random_step(rng) for _ in range(rng.randint(1, 4))] for _ in range(150)]
    rules = [
        {"alert": f"Alert{i}", "expr": "vector(1)", "labels": labels, "annotations": {"id": f"{i}"}}
        for i, labels in enumerate(ALERTS)
    ]
    rules_file = tmp_path / "rules.yml"
    dump({"groups": [{"name": "g", "interval": "1s", "rules": rules}]}, rules_file)
    with json_sink() as (address, posted):
        entries = [
            {"path_prefix": f"/{i}", "static_configs": [{"targets": [address]}],
             "alert_relabel_configs": chain}
            for i, chain in enumerate([*chains, []])
        ]  # fmt: skip
        flags = "--rules.alert.resend-delay=1s", "--web.enable-lifecycle"
        with run_prometheus(tmp_path, {}, *flags, program=prometheus3_bin) as url:
            config = {"rule_files": [str(rules_file)], "alerting": {"alertmanagers": entries}}
            dump(config, tmp_path / "prometheus.yml")
            reloaded = requests.post(f"{url}/-/reload", timeout=10)
            assert reloaded.ok, reloaded.text
            # The last one gets all alerts as they are.  When they come again, all have come once.
            deadline = time.monotonic() + 30
            while len(alerts_at(posted, len(chains))) < 2 * len(ALERTS):
                assert time.monotonic() < deadline, (tmp_path / "prometheus.log").read_text()
                time.sleep(0.1)
    lost = 0
    for i, chain in enumerate(chains):
        steps = load_one(tmp_path, chain)
        received = {one["annotations"]["id"]: one["labels"] for one in alerts_at(posted, i)}
        for j, labels in enumerate(ALERTS):
            expected = relabel(label_set({"alertname": f"Alert{j}", **labels}), steps)
            found = received.get(f"{j}")
            refused = found is None or not found or "" in found
            assert expected == (None if refused else label_set(found)), (chain, labels)
            lost += refused
    assert 50 < lost < 500


def alerts_at(posted: list[tuple[str, Any]], alertmanager: int) -> list[dict[str, Any]]:
    """Return the alerts that one Alertmanager got."""
    path = f"/{alertmanager}/api/v2/alerts"
    return [alert for at, alerts in posted if at == path for alert in alerts]


def load_one(folder: Path, chain: list[dict[str, Any]]) -> tuple[Relabel, ...]:
    file = folder / "one.yml"
    dump({"alerting": {"alert_relabel_configs": chain}}, file)
    return load_prometheus_config(file).alert_relabel


def dump(document: Any, file: Path) -> None:
    """Write YAML with every text in quotes: Go's reader stops at a plain ``?`` within braces."""
    file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


STEPS = """
alert_relabel_configs:
- {source_labels: [a, b], separator: ",", regex: "x(.*)", target_label: c, replacement: "$1"}
- {action: keep, source_labels: [a], regex: x}
- {action: Drop, regex: ""}
- {action: hashmod, source_labels: [a], modulus: 8, target_label: shard}
- {action: labelmap, regex: "a_(.*)", replacement: "b_$1"}
- {action: labeldrop, regex: "a|b"}
- {action: labelkeep, regex: "a|b"}
- {action: uppercase, source_labels: [a], target_label: a}
- {action: keepequal, source_labels: [a], target_label: b}
- {action: dropequal, source_labels: [a, b], target_label: b}
- {target_label: "a_$1", source_labels: [a]}
"""
MORE = {
    "alert_relabel_configs": [
        ["action", action]
        for action in ("replace", "keep", "hashmod", "labelmap", "labeldrop", "lowercase",
                       "keepequal", "DropEqual", "none", None)
    ]
    + [[key, value] for key in ("target_label", "replacement")
       for value in ("$1", "a-b", "x_${1}", "${a", "a", "", "é", "9", None)]
    + [["source_labels", value] for value in ([], ["a-b"], [""], [None], None)]
    + [["regex", value] for value in ("(.*)", "(", None)]
    + [["separator", value] for value in (";", "", None)]
    + [["modulus", value] for value in (Plain("0"), Plain("-1"), Plain("1.5"), "8")],
}  # fmt: skip


# Prometheus takes the word null in quotes without looking: as an action of which it knows nothing,
# or as a pattern that replaces the default of all other steps.  Here it is refused.
UNCHECKED = re.compile(r'"(regex|action)": "null"')


@pytest.mark.server
@pytest.mark.parametrize("scheme", ["utf8", "legacy"])
def test_promtool_refuses_the_same(promtool3: str, tmp_path: Path, scheme: str) -> None:
    """Keys lost, doubled, renamed and put in; values of other kinds; both kinds of names."""
    base = tmp_path / "base.yml"
    base.write_text(STEPS)
    rng = random.Random(scheme)
    mutator = Mutator([tree_of(base)], MORE, rng)
    documents = [mutator.document(rng.choice([1, 1, 2])) for _ in range(400)]
    kept = [one for one in documents if not UNCHECKED.search(one)]
    print(f"{len(documents) - len(kept)} of {len(documents)} left out: the word null in quotes")
    files = [tmp_path / f"{i}.yml" for i in range(len(kept))]
    for file, alerting in zip(files, kept, strict=True):
        settings = f"{{metric_name_validation_scheme: {scheme}}}"
        file.write_text(f"global: {settings}\nalerting: {alerting}\n", encoding="utf-8")
    expected = [not words for words in refusals([promtool3, "check", "config"], files)]
    found = [loads(file) for file in files]
    differing = [f.read_text() for f, a, b in zip(files, found, expected, strict=True) if a != b]
    assert not differing, differing[:3]
    assert len(kept) > 380 and 60 < sum(expected) < 300


def loads(file: Path) -> bool:
    try:
        load_prometheus_config(file)
    except BadInput:
        return False
    return True
