"""The command line: bad input is one sentence with its exit code, JSON has its shape."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from scenes import RULES, START_MS, Invoke, sentence

from alertlab.frame import STALE_NAN, Series
from alertlab.sources import RecordingWriter
from alertlab.units import MINUTE_MS

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def refusing_server() -> Iterator[Callable[[int, str], str]]:
    """A server that refuses every request with a status and Prometheus' error body."""
    servers = []

    def start(status: int, error: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                body = json.dumps({"status": "error", "error": error}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_no_server_at_the_address(invoke: Invoke) -> None:
    """An address where nobody listens is a server's failure, not the input's."""
    result = invoke("query", "up", "--source", "http://127.0.0.1:9", "--start", 0, "--end", 60)
    assert result[0] == 1
    assert "no Prometheus server answers at http://127.0.0.1:9" in sentence(*result)


@pytest.mark.parametrize(
    ("status", "error", "code", "part"),
    [
        (401, "unauthorized", 1, "PROMETHEUS_TOKEN"),
        (422, "many-to-many matching not allowed", 2, "many-to-many matching not allowed"),
        (400, "parse error: unclosed left parenthesis", 2, "unclosed left parenthesis"),
    ],
)
def test_server_refuses(
    invoke: Invoke, refusing_server: Callable, status: int, error: str, code: int, part: str
) -> None:
    """A refused query is bad input, refused access is not; both repeat the server's reason."""
    url = refusing_server(status, error)
    result = invoke("query", "up", "--source", url, "--start", 0, "--end", 60)
    assert result[0] == code
    assert part in sentence(*result)


def test_empty_result_is_no_error(invoke: Invoke, scene: Path) -> None:
    """A query that finds nothing says so and succeeds."""
    code, out, err = invoke("query", "nothing", "--source", scene / "recording", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"resultType": "matrix", "result": []}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("groups:\n  - name: a\n   rules: []\n", "rules.yml:3"),
        (RULES.replace("expr: queue_length > 5", "expr: queue_length >"), "rule TooMany: expr"),
        (RULES.replace("for: 2m", "for: soon"), "rule TooMany: for"),
        (RULES.replace("for: 2m", "fro: 2m"), "unknown key 'fro'"),
    ],
)
def test_broken_rule_file(invoke: Invoke, scene: Path, text: str, part: str) -> None:
    """A rule file that Prometheus would refuse is refused with file, line or rule and key."""
    (scene / "rules.yml").write_text(text)
    result = invoke("replay", scene / "rules.yml", "--source", scene / "recording")
    assert result[0] == 2
    assert part in sentence(*result)


def test_an_interval_of_nothing(invoke: Invoke, scene: Path) -> None:
    """An evaluation interval of 0 is refused, not divided by."""
    result = invoke(
        "replay", scene / "rules.yml", "--source", scene / "recording",
        "--evaluation-interval", "0s",
    )  # fmt: skip
    assert result[0] == 2
    assert "never evaluates" in sentence(*result)


def test_unknown_rule_name(invoke: Invoke, scene: Path) -> None:
    """A rule name that is not there is refused with those that are."""
    result = invoke("replay", scene / "rules.yml", "--source", scene / "recording", "--rule", "X")
    assert result[0] == 2
    assert "Down, TooMany" in sentence(*result)


def test_rule_without_numeric_threshold(invoke: Invoke, scene: Path) -> None:
    """Tuning needs a comparison with a number."""
    (scene / "rules.yml").write_text(RULES.replace("up == 0", "absent(up)"))
    result = invoke("tune", scene / "rules.yml", "--source", scene / "recording", "--rule", "Down")
    assert result[0] == 2
    assert "no numeric threshold" in sentence(*result)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("- {id: a, start: 2024-10-04T02:00:00Z, end: 2024-10-04T01:00:00Z}", "incident a"),
        ("- {id: a, start: 0, end: 1}\n- {id: a, start: 2, end: 3}", "'a' stands twice"),
        ("- {id: a, start: 2024-10-04T02:00:00, end: 2024-10-04T03:00:00}", "no time zone"),
        ("- {id: a, start: 2024-10-04T02:00:00Z}", "end is missing"),
    ],
)
def test_broken_incidents(invoke: Invoke, scene: Path, text: str, part: str) -> None:
    """Incidents that cannot be meant so are refused by id and field."""
    (scene / "incidents.yml").write_text(text)
    result = invoke(
        "tune", scene / "rules.yml", "--source", scene / "recording", "--rule", "TooMany",
        "--incidents", scene / "incidents.yml",
    )  # fmt: skip
    assert result[0] == 2
    assert part in sentence(*result)


def test_start_after_end(invoke: Invoke, scene: Path) -> None:
    """A span that runs backwards is refused."""
    result = invoke(
        "query", "up", "--source", scene / "recording",
        "--start", "2024-10-04T00:30:00Z", "--end", "2024-10-04T00:10:00Z",
    )  # fmt: skip
    assert result[0] == 2
    assert "is not before the end" in sentence(*result)


def test_recording_with_a_missing_file(invoke: Invoke, scene: Path) -> None:
    """A recording's missing day is named."""
    (scene / "recording" / "2024-10-04.parquet").unlink()
    result = invoke("query", "up", "--source", scene / "recording")
    assert result[0] == 2
    assert "2024-10-04.parquet is missing" in sentence(*result)


def test_recording_with_a_damaged_file(invoke: Invoke, scene: Path) -> None:
    """One flipped byte is noticed and the file named."""
    path = scene / "recording" / "2024-10-04.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    result = invoke("query", "up", "--source", scene / "recording")
    assert result[0] == 2
    assert "2024-10-04.parquet is damaged" in sentence(*result)


@pytest.mark.parametrize(
    ("assignment", "part"),
    [
        ("histroy=7d", "unknown notebook parameter 'histroy'"),
        ("min_recall_ratio=much", "parameter min_recall_ratio must be a number"),
        ("source=http://me:secret@host", "parameter source holds an address"),
    ],
)
def test_bad_notebook_parameter(invoke: Invoke, tmp_path: Path, assignment: str, part: str) -> None:
    """Parameters are refused before a kernel starts, and nothing is written."""
    notebook = ROOT / "notebooks" / "02_threshold_tuning.ipynb"
    out = tmp_path / "reports"
    result = invoke("run", notebook, "-p", assignment, "--out", out)
    assert result[0] == 2
    said = sentence(*result)
    assert part in said
    assert "secret" not in said
    assert not out.exists()


def test_replay_json(invoke: Invoke, scene: Path) -> None:
    """The episodes' document has the stable keys, times in unix seconds."""
    code, out, _ = invoke("replay", scene / "rules.yml", "--source", scene / "recording", "--json")
    assert code == 0
    start = START_MS / 1000
    assert json.loads(out) == [
        {
            "rule": "TooMany",
            "labels": {"alertname": "TooMany", "severity": "warning"},
            "active_at": start + 20 * 60,
            "fired_at": start + 22 * 60,
            "resolved_at": start + 30 * 60,
        }
    ]


def test_a_rule_without_data_is_not_silent(
    invoke: Invoke, scene: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No episodes for want of data is warned of; no episodes for want of trouble is not."""
    (scene / "rules.yml").write_text(RULES.replace("queue_length", "queue_lenght"))
    code, out, _ = invoke("replay", scene / "rules.yml", "--source", scene / "recording", "--json")
    assert (code, json.loads(out)) == (0, [])
    assert ["rule TooMany: its expression finds no data" in one for one in caplog.messages] == [
        True
    ]


def test_slot_offset_moves_evaluations(invoke: Invoke, scene: Path) -> None:
    """An offset of the slots shows in the episodes' times."""
    command = ["replay", scene / "rules.yml", "--source", scene / "recording", "--json"]
    _, out, _ = invoke(*command, "--slot-offset", "20s")
    assert json.loads(out)[0]["fired_at"] == START_MS / 1000 + 22 * 60 + 20


def test_pages_json(invoke: Invoke, scene: Path) -> None:
    """The notifications' document has the stable keys; group_wait delays the first."""
    code, out, _ = invoke(
        "pages", scene / "rules.yml", "--source", scene / "recording",
        "--alertmanager", scene / "routes.yml", "--json",
    )  # fmt: skip
    assert code == 0
    first, resolved = json.loads(out)
    labels = {"alertname": "TooMany", "severity": "warning"}
    assert first == {
        "at": START_MS / 1000 + 22 * 60 + 30,
        "receiver": "team",
        "integration": "slack",
        "group_labels": {"alertname": "TooMany"},
        "reason": "first",
        "firing": [labels],
        "resolved": [],
    }
    assert (resolved["reason"], resolved["resolved"]) == ("resolved", [labels])


def test_tune_json(invoke: Invoke, scene: Path) -> None:
    """An hour of data is not enough, and the document says so with every stable key."""
    code, out, _ = invoke(
        "tune", scene / "rules.yml", "--source", scene / "recording", "--rule", "TooMany",
        "--incidents", scene / "incidents.yml", "--json",
    )  # fmt: skip
    assert code == 0
    document = json.loads(out)
    assert document["verdict"] == "not enough data"
    assert document["recommended"] is None
    assert set(document) >= {"rule", "current", "front", "candidates", "coverage"}
    assert set(document["current"]) >= {
        "threshold", "for", "keep_firing_for", "window", "pages_per_week", "precision", "recall",
        "delay_p50_seconds",
    }  # fmt: skip
    assert set(document["current"]["recall"]) == {"low", "mid", "high"}


def test_query_json_is_prometheus_data(invoke: Invoke, scene: Path) -> None:
    """A range query's document is the data object of Prometheus' API."""
    _, out, _ = invoke(
        "query", "queue_length / 4", "--source", scene / "recording", "--json", "--step", "10m",
        "--start", START_MS / 1000 + 600, "--end", START_MS / 1000 + 1200,
    )  # fmt: skip
    assert json.loads(out) == {
        "resultType": "matrix",
        "result": [
            {
                "metric": {},
                "values": [[START_MS / 1000 + 600, "0.25"], [START_MS / 1000 + 1200, "2.25"]],
            }
        ],
    }


def test_query_json_writes_numbers_as_prometheus(invoke: Invoke, scene: Path) -> None:
    """Exponents below 1e-6 and from 1e21 on only, and names for what is no number."""
    for expr, text in {
        "queue_length * 2e-5": "0.00002",
        "queue_length * 2e-7": "2e-07",
        "queue_length * 1e17": "100000000000000000",
        "queue_length * 1e21": "1e+21",
        "queue_length / 0": "+Inf",
        "0 * -queue_length": "-0",
    }.items():
        _, out, _ = invoke(
            "query", expr, "--source", scene / "recording", "--json", "--start", START_MS / 1000,
            "--end", START_MS / 1000 + 60,
        )  # fmt: skip
        assert json.loads(out)["result"][0]["values"][0] == [START_MS / 1000, text]


def test_export_and_import(invoke: Invoke, scene: Path) -> None:
    """There and back the recording is the same; each command says what it wrote."""
    code, out, err = invoke("export", "openmetrics", scene / "recording", "--out", scene / "om.txt")
    assert (code, err) == (0, "")
    size = (scene / "om.txt").stat().st_size
    assert out == f"{scene / 'om.txt'}: 120 samples of 2 series, {size:,} bytes\n"
    code, out, err = invoke("import", "openmetrics", scene / "om.txt", "--out", scene / "back")
    assert (code, err) == (0, "")
    assert out.startswith(f"{scene / 'back'}: 120 samples of 2 series, ")
    for selector in ("queue_length", "up"):
        before, after = (
            invoke("query", selector, "--source", scene / one, "--json")
            for one in ("recording", "back")
        )
        assert before == after


def test_export_says_what_the_format_loses(invoke: Invoke, tmp_path: Path) -> None:
    """Stale markers, counted, on stderr."""
    times = START_MS + MINUTE_MS * np.arange(3)
    values = np.array([1.0, STALE_NAN, STALE_NAN])
    with RecordingWriter(
        tmp_path / "rec", origin="a test", scrape_interval_ms=MINUTE_MS, synthetic=True
    ) as writer:
        writer.add_day([Series((("__name__", "a"),), times, values)])
    code, out, err = invoke("export", "openmetrics", tmp_path / "rec", "--out", tmp_path / "om")
    assert (code, out.partition(": ")[2]) == (0, "1 samples of 1 series, 38 bytes\n")
    assert err.startswith("2 stale markers are lost, because the format has none")


def test_import_csv(invoke: Invoke, tmp_path: Path) -> None:
    """All options reach the import; what it noticed stands on stderr."""
    table = tmp_path / "t.csv"
    table.write_text("when,a,b\n2024-10-04 09:00:00,1,\n2024-10-04 09:00:30,2,5\n")
    code, out, err = invoke(
        "import", "csv", table, "--out", tmp_path / "rec", "--wide", "--metric", "m",
        "--timezone", "Asia/Seoul",
    )  # fmt: skip
    assert code == 0
    assert out.startswith(f"{tmp_path / 'rec'}: 3 samples of 2 series, ")
    assert err == f"{table}: cells without a value, left out: 1\n"
    _, out, _ = invoke(
        "query", 'm{column="b"}', "--source", tmp_path / "rec", "--json", "--start",
        START_MS / 1000, "--end", START_MS / 1000 + 60, "--step", "30s",
    )  # fmt: skip
    assert json.loads(out)["result"][0]["values"] == [[START_MS / 1000 + 30, "5"]]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (
            ("import", "openmetrics", "nope", "--out", "x"),
            "the OpenMetrics file nope does not exist",
        ),
        (("import", "csv", "nope", "--out", "x"), "the CSV file nope does not exist"),
        (("export", "openmetrics", "nope", "--out", "x"), "nope is not a recording"),
        (("serve", "nope"), "nope is not a recording"),
    ],
)
def test_nothing_there(invoke: Invoke, arguments: tuple[str, ...], part: str) -> None:
    """A file or folder that is missing is bad input."""
    result = invoke(*arguments)
    assert result[0] == 2
    assert part in sentence(*result)


UNIT_TEST = """\
rule_files: [rules.yml]
tests:
  - interval: 1m
    input_series:
      - {series: queue_length, values: 9x9}
      - {series: 'up{name="a\\u001b[2Jb"}', values: 0x9}
    alert_rule_test:
      - {eval_time: 2m, alertname: TooMany, exp_alerts: [{exp_labels: {severity: warning}}]}
"""


def test_unit_tests_that_succeed(invoke: Invoke, scene: Path) -> None:
    """Each file has its verdict; nothing goes to stderr."""
    (scene / "test.yml").write_text(UNIT_TEST)
    code, out, err = invoke("test", scene / "test.yml")
    assert (code, err) == (0, "")
    assert out == f"Unit Testing:  {scene / 'test.yml'}\n  SUCCESS\n\n1 success\n"


def test_unit_tests_that_do_not_succeed(invoke: Invoke, scene: Path) -> None:
    """A failure, what is not judged, a missing file: all are told; promtool's exit code."""
    failing = UNIT_TEST.replace("TooMany, exp", "Down, exp")
    (scene / "failing.yml").write_text(f"{failing}    promql_expr_test: [{{expr: up}}]\n")
    (scene / "histogram.yml").write_text(UNIT_TEST.replace("9x9", "'{{count:1}}x9'"))
    (scene / "good.yml").write_text(UNIT_TEST)
    names = ("failing.yml", "histogram.yml", "none.yml", "good.yml")
    code, out, err = invoke("test", *(scene / name for name in names))
    assert (code, err) == (1, "")
    assert "\x1b" not in out  # a label must not clear the terminal
    failing, histogram, none, good = out.split("Unit Testing:  ")[1:]
    assert "  FAILED:" in failing
    assert "alertname: Down, time: 2m (line 8)" in failing
    assert '+ got: up{name="a[2Jb"} 0' in failing
    assert "  NOT JUDGED:" in histogram
    assert "native histogram" in histogram
    assert "none.yml does not exist" in none
    assert good.endswith("  SUCCESS\n\n2 failed, 1 not judged, 1 success\n")


def test_unit_tests_of_unknown_semantics(invoke: Invoke, scene: Path) -> None:
    """There are two."""
    result = invoke("test", scene / "test.yml", "--semantics", 4)
    assert result[0] == 2
    assert "semantics must be 2 or 3" in sentence(*result)


@pytest.mark.parametrize(
    "command",
    [
        "record", "query", "serve", "test", "replay", "pages", "tune", "run", "lab",
        "import openmetrics", "import csv", "export openmetrics",
    ],
)  # fmt: skip
def test_every_command_explains_itself(invoke: Invoke, command: str) -> None:
    """--help works for each command."""
    code, out, _ = invoke(*command.split(), "--help")
    assert code == 0
    assert "Usage" in out
