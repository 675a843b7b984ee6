"""Make the helpers beside these tests importable; promtools with the semantics they judge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))


class Judge(NamedTuple):
    """A promtool and the semantics in which it evaluates."""

    promtool: str
    semantics: int


@pytest.fixture(scope="session", params=[2, 3], ids=["2.42", "3"])
def judge(request: pytest.FixtureRequest) -> Judge:
    """promtool 2.42, then promtool 3: each test runs against both that are at hand."""
    program = request.getfixturevalue({2: "promtool", 3: "promtool3"}[request.param])
    return Judge(program, request.param)
