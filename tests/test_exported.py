"""Readings of a whole store written for other programs: complete, safe to open, and not at all where a record was changed by force."""

import csv
import io
import json
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from quaac import Document
from test_record import example
from typer.testing import CliRunner

from bench.tampering import forced
from qa.cli import app
from qa.export import readings_json
from qa.limit import Baseline, Judgement, Limit, Outcome
from qa.reading import Measured, NotMeasured, Quantity
from qa.record import Input, Record, record_hash
from qa.store import Store
from reports import exported_csv, exported_quaac

SIZE = Quantity("isocenter_size_gantry", "mm", "size", "section 6")
HU = Quantity("contrast", "HU", "contrast", "section 1")
FIRST = datetime(2025, 3, 1, 22, 30, tzinfo=UTC)
ABSOLUTE = Limit("own.size", "winston_lutz", SIZE.key, "mm", 1.0, None, "absolute", ("srs",), "monthly", "a page", True)
HELD = Limit("own.hu", "winston_lutz", HU.key, "HU", 4.0, 6.0, "baseline", ("srs", "sbrt"), "monthly", "a page", True)
ASKED = Limit("own.more", "winston_lutz", "couch_walkout", "mm", 1.0, None, "absolute", ("srs",), "monthly", "a page", True)
BASELINE = Baseline("0b", FIRST - timedelta(days=9), "HU", 990.5, 1.5)


def record(record_id: str, taken: datetime | None, machine: str = "LINAC-B", **changes: Any) -> Record:
    """A number in its limit, one beyond its baseline, one that could not be measured, and a limit that nothing was read for."""
    readings = (
        Measured(SIZE, 0.1 + 0.2, 0.05, {"gantry_deg": 90.0, "setting": "6x"}, {"noise": 0.05}, ("=faint",)),
        Measured(HU, -0.25, 1.5, {"part": "Teflon"}, {"noise": 1.5}, interval=(-3.0, 2.5)),
        NotMeasured(SIZE, "no ball was found, repeat", {"set": "kV 2"}),
    )
    judged = (
        Judgement(ABSOLUTE, 0, Outcome.PASS, "inside"),
        Judgement(HELD, 1, Outcome.FAIL, "outside", BASELINE),
        Judgement(replace(ABSOLUTE, limit_id="own.other"), 1, Outcome.NOT_MEASURED, "no tolerance"),
        Judgement(ASKED, -1, Outcome.NOT_MEASURED, "nothing was read"),
    )
    own = {"record_id": record_id, "machine": machine, "acquired": taken, "analysed": (taken or FIRST) + timedelta(hours=1)}
    return example(**own | {"readings": readings, "judgements": judged, "comparisons": (), "performer": "=Ann Lee"} | changes)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "r.sqlite")
    for number, machine in enumerate(("LINAC-B", "LINAC-C", "LINAC-B")):
        made.add(record(f"id-{number}", FIRST + timedelta(days=number), machine))
    made.sign("id-0", "Bob Kay", "physicist", "reviewed", "seen")
    return made


def export(store: Store, *arguments: str | Path) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["export", *map(str, arguments), "--database", str(store.where)])
    return ended.exit_code, ended.output


def rows(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n")
    return [*csv.DictReader(io.StringIO(content.decode(), newline=""))]


def test_csv_has_a_row_for_every_reading_with_its_unit_limit_baseline_and_reason(store: Store, tmp_path: Path) -> None:
    status, said = export(store, "--csv", tmp_path / "x.csv")
    assert (status, "12 readings of 3 records" in said) == (0, True), said
    found = rows(tmp_path / "x.csv")
    assert [row["record_id"] for row in found] == ["id-0"] * 4 + ["id-1"] * 4 + ["id-2"] * 4
    size, contrast, gap, unread = found[:4]
    assert (size["value"], size["u_k1"], size["unit"], size["outcome"]) == (repr(0.1 + 0.2), "0.05", "mm", "PASS")
    assert (size["limit_id"], size["tolerance"], size["action_level"], size["limit_source"]) == ("own.size", "1.0", "", "a page")
    assert (size["acquired_utc"], size["setting"], json.loads(size["state"])) == ("2025-03-01T22:30:00+00:00", "6x", {"gantry_deg": 90.0})
    assert (contrast["value"], contrast["interval95_low"], contrast["interval95_high"]) == ("-0.25", "-3.0", "2.5")
    assert (contrast["outcome"], contrast["limit_id"], contrast["limit_techniques"], contrast["part"]) == (
        "FAIL",
        "own.hu",
        "srs; sbrt",
        "Teflon",
    )
    assert (contrast["baseline_value"], contrast["baseline_u_k1"], contrast["baseline_record_id"]) == ("990.5", "1.5", "0b")
    assert contrast["other_limits"] == "own.other: NOT_MEASURED"
    assert (gap["value"], gap["u_k1"], gap["outcome"]) == ("", "", "not judged")
    assert gap["why_empty"] == "value: no ball was found, repeat"
    assert (unread["quantity"], unread["value"], unread["why_empty"]) == ("couch_walkout", "", "no reading: nothing was read")
    place = store.standing("id-0").place
    assert place is not None
    assert (size["record_hash"], size["link"], size["link_hash"]) == (record_hash(store.get("id-0")), str(place.number), place.hash)
    assert size["signed"].startswith("reviewed by Bob Kay (physicist) ")
    assert found[4]["signed"] == ""


def test_csv_runs_no_formula_in_a_spreadsheet(store: Store, tmp_path: Path) -> None:
    export(store, "--csv", tmp_path / "x.csv")
    size, contrast, *_ = rows(tmp_path / "x.csv")
    assert (size["performer"], size["flags"]) == ("'=Ann Lee", "'=faint")
    assert contrast["value"] == "-0.25"


def test_a_record_without_a_date_says_why_it_has_none(tmp_path: Path) -> None:
    undated = Store(tmp_path / "r.sqlite")
    undated.add(record("id-9", None))
    assert export(undated, "--csv", tmp_path / "x.csv", "--quaac", tmp_path / "x.yaml")[0] == 0
    assert (rows(tmp_path / "x.csv")[0]["acquired_utc"], rows(tmp_path / "x.csv")[0]["why_empty"]) == (
        "",
        "acquired: the files have no date",
    )
    point = Document.from_yaml_file(str(tmp_path / "x.yaml")).datapoints[0]
    assert point.perform_datetime == FIRST + timedelta(hours=1)
    assert point.parameters["perform datetime is"].startswith("when it was analysed")


def test_json_is_the_documents_in_an_array_with_their_standing(store: Store, tmp_path: Path) -> None:
    assert export(store, "--json", tmp_path / "x.json")[0] == 0
    found = json.loads((tmp_path / "x.json").read_text("utf-8"))
    assert (found["schema"], found["schema_version"], len(found["documents"])) == ("igrtqa-export", 1, 3)
    first = found["documents"][0]
    standing = first.pop("standing")
    assert first == json.loads(json.dumps(readings_json([record("id-0", FIRST)])))
    (signed,) = standing["signatures"]
    assert (standing["record_hash"], signed["who"], signed["meaning"]) == (record_hash(record("id-0", FIRST)), "Bob Kay", "reviewed")


def test_quaac_is_taken_by_its_own_reader_with_the_time_of_the_images(store: Store, tmp_path: Path) -> None:
    assert export(store, "--quaac", tmp_path / "x.yaml", "--machine", "LINAC-B")[0] == 0
    points = Document.from_yaml_file(str(tmp_path / "x.yaml")).datapoints
    assert [point.perform_datetime for point in points] == [FIRST] * 4 + [FIRST + timedelta(days=2)] * 4
    size, contrast, gap, unread = points[:4]
    assert (size.measurement_value, size.measurement_unit, size.reference_value) == (0.1 + 0.2, "mm", None)
    assert (size.performer.name, size.performer.email, size.primary_equipment.name) == ("=Ann Lee", "not-stated@example.com", "LINAC-B")
    assert size.reviewer is not None
    assert (size.reviewer.name, points[4].reviewer) == ("Bob Kay", None)
    assert size.parameters["record hash"] == record_hash(store.get("id-0"))
    assert size.parameters["judgements"][0]["outcome"] == "PASS"
    assert (contrast.measurement_value, contrast.reference_value) == (-0.25, 990.5)
    assert (gap.measurement_value, gap.parameters["not measured because"]) == ("not measured", "no ball was found, repeat")
    assert (unread.measurement_value, unread.parameters["not measured because"]) == ("not measured", "nothing was read")


def test_quaac_of_more_than_its_readers_hold_is_refused(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this file nothing is written, and it says of which: another format may be there already."""
    monkeypatch.setattr(exported_quaac, "MOST", 11)
    status, said = export(store, "--csv", tmp_path / "x.csv", "--quaac", tmp_path / "x.yaml")
    assert (status, f"{tmp_path / 'x.yaml'}: not written, it would have more than 11 readings" in said) == (2, True), said
    assert "nothing was written" not in said
    assert ((tmp_path / "x.csv").exists(), (tmp_path / "x.yaml").exists()) == (True, False)


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        (["--machine", "LINAC-C"], ["id-1"]),
        (["--test", "winston_lutz"], ["id-0", "id-1", "id-2"]),
        (["--since", "2025-03-02"], ["id-1", "id-2"]),
        (["--until", "2025-03-02"], ["id-0", "id-1"]),
        (["--since", "2025-03-02", "--until", "2025-03-02"], ["id-1"]),
    ],
)
def test_records_are_chosen_by_machine_test_and_day(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str], ids: list[str]
) -> None:
    site = tmp_path / "site.toml"
    site.write_text('name = "C"\ntime_zone = "UTC"\n[[machine]]\nname = "LINAC-B"\n[[machine]]\nname = "LINAC-C"\n', "utf-8")
    assert export(store, "--csv", tmp_path / "x.csv", "--site", site, *asked)[0] == 0
    assert sorted({row["record_id"] for row in rows(tmp_path / "x.csv")}) == ids


def test_days_are_those_of_the_clinics_calendar(store: Store, tmp_path: Path) -> None:
    """22:30 UTC is the next day in Helsinki."""
    site = tmp_path / "site.toml"
    site.write_text('name = "C"\ntime_zone = "Europe/Helsinki"\n[[machine]]\nname = "LINAC-B"\n', "utf-8")
    assert export(store, "--csv", tmp_path / "x.csv", "--site", site, "--until", "2025-03-02")[0] == 0
    assert {row["record_id"] for row in rows(tmp_path / "x.csv")} == {"id-0"}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--machine", "LINAC-D"], "there are no records of a machine 'LINAC-D'; did you mean 'LINAC-"),
        (["--test", "winston_lutzz"], "there is no test 'winston_lutzz'; did you mean 'winston_lutz'?"),
        (["--since", "2026-01-01"], "nothing was written"),
    ],
)
def test_what_is_not_there_is_said(store: Store, tmp_path: Path, asked: list[str], words: str) -> None:
    status, said = export(store, "--csv", tmp_path / "x.csv", *asked)
    assert (status, words in said) == (2, True), said
    assert not (tmp_path / "x.csv").exists()


def test_a_file_must_be_named(store: Store) -> None:
    assert export(store)[0] == 2


@pytest.mark.parametrize("kind", ["csv", "json", "quaac"])
def test_a_record_changed_by_force_is_named_and_nothing_is_written_nor_overwritten(store: Store, tmp_path: Path, kind: str) -> None:
    connection = forced(Path(str(store.where)))
    connection.execute("UPDATE reading SET value = 0.01 WHERE record_id = 'id-2' AND idx = 0")
    connection.close()
    (tmp_path / "x").write_text("older")
    status, said = export(store, f"--{kind}", tmp_path / "x")
    assert (status, "record id-2 was changed" in said) == (2, True), said
    assert (tmp_path / "x").read_text() == "older"
    assert sorted(one.name for one in tmp_path.iterdir() if not one.name.startswith("r.sqlite")) == ["x"]


def test_one_record_is_held_at_a_time(tmp_path: Path) -> None:
    """Thirty records name a megabyte of files each; no more than a few of them are in memory at once."""
    store = Store(tmp_path / "r.sqlite")
    files = tuple(Input(f"{n}-{'x' * 10000}", "0" * 64, f"1.{n}", False, "not used") for n in range(100))
    for number in range(30):
        store.add(record(f"id-{number:02}", FIRST, inputs=files))
    tracemalloc.start()
    assert exported_csv.write(store.each(store.chosen()), tmp_path / "x.csv") == 120
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15_000_000


@pytest.mark.parametrize("kind", ["csv", "json", "quaac"])
def test_a_record_put_in_past_the_program_is_named_and_nothing_is_written(store: Store, tmp_path: Path, kind: str) -> None:
    """Its hash fits, but no link vouches for it."""
    connection = forced(Path(str(store.where)))
    connection.execute("DELETE FROM link WHERE id = 'id-2' AND kind = 'record'")
    connection.close()
    status, said = export(store, f"--{kind}", tmp_path / "x")
    assert (status, "record id-2 was not put there by this program" in said) == (2, True), said
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", ["csv", "json", "quaac"])
def test_no_file_takes_the_place_of_the_store(store: Store, kind: str) -> None:
    status, said = export(store, f"--{kind}", Path(str(store.where)))
    assert (status, "is a database" in said) == (2, True), said
    assert len(store.list()) == 3
    assert store.verify().intact


def test_two_formats_in_one_file_are_refused(store: Store, tmp_path: Path) -> None:
    status, said = export(store, "--csv", tmp_path / "x", "--json", tmp_path / "x")
    assert (status, "one file for two formats" in said) == (2, True), said
    assert not (tmp_path / "x").exists()
