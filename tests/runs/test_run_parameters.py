"""The parameter contract: what a notebook may declare and what a user may give."""

from __future__ import annotations

import nbformat
import pytest

from alertlab.errors import BadInput
from alertlab.runs.parameters import (
    Parameter,
    check_values,
    parse_assignments,
    read_parameters,
)

DECLARED = {
    "history": Parameter("history", "str", False, "7d", "how far back"),
    "count": Parameter("count", "int", False, 2, ""),
    "ratio": Parameter("ratio", "float", False, 0.5, ""),
    "strict": Parameter("strict", "bool", False, False, ""),
    "source": Parameter("source", "str", True, None, "URL or folder"),
    "limit": Parameter("limit", "int", True, 3, ""),
}
CELL = """
# what to look at
history: str = "7d"  # how far back
count: int = 2
ratio: float = 0.5
strict: bool = False
source: str | None = None  # URL or folder
limit: int | None = 3
"""


def test_read(notebook):
    """Names, types, defaults and help come from the tagged cell."""
    assert read_parameters(notebook("print(1)", parameters=CELL)) == DECLARED


PARSED = [
    ("text_as_it_is", "history= 14d ", {"history": " 14d "}),
    ("text_may_hold_equals", "history=a=b", {"history": "a=b"}),
    ("text_none_is_text", "history=none", {"history": "none"}),
    ("number_like_text", "history=007", {"history": "007"}),
    ("int", "count=-12", {"count": -12}),
    ("float", "ratio=1e-3", {"ratio": 0.001}),
    ("int_for_float", "ratio=2", {"ratio": 2.0}),
    ("bool", "strict=True", {"strict": True}),
    ("bool_lower", "strict=false", {"strict": False}),
    ("none", "source=None", {"source": None}),
    ("nothing", "source=", {"source": None}),
    ("optional_text", "source=http://a:9090", {"source": "http://a:9090"}),
    ("optional_int", "limit=4", {"limit": 4}),
    ("optional_int_none", "limit=none", {"limit": None}),
]


@pytest.mark.parametrize(("text", "expected"), [c[1:] for c in PARSED], ids=[c[0] for c in PARSED])
def test_parse(text, expected):
    """Text is read by the declared type, never guessed from its looks."""
    values = parse_assignments(DECLARED, [text])
    assert values == expected
    assert [type(value) for value in values.values()] == [type(v) for v in expected.values()]


REFUSED = [
    ("no_equals", ["count"], "'count' is not a parameter; write it as name=value"),
    ("unknown", ["cuont=3"], "unknown notebook parameter 'cuont'; there are: count, history"),
    ("twice", ["count=3", "count=4"], "parameter count is given twice"),
    ("word_for_int", ["count=abc"], "parameter count must be a whole number, not 'abc'"),
    ("fraction_for_int", ["count=1.5"], "must be a whole number"),
    ("underscore_for_int", ["count=1_000"], "must be a whole number"),
    ("none_for_int", ["count=none"], "must be a whole number"),
    ("nan_for_float", ["ratio=nan"], "parameter ratio must be a number, not 'nan'"),
    ("infinity_for_float", ["ratio=1e999"], "parameter ratio must be a number"),
    ("one_for_bool", ["strict=1"], "must be true or false"),
    ("word_for_optional", ["limit=x"], "must be a whole number or none"),
    ("user_in_url", ["source=http://me:hunter2@prom:9090"], "holds an address with a user name"),
]


@pytest.mark.parametrize(
    ("texts", "message"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_parse_refuses(texts, message):
    """Each wrong text is told in a sentence that does not repeat a password."""
    with pytest.raises(BadInput) as refusal:
        parse_assignments(DECLARED, texts)
    assert message in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


WRONG_VALUES = [
    ("text_for_int", {"count": "3"}, "parameter count must be a whole number, not '3'"),
    ("bool_for_int", {"count": True}, "must be a whole number, not True"),
    ("int_for_bool", {"strict": 1}, "must be true or false, not 1"),
    ("none_for_text", {"history": None}, "parameter history must be text, not None"),
    ("infinite", {"ratio": float("inf")}, "parameter ratio must be a number, not inf"),
    ("unknown", {"x": 1}, "unknown notebook parameter 'x'"),
]


@pytest.mark.parametrize(
    ("values", "message"), [c[1:] for c in WRONG_VALUES], ids=[c[0] for c in WRONG_VALUES]
)
def test_check_refuses(values, message):
    """Typed values must have the declared type."""
    with pytest.raises(BadInput, match=message):
        check_values(DECLARED, values)


def test_check_accepts():
    """Values of the right type pass; a whole number may stand for a float."""
    values = check_values(DECLARED, {"ratio": 2, "source": None, "count": 5})
    assert values == {"ratio": 2.0, "source": None, "count": 5}
    assert type(values["ratio"]) is float


BROKEN_CELLS = [
    ("computed", "a: int = 1 + len('x')", "line 1 is something else"),
    ("no_annotation", "a: int = 1\nb = 2", "line 2 is something else"),
    ("no_value", "a: int", "line 1 is something else"),
    ("other_type", "a: list = []", "line 1 is something else"),
    ("two_types", "a: int | str = 1", "line 1 is something else"),
    ("call", "import os", "line 1 is something else"),
    ("default_of_wrong_type", "a: int = 'x'", "parameter a must be a whole number, not 'x'"),
    ("twice", "a: int = 1\na: int = 2", "declares a twice"),
    ("not_python", "a: int = ", "is not Python"),
    ("secret", "api_token: str = ''", "parameter api_token looks like a secret"),
    ("secret_none", "db_password: str | None = 'hunter2'", "looks like a secret"),
    ("url_default", "source: str = 'https://me:hunter2@prom'", "an address with a user name"),
]


@pytest.mark.parametrize(
    ("cell", "message"), [c[1:] for c in BROKEN_CELLS], ids=[c[0] for c in BROKEN_CELLS]
)
def test_broken_contract(notebook, cell, message):
    """A cell that holds more than annotated literals, or a secret, is refused."""
    with pytest.raises(BadInput) as refusal:
        read_parameters(notebook(parameters=cell))
    assert message in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("name", ["token_env", "password_file", "tokens_seen: int"])
def test_names_of_secrets_are_fine(notebook, name):
    """The name of a variable or file, or a number, may be a parameter."""
    declaration = f"{name} = 1" if ":" in name else f"{name}: str = 'X'"
    assert list(read_parameters(notebook(parameters=declaration))) == [name.split(":")[0]]


def test_one_cell_exactly(notebook, tmp_path):
    """No tagged cell, or two of them, is told with the number there is."""
    with pytest.raises(BadInput, match="exactly one cell tagged 'parameters' and has none"):
        read_parameters(notebook("print(1)", parameters=None))

    path = notebook("print(1)")
    two = nbformat.read(path, as_version=4)
    two.cells[2].metadata["tags"] = ["parameters"]
    nbformat.write(two, path)
    with pytest.raises(BadInput, match="has 2"):
        read_parameters(path)


def test_no_notebook(tmp_path):
    """A missing file and a file that is no notebook are told apart."""
    with pytest.raises(BadInput, match=r"notebook .*none\.ipynb does not exist"):
        read_parameters(tmp_path / "none.ipynb")
    (tmp_path / "text.ipynb").write_text("hello")
    with pytest.raises(BadInput, match="is not a Jupyter notebook"):
        read_parameters(tmp_path / "text.ipynb")
