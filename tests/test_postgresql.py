"""On PostgreSQL, on a server of the tests' own, the store keeps the promises that it keeps on SQLite."""

import dataclasses
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event
from test_record import assert_same, example
from test_store import held, with_every_table
from typer.testing import CliRunner

from bench.drawn_clinic import LAST, Clinic, fill
from bench.drawn_records import drawn
from bench.killing import killed
from bench.postgresql import Server
from bench.records import filled, with_events
from qa import due, site, tables, trend
from qa.cli import app
from qa.reading import Measured, Quantity, RecordError
from qa.store import Store

CLINIC = Clinic(machines=2, years=0.12, seed=5)


@pytest.fixture(scope="module")
def every_table(postgresql_server: Server) -> Iterator[str]:
    """The name of a database with a row in every table, to be copied."""
    store = with_every_table(Store(postgresql_server.empty("every table").render_as_string(hide_password=False)))
    store._engine.dispose()
    yield "every table"
    postgresql_server.drop("every table")


@pytest.fixture
def store(postgresql_server: Server, every_table: str) -> Iterator[Store]:
    """A row in every table, in a database of this test's own."""
    yield Store(postgresql_server.copied("trial", every_table).render_as_string(hide_password=False))
    postgresql_server.drop("trial")


def test_what_goes_in_comes_out(postgresql: str) -> None:
    exact = Measured(Quantity("q", "mm", "", ""), 5e-324, 1.7976931348623157e299, interval=(-0.1, 0.30000000000000004))
    Store(postgresql).add(held())
    Store(postgresql).add(example(record_id="exact", readings=(exact,), judgements=()))
    assert_same(Store(postgresql).get(held().record_id[:6]), held())
    assert Store(postgresql).get("exact").readings == (exact,)
    with pytest.raises(RecordError, match="stored already"):
        Store(postgresql).add(held())


@pytest.mark.parametrize("table", [table.name for table in tables.metadata.sorted_tables])
def test_no_row_can_be_changed_deleted_or_put_in_again(store: Store, table: str) -> None:
    with store._transaction() as connection:
        before = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
        (column, *_) = connection.exec_driver_sql(f"SELECT * FROM {table}").keys()
    assert before
    changes = (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE")
    for statement in (*changes, f"INSERT INTO {table} SELECT * FROM {table}"):
        with pytest.raises(RecordError, match=r"append-only|closed|duplicate key"), store._transaction(True) as connection:
            connection.exec_driver_sql(statement)
    with store._transaction() as connection:
        assert connection.exec_driver_sql(f"SELECT * FROM {table}").all() == before


@pytest.mark.parametrize(
    "values",
    ["1, NULL", "1, 0", "1, -1", "'NaN', 1", "1, 'NaN'", "'Infinity', 1", "1, 'Infinity'", "NULL, 1", "NULL, NULL"],
)
def test_reading_is_a_value_with_u_or_a_reason(store: Store, values: str) -> None:
    columns = "record_id, idx, procedure, quantity, unit, meaning, source, at, value, u"
    statement = f"INSERT INTO reading ({columns}) VALUES ('raw', 0, '', '', '', '', '', '{{}}', {values})"
    with pytest.raises(RecordError, match="value_with_u_or_reason"), store._transaction(True) as connection:
        connection.exec_driver_sql(statement)


def test_no_row_can_be_added_to_a_stored_record(store: Store) -> None:
    with pytest.raises(RecordError, match="closed"), store._transaction(True) as connection:
        connection.exec_driver_sql(f"INSERT INTO input VALUES ('{held().record_id}', 9, 'x', '', '', true, '')")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE reading SET value = value + 1e-9 WHERE idx = 0 AND record_id = 'trial-1'", (4, "record changed")),
        ("UPDATE sign_off SET meaning = 'approved' WHERE record_id = 'trial-1'", (5, "event changed")),
        ("UPDATE event SET text = 'nothing' WHERE number = 1", (10, "event changed")),
        ("DELETE FROM acceptance WHERE record_id = 'trial-2'", (9, "acceptance missing")),
        ("UPDATE link SET linked = '2020-01-01T00:00:00.000000+00:00' WHERE number = 3", (3, "link changed")),
        ("DELETE FROM link WHERE number = 3", (3, "link missing")),
    ],
)
def test_what_was_changed_by_force_is_found(postgresql: str, change: str, found: tuple[int, str]) -> None:
    store = with_events(filled(postgresql, 7, 3))  # links 1 to 9, and two events
    assert store.verify().intact
    with store._transaction(True) as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")  # no trigger runs
        assert connection.exec_driver_sql(change).rowcount == 1
    (first, *_) = store.verify().faults
    assert (first.number, first.what) == found


def test_the_same_records_give_the_same_answers_as_on_sqlite(postgresql: str, tmp_path: Path) -> None:
    """Trend, due list, lists of records, machines and quantities, and what verification counts."""
    site_file = tmp_path / "site.toml"
    site_file.write_text(CLINIC.site)
    clinic, answers = site.read(site_file), []
    for place in (str(tmp_path / "records.sqlite"), postgresql):
        store = Store(place, own_name=clinic.own_name)
        assert fill(store, CLINIC)[0] > 150
        newest = store.list(1)[0]
        store.sign(newest.record_id, "P. Physicist", "physicist", "rejected")
        store.put_down("not used", "Linac 1", "tg142_daily", LAST, "Ann", "no patients")
        last = store.last_days(LAST, clinic.zone, judged_by=due.protocols(clinic))
        found = store.verify()
        assert found.faults == []
        answers.append(
            (
                last,
                due.due(clinic, last, LAST, [dataclasses.replace(one, written=datetime(2026, 7, 1, tzinfo=UTC)) for one in store.events()]),
                trend.trend(store, "Linac 2", "daily_residual_distance").points,
                store.quantities("Linac 1"),
                store.machines(),
                [(one.record_id, one.verdicts) for one in store.list(40)],
                store.newest("Linac 1", ["winston_lutz"]),
                (found.records, found.links, found.events),
            )
        )
    assert answers[0] == answers[1]
    assert len(answers[0][2]) == len(CLINIC.days)


def test_the_commands_take_a_server(postgresql: str, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(CLINIC.site)
    fill(Store(postgresql), CLINIC)
    at = ["--database", postgresql, "--site", str(tmp_path / "site.toml")]
    shown = CliRunner().invoke(app, ["trend", "daily_coincidence", "--machine", "Linac 1", "--png", str(tmp_path / "t.png"), *at])
    assert shown.exit_code == 0, shown.output
    assert (tmp_path / "t.png").stat().st_size > 1000
    asked = CliRunner().invoke(app, ["service", "--machine", "Linac 1", "--because", "panel", "--by", "Ann Lee", *at])
    assert asked.exit_code == 0, asked.output
    listed = CliRunner().invoke(app, ["due", *at])
    assert "under service" in listed.output
    assert CliRunner().invoke(app, ["verify", *at[:2]]).exit_code == 0


def test_four_who_write_at_once_make_one_chain(postgresql: str) -> None:
    Store(postgresql)

    def write(number: int) -> None:
        for count in range(10):
            name, store = f"{number}-{count}", Store(postgresql)
            store.add(drawn(np.random.default_rng([number, count]), name))
            store.sign(name, "Reviewer", "physicist", "reviewed")
            store.accept(name, "Physicist")
            store.put_down("action", "", name, date(2026, 1, 5), "Physicist", "ball set up again")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = Store(postgresql).verify()
    assert (found.intact, found.links, found.faults) == (True, 160, [])


def test_a_first_database_is_made_once_by_several_at_once(postgresql: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Store(postgresql).list(), range(4)))
    assert Store(postgresql).list() == ()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_two_writers_that_are_killed_lose_nothing_and_do_not_fork_the_chain(postgresql: str, tmp_path: Path) -> None:
    left = killed(tmp_path, 5, seed=3, database=postgresql)
    assert left.said >= 5
    assert (left.lost, left.verified.faults) == ((), [])
    assert left.verified.records >= left.said


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("53100", "disk is full; nothing was stored"),
        ("25006", "read-only"),
        ("42501", "ask for permission"),
        ("57P01", "nothing was stored"),
    ],
)
def test_what_the_server_refuses_is_said_and_nothing_is_stored(store: Store, code: str, words: str) -> None:
    """The server's own errors, raised in the middle of a record."""
    statement = f"DO $$ BEGIN RAISE EXCEPTION 'the server says no' USING ERRCODE = '{code}'; END $$"

    def fail(connection: object, cursor: object, said: str, *_: object) -> None:
        if said.startswith("INSERT INTO judgement"):
            cursor.execute(statement)  # type: ignore[attr-defined]

    event.listen(store._engine, "before_cursor_execute", fail)
    with pytest.raises(RecordError, match=f"{words}.*the server says no"):
        store.add(example(record_id="more"))
    found = Store(store._url).verify()
    assert (found.intact, found.records) == (True, 1)


def test_a_trend_knows_nothing_of_what_is_stored_while_it_is_read(postgresql: str) -> None:
    store, other = Store(postgresql), Store(postgresql)
    store.add(example(record_id="first"))
    asked = store.get("first").machine, store.get("first").readings[0].quantity.key

    def meanwhile(connection: object, cursor: object, said: str, *_: object) -> None:
        if "FROM reading" in said and "reading.value" in said and len(other.list()) == 1:
            other.add(example(record_id="second"))

    event.listen(store._engine, "before_cursor_execute", meanwhile)
    assert {point.record_id for point in store.history(*asked)} == {"first"}
    assert {point.record_id for point in store.history(*asked)} == {"first", "second"}


def test_a_server_that_is_not_there_is_named(postgresql_server: Server, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"cannot be reached.*nothing was stored"):
        Store(Server(tmp_path).url("trial"))
    with pytest.raises(RecordError, match="no_such_database"):
        Store(postgresql_server.url("no_such_database"))
