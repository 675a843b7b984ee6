"""Make the helpers of the promql tests importable: a server that is filled with samples."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "promql"))
