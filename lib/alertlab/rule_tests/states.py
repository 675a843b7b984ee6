"""What rules remember from slot to slot, and what they write (rules/alerting.go, recording.go)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from alertlab.rule_tests.queries import Queries, Samples
from alertlab.rules import AlertRule, RecordingRule
from alertlab.templates import (
    AlertContext,
    QueryResult,
    Sample,
    StringMap,
    expand,
    has_template,
    reads_data,
)
from alertlab.units import NAME, SECOND_MS, LabelSet, label_set


class RuleFailed(Exception):
    """An evaluation that Prometheus counts as failed."""


class RecordingState:
    """A recording rule, which remembers nothing."""

    def __init__(self, rule: RecordingRule, limit: int) -> None:
        self.rule, self.name, self.limit = rule, rule.name, limit

    def evaluate(self, samples: Samples, at_ms: int) -> Samples:
        """Return the series that the rule records (RecordingRule.Eval)."""
        recorded = {
            label_set({**dict(labels), NAME: self.rule.name, **dict(self.rule.labels)}): value
            for labels, value in samples
        }
        if len(recorded) < len(samples):
            raise RuleFailed(
                "vector contains metrics with the same labelset after applying rule labels"
            )
        if 0 < self.limit < len(recorded):
            raise RuleFailed(f"exceeded limit of {self.limit} with {len(recorded)} series")
        return list(recorded.items())


@dataclass
class ActiveAlert:
    """An alert that is pending or firing."""

    rule: AlertRule
    labels: LabelSet
    active_at_ms: int
    context: AlertContext
    is_firing: bool = False
    keep_firing_since_ms: int | None = None

    @cached_property
    def annotations(self) -> dict[str, str]:
        """The annotations as of the last evaluation that found the alert."""
        return {name: expand(text, self.context) for name, text in self.rule.annotations.items()}

    def found_again(self, context: AlertContext) -> None:
        """Take over what the expression says now."""
        self.context, self.keep_firing_since_ms = context, None
        self.__dict__.pop("annotations", None)

    def keeps_firing(self, at_ms: int) -> bool:
        """Tell whether ``keep_firing_for`` holds the alert although its condition has gone."""
        if not self.is_firing or not self.rule.keep_firing_for_ms:
            return False
        if self.keep_firing_since_ms is None:
            self.keep_firing_since_ms = at_ms
        return at_ms - self.keep_firing_since_ms < self.rule.keep_firing_for_ms

    @cached_property
    def series(self) -> tuple[LabelSet, LabelSet, LabelSet]:
        """Its ALERTS series, pending and firing, and its ALERTS_FOR_STATE series.

        As in Prometheus, they start from the rule's labels as written: a template that expands
        to nothing stays in them.
        """
        labels = {**dict(self.rule.labels), **dict(self.labels)}
        alerts = {**labels, NAME: "ALERTS"}
        return (
            label_set({**alerts, "alertstate": "pending"}),
            label_set({**alerts, "alertstate": "firing"}),
            label_set({**labels, NAME: "ALERTS_FOR_STATE"}),
        )


class AlertState:
    """An alerting rule with its active alerts (AlertingRule)."""

    def __init__(
        self,
        rule: AlertRule,
        limit: int,
        queries: Queries,
        external_labels: Mapping[str, str],
        external_url: str,
    ) -> None:
        self.rule, self.name, self.limit, self.queries = rule, rule.name, limit, queries
        self.external_labels, self.external_url = external_labels, external_url
        self.active: dict[LabelSet, ActiveAlert] = {}
        self._labels_vary = any(has_template(text) for _, text in rule.labels)
        self._identities: dict[LabelSet, LabelSet] = {}
        # What such a text asks for must be asked now: later there are more samples.
        self._annotate_at_once = any(
            reads_data(text, rule.name) for text in rule.annotations.values()
        )

    def evaluate(self, samples: Samples, at_ms: int) -> Samples:
        """Bring the alerts to ``at_ms`` and return what the rule writes (AlertingRule.Eval)."""
        found: dict[LabelSet, AlertContext] = {}
        for labels, value in samples:
            context = self._context(labels, value, at_ms)
            identity = self._identity(labels, context)
            if identity in found:
                raise RuleFailed(
                    "vector contains metrics with the same labelset after applying alert labels"
                )
            found[identity] = context
        for identity, context in found.items():
            self._update(identity, context)
        self.active = {
            identity: alert
            for identity, alert in self.active.items()
            if identity in found or alert.keeps_firing(at_ms)
        }
        for alert in self.active.values():
            alert.is_firing |= at_ms - alert.active_at_ms >= self.rule.hold_duration_ms
        if 0 < self.limit < len(self.active):
            count, self.active = len(self.active), {}
            raise RuleFailed(f"exceeded limit of {self.limit} with {count} alerts")
        return self._written()

    def _context(self, labels: LabelSet, value: float, at_ms: int) -> AlertContext:
        return AlertContext(
            alert=self.rule.name,
            labels=dict(labels),
            value=value,
            at_ms=at_ms,
            query=lambda expr: self._queried(expr, at_ms),
            external_labels=self.external_labels,
            external_url=self.external_url,
        )

    def _queried(self, expr: str, at_ms: int) -> QueryResult:
        samples = self.queries.at(expr, at_ms)
        return QueryResult(Sample(StringMap(labels), value) for labels, value in samples)

    def _identity(self, labels: LabelSet, context: AlertContext) -> LabelSet:
        if not self._labels_vary and labels in self._identities:
            return self._identities[labels]
        rule_labels = {name: expand(text, context) for name, text in self.rule.labels}
        own = {name: value for name, value in labels if name != NAME}
        identity = label_set({**own, **rule_labels, "alertname": self.rule.name})
        self._identities[labels] = identity
        return identity

    def _update(self, identity: LabelSet, context: AlertContext) -> None:
        alert = self.active.get(identity)
        if alert is None:
            alert = ActiveAlert(self.rule, identity, context.at_ms, context)
            self.active[identity] = alert
        else:
            alert.found_again(context)
        if self._annotate_at_once:
            _ = alert.annotations

    def _written(self) -> Samples:
        written: Samples = []
        for alert in self.active.values():
            pending, firing, for_state = alert.series
            written.append((firing if alert.is_firing else pending, 1.0))
            written.append((for_state, float(alert.active_at_ms // SECOND_MS)))
        return written
