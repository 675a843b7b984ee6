"""Receivers and the global settings they fall back on (config/config.go of Alertmanager).

Files that a ``*_file`` names are never read, and nobody is contacted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alertlab.notify.config.addresses import host_port, secret_url, url
from alertlab.notify.config.decoding import (
    Place,
    Reader,
    Struct,
    Values,
    all_keys,
    boolean,
    duration,
    given_text,
    list_of,
    map_of,
    optional,
    text,
)
from alertlab.notify.config.http_client import HTTP, TLS
from alertlab.notify.config.receiver_checks import SLACK_MESSAGES, check_settings
from alertlab.notify.config.receiver_kinds import KINDS, Kind
from alertlab.units import MINUTE_MS

# Of these a value and a file exclude each other.
_SECRETS = (
    "opsgenie_api_key", "rocketchat_token", "rocketchat_token_id", "slack_api_url",
    "slack_app_token", "smtp_auth_password", "smtp_auth_secret", "telegram_bot_token",
    "victorops_api_key", "wechat_api_secret", "mattermost_webhook_url",
)  # fmt: skip

SETTINGS = Struct(
    all_keys(
        text,
        "smtp_from smtp_hello smtp_auth_username smtp_auth_password smtp_auth_secret "
        "smtp_auth_identity slack_app_token opsgenie_api_key wechat_api_secret "
        "wechat_api_corp_id victorops_api_key telegram_bot_token",
    )
    | all_keys(text, " ".join(f"{secret}_file" for secret in _SECRETS))
    | all_keys(
        url,
        "jira_api_url slack_app_url pagerduty_url opsgenie_api_url wechat_api_url "
        "victorops_api_url telegram_api_url webex_api_url rocketchat_api_url",
    )
    | all_keys(secret_url, "slack_api_url mattermost_webhook_url")
    | all_keys(given_text, "rocketchat_token rocketchat_token_id")
    | all_keys(boolean, "smtp_require_tls smtp_force_implicit_tls")
    | {
        "resolve_timeout": duration,
        "http_config": HTTP,
        "smtp_smarthost": host_port,
        "smtp_tls_config": optional(TLS),
    },
    defaults={
        "resolve_timeout": 5 * MINUTE_MS,
        "http_config": HTTP({}, Place(Path())),
        "pagerduty_url": "https://events.pagerduty.com/v2/enqueue",
        "opsgenie_api_url": "https://api.opsgenie.com/",
        "wechat_api_url": "https://qyapi.weixin.qq.com/cgi-bin/",
        "victorops_api_url": "https://alert.victorops.com/integrations/generic/20131114/alert/",
        "webex_api_url": "https://webexapis.com/v1/messages",
        "slack_app_url": SLACK_MESSAGES,
    },
    excludes=tuple((secret, f"{secret}_file") for secret in _SECRETS),
    check=check_settings,
)


@dataclass(frozen=True)
class Integration:
    """One way a receiver is told: ``kind`` such as ``slack``, ``index`` among its kind."""

    kind: str
    index: int
    send_resolved: bool


def receiver_reader(settings: Values) -> Struct:
    """Return the reader of one receiver under these global settings."""
    return Struct(
        {"name": text, "labels": map_of(text)}
        | {f"{name}_configs": list_of(_entry(kind, settings)) for name, kind in KINDS.items()},
        needs=(("name",),),
        check=_check_labels,
    )


def integrations_of(receiver: Values) -> tuple[Integration, ...]:
    """Return the integrations of a receiver that has been read."""
    return tuple(
        Integration(kind, i, one["send_resolved"])
        for kind in KINDS
        for i, one in enumerate(receiver[f"{kind}_configs"])
    )


def _entry(kind: Kind, settings: Values) -> Reader:
    def read(node: object, place: Place) -> Values:
        if node is None:
            raise place.refusal("this entry is empty; write its settings or remove it")
        values = kind.shape(node, place)
        for own, of_all in kind.needs:
            if not any(values[key] for key in own) and not any(settings[key] for key in of_all):
                raise place.refusal(f"{_or(own)} is missing{_global(of_all)}; add it")
        kind.settings_check(values, settings, place)
        return values

    return read


def _check_labels(receiver: Values, place: Place) -> None:
    if receiver["labels"].get("name", receiver["name"]) != receiver["name"]:
        raise place.refusal("the label name of a receiver is its name; remove the label")


def _or(keys: Iterable[str]) -> str:
    return " or ".join(keys)


def _global(keys: tuple[str, ...]) -> str:
    return f", and so is {_or(keys)} among the global settings" if keys else ""
