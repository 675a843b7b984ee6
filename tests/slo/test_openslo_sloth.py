"""Objectives of OpenSLO v1 and of Sloth v1: read, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from alertlab.errors import BadInput
from alertlab.slo import Events, Objective, load_objectives
from alertlab.units import DAY_MS

SLOTH = """version: "prometheus/v1"
service: "auth"
labels: {team: identity}
slos:
  - name: "answers"
    objective: 99.9
    description: No internal errors.
    sli:
      events:
        error_query: sum(rate(handled_total{code=~"INTERNAL|UNKNOWN"}[{{.window}}]))
        total_query: sum(rate(handled_total[{{.window}}]))
    alerting:
      name: AuthErrors
      page_alert: {disable: true}
  - name: fast
    objective: 99
    sli:
      events:
        error_query: |
          (
            sum(rate(took_seconds_count{job="auth"}[{{.window}}]))
            - sum(rate(took_seconds_bucket{job="auth", le="1"}[{{.window}}]))
          )
        total_query: sum(rate(took_seconds_count{job="auth"}[{{.window}}]))
  - name: satisfied
    objective: 95
    sli:
      events:
        error_query: sum_over_time((count(happy < 0.75))[{{.window}}:]) OR on() vector(0)
        total_query: sum_over_time((count(happy))[{{.window}}:])
"""
IN_KUBERNETES = """apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: auth-slos, namespace: monitoring}
spec:
  service: auth
  slos:
    - name: answers
      objective: 99.9
      sli:
        events:
          errorQuery: sum(rate(handled_total{code=~"INTERNAL|UNKNOWN"}[{{.window}}]))
          totalQuery: sum(rate(handled_total[{{.window}}]))
      alerting: {name: AuthErrors}
"""
OPENSLO = """apiVersion: openslo/v1
kind: SLO
metadata: {name: auth-answers, displayName: Answers}
spec:
  description: No internal errors.
  service: auth
  indicator:
    metadata: {name: answers}
    spec:
      ratioMetric:
        counter: true
        good:
          metricSource:
            type: Prometheus
            spec: {query: 'sum(handled_total{code="OK"})'}
        total:
          metricSource:
            type: Prometheus
            spec: {query: sum(handled_total)}
  timeWindow:
    - duration: 4w
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - displayName: Nearly all
      target: 0.999
"""
REFERRING = """apiVersion: openslo/v1
kind: SLI
metadata: {name: fast-logins}
spec:
  ratioMetric:
    bad:
      metricSource:
        metricSourceRef: prometheus
        spec:
          query: sum(rate(took_seconds_count[5m])) - sum(rate(took_seconds_bucket{le="0.5"}[5m]))
    total:
      metricSource:
        metricSourceRef: prometheus
        spec: {query: 'sum(rate(took_seconds_count[5m]))'}
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: prometheus}
spec: {type: Prometheus}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: logins}
spec:
  service: auth
  indicatorRef: fast-logins
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives:
    - targetPercent: 99
    - targetPercent: 99.9
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[..., list[Objective]]:
    """A function that loads a file's text, ``old`` in it replaced by ``new``."""

    def load(text: str, old: str = "", new: str = "") -> list[Objective]:
        assert old in text
        (tmp_path / "slo.yml").write_text(text.replace(old, new, 1))
        return load_objectives(tmp_path / "slo.yml")

    return load


def test_sloth(loaded: Callable) -> None:
    """Queries of counters become counters, a bucket a threshold, and others stay queries."""
    answers, fast, satisfied = loaded(SLOTH)
    assert (answers.name, answers.kind, answers.target_ratio) == ("auth-answers", "queries", 0.999)
    assert answers.bad == Events(('handled_total{code=~"INTERNAL|UNKNOWN"}',))
    assert answers.total == Events(("handled_total",))
    assert answers.description == "No internal errors."
    assert answers.period_ms == 30 * DAY_MS
    assert (fast.kind, fast.threshold_seconds, fast.bound) == ("latency", 1.0, 1.0)
    assert fast.bad.subtracted == (r'took_seconds_bucket{job="auth", le=~"1|1\\.0"}',)
    assert satisfied.kind == "queries" and not satisfied.is_raw
    assert not satisfied.bad.per_second
    assert satisfied.error_ratio_expr("5m") == (
        "((sum_over_time((count(happy < 0.75))[5m:]) OR on() vector(0)) / 300) / "
        "((sum_over_time((count(happy))[5m:])) / 300)"
    )


def test_sloth_in_kubernetes_is_the_same(loaded: Callable) -> None:
    """The object's keys are written otherwise, and mean the same."""
    (found,) = loaded(IN_KUBERNETES)
    assert found.definition == loaded(SLOTH)[0].definition
    assert (found.name, found.target_ratio) == ("auth-answers", 0.999)


def test_openslo(loaded: Callable) -> None:
    """Good and total become bad and total; the window is the period."""
    (found,) = loaded(OPENSLO)
    assert found.bad == Events(("handled_total",), ('handled_total{code="OK"}',))
    assert found.total == Events(("handled_total",))
    assert (found.name, found.target_ratio, found.period_ms) == ("auth-answers", 0.999, 28 * DAY_MS)
    assert found.description == "Nearly all"


@pytest.mark.parametrize("spelling", ["true", "True", "TRUE"])
def test_yaml_spells_true_in_three_ways(loaded: Callable, spelling: str) -> None:
    """Each makes the bare selectors counters, and the window a rolling one."""
    text = OPENSLO.replace("isRolling: true", f"isRolling: {spelling}")
    (found,) = loaded(text, "counter: true", f"counter: {spelling}")
    assert found.is_raw


def test_good_may_be_a_difference(loaded: Callable) -> None:
    """What it takes away is bad."""
    good = 'sum(handled_total) - sum(handled_total{code="INTERNAL"})'
    (found,) = loaded(OPENSLO, 'sum(handled_total{code="OK"})', good)
    internal = 'handled_total{code="INTERNAL"}'
    assert found.bad == Events(("handled_total", internal), ("handled_total",))


def test_openslo_with_an_indicator_of_its_own_document(loaded: Callable) -> None:
    """The SLI is found by its name, and each objective is one of ours."""
    first, second = loaded(REFERRING)
    assert (first.name, second.name) == ("logins-1", "logins-2")
    assert (first.target_ratio, second.target_ratio) == (0.99, 0.999)
    assert first.threshold_seconds == second.threshold_seconds == 0.5
    assert first.period_ms == 30 * DAY_MS


def test_the_rest_of_a_query_is_a_query(loaded: Callable) -> None:
    """Good as a query that no counter can say: what is not good of the total is bad."""
    old, new = 'sum(handled_total{code="OK"})', "max(rate(ok_total[{{.window}}]))"
    (found,) = loaded(OPENSLO, old, new)
    assert found.bad.rate_expr("5m") == (
        "((sum(rate(handled_total[5m]))) - (max(rate(ok_total[5m])))) "
        "or (sum(rate(handled_total[5m])))"
    )
    (found,) = loaded(OPENSLO, old, "sum(increase(ok_total[{{.window}}])) or vector(0)")
    assert "(sum(increase(handled_total[5m])))" in found.bad.increase_expr("5m")


def test_a_bucket_of_milliseconds_is_no_threshold_in_seconds(loaded: Callable) -> None:
    """It is counted by its bound all the same."""
    found = loaded(SLOTH.replace("took_seconds", "took_milliseconds"))[1]
    assert (found.kind, found.threshold_seconds, found.bound) == ("queries", None, 1.0)


def test_a_bucket_of_another_histogram_is_none(loaded: Callable) -> None:
    """Labels or names that differ are two counters, not one histogram."""
    assert loaded(SLOTH, 'bucket{job="auth", le', 'bucket{job="else", le')[1].bound is None
    assert loaded(SLOTH, "took_seconds_bucket", "other_seconds_bucket")[1].bound is None


REFUSED = [
    (SLOTH, "objective: 99.9", "objective: 100", ":6: SLO answers: objective"),
    (SLOTH, "objective: 99.9", "goal: 99.9", ":6: SLO answers: goal: unknown key"),
    (
        SLOTH,
        "      events:\n",
        "      raw: {error_ratio_query: x}\n      events2:\n",
        "only events",
    ),
    (SLOTH, "error_query: sum(", "error_query: sum(sum(", "error_query: "),
    (SLOTH, "name: fast", "name: answers", "'auth-answers' stands twice"),
    (SLOTH, 'service: "auth"\n', "", "service: is missing"),
    (IN_KUBERNETES, "errorQuery", "error_query", "error_query: unknown key"),
    (OPENSLO, "Occurrences", "Timeslices", ":23: SLO auth-answers: budgetingMethod: Timeslices is"),
    (OPENSLO, "target: 0.999", "target: 99.9", "99.9 must lie between"),
    (OPENSLO, "target: 0.999", "target: 0.9\n      targetPercent: 90", "give either target"),
    (OPENSLO, "target: 0.999", "op: lt", ":26: SLO auth-answers: an objective: op: it is compared"),
    (OPENSLO, "target: 0.999", "value: 1", "value: it is compared with a thresholdMetric"),
    (OPENSLO, "target: 0.999", "timeSliceTarget: 0.9", "timeSliceTarget: slices of time are not"),
    (OPENSLO, "target: 0.999", "targets: 0.9", "targets: unknown key"),
    (OPENSLO, "target: 0.999", "target: 1e-400", "1e-400 cannot be told from 0%"),
    (OPENSLO, "counter: true", "counter: yes", "counter: 'yes' is neither true nor false"),
    (OPENSLO, "isRolling: true", "isRolling: 1", "isRolling: '1' is neither true nor false"),
    (OPENSLO, "isRolling: true", "isRolling: FALSE", "only rolling windows are read"),
    (OPENSLO, "openslo/v1", "openslo.com/v2alpha", "openslo.com/v2alpha is not read; write it as"),
    (REFERRING, "  indicatorRef: fast-logins\n", "", "give either indicator or indicatorRef"),
    (
        REFERRING.replace("  indicatorRef: fast-logins\n", ""),
        "- targetPercent: 99\n",
        "- targetPercent: 99\n      indicatorRef: fast-logins\n",
        "indicatorRef: a composite SLO, with an indicator for each objective, is not read",
    ),
    (
        SLOTH,
        "(handled_total[{{.window}}]))",
        "(handled_total[{{.window}}])) by (handler)",
        ":11: SLO answers: sli: events: total_query: 'sum(rate(handled_total[{{.window}}])) by",
    ),
    (OPENSLO, "sum(handled_total)", "sum by (handler) (handled_total)", "one series without"),
    (SLOTH, "      events:\n", "      ? [a, b]\n      : x\n      events2:\n", "only events"),
    (OPENSLO, "duration: 4w", "duration: 1M", "'1M' is no rolling window"),
    (OPENSLO, "isRolling: true", "isRolling: false", "only rolling windows are read"),
    (
        OPENSLO,
        "    - duration: 4w\n",
        "    - {duration: 1d}\n    - duration: 4w\n",
        "more than one",
    ),
    (OPENSLO, "type: Prometheus", "type: Datadog", "type: Datadog is not read"),
    (OPENSLO, "counter: true", "counter: false", "has no window to choose"),
    (OPENSLO, "openslo/v1", "openslo/v1alpha", "openslo/v1alpha is not read"),
    (OPENSLO, "kind: SLO", "kind: Objective", "unknown kind 'Objective'"),
    (OPENSLO, "kind: SLO", "kind: SLI", "no document is of kind SLO"),
    (OPENSLO, "ratioMetric", "thresholdMetric", "a thresholdMetric has no events to count"),
    (OPENSLO, "counter: true", "raw: {}", "a ratio has no events to count"),
    (OPENSLO, "good:", "better:", "better: unknown key"),
    (REFERRING, "indicatorRef: fast-logins", "indicatorRef: fast", "no SLI object of this file is"),
]


@pytest.mark.parametrize(("text", "old", "new", "told"), REFUSED)
def test_what_is_not_read_is_refused_by_name(
    loaded: Callable, tmp_path: Path, text: str, old: str, new: str, told: str
) -> None:
    """With its file and line."""
    with pytest.raises(BadInput) as refused:
        loaded(text, old, new)
    assert str(refused.value).startswith(f"{tmp_path / 'slo.yml'}:")
    assert told in str(refused.value)
