"""A scenario (YAML) of the service's life, and the synthetic recording that it makes.

``parts`` and ``model`` say what a scenario may hold; ``events`` and ``traffic`` turn it into
expectations over time, ``pods`` into processes that come and go, ``latency`` and ``sampling`` into
counted requests, ``exposition`` and ``monitors`` into what Prometheus would have stored of them;
``generate`` writes that down.
"""

from auth_service.scenario.generate import incidents_of, recorded_days, write_recording
from auth_service.scenario.model import Scenario, load_scenario

__all__ = ["Scenario", "incidents_of", "load_scenario", "recorded_days", "write_recording"]
