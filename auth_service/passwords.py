"""Passwords: Argon2id hashes, and a check that takes as long for a user who does not exist."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from auth_service.hash_workers import HashWorkers
from auth_service.settings import Settings


class Passwords:
    """Hashes and checks passwords on hash workers, at the cost that the settings state."""

    def __init__(self, settings: Settings, workers: HashWorkers) -> None:
        self._workers = workers
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
            type=Type.ID,
        )
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Return the encoded Argon2id hash, salt and parameters included."""
        return self._workers.compute(lambda: self._hasher.hash(password))

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Say whether the password fits; ``None`` (no such user) costs the same and never does."""
        expected = password_hash or self._nobodys_hash
        try:
            self._workers.compute(lambda: self._hasher.verify(expected, password))
        except VerifyMismatchError:
            return False
        return password_hash is not None
