"""Results of Machine Performance Check: kept as stated, once, of the right machine, or refused with a reason and nothing stored."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_record import example
from typer.testing import CliRunner

from qa import mpc, opinions, procedure
from qa.cli import app
from qa.mpc import MpcError
from qa.reading import RecordError
from qa.site import Machine as SiteMachine
from qa.site import Site
from qa.store import Store

HEAD = "Name [Unit], Value, Threshold, Evaluation Result\r\n"
GEOMETRY = (
    "IsoCenterGroup/IsoCenterSize [mm], 0.30, 0.5, Pass\r\n"
    "IsoCenterGroup/IsoCenterKVOffset [mm], 0.55, 0.5, Fail\r\n"
    "BeamGroup/BeamOutputChange [%], -0.17, 2, Pass\r\n"
    "GantryGroup/GantryAbsolute [°], -0.09, 0.3, Pass\r\n"
)
STATED = [
    ("IsoCenterGroup/IsoCenterSize", "mm", "0.30", "0.5", "Pass"),
    ("IsoCenterGroup/IsoCenterKVOffset", "mm", "0.55", "0.5", "Fail"),
    ("BeamGroup/BeamOutputChange", "%", "-0.17", "2", "Pass"),
    ("GantryGroup/GantryAbsolute", "deg", "-0.09", "0.3", "Pass"),
]
NAME = "NDS-WKS-SN1234-2025-07-06-09-59-21-0009-GeometryCheckTemplate6xMVkV"
BERLIN = Site(
    name="Clinic",
    time_zone="Europe/Berlin",
    machine=(SiteMachine(name="Linac 1", serials=("1234",)), SiteMachine(name="Linac 2", serials=("77",))),
)


def folder(place: Path, text: str = HEAD + GEOMETRY, name: str = NAME, encoding: str = "utf-8") -> Path:
    """A check's folder with that file."""
    (place / name).mkdir(parents=True)
    (place / name / "Results.csv").write_bytes(text.encode(encoding))
    return place / name


def empty(place: Path) -> Path:
    (place / "none").mkdir()
    return place / "none"


def run(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, arguments)
    return ended.exit_code, ended.output


def test_every_line_is_read_as_it_is_written(tmp_path: Path) -> None:
    (check,) = mpc.read(folder(tmp_path))
    assert [(one.name, one.unit, one.value, one.threshold, one.verdict) for one in check.lines] == STATED
    assert (check.serial, check.template, check.clock) == ("1234", "GeometryCheckTemplate6xMVkV", datetime(2025, 7, 6, 9, 59, 21))
    assert check.sha256 == hashlib.sha256((HEAD + GEOMETRY).encode()).hexdigest()


def test_a_file_with_a_mark_of_its_encoding_and_a_halcyon_folder_are_read(tmp_path: Path) -> None:
    place = folder(tmp_path, "\ufeff" + HEAD + GEOMETRY, "HAL-TRT-SN1161-2026-06-27-05-19-31-0002-GeometryCheckTemplate6xFFFMVkV")
    (check,) = mpc.read(place / "Results.csv")
    assert (check.serial, len(check.lines)) == ("1161", 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (HEAD, "no results in it"),
        ("Name [Unit], Value, Threshold, Baseline, Evaluation Result\r\nA/B [mm], 1, 1, 1, Pass\r\n", "unknown 'Baseline'"),
        ("Name [Unit], Value, Evaluation Result\r\nA/B [mm], 1, Pass\r\n", "missing 'Threshold'"),
        ("Name [Unit], Threshold, Value, Evaluation Result\r\nA/B [mm], 1, 1, Pass\r\n", "another order"),
        (HEAD.replace(",", ";") + "A/B [mm]; 1; 1; Pass\r\n", "other columns"),
        (HEAD + "A/B [mm], , 0.5, Pass\r\n", "line 2: A/B has no value"),
        (HEAD + "A/B [mm], NaN, 0.5, Fail\r\n", "'NaN' for value, which is no number"),
        (HEAD + "A/B [mm], \u0660.30, 0.5, Pass\r\n", "'\u0660.30' for value, which is no number"),
        (HEAD + "A/B [mm], 1e999, 0.5, Fail\r\n", "'1e999' for value, which is no number"),
        (HEAD + "A/B [mm], 0.3, low, Pass\r\n", "'low' for threshold"),
        (HEAD + "A/B [mm], 0.3, 0.5,\r\n", "no evaluation result"),
        (HEAD + "A/B [mm], 0,3, 0,5, Pass\r\n", "6 values where 4 are expected"),
        (HEAD + "A/B [inch], 0.3, 0.5, Pass\r\n", "nobody knows the unit 'inch'"),
        (HEAD + "A/B, 0.3, 0.5, Pass\r\n", "no name with a unit"),
        (
            HEAD + GEOMETRY + "IsoCenterGroup/IsoCenterSize [mm], 0.31, 0.5, Pass\r\n",
            "line 6: IsoCenterGroup/IsoCenterSize stands there twice",
        ),
    ],
)
def test_what_is_not_as_known_is_refused_with_a_reason(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(MpcError) as said:
        mpc.read(folder(tmp_path, text))
    assert words in str(said.value)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MpcError, match="UTF-8"):
        mpc.read(folder(tmp_path, HEAD + GEOMETRY, encoding="cp1252"))


def test_a_file_whose_folder_does_not_say_of_which_machine_and_when_it_is_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MpcError, match="only that name says"):
        mpc.read(folder(tmp_path, name="monday"))
    with pytest.raises(MpcError, match="no date and time"):
        mpc.read(folder(tmp_path, name=NAME.replace("2025-07-06", "2025-13-06")))
    with pytest.raises(MpcError, match=r"there is no Results\.csv"):
        mpc.read(empty(tmp_path))


def test_the_time_is_the_clinics_clock(tmp_path: Path) -> None:
    """Berlin in July is two hours ahead of UTC; in the night when the clock went back 02:30 was there twice, in spring never."""
    (check,) = mpc.read(folder(tmp_path))
    assert mpc.taken(check, BERLIN.zone) == datetime(2025, 7, 6, 7, 59, 21, tzinfo=UTC)
    for name in ("2025-10-26-02-30-00", "2025-03-30-02-30-00"):
        (check,) = mpc.read(folder(tmp_path, name=NAME.replace("2025-07-06-09-59-21", name)))
        with pytest.raises(MpcError, match="the clock was changed"):
            mpc.taken(check, BERLIN.zone)
    (check,) = mpc.read(folder(tmp_path, name=NAME.replace("2025", "2999")))
    with pytest.raises(MpcError, match="still to come"):
        mpc.taken(check, BERLIN.zone)
    (check,) = mpc.read(folder(tmp_path, name=NAME.replace("2025-07-06", "0001-01-01")))
    with pytest.raises(MpcError, match="see to that machine's clock"):
        mpc.taken(check, BERLIN.zone)


def test_whose_it_is_is_said_by_the_serial_number(tmp_path: Path) -> None:
    (check,) = mpc.read(folder(tmp_path))
    assert (
        mpc.machine_of(check, BERLIN, "") == "Linac 1" == mpc.machine_of(check, BERLIN, "Linac 1") == mpc.machine_of(check, None, "Linac 1")
    )
    with pytest.raises(MpcError, match="that of Linac 1, and not of Linac 2"):
        mpc.machine_of(check, BERLIN, "Linac 2")
    with pytest.raises(MpcError, match="--machine"):
        mpc.machine_of(check, None, "")
    (other,) = mpc.read(folder(tmp_path, name=NAME.replace("SN1234", "SN1235")))
    with pytest.raises(MpcError, match="no machine of Clinic has the serial '1235'"):
        mpc.machine_of(other, BERLIN, "")
    with pytest.raises(MpcError, match="Linac 1 has the serials 1234, not '1235'"):
        mpc.machine_of(other, BERLIN, "Linac 1")


# The command


def imported(place: Path, database: Path, *more: str) -> tuple[int, str]:
    return run("import-mpc", str(place), "--by", "Ann Lee", "--database", str(database), *more)


def test_import_keeps_the_files_own_words_and_is_no_record(tmp_path: Path) -> None:
    status, said = imported(folder(tmp_path), tmp_path / "r.sqlite", "--machine", "Linac 1")
    assert status == 0, said
    theirs = "isocenter_size_gantry (IsoCenterGroup/IsoCenterSize), kv_isocenter_max_2d (IsoCenterGroup/IsoCenterKVOffset)"
    assert f"beside our trends: {theirs}; kept, beside nothing: 2 names" in said
    store = Store(tmp_path / "r.sqlite")
    (one,) = store.imported()
    assert (one.source, one.machine, one.serial, one.name, one.who, one.lines) == ("Varian MPC", "Linac 1", "1234", NAME, "Ann Lee", 4)
    assert one.clock == "2025-07-06T09:59:21"
    for name, unit, value, threshold, verdict in STATED:
        (line,) = store.opinions("Linac 1", "Varian MPC", name)
        assert (line.unit, line.value, line.threshold, line.verdict, line.of.number) == (unit, value, threshold, verdict, one.number)
    assert store.list() == ()
    assert store.machines() == ()
    assert store.verify().intact


def test_the_same_file_twice_is_refused_and_a_folder_takes_in_what_is_new(tmp_path: Path) -> None:
    first = folder(tmp_path / "tds")
    assert imported(first, tmp_path / "r.sqlite", "--machine", "Linac 1")[0] == 0
    status, said = imported(first, tmp_path / "r.sqlite", "--machine", "Linac 1")
    assert (status, "imported before" in said) == (2, True)
    later = NAME.replace("2025-07-06", "2025-07-07")
    folder(tmp_path / "tds", name=later)  # two digits of few numbers: another day's file can be the same to the byte
    status, said = imported(tmp_path / "tds", tmp_path / "r.sqlite", "--machine", "Linac 1")
    assert (status, "1 check of 2 imported before" in said) == (0, True)
    assert [one.name for one in Store(tmp_path / "r.sqlite").imported()] == [NAME, later]


def test_one_wrong_file_among_several_keeps_all_out(tmp_path: Path) -> None:
    folder(tmp_path / "tds")
    folder(tmp_path / "tds", HEAD + "A/B [mm], , 1, Pass\r\n", NAME.replace("07-06", "07-07"))
    status, said = imported(tmp_path / "tds", tmp_path / "r.sqlite", "--machine", "Linac 1")
    assert (status, "A/B has no value" in said) == (2, True)
    assert not (tmp_path / "r.sqlite").exists() or Store(tmp_path / "r.sqlite").imported() == ()


def test_other_content_under_the_same_name_and_another_machines_serial_are_refused(tmp_path: Path) -> None:
    place = folder(tmp_path)
    assert imported(place, tmp_path / "r.sqlite", "--machine", "Linac 1")[0] == 0
    (place / "Results.csv").write_text(HEAD + "A/B [mm], 0.1, 1, Pass\r\n", "utf-8")
    status, said = imported(place, tmp_path / "r.sqlite", "--machine", "Linac 1")
    assert (status, "another content under the same name" in said) == (2, True)
    other = folder(tmp_path, name=NAME.replace("07-06", "07-07"))
    status, said = imported(other, tmp_path / "r.sqlite", "--machine", "Linac 2")
    assert (status, "was imported as Linac 1 before" in said) == (2, True)
    assert len(Store(tmp_path / "r.sqlite").imported()) == 1


def test_names_that_nobody_knows_are_kept_and_said(tmp_path: Path) -> None:
    place = folder(tmp_path, HEAD + "IsoCenterGroup/IsoCentreSize [mm], 0.30, 0.5, Pass\r\n")
    status, said = imported(place, tmp_path / "r.sqlite", "--machine", "Linac 1")
    assert (status, "none: no name in it is comparable to a number of ours; kept, beside nothing: 1 name" in said) == (0, True)
    assert [one.value for one in Store(tmp_path / "r.sqlite").opinions("Linac 1", mpc.SOURCE, "IsoCenterGroup/IsoCentreSize")] == ["0.30"]


@pytest.mark.parametrize(("who", "words"), [("  ", "say who imports it"), ("Ann Lee; Bob Kay", "several persons")])
def test_one_person_imports(tmp_path: Path, who: str, words: str) -> None:
    status, said = run("import-mpc", str(folder(tmp_path)), "--by", who, "--machine", "L", "--database", str(tmp_path / "r.sqlite"))
    assert (status, words in said) == (2, True)


def test_all_of_several_files_or_none_is_stored(tmp_path: Path) -> None:
    store, line = Store(tmp_path / "r.sqlite"), {"name": "A", "unit": "mm", "value": "1", "threshold": "", "verdict": "Pass"}
    said = {
        "source": "X",
        "machine": "L",
        "serial": "1",
        "name": "n",
        "template": "",
        "clock": "c",
        "zone": "z",
        "sha256": "s",
        "who": "Ann",
    }
    with pytest.raises(RecordError, match="the same file"):
        store.take_in([(said, datetime(2025, 1, 1, tzinfo=UTC), [line])] * 2)
    assert store.imported() == ()
    assert store.verify().links == 0


def test_checks_of_two_serial_numbers_are_one_machines_only_by_the_site_file(tmp_path: Path) -> None:
    """A folder of all machines' checks, and --machine for all of them."""
    first, other = folder(tmp_path / "tds"), folder(tmp_path / "tds", name=NAME.replace("SN1234", "SN1235"))
    status, said = imported(tmp_path / "tds", tmp_path / "r.sqlite", "--machine", "Linac 1")
    assert (status, "the serial numbers 1234, 1235 would all be of Linac 1" in said) == (2, True), said
    assert Store(tmp_path / "r.sqlite").imported() == ()
    assert imported(first, tmp_path / "r.sqlite", "--machine", "Linac 1")[0] == 0
    assert imported(other, tmp_path / "r.sqlite", "--machine", "Linac 1")[0] == 2
    of_site = 'name = "C"\ntime_zone = "UTC"\n[[machine]]\nname = "Linac 1"\nserials = ["1234", "1235"]\n'
    (tmp_path / "site.toml").write_text(of_site, "utf-8")
    status, said = imported(tmp_path / "tds", tmp_path / "r.sqlite", "--site", str(tmp_path / "site.toml"))
    assert (status, "1 check of 2 imported before" in said) == (0, True), said
    assert [one.serial for one in Store(tmp_path / "r.sqlite").imported("Linac 1")] == ["1234", "1235"]


def test_a_misspelt_machine_is_refused_where_records_are_of_another(tmp_path: Path) -> None:
    """An import stays where it is: nobody could move it."""
    store = Store(tmp_path / "r.sqlite")
    store.add(example(machine="Linac 1"))
    status, said = imported(folder(tmp_path), tmp_path / "r.sqlite", "--machine", "Linac1")
    assert (status, "no record is of a machine 'Linac1'; did you mean 'Linac 1'?" in said) == (2, True), said
    assert store.imported() == ()


# What lies beside what


def test_what_is_comparable_is_a_quantity_of_ours_in_the_same_unit_and_says_how_it_differs() -> None:
    ours = {one.key: one.unit for name in procedure.names() for one in procedure.load(name).quantities}
    assert [(one.quantity, one.unit) for one in opinions.comparable()] == [
        (one.quantity, ours[one.quantity]) for one in opinions.comparable()
    ]
    assert all(one.differs and one.source == mpc.SOURCE for one in opinions.comparable())
    assert len({one.name for one in opinions.comparable()}) == len(opinions.comparable())
