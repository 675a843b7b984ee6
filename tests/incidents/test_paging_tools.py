"""Exports of paging tools as incidents: which fields are read, what is left out and told."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from alertlab.errors import BadInput
from alertlab.incidents import epoch_ms, load_incidents
from alertlab.units import parse_time

PAGERDUTY = {
    "incidents": [
        {
            "id": "PT4KHLK", "incident_number": 12, "title": "Logins fail", "urgency": "high",
            "created_at": "2026-03-02T08:00:00Z", "resolved_at": "2026-03-02T09:30:00Z",
            "status": "resolved", "service": {"id": "PIJ90N7", "summary": "auth"},
        },
        {
            "id": "PT4KHLJ", "incident_number": 11, "title": "Slow", "urgency": "low",
            "created_at": "2026-03-01T09:00:00+09:00", "resolved_at": "2026-03-01T00:30:00Z",
        },
        {
            "id": "PT4KHLM", "incident_number": 13, "title": "Still on", "urgency": "high",
            "created_at": "2026-03-03T08:00:00Z", "resolved_at": None, "status": "triggered",
        },
        {
            "id": "PT4KHLN", "incident_number": 14, "title": "A moment", "urgency": "high",
            "created_at": "2026-03-03T08:00:00Z", "resolved_at": "2026-03-03T08:00:00Z",
        },
    ],
    "limit": 25, "offset": 0, "more": False,
}  # fmt: skip
PAGERDUTY_CSV = """\
id,incident_number,description,service_name,created_on,resolved_on,seconds_to_resolve,urgency
PT4KHLK,12,"Logins, fail",auth,2026-03-02T08:00:00Z,2026-03-02T09:30:00Z,5400,high
PT4KHLJ,11,Slow,,2026-03-01T00:00:00Z,,1800,low
PT4KHLM,13,Still on,auth,2026-03-03T08:00:00Z,,,high
"""
OPSGENIE = {
    "data": [
        {
            "id": "70413a06", "tinyId": "1791", "message": "Logins fail", "status": "closed",
            "createdAt": "2026-03-02T08:00:00.5Z", "priority": "P1",
            "report": {"ackTime": 15702, "closeTime": 60503},
        },
        {
            "id": "70413a07", "tinyId": "1792", "message": "Slow", "status": "open",
            "createdAt": "2026-03-02T09:00:00Z", "priority": "P3",
            "report": {"ackTime": 15702},
        },
    ],
    "paging": {"first": "https://example.org/1", "last": "https://example.org/1"},
}  # fmt: skip
OPSGENIE_CSV = """\
id,tinyId,message,status,createdAt,priority,report.closeTime
70413a06,1791,Logins fail,closed,2026-03-02T08:00:00.5Z,P1,60503
70413a07,1792,Slow,open,2026-03-02T09:00:00Z,P3,
"""


def written(folder: Path, content: object) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    file = folder / ("export.csv" if isinstance(content, str) else "export.json")
    file.write_text(text, encoding="utf-8")
    return file


def test_pagerduty_incidents_of_its_api(tmp_path: Path, caplog) -> None:
    """Sorted by start; urgency is the severity, every rule owes them, open ones are counted."""
    with caplog.at_level(logging.WARNING):
        found = load_incidents(written(tmp_path, PAGERDUTY))
    assert found["id"].tolist() == ["11", "12"]
    assert found["severity"].tolist() == ["warning", "critical"]
    assert found["should_alert"].tolist() == [None, None]
    assert found["note"].tolist() == ["Slow", "Logins fail / auth"]
    assert epoch_ms(found["start"])[0] == parse_time("2026-03-01T00:00:00Z")
    assert epoch_ms(found["end"])[1] == parse_time("2026-03-02T09:30:00Z")
    told = [one.getMessage() for one in caplog.records]
    file = tmp_path / "export.json"
    assert told == [
        f"{file}: 1 incidents of PagerDuty have no end yet and are left out",
        f"{file}: 1 incidents of PagerDuty ended when they started and are left out",
    ]


def test_pagerduty_incidents_of_its_report(tmp_path: Path, caplog) -> None:
    """An end that is not written follows from the seconds to it."""
    found = load_incidents(written(tmp_path, PAGERDUTY_CSV))
    assert found["id"].tolist() == ["11", "12"]
    assert found["note"].tolist() == ["Slow", "Logins, fail / auth"]
    assert epoch_ms(found["end"])[0] == parse_time("2026-03-01T00:30:00Z")
    assert "1 incidents of PagerDuty have no end yet" in caplog.text


@pytest.mark.parametrize("content", [OPSGENIE, OPSGENIE_CSV])
def test_opsgenie_alerts(tmp_path: Path, caplog, content: object) -> None:
    """They end ``closeTime`` ms after their start; open ones are counted."""
    found = load_incidents(written(tmp_path, content))
    assert found["id"].tolist() == ["1791"]
    assert found["severity"].tolist() == ["critical"]
    assert found["note"].tolist() == ["Logins fail"]
    start_ms = parse_time("2026-03-02T08:00:00.5Z")
    assert epoch_ms(found["start"]).tolist() == [start_ms]
    assert epoch_ms(found["end"]).tolist() == [start_ms + 60_503]
    assert "1 incidents of Opsgenie have no end yet" in caplog.text


@pytest.mark.parametrize(
    ("priority", "severity"),
    [("P1", "critical"), ("P2", "critical"), ("P3", "warning"), ("P5", "info"), ("", "")],
)
def test_priorities_of_opsgenie(tmp_path: Path, priority: str, severity: str) -> None:
    """Its two highest are critical; one without has no severity."""
    one = OPSGENIE["data"][0] | {"priority": priority}
    assert load_incidents(written(tmp_path, [one]))["severity"].tolist() == [severity]


def test_an_alert_that_was_opened_again_has_no_end(tmp_path: Path, caplog) -> None:
    """Whatever its report says of the first time."""
    one = OPSGENIE["data"][0] | {"status": "open"}
    assert load_incidents(written(tmp_path, [one])).empty
    assert "have no end yet" in caplog.text


def test_a_list_without_what_stands_around_it(tmp_path: Path) -> None:
    """As ``jq .incidents`` gives it."""
    assert len(load_incidents(written(tmp_path, PAGERDUTY["incidents"]))) == 2


@pytest.mark.parametrize(
    "content",
    [PAGERDUTY | {"more": True}, OPSGENIE | {"paging": {"next": "https://example.org/2"}}],
)
def test_an_export_that_goes_on_elsewhere_is_told(tmp_path: Path, caplog, content) -> None:
    """What is missing would count as false pages."""
    load_incidents(written(tmp_path, content))
    assert "fetch the other pages too" in caplog.text
    caplog.clear()
    load_incidents(written(tmp_path, PAGERDUTY))
    load_incidents(written(tmp_path, OPSGENIE))
    assert "other pages" not in caplog.text


def test_an_export_of_nothing_is_an_empty_table(tmp_path: Path) -> None:
    """Nobody was paged."""
    assert load_incidents(written(tmp_path, {"incidents": []})).empty


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ({"incident_number": 7, "created_at": "2026-03-02 08:00"}, ["incident 7", "no time zone"]),
        ({"incident_number": 7, "created_at": "soon"}, ["incident 7", "created_at", "'soon'"]),
        ({"incident_number": 7, "created_at": None}, ["incident 7", "created_at or created_on"]),
        ({"urgency": "high", "created_at": "2026-03-02T08:00:00Z"}, ["number 1", "none of"]),
        ({"incident_number": 7, "created_at": "2026-03-02T08:00:00Z",
          "resolved_at": "2026-03-02T07:00:00Z"}, ["incident 7", "end is before its start"]),
        ({"incident_number": 7, "created_at": "2026-03-02T08:00:00Z",
          "seconds_to_resolve": "long"}, ["incident 7", "seconds_to_resolve: 'long'"]),
        ({"tinyId": 7, "createdAt": "2026-03-02T08:00:00Z", "status": "closed",
          "report": {"closeTime": "nan"}}, ["incident 7", "report.closeTime: 'nan'"]),
        ({"opened": "2026-03-02T08:00:00Z"}, ["cannot be told", "created_at or created_on",
          "of PagerDuty", "createdAt with priority or tinyId of Opsgenie", "id, start and end"]),
        ({"start": 1, "end": 2, "created_at": 1, "urgency": "low"}, ["of several formats"]),
        ({"created_at": 1, "urgency": "low", "createdAt": 1, "tinyId": 2}, ["of several formats"]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_gets_one_sentence(
    tmp_path: Path, entry: dict, parts: list[str]
) -> None:
    """It names the file, the entry and the field."""
    file = written(tmp_path, [entry])
    with pytest.raises(BadInput) as refused:
        load_incidents(file)
    for part in [str(file), *parts]:
        assert part in str(refused.value)


def test_an_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """The same page fetched twice would count twice."""
    file = written(tmp_path, PAGERDUTY["incidents"][:1] * 2)
    with pytest.raises(BadInput, match="the id '12' stands twice"):
        load_incidents(file)


def test_json_of_our_own_reads_as_yaml_does(tmp_path: Path) -> None:
    """Numbers keep their text, and a key that stands twice is refused with its line."""
    file = tmp_path / "incidents.json"
    file.write_text('[{"id": 1.50, "start": 0, "end": 60, "should_alert": null}]')
    assert load_incidents(file)["id"].tolist() == ["1.50"]
    file.write_text('[{"id": "a", "id": "b", "start": 0, "end": 60}]')
    with pytest.raises(BadInput, match=r"incidents\.json:1: not valid YAML"):
        load_incidents(file)
