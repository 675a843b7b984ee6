"""The kinds of integrations of a receiver: what each may say, and what it must.

Keys and rules are those of Alertmanager 0.34.2: config/config.go, config/notifiers.go and
notify/*/config.go; the order is that in which a receiver builds them (config/receiver).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from alertlab.notify.config import receiver_checks as checks
from alertlab.notify.config.addresses import host_port, secret_url, template_url, url
from alertlab.notify.config.decoding import (
    Place,
    Reader,
    Struct,
    Values,
    all_keys,
    anything,
    boolean,
    count,
    duration,
    given_text,
    go_duration,
    integer,
    list_of,
    map_of,
    optional,
    spelled_text,
    text,
    timeout,
)
from alertlab.notify.config.http_client import AWS, HTTP, TLS

Check = Callable[[Values, Place], None]
SettingsCheck = Callable[[Values, Values, Place], None]
Keys = Mapping[str, Reader]
Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Kind:
    """One kind of integration.

    shape : its own keys, and what holds among them
    needs : pairs of own and global keys; of each pair one key must be given, here or there
    settings_check : refuses what else does not go with the global settings
    """

    shape: Struct
    needs: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    settings_check: SettingsCheck


def _kind(
    keys: Keys,
    *,
    one_of: Groups = (),
    at_most: Groups = (),
    resolves: bool = True,
    defaults: Mapping[str, Any] | None = None,
    check: Check = lambda values, place: None,
    needs: Mapping[str, str] | None = None,
    settings_check: SettingsCheck = lambda values, settings, place: None,
) -> Kind:
    """Return a kind; of each ``one_of`` exactly one is given, ``resolves`` is send_resolved."""
    shape = Struct(
        {"send_resolved": boolean, "http_config": HTTP} | dict(keys),
        {"send_resolved": resolves} | dict(defaults or {}),
        needs=one_of,
        excludes=one_of + at_most,
        check=check,
    )
    pairs = tuple((tuple(own.split()), tuple(one.split())) for own, one in (needs or {}).items())
    return Kind(shape, pairs, settings_check)


_TITLED = Struct({"title": text, "value": text, "short": boolean}, needs=(("title",), ("value",)))
_CONFIRMATION = Struct(all_keys(text, "text title ok_text dismiss_text"), needs=(("text",),))
_SLACK_ACTION = Struct(
    all_keys(text, "type text url style name value") | {"confirm": optional(_CONFIRMATION)},
    needs=(("type",), ("text",), ("url", "name")),
)
# Rocket.Chat's parts have no names for YAML: those of Go, in small letters, serve.
_ROCKETCHAT_FIELD = Struct({"short": boolean, "title": text, "value": text})
_ROCKETCHAT_ACTION = Struct(
    all_keys(text, "type text url imageurl webviewheightratio msg msgprocessingtype")
    | all_keys(boolean, "iswebview msginchatwindow")
)
_ATTACHMENT = Struct(
    all_keys(
        text,
        "fallback color pretext text author_name author_link author_icon title title_link "
        "thumb_url footer footer_icon image_url",
    )
    | {"fields": list_of(optional(_TITLED))}
)
_PRIORITY = Struct({"priority": text} | all_keys(boolean, "requested_ack persistent_notifications"))
_RESPONDER = Struct(all_keys(text, "id name username type"))
_THREADING = Struct({"enabled": boolean, "thread_by_date": text})
_JIRA_FIELD = Struct({"template": text, "enable_update": boolean})
_WEBHOOK = {"webhook_url": secret_url, "webhook_url_file": text}
_ONE_WEBHOOK = (("webhook_url", "webhook_url_file"),)


def _jira_field(node: Any, place: Place) -> str | Values:
    """Read a field as a text, or as a text with whether it is written again."""
    return _JIRA_FIELD(node, place) if isinstance(node, dict) else spelled_text(node, place)


KINDS: dict[str, Kind] = {
    "webhook": _kind(
        {
            "url": template_url,
            "url_file": text,
            "max_alerts": count,
            "timeout": timeout,
            "payload": anything,
        },
        one_of=(("url", "url_file"),),
    ),
    "email": _kind(
        all_keys(
            text,
            "to from hello auth_username auth_password auth_password_file auth_secret "
            "auth_secret_file auth_identity html text",
        )
        | all_keys(boolean, "require_tls force_implicit_tls")
        | {
            "smarthost": host_port,
            "headers": map_of(text),
            "tls_config": optional(TLS),
            "threading": _THREADING,
        },
        one_of=(("to",),),
        resolves=False,
        check=checks.check_email,
        needs={"smarthost": "smtp_smarthost", "from": "smtp_from"},
    ),
    "pagerduty": _kind(
        all_keys(
            text,
            "service_key service_key_file routing_key routing_key_file client client_url "
            "description source severity class component group",
        )
        | {
            "url": url,
            "details": map_of(anything),
            "images": list_of(Struct(all_keys(text, "src alt href"))),
            "links": list_of(Struct(all_keys(text, "href text"))),
            "timeout": timeout,
        },
        at_most=(("routing_key", "routing_key_file"), ("service_key", "service_key_file")),
        needs={
            "routing_key routing_key_file service_key service_key_file": "",
            "url": "pagerduty_url",
        },
    ),
    "opsgenie": _kind(
        all_keys(
            text,
            "api_key api_key_file message description source entity actions tags note priority",
        )
        | {
            "api_url": url,
            "details": map_of(text),
            "update_alerts": boolean,
            "responders": list_of(_RESPONDER),
        },
        at_most=(("api_key", "api_key_file"),),
        check=checks.check_opsgenie,
        needs={
            "api_url": "opsgenie_api_url",
            "api_key api_key_file": "opsgenie_api_key opsgenie_api_key_file",
        },
    ),
    "wechat": _kind(
        all_keys(
            text,
            "api_secret api_secret_file corp_id message to_user to_party to_tag agent_id "
            "message_type",
        )
        | {"api_url": url},
        at_most=(("api_secret", "api_secret_file"),),
        resolves=False,
        check=checks.check_wechat,
        needs={
            "api_url": "wechat_api_url",
            "api_secret api_secret_file": "wechat_api_secret wechat_api_secret_file",
            "corp_id": "wechat_api_corp_id",
        },
    ),
    "slack": _kind(
        all_keys(
            text,
            "api_url_file app_token app_token_file channel username color title title_link "
            "pretext text message_text footer fallback callback_id icon_emoji icon_url image_url "
            "thumb_url",
        )
        | all_keys(boolean, "short_fields link_names update_message")
        | {
            "api_url": secret_url,
            "app_url": url,
            "fields": list_of(optional(_TITLED)),
            "mrkdwn_in": list_of(text),
            "actions": list_of(optional(_SLACK_ACTION)),
            "timeout": timeout,
        },
        at_most=(("api_url", "api_url_file"), ("app_token", "app_token_file")),
        resolves=False,
        check=checks.check_slack,
        needs={"app_url": "slack_app_url"},
        settings_check=checks.check_slack_settings,
    ),
    "victorops": _kind(
        all_keys(
            text,
            "api_key api_key_file routing_key message_type state_message entity_display_name "
            "monitoring_tool",
        )
        | {"api_url": url, "custom_fields": map_of(text)},
        one_of=(("routing_key",),),
        at_most=(("api_key", "api_key_file"),),
        check=checks.check_victorops,
        needs={
            "api_url": "victorops_api_url",
            "api_key api_key_file": "victorops_api_key victorops_api_key_file",
        },
    ),
    "pushover": _kind(
        all_keys(
            text,
            "user_key user_key_file token token_file title message url url_title device sound "
            "priority",
        )
        | all_keys(go_duration, "retry expire ttl")
        | all_keys(boolean, "html monospace"),
        one_of=(("user_key", "user_key_file"), ("token", "token_file")),
        at_most=(("html", "monospace"),),
    ),
    "sns": _kind(
        all_keys(text, "api_url topic_arn phone_number target_arn subject message")
        | {"sigv4": AWS, "attributes": map_of(text), "use_aws_http_client": boolean},
        check=checks.check_sns,
    ),
    "telegram": _kind(
        all_keys(text, "bot_token bot_token_file chat_id_file message parse_mode")
        | all_keys(integer, "chat_id message_thread_id")
        | {"api_url": url, "disable_notifications": boolean},
        one_of=(("chat_id", "chat_id_file"),),
        at_most=(("bot_token", "bot_token_file"),),
        defaults={"parse_mode": "HTML"},
        check=checks.check_telegram,
        needs={"bot_token bot_token_file": "telegram_bot_token telegram_bot_token_file"},
    ),
    "discord": _kind(
        _WEBHOOK | all_keys(text, "content title message username avatar_url"),
        one_of=_ONE_WEBHOOK,
    ),
    "webex": _kind(
        {"api_url": url, "message": text, "room_id": text},
        one_of=(("room_id",),),
        check=checks.check_webex,
        needs={"api_url": "webex_api_url"},
    ),
    "msteams": _kind(_WEBHOOK | all_keys(text, "title summary text"), one_of=_ONE_WEBHOOK),
    "msteamsv2": _kind(
        _WEBHOOK | all_keys(text, "title text"),
        one_of=_ONE_WEBHOOK,
        settings_check=checks.check_msteamsv2,
    ),
    "jira": _kind(
        all_keys(
            text,
            "api_type project priority issue_type reopen_transition resolve_transition "
            "wont_fix_resolution",
        )
        | all_keys(_jira_field, "summary description")
        | {
            "api_url": url,
            "labels": list_of(text),
            "reopen_duration": duration,
            "fields": map_of(anything),
        },
        one_of=(("project",), ("issue_type",)),
        defaults={"api_type": "auto"},
        check=checks.check_jira,
        needs={"api_url": "jira_api_url"},
    ),
    "incidentio": _kind(
        {"url": url, "max_alerts": count, "timeout": timeout}
        | all_keys(text, "url_file alert_source_token alert_source_token_file"),
        one_of=(("url", "url_file"),),
        at_most=(("alert_source_token", "alert_source_token_file"),),
        check=checks.check_incidentio,
    ),
    "rocketchat": _kind(
        all_keys(
            text,
            "token_id_file token_file channel color title title_link text emoji icon_url "
            "image_url thumb_url",
        )
        | all_keys(given_text, "token_id token")
        | all_keys(boolean, "short_fields link_names")
        | {
            "api_url": url,
            "fields": list_of(optional(_ROCKETCHAT_FIELD)),
            "actions": list_of(optional(_ROCKETCHAT_ACTION)),
        },
        at_most=(("token", "token_file"), ("token_id", "token_id_file")),
        resolves=False,
        needs={
            "token_id token_id_file": "rocketchat_token_id rocketchat_token_id_file",
            "token token_file": "rocketchat_token rocketchat_token_file",
        },
    ),
    "mattermost": _kind(
        _WEBHOOK
        | all_keys(
            text,
            "channel username text fallback color pretext author_name author_link author_icon "
            "title title_link thumb_url footer footer_icon image_url icon_url icon_emoji type",
        )
        | {
            "fields": list_of(optional(_TITLED)),
            "attachments": list_of(optional(_ATTACHMENT)),
            "props": optional(Struct({"card": text})),
            "priority": optional(_PRIORITY),
        },
        at_most=_ONE_WEBHOOK,
        needs={
            "webhook_url webhook_url_file": "mattermost_webhook_url mattermost_webhook_url_file"
        },
    ),
}
