"""The page that a report is: what it shows, what it leaves out, that it stands alone."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat import v4

from alertlab.report import Finding, note, show_figure, style, table
from alertlab.report.findings import findings_html
from alertlab.runs.export import to_html

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def shown(html=None, **data):
    """A code cell with one output of the given forms."""
    if html is not None:
        data["text/html"] = html
    return v4.new_code_cell("secret_code()", outputs=[v4.new_output("display_data", data=data)])


def stream(text, name):
    return v4.new_code_cell("x", outputs=[v4.new_output("stream", text=text, name=name)])


def page_of(cells, manifest, findings=(), **metadata):
    notebook = v4.new_notebook(cells=cells, metadata=metadata)
    return to_html(notebook, manifest, findings)


def soup_of(*arguments, **options):
    return BeautifulSoup(page_of(*arguments, **options), "html.parser")


@pytest.fixture
def hostile_cells():
    """Every way by which a label value may reach the page."""
    figure, axes = style.figure(2)
    axes.plot([1, 2])
    frame = pd.DataFrame({HOSTILE: [HOSTILE]}, index=pd.Index([HOSTILE], name="i"))
    return [
        v4.new_markdown_cell(f"# Title {HOSTILE}\n\ntext {HOSTILE}"),
        v4.new_markdown_cell(f"## {HOSTILE}"),
        shown(table(frame, caption=HOSTILE).html),
        shown(show_figure(figure, alt=HOSTILE, caption=HOSTILE).html),
        shown(note("answer", HOSTILE).html),
        shown(frame._repr_html_()),
        shown(findings_html([Finding("a", "action", HOSTILE, HOSTILE)])),
        shown(**{"text/markdown": HOSTILE}),
        shown(**{"text/plain": HOSTILE}),
        stream(HOSTILE, "stdout"),
        shown(f"raw {HOSTILE}"),
    ]


def test_page_stands_alone(hostile_cells, manifest):
    """No script, no handler, no address outside the file, whatever the labels hold."""
    manifest["parameters"]["name"] = manifest["source"]["location"] = HOSTILE
    manifest["queries"][0]["expr"] = manifest["warnings"] = [HOSTILE]
    findings = [{"id": "a", "severity": "action", "title": HOSTILE}]
    page = page_of(hostile_cells, manifest, findings)
    soup = BeautifulSoup(page, "html.parser")
    assert "<script" not in page and not re.search(r"https?://", page)
    for tag in soup.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on") or name == "style"]
        assert tag.get("href", "#").startswith("#")
        assert tag.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
    assert not soup.find_all(["link", "iframe", "object", "embed", "form", "base"])
    # In the title, in prose twice, and once or twice in each output but the last (raw HTML).
    assert soup.get_text().count(HOSTILE) >= 12
    assert soup.h1.get_text() == f"Title {HOSTILE}"
    assert soup.img["alt"] == HOSTILE


def test_policy_allows_nothing_but_our_style(manifest):
    """The Content-Security-Policy names the digest of the one style sheet and no source."""
    soup = soup_of([], manifest)
    policy = soup.select_one('meta[http-equiv="Content-Security-Policy"]')["content"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src" not in policy
    (digest,) = re.findall(r"style-src 'sha256-(.+?)'", policy)
    assert hashlib.sha256(soup.style.string.encode()).digest() == b64decode(digest)


def test_document_is_well_formed(manifest):
    """Language, title, one h1 and headings with anchors that the contents point to."""
    cells = [
        v4.new_markdown_cell("# Who was *greeted*?\n\nBy us."),
        v4.new_markdown_cell("## Why `x`\n\n## Why x\n\n### Detail\n\n# Late title"),
    ]
    soup = soup_of(cells, manifest, lang="ko")
    assert soup.html["lang"] == "ko"
    assert soup.title.get_text() == "Who was greeted?, 2026-03-01 08:05 UTC"
    assert [h.get_text() for h in soup.find_all("h1")] == ["Who was greeted?"]
    links = [(a["href"], a.get_text()) for a in soup.nav.find_all("a")]
    assert links == [("#why-x", "Why x"), ("#why-x-2", "Why x"), ("#late-title", "Late title")]
    assert all(soup.find("h2", id=href[1:]) for href, _ in links)
    assert "By us." in soup.main.get_text()


def test_every_anchor_is_one_place(manifest):
    """Headings named like parts of the page, or shown by code, do not take their anchors."""
    cells = [
        v4.new_markdown_cell("## Report\n\n## In short"),
        shown(**{"text/markdown": "## Report"}),
    ]
    findings = [{"id": "a", "severity": "ok", "title": "t"}]
    ids = [tag["id"] for tag in soup_of(cells, manifest, findings).find_all(id=True)]
    assert ids == ["report", "in-short", "report-2", "in-short-2", "about-this-run"]


def test_title_without_heading(manifest):
    """A notebook without a title is called by its name; the default language is English."""
    soup = soup_of([v4.new_markdown_cell("text")], manifest)
    assert soup.h1.get_text() == "01 greetings"
    assert soup.html["lang"] == "en"


def test_code_and_noise_are_left_out(manifest):
    """Neither code, stderr, progress bars nor the plain twin of HTML is in the page."""
    widget = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "FloatProgress(1)"}
    cells = [
        shown("<b>rich</b>", **{"text/plain": "poor"}),
        shown(**widget),
        shown(**{"text/plain": "bare result"}),
        stream("loading 10%\rloading 100%\n\x1b[31mred\x1b[0m", "stdout"),
        stream("a warning", "stderr"),
    ]
    text = soup_of(cells, manifest).main.get_text()
    assert "rich" in text and "bare result" in text and "loading 100%\nred" in text
    for absent in ("secret_code", "poor", "FloatProgress", "10%\r", "\x1b", "a warning"):
        assert absent not in text


def test_bare_images_have_words(manifest):
    """A picture that did not come through show_figure says at least that it has no description."""
    svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    cells = [shown(**{"image/png": "iVBO\nRw0K", "text/plain": "<Figure>"})]
    cells.append(shown(**{"image/svg+xml": svg}))
    cells[1].outputs[0].metadata["alt"] = "a curve"
    first, second = soup_of(cells, manifest).main.find_all("img")
    assert (first["src"], first["alt"]) == (
        "data:image/png;base64,iVBORw0K",
        "Figure without a description",
    )
    assert second["alt"] == "a curve"
    assert b64decode(second["src"].split(",")[1]).decode() == svg


def test_answer_comes_first(manifest):
    """The findings open the page, each with a link to its place below."""
    findings = [
        {"id": "false-pages", "severity": "action", "title": "14 pages"},
        {"id": "fine", "severity": "ok", "title": "all heard"},
    ]
    detail = findings_html([Finding(f["id"], f["severity"], f["title"]) for f in findings])
    soup = soup_of([v4.new_markdown_cell("## Text"), shown(detail)], manifest, findings)
    items = soup.select("section.short li")
    assert [item.get_text(" ", strip=True) for item in items] == ["action 14 pages", "ok all heard"]
    assert soup.find(id=items[0].a["href"][1:]).name == "li"
    assert soup.main.find(True)["class"] == ["short"]


def test_doubt_is_said_at_the_top(manifest):
    """Synthetic data and warnings of the server are banners; without them there is none."""
    assert soup_of([], manifest).select(".banner") == []
    manifest["source"]["synthetic"] = True
    manifest["warnings"] = ["partial response"]
    banners = [banner.get_text() for banner in soup_of([], manifest).select("header .banner")]
    assert "Synthetic data." in banners[0]
    assert "partial response" in banners[1]


def test_page_says_how_it_came_about(manifest):
    """Source, parameters, versions, commit and queries with their cost are at the end."""
    tables = {
        t.caption.get_text(): t.tbody.get_text(" ") for t in soup_of([], manifest).footer("table")
    }
    assert list(tables) == ["Source", "Parameters", "Code", "Queries and their cost"]
    assert "location tiny" in tables["Source"] and "synthetic no" in tables["Source"]
    assert tables["Parameters"] == "count 3 source none strict yes"
    assert "c0ffee-dirty" in tables["Code"] and "numpy 2.4.6" in tables["Code"]
    assert tables["Queries and their cost"] == "sum(rate(up[5m])) 10 1"


def test_many_queries_are_folded(manifest):
    """Sixty expressions would bury the rest; they open on demand, their words still escaped."""
    manifest["queries"] = [{"expr": f"up{{a='{HOSTILE}{n}'}}", "series": n} for n in range(60)]
    (folded,) = soup_of([], manifest).footer("details")
    assert folded.summary.get_text() == "60 queries and their cost"
    assert len(folded.tbody("tr")) == 60
    assert not folded("script")
    manifest["queries"] = manifest["queries"][:12]
    assert not soup_of([], manifest).footer("details")


def test_same_run_same_page(hostile_cells, manifest):
    """The page is a function of notebook and manifest."""
    assert page_of(hostile_cells, manifest) == page_of(hostile_cells, manifest)
