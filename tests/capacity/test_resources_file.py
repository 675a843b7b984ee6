"""The file of resources: what is read from it, and what is refused, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from alertlab.capacity.resources import DISK, FIXED, PODS, Prices, load_resources
from alertlab.errors import BadInput
from alertlab.units import DAY_MS

OWN = Path(__file__).parents[2] / "auth_service" / "monitoring" / "capacity.yml"
TEXT = """\
deployment: {name: auth, namespace: production, container: app, replicas: replicas}
demands:
  logins: {query: "sum(rate(logins[1h]))", unit: logins/s}
prices: {currency: USD, core_month: 25, gib_month: "3.5"}
resources:
  - name: pool
    kind: pods
    owner: auth team
    lead_time: 7d
    threshold: 80%
    use: {query: used, unit: connections}
    limit: {query: size, unit: connections}
    demand: logins
    draws_on: server
    sign: {name: waiting, query: waits, unit: s, bound: "60"}
    remedy: More.
  - name: server
    kind: fixed
    owner: database team
    lead_time: 21d
    threshold: "0.7"
    use: {query: taken, unit: connections}
    limit: {query: most, unit: connections}
"""


@pytest.fixture
def written(tmp_path):
    """A function that writes the file with some text replaced, and returns its path."""

    def write(*pairs: tuple[str, str]) -> Path:
        text = TEXT
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "capacity.yml"
        path.write_text(text)
        return path

    return write


def test_every_field_is_read(written):
    """Names, durations, ratios, prices and the demand that is referred to."""
    file = load_resources(written())
    pool, server = file.resources
    assert (file.workload.name, file.workload.namespace) == ("auth", "production")
    assert (file.workload.container, file.workload.replicas) == ("app", "replicas")
    assert file.prices == Prices("USD", 25.0, 3.5)
    assert (pool.name, pool.kind, pool.owner, pool.lead_time_ms) == (
        "pool", PODS, "auth team", 7 * DAY_MS,
    )  # fmt: skip
    assert (pool.threshold_ratio, pool.use.query, pool.limit.query) == (0.8, "used", "size")
    assert (pool.unit, pool.demand.unit, pool.draws_on) == ("connections", "logins/s", "server")
    assert (pool.sign.name, pool.sign.query, pool.sign.bound) == ("waiting", "waits", 60.0)
    assert pool.remedy == "More."
    assert (pool.is_horizontal, server.is_horizontal) == (True, False)
    assert (server.kind, server.threshold_ratio) == (FIXED, 0.7)
    assert server.demand is server.sign is None


def test_prices_and_demands_may_be_left_out(written):
    """Nobody has to know what things cost, or what drives them."""
    start, end = TEXT.index("demands:"), TEXT.index("resources:")
    file = load_resources(written((TEXT[start:end], ""), ("    demand: logins\n", "")))
    assert file.prices is None
    assert file.resources[0].demand is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind: pods", "kind: pod", "capacity.yml:7: resource pool: kind: unknown kind 'pod'"),
        ("{query: size, unit: connections}", "{query: size, unit: MB}",
         "resource pool: limit: the use is in connections and the limit in MB"),
        ("threshold: 80%", "threshold: 80", "resource pool: threshold: 80 is no ratio"),
        ("lead_time: 7d", "lead_time: soon", "resource pool: lead_time: "),
        ("query: used", "query: sum(", "resource pool: use: query: "),
        ("demand: logins", "demand: refreshes", "unknown demand 'refreshes'; there are: logins"),
        ("name: server", "name: pool", "name: 'pool' stands twice; rename one"),
        ("draws_on: server", "draws_on: pool", "there are: server"),
        ("{query: taken, unit: connections}", "{query: taken, unit: sockets}", "limit: the use is"),
        ("core_month: 25", "core_month: free", "core_month: 'free' must be a number above 0"),
        ('bound: "60"', 'bound: "0"', "bound: '0' must be a number above 0"),
        ("    owner: auth team\n", "", "owner: is missing"),
        ("remedy: More.", "colour: red", "resource pool: colour: unknown key; there are: "),
        ("name: auth, ", "", "deployment: name: is missing"),
        ("{name: auth,", '{name: "a b",', "deployment: name: 'a b' must be letters and digits"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused_with_its_place(written, old, new, told):
    """File, line, resource and key stand in the sentence."""
    with pytest.raises(BadInput) as refused:
        load_resources(written((old, new)))
    assert told in str(refused.value)
    assert "capacity.yml:" in str(refused.value)


def test_a_pool_draws_on_what_is_counted_alike(written):
    """Connections cannot be taken from a limit of sockets."""
    path = written(
        ("{query: taken, unit: connections}", "{query: taken, unit: sockets}"),
        ("{query: most, unit: connections}", "{query: most, unit: sockets}"),
    )
    with pytest.raises(BadInput, match="server is in sockets and this in connections"):
        load_resources(path)


def test_the_file_of_the_service_names_what_may_bind():
    """All that the capacity report promises is there, in the order of names."""
    file = load_resources(OWN)
    assert [(one.name, one.kind) for one in file.resources] == [
        ("hash workers", PODS), ("CPU request", PODS), ("CPU limit (throttling)", PODS),
        ("memory", PODS), ("PostgreSQL pool", PODS), ("PostgreSQL max_connections", FIXED),
        ("Kafka consumers", FIXED), ("disk of PostgreSQL", DISK), ("disk of Kafka", DISK),
    ]  # fmt: skip
    assert all(one.owner and one.remedy for one in file.resources)
