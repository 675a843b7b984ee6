"""PromQL over raw samples: parse, select, evaluate at all steps at once."""

from alertlab.promql.blocks import MAX_SAMPLES
from alertlab.promql.engine import evaluate
from alertlab.promql.instant import InstantAnswer, instant_query
from alertlab.promql.matchers import Matcher, matches_all, matching
from alertlab.promql.parsing import parse, parse_selector

__all__ = [
    "MAX_SAMPLES",
    "InstantAnswer",
    "Matcher",
    "evaluate",
    "instant_query",
    "matches_all",
    "matching",
    "parse",
    "parse_selector",
]
