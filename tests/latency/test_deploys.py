"""Deploys told by pods: literals, a naive twin, and the deploys of the scenarios."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlab import open_source
from alertlab.errors import BadInput
from alertlab.frame import STALE_NAN, Series
from alertlab.latency.deploys import Deploy, find_deploys
from alertlab.units import MINUTE_MS, label_set
from auth_service.scenario.model import load_scenario

DATA = Path(__file__).resolve().parents[2] / "data"
HOUR = 60


def _pod(name: str, *lives: tuple[int, int], label: str = "pod", **labels: str) -> Series:
    """A target that was up in the minutes of its lives, both ends included, and then stale."""
    times, values = [], []
    for first, last in lives:
        times += [*range(first, last + 1), last + 1]
        values += [1.0] * (last + 1 - first) + [STALE_NAN]
    return Series(
        label_set({"__name__": "up", label: name, **labels}),
        np.array(times, np.int64) * MINUTE_MS,
        np.array(values),
    )


@pytest.fixture
def minutes_of(memory_source):
    """A function that finds deploys among pods and gives their minutes."""

    def found(*pods: Series, within: int = 10, **options: str) -> list[int]:
        source = memory_source(list(pods))
        deploys = find_deploys(
            source, "up", 0, 10 * HOUR * MINUTE_MS, within_ms=within * MINUTE_MS, **options
        )
        return [deploy.at_ms // MINUTE_MS for deploy in deploys]

    return found


def test_a_rolling_update_is_one_deploy(memory_source) -> None:
    """It begins with the first new pod, and says who was replaced by whom."""
    pods = [_pod("a", (0, 60)), _pod("b", (0, 62)), _pod("c", (61, 200)), _pod("d", (63, 200))]
    found = find_deploys(memory_source(pods), "up", 0, 300 * MINUTE_MS)
    assert found == [Deploy(61 * MINUTE_MS, ("a", "b"), ("c", "d"))]


def test_new_pods_may_come_before_the_old_ones_go_or_after(minutes_of) -> None:
    """With a surge both are there for a while; without, nobody is for some minutes."""
    assert minutes_of(_pod("a", (0, 70)), _pod("b", (65, 200))) == [65]
    assert minutes_of(_pod("a", (0, 60)), _pod("b", (65, 200))) == [65]


def test_a_crash_and_the_autoscaler_are_no_deploys(minutes_of) -> None:
    """One pod is replaced, one more comes, one goes: another one stays all the time."""
    assert minutes_of(_pod("a", (0, 300)), _pod("b", (0, 60)), _pod("c", (61, 300))) == []
    assert minutes_of(_pod("a", (0, 300)), _pod("b", (60, 200))) == []


def test_the_autoscaler_beside_a_deploy_does_not_hide_it(minutes_of) -> None:
    """A pod more just before, and one of the new ones that goes again soon, are not the deploy."""
    before = minutes_of(_pod("a", (0, 60)), _pod("more", (57, 60)), _pod("b", (61, 200)))
    assert before == [61]
    after = minutes_of(_pod("a", (0, 60)), _pod("brief", (61, 64)), _pod("b", (62, 200)))
    assert after == [62]


def test_pods_that_were_silent_are_the_same_pods(minutes_of) -> None:
    """Neither a gap in the scrapes nor an outage of everything replaces anybody."""
    assert minutes_of(_pod("a", (0, 60), (68, 200)), _pod("b", (0, 60), (69, 200))) == []
    assert minutes_of(_pod("a", (0, 60), (90, 200)), _pod("b", (0, 60), (90, 200))) == []


def test_what_takes_longer_is_found_with_more_patience(minutes_of) -> None:
    """Eight minutes of rolling are a deploy within ten, and none within five."""
    pods = _pod("a", (0, 60)), _pod("b", (0, 68)), _pod("c", (61, 200)), _pod("d", (69, 200))
    assert minutes_of(*pods) == [61]
    assert minutes_of(*pods, within=5) == []


def test_a_quick_roll_back_counts_once(minutes_of) -> None:
    """Two deploys within the time of one are the later; further apart they are two."""
    quick = _pod("a", (0, 60)), _pod("b", (61, 66)), _pod("c", (67, 200))
    assert minutes_of(*quick) == [67]
    slow = _pod("a", (0, 60)), _pod("b", (61, 86)), _pod("c", (87, 200))
    assert minutes_of(*slow) == [61, 87]


def test_another_label_tells_versions_apart(minutes_of) -> None:
    """A version that comes back after a roll-back is a deploy, too; its pods share the value."""
    pods = [
        _pod("1.0", (0, 60), (121, 300), label="version", pod="a"),
        _pod("1.0", (121, 300), label="version", pod="b"),
        _pod("1.1", (61, 120), label="version", pod="c"),
    ]
    assert minutes_of(*pods, label="version") == [61, 121]


def test_the_beginning_and_the_end_of_the_data_are_no_deploys(minutes_of) -> None:
    """The first pods replace nobody that was seen; of the last ones nobody knows yet."""
    assert minutes_of(_pod("a", (30, 60))) == []
    assert minutes_of(_pod("a", (0, 60)), _pod("b", (61, 70))) == []
    assert minutes_of(_pod("a", (0, 60)), _pod("b", (61, 71))) == [61]


def test_pods_seen_at_the_same_time_are_one_deploy(minutes_of) -> None:
    """Two new pods with their first scrape in the same millisecond begin together."""
    assert minutes_of(_pod("a", (0, 60)), _pod("b", (61, 200)), _pod("c", (61, 200))) == [61]


def test_what_cannot_be_told_is_refused(memory_source) -> None:
    """No series, a label that nobody has, and no time at all are sentences."""
    source = memory_source([_pod("a", (0, 60))])
    for selector, options, told in [
        ("nothing", {}, "no series of nothing with a label 'pod' between 1970-01-01T00:00:00Z"),
        ("up", {"label": "image"}, "no series of up with a label 'image'"),
        ("up", {"within_ms": 0}, "within 0s nothing is replaced"),
    ]:
        with pytest.raises(BadInput, match=told):
            find_deploys(source, selector, 0, 300 * MINUTE_MS, **options)


def _naive(seen: dict[str, list[int]], within: int) -> list[int]:
    """Minute by minute: who was seen lately, and who is there when the dust has settled?"""

    def there(minutes: list[int], at: int) -> bool:
        earlier = [m for m in minutes if m <= at]
        later = [m for m in minutes if m >= at]
        return bool(earlier and later) and later[0] - earlier[-1] <= within

    found = set()
    for name, minutes in seen.items():
        for at in minutes:
            if any(at - within <= m < at for m in minutes):
                continue
            before = {n for n, ms in seen.items() if any(at - within <= m < at for m in ms)}
            after = {n for n, ms in seen.items() if there(ms, at + within)}
            if before and name in after and not before & after:
                found.add(at)
    return sorted(found)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sets(st.integers(0, 40), min_size=1, max_size=12).map(sorted), min_size=1, max_size=4
    ),
    st.integers(1, 6),
)
def test_as_a_naive_twin(memory_source, lives: list[list[int]], within: int) -> None:
    """Pods that come and go at random are judged as by looking at every minute."""
    seen = {f"pod-{i}": minutes for i, minutes in enumerate(lives)}
    pods = [_pod(name, *((m, m) for m in minutes)) for name, minutes in seen.items()]
    pods = [Series(p.labels, *_only_samples(p)) for p in pods]
    found = find_deploys(
        memory_source(pods), "up", 0, HOUR * MINUTE_MS, within_ms=within * MINUTE_MS
    )
    assert [one.at_ms // MINUTE_MS for one in found] == _naive(seen, within)


def _only_samples(series: Series) -> tuple[np.ndarray, np.ndarray]:
    kept = ~np.isnan(series.values)
    return series.times[kept], series.values[kept]


@pytest.mark.parametrize("name", ["auth-28d", "auth-small"])
def test_the_deploys_of_the_scenario_are_found_and_nothing_else(name: str) -> None:
    """With crashes, an autoscaler and gaps in the scrapes; each within two minutes."""
    source = open_source(str(DATA / "recordings" / name))
    found = find_deploys(source, 'up{job="auth-service"}', source.start_ms, source.end_ms)
    told = np.array(load_scenario(DATA / "scenarios" / f"{name}.yaml").deploys)
    assert len(found) == len(told)
    late = np.array([one.at_ms for one in found]) - told
    assert ((late >= 0) & (late < 2 * MINUTE_MS)).all()
