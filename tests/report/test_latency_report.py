"""Tables, sentences and charts of the latency report, from histories written by hand."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace
from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import lognorm

from alertlab import latency
from alertlab.errors import BadInput
from alertlab.incidents import no_incidents
from alertlab.latency import (
    BucketHistory,
    Deploy,
    around_last_deploy,
    averaged_quantiles,
    beside_incidents,
    compare_spans,
    fit_models,
    known_quantiles,
    make_histogram,
    modelled_numbers,
    slow_spells,
    stable_components,
    what_if_slower,
)
from alertlab.report import answers, figures, table
from alertlab.report.findings import to_json
from alertlab.units import DAY_MS, HOUR_MS, label_set

BOUNDS = np.array([0.1, 0.25, 0.5, 1, math.inf])
QUICK = np.array([900, 980, 996, 1_000, 1_000.0])
SLOW = np.array([100, 300, 500, 900, 1_000.0])
HOSTILE = r"$\badmath{$ <b>&_^ $x$"


@pytest.fixture(autouse=True)
def closed() -> None:
    """Close what a test draws."""
    yield
    plt.close("all")


def history_of(**methods: list[np.ndarray]) -> BucketHistory:
    """One span of an hour for each array of a method."""
    counts = np.stack([np.stack(spans) for spans in methods.values()])
    ends = HOUR_MS * np.arange(1, counts.shape[1] + 1)
    groups = tuple(label_set({"method": name}) for name in methods)
    sums = counts[:, :, -1] * 0.2
    return BucketHistory("h_seconds", ("method",), groups, BOUNDS, ends, HOUR_MS, counts, sums)


def scattered(base: np.ndarray, hours: int, seed: int = 1) -> list[np.ndarray]:
    """Hours that differ by the luck of single calls."""
    random = np.random.default_rng(seed)
    return list(np.cumsum(random.poisson(np.diff(base, prepend=0), (hours, 5)), axis=1) + 0.0)


HISTORY = history_of(
    Login=scattered(QUICK, 72) + scattered(SLOW, 72), Check=scattered(QUICK, 144, seed=2)
)
LATER = np.arange(144) >= 72
KNOWN = known_quantiles(HISTORY, spans=LATER)
AVERAGED = averaged_quantiles(HISTORY, 0.99, LATER)
WEEKS = compare_spans(HISTORY, ~LATER, LATER, threshold_seconds=0.5)
SPELLS = beside_incidents(slow_spells(HISTORY, 0.5), no_incidents())


def test_the_answer_leads_with_what_is_certain():
    """The bracket, the slow share and its change, and what averaging would do."""
    text = answers.latency_answer(KNOWN, AVERAGED, WEEKS, "Login")
    assert "Login: p95 was certainly over 1.0 s; Prometheus says 1.0 s." in text
    assert "of its calls took longer than 500 ms, 0.4% before: changed" in text
    assert "Changed: Login." in text
    assert "points) come from another mix" in text


def test_findings_name_the_method_that_changed():
    """Worse is a warning, better is for information; ids tell methods apart."""
    found = {one.id: one for one in answers.latency_findings(KNOWN, AVERAGED, WEEKS, SPELLS)}
    (worse,) = [one for name, one in found.items() if name.startswith("latency-changed.login")]
    assert worse.severity == "warning"
    assert not any(name.startswith("latency-changed.check") for name in found)
    back = compare_spans(HISTORY, LATER, ~LATER, threshold_seconds=0.5)
    better = answers.latency_findings(KNOWN, AVERAGED, back, SPELLS)
    assert [one.severity for one in better if one.id.startswith("latency-changed.login")] == [
        "info"
    ]


def test_what_lies_beyond_the_last_bound_is_a_finding():
    """No number is given for it anywhere."""
    beyond = history_of(Login=[np.array([0, 0, 0, 500, 1_000.0])] * 48)
    known = known_quantiles(beyond, [0.95])
    averaged = averaged_quantiles(beyond, 0.95)
    half = np.arange(48) < 24
    weeks = compare_spans(beyond, half, ~half, threshold_seconds=0.5)
    found = answers.latency_findings(known, averaged, weeks, SPELLS.iloc[:0])
    assert [one.title for one in found if one.id.startswith("beyond")] == [
        "Login p95 exceeds the last bucket (1.0 s); how far, nobody can tell."
    ]
    (row,) = answers.quantiles_table(known).itertuples()
    assert row.certain == "over 1.0 s"
    assert math.isnan(row.estimate)


def test_a_steady_service_is_fine():
    """Nothing changed, nothing slow: one finding that says so."""
    steady = history_of(Login=scattered(QUICK, 96))
    first = np.arange(96) < 48
    weeks = compare_spans(steady, first, ~first, threshold_seconds=0.5)
    found = answers.latency_findings(
        known_quantiles(steady), averaged_quantiles(steady, 0.99), weeks, SPELLS.iloc[:0]
    )
    assert [(one.id, one.severity) for one in found] == [("latency-steady", "ok")]


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ([0.1, 0.2], "100 to 200 ms"),
        ([0.001, 0.0025], "1 to 2.5 ms"),
        ([0.0, 0.0025], "0 to 2.5 ms"),
        ([0.75, 1.0], "750 ms to 1.0 s"),
    ],
)
def test_brackets_are_written_as_people_say_them(bounds, text):
    """The unit stands once where both ends have it."""
    history = BucketHistory(
        "h", ("m",), (label_set({"m": "a"}),), np.array([*bounds, math.inf]), np.array([HOUR_MS]),
        HOUR_MS, np.array([[[0, 100, 100.0]]]), np.array([[1.0]]),
    )  # fmt: skip
    (row,) = answers.quantiles_table(known_quantiles(history, [0.5])).itertuples()
    assert row.certain == text


def test_models_and_what_if_are_tabulated():
    """A refusal is said; slower calls are told from the counts alone."""
    law = np.array([0.05, 0.4, 0.8, 0.97, 1.0])
    choice = fit_models(make_histogram(BOUNDS, 1_000 * law, 300.0))
    stability = stable_components([choice.separation, choice.separation])
    text = answers.model_text(choice, stability)
    refused = f"No model may be asked. {choice.reason}"
    assert text.startswith("The best" if choice.supported else refused)
    asked = answers.modelled_table(modelled_numbers(choice, 0.3), 0.3)
    assert asked["asked"].tolist() == ["p99", "p99.9", "slower than 300 ms"]
    assert asked["at most"].tolist() == ["∞", "∞", "60%"]
    assert len(answers.models_table(choice)) == len(choice.table)
    cases = what_if_slower(choice, 2.0, 0.5)
    assert cases["case"].tolist()[:2] == ["as it is", "every call slower"]
    # What takes longer than 0.25 s today takes longer than 0.5 s then.
    assert cases.iloc[0]["slow"] == pytest.approx(0.2)
    assert cases.iloc[1]["slow"] == pytest.approx(0.6)
    assert cases.iloc[1]["high"] == 2 * cases.iloc[0]["high"]
    assert len(answers.what_if_table(cases)) == len(cases)


def test_the_last_deploy_with_a_day_on_both_sides():
    """One at the end cannot be judged yet; without any the table is empty, and that is said."""
    deploys = [Deploy(at, ("a",), ("b",)) for at in (HOUR_MS, 3 * DAY_MS, 6 * DAY_MS - HOUR_MS)]
    around = around_last_deploy(HISTORY, deploys, threshold_seconds=0.5)
    assert around.deploy.at_ms == 3 * DAY_MS
    assert "Login changed with it" in answers.deploys_text(deploys, around)
    assert around_last_deploy(HISTORY, deploys[:1], threshold_seconds=0.5) is None
    assert "none can be judged" in answers.deploys_text(deploys[:1], None)
    assert len(answers.comparison_table(None)) == 0
    assert len(answers.comparison_table(around.comparison)) == 2


def test_layout_advice_is_told_with_its_cost():
    """What other bounds buy, and the line to paste."""
    advice = latency.advise_layout(
        {"Login": HISTORY.histogram([0])}, slo_threshold_seconds=0.5, guards=(1.0,), drift=(1.0,)
    )
    text = answers.layout_text(advice)
    assert f"{advice.series} series of each pod" in text
    assert len(answers.layout_table(advice)) == 4
    assert answers.layout_findings(advice) == answers.layout_findings(None) == []
    assert len(answers.layout_table(None)) == 0
    assert "no classic buckets" in answers.layout_text(None)
    bad = tuple(replace(one, error_now=0.9) for one in advice.answers)
    (found,) = answers.layout_findings(replace(advice, answers=bad))
    assert advice.code_line in found.detail


def test_incidents_that_slowed_nothing_are_named():
    """They may be no incidents of latency, or mislabelled."""
    incidents = pd.DataFrame({"id": ["a", "b"]})
    assert answers.quiet_incidents_text(incidents).endswith("usual: a and b.")
    assert answers.quiet_incidents_text(incidents[:0]).startswith("In every incident")


def test_a_supported_model_is_asked():
    """A lognormal's tail, kept inside the bracket, with the interval of the process."""
    law = lognorm(s=0.8, scale=0.06)
    bounds = np.append(np.geomspace(0.01, 1.0, 14), math.inf)
    counts = np.random.default_rng(3).multinomial(20_000, np.diff(law.cdf(bounds), prepend=0))
    choice = fit_models(make_histogram(bounds, np.cumsum(counts), 20_000 * law.mean()))
    assert choice.supported
    numbers = modelled_numbers(choice, 0.3)
    p99, p999, share = numbers.itertuples()
    assert p99.low <= p99.value <= p99.high
    assert p99.process.low < law.ppf(0.99) < p99.process.high
    assert p999.value == pytest.approx(law.ppf(0.999), rel=0.1)
    assert share.value == pytest.approx(law.sf(0.3), rel=0.1)
    stability = stable_components([choice.separation] * 2)
    assert "The best model" in answers.model_text(choice, stability)
    shown = answers.modelled_table(numbers, 0.3)
    assert "–" in shown["of the process"].tolist()
    assert "–" not in shown["the model says"].tolist()


def test_numbers_are_strict_json():
    """Infinite ends and missing parts become null."""
    numbers = answers.latency_numbers(KNOWN, AVERAGED, WEEKS, SPELLS)
    assert json.loads(json.dumps(to_json(numbers), allow_nan=False))["methods"].keys() == {
        "Login", "Check",
    }  # fmt: skip


def test_coverage_counts_calls_and_spans():
    """What the report rests on, and what was wrong."""
    text = answers.latency_coverage(HISTORY, "It has classic buckets.")
    assert "2 methods in 6.0 days; 144 of 144 spans have data. It has classic buckets." in text


@pytest.mark.parametrize("name", ["Login", HOSTILE, "로그인"])
def test_charts_draw_any_name(name):
    """Names with dollar signs or Hangul are drawn as they are, without a warning."""
    history = history_of(**{name: [*scattered(QUICK, 24), np.full(5, np.nan)]})
    known = known_quantiles(history)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in (
            figures.quantile_brackets(known, 0.5),
            figures.latency_heat_map(history, 0, no_incidents(), "Asia/Seoul"),
        ):
            figure.savefig(BytesIO(), format="png")
    assert name in figures.quantile_brackets_alt(known)
    nothing = known_quantiles(history, spans=slice(24, 25))
    figures.quantile_brackets(nothing, 0.5).savefig(BytesIO(), format="png")
    assert name not in figures.quantile_brackets_alt(nothing)
    assert "In 0 of 24 spans" in figures.latency_heat_map_alt(history, 0, 0.5)


def test_what_is_no_time_zone_is_told():
    """And a method that is not there, and a factor that is none."""
    history = history_of(Login=scattered(QUICK, 24))
    with pytest.raises(BadInput, match="'Mars/X' is not a time zone"):
        figures.latency_heat_map(history, 0, no_incidents(), "Mars/X")
    with pytest.raises(BadInput, match="unknown method 'nope'; there are: Check, Login"):
        answers.latency_answer(KNOWN, AVERAGED, WEEKS, "nope")
    choice = fit_models(history.histogram())
    for factor in (0, -1, math.inf):
        with pytest.raises(BadInput, match="give a factor above 0"):
            what_if_slower(choice, factor, 0.5)
    with pytest.raises(BadInput, match="some time above 0, not 0 s"):
        compare_spans(HISTORY, ~LATER, LATER, threshold_seconds=0)


def test_many_buckets_are_joined_in_the_heat_map():
    """Native histograms have hundreds; 24 rows can be read."""
    bounds = np.append(np.geomspace(0.001, 10, 149), math.inf)
    counts = np.cumsum(np.ones((1, 6, 150)), axis=2)
    history = BucketHistory(
        "h", ("method",), (label_set({"method": "a"}),), bounds, HOUR_MS * np.arange(1, 7), HOUR_MS,
        counts, counts[:, :, -1],
    )  # fmt: skip
    axes = figures.latency_heat_map(history, 0, no_incidents(), "UTC").axes[0]
    assert 15 <= len(axes.get_yticklabels()) <= 24
    assert axes.get_yticklabels()[-1].get_text() == "more"


def test_tables_render():
    """Every table has formats that fit its columns."""
    for frame, formats in (
        (answers.quantiles_table(KNOWN), answers.QUANTILES_FORMATS),
        (answers.averages_table(AVERAGED), answers.AVERAGES_FORMATS),
        (answers.comparison_table(WEEKS), answers.COMPARISON_FORMATS),
        (answers.spells_table(SPELLS), answers.SPELLS_FORMATS),
    ):
        assert "<table" in table(frame, caption="x", formats=formats).html
