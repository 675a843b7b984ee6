"""The notation of series in Prometheus' tests, and promtool as the judge of it."""

from __future__ import annotations

import json
import math
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alertlab.errors import BadInput, UnsupportedPromQL
from alertlab.frame import is_stale
from alertlab.promql.notation import read_series, read_values


@pytest.mark.parametrize(
    ("text", "labels", "rest"),
    [
        ("up 1 2", {"__name__": "up"}, "1 2"),
        ('a:b{c="d"}', {"__name__": "a:b", "c": "d"}, ""),
        ("up{ a = \"1\" , b='2', } 3", {"__name__": "up", "a": "1", "b": "2"}, "3"),
        ('{"my.name", "x.y"=`z\\n`} 1', {"__name__": "my.name", "x.y": "z\\n"}, "1"),
        (r'x{a="\"q\"\n\x41é\u00e9"}', {"__name__": "x", "a": '"q"\nAéé'}, ""),
        ('x{a=""} 1', {"__name__": "x"}, "1"),
        ("{} 1", {}, "1"),
        ("", {}, ""),
    ],
)
def test_series(text: str, labels: dict[str, str], rest: str):
    """Names, quoted names, all three quotes, escapes; an empty value is no label."""
    assert read_series(text) == (tuple(sorted(labels.items())), rest)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('up{a="1" b="2"}', "expected , or } at 9"),
        ('up{a="1"', "found the end"),
        ("up{a=1}", "a quoted label value at 5"),
        ("up{a}", "expected = at 4"),
        ('up{a~="1"}', "expected = at 4"),
        ("up{=}", "a label name or }"),
        ('up{a="1",a="2"}', "names a label twice"),
        ('up{a="1"}x', "'x' behind"),
        (r'up{a="\q"}', "no string that PromQL can read"),
        (r'up{a="\xff"}', "no UTF-8"),
        ("1 2", "is no series"),
        ("é 1", "is no series"),
    ],
)
def test_what_is_no_series(text: str, part: str):
    """One sentence says where."""
    with pytest.raises(BadInput) as refused:
        read_series(text)
    assert part in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("1 -2 +3 .5 1. 1e3 -.5E-1", [1, -2, 3, 0.5, 1, 1000, -0.05]),
        ("1_000 1_0.5e1_0 010 0_17 08", [1000, 10.5e10, 8, 15, 8]),
        ("_ _x2 4", [None, None, None, 4]),
        ("4x2 -1x1", [4, 4, 4, -1, -1]),
        ("1+2x3 0-0.5x1", [1, 3, 5, 7, 0, -0.5]),
        ("Inf -INF +inf+1x1", [math.inf, -math.inf, math.inf, math.inf]),
        ("52+0x3", [52, 52, 52, 52]),
    ],
)
def test_values(text: str, expected: list[float | None]):
    """There is no hexadecimal; x repeats; a leading zero is octal, as in Go."""
    assert read_values(text) == expected


def test_values_that_are_not_numbers():
    """NaN stays one, a stale marker keeps its bits."""
    nan, stale, *more = read_values("nan stale stale")
    assert math.isnan(nan)
    assert is_stale(np.array([nan, stale, *more])).tolist() == [False, True, True]


def test_values_up_to_a_limit():
    """What lies behind it is checked, not expanded."""
    assert read_values("0x10000000000", 3) == [0, 0, 0]
    assert read_values("1 _x9999999999 2", 2) == [1, None]
    assert read_values("1+1x9999999999 5", 4) == [1, 2, 3, 4]
    with pytest.raises(BadInput, match="'z' is no value"):
        read_values("0x9999999999 z", 1)


@pytest.mark.parametrize(
    "word",
    ["1x", "x1", "x", "NaNx3", "stalex2", "-stale", "STALE", "1+1", "1x1.5", "--1", "_1", "1__0",
     "1_", "0x1f", "1e400", "abc", "1,2", "1+Infx2"],
)  # fmt: skip
def test_what_is_no_value(word: str):
    """The word is named."""
    with pytest.raises(BadInput) as refused:
        read_values(f"1 {word}")
    assert repr(word) in str(refused.value)
    assert not isinstance(refused.value, UnsupportedPromQL)


def test_native_histograms_are_refused_by_name():
    """They are PromQL, and not evaluated here."""
    with pytest.raises(UnsupportedPromQL, match="native histogram"):
        read_values("{{schema:1 count:2}}x3")


PIECE = st.sampled_from(
    ["0", "1", "2.5", "-", "+", "x", "x2", "x3", "_", "stale", "NaN", "Inf", "nan", "e", "e2", ".",
     "007", "08", "1_0", " ", "_x", "a", "0x1"]
)  # fmt: skip
WORDS = st.lists(PIECE, min_size=1, max_size=5).map("".join)


@pytest.mark.server
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(batch=st.lists(WORDS, min_size=150, max_size=150, unique=True))
def test_promtool_reads_the_same(promtool3: str, tmp_path_factory, batch: list[str]):
    """promtool finds our values at every step, and refuses what we refuse."""
    folder = tmp_path_factory.mktemp("notation")
    readable = {}
    for number, text in enumerate(batch):
        try:
            values = read_values(text)
        except BadInput:
            values = None
        readable[f"{number}.yml"] = values is not None
        check = {
            "input_series": [{"series": "m", "values": text}],
            "promql_expr_test": [] if values is None else checks_of(values),
        }
        document = json.dumps({"tests": [check]})
        for json_text, yaml_text in {'"@inf"': ".inf", '"@-inf"': "-.inf"}.items():
            document = document.replace(json_text, yaml_text)
        (folder / f"{number}.yml").write_text(document)
    run = subprocess.run(
        [promtool3, "test", "rules", *readable],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = dict(zip(readable, run.stdout.split("Processing test file: ")[1:], strict=True))
    for (name, expected), text in zip(readable.items(), batch, strict=True):
        assert ("SUCCESS" in said[name]) is expected, (text, said[name], run.stderr[-2000:])


def checks_of(values: list[float | None]) -> list[dict]:
    """Return promtool's checks of a series ``m`` that has these values a minute apart."""
    checks = []
    for minute, value in enumerate(values):
        there = value is not None and not is_stale(np.array([value]))[0]
        answers = {f"count(timestamp(m) == {minute * 60}) or vector(0)": ("{}", int(there))}
        if there and math.isnan(value):  # which equals nothing
            answers["count(m != m)"] = ("{}", 1)
        elif there:
            answers["m"] = ("m", value if math.isfinite(value) else f"@{value}")
        checks += [
            {
                "expr": expr,
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": labels, "value": expected}],
            }
            for expr, (labels, expected) in answers.items()
        ]
    return checks
