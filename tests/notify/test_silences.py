"""Silences: what they mute, how they are read, and what a real Alertmanager does with them."""

from __future__ import annotations

import json
import random
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from live_alertmanager import alertmanager

from alertlab.errors import BadInput
from alertlab.notify.silences import Silence, load_silences
from alertlab.promql import Matcher
from alertlab.units import format_time, label_set, parse_time

ALERT = label_set({"alertname": "High", "pod": "auth-1"})
START, END = parse_time("2026-03-01T08:00:00Z"), parse_time("2026-03-01T09:00:00Z")
EXPORTED = """[
  {"id": "one", "status": {"state": "expired"}, "updatedAt": "2026-03-01T08:00:00.000Z",
   "comment": "deploy", "createdBy": "me",
   "startsAt": "2026-03-01T08:00:00.000Z", "endsAt": "2026-03-01T09:30:00.000+00:30",
   "matchers": [
     {"isEqual": true, "isRegex": true, "name": "alertname", "value": "Hi.*"},
     {"isEqual": false, "isRegex": false, "name": "pod", "value": "auth-2"}]},
  {"startsAt": "2026-03-01T08:00:00.123456789Z", "endsAt": "2026-03-02T08:00:00Z",
   "matchers": [{"name": "pod", "value": "x"}, {"isEqual": false, "isRegex": true, "name": "a",
                                                 "value": "b|c"}]}
]"""
WRITTEN = """
- id: one
  comment: deploy
  startsAt: 2026-03-01T08:00:00Z
  endsAt: 2026-03-01T09:00:00Z
  matchers:
  - {name: alertname, value: Hi.*, isRegex: true}
  - {name: pod, value: auth-2, isEqual: false}
- startsAt: 2026-03-01T08:00:00.123Z
  endsAt: 2026-03-02T08:00:00Z
  matchers:
  - {name: pod, value: x}
  - {name: a, value: b|c, isEqual: false, isRegex: true}
"""


def load(folder: Path, text: str) -> tuple[Silence, ...]:
    path = folder / "silences"
    path.write_text(text, encoding="utf-8")
    return load_silences(path)


def test_both_ends_belong_to_a_silence() -> None:
    """It is active at its first and its last millisecond, for what all its matchers take."""
    silence = Silence((Matcher("alertname", "=", "High"), Matcher("pod", "!=", "x")), START, END)
    assert [silence.mutes(ALERT, at) for at in (START - 1, START, END, END + 1)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert not silence.mutes(label_set({**dict(ALERT), "pod": "x"}), START)
    assert not silence.mutes(label_set({"pod": "y"}), START)


def test_json_and_yaml_say_the_same(tmp_path: Path) -> None:
    """Every kind of matcher, times with offsets and fractions, and what may be missing."""
    one, two = load(tmp_path, EXPORTED)
    assert (one.id, one.comment, one.start_ms, one.end_ms) == ("one", "deploy", START, END)
    assert one.mutes(ALERT, START)
    assert [matcher.op for matcher in (*one.matchers, *two.matchers)] == ["=~", "!=", "=", "!~"]
    assert (two.id, two.comment, two.start_ms) == ("", "", START + 123)
    assert load(tmp_path, WRITTEN) == (one, two)
    assert load(tmp_path, "[]") == ()


def test_patterns_match_whole_values(tmp_path: Path) -> None:
    """They are Alertmanager's: anchored, and a dot is no line feed."""
    (silence,) = load(tmp_path, json.dumps([{
        "matchers": [{"name": "a", "value": "x.y|z", "isRegex": True}],
        "startsAt": "2026-03-01T08:00:00Z", "endsAt": "2026-03-01T09:00:00Z",
    }]))  # fmt: skip
    found = [silence.mutes(label_set({"a": one}), START) for one in ("x-y", "z", "x\ny", "xz", "")]
    assert found == [True, True, False, False, False]


def silence_node(**changes: Any) -> dict[str, Any]:
    node = {
        "startsAt": "2026-03-01T08:00:00Z", "endsAt": "2026-03-01T09:00:00Z",
        "matchers": [{"name": "a", "value": "b"}],
    }  # fmt: skip
    return {key: value for key, value in {**node, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({}, "not a list of silences"),
        (["x"], "silence 1: a silence is a mapping"),
        ([silence_node(), silence_node(matchers=None)], "silence 2: matchers is not a list"),
        ([silence_node(matchers=["a=b"])], "silence 1: matchers is not a list of name"),
        ([silence_node(matchers=[])], "must not match the empty value"),
        ([silence_node(matchers=[{"name": "a", "value": ".*", "isRegex": True}])], "the empty va"),
        ([silence_node(matchers=[{"name": "a"}])], "matcher 1: it needs a name and a value"),
        ([silence_node(matchers=[{"name": "", "value": "x"}])], "it needs a name and a value"),
        ([silence_node(matchers=[{"name": "a", "value": "(", "isRegex": True}])], "'(' is not val"),
        ([silence_node(matchers=[{"name": "a", "value": "b", "isEqual": "no"}])], "isEqual is nei"),
        ([silence_node(startsAt=None)], "startsAt: '' is not a time"),
        ([silence_node(endsAt="tomorrow")], "endsAt: 'tomorrow' is not a time"),
        ([silence_node(startsAt="2026-03-02T08:00:00Z")], "endsAt is before startsAt"),
    ],
)  # fmt: skip
def test_bad_silences_get_one_sentence(tmp_path: Path, document: Any, part: str) -> None:
    """It names the file and the silence."""
    with pytest.raises(BadInput) as refused:
        load(tmp_path, json.dumps(document))
    assert part in str(refused.value)
    assert str(tmp_path / "silences") in str(refused.value)


def test_what_is_no_file_of_silences(tmp_path: Path) -> None:
    """A file that is missing, and one that is broken."""
    with pytest.raises(BadInput, match="the file of silences"):
        load_silences(tmp_path / "none")
    with pytest.raises(BadInput, match="not valid YAML"):
        load(tmp_path, "[{")


# A real server

NAMES = ["alertname", "pod", "team", "é", "a.b"]
VALUES = ["High", "auth-1", "auth-2", "é", "x\ny", 'q"\\', ""]
PATTERNS = ["auth-.*", "High|é", ".", "x.y", "(?i)HIGH", ".+", "auth-[12]?", "q.\\\\", "[^a].*"]


def random_silence(rng: random.Random, now: datetime) -> dict[str, Any]:
    matchers = [
        {"name": name, "value": rng.choice(PATTERNS if regex else VALUES), "isRegex": regex,
         "isEqual": rng.random() < 0.7}
        for name in rng.sample(NAMES, rng.choice([1, 1, 2]))
        for regex in [rng.random() < 0.5]
    ]  # fmt: skip
    start = now + timedelta(minutes=rng.choice([0, 0, 0, 30]))
    end = start + timedelta(minutes=rng.choice([60, 600]))
    return {
        "matchers": matchers, "startsAt": start.isoformat(), "endsAt": end.isoformat(),
        "createdBy": "a test", "comment": f"number {rng.random()}",
    }  # fmt: skip


@pytest.mark.server
def test_a_real_alertmanager_mutes_the_same(
    current_alertmanager_bin: str, current_amtool: str, tmp_path: Path
) -> None:
    """Two hundred random silences, some pending, some expired; exported by API and by amtool."""
    rng = random.Random(2)
    config = tmp_path / "alertmanager.yml"
    config.write_text("route: {receiver: a, group_wait: 0s}\nreceivers: [{name: a}]\n")
    alerts = [
        {name: value for name in NAMES if (value := rng.choice(VALUES))} | {"id": f"{i}"}
        for i in range(60)
    ]
    with alertmanager(current_alertmanager_bin, config) as live, requests.Session() as session:
        posted = accepted = 0
        for _ in range(200):
            posted += 1
            body = random_silence(rng, datetime.now(UTC))
            answer = session.post(f"{live.url}/api/v2/silences", json=body, timeout=10)
            if not answer.ok:
                continue  # all its matchers take the empty value
            accepted += 1
            if rng.random() < 0.3:
                path = f"/api/v2/silence/{answer.json()['silenceID']}"
                session.delete(f"{live.url}{path}", timeout=10).raise_for_status()
        time.sleep(0.1)
        session.post(
            f"{live.url}/api/v2/alerts", json=[{"labels": one} for one in alerts], timeout=10
        ).raise_for_status()
        time.sleep(2)
        now_ms = round(time.time() * 1000)
        told = session.get(f"{live.url}/api/v2/alerts", timeout=10).json()
        (tmp_path / "api").write_bytes(
            session.get(f"{live.url}/api/v2/silences", timeout=10).content
        )
        for name, flags in (("active", []), ("expired", ["--expired"])):
            said = subprocess.run(
                [current_amtool, "silence", "query", "-o", "json", *flags,
                 f"--alertmanager.url={live.url}"],
                check=True, capture_output=True,
            )  # fmt: skip
            (tmp_path / name).write_bytes(said.stdout)
    by_api = load_silences(tmp_path / "api")
    by_amtool = [one for name in ("active", "expired") for one in load_silences(tmp_path / name)]
    assert {one.id: one for one in by_amtool} == {one.id: one for one in by_api}
    assert len(by_api) == accepted and 100 < accepted < posted
    expected = {one["labels"]["id"]: set(one["status"]["silencedBy"]) for one in told}
    found = {
        one["id"]: {silence.id for silence in by_api if silence.mutes(label_set(one), now_ms)}
        for one in alerts
    }
    assert found == expected
    assert len(set().union(*found.values())) > 30, format_time(now_ms)
