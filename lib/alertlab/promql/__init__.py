"""PromQL over raw samples: parse, select, evaluate at all steps at once."""

from alertlab.promql.engine import evaluate
from alertlab.promql.matchers import Matcher, matches_all
from alertlab.promql.parsing import parse, parse_selector

__all__ = ["Matcher", "evaluate", "matches_all", "parse", "parse_selector"]
