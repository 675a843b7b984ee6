"""YAML files as the library reads them: what an error says, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from alertlab.errors import BadInput
from alertlab.rules import read_yaml


def test_a_key_that_stands_twice_is_named_without_its_values(tmp_path: Path) -> None:
    """Either may be a secret: the file and the two lines say where to look."""
    file = tmp_path / "alertmanager.yml"
    file.write_text("global:\n  token: hush\n  other: x\n  token: psst\n")
    with pytest.raises(BadInput) as refused:
        read_yaml(file)
    told = str(refused.value)
    assert told == (
        f'{file}:4: not valid YAML: found duplicate key "token" in the mapping of line 2'
    )
