"""Credentials come from variables and files, reach the server, and are never shown."""

from __future__ import annotations

import base64
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fake_prometheus import error, matrix

from alertlab.errors import BadInput, ServerError
from alertlab.sources import open_source

BASIC = "Basic " + base64.b64encode(b"mina:pa:ss w\xc3\xb6rd").decode()


def ask(url: str) -> None:
    """Send one range query and one instant query."""
    source = open_source(url)
    source.range_query("up", 0, 60_000, 60_000)
    source.series("up", 0, 60_000)


PATHS = {"/api/v1/query_range", "/api/v1/query"}  # what ``ask`` asks

CASES = [  # id, environment, headers that every request must carry
    ("token", {"PROMETHEUS_TOKEN": "t0ken"}, {"Authorization": "Bearer t0ken"}),
    ("token_with_a_newline", {"PROMETHEUS_TOKEN": "t0ken\n"}, {"Authorization": "Bearer t0ken"}),
    (
        "basic",
        {"PROMETHEUS_USERNAME": "mina", "PROMETHEUS_PASSWORD": "pa:ss wörd"},
        {"Authorization": BASIC},
    ),
    (
        "headers",
        {"PROMETHEUS_HEADERS": "X-Scope-OrgID: tenant-1\nX-Key:a:b"},
        {"X-Scope-OrgID": "tenant-1", "X-Key": "a:b"},
    ),
    (
        "token_and_headers",
        {"PROMETHEUS_TOKEN": "t0ken", "PROMETHEUS_HEADERS": "X-Scope-OrgID: 7"},
        {"Authorization": "Bearer t0ken", "X-Scope-OrgID": "7"},
    ),
]


@pytest.mark.parametrize("from_files", [False, True], ids=["variables", "files"])
@pytest.mark.parametrize(
    ("variables", "headers"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_credentials_reach_the_server(fake, monkeypatch, tmp_path, variables, headers, from_files):
    """Range and instant queries carry them, whether a variable or a file holds them."""
    for name, value in variables.items():
        if from_files:
            path = tmp_path / name
            path.write_text(value + "\n", encoding="utf-8")
            monkeypatch.setenv(f"{name}_FILE", str(path))
        else:
            monkeypatch.setenv(name, value)
    ask(fake.url)
    assert {asked.path for asked in fake.asked} == PATHS
    for asked in fake.asked:
        assert headers.items() <= asked.headers.items()


def test_nothing_is_sent_without_credentials(fake):
    """No header of ours without a variable."""
    ask(fake.url)
    assert all("Authorization" not in asked.headers for asked in fake.asked)


def test_another_variable_can_hold_the_token(fake, monkeypatch):
    """``token_env`` names it, and PROMETHEUS_TOKEN is left alone."""
    monkeypatch.setenv("PROMETHEUS_TOKEN", "wrong")
    monkeypatch.setenv("STAGING_TOKEN", "right")
    open_source(fake.url, token_env="STAGING_TOKEN").range_query("up", 0, 0, 1_000)
    assert fake.asked[0].headers["Authorization"] == "Bearer right"


@pytest.mark.parametrize(
    "variables", [{"PROMETHEUS_TOKEN": "t"}, {"PROMETHEUS_HEADERS": "Authorization: Bearer t"}]
)
def test_netrc_does_not_replace_a_token(fake, monkeypatch, tmp_path, variables):
    """What was asked for wins over what lies about in ~/.netrc."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ask(fake.url)
    assert {asked.headers["Authorization"] for asked in fake.asked} == {"Bearer t"}


BAD = [  # id, environment ({dir}: a folder with files), part of the sentence
    ("no_password", {"PROMETHEUS_USERNAME": "mina"}, "PROMETHEUS_PASSWORD need each other"),
    ("no_username", {"PROMETHEUS_PASSWORD": "s3cret"}, "PROMETHEUS_PASSWORD need each other"),
    (
        "two_ways",
        {"PROMETHEUS_TOKEN": "s3cret", "PROMETHEUS_USERNAME": "m", "PROMETHEUS_PASSWORD": "p"},
        "PROMETHEUS_TOKEN and PROMETHEUS_USERNAME are both set",
    ),
    ("header_without_colon", {"PROMETHEUS_HEADERS": "s3cret"}, "write Name: value"),
    ("header_without_name", {"PROMETHEUS_HEADERS": ": s3cret"}, "write Name: value"),
    ("two_lines", {"PROMETHEUS_TOKEN": "s3cret\nX"}, "no HTTP header can carry"),
    ("not_ascii", {"PROMETHEUS_TOKEN": "s3cret\u2026"}, "no HTTP header can carry"),
    ("no_file", {"PROMETHEUS_TOKEN_FILE": "{dir}/no"}, "PROMETHEUS_TOKEN_FILE: {dir}/no does not"),
    ("empty_file", {"PROMETHEUS_PASSWORD_FILE": "{dir}/empty"}, "{dir}/empty, which is empty"),
    ("binary_file", {"PROMETHEUS_TOKEN_FILE": "{dir}/binary"}, "cannot be read as text"),
    ("no_ca", {"PROMETHEUS_CA_FILE": "{dir}/no"}, "PROMETHEUS_CA_FILE: {dir}/no does not exist"),
    ("no_cert", {"PROMETHEUS_CERT_FILE": "{dir}/no"}, "PROMETHEUS_CERT_FILE: {dir}/no does"),
    ("lonely_key", {"PROMETHEUS_KEY_FILE": "{dir}/empty"}, "without PROMETHEUS_CERT_FILE"),
]


@pytest.mark.parametrize(("variables", "said"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_unusable_credentials_are_refused_before_any_request(
    fake, monkeypatch, tmp_path, variables, said
):
    """One sentence that names the variable and never the value."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(dir=tmp_path))
    with pytest.raises(BadInput) as caught:
        open_source(fake.url)
    assert said.format(dir=tmp_path) in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert not fake.asked


@pytest.mark.parametrize(
    "variables",
    [
        {"PROMETHEUS_TOKEN": "s3cret"},
        {"PROMETHEUS_USERNAME": "mina", "PROMETHEUS_PASSWORD": "s3cret"},
        {"PROMETHEUS_HEADERS": "X-Key: s3cret\nX-Empty:"},
    ],
    ids=["token", "basic", "headers"],
)
def test_secrets_are_never_shown(fake, monkeypatch, variables):
    """Not in an error, a warning, the provenance or a repr, even if the server repeats them."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    source = open_source(fake.url)
    fake.answer = lambda asked: matrix(warnings=["you sent s3cret"])
    source.range_query("up", 0, 0, 1_000)
    assert source.provenance()["warnings"] == ["you sent ***"]
    shown = [repr(source), str(source.provenance())]
    for status, kind in ((401, ServerError), (422, BadInput), (500, ServerError)):
        fake.answer = lambda asked, status=status: error(status, "bad: s3cret")
        with pytest.raises(kind, match=r"bad: \*\*\*") as caught:
            source.range_query("up", 0, 0, 1_000)
        shown.append(str(caught.value))
    assert not any("s3cret" in text for text in shown)


def test_secrets_do_not_follow_a_redirect_to_another_host(fake, monkeypatch):
    """Nothing is sent there; the sentence says where the server pointed."""
    monkeypatch.setenv("PROMETHEUS_HEADERS", "X-Key: s3cret")
    elsewhere = (("Location", f"http://localhost:{fake.server.server_port}/api/v1/query_range"),)
    fake.answer = lambda asked: matrix()._replace(status=307, headers=elsewhere)
    with pytest.raises(ServerError, match=r"redirects to http://localhost; if that is"):
        open_source(fake.url).range_query("up", 0, 0, 1_000)
    assert len(fake.asked) == 1


def test_a_redirect_on_the_same_host_is_followed(fake, monkeypatch):
    """A proxy that moves a path keeps method, form and credentials."""
    monkeypatch.setenv("PROMETHEUS_TOKEN", "t0ken")
    there = (("Location", "/prom/api/v1/query_range"),)
    fake.answer = lambda asked: (
        matrix(({"a": "b"}, [(0, "1")]))
        if asked.path.startswith("/prom")
        else matrix()._replace(status=307, headers=there)
    )
    frame = open_source(fake.url).range_query("up", 0, 0, 1_000)
    assert frame.labels == ((("a", "b"),),)
    assert fake.asked[1].headers["Authorization"] == "Bearer t0ken"
    assert fake.asked[1].in_body == fake.asked[0].in_body


@pytest.fixture
def secure(fake, tmp_path):
    """The fake server behind TLS that wants a client certificate; gives (its URL, PEM files)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "cert.pem")
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    fake.server.socket = context.wrap_socket(fake.server.socket, server_side=True)
    return fake.url.replace("http", "https"), tmp_path / "cert.pem", tmp_path / "key.pem"


TLS = ("PROMETHEUS_CA_FILE", "PROMETHEUS_CERT_FILE", "PROMETHEUS_KEY_FILE")


def test_tls_with_both_certificates(secure, monkeypatch, tmp_path):
    """Range and instant queries trust our CA, whatever REQUESTS_CA_BUNDLE says, and show ours."""
    url, cert, key = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    for name, path in zip(TLS, (cert, cert, key), strict=True):
        monkeypatch.setenv(name, str(path))
    ask(url)


@pytest.mark.parametrize("missing", ["PROMETHEUS_CA_FILE", "PROMETHEUS_CERT_FILE"])
def test_a_refused_certificate_is_told(secure, monkeypatch, missing):
    """Either side may refuse the other; the sentence names the variables."""
    url, cert, key = secure
    for name, path in zip(TLS, (cert, cert, key), strict=True):
        if name != missing and not (missing == TLS[1] and name == TLS[2]):
            monkeypatch.setenv(name, str(path))
    with pytest.raises(ServerError, match="check PROMETHEUS_CA_FILE, PROMETHEUS_CERT_FILE and"):
        open_source(url).range_query("up", 0, 0, 1_000)
