"""The Markdown reports: what they tell, and that nothing untrusted becomes markup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from histories import RULES, write_rules

from alertlab.change import Proposal
from alertlab.change.markdown import block, code, number, plain, source_label, table
from alertlab.change.report import change_report
from alertlab.tuning import Span, Tuning
from alertlab.tuning.validation import Round, Validation
from alertlab.units import MINUTE_MS, WEEK_MS, Interval


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "`a`"),
        ("", "` `"),
        ("`a`", "`` `a` ``"),
        ("a``b", "``` a``b ```"),
        ("<b>@all | #1", "`<b>@all \\| #1`"),
        ("a\nb\x1b[0m", "`a b [0m`"),
        ("값", "`값`"),
    ],
)
def test_code(text: str, expected: str) -> None:
    """Backticks are fenced by more of them, bars escaped for tables, lines and escapes are gone."""
    assert code(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("False pages go from 3.8 to 0.8", "False pages go from 3.8 to 0.8"),
        ("a_b *c* [d](e) `f` ~g~ |", "a\\_b \\*c\\* \\[d\\](e) \\`f\\` \\~g\\~ \\|"),
        ("<img src=x> & co", "&lt;img src=x&gt; &amp; co"),
        ("one\n\n# two", "one #\u200b two"),
        ("@team see http://x and #12", "@\u200bteam see http:/\u200b/x and #\u200b12"),
    ],
)
def test_plain(text: str, expected: str) -> None:
    """A sentence stays a sentence: no markup, no HTML, no headings, mentions or links."""
    assert plain(text) == expected


def test_block_cannot_be_ended_from_within() -> None:
    """A rule whose comment holds a fence stays in the block."""
    assert block("a\n```\nb\n", "diff") == "````diff\na\n```\nb\n````"
    assert block("a", "diff") == "```diff\na\n```"


def test_table_and_numbers() -> None:
    """Words stand left, numbers right with their interval; what is missing is a dash."""
    assert table(["", "n"], [["a", "1"]]) == "|  | n |\n| :--- | ---: |\n| a | 1 |"
    assert table(["a", "b"], [], words=2).endswith("| :--- | :--- |")
    assert number(Interval(0.5, 1.25, 2.0)) == "1.2 (0.5 to 2.0)"
    assert number(Interval(0.5, 0.75, 1.0), "%") == "75% (50% to 100%)"
    assert number(Interval(0.0, 90.0, float("inf")), "s") == "1m30s (0s to unknown)"
    assert (number(None), number(1234.0)) == ("–", "1,234.0")


def test_source_label_holds_no_secret() -> None:
    """Of an address stay scheme, host, port and path."""
    secret = "https://user:hunter2@prometheus:9090/path?token=hunter2#hunter2"
    assert (
        source_label({"kind": "prometheus", "location": secret})
        == "prometheus https://prometheus:9090/path"
    )
    assert source_label({"kind": "recording", "location": "a/b"}) == "recording a/b"


def report_of(tuning: Tuning, **told: object) -> str:
    """Return the report of a tuning from a recording."""
    provenance = {"kind": "recording", "location": "small", "synthetic": True}
    return change_report(
        Proposal.of(tuning), provenance | told, proofs=["silent where it paged"], why_no_test=""
    )


def test_report_of_a_change(tmp_path: Path, change_to) -> None:
    """Closed form: 24 blips in 8 days are 21 false pages a week, of which none stay."""
    tuning, _ = change_to(write_rules(tmp_path), threshold=12, hold_duration_ms=MINUTE_MS)
    check = Round(
        setting=tuning.recommended.setting, chosen_on=Span(0, WEEK_MS),
        scored_on=Span(WEEK_MS, 2 * WEEK_MS), false_rises_seen=1, false_rises_unseen=3,
        false_rises_now=9, detected_unseen=4, detected_now=5, owed_unseen=6,
    )  # fmt: skip
    tuning = replace(tuning, validation=Validation((check,)))
    report = report_of(tuning)
    lines = report.splitlines()
    assert lines[0] == "## Change of `LongQueue`"
    assert "-        expr: queue_length > 5   # jobs" in lines
    assert "+        expr: queue_length > 12   # jobs" in lines
    assert "+        for: 1m" in lines
    assert "| threshold | 5 | **12** |" in lines
    assert "| `for` | 0s | **1m** |" in lines
    assert "| `keep_firing_for` | 0s | 0s |" in lines
    assert "| window |" not in report  # it has none
    (false,) = (line for line in lines if line.startswith("| false pages a week"))
    assert false == "| false pages a week | 21.0 (21.0 to 21.0) | 0.0 (0.0 to 3.2) |"
    (precision,) = (line for line in lines if line.startswith("| precision"))
    assert precision.startswith("| precision (true pages per page) | 17% (")
    assert "| recall, `critical` | 100% (15% to 100%) | 100% (15% to 100%) |" in lines
    assert "| recall, no severity |" in report
    assert "Incidents caught: 5 of 5 now, 5 of 5 then." in lines
    assert "Gained" not in report
    assert "Lost" not in report
    assert lines[2].startswith("It is better so. Of 2 settings 2 catch enough incidents")
    assert "from 8.5 to 19 without another outcome" in lines[2]
    (checked,) = (line for line in lines if line.startswith("Chosen on earlier weeks"))
    assert "(+2.0) and caught 4 of 6 incidents there" in checked
    assert "* `silent where it paged`" in lines
    assert "* Source: `recording small` (synthetic)" in lines
    assert "* Evaluations: 11,520 every 1m, 0 missed, 0 failed;" in report
    assert "it wakes `pages`" in report


def test_report_names_incidents_gained_and_lost(tmp_path: Path, change_to) -> None:
    """A threshold above some incidents loses them; their ids are only text."""
    tuning, _ = change_to(write_rules(tmp_path), threshold=12)
    now, then = tuning.current, tuning.recommended
    lost = replace(
        tuning,
        current=replace(now, caught=("i1", "a|<b>"), missed=("i2", "i4")),
        recommended=replace(then, caught=("i1", "i2"), missed=("a|<b>", "i4")),
    )
    lines = report_of(lost).splitlines()
    assert "* Gained: `i2`" in lines
    assert "* **Lost**: `a\\|<b>`" in lines
    assert "* Missed by both: `i4`" in lines


def test_report_without_labels_or_validation(tmp_path: Path, change_to) -> None:
    """What cannot be known is said."""
    tuning, _ = change_to(write_rules(tmp_path), threshold=12)
    blank = {"caught": (), "missed": (), "false_pages_per_week": None, "precision": None}
    bare = replace(
        tuning,
        current=replace(tuning.current, **blank),
        recommended=replace(tuning.recommended, **blank),
        validation=None,
    )
    report = report_of(bare)
    assert "| false pages a week | – | – |" in report
    assert "what it misses is unknown" in report
    assert "no choice could be checked" in report
    none = change_report(Proposal.of(bare), {}, proofs=[], why_no_test="it reads ALERTS")
    assert "There is no unit test: it reads ALERTS." in none


def test_untrusted_text_stays_text(tmp_path: Path, change_to) -> None:
    """Names and annotations of the rule cannot open a block, a link, a mention or HTML."""
    text = RULES.replace("LongQueue", "'A`<script>@all'").replace("# jobs", "# ``` @all")
    rules = write_rules(tmp_path, text)
    tuning, _ = change_to(rules, "A`<script>@all", threshold=12)
    report = report_of(tuning, location="x|`<b>`")
    assert report.splitlines()[0] == "## Change of `` A`<script>@all ``"
    assert "````diff" in report
    outside = report.split("````")[0] + report.split("````")[2]
    assert "<script>" not in outside.replace("`` A`<script>@all ``", "")
    assert "* Source: `` recording x\\|`<b>` `` (synthetic)" in report


def test_what_lint_says_of_the_changed_rule(tmp_path: Path, change_to) -> None:
    """The edit leaves the text as it was: where it now says another number, the report tells."""
    text = RULES.replace("Queue {{ $labels.queue }} is long", "More than 5 jobs are waiting")
    rules = write_rules(tmp_path, text)
    tuning, _ = change_to(rules, threshold=12)
    report = report_of(tuning)
    assert "its labels and annotations are untouched:" in report
    assert "(`text-disagrees`)" in report
    assert "text-disagrees" not in report_of(replace(tuning, recommended=tuning.current))
