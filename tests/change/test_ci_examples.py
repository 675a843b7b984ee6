"""The CI examples in ``deploy/ci``: their own commands, run on a change of the rules."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent.parent
GITHUB, GITLAB = (
    ROOT / "deploy" / "ci" / f"{name}.yml" for name in ("github-actions", "gitlab-ci")
)
SMALL = "data/recordings/auth-small"


def parts_of(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return an example's environment and all of its commands, in order."""
    document = YAML(typ="safe").load(path)
    if path == GITHUB:
        job = document["jobs"]["rules"]
        return job["env"], [step["run"] for step in job["steps"] if "run" in step]
    job = document["alert-rules"]
    return job["variables"], [
        line for key in ("before_script", "script", "after_script") for line in job[key]
    ]


def ours(commands: list[str]) -> list[str]:
    """Return the commands that alertlab runs itself."""
    return [one for one in commands if "alertlab" in one]


def environment_of(variables: dict[str, str]) -> dict[str, str]:
    """Return the variables as a runner without a server of its own sets them."""
    given = {
        name: found[1] if (found := re.search(r"\|\| '([^']*)' }}", value)) else value
        for name, value in variables.items()
    }
    return {name: value for name, value in given.items() if "${{" not in value}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the base beside it, as the examples' first commands make them."""
    if not (ROOT / SMALL / "meta.json").is_file():
        pytest.skip("the recording is not made (make recordings)")
    for name in (".venv", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    for folder in (tmp_path, tmp_path / "base"):
        monitoring = Path("auth_service", "monitoring")
        shutil.copytree(ROOT / monitoring, folder / monitoring)
    return tmp_path


def run(path: Path, checkout: Path) -> subprocess.CompletedProcess[str]:
    """Run an example's own commands, stopping at the first that fails."""
    variables, commands = parts_of(path)
    script = "\n".join(["set -e", *ours(commands)])
    environment = environment_of(variables)
    assert environment["SOURCE"] == SMALL
    return subprocess.run(
        ["bash", "-c", script], cwd=checkout, env=os.environ | environment,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def edit_rules(checkout: Path, old: str, new: str) -> None:
    """Change the rules in the checkout, not in its base."""
    rules = checkout / "auth_service" / "monitoring" / "rules" / "auth-service.yml"
    text = rules.read_text()
    assert text.count(old) == 1
    rules.write_text(text.replace(old, new))


def test_a_harmless_change_passes(checkout: Path) -> None:
    """Every command of the first example succeeds, and the change is reported."""
    edit_rules(checkout, "토큰 오류 비율 급증", "토큰 오류 급증")
    done = run(GITHUB, checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    report = (checkout / "alert-rules.md").read_text()
    assert "`annotations.summary`" in report
    assert "No incident is gained or lost." in report


def test_a_change_that_loses_an_incident_fails(checkout: Path) -> None:
    """The second example's job ends with 3, and the report says which incident."""
    count = "auth_token_validation_latency_seconds_count[5m])) > "
    edit_rules(checkout, f"{count}0.1", f"{count}5")
    done = run(GITLAB, checkout)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "--fail-on incidents.lost>0: incidents.lost is 1" in done.stderr
    assert "**lost**: `signing-key-expired`" in (checkout / "alert-rules.md").read_text()


@pytest.mark.parametrize("path", [GITHUB, GITLAB], ids=lambda path: path.stem)
def test_both_do_the_same(path: Path) -> None:
    """The two examples run the same commands of ours, and set up by make alone."""
    words = [" ".join(one.replace("\\\n", " ").split()) for one in ours(parts_of(path)[1])]
    other = GITLAB if path == GITHUB else GITHUB
    others = [" ".join(one.replace("\\\n", " ").split()) for one in ours(parts_of(other)[1])]
    assert " ".join(words) == " ".join(others)
    setup = " ".join(parts_of(path)[1])
    assert "make setup data/recordings/auth-small/meta.json" in setup
    assert "git worktree add --detach base" in setup


@pytest.mark.parametrize("path", [GITHUB, GITLAB], ids=lambda path: path.stem)
def test_no_secret_and_no_address(path: Path) -> None:
    """Secrets come from the CI's variables, are no arguments, and no host is named."""
    text = path.read_text()
    assert "://" not in text
    assert not re.search(r"\bpip\b", text)
    variables, commands = parts_of(path)
    assert variables.get("PROMETHEUS_TOKEN", "${{ secrets.PROMETHEUS_TOKEN }}").startswith("${{")
    assert not any("PROMETHEUS_TOKEN" in command for command in commands)
    # What others may have written reaches a shell as a variable only.
    assert not any("${{" in command for command in commands)
