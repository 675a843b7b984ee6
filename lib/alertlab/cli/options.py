"""The options that several commands share, in the words of the glossary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.errors import BadInput, known_name
from alertlab.units import MINUTE_MS, parse_duration

if TYPE_CHECKING:
    from alertlab.notify import AlertmanagerConfig, Sending
    from alertlab.rules import AlertRule
    from alertlab.sources import Source

SourceOption = Annotated[
    str, typer.Option("--source", help="A recording's folder, or the http(s) URL of a Prometheus.")
]
StartOption = Annotated[
    str, typer.Option("--start", help="RFC 3339 or unix seconds; default: 28d before the end.")
]
EndOption = Annotated[
    str, typer.Option("--end", help="RFC 3339 or unix seconds; default: the end of the data.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SemanticsOption = Annotated[
    int, typer.Option("--semantics", help="PromQL of Prometheus 3 or 2 (2.42), on recordings.")
]
MaxSamplesOption = Annotated[
    int | None,
    typer.Option(min=1, help="What a query may hold at once, on recordings."),
]
IntervalOption = Annotated[
    str,
    typer.Option(
        "--evaluation-interval", help="Of rule groups that state none; default: --prometheus, 1m."
    ),
]
PrometheusOption = Annotated[
    Path | None,
    typer.Option(
        "--prometheus",
        help="prometheus.yml: evaluation interval, query offset, external labels, relabelling.",
    ),
]
SlotOffsetOption = Annotated[
    str,
    typer.Option(
        "--slot-offset",
        help="Moves evaluations from start + k * interval, where the source does not tell them.",
    ),
]
TokenEnvOption = Annotated[
    str, typer.Option("--token-env", help="NAME of the variable that holds the bearer token.")
]
RulesArgument = Annotated[
    list[str],
    typer.Argument(help="Rule files, PrometheusRule objects, or the URL of a Prometheus."),
]
AlertmanagerOption = Annotated[
    Path | None, typer.Option("--alertmanager", help="Alertmanager's configuration.")
]

AlertmanagerVersionOption = Annotated[
    str, typer.Option("--alertmanager-version", help="Such as 0.27; default: a current one.")
]
SilencesOption = Annotated[
    Path | None,
    typer.Option("--silences", help="Silences, as amtool silence query -o json gives them."),
]
PagingReceiversOption = Annotated[
    str,
    typer.Option(
        "--paging-receivers",
        help="Names, by commas; default: those with PagerDuty, Opsgenie or Slack.",
    ),
]


def open_at(
    where: str,
    start: str,
    end: str,
    *,
    semantics: int = 3,
    max_samples: int | None = None,
    token_env: str = "PROMETHEUS_TOKEN",
) -> tuple[Source, int, int]:
    """Open a source and return it with start and end [ms], filled in where not given."""
    from alertlab.promql import MAX_SAMPLES
    from alertlab.sources import history_span, open_source

    source = open_source(
        where,
        semantics=known_semantics(semantics),
        max_samples=max_samples or MAX_SAMPLES,
        token_env=token_env,
    )
    start_ms, end_ms = history_span(source.start_ms, source.end_ms, start=start, end=end)
    return source, start_ms, end_ms


def load_rules(
    places: Iterable[str],
    *,
    evaluation_interval: str = "",
    prometheus: Path | None = None,
    token_env: str = "PROMETHEUS_TOKEN",
) -> list[AlertRule]:
    """Load the alerting rules of files and of running servers, in the order given."""
    from alertlab.notify import load_prometheus_config
    from alertlab.rules import alert_rules, groups_of_answer, load_groups
    from alertlab.sources import PrometheusSource

    settings = None if prometheus is None else load_prometheus_config(prometheus)
    interval_ms, query_offset_ms = MINUTE_MS, 0
    if settings is not None:
        interval_ms, query_offset_ms = settings.evaluation_interval_ms, settings.query_offset_ms
    if evaluation_interval:
        interval_ms = duration(evaluation_interval, "--evaluation-interval")
    groups = []
    for place in places:
        if place.startswith(("http://", "https://")):
            server = PrometheusSource(place, token_env=token_env)
            groups += groups_of_answer(server.rules_answer(), server.url)
        else:
            groups += load_groups(
                place, evaluation_interval_ms=interval_ms, query_offset_ms=query_offset_ms
            )
    return alert_rules(groups)


def sending(prometheus: Path | None) -> Sending:
    """Return what Prometheus does to alerts that it sends, as far as its configuration says."""
    from alertlab.notify import Sending, load_prometheus_config

    if prometheus is None:
        return Sending()
    settings = load_prometheus_config(prometheus)
    return Sending(external_labels=settings.external_labels, alert_relabel=settings.alert_relabel)


def receivers(names: str, config: AlertmanagerConfig) -> list[str]:
    """Return the receivers that wake someone: those named, else those that the kind tells."""
    if not names:
        return config.paging_receivers()
    return [
        known_name(name.strip(), config.receivers, "--paging-receivers: receiver")
        for name in names.split(",")
    ]


def known_semantics(semantics: int) -> int:
    """Return ``--semantics`` if it is 2 or 3; else refuse it."""
    if semantics not in (2, 3):
        raise BadInput(f"--semantics is 2 or 3, not {semantics}")
    return semantics


def duration(text: str, option: str) -> int:
    """Return an option's duration [ms]; BadInput names the option."""
    try:
        return parse_duration(text)
    except BadInput as error:
        raise BadInput(f"{option}: {error}") from None


def progress(what: str) -> object:
    """Return a wrapper for long lists that shows a bar on stderr, on terminals only."""
    from tqdm import tqdm

    def track(items: list) -> Iterable:
        return tqdm(items, desc=what, leave=False, disable=None)

    return track


@contextmanager
def progress_of(what: str, total: int, unit: str) -> Iterator[Callable[[int], object]]:
    """Give a function that moves a bar on stderr by so many units, on terminals only."""
    from tqdm import tqdm

    bar = tqdm(desc=what, total=total, unit=unit, unit_scale=True, leave=False, disable=None)
    with bar:
        yield bar.update
