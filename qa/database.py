"""A database is opened so that it keeps what it is given, and whatever it refuses is said in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from qa import tables
from qa.reading import RecordError


def location(url: str | Path | URL) -> URL:
    """The database of that path or SQLAlchemy URL; RecordError when it cannot be one."""
    if isinstance(url, URL):
        return url
    text = str(url)
    try:
        if "://" in text:
            return make_url(text)
        return URL.create("sqlite", database=str(Path(text).expanduser().absolute()))
    except (SQLAlchemyError, ValueError, RuntimeError, OSError) as error:
        raise RecordError("the database's name is not valid; expected a file or e.g. postgresql+psycopg://user@host/name") from error


def read_only(file: Path) -> URL:
    """A database file that is read and in no way changed, whatever signs its name has (# ? % mean something to SQLite)."""
    return URL.create("sqlite", database=file.absolute().as_uri(), query={"mode": "ro", "uri": "true"})


def missing(url: URL) -> bool:
    """Whether the database is a file that is not there."""
    plain = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith("file:")
    return bool(plain) and not Path(str(url.database)).exists()


def engine(url: URL, where: str) -> Engine:
    """Connections to it, durable and strict; RecordError where append-only cannot be enforced or nothing would be kept."""
    dialect = url.get_backend_name()
    if not tables.triggers(dialect):
        raise RecordError(f"{where}: append-only cannot be enforced here ({dialect}); use an SQLite file or PostgreSQL")
    if dialect != "sqlite":
        try:
            return create_engine(url, poolclass=NullPool)
        except (SQLAlchemyError, ImportError) as error:
            raise RecordError(f"{where}: the database driver cannot be loaded ({error}); install it, e.g. psycopg") from error
    if not url.database or url.database == ":memory:" or "mode=memory" in url.database:
        raise RecordError("a database in memory keeps nothing; name a file")
    if not url.database.startswith("file:"):
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise RecordError(f"{where}: the folder cannot be created ({error}); name a folder that you may write to") from error
    made = create_engine(url, poolclass=NullPool, connect_args={"timeout": 10.0})
    event.listen(made, "connect", _read_sqlite if url.query.get("mode") == "ro" else _configure_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made


def _read_sqlite(connection: sqlite3.Connection, _: object) -> None:
    """As it is: the way a file keeps its journal is written in the file. What is read is kept in up to 64 MB of memory, not SQLite's 2."""
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, so that tables and triggers are created in one
    connection.execute("PRAGMA cache_size = -64000").close()


def _configure_sqlite(connection: sqlite3.Connection, _: object) -> None:
    """Durable and strict: a commit is on the disk when it returns."""
    _read_sqlite(connection, _)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("igrtqa_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def settle(connection: Connection) -> None:
    """What holds for one transaction: PostgreSQL does not compile questions, which takes it longer than to answer ours."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL jit = off")


def alone(connection: Connection) -> None:
    """Until the transaction ends nobody else who asks for this is in one: for a server on which there is no table yet to lock."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('igrtqa'))")


_ADVICE = {
    "SQLITE_READONLY": "the file or its folder is read-only; ask for write permission or name another file",
    "SQLITE_PERM": "the file may not be opened; ask for permission or name another file",
    "SQLITE_FULL": "the disk is full; nothing was stored, make room and repeat",
    "SQLITE_IOERR": "the disk cannot be read or written; nothing was stored, check the disk (a network folder is not safe)",
    "SQLITE_BUSY": "another program holds the file; close it and repeat",
    "SQLITE_LOCKED": "another program holds the file; close it and repeat",
    "SQLITE_NOTADB": "this file is not a database of records; name another file",
    "SQLITE_CORRUPT": "the file is damaged; restore it from a backup",
    "SQLITE_CANTOPEN": "the file cannot be opened; check that the folder exists and that you may write to it",
}

_SERVER_ADVICE = {  # by the beginning of PostgreSQL's SQLSTATE (its manual, appendix A); what cannot even be reached has none
    "53100": "the server's disk is full; nothing was stored, make room and repeat",
    "25006": "the server is read-only; ask who keeps it, or name another database",
    "42501": "you may not do this there; ask for permission or name another database",
    "57P": "the server was stopped; nothing was stored, repeat it when it is back",
}
_UNREACHED = "the server of the records cannot be reached, or does not let you in; nothing was stored, check its name and that it runs"


def _advice(cause: object) -> str:
    """What to do about what the database said."""
    name, state = getattr(cause, "sqlite_errorname", ""), getattr(cause, "sqlstate", "")
    if state is None and type(cause).__name__ == "OperationalError":  # psycopg's
        return _UNREACHED
    known = ((text, start, said) for each, said in ((_ADVICE, name), (_SERVER_ADVICE, state)) for start, text in each.items())
    return next((text for text, start, said in known if said and said.startswith(start)), "the database refused")


@contextmanager
def refusals(where: str) -> Iterator[None]:
    """Turns what the database says into a RecordError that says what to do."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise RecordError(f"{where}: {_advice(cause)} ({cause})") from error
    except UnicodeDecodeError as error:  # SQLite quotes what is spoilt in the file, and that is no text
        raise RecordError(f"{where}: {_ADVICE['SQLITE_CORRUPT']} ({error})") from error
