"""A copy of all records that can be taken while others write, and brought back into an empty place."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from qa import database
from qa.reading import RecordError
from qa.store import Store, default_database
from qa.verification import Verified

PAGES = 1000  # copied at a time, about 4 MB: others may write in between
BESIDE = ("-wal", "-shm", "-journal")  # what SQLite finds beside a file under its name it takes for a part of it
Tell = Callable[[int, int], None]


def backup(url: str | Path | None, target: Path, tell: Tell = lambda done, total: None) -> Verified:
    """Copies the database into a new file and says what verifying the copy found. RecordError when it is not as whole as the original.

    ``tell`` gets (pages copied, pages). The copy is of one moment, whoever writes meanwhile, and is checked before it gets its name.
    A copy with records that do not fit their chain is kept: it is what there is, and ``faults`` of what is returned say so.
    """
    source = _file(url)
    if not source.is_file():
        raise RecordError(f"{source}: there are no records to copy")
    _known(source)
    return _copied(source, target, "there is such a file already; name a new one", tell)


def restore(copy: Path, url: str | Path | None, tell: Tell = lambda done, total: None) -> Verified:
    """Brings a copy back as the database and says what verifying it found. RecordError where there are records already.

    Nothing is ever written over: a database that holds anything is moved away by hand first. The copy stays as it is, to the byte.
    """
    target = _file(url)
    if not copy.is_file():
        raise RecordError(f"{copy}: there is no such copy")
    _known(copy)
    taken = "there are records here already; move this file away first, nothing is written over it"
    _free(target, taken)
    target.parent.mkdir(parents=True, exist_ok=True)
    return _copied(copy, target, taken, tell)


def _file(url: str | Path | None) -> Path:
    """The file of the database. RecordError for one that is no file."""
    where = database.location(default_database() if url is None else url)
    if where.get_backend_name() != "sqlite" or not where.database:
        raise RecordError("this database is not a file: copy it with its own tools, e.g. pg_dump and pg_restore")
    return Path(where.database)


def _copied(source: Path, target: Path, taken: str, tell: Tell) -> Verified:
    """The copy under its name; ``taken`` is said where that name, or what SQLite would take for a part of it, is there already."""
    _free(target, taken)
    if not target.absolute().parent.is_dir():
        raise RecordError(f"{target} is in no folder that there is; name a file in a folder that there is")
    with _said(target), tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.absolute().parent) as folder:
        part = Path(folder) / "part"  # of this copy alone, whoever copies to the same place
        with closing(_opened(source)) as old, closing(sqlite3.connect(part)) as new:
            old.backup(new, pages=PAGES, progress=lambda status, left, total: tell(total - left, total))
            new.execute("PRAGMA journal_mode=DELETE").close()  # one file, whole
        found = _known(part).verify()
        with part.open("rb") as written:
            os.fsync(written.fileno())
        _named(part, target, taken)
    return found


def _named(part: Path, target: Path, taken: str) -> None:
    """Gives the copy its name, which nobody may have taken meanwhile.

    Until it is sure that nothing lies beside that name the copy is locked, so that no program can begin to write beside it.
    """
    try:
        try:
            with closing(sqlite3.connect(part, isolation_level=None)) as locked:
                locked.execute("BEGIN EXCLUSIVE")
                os.link(part, target)
                _alone(target, taken)
        except FileExistsError:
            raise
        except OSError:  # no links here, as on a memory stick: an empty file takes the name first
            os.close(os.open(target, os.O_CREAT | os.O_EXCL))
            _alone(target, taken)
            part.replace(target)
    except FileExistsError as error:
        raise RecordError(f"{target}: {taken}") from error


def _alone(target: Path, taken: str) -> None:
    """RecordError, and the name is given back, when there is something beside it."""
    try:
        _free(target, taken, ends=BESIDE)
    except RecordError:
        target.unlink()
        raise


def _free(target: Path, taken: str, ends: tuple[str, ...] = ("", *BESIDE)) -> None:
    for there in (target.with_name(target.name + end) for end in ends):
        if os.path.lexists(there):
            raise RecordError(f"{there}: {taken}")


def _known(file: Path) -> Store:
    """The file, only to be read. RecordError when it is damaged, no database of records, or of a version that is not known."""
    with _said(file), closing(_opened(file)) as opened:
        (whole,) = opened.execute("PRAGMA integrity_check").fetchone()
        if whole != "ok" or opened.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise RecordError(f"{file}: the file is damaged ({whole}); use another copy")
        if opened.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'record'").fetchone() is None:
            raise RecordError(f"{file}: this file is not a database of records; name another file")
        opened.execute("SELECT count(*) FROM record").fetchone()
    return Store(database.read_only(file))


def _opened(file: Path) -> sqlite3.Connection:
    """A connection that changes nothing."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)


@contextmanager
def _said(where: Path) -> Iterator[None]:
    """What the disk refuses, in words."""
    with database.refusals(str(where)):
        try:
            yield
        except OSError as error:
            raise RecordError(f"{where}: {error.strerror}; nothing was copied") from error
