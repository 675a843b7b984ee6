"""Figures of any input: they draw, they have axes with words, and names stay names."""

from __future__ import annotations

import warnings
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from alertlab.frame import Frame
from alertlab.incidents import INCIDENT_COLUMNS, no_incidents
from alertlab.noise import NoiseReview, muted_time, pages_by_hour, review_noise
from alertlab.notify import AlertmanagerConfig, Silence, load_alertmanager
from alertlab.promql import Matcher
from alertlab.replay import EvaluatedRule
from alertlab.report import figures
from alertlab.rules import AlertRule, find_threshold
from alertlab.tuning import Tuning, Yardstick, tune_rule
from alertlab.units import DAY_MS, MINUTE_MS, label_set

HOSTILE = r"$\badmath{$ <b>&_^ $x$"
RULE = AlertRule("A", "m > 5", "g", Path("r.yml"), 1, MINUTE_MS)
DAYS = 8
END = DAYS * DAY_MS - MINUTE_MS


@pytest.fixture(autouse=True)
def closed() -> None:
    """Close what a test draws."""
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def source(memory_source, series_of):
    """Nine for five minutes in every fifty."""
    pattern = np.tile([9] * 5 + [1] * 45, DAYS * 1440 // 50)
    return memory_source([series_of("m", " ".join(map(str, pattern)))])


def config_of(
    folder: Path, receiver: str, kind: str = "pagerduty_configs: [{routing_key: k}]"
) -> AlertmanagerConfig:
    path = folder / "alertmanager.yml"
    path.write_text(
        f"route: {{receiver: '{receiver}'}}\nreceivers: [{{name: '{receiver}', {kind}}}]\n"
    )
    return load_alertmanager(path)


def incidents_of(*minutes: int) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(f"i{n}", n * MINUTE_MS, (n + 30) * MINUTE_MS, "", None, "") for n in minutes],
        columns=INCIDENT_COLUMNS,
    )
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    return frame


def review_of(
    source, folder: Path, rule: AlertRule = RULE, receiver: str = "p", **more
) -> NoiseReview:
    wanted = {"config": config_of(folder, receiver), "incidents": incidents_of(3000, 9000)} | more
    return review_noise([rule], source, 0, END, yardstick=Yardstick(**wanted))


def texts(figure: plt.Figure) -> list[str]:
    """Every text of a figure as it will be read, after drawing it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(BytesIO(), format="svg")
    assert all(not one._preprocess_math(one.get_text())[1] for one in figure.findobj(plt.Text))
    return [one._preprocess_math(one.get_text())[0] for one in figure.findobj(plt.Text)]


def labelled(figure: plt.Figure) -> None:
    for axes in figure.axes:
        assert axes.get_xlabel()
    assert figure.axes[0].get_ylabel() or figure.axes[0].get_yticklabels() is not None


def test_weekly_pages(source, tmp_path: Path) -> None:
    """A panel per receiver with a bar per week and part; the words count the same pages."""
    review = review_of(source, tmp_path)
    figure = figures.weekly_pages(review)
    labelled(figure)
    weekly = review.weekly()
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [*weekly["true"], *weekly["false"]]
    assert sum(heights) == len(review.pages) > 0
    alt = figures.weekly_pages_alt(review)
    assert f"{weekly['true'].iloc[-1]} in incidents and {weekly['false'].iloc[-1]} false" in alt


def test_weekly_pages_without_a_paging_receiver(source, tmp_path: Path) -> None:
    """An empty panel still says what it would show."""
    hook = config_of(tmp_path, "hook", kind="webhook_configs: [{url: 'http://hook.example'}]")
    review = review_of(source, tmp_path, config=hook)
    figure = figures.weekly_pages(review)
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("week beginning", "pages")
    assert figures.weekly_pages_alt(review).startswith("Pages per week")


def hours(review: NoiseReview) -> tuple[pd.DataFrame, NoiseReview]:
    return pages_by_hour(review), review


def drawn(axes: plt.Axes) -> dict[str, int]:
    """How many marks of each kind of marker a figure holds."""
    markers = [line.get_marker() for line in axes.lines]
    return {marker: markers.count(marker) for marker in set(markers)}


def test_page_hours(source, tmp_path: Path) -> None:
    """Every page stands as a number in its cell, of each receiver's panel; the words agree."""
    review = review_of(source, tmp_path, time_zone="Asia/Seoul")
    table, _ = hours(review)
    figure = figures.page_hours(table, review)
    labelled(figure)
    (axes,) = figure.axes
    numbers = {
        (int(float(one.get_position()[1])), int(float(one.get_position()[0]))): int(one.get_text())
        for one in axes.texts
    }
    assert numbers == {(row.weekday, row.hour): row.pages for row in table.itertuples()}
    assert sum(numbers.values()) == len(review.pages) > 0
    assert axes.get_yticklabels()[0].get_text() == "Mon"
    night = int(review.pages["night"].sum())
    alt = figures.page_hours_alt(table, review)
    assert alt.startswith(
        f"Pages by weekday and hour (Asia/Seoul). p: {len(review.pages)} pages, {night} of them "
        "at night, most from "
    )


def test_page_hours_of_nobody(source, tmp_path: Path) -> None:
    """An empty panel and the word for it."""
    quiet = review_of(source, tmp_path, replace(RULE, expr="m > 50"))
    figure = figures.page_hours(*hours(quiet))
    assert "nobody was paged" in texts(figure)
    assert figures.page_hours_alt(*hours(quiet)) == "Pages by weekday and hour (UTC). None."


def test_timeline(source, tmp_path: Path) -> None:
    """Rules on the axis, the time zone in the label, every page as a mark or counted by one."""
    review = review_of(source, tmp_path, time_zone="Asia/Seoul")
    figure = figures.timeline(review, muted_time(review), days=2)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "time (Asia/Seoul)"
    assert [one.get_text() for one in axes.get_yticklabels()] == ["A"]
    low, high = axes.get_xlim()
    assert high - low == pytest.approx(2)
    pages = review.recent_pages(days=2)
    false = int(pages["false"].sum())
    assert drawn(axes) == {"x": false, "o": len(pages) - false}
    alt = figures.timeline_alt(review, muted_time(review), days=2)
    assert alt.startswith(
        f"Pages of the last 2 days per rule: A {len(pages)} ({len(pages) - false} "
    )
    assert "firing" in texts(figure) and "firing, but muted" not in texts(figure)


def test_a_timeline_of_marks_too_near_each_other(source, tmp_path: Path) -> None:
    """Eight days of a page every fifty minutes: heaps, whose numbers add up to the pages."""
    review = review_of(source, tmp_path)
    figure = figures.timeline(review, muted_time(review), days=8)
    (axes,) = figure.axes
    counts = [int(one.get_text()) for one in axes.texts if one.get_text().isdigit()]
    alone = sum(drawn(axes).values()) - len(counts)
    assert sum(counts) + alone == len(review.pages)
    assert 0 < len(counts) < len(review.pages)


def test_a_timeline_of_repeats_and_muted_time(source, tmp_path: Path) -> None:
    """Silenced for an hour, then told, and told again every ten minutes."""
    still = replace(RULE, expr="m > 0", labels=(("severity", "page"),))
    path = tmp_path / "alertmanager.yml"
    path.write_text(
        "route: {receiver: p, group_interval: 5m, repeat_interval: 9m}\n"
        "receivers: [{name: p, pagerduty_configs: [{routing_key: k}]}]\n"
    )
    silence = Silence((Matcher("severity", "=", "page"),), 0, 60 * MINUTE_MS)
    review = review_noise(
        [still],
        source,
        0,
        120 * MINUTE_MS,
        yardstick=Yardstick(config=load_alertmanager(path), silences=[silence]),
    )
    review = replace(review, rules=review.rules.assign(state="fine"))
    muted = muted_time(review)
    assert len(muted) == 1
    figure = figures.timeline(review, muted)
    shown = texts(figure)
    assert {"firing", "firing, but muted", "page", "repeat"} <= set(shown)
    lanes = {line.get_marker(): line.get_ydata()[0] for line in figure.axes[0].lines}
    assert lanes["D"] > 0 > lanes["o"]  # the axis points downwards, the bar lies at 0
    count = len(review.repeats())
    assert drawn(figure.axes[0])["D"] == count > 0
    assert figures.timeline_alt(review, muted, days=1).endswith(
        f" Repeats: {count}. Muted for a time: A."
    )


def test_a_timeline_names_its_incidents(source, tmp_path: Path) -> None:
    """Those within the time shown, but none upon another."""
    review = review_of(source, tmp_path, incidents=incidents_of(60, 10_000, 10_005, 11_000))
    names = set(texts(figures.timeline(review, muted_time(review), days=5)))
    assert {"i10000", "i11000"} <= names
    assert not {"i60", "i10005"} & names


def test_a_timeline_of_nothing(source, tmp_path: Path) -> None:
    """No episode, no page, no incident: an empty figure and the word none."""
    quiet = review_of(source, tmp_path, replace(RULE, expr="m > 50"), incidents=no_incidents())
    assert figures.timeline(quiet, muted_time(quiet)).axes[0].get_xlabel() == "time (UTC)"
    assert figures.timeline_alt(quiet, muted_time(quiet)) == (
        "Pages of the last 7 days per rule: none. Repeats: none. Muted for a time: none."
    )
    assert sum(bar.get_height() for bar in figures.weekly_pages(quiet).axes[0].patches) == 0


def test_names_are_not_formulas(source, tmp_path: Path) -> None:
    """Dollar signs, braces and tags in a rule, a receiver, a unit or a reading are shown as is."""
    rule = replace(RULE, name=HOSTILE)
    review = review_of(source, tmp_path, rule, receiver=HOSTILE)
    marked = review.yardstick.incidents.tail(1).assign(id=f"{HOSTILE}!")
    review = replace(review, yardstick=replace(review.yardstick, incidents=marked))
    assert {HOSTILE, f"{HOSTILE}!"} < set(texts(figures.timeline(review, muted_time(review))))
    assert HOSTILE in texts(figures.weekly_pages(review))
    assert HOSTILE in texts(figures.page_hours(*hours(review)))
    drawn = figures.rule_values(review.evaluated[HOSTILE], review.yardstick, unit=HOSTILE)
    assert HOSTILE in texts(drawn)
    tuning = tune_rule(rule, source, 0, END, yardstick=Yardstick(incidents=incidents_of(3000)))
    shown = texts(figures.trade_off([(HOSTILE, tuning)]))
    assert any(one.startswith(HOSTILE) for one in shown)


def evaluated_of(*rows: list[float], op: str = ">") -> EvaluatedRule:
    values = np.array(rows, float)
    frame = Frame(
        np.arange(values.shape[1], dtype=np.int64) * MINUTE_MS,
        values,
        ~np.isnan(values),
        tuple(label_set({"n": str(i)}) for i in range(len(rows))),
    )
    return EvaluatedRule(replace(RULE, expr=f"m {op} 5"), find_threshold(f"m {op} 5"), frame, 0)


def line_of(evaluated: EvaluatedRule) -> np.ndarray:
    figure = figures.rule_values(evaluated, Yardstick(), unit="m")
    return figure.axes[0].lines[0].get_ydata()


@pytest.mark.parametrize(("op", "expected"), [(">", [3, 9, np.nan]), ("<", [1, 9, np.nan])])
def test_the_worst_series_is_drawn(op: str, expected: list[float]) -> None:
    """The largest for >, the smallest for <; nothing where no series is."""
    evaluated = evaluated_of([1, np.nan, np.nan], [3, 9, np.nan], op=op)
    assert line_of(evaluated) == pytest.approx(np.array(expected), nan_ok=True)


@pytest.mark.parametrize("n", [1, 3_999, 4_000, 8_001, 12_345])
@pytest.mark.parametrize("at", [0, -1])
def test_a_peak_is_never_thinned_away(n: int, at: int) -> None:
    """Thousands of points become fewer, but the first and the last peak stay."""
    values = np.ones(n)
    values[at] = 77
    line = line_of(evaluated_of(values))
    assert len(line) <= 8_000
    assert np.nanmax(line) == 77


def test_values_of_nothing_and_of_infinity() -> None:
    """No series, all NaN, and infinities draw without a warning; the axis starts at zero."""
    for rows in ([[np.nan, np.nan]], [[np.inf, -np.inf, 2]], [[np.inf, np.inf]]):
        evaluated = evaluated_of(*rows)
        figure = figures.rule_values(evaluated, Yardstick(incidents_of(1)), unit="logins")
        texts(figure)
        (axes,) = figure.axes
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (UTC)", "logins")
        assert axes.get_ylim()[0] == 0
    below = figures.rule_values(evaluated_of([-3, 1]), Yardstick(), unit="m")
    assert below.axes[0].get_ylim()[0] == -3


def test_values_in_words(source) -> None:
    """The share of evaluations beyond the threshold, and how many incidents are marked."""
    tuning = tune_rule(
        RULE, source, 0, 49 * MINUTE_MS, yardstick=Yardstick(incidents=incidents_of(3))
    )
    assert figures.rule_values_alt(tuning) == (
        "The rule's condition, > 5, holds at 10.00% of the evaluations; 1 incidents are marked."
    )


def test_trade_off(source) -> None:
    """Axes, the current point and the words; no reading is an empty figure."""
    tuning: Tuning = tune_rule(
        RULE, source, 0, END, yardstick=Yardstick(incidents=incidents_of(3000, 9000))
    )
    figure = figures.trade_off([("as written", tuning)])
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("false pages a week", "incidents caught")
    rate = tuning.current.false_pages_per_week.mid
    assert "as written: current" in texts(figure)
    assert figures.trade_off_alt([("as written", tuning)]).startswith(
        f"as written: now 2 incidents caught at {rate:.1f} false pages a week"
    )
    loud = replace(tuning, current=replace(tuning.current, firing_ratio=0.9))
    assert "as written: current" not in texts(figures.trade_off([("as written", loud)]))
    assert "fires nearly always now" in figures.trade_off_alt([("as written", loud)])
    assert figures.trade_off([]).axes[0].get_xlabel() == "false pages a week"


def test_settings_in_words(source) -> None:
    """A window and a keep_firing_for are told only where there is one."""
    setting = tune_rule(RULE, source, 0, END).current.setting
    assert figures.setting_text(setting) == "threshold 5, for 0s"
    setting = replace(setting, window_ms=300_000, keep_firing_for_ms=60_000, threshold=0.25)
    assert figures.setting_text(setting) == (
        "threshold 0.25, window 5m, for 0s, keep_firing_for 1m"
    )
