"""A real browser opens a report: it fetches nothing, runs nothing, and fits a phone."""

from __future__ import annotations

import pandas as pd
import pytest
from nbformat import v4
from playwright.sync_api import sync_playwright

from alertlab.report import code_block, note, show_figure, style, table
from alertlab.runs import write_index
from alertlab.runs.export import to_html

pytestmark = pytest.mark.browser

HOSTILE = '"><script>document.title="pwned"</script><img src=x onerror=document.title="pwned">'
DANGERS = (
    '<script>document.title="pwned"</script><img src="x" onerror="document.title=\'pwned\'">'
    '<link rel="stylesheet" href="http://127.0.0.1:9/x.css"><img src="http://127.0.0.1:9/x.png">'
    '<svg onload="document.title=\'pwned\'"></svg><p style="background:url(http://127.0.0.1:9)">x'
)


@pytest.fixture(scope="module")
def browser(chromium):
    """The system's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def report(tmp_path, manifest):
    """A report with all kinds of content, wide and hostile."""

    def output(html):
        return v4.new_code_cell(outputs=[v4.new_output("display_data", {"text/html": html})])

    figure, axes = style.figure(3)
    axes.plot([1, 3, 2])
    wide = pd.DataFrame({f"a rather long column {n}": [HOSTILE, "x" * 60] for n in range(9)})
    cells = [
        v4.new_markdown_cell(f"# Report\n\n{HOSTILE}\n\n`{'unbroken' * 40}`"),
        output(table(wide, caption="A caption that is longer than a phone is wide, " * 3).html),
        output(show_figure(figure, alt=HOSTILE, caption=HOSTILE).html),
        output(note("warning", "w" * 300).html),
        output(code_block("+" + "code " * 80, "diff").html),
        output(DANGERS),
    ]
    manifest["queries"][0]["expr"] = "sum(rate(" + "x" * 200 + "[5m]))"
    cells += [v4.new_markdown_cell(f"## Section {n}") for n in range(3)]
    findings = [{"id": "a", "severity": "warning", "title": "t" * 200}]
    path = tmp_path / "report.html"
    path.write_text(to_html(v4.new_notebook(cells=cells), manifest, findings))
    return path


def look(browser, path, **options):
    """Open a page and return it with what it asked for and complained about."""
    page = browser.new_page(**options)
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    return page, [url for url in requests if not url.startswith("data:")], complaints


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report_in_a_browser(browser, report, width, scheme):
    """One request for the file itself, no complaint, no script, no sideways scrolling."""
    size = {"width": width, "height": 844}
    page, requests, complaints = look(browser, report, viewport=size, color_scheme=scheme)
    assert requests == [report.as_uri()]
    assert complaints == []
    assert page.title() == "Report, 2026-03-01 08:05 UTC"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.images.length") == 1
    assert page.evaluate("document.images[0].naturalWidth") > 0
    assert page.get_by_role("cell", name=HOSTILE).first.is_visible()
    assert page.get_by_alt_text(HOSTILE).is_visible()


def test_scheme_changes_the_page(browser, report):
    """Dark is dark and light is light."""
    shades = []
    for scheme in ("light", "dark"):
        page, _, _ = look(browser, report, color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades.append(sum(int(part) for part in colour[4:-1].split(",")[:3]))
    assert shades[0] > 700 > 100 > shades[1]


def test_paper_cuts_nothing_off(browser, report):
    """In print everything is inside the width of an A4 page, since paper does not scroll."""
    page, _, _ = look(browser, report, viewport={"width": 680, "height": 960})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 680
    assert page.get_by_role("navigation").count() == 0


def test_index_in_a_browser(browser, tmp_path, save_run):
    """The list of runs opens from disk, leads to a report and fits a phone too."""
    finding = {"id": "a", "severity": "action", "title": HOSTILE + "t" * 100}
    save_run(tmp_path / "01 noise" / "20260301T080000Z-aaaaaa", findings=[finding])
    path = write_index(tmp_path)
    page, requests, complaints = look(browser, path, viewport={"width": 390, "height": 844})
    assert (requests, complaints) == ([path.as_uri()], [])
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="2026-03-01 08:05 UTC").click()
    assert page.url.endswith("/01%20noise/20260301T080000Z-aaaaaa/report.html")
