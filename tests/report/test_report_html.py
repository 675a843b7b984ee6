"""Figures, callouts and code blocks as HTML."""

from __future__ import annotations

import base64
import logging
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from bs4 import BeautifulSoup
from matplotlib import font_manager

from alertlab.report import code_block, note, show_figure, style

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def soup_of(shown):
    return BeautifulSoup(shown.html, "html.parser")


def draw():
    figure, axes = style.figure(2)
    axes.plot([1, 2, 3])
    return figure


def test_figure_is_inside_the_page():
    """The image is data in the page, with alternative text, caption and its size."""
    figure = draw()
    soup = soup_of(show_figure(figure, alt="rises", caption="Pages"))
    image = soup.figure.img
    assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))[1:4] == b"PNG"
    assert (image["alt"], soup.figcaption.get_text()) == ("rises", "Pages")
    assert (image["width"], image["height"]) == (str(round(7.4 * 96)), "192")


def test_figure_is_closed():
    """A shown figure leaves no second picture behind in the notebook."""
    figure = draw()
    show_figure(figure, alt="a", caption="c")
    assert not plt.fignum_exists(figure.number)


def test_same_figure_same_bytes():
    """Neither date nor program version is in the image."""
    first, second = (show_figure(draw(), alt="a", caption="c").html for _ in range(2))
    assert first == second
    data = base64.b64decode(soup_of(show_figure(draw(), alt="a", caption="c")).img["src"][22:])
    assert b"Software" not in data and b"tEXt" not in data


@pytest.mark.parametrize(("alt", "caption"), [(" ", "c"), ("a", "")])
def test_figure_needs_words(alt, caption):
    """A figure that cannot be read aloud is refused."""
    with pytest.raises(ValueError, match="alternative text and a caption"):
        show_figure(draw(), alt=alt, caption=caption)


@pytest.mark.parametrize(
    "shown",
    [
        lambda: show_figure(draw(), alt=HOSTILE, caption=HOSTILE),
        lambda: note("warning", HOSTILE),
        lambda: code_block(HOSTILE, "yaml"),
        lambda: code_block(f"+{HOSTILE}\n-{HOSTILE}\n {HOSTILE}", "diff"),
    ],
    ids=["figure", "note", "code", "diff"],
)
def test_hostile_text_stays_text(shown):
    """Text that looks like HTML is shown and makes no element."""
    soup = soup_of(shown())
    assert HOSTILE in soup.get_text()
    assert soup.script is None
    assert [tag for tag in soup.find_all(True) if "onerror" in tag.attrs] == []


def test_note_kinds():
    """A callout names its kind in words and keeps its paragraphs apart."""
    soup = soup_of(note("answer", "Leave it.\n\nIt is fine."))
    assert [p.get_text() for p in soup.find_all("p")] == ["Answer", "Leave it.", "It is fine."]
    with pytest.raises(ValueError, match="answer, decision, warning, coverage, limits"):
        note("shout", "x")


def test_diff_marks_lines():
    """Added and removed lines are marked by element, file heads are not."""
    soup = soup_of(code_block("--- a\n+++ b\n-for: 1m\n+for: 5m\n x: 1", "diff"))
    assert [tag.get_text() for tag in soup.find_all("ins")] == ["+for: 5m"]
    assert [tag.get_text() for tag in soup.find_all("del")] == ["-for: 1m"]
    assert soup_of(code_block("- a", "yaml")).find("del") is None


def test_plain_text_of_everything():
    """Terminals get the words instead of HTML."""
    assert repr(show_figure(draw(), alt="rises", caption="Pages")) == "[figure] Pages\nrises"
    assert repr(note("limits", "few data")) == "Limits: few data"
    assert repr(code_block("a: 1", "yaml")) == "a: 1"


def test_lines_differ_without_colour():
    """On a grey print the first lines still differ by their style, and all markers differ."""
    assert len({str(one) for one in style.LINE_STYLES[:6]}) == 6
    assert len(set(style.MARKERS)) == len(style.MARKERS) == len(style.COLOURS)


def test_hangul_is_drawn_if_a_font_is_there(caplog):
    """Korean titles have glyphs where a Korean font is installed; nothing warns of absent fonts."""
    with caplog.at_level(logging.WARNING, "matplotlib.font_manager"):
        figure, axes = style.figure(2)
        axes.set_title("minus −1")
        show_figure(figure, alt="a", caption="c")
    assert caplog.records == []
    if not {"NanumGothic", "Noto Sans CJK KR"} & set(font_manager.get_font_names()):
        pytest.skip("no Hangul font installed")
    figure, axes = style.figure(2)
    axes.set_title("로그인 실패율")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a glyph that it cannot draw
        show_figure(figure, alt="a", caption="c")
    assert mpl.rcParams["font.family"][0] in {"NanumGothic", "Noto Sans CJK KR"}


def test_absent_fonts_are_not_named(monkeypatch):
    """Where no Hangul font exists only matplotlib's own is asked for."""
    monkeypatch.setattr(font_manager, "get_font_names", lambda: ["DejaVu Sans"])
    assert style.theme()["font.family"] == ["DejaVu Sans"]
