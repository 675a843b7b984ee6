"""Display objects for notebooks: each knows its HTML and its plain text.

Everything that is shown may hold untrusted text (label values, annotations) and is escaped here.
The little inline styling is for JupyterLab; the exported report drops it and has its own sheet.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

PIXELS_PER_INCH = 96
_SHARPNESS = 2  # device pixels per CSS pixel, for dense screens and print
_PALETTE = 128  # colours

NOTE_KINDS = {
    "answer": "Answer",
    "decision": "Decision",
    "warning": "Warning",
    "coverage": "Coverage",
    "limits": "Limits",
}
_NOTE_COLOURS = {
    "answer": "#1a7f37",
    "decision": "#1a7f37",
    "warning": "#9a6700",
    "coverage": "#57606a",
    "limits": "#57606a",
}


@dataclass(frozen=True)
class Shown:
    """Something a notebook shows: ``html`` for people who see, ``text`` for plain terminals."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def show_figure(figure: Figure, *, alt: str, caption: str) -> Shown:
    """Show a matplotlib figure as an image inside the page, and close the figure.

    alt : what the figure says, for people who do not see it; required
    caption : what it shows, with units and source; required
    """
    if not alt.strip() or not caption.strip():
        raise ValueError("a figure needs an alternative text and a caption")
    data = base64.b64encode(_png(figure)).decode("ascii")
    plt.close(figure)
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    image = (
        f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}" '
        f'width="{width}" height="{height}">'
    )
    return Shown(
        f'<figure class="al-figure">'
        f"{scroller(image, caption)}<figcaption>{escape(caption)}</figcaption></figure>",
        f"[figure] {caption}\n{alt}",
    )


def _png(figure: Figure) -> bytes:
    """Return the figure as an image with a palette, which takes a third of the bytes.

    Nothing in it depends on the version of matplotlib.
    """
    drawn, kept = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_SHARPNESS * PIXELS_PER_INCH)
    with Image.open(drawn) as image:
        # The palette that covers all colours keeps thin lines in theirs, however few their pixels.
        few = image.convert("RGB").quantize(
            _PALETTE, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    few.save(kept, "PNG", optimize=True)
    return kept.getvalue()


def note(kind: str, text: str) -> Shown:
    """Show a callout; ``kind`` is one of NOTE_KINDS; blank lines part paragraphs."""
    if kind not in NOTE_KINDS:
        raise ValueError(f"unknown kind of note {kind!r}; there are: {', '.join(NOTE_KINDS)}")
    title = NOTE_KINDS[kind]
    paragraphs = "".join(
        f"<p>{escape(part.strip())}</p>" for part in text.split("\n\n") if part.strip()
    )
    style = f"border-left:4px solid {_NOTE_COLOURS[kind]};padding:2px 14px;margin:8px 0"
    return Shown(
        f'<div class="al-note al-{kind}" role="note" style="{style}">'
        f'<p class="al-kind"><strong>{title}</strong></p>{paragraphs}</div>',
        f"{title}: {text}",
    )


def code_block(text: str, language: str) -> Shown:
    """Show text as written, such as a rule's YAML; a ``diff`` has its lines marked."""
    if language == "diff":
        body = "\n".join(_diff_line(line) for line in text.splitlines())
    else:
        body = escape(text)
    return Shown(
        f'<pre class="al-code" tabindex="0" role="group" aria-label="{escape(language)}">'
        f'<code class="language-{escape(language)}">{body}</code></pre>',
        text,
    )


def scroller(inner_html: str, name: str) -> str:
    """Wrap wide HTML so that it scrolls sideways alone, by keyboard too, and not the page."""
    return (
        f'<div class="al-scroll" tabindex="0" role="group" aria-label="{escape(name)}" '
        f'style="overflow-x:auto">{inner_html}</div>'
    )


def _diff_line(line: str) -> str:
    tag = {"+": "ins", "-": "del"}.get(line[:1])
    if tag is None or line.startswith(("+++", "---")):
        return escape(line)
    return f"<{tag}>{escape(line)}</{tag}>"
