"""Service level objectives: what is promised, what was kept, and how fast the budget burns.

``objectives`` says what is counted against what target, ``policies`` which gRPC codes count,
``loading`` reads them (ours, OpenSLO, Sloth), ``reading`` counts, ``ledger`` writes weeks down
once, ``budget`` says what is left and who spent it; ``burn_rules`` makes alerts of objectives,
``burn_tests`` their unit tests, ``replaying`` tells whom they would have paged,
``low_traffic`` what becomes of them where requests are few.
"""

from alertlab.slo.budget import (
    Bracket,
    BudgetShares,
    BurnHistory,
    budget_left,
    budget_shares,
    burn_history,
)
from alertlab.slo.burn_rules import alerting, burn_rules, joined_rules, yaml_text
from alertlab.slo.burn_tests import WrittenRules, write_burn_rules
from alertlab.slo.burn_windows import GOOGLE_WINDOWS, PYRRA_WINDOWS, BurnWindow, WindowTable
from alertlab.slo.counts import EVALUATED, RAW, Counts, Samples, Spans
from alertlab.slo.events import Events
from alertlab.slo.ledger import (
    Ledger,
    LedgerRow,
    count_weeks,
    load_ledger,
    update_ledger,
    week_label,
)
from alertlab.slo.loading import find_objective, load_objectives
from alertlab.slo.low_traffic import LowTraffic, low_traffic_table, traffic_of
from alertlab.slo.objectives import AVAILABILITY, LATENCY, QUERIES, Objective
from alertlab.slo.policies import BAD, CODES, EXCLUDED, GOOD, POLICIES, CodePolicy
from alertlab.slo.reading import count_between, read_counts
from alertlab.slo.replaying import BurnReplay, replay_burn_rules

__all__ = [
    "AVAILABILITY",
    "BAD",
    "CODES",
    "EVALUATED",
    "EXCLUDED",
    "GOOD",
    "GOOGLE_WINDOWS",
    "LATENCY",
    "POLICIES",
    "PYRRA_WINDOWS",
    "QUERIES",
    "RAW",
    "Bracket",
    "BudgetShares",
    "BurnHistory",
    "BurnReplay",
    "BurnWindow",
    "CodePolicy",
    "Counts",
    "Events",
    "Ledger",
    "LedgerRow",
    "LowTraffic",
    "Objective",
    "Samples",
    "Spans",
    "WindowTable",
    "WrittenRules",
    "alerting",
    "budget_left",
    "budget_shares",
    "burn_history",
    "burn_rules",
    "count_between",
    "count_weeks",
    "find_objective",
    "joined_rules",
    "load_ledger",
    "load_objectives",
    "low_traffic_table",
    "read_counts",
    "replay_burn_rules",
    "traffic_of",
    "update_ledger",
    "week_label",
    "write_burn_rules",
    "yaml_text",
]
