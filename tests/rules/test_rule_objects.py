"""PrometheusRule objects: the same groups as in a plain rule file, found and edited in place."""

from __future__ import annotations

import io
import json
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from alertlab.errors import BadInput
from alertlab.rules import RuleChange, edit_rule, find_rule, load_groups, load_rules, rule_text
from alertlab.units import MINUTE_MS

ROOT = Path(__file__).resolve().parent.parent.parent
GROUPS = """\
groups:
- name: g   # a comment
  interval: 30s
  limit: 3
  labels: {team: core}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: Down
    expr: job:up:sum{job="api"} < 1   # why 1
    for: 2m
    labels: {severity: page, code: '010'}
    annotations: {summary: 'down: {{ $value }}'}
- name: h
  rules:
  - {alert: Up, expr: "up{job=\\"api\\"} > 0"}
"""
HEAD = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {name}
  labels: {{release: kube}}
spec:
"""


def wrapped(groups: str, name: str = "one") -> str:
    """A PrometheusRule object with these groups."""
    return HEAD.format(name=name) + textwrap.indent(groups, "  ")


def as_json(text: str, indent: int | None) -> str:
    """The same document as kubectl prints it, expressions with escaped quotes."""
    return json.dumps(YAML(typ="safe").load(text), indent=indent)


def listed(*objects: str, kind: str = "List") -> str:
    """A list of objects as kubectl prints it."""
    items = [YAML(typ="safe").load(one) for one in objects]
    stream = io.StringIO()
    YAML().dump({"apiVersion": "v1", "kind": kind, "items": items, "metadata": {}}, stream)
    return stream.getvalue()


def loaded(folder: Path, text: str) -> list:
    """The groups of a file without where they stand."""
    path = folder / "rules.yml"
    path.write_text(text, encoding="utf-8")
    return [
        replace(
            group,
            line=0,
            file=Path(),
            rules=tuple(replace(rule, line=0, file=Path()) for rule in group.rules),
        )
        for group in load_groups(path)
    ]


FORMS = {
    "one object": wrapped(GROUPS),
    "among empty documents": f"---\n---\n{wrapped(GROUPS)}---\n",
    "a list": listed(wrapped(GROUPS)),
    "a list of the operator's": listed(wrapped(GROUPS), kind="PrometheusRuleList"),
    "indented JSON": as_json(wrapped(GROUPS), 2),
    "JSON in one line": as_json(wrapped(GROUPS), None),
    "a list as JSON": as_json(listed(wrapped(GROUPS)), 4),
    "with Thanos' strategy": wrapped(
        GROUPS.replace("  interval: 30s", "  interval: 30s\n  partial_response_strategy: warn")
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_object_holds_what_a_plain_file_holds(tmp_path: Path, form: str) -> None:
    """Every field of every group and rule, in each of the forms."""
    assert loaded(tmp_path, FORMS[form]) == loaded(tmp_path, GROUPS)


def test_the_services_own_rules_as_an_object(tmp_path: Path) -> None:
    """Korean annotations, templates and comments go through."""
    text = (ROOT / "auth_service/monitoring/rules/auth-service.yml").read_text(encoding="utf-8")
    assert loaded(tmp_path, wrapped(text)) == loaded(tmp_path, text)
    assert len(loaded(tmp_path, text)[0].rules) > 5


def test_several_objects_may_repeat_a_groups_name(tmp_path: Path) -> None:
    """The operator makes a file of each; lines are those of the whole file."""
    path = tmp_path / "rules.yml"
    text = f"{wrapped(GROUPS)}---\n{wrapped(GROUPS, 'two')}"
    path.write_text(text)
    assert [group.name for group in load_groups(path)] == ["g", "h", "g", "h"]
    assert [rule.line for rule in load_rules(path)] == [15, 22, 38, 45]
    lines = text.splitlines()
    assert all(rule.name in lines[rule.line - 1] for rule in load_rules(path))
    assert len(load_rules(path)[0].recorded) == 2


@pytest.mark.parametrize("form", FORMS)
def test_a_rule_in_an_object_is_edited_in_place(tmp_path: Path, form: str) -> None:
    """Number and durations change, every other byte stays, and the rule is found again."""
    path = tmp_path / "rules.yml"
    path.write_text(FORMS[form])
    rule = find_rule(load_rules(path), "Down")
    change = RuleChange(threshold=2, hold_duration_ms=5 * MINUTE_MS)
    edited = edit_rule(FORMS[form], rule, change)
    escaped = '{job=\\"api\\"} < '
    old = f"{escaped}1" if escaped in FORMS[form] else '{job="api"} < 1'
    assert FORMS[form].count(old) == 1
    assert edited == FORMS[form].replace(old, old[:-1] + "2").replace("2m", "5m")
    path.write_text(edited)
    assert find_rule(load_rules(path), "Down").hold_duration_ms == 5 * MINUTE_MS
    kept = edit_rule(FORMS[form], rule, RuleChange(keep_firing_for_ms=MINUTE_MS))
    path.write_text(kept)
    assert find_rule(load_rules(path), "Down").keep_firing_for_ms == MINUTE_MS
    if "JSON" in form:
        json.loads(edited)
        json.loads(kept)


def test_of_equal_rules_the_right_one_is_edited(tmp_path: Path) -> None:
    """In one line of JSON only group and place tell two rules of one name apart."""
    rules = [{"alert": "A", "expr": "up > 1"}, {"alert": "A", "expr": "up > 1"}]
    spec = {"groups": [{"name": "g", "rules": rules}, {"name": "h", "rules": rules}]}
    text = json.dumps(
        {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "spec": spec}
    )
    path = tmp_path / "rules.json"
    path.write_text(text)
    for number, rule in enumerate(load_rules(path)):
        edited = edit_rule(text, rule, RuleChange(threshold=7))
        numbers = [one["expr"][-1] for one in _rules_of(json.loads(edited))]
        assert numbers == ["7" if n == number else "1" for n in range(4)]


def test_rules_that_nothing_tells_apart_are_not_edited(tmp_path: Path) -> None:
    """Two objects in one line with the same group: which one is meant is not guessed."""
    path = tmp_path / "rules.json"
    text = as_json(listed(wrapped(GROUPS), wrapped(GROUPS)), None)
    path.write_text(text)
    with pytest.raises(BadInput, match="rule Down: its group stands twice in that line"):
        edit_rule(text, load_rules(path)[0], RuleChange(threshold=7))


def _rules_of(document: dict) -> list[dict]:
    return [rule for group in document["spec"]["groups"] for rule in group["rules"]]


def test_the_text_of_a_rule_in_an_object(tmp_path: Path) -> None:
    """As it is written there, without its neighbours."""
    path = tmp_path / "rules.yml"
    path.write_text(wrapped(GROUPS))
    text = rule_text(find_rule(load_rules(path), "Down"))
    assert text.startswith("- alert: Down\n  expr: job:up:sum")
    assert "record" not in text
    path.write_text(as_json(wrapped(GROUPS), None))
    text = rule_text(find_rule(load_rules(path), "Down"))
    assert json.loads(text)["for"] == "2m"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (wrapped(GROUPS) + "---\nkind: ConfigMap\napiVersion: v1\n",
         [":24", "kind ConfigMap of v1 holds no rules"]),
        (wrapped(GROUPS).replace("/v1\n", "/v1beta1\n"), [":1", "v1beta1 holds no rules"]),
        (wrapped(GROUPS) + "---\n" + GROUPS, [":24", "kind None of None"]),
        (wrapped(GROUPS) + "---\n- a\n", ["each document must be a PrometheusRule"]),
        (HEAD.format(name="a"), [":1", "has no spec"]),
        (wrapped(GROUPS).replace("  groups:", "  rules: []\n  groups:"),
         [":1", "line 7", "unknown key 'rules'"]),
        (wrapped(GROUPS.replace("limit: 3", "limits: 3")), [":8", "line 10", "'limits'"]),
        (wrapped(GROUPS.replace("for: 2m", "four: 2m")), [":15", "line 17", "'four'"]),
        (wrapped(GROUPS.replace("name: h", "name: g")), [":20", "group g", "stands twice"]),
        (GROUPS.replace("  limit: 3", "  partial_response_strategy: warn"),
         [":2", "line 4", "'partial_response_strategy'"]),
        ("kind: List\nitems: {a: b}\n", [":1", "items is not a list"]),
        ("kind: List\nitems: [{kind: Pod}]\n", [":2", "kind Pod"]),
    ],
)  # fmt: skip
def test_bad_objects_get_one_sentence(tmp_path: Path, text: str, parts: list[str]) -> None:
    """It names file and line, and the kind or the key."""
    path = tmp_path / "rules.yml"
    path.write_text(text)
    with pytest.raises(BadInput) as refused:
        load_groups(path)
    assert str(refused.value).startswith(str(path))
    for part in parts:
        assert part in str(refused.value)
