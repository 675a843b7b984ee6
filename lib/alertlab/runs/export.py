"""An executed notebook as one self-contained HTML page: no script, no outside address, no code."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment
from markdown_it import MarkdownIt
from markupsafe import Markup
from nbconvert.exporters import TemplateExporter
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from alertlab.report.findings import badge_html
from alertlab.report.html import Shown
from alertlab.report.tables import table
from alertlab.runs.sanitize import sanitize

TEMPLATES = Path(__file__).parent / "templates"

_TITLE = re.compile(r"\A\s*# +(.+?)\s*$", re.MULTILINE)
_SOURCE_FIRST = ("kind", "location", "origin", "synthetic", "start", "end")
_FEW_QUERIES = 12  # as many are shown at once
_WIDGET = "application/vnd.jupyter.widget-view+json"  # a progress bar, of no use once it is done
_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def to_html(
    notebook: NotebookNode, manifest: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]
) -> str:
    """Return the report page of an executed notebook.

    manifest : as ``alertlab.runs.manifest`` makes it, with the source described
    findings : as published, most urgent first; the page opens with them

    The language is the notebook's metadata ``lang`` (default ``en``).
    """
    title, cells = _split_title(notebook)
    contents = _Contents()
    page = {
        "title": title or manifest["notebook"].replace("_", " "),
        "lang": notebook.metadata.get("lang", "en"),
        "cells": [html for html in (_cell(cell, contents) for cell in cells) if html],
        "contents": contents.entries,
        "findings": findings,
        "run": manifest,
        "about": _about(manifest),
    }
    return ReportExporter().from_notebook_node(notebook, {"page": page})[0]


class ReportExporter(TemplateExporter):
    """nbconvert with our template and none of its preprocessors."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def __init__(self) -> None:
        super().__init__(
            template_name="alertlab",
            extra_template_basedirs=[str(TEMPLATES)],
            default_preprocessors=[],
        )

    def _create_environment(self) -> Environment:
        return prepare(super()._create_environment())


def prepare(environment: Environment) -> Environment:
    """Give a Jinja environment what our pages use: escaping, the style sheet, badges, times."""
    environment.autoescape = True
    environment.globals.update(
        style=style_sheet(),
        policy=content_policy(),
        badge=lambda severity: Markup(sanitize(badge_html(severity))),
    )
    environment.filters["moment"] = lambda text: text.replace("T", " ")[:16] + " UTC"
    return environment


@cache
def style_sheet() -> Markup:
    """Return our CSS; it comes from the package, not from any notebook."""
    return Markup((TEMPLATES / "alertlab" / "report.css").read_text(encoding="utf-8"))


@cache
def content_policy() -> str:
    """Return the Content-Security-Policy: images inside the page and our own style, no more."""
    digest = base64.b64encode(hashlib.sha256(style_sheet().encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


class _Contents:
    """The headings of the page, each with an anchor of its own."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str]] = []
        self._taken = {"report", "in-short", "about-this-run"}  # the template's own

    def add(self, text: str) -> str:
        """Note a heading and return its anchor."""
        slug = re.sub(r"[^\w]+", "-", text.lower()).strip("-") or "section"
        anchor, again = slug, 2
        while anchor in self._taken:
            anchor, again = f"{slug}-{again}", again + 1
        self._taken.add(anchor)
        self.entries.append((anchor, text))
        return anchor


def _split_title(notebook: NotebookNode) -> tuple[str, list[NotebookNode]]:
    """Return the text of the leading ``# heading`` and the cells without it."""
    cells = [cell.copy() for cell in notebook.cells]
    first = next((cell for cell in cells if cell.cell_type == "markdown"), None)
    match = _TITLE.search(first.source) if first else None
    if match is None:
        return "", cells
    first["source"] = first.source[match.end() :]
    return _plain(match[1]), cells


def _plain(markdown: str) -> str:
    children = _markdown.parseInline(markdown)[0].children or []
    return "".join(token.content for token in children)


def _cell(cell: NotebookNode, contents: _Contents) -> Markup:
    if cell.cell_type == "markdown":
        return _prose(cell.source, contents)
    if cell.cell_type == "code":
        return Markup("").join(_output(output) for output in cell.outputs)
    return Markup("")


def _prose(source: str, contents: _Contents | None = None) -> Markup:
    """Return Markdown as HTML, its headings noted in ``contents``; HTML in it stays text."""
    tokens = _markdown.parse(source)
    for opening, text in pairwise(tokens):
        if contents and opening.type == "heading_open" and opening.tag in ("h1", "h2"):
            opening.attrSet("id", contents.add(_plain(text.content)))
    html = sanitize(_markdown.renderer.render(tokens, _markdown.options, {}))
    return Markup('<div class="prose">{}</div>').format(Markup(html)) if html.strip() else Markup()


def _output(output: NotebookNode) -> Markup:
    """Return one output as HTML: the richest form that is not a program; stderr is left out."""
    if output.output_type == "stream":
        return _pre(output.text) if output.name == "stdout" else Markup("")
    data = output.get("data", {})
    if _WIDGET in data:
        return Markup("")
    if "text/html" in data:
        return Markup('<div class="shown">{}</div>').format(Markup(sanitize(data["text/html"])))
    alt = output.get("metadata", {}).get("alt", "Figure without a description")
    for kind in ("image/svg+xml", "image/png", "image/jpeg"):
        if kind in data:
            return _image(kind, data[kind], alt)
    if "text/markdown" in data:
        return _prose(data["text/markdown"])
    return _pre(data["text/plain"]) if "text/plain" in data else Markup("")


def _pre(text: str) -> Markup:
    lines = (line.rsplit("\r", 1)[-1] for line in strip_ansi(text).rstrip().split("\n"))
    return Markup('<pre class="al-code" tabindex="0">{}</pre>').format("\n".join(lines))


def _image(kind: str, data: str, alt: str) -> Markup:
    if kind == "image/svg+xml":  # inside an img element an SVG can neither run nor fetch
        data = base64.b64encode(data.encode()).decode()
    return Markup(
        '<figure class="al-figure"><img src="data:{};base64,{}" alt="{}"></figure>'
    ).format(kind, data.replace("\n", ""), alt)


def _about(manifest: Mapping[str, Any]) -> list[Markup]:
    """Return the tables that say how the report came about."""
    code = {
        "notebook digest": manifest["notebook_digest"],
        "git commit": manifest["git_commit"],
        "versions": ", ".join(
            f"{name} {version}" for name, version in manifest["versions"].items()
        ),
    }
    source = manifest["source"]
    # Notebook files keep their keys sorted; people read what and where first.
    order = [key for key in _SOURCE_FIRST if key in source]
    order += [key for key in source if key not in order]
    tables = [
        _pairs("Source", {key: source[key] for key in order}),
        _pairs("Parameters", manifest["parameters"]),
        _pairs("Code", code),
    ]
    about = [Markup(sanitize(one.html)) for one in tables]
    return [*about, _queries(manifest["queries"])] if manifest["queries"] else about


def _queries(queries: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the queries and their cost; a long list is folded."""
    frame = pd.DataFrame(list(queries))
    formats = {"expr": "code"} if "expr" in frame else {}
    shown = Markup(sanitize(table(frame, caption="Queries and their cost", formats=formats).html))
    if len(frame) <= _FEW_QUERIES:
        return shown
    return Markup("<details><summary>{} queries and their cost</summary>{}</details>").format(
        len(frame), shown
    )


def _pairs(caption: str, values: Mapping[str, Any]) -> Shown:
    words = {None: "none", True: "yes", False: "no"}
    rows = [
        (name, words[value] if value is None or isinstance(value, bool) else str(value))
        for name, value in values.items()
    ]
    frame = pd.DataFrame(rows, columns=["name", "value"])
    return table(frame, caption=caption, formats={"value": "code"})
