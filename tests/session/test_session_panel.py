"""The panel without a browser: handlers, sentences, files."""

from __future__ import annotations

import asyncio
import re
import subprocess
from html import unescape
from pathlib import Path

import nbformat
import pytest
from session_history import INCIDENTS, RULES

from alertlab.incidents import HARMLESS, load_incidents
from alertlab.rules import find_rule, load_rules
from alertlab.session import TuningPanel
from alertlab.units import MINUTE_MS


@pytest.fixture
def panel(session) -> TuningPanel:
    """The panel of a session with TooMany on the table."""
    return TuningPanel(session)


def choose(panel: TuningPanel, knob: str, label: str) -> None:
    """Move a slider to a label, as the browser does."""
    slider = panel._knobs[knob]
    slider.index = slider.options.index(label)


def shown(panel: TuningPanel) -> tuple[str, ...]:
    """All that follows from the setting, as it is shown."""
    views = panel._timeline, panel._trade_off, panel._scorecard, panel._verdict
    return tuple(view.value for view in views)


def said(panel: TuningPanel) -> str:
    """The sentence below everything."""
    return unescape(re.sub("<[^>]+>", "", panel._said.value))


def test_a_slider_moves_everything(panel) -> None:
    """Timeline, trade-off, scorecard and sentence follow; back leads back."""
    before = shown(panel)
    choose(panel, "threshold", panel._knobs["threshold"].options[-1])
    after = shown(panel)
    assert all(old != new for old, new in zip(before, after, strict=True))
    panel._back.click()
    assert shown(panel) == before
    assert panel._knobs["threshold"].value == "5"


@pytest.mark.parametrize("knob", ["hold_duration_ms", "keep_firing_for_ms"])
def test_durations_move_everything(panel, knob: str) -> None:
    """Both stand in the scorecard."""
    before = shown(panel)
    choose(panel, knob, "30m")
    assert getattr(panel._session.setting, knob) == 30 * MINUTE_MS
    assert shown(panel)[2] != before[2] and "30m" in shown(panel)[2]


def test_another_rule(panel) -> None:
    """Sliders are filled anew; what cannot be tuned is a sentence and no sliders."""
    before = shown(panel)
    panel._rule.value = 1
    assert panel._session.rule.name == "OnAverage"
    assert shown(panel) != before
    assert "5m" in panel._knobs["window_ms"].options
    assert not panel._knobs["window_ms"].disabled
    panel._rule.value = 3
    assert "Always cannot be tuned" in said(panel)
    assert panel._tools.layout.display == "none"
    panel._rule.value = 0
    assert said(panel) == "" and panel._tools.layout.display == "flex"
    assert shown(panel) == before
    assert panel._knobs["window_ms"].disabled


def test_the_panel_of_a_rule_that_cannot_be_tuned(open_session) -> None:
    """It opens, with a sentence."""
    panel = TuningPanel(open_session("Missing"))
    assert "finds no data" in said(panel)
    panel._rule.value = 0
    assert "<svg" in panel._timeline.value


def test_days_shown(panel) -> None:
    """A part of the time is drawn; nothing else changes."""
    before = shown(panel)
    panel._days.index = (1, 2)
    assert shown(panel)[0] != before[0] and shown(panel)[1:] == before[1:]
    panel._days.index = (2, 2)
    assert "<svg" in panel._timeline.value


def test_mark_a_stretch_of_firing(panel) -> None:
    """Chosen from the list it fills the times and comes into view; saved it is rescored."""
    before = shown(panel)
    panel._marking.stretch.index = 1
    assert panel._marking.start.value == "2024-10-04 10:02:00"
    assert panel._marking.end.value == "2024-10-04 10:03:00"
    assert panel._days.index[1] - panel._days.index[0] <= 2
    panel._marking.severity.value = "critical"
    panel._marking.note.value = "a real one"
    panel._marking.incident.click()
    saved = load_incidents(panel._session.incidents_file)
    [row] = saved[saved["note"] == "a real one"].itertuples()
    assert (row.severity, row.should_alert) == ("critical", ("TooMany",))
    assert f"{row.id} is saved as an incident (critical)" in said(panel)
    assert shown(panel)[2] != before[2]


def test_mark_as_harmless(panel) -> None:
    """The severity of the list does not matter then."""
    panel._marking.start.value, panel._marking.end.value = "2024-10-04 10:00", "2024-10-04 10:20"
    panel._marking.harmless.click()
    saved = load_incidents(panel._session.incidents_file)
    assert (saved["severity"] == HARMLESS).sum() == 1
    assert "is saved as harmless" in said(panel)
    assert "harmless" in panel._timeline.value


def test_what_goes_wrong_is_a_sentence(panel) -> None:
    """No times, an end before its start, a file nobody may write, no change to export."""
    panel._marking.incident.click()
    assert "'' is not a time in Asia/Seoul" in said(panel)
    panel._marking.start.value, panel._marking.end.value = "2024-10-04 10:20", "2024-10-04 10:00"
    panel._marking.incident.click()
    assert "end is not after its start" in said(panel)
    panel._export.click()
    assert "no change to export" in said(panel)
    panel._session.incidents_file.write_text("- {id: <b>&, start: never")
    panel._marking.end.value = "2024-10-04 10:30"
    panel._marking.incident.click()
    assert "incidents.yml" in said(panel)
    assert not panel._session.out.exists()


def test_a_sentence_is_text(panel) -> None:
    """What a person typed is repeated escaped."""
    panel._marking.start.value = "<img src=x onerror=alert(1)>"
    panel._marking.incident.click()
    assert "<img" not in panel._said.value and "<img" in said(panel)


def test_a_folder_that_cannot_be_made(panel) -> None:
    """Its name and the reason."""
    panel._session.out.write_text("a file")
    choose(panel, "hold_duration_ms", "3m")
    panel._export.click()
    assert "out cannot be written" in said(panel)


def test_export(panel, promtool: str, tmp_path: Path) -> None:
    """The edited rule, a test that promtool passes, a report; the old file stays."""
    choose(panel, "hold_duration_ms", "3m")
    panel._export.click()
    names = sorted(path.name for path in panel._session.out.iterdir())
    assert len(names) == 3 and "rules.yml" in names
    assert all(name in said(panel) for name in names)
    edited = (panel._session.out / "rules.yml").read_text()
    assert edited == RULES.replace("for: 2m", "for: 3m")
    assert (tmp_path / "rules.yml").read_text() == RULES
    [test] = [name for name in names if name.endswith("test.yml")]
    ran = subprocess.run(
        [promtool, "test", "rules", test],
        cwd=panel._session.out,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    rule = find_rule(load_rules(panel._session.out / "rules.yml"), "TooMany")
    assert rule.hold_duration_ms == 3 * MINUTE_MS
    [report] = [name for name in names if name.endswith(".md")]
    assert "chosen by hand" in (panel._session.out / report).read_text()


def test_a_label_that_is_html(panel, open_session, tmp_path: Path) -> None:
    """Ids of incidents reach the page as text."""
    hostile = "<script>alert(1)</script>"
    (tmp_path / "incidents.yml").write_text(INCIDENTS.replace("id: first", f"id: '{hostile}'"))
    yardstick = panel._session.yardstick
    session = open_session(yardstick=type(yardstick)(load_incidents(tmp_path / "incidents.yml")))
    panel = TuningPanel(session)
    choose(panel, "hold_duration_ms", "30m")
    assert "&lt;script&gt;" in shown(panel)[2]
    assert not any("<script" in html for html in shown(panel))


def test_neighbours_are_looked_at_ahead(panel) -> None:
    """When nobody has moved a slider for a while, what comes next is known already."""

    async def wait() -> None:
        choose(panel, "hold_duration_ms", "3m")
        for _ in range(100):
            await asyncio.sleep(0.05)
            if not panel._session.unknown_neighbours(panel._knobs):
                return
        raise AssertionError("it never came to an end")

    asyncio.run(wait())
    assert panel._session.setting.hold_duration_ms == 3 * MINUTE_MS


def test_as_a_cell_that_nobody_opens(panel) -> None:
    """What is stored of it says what it is, in one line of text."""
    bundle = panel._repr_mimebundle_()
    assert "run this cell in JupyterLab" in bundle["text/plain"]
    assert nbformat.v4.new_output("execute_result", bundle)
