"""Read Prometheus' ``.test`` scripts and judge an evaluator by them (float samples only)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alertlab.frame import STALE_NAN, Series
from alertlab.promql import Matcher, matches_all
from alertlab.units import LabelSet, label_set, parse_duration

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PAIR = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([a-zA-Z_]\w*))\s*(?:=\s*("(?:[^"\\]|\\.)*"))?\s*,?')
_EVAL = re.compile(
    r"eval(?:_(fail|warn|info|ordered))?\s+(?:instant\s+at\s+(\S+)|"
    r"range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+))\s+(.*)",
    re.I,
)
_LOAD = re.compile(r"load(_with_nhcb)?\s+(\S+)", re.I)
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf|nan)"
_RUN = re.compile(rf"(?:(_)|({_NUMBER}|stale)(?:([-+]{_NUMBER[5:]}))?)(?:x(\d+))?", re.I)
_SCALAR = re.compile(r"[-+]?(?:0x[0-9a-f]+|\d*\.?\d+(?:e[-+]?\d+)?|inf|nan)", re.I)


class NotFloat(Exception):
    """The case needs native histograms or start timestamps, which are no part of this project."""


@dataclass
class Case:
    """One ``eval`` of a script with what it expects."""

    line: int
    query: str
    start_ms: int
    end_ms: int
    step_ms: int
    is_range: bool
    fails: bool = False
    message: str = ""
    ordered: bool = False
    rows: list[tuple[LabelSet, list[float | None]]] = field(default_factory=list)
    scalar: float | None = None
    not_float: bool = False
    other: str = ""
    """A kind of result that no frame holds: a string or raw windows."""

    @property
    def times(self) -> np.ndarray:
        return np.arange(self.start_ms, self.end_ms + 1, max(self.step_ms, 1), dtype=np.int64)


class Store:
    """The samples that a script has loaded."""

    def __init__(self) -> None:
        self.samples: dict[LabelSet, dict[int, float]] = {}
        self.not_float: set[LabelSet] = set()

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Series]:
        if any(matches_all(matchers, labels) for labels in self.not_float):
            raise NotFloat
        found = []
        for labels, samples in self.samples.items():
            if matches_all(matchers, labels):
                times = np.array(sorted(t for t in samples if start_ms <= t <= end_ms), np.int64)
                # An array of floats keeps the bits of stale markers.
                found.append(Series(labels, times, np.array([samples[int(t)] for t in times])))
        return found

    def load(self, step_ms: int, line: str, *, with_native: bool) -> None:
        labels, rest = read_series(line)
        if labels is None:
            return
        if "{{" in rest:
            self.not_float.add(labels)
            return
        samples = self.samples.setdefault(labels, {})
        for number, value in enumerate(read_values(rest)):
            if value is not None:
                samples[number * step_ms] = value
        name = dict(labels).get("__name__", "")
        if with_native and name.endswith(("_bucket", "_count", "_sum")):
            base = {k: v for k, v in labels if k != "le"}
            self.not_float.add(label_set({**base, "__name__": name.rpartition("_")[0]}))


def read_script(path: Path) -> Iterator[tuple[Case, Store]]:
    """Give every case of a script with the store as it is when the case is reached."""
    store = Store()
    for number, block in _blocks(path.read_text(encoding="utf-8").splitlines()):
        head, body = block[0], block[1:]
        if head.lower() == "clear":
            store = Store()
        elif load := _LOAD.fullmatch(head):
            _load(store, load, body)
        elif head.lower().startswith("eval"):
            yield _case(number, head, body), store
        else:
            raise ValueError(f"{path.name}:{number}: {head!r} is no command")


def _load(store: Store, load: re.Match[str], body: list[str]) -> None:
    started = [line for line in body if re.match(r"\S+@st\s|\S*\{.*\}@st\s", line)]
    for line in started:
        store.not_float.add(read_series(line.replace("@st", "", 1))[0])
    for line in body:
        if line not in started:
            store.load(parse_duration(load[2]), line, with_native=bool(load[1]))


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    start, block = 0, []
    for number, line in enumerate([*lines, ""], start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            if block:
                yield start, block
            block = []
            continue
        if block and re.match(r"(clear$|load(_with_nhcb)?\s|eval(_\w+)?\s)", text, re.I):
            yield start, block
            block = []
        if not block:
            start = number
        block.append(text)


def _case(number: int, head: str, body: list[str]) -> Case:
    match = _EVAL.fullmatch(head)
    if match is None:
        raise ValueError(f"line {number}: {head!r} is no eval")
    suffix, at, start, end, step, query = match.groups()
    first, last = parse_duration(at or start), parse_duration(at or end)
    step_ms = 0 if at else parse_duration(step)
    case = Case(number, query, first, last, step_ms, is_range=not at)
    case.fails, case.ordered = suffix == "fail", suffix == "ordered"
    for line in body:
        _body_line(case, line)
    return case


def _body_line(case: Case, line: str) -> None:
    word = line.split()[0]
    if word == "expect":
        _expectation(case, line)
    elif word in ("expected_fail_message", "expected_fail_regexp"):
        case.message = line.partition(" ")[2] if word.endswith("message") else ""
    elif _SCALAR.fullmatch(line):
        case.scalar = float(int(line, 16)) if "0x" in line.lower() else float(line)
    else:
        labels, rest = read_series(line)
        if "{{" in rest:
            case.not_float = True
        else:
            case.rows.append((labels, read_values(rest)))


def _expectation(case: Case, line: str) -> None:
    what = line.split()[1]
    if what == "fail":
        case.fails = True
        case.message = line.partition("msg:")[2].strip()
    elif what == "ordered":
        case.ordered = True
    elif what in ("string", "range"):
        case.other = line.partition(" ")[2]


def read_series(line: str) -> tuple[LabelSet, str]:
    """Split a line into its label set and its values."""
    labels: dict[str, str] = {}
    name = _NAME.match(line)
    at = 0
    if name:
        labels["__name__"] = name[0]
        at = name.end()
    if line.startswith("{", at) and not line.startswith("{{", at):
        at += 1
        while not re.match(r"\s*\}", line[at:]):
            pair = _PAIR.match(line, at)
            quoted, bare, value = pair[1], pair[2], pair[3]
            key = bare if bare is not None else _unescaped(f'"{quoted}"')
            if value is None:
                labels["__name__"] = key
            else:
                labels[key] = _unescaped(value)
            at = pair.end()
        at = line.index("}", at) + 1
    return label_set(labels), line[at:].strip()


def _unescaped(quoted: str) -> str:
    text = quoted[1:-1]
    simple = {"n": "\n", "t": "\t"}
    text = re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), text)
    return re.sub(r"\\(.)", lambda m: simple.get(m[1], m[1]), text)


def read_values(text: str) -> list[float | None]:
    """Read series notation: ``1 2 _ stale 1+2x3 4x2 _x3``; None is a missing value."""
    values: list[float | None] = []
    for word in text.split():
        run = _RUN.fullmatch(word)
        if run is None:
            raise ValueError(f"{word!r} is no value")
        missing, start, increment, times = run.groups()
        if missing:
            values += [None] * int(times or 1)
            continue
        value = STALE_NAN if start == "stale" else float(start)
        count = 1 if times is None else int(times) + 1
        for _ in range(count):
            values.append(value)
            if increment:
                value += float(increment)
    return values


def same(expected: float, got: float) -> bool:
    """Compare as the upstream runner: relative to the sum of both, exact beside zero."""
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got)
    if expected == got:
        return True
    if expected == 0 or got == 0 or math.isinf(expected) or math.isinf(got):
        return False
    return abs(expected - got) / (abs(expected) + abs(got)) < 1e-6
