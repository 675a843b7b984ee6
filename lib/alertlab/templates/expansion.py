"""Labels and annotations of an alert, their templates expanded (rules/alerting.go, Eval)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from alertlab.errors import BadInput
from alertlab.templates import nodes, parsing
from alertlab.templates.execution import execute
from alertlab.templates.functions import Query, alert_functions
from alertlab.templates.values import AlertData, StringMap, TemplateError

_DEFINITIONS = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
    "{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)


@dataclass(frozen=True)
class AlertContext:
    """What the templates of one alert see.

    labels : the labels of the expression's sample, its name among them
    value : the sample's value
    at_ms : when the rule is evaluated
    query : evaluates PromQL at that time
    """

    alert: str
    labels: Mapping[str, str]
    value: float
    at_ms: int
    query: Query
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""


def has_template(text: str) -> bool:
    """Tell whether there is anything to expand in a text."""
    return "{{" in text


def check_template(text: str, alert: str) -> None:
    """Raise BadInput for a text that Prometheus refuses when it loads the alert's rule."""
    if has_template(text):
        try:
            _parse(text, alert)
        except TemplateError as error:
            raise BadInput(str(error)) from None


def reads_data(text: str, alert: str) -> bool:
    """Tell whether a text asks for samples beyond the alert's own (``query``)."""
    return has_template(text) and _mentions(_parse(text, alert), "query")


def expand(text: str, context: AlertContext) -> str:
    """Return a label's or an annotation's text with its template expanded.

    An error in the template is part of the text, as in Prometheus.  Raises UnsupportedTemplate
    for what is not expanded here.
    """
    if not has_template(text):
        return text
    data = AlertData(
        StringMap(context.labels),
        StringMap(context.external_labels),
        context.external_url,
        context.value,
    )
    name = _name(context.alert)
    try:
        template = _parse(text, context.alert)
    except TemplateError as error:
        return f"<error expanding template: error parsing template {name}: {error}>"
    try:
        return execute(template, data, alert_functions(context.at_ms, context.query))
    except TemplateError as error:
        return f"<error expanding template: error executing template {name}: {error}>"


def _name(alert: str) -> str:
    return f"__alert_{alert}"


@lru_cache(maxsize=4096)
def _parse(text: str, alert: str) -> parsing.Template:
    return parsing.parse(_DEFINITIONS + text, _name(alert), alert_functions(0, _no_query))


def _no_query(_: str) -> None:
    raise BadInput("there is nothing to query before the template is expanded")


def _mentions(value: object, function: str) -> bool:
    if isinstance(value, nodes.Identifier):
        return value.name == function
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return any(_mentions(one, function) for one in value)
    if isinstance(value, nodes.Node | parsing.Template):
        return _mentions(vars(value), function)
    return False
