"""Two sets of rules over one history: closed forms on a queue that is long now and then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from histories import minutely

from alertlab import diff_rules
from alertlab.change import RuleDiff, diff_report
from alertlab.errors import BadInput
from alertlab.incidents import Margins
from alertlab.incidents.table import incident_table
from alertlab.notify import load_alertmanager
from alertlab.rules import AlertRule, load_rules
from alertlab.tuning import Yardstick
from alertlab.units import DAY_MS, MINUTE_MS

WEEK_MINUTES = 7 * 1440
HIGH = {"expr": "queue_length > 5", "labels": {"severity": "critical"}}
ROUTES = """\
route:
  receiver: team
  group_by: [alertname]
  group_wait: 0s
  routes:
    - {matchers: [severity = "critical"], receiver: boss}
    - {matchers: [severity = "none"], receiver: nobody}
inhibit_rules:
  - {source_matchers: [severity = "critical"], target_matchers: [severity = "warning"]}
receivers:
  - name: team
    slack_configs: [{channel: c, api_url: 'http://slack.invalid/'}]
  - name: boss
    pagerduty_configs: [{routing_key: x}]
  - name: nobody
"""
PEAKS = (600, 2000, 5000)  # minutes at which the queue is long for ten minutes: 9, 9, 20
INCIDENT = ("slow", 5000 * MINUTE_MS, 5010 * MINUTE_MS, "critical", None, "")


def at_minutes(found, column: str) -> list[int]:
    """Return times as minutes of the history."""
    return [round(one.timestamp() / 60) for one in found[column]]


@pytest.fixture
def source(told_source):
    """A week of a queue: 1, but for three peaks."""
    values = np.ones(WEEK_MINUTES)
    for at, height in zip(PEAKS, (9, 9, 20), strict=True):
        values[at : at + 10] = height
    return told_source([minutely(values)])


@pytest.fixture
def rules_of(tmp_path: Path) -> Callable[..., list[AlertRule]]:
    """A function that loads rules given as ``name={…}``."""

    def load(file: str = "rules.yml", **rules: dict) -> list[AlertRule]:
        listed = [{"alert": name, **rule} for name, rule in rules.items()]
        groups = [{"name": "g", "interval": "1m", "rules": listed}]
        (tmp_path / file).write_text(json.dumps({"groups": groups}))
        return load_rules(tmp_path / file)

    return load


@pytest.fixture
def yardstick(tmp_path: Path) -> Yardstick:
    """Two receivers that are woken, one that is not, and one incident."""
    (tmp_path / "routes.yml").write_text(ROUTES)
    return Yardstick(
        incidents=incident_table([INCIDENT]),
        margins=Margins(0, 0),
        config=load_alertmanager(tmp_path / "routes.yml"),
    )


def between(old: list, new: list, source, yardstick: Yardstick | None, **options) -> RuleDiff:
    """Compare two sets over the whole week."""
    return diff_rules(old, new, source, 0, WEEK_MINUTES * MINUTE_MS, yardstick=yardstick, **options)


def test_lost_and_moved(source, rules_of, yardstick) -> None:
    """A ``for`` moves pages by its length; a higher threshold loses those of lower peaks."""
    old = rules_of(Long=HIGH)
    later = rules_of(Long={**HIGH, "for": "4m"})
    found = between(old, later, source, yardstick)
    assert list(found.changed_pages["what"]) == ["moved"] * 3
    assert at_minutes(found.changed_pages, "old_at") == list(PEAKS)
    assert at_minutes(found.changed_pages, "new_at") == [at + 4 for at in PEAKS]
    assert found.receivers.values.tolist() == [["boss", 3, 3, 0, 0, 3]]
    higher = rules_of(Long={**HIGH, "expr": "queue_length > 10"})
    found = between(old, higher, source, yardstick)
    assert at_minutes(found.changed_pages, "old_at") == [600, 2000]
    assert list(found.changed_pages["false"]) == [True, True]
    document = found.to_json()
    assert (document["new_pages"], document["lost_pages"], document["moved_pages"]) == (0, 2, 0)
    assert document["pages_per_week"]["old"]["mid"] == pytest.approx(3)
    assert document["old_false_pages_per_week"]["mid"] == pytest.approx(2)
    assert document["false_pages_per_week"] == {
        "low": 0.0, "mid": 0.0, "high": pytest.approx(3.689, abs=1e-3),
    }  # fmt: skip
    assert document["added_false_pages_per_week"] == pytest.approx(-2)
    assert document["incidents"] == {
        "gained": [], "lost": [], "caught": {"old": 1, "new": 1}, "owed": {"old": 1, "new": 1},
    }  # fmt: skip
    assert document["pages"][0] == {
        "what": "lost", "receiver": "boss", "group_labels": {"alertname": "Long"},
        "old_at": 600 * 60.0, "new_at": None, "rules": ["Long"], "false": True,
    }  # fmt: skip
    back = between(higher, old, source, yardstick)
    assert list(back.changed_pages["what"]) == ["gained"] * 2


def test_how_far_pages_may_move(source, rules_of, yardstick) -> None:
    """Beyond the tolerance a page is lost and another is new."""
    old, later = rules_of(Long=HIGH), rules_of(Long={**HIGH, "for": "4m"})
    near = between(old, later, source, yardstick, moved_within_ms=4 * MINUTE_MS)
    assert set(near.changed_pages["what"]) == {"moved"}
    far = between(old, later, source, yardstick, moved_within_ms=3 * MINUTE_MS)
    assert sorted(far.changed_pages["what"]) == ["gained"] * 3 + ["lost"] * 3


def test_incidents_lost(source, rules_of, yardstick) -> None:
    """An incident is lost with the only rule that fires in it, and kept by another one."""
    old = rules_of(Long=HIGH)
    deaf = rules_of(Long={**HIGH, "expr": "queue_length > 30"})
    assert between(old, deaf, source, yardstick).lost_incidents == ["slow"]
    assert between(deaf, old, source, yardstick).gained_incidents == ["slow"]
    other = {"expr": "queue_length > 19"}
    both = rules_of(Long={**HIGH, "expr": "queue_length > 30"}, Other=other)
    assert between(old, both, source, yardstick).lost_incidents == []
    # One that fires all the time tells of nothing.
    always = rules_of(Long={**HIGH, "expr": "queue_length > 30"}, Watchdog={"expr": "vector(1)"})
    found = between(old, always, source, yardstick)
    assert found.lost_incidents == ["slow"]
    assert found.new.episodes == {"Long": 0, "Watchdog": 1}


def test_only_rules_that_owe_an_incident_catch_it(source, rules_of, yardstick) -> None:
    """``should_alert`` limits whose firing counts, and what is owed."""
    named = incident_table([(*INCIDENT[:4], ("Other",), "")])
    limited = Yardstick(incidents=named, margins=Margins(0, 0), config=yardstick.config)
    old, new = rules_of(Long=HIGH), rules_of(Other=HIGH)
    found = between(old, new, source, limited)
    assert found.gained_incidents == ["slow"]
    assert found.to_json()["recall"] == {
        "old": None, "new": {"low": pytest.approx(0.147, abs=1e-3), "mid": 1.0, "high": 1.0},
    }  # fmt: skip


def test_the_whole_set_counts(source, rules_of, yardstick) -> None:
    """A new critical rule inhibits what an unchanged one used to page; groups are one's own."""
    warn = {"expr": "queue_length > 5", "for": "1m", "labels": {"severity": "warning"}}
    old = rules_of(Warn=warn)
    new = rules_of(Warn=warn, Long={**HIGH, "expr": "queue_length > 10"})
    found = between(old, new, source, yardstick)
    assert found.receivers.values.tolist() == [["boss", 0, 1, 1, 0, 0], ["team", 3, 2, 0, 1, 0]]
    assert [(one.name, one.status) for one in found.rules] == [("Warn", "same"), ("Long", "added")]
    document = {one["rule"]: one for one in found.to_json()["rules"]}
    assert (document["Warn"]["old"]["pages"], document["Warn"]["new"]["pages"]) == (3, 2)
    assert document["Long"]["old"] is None
    assert document["Long"]["new"]["caught"] == ["slow"]
    removed = between(new, old, source, yardstick)
    assert [(one.name, one.status) for one in removed.rules][-1] == ("Long", "removed")


def test_who_is_woken(source, rules_of, yardstick) -> None:
    """Only paging receivers count; those can be named, and where there is none all count."""
    quiet = rules_of(Long={**HIGH, "labels": {"severity": "none"}})
    assert between(quiet, quiet, source, yardstick).receivers.empty
    named = Yardstick(config=yardstick.config, paging_receivers=("team",))
    assert between(rules_of(Long=HIGH), quiet, source, named).receivers.empty
    nobody = Yardstick(config=yardstick.config, paging_receivers=())
    found = between(rules_of(Long=HIGH), quiet, source, nobody)
    assert found.receivers["receiver"].tolist() == ["boss"]


def test_what_changed_is_told(source, rules_of, yardstick) -> None:
    """Each key that differs, annotations too; a rule that is only told otherwise pages alike."""
    old = rules_of(A=HIGH, B=HIGH, C=HIGH)
    new = rules_of(
        A=HIGH,
        B={**HIGH, "annotations": {"summary": "new"}},
        C={"expr": "queue_length > 6", "for": "1m", "keep_firing_for": "2m",
           "labels": {"severity": "warning"}},
    )  # fmt: skip
    found = between(old, new, source, yardstick)
    assert {one.name: one.changes for one in found.rules} == {
        "A": {},
        "B": {"annotations.summary": ("", "new")},
        "C": {
            "expr": ("queue_length > 5", "queue_length > 6"),
            "for": ("0s", "1m"),
            "keep_firing_for": ("0s", "2m"),
            "labels.severity": ("critical", "warning"),
        },
    }


def test_what_is_the_same_is_replayed_once(source, rules_of, yardstick) -> None:
    """Wherever the files are, and whatever else stands in them."""
    old = rules_of("old.yml", A=HIGH, B=HIGH)
    new = rules_of(
        "new.yml", C=HIGH, A={**HIGH, "annotations": {"a": "b"}}, B={**HIGH, "for": "1m"}
    )
    replayed = []

    def track(rules: list) -> list:
        replayed.extend((rule.file.name, rule.name, rule.hold_duration_ms) for rule in rules)
        return rules

    found = between(old, new, source, yardstick, track=track)
    assert sorted(replayed) == [
        ("new.yml", "B", MINUTE_MS), ("new.yml", "C", 0), ("old.yml", "A", 0), ("old.yml", "B", 0),
    ]  # fmt: skip
    assert set(found.coverage) == {"A", "B", "C"}


def test_a_recording_rule_that_changes_changes_who_reads_it(tmp_path, source, yardstick) -> None:
    """Also through another one; what nobody reads does not matter."""
    text = """\
groups:
- name: g
  interval: 1m
  rules:
  - {record: a, expr: queue_length * FACTOR}
  - {record: b, expr: a}
  - {record: unread, expr: vector(FACTOR)}
  - {alert: Reads, expr: b > 5}
  - {alert: Other, expr: queue_length > 5}
"""
    sets = []
    for name, factor in (("old.yml", "1"), ("new.yml", "0.5")):
        (tmp_path / name).write_text(text.replace("FACTOR", factor))
        sets.append(load_rules(tmp_path / name))
    found = between(*sets, source, yardstick)
    assert [(one.name, one.status, list(one.changes)) for one in found.rules] == [
        ("Reads", "changed", ["record a"]), ("Other", "same", []),
    ]  # fmt: skip
    assert set(found.changed_pages["what"]) == {"lost"}


def test_groups_that_are_open_at_the_start(told_source, rules_of, yardstick) -> None:
    """A day before the start is simulated, too: what was told then is not told as new."""
    values = np.ones(WEEK_MINUTES)
    values[2000:2007] = 9
    values[2009:2020] = 9
    rules = rules_of(Long=HIGH)
    start_ms = 2008 * MINUTE_MS
    found = diff_rules(
        rules, rules, told_source([minutely(values)]), start_ms, 3 * DAY_MS, yardstick=yardstick
    )
    # The group ticks at 2005 and 2010, which sees neither the resolve nor anything new.
    assert found.new.pages.empty
    alone = told_source([minutely(np.where(np.arange(WEEK_MINUTES) < 2008, 1, values))])
    found = diff_rules(rules, rules, alone, start_ms, 3 * DAY_MS, yardstick=yardstick)
    assert at_minutes(found.new.pages, "at") == [2009]
    assert found.new.span.start_ms == start_ms


def test_slots_can_be_moved(source, rules_of, yardstick) -> None:
    """Where the source does not tell the slots, pages move with the stated ones."""
    rules = rules_of(Long=HIGH)
    pages = [
        between(rules, rules, source, yardstick, slot_offset_ms=offset).new.pages
        for offset in (0, 20_000)
    ]
    moved = pages[1]["at"] - pages[0]["at"]
    assert moved.dt.total_seconds().tolist() == [20.0] * 3


def test_without_incidents(source, rules_of) -> None:
    """Nothing can be called false, and nothing is caught; no yardstick is one receiver."""
    document = between(rules_of(A=HIGH), rules_of(), source, None).to_json()
    assert document["receivers"] == [
        {"receiver": "pages", "old": 3, "new": 0, "gained": 0, "lost": 3, "moved": 0}
    ]
    for key in ("false_pages_per_week", "old_false_pages_per_week", "added_false_pages_per_week"):
        assert document[key] is None
    assert document["recall"] == {"old": None, "new": None}
    assert [one["false"] for one in document["pages"]] == [None] * 3
    assert document["rules"][0]["old"]["false_pages"] is None


def test_two_empty_sets_are_refused(source, rules_of) -> None:
    """There would be nothing to tell."""
    with pytest.raises(BadInput, match="neither set of rules holds an alert"):
        between(rules_of(), rules_of(), source, None)


def test_report(source, rules_of, yardstick) -> None:
    """For a pull request: numbers, receivers, rules and pages, names as text only."""
    old = rules_of(**{"Long|<b>": HIGH}, Same=HIGH)
    new = rules_of(**{"Long|<b>": {**HIGH, "expr": "queue_length > 30"}}, Same=HIGH)
    lines = diff_report(between(old, new, source, yardstick)).splitlines()
    assert "| false pages a week | 4.0 (1.1 to 10.2) | 2.0 (0.2 to 7.2) |" in lines
    assert "| incidents caught | 1 of 1: 100% (15% to 100%) | 1 of 1: 100% (15% to 100%) |" in lines
    assert "* No incident is gained or lost." in lines
    assert "| `boss` | 6 | 3 | 0 | 3 | 0 |" in lines
    assert "| `Long\\|<b>` | changed | 3 → 0 | 2 → 0 | 1 → 0 | `expr` |" in lines
    assert "1 rule is the same in both sets." in lines
    assert (
        '| lost | `boss` | `{alertname="Long\\|<b>"}` | 1970-01-01 10:00:00 | – | false |' in lines
    )
    assert lines[-1].startswith("Measured on `recording small`, 1970-01-01T00:00:00Z to 1970-01-08")
    same = diff_report(between(old, old, source, yardstick))
    assert "All rules are the same." in same
    assert "<details>" not in same
    lost = diff_report(between(rules_of(Long=HIGH), rules_of(), source, yardstick))
    assert "* Incidents **lost**: `slow`" in lost.splitlines()
    assert "| `Long` | removed | 3 → – | 2 → – | 1 → – | – |" in lost.splitlines()


def test_report_has_an_end(told_source, rules_of, yardstick) -> None:
    """Fifty pages are listed; the rest is in the JSON document."""
    values = np.ones(WEEK_MINUTES)
    values[::60] = 9
    source = told_source([minutely(values)])
    found = between(rules_of(Long=HIGH), rules_of(), source, yardstick)
    report = diff_report(found)
    count = len(found.changed_pages)
    assert count > 100
    assert sum(line.startswith("| lost |") for line in report.splitlines()) == 50
    assert f"{count - 50} more are in the JSON document." in report
