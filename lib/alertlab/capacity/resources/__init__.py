"""What there is only so much of: a file of resources, and what was used of them.

``resource`` has the words, ``loading`` reads the file, ``units`` tells which sides of a ratio fit
together, ``measuring`` asks a source, ``demand`` says how much demand a resource bears, and
``allotment`` what pods are given.
"""

from alertlab.capacity.resources.allotment import Allotment, read_allotment
from alertlab.capacity.resources.demand import most_demand
from alertlab.capacity.resources.loading import load_resources
from alertlab.capacity.resources.measuring import Measured, measure
from alertlab.capacity.resources.resource import (
    DISK,
    FIXED,
    PODS,
    Prices,
    Reading,
    Resource,
    ResourceFile,
    Sign,
    Workload,
)

__all__ = [
    "DISK",
    "FIXED",
    "PODS",
    "Allotment",
    "Measured",
    "Prices",
    "Reading",
    "Resource",
    "ResourceFile",
    "Sign",
    "Workload",
    "load_resources",
    "measure",
    "most_demand",
    "read_allotment",
]
