"""What must hold among a receiver's settings and cannot be said by a table of keys.

Each refuses, with a sentence, what Alertmanager refuses: config/notifiers.go and
notify/*/config.go.  Those with three arguments also look at the global settings, as
config/config.go does (Config.UnmarshalYAML).
"""

from __future__ import annotations

import re

from alertlab.notify.config.addresses import is_template
from alertlab.notify.config.decoding import Place, Values, need_one
from alertlab.notify.config.http_client import authorizes

SLACK_MESSAGES = "https://slack.com/api/chat.postMessage"
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-zA-Z]+")
_OPSGENIE_TYPES = ("team", "teams", "user", "escalation", "schedule")
_VICTOROPS_OWN_FIELDS = {
    "routing_key", "message_type", "state_message", "entity_display_name", "monitoring_tool",
    "entity_id", "entity_state",
}  # fmt: skip
_NO_HTTP = "the global http_config is null, which makes Alertmanager crash; remove it there"


def check_choice(values: Values, key: str, known: tuple[str, ...], place: Place) -> None:
    """Refuse a value that is none of the known ones."""
    if values[key] not in known:
        raise place.refusal(f"unknown {key}; known: {', '.join(filter(None, known))}")


def check_settings(values: Values, place: Place) -> None:
    """Refuse global Slack addresses beside a global token, unless they are the token's own."""
    token = values["slack_app_token"] or values["slack_app_token_file"]
    address = values["slack_api_url"] or values["slack_api_url_file"]
    if token and address and values["slack_api_url"] != values["slack_app_url"]:
        raise place.refusal("give either a slack_api_url or a slack_app_token, or files of one")


def check_email(values: Values, place: Place) -> None:
    """Refuse doubled headers, and headers that threading sets."""
    headers = [name.lower() if _HEADER.fullmatch(name) else name for name in values["headers"]]
    if len(set(headers)) < len(headers):
        raise place.refusal("a header stands twice, in different letters; remove one")
    if values["threading"]["enabled"]:
        if {"references", "in-reply-to"} & set(headers):
            raise place.refusal("threading sets References and In-Reply-To; remove the headers")
        check_choice(values["threading"], "thread_by_date", ("none", "daily"), place)


def check_incidentio(values: Values, place: Place) -> None:
    """Refuse a token beside ``authorization``, and an ``http_config`` with neither."""
    token = values["alert_source_token"] or values["alert_source_token_file"]
    if values["http_config"] and bool(token) == authorizes(values["http_config"]):
        raise place.refusal("give either an alert_source_token or http_config's authorization")


def check_jira(values: Values, place: Place) -> None:
    """Refuse an unknown kind of Jira."""
    check_choice(values, "api_type", ("auto", "cloud", "datacenter"), place)


def check_msteamsv2(values: Values, settings: Values, place: Place) -> None:
    """Refuse what would take a proxy from a global ``http_config`` of null."""
    own = values["http_config"]
    if settings["http_config"] is None and (own is None or own["proxy_url"] is None):
        raise place.refusal(_NO_HTTP)


def check_opsgenie(values: Values, place: Place) -> None:
    """Refuse a responder without a name or of an unknown type."""
    for one in values["responders"]:
        need_one(one, (("id", "username", "name"),), place)
        known = one["type"].lower() in _OPSGENIE_TYPES
        if not is_template(one["type"], place) and not known:
            raise place.refusal(f"unknown type of responder; known: {', '.join(_OPSGENIE_TYPES)}")


def check_slack(values: Values, place: Place) -> None:
    """Refuse a webhook beside an app's token, and updates through a webhook."""
    token = values["app_token"] or values["app_token_file"]
    if token and (values["api_url"] or values["api_url_file"]):
        raise place.refusal("give either an api_url or an app_token, or files of one")
    if values["update_message"] and values["api_url"] != SLACK_MESSAGES:
        raise place.refusal(f"update_message works only with api_url: {SLACK_MESSAGES}")


def check_slack_settings(values: Values, settings: Values, place: Place) -> None:
    """Refuse neither address nor token, and a token, own or global, beside ``authorization``."""
    token = values["app_token"] or values["app_token_file"]
    if not token and not authorizes(values["http_config"]) and not values["api_url"]:
        token = settings["slack_app_token"] or settings["slack_app_token_file"]
    addresses = (values["api_url"], values["api_url_file"])
    if not token and not any(
        (*addresses, settings["slack_api_url"], settings["slack_api_url_file"])
    ):
        raise place.refusal(
            "Slack needs an api_url or an app_token; give one here or among the global settings"
        )
    http = values["http_config"] or settings["http_config"]
    if http is None:
        raise place.refusal(_NO_HTTP)
    if token and authorizes(http):
        raise place.refusal("http_config's authorization and an app token exclude each other")


def check_sns(values: Values, place: Place) -> None:
    """Refuse all but one goal; three are, oddly, accepted."""
    if sum(not values[key] for key in ("target_arn", "topic_arn", "phone_number")) % 2:
        raise place.refusal("give one of target_arn, topic_arn, phone_number")


def check_telegram(values: Values, place: Place) -> None:
    """Refuse an unknown markup."""
    check_choice(values, "parse_mode", ("", "Markdown", "MarkdownV2", "HTML"), place)


def check_victorops(values: Values, place: Place) -> None:
    """Refuse custom fields that are fields already."""
    for name in sorted(_VICTOROPS_OWN_FIELDS & set(values["custom_fields"])):
        raise place.refusal(f"custom_fields holds {name}, which is a field already; rename it")


def check_webex(values: Values, place: Place) -> None:
    """Refuse a missing ``authorization``, which is Webex' token."""
    if not authorizes(values["http_config"]):
        raise place.refusal("http_config.authorization is missing; add it")


def check_wechat(values: Values, place: Place) -> None:
    """Refuse an unknown type of message."""
    check_choice(values, "message_type", ("", "text", "markdown"), place)
