"""The ``alertlab`` command: one small module per command, errors as one sentence.

Results go to stdout, progress and messages to stderr.  Exit codes: 0 fine, 1 a server or the run
failed, 2 usage or bad input, 3 a finding crossed a ``--fail-on`` limit.
"""

from __future__ import annotations

import sys

import typer

from alertlab.cli import (
    diff,
    export,
    import_,
    lab,
    lint,
    pages,
    query,
    record,
    replay,
    reports,
    run,
    serve,
    slo,
    test,
    tune,
)
from alertlab.errors import AlertlabError

app = typer.Typer(
    help="Replay alerting rules over history, count the pages, tune the thresholds.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for name, command in {
    "record": record.record,
    "query": query.query,
    "serve": serve.serve,
    "test": test.test,
    "lint": lint.lint,
    "replay": replay.replay,
    "pages": pages.pages,
    "tune": tune.tune,
    "diff": diff.diff,
    "run": run.run,
    "reports": reports.reports,
    "lab": lab.lab,
}.items():
    app.command(name)(command)
app.add_typer(import_.app, name="import")
app.add_typer(export.app, name="export")
app.add_typer(slo.app, name="slo")


def main() -> None:
    """Run the command line; say what went wrong in one sentence."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name in Hangul must not end in a traceback
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
        sys.stdout.flush()
    except AlertlabError as error:
        print(f"alertlab: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        print(f"alertlab: {error.strerror}: {error.filename or 'the output'}", file=sys.stderr)
        sys.exit(1)
