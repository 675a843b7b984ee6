"""From a chosen setting to a reviewed change: the edit, its unit test, its report, its diff."""

from alertlab.change.diff import RuleDiff, diff_rules
from alertlab.change.diff_report import diff_report
from alertlab.change.matching import MOVED_WITHIN_MS, match_pages
from alertlab.change.proposal import Proposal
from alertlab.change.write import WrittenChange, check_output, write_change

__all__ = [
    "MOVED_WITHIN_MS",
    "Proposal",
    "RuleDiff",
    "WrittenChange",
    "check_output",
    "diff_report",
    "diff_rules",
    "match_pages",
    "write_change",
]
