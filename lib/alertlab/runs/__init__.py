"""Notebook runs: parameters checked, executed in a child process, kept as folders of reports."""

from alertlab.runs.execute import Limits
from alertlab.runs.index import write_index
from alertlab.runs.parameters import Parameter, parse_assignments, read_parameters
from alertlab.runs.progress import terminal_progress
from alertlab.runs.run import RunResult, run_notebook
from alertlab.runs.summary import print_summary, summary_lines

__all__ = [
    "Limits",
    "Parameter",
    "RunResult",
    "parse_assignments",
    "print_summary",
    "read_parameters",
    "run_notebook",
    "summary_lines",
    "terminal_progress",
    "write_index",
]
