"""What releases of Alertmanager do differently."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alertlab.errors import BadInput

CURRENT = "0.34.2"


@dataclass(frozen=True)
class Profile:
    """The behaviour of one release.

    checks_on_insert : an old alert makes its group flush at once whenever it comes in before the
        first flush, not only when it creates the group (dispatch.go, insert; up to 0.29)
    one_inhibition_source : of the sources with equal labels only one is looked at (0.30 to 0.34.0)
    overrides_group_by : a route's empty ``group_by`` takes the inherited one away (from 0.31)
    destroys_emptied : a group ends with the flush that empties it, not at the next maintenance
        (from 0.32)
    """

    version: str
    checks_on_insert: bool
    one_inhibition_source: bool
    overrides_group_by: bool
    destroys_emptied: bool


def profile_of(version: str) -> Profile:
    """Return the behaviour of a release such as ``0.27`` or ``0.34.2``; BadInput if it is none."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version.strip())
    if found is None or (number := tuple(int(part or 0) for part in found.groups())) < (0, 25, 0):
        raise BadInput(
            f"{version!r} is no Alertmanager release known here; give one from 0.25 on, "
            f"such as {CURRENT}"
        )
    return Profile(
        version=version.strip().removeprefix("v"),
        checks_on_insert=number < (0, 30, 0),
        one_inhibition_source=(0, 30, 0) <= number <= (0, 34, 0),
        overrides_group_by=number >= (0, 31, 0),
        destroys_emptied=number >= (0, 32, 0),
    )
