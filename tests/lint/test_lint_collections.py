"""Other people's rules: each is linted, and few remarks are made on rules that are well made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from alertlab.errors import BadInput
from alertlab.lint import REMARK_IDS, Remark, lint_rule, lint_rules
from alertlab.rules import AlertRule, RuleChange, changed_expr, find_threshold, load_rules
from alertlab.rules.claims import find_claims

COLLECTIONS = {
    "rules/awesome-prometheus-alerts": 954,
    "rules/kube-prometheus": 139,
    "rules/etcd-mixin": 15,
    "promtool-tests/wikimedia-alerts": 352,
}


@cache
def lint_collection(folder: Path) -> tuple[list[AlertRule], list[Remark]]:
    """Lint each file of a folder that is a rule file."""
    rules, found = [], []
    for file in sorted(folder.rglob("*.y*ml")):
        try:
            loaded = load_rules(file)
        except BadInput:
            continue  # unit tests lie beside the rules
        rules += loaded
        found += lint_rules(loaded, scrape_interval_ms=30_000)
    return rules, found


@pytest.mark.oracle
@pytest.mark.parametrize(("folder", "count"), COLLECTIONS.items())
def test_a_collection_is_linted(oracles: Path, folder: str, count: int, record_property) -> None:
    """All rules, without a crash; each remark is of a known kind and names its rule's place."""
    rules, found = lint_collection(oracles / folder)
    assert len(rules) == count
    places = {(rule.file, rule.line, rule.name) for rule in rules}
    assert {(one.file, one.line, one.rule) for one in found} <= places
    kinds = Counter(one.id for one in found)
    assert set(kinds) <= set(REMARK_IDS)
    for kind, number in kinds.items():
        record_property(kind, number)
    print(folder, dict(kinds))
    # Rules that people run have few faults; a lint that speaks of each third is not read.
    assert len(found) < 0.15 * count


@pytest.mark.oracle
def test_texts_of_the_collections(oracles: Path, record_property) -> None:
    """Of hundreds of texts with numbers hardly one disagrees; changed numbers nearly all do."""
    counts: Counter[str] = Counter()
    for folder in COLLECTIONS:
        rules, found = lint_collection(oracles / folder)
        told = {(one.file, one.line) for one in found if one.id == "text-disagrees"}
        counts["told"] += len(told)
        for rule in rules:
            counts["with a claim"] += any(one.is_limit for one in find_claims(rule.annotations))
            if (rule.file, rule.line) in told:
                continue
            for what, other in changed(rule):
                counts[what] += 1
                counts[f"{what}, told"] += any(
                    one.id == "text-disagrees" for one in lint_rule(other)
                )
    for name, count in counts.items():
        record_property(name, count)
    print(dict(counts))
    assert counts["with a claim"] > 300
    assert counts["told"] < 0.02 * counts["with a claim"]
    # A for may be a window, too, of which the text may speak.
    for what, least_ratio in (("another for", 0.7), ("another threshold", 0.85)):
        assert counts[what] > 50
        assert counts[f"{what}, told"] > least_ratio * counts[what]


def changed(rule: AlertRule) -> Iterator[tuple[str, AlertRule]]:
    """Give the rule with numbers changed that its text states: another for, another threshold."""
    claims = [one for one in find_claims(rule.annotations) if one.is_limit]
    hold_seconds = rule.hold_duration_ms / 1000
    if hold_seconds and any(one.unit == "s" and one.value == hold_seconds for one in claims):
        yield "another for", replace(rule, hold_duration_ms=7 * rule.hold_duration_ms)
    try:
        threshold = find_threshold(rule.expr)
    except BadInput:
        return
    if threshold.value and any(
        one.unit in ("", "%") and one.value == threshold.value for one in claims
    ):
        other = changed_expr(rule.expr, RuleChange(threshold=7.3 * threshold.value))
        yield "another threshold", replace(rule, expr=other)
