"""``alertlab lint`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scenes import Invoke, sentence

from alertlab.lint import FROM_THE_SOURCE, REMARK_IDS

RULES = """\
groups:
  - name: demo
    rules:
      - alert: TooMany
        expr: queue_length > 5
        for: 2m
        annotations: {summary: more than 7 in the queue}
      - alert: Lost
        expr: rate(queue_lost_total[1m]) > 50
        for: 2m
        annotations: {summary: "{{ $labels.pod }} loses messages"}
"""


@pytest.fixture
def rules(scene: Path) -> Path:
    """A rule whose text is wrong, and one on a metric that nobody exports."""
    path = scene / "noisy.yml"
    path.write_text(RULES)
    return path


def test_without_a_source(invoke: Invoke, rules: Path) -> None:
    """Each remark in a line with file and line; what was not checked goes to stderr."""
    code, out, err = invoke("lint", rules)
    assert code == 0
    first, last = out.splitlines()
    assert first.startswith(f"{rules}:4: rule TooMany: The text says “more than 7”")
    assert first.endswith("[text-disagrees]")
    assert last == "1 remarks in 2 rules"
    assert err.startswith("not checked without --source: ")
    assert all(one in err for one in (*FROM_THE_SOURCE, "range-too-short"))


def test_a_stated_interval(invoke: Invoke, rules: Path) -> None:
    """It is enough for the ranges."""
    _, out, err = invoke("lint", rules, "--scrape-interval", "45s")
    assert "[range-too-short]" in out and "every 45s" in out
    assert "range-too-short" not in err
    code, out, err = invoke("lint", rules, "--scrape-interval", "often")
    assert (code, "--scrape-interval" in sentence(code, out, err)) == (2, True)


def test_with_a_source(invoke: Invoke, rules: Path, scene: Path) -> None:
    """What nobody exports is told, and nothing is left out."""
    code, out, err = invoke("lint", rules, "--source", scene / "recording", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [(one["rule"], one["id"]) for one in found] == [
        ("TooMany", "text-disagrees"),
        ("Lost", "unknown-metric"),
    ]
    assert {key for one in found for key in one} == {"file", "line", "rule", "id", "text", "fix"}
    assert [one["line"] for one in found] == [4, 8]
    assert {one["file"] for one in found} == {str(rules)}


def test_part_of_the_history(invoke: Invoke, rules: Path, scene: Path) -> None:
    """Start and end choose it."""
    command = ["lint", rules, "--source", scene / "recording"]
    code, out, err = invoke(
        *command, "--start", "2030-01-01T00:00:00Z", "--end", "2030-01-02T00:00:00Z"
    )
    assert code == 2
    assert "no data between" in sentence(code, out, err)
    code, out, err = invoke(*command, "--semantics", "4")
    assert "--semantics is 2 or 3" in sentence(code, out, err)


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("remarks>0", 3),
        ("remarks>1", 0),
        ("text-disagrees>=1", 3),
        ("mixed-percentile>0", 0),
        ("never-held>0", 0),
    ],
)
def test_a_limit(invoke: Invoke, rules: Path, limit: str, code: int) -> None:
    """All remarks together, or those of a kind; a crossed limit ends with 3."""
    found, out, _ = invoke("lint", rules, "--fail-on", limit)
    assert found == code
    assert "1 remarks" in out


def test_each_kind_can_be_limited(invoke: Invoke, rules: Path) -> None:
    """And an unknown one is refused with those that there are."""
    wanted = [part for kind in REMARK_IDS for part in ("--fail-on", f"{kind}>5")]
    assert invoke("lint", rules, *wanted)[0] == 0
    code, _, err = invoke("lint", rules, "--fail-on", "noise>0")
    assert code == 2
    assert all(kind in err for kind in REMARK_IDS)
