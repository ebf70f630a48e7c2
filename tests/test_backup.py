"""A copy of the records: whole, of one moment, checked, and brought back only where there is nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from test_record import example
from typer.testing import CliRunner

from bench.tampering import forced
from qa import backup
from qa.cli import app
from qa.reading import RecordError
from qa.record import record_hash
from qa.store import Store


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    store = Store(tmp_path / "records.sqlite")
    for number in range(3):
        store.add(example(record_id=f"record-{number}"))
    return tmp_path / "records.sqlite"


def held(file: Path) -> list[str]:
    return sorted(one.record_id for one in Store(file).list())


def alike(one: Path, other: Path, name: str) -> bool:
    return record_hash(Store(one).get(name)) == record_hash(Store(other).get(name))


def test_a_copy_holds_what_there_is_and_comes_back(filled: Path, tmp_path: Path) -> None:
    copy, back = tmp_path / "copy.sqlite", tmp_path / "elsewhere" / "records.sqlite"
    told: list[tuple[int, int]] = []
    assert backup.backup(filled, copy, lambda done, total: told.append((done, total))).records == 3
    assert told[-1][0] == told[-1][1] > 0
    assert backup.restore(copy, back).records == 3
    assert held(back) == held(filled) == [f"record-{number}" for number in range(3)]
    assert alike(back, filled, "record-1")
    with closing(sqlite3.connect(back)) as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("DELETE FROM record")
    assert sorted(file.name for file in tmp_path.glob(".*")) == []


def test_a_copy_is_of_one_moment_while_others_write(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is stored between two steps of the copy is in it as a whole or not at all."""
    monkeypatch.setattr(backup, "PAGES", 2)
    store, stored = Store(filled), []

    def write(done: int, total: int) -> None:
        if len(stored) < 2:
            stored.append(store.add(example(record_id=f"late-{len(stored)}")))

    count = backup.backup(filled, tmp_path / "copy.sqlite", write).records
    assert len(stored) == 2
    names = held(tmp_path / "copy.sqlite")
    assert len(names) == count >= 3
    for name in names:
        assert alike(tmp_path / "copy.sqlite", filled, name)


def whole(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, to the byte."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@pytest.mark.parametrize("name", ["records#2.sqlite", "a%20b.sqlite", "100%.sqlite", "why?.sqlite", "why?mode=rwc&x.sqlite", "é ü.sqlite"])
def test_the_database_of_that_very_name_is_copied_and_no_other(tmp_path: Path, name: str) -> None:
    """# ? % mean something in the names that SQLite is given, e.g. records#2.sqlite would be the file "records"."""
    for other in ("records", "a b.sqlite", "why"):
        Store(tmp_path / other).add(example(record_id="another"))
    folder = tmp_path / name
    folder.mkdir()
    Store(folder / name).add(example())
    before = sorted(file.name for file in tmp_path.iterdir())
    assert backup.backup(folder / name, folder / f"copy of {name}").records == 1
    assert backup.restore(folder / f"copy of {name}", folder / f"back {name}").records == 1
    assert held(folder / f"back {name}") == [example().record_id]
    assert sorted(file.name for file in tmp_path.iterdir()) == before


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_was_stored_there_while_it_was_copied_stays(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    copy, back = tmp_path / "copy.sqlite", tmp_path / "back.sqlite"
    backup.backup(filled, copy)
    if not links:
        monkeypatch.setattr(backup.os, "link", no_links)

    def write(done: int, total: int) -> None:
        if not back.exists():
            Store(back).add(example(record_id="morning"))

    with pytest.raises(RecordError, match="there are records here already"):
        backup.restore(copy, back, write)
    assert held(back) == ["morning"]
    late = tmp_path / "late.sqlite"
    with pytest.raises(RecordError, match="there is such a file already"):
        backup.backup(filled, late, lambda done, total: late.write_bytes(b"mine") and None)
    assert late.read_bytes() == b"mine"
    assert sorted(file.name for file in tmp_path.glob(".*")) == []


def no_links(source: Path, target: Path) -> None:
    """As on a memory stick."""
    raise OSError(1, "Operation not permitted")


def test_a_copy_comes_back_on_a_disk_without_links(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup.os, "link", no_links)
    backup.backup(filled, tmp_path / "copy.sqlite")
    assert held(tmp_path / "copy.sqlite") == held(filled)


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize("end", backup.BESIDE)
@pytest.mark.parametrize("late", [False, True], ids=["before", "meanwhile"])
def test_no_copy_beside_what_would_be_taken_for_a_part_of_it(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, late: bool, links: bool
) -> None:
    """A -wal of another database is replayed into whatever has its name."""
    if not links:
        monkeypatch.setattr(backup.os, "link", no_links)
    stale = tmp_path / f"new.sqlite{end}"

    def leave(*_: int) -> None:
        stale.write_bytes(b"stale")

    if not late:
        leave()
    with pytest.raises(RecordError, match=rf"new\.sqlite{end}: there is such a file already"):
        backup.backup(filled, tmp_path / "new.sqlite", leave)
    assert not (tmp_path / "new.sqlite").exists()
    assert stale.read_bytes() == b"stale"


def test_what_is_restored_stays_as_it_is(filled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shelf"
    folder.mkdir()
    backup.backup(filled, folder / "copy.sqlite")
    before = whole(folder)
    folder.chmod(0o555)
    assert backup.restore(folder / "copy.sqlite", tmp_path / "back.sqlite").records == 3
    folder.chmod(0o755)
    assert whole(folder) == before


def test_copy_of_a_newer_version_is_refused_and_stays_as_it_is(filled: Path, tmp_path: Path) -> None:
    backup.backup(filled, tmp_path / "copy.sqlite")
    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as raw:
        raw.execute("INSERT INTO schema_version VALUES (99)")
        raw.commit()
    before = whole(tmp_path)
    with pytest.raises(RecordError, match="update the program"):
        backup.restore(tmp_path / "copy.sqlite", tmp_path / "back.sqlite")
    assert whole(tmp_path) == before


def test_a_copy_of_a_changed_record_is_kept_and_called_broken(filled: Path, tmp_path: Path) -> None:
    with closing(forced(filled)) as raw:
        raw.execute("UPDATE reading SET value = 0.01 WHERE record_id = 'record-1' AND idx = 0")
    ended = CliRunner().invoke(app, ["backup", str(tmp_path / "copy.sqlite"), "--database", str(filled)])
    assert ended.exit_code == 1
    assert "records: 3" in ended.output
    assert "BROKEN: link 2: record changed: record record-1" in ended.output
    assert alike(tmp_path / "copy.sqlite", filled, "record-2")
    ended = CliRunner().invoke(app, ["restore", str(tmp_path / "copy.sqlite"), "--database", str(tmp_path / "back.sqlite")])
    assert (ended.exit_code, "BROKEN: link 2" in ended.output) == (1, True)


@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal"])
def test_nothing_is_written_over(filled: Path, tmp_path: Path, beside: str) -> None:
    copy = tmp_path / "copy.sqlite"
    backup.backup(filled, copy)
    with pytest.raises(RecordError, match="there is such a file already"):
        backup.backup(filled, copy)
    there = tmp_path / f"there.sqlite{beside}"
    there.write_bytes(b"older")
    with pytest.raises(RecordError, match="there are records here already"):
        backup.restore(copy, tmp_path / "there.sqlite")
    assert there.read_bytes() == b"older"


def test_a_damaged_copy_is_not_brought_back(filled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    backup.backup(filled, copy)
    data = bytearray(copy.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    copy.write_bytes(data)
    with pytest.raises(RecordError, match=r"copy\.sqlite"):
        backup.restore(copy, tmp_path / "back.sqlite")
    assert not (tmp_path / "back.sqlite").exists()


def test_what_is_no_database_of_records_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "another")) as another:
        another.execute("CREATE TABLE photo (name TEXT)")
    for name, content in (("empty", b""), ("text", b"hello"), ("another", (tmp_path / "another").read_bytes())):
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(RecordError, match=f"{name}: this file is not a database of records; name another file"):
            backup.backup(file, tmp_path / "copy.sqlite")
        with pytest.raises(RecordError, match=f"{name}: this file is not a database of records; name another file"):
            backup.restore(file, tmp_path / "back.sqlite")
        assert file.read_bytes() == content
    with pytest.raises(RecordError, match="there are no records to copy"):
        backup.backup(tmp_path / "nothing.sqlite", tmp_path / "copy.sqlite")
    with pytest.raises(RecordError, match="pg_dump"):
        backup.backup("postgresql+psycopg://user@host/name", tmp_path / "copy.sqlite")
    assert not (tmp_path / "copy.sqlite").exists()


def test_the_command_line_says_how_many(filled: Path, tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["backup", str(tmp_path / "copy.sqlite"), "--database", str(filled)])
    assert (ended.exit_code, "records: 3" in ended.output) == (0, True)
    ended = CliRunner().invoke(app, ["restore", str(tmp_path / "copy.sqlite"), "--database", str(filled)])
    assert ended.exit_code == 2
    assert "nothing is written over" in ended.output
    ended = CliRunner().invoke(app, ["restore", str(tmp_path / "copy.sqlite"), "--database", str(tmp_path / "new.sqlite")])
    assert (ended.exit_code, "restored: 3 records" in ended.output) == (0, True)
    ended = CliRunner().invoke(app, ["backup", str(tmp_path / "nowhere" / "copy.sqlite"), "--database", str(filled)])
    assert ended.exit_code == 2
    assert "in no folder that there is" in ended.output


def test_a_copy_on_a_full_disk_leaves_nothing(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup.os, "fsync", full)
    with pytest.raises(RecordError, match="No space left on device; nothing was copied"):
        backup.backup(filled, tmp_path / "copy.sqlite")
    assert sorted(file.name for file in tmp_path.glob("*copy*")) == []
    assert held(filled) == [f"record-{number}" for number in range(3)]
