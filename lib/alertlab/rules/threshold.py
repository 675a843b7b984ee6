"""The numbers that an alert's expression compares with: where they stand, what they decide."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from alertlab.errors import BadInput
from alertlab.promql.binary import COMPARISONS
from alertlab.rules.level import (
    MIRRORED,
    Level,
    NoLevel,
    enclosed,
    level_of,
    matching_of,
    returns_bool,
)
from alertlab.rules.parts import Part, constant_value, parts_of, span_of

_Above = tuple[tuple[Part, int], ...]


@dataclass(frozen=True)
class Threshold:
    """A number that an expression compares with, and what can be compared with it instead.

    lhs : the level, PromQL: for every finite T, the expression with T in the number's place has
        elements where ``lhs op T`` has any, told apart by their labels without the name.  For
        ``x > 5`` it is x; else its values need not be those of the alert, and ±Inf stands for
        elements that alert whatever T is
    op : ``>``, ``>=``, ``<`` or ``<=``
    value, start, end : the number and its characters in the expression's text; of constant
        arithmetic such as ``5 * 60`` the result and the whole
    compared : what the expression itself compares with the number
    monotone : False where there is no such level, for the reason ``why`` (a clause).  Then ``op``
        is the comparison's own, and ``lhs`` tells on what scale the number lies, no more
    """

    lhs: str
    op: str
    value: float
    start: int
    end: int
    compared: str
    monotone: bool = True
    why: str = ""

    @property
    def rising(self) -> bool:
        """True if large values alert (``>``, ``>=``)."""
        return self.op in (">", ">=")

    @property
    def strict(self) -> bool:
        """True if a value equal to the threshold does not alert (``>``, ``<``)."""
        return self.op in (">", "<")

    @property
    def scale(self) -> str:
        """PromQL of the values on whose scale the number lies."""
        return self.compared if self.monotone else self.lhs

    @property
    def is_plain(self) -> bool:
        """True if nothing but the comparison decides what alerts."""
        return self.monotone and self.lhs == self.compared


@dataclass(frozen=True)
class _Comparison:
    """``compared op number``, or, with ``factor_of``, ``compared op <arithmetic with number>``."""

    part: Part
    above: _Above
    compared: Part
    op: str
    number: Part
    factor_of: Part | None = None

    @property
    def is_outermost(self) -> bool:
        return all(part.kind == "ParenExpr" for part, _ in self.above)


def find_threshold(expr: str, which: int = 0) -> Threshold:
    """Find a number that an alert's expression compares with.

    which : 0 is the number of the outermost operation, if that is a comparison, else the
        leftmost one; then come the others from left to right.  Comparisons by ``==`` and ``!=``,
        which ask for a state, come last

    Raises BadInput for an expression that compares nothing with a number, or fewer numbers.
    """
    whole, found = _comparisons(expr)
    order = sorted(found, key=lambda one: (not one.is_outermost, one.op in ("==", "!=")))
    if not 0 <= which < len(order):
        raise BadInput(
            f"{expr!r} has {len(order)} thresholds, numbered from 0; there is no {which}"
        )
    return _threshold(expr, whole, order[which])


def find_thresholds(expr: str) -> list[Threshold]:
    """Find every number that an alert's expression compares with, from left to right.

    BadInput if there is none.
    """
    whole, found = _comparisons(expr)
    return [_threshold(expr, whole, one) for one in found]


def _comparisons(expr: str) -> tuple[Part, list[_Comparison]]:
    """Return an expression's parts and its comparisons with numbers, at least one."""
    whole = parts_of(expr)
    comparisons = [(part, above) for part, above in whole.walk() if _is_comparison(part)]
    found = [
        one
        for part, above in comparisons
        if not returns_bool(part) or _is_compared(above)
        for one in _numbers_of(part, above)
        if math.isfinite(constant_value(one.number))
    ]
    if not found:
        if any(returns_bool(part) for part, _ in comparisons):
            raise BadInput(
                f"{expr!r} has no numeric threshold: "
                "it compares with bool, which alerts on every value; remove bool"
            )
        raise BadInput(f"{expr!r} has no numeric threshold: it does not compare with a number")
    return whole, sorted(found, key=lambda one: one.number.numbers.start)


def _is_comparison(part: Part) -> bool:
    return part.kind == "BinaryExpr" and part.op in COMPARISONS


def _is_compared(above: _Above) -> bool:
    """Tell whether a comparison that can drop elements stands above."""
    return any(_is_comparison(part) and not returns_bool(part) for part, _ in above)


def _numbers_of(part: Part, above: _Above) -> Iterator[_Comparison]:
    """Give the numbers on either side of a comparison, those in its arithmetic if it has none."""
    left, right = part.children
    sides = [(left, right, part.op), (right, left, MIRRORED[part.op])]
    if left.is_constant and right.is_constant:
        return
    for compared, other, op in sides:
        if other.is_constant:
            yield _Comparison(part, above, compared, op, other)
    if left.is_constant or right.is_constant:
        return
    for compared, other, op in sides:
        arithmetic = other.bare
        if arithmetic.kind == "BinaryExpr" and arithmetic.op in ("+", "-", "*", "/"):
            numbers = [child for child in arithmetic.children if child.is_constant]
            if len(numbers) == 1:
                yield _Comparison(part, above, compared, op, numbers[0], arithmetic)


def _threshold(expr: str, whole: Part, found: _Comparison) -> Threshold:
    start, end = span_of(expr, whole, found.number)
    value, compared = constant_value(found.number), found.compared.text
    try:
        level = _level(found)
    except NoLevel as no:
        scale = _scale(found)
        return Threshold(scale, found.op, value, start, end, compared, monotone=False, why=f"{no}")
    return Threshold(level.text, level.op, value, start, end, compared)


def _level(found: _Comparison) -> Level:
    if returns_bool(found.part):
        raise NoLevel("it compares with bool, after which every value is there as 0 or 1")
    if found.op in ("==", "!="):
        raise NoLevel(f"it compares by {found.op}, for which no number is higher than another")
    if found.factor_of is not None:
        raise NoLevel("the number stands in arithmetic with what is compared")
    return level_of(found.compared, found.op, found.above)


def _scale(found: _Comparison) -> str:
    """Return what lies on the scale of the number: what it is compared with, solved for it."""
    compared, arithmetic = found.compared, found.factor_of
    if arithmetic is None:
        return f"vector({compared.text})" if compared.is_scalar else compared.text
    left, right = arithmetic.children
    number_first = left.is_constant
    other = right if number_first else left
    op = {"*": "/", "/": "*" if number_first else "/", "+": "-", "-": "+" if number_first else "-"}
    matching = "" if compared.is_scalar or other.is_scalar else _matched(found.part)
    words = [enclosed(compared.text), op[arithmetic.op], matching, enclosed(other.text)]
    solved = " ".join(filter(None, words))
    if not number_first and arithmetic.op in ("/", "-"):  # b / T, b - T
        solved = f"1 / ({solved})" if arithmetic.op == "/" else f"-({solved})"
    return f"vector({solved})" if compared.is_scalar and other.is_scalar else solved


def _matched(part: Part) -> str:
    """Return an operator's whole vector matching as PromQL."""
    modifier = part.tree.modifier
    if modifier is None:
        return ""
    many = {"ManyToOne": "group_left", "OneToMany": "group_right"}
    side = many.get(str(modifier.card).rpartition(".")[2], "")
    include = f" ({', '.join(modifier.group_labels or ())})" if side else ""
    return f"{matching_of(part)} {side}{include}".strip()
