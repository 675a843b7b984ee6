"""A tuning session without its screen: what is chosen, what follows, what is written down."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from alertlab.errors import AlertlabError, BadInput
from alertlab.incidents import HARMLESS, load_incidents, save_incident
from alertlab.rules import AlertRule
from alertlab.session.replays import Replays
from alertlab.session.trial import Effect, Trial
from alertlab.sources import Source
from alertlab.tuning.grid import HOLD_DURATIONS_MS, KEEP_FIRING_FOR_MS, WINDOWS_MS
from alertlab.tuning.setting import Setting, Span
from alertlab.tuning.yardstick import Yardstick


class TuningSession:
    """Rules over one history, one of them on the table with a setting to try.

    rules : to choose from; several may have one name, in other groups
    yardstick : what settings are measured by, its incidents those of ``incidents_file``
    incidents_file : what marked stretches are added to; empty: there is none
    out : the folder that a change is exported to
    number : which rule is on the table at first

    rule, trial, setting : what is on the table; no trial where the rule cannot be tuned, for the
        reason ``problem``
    """

    rule: AlertRule
    trial: Trial | None = None
    setting: Setting | None
    problem: str

    def __init__(
        self,
        rules: Sequence[AlertRule],
        source: Source,
        start_ms: int,
        end_ms: int,
        *,
        yardstick: Yardstick,
        incidents_file: str | Path,
        out: str | Path,
        slot_offset_ms: int = 0,
        number: int = 0,
    ) -> None:
        if not rules:
            raise BadInput("there is no rule to tune: the rule files hold no alert")
        self.rules, self.source, self.yardstick = tuple(rules), source, yardstick
        self.start_ms, self.end_ms, self._slot_offset_ms = start_ms, end_ms, slot_offset_ms
        self.incidents_file, self.out = incidents_file, Path(out)
        self._replays: dict[int, Replays] = {}
        self._turn = threading.RLock()
        self.choose_rule(number)

    def choose_rule(self, number: int) -> None:
        """Put a rule on the table, as it is written; where that cannot be tuned, say why."""
        if self.trial is not None:
            self.trial.replays.make_ahead([])
        self.number, self.rule = number, self.rules[number]
        self.trial, self.setting, self.problem = None, None, ""
        try:
            self.trial = Trial(self._replays_of(number), self.yardstick)
        except AlertlabError as error:
            self.problem = f"{self.rule.name} cannot be tuned: {error}"
            return
        self.setting = self.trial.current
        if not self.trial.replays.data_ratio:
            self.trial = self.setting = None
            self.problem = (
                f"{self.rule.name}: its expression finds no data in this time; "
                "its silence says nothing"
            )

    @property
    def effect(self) -> Effect:
        """What follows from the setting."""
        return self.trial.effect(self.setting)

    @property
    def span(self) -> Span:
        """The reported time of the rule on the table."""
        return self.trial.replays(self.setting).span

    @property
    def settings_offered(self) -> dict[str, list]:
        """The values that each knob may be turned to, increasing; the present one among them."""
        current, chosen = self.trial.current, self.setting
        interval_ms = self.rule.interval_ms
        thresholds = self.trial.replays(chosen).thresholds.tolist()
        windows = [None]
        if current.window_ms is not None:
            # A rate needs two samples, so a window below two evaluations would mostly be empty.
            windows = [one for one in WINDOWS_MS if one >= 2 * interval_ms]
        offered = {
            "threshold": thresholds,
            "hold_duration_ms": HOLD_DURATIONS_MS,
            "keep_firing_for_ms": KEEP_FIRING_FOR_MS,
            "window_ms": windows,
        }
        return {
            knob: sorted({*values, getattr(current, knob), getattr(chosen, knob)})
            for knob, values in offered.items()
        }

    def turn(self, knob: str, value: float | None) -> None:
        """Choose another value of one of the setting's numbers."""
        self.setting = replace(self.setting, **{knob: value})

    def unknown_neighbours(self, knobs: Iterable[str]) -> list[Setting]:
        """Return the settings that are one step of these knobs away and yet to be looked at.

        Only those whose replays are at hand.
        """
        found = []
        for knob in knobs:
            values = self.settings_offered[knob]
            at = values.index(getattr(self.setting, knob))
            for one in (*values[at + 1 : at + 2], *values[max(0, at - 1) : at]):
                found.append(replace(self.setting, **{knob: one}))
        known, made = self.trial.is_known, self.trial.replays.is_made
        return [one for one in found if made(one) and not known(one)]

    def prepare(self) -> None:
        """Replay in the background what the sliders of the rule on the table can ask for next."""
        moved = "threshold" if self.trial.replays.why else "window_ms"
        ahead = [replace(self.setting, **{moved: one}) for one in self.settings_offered[moved]]
        self.trial.replays.make_ahead(ahead)

    def mark(self, start_text: str, end_text: str, *, severity: str, note: str = "") -> str:
        """Add a stretch to the incidents file and measure by it; return its id.

        start_text, end_text : as the clocks of the yardstick's time zone show them
        severity : of the incident, which this rule then owes an alert; or HARMLESS
        """
        if not self.incidents_file:
            raise BadInput("no incidents file is named, so nothing can be saved; name one")
        start_ms, end_ms = (self._moment_ms(text) for text in (start_text, end_text))
        owing = None if severity == HARMLESS else (self.rule.name,)
        made = save_incident(
            self.incidents_file, start_ms=start_ms, end_ms=end_ms, severity=severity,
            should_alert=owing, note=note,
        )  # fmt: skip
        self.yardstick = replace(self.yardstick, incidents=load_incidents(self.incidents_file))
        if self.trial is not None:
            self.trial = Trial(self.trial.replays, self.yardstick)
        return made

    def _replays_of(self, number: int) -> Replays:
        if number not in self._replays:
            self._replays[number] = Replays(
                self.rules[number], self.source, self.start_ms, self.end_ms,
                slot_offset_ms=self._slot_offset_ms, turn=self._turn,
            )  # fmt: skip
        return self._replays[number]

    def _moment_ms(self, text: str) -> int:
        zone = self.yardstick.time_zone
        try:
            moment = pd.Timestamp(text.strip())
            moment = moment.tz_localize(zone) if moment.tzinfo is None else moment
            return round(moment.timestamp() * 1000)
        except (ValueError, TypeError, KeyError, OverflowError):
            raise BadInput(
                f"{text!r} is not a time in {zone}; write it like 2026-03-01 08:00"
            ) from None
