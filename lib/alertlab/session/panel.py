"""The session's screen in JupyterLab: sliders above, what follows from them below.

The browser holds a slider's next value back until the kernel has answered, so that the last value
wins and a drag never queues up.
"""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from html import escape
from typing import Any

import ipywidgets
import pandas as pd

from alertlab.errors import AlertlabError
from alertlab.incidents import HARMLESS
from alertlab.report.html import note
from alertlab.rules import AlertRule
from alertlab.session.export import export_change
from alertlab.session.session import TuningSession
from alertlab.session.views import (
    scorecard_view,
    timeline_view,
    trade_off_view,
    verdict_view,
)
from alertlab.session.words import firing_stretches, local_time
from alertlab.tuning.setting import Span
from alertlab.units import DAY_MS, format_duration

_KNOBS = {
    "threshold": "threshold",
    "hold_duration_ms": "for",
    "keep_firing_for_ms": "keep_firing_for",
    "window_ms": "window",
}
_SEVERITIES = ("warning", "critical")
_PAUSE_SECONDS, _BREATH_SECONDS, _IDLE_SECONDS = 0.15, 0.03, 1.0
_NO_STRETCH = "choose one to fill the times"
_WIDE = {"description_width": "120px"}
_STYLE = """<style>
.al-session { max-width: 1000px; background: white; color: #24292f; padding: 4px 10px; }
.al-session .noUi-handle:focus, .al-session button:focus, .al-session select:focus,
.al-session input:focus { outline: 3px solid #0072B2; outline-offset: 1px; }
.al-session table { border-collapse: collapse; font-size: 12px; line-height: 1.25; }
.al-session caption { text-align: left; font-weight: 600; padding: 2px 6px; }
.al-session td, .al-session th { padding: 2px 8px; border-bottom: 1px solid #d8dee4; }
.al-session table, .al-session p, .al-session label { color: #24292f; }
.al-session th[scope=row] { white-space: nowrap; text-align: left; font-weight: 400; }
.al-session td { min-width: 120px; }
.al-session .widget-readout { min-width: 96px; max-width: none; }
.al-session p { margin: 2px 0; line-height: 1.35; }
</style>"""


class TuningPanel(ipywidgets.VBox):
    """The widgets of a tuning session, to be a cell's result."""

    def __init__(self, session: TuningSession) -> None:
        self._session = session
        self._alone = threading.RLock()  # JupyterLab may hand events to several threads
        self._is_filling = False  # values are being set by the panel, not by a person
        self._rule = ipywidgets.Dropdown(
            options=[(rule_label(rule), i) for i, rule in enumerate(session.rules)],
            value=session.number, description="rule", style=_WIDE, layout={"width": "480px"},
        )  # fmt: skip
        self._knobs = {
            knob: ipywidgets.SelectionSlider(
                options=["–"], description=label, style=_WIDE, layout={"width": "480px"}
            )
            for knob, label in _KNOBS.items()
        }
        self._is_prepared = False  # whether the rule's other replays are on their way
        self._turned = "threshold"
        self._idle: asyncio.TimerHandle | None = None
        self._values: dict[str, list] = {}  # of each slider, for its labels
        self._back = ipywidgets.Button(description="Back to as written")
        self._days = ipywidgets.SelectionRangeSlider(
            options=[("–", 0)], description="days shown", style=_WIDE, layout={"width": "960px"}
        )
        self._timeline, self._trade_off, self._scorecard, self._verdict, self._said = (
            ipywidgets.HTML() for _ in range(5)
        )
        self._trade_off.layout.width = "480px"
        self._marking = Marking(session.yardstick.time_zone)
        self._export = ipywidgets.Button(
            description="Export change", tooltip="Write the edited rule, its test and a report"
        )
        self._tools = ipywidgets.VBox([
            ipywidgets.HBox([self._knobs["threshold"], self._knobs["window_ms"]]),
            ipywidgets.HBox([self._knobs["hold_duration_ms"], self._knobs["keep_firing_for_ms"]]),
            ipywidgets.HBox([self._back, self._verdict]),
            self._timeline,
            self._days,
            ipywidgets.HBox([self._trade_off, self._scorecard], layout={"flex_flow": "row wrap"}),
            self._marking.box,
            self._export,
        ])  # fmt: skip
        super().__init__([ipywidgets.HTML(_STYLE), self._rule, self._tools, self._said])
        self.add_class("al-session")
        self._show_rule()
        self._wire()

    def __repr__(self) -> str:
        return "The panel of a tuning session: run this cell in JupyterLab to use it."

    def _wire(self) -> None:
        self._rule.observe(self._on(self._choose_rule), "value")
        for knob, slider in self._knobs.items():
            slider.observe(self._on(partial(self._turn, knob)), "index")
        self._days.observe(self._on(lambda _: self._draw_timeline()), "value")
        self._back.on_click(self._on(self._go_back))
        self._marking.stretch.observe(self._on(self._look_at), "index")
        self._marking.incident.on_click(self._on(self._mark_incident))
        self._marking.harmless.on_click(self._on(self._mark_harmless))
        self._export.on_click(self._on(self._write_change))

    def _on(self, act: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a handler that says in the panel what went wrong, and ignores our own moves."""

        def handle(event: Any) -> None:
            with self._alone:
                if self._is_filling:
                    return
                try:
                    act(event)
                except AlertlabError as error:
                    self._say(f"{error}", kind="warning")

        return handle

    @contextmanager
    def _filling(self) -> Iterator[None]:
        self._is_filling = True
        try:
            yield
        finally:
            self._is_filling = False

    def _say(self, text: str, kind: str = "answer") -> None:
        self._said.value = text and note(kind, text).html

    def _choose_rule(self, change: dict[str, Any]) -> None:
        self._say(f"Replaying {self._session.rules[change['new']].name}…", kind="limits")
        self._session.choose_rule(change["new"])
        self._is_prepared = False
        self._show_rule()

    def _show_rule(self) -> None:
        """Show the rule on the table, or why it cannot be tuned."""
        trial = self._session.trial
        self._tools.layout.display = "none" if trial is None else "flex"
        self._say(self._session.problem, kind="warning")
        if trial is None:
            return
        with self._filling(), self._days.hold_sync():
            self._days.options = _days(self._session.span, self._zone)
            self._days.index = (0, len(self._days.options) - 1)
        self._follow()

    def _turn(self, knob: str, change: dict[str, Any]) -> None:
        session, self._turned = self._session, knob
        session.turn(knob, self._values[knob][change["new"]])
        if not session.trial.replays.is_made(session.setting):
            self._say("Replaying the history with this setting…", kind="limits")
        self._follow()
        self._say("")
        if not self._is_prepared:
            self._is_prepared = True
            session.prepare()

    def _go_back(self, _: Any) -> None:
        self._session.setting = self._session.trial.current
        self._follow()

    def _follow(self) -> None:
        """Show what follows from the setting, everywhere."""
        session = self._session
        with self._filling():
            for knob, values in session.settings_offered.items():
                self._fill(self._knobs[knob], knob, values)
            self._marking.offer(firing_stretches(session.effect, self._zone))
        self._verdict.value = verdict_view(session)
        self._trade_off.value = trade_off_view(session)
        self._scorecard.value = scorecard_view(session)
        self._draw_timeline()
        self._think_ahead(_PAUSE_SECONDS, [self._turned])

    def _think_ahead(self, seconds: float, knobs: list[str]) -> None:
        """Look at what the next step of a slider will ask for, when nobody has moved any."""
        if self._idle is not None:
            self._idle.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # outside of a kernel nobody moves sliders
            return
        self._idle = loop.call_later(seconds, self._look_ahead, knobs)

    def _look_ahead(self, knobs: list[str]) -> None:
        with self._alone:
            if self._session.trial is None:
                return
            unknown = self._session.unknown_neighbours(knobs)
            if unknown:
                self._session.trial.effect(unknown[0])
                self._session.trial.curve(unknown[0])
                self._think_ahead(_BREATH_SECONDS, knobs)
            elif len(knobs) == 1:  # of the slider in hand; the others can wait
                self._think_ahead(_IDLE_SECONDS, list(_KNOBS))

    def _fill(self, slider: ipywidgets.SelectionSlider, knob: str, values: list) -> None:
        if self._values.get(knob) != values:
            self._values[knob] = values
            slider.index = 0  # else the browser moves the handle into a smaller range, and tells us
            slider.options = [_knob_text(knob, one) for one in values]
            slider.disabled = len(values) < 2
        slider.index = values.index(getattr(self._session.setting, knob))

    def _draw_timeline(self) -> None:
        start_ms, end_ms = self._days.value
        shown = Span(start_ms, max(end_ms, start_ms + DAY_MS))
        self._timeline.value, _ = timeline_view(self._session, shown)

    def _look_at(self, change: dict[str, Any]) -> None:
        """Put a stretch of firing into the fields to mark, and show the days around it."""
        if not change["new"]:
            return
        start_ms, end_ms = self._marking.fill(change["new"])
        edges = [edge for _, edge in self._days.options]
        first = max(0, bisect_right(edges, start_ms) - 1)
        last = min(len(edges) - 1, bisect_right(edges, end_ms))
        self._days.index = (first, last)

    def _mark_incident(self, _: Any) -> None:
        self._mark(self._marking.severity.value)

    def _mark_harmless(self, _: Any) -> None:
        self._mark(HARMLESS)

    def _mark(self, severity: str) -> None:
        made = self._session.mark(
            self._marking.start.value, self._marking.end.value,
            severity=severity, note=self._marking.note.value,
        )  # fmt: skip
        self._follow()
        kind = "harmless" if severity == HARMLESS else f"an incident ({severity})"
        self._say(f"{made} is saved as {kind} in {self._session.incidents_file}; all is rescored.")

    def _write_change(self, _: Any) -> None:
        self._say("Replaying both rules and writing the change…", kind="limits")
        written = export_change(self._session)
        files = [written.rules, written.unit_test, written.report]
        text = f"Written: {', '.join(str(one) for one in files if one)}."
        if written.unit_test is None:
            text += f" There is no unit test: {written.why_no_test}."
        self._say(text)

    @property
    def _zone(self) -> str:
        return self._session.yardstick.time_zone


class Marking:
    """The fields by which a stretch of time is labelled."""

    def __init__(self, time_zone: str) -> None:
        self._zone = time_zone
        self._stretches: list[tuple[int, int]] = []
        wide = {"style": _WIDE, "layout": {"width": "480px"}}
        self.stretch = ipywidgets.Dropdown(
            options=[_NO_STRETCH], description="firing stretch", **wide
        )
        self.start = ipywidgets.Text(description="from", placeholder="2026-03-01 08:00", **wide)
        self.end = ipywidgets.Text(description="until", placeholder="2026-03-01 08:30", **wide)
        self.severity = ipywidgets.Dropdown(options=_SEVERITIES, description="severity", **wide)
        self.note = ipywidgets.Text(description="note", placeholder="what it was", **wide)
        self.incident = ipywidgets.Button(description="Mark as incident")
        self.harmless = ipywidgets.Button(description="Mark as harmless")
        self.box = ipywidgets.VBox([
            ipywidgets.HTML(
                f"<p><strong>Label a stretch</strong> (times in {escape(time_zone)})</p>"
            ),
            ipywidgets.HBox([self.stretch, self.severity]),
            ipywidgets.HBox([self.start, self.end]),
            ipywidgets.HBox([self.note, self.incident, self.harmless]),
        ])  # fmt: skip

    def offer(self, stretches: list[tuple[str, tuple[int, int]]]) -> None:
        """Offer stretches of firing to look at."""
        options = (_NO_STRETCH, *(label for label, _ in stretches))
        self._stretches = [stretch for _, stretch in stretches]
        if self.stretch.options != options:
            self.stretch.options = options
            self.stretch.index = 0

    def fill(self, number: int) -> tuple[int, int]:
        """Write the stretch that was chosen, counted from 1, into the fields; return it."""
        stretch = self._stretches[number - 1]
        self.start.value, self.end.value = (local_time(one, self._zone) for one in stretch)
        return stretch


def rule_label(rule: AlertRule) -> str:
    """Name a rule so that two of one name differ."""
    return f"{rule.name} ({rule.group})"


def _knob_text(knob: str, value: float | None) -> str:
    if value is None:
        return "as written"
    return f"{value:.12g}" if knob == "threshold" else format_duration(value)


def _days(span: Span, time_zone: str) -> list[tuple[str, int]]:
    """Return where the days of a zone begin within a span, and its ends."""
    start = pd.Timestamp(span.start_ms, unit="ms", tz="UTC").tz_convert(time_zone)
    days = pd.date_range(start.normalize(), periods=round(7 * span.weeks) + 2, freq="D")
    edges = [round(one.timestamp() * 1000) for one in days]
    inside = [span.start_ms, *(e for e in edges if span.start_ms < e < span.end_ms), span.end_ms]
    return [(local_time(one, time_zone, "%b %-d"), one) for one in inside]
