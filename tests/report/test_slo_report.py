"""Tables, sentences and charts of the report on objectives, from counts written by hand."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from alertlab.incidents import no_incidents
from alertlab.report import answers, figures, table
from alertlab.report.findings import to_json
from alertlab.slo import AVAILABILITY, BudgetShares, BurnHistory, Events, Ledger, LedgerRow
from alertlab.slo.objectives import Objective
from alertlab.units import DAY_MS, HOUR_MS, Interval

HOSTILE = r"$\badmath{$ <b>&_^ $x$"
HOURS = 48


@pytest.fixture(autouse=True)
def closed() -> None:
    """Close what a test draws."""
    yield
    plt.close("all")


def burning(
    name: str, bad_an_hour: float, left: float, total_an_hour: float = 1_000
) -> BurnHistory:
    """An objective of 99 % whose budget goes down evenly to ``left``."""
    objective = Objective(
        name, AVAILABILITY, 0.99, Events(("m",)), Events(("m",)), period_ms=28 * DAY_MS,
        description=f"About {name}.",
    )  # fmt: skip
    line = np.linspace(1, left, HOURS)
    times = HOUR_MS * np.arange(1, HOURS + 1)
    total, bad = np.full((2, HOURS), [[total_an_hour], [bad_an_hour]], float)
    return BurnHistory(
        objective, times, total, bad, line, line, bad / total / 0.01, np.ones(HOURS), "raw", ()
    )


def row(name: str, policy: str, good: float, week: int = 10, total: float = 1_000) -> LedgerRow:
    """A week of an objective."""
    day = f"2026-03-{2 + 7 * (week - 10):02d}T00:00:00Z"
    return LedgerRow(
        f"2026-W{week}", day, day, name, policy, "d", 0.99, total, good, good, total - good, 0,
        1.0, True, "raw",
    )  # fmt: skip


def replay_of(*sets: tuple[str, int, int | None, int, int]) -> SimpleNamespace:
    """Sets of rules: name, pages, false ones, incidents paged, incidents."""
    receivers = pd.DataFrame(
        [(one[0], "pager", one[1], Interval(0, one[1], 9), one[2], None) for one in sets],
        columns=["rules", "receiver", "pages", "pages_per_week", "false_pages",
                 "false_pages_per_week"],
    )  # fmt: skip
    catches = pd.DataFrame(
        [(name, paged, of, Interval(0, paged / of, 1), 60.0) for name, _, _, paged, of in sets],
        columns=["rules", "paged", "incidents", "recall", "first_page_p50_seconds"],
    )
    return SimpleNamespace(receivers=lambda: receivers, catches=lambda: catches)


SPENT, LOW, FINE = burning("spent", 30, -0.5), burning("low", 8, 0.2), burning("fine", 1, 0.9)
REPLAY = replay_of(("burn", 8, 2, 3, 9), ("rules", 18, 10, 8, 9))


def test_the_answer_says_what_was_missed_and_who_pages():
    """The worst first; pages of both sets of rules beside each other."""
    text = answers.slo_answer([FINE, LOW, SPENT], REPLAY)
    assert text.startswith("2 of 3 objectives are kept over the time shown.")
    assert "Missed: spent (-50% left)." in text
    assert "Little is left of low (20% left)." in text
    assert (
        "by burn: 8 pages, 2 of them in no incident, and 3 of 9 incidents paged; by rules" in text
    )


def test_without_labels_nothing_is_called_false():
    """Only pages are counted then."""
    text = answers.slo_answer([FINE], replay_of(("burn", 8, None, 0, 9)))
    assert text.endswith("On the same history, by burn: 8 pages.")


def test_each_budget_that_needs_someone_is_a_finding():
    """Spent asks for action, low for attention, unknown for the metric; else all is well."""
    nothing = burning("nothing", math.nan, math.nan, math.nan)
    found = answers.slo_findings([FINE, LOW, SPENT, nothing], Ledger((), ("a week differs",)))
    assert {one.id: one.severity for one in found} == {
        "budget-spent.spent": "action",
        "budget-low.low": "warning",
        "budget-unknown.nothing": "warning",
        "ledger-note.0": "warning",
    }
    assert found[1].detail.startswith("About low.")
    assert [one.id for one in answers.slo_findings([FINE], Ledger())] == ["budgets-kept"]


def test_objectives_are_tabulated_with_their_pace():
    """What was promised and kept, and how long the rest lasts at the last day's pace."""
    shown = answers.objectives_table([SPENT, LOW, FINE, burning("still", 0, 1.0)])
    assert shown["good"].tolist() == pytest.approx([0.97, 0.992, 0.999, 1.0])
    # 20 % of 28 days at a burn rate of 0.8 are 7 days; 90 % at 0.1 are 252.
    lasts = ["spent", "7 days", "252 days", "nothing burns"]
    assert shown["at this pace it lasts"].tolist() == lasts
    assert answers.objectives_table([burning("x", 80, 0.2)])["at this pace it lasts"].tolist() == [
        "17 hours"
    ]
    unknown = answers.objectives_table([burning("nothing", math.nan, math.nan, math.nan)])
    assert unknown.iloc[0]["budget left"] == "–"


def promise(name: str, policy: str, beside: str = "") -> SimpleNamespace:
    """What the table of policies looks at in an objective."""
    return SimpleNamespace(name=name, policy=policy, beside=beside, definition="d")


def test_policies_stand_side_by_side():
    """Weeks are added up; rows of another definition stay out, whatever an objective's name is."""
    old = replace(row("login-strict", "strict", 0), definition="before")
    ledger = Ledger(
        (row("login-strict", "strict", 990), row("other", "server-fault", 900), old,
         row("login-strict", "strict", 1_000, week=11), row("other", "server-fault", 980, week=11),
         row("login-latency", "", 500))
    )  # fmt: skip
    promised = [promise("login-strict", "strict"), promise("other", "server-fault", "login-strict"),
                promise("login-latency", ""), promise("new", "strict")]  # fmt: skip
    first, second = answers.policies_table(promised, ledger).to_dict("records")
    assert first == {"objective": "login-strict", "strict": "99.5%", "server-fault": "94%"}
    assert second == {"objective": "new", "strict": "–", "server-fault": "–"}


def test_a_budget_that_may_be_spent_is_told_as_such():
    """The threshold lies between two bounds: the counts do not say."""
    between = replace(burning("l", 10, -0.02), budget_left_at_most=np.linspace(1, 0.03, HOURS))
    assert "Whether l (-2% to 3% left) was missed cannot be told" in answers.slo_answer(
        [between], REPLAY
    )
    (found,) = answers.slo_findings([between], Ledger())
    assert (found.id, found.severity) == ("budget-open.l", "warning")


def test_the_ledger_shows_the_newest_week_first():
    """A week without events has no share and no budget."""
    shown = answers.ledger_table(
        Ledger((row("a", "", 990), row("a", "", 0, week=11, total=0), row("b", "", 995, week=11)))
    )
    assert shown["week"].tolist() == ["2026-W11", "2026-W11", "2026-W10"]
    assert math.isnan(shown["good"][0])
    assert shown["budget left"].tolist() == ["–", "50%", "0%"]


def test_the_costliest_incidents_come_first():
    """So many of them, then what went outside all."""
    incidents = pd.DataFrame(
        [(f"i{n}", "critical", pd.Timestamp(0, tz="UTC"), pd.Timestamp(1, tz="UTC"), 10.0, 1.0,
          0.1, n / 100) for n in range(12)],
        columns=["id", "severity", "start", "end", "total", "bad", "error_ratio", "budget_ratio"],
    )  # fmt: skip
    shown = answers.shares_table(BudgetShares(incidents, 0.4, 1.0), most=3)
    assert shown["incident"].tolist() == ["i11", "i10", "i9", "outside all of them"]
    assert shown["share of the budget"].tolist() == [0.11, 0.1, 0.09, 0.4]


def test_little_traffic_is_tabulated_by_rate_and_minimum():
    """Median minutes, and who was never paged."""
    false_pages = pd.DataFrame(
        [(30.0, 0, 5, Interval(2, 3, 4)), (30.0, 5, 0, Interval(0, 0, 0.1))],
        columns=["requests_per_hour", "min_bad_events", "pages", "false_pages_per_week"],
    )
    detection = pd.DataFrame(
        [(30.0, 0, 0.02, Interval(50, 61, 70), Interval(0, 0.0, 0)),
         (30.0, 5, 0.02, Interval(math.inf, math.inf, math.inf), Interval(0.6, 0.72, 0.8))],
        columns=["requests_per_hour", "min_bad_events", "error_ratio", "minutes_to_page_p50",
                 "missed_ratio"],
    )  # fmt: skip
    simulated = SimpleNamespace(false_pages=false_pages, detection=detection)
    shown = answers.low_traffic_table(simulated)
    assert shown["2% bad"].tolist() == ["61 min", "never (72% missed)"]
    assert "<table" in table(shown, caption="x", formats=answers.LOW_TRAFFIC_FORMATS).html


def test_coverage_names_who_has_less():
    """Hours with samples, and the notes of the counts."""
    short = burning("short", 1, 0.9)
    short.total[:10] = np.nan
    text = answers.slo_coverage([FINE, short])
    assert text == "2 objectives, 48 hours with samples. Fewer hours have short."


def test_numbers_are_strict_json():
    """Budgets, weeks and pages; what is infinite becomes null."""
    numbers = answers.slo_numbers([burning("still", 0, 1.0)], Ledger((row("a", "", 990),)), REPLAY)
    read = json.loads(json.dumps(to_json(numbers), allow_nan=False))
    assert read["objectives"]["still"]["seconds_to_exhaustion"] is None
    assert read["weeks"][0]["week"] == "2026-W10"


@pytest.mark.parametrize("name", ["login", HOSTILE, "로그인"])
def test_charts_draw_any_name(name):
    """Names with dollar signs or Hangul are drawn as they are, without a warning."""
    histories = [burning(name, 5, -3.0), burning("unknown", math.nan, math.nan, math.nan)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = figures.budgets_left(histories, no_incidents(), "Asia/Seoul")
        figure.savefig(BytesIO(), format="png")
    said = figures.budgets_left_alt(histories)
    assert f"{name} -300%" in said
    assert "unknown unknown" in said
