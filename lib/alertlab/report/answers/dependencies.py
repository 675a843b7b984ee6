"""The sentences and tables of the report on what stands behind the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from alertlab.capacity.dependencies import Spell, Watched, known_ratio, spells
from alertlab.incidents import Margins, match_times
from alertlab.report.answers.words import join, plural, slug_of
from alertlab.report.findings import Finding
from alertlab.report.tables import MISSING, format_moment, format_quantity, format_ratio
from alertlab.units import format_duration

_MARGINS = Margins()
_MOST_SPELLS = 12  # of a table that is read in a meeting
_ENOUGH_RATIO = 0.9  # of the time must be known


def dependencies_answer(watched: Sequence[Watched], incidents: pd.DataFrame) -> str:
    """Return what the meeting should know first: which parts were unwell, and when for no reason.

    Spells inside labelled incidents are known of; the others are news.
    """
    parts = list(dict.fromkeys(one.signal.part for one in watched))
    lines = []
    for part in parts:
        own = [one for one in watched if one.signal.part == part]
        troubled = [(one, spells(one)) for one in own]
        troubled = [(one, found) for one, found in troubled if found]
        if not any(one.lines for one in own):
            lines.append(f"{part}: nothing is known; the source has none of its metrics.")
        elif not troubled:
            lines.append(f"{part}: all within bounds.")
        else:
            texts = [_trouble_text(one, found, incidents) for one, found in troubled]
            lines.append(f"{part}: {'; '.join(texts)}.")
    return "\n\n".join(lines)


def dependencies_findings(watched: Sequence[Watched], incidents: pd.DataFrame) -> list[Finding]:
    """Return a finding for each signal beyond its bound, and for what was not measured."""
    found = []
    for one in watched:
        slug = f"{slug_of(one.signal.part)}.{slug_of(one.signal.name)}"
        if not one.lines:
            title = f"{one.signal.part}: the source has no {one.signal.name}."
            found.append(Finding(f"no-data.{slug}", "info", title, f"Query: {one.query}"))
            continue
        if known_ratio(one) < _ENOUGH_RATIO:
            title = (
                f"{one.signal.part}: {one.signal.name} is known for "
                f"{format_ratio(known_ratio(one))} of the time only."
            )
            found.append(Finding(f"gaps.{slug}", "warning", title))
        if beyond := spells(one):
            explained = _explained(beyond, incidents)
            severity = "info" if explained == len(beyond) else "warning"
            title = f"{one.signal.part}: {_trouble_text(one, beyond, incidents)}."
            found.append(Finding(f"beyond.{slug}", severity, title, f"Query: {one.query}"))
    if not found:
        found.append(Finding("dependencies-fine", "ok", "Everything was within its bounds."))
    return found


def dependencies_numbers(watched: Sequence[Watched]) -> dict[str, Any]:
    """Return the report's figures for machines, by part and signal."""
    numbers: dict[str, Any] = {}
    for one in watched:
        values = _all_values(one)
        numbers.setdefault(one.signal.part, {})[one.signal.name] = {
            "unit": one.signal.unit,
            "median": _of(np.median, values),
            "highest": _of(np.max, values),
            "bound": one.signal.bound,
            "spells": len(spells(one)),
            "known_ratio": known_ratio(one),
        }
    return numbers


def signals_table(watched: Sequence[Watched]) -> pd.DataFrame:
    """Return one row per signal: usual and extreme values, bound, and time beyond it."""
    rows = []
    for one in watched:
        values, unit, bound = _all_values(one), one.signal.unit, one.signal.bound
        beyond = sum(spell.end_ms - spell.start_ms for spell in spells(one))
        sign = "at least" if one.signal.below else "at most"
        rows.append(
            {
                "signal": one.signal.name,
                "median": format_quantity(_of(np.median, values), unit),
                "lowest": format_quantity(_of(np.min, values), unit),
                "highest": format_quantity(_of(np.max, values), unit),
                "should be": MISSING if bound is None else f"{sign} {format_quantity(bound, unit)}",
                "time beyond": MISSING if bound is None else format_duration(beyond),
                "known": format_ratio(known_ratio(one)),
            }
        )
    return pd.DataFrame(rows)


def spells_beyond_table(watched: Sequence[Watched], incidents: pd.DataFrame) -> pd.DataFrame:
    """Return the longest spells beyond bounds, in order of time, with the incident they fall in."""
    rows = [(spell.end_ms - spell.start_ms, one, spell) for one in watched for spell in spells(one)]
    longest = sorted(rows, key=lambda row: -row[0])[:_MOST_SPELLS]
    return pd.DataFrame(
        [
            {
                "signal": one.signal.name,
                "from (UTC)": format_moment(spell.start_ms),
                "for": format_duration(length),
                "at worst": format_quantity(spell.worst, one.signal.unit),
                "incident": _incident_of(spell, incidents) or MISSING,
            }
            for length, one, spell in sorted(longest, key=lambda row: row[2].start_ms)
        ],
        columns=["signal", "from (UTC)", "for", "at worst", "incident"],
    )


def _trouble_text(watched: Watched, beyond: Sequence[Spell], incidents: pd.DataFrame) -> str:
    signal, height = watched.signal, -1.0 if watched.signal.below else 1.0
    worst = max(beyond, key=lambda one: height * one.worst)
    total = sum(one.end_ms - one.start_ms for one in beyond)
    where = "below" if signal.below else "above"
    text = (
        f"{signal.name} was {where} {format_quantity(signal.bound, signal.unit)} for "
        f"{format_duration(total)} in {plural(len(beyond), 'spell')}, at worst "
        f"{format_quantity(worst.worst, signal.unit)} at {format_moment(worst.worst_ms)}"
    )
    names = sorted({name for one in beyond if (name := _incident_of(one, incidents))})
    explained = _explained(beyond, incidents)
    if not names:
        return text
    share = "all" if explained == len(beyond) else f"{explained}"
    return f"{text} ({share} of it in {join(names[:3])}{' and others' if len(names) > 3 else ''})"


def _incident_of(spell: Spell, incidents: pd.DataFrame) -> str:
    at = int(match_times(np.array([spell.worst_ms]), incidents, _MARGINS)[0])
    return str(incidents["id"].iloc[at]) if at >= 0 else ""


def _explained(beyond: Sequence[Spell], incidents: pd.DataFrame) -> int:
    return sum(bool(_incident_of(one, incidents)) for one in beyond)


def _all_values(watched: Watched) -> np.ndarray:
    values = np.concatenate([np.empty(0), *(line.values for line in watched.lines)])
    return values[np.isfinite(values)]


def _of(what: Any, values: np.ndarray) -> float:
    return float(what(values)) if len(values) else np.nan
