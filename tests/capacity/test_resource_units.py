"""Units of use and limit: which belong together, and what is said of those that do not."""

from __future__ import annotations

import pytest

from alertlab.capacity.resources.units import (
    BYTES,
    CORES,
    disagreement,
    label_disagreement,
    measures,
)


@pytest.mark.parametrize(
    ("use", "limit", "told"),
    [
        ("millicores", "cores", "one of millicores is 0.001 cores"),
        ("cores", "millicores", "one of cores is 1000 millicores"),
        ("MiB", "MB", "one of MiB is 1.048576 MB"),
        ("GiB", "MiB", "one of GiB is 1024 MiB"),
    ],
)
def test_units_of_one_kind_are_told_with_their_factor(use, limit, told):
    """Cores and millicores, MiB and MB: the sentence says by how much the ratio would be wrong."""
    assert disagreement(use, limit) == (
        f"the use is in {use} and the limit in {limit}; {told}: write both queries in one unit"
    )


def test_units_of_different_kinds_have_no_factor():
    """Bytes are no cores, and of units that nobody knows only their names are compared."""
    assert "; one of" not in disagreement("bytes", "cores")
    assert "workers and the limit in connections" in disagreement("workers", "connections")
    assert disagreement("workers", "workers") == ""


def test_labels_of_kube_state_metrics_are_read():
    """Its label says ``core``, ``byte`` or ``integer``; none and ``integer`` contradict nothing."""
    assert label_disagreement("cores", "core") == ""
    assert label_disagreement("bytes", "byte") == ""
    assert label_disagreement("workers", "integer") == ""
    assert label_disagreement("millicores", "") == ""
    assert label_disagreement("millicores", "core") == (
        "the series are in cores by their label unit, and the file says millicores"
    )
    assert "bytes by their label unit" in label_disagreement("MiB", "byte")


def test_what_units_measure():
    """CPU and memory are known by any of their units, and nothing else is."""
    assert measures("millicores") == CORES
    assert measures("MB") == BYTES
    assert measures("connections") == ""
