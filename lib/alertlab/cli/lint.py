"""``alertlab lint``: what in a rule makes noise, or means something else than its text."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Annotated

import typer

from alertlab.cli import options
from alertlab.cli.fail_on import FailOnOption, crossed, leave, parse_limits
from alertlab.cli.output import print_json, print_text

ScrapeIntervalOption = Annotated[
    str,
    typer.Option(
        "--scrape-interval",
        help="How often series get a sample; default: as the source shows.",
    ),
]


def lint(
    rules: options.RulesArgument,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            help="A recording's folder, or the URL of a Prometheus, to hold the rules against.",
        ),
    ] = "",
    start: options.StartOption = "",
    end: options.EndOption = "",
    scrape_interval: ScrapeIntervalOption = "",
    semantics: options.SemanticsOption = 3,
    json: options.JsonOption = False,
    fail_on: FailOnOption = None,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Check rules and print what is suspicious in them, why, and how to mend it."""
    from alertlab.lint import FROM_THE_INTERVAL, FROM_THE_SOURCE, REMARK_IDS, lint_rules

    limits = parse_limits(fail_on)
    loaded = options.load_rules(rules, token_env=token_env)
    interval_ms = None
    if scrape_interval:
        interval_ms = options.duration(scrape_interval, "--scrape-interval")
    history = (None, None, None)
    if source:
        history = options.open_at(source, start, end, semantics=semantics, token_env=token_env)
    found = lint_rules(
        loaded, *history, scrape_interval_ms=interval_ms, track=options.progress("rules")
    )
    left_out = [] if source else list(FROM_THE_SOURCE)
    if not source and interval_ms is None:
        left_out += FROM_THE_INTERVAL
    if left_out:
        print(f"not checked without --source: {', '.join(left_out)}", file=sys.stderr)
    if json:
        print_json([one.to_json() for one in found])
    else:
        for one in found:
            print_text(f"{one.where}: {one.text} {one.fix} [{one.id}]")
        print(f"{len(found)} remarks in {len(loaded)} rules")
    counts = Counter(one.id for one in found)
    document = {"remarks": len(found), **{kind: counts[kind] for kind in REMARK_IDS}}
    leave(crossed(limits, document))
