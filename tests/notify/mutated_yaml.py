"""Random changes of YAML documents, and what amtool and promtool say of many files at once."""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from alertlab.rules import read_yaml


class Plain(str):
    """A scalar written without quotes."""


class Mapping(list):
    """A mapping as a list of [key, value], so that a key may stand twice."""


class Slot(NamedTuple):
    """A value's place: ``box[at]``; the value is that, or its second half in a mapping.

    ``kind`` is the nearest key above: entries of one list are of one kind.
    """

    box: list
    at: int
    kind: str

    @property
    def value(self) -> Any:
        one = self.box[self.at]
        return one[1] if isinstance(self.box, Mapping) else one

    def put(self, value: Any) -> None:
        if isinstance(self.box, Mapping):
            self.box[self.at][1] = value
        else:
            self.box[self.at] = value


VALUES: list[Any] = [
    None, Plain("null"), Plain("~"), "", "null", Plain("true"), "true", Plain("yes"), Plain("off"),
    Plain("5"), "5", Plain("-1"), Plain("1.5"), Plain("0x10"), Plain("1_000"), Plain("010"),
    Plain("1e3"), Plain("5m"), "0s", Plain("0"), "1d12h", "1h1h", "-5m", "1.5h", "10ms", "5 m",
    "300y", "(", "[a", "a|b", ")(", "a{1001}", r"\d+", "<secret>", "http://", "ftp://x.example",
    "https://x.example", "http://x.example:port", "http://[::1", "https://x y", "x:1", ":25", "x:",
    "a:b:c", "nobody", "no such name", "...", "alertname", "with space", "é", "{{ .x }}", "{{", "x",
    "{{ template }}", Plain("2020-01-01"), "HTML", "cloud", "basic", "TLS12", "Authorization",
    [], ["x"], [None], [["x"]], Mapping(), Mapping([["x", "y"]]), Mapping([["name", "x"]]),
]  # fmt: skip
MATCHERS = [
    "a=b", 'a="b"', "{a=b}", '{a="b", c=~"d"}', "a=", "=b", "a", "a=b,", ",", "{", "}", "{}", "",
    '"a b"="c"', 'a="b', "a=b c", 'a="\\d"', 'a="\\x41"', "é=ü", "a=~(", 'a=~"["', "a==b", "a=~~b",
    "a!b", "a !~ b", "a=b}", "{a=b", "a:b=c", "1=2", 'a="b","c"="d"', "a='b'", 'a=b"c', "{{a=b}}",
    'a=~"x\\\\.y"', "a\n=b", '"a\\n"=b', 'a="é\\u00e9"', "a=b,,c=d", "a.b=c", '""="x"',
]  # fmt: skip
SPANS = [
    "monday:friday", "friday:monday", "Monday", "mon", "1:5", "5:1", "-1", "-5:-1", "-1:-5", "1:-1",
    "29:-1", "-1:5", "0", "31", "32", "-31", "-32", "january:march", "13", "0:13", "march:january",
    "2020:2030", "2030:2020", "x", "", "1:2:3", "+5", " 5", "24:00", "24:01", "23:59", "9:00",
    "09:00", "00:00", "Europe/Berlin", "Europe/Nowhere", "UTC", "../etc", None,
]  # fmt: skip


def tree_of(file: Path) -> Any:
    """Return a document as lists, mappings and scalars that can be changed."""
    return _as_tree(read_yaml(file))


def _as_tree(node: Any) -> Any:
    if isinstance(node, dict):
        return Mapping([str(key), _as_tree(one)] for key, one in node.items())
    if isinstance(node, list):
        return [_as_tree(one) for one in node]
    if node is None:
        return None
    return Plain(node) if re.fullmatch(r"[-\w.]+", node) else str(node)


def written(node: Any) -> str:
    """Write a tree as YAML in one line."""
    if isinstance(node, Mapping):
        return (
            "{"
            + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {written(v)}" for k, v in node)
            + "}"
        )
    if isinstance(node, list):
        return "[" + ", ".join(map(written, node)) + "]"
    if node is None:
        return "null"
    return str(node) if isinstance(node, Plain) else json.dumps(node, ensure_ascii=False)


class Mutator:
    """Changes documents at random; what it puts in comes from all of them, and from ``more``.

    ``more`` has keys with plausible values, by the key above them.
    """

    def __init__(self, trees: Sequence[Any], more: dict[str, list], rng: random.Random) -> None:
        self.trees, self.rng = trees, rng
        self.names: list[str] = []
        self.entries = {kind: list(entries) for kind, entries in more.items()}
        for slot in (slot for tree in trees for slot in _slots(tree)):
            if isinstance(slot.box, Mapping):
                self.names.append(slot.box[slot.at][0])
                self.entries.setdefault(slot.kind, []).append(slot.box[slot.at])

    def document(self, changes: int) -> str:
        """Return one of the documents after some changes."""
        found = copy.deepcopy(self.rng.choice(self.trees))
        for _ in range(changes):
            if slots := list(_slots(found)):
                self._change(self.rng.choice(slots), [slot.value for slot in slots])
        return written(found)

    def _change(self, slot: Slot, others: list[Any]) -> None:
        entry, rng = slot.box[slot.at], self.rng
        match rng.randrange(12):
            case 0 | 1:
                del slot.box[slot.at]
            case 2:
                slot.box.insert(slot.at, copy.deepcopy(entry))
            case 3 if isinstance(slot.box, Mapping):
                entry[0] = rng.choice(
                    [entry[0] + "s", entry[0].upper(), "", rng.choice(self.names)]
                )
            case 4 | 5 | 6 if isinstance(slot.box, Mapping):
                slot.box.append(copy.deepcopy(rng.choice(self.entries.get(slot.kind, [entry]))))
            case 7:
                slot.put(copy.deepcopy(rng.choice(others)))
            case 8:
                slot.put(rng.choice(MATCHERS))
            case 9:
                slot.put(rng.choice(SPANS))
            case _:
                slot.put(copy.deepcopy(rng.choice(VALUES)))


def _slots(node: Any, kind: str = "") -> Iterator[Slot]:
    """Yield the places of all values in a tree."""
    if isinstance(node, list):
        for at, one in enumerate(node):
            slot = Slot(node, at, kind)
            yield slot
            yield from _slots(slot.value, one[0] if isinstance(node, Mapping) else kind)


def refusals(command: Sequence[str], files: Sequence[Path]) -> list[str]:
    """Return for each file the words with which amtool or promtool refuses it; none: accepted."""
    found: list[str] = []
    while len(found) < len(files):
        run = subprocess.run(
            [*command, *map(str, files[len(found) :])],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        # Between a file's name and its verdict may stand warnings; promtool's words go elsewhere.
        parts = re.split(r"^Checking ", run.stdout, flags=re.MULTILINE)[1:]
        # A file at which the program crashes is refused; those after it are still to be asked.
        assert parts, run.stderr
        said = [re.search(r" (SUCCESS|FAILED.*)", part, re.DOTALL) for part in parts]
        found += [
            "" if one and one[1] == "SUCCESS" else one[1] if one else "refused" for one in said
        ]
    return found
