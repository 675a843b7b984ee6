"""The record of a run: which commit, which notebook, and only strict JSON."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import pytest

from alertlab.runs import manifest

STARTED = datetime(2026, 3, 1, 8, 5, 7, 999_999, tzinfo=UTC)


def git(folder, *arguments):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_commit_and_changes(tmp_path):
    """Outside git there is no commit; in a checkout it is whole, and marked when changed."""
    assert manifest.git_commit(tmp_path) is None
    (tmp_path / "a").write_text("1")
    for command in (("init",), ("add", "a"), ("commit", "-m", "m"), ("tag", "-a", "v1", "-m", "v")):
        git(tmp_path, *command)
    commit = manifest.git_commit(tmp_path)
    assert len(commit) == 40 and int(commit, 16)
    (tmp_path / "a").write_text("2")
    assert manifest.git_commit(tmp_path) == f"{commit}-dirty"


def test_digest_follows_the_notebook(tmp_path):
    """Another notebook has another digest, a later run of the same one has the same."""
    path = tmp_path / "n.ipynb"
    digests = []
    for text in ("a", "a", "b"):
        path.write_text(text)
        digests.append(manifest.begin(path, {}, STARTED)["notebook_digest"])
    assert digests[0] == digests[1] != digests[2]


def test_times_are_utc_seconds():
    """Times are RFC 3339 in UTC, durations have milliseconds."""
    record = manifest.end("finished", STARTED, 1.23456)
    assert record == {
        "status": "finished",
        "finished": "2026-03-01T08:05:07Z",
        "duration_seconds": 1.235,
    }


def test_source_queries_and_warnings_are_parted():
    """What was asked and what the server warned of stand beside the source, not in it."""
    given = {"kind": "prometheus", "queries": [{"expr": "up"}], "warnings": ["partial"]}
    assert manifest.describe_source(given) == {
        "source": {"kind": "prometheus"},
        "queries": [{"expr": "up"}],
        "warnings": ["partial"],
    }
    assert manifest.describe_source({"kind": "x"})["warnings"] == []


def test_json_is_strict(tmp_path):
    """A NaN that slipped through is refused rather than written."""
    with pytest.raises(ValueError, match="JSON"):
        manifest.write_json(tmp_path / "x.json", {"x": float("nan")})
