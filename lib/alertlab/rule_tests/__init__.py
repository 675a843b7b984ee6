"""promtool's unit tests for rules: read, evaluated, judged as promtool judges them."""

from alertlab.rule_tests.reading import UnitTestFile, read_test_file
from alertlab.rule_tests.running import FileResult, run_test_file

__all__ = ["FileResult", "UnitTestFile", "read_test_file", "run_test_file"]
