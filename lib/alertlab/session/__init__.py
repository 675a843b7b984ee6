"""The tuning session in JupyterLab: move a rule's numbers and see what follows."""

from alertlab.session.panel import TuningPanel
from alertlab.session.session import TuningSession
from alertlab.session.views import picture

__all__ = ["TuningPanel", "TuningSession", "picture"]
