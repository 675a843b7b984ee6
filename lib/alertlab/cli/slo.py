"""``alertlab slo``: burn-rate rules, the ledger of weeks, and alerts on little traffic."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alertlab.cli import fail_on as limits
from alertlab.cli import options
from alertlab.cli.output import print_json, print_table
from alertlab.errors import BadInput, known_name

if TYPE_CHECKING:
    from alertlab.slo.burn_windows import WindowTable
    from alertlab.slo.low_traffic import LowTraffic
    from alertlab.slo.objectives import Objective

app = typer.Typer(no_args_is_help=True, help="Service level objectives and their error budgets.")

_Objectives = Annotated[
    Path, typer.Argument(help="Objectives: our YAML, OpenSLO v1 or Sloth v1.", show_default=False)
]
_Windows = Annotated[
    str, typer.Option("--windows", help="The table of window pairs: google or pyrra.")
]


@app.command()
def rules(
    objectives: _Objectives,
    out: Annotated[Path, typer.Option("--out", help="The rule file; its unit test goes beside.")],
    windows: _Windows = "google",
    min_bad_events: Annotated[
        int,
        typer.Option(
            "--min-bad-events", min=0, help="Fewer in a long window do not alert; 0: no minimum."
        ),
    ] = 0,
) -> None:
    """Write multiwindow burn-rate alerts for objectives, and a unit test for promtool beside."""
    from alertlab.slo.burn_tests import first_test_path, write_burn_rules
    from alertlab.slo.loading import load_objectives

    for path in (out, first_test_path(out)):
        if path.resolve() == objectives.resolve():
            raise BadInput(
                f"--out {out} would replace the objectives {objectives}; name another file"
            )
    written = write_burn_rules(load_objectives(objectives), out, _table(windows), min_bad_events)
    for path in (written.rules, *written.unit_tests):
        print(f"written: {path}", file=sys.stderr)
    for name, reason in written.untested.items():
        print(f"no unit test for {name}: {reason}", file=sys.stderr)


@app.command()
def ledger(
    objectives: _Objectives,
    source: options.SourceOption,
    ledger: Annotated[Path, typer.Option("--ledger", help="The ledger; it is made or added to.")],
    start: options.StartOption = "",
    end: options.EndOption = "",
    fail_on: limits.FailOnOption = None,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Count good and total events per week and objective, write them down, print the ledger."""
    from alertlab.slo.burn_rules import alerting
    from alertlab.slo.ledger import update_ledger
    from alertlab.slo.loading import load_objectives

    forbidden = limits.parse_limits(fail_on)
    loaded = load_objectives(objectives)
    opened, start_ms, end_ms = options.open_at(source, start, end, token_env=token_env)
    found = update_ledger(ledger, loaded, opened, start_ms, end_ms, track=options.progress("weeks"))
    table, counts = found.to_pandas(), found.of(*alerting(loaded)).to_pandas()
    document = {
        "rows": table.to_dict("records"),
        "overspent": int((counts["budget_left_ratio"] < 0).sum()),
    }
    crossed = limits.crossed(forbidden, document)
    if json:
        print_json(document)
    else:
        shown = ["week", "objective", "policy", "total", "bad", "target", "budget_left_ratio"]
        print_table(
            table[[*shown, "coverage", "complete"]],
            caption=f"{ledger}: events per ISO week (UTC), and what was left of the week's budget",
            formats=dict.fromkeys(("target", "budget_left_ratio", "coverage"), "ratio"),
        )
    for note in found.notes:
        print(note, file=sys.stderr)
    limits.leave(crossed)


@app.command("low-traffic")
def low_traffic(
    objectives: _Objectives,
    source: Annotated[
        str,
        typer.Option("--source", help="Also say how much traffic each objective has there."),
    ] = "",
    start: options.StartOption = "",
    end: options.EndOption = "",
    windows: _Windows = "google",
    rates: Annotated[
        list[float] | None,
        typer.Option(
            "--rate", help="Requests an hour; may be repeated.  Default: some round the critical."
        ),
    ] = None,
    weeks: Annotated[
        float, typer.Option("--weeks", min=1, help="How long healthy services are simulated.")
    ] = 26,
    runs: Annotated[
        int, typer.Option("--runs", min=1, help="How many incidents of each kind are simulated.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the simulation.")] = 1,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Simulate services of few requests: false pages per week and time to page, by their rate."""
    from alertlab.slo.burn_rules import alerting
    from alertlab.slo.loading import load_objectives
    from alertlab.slo.low_traffic import low_traffic_table, traffic_of

    loaded, table = alerting(load_objectives(objectives)), _table(windows)
    traffic = None
    if source:
        opened, start_ms, end_ms = options.open_at(source, start, end, token_env=token_env)
        traffic = traffic_of(loaded, opened, start_ms, end_ms, table)
    found = [
        low_traffic_table(
            target, table, period_ms=period_ms, requests_per_hour=rates or None,
            weeks=weeks, runs=runs, seed=seed,
            track=options.progress(f"rates at {target:.6g}"),
        )
        for target, period_ms in _promises(loaded)
    ]  # fmt: skip
    if json:
        document: dict[str, Any] = {"simulated": [one.to_json() for one in found]}
        if traffic is not None:
            document["traffic"] = traffic.to_dict("records")
        print_json(document)
        return
    for one in found:
        _print(one)
    if traffic is not None:
        print_table(traffic, caption=f"Traffic in {source}", formats={"below_ratio": "ratio"})


def _promises(objectives: list[Objective]) -> list[tuple[float, int]]:
    """Return the targets and periods that there are: objectives of the same fare alike."""
    return list(dict.fromkeys((one.target_ratio, one.period_ms) for one in objectives))


def _table(name: str) -> WindowTable:
    from alertlab.slo.burn_windows import WINDOW_TABLES

    return WINDOW_TABLES[known_name(name, WINDOW_TABLES, "table of windows")]


def _print(found: LowTraffic) -> None:
    target = f"{found.target_ratio * 100:.6g}%"
    print_table(
        found.critical,
        caption=f"Target {target}: below the critical rate one bad request exceeds the limit",
    )
    print_table(
        found.false_pages,
        caption=f"\nHealthy service at half its budget, {found.weeks:g} simulated weeks",
    )
    print_table(
        found.detection,
        caption=f"\nUntil an incident pages, {found.runs} simulated runs; missed: not within 6h",
        formats={"error_ratio": "ratio", "missed_ratio": "ratio"},
    )
    print()
