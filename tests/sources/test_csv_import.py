"""CSV tables: long and wide, all kinds of times, what is missing, what is refused and where."""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from alertlab.errors import BadInput
from alertlab.frame import Frame
from alertlab.sources import Recording, csv_import
from alertlab.sources.csv_import import import_csv
from alertlab.units import DAY_MS, MINUTE_MS, format_labels, parse_time

DAY = 20_000 * DAY_MS  # 2024-10-04
SECOND = DAY // 1000


def imported(folder, text, **options):
    """Import a text; gives samples by series as [(time since DAY [ms], value)], and notices."""
    (folder / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = import_csv(folder / "t.csv", folder / "rec", **options)
    return samples_of(folder / "rec"), done.notices


def samples_of(path):
    """Return a recording's samples by series."""
    kept = Recording.open(path)
    return {
        format_labels(one.labels): list(
            zip((one.times - DAY).tolist(), one.values.tolist(), strict=True)
        )
        for one in kept.select((), kept.start_ms, kept.end_ms)
    }


def test_a_sample_a_row(tmp_path):
    """timestamp and value anywhere among the labels; an empty label is none."""
    text = (
        "host,value, timestamp ,job\n"
        f'a,1,{SECOND},"web, ""1"""\n'
        f"b,+Inf,{SECOND}, x \n"
        f'a,2.5e1,{SECOND + 1}.5,"web, ""1"""\n'
        f",NaN,{SECOND},\n"
    )
    samples, notices = imported(tmp_path, text, metric="m")
    assert math.isnan(samples.pop("m")[0][1])
    assert samples == {
        'm{host="a", job="web, \\"1\\""}': [(0, 1.0), (1_500, 25.0)],
        'm{host="b", job="x"}': [(0, math.inf)],
    }
    assert notices == ()


def test_names_may_stand_in_a_column(tmp_path):
    """A column __name__ instead of --metric."""
    text = f"timestamp,__name__,value\n{SECOND},a,1\n{SECOND},b,2\n"
    assert imported(tmp_path, text)[0] == {"a": [(0, 1.0)], "b": [(0, 2.0)]}


def test_the_meta_data(tmp_path):
    """Origin, and the median distance of samples."""
    imported(tmp_path, "timestamp,value\n0,1\n60,2\n120,3\n500,4\n", metric="m")
    meta = Recording.open(tmp_path / "rec").meta
    assert (meta["origin"], meta["synthetic"]) == ("CSV imported from t.csv", False)
    assert meta["scrape_interval_ms"] == MINUTE_MS


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2024-10-04T00:00:01Z", "", "2024-10-04T00:00:01Z"),
        ("2024-10-04T00:00:01.25+09:00", "", "2024-10-03T15:00:01.250Z"),
        ("2024-10-04 00:00:01+0900", "UTC", "2024-10-03T15:00:01Z"),
        ("2024-10-04 00:00:01", "UTC", "2024-10-04T00:00:01Z"),
        ("2024-10-04T00:00:01", "Asia/Seoul", "2024-10-03T15:00:01Z"),
        ("2024-07-01 12:00", "Europe/Berlin", "2024-07-01T10:00:00Z"),
        ("2024-12-01 12:00:00.125", "Europe/Berlin", "2024-12-01T11:00:00.125Z"),
        ("2024-10-04", "Asia/Seoul", "2024-10-03T15:00:00Z"),
        ("1728000000.9994", "", "2024-10-04T00:00:00.999Z"),
        ("1728000000.9996", "Asia/Seoul", "2024-10-04T00:00:01Z"),
        ("-1.5", "", "1969-12-31T23:59:58.500Z"),
    ],
)
def test_times(tmp_path, text, zone, expected):
    """RFC 3339, unix seconds, and calendar times in a named zone."""
    samples, _ = imported(tmp_path, f"timestamp,value\n{text},1\n", metric="m", zone=zone)
    assert samples["m"] == [(parse_time(expected) - DAY, 1.0)]


def test_an_hour_that_comes_twice(tmp_path):
    """When clocks are set back, each series' second pass through the hour is the later one."""
    walls = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    rows = [f"2024-10-27 {wall},{host},{i}" for i, wall in enumerate(walls) for host in "ab"]
    rows.append("2024-10-27 02:30,c,9")  # nothing of c stands before: the earlier hour
    text = "\n".join(["timestamp,host,value", *rows])
    samples, notices = imported(tmp_path, text, metric="m", zone="Europe/Berlin")
    start = parse_time("2024-10-26T23:30:00Z") - DAY
    for host in "ab":
        assert samples[f'm{{host="{host}"}}'] == [
            (start + i * 30 * MINUTE_MS, float(i)) for i in range(6)
        ]
    assert samples['m{host="c"}'] == [(parse_time("2024-10-27T00:30:00Z") - DAY, 9.0)]
    (notice,) = [one for one in notices if "twice" in one]
    assert "9 times come twice in Europe/Berlin" in notice


def test_an_hour_that_comes_twice_each_year(tmp_path, monkeypatch):
    """The next year begins anew, and a chunk's end in the middle of the hour changes nothing."""
    monkeypatch.setattr(csv_import, "_CELLS_AT_ONCE", 2)
    days = ["2023-10-29", "2024-10-27"]
    walls = ["02:00", "02:30", "02:00", "02:30", "03:00"]
    text = "".join(f"{day} {wall},{i}\n" for day in days for i, wall in enumerate(walls))
    samples, _ = imported(tmp_path, f"timestamp,value\n{text}", metric="m", zone="Europe/Berlin")
    starts = [parse_time(f"{day}T00:00:00Z") - DAY for day in days]
    assert samples["m"] == [
        (start + i * 30 * MINUTE_MS, float(i)) for start in starts for i in range(5)
    ]


MISSING = ["", " ", "NA", "n/a", "null", "None", "-"]


def test_missing_cells_are_no_samples(tmp_path):
    """Not zero; a row that ends early has none either; blank lines are nothing at all."""
    rows = "".join(f"{SECOND + i},{cell}\n" for i, cell in enumerate(MISSING))
    text = f"timestamp,value\n\n{rows}{SECOND + 50}\n{SECOND + 60},0\n\n"
    samples, notices = imported(tmp_path, text, metric="m")
    assert samples == {"m": [(60_000, 0.0)]}
    (notice,) = notices
    assert "cells without a value, left out: 8" in notice


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (
            "time,value\n0,1\n",
            {},
            r"t\.csv:1: the header needs one column timestamp and has: time, v",
        ),
        ("timestamp,a\n0,1\n", {}, r"t\.csv:1: the header needs one column value"),
        ("timestamp,value,value\n0,1,2\n", {}, "needs one column value"),
        ("timestamp,value,a,a\n0,1,2,3\n", {}, "two columns have the same name"),
        ("timestamp,value,\n0,1,2\n", {}, "column 3 has no name"),
        ("timestamp,value\n0,1\n", {"metric": ""}, "name the metric"),
        ("timestamp,value,__name__\n0,1,a\n", {}, "name the metric, either with --metric"),
        ("timestamp,value,__name__\n0,1,a b\n", {"metric": ""}, "'a b' in column __name__"),
        ("timestamp,value\n0,1\n", {"metric": "a b"}, "--metric: 'a b' is not a metric name"),
        ("timestamp,value\n0,1\n\n5,one\n", {}, r"t\.csv:4: column value: 'one' is not a number"),
        ("timestamp,value\n0,1\n5,1_0\n", {}, r"t\.csv:3: column value: '1_0' is not a number"),
        ("timestamp,value\n0,1\nsoon,1\n", {}, r"t\.csv:3: 'soon' is not a time; write RFC 3339"),
        ("timestamp,value\n0,\n5,1\nsoon,1\n", {}, r"t\.csv:4: 'soon' is not a time"),
        ("timestamp,value\n2024-10-04T00:00:00Z,1\n7,1\n", {}, r"t\.csv:3: '7' is not a time"),
        (
            "timestamp,value\n1728000000000,1\n",
            {},
            r"t\.csv:2: 1728000000000 is not a time in unix s",
        ),
        ("timestamp,value\n2024-10-04 00:00:00,1\n", {}, r"t\.csv:2: .* name it with --timezone"),
        ("timestamp,value\n0,1\n", {"zone": "Mars/Base"}, "'Mars/Base' is not a time zone"),
        ("timestamp,value\n0,1\n", {"zone": "Europe"}, "'Europe' is not a time zone"),
        (
            "timestamp,value\n2024-03-31 02:30:00,1\n",
            {"zone": "Europe/Berlin"},
            r"t\.csv:2: 2024-03-31 02:30:00 does not exist in Europe/Berlin",
        ),
        ("timestamp,value\n0,1,2\n", {}, r"t\.csv is not a CSV table: Expected 2 fields in line 2"),
        ("", {}, r"t\.csv is empty"),
        (b"timestamp,value\n0,\xff\n", {}, r"t\.csv is not UTF-8"),
        ("timestamp,value\n", {}, "no sample in .*t.csv"),
        ("timestamp,value\n0,\n", {}, "no sample in .*t.csv"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, options, said):
    """One sentence with file and line, and no recording."""
    with pytest.raises(BadInput, match=said):
        imported(tmp_path, text, **({"metric": "m"} | options))
    assert not (tmp_path / "rec").exists()


def test_lines_are_counted_across_chunks(tmp_path, monkeypatch):
    """However many rows are read at once, blank lines included."""
    monkeypatch.setattr(csv_import, "_CELLS_AT_ONCE", 6)
    rows = "".join(f"{i},{i}\n" for i in range(10))
    with pytest.raises(BadInput, match=r"t\.csv:13: column value: 'x'"):
        imported(tmp_path, f"timestamp,value\n\n{rows}5,x\n", metric="m")
    sizes = []
    samples, _ = imported(tmp_path, f"timestamp,value\n{rows}", metric="m", advance=sizes.append)
    assert [value for _, value in samples["m"]] == list(range(10))
    assert sum(sizes) == (tmp_path / "t.csv").stat().st_size and len(sizes) > 2


def test_headers_that_are_no_label_names(tmp_path):
    """Get underscores, and a sentence; an Excel file's byte order mark is none of them."""
    text = f"\ufefftimestamp,value,Host Name,1st\n{SECOND},1,a,b\n"
    samples, notices = imported(tmp_path, text, metric="m")
    assert samples == {'m{Host_Name="a", _1st="b"}': [(0, 1.0)]}
    assert [one.partition(": ")[2] for one in notices] == [
        "column 3 'Host Name' becomes the label Host_Name",
        "column 4 '1st' becomes the label _1st",
    ]


def test_samples_far_apart_get_a_word(tmp_path):
    """A selector would see them for five minutes of the hour."""
    _, notices = imported(tmp_path, "timestamp,value\n0,1\n3600,1\n", metric="m")
    assert notices == (
        "samples are 1h apart, and a selector looks back 5m only; ask for last_over_time(...[1h])",
    )
    assert imported(tmp_path, "timestamp,value\n0,1\n300,1\n", metric="m")[1] == ()


# --- one column a series ----------------------------------------------------------------------


def test_series_as_headers(tmp_path):
    """Names and labels as PromQL writes them."""
    text = f'time,up,"x{{a=""b c"",d=""e""}}"\n{SECOND},1,\n{SECOND + 15},,2.5\n'
    samples, notices = imported(tmp_path, text, wide=True)
    assert samples == {"up": [(0, 1.0)], 'x{a="b c", d="e"}': [(15_000, 2.5)]}
    assert "left out: 2" in notices[0]


def test_what_pandas_writes_of_a_frame(tmp_path):
    """Comes back, but for what was absent."""
    labels = ((("__name__", "a"), ("x", 'q"\\,')), (("__name__", "b"),))
    values = np.array([[1.5, -0.0, 3.0], [1e-7, 5.0, np.inf]])
    present = np.array([[True, True, False], [True, True, True]])
    frame = Frame(DAY + MINUTE_MS * np.arange(3), values, present, labels)
    samples, _ = imported(tmp_path, frame.to_pandas().to_csv(), wide=True)
    assert samples == {
        format_labels(one): [(60_000 * i, row[i]) for i in range(3) if there[i]]
        for one, row, there in zip(labels, values, present, strict=True)
    }


def test_any_headers_under_one_metric(tmp_path):
    """Become a label's values."""
    text = f"when,CPU %,disk/1\n{SECOND},1,2\n"
    samples, _ = imported(tmp_path, text, wide=True, metric="load")
    assert samples == {'load{column="CPU %"}': [(0, 1.0)], 'load{column="disk/1"}': [(0, 2.0)]}


@pytest.mark.parametrize("index_row", ["when,,\n", ""])
def test_several_header_rows(tmp_path, index_row):
    """Are labels, with or without pandas' row for the index' name."""
    text = f"host,a,b\nstat,p50,p50\n{index_row}{SECOND},1,2\n"
    samples, _ = imported(tmp_path, text, wide=True, metric="m")
    assert samples == {
        'm{host="a", stat="p50"}': [(0, 1.0)],
        'm{host="b", stat="p50"}': [(0, 2.0)],
    }
    named = text.replace("stat", "__name__")
    assert set(imported(tmp_path, named, wide=True)[0]) == {'p50{host="a"}', 'p50{host="b"}'}


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("t,CPU %\n0,1\n", {}, r"t\.csv:1: column 2, 'CPU %', is not a series such as"),
        ('t,"{a=""b""}"\n0,1\n', {}, r"column 2, '{a=\"b\"}', is not a series"),
        ('t,"a{b!=""c""}"\n0,1\n', {}, "column 2, .* is not a series"),
        ("t,\n0,1\n", {}, "column 2, '', is not a series"),
        ("t,\n0,1\n", {"metric": "m"}, "column 2 has no header"),
        ("t,a,a\n0,1,2\n", {}, "two columns are a"),
        ("t,a\n0,x\n", {}, r"t\.csv:2: column a: 'x' is not a number"),
        ("t,a\n0,1\nlater,1\n", {}, r"t\.csv:3: 'later' is not a time"),
        ("h,a\ns,b\n0,1\n", {}, "name the metric, either with --metric NAME or in a header row"),
        (",a\ns,b\n0,1\n", {"metric": "m"}, "header row 1 has no name"),
        ("0,1\n1,2\n", {}, "a wide table has a header .* this begins with '0'"),
        ("t;a\n0;1\n", {}, "the header has one column; are the columns split by commas"),
        ("t\n0\n", {}, "the header has one column"),
        ("a,b\n" * 40, {}, "rows that begin with a time; this begins with 'a'"),
    ],
)
def test_what_is_wrong_with_a_wide_table(tmp_path, text, options, said):
    """One sentence with file and line."""
    with pytest.raises(BadInput, match=said):
        imported(tmp_path, text, wide=True, **options)


# --- other people's tables --------------------------------------------------------------------


def tables(oracles, pattern):
    """Return files of the oracle data; there must be some."""
    found = sorted((oracles / "incidents").glob(pattern))
    assert found
    return found


@pytest.mark.oracle
def test_the_anomaly_benchmark(oracles, tmp_path):
    """Every series: as many samples as distinct times, each the first value of its time."""
    for path in tables(oracles, "NAB/data/*/*.csv"):
        done = import_csv(path, tmp_path / "rec", metric="m", zone="UTC")
        with path.open() as file:
            rows = [(row["timestamp"], float(row["value"])) for row in csv.DictReader(file)]
        expected = {}
        for text, value in rows:
            at = datetime.fromisoformat(text).replace(tzinfo=UTC)
            expected.setdefault(round(at.timestamp() * 1000) - DAY, value)
        assert samples_of(tmp_path / "rec") == {"m": sorted(expected.items())}, path.name
        told = [one for one in done.notices if str(path) in one]
        assert bool(told) == (len(expected) < len(rows)), path.name


@pytest.mark.oracle
def test_the_shop(oracles, tmp_path):
    """Every cell with a value, under the labels of four header rows; none for empty cells."""
    for path in tables(oracles, "petshop/dataset/*/train/*/metrics.csv"):
        import_csv(path, tmp_path / "rec", metric="petshop", wide=True)
        table = pd.read_csv(path, header=[0, 1, 2], index_col=0)
        found = samples_of(tmp_path / "rec")
        expected = {}
        for (service, metric, statistic), column in table.items():
            values = column.dropna()
            labels = {"microservice": service, "metric": metric, "statistic": statistic}
            name = format_labels((("__name__", "petshop"), *sorted(labels.items())))
            if len(values):
                expected[name] = [
                    (round(float(at) * 1000) - DAY, value) for at, value in values.items()
                ]
        assert found == expected, path
