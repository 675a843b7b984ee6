"""The main job on real input, judged by what the load generator truly did.

The expected times follow from the burst alone: failures come at a rate r from s to e, so the rate
over a window W passes the threshold N at s + N W / r and falls below it at e + W - N W / r; ``for``
delays the first, and a scrape and an evaluation lie in between, a second each at most.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_rules import HOLD_SECONDS, RULE, SILENT_RULE, THRESHOLD_PER_SECOND, WINDOW_SECONDS

from alertlab.runs import run_notebook
from alertlab.sources import PrometheusSource
from alertlab.units import SECOND_MS, parse_time
from auth_service.loadgen.account import disagreements
from auth_service.stack import JOB

pytestmark = [pytest.mark.server, pytest.mark.alone]

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
DELAY_SECONDS = 1.0  # from an event to its evaluation: half a scrape interval and half a slot
TOLERANCE_SECONDS = 3.0  # the other half of both, and two deviations of a Poisson count of N W
PEAK_TOLERANCE_RATIO = 0.2  # the best window of a random stream is above its mean
OTHER_READING = "sum(increase(auth_login_failure_total[15s])) > 5"


@pytest.fixture(scope="module")
def reports(rehearsal, tmp_path_factory):
    """Run both notebooks on the server; gives their folders by name."""
    out_dir = tmp_path_factory.mktemp("reports")
    more = {
        "01_alert_noise_review": {},
        "02_threshold_tuning": {"rule": RULE, "other_reading": OTHER_READING},
    }
    return {
        name: run_notebook(
            NOTEBOOKS / f"{name}.ipynb",
            parameters=rehearsal.parameters() | extra,
            out_dir=out_dir,
        ).folder
        for name, extra in more.items()
    }


@pytest.fixture(scope="module")
def noise(reports) -> dict:
    """The numbers of the noise review's report."""
    return numbers(reports["01_alert_noise_review"])


@pytest.fixture(scope="module")
def tuning(reports) -> dict:
    """The numbers of the tuning session's report."""
    return numbers(reports["02_threshold_tuning"])


def numbers(folder: Path) -> dict:
    """Return what a report has for machines."""
    return json.loads((folder / "findings.json").read_text(encoding="utf-8"))["numbers"]


def failures(account: dict) -> int:
    """Count the failed logins that the load generator made."""
    return sum(account["login_failure"].values())


def burst_rate(rehearsal) -> float:
    """Return failures per second in the burst, as they were sent."""
    burst = rehearsal.burst
    return burst["calls"] / (burst["end"] - burst["start"])


def test_the_server_counted_what_was_done(rehearsal):
    """Every counter of the service, and the failures' sum, exactly."""
    assert rehearsal.account["unanswered"] == 0
    source = PrometheusSource(rehearsal.url)
    scraped = source.series(f'{{job="{JOB}"}}', rehearsal.start_ms, rehearsal.end_ms)
    assert disagreements(rehearsal.account, scraped) == {}
    total = source.range_query(
        "sum(auth_login_failure_total)", rehearsal.end_ms, rehearsal.end_ms, 1_000
    )
    assert total.values.tolist() == [[failures(rehearsal.account)]]


def test_the_report_counts_every_failure(rehearsal, tuning):
    """Exactly the load generator's own failures, no more and none missing."""
    assert tuning["counted_events"] == {"auth_login_failure_total": failures(rehearsal.account)}
    assert failures(rehearsal.account) > rehearsal.burst["calls"] > 400


def test_the_peak_is_the_bursts_rate(rehearsal, tuning):
    """Failures per second at the worst moment."""
    assert tuning["peak"] == pytest.approx(burst_rate(rehearsal), rel=PEAK_TOLERANCE_RATIO)


def test_the_episode_is_the_burst(rehearsal, noise):
    """One episode, fired and resolved when the burst's rate says so."""
    (episode,) = noise["episodes"]
    assert episode["rule"] == RULE
    climb = THRESHOLD_PER_SECOND * WINDOW_SECONDS / burst_rate(rehearsal)
    fired = rehearsal.burst["start"] + climb + HOLD_SECONDS + DELAY_SECONDS
    resolved = rehearsal.burst["end"] + WINDOW_SECONDS - climb + DELAY_SECONDS
    for name, expected in (("fired_at", fired), ("resolved_at", resolved)):
        at = parse_time(episode[name]) / SECOND_MS
        assert at == pytest.approx(expected, rel=0, abs=TOLERANCE_SECONDS), name


def test_the_server_itself_fired_then(rehearsal, noise):
    """Prometheus evaluated the same rule: its ALERTS agree within two evaluations."""
    selector = f'ALERTS{{alertname="{RULE}", alertstate="firing"}}'
    (alerts,) = PrometheusSource(rehearsal.url).series(
        selector, rehearsal.start_ms, rehearsal.end_ms
    )
    (episode,) = noise["episodes"]
    # The raw samples end with the stale marker of the evaluation that resolved the alert.
    for name, served_ms in (("fired_at", alerts.times[0]), ("resolved_at", alerts.times[-1])):
        assert abs(parse_time(episode[name]) - int(served_ms)) <= 2 * SECOND_MS, name


def test_the_report_agrees_with_what_the_server_recorded(noise):
    """Replayed at the server's own times; a scrape in the making may move an edge by one."""
    assert noise["rules"][RULE]["slots_from"] == "recorded"
    (agreement,) = noise["agreement"]
    assert agreement["rule"] == RULE and agreement["ratio"] > 0.9


def test_one_page_for_the_incident(noise):
    """Slack is told once of the burst, which is an incident; nobody else is paged."""
    assert (noise["pages"], noise["false_pages"]) == (1, 0)
    assert noise["pages_by_receiver"] == {"slack": 1}
    rule, silent = noise["rules"][RULE], noise["rules"][SILENT_RULE]
    assert (rule["episodes"], rule["pages"], rule["caught"], rule["owed"]) == (1, 1, 1, 1)
    assert (silent["episodes"], silent["pages"], silent["owed"]) == (0, 0, 0)


def test_the_tuning_finds_the_incident(tuning):
    """Both readings catch it; minutes of history are too few to change a rule for."""
    assert set(tuning["readings"]) == {"as written", "other expression"}
    for reading in tuning["readings"].values():
        assert reading["verdict"] == "not enough data"
        assert reading["coverage"]["owed_incidents"] == 1
        assert reading["current"]["recall"]["mid"] == 1
        assert reading["current"]["false_pages"] == 0
    assert tuning["recommended_expr"] is None


def test_the_manifest_names_the_server(rehearsal, reports):
    """A report on real input says so."""
    for folder in reports.values():
        source = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["source"]
        assert (source["kind"], source["location"]) == ("prometheus", rehearsal.url)
        assert source["synthetic"] is False
