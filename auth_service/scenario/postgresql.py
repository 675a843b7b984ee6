"""The pods' connections to PostgreSQL, and what postgres_exporter tells of the server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import poisson

from alertlab.units import MINUTE_MS, SECOND_MS
from auth_service import metrics
from auth_service.scenario.events import Effects, random_stream
from auth_service.scenario.exporters import Told, Totals
from auth_service.scenario.exposition import Rows
from auth_service.scenario.model import Scenario
from auth_service.scenario.pods import Timeline
from auth_service.scenario.queueing import Queued, erlang_c, look
from auth_service.scenario.sampling import Counted

JOB, INSTANCE = "postgresql", "postgresql.production.svc.cluster.local:9187"
VOLUME = "data-postgresql-0"

TRANSACTIONS: dict[str, dict[str, tuple[int, int]]] = {
    "CreateUser": {"ok": (1, 0), "already_exists": (0, 1), "internal": (0, 1)},
    "Login": {"ok": (2, 0), "bad_password": (1, 0), "unknown_user": (1, 0), "internal": (0, 1)},
    "ValidateToken": {"ok": (1, 0), "revoked": (1, 0), "internal": (0, 1)},
    "RefreshToken": {"ok": (1, 0), "unknown_token": (0, 1), "internal": (0, 1)},
    "RevokeToken": {"ok": (1, 0), "unknown_token": (0, 1), "internal": (0, 1)},
}
"""Transactions that a call of each outcome commits and rolls back, as in auth_service/store.py.

A token that is refused for its text alone never reaches the store.
"""

_IN_STORE = ("database", "locks", "disk")  # where a slow call holds a connection
_IDLE_MS = 10 * MINUTE_MS  # an idle connection is closed after so long
_OPEN_QUANTILE = 0.999  # connections that a pool has needed in the meantime
_STATEMENTS = 3  # a transaction's, BEGIN and COMMIT not counted
_STATEMENT_SHARE = 0.8  # of the time that a connection is held
_IN_TRANSACTION_SHARE = 0.25  # of held connections: the client is thinking
_BLOCKS = 14  # that a transaction looks at
_READ_RATIO, _READ_RATIO_SLOW = 0.004, 0.30  # of them from disk; where the disk is the trouble
_DEADLOCKS, _DEADLOCKS_LOCKED = 2e-8, 4e-5  # per transaction; under locks
_WAL_BYTES = 1 << 30


@dataclass(frozen=True)
class PoolWork:
    """A slot's use of its connections on one day; all of shape (n_steps,).

    commits, rollbacks : transactions that ended
    held_seconds : how long they held a connection, in sum
    in_use, opened : connections handed out, and open at all, at the scrape
    logins : successful ones, which the database remembers
    """

    commits: np.ndarray
    rollbacks: np.ndarray
    held_seconds: np.ndarray
    in_use: np.ndarray
    opened: np.ndarray
    logins: np.ndarray

    def counters(self) -> Rows:
        """Return what the pod counts."""
        name = metrics.DATABASE_HELD_SECONDS
        ended = (self.commits + self.rollbacks).astype(np.float64)
        return [
            ({"__name__": f"{name}_count"}, ended),
            ({"__name__": f"{name}_sum"}, self.held_seconds),
        ]

    def gauges(self, pool_size: int) -> Rows:
        """Return the pool as the pod shows it."""
        return [
            ({"__name__": metrics.DATABASE_POOL_SIZE}, np.full(len(self.in_use), float(pool_size))),
            ({"__name__": metrics.DATABASE_POOL_IN_USE}, self.in_use.astype(np.float64)),
        ]


class Pools:
    """Draws how every slot uses its pool of connections, one day after the other."""

    def __init__(self, scenario: Scenario, effects: Effects, timeline: Timeline) -> None:
        self._scenario = scenario
        self._database = scenario.postgresql
        self._running = timeline.life >= 0
        self._slow = {
            (slot, method): effects.waiting(method, slot, where=_IN_STORE)
            for slot in range(len(timeline.life))
            for method in TRANSACTIONS
        }
        self._needed: dict[int, np.ndarray] = {}

    def day(self, day: int, slot: int, counted: dict[str, Counted]) -> PoolWork:
        """Return a slot's day: a connection is held as long as the calls were slow in the store."""
        rng = random_stream(self._scenario, "pool", day, slot)
        per_day, size = self._scenario.steps_per_day, self._database.pool_size
        steps = slice(day * per_day, (day + 1) * per_day)
        commits, rollbacks, wanted = np.zeros((3, per_day))
        for method, one in counted.items():
            share, wait_ms = self._slow[slot, method]
            for outcome, calls in one.outcomes.items():
                ended = TRANSACTIONS[method].get(outcome, (0, 0))
                commits += ended[0] * calls
                rollbacks += ended[1] * calls
                if any(ended):
                    wanted += calls * share[steps] * wait_ms[steps] / SECOND_MS
        transactions = commits + rollbacks
        wanted += rng.gamma(transactions) * self._database.hold_ms / SECOND_MS
        load = wanted * SECOND_MS / self._scenario.step
        # More than the pool cannot be held: the rest of a slow call is spent before the pool.
        load = np.minimum(load, size)
        held_seconds = load * self._scenario.step / SECOND_MS
        queued = Queued(erlang_c(size, load), np.zeros(per_day))
        in_use, _ = look(rng, size, load, queued, np.zeros(per_day))
        in_use = in_use * self._running[slot, steps]
        opened = np.maximum(self._opened(slot, load), in_use) * self._running[slot, steps]
        logins = counted["Login"].outcomes["ok"]
        return PoolWork(commits, rollbacks, held_seconds, in_use, opened, logins)

    def _opened(self, slot: int, load: np.ndarray) -> np.ndarray:
        """Return the connections that the pool keeps: as many as it needed a while ago."""
        window = max(1, _IDLE_MS // self._scenario.step)
        needed = poisson.ppf(_OPEN_QUANTILE, load).clip(1, self._database.pool_size)
        before = self._needed.get(slot, np.ones(window - 1))
        joined = np.concatenate([before, needed])
        self._needed[slot] = joined[len(joined) - (window - 1) :]
        return np.lib.stride_tricks.sliding_window_view(joined, window).max(axis=1)


class Database:
    """The server's counters, which outlive the pods.

    ``disk_used_bytes``, (n_steps,), is that of the day told last.
    """

    def __init__(self, scenario: Scenario, effects: Effects) -> None:
        self._scenario = scenario
        self._database = scenario.postgresql
        self._locked, _ = effects.waiting("ValidateToken", 0, where=("locks",))
        self._reading, _ = effects.waiting("ValidateToken", 0, where=("disk",))
        self._totals = Totals()
        self.disk_used_bytes = np.zeros(scenario.steps_per_day)

    def day(self, day: int, pools: list[PoolWork]) -> Iterator[Told]:
        """Yield what postgres_exporter tells of one day."""
        rng = random_stream(self._scenario, "postgresql", day)
        per_day, database = self._scenario.steps_per_day, self._database
        steps = slice(day * per_day, (day + 1) * per_day)
        commits = sum(one.commits for one in pools)
        rollbacks = sum(one.rollbacks for one in pools)
        transactions = (commits + rollbacks).astype(np.int64)
        blocks = _BLOCKS * transactions
        read_ratio = _READ_RATIO + (_READ_RATIO_SLOW - _READ_RATIO) * self._reading[steps]
        read = rng.binomial(blocks, read_ratio)
        risk = _DEADLOCKS + _DEADLOCKS_LOCKED * self._locked[steps]
        in_use = sum(one.in_use for one in pools).astype(np.int64)
        opened = sum(one.opened for one in pools).astype(np.int64) + database.other_connections
        in_transaction = rng.binomial(in_use, _IN_TRANSACTION_SHARE)
        held_seconds = sum(one.held_seconds for one in pools)
        logins = sum(one.logins for one in pools)
        written = self._totals.add("size", database.bytes_per_login * logins)
        size_bytes = np.round(database.size_at_start + written)
        self.disk_used_bytes = size_bytes + _WAL_BYTES
        counters = {
            "pg_stat_database_xact_commit": commits,
            "pg_stat_database_xact_rollback": rollbacks,
            "pg_stat_database_deadlocks": rng.poisson(transactions * risk),
            "pg_stat_database_blks_hit": blocks - read,
            "pg_stat_database_blks_read": read,
            "pg_stat_statements_calls_total": _STATEMENTS * transactions,
            "pg_stat_statements_seconds_total": _STATEMENT_SHARE * held_seconds,
        }
        gauges = {
            "pg_stat_database_numbackends": opened,
            "pg_database_size_bytes": size_bytes,
        }
        states = {
            "active": in_use - in_transaction,
            "idle in transaction": in_transaction,
            "idle": opened - in_use,
        }
        for name, value in (
            ("pg_up", 1),
            ("pg_settings_max_connections", database.max_connections),
            ("pg_settings_superuser_reserved_connections", database.reserved_connections),
        ):
            yield Told({"__name__": name}, np.full(per_day, float(value)))
        for name, added in counters.items():
            yield Told({"__name__": name, "datname": "auth"}, self._totals.add(name, added))
        for name, values in gauges.items():
            yield Told({"__name__": name, "datname": "auth"}, values.astype(np.float64))
        for state, values in states.items():
            labels = {"__name__": "pg_stat_activity_count", "datname": "auth", "state": state}
            yield Told(labels, values.astype(np.float64))
