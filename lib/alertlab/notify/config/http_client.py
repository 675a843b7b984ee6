"""How a client is set up: TLS, HTTP, AWS signatures.  Read to refuse what Alertmanager refuses.

Nothing is connected to, and no file that is named is opened.  Follows config/http_config.go and
config/headers.go of prometheus/common, and sigv4_config.go of prometheus/sigv4.
"""

from __future__ import annotations

from typing import Any

from alertlab.notify.config.addresses import proxy_url
from alertlab.notify.config.decoding import (
    Place,
    Struct,
    Values,
    all_keys,
    anything,
    boolean,
    list_of,
    map_of,
    optional,
    text,
)

_TLS_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_JWT_ALGORITHMS = ("", "RS256", "RS384", "RS512")
_RESERVED_HEADERS = {
    "authorization", "host", "content-encoding", "content-length", "content-type", "user-agent",
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "www-authenticate",
    "accept-encoding", "x-prometheus-remote-write-version", "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds", "x-amz-date", "x-amz-security-token",
    "x-amz-content-sha256",
}  # fmt: skip
_PROXY = {
    "proxy_url": proxy_url,
    "no_proxy": text,
    "proxy_from_environment": boolean,
    "proxy_connect_header": map_of(list_of(text)),
}
_CERTIFICATE, _KEY = ("cert", "cert_file", "cert_ref"), ("key", "key_file", "key_ref")


def _tls_version(node: Any, place: Place) -> str:
    written = text(node, place)
    if node is not None and written not in _TLS_VERSIONS:
        raise place.refusal(f"unknown TLS version; known: {', '.join(_TLS_VERSIONS)}")
    return written


def _check_tls(values: Values, place: Place) -> None:
    if any(values[key] for key in _CERTIFICATE) != any(values[key] for key in _KEY):
        raise place.refusal("a certificate and its key belong together; give both or neither")


def _check_aws(values: Values, place: Place) -> None:
    if bool(values["access_key"]) != bool(values["secret_key"]):
        raise place.refusal("access_key and secret_key belong together; give both or neither")
    if values["external_id"] and not values["role_arn"]:
        raise place.refusal("external_id needs role_arn beside it")


def _check_proxy(values: Values, place: Place) -> None:
    given, from_environment = values["proxy_url"], values["proxy_from_environment"]
    url = given[0] if given else ""
    if values["proxy_connect_header"] and not (from_environment or url):
        raise place.refusal("proxy_connect_header needs proxy_url or proxy_from_environment")
    if from_environment and (url or values["no_proxy"]):
        raise place.refusal("proxy_from_environment stands without proxy_url and no_proxy")
    if values["no_proxy"] and not given:
        raise place.refusal("no_proxy needs proxy_url beside it")


def _check_http(values: Values, place: Place) -> None:
    ways = ("basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file")
    if len(found := [way for way in ways if values[way] not in (None, "")]) > 1:
        raise place.refusal(f"give only one of {', '.join(found)}")
    if values["authorization"] and values["authorization"]["type"].strip().lower() == "basic":
        raise place.refusal('for the type "basic" there is basic_auth; write that instead')
    if values["oauth2"] is not None:
        _check_oauth2(values["oauth2"], place.inside("oauth2", place.line))
    _check_proxy(values, place)
    for name in values["http_headers"] or ():
        if name.lower() in _RESERVED_HEADERS:
            raise place.refusal(f"the header {name!r} cannot be set; remove it")


def _check_oauth2(values: Values, place: Place) -> None:
    for key in ("client_id", "token_url"):
        if not values[key]:
            raise place.refusal(f"{key} is missing; add it")
    secret = "client_certificate_key" if values["grant_type"] == _JWT else "client_secret"
    given = [key for key in (secret, f"{secret}_file", f"{secret}_ref") if values[key]]
    if len(given) > 1:
        raise place.refusal(f"give only one of {', '.join(given)}")
    if values["grant_type"] == _JWT and values["signature_algorithm"] not in _JWT_ALGORITHMS:
        raise place.refusal("the signature_algorithm is not RS256, RS384 or RS512")


TLS = Struct(
    all_keys(text, "ca cert key ca_file cert_file key_file ca_ref cert_ref key_ref server_name")
    | {"insecure_skip_verify": boolean, "min_version": _tls_version, "max_version": _tls_version},
    excludes=(("ca", "ca_file", "ca_ref"), _CERTIFICATE, _KEY),
    check=_check_tls,
)
AWS = Struct(
    all_keys(text, "region access_key secret_key profile role_arn external_id service_name")
    | {"use_fips_sts_endpoint": boolean},
    check=_check_aws,
)
_HEADER = Struct(all_keys(list_of(text), "values secrets files"))
HEADERS = optional(map_of(_HEADER))
_BASIC_AUTH = Struct(
    all_keys(text, "username username_file username_ref password password_file password_ref"),
    excludes=(
        ("username", "username_file", "username_ref"),
        ("password", "password_file", "password_ref"),
    ),
)
_AUTHORIZATION = Struct(
    all_keys(text, "type credentials credentials_file credentials_ref"),
    excludes=(("credentials", "credentials_file", "credentials_ref"),),
)
_OAUTH2 = Struct(
    all_keys(
        text,
        "client_id client_secret client_secret_file client_secret_ref client_certificate_key_id "
        "client_certificate_key client_certificate_key_file client_certificate_key_ref "
        "grant_type signature_algorithm iss audience token_url",
    )
    | {
        "claims": map_of(anything),
        "scopes": list_of(text),
        "endpoint_params": map_of(text),
        "tls_config": TLS,
    }
    | _PROXY,
    check=_check_proxy,
)
HTTP = optional(
    Struct(
        {
            "basic_auth": optional(_BASIC_AUTH),
            "authorization": optional(_AUTHORIZATION),
            "oauth2": optional(_OAUTH2),
            "bearer_token": text,
            "bearer_token_file": text,
            "tls_config": TLS,
            "follow_redirects": boolean,
            "enable_http2": boolean,
            "http_headers": HEADERS,
        }
        | _PROXY,
        check=_check_http,
    )
)


def authorizes(http: Values | None) -> bool:
    """Tell whether an ``http_config`` sets the header Authorization itself, without a login."""
    return http is not None and (
        http["authorization"] is not None or bool(http["bearer_token"] or http["bearer_token_file"])
    )
