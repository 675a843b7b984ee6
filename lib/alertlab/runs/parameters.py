"""The parameter contract of a notebook, checked before a kernel starts.

Exactly one cell is tagged ``parameters``; it holds nothing but annotated literals with an
optional comment as help: ``history: str = "7d"  # how far back``.  (Papermill itself accepts
unknown names and wrong types, and runs notebooks without the cell.)
"""

from __future__ import annotations

import ast
import io
import math
import re
import tokenize
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from alertlab.errors import BadInput, known_name, require_file

Value = str | int | float | bool | None

_TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
_EXAMPLES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
_SECRET_WORDS = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|passphrase|secrets?|tokens?|credentials?|bearer|cookie"
    r"|authorization|(?:api|private|access)_?key)(?:_|$)"
)
_SECRET_REFERENCE = re.compile(r"_(?:env|file)$")  # names of a variable or file, not the secret
_URL_WITH_USER = re.compile(r"\w[\w+.-]*://[^\s/?#]*@")


@dataclass(frozen=True)
class Parameter:
    """One declared parameter: ``kind`` is str, int, float or bool; ``optional`` allows None."""

    name: str
    kind: str
    optional: bool
    default: Value
    help: str

    def check(self, value: Any) -> Value:
        """Return ``value`` if it fits the declared type (an int fits float), else refuse it."""
        _refuse_secret(self.name, self.kind, value)
        if value is None and self.optional:
            return None
        if self.kind == "float" and type(value) is int:
            value = float(value)
        is_finite = not isinstance(value, float) or math.isfinite(value)
        if type(value) is not _TYPES[self.kind] or not is_finite:
            raise BadInput(f"parameter {self.name} must be {self._wanted()}, not {value!r}")
        return value

    def parse(self, text: str) -> Value:
        """Return the value that ``text`` means for the declared type, else refuse it.

        ``none`` (or nothing) is None where None is allowed; text is otherwise taken as it is.
        """
        _refuse_secret(self.name, self.kind, text)
        if self.optional and text.strip().lower() in ("", "none"):
            return None
        word = text.strip()
        if self.kind == "str":
            return text
        if self.kind == "bool" and word.lower() in ("true", "false"):
            return word.lower() == "true"
        if self.kind == "int" and re.fullmatch(r"[+-]?\d+", word):
            return int(word)
        if self.kind == "float" and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", word, re.I):
            return self.check(float(word))
        raise BadInput(f"parameter {self.name} must be {self._wanted()}, not {text!r}")

    def _wanted(self) -> str:
        return _EXAMPLES[self.kind] + (" or none" if self.optional else "")


def read_parameters(notebook: str | Path) -> dict[str, Parameter]:
    """Return what the notebook's parameters cell declares, by name in order.

    Raises BadInput if the file is no notebook, the cell is missing or not the only one, or holds
    anything but annotated literals.
    """
    path = require_file(notebook, "notebook")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a missing cell id does not matter here
            cells = nbformat.read(path, as_version=4).cells
    except Exception as error:  # nbformat raises many classes for a broken file
        raise BadInput(f"{path} is not a Jupyter notebook of format 4 ({error})") from None
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise BadInput(
            f"{path} needs exactly one cell tagged 'parameters' and has {len(tagged) or 'none'}"
        )
    return _read_cell(tagged[0].source, path)


def check_values(declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Value]:
    """Return the given values in their declared types; refuse unknown names and wrong types."""
    for name in given:
        known_name(name, declared, "notebook parameter")
    return {name: declared[name].check(value) for name, value in given.items()}


def parse_assignments(
    declared: Mapping[str, Parameter], assignments: Iterable[str]
) -> dict[str, Value]:
    """Return the values of ``name=value`` texts, each read by its parameter's declared type."""
    values: dict[str, Value] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals:
            raise BadInput(f"{assignment!r} is not a parameter; write it as name=value")
        known_name(name, declared, "notebook parameter")
        if name in values:
            raise BadInput(f"parameter {name} is given twice; give it once")
        values[name] = declared[name].parse(text)
    return values


def _read_cell(source: str, path: Path) -> dict[str, Parameter]:
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise BadInput(
            f"the parameters cell of {path} is not Python: {error.msg}, line {error.lineno}"
        ) from None
    comments = _comments(source)
    found: dict[str, Parameter] = {}
    for statement in statements:
        parameter = _read_statement(statement, comments)
        if parameter is None:
            raise BadInput(
                f"the parameters cell of {path} may hold only annotated literals such as "
                f'history: str = "7d"; line {statement.lineno} is something else'
            )
        if parameter.name in found:
            raise BadInput(f"the parameters cell of {path} declares {parameter.name} twice")
        parameter.check(parameter.default)
        found[parameter.name] = parameter
    return found


def _read_statement(statement: ast.stmt, comments: Mapping[int, str]) -> Parameter | None:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr()):
            kinds = ast.unparse(annotation).split(" | ")
        case _:
            return None
    optional = "None" in kinds
    named = [kind for kind in kinds if kind != "None"]
    if len(named) != 1 or named[0] not in _TYPES:
        return None
    try:
        default = ast.literal_eval(statement.value)
    except ValueError:
        return None
    return Parameter(name, named[0], optional, default, comments.get(statement.end_lineno, ""))


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _refuse_secret(name: str, kind: str, value: Any) -> None:
    """Refuse what would be written into every output: the message must not repeat the value."""
    if kind != "str" or not isinstance(value, str):
        return
    if _SECRET_WORDS.search(name.lower()) and not _SECRET_REFERENCE.search(name.lower()):
        raise BadInput(
            f"parameter {name} looks like a secret, which would be written into the report; "
            f"name an environment variable or a file instead ({name}_env, {name}_file)"
        )
    if _URL_WITH_USER.search(value):
        raise BadInput(
            f"parameter {name} holds an address with a user name or password; give the address "
            "alone and the credentials by environment variables or files"
        )
