"""Editing a rule in its file: every other byte stays, or the edit is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertlab.errors import BadInput
from alertlab.rules import AlertRule, RuleChange, edit_rule, load_rules, rule_diff, rule_text
from alertlab.units import MINUTE_MS

FILE = """\
# Rules of the login page.   (two blanks, kept)
groups:
  - name: "login"   # quoted
    rules:
      - alert: Other
        expr: rate(failures_total[5m]) > 5
        for: 2m

      - alert: Failures # the one
        expr: rate(failures_total[5m]) > 5   # per second!
        labels: {severity: 'warning',   team: "auth"}
        annotations:
            summary: '로그인 실패 😀 > 5'
"""
ALERT = "  - alert: Failures\n"
KEEP = "    keep_firing_for: 5m\n"
BOTH = "    for: 1m\n    keep_firing_for: 5m"
CHANGE = RuleChange(threshold=7, hold_duration_ms=MINUTE_MS, keep_firing_for_ms=5 * MINUTE_MS)


def rule_in(folder: Path, text: str, name: str = "Failures") -> AlertRule:
    path = folder / "rules.yml"
    path.write_bytes(text.encode())
    (rule,) = (one for one in load_rules(path) if one.name == name)
    return rule


def head(rule: str) -> str:
    return "groups:\n- name: g\n  rules:\n" + rule


def test_only_what_changes_changes(tmp_path: Path) -> None:
    """Comments, quotes, blanks, order and the rule with the same expression above stay."""
    edited = edit_rule(FILE, rule_in(tmp_path, FILE), CHANGE)
    lines = FILE.splitlines(keepends=True)
    lines[9] = "        expr: rate(failures_total[5m]) > 7   # per second!\n"
    lines.insert(10, "        for: 1m\n        keep_firing_for: 5m\n")
    assert edited == "".join(lines)


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (RuleChange(hold_duration_ms=0), "for: 2m", "for: 0s"),
        (RuleChange(hold_duration_ms=90_000), "for: 2m", "for: 1m30s"),
        (RuleChange(window_ms=10 * MINUTE_MS), "[5m]) > 5\n", "[10m]) > 5\n"),
        (RuleChange(expr="sum(x) > 1", threshold=3), "rate(failures_total[5m]) > 5", "sum(x) > 3"),
        (RuleChange(keep_firing_for_ms=0), "", ""),
        (RuleChange(), "", ""),
    ],
)  # fmt: skip
def test_each_setting_alone(tmp_path: Path, change: RuleChange, old: str, new: str) -> None:
    """Each setting has its place; a duration of zero is not inserted where there was none."""
    edited = edit_rule(FILE, rule_in(tmp_path, FILE, "Other"), change)
    assert edited == (FILE.replace(old, new, 1) if old else FILE)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (f"{ALERT}    expr: foo > 5", f"expr: foo > 7\n{BOTH}"),
        ("  - expr: foo > 5\n    alert: Failures\n", f"expr: foo > 7\n{BOTH}\n    alert: F"),
        (
            f"{ALERT}    expr: |\n      foo > 5\n    for: 3m\n",
            f"|\n      foo > 7\n{KEEP}    for: 1m\n",
        ),
        (f"{ALERT}    expr: >-\n      foo > 5", f">-\n      foo > 7\n{BOTH}"),
        (f"{ALERT}    expr: 'foo{{a=\"b\"}} > 5'\n", f"'foo{{a=\"b\"}} > 7'\n{BOTH}\n"),
        (f"{ALERT}    expr: \"foo > 5\"\n    for: '3m'\n", f"\"foo > 7\"\n{KEEP}    for: '1m'\n"),
        (f'{ALERT}    expr: "foo{{a=\\"b\\"}} > 5"\n', f'"foo{{a=\\"b\\"}} > 7"\n{BOTH}\n'),
        (f"{ALERT}    expr: 'foo{{a=''b''}} > 5'\n", f"'foo{{a=''b''}} > 7'\n{BOTH}\n"),
        (
            "  - {alert: Failures, expr: foo > 5}\n",
            "  - {alert: Failures, expr: foo > 7, for: 1m, keep_firing_for: 5m}\n",
        ),
        (
            '  - {"alert": "Failures", "expr": "foo > 5", "for": "3m"}\n',
            '"expr": "foo > 7", "keep_firing_for": "5m", "for": "1m"}\n',
        ),
        (
            "  - {alert: Failures, expr: foo > 5, for: 3m, keep_firing_for: 2m}\n",
            "  - {alert: Failures, expr: foo > 7, for: 1m, keep_firing_for: 5m}\n",
        ),
        (f"- name: h\n- name: i\n  rules:\n{ALERT}    expr: foo > 5\n", f"foo > 7\n{BOTH}\n"),
    ],
)
def test_ways_to_write_a_rule(tmp_path: Path, rule: str, expected: str) -> None:
    """Block, quoted and flow style, JSON, a last line without an end, a group without rules."""
    text = head(rule)
    edited = edit_rule(text, rule_in(tmp_path, text), CHANGE)
    assert expected in edited
    reloaded = rule_in(tmp_path, edited)
    assert reloaded.expr.endswith("> 7")
    assert (reloaded.hold_duration_ms, reloaded.keep_firing_for_ms) == (60_000, 300_000)


def test_windows_line_ends_stay(tmp_path: Path) -> None:
    """An inserted line ends like its neighbours, and the diff does not touch the others."""
    text = FILE.replace("\n", "\r\n")
    rule = rule_in(tmp_path, text)
    edited = edit_rule(text, rule, CHANGE)
    assert "keep_firing_for: 5m\r\n" in edited
    assert edited.count("\n") == edited.count("\r\n") == text.count("\n") + 2
    assert sum(line.startswith("-") for line in rule_diff(rule, CHANGE).splitlines()) == 2


@pytest.mark.parametrize(
    "rule",
    [
        "  - alert: Failures\n    expr: >\n      foo\n      > 5\n",
        "  - alert: Failures\n    expr: foo\n      > 5\n",
        '  - alert: Failures\n    expr: "foo{a=\\x22b\\x22} > 5"\n',
        "  - alert: Failures\n    for:\n    expr: foo > 5\n",
        f"  - alert: X\n    expr: up\n    for: &h 1m\n{ALERT}    expr: foo > 5\n    for: *h\n",
        "  - alert: Failures\n    expr: &e foo > 5\n  - alert: X\n    expr: *e\n",
    ],
)  # fmt: skip
def test_what_cannot_be_edited_in_place_is_refused(tmp_path: Path, rule: str) -> None:
    """Folding, rare escapes, nulls, anchors: by hand, and it says which."""
    text = head(rule)
    with pytest.raises(BadInput, match=r"rules.yml:\d+: rule Failures: .*by hand"):
        edit_rule(text, rule_in(tmp_path, text), CHANGE)


@pytest.mark.parametrize("expr", ['{a="b"} > 5', 'x{a="b: c"} > 5', "foo > 5 # why"])
def test_an_expression_that_would_break_the_yaml_is_refused(tmp_path: Path, expr: str) -> None:
    """A new expression that plain YAML reads as something else never reaches the file."""
    with pytest.raises(BadInput, match="edit it by hand"):
        edit_rule(FILE, rule_in(tmp_path, FILE), RuleChange(expr=expr))


def test_a_rule_that_moved_is_not_edited(tmp_path: Path) -> None:
    """The file changed since it was read: another line is another rule."""
    rule = rule_in(tmp_path, FILE)
    with pytest.raises(BadInput, match="no longer stands there; load the file again"):
        edit_rule("\n" + FILE, rule, CHANGE)


def test_the_diff_shows_the_file_and_the_lines(tmp_path: Path) -> None:
    """A unified diff that patch reads, also where the last line has no end."""
    rule = rule_in(tmp_path, head("  - alert: Failures\n    expr: foo > 5"))
    assert rule_diff(rule, RuleChange(threshold=6)) == (
        "--- rules.yml\n+++ rules.yml\n@@ -3,3 +3,3 @@\n   rules:\n   - alert: Failures\n"
        "-    expr: foo > 5\n\\ No newline at end of file\n"
        "+    expr: foo > 6\n\\ No newline at end of file\n"
    )
    assert rule_diff(rule, RuleChange()) == ""


DURATION = st.none() | st.integers(0, 240).map(lambda n: n * 15_000)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.builds(
        RuleChange,
        expr=st.sampled_from([None, "sum(increase(failures_total[5m])) > 5"]),
        threshold=st.none() | st.integers(-999, 999).map(lambda n: n / 8),
        window_ms=st.none() | st.integers(1, 60).map(lambda n: n * MINUTE_MS),
        hold_duration_ms=DURATION,
        keep_firing_for_ms=DURATION,
    ),
    st.sampled_from(["Other", "Failures"]),
)
def test_an_edited_file_reloads_to_the_intended_rule(
    tmp_path: Path, change: RuleChange, name: str
) -> None:
    """Whatever the change, the reloaded rule has it, and every other rule is as it was."""
    rule = rule_in(tmp_path, FILE, name)
    edited = edit_rule(FILE, rule, change)
    (tmp_path / "rules.yml").write_text(edited, encoding="utf-8")
    for one in load_rules(tmp_path / "rules.yml"):
        before = rule_in(tmp_path, FILE, one.name)
        wanted = change if one.name == name else RuleChange()
        hold, keep = wanted.hold_duration_ms, wanted.keep_firing_for_ms
        assert one.hold_duration_ms == (before.hold_duration_ms if hold is None else hold)
        assert one.keep_firing_for_ms == (keep or 0)
        assert (one.labels, one.annotations) == (before.labels, before.annotations)
        if wanted == RuleChange():
            assert one.expr == before.expr
        function = "sum(increase" if wanted.expr else "rate("
        window = 5 * MINUTE_MS if wanted.window_ms is None else wanted.window_ms
        assert one.expr.startswith(function)
        assert f"[{window // 3_600_000}h" in one.expr or f"[{window // MINUTE_MS}m]" in one.expr
        threshold = 5 if wanted.threshold is None else wanted.threshold
        assert float(one.expr.split("> ")[1]) == threshold


def test_which_comparison_is_changed(tmp_path: Path) -> None:
    """A rule may compare twice; the others keep their numbers, wherever they stand."""
    text = head(f"{ALERT}    expr: (foo > 5) * 100 and on (a) 2 * 3 >= bar\n")
    rule = rule_in(tmp_path, text)
    first, second = (edit_rule(text, rule, RuleChange(threshold=7, comparison=n)) for n in (0, 1))
    assert first == text.replace("foo > 5", "foo > 7")
    assert second == text.replace("2 * 3 >=", "7 >=")


def test_rule_text_is_the_rule_as_written(tmp_path: Path) -> None:
    """From its first key to its last value: neither its neighbour nor what follows."""
    text = rule_text(rule_in(tmp_path, FILE + "\n# the end\n"))
    assert text.startswith("- alert: Failures # the one\n  expr: rate(")
    assert text.endswith("    summary: '로그인 실패 😀 > 5'\n")
    assert "Other" in rule_text(rule_in(tmp_path, FILE, "Other"))
    assert "Failures" not in rule_text(rule_in(tmp_path, FILE, "Other"))
