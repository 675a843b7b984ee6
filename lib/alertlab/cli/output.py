"""How results are printed: one JSON document, or an aligned table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from alertlab.report.tables import Format


def print_json(document: Any) -> None:
    """Print strict JSON: NaN and infinities become null."""
    from alertlab.report.findings import to_json

    print(json.dumps(to_json(document), indent=2, ensure_ascii=False, allow_nan=False))


def print_table(
    frame: pd.DataFrame, *, caption: str, formats: Mapping[str, Format] | None = None
) -> None:
    """Print a frame as a table; what is missing is a dash."""
    from alertlab.report import table

    print_text(table(frame, caption=caption, formats=formats).text)


def print_text(text: str) -> None:
    """Print lines without what could move a terminal's cursor: label values may hold anything."""
    for line in text.splitlines():
        print("".join(letter for letter in line if letter.isprintable()))


def unix_seconds(moment: pd.Timestamp) -> float | None:
    """Return a UTC time as unix seconds, None where there is none."""
    import pandas as pd

    return None if pd.isna(moment) else moment.timestamp()
