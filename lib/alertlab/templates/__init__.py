"""Go's text/template with Prometheus' functions: labels and annotations of alerts."""

from alertlab.templates.expansion import (
    AlertContext,
    check_template,
    expand,
    has_template,
    reads_data,
)
from alertlab.templates.values import QueryResult, Sample, StringMap

__all__ = [
    "AlertContext",
    "QueryResult",
    "Sample",
    "StringMap",
    "check_template",
    "expand",
    "has_template",
    "reads_data",
]
