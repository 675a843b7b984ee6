"""Search for bucket edges: replace one at a time while the worst answer becomes better.

A layout is a choice among candidate edges, a row of bools.  Many layouts are judged at once, and
the search has several starts, because one alone ends in a bad corner now and then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_EVEN = 1e-3  # of equal worst answers, the layout with the better mean is taken
_GAIN = 1e-9
_RANDOM_STARTS = 8
_SEED = 20_260_302  # fixed, so that advice repeats to the digit


@dataclass(frozen=True)
class Questions:
    """What a layout will be asked, with the true answers; one question per quantile and case.

    candidates : float64 [s], ascending, positive, shape (n_candidates,)
    shares : float64, share of the observations at or below each candidate, never falling, shape
        (n_questions, n_candidates)
    quantiles, truths_seconds, weights : shape (n_questions,)
    """

    candidates: np.ndarray
    shares: np.ndarray
    quantiles: np.ndarray
    truths_seconds: np.ndarray
    weights: np.ndarray

    def errors(self, layouts: np.ndarray) -> np.ndarray:
        """Return the relative errors of Prometheus' estimate, shape (n_layouts, n_questions).

        layouts : bool, shape (n_layouts, n_candidates), at least one edge each

        As promql/quantile.go, BucketQuantile: linear inside the bucket, and the last edge for what
        lies beyond it, so that an error always is a number.
        """
        n, each = len(self.candidates), np.arange(len(self.quantiles))
        at = np.arange(n)
        above = np.minimum.accumulate(np.where(layouts, at, n)[:, ::-1], axis=1)[:, ::-1]
        below = np.maximum.accumulate(np.where(layouts, at, -1), axis=1)
        above, below = (
            np.pad(above, ((0, 0), (0, 1)), constant_values=n),
            np.pad(below, ((0, 0), (1, 0)), constant_values=-1),
        )
        reached = (self.shares < self.quantiles[:, None]).sum(axis=1)
        upper, lower = above[:, reached], below[:, reached]
        # The last place is where the first bucket begins: at 0, with no observations below.
        edges, shares = np.append(self.candidates, 0.0), np.pad(self.shares, ((0, 0), (0, 1)))
        inside = np.minimum(upper, n - 1)
        start, before = edges[lower], shares[each, lower]
        width, held = edges[inside] - start, shares[each, inside] - before
        answers = start + width * (self.quantiles - before) / np.where(upper < n, held, 1.0)
        answers = np.where(upper < n, answers, edges[below[:, -1]][:, None])
        return np.abs(answers / self.truths_seconds - 1)

    def loss(self, layouts: np.ndarray) -> np.ndarray:
        """Return what is made small: the worst weighted error, shape (n_layouts,)."""
        weighted = self.errors(layouts) * self.weights
        return weighted.max(axis=1) + _EVEN * weighted.mean(axis=1)


def best_layout(
    questions: Questions, now: np.ndarray, fixed: np.ndarray, n_edges: int
) -> np.ndarray:
    """Return the best layout found of ``n_edges`` edges, the fixed ones among them.

    now, fixed : bool, shape (n_candidates,); ``fixed`` has at most ``n_edges``
    """
    random, free = np.random.default_rng(_SEED), np.flatnonzero(~fixed)
    starts = [_resized(questions, one, fixed, n_edges) for one in (now | fixed, fixed)]
    for _ in range(_RANDOM_STARTS):
        drawn = random.choice(free, n_edges - int(fixed.sum()), replace=False)
        starts.append(fixed | np.isin(np.arange(len(fixed)), drawn))
    found = np.array([_exchanged(questions, start, fixed) for start in starts])
    return found[np.argmin(questions.loss(found))]


def _resized(
    questions: Questions, layout: np.ndarray, fixed: np.ndarray, n_edges: int
) -> np.ndarray:
    """Take edges away or add some, one by one, each time the one with which the loss is least."""
    while (over := int(layout.sum()) - n_edges) != 0:
        turned = np.flatnonzero(layout & ~fixed) if over > 0 else np.flatnonzero(~layout)
        options = layout ^ np.eye(len(layout), dtype=bool)[turned]
        layout = options[np.argmin(questions.loss(options))]
    return layout


def _exchanged(questions: Questions, layout: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Exchange the one edge with which the loss drops most, until none does."""
    loss, single = questions.loss(layout[None])[0], np.eye(len(layout), dtype=bool)
    while (layout & ~fixed).any() and not layout.all():
        gone, come = np.flatnonzero(layout & ~fixed), np.flatnonzero(~layout)
        options = (layout ^ single[gone][:, None] ^ single[come]).reshape(-1, len(layout))
        losses = questions.loss(options)
        best = np.argmin(losses)
        if losses[best] > loss - _GAIN:
            break
        layout, loss = options[best], losses[best]
    return layout
