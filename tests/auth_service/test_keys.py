"""Key rings: where keys come from, which one signs, and rotation."""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from alertlab.errors import BadInput
from auth_service.metrics import TOKEN_ERROR_REASONS
from auth_service.settings import Settings
from auth_service.tokens import KeyRing, TokenRefused, Tokens, key_id

RING = KeyRing.generate()


def pem(key, encryption=None) -> str:
    how = encryption or NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()


def test_a_rotated_ring_signs_anew_and_reads_the_old():
    """The first key signs; tokens of a key further back stay valid until it is dropped."""
    old, new = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    token = Tokens(Settings(), KeyRing([old])).issue("u1", "access")
    rotated = Tokens(Settings(), KeyRing([new, old]))
    assert rotated.read(token.text, "access").user_id == "u1"
    header = jwt.get_unverified_header(rotated.issue("u1", "access").text)
    assert (header["kid"], header["alg"]) == (key_id(new), "EdDSA")
    with pytest.raises(TokenRefused, match="unknown_key"):
        Tokens(Settings(), KeyRing([new])).read(token.text, "access")


def test_keys_come_from_the_environment_or_a_file(tmp_path):
    """The variable wins over the file that the other variable names; both hold several keys."""
    first, second, third = (Ed25519PrivateKey.generate() for _ in range(3))
    path = tmp_path / "keys.pem"
    path.write_text(pem(third))
    both = {"AUTH_SIGNING_KEYS": pem(first) + pem(second), "AUTH_SIGNING_KEYS_FILE": str(path)}
    for environment, signing, verifying in (
        (both, first, [first, second]),
        ({"AUTH_SIGNING_KEYS_FILE": str(path)}, third, [third]),
    ):
        ring = KeyRing.from_environment(environment)
        token = Tokens(Settings(), ring).issue("u1", "access").text
        assert jwt.get_unverified_header(token)["kid"] == key_id(signing)
        for key in verifying:
            text = Tokens(Settings(), KeyRing([key])).issue("u2", "refresh").text
            assert Tokens(Settings(), ring).read(text, "refresh").user_id == "u2"


def test_without_keys_each_ring_is_its_own():
    """Generated keys differ, so that a token of one process is foreign to the next."""
    token = Tokens(Settings(), KeyRing.from_environment({})).issue("u1", "access").text
    with pytest.raises(TokenRefused, match="unknown_key"):
        Tokens(Settings(), KeyRing.from_environment({})).read(token, "access")


@pytest.mark.parametrize(
    "text",
    [
        "no key at all",
        pem(generate_private_key(SECP256R1())),
        pem(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"secret")),
        pem(Ed25519PrivateKey.generate()).replace("M", "*", 1),
    ],
    ids=["no_pem", "other_algorithm", "encrypted", "damaged"],
)
def test_unusable_keys_are_refused(text):
    """One sentence says what is needed and how to make it, and shows nothing of the key."""
    with pytest.raises(BadInput, match=r"AUTH_SIGNING_KEYS must hold .*openssl genpkey") as caught:
        KeyRing.from_environment({"AUTH_SIGNING_KEYS": text})
    assert len(str(caught.value)) < 200


def test_a_missing_key_file_is_named(tmp_path):
    """The sentence names the variable and the file."""
    path = tmp_path / "absent.pem"
    with pytest.raises(BadInput, match=r"AUTH_SIGNING_KEYS_FILE .*absent\.pem does not exist"):
        KeyRing.from_environment({"AUTH_SIGNING_KEYS_FILE": str(path)})


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){2}", fullmatch=True))
def test_any_text_is_refused_with_a_known_reason(text):
    """Whatever a caller sends as a token, the answer is one of the counted reasons."""
    with pytest.raises(TokenRefused) as caught:
        Tokens(Settings(), RING).read(text, "access", "refresh")
    assert caught.value.reason in TOKEN_ERROR_REASONS
