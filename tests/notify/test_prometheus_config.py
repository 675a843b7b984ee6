"""What a Prometheus configuration says about rules and alerts."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import requests
from ruamel.yaml import YAML

from alertlab.errors import BadInput
from alertlab.notify.prometheus_config import PrometheusConfig, load_prometheus_config
from alertlab.notify.relabel import Relabel
from alertlab.units import MINUTE_MS, SECOND_MS, label_set
from auth_service.stack import run_prometheus

ROOT = Path(__file__).resolve().parent.parent.parent
COMMITTED = ROOT / "auth_service/monitoring/prometheus.yml"
SITE, POD = Relabel(target_label="site", replacement="a"), Relabel("labeldrop", regex="pod")
SITE_NODE = {"target_label": "site", "replacement": "a"}
POD_NODE = {"action": "labeldrop", "regex": "pod"}


def load(folder: Path, document: Any, **environment: str) -> PrometheusConfig:
    path = folder / "prometheus.yml"
    path.write_text(json.dumps(document), encoding="utf-8")
    return load_prometheus_config(path, environment=environment)


def test_the_committed_configuration() -> None:
    """Evaluations every 15 s, nothing added to alerts, and the rules beside it."""
    config = load_prometheus_config(COMMITTED)
    assert config == PrometheusConfig(
        evaluation_interval_ms=15 * SECOND_MS,
        query_offset_ms=0,
        external_labels=(),
        alert_relabel=(),
        rule_files=(f"{COMMITTED.parent}/rules/*.yml",),
    )
    (pattern,) = config.rule_files
    assert list(Path(pattern).parent.glob(Path(pattern).name))


def test_defaults(tmp_path: Path) -> None:
    """An empty file, an empty section and zero are Prometheus' own settings."""
    for document in (None, {}, {"global": None}, {"global": {"evaluation_interval": "0s"}}):
        assert load(tmp_path, document) == PrometheusConfig(MINUTE_MS, 0, (), (), ())


def test_what_is_read(tmp_path: Path) -> None:
    """Everything that decides alerts; the rest is passed over, be it known or not."""
    document = {
        "global": {
            "evaluation_interval": "30s", "rule_query_offset": "1m", "scrape_interval": "nonsense",
            "external_labels": {"site": "b", "replica": ""},
        },
        "alerting": {
            "alert_relabel_configs": [SITE_NODE],
            "alertmanagers": [{"alert_relabel_configs": [POD_NODE], "static_configs": "nonsense"}],
        },
        "rule_files": ["rules/*.yml", "/etc/rules.yml"],
        "scrape_configs": "nonsense",
        "nothing": [],
    }  # fmt: skip
    assert load(tmp_path, document) == PrometheusConfig(
        evaluation_interval_ms=30 * SECOND_MS,
        query_offset_ms=MINUTE_MS,
        external_labels=(("site", "b"),),
        alert_relabel=(SITE, POD),
        rule_files=(f"{tmp_path}/rules/*.yml", "/etc/rules.yml"),
    )


def test_alertmanagers_with_steps_of_their_own(tmp_path: Path) -> None:
    """One opinion among them is taken, also if several share it; two are refused."""

    def steps(*alertmanagers: list[dict[str, Any]]) -> tuple[Relabel, ...]:
        entries = [{"alert_relabel_configs": one} for one in alertmanagers]
        return load(tmp_path, {"alerting": {"alertmanagers": entries}}).alert_relabel

    assert steps([], [SITE_NODE], []) == (SITE,)
    assert steps([SITE_NODE, POD_NODE], [SITE_NODE, POD_NODE]) == (SITE, POD)
    with pytest.raises(BadInput, match="several Alertmanagers have different"):
        steps([SITE_NODE], [POD_NODE])


@pytest.mark.parametrize(
    ("written", "expanded"),
    [
        ("${SITE}-${UNIT}", "b-7"), ("$SITE/$UNIT", "b/7"), ("$SITEX", ""), ("${NONE}x", "x"),
        ("$$SITE", "$SITE"), ("a$", "a$"), ("$ x", "$ x"), ("${}x", "x"), ("${SITE", "SITE"),
        ("$7x", "x"), ("${$}", "$"), ("$-x", "x"), ("${a b}", "spaced"), ("100%", "100%"),
    ],
)  # fmt: skip
def test_the_environment_in_external_labels(tmp_path: Path, written: str, expanded: str) -> None:
    """As Go expands it; a label that becomes empty is none."""
    document = {"global": {"external_labels": {"x": written}}}
    environment = {"SITE": "b", "UNIT": "7", "a b": "spaced"}
    found = load(tmp_path, document, **environment).external_labels
    assert found == label_set({"x": expanded})


def test_the_environment_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used where no other is given."""
    monkeypatch.setenv("ALERTLAB_TEST_SITE", "here")
    load(tmp_path, {"global": {"external_labels": {"x": "${ALERTLAB_TEST_SITE}"}}})
    config = load_prometheus_config(tmp_path / "prometheus.yml")
    assert config.external_labels == (("x", "here"),)


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ([], "write a mapping of keys to values"),
        ({"global": {"evaluation_interval": "5"}}, "global.evaluation_interval: '5' is not a dur"),
        ({"global": {"rule_query_offset": "-1m"}}, "rule_query_offset: '-1m' is not a duration"),
        ({"global": {"external_labels": {"": "x"}}}, "external_labels: '' is not a label name"),
        ({"global": {"external_labels": {"a-b": "x"}, "metric_name_validation_scheme": "legacy"}},
         "'a-b' is not a label name"),
        ({"global": {"metric_name_validation_scheme": "x"}}, "is neither legacy nor utf8"),
        ({"alerting": {"alert_relabel_config": []}}, "alerting: unknown key 'alert_relabel_config"),
        ({"alerting": {"alertmanagers": [None]}}, "alertmanagers[0]: this entry is empty"),
        ({"alerting": {"alert_relabel_configs": [None]}}, "configs[0]: this step is empty"),
        ({"alerting": {"alert_relabel_configs": [{"action": "kepp"}]}}, "action: unknown action"),
        ({"alerting": {"alert_relabel_configs": [{"action": None}]}}, "the action is null"),
        ({"alerting": {"alert_relabel_configs": [{}]}}, "replace needs a target_label"),
        ({"alerting": {"alert_relabel_configs": [{"action": "hashmod", "target_label": "x"}]}},
         "hashmod needs a modulus"),
        ({"alerting": {"alert_relabel_configs": [{"action": "labelmap", "replacement": ""}]}},
         "labelmap needs a replacement"),
        ({"alerting": {"alert_relabel_configs": [{"action": "keepequal", "target_label": "x",
                                                  "regex": "(.*)"}]}}, "remove regex"),
        ({"alerting": {"alert_relabel_configs": [{"action": "labeldrop", "source_labels": []}]}},
         "labeldrop takes only regex; remove source_labels"),
        ({"alerting": {"alert_relabel_configs": [{"action": "uppercase", "target_label": "x",
                                                  "replacement": "y"}]}}, "remove replacement"),
        ({"alerting": {"alert_relabel_configs": [{"action": "drop", "regex": "("}]}}, "'(' is not"),
        ({"alerting": {"alert_relabel_configs": [{"action": "drop", "regex": "null"}]}}, "'null' "),
        ({"alerting": {"alert_relabel_configs": [{"action": "drop", "source_labels": [""]}]}},
         "source_labels[0]: a label's name is empty"),
        ({"global": {"metric_name_validation_scheme": "legacy"}, "alerting": {
            "alert_relabel_configs": [{"action": "uppercase", "target_label": "x_$1"}]}},
         "uppercase needs a target_label"),
        ({"rule_files": ["*/a.yml"]}, "rule_files[0]: '*/a.yml' has a * before its last part"),
    ],
)  # fmt: skip
def test_bad_configurations_get_one_sentence(tmp_path: Path, document: Any, part: str) -> None:
    """It names the file and the place."""
    with pytest.raises(BadInput) as refused:
        load(tmp_path, document)
    assert part in str(refused.value)
    assert str(tmp_path / "prometheus.yml") in str(refused.value)


def test_what_is_no_configuration(tmp_path: Path) -> None:
    """A file that is missing, and one that is broken."""
    with pytest.raises(BadInput, match="the Prometheus configuration"):
        load_prometheus_config(tmp_path / "none")
    (tmp_path / "broken").write_text("global: {", encoding="utf-8")
    with pytest.raises(BadInput, match="not valid YAML"):
        load_prometheus_config(tmp_path / "broken")


@pytest.mark.server
def test_prometheus_expands_the_same(
    prometheus3_bin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred random external labels, as the server shows its configuration."""
    environment = {"SITE": "b", "X_1": "y z", "A": "$SITE"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    rng = random.Random(1)
    parts = ["$", "$$", "{", "}", "${", "SITE", "${SITE}", "$X_1", "${A}", "x", "1", " ", "-", "é"]
    labels = {f"l{i}": "".join(rng.choices(parts, k=rng.randint(1, 6))) for i in range(100)}
    found = load(tmp_path, {"global": {"external_labels": labels}}, **environment).external_labels
    with run_prometheus(
        tmp_path, {"global": {"external_labels": labels}}, program=prometheus3_bin
    ) as url:
        told = requests.get(f"{url}/api/v1/status/config", timeout=10).json()["data"]["yaml"]
    (tmp_path / "told.yml").write_text(told, encoding="utf-8")
    shown = load_shown(tmp_path / "told.yml")
    assert dict(found) == {name: value for name, value in shown.items() if value}
    assert len(set(shown.values())) > 40


def load_shown(file: Path) -> dict[str, str]:
    """Return the external labels of a configuration, unexpanded."""
    document = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    return {name: str(value) for name, value in document["global"]["external_labels"].items()}
