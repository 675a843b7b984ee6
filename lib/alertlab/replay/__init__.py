"""Expression values -> firing level -> episodes."""

from alertlab.replay.episodes import find_episodes, fired, join_episodes, replay_rules
from alertlab.replay.evaluate import EvaluatedRule, evaluate_rule, evaluate_rules
from alertlab.replay.identities import alert_identity
from alertlab.replay.levels import firing_level, signed_threshold, signed_values
from alertlab.replay.limits import forgetting, remembered
from alertlab.replay.recorded_alerts import Agreement, compare_recorded
from alertlab.replay.slots import RECORDED, STATED, Coverage

__all__ = [
    "RECORDED",
    "STATED",
    "Agreement",
    "Coverage",
    "EvaluatedRule",
    "alert_identity",
    "compare_recorded",
    "evaluate_rule",
    "evaluate_rules",
    "find_episodes",
    "fired",
    "firing_level",
    "forgetting",
    "join_episodes",
    "remembered",
    "replay_rules",
    "signed_threshold",
    "signed_values",
]
