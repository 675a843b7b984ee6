"""Random configurations are accepted and refused as amtool does."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from mutated_yaml import Mapping, Mutator, Plain, refusals, tree_of

from alertlab.errors import BadInput
from alertlab.notify import load_alertmanager
from alertlab.notify.config.receiver_kinds import KINDS
from alertlab.notify.config.receivers import SETTINGS

HERE = Path(__file__).resolve().parent
EVERY_KIND = HERE / "every_kind.yml"
COMMITTED = HERE.parent.parent / "auth_service/monitoring/alertmanager.yml"
PLAUSIBLE = ["x", "", "https://slack.com/api/chat.postMessage", Plain("true"), Plain("5"), None]
HTTP = {
    "bearer_token": ["x"],
    "bearer_token_file": ["x"],
    "basic_auth": [Mapping(), Mapping([["username", "x"], ["username_file", "y"]])],
    "authorization": [Mapping(), Mapping([["type", " basic "]]), Mapping([["credentials", "x"]])],
    "oauth2": [
        Mapping([["client_id", "x"], ["token_url", "y"], [key, "z"], [f"{key}_file", "z"]])
        for key in ("client_secret", "client_certificate_key")
    ],
    "proxy_url": ["", "http://x.example", ":x"],
    "no_proxy": ["x"],
    "proxy_from_environment": [Plain("true")],
    "proxy_connect_header": [Mapping([["X", ["x"]]])],
    "http_headers": [Mapping([["host", Mapping()]]), Mapping([["X-A", Mapping()]])],
}
TLS = ("ca", "ca_file", "ca_ref", "cert", "cert_file", "key", "key_file", "key_ref")
OAUTH2 = [
    ["grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"], ["signature_algorithm", "RS256"],
    ["signature_algorithm", "x"], ["client_certificate_key", "x"], ["client_secret_ref", "x"],
    ["client_certificate_key_file", "x"], ["proxy_url", "http://x.example"], ["no_proxy", "x"],
]  # fmt: skip


def more_entries() -> dict[str, list]:
    """Return keys that are known, by the key above them, each with plausible values."""
    tables = {f"{name}_configs": kind.shape.keys for name, kind in KINDS.items()}
    return {
        kind: [[key, value] for key in keys for value in PLAUSIBLE]
        for kind, keys in {**tables, "global": SETTINGS.keys}.items()
    } | {
        "http_config": [[key, value] for key, values in HTTP.items() for value in values],
        "tls_config": [[key, value] for key in TLS for value in ("x", "")],
        "oauth2": OAUTH2,
    }


def mutants(
    sources: list[Path], more: dict[str, list], folder: Path, count: int
) -> tuple[list[Path], list[bool]]:
    """Write random documents; return their files, and which of them we accept."""
    rng = random.Random(11)
    mutator = Mutator([tree_of(file) for file in sources], more, rng)
    files = [folder / f"{i}.yml" for i in range(count)]
    for file in files:
        file.write_text(mutator.document(rng.choice([1, 1, 1, 2])), encoding="utf-8")
    return files, [loads(file) for file in files]


@pytest.mark.oracle
@pytest.mark.server
def test_amtool_accepts_the_same_files(current_amtool: str, oracles: Path, tmp_path: Path) -> None:
    """Keys lost, doubled, renamed and put in; values of other kinds; matchers, spans, patterns."""
    sources = [*sorted((oracles / "alertmanager").rglob("conf.*.yml")), COMMITTED, COMMITTED]
    good = [file for file in sources if loads(file)] + [EVERY_KIND] * 20
    files, found = mutants(good, more_entries(), tmp_path, 500)
    expected = [not words for words in refusals([current_amtool, "check-config"], files)]
    differing = [f.read_text() for f, a, b in zip(files, found, expected, strict=True) if a != b]
    assert not differing, differing[:3]
    assert 100 < sum(expected) < 400  # both verdicts are often asked for


# Release 0.27 and later take any text for a label's name, but for the empty one in ``equal``.
NAMES_SINCE_0_27 = re.compile(r"label name|bad matcher format")
NO_NAME = re.compile(r'"equal": \[[^\]]*(null|"")')


@pytest.mark.oracle
@pytest.mark.server
def test_an_old_amtool_accepts_the_same_files(amtool: str, oracles: Path, tmp_path: Path) -> None:
    """Debian's 0.25 knows all keys of these sources, but only classic label names."""
    sources = [COMMITTED, oracles / "alertmanager/config-testdata/conf.good.yml"]
    files, found = mutants(sources, {}, tmp_path, 400)
    expected = refusals([amtool, "check-config"], files)
    left_out = [
        i
        for i, (file, words) in enumerate(zip(files, expected, strict=True))
        if NAMES_SINCE_0_27.search(words) or NO_NAME.search(file.read_text())
    ]
    print(f"{len(left_out)} of {len(files)} left out: names that 0.25 does not know")
    differing = [
        (file.read_text(), words)
        for i, (file, mine, words) in enumerate(zip(files, found, expected, strict=True))
        if mine != (not words) and i not in left_out
    ]
    assert not differing, differing[:3]
    assert len(left_out) < 40
    assert 60 < sum(not words for words in expected) < 300


def loads(file: Path) -> bool:
    try:
        load_alertmanager(file)
    except BadInput:
        return False
    return True
