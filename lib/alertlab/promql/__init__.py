"""PromQL over raw samples: parse, select, evaluate at all steps at once."""

from alertlab.promql.blocks import MAX_SAMPLES
from alertlab.promql.engine import evaluate
from alertlab.promql.histogram import bucket_quantile, clean_buckets
from alertlab.promql.instant import InstantAnswer, instant_query
from alertlab.promql.matchers import Matcher, matches_all, matching, selector_text
from alertlab.promql.parsing import parse, parse_selector
from alertlab.promql.reading import names_read

__all__ = [
    "MAX_SAMPLES",
    "InstantAnswer",
    "Matcher",
    "bucket_quantile",
    "clean_buckets",
    "evaluate",
    "instant_query",
    "matches_all",
    "matching",
    "names_read",
    "parse",
    "parse_selector",
    "selector_text",
]
