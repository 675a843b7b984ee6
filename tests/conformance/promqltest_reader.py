"""Read Prometheus' ``.test`` scripts (promql/promqltest/test.go): what they load and expect.

Float samples are kept as they are.  Of native histograms and start timestamps only their place is
kept: which series has one when, so that a case that meets them can be told from one that does not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alertlab.frame import Series
from alertlab.promql import Matcher, matching
from alertlab.promql.notation import read_series, read_values
from alertlab.promql.string_literals import unquoted
from alertlab.units import LabelSet, label_set, parse_duration

_EVAL = re.compile(
    r"eval(?:_(fail|warn|info|ordered))?\s+(?:instant\s+at\s+(\S+)|"
    r"range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+))\s+(.*)",
    re.I,
)
_LOAD = re.compile(r"load(_with_nhcb)?\s+(\S+)", re.I)
_COMMAND = re.compile(r"clear$|load(_with_nhcb)?\s|eval(_\w+)?\s", re.I)
_STARTS = re.compile(r"([^\s{]+(?:\{.*\})?)@st\s.*")
_NATIVE = re.compile(r"\{\{.*?\}\}(?:[-+]\{\{.*?\}\})?(?:x(\d+))?")
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(msg|regex):(.*))?")
_RANGE_VECTOR = re.compile(r"expect range vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)")
_SCALAR = re.compile(r"[-+]?(?:0x[0-9a-f]+|\d*\.?\d+(?:e[-+]?\d+)?|inf|nan)", re.I)
_CLASSIC = ("_bucket", "_count", "_sum")


@dataclass
class Case:
    """One ``eval`` of a script with what it expects.

    ``times`` are the steps of a range query, the one time of an instant query, or, where raw
    samples are expected, the times that their rows tell of.
    """

    line: int
    query: str
    times: np.ndarray
    is_range: bool
    fails: bool = False
    message: str = ""
    pattern: str = ""
    ordered: bool = False
    raw: bool = False
    scalar: float | None = None
    text: str | None = None
    has_native: bool = False
    rows: dict[LabelSet, dict[int, float]] = field(default_factory=dict)

    @property
    def at_ms(self) -> int:
        """When an instant query is evaluated."""
        return int(self.times[-1])


class Store:
    """What a script has loaded: samples by series and time [ms], and what is no float."""

    def __init__(self) -> None:
        self.floats: dict[LabelSet, dict[int, float]] = defaultdict(dict)
        self.natives: dict[LabelSet, set[int]] = defaultdict(set)
        self.started: set[LabelSet] = set()
        self._arrays: dict[LabelSet, Series] = {}

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Series]:
        """Return the float samples of the matching series."""
        names = list(self.floats)
        found = []
        for labels in (names[i] for i in matching(matchers, names)):
            one = self._series(labels)
            inside = slice(*np.searchsorted(one.times, [start_ms, end_ms + 1]))
            found.append(Series(labels, one.times[inside], one.values[inside]))
        return found

    def load(self, step_ms: int, lines: Sequence[str], *, with_native: bool) -> None:
        """Add the series of one ``load``."""
        self._arrays.clear()
        for line in lines:
            if starts := _STARTS.fullmatch(line):
                self.started.add(read_series(starts[1])[0])
                continue
            labels, text = read_series(line)
            floats, natives = _points(text)
            self.floats[labels].update({i * step_ms: value for i, value in floats.items()})
            self.natives[labels].update(i * step_ms for i in natives)
            if with_native and floats and dict(labels)["__name__"].endswith(_CLASSIC):
                self.natives[_native_base(labels)].update(i * step_ms for i in floats)

    def _series(self, labels: LabelSet) -> Series:
        if labels not in self._arrays:
            samples = self.floats[labels]
            times = np.array(sorted(samples), np.int64)
            # An array of floats keeps the bits of stale markers.
            self._arrays[labels] = Series(
                labels, times, np.array([samples[t] for t in sorted(samples)])
            )
        return self._arrays[labels]


def read_script(path: Path) -> Iterator[tuple[Case, Store]]:
    """Give every case of a script with the store as it is when the case is reached."""
    store = Store()
    for number, block in _blocks(path.read_text(encoding="utf-8").splitlines()):
        head, body = block[0], block[1:]
        if head.lower() == "clear":
            store = Store()
        elif load := _LOAD.fullmatch(head):
            store.load(parse_duration(load[2]), body, with_native=bool(load[1]))
        elif head.lower().startswith("eval"):
            yield _case(number, head, body), store
        else:
            raise ValueError(f"{path.name}:{number}: {head!r} is no command")


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Give commands with their lines: they end at a blank line, a comment or another command."""
    start, block = 0, []
    for number, line in enumerate([*lines, ""], start=1):
        text = line.strip()
        ends = not text or text.startswith("#")
        if block and (ends or _COMMAND.match(text)):
            yield start, block
            block = []
        if not ends:
            start = start if block else number
            block.append(text)


def _points(text: str) -> tuple[dict[int, float], set[int]]:
    """Read a row's floats and the places of its native histograms, by position."""
    values, natives, at = [], set(), 0
    for native in _NATIVE.finditer(text):
        values += read_values(text[at : native.start()])
        count = int(native[1] or 0) + 1
        natives.update(range(len(values), len(values) + count))
        values += [None] * count
        at = native.end()
    values += read_values(text[at:])
    return {i: value for i, value in enumerate(values) if value is not None}, natives


def _native_base(labels: LabelSet) -> LabelSet:
    """Return the native histogram that ``load_with_nhcb`` makes of a classic series."""
    names = dict(labels)
    base = next(
        names["__name__"].removesuffix(s) for s in _CLASSIC if names["__name__"].endswith(s)
    )
    return label_set({**names, "__name__": base, "le": ""})


def _case(number: int, head: str, body: list[str]) -> Case:
    match = _EVAL.fullmatch(head)
    if match is None:
        raise ValueError(f"line {number}: {head!r} is no eval")
    suffix, at, start, end, step, query = match.groups()
    times = _grid(start, end, step) if at is None else np.array([parse_duration(at)], np.int64)
    case = Case(number, query, times, is_range=at is None)
    case.fails, case.ordered = suffix == "fail", suffix == "ordered"
    for line in body:
        _body_line(case, line)
    return case


def _grid(start: str, end: str, step: str) -> np.ndarray:
    first, last, step_ms = (parse_duration(one) for one in (start, end, step))
    return np.arange(first, last + 1, step_ms, dtype=np.int64)


def _body_line(case: Case, line: str) -> None:
    if line.startswith("expected_fail_message"):
        case.message = line.removeprefix("expected_fail_message").strip()
    elif line.startswith("expected_fail_regexp"):
        case.pattern = line.removeprefix("expected_fail_regexp").strip()
    elif line.startswith("expect string "):
        case.text = unquoted(line.removeprefix("expect string "))
    elif raw := _RANGE_VECTOR.fullmatch(line):
        case.raw, case.times = True, _grid(*raw.groups())
    elif line.split()[0] == "expect":
        _expectation(case, line)
    elif _SCALAR.fullmatch(line):
        case.scalar = float(int(line, 16)) if "0x" in line.lower() else float(line)
    else:
        _row(case, line)


def _expectation(case: Case, line: str) -> None:
    expected = _EXPECT.fullmatch(line)
    if expected is None:
        raise ValueError(f"line {case.line}: {line!r} is no expectation")
    what, how, text = expected.groups()
    if what == "ordered":
        case.ordered = True
    elif what == "fail":
        case.fails = True
        case.message = text.strip() if how == "msg" else ""
        case.pattern = text.strip() if how == "regex" else ""


def _row(case: Case, line: str) -> None:
    labels, text = read_series(line)
    floats, natives = _points(text)
    case.has_native |= bool(natives)
    if len(case.times) <= max([*floats, *natives], default=0):
        raise ValueError(f"line {case.line}: {line!r} has more values than the query has steps")
    case.rows[labels] = {int(case.times[i]): value for i, value in floats.items()}
