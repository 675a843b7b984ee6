"""What a scenario file may say, and the one sentence about what it may not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from alertlab.errors import BadInput
from auth_service.scenario import load_scenario


def write(path: Path, content: Any) -> Path:
    """Write content as YAML."""
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(content, file)
    return path


def changed(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with the value at a dotted path replaced, or deleted if it is ..."""
    content = copy.deepcopy(content)
    *parents, last = path.split(".")
    node: Any = content
    for key in parents:
        node = node[int(key) if isinstance(node, list) else key]
    if value is ...:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return content


WRONG = [  # id, key, its value (...: deleted), what the sentence says
    ("unknown_key", "sped", 3, "sped: Extra inputs are not permitted"),
    ("missing_key", "seed", ..., "seed: Field required"),
    ("negative_seed", "seed", -1, "seed: Input should be greater than or equal to 0"),
    ("start_without_zone", "start", "2026-03-02T00:00:00", "start: '2026-03-02T00:00:00' has no"),
    ("start_not_midnight", "start", "2026-03-02T01:00:00Z", "it must be midnight UTC"),
    ("bad_duration", "step", "fast", "step: 'fast' is not a duration"),
    ("step_does_not_divide", "step", "7s", "step must be at least 1s and divide a day"),
    ("hours_short", "rhythm.hours", [1.0] * 23, "rhythm.hours: List should have at least 24"),
    ("method_missing", "methods.Login", ..., "methods lacks Login"),
    ("method_unknown", "methods.LogIn", {}, "methods.LogIn"),
    ("latency_missing", "latency.methods.Login", ..., "latency.methods lacks Login"),
    ("rate_zero", "methods.Login.peak_per_second", 0, "methods.Login.peak_per_second: Input"),
    ("shares", "methods.Login.outcomes", {"ok": 0.9}, "the shares sum to 0.9, not 1"),
    ("mixture", "latency.validation.0.share", 0.1, "latency.validation: the shares sum to 0.15"),
    (
        "outcome",
        "methods.Login.outcomes",
        {"won": 1.0},
        "Login has no outcome 'won'; there are: ok",
    ),
    ("busy_hours", "pods.busy_hours", [22, 9], "nor busy_hours be reversed"),
    ("busy_replicas", "pods.busy_replicas", 1, "busy_replicas must not be below replicas"),
    ("deploy_outside", "deploys.0", "2026-04-02T06:00:00Z", "deploys: 2026-04-02T06:00:00Z is out"),
    ("gap_outside", "scrapes.gaps.0.length", "9d", "scrapes.gaps: 2026-03-11T08:00:00Z is out"),
    ("event_outside", "incidents.0.length", "9d", "event stuffing: 2026-03-11T12:00:00Z is out"),
    ("repeats_outside", "look_alikes.0.times", 9, "event restart: 2026-03-"),
    ("same_id", "look_alikes.0.id", "stuffing", "event id 'stuffing' is used twice"),
    ("length_zero", "incidents.0.length", "0s", "incidents.0.length: Input should be greater than"),
    ("no_effect", "incidents.0.effects", [], "incidents.0.effects: List should have at least 1"),
    ("effect_kind", "incidents.0.effects.0.effect", "magic", "incidents.0.effects.0: Input tag"),
    (
        "effect_outcome",
        "incidents.0.effects.0.outcomes",
        {"expired": 1.0},
        "event stuffing: Login has no outcome 'expired'",
    ),
    ("no_rule", "incidents.0.should_alert", [], "incidents.0.should_alert: List should have at"),
    ("severity", "incidents.0.severity", "bad", "incidents.0.severity: Input should be 'critical'"),
    ("integration", "notifications_per_hour.slack", ..., "notifications_per_hour lacks slack"),
]


@pytest.mark.parametrize(
    ("key", "value", "sentence"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_wrong_scenario(tmp_path, content_of, key, value, sentence):
    """Each mistake is told in one line that names the file and the key."""
    path = write(tmp_path / "wrong.yaml", changed(content_of(), key, value))
    with pytest.raises(BadInput) as error:
        load_scenario(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert sentence in text
    assert "\n" not in text


NOT_SCENARIOS = [  # id, file content, what the sentence says
    ("not_yaml", "a: [1\nb: 2", "line 2: not YAML"),
    ("a_list", "- 1", "holds no scenario"),
    ("empty", "", "holds no scenario"),
    ("no_base", "extends: nowhere.yaml", "nowhere.yaml does not exist"),
    ("not_text", b"\xff\xfe\x00a", "is not YAML text"),
]


@pytest.mark.parametrize(
    ("content", "sentence"), [c[1:] for c in NOT_SCENARIOS], ids=[c[0] for c in NOT_SCENARIOS]
)
def test_not_a_scenario(tmp_path, content, sentence):
    """A file that is no scenario at all is refused by name."""
    path = tmp_path / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=sentence) as error:
        load_scenario(path)
    assert str(path) in str(error.value)


def test_missing_file(tmp_path):
    """A file that does not exist is named."""
    with pytest.raises(BadInput, match=r"the scenario .*none\.yaml does not exist"):
        load_scenario(tmp_path / "none.yaml")


def test_several_mistakes_are_counted(tmp_path, content_of):
    """The first mistake is told, the others are counted."""
    path = write(tmp_path / "wrong.yaml", content_of(seed=-1, days=0))
    with pytest.raises(BadInput, match=r"\(and 1 more\)"):
        load_scenario(path)


def test_extends_takes_what_is_not_stated(tmp_path, content_of):
    """Keys of the extending file win; all others come from the file it extends."""
    write(tmp_path / "base.yaml", content_of())
    path = write(tmp_path / "child.yaml", {"extends": "base.yaml", "seed": 99, "deploys": []})
    child, base = load_scenario(path), load_scenario(tmp_path / "base.yaml")
    assert (child.seed, child.deploys) == (99, [])
    assert child.latency == base.latency
    assert child.incidents == base.incidents
