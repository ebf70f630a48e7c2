"""A copy of all records that can be taken while others write, and brought back into an empty place."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from qa import database, tables
from qa.reading import RecordError
from qa.store import Store, default_database

PAGES = 1000  # copied at a time, about 4 MB: others may write in between
Tell = Callable[[int, int], None]


def backup(url: str | Path | None, target: Path, tell: Tell = lambda done, total: None) -> int:
    """Copies the database into a new file and returns how many records it holds. RecordError when that is not as whole as the original.

    ``tell`` gets (pages copied, pages). The copy is of one moment, whoever writes meanwhile, and is checked before it gets its name.
    """
    source = _file(url)
    if not source.is_file():
        raise RecordError(f"{source}: there are no records to copy")
    _count(source)
    Store(source)  # of a version that is known
    return _copied(source, target, tell)


def restore(copy: Path, url: str | Path | None, tell: Tell = lambda done, total: None) -> int:
    """Brings a copy back as the database and returns how many records it holds. RecordError where there are records already.

    Nothing is ever written over: a database that holds anything is moved away by hand first.
    """
    target = _file(url)
    if not copy.is_file():
        raise RecordError(f"{copy}: there is no such copy")
    _count(copy)
    Store(copy)
    for there in (target, *(target.with_name(target.name + end) for end in ("-wal", "-shm", "-journal"))):
        if there.exists():  # what SQLite finds beside a file it takes for a part of it
            raise RecordError(f"{there}: there are records here already; move this file away first, nothing is written over it")
    target.parent.mkdir(parents=True, exist_ok=True)
    return _copied(copy, target, tell)


def _file(url: str | Path | None) -> Path:
    """The file of the database. RecordError for one that is no file."""
    where = database.location(default_database() if url is None else url)
    if where.get_backend_name() != "sqlite" or not where.database:
        raise RecordError("this database is not a file: copy it with its own tools, e.g. pg_dump and pg_restore")
    return Path(where.database)


def _copied(source: Path, target: Path, tell: Tell) -> int:
    if target.exists():
        raise RecordError(f"{target}: there is such a file already; name a new one")
    if not target.absolute().parent.is_dir():
        raise RecordError(f"{target} is in no folder that there is; name a file in a folder that there is")
    part = target.with_name(f".{target.name}.part")
    with _said(target):
        try:
            part.unlink(missing_ok=True)
            with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=10.0)) as old, closing(sqlite3.connect(part)) as new:
                old.backup(new, pages=PAGES, progress=lambda status, left, total: tell(total - left, total))
                new.execute("PRAGMA journal_mode=DELETE").close()  # one file, whole
            found = _count(part)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return found


def _count(file: Path) -> int:
    """How many records a file holds. RecordError when it is damaged or no database of records."""
    with _said(file), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
        (whole,) = opened.execute("PRAGMA integrity_check").fetchone()
        if whole != "ok" or opened.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise RecordError(f"{file}: the file is damaged ({whole}); use another copy")
        (count,) = opened.execute(f"SELECT count(*) FROM {tables.record.name}").fetchone()
    return int(count)


@contextmanager
def _said(where: Path) -> Iterator[None]:
    """What the disk refuses, in words."""
    with database.refusals(str(where)):
        try:
            yield
        except OSError as error:
            raise RecordError(f"{where}: {error.strerror}; nothing was copied") from error
