"""Mutated rule files: what ``promtool check rules`` refuses is refused, and nothing else."""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from alertlab.errors import BadInput
from alertlab.rules import load_groups

pytestmark = pytest.mark.server

FILES = 400
SEED = 3
BASE = {
    "groups": [
        {
            "name": "g",
            "interval": "30s",
            "limit": 3,
            "rules": [
                {"record": "job:up:sum", "expr": "sum by (job) (up)", "labels": {"a": "b"}},
                {
                    "alert": "Down",
                    "expr": "up == 0",
                    "for": "2m",
                    "keep_firing_for": "1h",
                    "labels": {"severity": "page"},
                    "annotations": {"summary": "{{ $labels.job }}"},
                },
            ],
        },
        {"name": "h", "rules": [{"alert": "Up", "expr": "up > 0"}]},
    ]
}
KEYS = (
    "name", "interval", "limit", "rules", "record", "alert", "expr", "for", "keep_firing_for",
    "labels", "annotations", "a", "severity", "summary", "groups", "nope", "__name__", "",
    "query_offset",
)  # fmt: skip
VALUES = (
    None, "", "0", "5m", "1d12h", "12h1d", "-1m", "5 m", "1.5h", "up", "up >", "up)",
    "vector(1)", "count(up) > 5 and up", '{job="a"}', "g", "h", "{{ nope }}", "{{ $value }}",
    "{{ if }}", "{x}", "a b", "é", 0, 5, -5, 1.5, 1e3, True, [], {}, ["a"], {"a": "b"},
    {"a": None}, {"": "b"}, {"a": ["b"]}, {"__name__": "b"}, {"a": "{{ nope }}"},
    [{"alert": "X", "expr": "up"}],
    {"expr": "up"}, "2024-01-01", "~", "null", "|", "010", "0x10",
)  # fmt: skip
# What 2.42 does not know yet, in its words, and what it did not look at.
UNKNOWN = re.compile(
    "invalid (?:recording rule|label|annotation) name|unexpected duration|field (?:labels|query_)"
)
UNSEEN = re.compile(r'"(?:record|alert|expr)": *(?:null|~|\{|\[)')
ODD_LIMIT = re.compile(r'"limit": (?:1\.5|1000\.0|0x10|010)')  # taken there, refused here by name


def mutated(rng: random.Random) -> str:
    """A rule file with some values set, keys taken away, or nodes doubled."""
    document = copy.deepcopy(BASE)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        holder = rng.choice(list(_holders(document)))
        match rng.randrange(4):
            case 0 if isinstance(holder, dict) and holder:
                del holder[rng.choice(list(holder))]
            case 1 if isinstance(holder, dict):
                holder[rng.choice(KEYS)] = copy.deepcopy(rng.choice(VALUES))
            case 2 if isinstance(holder, list) and holder:
                holder.append(copy.deepcopy(rng.choice(holder)))
            case _ if holder:
                key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
                holder[key] = copy.deepcopy(rng.choice(VALUES))
    return _yaml(document)


def _holders(node: Any) -> list[Any]:
    """Every mapping and list of a document."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    inner = [found for child in children for found in _holders(child)]
    return [node, *inner] if isinstance(node, dict | list) else inner


def _yaml(node: Any) -> str:
    """JSON is YAML; plain words among its values are read by their look, quoted ones are text."""
    text = json.dumps(node, indent=1, ensure_ascii=False)
    for word in ("2024-01-01", "~", "010", "0x10", "5m", "0"):
        text = text.replace(f'": "{word}"', f'": {word}')
    return text


def refusals(program: str, paths: list[Path]) -> list[str]:
    """What promtool says against each file, empty if it takes it."""
    run = subprocess.run(
        [program, "check", "rules", "--lint=none", *paths],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    taken = ["SUCCESS" in part for part in run.stdout.split("Checking ")[1:]]
    said: dict[str, str] = {}
    for name, text in re.findall(
        r"^(/\S+\.yml): ((?:(?!^/|  FAILED).*\n)*)", run.stderr, re.MULTILINE
    ):
        said[name] = said.get(name, "") + text
    assert [str(path) not in said for path in paths] == taken
    return [said.get(str(path), "") for path in paths]


def is_taken(path: Path) -> bool:
    """Whether the file is loaded here."""
    try:
        load_groups(path)
    except BadInput as error:
        assert str(path) in str(error)
        return False
    return True


def test_promtool_takes_and_refuses_the_same(tmp_path, promtool: str, promtool3: str) -> None:
    """Hundreds of files; the older promtool differs from the newer where it is known to."""
    rng = random.Random(SEED)
    paths = [tmp_path / f"{n}.yml" for n in range(FILES)]
    texts = [mutated(rng) for _ in paths]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    new, old = (refusals(program, paths) for program in (promtool3, promtool))
    assert 0.25 < sum(not said for said in new) / FILES < 0.75
    for path, text, newer, older in zip(paths, texts, new, old, strict=True):
        assert is_taken(path) == (not newer) or ODD_LIMIT.search(text), f"{text}\n{newer}"
        if older and not newer:
            assert UNKNOWN.search(older), f"{text}\n{older}"
        if newer and not older:
            assert UNSEEN.search(text), f"{text}\n{newer}"
