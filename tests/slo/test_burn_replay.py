"""Burn-rate alerts replayed over a history, beside the guide's rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from burn_objectives import SHORT_TABLE, availability, latency

from alertlab.errors import BadInput
from alertlab.frame import Series
from alertlab.incidents import INCIDENT_COLUMNS
from alertlab.notify import load_alertmanager
from alertlab.rules import find_rule, load_rules
from alertlab.slo.replaying import BURN_RATES, BurnReplay, load_burn_rules, replay_burn_rules
from alertlab.tuning import Yardstick
from alertlab.units import DAY_MS, HOUR_MS, MINUTE_MS, label_set

MONITORING = Path(__file__).parent.parent.parent / "auth_service" / "monitoring"
ONSET_MINUTE, LAST_MINUTE = 600, 960
GUIDE = "the guide's rules"


def counter(growth: np.ndarray, name: str, **labels: str) -> Series:
    """A counter that grows by so much in each half minute."""
    times = np.arange(len(growth), dtype=np.int64) * MINUTE_MS // 2
    named = label_set({"__name__": name, "grpc_method": "Login", **labels})
    return Series(named, times, 10_000.0 + growth.cumsum())


@pytest.fixture(scope="module")
def history(memory_source):
    """Half a day of 200 logins a minute; for half an hour every third fails, and slowly so."""
    minutes = np.arange(2 * LAST_MINUTE) / 2
    broken = (minutes >= ONSET_MINUTE) & (minutes < ONSET_MINUTE + 30)
    bad, good = np.where(broken, 33.0, 0.0), np.where(broken, 67.0, 100.0)
    buckets = {"0.25": good, "0.5": good, "1.0": good + bad, "+Inf": good + bad}
    handling = "grpc_server_handling_seconds"
    return memory_source(
        [
            counter(good, "grpc_server_handled_total", grpc_code="OK"),
            counter(bad, "grpc_server_handled_total", grpc_code="INTERNAL"),
            counter(good + bad, f"{handling}_count"),
            *(counter(each, f"{handling}_bucket", le=le) for le, each in buckets.items()),
        ]
    )


def yardstick() -> Yardstick:
    """The service's routes, and the half hour as an incident that the guide's rule owes."""
    incidents = pd.DataFrame(
        [("broken", ONSET_MINUTE, ONSET_MINUTE + 30, "critical", ("HighGRPCResponseTime",), "")],
        columns=INCIDENT_COLUMNS,
    )
    for column in ("start", "end"):
        incidents[column] = pd.to_datetime(incidents[column] * MINUTE_MS, unit="ms", utc=True)
    return Yardstick(incidents, config=load_alertmanager(MONITORING / "alertmanager.yml"))


def replayed(history, *objectives, **options) -> BurnReplay:
    """Replay objectives' alerts over the history."""
    return replay_burn_rules(
        objectives, history, 6 * HOUR_MS, (LAST_MINUTE - 1) * MINUTE_MS,
        yardstick=yardstick(), **{"windows": SHORT_TABLE, **options},
    )  # fmt: skip


ONE = availability(target=0.99, period_ms=DAY_MS)


def test_pages_per_receiver_beside_the_guide(history) -> None:
    """Both sets page PagerDuty once and truly; the burn rates tell Slack as well."""
    rules = load_rules(MONITORING / "rules" / "auth-service.yml")
    guide = find_rule(rules, "HighGRPCResponseTime")
    found = replayed(history, ONE, beside={GUIDE: [guide]})
    table = found.receivers().set_index(["rules", "receiver"])
    assert list(table["pages"].items()) == [
        ((BURN_RATES, "pagerduty"), 1),
        ((BURN_RATES, "slack"), 1),
        ((GUIDE, "pagerduty"), 1),
        ((GUIDE, "slack"), 0),
    ]
    assert table["false_pages"].sum() == 0
    weeks = found.reviews[BURN_RATES].span.weeks
    assert table["pages_per_week"].iloc[0].mid == pytest.approx(1 / weeks)


def test_incidents_that_page_and_how_soon(history) -> None:
    """The delay is the closed form's, up to the next evaluation, and Alertmanager's wait."""
    found = replayed(history, ONE)
    (incident,) = found.incidents().to_dict("records")
    assert (incident["rules"], incident["incident"]) == (BURN_RATES, "broken")
    assert incident["paged_by"] == (
        "LoginAvailabilityBudgetBurnFast", "LoginAvailabilityBudgetBurnSlow",
    )  # fmt: skip
    pairs = SHORT_TABLE.over(DAY_MS)[:2]
    seconds = min(one.seconds_to_fire(0.99, 0.33) for one in pairs)
    assert seconds + 30 - 60 <= incident["first_page_seconds"] <= seconds + 30 + 120
    (line,) = found.catches().to_dict("records")
    assert (line["paged"], line["incidents"]) == (1, 1)
    assert line["first_page_p50_seconds"] == incident["first_page_seconds"]


def test_what_is_asked_for_changes_the_answer(history) -> None:
    """Windows, minimum, interval and objectives; a burn that the budget allows pages nobody."""
    first = replayed(history, ONE).catches()["first_page_p50_seconds"][0]

    def seconds(*objectives, **options) -> float:
        return replayed(history, *objectives, **options).catches()["first_page_p50_seconds"][0]

    assert seconds(ONE, windows=replace(SHORT_TABLE, windows=SHORT_TABLE.windows[2:])) > first
    assert seconds(ONE, min_bad_events=1_400) > first
    assert seconds(ONE, interval_ms=10 * MINUTE_MS) > first
    assert np.isnan(seconds(availability(target=0.9, period_ms=DAY_MS), min_bad_events=4_000))
    both = replayed(history, ONE, latency(target=0.99, seconds=0.25, period_ms=DAY_MS))
    assert both.receivers()["pages"].tolist() == [2, 2]


def test_without_incidents(history) -> None:
    """Nothing is called false, and no incident is missed."""
    found = replay_burn_rules(
        [ONE], history, 6 * HOUR_MS, (LAST_MINUTE - 1) * MINUTE_MS, windows=SHORT_TABLE,
        yardstick=Yardstick(config=load_alertmanager(MONITORING / "alertmanager.yml")),
    )  # fmt: skip
    assert found.receivers()["false_pages"].isna().all()
    assert found.receivers()["pages"].tolist() == [1, 1]
    (line,) = found.catches().to_dict("records")
    assert (line["incidents"], line["recall"]) == (0, None)


def test_one_name_twice(history) -> None:
    """The objectives' own name is taken."""
    with pytest.raises(BadInput, match=f"may not be called '{BURN_RATES}'"):
        replayed(history, ONE, beside={BURN_RATES: []})


def test_rules_as_a_file_would_load() -> None:
    """The alerts come with what is recorded for them, and at Prometheus' interval."""
    rules = load_burn_rules([ONE], SHORT_TABLE, interval_ms=15_000)
    assert [one.interval_ms for one in rules] == [15_000, 15_000]
    assert len(rules[0].recorded) == 5
