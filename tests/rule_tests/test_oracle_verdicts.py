"""Other people's unit tests: file by file promtool's verdict."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from promtool_verdicts import verdicts

from alertlab.rule_tests import run_test_file

pytestmark = [pytest.mark.oracle, pytest.mark.server]

TEAMS = [
    "team-collaboration-services", "team-data-persistence", "team-dcops", "team-netops",
    "team-perf", "team-sre", "team-traffic", "team-wmcs",
]  # fmt: skip
NEWER_THAN_2_42 = {
    "no-test-group-interval.yml": "2.42 loads everything at once where no interval is stated",
    "rules_run_fuzzy.yml": "fuzzy_compare",
    "rules_run_no_fuzzy.yml": "fuzzy_compare",
    "start-time-test.yml": "start_timestamp",
    "unittest.yml": "native histograms",
}
NOT_JUDGED = {"unittest.yml": "native histogram"}


def files_in(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def test_production_rules(judge, oracles: Path, record_property):
    """Every unit test of other people's production rules; some fail in 3.x, for us, too.

    The older promtool, which has less to say, judges a third of them.
    """
    folders = [oracles / "promtool-tests/wikimedia-alerts" / team for team in TEAMS]
    files = {folder: files_in(folder, "*_test.yaml") for folder in folders}
    assert sum(map(len, files.values())) == 117
    if judge.semantics == 2:
        files = {folder: names[::3] for folder, names in files.items()}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # promtool takes a minute or two for them
        said = pool.map(partial(verdicts, judge.promtool), files, files.values())
        judged = dict(zip(files, said, strict=True))
    for folder, names in files.items():
        ours = {name: run_test_file(folder / name, semantics=judge.semantics) for name in names}
        assert {name: result.verdict for name, result in ours.items()} == judged[folder]
    counts = Counter(verdict for one in judged.values() for verdict in one.values())
    record_property("verdicts", dict(counts))
    assert counts["success"] >= counts.total() - 4


def test_a_mixin(judge, oracles: Path):
    """The unit test of etcd's rules, which was written for 2.x windows."""
    folder = oracles / "rules/etcd-mixin"
    judged = verdicts(judge.promtool, folder, ["test.yaml"])
    ours = run_test_file(folder / "test.yaml", semantics=judge.semantics)
    assert {"test.yaml": ours.verdict} == judged
    assert ours.verdict == {2: "success", 3: "failed"}[judge.semantics]


def test_promtools_own_examples(judge, oracles: Path):
    """Good and bad ones; what needs native histograms is not judged, and never passed."""
    folder = oracles / "promtool-tests/prometheus-promtool"
    files = [
        name
        for name in files_in(folder, "*.yml")
        if "tests:" in (folder / name).read_text(encoding="utf-8")
        and not (judge.semantics == 2 and name in NEWER_THAN_2_42)
    ]
    assert len(files) >= 10
    judged = verdicts(judge.promtool, folder, files)
    for name, verdict in judged.items():
        ours = run_test_file(folder / name, semantics=judge.semantics)
        if name in NOT_JUDGED:
            assert ours.verdict == "not judged"
            assert NOT_JUDGED[name] in ours.not_judged[0]
        else:
            assert ours.verdict == verdict, name
