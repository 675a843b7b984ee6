"""What fills a real server with samples lies beside the tests of PromQL."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "promql"))
