"""Sends a load to a service and keeps the account."""

from __future__ import annotations

import asyncio
import random
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from alertlab.errors import ServerError
from auth_service.loadgen.account import Account
from auth_service.loadgen.plan import UNKNOWN_USER, WRONG_PASSWORD, Load, SlowSpell, schedule
from auth_service.proto import auth_pb2 as pb
from auth_service.proto import auth_pb2_grpc

CONNECT_SECONDS = 10.0
DEADLINE_SECONDS = 60.0
PROGRESS_SECONDS = 5.0
PASSWORD = "correct horse battery"


class Session(NamedTuple):
    """A user's tokens."""

    access_token: str
    refresh_token: str


async def drive(load: Load, target: str, fault_file: Path | None) -> Account:
    """Send a load to ``target`` (``host:port``) and return the account of it.

    ``fault_file`` is the service's, for slow spells.  Raises ServerError if nobody answers.
    """
    async with grpc.aio.insecure_channel(target) as channel:
        try:
            await asyncio.wait_for(channel.channel_ready(), CONNECT_SECONDS)
        except TimeoutError:
            raise ServerError(
                f"no gRPC service answers at {target} within {CONNECT_SECONDS:g} s"
            ) from None
        driver = Driver(auth_pb2_grpc.AuthServiceStub(channel), load)
        progress = asyncio.create_task(driver.tell_progress())
        try:
            await driver.set_up()
            await driver.run(fault_file)
        finally:
            progress.cancel()
        return driver.account


class Driver:
    """One run: users, their sessions, and a method for each action of the schedule."""

    def __init__(self, stub: auth_pb2_grpc.AuthServiceStub, load: Load) -> None:
        self.account = Account()
        self._stub = stub
        self._load = load
        self._random = random.Random(load.seed)
        # Names of their own for each run, so that a store that remembers does not clash.
        run = uuid.uuid4().hex[:8]
        self._users = [f"load-{run}-{number}" for number in range(load.users)]
        self._sessions: list[Session] = []
        self._revoked_access_tokens: list[str] = []
        self._actions: dict[str, Callable[[], Awaitable[None]]] = {
            "login": self.log_in,
            WRONG_PASSWORD: self.log_in_with_wrong_password,
            UNKNOWN_USER: self.log_in_as_nobody,
            "validate": self.validate,
            "bad_token": self.validate_bad_token,
            "refresh": self.refresh,
            "revoke": self.revoke,
        }

    async def set_up(self) -> None:
        """Create the users one by one and log each in, so that there are sessions."""
        start = time.time()
        for user in self._users:
            await self._call("CreateUser", pb.CreateUserRequest(username=user, password=PASSWORD))
            await self._log_in(user, PASSWORD)
        self._phase("setup", start, time.time(), users=len(self._users))

    async def run(self, fault_file: Path | None) -> None:
        """Send the schedule, each call at its time whatever the others do, then wait for all."""
        start, began = time.time(), time.monotonic()
        sent_at: dict[int, list[float]] = {i: [] for i in range(len(self._load.failure_bursts))}
        async with asyncio.TaskGroup() as calls:
            for spell in self._load.slow_spells:
                calls.create_task(self._slow_spell(spell, fault_file))
            for step in schedule(self._load):
                await asyncio.sleep(began + step.offset_seconds - time.monotonic())
                lag = time.monotonic() - began - step.offset_seconds
                self.account.max_lag_seconds = max(self.account.max_lag_seconds, lag)
                calls.create_task(self._actions[step.action]())
                if step.burst is not None:
                    sent_at[step.burst].append(time.time())
            await asyncio.sleep(began + self._load.duration_seconds - time.monotonic())
            end = time.time()
        self._phase("load", start, end)
        self._phase("drain", end, time.time())
        for index, times in sent_at.items():
            if times:
                rate = self._load.failure_bursts[index].rate_per_second
                self._phase(
                    "failure_burst", times[0], times[-1], calls=len(times), rate_per_second=rate
                )

    async def tell_progress(self) -> None:
        """Print a line to stderr every few seconds, until cancelled."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            elapsed, calls = time.monotonic() - began, self.account.calls.total()
            print(f"{elapsed:.0f} s: {calls} calls answered", file=sys.stderr, flush=True)

    async def log_in(self) -> None:
        await self._log_in(self._random.choice(self._users), PASSWORD)

    async def log_in_with_wrong_password(self) -> None:
        await self._log_in(self._random.choice(self._users), "wrong " + PASSWORD, "bad_password")

    async def log_in_as_nobody(self) -> None:
        await self._log_in("nobody-" + uuid.uuid4().hex, PASSWORD, "unknown_user")

    async def validate(self) -> None:
        if self._sessions:
            token = self._random.choice(self._sessions).access_token
            await self._call("ValidateToken", pb.ValidateTokenRequest(access_token=token))
        else:
            self.account.skipped["validate"] += 1

    async def validate_bad_token(self) -> None:
        """Show a token that was revoked earlier or, half of the time, one that is no token."""
        revoked = self._revoked_access_tokens
        is_revoked = revoked and self._random.random() < 0.5
        token = self._random.choice(revoked) if is_revoked else "not a token"
        await self._call("ValidateToken", pb.ValidateTokenRequest(access_token=token))

    async def refresh(self) -> None:
        if session := self._take_session("refresh"):
            request = pb.RefreshTokenRequest(refresh_token=session.refresh_token)
            self._keep(await self._call("RefreshToken", request))

    async def revoke(self) -> None:
        if session := self._take_session("revoke"):
            request = pb.RevokeTokenRequest(token=session.access_token)
            if await self._call("RevokeToken", request):
                self._revoked_access_tokens.append(session.access_token)

    async def _log_in(self, username: str, password: str, bound_to_fail: str = "") -> None:
        request = pb.LoginRequest(username=username, password=password)
        self._keep(await self._call("Login", request, bound_to_fail))

    async def _call(self, method: str, request: Any, login_reason: str = "") -> Any | None:
        """Send one call and record its answer; return the response, or None if it failed."""
        began, response, code, details = time.perf_counter(), None, "OK", ""
        try:
            response = await getattr(self._stub, method)(request, timeout=DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
            code, details = error.code().name, error.details() or ""
        latency_ms = (time.perf_counter() - began) * 1_000
        self.account.record(method, code, details, latency_ms, login_reason)
        return response

    def _keep(self, response: Any | None) -> None:
        if response is not None:
            tokens = response.tokens
            self._sessions.append(Session(tokens.access_token, tokens.refresh_token))

    def _take_session(self, action: str) -> Session | None:
        """Remove a session at random: its tokens are about to change."""
        if not self._sessions:
            self.account.skipped[action] += 1
            return None
        place = self._random.randrange(len(self._sessions))
        self._sessions[place], self._sessions[-1] = self._sessions[-1], self._sessions[place]
        return self._sessions.pop()

    async def _slow_spell(self, spell: SlowSpell, fault_file: Path) -> None:
        await asyncio.sleep(spell.start_seconds)
        start = time.time()
        try:
            # Renamed into place: the service must not read half a number.
            draft = fault_file.with_name(fault_file.name + ".new")
            draft.write_text(f"{spell.delay_ms:g}\n")
            draft.replace(fault_file)
            await asyncio.sleep(spell.duration_seconds)
        finally:
            fault_file.unlink(missing_ok=True)
        self._phase("slow_spell", start, time.time(), delay_ms=spell.delay_ms)

    def _phase(self, kind: str, start: float, end: float, **facts: float) -> None:
        self.account.phases.append({"kind": kind, "start": start, "end": end, **facts})
