"""The level of an expression: what a threshold somewhere inside it can be compared with instead.

``sum by (job) (x > 5) unless y`` has a result for the same labels and times as
``(max by (job) (x) unless y) > 5``, whatever stands for 5.  So one evaluation of the level, the
left side, tells what every threshold would have done.  Where no such level is known, that is
said, and nothing is approximated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from alertlab.go_text import quote
from alertlab.promql import parse
from alertlab.promql.parsing import kind
from alertlab.promql.string_literals import from_parser
from alertlab.rules.parts import ARITHMETIC, Part
from alertlab.units import NAME

MIRRORED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
_OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
# A group has a result if and only if any member has one.
_GROUPING = ("avg", "count", "group", "max", "min", "quantile", "stddev", "stdvar", "sum")
# Every element stays an element; sorting leaves its value, too.
_ELEMENTWISE = (
    "abs", "ceil", "clamp_max", "clamp_min", "exp", "floor", "ln", "log10", "log2", "round", "sgn",
    "sqrt",
)  # fmt: skip
_SORTING = ("sort", "sort_desc")
_CLOSED = ("AggregateExpr", "Call", "NumberLiteral", "ParenExpr", "VectorSelector")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class NoLevel(Exception):
    """No one level tells what the thresholds do; the text is the reason, a clause."""


@dataclass(frozen=True)
class Level:
    """``text op T`` has elements where the expression with the threshold T has any.

    That holds for every finite T with which the expression can be evaluated: arithmetic fails on
    series that differ by their names only, where its level need not.  Elements are told apart by
    their labels without the name.  ``is_own`` says that the level's values are the expression's.
    """

    text: str
    op: str
    is_own: bool = True

    @property
    def is_rising(self) -> bool:
        """Whether large values are those that pass."""
        return self.op in (">", ">=")

    @property
    def always(self) -> str:
        """The value that passes every threshold."""
        return "Inf" if self.is_rising else "-Inf"

    def highest(self, grouping: str) -> str:
        """Return the value of each group that passes if any of its members does."""
        name = "max" if self.is_rising else "min"
        return f"{name} {grouping} ({self.text})" if grouping else f"{name}({self.text})"


def level_of(compared: Part, op: str, above: tuple[tuple[Part, int], ...]) -> Level:
    """Return the level for the number in ``compared op number``, under the parts ``above``.

    above : the parts that hold the comparison, the nearest first, and its place in each

    Raises NoLevel with the reason where there is none.
    """
    level = Level(compared.text, op)
    for part, index in above:
        level = _under(level, part, index)
    return level


def matching_of(part: Part) -> str:
    """Return the ``on`` or ``ignoring`` of an operator as PromQL, empty where there is none."""
    matching = part.tree.modifier and part.tree.modifier.matching
    if not matching or not (_is_on(part) or matching.labels):
        return ""
    return f"{'on' if _is_on(part) else 'ignoring'} ({_names(matching.labels)})"


def returns_bool(part: Part) -> bool:
    """Tell whether a comparison has the modifier ``bool``."""
    return part.tree.modifier is not None and part.tree.modifier.return_bool


def enclosed(text: str) -> str:
    """Return an expression so that any operator may stand before and behind it."""
    return text if kind(parse(text)) in _CLOSED else f"({text})"


def _under(level: Level, part: Part, index: int) -> Level:
    """Return the level of a part from that of the one of its children with this index."""
    match part.kind:
        case "ParenExpr":
            return level
        case "UnaryExpr":
            return replace(level, is_own=False)
        case "Call":
            name = part.tree.func.name
            if index == 0 and name in (*_ELEMENTWISE, *_SORTING):
                return replace(level, is_own=level.is_own and name in _SORTING)
            raise NoLevel(f"the comparison stands under {name}()")
        case "AggregateExpr":
            return _aggregated(level, part, index)
        case "BinaryExpr":
            return _operated(level, part, index)
    raise NoLevel("the comparison stands in a subquery")


def _aggregated(level: Level, part: Part, index: int) -> Level:
    modifier = part.tree.modifier
    names = [from_parser(name) for name in modifier.labels] if modifier else []
    by = modifier is not None and str(modifier.type).endswith("By")
    if part.op not in _GROUPING or index < len(part.children) - 1 or (by and NAME in names):
        raise NoLevel(f"the comparison stands under {part.op}()")
    grouping = f"{'by' if by else 'without'} ({_names(names)})" if modifier else ""
    return Level(level.highest(grouping), level.op, is_own=False)


def _operated(level: Level, part: Part, index: int) -> Level:
    other = part.children[1 - index]
    if other.is_scalar:
        if part.op in ARITHMETIC or returns_bool(part):
            return replace(level, is_own=False)
        if not level.is_own:
            raise NoLevel("what passes the comparison is changed and compared again")
        sides = [enclosed(level.text), enclosed(other.text)]
        return replace(level, text=f" {part.op} ".join(sides if index == 0 else sides[::-1]))
    matching = matching_of(part)
    if _is_on(part) and NAME in map(from_parser, part.tree.modifier.matching.labels):
        raise NoLevel("the comparison is matched with other series by their name")
    match part.op, index:
        case (("and" | "unless"), 0):
            words = [enclosed(level.text), part.op, matching, enclosed(other.text)]
            return replace(level, text=" ".join(filter(None, words)))
        case "and", 1:
            return Level(_met(other, level.highest(_grouping(part)), matching), level.op, False)
        case "unless", 1:
            return _unless(other, level, part)
        case "or", _:
            return _or(other, level, part, index)
    raise NoLevel("what passes the comparison is combined with other series")


def _unless(other: Part, level: Level, part: Part) -> Level:
    """Elements of ``other`` with none to meet, or whose highest does not pass."""
    turned = Level("", _OPPOSITE[level.op])
    # NaN passes no threshold, so that it is as good as absent.
    highest = f"({level.highest(_grouping(part))} >= -Inf)"
    met = _met(other, highest, matching_of(part))
    return replace(turned, text=f"{met} or {_ones(other)} * {turned.always}", is_own=False)


def _or(other: Part, level: Level, part: Part, index: int) -> Level:
    """Elements of ``other`` are always there, the level's own where none of them is met."""
    matching, own = matching_of(part), enclosed(level.text)
    if matching and index == 0:
        raise NoLevel("other series stand in where nothing passes the comparison")
    if matching:
        own = f"({own} unless {matching} {enclosed(other.text)})"
    return replace(level, text=f"{_ones(other)} * {level.always} or {own}", is_own=False)


def _met(other: Part, highest: str, matching: str) -> str:
    """Return, for each element of ``other``, the highest level that it meets."""
    many = f"{matching} group_left () " if matching else ""
    return f"{_ones(other)} * {many}{highest}"


def _ones(other: Part) -> str:
    """Return the value 1 for each element of a part; unlike ``x ^ 0`` it never fails."""
    return f"group without () ({other.text})"


def _grouping(part: Part) -> str:
    """Return how to aggregate one side so that each key of the matching has one element."""
    matching = part.tree.modifier and part.tree.modifier.matching
    if not matching:
        return "without ()"
    return f"{'by' if _is_on(part) else 'without'} ({_names(matching.labels)})"


def _is_on(part: Part) -> bool:
    matching = part.tree.modifier and part.tree.modifier.matching
    return bool(matching) and str(matching.type).endswith("Include")


def _names(labels: list[str]) -> str:
    names = map(from_parser, labels)
    return ", ".join(one if _LABEL_NAME.fullmatch(one) else quote(one) for one in names)
