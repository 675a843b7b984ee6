"""The patch for the Deployment: what stands in it, and that names stay texts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from alertlab.capacity.advice import Advice, Item
from alertlab.capacity.kubernetes_patch import kubernetes_patch
from alertlab.capacity.resources import Workload

WORKLOAD = Workload("auth", "production", "app", "replicas")
MEBI = 2.0**20


def _advice(*, replicas=(3, 4), cpu=(2.0, 1.5), memory=(512 * MEBI, 768 * MEBI)) -> Advice:
    return Advice(
        Item("replicas", "", *replicas, ""),
        Item("CPU request", "cores", *cpu, ""),
        Item("CPU limit", "cores", cpu[0], cpu[1] * 2, ""),
        Item("memory request", "bytes", *memory, ""),
        Item("memory limit", "bytes", *memory, ""),
        1.0, (), (),
    )  # fmt: skip


def _read(text: str, version: tuple[int, int] = (1, 1)):
    reader = YAML(typ="safe", pure=True)
    reader.version = version  # kubectl reads YAML 1.1, in which `on` is a truth value
    return reader.load(text)


def test_the_patch_is_a_strategic_merge():
    """Deployment, replicas, and the resources of the container that has the name."""
    assert _read(kubernetes_patch(WORKLOAD, _advice())) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "auth", "namespace": "production"},
        "spec": {
            "replicas": 4,
            "template": {"spec": {"containers": [{
                "name": "app",
                "resources": {
                    "requests": {"cpu": "1500m", "memory": "768Mi"},
                    "limits": {"cpu": "3000m", "memory": "768Mi"},
                },
            }]}},
        },
    }  # fmt: skip


def test_what_is_unknown_is_left_as_it_is():
    """Without an advice on CPU the patch does not name it."""
    text = kubernetes_patch(WORKLOAD, _advice(cpu=(2.0, math.nan)))
    assert "cpu" not in text
    assert text.count("768Mi") == 2


@pytest.mark.parametrize("name", ["on", "no", "true", "null", "123", "1e3", "0x1F", "1_000", "y"])
def test_names_stay_names(name):
    """What a reader of YAML 1.1 or 1.2 would take for a number or a truth value is a text."""
    text = kubernetes_patch(Workload(name, name, name, ""), _advice())
    for version in ((1, 1), (1, 2)):
        found = _read(text, version)
        assert found["metadata"] == {"name": name, "namespace": name}
        assert found["spec"]["template"]["spec"]["containers"][0]["name"] == name


@given(name=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30))
def test_no_name_breaks_out(name):
    """Line breaks, quotes and colons of a name stay within it."""
    found = _read(kubernetes_patch(Workload(name, "production", "app", ""), _advice()), (1, 2))
    assert found["metadata"] == {"name": name, "namespace": "production"}
    assert set(found) == {"apiVersion", "kind", "metadata", "spec"}
