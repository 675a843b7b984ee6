"""Two sets of rules side by side: what was added, removed, changed, or stayed the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from alertlab.promql import names_read
from alertlab.rules import AlertRule, RecordingRule
from alertlab.units import format_duration

UNCHANGED, CHANGED, ADDED, REMOVED = "same", "changed", "added", "removed"


@dataclass(frozen=True)
class RulePair:
    """What became of the rules of one name.

    status : UNCHANGED, CHANGED, ADDED or REMOVED
    changes : for a changed one, the keys that differ with their old and new texts
    """

    name: str
    status: str
    changes: dict[str, tuple[str, str]]


def pair_rules(old: Sequence[AlertRule], new: Sequence[AlertRule]) -> list[RulePair]:
    """Pair rules by their names, in the order of the new set, then what was removed from the old.

    Where a name stands several times, all of its rules are compared together.
    """
    before, after = _by_name(old), _by_name(new)
    pairs = []
    for name in {**after, **before}:
        status = ADDED if name not in before else REMOVED if name not in after else UNCHANGED
        changes: dict[str, tuple[str, str]] = {}
        if status == UNCHANGED:
            changes = _changes(before[name], after[name])
            status = CHANGED if changes else UNCHANGED
        pairs.append(RulePair(name, status, changes))
    return pairs


def behaviour(rule: AlertRule) -> tuple:
    """Return all that a rule's episodes depend on; rules alike in it are replayed once.

    Files, groups and annotations do not matter: slots are read from what the old rules have
    written.
    """
    return (
        rule.name,
        rule.expr,
        rule.labels,
        rule.hold_duration_ms,
        rule.keep_firing_for_ms,
        rule.interval_ms,
        rule.query_offset_ms,
        rule.limit,
        tuple(_recorder(one) for one in recorders_read(rule)),
    )


def recorders_read(rule: AlertRule) -> list[RecordingRule]:
    """Return the recording rules that a rule reads, through others too, in the order loaded."""
    known = rule.recorded
    found: dict[RecordingRule, None] = {}
    waiting = [rule.expr]
    while waiting:
        names = names_read(waiting.pop(), {one.name for one in known})
        fresh = [one for one in known if one.name in names and one not in found]
        found.update(dict.fromkeys(fresh))
        waiting += [one.expr for one in fresh]
    return [one for one in known if one in found]


def _recorder(rule: RecordingRule) -> tuple[Any, ...]:
    numbers = (rule.interval_ms, rule.query_offset_ms, rule.limit)
    return (rule.name, rule.expr, rule.labels, *numbers)


def _by_name(rules: Iterable[AlertRule]) -> dict[str, list[AlertRule]]:
    found: dict[str, list[AlertRule]] = {}
    for rule in rules:
        found.setdefault(rule.name, []).append(rule)
    return found


def _changes(old: Sequence[AlertRule], new: Sequence[AlertRule]) -> dict[str, tuple[str, str]]:
    before, after = ([_texts(rule) for rule in rules] for rules in (old, new))
    keys = dict.fromkeys(key for texts in (*before, *after) for key in texts)
    joined = {
        key: tuple("\n".join(one.get(key, "") for one in texts) for texts in (before, after))
        for key in keys
    }
    return {key: texts for key, texts in joined.items() if texts[0] != texts[1]}


def _texts(rule: AlertRule) -> dict[str, str]:
    """Return what a rule says, by the keys of a rule file."""
    texts = {
        "expr": rule.expr,
        "for": format_duration(rule.hold_duration_ms),
        "keep_firing_for": format_duration(rule.keep_firing_for_ms),
    }
    texts |= {f"labels.{name}": text for name, text in rule.labels}
    texts |= {f"annotations.{name}": text for name, text in rule.annotations.items()}
    texts |= {
        "interval": format_duration(rule.interval_ms),
        "query_offset": format_duration(rule.query_offset_ms),
        "limit": str(rule.limit),
    }
    for one in recorders_read(rule):
        texts[f"record {one.name}"] = "; ".join(map(str, _recorder(one)[1:]))
    return texts
