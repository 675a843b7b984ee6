"""The helpers that run real programs: what they start is configured right and ends with them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from alertlab.errors import ServerError
from auth_service.stack import (
    CHEAP_HASHING,
    JOB,
    Service,
    find_prometheus,
    generate_load,
    run_prometheus,
    run_service,
    watching,
)

NOBODY = Service(None, "127.0.0.1:1", "http://127.0.0.1:1/metrics", Path("no.log"))


@pytest.mark.server
def test_a_prometheus_watches_the_service_and_both_end(prometheus_bin, tmp_path):
    """The service's job has one target that is up; afterwards nobody answers."""
    with run_service(tmp_path, *CHEAP_HASHING) as service:
        config = watching(service, scrape_interval="1s")
        with run_prometheus(tmp_path, config, program=prometheus_bin) as url:
            target = only_target(url)
        assert service.popen.poll() is None
    assert (target["labels"]["job"], target["scrapeUrl"]) == (JOB, service.metrics_url)
    assert (target["scrapeInterval"], target["scrapeTimeout"]) == ("1s", "1s")
    assert service.popen.poll() == 0
    for address in (url, service.metrics_url):
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(address)


def only_target(url: str) -> dict:
    """Return what the server scrapes, once its discovery has told it."""
    deadline = time.monotonic() + 30
    while True:
        with urllib.request.urlopen(f"{url}/api/v1/targets") as response:
            targets = json.load(response)["data"]["activeTargets"]
        if targets:
            (target,) = targets
            return target
        assert time.monotonic() < deadline, "no target"
        time.sleep(0.05)


def test_only_the_services_own_job_is_watched(tmp_path):
    """No discovery that needs a cluster, no Alertmanager; the rules by absolute path."""
    rules = tmp_path / "rules.yml"
    config = watching(NOBODY, scrape_interval="7s", rule_files=[rules])
    assert config == {
        "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), "7s"),
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": ["127.0.0.1:1"]}]}],
    }


@pytest.mark.server
def test_a_program_that_ends_at_once_is_told(prometheus_bin, tmp_path):
    """With its last words."""
    config = {"global": {"scrape_interval": "soon"}}
    with (
        pytest.raises(ServerError, match=r"prometheus did not start: .*soon"),
        run_prometheus(tmp_path, config, program=prometheus_bin),
    ):
        pass


def test_a_service_with_a_bad_flag_is_told(tmp_path):
    """In its own sentence."""
    with (
        pytest.raises(ServerError, match="service did not start: auth_service: workers is 0"),
        run_service(tmp_path, "--workers=0"),
    ):
        pass


def test_a_load_without_a_service_is_told():
    """A bad flag of the load generator comes back as its sentence."""
    with pytest.raises(ServerError, match=r"load generator failed: .*--duration: 0 is too short"):
        generate_load(NOBODY, "--duration", "0")


def test_a_machine_without_prometheus_is_told(monkeypatch, tmp_path):
    """With what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerError, match="prometheus is not installed; on Debian: apt-get"):
        find_prometheus()
