"""``tools/judges.sh``: what it builds, what it says, and what it does where it cannot build."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "tools" / "judges.sh"
MONITORING = ROOT / "auth_service" / "monitoring"

GO = """#!/bin/sh
echo "$@" >>"$CALLS"
case "$*" in
  "mod download "*) {download} ;;
  "env GOVERSION") echo go1.0 ;;
  "list -m "*)
    mkdir -p "$CALLS.source"
    echo 9.8.7 >"$CALLS.source/VERSION"
    echo "$CALLS.source" ;;
  "build "*)
    mkdir bin
    for name in one two; do
      printf '#!/bin/sh\\necho "%s, version 9.8.7 (of a test)"\\n' "$name" >"bin/$name"
      chmod +x "bin/$name"
    done ;;
esac
"""
"""A Go that builds two programs at once."""


class Judges:
    """The script with a cache and a Go of its own."""

    def __init__(self, folder: Path) -> None:
        self.script = SCRIPT
        self.cache = folder / "cache" / "alertlab" / "judges"
        self.go, self.calls = folder / "bin" / "go", folder / "calls"
        self.go.parent.mkdir()
        usual = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "CALLS": str(self.calls)}
        usual.pop("PROMETHEUS_BIN", None)
        self.environment = usual | {"PATH": f"{self.go.parent}:/usr/bin:/bin"}

    def install_go(self, download: str = "true") -> None:
        self.go.write_text(GO.format(download=download))
        self.go.chmod(0o755)

    def run(self, *arguments: str, **environment: str) -> str:
        """Run the script and return what it said; it succeeds, and names no address."""
        done = subprocess.run(
            [self.script, *arguments], env=self.environment | environment,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "//" not in done.stderr
        return done.stdout + done.stderr

    def where(self, name: str) -> Path:
        """Return the folder of what is built, or would be."""
        return Path(self.run("where", name).strip())

    def left(self) -> list[str]:
        """Return the folders in the cache."""
        return sorted(one.name for one in self.cache.glob("*") if one.is_dir())


@pytest.fixture
def judges(tmp_path: Path) -> Judges:
    return Judges(tmp_path)


def missing(name: str, why: str) -> str:
    return f"no current {name} as a judge: {why}; the tests that need it are skipped\n"


def test_without_go(judges: Judges):
    """There is nothing to build with: one sentence each, and no error."""
    if Path("/usr/bin/go").exists():
        pytest.skip("this machine has Go where every program looks")
    said = judges.run("build")
    assert missing("prometheus", "Go is not installed") in said
    assert missing("alertmanager", "Go is not installed") in said
    assert judges.left() == []


def test_without_modules(judges: Judges):
    """Go is there, but what it needs is not: the log is named, nothing else is left."""
    judges.install_go(download="echo no network >&2; exit 1")
    said = judges.run("build")
    log = judges.cache / "prometheus.log"
    assert missing("prometheus", f"go1.0 could not provide its modules (see {log})") in said
    assert log.read_text() == "no network\n"
    assert judges.left() == []


def test_within_the_time(judges: Judges):
    """All builds together keep to the bound."""
    judges.install_go(download="exec sleep 30")
    said = judges.run("build", JUDGES_SECONDS="1")
    for name in ("prometheus", "alertmanager"):
        assert missing(name, "it was not built within 1 s (JUDGES_SECONDS)") in said
    assert judges.left() == []


def test_built_once(judges: Judges):
    """What is built is found under its name, told with its version, and not built again."""
    judges.install_go()
    assert missing("prometheus", "make judges has not built it") in judges.run("list")
    first = judges.run("build")
    folders = [judges.where("alertmanager"), judges.where("prometheus")]
    assert sorted(one.name for one in folders[1].iterdir()) == ["one", "two"]
    assert judges.left() == [one.name for one in folders]
    calls = judges.calls.read_text()
    again = judges.run("build")
    assert judges.calls.read_text() == calls
    for said in (first, again, judges.run("list")):
        assert said.count("  judge: one                      9.8.7        built\n") == 2
        assert "skipped" not in said


def test_other_versions_are_built_anew(judges: Judges, tmp_path: Path):
    """The folder's name follows what is built and how."""
    tools = shutil.copytree(SCRIPT.parent, tmp_path / "tools")
    module = tools / "judges" / "prometheus" / "go.mod"
    module.write_text(module.read_text().replace("v0.", "v1."))
    before = judges.where("prometheus")
    judges.script = tools / "judges.sh"
    assert judges.where("prometheus") != before
    assert judges.where("prometheus").parent == before.parent


@pytest.mark.server
def test_current_promtool_knows_the_configuration(promtool3: str):
    """Kubernetes' discovery, which Debian's promtool lacks, and the rules."""
    command = [promtool3, "check", "config", MONITORING / "prometheus.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
def test_current_alertmanager_knows_the_configuration(
    current_alertmanager_bin: str, current_amtool: str
):
    """The routes of this project mean something to a current Alertmanager, too."""
    command = [current_amtool, "check-config", MONITORING / "alertmanager.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    command = [current_alertmanager_bin, "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "alertmanager, version 0." in said
