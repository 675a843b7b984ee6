"""Tokens: JSON Web Tokens signed with Ed25519, whose header names the key that signed them.

A ``KeyRing`` may hold several keys: the first signs, all verify.  To rotate, put a new key in
front and drop the old one when the tokens that it signed have expired.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from alertlab.errors import BadInput, require_file
from auth_service.settings import Settings

ALGORITHM = "EdDSA"
KEYS_VARIABLE = "AUTH_SIGNING_KEYS"

TokenUse = Literal["access", "refresh"]
_PEM_BLOCK = re.compile(r"-----BEGIN [^-]+-----.*?-----END [^-]+-----", re.DOTALL)
# Most specific first: an error is an instance of its base classes too.
_REASONS: tuple[tuple[type[jwt.InvalidTokenError], str], ...] = (
    (jwt.InvalidSignatureError, "bad_signature"),
    (jwt.InvalidAlgorithmError, "bad_signature"),
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.InvalidIssuerError, "wrong_issuer"),
    (jwt.InvalidTokenError, "malformed"),
)


class TokenRefused(Exception):
    """A token that is not accepted; ``reason`` is one of ``metrics.TOKEN_ERROR_REASONS``."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"token refused: {reason}")
        self.reason = reason


class Token(NamedTuple):
    """A signed token with what the store must know of it; ``expires_at`` in unix seconds."""

    text: str
    id: str
    user_id: str
    use: TokenUse
    expires_at: int


def key_id(key: Ed25519PrivateKey) -> str:
    """Return the name of a key: 16 hex digits of its public half's SHA-256."""
    return hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]


class KeyRing:
    """The signing keys, at least one: the first signs, all verify."""

    def __init__(self, keys: Sequence[Ed25519PrivateKey]) -> None:
        self._signing_key = keys[0]
        self._public_keys = {key_id(key): key.public_key() for key in keys}

    @classmethod
    def generate(cls) -> KeyRing:
        """Return a ring of one new key, so its tokens end with the process."""
        return cls([Ed25519PrivateKey.generate()])

    @classmethod
    def from_pem(cls, pem: str, origin: str) -> KeyRing:
        """Read unencrypted Ed25519 private keys, one PEM block each; ``origin`` names the text."""
        try:
            keys = [load_pem_private_key(b.encode(), None) for b in _PEM_BLOCK.findall(pem)]
        except (ValueError, TypeError):
            keys = []
        if not keys or not all(isinstance(key, Ed25519PrivateKey) for key in keys):
            raise BadInput(
                f"{origin} must hold unencrypted Ed25519 private keys as PEM; "
                "make one with: openssl genpkey -algorithm ed25519"
            )
        return cls(keys)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> KeyRing:
        """Read ``AUTH_SIGNING_KEYS``, or the file that ``AUTH_SIGNING_KEYS_FILE`` names, or none.

        Without either, a key is generated.
        """
        if pem := environment.get(KEYS_VARIABLE):
            return cls.from_pem(pem, KEYS_VARIABLE)
        if name := environment.get(f"{KEYS_VARIABLE}_FILE"):
            path = require_file(name, f"{KEYS_VARIABLE}_FILE")
            return cls.from_pem(path.read_text(errors="replace"), str(path))
        return cls.generate()

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the claims as a signed token whose header carries the key's id."""
        return jwt.encode(
            dict(claims),
            self._signing_key,
            algorithm=ALGORITHM,
            headers={"kid": key_id(self._signing_key)},
        )

    def verify(self, text: str, issuer: str) -> dict[str, Any]:
        """Return the claims of a genuine, unexpired token of ``issuer``, or raise TokenRefused."""
        try:
            public_key = self._public_keys.get(jwt.get_unverified_header(text).get("kid"))
            if public_key is None:
                raise TokenRefused("unknown_key")
            return jwt.decode(
                text,
                public_key,
                algorithms=[ALGORITHM],
                issuer=issuer,
                options={"require": ["exp", "iss", "jti", "sub", "use"]},
            )
        except jwt.InvalidTokenError as error:
            reason = next(name for kind, name in _REASONS if isinstance(error, kind))
            raise TokenRefused(reason) from error


class Tokens:
    """Issues and reads the service's tokens."""

    def __init__(self, settings: Settings, key_ring: KeyRing) -> None:
        self._issuer = settings.issuer
        self._key_ring = key_ring
        self._lifetime_seconds: dict[TokenUse, int] = {
            "access": settings.access_token_lifetime_seconds,
            "refresh": settings.refresh_token_lifetime_seconds,
        }

    def issue(self, user_id: str, use: TokenUse) -> Token:
        """Sign a new token for a user."""
        now = int(time.time())
        token_id, expires_at = uuid.uuid4().hex, now + self._lifetime_seconds[use]
        claims = {"iss": self._issuer, "sub": user_id, "jti": token_id, "use": use}
        text = self._key_ring.sign(claims | {"iat": now, "exp": expires_at})
        return Token(text, token_id, user_id, use, expires_at)

    def read(self, text: str, *uses: TokenUse) -> Token:
        """Return what a token says if it is genuine, unexpired and for one of ``uses``.

        Whether it was revoked only the store knows.  Raises TokenRefused.
        """
        claims = self._key_ring.verify(text, self._issuer)
        if claims["use"] not in uses:
            raise TokenRefused("wrong_type")
        return Token(text, claims["jti"], claims["sub"], claims["use"], claims["exp"])
