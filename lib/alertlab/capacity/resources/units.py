"""Units of resources: what they measure, and whether two sides of a ratio fit together."""

from __future__ import annotations

CORES, BYTES = "cores", "bytes"
"""What the units of CPU and of memory are measured in."""

# Of a unit: what it measures, and how much of that it is.
_SIZES = {
    "cores": (CORES, 1.0),
    "millicores": (CORES, 1e-3),
    "bytes": (BYTES, 1.0),
    "kB": (BYTES, 1e3),
    "MB": (BYTES, 1e6),
    "GB": (BYTES, 1e9),
    "KiB": (BYTES, 2.0**10),
    "MiB": (BYTES, 2.0**20),
    "GiB": (BYTES, 2.0**30),
}
# What kube-state-metrics writes into its label `unit`.
_KUBERNETES = {"core": "cores", "byte": "bytes", "integer": ""}


def disagreement(use_unit: str, limit_unit: str) -> str:
    """Why can use and limit not be compared as they are?  An empty text if they can."""
    if use_unit == limit_unit:
        return ""
    told = f"the use is in {use_unit} and the limit in {limit_unit}"
    use, limit = _SIZES.get(use_unit), _SIZES.get(limit_unit)
    if use and limit and use[0] == limit[0]:
        told += f"; one of {use_unit} is {use[1] / limit[1]:.7g} {limit_unit}"
    return f"{told}: write both queries in one unit"


def label_disagreement(unit: str, label: str) -> str:
    """Why can a series whose label ``unit`` says so not be in a unit?  Empty if it can."""
    said = _KUBERNETES.get(label, label)
    if not said or said == unit:
        return ""
    return f"the series are in {said} by their label unit, and the file says {unit}"


def measures(unit: str) -> str:
    """Return CORES or BYTES if a unit measures them, else an empty text."""
    return _SIZES[unit][0] if unit in _SIZES else ""
