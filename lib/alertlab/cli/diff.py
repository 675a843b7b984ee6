"""``alertlab diff``: what a change of rules would have done; a gate for CI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alertlab.cli import fail_on as limits
from alertlab.cli import options
from alertlab.cli import yardstick as measured
from alertlab.cli.output import print_json, print_table
from alertlab.errors import BadInput

if TYPE_CHECKING:
    from alertlab.change import RuleDiff

_TEST_ENDING = ".test"


def diff(
    old: Annotated[str, typer.Argument(help="A rule file, a folder of them, or a server's URL.")],
    new: Annotated[str, typer.Argument(help="The same after the change.")],
    source: options.SourceOption,
    start: options.StartOption = "",
    end: options.EndOption = "",
    alertmanager: options.AlertmanagerOption = None,
    incidents: measured.IncidentsOption = None,
    fail_on: limits.FailOnOption = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write a report for a pull request to it.")
    ] = None,
    moved_within: Annotated[
        str,
        typer.Option(
            "--moved-within", help="Pages of one group this far apart are one that has moved."
        ),
    ] = "30m",
    margin_before: measured.MarginBeforeOption = "5m",
    margin_after: measured.MarginAfterOption = "10m",
    prometheus: options.PrometheusOption = None,
    alertmanager_version: options.AlertmanagerVersionOption = "",
    silences: options.SilencesOption = None,
    paging_receivers: options.PagingReceiversOption = "",
    evaluation_interval: options.IntervalOption = "",
    slot_offset: options.SlotOffsetOption = "0s",
    semantics: options.SemanticsOption = 3,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Replay two rule sets over history and print pages and incidents gained, lost and moved."""
    from alertlab import diff_rules
    from alertlab.change import diff_report

    forbidden = limits.parse_limits(fail_on)
    sets = [
        options.load_rules(
            _places(where),
            evaluation_interval=evaluation_interval,
            prometheus=prometheus,
            token_env=token_env,
        )
        for where in (old, new)
    ]
    yardstick = measured.yardstick_of(
        incidents=incidents, margin_before=margin_before, margin_after=margin_after,
        alertmanager=alertmanager, alertmanager_version=alertmanager_version,
        prometheus=prometheus, silences=silences, paging_receivers=paging_receivers,
    )  # fmt: skip
    opened, start_ms, end_ms = options.open_at(
        source, start, end, semantics=semantics, token_env=token_env
    )
    found = diff_rules(
        *sets, opened, start_ms, end_ms, yardstick=yardstick,
        moved_within_ms=options.duration(moved_within, "--moved-within"),
        slot_offset_ms=options.duration(slot_offset, "--slot-offset"),
        track=options.progress("rules"),
    )  # fmt: skip
    document = found.to_json()
    crossed = limits.crossed(forbidden, document)
    if markdown is not None:
        _write_report(diff_report(found), markdown)
    if json:
        print_json(document)
    else:
        _print(found)
    limits.leave(crossed)


def _write_report(text: str, out: Path) -> None:
    from alertlab.files import replacing

    try:
        with replacing(out) as fresh:
            fresh.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--markdown {out} cannot be written: {error.strerror}") from None


def _places(where: str) -> list[str]:
    """Return the rule files of a folder in order, without unit tests; else ``where`` itself."""
    folder = Path(where)
    if where.startswith(("http://", "https://")) or not folder.is_dir():
        return [where]
    found = sorted(
        str(path)
        for pattern in ("*.yml", "*.yaml")
        for path in folder.glob(pattern)
        if not path.stem.endswith(_TEST_ENDING)
    )
    if not found:
        raise BadInput(f"the folder {where} holds no rule files (*.yml, *.yaml)")
    return found


def _print(found: RuleDiff) -> None:
    import pandas as pd

    old, new = found.old, found.new
    numbers = pd.DataFrame(
        {
            "": ["pages a week", "false pages a week", "incidents caught"],
            "old": [old.pages_per_week, old.false_pages_per_week, old.recall],
            "new": [new.pages_per_week, new.false_pages_per_week, new.recall],
        }
    )
    print_table(numbers, caption="Both sets of rules over the same history")
    print_table(found.receivers, caption="\nPages by receiver")
    rows = [
        {
            "rule": pair.name,
            "status": pair.status,
            "pages before": old.of_rule(pair.name)["pages"] if pair.name in old.episodes else None,
            "pages after": new.of_rule(pair.name)["pages"] if pair.name in new.episodes else None,
            "changed": ", ".join(pair.changes),
        }
        for pair in found.rules
    ]
    print_table(pd.DataFrame(rows), caption="\nRules")
    pages = found.changed_pages.assign(
        rules=[", ".join(names) for names in found.changed_pages["rules"]]
    )
    print_table(
        pages, caption=f"\n{len(pages)} pages gained, lost or moved",
        formats={"group_labels": "labels"},
    )  # fmt: skip
    for what, ids in (("gained", found.gained_incidents), ("lost", found.lost_incidents)):
        print(f"Incidents {what}: {', '.join(ids) or 'none'}")
