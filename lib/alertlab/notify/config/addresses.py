"""URLs and host:port pairs, refused as Go refuses them (net/url.Parse, net.SplitHostPort)."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from alertlab.notify.config.decoding import Place, spelled_text, text
from alertlab.templates.builtins import BUILTINS
from alertlab.templates.parsing import parse
from alertlab.templates.values import TemplateError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(.*)")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_BAD_USER = re.compile(r"[^a-zA-Z0-9\-._:~!$&'()*+,;=%@]")
_BAD_HOST = re.compile(r"[ #/?@\\^`{|}]|%(?![89a-fA-F][0-9a-fA-F]|25)")
_PORT = re.compile(r"(:[0-9]*)?")
_SECRET = "<secret>"  # what Alertmanager's own API writes in a secret's place
_ADVICE = "write a URL such as https://host/path"


def url(node: Any, place: Place) -> str:
    """Return a URL of http or https (config/common/url.go, ParseURL)."""
    written = text(node, place)
    if node is None:
        return ""
    try:
        scheme, host = _parse(written)
    except ValueError as error:
        raise place.refusal(f"{error}; {_ADVICE}") from None
    if scheme not in ("http", "https") or not host:
        raise place.refusal(f"the URL has no http, no https or no host; {_ADVICE}")
    return written


def secret_url(node: Any, place: Place) -> str:
    """Return a URL, or the word that stands for one."""
    return _SECRET if node == _SECRET else url(node, place)


def template_url(node: Any, place: Place) -> str:
    """Return a URL that may be a template, as webhooks have it (SecretTemplateURL).

    "null" and "~" pass unchecked in quotes (decode.go of yaml.v2, prepare).
    """
    written = text(node, place)
    if written in ("", _SECRET, "null", "~") or is_template(written, place):
        return written
    return url(node, place)


def proxy_url(node: Any, place: Place) -> tuple[str] | None:
    """Return any URL in a tuple, which is true even if the URL is empty."""
    if node is None:
        return None
    written = spelled_text(node, place)
    try:
        _parse(written)
    except ValueError as error:
        raise place.refusal(f"{error}; {_ADVICE}") from None
    return (written,)


def host_port(node: Any, place: Place) -> str:
    """Return a ``host:port`` (net/ipsock.go, SplitHostPort); the host may be missing."""
    written = text(node, place)
    found = re.fullmatch(r"(?:\[([^][]*)\]|[^:\][]*):[^:\][]+", written)
    if written and found is None:
        raise place.refusal("write host:port, such as mail.example:587")
    return written


def is_template(written: str, place: Place) -> bool:
    """Tell whether a text is a template; a broken one is refused (ContainsTemplating)."""
    if "{{" not in written:
        return False
    try:
        parse(written, "", BUILTINS)
    except TemplateError:
        raise place.refusal("the template is broken, or calls what Go itself has not") from None
    return True


def _parse(written: str) -> tuple[str, str]:
    """Return scheme and host of a URL; ValueError names the part that is wrong."""
    rest, _, fragment = written.partition("#")
    if _CONTROL.search(rest):
        raise ValueError("a URL holds no control characters")
    if rest.startswith(":"):
        raise ValueError("the URL has no scheme")
    if _BAD_ESCAPE.search(fragment):
        raise ValueError("the URL has a % without two hexadecimal digits")
    found = _SCHEME.fullmatch(rest)
    scheme, rest = (found[1].lower(), found[2]) if found else ("", rest)
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if not scheme and ":" in rest.partition("/")[0]:
            raise ValueError("the URL has a colon before its first slash but no scheme")
        if scheme:
            return scheme, ""
    host, path = "", rest
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        user, _, host = authority.rpartition("@")
        path = slash + path
        _check_host(host, scheme)
        if _BAD_USER.search(user) or _BAD_ESCAPE.search(user):
            raise ValueError("the URL's user or password holds a character that must be escaped")
    if _BAD_ESCAPE.search(path):
        raise ValueError("the URL has a % without two hexadecimal digits")
    return scheme, host


def _check_host(host: str, scheme: str) -> None:
    bare, port = host, ""
    if "[" in host:
        bare, bracket, port = host.rpartition("]")
        if not bare.startswith("[") or not bracket or "[" in bare[1:]:
            raise ValueError("the URL's host has brackets that do not match")
        address = bare[1:].replace("%25", "%", 1)
        if ipaddress.ip_address(address).version != 6:
            raise ValueError("the URL's host in brackets is no IPv6 address")
    elif ":" in host:
        at = host.index(":") if scheme in ("http", "https") else host.rindex(":")
        bare, port = host[:at], host[at:]
    if not _PORT.fullmatch(port):
        raise ValueError("the URL's port is not a number")
    if _BAD_HOST.search(bare):
        raise ValueError("the URL's host holds a character that no host has")
