"""``alertlab diff``: what a change of rules would have done, and when it fails a build."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from scenes import RULES, Invoke, sentence

from alertlab.change import MOVED_WITHIN_MS
from alertlab.cli.diff import diff
from alertlab.incidents import Margins
from alertlab.units import parse_duration

ROOT = Path(__file__).resolve().parent.parent.parent
TWO_RECEIVERS = """\
route:
  receiver: mail
  group_wait: 30s
  routes: [{receiver: team, continue: true}, {receiver: mail}]
receivers:
  - name: team
    slack_configs: [{channel: c, api_url: 'http://slack.invalid/'}]
  - name: mail
    email_configs: [{to: a@example.invalid, from: b@example.invalid, smarthost: 'mail.invalid:25'}]
"""
SILENCES = json.dumps(
    [
        {
            "id": "1", "startsAt": "2024-10-04T00:00:00Z", "endsAt": "2024-10-04T01:00:00Z",
            "createdBy": "a", "comment": "b", "status": {"state": "expired"},
            "updatedAt": "2024-10-04T00:00:00Z",
            "matchers": [
                {"name": "alertname", "value": "TooMany", "isRegex": False, "isEqual": True}
            ],
        }
    ]
)  # fmt: skip


@pytest.fixture
def new(scene: Path) -> Path:
    """The rules with a threshold that the queue never reaches."""
    path = scene / "new.yml"
    path.write_text(RULES.replace("queue_length > 5", "queue_length > 50"))
    return path


def given(scene: Path, *more: object) -> list[object]:
    """Return the options that name the scene's files, with a check at every minute."""
    return [
        "--source", scene / "recording", "--start", "2024-10-04T00:00:00Z",
        "--alertmanager", scene / "routes.yml", "--incidents", scene / "incidents.yml", *more,
    ]  # fmt: skip


def test_json(invoke: Invoke, scene: Path, new: Path) -> None:
    """The documented keys, with the numbers of the scene."""
    code, out, err = invoke("diff", scene / "rules.yml", new, *given(scene, "--json"))
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert list(found) == [
        "rules", "receivers", "new_pages", "lost_pages", "moved_pages", "pages_per_week",
        "false_pages_per_week", "old_false_pages_per_week", "added_false_pages_per_week",
        "incidents", "recall", "pages", "coverage",
    ]  # fmt: skip
    told = (ROOT / "docs" / "changing-a-rule.md").read_text(encoding="utf-8")
    keys = [*found, *found["rules"][0], *found["receivers"][0], *found["pages"][0]]
    assert [key for key in keys if f"`{key}`" not in told] == []
    assert found["receivers"] == [
        {"receiver": "team", "old": 1, "new": 0, "gained": 0, "lost": 1, "moved": 0}
    ]
    assert found["incidents"]["lost"] == ["one"]
    assert (found["recall"]["old"]["mid"], found["recall"]["new"]["mid"]) == (1.0, 0.0)
    (page,) = found["pages"]
    assert (page["what"], page["rules"], page["false"]) == ("lost", ["TooMany"], False)
    assert [(one["rule"], one["status"]) for one in found["rules"]] == [
        ("TooMany", "changed"), ("Down", "same"),
    ]  # fmt: skip
    assert found["rules"][0]["changes"]["expr"] == {
        "old": "queue_length > 5", "new": "queue_length > 50",
    }  # fmt: skip


def test_table(invoke: Invoke, scene: Path, new: Path) -> None:
    """For people: both sets, receivers, rules, pages, incidents."""
    code, out, _ = invoke("diff", scene / "rules.yml", new, *given(scene))
    assert code == 0
    assert "1 pages gained, lost or moved" in out
    assert "Incidents gained: none" in out
    assert "Incidents lost: one" in out
    lines = [line.split() for line in out.splitlines()]
    assert ["team", "1", "0", "0", "1", "0"] in lines
    assert ["TooMany", "changed", "1", "0", "expr"] in lines


def test_a_gate(invoke: Invoke, scene: Path, new: Path) -> None:
    """A crossed limit ends with 3, after the answer; one that is not does nothing."""
    code, out, err = invoke(
        "diff", scene / "rules.yml", new, *given(scene, "--json"),
        "--fail-on", "incidents.lost>0", "--fail-on", "false_pages_per_week>1",
    )  # fmt: skip
    assert code == 3
    assert json.loads(out)["incidents"]["lost"] == ["one"]
    assert err == "--fail-on incidents.lost>0: incidents.lost is 1\n"
    result = invoke("diff", scene / "rules.yml", new, *given(scene), "--fail-on", "typo>1")
    assert result[0] == 2
    assert "there is no number 'typo'; there are: added_false_pages_per_week," in sentence(*result)
    result = invoke("diff", scene / "rules.yml", new, *given(scene), "--fail-on", "typo")
    assert "is no limit" in sentence(*result)


def test_markdown(invoke: Invoke, scene: Path, new: Path) -> None:
    """The report for a pull request is written to its file."""
    report = scene / "report.md"
    code, _, _ = invoke("diff", scene / "rules.yml", new, *given(scene, "--markdown", report))
    assert code == 0
    assert report.read_text().startswith("## What this change of rules would have done\n")
    assert "* Incidents **lost**: `one`" in report.read_text()
    nowhere = scene / "nowhere" / "report.md"
    code, _, err = invoke("diff", scene / "rules.yml", new, *given(scene, "--markdown", nowhere))
    assert code == 2
    assert err == f"alertlab: --markdown {nowhere} cannot be written: No such file or directory\n"


def test_folders(invoke: Invoke, scene: Path, new: Path) -> None:
    """A folder is all its rule files, without the unit tests beside them."""
    for name, text in (("old", RULES), ("changed", new.read_text())):
        folder = scene / name
        folder.mkdir()
        (folder / "a.yml").write_text(text)
        (folder / "b.yaml").write_text(
            "groups: [{name: b, interval: 1m, rules: [{alert: B, expr: up == 1}]}]"
        )
        (folder / "a.TooMany.test.yml").write_text("rule_files: [a.yml]\n")
    code, out, err = invoke("diff", scene / "old", scene / "changed", *given(scene, "--json"))
    assert (code, err) == (0, "")
    assert [(one["rule"], one["status"]) for one in json.loads(out)["rules"]] == [
        ("TooMany", "changed"), ("Down", "same"), ("B", "same"),
    ]  # fmt: skip
    (scene / "empty").mkdir()
    result = invoke("diff", scene / "old", scene / "empty", *given(scene))
    assert result[0] == 2
    assert "holds no rule files (*.yml, *.yaml)" in sentence(*result)


def new_page(document: dict) -> float | None:
    """Return when the new set's page comes [seconds after midnight], None without one."""
    (page,) = document["pages"]
    return None if page["new_at"] is None else page["new_at"] % 86_400


def false_pages(document: dict) -> int:
    """Return how many pages of the new set are false."""
    return document["rules"][0]["new"]["false_pages"]


@pytest.mark.parametrize(
    ("options", "told", "usual", "other"),
    [
        (["--moved-within", "59s"], lambda found: found["moved_pages"], 1, 0),
        (["--evaluation-interval", "5m"], lambda found: found["moved_pages"], 1, 0),
        (["--prometheus", "prometheus.yml"], lambda found: found["moved_pages"], 1, 0),
        (["--slot-offset", "20s"], new_page, 21.5 * 60, 21 * 60 + 50),
        (["--semantics", "2"], lambda found: found["rules"][1]["new"]["episodes"], 0, 1),
        (["--silences", "silences.json"], lambda found: found["pages_per_week"]["new"]["mid"] > 0,
         True, False),
        (["--paging-receivers", "mail"], lambda found: found["receivers"][0]["receiver"],
         "team", "mail"),
        (["--margin-before", "3m"], false_pages, 0, 1),
        (["--margin-after", "3m", "--incidents", "before.yml"], false_pages, 0, 1),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_options_matter(
    invoke: Invoke,
    scene: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list,
    told: Callable[[dict], object],
    usual: object,
    other: object,
) -> None:
    """Each option changes the answer."""
    monkeypatch.chdir(scene)
    write_more(scene)
    answers = []
    for more in ([], options):
        code, out, err = invoke(
            "diff", "old.yml", "soon.yml", *given(scene, "--json", "--end", "2024-10-04T00:50:00Z"),
            "--incidents", "later.yml", "--alertmanager", "two.yml", *more,
        )  # fmt: skip
        assert (code, err) == (0, "")
        answers.append(told(json.loads(out)))
    assert answers == [usual, other]


def write_more(folder: Path) -> None:
    """Write rules that fire after a minute or two, two receivers, and what options name."""
    # A window of Prometheus 2 holds three samples of a minute, one of Prometheus 3 two.
    old = RULES.replace("    interval: 1m\n", "")
    old = old.replace("up == 0", "sum_over_time(queue_length[2m]) > 19")
    (folder / "old.yml").write_text(old)
    (folder / "soon.yml").write_text(old.replace("for: 2m", "for: 1m"))
    (folder / "prometheus.yml").write_text("global: {evaluation_interval: 2m}\n")
    (folder / "later.yml").write_text(
        "- {id: one, start: 2024-10-04T00:26:00Z, end: 2024-10-04T00:30:00Z}\n"
    )
    (folder / "before.yml").write_text(
        "- {id: one, start: 2024-10-04T00:10:00Z, end: 2024-10-04T00:18:00Z}\n"
    )
    (folder / "silences.json").write_text(SILENCES)
    (folder / "two.yml").write_text(TWO_RECEIVERS)


def test_defaults_are_those_of_the_library() -> None:
    """What the command takes when nothing is said is what the functions take."""
    defaults = {name: one.default for name, one in inspect.signature(diff).parameters.items()}
    assert parse_duration(defaults["moved_within"]) == MOVED_WITHIN_MS
    margins = [parse_duration(defaults[f"margin_{side}"]) for side in ("before", "after")]
    assert Margins(*margins) == Margins()
