"""Sign-offs and the chain: what is changed, removed, moved or put in by force is found, and what was stored is not lost."""

import dataclasses
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event
from test_record import example
from test_store import OLD, dump

from bench.drawn_records import drawn
from bench.killing import killed
from bench.records import filled, unfound, with_events, with_import
from bench.tampering import damage, forced
from qa import chain, tables
from qa.names import same_person, several
from qa.reading import RecordError
from qa.store import Store
from qa.verification import Fault


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three records with two events each, so links 1 to 9."""
    return Path(str(filled(tmp_path_factory.mktemp("chain") / "records.sqlite", 7, 3).where))


@pytest.fixture
def store(tmp_path: Path, original: Path) -> Store:
    """A copy of its own for every test."""
    with sqlite3.connect(original) as source, sqlite3.connect(tmp_path / "records.sqlite") as target:
        source.backup(target)
    return Store(tmp_path / "records.sqlite")


@pytest.fixture
def force(store: Store) -> Iterator[sqlite3.Connection]:
    connection = forced(Path(str(store.where)))
    yield connection
    connection.close()


def first(store: Store) -> Fault:
    return store.verify().faults[0]


# What is found


def test_database_that_is_read_only_is_verified_and_not_signed(store: Store) -> None:
    reader = Store(f"sqlite:///file:{store.where}?mode=ro&uri=true")
    assert reader.verify().intact
    with pytest.raises(RecordError, match="read-only"):
        reader.sign("trial-0", "Ann", "physicist", "approved")


def test_store_as_it_was_written_is_intact(store: Store) -> None:
    found = store.verify()
    assert (found.records, found.events, found.links, found.adopted) == (3, 6, 9, 0)
    assert found.intact
    assert found.remarks == []
    assert store.standing("trial-2").end is not None
    assert (9, found.end) == dataclasses.astuple(store.standing("trial-2").end)  # type: ignore[arg-type]


def test_every_change_of_one_byte_or_bit_is_found(tmp_path: Path) -> None:
    assert unfound(with_import(with_events(filled(tmp_path / "few.sqlite", 3, 2))), 1000, seed=11) == []


CHANGES = {
    "UPDATE reading SET value = 0.01 WHERE record_id = 'trial-1' AND idx = 0": (4, "record changed", "trial-1"),
    "UPDATE input SET used = 3 WHERE record_id = 'trial-1' AND idx = 1": (4, "record changed", "trial-1"),
    "UPDATE reading SET procedure = 'other' WHERE record_id = 'trial-1' AND idx = 0": (4, "record changed", "reading.procedure"),
    "DELETE FROM record WHERE record_id = 'trial-1'": (4, "record missing", "trial-1"),
    "UPDATE sign_off SET who = 'Other' WHERE record_id = 'trial-2'": (8, "event changed", "sign-off trial-2/0"),
    "UPDATE sign_off SET meaning = 'approved' WHERE record_id = 'trial-2'": (8, "event changed", "sign-off trial-2/0"),
    "UPDATE sign_off SET own_run = 1 WHERE record_id = 'trial-2'": (8, "event changed", "sign-off trial-2/0"),
    "UPDATE acceptance SET comment = 'x' WHERE record_id = 'trial-0'": (3, "event changed", "acceptance trial-0/0"),
    "DELETE FROM sign_off WHERE record_id = 'trial-2'": (8, "sign-off missing", "trial-2/0"),
    "DELETE FROM link WHERE number = 5": (5, "link missing", "link 6 comes"),
    "UPDATE link SET id = 'trial-9' WHERE number = 4": (4, "link changed", "trial-9"),
    "UPDATE link SET linked = '2020-01-01T00:00:00.000000+00:00' WHERE number = 4": (4, "link changed", "trial-1"),
    "DELETE FROM link WHERE number = 9": (None, "item without link", "acceptance trial-2/0"),
    "INSERT INTO sign_off VALUES ('trial-0', 1, 'h', 'Eve', 'physicist', 'approved', '2025-01-01T00:00:00.000000+00:00', '', 0)": (
        None,
        "item without link",
        "sign-off trial-0/1",
    ),
    "UPDATE link SET linked = '2024-01-01' WHERE number = 2": (2, "link changed", "its time has no zone"),
    "UPDATE link SET number = 'x' WHERE number = 9": (9, "link changed", "something else"),
    "INSERT INTO input VALUES ('nobody', 0, 'a', '', '', 1, '')": (None, "rows of no record", "1 in the table input"),
}


@pytest.mark.parametrize("statement", CHANGES)
def test_first_fault_says_which_link_is_broken_and_what_it_is(store: Store, force: sqlite3.Connection, statement: str) -> None:
    number, what, words = CHANGES[statement]
    assert force.execute(statement).rowcount == 1
    found = first(store)
    assert (found.number, found.what) == (number, what)
    assert words in found.words


@pytest.mark.parametrize(
    ("statement", "number", "what", "words"),
    [
        ("UPDATE event SET text = 'nothing' WHERE number = 1", 10, "event changed", "event 1 is not what was stored"),
        ("UPDATE event SET kind = 'back' WHERE number = 2", 11, "event changed", "event 2"),
        ("DELETE FROM event WHERE number = 2", 11, "event missing", "event 2"),
        ("DELETE FROM link WHERE number = 12", None, "item without link", "baseline 1"),
        ("UPDATE accepted_baseline SET records = '[]'", 12, "event changed", "baseline 1 is not what was stored"),
        ("INSERT INTO event VALUES (3, 'back', 'Linac 1', '', '2026-01-06', 'Eve', 'x', '2026')", None, "item without link", "event 3"),
    ],
)
def test_events_are_in_the_chain(
    store: Store, force: sqlite3.Connection, statement: str, number: int | None, what: str, words: str
) -> None:
    found = with_events(store).verify()
    assert (found.intact, found.events, found.links) == (True, 9, 12)
    assert force.execute(statement).rowcount == 1
    assert (first(store).number, first(store).what) == (number, what)
    assert words in first(store).words


@pytest.mark.parametrize(
    ("statement", "number", "what"),
    [
        ("UPDATE imported SET taken = '2026-01-05T06:10:30.000000+00:00'", 13, "import changed"),
        ("UPDATE opinion SET value = '0.31' WHERE idx = 0", 13, "import changed"),
        ("UPDATE opinion SET verdict = 'Fail' WHERE idx = 1", 13, "import changed"),
        ("DELETE FROM opinion WHERE idx = 1", 13, "import changed"),
        ("INSERT INTO opinion VALUES (1, 2, 'Group/New', 'mm', '0.1', '0.5', 'Pass')", 13, "import changed"),
        ("DELETE FROM imported", 13, "imported missing"),
        ("INSERT INTO opinion VALUES (2, 0, 'Group/New', 'mm', '0.1', '0.5', 'Pass')", None, "rows of no import"),
    ],
)
def test_imports_are_in_the_chain_with_every_line(
    store: Store, force: sqlite3.Connection, statement: str, number: int | None, what: str
) -> None:
    found = with_import(with_events(store)).verify()
    assert (found.intact, found.imported, found.links) == (True, 1, 13)
    assert force.execute(statement).rowcount == 1
    assert (first(store).number, first(store).what) == (number, what)


def test_links_that_changed_places_are_named_with_their_old_numbers(store: Store, force: sqlite3.Connection) -> None:
    force.execute("UPDATE link SET number = 99 WHERE number = 5")
    force.execute("UPDATE link SET number = 5 WHERE number = 6")
    force.execute("UPDATE link SET number = 6 WHERE number = 99")
    moved = [(fault.number, fault.what) for fault in store.verify().faults]
    assert moved[0] == (5, "link re-ordered")
    assert (6, "link re-ordered") in moved
    assert "it was link 6" in first(store).words


def test_link_that_was_forged_with_a_hash_of_its_own_breaks_the_one_after_it(store: Store, force: sqlite3.Connection) -> None:
    """Who knows how the hash is made can make one link fit what was changed; then the next does not follow it."""
    force.row_factory = sqlite3.Row
    force.execute("UPDATE sign_off SET who = 'Eve' WHERE record_id = 'trial-1'")
    event_row = dict(force.execute("SELECT * FROM sign_off WHERE record_id = 'trial-1'").fetchone())
    event_row["own_run"] = bool(event_row["own_run"])  # SQLite has no yes and no
    link = dict(force.execute("SELECT * FROM link WHERE number = 5").fetchone()) | {"content": chain.content_hash("sign-off", event_row)}
    force.execute("UPDATE link SET content = ?, hash = ? WHERE number = 5", (link["content"], chain.link_hash(link)))
    assert [(fault.number, fault.what) for fault in store.verify().faults] == [(6, "link re-ordered")]


@pytest.mark.parametrize("table", ["link", "reading", "sign_off"])
def test_table_that_is_gone_is_a_fault(store: Store, force: sqlite3.Connection, table: str) -> None:
    force.execute(f"DROP TABLE {table}")
    assert (first(store).what, table in first(store).words) == ("table missing", True)


def test_column_that_is_gone_is_a_fault_in_words(store: Store, force: sqlite3.Connection) -> None:
    force.execute("ALTER TABLE imported RENAME COLUMN zone TO other")
    said = [str(fault) for fault in store.verify().faults]
    assert any("the table imported cannot be read (no such column: zone)" in one for one in said)
    assert not any("SELECT" in one for one in said)


def test_guards_that_were_removed_are_mentioned_and_break_nothing(store: Store, force: sqlite3.Connection) -> None:
    found = store.verify()
    assert found.intact
    assert "guards against changes were removed" in found.remarks[0]


def test_damaged_file_is_found(tmp_path: Path) -> None:
    """A byte of the file itself, past SQL: of 60 drawn ones each is found, or every row is as it was. One of a record's text is found."""
    store, rng = filled(tmp_path / "file.sqlite", 5, 2), np.random.default_rng(5)
    path = Path(str(store.where))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        text = connection.execute("SELECT sha256 FROM input WHERE record_id = 'trial-1' AND idx = 0").fetchone()[0]
    whole, before = path.read_bytes(), rows(path)
    for number in range(60):
        place, content = damage(rng, whole)
        spoilt = tmp_path / f"{number}.sqlite"  # a file of its own, so that no journal of another lies beside it
        spoilt.write_bytes(content)
        try:
            intact = Store(spoilt).verify().intact
        except RecordError:
            intact = False
        assert not intact or rows(spoilt) == before, f"byte {place}"
    place = whole.index(text.encode()) + int(rng.integers(64))
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    assert (first(Store(path)).what, first(Store(path)).number) == ("record changed", 4)
    path.write_bytes(whole)
    assert Store(path).verify().intact


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that is stored in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables.metadata.tables}


# Clocks


def test_clock_that_was_set_back_is_said_and_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path / "records.sqlite", 7, 1)
    monkeypatch.setattr(chain, "clock", lambda: datetime.now(UTC) - timedelta(days=1))
    early = store.sign("trial-0", "Other", "physicist", "approved")
    monkeypatch.undo()
    assert early.signed < store.accepted()[0].accepted  # kept, though earlier
    assert [one.who for one in store.list()[0].signed] == ["Reviewer", "Other"]
    found = store.verify()
    assert found.intact
    assert [remark.split(" (")[0] for remark in found.remarks] == ["link 4 is earlier than the link before it"]


# Who may sign


@pytest.mark.parametrize("meaning", ["reviewed", "approved"])
@pytest.mark.parametrize("who", ["Zoë", "zoe", " Z O E ", "ZOË", "Zoe\u0308", "Zoë."])
def test_nobody_reviews_or_approves_what_they_performed(tmp_path: Path, who: str, meaning: str) -> None:
    store = Store(tmp_path / "records.sqlite")
    store.add(example())
    with pytest.raises(RecordError, match=f"Zoë performed it; it is {meaning} by another person"):
        store.sign("6f96", who, "physicist", meaning)
    assert store.standing("6f96").signatures == ()
    assert store.sign("6f96", who, "physicist", meaning, own_run=True).meaning == meaning  # where the site allows it
    assert store.verify().intact


@pytest.mark.parametrize(
    ("performers", "who", "same"),
    [
        ("Ann Lee", "LEE, Ann", True),
        ("Ann Lee, Bo Çelik", "bo celik", True),
        ("Ann Lee / Bo", "Bo", True),
        ("Ann Lee and Bo", "ann lee", True),
        ("Straße", "STRASSE", True),
        ("Ann Lee", "Ann Leeds", False),
        ("Ann", "Anna", False),
        ("", "Ann", False),
        ("Lee, Ann and Kay, Bob", "Lee, Ann", True),
        ("Lee, Ann; Kay, Bob", "Ann Lee", True),
        ("Lee, Ann; Kay, Bob", "Cy Day", False),
        ("Ann Lee", "Ann Lee, Bob Kay", True),
        ("Ann Lee", "Ann Lee, PhD", True),
        ("Ann Lee", "Dr. Ann Lee", True),
        ("Dr. Ann Lee", "Ann Lee, Ph.D.", True),
        ("Ann Lee (RTT)", "Ann Lee, physicist", True),
        ("Ann Lee | Bob Kay", "Ann Lee", True),
        ("Ann Lee - Bob Kay", "Kay, Bob M.", True),
        ("Ann and Bob Lee", "Ann Lee", True),
        ("Ann Lee y Bob Kay", "Ann Lee", True),
        ("Søren", "Soren", True),
        ("Łukasz", "Lukasz", True),
        ("Müller", "Mueller", True),
        ("Ann-Marie Lee", "Lee, Ann Marie", True),
        ("O'Brien, Ann", "Ann OBrien", True),
        ("Ann M. Lee", "Ann Lee", True),
        ("A. Lee", "Ann Lee", True),
        ("Ann", "Ann Lee", True),
        ("Lee, Ann", "Bob Lee", False),
        ("Jo Lee", "Joe Lee", False),
        ("Ann Lee", "Nan Lee", False),
        ("Dr. Lee", "Dr. Kay", False),
    ],
)
def test_names_are_folded(performers: str, who: str, same: bool) -> None:
    assert same_person(performers, who) is same


@pytest.mark.parametrize(
    "who", ["Bob Kay, Cy Day", "Bob Kay and Cy Day", "Bob; Cy", "Bob/Cy", "Bob & Cy", "Bob | Cy", "Bob - Cy", "A, B, C"]
)
def test_a_signer_is_one_person(tmp_path: Path, who: str) -> None:
    store = Store(tmp_path / "records.sqlite")
    store.add(example())
    for own_run in (False, True):
        with pytest.raises(RecordError, match="names several persons; each of them signs alone"):
            store.sign("6f96", who, "physicist", "approved", own_run=own_run)
    assert store.standing("6f96").signatures == ()


@pytest.mark.parametrize("who", ["Kay, Bob", "Dr. Bob Kay", "Bob Kay, PhD", "Kay-Lee, Bob", "Alessandra", "Ortega y Gasset, José"])
def test_one_person_is_one_person(who: str) -> None:
    assert not several(who)


def test_who_may_be_the_performer_is_told_how_to_be_told_apart(tmp_path: Path) -> None:
    store = Store(tmp_path / "records.sqlite")
    store.add(example(performer="Ann Lee"))
    with pytest.raises(RecordError, match="'Ann' may be one of them: another person signs with a name that has a word which theirs lacks"):
        store.sign("6f96", "Ann", "physicist", "approved")
    assert not store.sign("6f96", "Ann Day", "physicist", "approved").own_run


def test_review_of_an_own_run_says_that_it_is_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "records.sqlite")
    store.add(example())
    own = store.sign("6f96", "zoe", "physicist", "approved", own_run=True)
    other = store.sign("6f96", "Ann", "physicist", "approved", own_run=True)
    assert (own.own_run, other.own_run) == (True, False)
    assert [one.said for one in store.standing("6f96").signatures] == ["approved (own run)", "approved"]
    assert [one.said for one in store.list()[0].signed] == ["approved (own run)", "approved"]
    with pytest.raises(RecordError, match="Ann signed it as approved already"):  # else her approval would be of her own run unsaid
        store.sign("6f96", "Ann", "physicist", "performed", own_run=True)
    assert store.verify().intact


def test_own_run_of_nobody_is_not_reviewed_either(tmp_path: Path) -> None:
    store = Store(tmp_path / "records.sqlite")
    store.add(example(performer=""))
    with pytest.raises(RecordError, match="sign it first with --as performed"):
        store.sign("6f96", "Ann", "physicist", "approved", own_run=True)
    store.sign("6f96", "Ann", "physicist", "performed")
    assert store.sign("6f96", "Ann", "physicist", "approved", own_run=True).own_run


def test_who_signed_as_performer_counts_as_performer_and_overwrites_nobody(tmp_path: Path) -> None:
    store = Store(tmp_path / "records.sqlite")
    store.add(example())
    store.sign("6f96", "Ann", "therapist", "performed")
    with pytest.raises(RecordError, match="Ann performed it"):
        store.sign("6f96", "ann", "therapist", "reviewed")
    store.sign("6f96", "Bo", "physicist", "approved")
    with pytest.raises(RecordError, match="Bo signed it as approved already"):
        store.sign("6f96", "Bo", "physicist", "performed")
    store.sign("6f96", "Ann", "therapist", "rejected", "the ball was loose")  # doubt is always heard
    assert store.get("6f96").performer == "Zoë"
    said = [(one.meaning, one.who, one.role, one.comment) for one in store.standing("6f96").signatures]
    assert said == [
        ("performed", "Ann", "therapist", ""),
        ("approved", "Bo", "physicist", ""),
        ("rejected", "Ann", "therapist", "the ball was loose"),
    ]


def test_run_of_nobody_is_reviewed_only_after_its_performer_signed(tmp_path: Path) -> None:
    store = Store(tmp_path / "records.sqlite")
    store.add(example(performer=" "))
    with pytest.raises(RecordError, match="sign it first with --as performed"):
        store.sign("6f96", "Ann", "physicist", "approved")
    store.sign("6f96", "Zoë", "therapist", "performed")
    assert store.sign("6f96", "Ann", "physicist", "approved").idx == 1


@pytest.mark.parametrize(
    ("who", "role", "meaning", "why"),
    [
        (" ", "physicist", "reviewed", "say who signs it"),
        (" - ", "physicist", "reviewed", "say who signs it"),
        ("Ann", "", "reviewed", "say in which role"),
        ("Ann", "physicist", "accepted", "no meaning of a signature"),
    ],
)
def test_signature_without_name_role_or_meaning_is_refused(tmp_path: Path, who: str, role: str, meaning: str, why: str) -> None:
    store = Store(tmp_path / "records.sqlite")
    store.add(example())
    with pytest.raises(RecordError, match=why):
        store.sign("6f96", who, role, meaning)
    assert store.verify().links == 1


def test_record_changed_by_force_is_not_signed_even_when_its_own_hash_was_made_to_fit(store: Store, force: sqlite3.Connection) -> None:
    from qa.rows import from_rows, to_rows
    from qa.store_records import _select

    force.execute("UPDATE reading SET value = 0.01 WHERE record_id = 'trial-1' AND idx = 0")
    with pytest.raises(RecordError, match="changed after it was stored"):
        store.sign("trial-1", "Ann", "physicist", "approved")
    with store._transaction() as connection:
        rows = {table.name: _select(connection, table, "trial-1") for table in (tables.record, *tables.CHILDREN)}
    fitting = to_rows(from_rows(rows))["record"][0]["record_hash"]
    force.execute("UPDATE record SET record_hash = ? WHERE record_id = 'trial-1'", (fitting,))
    for doubtful in (store.get, lambda name: store.sign(name, "Ann", "physicist", "approved"), lambda name: store.accept(name, "Ann")):
        with pytest.raises(RecordError, match="changed after it was stored"):
            doubtful("trial-1")
    force.execute("DELETE FROM link WHERE number >= 7")
    with pytest.raises(RecordError, match="it has no link"):
        store.sign("trial-2", "Ann", "physicist", "approved")


# Older databases


@pytest.mark.parametrize("version", OLD)
def test_what_an_older_database_holds_is_adopted_at_the_next_write(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(dump(version))
    before = Store(path).verify()
    assert (before.chained, before.links, before.faults) == (False, 0, [])
    Store(path).add(example(record_id="new"))
    with sqlite3.connect(path) as connection:
        links = connection.execute("SELECT number, kind, id FROM link ORDER BY number").fetchall()
    adopted = [("adopted record", example().record_id)]
    adopted += [("adopted record", "held"), ("adopted acceptance", "held/0")] if version == 4 else []
    assert links == [(number, *item) for number, item in enumerate([*adopted, ("record", "new")], 1)]
    found = Store(path).verify()
    assert found.intact
    assert found.adopted == len(adopted)


def test_record_that_was_changed_before_it_was_adopted_is_found(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(dump(4))
        connection.execute("DROP TRIGGER reading_no_update")
        connection.execute("UPDATE reading SET value = 0.01 WHERE record_id = 'held' AND idx = 0")
    assert [fault.what for fault in Store(path).verify().faults] == ["record changed"]
    Store(path).add(example(record_id="new"))
    assert [(fault.number, fault.what) for fault in Store(path).verify().faults] == [(2, "record changed")]


def test_database_that_says_it_is_older_than_its_chain_is_found(store: Store, force: sqlite3.Connection) -> None:
    force.execute("UPDATE schema_version SET version = 4")
    assert "version changed" in [fault.what for fault in store.verify().faults]


# Writers that die


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_two_writers_that_are_killed_lose_nothing_and_do_not_fork_the_chain(tmp_path: Path) -> None:
    left = killed(tmp_path, 5, seed=3)
    assert left.said >= 5
    assert left.lost == ()
    assert left.verified.faults == []
    assert left.verified.records >= left.said
    with sqlite3.connect(tmp_path / "killed.sqlite") as connection:
        followed = connection.execute("SELECT count(*) FROM link AS one JOIN link AS other ON other.previous = one.hash").fetchone()[0]
    assert followed == left.verified.links - 1  # every link but the last is followed, each by one


def test_event_that_could_not_be_linked_is_not_stored(store: Store) -> None:
    def fail(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO link"):
            raise sqlite3.OperationalError("power gone")

    event.listen(store._engine, "before_cursor_execute", fail)
    for write in (
        lambda: store.sign("trial-0", "Ann", "physicist", "approved"),
        lambda: store.add(drawn(np.random.default_rng(1), "more")),
    ):
        with pytest.raises(RecordError, match="power gone"):
            write()
    assert Store(store.where).verify().intact
    assert Store(store.where).verify().links == 9
