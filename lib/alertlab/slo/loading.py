"""Reads objectives: our own YAML, OpenSLO or Sloth, recognised by their keys."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from alertlab.errors import BadInput, known_name, require_file
from alertlab.promql import Matcher, parse_selector
from alertlab.rules.documents import read_documents
from alertlab.slo import openslo, sloth
from alertlab.slo.fields import Fields, checked_name, period_ms, positive_seconds, target_ratio
from alertlab.slo.objectives import (
    AVAILABILITY,
    HANDLED,
    HANDLING,
    LATENCY,
    Answers,
    Objective,
    Scope,
    answers_by_code,
    answers_in_time,
)
from alertlab.slo.policies import POLICIES, VERDICTS, CodePolicy, WrongPolicy, make_policy
from alertlab.units import NAME, SECOND_MS, format_duration, parse_duration

_TOP_KEYS = ("period", "matchers", "metrics", "policies", "objectives")
_EVERY_KEY = ("name", "kind", "target", "period", "method", "matchers", "description")
_OWN_KEYS = {AVAILABILITY: ("policies",), LATENCY: ("threshold", "threshold_seconds")}
_DEFAULT_POLICY = "server-fault"
_PERIOD = "28d"


def load_objectives(path: str | Path) -> list[Objective]:
    """Read the objectives of a file, in its order: our YAML, OpenSLO v1 or Sloth v1.

    An availability objective under several policies is several objectives: the first has its
    name, each other one ``<name>-<policy>`` and stands ``beside`` it.  Raises BadInput with file
    and line for what cannot be counted as it is written.
    """
    file = require_file(path, "the objectives file")
    documents = [
        Fields.of(one, file, "objectives", 1)
        for one in read_documents(file, keep_quotes=False)
        if one is not None
    ]
    if not documents:
        raise BadInput(f"{file}: it is empty; add objectives:")
    found = _read(documents)
    names: set[str] = set()
    for one, where in found:
        if one.name in names:
            raise where.refused("name", f"{one.name!r} stands twice; rename one")
        names.add(one.name)
    return [one for one, _ in found]


def find_objective(objectives: Iterable[Objective], name: str) -> Objective:
    """Return the objective of that name; BadInput lists the known ones."""
    by_name = {one.name: one for one in objectives}
    return by_name[known_name(name, by_name, "objective")]


def _read(documents: list[Fields]) -> list[tuple[Objective, Fields]]:
    if all(openslo.wrote(one) for one in documents):
        return openslo.read(documents)
    if all(sloth.wrote(one) for one in documents):
        return [pair for one in documents for pair in sloth.read(one)]
    own, *more = documents
    if more:
        raise more[0].refused("", "a second document; only OpenSLO and Sloth may have several")
    if not own.has("objectives"):
        raise own.refused(
            "",
            "whose objectives these are cannot be told; looked for objectives: of our own, "
            f"{openslo.TOLD_BY}, or {sloth.TOLD_BY}",
        )
    return _own(own.only(*_TOP_KEYS))


class _Defaults(NamedTuple):
    """What stands above the objectives of a file and holds for all of them."""

    scope: Scope
    period_ms: int
    policies: dict[str, CodePolicy]


def _own(top: Fields) -> list[tuple[Objective, Fields]]:
    metrics = top.inner("metrics").only("handled", "handling") if top.has("metrics") else None
    scope = Scope(
        matchers=top.made("matchers", _matchers, ""),
        handled=metrics.made("handled", _metric, HANDLED) if metrics else HANDLED,
        handling=metrics.made("handling", _metric, HANDLING) if metrics else HANDLING,
    )
    period = top.made("period", period_ms, _PERIOD)
    defaults = _Defaults(scope, period, POLICIES | _own_policies(top))
    found = []
    for entry in top.entries("objectives", "an objective"):
        named = entry.called(f"objective {entry.name()}")
        found += [(one, named) for one in _objectives(named, defaults)]
    return found


def _own_policies(top: Fields) -> dict[str, CodePolicy]:
    if not top.has("policies"):
        return {}
    found, around = {}, top.inner("policies")
    for name in around.node:
        try:
            checked_name(name)
        except BadInput as error:
            raise around.refused(name, str(error)) from None
        if name in POLICIES:
            raise around.refused(name, "that name is taken by a policy that is always there")
        fields = around.inner(name).called(f"policy {name}").only(*VERDICTS, "rest")
        codes = {verdict: fields.texts(verdict) for verdict in VERDICTS}
        try:
            found[name] = make_policy(name, codes, fields.text("rest", ""))
        except WrongPolicy as error:
            raise fields.refused(error.key, str(error)) from None
    return found


def _objectives(fields: Fields, defaults: _Defaults) -> list[Objective]:
    kind = fields.made("kind", lambda text: known_name(text, _OWN_KEYS, "kind"))
    fields.only(*_EVERY_KEY, *_OWN_KEYS[kind])
    scope = defaults.scope._replace(
        matchers=(*defaults.scope.matchers, *fields.made("matchers", _matchers, "")),
        method=fields.text("method", ""),
    )
    if kind == LATENCY:
        answers = answers_in_time(scope, _threshold_seconds(fields))
        return [_objective(fields, defaults, answers)]
    names = fields.texts("policies") or [_DEFAULT_POLICY]
    found = []
    for at, name in enumerate(names):
        if name not in defaults.policies or name in names[:at]:
            known = ", ".join(sorted(defaults.policies))
            raise fields.refused("policies", f"{name!r} is unknown or stands twice; known: {known}")
        answers = answers_by_code(scope, defaults.policies[name])
        found.append(
            _objective(fields, defaults, answers, policy=name, beside=fields.name() if at else "")
        )
    return found


def _objective(
    fields: Fields,
    defaults: _Defaults,
    answers: Answers,
    *,
    policy: str = "",
    beside: str = "",
) -> Objective:
    return Objective(
        name=f"{beside}-{policy}" if beside else fields.name(),
        kind=fields.text("kind"),
        target_ratio=fields.made("target", target_ratio),
        period_ms=fields.made("period", period_ms, format_duration(defaults.period_ms)),
        method=fields.text("method", ""),
        policy=policy,
        description=fields.text("description", ""),
        beside=beside,
        **answers._asdict(),
    )


def _threshold_seconds(fields: Fields) -> float:
    if fields.has("threshold") == fields.has("threshold_seconds"):
        raise fields.refused("threshold", "give either threshold_seconds: 0.5 or threshold: 500ms")
    if fields.has("threshold_seconds"):
        return fields.made("threshold_seconds", positive_seconds)
    duration = fields.made("threshold", _positive_duration)
    return duration / SECOND_MS


def _positive_duration(text: str) -> int:
    found = parse_duration(text)
    if not found:
        raise BadInput(f"{format_duration(0)} is no time for an answer; give one such as 500ms")
    return found


def _matchers(text: str) -> tuple[Matcher, ...]:
    """Return the matchers that stand between the braces of a selector."""
    if not text:
        return ()
    _, *matchers = parse_selector(f"{HANDLED}{{{text}}}")  # any name: alone, job!="x" is refused
    return tuple(matchers)


def _metric(text: str) -> str:
    matchers = parse_selector(text)
    if len(matchers) > 1 or matchers[0].name != NAME:
        raise BadInput(f"{text!r} is not a metric's name alone; matchers: is for the rest")
    return matchers[0].value
