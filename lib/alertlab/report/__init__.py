"""What a notebook shows: figures, tables, callouts, findings; takes frames, computes nothing.

``report.figures`` and ``report.answers`` hold the charts and sentences of the single reports.
"""

from alertlab.report.findings import Finding, publish
from alertlab.report.html import code_block, note, show_figure
from alertlab.report.tables import table

__all__ = ["Finding", "code_block", "note", "publish", "show_figure", "table"]
