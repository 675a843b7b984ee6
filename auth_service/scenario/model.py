"""What a scenario file says, checked as a whole before anything is generated from it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from alertlab.errors import BadInput, require_file
from alertlab.units import DAY_MS, format_time
from auth_service.metrics import METHODS
from auth_service.scenario.parts import (
    INTEGRATIONS,
    OUTCOMES,
    DurationMs,
    Effect,
    Failing,
    Integration,
    Latency,
    Method,
    MethodName,
    Part,
    Pods,
    Positive,
    Requests,
    Rhythm,
    Scrapes,
    TimeMs,
)
from auth_service.scenario.parts_platform import Containers, HashWorkers, Kafka, PostgreSQL


class Event(Part):
    """Something that happens for a while and changes what is measured.

    Its strength rises linearly over ``rise``, stays until ``start + length`` and then decays with
    the time constant ``fall``; ``unsteady`` lets it swing (sigma of its logarithm).
    """

    id: str
    start: TimeMs
    length: Annotated[DurationMs, Field(gt=0)]
    rise: DurationMs = 0
    fall: DurationMs = 0
    unsteady: Annotated[float, Field(ge=0)] = 0.0
    note: str
    effects: Annotated[list[Effect], Field(min_length=1)]

    @property
    def starts(self) -> list[int]:
        """Return each start [ms]."""
        return [self.start]


class Incident(Event):
    """A disturbance that somebody should be told of."""

    severity: Literal["critical", "warning"]
    should_alert: Annotated[list[str], Field(min_length=1)]


class LookAlike(Event):
    """A disturbance that harms nobody and should wake nobody, perhaps a recurring one."""

    every: Annotated[DurationMs, Field(gt=0)] = DAY_MS
    times: Annotated[int, Field(ge=1)] = 1

    @property
    def starts(self) -> list[int]:
        """Return each start [ms]."""
        return [self.start + i * self.every for i in range(self.times)]


class Scenario(Part):
    """A stretch of the service's life; all times are UTC, whole days from ``start``."""

    title: str
    seed: Annotated[int, Field(ge=0)]
    start: TimeMs
    days: Annotated[int, Field(ge=1)]
    step: DurationMs
    rhythm: Rhythm
    methods: dict[MethodName, Method]
    latency: Latency
    pods: Pods
    deploys: list[TimeMs]
    scrapes: Scrapes
    notifications_per_hour: dict[Integration, Positive]
    incidents: list[Incident]
    look_alikes: list[LookAlike]
    hash_workers: HashWorkers | None = None
    containers: Containers | None = None
    postgresql: PostgreSQL | None = None
    kafka: Kafka | None = None

    @property
    def steps_per_day(self) -> int:
        """Return the number of scrapes of one target in a day."""
        return DAY_MS // self.step

    @property
    def n_steps(self) -> int:
        """Return the number of scrapes of one target in the whole scenario."""
        return self.days * self.steps_per_day

    @property
    def exporters_step(self) -> int:
        """Return how often exporters are scraped [ms]."""
        return self.scrapes.exporters or self.step

    @property
    def end(self) -> int:
        """Return the end [ms], which is excluded."""
        return self.start + self.days * DAY_MS

    @property
    def events(self) -> list[Event]:
        """Return incidents and look-alikes together."""
        return [*self.incidents, *self.look_alikes]

    @model_validator(mode="after")
    def _fits_together(self) -> Scenario:
        if self.start % DAY_MS:
            raise ValueError(f"start is {format_time(self.start)}; it must be midnight UTC")
        if not 1_000 <= self.step <= DAY_MS or DAY_MS % self.step:
            raise ValueError("step must be at least 1s and divide a day")
        for what, have in (("methods", self.methods), ("latency.methods", self.latency.methods)):
            if missing := set(METHODS) - set(have):
                raise ValueError(f"{what} lacks {', '.join(sorted(missing))}")
        exporters = self.exporters_step
        if exporters < self.step or exporters % self.step or DAY_MS % exporters:
            raise ValueError("scrapes.exporters must be a multiple of step and divide a day")
        self._check_platform()
        if missing := set(INTEGRATIONS) - set(self.notifications_per_hour):
            raise ValueError(f"notifications_per_hour lacks {', '.join(sorted(missing))}")
        for name, method in self.methods.items():
            _check_outcomes(f"methods.{name}", name, method.outcomes)
        self._check_inside("deploys", *self.deploys)
        for gap in self.scrapes.gaps:
            self._check_inside("scrapes.gaps", gap.start, gap.start + gap.length)
        ids: set[str] = set()
        for event in self.events:
            if event.id in ids:
                raise ValueError(f"event id {event.id!r} is used twice")
            ids.add(event.id)
            self._check_inside(f"event {event.id}", *event.starts, event.starts[-1] + event.length)
            _check_effects(event)
        return self

    def _check_platform(self) -> None:
        if self.containers:
            if not self.hash_workers:
                raise ValueError("containers need hash_workers: memory goes with hashes at work")
            cores = self.latency.hashes_per_second * self.containers.cpu_seconds_per_hash
            if self.containers.limits.cpu < cores:
                raise ValueError(
                    f"containers.limits.cpu is {self.containers.limits.cpu:g} cores; "
                    f"latency.hashes_per_second need {cores:g}"
                )
        if self.postgresql:
            pools = self.pods.busy_replicas * self.postgresql.pool_size
            most = pools + self.postgresql.other_connections
            if most > self.postgresql.usable_connections:
                raise ValueError(
                    f"postgresql: pods and others may open {most} connections, the server has "
                    f"{self.postgresql.usable_connections} for them"
                )

    def _check_inside(self, what: str, *times: int) -> None:
        for time in times:
            if not self.start <= time <= self.end:
                raise ValueError(
                    f"{what}: {format_time(time)} is outside the scenario "
                    f"({format_time(self.start)} to {format_time(self.end)})"
                )


def _check_effects(event: Event) -> None:
    for effect in event.effects:
        if isinstance(effect, Requests):
            _check_outcomes(f"event {event.id}", effect.method, effect.outcomes)
        elif isinstance(effect, Failing):
            _check_outcomes(f"event {event.id}", effect.method, [effect.outcome])


def _check_outcomes(where: str, method: str, outcomes: Iterable[str]) -> None:
    if unknown := set(outcomes) - set(OUTCOMES[method]):
        raise ValueError(
            f"{where}: {method} has no outcome {sorted(unknown)[0]!r}; "
            f"there are: {', '.join(OUTCOMES[method])}"
        )


def load_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario file; BadInput names the file and the key that is wrong.

    A file may extend another one beside it, whose keys hold where it states none.
    """
    file = require_file(path, "the scenario")
    content = _read(file)
    if "extends" in content:
        base = _read(require_file(file.with_name(str(content["extends"])), f"{file}: extends"))
        content = base | {key: value for key, value in content.items() if key != "extends"}
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        raise BadInput(_sentence(str(file), error)) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        content = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"{file}, line {line}: not YAML: {error.problem}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} is not YAML text: {error}") from None
    if not isinstance(content, dict):
        raise BadInput(f"{file} holds no scenario: its keys are described in {__name__}")
    return content


def _sentence(file: str, error: ValidationError) -> str:
    first, *others = error.errors(include_url=False)
    where = ".".join(str(part) for part in first["loc"])
    what = first["msg"].removeprefix("Value error, ").removesuffix(".")
    more = f" (and {len(others)} more)" if others else ""
    return f"{file}: {where}: {what}{more}" if where else f"{file}: {what}{more}"
