"""Receivers: what each kind must and may say, what the global settings give, what is never told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alertlab.errors import BadInput
from alertlab.notify import AlertmanagerConfig, load_alertmanager
from alertlab.notify.config import Integration

EVERY_KIND = Path(__file__).resolve().parent / "every_kind.yml"
SMTP = {"smtp_smarthost": "mail.example:25", "smtp_from": "x"}
URL = "https://x.example/path"
AUTHORIZED = {"authorization": {"credentials": "x"}}


def load(folder: Path, receiver: dict[str, Any], settings: Any = None) -> AlertmanagerConfig:
    """Load a configuration whose only receiver, a, is as given."""
    document = {"route": {"receiver": "a"}, "receivers": [{"name": "a", **receiver}]}
    return load_text(folder, json.dumps({"global": settings, **document}))


def load_text(folder: Path, text: str) -> AlertmanagerConfig:
    path = folder / "alertmanager.yml"
    path.write_text(text, encoding="utf-8")
    return load_alertmanager(path)


def test_send_resolved_defaults() -> None:
    """Email, Slack, WeChat and Rocket.Chat are silent on resolve; the other kinds are not."""
    told = load_alertmanager(EVERY_KIND).receivers
    found = {(one.kind, one.index): one.send_resolved for name in told for one in told[name]}
    written = {("pagerduty", 0): False, ("email", 1): True, ("slack", 0): True}
    silent = ("email", "slack", "wechat", "rocketchat")
    assert found == {key: written.get(key, key[0] not in silent) for key in found}
    assert len({kind for kind, _ in found}) == 18
    assert told["nobody"] == ()


def test_integrations_come_in_alertmanagers_order() -> None:
    """Webhooks first, whatever the file's order; the index counts within a kind."""
    told = load_alertmanager(EVERY_KIND).receivers
    assert [one.kind for one in told["pager"]] == [
        "pagerduty", "pagerduty", "opsgenie", "victorops", "pushover",
    ]  # fmt: skip
    assert told["every"][:4] == (
        Integration("webhook", 0, True), Integration("webhook", 1, True),
        Integration("webhook", 2, True), Integration("email", 0, False),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "entry", "settings"),
    [
        ("email", {"to": "x"}, SMTP),
        ("slack", {}, {"slack_api_url": URL}),
        ("slack", {}, {"slack_api_url_file": "x"}),
        ("slack", {}, {"slack_app_token": "x"}),
        ("slack", {"api_url": URL}, {"slack_app_token": "x", "http_config": AUTHORIZED}),
        ("slack", {"http_config": AUTHORIZED}, {"slack_app_token": "x", "slack_app_url": URL,
                                                "slack_api_url": URL}),
        ("opsgenie", {}, {"opsgenie_api_key_file": "x"}),
        ("victorops", {"routing_key": "x"}, {"victorops_api_key": "x"}),
        ("wechat", {}, {"wechat_api_secret": "x", "wechat_api_corp_id": "x"}),
        ("telegram", {"chat_id": 1}, {"telegram_bot_token_file": "x"}),
        ("jira", {"project": "x", "issue_type": "y"}, {"jira_api_url": URL}),
        ("rocketchat", {"token": ""}, {"rocketchat_token_id": ""}),
        ("mattermost", {}, {"mattermost_webhook_url": "<secret>"}),
        ("pagerduty", {"service_key": "x"}, None),
        ("incidentio", {"url": URL}, None),
        ("sns", {"topic_arn": "x", "target_arn": "y", "phone_number": "z"}, None),
        ("msteamsv2", {"webhook_url": URL, "http_config": {"proxy_url": ""}},
         {"http_config": None}),
        ("webhook", {"url": "{{ .x }}", "timeout": 10}, None),
    ],
)  # fmt: skip
def test_what_is_enough(tmp_path: Path, kind: str, entry: dict, settings: Any) -> None:
    """What an entry does not say the global settings do."""
    config = load(tmp_path, {f"{kind}_configs": [entry]}, settings)
    assert [one.kind for one in config.receivers["a"]] == [kind]


@pytest.mark.parametrize(
    ("kind", "entry", "settings", "part"),
    [
        ("email", {}, SMTP, "to is missing"),
        ("email", {"to": "x"}, {"smtp_from": "x"}, "smarthost is missing, and so is smtp_smarth"),
        ("email", {"to": "x"}, {"smtp_smarthost": "x:1"}, "from is missing, and so is smtp_from"),
        ("email", {"to": "x", "headers": {"subject": "", "Subject": ""}}, SMTP, "stands twice"),
        ("email", {"to": "x", "headers": {"references": ""},
                   "threading": {"enabled": True, "thread_by_date": "none"}}, SMTP, "threading se"),
        ("email", {"to": "x", "threading": {"enabled": True}}, SMTP, "unknown thread_by_date"),
        ("slack", {}, None, "Slack needs an api_url or an app_token"),
        ("slack", {"http_config": AUTHORIZED}, {"slack_app_token": "x"}, "Slack needs an api_url"),
        ("slack", {"api_url": URL}, {"slack_app_url": None}, "app_url is missing"),
        ("slack", {"app_token": "x", "http_config": AUTHORIZED}, None, "exclude each other"),
        ("slack", {"api_url": URL, "app_token": "x"}, None, "give either an api_url or"),
        ("slack", {"api_url": URL, "api_url_file": "x"}, None, "only one of api_url, api_url_fi"),
        ("slack", {"api_url": URL, "update_message": True}, None, "update_message works only"),
        ("slack", {"api_url": URL}, {"http_config": None}, "the global http_config is null"),
        ("slack", {"api_url": URL, "fields": [{"title": "x"}]}, None, "fields[0]: value is miss"),
        ("slack", {"api_url": URL, "actions": [{"type": "x", "text": "y"}]}, None, "url or name"),
        ("pagerduty", {}, None, "service_key_file is missing; add it"),
        ("pagerduty", {"routing_key": "x", "routing_key_file": "y"}, None, "only one of routing"),
        ("pagerduty", {"routing_key": "x"}, {"pagerduty_url": None}, "url is missing, and so is"),
        ("opsgenie", {"api_key": "x", "responders": [{"type": "team"}]}, None, "id or username"),
        ("opsgenie", {"api_key": "x", "responders": [{"id": "y", "type": "z"}]}, None, "unknown t"),
        ("victorops", {"api_key": "x"}, None, "routing_key is missing"),
        ("victorops", {"api_key": "x", "routing_key": "y", "custom_fields": {"entity_id": "z"}},
         None, "custom_fields holds entity_id"),
        ("wechat", {"api_secret": "x"}, None, "corp_id is missing, and so is wechat_api_corp_id"),
        ("wechat", {"api_secret": "x", "corp_id": "y", "message_type": "z"}, None, "unknown messa"),
        ("sns", {}, None, "give one of target_arn"),
        ("sns", {"topic_arn": "x", "target_arn": "y"}, None, "give one of target_arn"),
        ("sns", {"topic_arn": "x", "sigv4": {"access_key": "y"}}, None, "belong together"),
        ("sns", {"topic_arn": "x", "sigv4": {"external_id": "y"}}, None, "needs role_arn"),
        ("telegram", {"bot_token": "x"}, None, "chat_id or chat_id_file is missing"),
        ("telegram", {"bot_token": "x", "chat_id": "1"}, None, "chat_id: write a whole number"),
        ("telegram", {"bot_token": "x", "chat_id": 1, "parse_mode": "y"}, None, "unknown parse_mo"),
        ("discord", {"webhook_url": URL, "webhook_url_file": "x"}, None, "only one of webhook_url"),
        ("msteams", {}, None, "webhook_url or webhook_url_file is missing"),
        ("msteamsv2", {"webhook_url": URL}, {"http_config": None}, "http_config is null"),
        ("webex", {"room_id": "x"}, None, "http_config.authorization is missing"),
        ("jira", {"project": "x", "issue_type": "y"}, None, "api_url is missing, and so is jira"),
        ("jira", {"project": "x", "issue_type": "y", "api_url": URL, "api_type": "z"}, None,
         "unknown api_type; known: auto, cloud, datacenter"),
        ("incidentio", {"url": URL, "http_config": {}}, None, "give either an alert_source_token"),
        ("incidentio", {"url": URL, "alert_source_token": "x", "http_config": AUTHORIZED}, None,
         "give either an alert_source_token"),
        ("rocketchat", {"token": "x"}, None, "token_id or token_id_file is missing"),
        ("rocketchat", {"token": "null"}, None, "token: 'null' is taken for null"),
        ("mattermost", {}, None, "mattermost_webhook_url_file among the global settings"),
        ("pushover", {"user_key": "x", "token": "y", "html": True, "monospace": True}, None,
         "only one of html, monospace"),
        ("pushover", {"user_key": "x", "token": "y", "retry": 10}, None, "write a duration such"),
        ("webhook", {"url": "{{ x"}, None, "url: the template is broken"),
        ("webhook", {"url": "{{ x | toUpper }}"}, None, "url: the template is broken"),
        ("webhook", {"url": "ftp://x"}, None, "the URL has no http, no https or no host"),
        ("webhook", {"url": URL, "max_alerts": -1}, None, "max_alerts: write a number from 0 on"),
        ("webhook", {"url": URL, "urls": "x"}, None, "unknown key 'urls'"),
        ("webhook", None, None, "webhook_configs[0]: this entry is empty"),
    ],
)  # fmt: skip
def test_what_is_refused(
    tmp_path: Path, kind: str, entry: dict | None, settings: Any, part: str
) -> None:
    """One sentence names the receiver's entry and what to do."""
    with pytest.raises(BadInput) as refused:
        load(tmp_path, {f"{kind}_configs": [entry]}, settings)
    assert part in str(refused.value)
    assert f"receivers[0].{kind}_configs[0]" in str(refused.value)


@pytest.mark.parametrize(
    ("http", "part"),
    [
        ({"basic_auth": {}, "bearer_token": "x"}, "only one of basic_auth, bearer_token"),
        ({"authorization": {"type": " Basic"}}, "there is basic_auth"),
        ({"authorization": {"credentials": "x", "credentials_ref": "y"}}, "only one of credenti"),
        ({"oauth2": {"client_id": "x"}}, "oauth2: token_url is missing"),
        ({"oauth2": {"client_id": "x", "token_url": "y", "client_secret": "z",
                     "client_secret_file": "z"}}, "only one of client_secret, client_secret_file"),
        ({"oauth2": {"client_id": "x", "token_url": "y", "signature_algorithm": "z",
                     "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}}, "RS256"),
        ({"proxy_connect_header": {"x": ["y"]}}, "proxy_connect_header needs proxy_url"),
        ({"proxy_from_environment": True, "no_proxy": "x"}, "stands without proxy_url"),
        ({"no_proxy": "x"}, "no_proxy needs proxy_url"),
        ({"proxy_url": ":x"}, "the URL has no scheme"),
        ({"http_headers": {"host": {"values": ["x"]}}}, "the header 'host' cannot be set"),
        ({"tls_config": {"cert": "x"}}, "a certificate and its key belong together"),
        ({"tls_config": {"key_file": "x"}}, "a certificate and its key belong together"),
        ({"tls_config": {"ca": "x", "ca_file": "y"}}, "only one of ca, ca_file"),
        ({"tls_config": {"min_version": "TLS9"}}, "unknown TLS version"),
        ({"follow_redirects": "true"}, "write true or false, without quotes"),
    ],
)  # fmt: skip
def test_how_a_client_is_set_up(tmp_path: Path, http: dict[str, Any], part: str) -> None:
    """The same wherever there is an http_config."""
    for receiver, settings in (
        ({"webhook_configs": [{"url": URL, "http_config": http}]}, None),
        ({}, {"http_config": http}),
    ):
        with pytest.raises(BadInput) as refused:
            load(tmp_path, receiver, settings)
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"slack_api_url": URL, "slack_app_token": "x"}, "either a slack_api_url or a slack_app_t"),
        ({"slack_api_url_file": "x", "slack_app_token_file": "y"}, "either a slack_api_url or a"),
        ({"smtp_smarthost": "x"}, "smtp_smarthost: write host:port"),
        ({"smtp_auth_secret": "x", "smtp_auth_secret_file": "y"}, "only one of smtp_auth_secret"),
        ({"rocketchat_token": "", "rocketchat_token_file": "y"}, "only one of rocketchat_token"),
        ({"resolve_timeout": "1.5h"}, "resolve_timeout: '1.5h' is not a duration"),
        ({"nothing": 1}, "global: unknown key 'nothing'"),
    ],
)
def test_global_settings(tmp_path: Path, settings: dict[str, Any], part: str) -> None:
    """What goes wrong there is told of there."""
    with pytest.raises(BadInput) as refused:
        load(tmp_path, {}, settings)
    assert part in str(refused.value)


def test_a_receivers_own_name(tmp_path: Path) -> None:
    """It needs one, and its label of that name is no other."""
    for receiver, part in (
        ({"name": ""}, "receivers[0]: name is missing"),
        ({"labels": {"name": "b"}}, "the label name of a receiver is its name"),
        ({"slack_confgs": []}, "receivers[0]: unknown key 'slack_confgs'"),
    ):
        with pytest.raises(BadInput) as refused:
            load(tmp_path, receiver)
        assert part in str(refused.value)


# Verdicts of Go 1.26's net/url.Parse, which Alertmanager asks for http or https and a host besides.
URLS = {
    "https://x.example": True, "HTTP://x": True, "http://u:p@x:80/a?b=c#d": True,
    "http://[::1]:80/": True, "http://[fe80::1%25en0]": True, "http://x/%zz": False,
    "http://x/?%zz": True, "http://x/#%zz": False, "http://x:y": False, "http://x:": True,
    "http://x:1:2": False, "http://a b": False, "http://x/a b": True, "http://é": True,
    "http://%41": False, "http://%e4": True, "http://[::1": False, "http://[127.0.0.1]": False,
    "http://u b@x": False, "http:/x": False, "http:x": False, "//x": False, "x": False,
    "http://": False, "http://x\n": False, "http://x#\n": True, "ftp://x": False, "": False,
}  # fmt: skip
HOSTS = {
    "x:1": True, ":25": True, "": True, "[::1]:25": True, "x:": False, "x": False, "a:b:c": False,
    "[x:1": False, "[x]1": False, "[]:x": True,
}  # fmt: skip


@pytest.mark.parametrize(("written", "accepted"), URLS.items())
def test_urls(tmp_path: Path, written: str, accepted: bool) -> None:
    """Schemes, hosts, ports, users, escapes and control characters, one by one."""
    assert loads(tmp_path, {"pagerduty_url": written}) == accepted


@pytest.mark.parametrize(("written", "accepted"), HOSTS.items())
def test_hosts_with_ports(tmp_path: Path, written: str, accepted: bool) -> None:
    """An address with a port, in brackets if it holds colons."""
    assert loads(tmp_path, {"smtp_smarthost": written}) == accepted


def loads(folder: Path, settings: dict[str, Any]) -> bool:
    try:
        load(folder, {}, settings)
    except BadInput:
        return False
    return True


SCALARS = [
    ("smtp_require_tls", "yes"), ("smtp_require_tls", "Off"), ("smtp_require_tls", "null"),
    ("smtp_hello", "5"), ("smtp_hello", "2020-01-01"), ("slack_app_url", "<secret>"),
    ("slack_api_url", "<secret>"), ("smtp_require_tls", "maybe"), ("smtp_require_tls", "'yes'"),
    ("smtp_require_tls", "1"), ("smtp_hello", "[x]"), ("smtp_hello", "{}"),
    ("smtp_hello", "!!int 1"),
]  # fmt: skip


def test_scalars(tmp_path: Path) -> None:
    """Texts take anything plain; truth values are YAML 1.1's and stand without quotes."""
    accepted = {
        f"{key}: {value}"
        for key, value in SCALARS
        if text_loads(tmp_path, f"global: {{{key}: {value}}}\nroute: {{receiver: a}}")
    }
    assert accepted == {f"{key}: {value}" for key, value in SCALARS[:5]} | {
        "slack_api_url: <secret>"
    }


def text_loads(folder: Path, text: str) -> bool:
    try:
        load_text(folder, f"{text}\nreceivers: [{{name: a}}]\n")
    except BadInput:
        return False
    return True


NUMBERS = {
    "5": True, "-5": True, "0x1F": True, "0b11": True, "1_000": True, "017": True, "019": True,
    "1.9": True, "1e3": True, "9223372036854775807": True, "9223372036854775808": False, "0": False,
    "-0.5": False, "x": False, "5x": False, "''": False, "~": False,
}  # fmt: skip


@pytest.mark.parametrize(("written", "accepted"), NUMBERS.items())
def test_whole_numbers(tmp_path: Path, written: str, accepted: bool) -> None:
    """As Go reads them; a chat needs one other than 0, and fractions are cut off."""
    text = f"{{bot_token: x, chat_id: {written}}}"
    path = tmp_path / "alertmanager.yml"
    path.write_text(f"route: {{receiver: a}}\nreceivers: [{{name: a, telegram_configs: [{text}]}}]")
    if accepted:
        load_alertmanager(path)
        return
    with pytest.raises(BadInput, match="chat_id"):
        load_alertmanager(path)


def test_files_are_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither secrets nor templates: nothing but the configuration itself is opened."""
    opened: list[str] = []
    read_text = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, **kw: opened.append(f"{self}") or read_text(self, **kw)
    )
    load_alertmanager(EVERY_KIND)
    assert opened == [f"{EVERY_KIND}"]


SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "text",
    [
        f"global: {{slack_api_url: 'http://{SECRET}:x/'}}",
        f"global: {{slack_api_url: '{SECRET}'}}",
        f"global: {{smtp_auth_password: [{SECRET}]}}",
        f"global: {{smtp_auth_password: {SECRET}1, smtp_auth_password: {SECRET}2}}",
        f"global: {{smtp_auth_password: {SECRET}, smtp_auth_password_file: x}}",
        f"global: {{smtp_require_tls: {SECRET}}}",
        f"global: {{smtp_smarthost: {SECRET}}}",
        f"global: {{http_config: {{oauth2: {{client_secret: {SECRET}}}}}}}",
        f"receivers: [{{name: b, telegram_configs: [{{bot_token: {SECRET}}}]}}]",
        f"receivers: [{{name: b, telegram_configs: [{{bot_token: x, chat_id: {SECRET}}}]}}]",
        f"receivers: [{{name: b, webhook_configs: [{{url: 'https://x/{{{{ {SECRET}'}}]}}]",
        f"receivers: [{{name: b, webhook_configs: [{{url: '{SECRET}'}}]}}]",
        f"receivers: [{{name: b, rocketchat_configs: [{{token: {{{SECRET}: x}}}}]}}]",
    ],
)
def test_secrets_are_never_told(tmp_path: Path, text: str) -> None:
    """Neither where they are wrong nor where something beside them is."""
    with pytest.raises(BadInput) as refused:
        load_text(tmp_path, f"route: {{receiver: b}}\n{text}\n")
    assert SECRET not in str(refused.value)
