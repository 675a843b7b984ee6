"""From the setting on the table to files for a pull request."""

from __future__ import annotations

from alertlab.change import Proposal, WrittenChange, check_output, write_change
from alertlab.errors import BadInput
from alertlab.rules import RuleChange
from alertlab.session.session import TuningSession
from alertlab.session.words import verdict_words
from alertlab.tuning.verdict import coverage_of


def export_change(session: TuningSession) -> WrittenChange:
    """Write the edited rule, its unit test and its report to the session's folder.

    The rules' file keeps its name.  BadInput where nothing is changed, where the rule has no file,
    and where the folder cannot be written.
    """
    if session.trial is None or session.setting == session.trial.current:
        raise BadInput("the setting is that of the rule as written; there is no change to export")
    rule = session.rule
    target = session.out / rule.file.name
    try:
        session.out.mkdir(parents=True, exist_ok=True)
        check_output(rule.server or str(rule.file), target)
        with session.trial.replays.alone():
            return write_change(_proposal(session), session.source, target)
    except OSError as error:
        raise BadInput(f"{session.out} cannot be written: {error.strerror or error}") from None


def _proposal(session: TuningSession) -> Proposal:
    trial, chosen = session.trial, session.setting
    evaluations, current = trial.replays.evaluations, trial.effect(trial.current).score
    coverage = coverage_of(
        evaluations(trial.current), evaluations.data_ratio(), session.span, session.yardstick
    )
    return Proposal(
        rule=session.rule,
        change=RuleChange(**{knob: getattr(chosen, knob) for knob in chosen.turned(trial.current)}),
        current=current,
        proposed=session.effect.score,
        why=verdict_words(current, session.effect.score),
        how_sure="The setting was chosen by hand, looking at this history: nothing is known of "
        "weeks that were not looked at.",
        tried=None,
        evaluations=evaluations,
        yardstick=session.yardstick,
        span=session.span,
        coverage=coverage,
    )
