"""SVG texts of the session's two charts: small, made in milliseconds, with words for those who
do not see them.

Shapes differ in form as well as in colour, so that they survive grey print.  Ids, names and units
come from files and are escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from alertlab.report import style
from alertlab.session.axes import Axis, number_ticks, power_ticks, time_ticks
from alertlab.session.trial import Effect
from alertlab.tuning.setting import Span

WIDTH = 960
_LEFT, _RIGHT = 78, 14
_TOP, _PLOT, _LANE, _BELOW = 8, 150, 22, 46
_LANES = ("incidents", "firing", "pages")
_TRADE_WIDTH, _TRADE_HEIGHT = 470, 300
_NARROWEST = 2.0  # pixels: shorter stretches would vanish
_HALF_A_TIME = 40.0  # pixels
_NEAR = 14.0  # pixels: marks nearer than this are counted together
_BLUE, _RED, _GREEN, _BLACK = style.COLOURS[:4]
_BAND = style.COLOURS[5]
_FONTS = "system-ui, 'Noto Sans KR', NanumGothic, sans-serif"


@dataclass(frozen=True)
class Stretch:
    """A labelled stretch of time, and what became of it.

    fate : ``caught``, ``missed``, ``not owed`` or ``harmless``
    """

    name: str
    start_ms: int
    end_ms: int
    fate: str


def stretches_of(incidents: pd.DataFrame, effect: Effect, harmless: np.ndarray) -> list[Stretch]:
    """Return what is labelled, with what a setting made of it."""
    fates = dict.fromkeys(effect.score.caught, "caught")
    fates |= dict.fromkeys(effect.score.missed, "missed")
    edges = zip(incidents["start"], incidents["end"], strict=True)
    return [
        Stretch(
            name,
            *(round(moment.timestamp() * 1000) for moment in both),
            "harmless" if is_harmless else fates.get(name, "not owed"),
        )
        for name, both, is_harmless in zip(incidents["id"], edges, harmless, strict=True)
    ]


def thin(
    times: np.ndarray, line: np.ndarray, start_ms: int, end_ms: int, columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the columns of pixels in which a line has values, its lowest and its highest there.

    times, line : increasing [ms] and values, NaN where there is none
    Three arrays of one length, at most ``columns``: no peak and no dip is lost.
    """
    first, last = np.searchsorted(times, [start_ms, end_ms])
    inside = times[first:last]
    if not len(inside):
        return np.empty(0, int), np.empty(0), np.empty(0)
    column = (inside - start_ms) * columns // (end_ms - start_ms)
    begins = np.flatnonzero(np.diff(column, prepend=-1))
    low = np.fmin.reduceat(line[first:last], begins)
    high = np.fmax.reduceat(line[first:last], begins)
    there = ~np.isnan(low)
    return column[begins][there], low[there], high[there]


def timeline(
    times: np.ndarray,
    line: np.ndarray,
    effect: Effect,
    stretches: Sequence[Stretch],
    shown: Span,
    *,
    op: str,
    unit: str,
    time_zone: str,
    words: str,
) -> str:
    """Draw what a rule compares with its threshold; incidents, firing and pages in lanes below.

    shown : the part of the history that is drawn
    unit : of what is compared
    words : what the chart says, for people who do not see it
    """
    x = Axis(shown.start_ms, shown.end_ms, _LEFT, WIDTH - _RIGHT)
    threshold = effect.setting.threshold
    columns, low, high = thin(times, line, shown.start_ms, shown.end_ms, int(x.length))
    finite = [*low[np.isfinite(low)], *high[np.isfinite(high)], threshold, 0.0]
    y = Axis(min(finite), max(finite) * 1.06 or 1.0, _TOP + _PLOT, _TOP)
    height = _TOP + _PLOT + _LANE * len(_LANES) + _BELOW
    parts = [
        _bands(stretches, x, height - _BELOW),
        _grid_y(y, number_ticks(y), _LEFT, WIDTH - _RIGHT),
        _time_axis(x, shown, height - _BELOW, time_zone),
        _text(
            14, _TOP + _PLOT / 2, unit, anchor="middle",
            more=f'transform="rotate(-90 14 {_TOP + _PLOT / 2:.0f})"',
        ),
        _line(columns, low, high, y),
        _threshold(y(threshold), f"threshold {op} {threshold:g}"),
        *_lanes(effect, stretches, x),
        _legend(height - 8),
    ]  # fmt: skip
    return _svg(WIDTH, height, "Timeline", words, "".join(parts))


def trade_off(
    curve: pd.DataFrame,
    current: tuple[float, int],
    chosen: tuple[float, int],
    *,
    words: str,
) -> str:
    """Draw incidents caught against false alarms a week for every threshold that is offered.

    curve : as ``Trial.curve``
    current, chosen : the points of the rule as written and of the chosen setting
    """
    left, right, top, bottom = 56, _TRADE_WIDTH - 16, 34, _TRADE_HEIGHT - 46
    owed = int(curve["owed"].max()) if len(curve) else 0
    most = max([*curve["false_rises_per_week"], current[0], chosen[0], 1.0])
    # Square roots: one false alarm a week more matters at one, and not at a hundred.
    x = Axis(0.0, float(np.sqrt(most)) * 1.05, left + 8, right)
    y = Axis(0.0, max(owed, 1) * 1.0, bottom - 8, top + 8)
    ordered = curve.sort_values("threshold", kind="stable")
    places = [
        (x(np.sqrt(false)), y(caught))
        for false, caught in zip(ordered["false_rises_per_week"], ordered["detected"], strict=True)
    ]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    now, then = ((x(np.sqrt(false)), y(caught)) for false, caught in (current, chosen))
    whole = [n for n in number_ticks(Axis(0, max(owed, 1), 0, 1)) if n == int(n)]
    parts = [
        _grid_y(y, whole, left, right),
        *(
            _text(x(np.sqrt(n)), bottom + 14, f"{n:g}", anchor="middle")
            + _rule(x(np.sqrt(n)), bottom, x(np.sqrt(n)), bottom + 4)
            for n in power_ticks(most)
        ),
        _rule(left, bottom, right, bottom),
        _text((left + right) / 2, bottom + 32, "false alarms a week (square root scale)",
              anchor="middle"),
        _text(14, (top + bottom) / 2, f"incidents caught, of {owed}", anchor="middle",
              more=f'transform="rotate(-90 14 {(top + bottom) / 2:.0f})"'),
        f'<polyline points="{path}" fill="none" stroke="{_BLUE}" stroke-width="1.2"/>',
        *map(_dot, dict.fromkeys(places)),
        _star(*now),
        f'<circle class="al-chosen" cx="{then[0]:.1f}" cy="{then[1]:.1f}" r="9" fill="none" '
        f'stroke="{_RED}" stroke-width="2.5"/>',
        _key(left, 16),
    ]  # fmt: skip
    return _svg(_TRADE_WIDTH, _TRADE_HEIGHT, "Trade-off", words, "".join(parts))


def _svg(width: int, height: int, title: str, words: str, body: str) -> str:
    name = title.lower()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="al-{name}" role="img" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'aria-label="{escape(f"{title}. {words}")}" '
        f'style="max-width:100%;height:auto" font-family="{_FONTS}" font-size="12">'
        f"<desc>{escape(words)}</desc>"
        f'<rect width="{width}" height="{height}" fill="white"/>{body}</svg>'
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = style.INK, more: str = ""
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" {more}>'
        f"{escape(text)}</text>"
    )


def _rule(x1: float, y1: float, x2: float, y2: float, colour: str = style.MUTED) -> str:
    return (
        f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="0.8" '
        'fill="none"/>'
    )


def _grid_y(y: Axis, ticks: Sequence[float], left: float, right: float) -> str:
    return "".join(
        _rule(left, y(n), right, y(n), style.GRID)
        + _text(left - 6, y(n) + 4, f"{n:g}", anchor="end")
        for n in ticks
    )


def _time_axis(x: Axis, shown: Span, y: float, time_zone: str) -> str:
    marks = "".join(
        _rule(x(at), y, x(at), y + 4)
        + _text(min(x(at), WIDTH - _HALF_A_TIME), y + 16, label, anchor="middle")
        for at, label in time_ticks(shown.start_ms, shown.end_ms, time_zone)
    )
    return _rule(_LEFT, y, WIDTH - _RIGHT, y) + marks


def _line(columns: np.ndarray, low: np.ndarray, high: np.ndarray, y: Axis) -> str:
    """Draw a stroke from the lowest to the highest of each column, joined within each run."""
    tops, bottoms = y.clipped(high), y.clipped(low)
    moves = np.diff(columns, prepend=-2) > 1
    steps = [
        f"{'M' if move else 'L'}{_LEFT + column} {top:.1f}V{bottom:.1f}"
        for move, column, top, bottom in zip(moves, columns, tops, bottoms, strict=True)
    ]
    return (
        f'<path class="al-values" d="{"".join(steps)}" stroke="{_BLUE}" stroke-width="1" '
        'fill="none"/>'
    )


def _threshold(y: float, label: str) -> str:
    return (
        f'<path class="al-threshold" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="{_RED}" '
        'stroke-width="1.6" stroke-dasharray="7 3" fill="none"/>'
        + _text(WIDTH - _RIGHT - 4, max(y - 5, _TOP + 10), label, anchor="end", colour=style.INK,
                more='stroke="white" stroke-width="3" paint-order="stroke" font-weight="600"')
    )  # fmt: skip


def _bands(stretches: Sequence[Stretch], x: Axis, bottom: float) -> str:
    """Draw what is labelled behind everything; what is harmless in grey."""
    return "".join(
        f'<rect x="{a:.1f}" y="{_TOP}" width="{b - a:.1f}" height="{bottom - _TOP:.0f}" '
        f'fill="{style.GRID if one.fate == "harmless" else _BAND}" fill-opacity="0.35"/>'
        for one in stretches
        for a, b in x.visible(one.start_ms, one.end_ms, _NARROWEST)
    )


def _lanes(effect: Effect, stretches: Sequence[Stretch], x: Axis) -> list[str]:
    tops = [_TOP + _PLOT + _LANE * i for i in range(len(_LANES))]
    names = [
        _rule(_LEFT, top, WIDTH - _RIGHT, top, style.GRID)
        + _text(_LEFT - 6, top + 15, name, anchor="end")
        for top, name in zip(tops, _LANES, strict=True)
    ]
    boxes = [
        f'<rect x="{a:.1f}" y="{tops[0] + 5}" width="{b - a:.1f}" height="12" {_FATES[one.fate]}>'
        f"<title>{escape(f'{one.name}: {one.fate}')}</title></rect>"
        for one in stretches
        for a, b in x.visible(one.start_ms, one.end_ms, 2 * _NARROWEST)
    ]
    firing = [
        f'<rect class="al-firing" x="{a:.1f}" y="{tops[1] + 6}" width="{b - a:.1f}" height="10" '
        f'fill="{_BLACK}"/>'
        for a, b in _merged(effect.firing_ms, x)
    ]
    return [*names, *boxes, *firing, *_page_marks(effect, x, tops[2] + _LANE / 2)]


_FATES = {
    "caught": f'fill="{_GREEN}" stroke="{_GREEN}" stroke-width="1.5"',
    "missed": f'fill="white" stroke="{_RED}" stroke-width="2"',
    "not owed": f'fill="{style.GRID}" stroke="{style.MUTED}" stroke-width="1"',
    "harmless": f'fill="white" stroke="{style.MUTED}" stroke-width="1" stroke-dasharray="2 2"',
}


def _merged(stretches_ms: np.ndarray, x: Axis) -> list[tuple[float, float]]:
    """Return the visible stretches in pixels, those that touch as one."""
    found: list[tuple[float, float]] = []
    for start, end in stretches_ms:
        for a, b in x.visible(start, end, _NARROWEST):
            if found and a <= found[-1][1]:
                found[-1] = found[-1][0], max(b, found[-1][1])
            else:
                found.append((a, b))
    return found


def _page_marks(effect: Effect, x: Axis, y: float) -> list[str]:
    """Mark pages: discs in incidents, crosses outside; near ones as one, with their number."""
    marks = []
    for is_false in (False, True):
        at = x(effect.pages_ms[(effect.incident < 0) == is_false])
        rest = at[(at >= x.low_pixel) & (at <= x.high_pixel)]
        while len(rest):
            count = int(np.searchsorted(rest, rest[0] + _NEAR))
            marks.append(_page(rest[0], y + (4 if is_false else -4), is_false, count))
            rest = rest[count:]
    return marks


def _page(x: float, y: float, is_false: bool, count: int) -> str:
    words = f"{count} {'false ' if is_false else ''}page{'s' if count > 1 else ''}"
    shape = (
        f'<path class="al-page" d="M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6" stroke="{_RED}" '
        'stroke-width="1.8" fill="none">'
        if is_false
        else f'<circle class="al-page" cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_BLACK}">'
    )
    number = f'<text x="{x + 5:.1f}" y="{y + 3:.1f}" font-size="9">{count}</text>' * (count > 1)
    return f"{shape}<title>{words}</title></{'path' if is_false else 'circle'}>{number}"


def _legend(y: float) -> str:
    """Explain what is drawn, in words beside each shape."""
    parts, x = [], float(_LEFT)
    for shape, label in (
        (f'<path d="M0 -4H22" stroke="{_BLUE}" stroke-width="1.5"/>', "worst series"),
        (f'<rect y="-10" width="16" height="11" {_FATES["caught"]}/>', "incident caught"),
        (f'<rect y="-10" width="16" height="11" {_FATES["missed"]}/>', "missed"),
        (f'<rect y="-10" width="16" height="11" {_FATES["not owed"]}/>', "of other rules"),
        (f'<rect y="-10" width="16" height="11" {_FATES["harmless"]}/>', "harmless"),
        (f'<rect y="-9" width="16" height="9" fill="{_BLACK}"/>', "firing"),
        (_page(8, -4, False, 1), "page in an incident"),
        (_page(8, -4, True, 1), "false page"),
    ):
        parts.append(f'<g transform="translate({x:.0f} {y})">{shape}{_text(24, 0, label)}</g>')
        x += 36 + 5.9 * len(label)
    return "".join(parts)


def _star(x: float, y: float) -> str:
    angles = np.pi * np.arange(10) / 5 - np.pi / 2
    sizes = np.where(np.arange(10) % 2, 4, 9)
    points = " ".join(
        f"{x + r * np.cos(a):.1f},{y + r * np.sin(a):.1f}"
        for r, a in zip(sizes, angles, strict=True)
    )
    return (
        f'<polygon class="al-current" points="{points}" fill="white" stroke="{style.INK}" '
        'stroke-width="1.5"/>'
    )


def _dot(place: tuple[float, float]) -> str:
    return f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="2" fill="{_BLUE}"/>'


def _key(x: float, y: float) -> str:
    return (
        _star(x + 8, y - 4) + _text(x + 24, y, "as written")
        + f'<circle cx="{x + 116}" cy="{y - 4}" r="7" fill="none" stroke="{_RED}" '
        f'stroke-width="2.5"/>' + _text(x + 130, y, "chosen")
        + f'<circle cx="{x + 198}" cy="{y - 4}" r="2.5" fill="{_BLUE}"/>'
        + _text(x + 208, y, "other thresholds")
    )  # fmt: skip
