"""promtool judges the template engine: what it prints, what it refuses and in which words.

The corpora hold one template a line, ``⏎`` standing for a newline: ``expanded_alike.txt`` is what
promtool 2.42 and 3 expand alike, ``expanded_by_newer.txt`` what only 3 expands or expands so.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from promtool_expansion import ALERT, promtool_expands, promtool_refuses, we_expand

from alertlab.errors import BadInput
from alertlab.templates import check_template

pytestmark = pytest.mark.server
HERE = Path(__file__).parent


def corpus(name: str) -> list[str]:
    return [
        line.replace("⏎", "\n") for line in (HERE / name).read_text(encoding="utf-8").splitlines()
    ]


def test_expansions_are_promtools(promtool: str, tmp_path: Path):
    """promtool 2.42 prints every text of the common corpus as we do, error messages included."""
    texts = corpus("expanded_alike.txt")
    assert len(texts) > 150
    assert [we_expand(text) for text in texts] == promtool_expands(promtool, tmp_path, texts)


def test_expansions_are_newer_promtools(promtool3: str, tmp_path: Path):
    """promtool 3 prints both corpora as we do."""
    texts = corpus("expanded_alike.txt") + corpus("expanded_by_newer.txt")
    assert [we_expand(text) for text in texts] == promtool_expands(promtool3, tmp_path, texts)


def test_refusals_are_promtools(promtool3: str, tmp_path: Path):
    """What promtool 3 refuses when it loads the rule we refuse, in the same words."""
    texts = corpus("refused.txt")
    refused = promtool_refuses(promtool3, tmp_path, texts)
    assert set(refused) == set(texts)
    for text, words in refused.items():
        with pytest.raises(BadInput) as ours:
            check_template(text, ALERT)
        assert str(ours.value) == words


FLOATS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-1e6, 1e6),
    st.integers(-10, 10).map(lambda exponent: 10.0**exponent),
    st.sampled_from(
        [0.0, -0.0, 0.5, 1.0, 999.5, 999.95, 1000.0, 1023.9999, 1024.0, 59.5, 86_399.9]
    ),
)
FUNCTIONS = st.sampled_from(
    ["humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "print", "html"]
)
VERBS = st.builds(
    "%{}{}{}{}".format,
    st.sampled_from(["", "-", "+", " ", "0", "+0", "-0", " 0"]),
    st.sampled_from(["", "1", "6", "12"]),
    st.sampled_from(["", ".0", ".1", ".3", ".17", "."]),
    st.sampled_from("vdsqfFeEgGtxXoObcU"),
)


def number(value: float) -> str:
    """Write a float64 as a template's expression of the same bits."""
    if math.isfinite(value):
        return f"({value.hex()})"
    text = "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    return f'(query "{text}" | first | value)'


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Format a random value by a random function or verb."""
    value = draw(FLOATS)
    if draw(st.booleans()):
        return f"{{{{ {draw(FUNCTIONS)} {number(value)} }}}}"
    argument = draw(
        st.one_of(
            st.just(number(value)),
            st.integers(-(10**6), 10**6).map(str),
            st.sampled_from(["true", '"aé☃\\t"', '""', "nil"]),
        )
    )
    return f'{{{{ printf "{draw(VERBS)}" {argument} }}}}'


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # a batch names its culprit; shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)
@given(batch=st.lists(texts(), min_size=60, max_size=60))
def test_numbers_are_written_as_go_does(promtool: str, tmp_path_factory, batch: list[str]):
    """Random values by every function and verb: promtool prints the same, or we refuse by name."""
    ours = []
    for text in batch:
        try:
            ours.append((text, we_expand(text)))
        except BadInput:
            # Floats in other bases; seconds beyond int64.
            assert re.search(r'[xXb]" |humanizeDuration', text), text
    judged = promtool_expands(promtool, tmp_path_factory.mktemp("p"), [text for text, _ in ours])
    for (text, got), expected in zip(ours, judged, strict=True):
        assert got == expected, text
