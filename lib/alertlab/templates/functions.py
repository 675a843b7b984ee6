"""Prometheus' own template functions (template/template.go; prometheus/common, helpers/templates).

As of Prometheus 3.16.  Functions that ask the server (``query``, ``now``, ``externalURL``) are
made for one alert at one time by ``alert_functions``.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from typing import Any

from alertlab.errors import BadInput, UnsupportedTemplate
from alertlab.go_text import parse_float, quote
from alertlab.re2 import found_in, replaced_in
from alertlab.templates.builtins import BUILTINS, query_escaped
from alertlab.templates.execution import Function
from alertlab.templates.formatting import sprintf
from alertlab.templates.values import (
    AnyMap,
    Duration,
    Html,
    Int64,
    QueryResult,
    Sample,
    TemplateError,
    Time,
    go_type,
)
from alertlab.units import SECOND_MS, parse_duration

Query = Callable[[str], QueryResult]
"""Evaluates PromQL at the alert's time; raises BadInput or UnsupportedPromQL."""

_LARGE = "kMGTPEZY"
_SMALL = "munpfazy"
_NIL_POINTER = "runtime error: invalid memory address or nil pointer dereference"
_INT64_MAX = 2**63 - 1
_WORD = re.compile(r"[A-Za-z0-9_]+(?:['.:][A-Za-z]+|[.,;'][0-9]+)*")


def to_float(value: Any) -> float:
    """Return a number, or the number that a string spells (ConvertToFloat)."""
    if type(value) is str:
        try:
            return parse_float(value)
        except ValueError as error:
            raise TemplateError(f"strconv.ParseFloat: parsing {quote(value)}: {error}") from None
    if type(value) in (float, int, Int64):
        return float(value)
    raise TemplateError(f"can't convert {'<nil>' if value is None else go_type(value)} to float")


def _short(value: float, unit: str = "") -> str:
    return sprintf("%.4g", [value]) + unit


def _is_special(value: float) -> bool:
    return math.isnan(value) or math.isinf(value)


def humanize(value: Any) -> str:
    """Return a number with a decimal prefix: ``1.234k``, ``12m``."""
    number = to_float(value)
    if number == 0 or _is_special(number):
        return _short(number)
    return _short(*_scaled(number))


def _scaled(number: float) -> tuple[float, str]:
    prefix = ""
    if abs(number) >= 1:
        for one in _LARGE:
            if abs(number) < 1000:
                break
            number, prefix = number / 1000, one
        return number, prefix
    for one in _SMALL:
        if abs(number) >= 1:
            break
        number, prefix = number * 1000, one
    return number, prefix


def humanize_1024(value: Any) -> str:
    """Return a number with a binary prefix: ``1.5Ki``."""
    number = to_float(value)
    if abs(number) <= 1 or _is_special(number):
        return _short(number)
    prefix = ""
    for one in ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"):
        if abs(number) < 1024:
            break
        number, prefix = number / 1024, one
    return _short(number, prefix)


def humanize_duration(value: Any) -> str:
    """Return seconds as days to seconds, or with a decimal prefix below one."""
    number = to_float(value)
    if _is_special(number):
        return _short(number)
    if number == 0:
        return _short(number, "s")
    if abs(number) < 1:
        scaled, prefix = _scaled(number)
        return _short(scaled, f"{prefix}s")
    sign, number = ("-", -number) if number < 0 else ("", number)
    minutes, seconds = divmod(_as_int64(number, "humanizeDuration"), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return sign + _short(number, "s")


def humanize_percentage(value: Any) -> str:
    """Return a ratio in percent."""
    return _short(to_float(value) * 100, "%")


def to_time(value: Any) -> Time:
    """Return unix seconds as a time, to the millisecond (FloatToTime)."""
    number = to_float(value)
    if _is_special(number):
        raise TemplateError("value is NaN or Inf")
    nanoseconds = number * 1e9
    if nanoseconds > _INT64_MAX or nanoseconds < -_INT64_MAX - 1:
        raise TemplateError(
            f"{sprintf('%v', [number])} cannot be represented as a nanoseconds timestamp "
            "since it overflows int64"
        )
    milliseconds = abs(int(nanoseconds)) // 1_000_000
    return Time((milliseconds if number > 0 else -milliseconds) * 1_000_000)


def humanize_timestamp(value: Any) -> str:
    """Return unix seconds as Go prints a time."""
    number = to_float(value)
    return _short(number) if _is_special(number) else sprintf("%v", [to_time(number)])


def to_duration(value: Any) -> Duration:
    """Return seconds as a duration."""
    return Duration(_as_int64(to_float(value) * 1e9, "toDuration"))


def _as_int64(number: float, function: str) -> int:
    if not abs(number) < 2**63:
        raise UnsupportedTemplate(
            f"{function} of a number beyond int64 depends on Prometheus' machine and is not done"
        )
    return int(number)


def parsed_duration(text: str) -> float:
    """Return the seconds of a Prometheus duration, which may be negative."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    try:
        if digits != digits.strip():
            raise BadInput(f"{text!r} has blanks around it")
        return sign * parse_duration(digits) / SECOND_MS
    except BadInput as error:
        raise UnsupportedTemplate(
            f"parseDuration fails, in words that depend on Prometheus' version: {error}"
        ) from None


def title(text: str) -> str:
    """Return the text with the first letter of each word in upper case (x/text/cases)."""
    if not text.isascii():
        raise UnsupportedTemplate("title of letters beyond ASCII is not evaluated here")
    return _WORD.sub(lambda found: re.sub("[A-Za-z]", _upper_first, found[0], count=1), text)


def _upper_first(found: re.Match[str]) -> str:
    return found[0].upper()


def to_upper(text: str) -> str:
    """Return the text in upper case, letter by letter."""
    return "".join(char.upper() if len(char.upper()) == 1 else char for char in text)


def to_lower(text: str) -> str:
    """Return the text in lower case, letter by letter."""
    return "".join(char.lower()[0] for char in text)


def split_host_port(text: str) -> tuple[str, str] | None:
    """Return host and port of ``host:port``, None for anything else (net.SplitHostPort)."""
    host, colon, port = text.rpartition(":")
    if not colon:
        return None
    if text.startswith("["):
        end = text.find("]")
        if end < 0 or end + 1 != len(host):
            return None
        rest, host = text[1:end] + port, text[1:end]
        return None if "[" in rest or "]" in port else (host, port)
    return None if ":" in host or set("[]") & set(text) else (host, port)


def strip_port(text: str) -> str:
    """Return the host of ``host:port``."""
    found = split_host_port(text)
    return found[0] if found else text


def strip_domain(text: str) -> str:
    """Return the host's first name, with the port; addresses stay."""
    host, port = split_host_port(text) or (text, "")
    try:
        ipaddress.ip_address(host)
        return text
    except ValueError:
        pass
    host = host.partition(".")[0]
    if port and (":" in host or "%" in host):
        host = f"[{host}]"
    return f"{host}:{port}" if port else host


def _first(result: QueryResult | None) -> Sample:
    if not result:
        raise TemplateError("first() called on vector with no elements")
    return result[0]


def _known(sample: Sample | None) -> Sample:
    if sample is None:
        raise TemplateError(_NIL_POINTER)
    return sample


def _sorted_by_label(label: str, result: QueryResult | None) -> QueryResult:
    return QueryResult(sorted(result or [], key=lambda sample: sample.Labels.get(label, "")))


def _matches(pattern: str, text: str) -> bool:
    return _answered(lambda: found_in(pattern, [text])[0])


def _replaced(pattern: str, replacement: str, text: str) -> str:
    return _answered(lambda: replaced_in(pattern, replacement, [text])[0])


def _answered(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except ValueError as error:
        raise UnsupportedTemplate(
            f"a template's regular expression fails, and Go's words for it are not known: {error}"
        ) from None


def _link(expr: str, tab: int) -> str:
    return f"/graph?g0.expr={query_escaped(expr)}&g0.tab={tab}"


_TEXT, _SAMPLE, _RESULT = "string", "*template.sample", "template.queryResult"
_FUNCTIONS: dict[str, Function] = {
    "args": Function(
        lambda *values: AnyMap({f"arg{i}": one for i, one in enumerate(values)}),
        ("any",),
        variadic=True,
    ),
    "first": Function(_first, (_RESULT,)),
    "graphLink": Function(lambda expr: _link(expr, 0), (_TEXT,)),
    "humanize": Function(humanize, ("any",)),
    "humanize1024": Function(humanize_1024, ("any",)),
    "humanizeDuration": Function(humanize_duration, ("any",)),
    "humanizePercentage": Function(humanize_percentage, ("any",)),
    "humanizeTimestamp": Function(humanize_timestamp, ("any",)),
    "label": Function(lambda name, sample: _known(sample).Labels.get(name, ""), (_TEXT, _SAMPLE)),
    "match": Function(_matches, (_TEXT, _TEXT)),
    "parseDuration": Function(parsed_duration, (_TEXT,)),
    "reReplaceAll": Function(_replaced, (_TEXT, _TEXT, _TEXT)),
    "safeHtml": Function(Html, (_TEXT,)),
    "sortByLabel": Function(_sorted_by_label, (_TEXT, _RESULT)),
    "stripDomain": Function(strip_domain, (_TEXT,)),
    "stripPort": Function(strip_port, (_TEXT,)),
    "strvalue": Function(lambda sample: _known(sample).Labels.get("__value__", ""), (_SAMPLE,)),
    "tableLink": Function(lambda expr: _link(expr, 1), (_TEXT,)),
    "title": Function(title, (_TEXT,)),
    "toDuration": Function(to_duration, ("any",)),
    "toLower": Function(to_lower, (_TEXT,)),
    "toTime": Function(to_time, ("any",)),
    "toUpper": Function(to_upper, (_TEXT,)),
    "urlQueryEscape": Function(query_escaped, (_TEXT,)),
    "value": Function(lambda sample: _known(sample).Value, (_SAMPLE,)),
}


def alert_functions(at_ms: int, query: Query) -> dict[str, Function]:
    """Return all functions that a label or an annotation may call at ``at_ms``."""
    return {
        **BUILTINS,
        **_FUNCTIONS,
        "externalURL": Function(_no_external_url, ()),
        "now": Function(lambda: at_ms / SECOND_MS, ()),
        "pathPrefix": Function(_no_external_url, ()),
        "query": Function(lambda expr: _queried(query, expr), (_TEXT,)),
    }


def _no_external_url() -> str:
    """Fail as promtool does, which evaluates rules without a server's URL."""
    raise TemplateError(_NIL_POINTER)


def _queried(query: Query, expr: str) -> QueryResult:
    try:
        return query(expr)
    except BadInput as error:
        raise UnsupportedTemplate(
            f"a template's query fails, and Prometheus' words for it are not known here: {error}"
        ) from None
