"""The committed recording of a real run, judged by its load generator's account."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from alertlab.errors import BadInput
from alertlab.frame import counted
from alertlab.replay import fired, replay_rules
from alertlab.rules import find_rule, load_rules
from alertlab.sources import open_source
from alertlab.units import SECOND_MS
from auth_service.loadgen.account import disagreements
from auth_service.stack import JOB, MONITORING

FOLDER = Path(__file__).resolve().parents[2] / "data" / "recordings" / "real-run"
WINDOW_SECONDS, THRESHOLD_PER_SECOND, INTERVAL_SECONDS = 30, 5, 2
BURST_RULE = f"""
groups:
  - name: burst
    rules:
      - alert: Burst
        expr: sum(rate(auth_login_failure_total[{WINDOW_SECONDS}s])) > {THRESHOLD_PER_SECOND}
      - alert: Text
        expr: sum(increase(auth_login_failure_total[5m])) > 5
        for: 2m
"""


@pytest.fixture
def account() -> dict:
    """What the load generator did."""
    return json.loads((FOLDER / "account.json").read_text(encoding="utf-8"))


@pytest.fixture
def recording():
    """The recording with the semantics of the server that it was made with."""
    return open_source(str(FOLDER), semantics=2)


def phase(account: dict, kind: str) -> dict:
    """Return the only phase of a kind."""
    (found,) = (one for one in account["phases"] if one["kind"] == kind)
    return found


def episodes(recording, rules):
    """Return the fired episodes of rules, evaluated as often as the service was scraped."""
    return fired(replay_rules(rules, recording, recording.start_ms, recording.end_ms))


def shipped(name: str):
    """Return a rule as it is shipped, evaluated every two seconds."""
    path = MONITORING / "rules" / "auth-service.yml"
    return find_rule(load_rules(path, evaluation_interval_ms=INTERVAL_SECONDS * SECOND_MS), name)


def test_it_is_small_and_real(recording):
    """Less than two megabytes, not synthetic, every two seconds."""
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000
    about = recording.provenance()
    assert about["synthetic"] is False and "live server" in about["origin"]
    assert recording.meta["scrape_interval_ms"] == INTERVAL_SECONDS * SECOND_MS
    (up,) = recording.series("up", recording.start_ms, recording.end_ms)
    assert (up.values == 1).all() and len(up.times) > 100


def test_its_counters_are_the_account(recording, account):
    """Every counter ended exactly where the load generator says, and began at zero."""
    scraped = recording.series(f'{{job="{JOB}"}}', recording.start_ms, recording.end_ms)
    assert account["unanswered"] == 0
    assert disagreements(account, scraped) == {}
    failures = recording.series("auth_login_failure_total", recording.start_ms, recording.end_ms)
    assert sum(map(counted, failures)) == sum(account["login_failure"].values())


def test_a_changed_account_would_be_noticed(recording, account):
    """One failure more, and one counter disagrees."""
    account["login_failure"]["bad_password"] += 1
    scraped = recording.series(f'{{job="{JOB}"}}', recording.start_ms, recording.end_ms)
    ((labels, (said, seen)),) = disagreements(account, scraped).items()
    assert dict(labels) == {"__name__": "auth_login_failure_total", "reason": "bad_password"}
    assert said == seen + 1


def test_a_replay_finds_the_burst(recording, account, tmp_path):
    """Once, from where the window has seen enough failures to where it has forgotten them."""
    burst = phase(account, "failure_burst")
    (tmp_path / "rules.yml").write_text(BURST_RULE)
    rules = load_rules(tmp_path / "rules.yml", evaluation_interval_ms=INTERVAL_SECONDS * SECOND_MS)
    (found,) = episodes(recording, [find_rule(rules, "Burst")]).itertuples()
    rate = burst["calls"] / (burst["end"] - burst["start"])
    climb = THRESHOLD_PER_SECOND * WINDOW_SECONDS / rate
    # Half a scrape and half a slot late; the other halves and two Poisson deviations either way.
    delay, tolerance = INTERVAL_SECONDS, INTERVAL_SECONDS + 2.0
    fired_at = burst["start"] + climb + delay
    resolved_at = burst["end"] + WINDOW_SECONDS - climb + delay
    assert found.fired_at.timestamp() == pytest.approx(fired_at, rel=0, abs=tolerance)
    assert found.resolved_at.timestamp() == pytest.approx(resolved_at, rel=0, abs=tolerance)


def test_the_guides_rule_misses_it_and_its_text_would_never_rest(recording, account, tmp_path):
    """The burst stays below five a second over 5m; more than 5 in 5m is every ordinary minute."""
    burst = phase(account, "failure_burst")
    assert burst["calls"] > 500
    assert episodes(recording, [shipped("HighLoginFailureRate")]).empty
    (tmp_path / "rules.yml").write_text(BURST_RULE)
    rules = load_rules(tmp_path / "rules.yml", evaluation_interval_ms=INTERVAL_SECONDS * SECOND_MS)
    (found,) = episodes(recording, [find_rule(rules, "Text")]).itertuples()
    assert found.active_at.timestamp() < burst["start"]
    assert pd.isna(found.resolved_at)


def test_the_slow_spell_trips_the_latency_rule(recording, account):
    """The shipped rule on the 95th percentile fires in the spell or in the minute after it."""
    spell = phase(account, "slow_spell")
    (found,) = episodes(recording, [shipped("HighGRPCResponseTime")]).itertuples()
    assert spell["start"] < found.active_at.timestamp() < spell["end"]
    assert found.fired_at.timestamp() == pytest.approx(found.active_at.timestamp() + 60, abs=2.0)


def test_a_damaged_copy_is_refused(tmp_path):
    """The file is named."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in FOLDER.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (day,) = copy.glob("2*.parquet")
    day.write_bytes(day.read_bytes()[:-1])
    with pytest.raises(BadInput, match=day.name):
        open_source(str(copy))
