"""Burn-rate alerts as files: the rules, and beside them unit tests for promtool.

Histories are of steady traffic.  In some an error ratio begins that must fire an alert at the time
that its closed form says (``BurnWindow.seconds_to_fire``); in others it stays just below.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.scalarstring import SingleQuotedScalarString

from alertlab.change.unit_test import one_line
from alertlab.errors import BadInput
from alertlab.files import replacing
from alertlab.slo.burn_feeds import (
    CounterFeed,
    Feed,
    Steps,
    are_apart,
    events_of,
    feed_of,
    short_ratio,
)
from alertlab.slo.burn_rules import (
    BurnAlert,
    alerting,
    annotations_of,
    burn_alerts,
    joined_rules,
    quoted,
    readable,
    spans_of,
    yaml_text,
)
from alertlab.slo.burn_windows import GOOGLE_WINDOWS, BurnWindow, WindowTable
from alertlab.slo.objectives import Objective
from alertlab.templates import AlertContext, expand
from alertlab.units import SECOND_MS, format_duration, format_labels, label_set

_STEPS_A_SLOT = 15
_COARSE_STEPS_A_SLOT = 3
_JUST_BELOW, _JUST_ABOVE = 0.95, 1.05
_SURELY_ABOVE = 1.02

_RULES_BEGIN = "How fast error budgets burn: recorded ratios of bad events, and alerts on them."
_TESTS_BEGIN = "When burn-rate alerts fire, by their closed form, on made-up histories.  Run with"
_OF_NOTHING = "its queries have a value where there is no data"
_UNCOUNTED = "its queries do not say by which counters, which a test of a minimum needs"


@dataclass(frozen=True)
class WrittenRules:
    """The files that were written.

    unit_tests : one file, or several where windows differ so much that one would take minutes
    untested : why an objective has no unit test, by its name
    """

    rules: Path
    unit_tests: tuple[Path, ...]
    untested: Mapping[str, str]


def write_burn_rules(
    objectives: Iterable[Objective],
    path: Path,
    windows: WindowTable = GOOGLE_WINDOWS,
    min_bad_events: int = 0,
) -> WrittenRules:
    """Write the rules of objectives to ``path`` and their unit tests beside it.

    Objectives that are only shown beside another one get none.
    What it wrote earlier is replaced, each file as a whole, the rules last.  Raises BadInput as
    ``burn_rules`` does, where ``path`` cannot be written, and where another file stands.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder; name the file to write the rules to")
    if not path.resolve().parent.is_dir():
        raise BadInput(f"{path}: its folder does not exist; make it first")
    objectives = alerting(objectives)
    document = joined_rules(objectives, windows, min_bad_events)
    tested = _by_test_file(objectives, path, windows)
    texts, untested = {}, {}
    for test_path, some in tested.items():
        tests, without = unit_tests(some, path.name, windows, min_bad_events)
        texts[test_path] = yaml_text(tests, _heading_of_tests(test_path, without))
        untested |= without
    texts[path] = yaml_text(document, _heading_of_rules(windows, list(tested)))
    for target in texts:
        _refuse_foreign(target, _RULES_BEGIN if target == path else _TESTS_BEGIN)
    for target, text in texts.items():
        with replacing(target) as fresh:
            fresh.write_text(text, encoding="utf-8")
    return WrittenRules(path, tuple(tested), untested)


def first_test_path(path: Path) -> Path:
    """Return where the unit tests of a rule file stand, the first file of them."""
    return path.parent / f"{path.stem}.test.yml"


def _by_test_file(
    objectives: Sequence[Objective], path: Path, windows: WindowTable
) -> dict[Path, list[Objective]]:
    """Return the objectives of each test file: promtool evaluates a file at one interval.

    At that of a short period's windows those of a long one would take minutes.
    """
    together: dict[_Grid, list[Objective]] = {}
    for one in objectives:
        together.setdefault(_Grid.of(windows.over(one.period_ms)), []).append(one)
    first, *more = together.values()
    return {first_test_path(path): first} | {
        path.with_name(f"{path.stem}.{format_duration(some[0].period_ms)}.test.yml"): some
        for some in more
    }


def _refuse_foreign(path: Path, first_line: str) -> None:
    """Raise BadInput where a file stands that does not begin as those written here do."""
    try:
        with path.open("rb") as file:
            found = file.readline()
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadInput(f"cannot read {path}, to see whether it may be replaced: {error}") from None
    if found.rstrip() != f"# {first_line}".encode():
        raise BadInput(f"{path} exists, and this command has not written it; name another file")


def unit_tests(
    objectives: Sequence[Objective],
    rule_file: str,
    windows: WindowTable = GOOGLE_WINDOWS,
    min_bad_events: int = 0,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a unit-test file for promtool as a document, and why objectives are left out.

    rule_file : the name of the file with the rules, beside which the test will stand

    Left out are those whose expression has values where there is no data at all, and with a minimum
    those that do not count by counters.
    """
    pairs = [
        pair for one in objectives for alert in burn_alerts(one, windows) for pair in alert.pairs
    ]
    grid = _Grid.of(pairs)
    rounds: list[list[Feed]] = []
    untested: dict[str, str] = {}
    for objective in objectives:
        feed = feed_of(objective, spans_of(objective, windows))
        if feed is None:
            untested[objective.name] = _OF_NOTHING
            continue
        if min_bad_events and not isinstance(feed, CounterFeed):
            untested[objective.name] = _UNCOUNTED
            continue
        # promtool evaluates all rules in every test: the fewer tests, the sooner it is through.
        together = (fed for fed in rounds if all(are_apart(feed, one) for one in fed))
        into = next(together, None)
        if into is None:
            rounds.append(into := [])
        into.append(feed)
    tests = [test for fed in rounds for test in _tests(fed, windows, min_bad_events, grid)]
    document = {
        "rule_files": [quoted(rule_file)],
        "evaluation_interval": format_duration(grid.slot_ms),
        "tests": tests,
    }
    return document, untested


@dataclass(frozen=True)
class _Grid:
    """When rules are evaluated, and how far apart samples are."""

    slot_ms: int
    step_ms: int

    @classmethod
    def of(cls, pairs: Iterable[BurnWindow]) -> _Grid:
        """Return a grid with five steps in the shortest window and four slots in a long one."""
        pairs = list(pairs)
        shortest = min(
            min(one.short_ms for one in pairs) / 5,
            min(one.long_ms for one in pairs) / (4 * _STEPS_A_SLOT),
        )
        step_ms = math.floor(shortest / SECOND_MS) * SECOND_MS
        return cls(step_ms * _STEPS_A_SLOT, step_ms)

    def step_for(self, pairs: Sequence[BurnWindow]) -> int:
        """Return a coarser step where short windows are long: a test with few samples is quick."""
        coarse_ms = self.slot_ms // _COARSE_STEPS_A_SLOT
        return coarse_ms if min(one.short_ms for one in pairs) >= 5 * coarse_ms else self.step_ms

    def slots(self, duration_ms: float) -> int:
        """Return in how many slots a duration is over."""
        return math.ceil(duration_ms / self.slot_ms)


@dataclass(frozen=True)
class _Scene:
    """A history of one objective, and what becomes of one of its alerts.

    fires : whether it fires, by time [ms]
    shown : when it fires and with which value, to see its annotations; None: not looked at
    """

    name: str
    step_ms: int
    history: Steps
    alert: BurnAlert
    fires: Mapping[int, bool]
    shown: tuple[int, float] | None = None


def _scenes(
    objective: Objective, alert: BurnAlert, min_bad_events: int, grid: _Grid
) -> Iterator[_Scene]:
    for pair in alert.pairs:
        scene = _burn(objective, alert, pair, min_bad_events, grid)
        if scene is not None:
            yield scene
    yield _steady(objective, alert, _JUST_BELOW, min_bad_events, grid)
    above = _steady(objective, alert, _JUST_ABOVE, min_bad_events, grid)
    if above is not None:
        yield above
    if min_bad_events and not alert.hold_duration_ms:
        yield _few(alert, min_bad_events, grid)


def _burn(
    objective: Objective, alert: BurnAlert, pair: BurnWindow, min_bad_events: int, grid: _Grid
) -> _Scene | None:
    """Let an error ratio begin that one pair notices first; None if there is no such ratio."""
    target, step_ms = objective.target_ratio, grid.step_for(alert.pairs)
    limit = pair.limit_ratio(target)
    above = [one.limit_ratio(target) for one in alert.pairs if one.limit_ratio(target) > limit]
    largest = min([1.0, *(_JUST_BELOW * one for one in above)])
    # In the middle of a slot, so that it is clear at which of its ends the alert fires.
    whole = max(2, math.ceil(limit * pair.long_ms / largest / grid.slot_ms - 0.5))
    error_ratio = short_ratio(limit * pair.long_ms / ((whole + 0.5) * grid.slot_ms))
    if error_ratio < _SURELY_ABOVE * limit:
        return None
    active = {
        one: one.seconds_to_fire(target, error_ratio) * SECOND_MS - one.hold_duration_ms
        for one in alert.pairs
    }
    fires_slot = grid.slots(min(active.values())) + grid.slots(alert.hold_duration_ms)
    # Afterwards the short windows must be clean of those pairs that may have fired meanwhile.
    met = [one for one in alert.pairs if active[one] <= 1.1 * fires_slot * grid.slot_ms]
    clean = grid.slots(max(one.short_ms for one in met))
    onset = grid.slots(max(one.long_ms for one in alert.pairs)) + 1
    a_slot = grid.slot_ms // step_ms
    events, bad = events_of(error_ratio, min_bad_events)
    expected = {fires_slot - 1: False, fires_slot: True, fires_slot + clean: False}
    return _Scene(
        f"{pair.name}: a steady burn fires in time, not before, and not for long after it",
        step_ms,
        (
            (events, 0, onset * a_slot),
            (events, bad, fires_slot * a_slot),
            (events, 0, clean * a_slot),
        ),
        alert,
        {(onset + slot) * grid.slot_ms: fires for slot, fires in expected.items()},
    )


def _steady(
    objective: Objective, alert: BurnAlert, share: float, min_bad_events: int, grid: _Grid
) -> _Scene | None:
    """Let an error ratio stand at a share of an alert's lowest limit, from the beginning."""
    step_ms = grid.step_for(alert.pairs)
    lowest = min(one.limit_ratio(objective.target_ratio) for one in alert.pairs)
    error_ratio, fires = short_ratio(share * lowest), share > 1
    if error_ratio > 1:
        return None
    slots = grid.slots(alert.hold_duration_ms) + 4
    end_ms = slots * grid.slot_ms
    return _Scene(
        f"{alert.windows}: an error ratio just {'above' if fires else 'below'} the lowest limit",
        step_ms,
        ((*events_of(error_ratio, min_bad_events), end_ms // step_ms),),
        alert,
        {end_ms: fires},
        (end_ms, error_ratio) if fires else None,
    )


def _few(alert: BurnAlert, min_bad_events: int, grid: _Grid) -> _Scene:
    """Let all of a handful of events be bad: too few of them first, then enough."""
    few, quiet = math.floor(0.8 * min_bad_events), _STEPS_A_SLOT - 1
    history = (
        (0, 0, _STEPS_A_SLOT + quiet), (few, few, 1), (0, 0, quiet),
        (min_bad_events - few, min_bad_events - few, 1),
    )  # fmt: skip
    name = f"{alert.windows}: too few bad events stay silent, whatever their share"
    fires = {2 * grid.slot_ms: False, 3 * grid.slot_ms: True}
    return _Scene(name, grid.step_ms, history, alert, fires)


def _tests(
    feeds: Sequence[Feed], windows: WindowTable, min_bad_events: int, grid: _Grid
) -> list[dict[str, Any]]:
    """Return the tests of objectives that can be fed at once."""
    together: dict[tuple[str, int], list[tuple[Feed, _Scene]]] = {}
    for feed in feeds:
        for alert in burn_alerts(feed.objective, windows):
            for scene in _scenes(feed.objective, alert, min_bad_events, grid):
                together.setdefault((scene.name, scene.step_ms), []).append((feed, scene))
    return [
        {
            "name": quoted(name),
            "interval": format_duration(step_ms),
            "input_series": [
                {
                    "series": readable(series),
                    "values": SingleQuotedScalarString(text),
                }
                for feed, scene in scenes
                for series, text in feed.lines(scene.history, step_ms)
            ],
            "promql_expr_test": [
                check for feed, scene in scenes for check in _checks(feed.objective, scene)
            ],
        }
        | _alert_checks(scenes, min_bad_events)
        for (name, step_ms), scenes in together.items()
    ]


def _checks(objective: Objective, scene: _Scene) -> Iterator[dict[str, Any]]:
    for at_ms, fires in scene.fires.items():
        selector = f'ALERTS{{alertname="{scene.alert.name}", alertstate="firing"}}'
        labels = _labels(objective, scene.alert) | {
            "__name__": "ALERTS", "alertname": scene.alert.name, "alertstate": "firing",
        }  # fmt: skip
        alert = SingleQuotedScalarString(format_labels(label_set(labels)))
        yield {
            "expr": SingleQuotedScalarString(selector),
            "eval_time": format_duration(at_ms),
            "exp_samples": [{"labels": alert, "value": 1}] if fires else [],
        }


def _alert_checks(
    scenes: Sequence[tuple[Feed, _Scene]], min_bad_events: int
) -> dict[str, list[dict[str, Any]]]:
    """Return what alerts show people in those scenes that look at it."""
    found = []
    for feed, scene in scenes:
        if scene.shown is None:
            continue
        at_ms, value = scene.shown
        labels = _labels(feed.objective, scene.alert)
        context = AlertContext(scene.alert.name, labels, value, at_ms, lambda *_: [])
        texts = annotations_of(feed.objective, scene.alert, min_bad_events)
        alert = {
            "exp_labels": {name: quoted(text) for name, text in labels.items()},
            "exp_annotations": {name: quoted(expand(one, context)) for name, one in texts.items()},
        }
        found.append(
            {
                "eval_time": format_duration(at_ms),
                "alertname": quoted(scene.alert.name),
                "exp_alerts": [alert],
            }
        )
    return {"alert_rule_test": found} if found else {}


def _labels(objective: Objective, alert: BurnAlert) -> dict[str, str]:
    return {"severity": alert.severity, "slo": objective.name}


def _heading_of_rules(windows: WindowTable, test_paths: Sequence[Path]) -> list[str]:
    tests = [one_line(one.name) for one in test_paths]
    return [
        _RULES_BEGIN,
        f"Windows: {windows.source}.",
        f"Generated, and so {'is' if len(tests) == 1 else 'are'} {', '.join(tests)}: "
        "change the objectives instead.",
    ]


def _heading_of_tests(test_path: Path, untested: Mapping[str, str]) -> list[str]:
    return [
        _TESTS_BEGIN,
        f"    promtool test rules {one_line(test_path.name)}",
        *(f"Without a test: {name}; {reason}." for name, reason in untested.items()),
    ]
