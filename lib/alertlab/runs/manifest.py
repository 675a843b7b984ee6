"""The record of a run: what ran on what, when, with which code, and how it ended."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

FINISHED, FAILED = "finished", "failed"

_LIBRARIES = (
    "alertlab",
    "matplotlib",
    "nbconvert",
    "numpy",
    "pandas",
    "papermill",
    "promql-parser",
    "pyarrow",
    "scipy",
)


def begin(notebook: Path, parameters: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    """Return the part of a manifest that is known before the run.

    parameters : every declared parameter with the value it has in this run
    """
    return {
        "notebook": notebook.stem,
        "notebook_digest": "sha256:" + hashlib.sha256(notebook.read_bytes()).hexdigest(),
        "parameters": dict(parameters),
        "started": _utc(started),
        "versions": {"python": platform.python_version(), **_versions()},
        "git_commit": git_commit(notebook.parent),
    }


def describe_source(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Split a published provenance into the manifest's ``source``, ``queries``, ``warnings``."""
    source = dict(provenance)
    queries = source.pop("queries", [])
    warnings = source.pop("warnings", [])
    return {"source": source, "queries": queries, "warnings": warnings}


def end(status: str, finished: datetime, duration_seconds: float) -> dict[str, Any]:
    """Return the part of a manifest that is known after the run."""
    return {
        "status": status,
        "finished": _utc(finished),
        "duration_seconds": round(duration_seconds, 3),
    }


def git_commit(folder: Path) -> str | None:
    """Return the commit of ``folder``'s checkout, with ``-dirty`` if changed; None outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        asked = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None


def write_json(path: Path, document: Any) -> None:
    """Write strict, readable JSON."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a source tree that is not installed
            versions[name] = "not installed"
    return versions
