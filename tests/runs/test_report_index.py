"""The list of past runs: order, grouping, links, and what it must not list."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from bs4 import BeautifulSoup

from alertlab.errors import BadInput
from alertlab.runs import write_index

HOSTILE = '"><script>alert(1)</script>'


def finding(title, severity="info"):
    return {"id": "x", "severity": severity, "title": title}


def read(folder):
    return BeautifulSoup((folder / "index.html").read_text(), "html.parser")


def test_latest_first_by_notebook(tmp_path, save_run):
    """Runs stand under their notebook, the latest first, with relative links that exist."""
    for name in ("20260301T080000Z-aaaaaa", "20260308T080000Z-bbbbbb"):
        started = f"{name[:4]}-{name[4:6]}-{name[6:8]}T08:00:00Z"
        save_run(tmp_path / "02 tuning #1" / name, started=started)
    save_run(tmp_path / "01_noise" / "20260302T080000Z-cccccc")
    assert write_index(tmp_path) == tmp_path / "index.html"
    soup = read(tmp_path)
    assert [h.get_text() for h in soup.find_all("h2")] == ["01_noise", "02 tuning #1"]
    whens = [th.get_text() for th in soup.select("section:nth-of-type(2) tbody th")]
    assert whens == ["2026-03-08 08:00 UTC", "2026-03-01 08:00 UTC"]
    links = [a["href"] for a in soup.select("tbody a")]
    assert links[1] == "02%20tuning%20%231/20260308T080000Z-bbbbbb/report.html"
    assert len(links) == 3


def test_leading_findings(tmp_path, save_run):
    """Three findings are named, the others counted; a run without findings says so."""
    found = [finding(f"finding {n}", "action") for n in range(5)]
    save_run(tmp_path / "a" / "2", findings=found)
    save_run(tmp_path / "a" / "1")
    write_index(tmp_path)
    many, none = [
        [li.get_text() for li in row.find_all("li")] for row in read(tmp_path).select("tbody tr")
    ]
    assert many == ["action finding 0", "action finding 1", "action finding 2", "and 2 more"]
    assert none == ["nothing that asks for attention"]


def test_failed_runs_are_failed(tmp_path, save_run):
    """A failed run shows its sentence and links to its notebook."""
    save_run(tmp_path / "a" / "1.failed", status="failed", error="a failed in cell 3")
    write_index(tmp_path)
    row = read(tmp_path).select_one("tbody tr")
    assert "failed a failed in cell 3" in row.get_text()
    assert row.a["href"] == "a/1.failed/notebook.failed.ipynb"


def test_what_is_no_run(tmp_path, save_run):
    """Runs at work, killed ones, strange folders and broken manifests are passed over."""
    save_run(tmp_path / "a" / ".20260301T080000Z-aaaaaa")
    save_run(tmp_path / ".hidden" / "1")
    (tmp_path / "a" / "half").mkdir()
    (tmp_path / "a" / "broken").mkdir()
    (tmp_path / "a" / "broken" / "manifest.json").write_text("{")
    (tmp_path / "file.txt").write_text("x")
    write_index(tmp_path)
    assert "There are no runs yet." in read(tmp_path).get_text()


def test_hostile_names_and_findings(tmp_path, save_run):
    """Names and titles are text; there is no address outside and no script."""
    save_run(
        tmp_path / "<b>" / "1",
        findings=[finding(HOSTILE)],
        source={"location": HOSTILE, "synthetic": True},
    )
    page = write_index(tmp_path).read_text()
    soup = read(tmp_path)
    assert "<script" not in page and "http://" not in page and "https://" not in page
    assert soup.get_text().count(HOSTILE) == 2
    assert soup.h2.get_text() == "<b>"
    assert "(synthetic)" in soup.get_text()


def test_written_at_once(tmp_path, save_run):
    """Many writers leave one whole page and nothing else."""
    save_run(tmp_path / "a" / "1")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_index, [tmp_path] * 24))
    assert {one.name for one in tmp_path.iterdir()} == {"a", "index.html"}
    assert read(tmp_path).find("table")


def test_no_folder(tmp_path):
    """Without a folder of reports there is nothing to list."""
    with pytest.raises(BadInput, match="there is no folder of reports"):
        write_index(tmp_path / "none")
