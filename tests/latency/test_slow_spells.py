"""Slow spells: literals, a judge by exact binomial tails, and the incidents of a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from alertlab import load_incidents, open_source
from alertlab.errors import BadInput
from alertlab.incidents import Margins, epoch_ms
from alertlab.incidents.table import incident_table
from alertlab.latency import BucketHistory, bucket_history
from alertlab.latency.spells import (
    SPELL_COLUMNS,
    beside_incidents,
    heat_map,
    slow_spells,
    without_spell,
)
from alertlab.units import DAY_MS, MINUTE_MS, label_set, parse_time

DATA = Path(__file__).resolve().parents[2] / "data"
STEP_MS = 10 * MINUTE_MS
A_DAY = DAY_MS // STEP_MS


def _history(
    slow: np.ndarray, requests: float | np.ndarray = 1_000.0, *, step_ms: int = STEP_MS
) -> BucketHistory:
    """Methods with requests of at most 0.1 s, and slow ones (n_methods, n_spans) of at most 1 s."""
    slow = np.atleast_2d(np.asarray(slow, float))
    every = np.broadcast_to(requests, slow.shape)
    return BucketHistory(
        "seconds",
        ("grpc_method",),
        tuple(label_set({"grpc_method": f"M{i}"}) for i in range(len(slow))),
        np.array([0.1, 1.0, np.inf]),
        step_ms * np.arange(1, slow.shape[1] + 1),
        step_ms,
        np.stack([every - slow, every, every], axis=2),
        np.full(slow.shape, np.nan),
    )


def _quiet(days: int = 10) -> np.ndarray:
    return np.full(days * A_DAY, 5.0)


def _found(spells: pd.DataFrame) -> list[tuple[int, int]]:
    """First span and number of spans of each spell."""
    starts, ends = epoch_ms(spells["start"]), epoch_ms(spells["end"])
    return [(a // STEP_MS, (b - a) // STEP_MS) for a, b in zip(starts, ends, strict=True)]


def test_a_quiet_history_has_no_spell() -> None:
    """The same share all the time is usual, be it high or low; the columns are there."""
    spells = slow_spells(_history([_quiet(), 50 * _quiet()]), 0.1)
    assert list(spells.columns) == SPELL_COLUMNS
    assert spells.empty


def test_a_slow_hour_is_a_spell_with_what_it_cost() -> None:
    """Half of the requests slow for an hour, where 5 in 1,000 are usual."""
    slow = _quiet()
    slow[700:706] = 500.0
    spells = slow_spells(_history([_quiet(), slow]), 0.1)
    assert _found(spells) == [(700, 6)]
    row = spells.iloc[0]
    assert (row["method"], row["requests"], row["slow"]) == ("M1", 6_000, 3_000)
    assert row["slow_share"] == pytest.approx(0.5)
    assert row["usual_share"] == pytest.approx(0.005)
    assert row["excess"] == pytest.approx(3_000 - 30)
    assert row["start"] == pd.Timestamp(700 * STEP_MS, unit="ms", tz="UTC")


def test_what_is_slow_every_night_is_usual_then() -> None:
    """A quarter slow from two to three each night is no spell; the same at noon is one."""
    slow = _quiet().reshape(-1, A_DAY)
    slow[:, 12:18] = 250.0
    assert slow_spells(_history(slow.ravel()), 0.1).empty
    slow[4, 72:78] = 250.0
    spells = slow_spells(_history(slow.ravel()), 0.1)
    assert _found(spells) == [(4 * A_DAY + 72, 6)]
    assert spells["usual_share"][0] == pytest.approx(0.005)


def test_some_days_with_a_spell_do_not_make_it_usual() -> None:
    """An import that slows three days in ten at the same hour is found on each of them."""
    slow = _quiet().reshape(-1, A_DAY)
    slow[[1, 4, 7], 111:113] = 300.0
    found = _found(slow_spells(_history(slow.ravel()), 0.1))
    assert found == [(day * A_DAY + 111, 2) for day in (1, 4, 7)]


def test_days_that_scatter_need_more_for_a_spell() -> None:
    """Where the share of an hour differs from day to day anyway, 12 % is nothing; but 60 % is."""
    level = np.random.default_rng(1).uniform(20.0, 100.0, (12, 1))
    slow = np.repeat(level, A_DAY, axis=1)
    slow[6, 50:53] = 120.0
    assert slow_spells(_history(slow.ravel()), 0.1).empty
    assert _found(slow_spells(_history(slow.ravel()), 0.1, scatters=0.5))[0][1] >= 3
    slow[6, 50:53] = 600.0
    assert _found(slow_spells(_history(slow.ravel()), 0.1)) == [(6 * A_DAY + 50, 3)]


def test_few_requests_do_not_scatter_more_for_being_few() -> None:
    """Luck with few requests is reckoned with once: it does not raise the ceiling, too."""
    random = np.random.default_rng(2)
    requests = np.full(20 * A_DAY, 10.0)
    slow = random.binomial(10, 0.03, len(requests)).astype(float)
    requests[1_000:1_002], slow[1_000:1_002] = 700.0, 120.0
    spells = slow_spells(_history(slow, requests), 0.1)
    assert _found(spells) == [(1_000, 2)]
    # Most spans have no slow request at all, but most hours have.
    assert spells["usual_share"][0] == pytest.approx(0.03, abs=0.01)


@pytest.mark.parametrize(("requests", "slow"), [(50, 7), (50, 9), (500, 18), (9, 4), (53, 7)])
def test_luck_is_told_from_a_spell_by_the_binomial_tail(requests: int, slow: int) -> None:
    """So many slow ones of so few requests, at the least share of 1 %: one in a million by luck."""
    counts, slow_ones = np.full(10 * A_DAY, 100.0), np.zeros(10 * A_DAY)
    counts[333], slow_ones[333] = requests, slow
    is_spell = bool(len(slow_spells(_history(slow_ones, counts), 0.1)))
    assert is_spell == (binom.sf(slow - 1, requests, 0.01) < 1e-6)


def test_the_least_share_keeps_small_shares_quiet() -> None:
    """Three in a hundred are more than none, and a spell only if so few are of interest."""
    slow = np.zeros(10 * A_DAY)
    slow[100:103] = 30.0
    assert _found(slow_spells(_history(slow), 0.1)) == [(100, 3)]
    assert slow_spells(_history(slow), 0.1, least_share=0.05).empty


def test_spells_close_together_are_one() -> None:
    """A pause of ten minutes does not end a spell; with no joining it does."""
    slow = _quiet()
    slow[[300, 302]] = 500.0
    assert _found(slow_spells(_history(slow), 0.1)) == [(300, 3)]
    assert _found(slow_spells(_history(slow), 0.1, join_ms=0)) == [(300, 1), (302, 1)]
    slow[301], slow[302], slow[303] = 5.0, 5.0, 500.0
    assert len(slow_spells(_history(slow), 0.1)) == 2


def test_spans_without_data_begin_and_end_nothing() -> None:
    """A gap in the data inside a spell is bridged, and adds no requests; around it nothing is."""
    slow = _quiet()
    slow[300:303] = [500.0, np.nan, 500.0]
    slow[500] = np.nan
    spells = slow_spells(_history(slow), 0.1)
    assert _found(spells) == [(300, 3)]
    assert spells["requests"][0] == 2_000
    nothing = _history(np.full(10 * A_DAY, np.nan))
    assert slow_spells(nothing, 0.1).empty


def test_less_than_a_week_is_compared_with_all_of_it() -> None:
    """Six hours of history have no other days, but other hours."""
    slow = np.full(36, 5.0)
    slow[12:18] = 500.0
    assert _found(slow_spells(_history(slow), 0.1)) == [(12, 6)]
    an_hour = slow_spells(_history(slow[16:22]), 0.1)
    assert _found(an_hour) == [(0, 2)]
    assert an_hour["usual_share"][0] == pytest.approx(0.005)


def test_the_threshold_chooses_the_bound() -> None:
    """Between bounds the next one counts, so that what is called slow surely was."""
    slow = _quiet()
    slow[300] = 500.0
    history = _history(slow)
    assert _found(slow_spells(history, 0.1)) == [(300, 1)]
    assert _found(slow_spells(history, 0.05)) == [(300, 1)]
    assert slow_spells(history, 0.2).empty  # nothing took longer than 1 s
    with pytest.raises(BadInput, match=r"longer than 2 s cannot be told.*end at 1 s"):
        slow_spells(history, 2.0)


def test_a_step_longer_than_an_hour_works_too() -> None:
    """Days against days: then there is no hour to compare with."""
    slow = np.full(20, 5.0)
    slow[12] = 500.0
    spells = slow_spells(_history(slow, step_ms=DAY_MS), 0.1)
    assert spells["start"][0] == pd.Timestamp(12 * DAY_MS, unit="ms", tz="UTC")
    assert len(spells) == 1


def _incidents(*rows: tuple[str, int, int, str]) -> pd.DataFrame:
    """Incidents with start and end in spans."""
    return incident_table(
        [(id_, a * STEP_MS, b * STEP_MS, severity, None, "") for id_, a, b, severity in rows]
    )


def test_spells_stand_beside_the_incidents_that_they_overlap() -> None:
    """Also at the margins; harmless stretches by themselves; the rest is nobody's."""
    slow = _quiet()
    slow[[100, 200, 300, 400]] = 500.0
    spells = slow_spells(_history(slow), 0.1)
    incidents = _incidents(
        ("inside", 99, 103, "critical"),
        ("just-before", 198, 200, "warning"),
        ("import", 300, 301, "harmless"),
        ("elsewhere", 600, 610, "critical"),
        ("fine", 700, 701, "Harmless"),
    )
    found = beside_incidents(spells, incidents)
    assert list(found["incidents"]) == [("inside",), ("just-before",), (), ()]
    assert list(found["harmless"]) == [(), (), ("import",), ()]
    assert list(without_spell(spells, incidents)["id"]) == ["elsewhere"]
    touching = _incidents(("before", 99, 100, "critical"), ("after", 101, 102, "critical"))
    strict = Margins(0, 0)
    assert list(without_spell(spells, touching, strict)["id"]) == ["before", "after"]
    assert beside_incidents(spells, incidents, strict)["incidents"][1] == ()
    assert list(without_spell(spells, incidents, strict)["id"]) == ["just-before", "elsewhere"]


def test_no_incidents_and_no_spells_are_no_trouble() -> None:
    """Empty tables stay tables."""
    none = slow_spells(_history(_quiet()), 0.1)
    assert list(without_spell(none, _incidents(("one", 5, 6, "critical")))["id"]) == ["one"]
    found = beside_incidents(none, _incidents())
    assert list(found.columns) == [*SPELL_COLUMNS, "incidents", "harmless"]


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=4, max_size=4), min_size=1, max_size=5))
def test_the_rows_of_a_heat_map_are_shares(counts: list[list[float]]) -> None:
    """Each row is the buckets' counts over their sum, and unknown where that is nothing."""
    cumulative = np.cumsum(counts, axis=1)
    history = BucketHistory(
        "seconds", (), ((),), np.array([0.1, 0.2, 0.5, np.inf]),
        STEP_MS * np.arange(1, len(counts) + 1), STEP_MS, cumulative[None],
        np.zeros((1, len(counts))),
    )  # fmt: skip
    shares = heat_map(history, 0)
    for row, total, made in zip(counts, cumulative[:, -1], shares, strict=True):
        if total > 0:
            np.testing.assert_allclose(made, np.array(row) / total, atol=1e-9)
        else:
            assert np.isnan(made).all()


def test_a_heat_map_never_shows_the_unknown_as_zero() -> None:
    """No data, no request and no common bound are NaN; a count that falls is raised."""
    history = _history(np.array([5.0, np.nan, 0.0]), np.array([10.0, np.nan, 0.0]))
    history.cumulative[0, 0] = [5.0, 4.0, 10.0]
    shares = heat_map(history, 0)
    np.testing.assert_allclose(shares[0], [0.5, 0.0, 0.5])
    assert np.isnan(shares[1:]).all()
    history.cumulative[0, 0] = [5.0, np.nan, 10.0]
    np.testing.assert_array_equal(heat_map(history, 0)[0], [0.5, np.nan, np.nan])


@pytest.fixture(scope="module")
def small() -> BucketHistory:
    """Two weeks of the service in spans of five minutes."""
    source = open_source(str(DATA / "recordings" / "auth-small"))
    start = parse_time("2026-02-02T00:00:00Z")
    return bucket_history(
        source,
        "grpc_server_handling_seconds",
        start,
        start + 14 * DAY_MS,
        step_ms=5 * MINUTE_MS,
    )


def test_the_slow_incidents_of_a_recording_are_found(small: BucketHistory) -> None:
    """All three that slow the service, and beside them only what the scenario calls harmless."""
    incidents = load_incidents(DATA / "incidents" / "auth-small.yaml")
    spells = beside_incidents(slow_spells(small, 0.5), incidents)
    named = {name for names in spells["incidents"] for name in names}
    assert named == {"slow-database-locks", "slow-database-failover", "bad-deploy-slow-logins"}
    assert not {one for one in without_spell(spells, incidents)["id"] if "slow" in one}
    rest = spells[spells["incidents"] == ()]
    at = rest["start"].dt.strftime("%dT%H:%M")
    load_test = rest[at == "07T04:00"]
    assert set(load_test["method"]) == {"CreateUser", "Login"}
    imports = rest[at != "07T04:00"]
    assert set(imports["method"]) == {"CreateUser"}
    assert set(imports["start"].dt.floor("h").dt.strftime("%dT%H")) == {
        f"{day:02d}T18" for day in (3, 5, 7, 9, 11, 13)
    }  # fmt: skip
    locks = spells[spells["incidents"] == ("slow-database-locks",)]
    assert set(locks["method"]) == set(small.names)
    assert (locks["slow_share"] > 0.5).all()
