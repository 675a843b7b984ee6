"""What the generator writes: consistent counters with resets, gaps and stale markers."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from alertlab.frame import is_stale
from alertlab.sources.recording import Recording
from auth_service.metrics import AuthMetrics
from auth_service.scenario import incidents_of, recorded_days, write_recording
from auth_service.scenario.__main__ import main
from auth_service.scenario.events import Effects
from auth_service.scenario.pods import pod_timeline

TARGET_LABELS = {"job", "instance", "namespace", "pod"}


@pytest.fixture(scope="module")
def whole(tiny_days):
    """All series of the tiny scenario, joined over its days: labels -> (times, values)."""
    parts = defaultdict(list)
    for day in tiny_days:
        for one in day:
            parts[one.labels].append(one)
    return {
        labels: (
            np.concatenate([one.times for one in found]),
            np.concatenate([one.values for one in found]),
        )
        for labels, found in parts.items()
    }


def pick(whole, name, **labels):
    """Return {pod: (times, values)} of one metric's series; labels must name one series a pod."""
    found = {}
    for label_set, samples in whole.items():
        have = dict(label_set)
        if have["__name__"] == name and labels.items() <= have.items() and "pod" in have:
            assert have["pod"] not in found
            found[have["pod"]] = samples
    assert found
    return found


def pods_of(whole):
    """Return the names of all pods."""
    return {dict(labels)["pod"] for labels in whole if "pod" in dict(labels)}


def summed(whole, pod, name, **labels):
    """Return the sum of a pod's series of one metric at each scrape."""
    rows = [
        values
        for label_set, (_, values) in whole.items()
        if (have := dict(label_set))["__name__"] == name
        and have.get("pod") == pod
        and labels.items() <= have.items()
    ]
    with np.errstate(invalid="ignore"):  # a stale marker is a signalling NaN
        return np.sum(rows, axis=0)


def increase(samples, start, end):
    """Return how much a counter grew in a time without resets."""
    times, values = samples
    inside = (times >= start) & (times < end) & ~np.isnan(values)
    return np.diff(values[inside])[np.diff(values[inside]) >= 0].sum()


def test_names_and_labels_are_the_services_own(whole):
    """Every series of a pod is one that the real service exports, buckets included."""
    registry = CollectorRegistry()
    AuthMetrics(registry)
    text = generate_latest(registry).decode()
    exported = {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    for labels in whole:
        have = dict(labels)
        if have["job"] == "auth-service" and have["__name__"] != "up":
            own = tuple(sorted((k, v) for k, v in labels if k not in {*TARGET_LABELS, "__name__"}))
            assert (have["__name__"], own) in exported


def test_times_are_aligned_and_increasing(tiny, tiny_days):
    """Each target is scraped at one moment of each step; days hold only their own samples."""
    for number, day in enumerate(tiny_days):
        first = tiny.start + number * 86_400_000
        for one in day:
            assert np.all(np.diff(one.times) > 0)
            assert first <= one.times[0] and one.times[-1] < first + 86_400_000
            fresh = one.times[~is_stale(one.values)]
            assert len(np.unique(fresh % tiny.step)) <= 1


def test_logins_are_successes_and_failures(whole):
    """Requests = successes + failures, at every scrape of every pod, stale markers included."""
    for pod in pods_of(whole):
        requests = summed(whole, pod, "auth_login_requests_total")
        ended = summed(whole, pod, "auth_login_success_total")
        ended = ended + summed(whole, pod, "auth_login_failure_total")
        assert np.array_equal(requests, ended, equal_nan=True)
        assert np.nanmax(requests) > 0


@pytest.mark.parametrize(
    "method", ["CreateUser", "Login", "ValidateToken", "RefreshToken", "RevokeToken"]
)
def test_calls_are_counted_alike(whole, method):
    """Handled over all codes = histogram count = +Inf bucket; in flight is never negative."""
    in_flight = 0
    for pod in pods_of(whole):
        handled = summed(whole, pod, "grpc_server_handled_total", grpc_method=method)
        count = summed(whole, pod, "grpc_server_handling_seconds_count", grpc_method=method)
        infinite = summed(
            whole, pod, "grpc_server_handling_seconds_bucket", grpc_method=method, le="+Inf"
        )
        started = summed(whole, pod, "grpc_server_started_total", grpc_method=method)
        assert np.array_equal(handled, count, equal_nan=True)
        assert np.array_equal(infinite, count, equal_nan=True)
        assert np.nanmin(started - handled) >= 0
        in_flight += np.nansum(started - handled)
    if method == "Login":
        assert in_flight > 0


HISTOGRAMS = [
    ("grpc_server_handling_seconds", {"grpc_method": "Login"}),
    ("grpc_server_handling_seconds", {"grpc_method": "ValidateToken"}),
    ("auth_token_validation_latency_seconds", {}),
]


@pytest.mark.parametrize(("name", "labels"), HISTOGRAMS)
def test_histograms_are_possible(whole, name, labels):
    """Buckets cumulate, and the sum lies between what they allow."""
    for pod in pods_of(whole):
        bounds = {
            float(have["le"]): values
            for label_set, (_, values) in whole.items()
            if (have := dict(label_set))["__name__"] == f"{name}_bucket"
            and have["pod"] == pod
            and labels.items() <= have.items()
        }
        edges = sorted(bounds)
        cumulative = np.stack([bounds[edge] for edge in edges])
        alive = ~np.isnan(cumulative[0])
        in_bucket = np.diff(cumulative[:, alive], axis=0, prepend=0)
        assert in_bucket.min() >= 0
        total = summed(whole, pod, f"{name}_sum", **labels)[alive]
        assert np.all(total >= np.array([0, *edges[:-1]]) @ in_bucket * (1 - 1e-9))
        bounded = in_bucket[-1] == 0
        most = np.array(edges[:-1]) @ in_bucket[:-1]
        assert np.all(total[bounded] <= most[bounded] * (1 + 1e-9))


def test_tokens_follow_logins_and_refreshes(whole):
    """Each success and each refresh issues two tokens; refused tokens are counted by reason."""
    for pod in pods_of(whole):
        pairs = summed(whole, pod, "auth_login_success_total") + summed(
            whole, pod, "grpc_server_handled_total", grpc_method="RefreshToken", grpc_code="OK"
        )
        issued = summed(whole, pod, "auth_tokens_issued_total")
        assert np.array_equal(issued, 2 * pairs, equal_nan=True)
        refused = sum(
            summed(whole, pod, "grpc_server_handled_total", grpc_method=method, grpc_code=code)
            for method, code in (
                ("ValidateToken", "UNAUTHENTICATED"),
                ("RefreshToken", "UNAUTHENTICATED"),
                ("RevokeToken", "NOT_FOUND"),
            )
        )
        assert np.array_equal(
            summed(whole, pod, "auth_token_errors_total"), refused, equal_nan=True
        )


def test_counters_fall_only_at_a_crash(whole):
    """The one crash resets the counters of one pod once; nothing else ever falls."""
    falls = {}
    for pod, (_, values) in pick(whole, "auth_login_requests_total").items():
        steps = np.diff(values[~np.isnan(values)])
        if (steps < 0).any():
            falls[pod] = int((steps < 0).sum())
    assert list(falls.values()) == [1]


def test_ended_pods_leave_stale_markers(tiny, whole):
    """Each pod that ends before the scenario ends leaves a stale marker in each of its series."""
    last_scrape = tiny.end - tiny.step
    ended = {
        pod: times[-1] for pod, (times, _) in pick(whole, "up").items() if times[-1] < last_scrape
    }
    assert len(ended) >= 4  # two busy hours and one deploy of at least two pods
    for labels, (times, values) in whole.items():
        if dict(labels)["job"] != "auth-service":
            continue
        pod = dict(labels).get("pod")
        if pod in ended:
            assert times[-1] == ended[pod]
            assert is_stale(values[-1:])[0]
        elif pod:
            assert not is_stale(values[-1:])[0]


def test_failed_scrapes(tiny, whole):
    """A failed scrape is up 0 and, right after a good one, one stale marker in every series."""
    timeline = pod_timeline(tiny, Effects(tiny))
    up = pick(whole, "up")
    failed_total = 0
    for target in timeline.targets:
        steps = np.arange(target.first, min(target.end, tiny.n_steps))
        failed = ~timeline.scraped[target.slot, steps]
        failed_total += failed.sum()
        _, values = up[target.pod]
        values = values[~is_stale(values)]
        assert np.array_equal(values == 0, failed)
        _, counter = pick(whole, "auth_login_success_total")[target.pod]
        stale_first = failed & ~np.append(True, failed[:-1])
        ended = target.end < tiny.n_steps and not failed[-1]
        assert is_stale(counter).sum() == stale_first.sum() + ended
        assert (~np.isnan(counter)).sum() == (~failed).sum()
    assert failed_total > 20  # the lost node, the gap, the crash and some by chance


def test_night_is_quieter_than_day(tiny, whole):
    """At four in the morning local time the service sees a small part of the evening's logins."""
    hour = 3_600_000
    logins = pick(whole, "auth_login_success_total")
    night, evening = (
        sum(increase(one, tiny.start + at * hour, tiny.start + (at + 1) * hour) for one in
            logins.values())
        for at in (18, 10)
    )  # fmt: skip
    assert 0 < night < evening / 8


def test_stuffing_is_visible(tiny, whole):
    """Unknown users come about 30 times a second more than an hour before."""
    event = tiny.incidents[0]
    failures = pick(whole, "auth_login_failure_total", reason="unknown_user").values()
    hour = 3_600_000
    before, during = (
        sum(increase(one, start, start + hour) for one in failures) / 3_600
        for start in (event.start - hour, event.start)
    )
    assert during - before == pytest.approx(30, rel=0.1)


def test_slow_store_is_visible(tiny, whole):
    """Half of the token checks take longer than half a second, and of the calls around them."""
    start = tiny.incidents[1].start
    for name, labels in HISTOGRAMS[1:]:
        above, count = 0.0, 0.0
        for pod in pods_of(whole):
            slow = pick(whole, f"{name}_bucket", le="0.5", **labels)[pod]
            calls = increase(pick(whole, f"{name}_count", **labels)[pod], start, start + 3_600_000)
            above += calls - increase(slow, start, start + 3_600_000)
            count += calls
        assert above / count == pytest.approx(0.5, abs=0.05)


def test_notifications_fail(tiny, whole):
    """PagerDuty's notifications fail in the incident and only there; Slack's never."""
    series = {
        (dict(labels)["__name__"], dict(labels).get("integration")): samples
        for labels, samples in whole.items()
        if dict(labels)["job"] == "alertmanager"
    }
    sent = series["alertmanager_notifications_total", "pagerduty"]
    failed = series["alertmanager_notifications_failed_total", "pagerduty"]
    start = tiny.incidents[3].start
    end = start + tiny.incidents[3].length
    assert increase(failed, start, end) == increase(sent, start, end) > 0
    assert increase(failed, tiny.start, start) == increase(failed, end + tiny.step, tiny.end) == 0
    assert series["alertmanager_notifications_failed_total", "slack"][1].max() == 0


def test_counts_are_over_dispersed(scenario_of, tiny):
    """With a dispersion the counts of equal steps vary more than Poisson's, without not."""
    flat = {
        "utc_offset": "9h",
        "hours": [1.0] * 24,
        "weekdays": [1.0] * 7,
        "drift": {"sigma": 0.0, "correlation": "1h"},
    }
    quiet = {"deploys": [], "incidents": [], "look_alikes": [], "scrapes": {"missed_ratio": 0.0}}
    pods = tiny.pods.model_dump() | {"busy_replicas": 2, "restart": "60s"}
    ratios = {}
    for dispersion in (0.0, 0.05):
        rhythm = flat | {"dispersion": dispersion}
        scenario = scenario_of(rhythm=rhythm, pods=pods, days=1, **quiet)
        (day,) = recorded_days(scenario)
        name = ("__name__", "auth_login_requests_total")
        counts = np.diff(next(one for one in day if name in one.labels).values)
        ratios[dispersion] = counts.var() / counts.mean()
    assert ratios[0.0] == pytest.approx(1.0, rel=0.15)
    assert ratios[0.05] == pytest.approx(1 + 0.05 * 450, rel=0.2)  # 7.5 logins/s, 60 s, a pod


def bytes_of(folder):
    """Return every file of a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_seed_same_bytes(tmp_path, scenario_of):
    """Two runs write the same bytes; another seed writes others."""
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        write_recording(scenario_of(seed=seed), tmp_path / name)
    one, two, other = (bytes_of(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one["2026-03-02.parquet"] != other["2026-03-02.parquet"]


def test_command(tmp_path, tiny, content_of, capsys):
    """The command writes a recording that says it is synthetic, and its incidents beside it."""
    path = tmp_path / "tiny.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(content_of(), file)
    out = tmp_path / "recordings" / "tiny"
    assert main([str(path), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    recording = Recording.open(out)
    assert f"samples: {recording.meta['samples']} in {recording.meta['series']} series" in (
        printed.out
    )
    assert "incidents: 4 in" in printed.out
    assert recording.provenance()["synthetic"] is True
    assert "synthetic" in recording.meta["origin"].lower()
    assert recording.meta["bytes"] / recording.meta["samples"] < 2.5
    written = YAML(typ="safe").load(out.with_name("tiny.incidents.yaml").read_text("utf-8"))
    assert written == incidents_of(tiny)


def test_incidents_leave_look_alikes_out(scenario_of, content_of, tiny):
    """Incidents come in order of time; what only looks like one is not among them."""
    backwards = scenario_of(incidents=content_of()["incidents"][::-1])
    assert [one["id"] for one in incidents_of(backwards)] == [
        "stuffing", "slow-store", "lost-node", "no-pages",
    ]  # fmt: skip
    first = incidents_of(tiny)[0]
    assert (first["start"], first["end"]) == ("2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z")
    assert first["should_alert"] == ["HighLoginFailureRate"]


BAD_COMMANDS = [  # id, scenario, folder, what the sentence says
    ("no_scenario", "none.yaml", "out", "does not exist"),
    ("no_recording", "tiny.yaml", "full", "is not a recording"),
]


@pytest.mark.parametrize(
    ("scenario", "folder", "sentence"),
    [case[1:] for case in BAD_COMMANDS],
    ids=[case[0] for case in BAD_COMMANDS],
)
def test_bad_command(tmp_path, content_of, capsys, scenario, folder, sentence):
    """Bad input is one sentence, exit code 2, and nothing is written."""
    with (tmp_path / "tiny.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(content_of(), file)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").write_text("mine")
    assert main([str(tmp_path / scenario), "--out", str(tmp_path / folder)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and sentence in error
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.yaml", "full"}
