"""The only place that reads metrics: a live server or a recording behind one interface."""

from __future__ import annotations

from typing import Any, Protocol

from alertlab.frame import Frame, Series
from alertlab.promql import MAX_SAMPLES
from alertlab.sources.grid import history_span
from alertlab.sources.prometheus import PrometheusSource
from alertlab.sources.recording import Recording, RecordingWriter

__all__ = [
    "PrometheusSource",
    "Recording",
    "RecordingWriter",
    "Source",
    "history_span",
    "open_source",
]


class Source(Protocol):
    """What a stage may ask of its input; both kinds of source pass the same tests.

    ``semantics`` and ``max_samples`` are what PromQL over its samples is to be evaluated by.
    """

    start_ms: int
    end_ms: int
    semantics: int
    max_samples: int

    def range_query(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Frame:
        """Evaluate ``expr`` at ``start, start + step, … <= end``."""

    def series(
        self, selector: str, start_ms: int, end_ms: int, *, stale_markers: bool = True
    ) -> list[Series]:
        """Return raw samples of a selector, stale markers included.

        Without ``stale_markers`` a source that would have to find them out leaves them away.
        """

    def provenance(self) -> dict[str, Any]:
        """Say where the numbers come from."""


def open_source(
    where: str,
    *,
    semantics: int = 3,
    max_samples: int = MAX_SAMPLES,
    token_env: str = "PROMETHEUS_TOKEN",
) -> Source:
    """Open an http(s) URL or a recording's folder as a source.

    ``semantics`` (3 or 2) chooses the Prometheus whose PromQL a recording follows, and
    ``max_samples`` is what one query on it may hold at once; a live server has its own of both.
    """
    if where.startswith(("http://", "https://")):
        return PrometheusSource(where, token_env=token_env)
    return Recording.open(where, semantics=semantics, max_samples=max_samples)
