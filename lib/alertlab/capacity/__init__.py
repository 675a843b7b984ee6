"""Capacity: what load costs, what runs out first, and when.

``load`` reads the history; ``costs``, ``scalability`` (by ``usl``), ``hash_queue`` (by
``queueing``) and ``drivers`` learn from it.  ``resources`` measures what there is only so much of,
``forecasting`` looks ahead, ``ladder`` puts them in order.  ``login_path`` and ``verdict`` say how
many logins are possible, ``advice`` what to order, with ``kubernetes_patch`` and ``cost``.
``journal`` keeps what reports said.  ``dependencies`` watches ``signals`` of what stands behind.
"""

from alertlab.capacity.advice import Advice, advise, planned_growth
from alertlab.capacity.cost import costs_of
from alertlab.capacity.costs import Costs, request_costs
from alertlab.capacity.dependencies import Watched, watch
from alertlab.capacity.drivers import Driver, find_drivers
from alertlab.capacity.exclusions import excluded_hours
from alertlab.capacity.forecasting import (
    Forecast,
    Scorecard,
    backtest,
    crossing,
    forecast,
    load_records,
    predict_linear,
    save_records,
    scorecard,
    weekly_peaks,
)
from alertlab.capacity.hash_queue import HashQueue, hash_queue
from alertlab.capacity.journal import (
    Change,
    Entry,
    changes,
    load_journal,
    report_entry,
    write_entry,
)
from alertlab.capacity.kubernetes_patch import kubernetes_patch
from alertlab.capacity.ladder import Rung, build_ladder
from alertlab.capacity.load import LoadHistory, load_history
from alertlab.capacity.login_path import LoginPath, LoginsAt, login_path, when_pods_go
from alertlab.capacity.past import Past, keep_report, read_past
from alertlab.capacity.queueing import Queue, erlang_b, erlang_c, most_arrivals, servers_for
from alertlab.capacity.resources import (
    Measured,
    Prices,
    load_resources,
    measure,
    most_demand,
    read_allotment,
)
from alertlab.capacity.scalability import Scalability, scalability
from alertlab.capacity.signals import CONTAINERS, KAFKA, POSTGRESQL
from alertlab.capacity.usl import UslFit, fit_usl
from alertlab.capacity.verdict import Limit, Verdict, joint_verdict, login_limits

__all__ = [
    "CONTAINERS",
    "KAFKA",
    "POSTGRESQL",
    "Advice",
    "Change",
    "Costs",
    "Driver",
    "Entry",
    "Forecast",
    "HashQueue",
    "Limit",
    "LoadHistory",
    "LoginPath",
    "LoginsAt",
    "Measured",
    "Past",
    "Prices",
    "Queue",
    "Rung",
    "Scalability",
    "Scorecard",
    "UslFit",
    "Verdict",
    "Watched",
    "advise",
    "backtest",
    "build_ladder",
    "changes",
    "costs_of",
    "crossing",
    "erlang_b",
    "erlang_c",
    "excluded_hours",
    "find_drivers",
    "fit_usl",
    "forecast",
    "hash_queue",
    "joint_verdict",
    "keep_report",
    "kubernetes_patch",
    "load_history",
    "load_journal",
    "load_records",
    "load_resources",
    "login_limits",
    "login_path",
    "measure",
    "most_arrivals",
    "most_demand",
    "planned_growth",
    "predict_linear",
    "read_allotment",
    "read_past",
    "report_entry",
    "request_costs",
    "save_records",
    "scalability",
    "scorecard",
    "servers_for",
    "watch",
    "weekly_peaks",
    "when_pods_go",
    "write_entry",
]
