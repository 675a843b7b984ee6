"""How figures look: one matplotlib theme that survives grey print, colour blindness and Hangul."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib import font_manager

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color), ordered so that neighbours also differ
# in lightness; yellow is left out because it vanishes on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#333333", "#CC79A7", "#E69F00", "#56B4E9")
LINE_STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)), "-.", (0, (7, 2, 1, 2, 1, 2)), (0, (3, 4)), "-")
MARKERS = ("o", "s", "^", "D", "v", "X", "P")
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "++", "oo")

INK = "#24292f"
MUTED = "#57606a"
GRID = "#d8dee4"

WIDTH_INCHES = 7.4
_HANGUL_FONTS = ("NanumGothic", "Noto Sans CJK KR", "Noto Sans KR", "Malgun Gothic")


def theme() -> dict[str, Any]:
    """Return the matplotlib settings; only fonts that exist here are named, so nothing warns."""
    known = set(font_manager.get_font_names())
    fonts = [font for font in (*_HANGUL_FONTS, "DejaVu Sans") if font in known]
    return {
        "font.family": fonts,
        "font.size": 10,
        "axes.titlesize": 12,
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINE_STYLES),
        # The Hangul fonts lack the typographic minus sign in some versions.
        "axes.unicode_minus": False,
        "grid.color": GRID,
        "grid.linewidth": 0.7,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "lines.linewidth": 1.6,
        "lines.markersize": 5,
        "hatch.linewidth": 0.6,
        "legend.frameon": False,
        "legend.handlelength": 2.8,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.w_pad": 0.08,
        "figure.constrained_layout.h_pad": 0.08,
        "timezone": "UTC",
    }


def figure(
    height_inches: float = 3.4,
    *,
    width_inches: float = WIDTH_INCHES,
    rows: int = 1,
    columns: int = 1,
    **subplots: Any,
) -> tuple[plt.Figure, Any]:
    """Return ``(figure, axes)`` in the report's theme, as ``matplotlib.pyplot.subplots`` does.

    The theme stays set afterwards, because titles and legends read it when they are made.
    ``subplots`` is handed on (``sharex``, ``height_ratios`` and so on).
    """
    mpl.rcParams.update(theme())
    return plt.subplots(rows, columns, figsize=(width_inches, height_inches), **subplots)
