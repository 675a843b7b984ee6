"""The repository keeps its promises: set-up files agree, and the README's commands run."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def _requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["dependencies"] + project["optional-dependencies"]["dev"]


def test_conda_environment_lists_what_pyproject_lists() -> None:
    """Conda users get the same packages and the same Python as everybody else."""
    environment = YAML(typ="safe").load(ROOT / "environment.yml")
    python, _, pip = environment["dependencies"]
    assert environment["name"] == "alertlab"
    assert pip["pip"] == ["-e .", *_requirements()]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert python == f"python{wanted}"


def test_lock_file_has_every_requirement_and_versions_only() -> None:
    """Each package of pyproject stands in the lock file with one version and no address."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    locked = {_name(line) for line in lines if not line.startswith("#")}
    named = {_name(one) for one in _requirements()}
    assert named <= locked
    assert [line for line in lines if "//" in line or "@" in line] == []


def _name(requirement: str) -> str:
    return re.split(r"[><=\[]", requirement)[0].lower().replace("_", "-")


def test_ci_runs_the_readme_test_command() -> None:
    """CI does what the README tells people to do, and nothing else."""
    script = (ROOT / ".ci" / "run").read_text()
    assert script.strip().endswith("exec make test")
    assert "make test\n" in BLOCKS


def test_style_is_clean() -> None:
    """What `make lint` checks holds."""
    ruff = str(Path(sys.prefix) / "bin" / "ruff")
    for command in ([ruff, "check", "-q", "."], [ruff, "format", "--check", "-q", "."]):
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout


def test_readme_shows_known_blocks() -> None:
    """Every block of commands is run by a test below (make test is running now)."""
    assert len(BLOCKS) == 5
    assert BLOCKS[0] == "make report\n"


def test_report_command(tmp_path: Path) -> None:
    """`make report` ends with a short summary; the reports it names are there."""
    if not (ROOT / "data" / "recordings" / "auth-28d" / "meta.json").is_file():
        pytest.skip("the recording is not made (make recordings)")
    clone = _clone(tmp_path)
    run = _bash(BLOCKS[0], clone)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.strip().splitlines()
    assert len(lines) <= 4 * 6 + 3  # what each found, where it is; two lines of make and the index
    reports = [clone / one for one in re.findall(r"\S+report\.html", run.stdout)]
    assert len(reports) == 6
    assert all(one.is_file() for one in reports)
    assert (clone / "reports" / "index.html").is_file()
    (capacity,) = (one for one in reports if one.parts[-3].startswith("04"))
    found = json.loads((capacity.parent / "findings.json").read_text("utf-8"))["numbers"]
    # What the scenario was made to run out of first, and next.
    assert found["binding"] == "hash workers"
    days = {name: one["median_days"] for name, one in found["resources"].items()}
    assert days["hash workers"] == pytest.approx(28, abs=8)
    assert days["hash workers"] < days["PostgreSQL pool"] <= 41.5


def test_commands_on_a_recording() -> None:
    """The README's commands on a recording succeed and print something."""
    run = _bash(f"set -e\n{BLOCKS[2]}", ROOT)
    assert run.returncode == 0, run.stderr
    assert "HighTokenErrorRatio" in run.stdout
    assert "verdict" not in run.stderr


@pytest.mark.server
def test_a_recording_as_a_server(promtool: str) -> None:
    """promtool asks a recording, and takes what was exported; it also comes back."""
    _need_free(9095)
    run = _bash(f"set -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{BLOCKS[3]}", ROOT)
    assert run.returncode == 0, run.stderr[-3000:]
    assert '{reason="' in run.stdout
    assert '{__name__="auth_login_failure_total"' in run.stdout


@pytest.mark.alone
@pytest.mark.server
def test_commands_against_a_real_prometheus(prometheus_bin: str, tmp_path: Path) -> None:
    """The README's walk through service, load, Prometheus, recording and reports works."""
    _need_free(50051, 9464, 9090)
    clone = _clone(tmp_path)
    script = f"set -e\ntrap 'kill $(jobs -p)' EXIT\n{BLOCKS[4]}"
    run = _bash(script, clone)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "my-run" in run.stdout
    assert "not enough data" in run.stdout
    assert (clone / "reports" / "index.html").is_file()


def _need_free(*ports: int) -> None:
    busy = [port for port in ports if _answers(port)]
    if busy and not os.environ.get("CI"):
        pytest.skip(f"the README's ports are in use here: {busy}")
    assert not busy


def _clone(tmp_path: Path) -> Path:
    """Copy what the commands read, so that nothing is written into the working tree."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy2(ROOT / name, clone / name)
    for name in ("auth_service", "lib", "notebooks", "tools"):
        shutil.copytree(ROOT / name, clone / name)
    (clone / "data" / "recordings").mkdir(parents=True)
    for name in ("incidents", "scenarios"):
        shutil.copytree(ROOT / "data" / name, clone / "data" / name)
    for one in (ROOT / "data" / "recordings").iterdir():
        (clone / "data" / "recordings" / one.name).symlink_to(one)
    (clone / ".venv").symlink_to(Path(sys.prefix))
    (clone / ".setup").mkdir()
    (clone / ".setup" / "done").touch()
    return clone


def _bash(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
        check=False, timeout=550,
    )  # fmt: skip


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
