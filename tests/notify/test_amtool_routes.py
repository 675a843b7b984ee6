"""Random route trees: amtool and real Alertmanagers of two releases take the same routes."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from json_sink import json_sink
from live_alertmanager import alertmanager

from alertlab.go_text import quote
from alertlab.notify import AlertmanagerConfig, load_alertmanager
from alertlab.units import LabelSet, label_set

NAMES = ["alertname", "severity", "team"]
VALUES = ["", "a", "b", "page", "warn", "host-1", 'q"\\', "x y", "a,b}", "é", "line\nfeed", "12"]
PATTERNS = ["a|b", "p.*", ".+", "", ".*", "host-[0-9]", r"host-\d+", "[^a].?", "(?i)PAGE", "line.*"]
UTF8_NAMES = ["é", "with space", "a.b"]


def random_matcher(rng: random.Random, names: list[str]) -> str:
    """Return one matcher as ``matchers`` has it: with quotes, without, or in braces."""
    name, op = rng.choice(names), rng.choice(["=", "=", "!=", "=~", "!~"])
    value = rng.choice(PATTERNS if "~" in op else VALUES)
    written_name = name if name in NAMES else json.dumps(name, ensure_ascii=False)
    if name in NAMES and value.isalnum() and rng.random() < 0.5:
        return f"{name} {op} {value}"
    matcher = f"{written_name}{op}{json.dumps(value, ensure_ascii=False)}"
    return f"{{{matcher}}}" if rng.random() < 0.2 else matcher


def random_route(rng: random.Random, names: list[str], depth: int, count: Iterator[int]) -> dict:
    """Return a route's node, its receiver named by its place."""
    node: dict[str, Any] = {"receiver": f"r{next(count)}"} if rng.random() < 0.8 else {}
    if rng.random() < 0.9:
        node["matchers"] = [random_matcher(rng, names) for _ in range(rng.choice([1, 1, 2]))]
    if rng.random() < 0.2:
        node["match"] = {rng.choice(NAMES): rng.choice(VALUES)}
    if rng.random() < 0.2:
        node["match_re"] = {rng.choice(NAMES): rng.choice(PATTERNS)}
    if rng.random() < 0.6 or not {"matchers", "match", "match_re"} & set(node):
        node["continue"] = True  # or nothing would come behind it
    if rng.random() < 0.4:
        node["group_by"] = rng.choice([[], ["..."], ["team"], ["severity", "alertname", "none"]])
    if depth:
        children = (random_route(rng, names, depth - 1, count) for _ in range(rng.randint(0, 4)))
        node["routes"] = list(children)
    return node


def random_tree(
    rng: random.Random, names: list[str], receiver: dict[str, Any], routes: int
) -> dict[str, Any]:
    """Return a configuration whose receivers, r0 to r399, all are as given."""
    count = iter(range(1, 400))
    root = {"receiver": "r0", "group_wait": "0s", "group_by": rng.choice([["alertname"], []])}
    root["routes"] = [random_route(rng, names, 2, count) for _ in range(routes)]
    return {"route": root, "receivers": [{"name": f"r{i}", **receiver} for i in range(400)]}


def random_labels(rng: random.Random, names: list[str]) -> dict[str, str]:
    found = {name: rng.choice(VALUES) for name in names if rng.random() < 0.8}
    return {name: value for name, value in found.items() if value}


def load(document: dict[str, Any], file: Path, version: str) -> AlertmanagerConfig:
    file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return load_alertmanager(file, version=version)


@pytest.mark.server
@pytest.mark.parametrize(
    ("program", "names", "trees"),
    [("current_amtool", NAMES + UTF8_NAMES, 30), ("amtool", NAMES, 10)],
)
def test_amtool_takes_the_same_routes(
    request: pytest.FixtureRequest, tmp_path: Path, program: str, names: list[str], trees: int
) -> None:
    """Twelve random label sets through each of many random trees."""
    amtool, rng = request.getfixturevalue(program), random.Random(program)
    asked: list[tuple[Path, dict[str, str]]] = []
    found: list[list[str]] = []
    for i in range(trees):
        file = tmp_path / f"{i}.yml"
        config = load(random_tree(rng, names, {}, rng.randint(4, 8)), file, "0.34.2")
        for _ in range(12):
            labels = random_labels(rng, names)
            asked.append((file, labels))
            found.append([route.receiver for route in config.route.match(label_set(labels))])
    with ThreadPoolExecutor(3) as pool:
        expected = list(pool.map(lambda one: receivers_told(amtool, *one), asked))
    differing = [one for one, a, b in zip(asked, found, expected, strict=True) if a != b]
    assert not differing
    assert len({tuple(one) for one in expected}) > 2 * trees
    assert sum(len(one) > 1 for one in expected) > trees


def receivers_told(amtool: str, file: Path, labels: dict[str, str]) -> list[str]:
    run = subprocess.run(
        [
            amtool, "config", "routes", "test", f"--config.file={file}",
            *(f"{_quoted(k) if k not in NAMES else k}={_quoted(v)}" for k, v in labels.items()),
        ],
        capture_output=True, text=True, check=True, cwd=file.parent,
    )  # fmt: skip
    return run.stdout.strip().split(",")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@pytest.mark.server
@pytest.mark.parametrize(
    ("program", "version", "names"),
    [
        ("current_alertmanager_bin", "0.34.2", NAMES + UTF8_NAMES),
        ("alertmanager_bin", "0.25.0", NAMES),
    ],
)
def test_a_real_alertmanager_forms_the_same_groups(
    request: pytest.FixtureRequest, tmp_path: Path, program: str, version: str, names: list[str]
) -> None:
    """The keys of all groups of random alerts, which hold the route's key and the group labels."""
    rng = random.Random(version)
    with json_sink() as (address, posted):
        hook = {"webhook_configs": [{"url": f"http://{address}/"}]}
        document = random_tree(rng, names, hook, 15)
        for node in document["route"]["routes"]:
            node["continue"] = True  # each alert goes into many groups
        config = load(document, tmp_path / "alertmanager.yml", version)
        # Others of equal labels would share their first one's start.
        alerts = [{**random_labels(rng, names), "id": f"{i}"} for i in range(100)]
        expected = {
            (route.receiver, f"{route.key}:{written(route.group_labels(label_set(labels)))}")
            for labels in alerts
            for route in config.route.match(label_set(labels))
        }
        with alertmanager(request.getfixturevalue(program), tmp_path / "alertmanager.yml") as live:
            body = [{"labels": labels} for labels in alerts]
            requests.post(f"{live.url}/api/v2/alerts", json=body, timeout=10).raise_for_status()
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and len(keys_of(posted)) < len(expected):
                time.sleep(0.1)
    assert keys_of(posted) == expected
    assert len(expected) > 50


def keys_of(posted: list[tuple[str, Any]]) -> set[tuple[str, str]]:
    return {(body["receiver"], body["groupKey"]) for _, body in posted}


def written(labels: LabelSet) -> str:
    """Write labels as Alertmanager's keys have them (model.LabelSet.String)."""
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in labels) + "}"
