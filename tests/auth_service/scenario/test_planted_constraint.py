"""What runs out first in auth-12w.yaml: the table of its comment, from its own numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from alertlab.units import DAY_MS
from auth_service.scenario import load_scenario
from auth_service.scenario.postgresql import TRANSACTIONS

FILE = Path(__file__).resolve().parents[3] / "data/scenarios/auth-12w.yaml"
THRESHOLD = 0.80
LAST_PEAK_DAYS = 77 + 11 / 24  # the last Monday, 20:00 for users at UTC+9
GIB = 1 << 30


@pytest.fixture(scope="module")
def scenario():
    """The twelve weeks as the file has them."""
    return load_scenario(FILE)


@pytest.fixture(scope="module")
def peak(scenario):
    """Requests per second of the whole service at the last week's peak, by method."""
    growth = (1 + scenario.rhythm.growth_per_week) ** (LAST_PEAK_DAYS / 7)
    return {name: one.peak_per_second * growth for name, one in scenario.methods.items()}


def used_by(scenario, peak, pods):
    """Return the share of the threshold that is used while so many pods carry the load."""
    login, create = scenario.methods["Login"], scenario.methods["CreateUser"]
    hashes = sum(
        peak[name] * (1 - one.outcomes.get("internal", 0))
        for name, one in (("Login", login), ("CreateUser", create))
    )
    transactions = sum(
        peak[name] * share * sum(TRANSACTIONS[name].get(outcome, (0, 0)))
        for name, one in scenario.methods.items()
        for outcome, share in one.outcomes.items()
    )
    given, database, kafka = scenario.containers, scenario.postgresql, scenario.kafka
    cores = hashes * given.cpu_seconds_per_hash + sum(peak.values()) * given.cpu_seconds_per_call
    events = (
        kafka.events_per_login * peak["Login"] + kafka.events_per_refresh * peak["RefreshToken"]
    )
    return {
        "hash workers": hashes / pods / scenario.latency.hashes_per_second / THRESHOLD,
        "connection pool of a pod": transactions
        * database.hold_ms
        / 1_000
        / pods
        / database.pool_size
        / THRESHOLD,
        "CPU request": cores / pods / given.requests.cpu / THRESHOLD,
        "events that the consumers read": events / kafka.events_per_second / THRESHOLD,
    }


def days_left(scenario, used):
    """Return the days from the recording's end until all is used, by exponential growth."""
    weeks = np.log(1 / used) / np.log(1 + scenario.rhythm.growth_per_week)
    return LAST_PEAK_DAYS + 7 * weeks - scenario.days


def printed(name):
    """Return the (share, days) pairs of a line of the comment's table."""
    line = next(
        one for one in FILE.read_text("utf-8").splitlines() if one.startswith(f"#   {name} ")
    )
    found = re.findall(r"(\d\.\d\d) +(\d+) days", line)
    return [(float(share), int(days)) for share, days in found]


def test_the_peak_is_where_the_table_says(scenario):
    """Monday 20:00 of the users is the rhythm's highest hour, in the last week."""
    rhythm = scenario.rhythm
    assert rhythm.hours[20] == max(rhythm.hours) == rhythm.weekdays[0] == max(rhythm.weekdays)
    local = scenario.start + LAST_PEAK_DAYS * DAY_MS + rhythm.utc_offset
    assert local / DAY_MS % 1 == pytest.approx(20 / 24)
    assert (local // DAY_MS + 3) % 7 == 0
    assert 0 < scenario.days - LAST_PEAK_DAYS < 7


@pytest.mark.parametrize("name", ["hash workers", "connection pool of a pod", "CPU request"])
def test_lines_of_pods(scenario, peak, name):
    """Share and days are printed for two pods and for all three."""
    for pods, (share, days) in zip((2, scenario.pods.replicas), printed(name), strict=True):
        used = used_by(scenario, peak, pods)[name]
        assert round(used, 2) == share
        assert round(days_left(scenario, used)) == days


def test_line_of_the_consumers(scenario, peak):
    """The consumers' line knows no pods."""
    name = "events that the consumers read"
    used = used_by(scenario, peak, 2)[name]
    assert printed(name) == [(round(used, 2), round(days_left(scenario, used)))]


def test_order_and_distance(scenario, peak):
    """Hash workers bind first, pools follow; both within 42 days, all else well beyond."""
    days = {name: days_left(scenario, one) for name, one in used_by(scenario, peak, 2).items()}
    assert list(days) == sorted(days, key=days.get)
    assert 20 < days["hash workers"] < 28
    assert 30 < days["connection pool of a pod"] < 38
    assert min(days["CPU request"], days["events that the consumers read"]) > 60


def test_what_load_cannot_exhaust(scenario):
    """Server connections, memory and disks stay below the threshold, whatever the load."""
    database, given, kafka = scenario.postgresql, scenario.containers, scenario.kafka
    opened = scenario.pods.replicas * database.pool_size + database.other_connections
    assert round(opened / database.usable_connections / THRESHOLD, 2) == 0.43
    memory = given.memory_base + scenario.hash_workers.workers * given.memory_per_hash
    memory += 8 * given.memory_growth_per_day
    assert round(memory / given.limits.memory / THRESHOLD, 2) == 0.51
    assert kafka.retention + GIB < THRESHOLD * kafka.disk_capacity


def test_disk_of_the_database_lasts_half_a_year_more(scenario):
    """Logins of the mean hour, growing on for 26 weeks after the end, fit into the disk."""
    rhythm, database = scenario.rhythm, scenario.postgresql
    level = np.mean(rhythm.hours) * np.mean(rhythm.weekdays)
    rate = np.log(1 + rhythm.growth_per_week)
    grown_weeks = np.expm1(rate * (scenario.days / 7 + 26)) / rate
    logins = scenario.methods["Login"].peak_per_second * level * 7 * 86_400 * grown_weeks
    used = database.size_at_start + GIB + logins * database.bytes_per_login
    assert used < THRESHOLD * database.disk_capacity


def test_load_test_comes_near_saturation(scenario):
    """At the height of each load test the workers of all pods are at least 0.85 busy."""
    event = next(one for one in scenario.look_alikes if one.id == "load-test")
    assert event.times == 2 and event.length - event.rise >= 20 * 60_000
    rhythm = scenario.rhythm
    for start in event.starts:
        days = (start - scenario.start) / DAY_MS
        hour = int((start + rhythm.utc_offset) % DAY_MS // 3_600_000)
        weekday = int(((start + rhythm.utc_offset) // DAY_MS + 3) % 7)
        level = rhythm.hours[hour] * rhythm.weekdays[weekday]
        regular = level * (1 + rhythm.growth_per_week) ** (days / 7)
        logins = scenario.methods["Login"].peak_per_second * regular + event.effects[0].per_second
        use = logins / scenario.pods.replicas / scenario.latency.hashes_per_second
        assert 0.85 < use < 0.96
