"""The report on capacity: sentences, tables and charts say what was computed."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from alertlab.capacity import Limit, Rung, joint_verdict
from alertlab.capacity.advice import Advice, Item
from alertlab.capacity.costs import Costs
from alertlab.capacity.drivers import Driver
from alertlab.capacity.forecasting import Crossing, Forecast, Scorecard
from alertlab.capacity.forecasting.scorecard import Scored
from alertlab.capacity.hash_queue import HashQueue
from alertlab.capacity.journal import Change, ResourceState
from alertlab.capacity.login_path import LoginsAt
from alertlab.capacity.resources import FIXED, PODS, Measured, Prices, Reading, Resource, Sign
from alertlab.capacity.scalability import Scalability
from alertlab.capacity.usl import fit_usl
from alertlab.incidents import no_incidents
from alertlab.report import answers, figures
from alertlab.units import DAY_MS, HOUR_MS, WEEK_MS, Interval

HOSTILE = "<b>$x$</b>"


def _rung(name: str, peak: float, days: float, **other) -> Rung:
    """Return a rung with 14 days of lead time whose threshold is passed after so many days."""
    resource = Resource(
        name, other.get("kind", PODS), "auth team", 14 * DAY_MS, 0.8, Reading("use", "workers"),
        Reading("limit", "workers"), Reading("logins", "logins/s"), sign=other.get("sign"),
        remedy="Add replicas.",
    )  # fmt: skip
    times = HOUR_MS * np.arange(1, 24 * 21 + 1)
    use = np.full((1, len(times)), peak)
    measured = Measured(
        resource, times, ("pod-1",), use, np.ones_like(use), np.full(len(times), 3.0),
        use[0], np.full(len(times), 0.1), other.get("mismatch", ""), {"use": "u", "limit": name},
    )  # fmt: skip
    ahead = times[-1] + DAY_MS * np.arange(1, 43)
    mid = np.linspace(peak, peak * 1.2, 42)
    said = Forecast(
        ahead, mid, mid * 0.95, mid * 1.05, 0.9, mid[None], "steady trend",
        {"seasonal naive": 0.06, "steady trend": 0.04}, other.get("refusal", ""), int(times[-1]),
    )  # fmt: skip
    spared = 1.0 if resource.kind == FIXED else 2 / 3
    date = Crossing(days, days * 0.7, other.get("latest", days * 1.4), 1.0, 42.0)
    return Rung(measured, 3, 1, spared, peak, said, said, date, math.inf)


WORKERS = _rung("hash workers", 0.48, 26.4)
POOL = _rung("pool", 0.3, 40.0, latest=math.inf)
FAR = _rung("disk", 0.1, math.inf, kind=FIXED, sign=Sign("lag", "q", "s", 60.0))
UNKNOWN = _rung("silent", math.nan, math.nan, mismatch="its query of use finds nothing")
VERDICT = joint_verdict(
    [Limit("p99 of logins passes 0.5 s", Interval(63, 65, 72)), Limit("pool", None, "no reason")]
)
ADVICE = Advice(
    Item("replicas", "", 3, 4, "every threshold"),
    Item("CPU request", "cores", 7.0, 2.7, "the peak"),
    Item("CPU limit", "cores", math.nan, 4.4, "1.5 times"),
    Item("memory request", "bytes", 768 * 2.0**20, 800 * 2.0**20, "and 15%"),
    Item("memory limit", "bytes", 800 * 2.0**20, 800 * 2.0**20, "and 15%"),
    1.23,
    ("Raise max_connections first.",),
    ("3 replicas: too few.",),
)
CARD = Scorecard(
    tuple(
        Scored(0, at * WEEK_MS, (at + 1) * WEEK_MS, Interval(0.3, 0.4, 0.5, 0.9), actual, 0.35)
        for at, actual in enumerate((0.38, 0.41, 0.7, 0.75, 0.8))
    )
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_the_answer_says_what_binds_when_and_what_to_order():
    """First and next with dates, the verdict, the order with what to heed, and what changed."""
    moved = Change("pool", None, None, -0.05, -6.0)
    still = Change("disk", None, None, 0.001, None)
    text = answers.capacity_answer([WORKERS, POOL, FAR], VERDICT, ADVICE, [moved, still])
    first, following, most, order, changed = text.split("\n\n")
    assert first == (
        "First hash workers: its weekly peak passes 80% of the limit in 26 days, perhaps in 18, "
        "with 1 of 3 replicas gone. An order takes 14 days, so it is due within 12 days. "
        "Owner: auth team."
    )
    assert following.startswith("Next pool: its weekly peak passes 80% of the limit in 40 days")
    assert most == (
        "At most 65 logins/s (63 to 72) are possible with 1 of 3 replicas gone; then p99 of "
        "logins passes 0.5 s."
    )
    assert order.startswith("To order for 23% more load: replicas 4 (now 3), CPU request 2.7 cores")
    assert "memory request 800 MiB (now 768 MiB)" in order
    assert "CPU limit 4.4 cores (now none)" in order
    assert order.endswith("Raise max_connections first.")
    assert "memory limit" not in order
    assert changed == "Since the last report: pool has 5% less headroom (-6 days)."


def test_the_answer_when_it_is_too_late_or_nothing_ends():
    """A passed threshold is said so; a horizon without an end, and what nobody knows."""
    late = answers.capacity_answer([_rung("pool", 0.6, 0.1)], VERDICT, ADVICE, [])
    assert "passes 80% of the limit already, with 1 of 3 replicas gone" in late
    assert "14 days too late" in late
    calm = answers.capacity_answer([FAR, UNKNOWN], joint_verdict([]), ADVICE, [])
    assert calm.startswith("Nothing runs out within 42 days; of 1 resource nothing can be said.")
    assert "cannot be said" in calm.split("\n\n")[1]
    nothing = answers.capacity_answer([UNKNOWN], VERDICT, ADVICE, [])
    assert nothing.startswith("What runs out first cannot be said")
    assert answers.capacity_answer([FAR], VERDICT, ADVICE, []).startswith(
        "Nothing runs out within 42 days."
    )


def test_the_ladder_as_a_table():
    """Missing is a dash or a question mark, never 0; dates have both ends."""
    table = answers.ladder_table([WORKERS, POOL, FAR, UNKNOWN])
    assert table["days"].tolist() == ["26 (18 to 37)", "40 (28 to later)", "not within 42", "?"]
    assert table["slack"].tolist() == ["12", "26", "–", "–"]
    assert table["straight line"].tolist()[0] == "never"
    assert table["without"].iloc[0] == pytest.approx(0.72)
    assert table["headroom"].iloc[0] == pytest.approx(0.1)
    assert set(answers.LADDER_FORMATS) <= set(table)
    assert answers.refusals_text([WORKERS, UNKNOWN]) == (
        "No date for silent: its query of use finds nothing."
    )
    assert answers.refusals_text([WORKERS]) == "Every resource could be forecast."
    signs = answers.signs_table([WORKERS, FAR])
    assert signs.to_dict("records") == [
        {"resource": "disk", "sign": "lag", "at worst": "100 ms", "bound": "1m", "within it": True}
    ]
    queries = answers.queries_table([WORKERS, POOL])
    assert queries["of"].tolist() == ["all", "hash workers", "pool"]


def test_limits_losses_costs_and_drivers():
    """Each table of the load has its numbers, and what is unknown has its reason."""
    limits = answers.limits_table(VERDICT)
    assert limits["at logins/s"].tolist() == ["65 (63–72)", "–"]
    assert limits["not known because"].tolist() == ["–", "no reason"]
    states = [LoginsAt(3, 0.45, 0.09, 0.302), LoginsAt(1, 1.3, 1.0, math.inf)]
    loss = answers.loss_table(states, 0.5)
    assert loss["promise kept"].tolist() == [True, False]
    assert loss["login takes at most"].tolist() == ["302 ms", "the queue grows without end"]
    one = Interval(0.07, 0.075, 0.08)
    costs = answers.costs_table({"CPU [s]": Costs({"Login": one}, Interval(0, 0, 0), 0.99, 84)})
    assert costs["request"].tolist() == ["Login", "a pod without any", "explained"]
    assert costs["CPU [s]"].tolist() == [one, Interval(0, 0, 0), "99%"]
    drivers = answers.drivers_table([Driver("Login", np.array([40.0, 62.0]), None)])
    assert drivers.iloc[0].tolist()[:3] == ["Login", 40, 62]


def test_forecasts_errors_and_changes():
    """Coverage as k of n with the alarm, the chosen model, and headroom then and now."""
    text = answers.forecasts_text(CARD, "hash workers", made_afterwards=True)
    assert text.startswith("What this method would have forecast of hash workers: 2 of 5 intervals")
    assert text.endswith("do not trust the dates above.")
    assert answers.forecasts_text(CARD, "x", made_afterwards=False).startswith("What reports")
    assert "can be judged yet" in answers.forecasts_text(Scorecard(()), "x", made_afterwards=True)
    table = answers.forecasts_table(CARD)
    assert table["held"].tolist() == [True, True, False, False, False]
    assert answers.forecasts_table(Scorecard(())).empty
    models = answers.models_errors_table(WORKERS)
    assert models["model"].tolist() == ["steady trend", "seasonal naive"]
    assert models["chosen"].tolist() == [True, False]
    before = ResourceState("pool", 0.3, 0.5, 40.4, None)
    changes = answers.capacity_changes_table([Change("pool", before, None, None, None)])
    assert changes.iloc[0].tolist() == ["pool", "50%", "–", "40", "–"]


def test_what_to_order():
    """Amounts as people order them; what it costs, or that nobody knows."""
    table = answers.advice_table(ADVICE)
    assert table["now"].tolist() == ["3", "7 cores", "none", "768 MiB", "800 MiB"]
    prices = Prices("USD", 25.0, 4.0)
    cost, rejected = answers.rejected_text(ADVICE, prices).split("\n\n")
    assert cost == "The requests cost 534 USD a month now and 282 USD as advised: 252 less."
    assert rejected == "Rejected: 3 replicas: too few."
    assert answers.rejected_text(ADVICE, None) == "Rejected: 3 replicas: too few."
    unset = replace(ADVICE, cpu_request=Item("CPU request", "cores", math.nan, 2.7, ""))
    assert "not known" in answers.rejected_text(unset, prices)


def test_the_law_or_why_there_is_none():
    """Estimates with their errors, or the sentence of the refusal."""
    n = np.arange(1.0, 13)
    points = Scalability(n, n / (1 + 0.03 * (n - 1)), np.ones(12, int), 0.9, fit_usl(n, n), "")
    table = answers.scalability_table(points)
    assert table["value"].iloc[2] == "1"
    assert table["value"].iloc[3] == "∞"
    refused = replace(points, fit=None, refusal="never near")
    assert answers.scalability_table(refused)["note"].tolist() == ["never near"]
    assert "never near" in figures.scalability_curve_alt(refused)
    for one in (points, refused):
        assert isinstance(figures.scalability_curve(one), Figure)


def test_findings_and_numbers():
    """Too late is an action, running out a warning, what is unknown a remark; all is told once."""
    late = _rung("pool", 0.5, 3.0)
    lagging = _rung("lagging", 0.1, math.inf, sign=Sign("lag", "q", "s", 0.05))
    found = answers.capacity_findings([late, WORKERS, lagging, UNKNOWN], VERDICT, CARD, ADVICE)
    assert {one.id: one.severity for one in found} == {
        "too-late.pool": "action",
        "hurts.lagging": "warning",
        "runs-out.hash-workers-" + found[1].id.rsplit("-", 1)[1]: "warning",
        "no-forecast.silent": "info",
        "advice": "action",
        "forecasts-poor": "warning",
    }
    assert found[0].detail == "Add replicas. Owner: auth team; lead time 14 days."
    calm = answers.capacity_findings([FAR], VERDICT, Scorecard(()), ADVICE)
    assert [one.severity for one in calm] == ["ok"]
    numbers = answers.capacity_numbers([WORKERS, UNKNOWN], VERDICT, CARD, ADVICE)
    assert numbers["binding"] == "hash workers"
    assert numbers["most_logins_per_second"]["mid"] == 65
    assert numbers["advice"]["replicas"] == 4
    assert numbers["forecasts"] == {"judged": 5, "held": 2}
    assert answers.capacity_numbers([UNKNOWN], VERDICT, CARD, ADVICE)["binding"] is None


def test_charts_of_names_that_are_no_formulas():
    """Every chart draws with hostile names, with and without a forecast, and its words say it."""
    hostile = _rung(HOSTILE, 0.3, 12.0)
    refused = _rung("short", 0.3, math.nan, refusal="too short")
    for one in (hostile, refused, FAR):
        drawn = figures.resource_forecast(one, no_incidents(), "Asia/Seoul")
        drawn.canvas.draw()
    assert "passed after 12 days" in figures.resource_forecast_alt(hostile)
    assert "No forecast: too short" in figures.resource_forecast_alt(refused)
    assert "not passed within 42 days" in figures.resource_forecast_alt(FAR)
    figures.ladder_bars([hostile, FAR, UNKNOWN]).canvas.draw()
    alt = figures.ladder_bars_alt([WORKERS, FAR, UNKNOWN])
    assert "hash workers 60%, 90% with 1 of 3 replicas gone; disk 12.5%." in alt
    figures.forecasts_judged(CARD).canvas.draw()
    assert "2 of them held it" in figures.forecasts_judged_alt(CARD)
    nothing = np.empty(0)
    empty = HashQueue(
        0, math.nan, math.nan, nothing, nothing, nothing, Interval(*[math.nan] * 3), "no waits"
    )
    some = HashQueue(
        5, 0.1, 0.1, np.array([0.4, 0.9]), np.array([0.01, 0.1]), np.array([0.01, np.inf]),
        Interval(1, 1.1, 1.2), "",
    )  # fmt: skip
    for queue in (empty, some):
        figures.queue_waits(queue).canvas.draw()
    assert "no waits" in figures.queue_waits_alt(empty)
    assert "at most 100 ms with 90%" in figures.queue_waits_alt(some)
