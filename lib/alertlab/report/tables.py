"""Accessible tables of frames: units in the cells, a dash for what is missing, doubt beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from alertlab.report.html import Shown, scroller
from alertlab.units import Interval, format_duration, format_labels

MISSING = "–"

Format = str | Callable[[Any], str]
"""A name of FORMATS, a Python format specification such as ``.2f``, or a function to text."""


def format_number(value: float) -> str:
    """Write a number to three significant digits, integers in full, thousands parted by commas."""
    if np.isinf(value):
        return "∞" if value > 0 else "-∞"
    if float(value).is_integer() or abs(value) >= 1_000:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.2e}"
    decimals = max(0, 2 - int(np.floor(np.log10(abs(value)))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def format_ratio(value: float) -> str:
    """Write a ratio as a percentage: 0.125 is ``12.5%``, 0.99987 is ``99.987%``.

    What is not quite nothing or everything is not rounded to 0% or 100% (down to 1e-8).
    """
    if 0 < value < 0.0005:
        return "<0.1%"
    missing = (1 - value) * 100
    decimals = min(6, 1 - int(np.floor(np.log10(missing)))) if 0 < missing < 0.5 else 1
    text = f"{value * 100:.{decimals}f}"
    return (text.rstrip("0").rstrip(".") or "0") + "%"


def format_seconds(value: float) -> str:
    """Write seconds as people say them: 0.12 is ``120 ms``, 94.3 is ``1m34s``."""
    if value == 0:
        return "0 s"
    if not np.isfinite(value):
        return format_number(value)
    if abs(value) < 10:
        return f"{format_number(value * 1_000)} ms" if abs(value) < 1 else f"{value:.1f} s"
    return format_duration(round(value) * 1_000)


def format_quantity(value: float, unit: str) -> str:
    """Write a value with its unit: ``ratio`` is a percentage, ``s`` as people say seconds."""
    if np.isnan(value):
        return MISSING
    if unit == "ratio":
        return format_ratio(value)
    if unit == "s":
        return format_seconds(value)
    return f"{format_number(value)} {unit}".strip()


def format_moment(value: Any) -> str:
    """Write a UTC time as ``YYYY-MM-DD HH:MM``; a number is milliseconds since the epoch."""
    moment = pd.Timestamp(value, unit="ms") if _is_number(value) else pd.Timestamp(value)
    if moment.tzinfo is not None:
        moment = moment.tz_convert("UTC")
    return moment.strftime("%Y-%m-%d %H:%M")


FORMATS: dict[str, Callable[[Any], str]] = {
    "number": format_number,
    "ratio": format_ratio,
    "seconds": format_seconds,
    "duration_ms": lambda value: format_duration(round(value)),
    "time": format_moment,
    "labels": format_labels,
    "text": str,
    "code": str,
}
_SHORT = 20  # characters of a cell that is not broken into lines, such as a time
_LEFT = ("labels", "text", "code")


def table(
    frame: pd.DataFrame,
    *,
    caption: str,
    formats: Mapping[str, Format] | None = None,
    align: Mapping[str, str] | None = None,
) -> Shown:
    """Show a DataFrame as an HTML table whose first column names the rows.

    caption : what the table holds, with the unit of plain numbers; required
    formats : for columns, a name of FORMATS, a format specification or a function; else
        numbers get three significant digits, times and durations are written in full
    align : for columns, ``left`` or ``right``; else numbers stand right and text left

    The index is shown as the first column unless it is a plain count of rows.  Missing cells show
    a dash, never 0; an Interval shows as ``mid (low–high)``.
    """
    if not caption.strip():
        raise ValueError("a table needs a caption")
    shown = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    names = [str(name) for name in shown.columns]
    for given in (*(formats or {}), *(align or {})):
        if given not in names:
            raise ValueError(f"the table has no column {given!r}; it has: {', '.join(names)}")
    columns = [
        _Column(name, shown.iloc[:, at], (formats or {}).get(name), (align or {}).get(name))
        for at, name in enumerate(names)
    ]
    return Shown(_html(columns, len(shown), caption), _text(columns, caption))


class _Column:
    """One column, formatted: its heading, its cells as text, its side and classes."""

    def __init__(self, name: str, values: pd.Series, form: Format | None, side: str | None):
        cells = values.tolist()
        self.name = name
        self.is_code = form in ("code", "labels")
        self.cells = [format_cell(value, form) for value in cells]
        self.side = side or ("left" if _is_text(cells, form) else "right")
        longest = max(map(len, self.cells), default=0)
        self.css = f"al-{self.side}" + (" al-short" if longest <= _SHORT else "")
        if self.side not in ("left", "right"):
            raise ValueError(f"align of column {name!r} must be left or right, not {side!r}")


def format_cell(value: Any, form: Format | None = None) -> str:
    """Write one cell as text; ``form`` None chooses by the value's type."""
    if isinstance(value, Interval):
        return _format_interval(value, form)
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return MISSING
    if callable(form):
        return form(value)
    if form in FORMATS:
        return FORMATS[form](value)
    if form is not None:
        return format(value, form)
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if _is_number(value):
        return format_number(value)
    if isinstance(value, pd.Timedelta):
        return format_duration(round(value.total_seconds() * 1_000))
    if isinstance(value, datetime):
        return format_moment(value)
    return str(value)


def _format_interval(value: Interval, form: Format | None) -> str:
    mid = format_cell(value.mid, form)
    if pd.isna(value.mid) or pd.isna(value.low) or pd.isna(value.high):
        return mid
    dash = " to " if value.low < 0 else "–"
    return f"{mid} ({format_cell(value.low, form)}{dash}{format_cell(value.high, form)})"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _is_text(cells: list[Any], form: Format | None) -> bool:
    """Tell whether a column reads as text: by its format, else by its first present cell."""
    if isinstance(form, str):
        return form in _LEFT
    present = (c for c in cells if isinstance(c, Interval) or format_cell(c) != MISSING)
    first = next(present, "")
    return not (_is_number(first) or isinstance(first, Interval | pd.Timedelta))


def _html(columns: list[_Column], n_rows: int, caption: str) -> str:
    head = "".join(
        f'<th scope="col" class="{c.css}" style="text-align:{c.side}">{escape(c.name)}</th>'
        for c in columns
    )
    rows = "".join(
        "<tr>" + "".join(_cell(c, row, is_head=at == 0) for at, c in enumerate(columns)) + "</tr>"
        for row in range(n_rows)
    )
    if n_rows == 0:
        rows = f'<tr><td class="al-left" colspan="{max(1, len(columns))}">nothing to show</td></tr>'
    body = (
        f'<table class="al-table"><caption><span>{escape(caption)}</span></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )
    return scroller(body, caption)


def _cell(column: _Column, row: int, *, is_head: bool) -> str:
    tag, scope = ("th", ' scope="row"') if is_head else ("td", "")
    text = escape(column.cells[row])
    if column.is_code and column.cells[row] != MISSING:
        text = f"<code>{text}</code>"
    style = f"text-align:{column.side}"
    return f'<{tag}{scope} class="{column.css}" style="{style}">{text}</{tag}>'


def _text(columns: list[_Column], caption: str) -> str:
    if not columns or not columns[0].cells:
        return f"{caption}\nnothing to show"
    widths = [max(len(text) for text in (c.name, *c.cells)) for c in columns]
    rows = zip(*([c.name, *c.cells] for c in columns), strict=True)
    lines = (
        "  ".join(
            text.ljust(width) if column.side == "left" else text.rjust(width)
            for text, width, column in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in rows
    )
    return "\n".join((caption, *lines))
