import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import event
from test_record import assert_same, example, records

from bench.records import with_import
from qa import accepted_baselines, tables
from qa.protocol import Baseline, Outcome
from qa.reading import Measured, NotMeasured, Quantity, RecordError
from qa.record import Basis, Input, Record, record_hash
from qa.store import Store, default_database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite"


BASELINE = Baseline("2b01", datetime(2024, 1, 31, 7, 0, tzinfo=UTC), "mm", 0.1 + 0.7, 1 / 3, (0.5, 1.1))


def held() -> Record:
    """A record that was judged against a baseline, and that may be accepted."""
    (judged,) = example().judgements
    of_parts = dataclasses.replace(judged, limit=dataclasses.replace(judged.limit, parts=("Teflon", "LDPE")), baseline=BASELINE)
    basis = Basis(("the phantom is past its last day",), ("couch readout to displacement",))
    return example(judgements=(judged, of_parts), comparisons=example().comparisons[:1], basis=basis)


def with_every_table(store: Store) -> Store:
    """A row in every table."""
    store.add(held())
    store.accept(held().record_id, "Zoë")
    store.sign(held().record_id, "Ann", "physicist", "reviewed")
    store.put_down("service", "LINAC-B", "", date(2024, 1, 3), "Ann", "panel replaced")
    with_import(store)
    with store._transaction(writing=True) as connection:
        accepted_baselines.add(connection, [held()], ["seal"], "Zoë", "yearly", "a ball")
    return store


@pytest.fixture
def filled(path: Path) -> Path:
    """A database with a row in every table."""
    with_every_table(Store(path))
    return path


@pytest.fixture
def raw(filled: Path) -> Iterator[sqlite3.Connection]:
    """The database without us in between, as any other program can open it."""
    connection = sqlite3.connect(filled)
    yield connection
    connection.close()


def test_what_goes_in_comes_out(path: Path) -> None:
    Store(path).add(example())
    assert_same(Store(path).get(example().record_id), example())


def test_baseline_that_a_record_was_judged_against_comes_out_as_it_went_in(filled: Path) -> None:
    assert_same(Store(filled).get(held().record_id), held())
    assert [judged.baseline for judged in Store(filled).get(held().record_id).judgements] == [None, BASELINE]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=records)
def test_any_record_comes_out_as_it_went_in(tmp_path: Path, record: Record) -> None:
    store = Store(tmp_path / "records.sqlite")  # one file for all, as in life
    record = dataclasses.replace(record, record_id=str(uuid.uuid4()))
    store.add(record)
    assert_same(store.get(record.record_id), record)


def test_record_with_a_file_name_of_an_old_disk_is_stored(path: Path) -> None:
    record = example(inputs=(Input("Bild-\udce4.dcm", "", "", True),))
    Store(path).add(record)
    assert Store(path).get(record.record_id).inputs[0].name == "Bild-\\udce4.dcm"


def test_record_is_found_by_the_start_of_its_id(path: Path) -> None:
    store = Store(path)
    for record_id in ("aa11-x", "aa12-x", "aa12-x-2", "bb%_-x"):
        store.add(example(record_id=record_id))
    assert store.get("AA11").record_id == "aa11-x"
    assert store.get("aa12-x").record_id == "aa12-x"  # whole, though another one starts so
    assert store.get("bb%").record_id == "bb%_-x"
    for start, expected in (("aa1", "several records start with"), ("%", "no record '%'"), ("", "no record ''"), ("zz", "no record 'zz'")):
        with pytest.raises(RecordError, match=expected):
            store.get(start)


def test_list_has_the_newest_first_with_the_worst_outcome(path: Path) -> None:
    store = Store(path)
    failed = dataclasses.replace(example().judgements[0], outcome=Outcome.FAIL)
    store.add(example(record_id="old", analysed=datetime(2024, 1, 1, tzinfo=UTC), judgements=(*example().judgements, failed)))
    store.add(example(record_id="new", analysed=datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC), acquired=None))
    new, old = store.list()
    assert (new.record_id, new.acquired, new.machine) == ("new", None, "LINAC-B")
    assert new.verdicts == {"srs": Outcome.NOT_MEASURED, "sbrt": Outcome.NOT_MEASURED}
    assert old.verdicts == {"srs": Outcome.FAIL, "sbrt": Outcome.FAIL}
    assert [summary.record_id for summary in store.list(1)] == ["new"]


def test_record_is_stored_once(filled: Path) -> None:
    with pytest.raises(RecordError, match="stored already"):
        Store(filled).add(example(machine="another"))
    assert Store(filled).get(example().record_id).machine == "LINAC-B"


def test_record_that_cannot_be_stored_leaves_nothing(filled: Path) -> None:
    with pytest.raises(RecordError, match="finite"):
        Store(filled).add(example(record_id="bad", coverage_factor=float("inf")))
    assert len(Store(filled).list()) == 1


# Append-only, against any other program.


@pytest.mark.parametrize("table", [table.name for table in tables.metadata.sorted_tables])
def test_no_row_can_be_changed_deleted_or_replaced(raw: sqlite3.Connection, table: str) -> None:
    before = raw.execute(f"SELECT * FROM {table}").fetchall()
    assert before
    column = raw.execute(f"PRAGMA table_info({table})").fetchone()[1]
    for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(statement)
    with pytest.raises(sqlite3.IntegrityError, match="closed"):
        raw.execute(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(before[0]))})", before[0])
    assert raw.execute(f"SELECT * FROM {table}").fetchall() == before


def test_no_row_can_be_added_to_a_stored_record(raw: sqlite3.Connection) -> None:
    row = list(raw.execute("SELECT * FROM reading WHERE idx = 0").fetchone())
    row[1] = 99
    with pytest.raises(sqlite3.IntegrityError, match="closed"):
        raw.execute(f"INSERT INTO reading VALUES ({', '.join('?' * len(row))})", row)


def test_record_changed_by_force_is_refused(raw: sqlite3.Connection, filled: Path) -> None:
    raw.execute("DROP TRIGGER reading_no_update")
    raw.execute("UPDATE reading SET value = 0.01 WHERE idx = 0")
    raw.commit()
    with pytest.raises(RecordError, match="changed after it was stored"):
        Store(filled).get(example().record_id)


@pytest.mark.parametrize(
    ("value", "u", "reason", "accepted"),
    [
        (0.3, 0.1, None, True),
        (None, None, "no ball", True),
        (0.3, None, None, False),
        (0.3, 0.0, None, False),
        (0.3, -0.1, None, False),
        (0.3, 0.1, "no ball", False),
        (0.3, None, "no ball", False),
        (None, 0.1, None, False),
        (None, 0.1, "no ball", False),
        (None, None, None, False),
        (None, None, " ", False),
        (float("inf"), 0.1, None, False),
        (0.3, float("inf"), None, False),
        ("0.3 mm", 0.1, None, False),
        (0.3, "small", None, False),
    ],
)
def test_reading_is_a_value_with_u_or_a_reason(raw: sqlite3.Connection, value: object, u: object, reason: object, accepted: bool) -> None:
    statement = (
        "INSERT INTO reading (record_id, idx, procedure, quantity, unit, meaning, source, at, value, u, reason) "
        "VALUES ('raw', 0, 'p', 'q', 'mm', '', '', '{}', ?, ?, ?)"
    )
    if accepted:
        raw.execute(statement, (value, u, reason))
    else:
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            raw.execute(statement, (value, u, reason))


@pytest.mark.parametrize(("reading", "tolerance"), [(-1, 1.0), (0, None)])
def test_pass_without_a_reading_or_a_tolerance_cannot_be_written(raw: sqlite3.Connection, reading: int, tolerance: float | None) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        raw.execute(
            "INSERT INTO judgement VALUES "
            "('raw', 0, ?, 'PASS', '', 'l', 'p', 'q', 'mm', ?, NULL, 'absolute', '[]', 'daily', 's', 1, '[]', '', '[]')",
            (reading, tolerance),
        )


def test_sqlite_is_durable_and_strict(path: Path) -> None:
    with Store(path)._transaction() as connection:
        pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}  # 2 is FULL


def test_postgresql_gets_the_same_guards() -> None:
    statements = tables.triggers("postgresql")
    for table in tables.metadata.sorted_tables:
        assert any(f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} " in s and "igrtqa_changed" in s for s in statements)
        closed = any(f"BEFORE INSERT ON {table.name} " in s and "igrtqa_closed" in s for s in statements)
        later = ("schema_version", "acceptance", "sign_off", "event", "accepted_baseline", "imported", "link")  # under a key of its own
        assert closed or table.name in later


# Acceptance.


def test_acceptance_says_who_what_and_when_and_any_number_of_them_stay(path: Path) -> None:
    store, before = Store(path), datetime.now(UTC)
    assert store.accepted() == ()
    for record_id, machine in (("a", "LINAC-B"), ("b", "LINAC-B"), ("c", "LINAC-C")):
        store.add(dataclasses.replace(held(), record_id=record_id, machine=machine))
    first = store.accept("b", " Zoë ", " after repair ")
    store.accept("a", "Ann")
    store.accept("b", "Ann")
    store.accept("c", "Ann")
    assert (first.who, first.comment, first.record.record_id, first.record.machine) == ("Zoë", "after repair", "b", "LINAC-B")
    assert first.record_hash == record_hash(store.get("b"))
    assert before <= first.accepted <= datetime.now(UTC)
    assert first.record.taken == held().acquired
    assert [(one.record.record_id, one.who) for one in store.accepted()] == [("b", "Zoë"), ("a", "Ann"), ("b", "Ann"), ("c", "Ann")]
    assert [one.record.record_id for one in store.accepted("LINAC-B", ["winston_lutz"])] == ["b", "a", "b"]
    assert store.accepted("LINAC-B", ["other"]) == store.accepted("LINAC-D") == ()


def test_what_is_no_good_cannot_be_accepted(path: Path) -> None:
    store = Store(path)
    (judged,) = example().judgements
    nothing = tuple(reading for reading in held().readings if isinstance(reading, NotMeasured))
    bad = {
        "failed": held_with(judgements=(dataclasses.replace(judged, outcome=Outcome.FAIL),)),
        "doubted": held_with(judgements=(dataclasses.replace(judged, outcome=Outcome.DISAGREEMENT),)),
        "apart": held_with(comparisons=example().comparisons, judgements=()),
        "empty": held_with(readings=nothing, judgements=()),
    }
    for record_id, record in bad.items():
        store.add(dataclasses.replace(record, record_id=record_id))
    store.add(held())
    said = {
        "failed": "a limit failed in it",
        "doubted": "two engines disagree",
        "apart": "two engines disagree",
        "empty": "nothing was measured",
    }
    for record_id, words in said.items():
        with pytest.raises(RecordError, match=f"record {record_id} cannot be accepted: {words}"):
            store.accept(record_id, "Zoë")
    with pytest.raises(RecordError, match="say who accepts it"):
        store.accept(held().record_id, "  ")
    with pytest.raises(RecordError, match="there is no record 'x'"):
        store.accept("x", "Zoë")
    assert store.accepted() == ()


def held_with(**changes: Any) -> Record:
    return dataclasses.replace(held(), **changes)


def test_an_answer_passes_without_a_number_and_nothing_else_does(path: Path) -> None:
    (judged,) = example().judgements
    question = dataclasses.replace(judged.limit, kind="functional", tolerance=None, action=None, unit="")
    answered = dataclasses.replace(judged, limit=question, reading=-1, outcome=Outcome.PASS, reason="Yes.", baseline=None)
    Store(path).add(example(judgements=(answered,)))
    assert_same(Store(path).get(example().record_id), example(judgements=(answered,)))
    number = dataclasses.replace(answered, limit=dataclasses.replace(question, kind="absolute"))
    with pytest.raises(RecordError, match="pass_needs_reading_and_tolerance"):
        Store(path).add(example(record_id="new", judgements=(number,)))


def test_acceptance_of_a_record_that_is_not_there_or_of_nobody_cannot_be_written(raw: sqlite3.Connection) -> None:
    raw.execute("PRAGMA foreign_keys = ON")
    raw.execute("INSERT INTO acceptance VALUES ('raw', 0, 'hash', 'Eve', '2024-01-01T00:00:00.000000+00:00', '')")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):  # checked at the end of the transaction
        raw.commit()
    raw.rollback()
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        raw.execute(f"INSERT INTO acceptance VALUES ('{held().record_id}', 1, 'hash', ' ', '2024-01-01T00:00:00.000000+00:00', '')")


def test_the_newest_record_with_a_number_is_found_accepted_or_not(path: Path) -> None:
    store = Store(path)
    nothing = tuple(reading for reading in held().readings if isinstance(reading, NotMeasured))
    late, later = datetime(2024, 3, 31, 7, 30, tzinfo=UTC), datetime(2024, 4, 30, tzinfo=UTC)
    store.add(held_with(record_id="old", analysed=later))  # analysed last, taken first
    store.add(held_with(record_id="new", acquired=late))
    store.add(held_with(record_id="empty", acquired=later, readings=nothing, judgements=()))
    store.add(held_with(record_id="other", acquired=later, machine="LINAC-C"))
    newest = store.newest("LINAC-B", ["winston_lutz", "other"])
    assert newest is not None
    assert (newest.record_id, newest.taken) == ("new", late)
    assert store.newest("LINAC-B", ["other"]) is None


# A database of an older version.

OLD = {1: (), 2: example().comparisons, 3: example().comparisons, 4: example().comparisons}  # those of its record: version 1 knew none
MORE = {4: ["held"]}  # records beside it, which are accepted


@pytest.fixture(params=OLD)
def version(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@pytest.fixture
def old(path: Path, version: int) -> Path:
    """A database as that version of this program left it, with one record or two."""
    connection = sqlite3.connect(path)
    connection.executescript(dump(version))
    connection.close()
    return path


def dump(version: int) -> str:
    return (Path(__file__).parent / f"records_version_{version}.sql").read_text("utf-8")


def test_old_database_opens_and_is_left_as_it_is(old: Path, version: int) -> None:
    as_stored = example(comparisons=OLD[version])
    assert_same(Store(old).get(example().record_id), as_stored)
    assert {summary.record_id for summary in Store(old).list()} == {example().record_id, *MORE.get(version, [])}
    assert [one.record.record_id for one in Store(old).accepted()] == MORE.get(version, [])
    assert Store(old).newest("LINAC-B", ["winston_lutz"]) is not None
    assert_same(Store(f"sqlite:///file:{old}?mode=ro&uri=true").get("6f96"), as_stored)
    assert Store(old).standing("6f96").place is None
    with sqlite3.connect(old) as connection:
        assert "\n".join(connection.iterdump()) + "\n" == dump(version)


def test_old_database_takes_a_record_with_all_that_is_new(old: Path, version: int) -> None:
    apart = dataclasses.replace(held().judgements[1], outcome=Outcome.DISAGREEMENT)
    new = example(record_id="new", judgements=(apart,))
    Store(old).add(new)
    assert_same(Store(old).get("new"), new)
    assert_same(Store(old).get("6f96"), example(comparisons=OLD[version]))
    assert {s.record_id: s.verdicts["srs"] for s in Store(old).list()} == {
        "new": Outcome.DISAGREEMENT,
        **{record_id: Outcome.NOT_MEASURED for record_id in (example().record_id, *MORE.get(version, []))},
    }


def test_record_of_the_first_version_can_be_accepted(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(dump(1))
    assert Store(path).accept("6f96", "Zoë").record_hash == record_hash(example(comparisons=()))
    assert [one.who for one in Store(path).accepted("LINAC-B")] == ["Zoë"]


def test_old_database_is_as_well_guarded_as_a_new_one(old: Path, tmp_path: Path) -> None:
    def schema(place: Path) -> set[tuple[str, str]]:
        with sqlite3.connect(place) as connection:
            rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        return {(name, " ".join(sql.replace('"', "").split())) for name, sql in rows}

    Store(old).add(example(record_id="new"))
    Store(tmp_path / "fresh.sqlite").add(example())
    assert schema(old) == schema(tmp_path / "fresh.sqlite")


def test_old_database_that_cannot_be_widened_stays_whole(old: Path, version: int) -> None:
    store = Store(old)

    def fail(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("CREATE TRIGGER"):  # among the last of it
            raise sqlite3.OperationalError("power gone")

    event.listen(store._engine, "before_cursor_execute", fail)
    with pytest.raises(RecordError, match="power gone"):
        store.add(example(record_id="new"))
    with sqlite3.connect(old) as connection:
        assert "\n".join(connection.iterdump()) + "\n" == dump(version)


# A process that dies.


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_record_is_whole_or_absent_after_kill_9(tmp_path: Path) -> None:
    # One process per point of the transaction: killed before each of its statements, before its commit, and right after it.
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from sqlalchemy import event
from test_record import example
from qa.store import Store
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
def one(point, path):
    store, seen = Store(path), []
    store.add(example(record_id="before"))
    def count(*_):
        seen.append(1)
        if len(seen) == point: die()
    event.listen(store._engine, "before_cursor_execute", count)
    if point == 0: event.listen(store._engine, "commit", die)
    store.add(example())
    die()
for point in range(14):
    child = os.fork()
    if child == 0: one(point, os.path.join({str(tmp_path)!r}, f"{{point}}.sqlite"))
    print(os.WTERMSIG(os.waitpid(child, 0)[1]))
"""
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert ended == [str(int(signal.SIGKILL))] * 14
    counts = []
    for point in range(14):
        store = Store(tmp_path / f"{point}.sqlite")
        found = {summary.record_id for summary in store.list()}
        for record_id in found:
            assert_same(store.get(record_id), example(record_id=record_id))
        if example().record_id not in found:
            with store._transaction() as connection:
                left = [
                    connection.exec_driver_sql(f"SELECT count(*) FROM {t} WHERE record_id <> 'before'").scalar()
                    for t in ("reading", "input")
                ]
            assert left == [0, 0]
            store.add(example())  # and it can be stored afterwards
        counts.append(len(found))
    assert counts[0] == 1  # killed before the commit: gone
    assert counts[-1] == 2  # killed after it: there
    assert set(counts) == {1, 2}


# What a person is told.


def test_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "plan.txt"
    text.write_text("not a database " * 100)
    with pytest.raises(RecordError, match=r"plan.txt: this file is not a database of records"):
        Store(text)
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE patients (name TEXT)")
    connection.close()
    with pytest.raises(RecordError, match="belongs to something else"):
        Store(other)
    with pytest.raises(RecordError, match="cannot be opened"):
        Store(tmp_path)


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="the folder cannot be created"):
        Store(tmp_path / "file" / "records.sqlite")


def test_read_only_database_is_read_but_not_written(filled: Path) -> None:
    store = Store(f"sqlite:///file:{filled}?mode=ro&uri=true")
    assert store.get(example().record_id).machine == "LINAC-B"
    with pytest.raises(RecordError, match="read-only"):
        store.add(example(record_id="another"))


def test_full_disk_stores_nothing_and_says_so(filled: Path) -> None:
    store = Store(filled)
    event.listen(store._engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 1").close())
    table = example().evidence[-1]
    large = dataclasses.replace(table, title="x", note=os.urandom(200_000).hex())
    with pytest.raises(RecordError, match="the disk is full; nothing was stored"):
        store.add(example(record_id="large", evidence=(large,)))
    assert [summary.record_id for summary in Store(filled).list()] == [example().record_id]


@pytest.mark.parametrize(
    "write",
    [
        lambda store, text: store.accept(example().record_id, "Zoë", text),
        lambda store, text: store.sign(example().record_id, "Ann", "physicist", "approved", text),
        lambda store, text: store.put_down("action", "", example().record_id, date(2024, 1, 4), "Ann", text),
    ],
)
def test_full_disk_loses_no_word_that_was_stored_and_says_so(filled: Path, write: Callable[[Store, str], object]) -> None:
    before = Store(filled).verify()
    store = Store(filled)
    event.listen(store._engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 1").close())
    with pytest.raises(RecordError, match="the disk is full; nothing was stored, make room and repeat"):
        write(store, "x" * 100_000)
    assert Store(filled).verify() == before
    assert before.intact
    write(Store(filled), "there is room again")
    assert Store(filled).verify().links == before.links + 1


def test_full_disk_while_an_older_database_is_widened_leaves_it_as_it_was(old: Path, version: int) -> None:
    store = Store(old)
    event.listen(store._engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 1").close())
    with pytest.raises(RecordError, match="the disk is full; nothing was stored"):
        store.add(example(record_id="new"))
    with sqlite3.connect(old) as connection:
        assert "\n".join(connection.iterdump()) + "\n" == dump(version)


def test_database_held_by_another_program_is_named(filled: Path, raw: sqlite3.Connection) -> None:
    store = Store(filled)
    event.listen(store._engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 1").close())
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(RecordError, match="another program holds the file"):
        store.add(example(record_id="another"))
    assert store.get(example().record_id).machine == "LINAC-B"  # reading goes on meanwhile


def test_records_of_a_newer_version_are_not_touched(filled: Path, raw: sqlite3.Connection) -> None:
    raw.execute("INSERT INTO schema_version VALUES (?)", (tables.SCHEMA_VERSION + 1,))
    raw.commit()
    with pytest.raises(RecordError, match="update the program"):
        Store(filled)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://host/name", "append-only cannot be enforced here"),
        ("sqlite://", "in memory keeps nothing"),
        ("://", "name is not valid"),
        ("~no_such_user_here/records.sqlite", "name is not valid"),
        ("a\0b/records.sqlite", "the folder cannot be created"),
        ("nonsense://", "append-only cannot be enforced here"),
        ("postgresql+no_such_driver://user:secret@host/name", "driver cannot be loaded"),
    ],
)
def test_database_that_cannot_keep_records_is_refused(url: str, expected: str) -> None:
    with pytest.raises(RecordError, match=expected) as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_default_database_is_named_by_the_environment_else_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IGRTQA_DATABASE", str(tmp_path / "deep" / "own.sqlite"))
    Store().add(example())
    assert (tmp_path / "deep" / "own.sqlite").exists()
    monkeypatch.delenv("IGRTQA_DATABASE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_database() == str(tmp_path / "data" / "igrtqa" / "records.sqlite")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert default_database() == str(tmp_path / "local" / "igrtqa" / "records.sqlite")


def test_interval_and_exact_floats_are_stored_as_numbers(path: Path) -> None:
    reading = Measured(Quantity("q", "mm", "", ""), 5e-324, 1.7976931348623157e299, interval=(-0.1, 0.30000000000000004))
    store = Store(path)
    store.add(example(readings=(reading,), judgements=()))
    assert store.get(example().record_id).readings == (reading,)


# Work that does not grow with what is not asked for


def steps(store: Store, ask: Callable[[Store], object]) -> int:
    """How much SQLite does to answer, in steps of its virtual machine."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    def watch(connection: sqlite3.Connection, _: object) -> None:
        connection.set_progress_handler(step, 1)

    event.listen(store._engine, "connect", watch)
    ask(store)
    event.remove(store._engine, "connect", watch)
    return count


def taken_in(store: Store, machine: str, serial: str, lines: int, name: str = "N" * 20) -> None:
    said = {"source": "Another", "machine": machine, "serial": serial, "name": f"check of {machine}, {serial}", "template": "daily"}
    said |= {"clock": "2026-01-05T07:10:30", "zone": "UTC", "sha256": serial.zfill(64), "who": "Ann"}
    line = {"unit": "mm", "value": "0.30", "threshold": "0.5", "verdict": "Pass"}
    store.take_in([(said, datetime(2026, 1, 5, 7, 10, 30, tzinfo=UTC), [{**line, "name": f"{name}/{k}"} for k in range(lines)])])


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.get(held().record_id),
        lambda store: store.contradicted(store.standing(held().record_id)),
        lambda store: store.imported("LINAC-B"),
    ],
    ids=["a record by its whole id", "a report held against the store", "what was taken in of a machine"],
)
def test_an_answer_of_one_record_or_machine_does_not_read_the_others(path: Path, ask: Callable[[Store], object]) -> None:
    """40 other records, each signed, and another machine's import of 2000 lines: a look at each would take at least a step."""
    store = Store(path)
    store.add(held())
    store.sign(held().record_id, "Ann", "physicist", "reviewed")
    taken_in(store, "LINAC-B", "1", 2)
    alone = steps(store, ask)
    for number in range(40):
        store.add(dataclasses.replace(held(), record_id=f"another-{number}"))
        store.sign(f"another-{number}", "Ann", "physicist", "reviewed")
    taken_in(store, "LINAC-C", "2", 2000)
    assert alone > 20
    assert steps(store, ask) < alone + 40


def test_verifying_holds_the_lines_of_one_import_at_a_time(path: Path) -> None:
    """40 imports of 100 lines with 4 kB of text each, 16 MB; no more than a few of them are in memory at once."""
    store = Store(path)
    for number in range(40):
        taken_in(store, "LINAC-B", str(number), 100, "N" * 4000)
    tracemalloc.start()
    found = store.verify()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.imported, found.faults) == (40, [])
    assert peak < 8_000_000
