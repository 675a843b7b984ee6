"""Other people's rules: each file loads or is refused in a sentence that names it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from alertlab.errors import BadInput
from alertlab.promql import parse
from alertlab.rules import find_thresholds, load_rules


@pytest.mark.oracle
def test_the_collection_loads(oracles: Path, record_property) -> None:
    """954 alerts in 112 files; each threshold that is found can be changed and found again."""
    counts: Counter[str] = Counter()
    for file in sorted((oracles / "rules/awesome-prometheus-alerts").rglob("*.y*ml")):
        try:
            rules = load_rules(file)
        except BadInput as error:
            counts["files refused"] += 1
            assert str(error).startswith(f"{file}:")
            assert "rule " in str(error)
            continue
        counts["files loaded"] += 1
        for rule in rules:
            counts["alerts"] += 1
            try:
                thresholds = find_thresholds(rule.expr)
            except BadInput as error:
                counts["without threshold"] += 1
                assert "has no numeric threshold" in str(error)
                continue
            counts["with threshold"] += 1
            counts["with a level"] += any(found.monotone for found in thresholds)
            for found in thresholds:
                parse(found.lhs)
                assert found.monotone == (not found.why)
                text = f"{rule.expr[: found.start]}12345.5{rule.expr[found.end :]}"
                (changed,) = (one for one in find_thresholds(text) if one.start == found.start)
                assert (changed.lhs, changed.op, changed.value) == (found.lhs, found.op, 12345.5)
    for name, count in counts.items():
        record_property(name, count)
    print(dict(counts))
    assert counts["alerts"] == counts["with threshold"] + counts["without threshold"]
    assert counts["with a level"] > 0.75 * counts["alerts"]
    assert counts["files loaded"] >= 112
    assert counts["alerts"] >= 954
    assert counts["with threshold"] >= 500
