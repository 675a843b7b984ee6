"""Real servers that hold the samples of a recording."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alertlab.sources import Recording
from alertlab.sources.openmetrics_export import export_openmetrics
from auth_service.stack import run_prometheus

_JUDGES = Path(__file__).resolve().parent.parent / "judges.sh"


def servers() -> Iterator[tuple[str, str, int]]:
    """Yield program, version and semantics of the installed Prometheus and of the built one."""
    built = subprocess.run([_JUDGES, "where", "prometheus"], check=True, capture_output=True)
    for program in (
        shutil.which("prometheus"),
        str(Path(built.stdout.decode().strip(), "prometheus")),
    ):
        if program is not None and Path(program).exists():
            said = subprocess.run(
                [program, "--version"], check=True, capture_output=True, text=True
            )
            version = re.search(r"version (\S+)", said.stdout)[1].partition("+")[0]
            yield program, f"Prometheus {version}", 2 if version.startswith("2.") else 3


def as_blocks(recording: Recording, folder: Path) -> Path:
    """Write a recording's samples as blocks of a server's storage; return their folder."""
    text = folder / "samples.txt"
    export_openmetrics(recording, text)
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=744h"]
    subprocess.run([*command, text, folder / "blocks"], check=True, capture_output=True)
    text.unlink()
    return folder / "blocks"


@contextmanager
def serving(blocks: Path, program: str) -> Iterator[str]:
    """Run a server on a copy of blocks: servers compact and clean up what they are given."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(blocks, Path(name) / "data")
        flags = ("--query.timeout=10m", "--query.max-samples=200000000")
        with run_prometheus(Path(name), {"global": {}}, *flags, program=program) as url:
            yield url
