"""Expression values -> firing level -> episodes."""

from alertlab.replay.episodes import find_episodes, fired, replay_rules
from alertlab.replay.evaluate import EvaluatedRule, alert_identity, evaluate_rule
from alertlab.replay.levels import firing_level, signed_threshold, signed_values

__all__ = [
    "EvaluatedRule",
    "alert_identity",
    "evaluate_rule",
    "find_episodes",
    "fired",
    "firing_level",
    "replay_rules",
    "signed_threshold",
    "signed_values",
]
