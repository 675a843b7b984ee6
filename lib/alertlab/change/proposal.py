"""A change of one rule's numbers with all that a reviewer of it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alertlab.rules import AlertRule, RuleChange
from alertlab.tuning import Evaluations, Score, Span, Tuning, Yardstick, explain


@dataclass(frozen=True, eq=False)
class Proposal:
    """Another setting of a rule: what it does, why it, and what that rests on.

    current, proposed : the rule as it stands, and with the change
    why, how_sure : sentences
    tried : how many settings it was chosen from, None if by hand
    evaluations : of the rule, from which both settings are replayed
    coverage : as ``Tuning.coverage``
    """

    rule: AlertRule
    change: RuleChange
    current: Score
    proposed: Score
    why: str
    how_sure: str
    tried: int | None
    evaluations: Evaluations
    yardstick: Yardstick
    span: Span
    coverage: dict[str, Any]

    @classmethod
    def of(cls, tuning: Tuning) -> Proposal:
        """Return what a tuning proposes; its verdict is to change the rule."""
        effect, why, how_sure = explain(tuning)
        return cls(
            rule=tuning.rule,
            change=tuning.change,
            current=tuning.current,
            proposed=tuning.recommended,
            why=f"{effect} {why}",
            how_sure=how_sure,
            tried=len(tuning.candidates),
            evaluations=tuning.evaluations,
            yardstick=tuning.yardstick,
            span=tuning.span,
            coverage=tuning.coverage,
        )
