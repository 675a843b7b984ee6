"""promtool's verdicts on unit-test files."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_HEADING = re.compile(r"^(?:Unit Testing: |Processing test file:) (.*)$", re.MULTILINE)


def verdicts(promtool: str, folder: Path, files: Sequence[str]) -> dict[str, str]:
    """Return ``success`` or ``failed`` for each file, run from within the folder."""
    run = subprocess.run(
        [promtool, "test", "rules", *files],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    _, *parts = _HEADING.split(run.stdout)
    found = {
        name.strip(): "success" if "SUCCESS" in said else "failed"
        for name, said in zip(parts[::2], parts[1::2], strict=True)
    }
    assert list(found) == list(files), run.stderr
    assert run.returncode == (1 if "failed" in found.values() else 0)
    return found


def write_yaml(path: Path, document: Mapping) -> None:
    """Write a document; JSON is YAML."""
    path.write_text(json.dumps(document), encoding="utf-8")
