import errno
import json
import os
from pathlib import Path

import pytest
from test_record import example

from qa.export import readings_json, write_json
from qa.protocol import Judgement, Limit, Outcome
from qa.reading import Measured, NotMeasured, QaError, Quantity
from qa.record import record_hash
from qa.store import Store

BALL = Quantity("ball_offset_u", "mm", "ball minus field", "definition")


def limit(limit_id: str, technique: str = "srs") -> Limit:
    return Limit(limit_id, "winston_lutz", BALL.key, "mm", 1.0, None, "absolute", (technique,), "monthly", "test", True)


def test_measured_reading_is_exported_in_full() -> None:
    reading = Measured(BALL, 0.3, 0.1, {"gantry_deg": 90.0}, {"noise": 0.1}, ("faint",), (0.0, 0.6))
    judged = (Judgement(limit("a"), 0, Outcome.PASS, "inside"), Judgement(limit("b", "sbrt"), 0, Outcome.FAIL, "outside"))
    (exported,) = readings_json([example(readings=(reading,), judgements=judged)])["readings"]
    limits = exported.pop("limits")
    assert exported == {
        "record_id": example().record_id,
        "procedure": "winston_lutz",
        "quantity": "ball_offset_u",
        "value": 0.3,
        "u": 0.1,
        "unit": "mm",
        "interval": [0.0, 0.6],
        "at": {"gantry_deg": 90.0},
        "outcome": "FAIL",
        "reason": "outside",
        "budget": {"noise": 0.1},
        "flags": ["faint"],
        "missing": "",
    }
    assert [(row["limit_id"], row["outcome"], row["reason"]) for row in limits] == [("a", "PASS", "inside"), ("b", "FAIL", "outside")]


@pytest.mark.parametrize(
    ("reading", "judgements", "value", "outcome", "reason"),
    [
        (Measured(BALL, 0.3, 0.1), (), 0.3, None, ""),
        (Measured(BALL, 0.3, 0.1), (Judgement(limit("a"), 0, Outcome.NOT_MEASURED, "no baseline"),), 0.3, "NOT_MEASURED", "no baseline"),
        (NotMeasured(BALL, "no ball"), (), None, "NOT_MEASURED", "no ball"),
        (NotMeasured(BALL, "no ball"), (Judgement(limit("a"), 0, Outcome.NOT_MEASURED, "no ball"),), None, "NOT_MEASURED", "no ball"),
    ],
)
def test_outcome_and_reason_of_a_reading(
    reading: Measured | NotMeasured, judgements: tuple[Judgement, ...], value: float | None, outcome: str | None, reason: str
) -> None:
    (exported,) = readings_json([example(readings=(reading,), judgements=judgements)])["readings"]
    assert (exported["value"], exported["outcome"], exported["reason"]) == (value, outcome, reason)


def test_record_says_who_measured_what_and_what_nobody_read() -> None:
    record = example(judgements=(Judgement(limit("a"), -1, Outcome.NOT_MEASURED, "no reading was made"),))
    exported = readings_json([record])
    (meta,) = exported["records"]
    assert (exported["schema"], exported["schema_version"]) == ("igrtqa-readings", 1)
    assert (meta["record_id"], meta["machine"], meta["acquired"]) == (record.record_id, "LINAC-B", "2024-02-29T07:30:00.250000+00:00")
    assert meta["record_hash"] == record_hash(record)
    assert meta["verdicts"] == {"srs": "NOT_MEASURED"}
    (unread,) = meta["limits_without_reading"]
    assert (unread["limit_id"], unread["outcome"], unread["reason"]) == ("a", "NOT_MEASURED", "no reading was made")
    assert [(row["name"], row["used"], row["reason"]) for row in meta["inputs"]] == [
        ("a.dcm", True, ""),
        ("notes.txt", False, "not a DICOM file"),
    ]


def test_no_readings_take_the_place_of_a_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.sqlite")
    store.add(example())
    with pytest.raises(QaError, match="is a database"):
        write_json(tmp_path / "r.sqlite", [example()])
    assert record_hash(store.get(example().record_id)) == record_hash(example())


def test_readings_of_several_records_keep_their_order_and_owner() -> None:
    exported = readings_json([example(record_id="one"), example(record_id="two")])
    assert [row["record_id"] for row in exported["readings"]] == ["one", "one", "two", "two"]


def test_written_file_is_strict_json_with_exact_numbers(tmp_path: Path) -> None:
    write_json(tmp_path / "out.json", [example()])
    text = (tmp_path / "out.json").read_text(encoding="utf-8")
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read == readings_json([example()])
    assert read["readings"][0]["value"] == 0.1 + 0.2
    assert "Zoë" in text
    assert os.listdir(tmp_path) == ["out.json"]


def test_full_disk_keeps_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.json"
    path.write_text("older")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(QaError, match=r"out.json: cannot be written \(No space left on device\)"):
        write_json(path, [example()])
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["out.json"]


@pytest.mark.parametrize("place", ["missing/out.json", "file/out.json", "folder"])
def test_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(QaError, match=f"{place}: cannot be written"):
        write_json(tmp_path / place, [example()])
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_every_key_is_documented() -> None:
    text = (Path(__file__).parent.parent / "docs" / "json.md").read_text(encoding="utf-8")
    exported = readings_json([example(judgements=(*example().judgements, Judgement(limit("a"), -1, Outcome.NOT_MEASURED, "none")))])
    (meta,) = exported["records"]
    reading = exported["readings"][0]
    for part in (exported, meta, reading, reading["limits"][0], meta["limits_without_reading"][0], meta["inputs"][0]):
        assert [key for key in part if f"`{key}`" not in text] == []
