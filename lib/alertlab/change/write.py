"""Write a tuned rule: the edited file, a unit test that proves the change, and its report."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from alertlab.change.cuts import groups_for
from alertlab.change.inputs import NoUnitTest
from alertlab.change.markdown import source_label
from alertlab.change.proofs import Proof, Version, find_proofs
from alertlab.change.proposal import Proposal
from alertlab.change.report import change_report
from alertlab.change.unit_test import file_name, unit_test_text
from alertlab.errors import BadInput
from alertlab.replay import find_episodes
from alertlab.rule_tests import run_test_file
from alertlab.rules import edit_rule, load_groups
from alertlab.rules.documents import find_groups
from alertlab.rules.edit import changed_rule
from alertlab.sources import Source


@dataclass(frozen=True)
class WrittenChange:
    """The files that were written; ``unit_test`` is None for the reason ``why_no_test``."""

    rules: Path
    report: Path
    unit_test: Path | None
    why_no_test: str = ""


def check_output(rule_file: str, out: Path) -> None:
    """Raise BadInput where a changed rule cannot be written, before anything is computed."""
    if rule_file.startswith(("http://", "https://")):
        raise BadInput(
            "--write changes a rule's file, and a server only tells of its rules; name the file"
        )
    if out.is_dir():
        raise BadInput(f"--write {out} is a folder; name the file to write the rules to")
    if not out.resolve().parent.is_dir():
        raise BadInput(f"--write {out}: its folder does not exist; make it first")


def write_change(proposal: Proposal, source: Source, out: Path) -> WrittenChange:
    """Write a changed rule's file to ``out`` and, beside it, its unit test and its report.

    ``out`` may be the rule's own file.  Only the bytes of the old values change.  All files are
    made under a temporary name in the same folder and renamed, the rules last.  A file that stands
    there under one of the names is replaced.

    Raises BadInput where the rule's text cannot be edited in place.
    """
    rule, target = proposal.rule, out.resolve()
    edited = edit_rule(_read(rule.file), rule, proposal.change)
    test_name = file_name(target, rule, "test.yml")
    with tempfile.TemporaryDirectory(prefix=".alertlab-", dir=target.parent) as folder:
        staged = Path(folder, target.name)
        staged.write_bytes(edited.encode("utf-8"))
        shutil.copymode(target if target.exists() else rule.file, staged)
        try:
            proofs, why_not = _prove(proposal, source, staged, test_name), ""
        except NoUnitTest as error:
            proofs, why_not = [], str(error)
        report = staged.with_name(file_name(target, rule, "change.md"))
        report.write_text(
            change_report(
                proposal, source.provenance(),
                proofs=[one.name for one in proofs], why_no_test=why_not,
            ),
            encoding="utf-8",
        )  # fmt: skip
        for path in (*([staged.with_name(test_name)] if proofs else []), report, staged):
            path.replace(target.with_name(path.name))
    return WrittenChange(
        rules=out,
        report=out.with_name(report.name),
        unit_test=out.with_name(test_name) if proofs else None,
        why_no_test=why_not,
    )


def _prove(proposal: Proposal, source: Source, staged: Path, test_name: str) -> list[Proof]:
    """Write a unit test beside the staged rules and run it; NoUnitTest if there is none."""
    if any(one.ignored for one in find_groups(staged)):
        raise NoUnitTest("promtool reads no PrometheusRule objects")
    new = _new_version(proposal, staged)
    old = Version(
        proposal.rule,
        groups_for(load_groups(proposal.rule.file), proposal.rule),
        find_episodes(
            proposal.current.setting.apply(proposal.evaluations(proposal.current.setting))
        ),
    )
    proofs = find_proofs(old, new, source, proposal.yardstick, proposal.span)
    test = staged.with_name(test_name)
    test.write_text(
        unit_test_text(
            new.rule, proofs, rule_file=staged.name, test_file=test_name,
            origin=source_label(source.provenance()),
        ),
        encoding="utf-8",
    )  # fmt: skip
    for semantics in set.intersection(*(set(one.semantics) for one in proofs)):
        result = run_test_file(test, semantics=semantics)
        if result.verdict != "success":
            told = " ".join([*result.failures, *result.not_judged])
            raise NoUnitTest(f"beside the file's other rules it does not pass ({told})")
    return proofs


def _new_version(proposal: Proposal, staged: Path) -> Version:
    setting, rule = proposal.proposed.setting, changed_rule(proposal.rule, proposal.change)
    episodes = find_episodes(setting.apply(proposal.evaluations(setting)))
    return Version(rule, groups_for(load_groups(staged), rule), episodes)


def _read(path: Path) -> str:
    """Return a file's text with its line ends as they are."""
    return path.read_bytes().decode("utf-8")
