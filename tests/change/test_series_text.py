"""Series in promtool's notation: short, exact to the bit, and read so by promtool."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from alertlab.change.series_text import series_line, values_line
from alertlab.errors import BadInput
from alertlab.frame import STALE_NAN
from alertlab.promql.notation import read_series, read_values
from alertlab.units import label_set

STALE = float(STALE_NAN)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], ""),
        ([1.0], "1"),
        ([None], "_"),
        ([None, None, 3.0, None], "_x2 3 _"),
        ([4.0, 4.0, 4.0], "4x2"),
        ([4.0, 4.0], "4 4"),
        ([1.0, 3.0, 5.0, 6.0], "1+2x2 6"),
        ([5.0, 3.0, 1.0, -1.0], "5-2x3"),
        ([0.1, 0.2, 0.30000000000000004], "0.1 0.2 0.30000000000000004"),
        ([1e300, -math.inf, math.inf], "1e+300 -Inf +Inf"),
        ([STALE, math.nan, -0.0, 0.0, 0.0, 0.0], "stale NaN -0.0 0x2"),
        ([2.0**53, 2.0**53, 2.0**53], " ".join(["9007199254740992.0"] * 3)),
    ],
)  # fmt: skip
def test_notation(values: list, text: str) -> None:
    """Runs of at least three whole numbers are short; everything else stands as it is."""
    assert values_line(values) == text


VALUE = (
    st.none()
    | st.integers(-3, 3).map(float)
    | st.integers(-(2**60), 2**60).map(float)
    | st.floats()
    | st.just(STALE)
)


@given(st.lists(VALUE | st.integers(0, 9).map(float), max_size=30))
def test_reading_gives_the_same_bits(values: list) -> None:
    """Whatever the values, minus zero and both NaNs among them."""
    again = read_values(values_line(values))
    assert bits(again) == bits(values)


def bits(values: list) -> list:
    """Return values as bytes; of the ordinary NaNs there is one."""
    stale = np.float64(STALE).tobytes()
    found = [None if one is None else np.float64(one).tobytes() for one in values]
    return [
        "nan" if one is not None and math.isnan(value) and one != stale else one
        for one, value in zip(found, values, strict=True)
    ]


def test_labels() -> None:
    """Quotes, backslashes and newlines are escaped; a name that promtool 2 has not is refused."""
    labels = label_set({"__name__": "up", "a": 'q"\\\n|{}', "b": "값"})
    text = series_line(labels)
    assert text == 'up{a="q\\"\\\\\\n|{}", b="값"}'
    assert read_series(text) == (labels, "")
    assert series_line((("a", "b"),)) == '{a="b"}'
    for odd in ({"__name__": "a.b"}, {"__name__": "up", "a.b": "c"}):
        with pytest.raises(BadInput):
            series_line(label_set(odd))


@pytest.mark.parametrize("judge", ["promtool", "promtool3"])
def test_promtool_reads_the_same(
    judge: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """promtool finds every value of random series where it was, and nothing where none was."""
    promtool = request.getfixturevalue(judge)
    rng = np.random.default_rng(1)
    values = rng.choice([0.0, 1.0, 2.0, 0.1, -1e-7, 1e21, 123456789012.0, 5e-324], 60)
    values[10:20] = np.arange(10) * 7
    values[30:40] = 3
    missing = (rng.random(60) < 0.2).tolist()
    kept = [None if gap else one for one, gap in zip(values.tolist(), missing, strict=True)]
    checks = [
        {
            "expr": "last_over_time(m[1s])",
            "eval_time": f"{i}m",
            "exp_samples": [] if one is None else [{"labels": 'm{a="|"}', "value": one}],
        }
        for i, one in enumerate(kept)
    ]
    series = {"series": series_line((("__name__", "m"), ("a", "|"))), "values": values_line(kept)}
    test = {"interval": "1m", "input_series": [series], "promql_expr_test": checks}
    with (tmp_path / "test.yml").open("w") as file:
        YAML(typ="safe").dump({"rule_files": [], "tests": [test]}, file)
    run = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
