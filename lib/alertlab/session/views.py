"""What the session shows of its state: HTML and SVG texts, for the panel and for a report."""

from __future__ import annotations

import base64
from html import escape

from alertlab.incidents import is_harmless
from alertlab.report.answers import scorecard_table
from alertlab.report.html import Shown, note, scroller
from alertlab.report.tables import table
from alertlab.rules import compared_unit, find_threshold
from alertlab.session import words
from alertlab.session.drawing import stretches_of, timeline, trade_off
from alertlab.session.session import TuningSession
from alertlab.tuning.setting import Span

AS_WRITTEN, CHOSEN = "as written", "chosen"


def timeline_view(session: TuningSession, shown: Span) -> tuple[str, str]:
    """Return the timeline of a part of the history, as SVG and in words."""
    trial, effect = session.trial, session.effect
    replay, incidents = trial.replays(session.setting), trial.yardstick.incidents
    stretches = stretches_of(incidents, effect, is_harmless(incidents))
    op = find_threshold(session.rule.expr).op
    said = words.timeline_words(effect, stretches, op)
    drawn = timeline(
        replay.times, replay.line, effect, stretches, shown,
        op=op, unit=compared_unit(session.rule), time_zone=trial.yardstick.time_zone, words=said,
    )  # fmt: skip
    return drawn, said


def trade_off_view(session: TuningSession) -> str:
    """Return the trade-off between false alarms and incidents as SVG, or why there is none."""
    trial = session.trial
    curve = trial.curve(session.setting)
    owed = int(curve["owed"].iloc[0])
    if not owed:
        return (
            "<p>No incident that this rule owes an alert is labelled in this time, so there is "
            "nothing to trade false alarms for. Mark one below.</p>"
        )
    current, chosen = trial.point(trial.current), trial.point(session.setting)
    said = words.trade_off_words(current, chosen, owed)
    return trade_off(curve, current, chosen, words=said)


def scorecard_view(session: TuningSession) -> str:
    """Return the scorecard of the rule as written and of the chosen setting as HTML."""
    current = session.trial.effect(session.trial.current).score
    chosen = session.effect.score
    card = table(
        scorecard_table({AS_WRITTEN: current, CHOSEN: chosen}),
        caption="Scorecard, with 95 % intervals",
        align={AS_WRITTEN: "right", CHOSEN: "right"},
    )
    return card.html


def verdict_view(session: TuningSession) -> str:
    """Return one sentence of HTML on what the chosen setting changes."""
    current = session.trial.effect(session.trial.current).score
    return f"<p>{escape(words.verdict_words(current, session.effect.score))}</p>"


def picture(session: TuningSession) -> Shown:
    """Show the rule on the table as a still picture and a table, for reports and for paper."""
    if session.trial is None:
        return note("limits", session.problem)
    drawn, said = timeline_view(session, session.span)
    image = base64.b64encode(drawn.encode()).decode()
    caption = f"{session.rule.name}: {session.rule.expr}"
    current = session.trial.effect(session.trial.current).score
    scores = {AS_WRITTEN: current}
    if session.setting != session.trial.current:
        scores[CHOSEN] = session.effect.score
    card = table(scorecard_table(scores), caption="Scorecard, with 95 % intervals")
    figure = scroller(
        f'<img src="data:image/svg+xml;base64,{image}" alt="{escape(said)}" width="960">', caption
    )
    return Shown(
        f'<figure class="al-figure">{figure}<figcaption>{escape(caption)}</figcaption></figure>'
        f"{card.html}",
        f"[figure] {caption}\n{said}\n{card.text}",
    )
