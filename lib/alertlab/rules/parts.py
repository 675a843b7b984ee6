"""An expression's parts, and where in its text the numbers of each stand.

The parser's trees know no places.  But numbers stand in the text in the order in which the tree
has them, so that each can be found by counting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from alertlab.errors import BadInput
from alertlab.promql import evaluate, parse
from alertlab.promql.parsing import children, kind, unwrapped
from alertlab.promql.string_literals import from_parser
from alertlab.rules.windows import QUOTED

ARITHMETIC = ("+", "-", "*", "/", "%", "^", "atan2")
_SCALAR_FUNCTIONS = ("pi", "scalar", "time")
_LITERAL = r"0x[0-9a-f]+|(?:\d+(?:ms|[smhdwy]))+|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf|nan"
# What is no number of the tree comes first: strings, comments, windows, offsets and fixed times.
_NUMBER = re.compile(
    rf"{QUOTED}|#[^\n]*|\[[^\]]*\]|\boffset\s*[-+]?\s*\d\w*|@\s*[-+]?\s*[\d.]+(?:e[-+]?\d+)?"
    rf"|(?P<number>(?:{_LITERAL})(?![\w:]))|[a-z_:][\w:]*",
    re.IGNORECASE,
)
_BYTE = re.compile("[\udc80-\udcff]")
_BREAK = re.compile(rf"{QUOTED}|\s+")


@dataclass(frozen=True)
class Part:
    """A part of an expression: its tree, and which of the expression's numbers stand in it."""

    tree: Any
    children: tuple[Part, ...]
    numbers: range

    @property
    def kind(self) -> str:
        """The name of the tree's class."""
        return kind(self.tree)

    @property
    def op(self) -> str:
        """The operator of a binary expression or an aggregation."""
        return str(self.tree.op)

    @property
    def text(self) -> str:
        """The part as PromQL in one line, in the parser's own style."""
        pretty = from_parser(self.tree.prettify().strip())
        line = _BREAK.sub(lambda found: " " if found[0].isspace() else found[0], pretty)
        # The parser knows no bytes; see promql.string_literals.
        return _BYTE.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", line)

    @property
    def bare(self) -> Part:
        """The part without the parentheses around it."""
        return self.children[0].bare if self.kind == "ParenExpr" else self

    @property
    def is_scalar(self) -> bool:
        """Whether the part has one value, without labels, at each time."""
        if self.kind == "Call":
            return self.tree.func.name in _SCALAR_FUNCTIONS
        return self.kind == "NumberLiteral" or (
            self.kind in ("ParenExpr", "UnaryExpr", "BinaryExpr")
            and all(child.is_scalar for child in self.children)
        )

    @property
    def is_constant(self) -> bool:
        """Whether the part is a number, or arithmetic with numbers alone."""
        bare = self.bare
        if bare.kind == "BinaryExpr" and bare.op not in ARITHMETIC:
            return False
        return bare.kind == "NumberLiteral" or (
            bare.kind in ("UnaryExpr", "BinaryExpr")
            and all(child.is_constant for child in bare.children)
        )

    def walk(self, above: tuple[tuple[Part, int], ...] = ()) -> Iterator[tuple[Part, tuple]]:
        """Give each part with those above it, the nearest first, and the place it has in each."""
        yield self, above
        for index, child in enumerate(self.children):
            yield from child.walk(((self, index), *above))


def parts_of(expr: str) -> Part:
    """Return the parts of an expression; BadInput if it is none, or cannot be evaluated."""
    return _part(parse(expr), 0)


def constant_value(part: Part) -> float:
    """Return the number that a constant part is."""
    return float(evaluate(part.text, lambda *_: [], np.array([0])).values[0, 0])


def span_of(expr: str, whole: Part, constant: Part) -> tuple[int, int]:
    """Return where a constant part of an expression starts and ends in its text.

    Parentheses around it stay outside.  BadInput if it cannot be located.
    """
    found = [one.span("number") for one in _NUMBER.finditer(expr) if one["number"]]
    wanted = constant.bare
    if len(found) == len(whole.numbers):
        first, last = found[wanted.numbers[0]], found[wanted.numbers[-1]]
        for start in [first[0], *_signs_before(expr, first[0])]:
            for end in [last[1], *_closing_after(expr, last[1])]:
                if _means(expr[start:end], wanted):
                    return start, end
    raise BadInput(
        f"the threshold {wanted.text} cannot be located in the text of {expr!r}; "
        "write it as a plain number, with spaces around"
    )


def _part(tree: Any, first: int) -> Part:
    if kind(tree) == "NumberLiteral":
        return Part(tree, (), range(first, first + 1))
    parts: list[Part] = []
    for child in children(tree):
        parts.append(_part(child, parts[-1].numbers.stop if parts else first))
    return Part(tree, tuple(parts), range(first, parts[-1].numbers.stop if parts else first))


def _means(text: str, part: Part) -> bool:
    try:
        return unwrapped(parse(text)).prettify() == part.tree.prettify()
    except BadInput:
        return False


def _signs_before(expr: str, start: int) -> Iterator[int]:
    """Give where signs and opening parentheses stand right before a place, the nearest first."""
    for at in range(start - 1, -1, -1):
        if expr[at] in "(-+":
            yield at
        elif not expr[at].isspace():
            return


def _closing_after(expr: str, end: int) -> Iterator[int]:
    """Give where closing parentheses right behind a place end, the nearest first."""
    for at in range(end, len(expr)):
        if expr[at] == ")":
            yield at + 1
        elif not expr[at].isspace():
            return
