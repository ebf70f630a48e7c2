"""Databases of older versions: what the migrations make of them is a database of the newest, on SQLite and on PostgreSQL."""

import sqlite3
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Connection, Engine, select
from test_record import assert_same, example
from test_store import OLD, dump, held

from qa import database, tables
from qa.reading import RecordError
from qa.record import Record
from qa.store import Store
from qa.widening import migrate, version

DIALECTS = ("sqlite", "postgresql")
OTHER = {1: (), **{later: example().comparisons for later in range(2, 5)}}


@pytest.fixture(params=DIALECTS)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for a database."""
    return str(request.getfixturevalue("postgresql") if request.param == "postgresql" else tmp_path / "old.sqlite")


@pytest.fixture
def fresh(where: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Another one, made by this version."""
    if not where.startswith("postgresql"):
        return str(tmp_path / "fresh.sqlite")
    server = request.getfixturevalue("postgresql_server")
    return str(server.empty("fresh").render_as_string(hide_password=False))


def engine(where: str | URL) -> Engine:
    return database.engine(database.location(where), str(where))


def begun(where: str, number: int) -> Engine:
    """An empty database of that version."""
    made = engine(where)
    with made.connect().execution_options(igrtqa_writing=True) as connection, connection.begin():
        migrate(connection, 0, number)
    return made


def left_by(number: int, where: str, folder: Path) -> None:
    """The database that version wrote: the very file, or its rows on the server."""
    file = Path(where) if not where.startswith("postgresql") else folder / "copied.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(dump(number))
    if file == Path(where):
        return
    with engine(str(file)).connect() as source, begun(where, number).begin() as target:
        for table in (*tables.CHILDREN, tables.acceptance, tables.record):
            if known := tables.columns(table, number):
                rows = [dict(row) for row in source.execute(select(*known)).mappings()]
                if rows:
                    target.execute(table.insert(), rows)


def schema(connection: Connection) -> set[tuple[str, ...]]:
    """All that the database itself says of its tables, conditions, indexes and guards."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
        return {(name, " ".join(sql.replace('"', "").split())) for name, sql in rows}
    asked = (
        "SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_schema = 'public'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace",
        "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    )
    return {tuple(map(str, row)) for query in asked for row in connection.exec_driver_sql(query)}


def differences(connection: Connection) -> list[Any]:
    """What Alembic would change to make it what ``qa/tables.py`` says."""
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata))


def new() -> Record:
    return example(record_id="new", judgements=held().judgements)


# Alembic cannot read an index on an expression in SQLite: what the database says of itself is compared too
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index 'record_of_test'")
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index record_of_test")
@pytest.mark.parametrize("number", OLD)
def test_widened_database_is_a_new_one_and_no_record_of_it_changed(where: str, fresh: str, number: int, tmp_path: Path) -> None:
    left_by(number, where, tmp_path)
    before = Store(where).get("6f96")
    assert_same(before, example(comparisons=OTHER[number]))
    with engine(where).connect() as connection:
        assert differences(connection)  # else it would see none below either
        assert version(connection) == number
    Store(where).add(new())
    assert_same(Store(where).get("6f96"), before)
    assert_same(Store(where).get("new"), new())
    found = Store(where).verify()
    assert (found.faults, found.remarks, found.adopted) == ([], [], found.links - 1)
    Store(fresh).add(new())
    with engine(where).connect() as connection, engine(fresh).connect() as other:
        assert differences(connection) == differences(other) == []
        assert schema(connection) == schema(other)
        assert version(connection) == version(other) == tables.SCHEMA_VERSION


@pytest.mark.parametrize("number", OLD)
def test_a_migrations_version_is_what_that_version_wrote(tmp_path: Path, number: int) -> None:
    left_by(number, str(tmp_path / "left.sqlite"), tmp_path)
    with engine(str(tmp_path / "left.sqlite")).connect() as left, begun(str(tmp_path / "made.sqlite"), number).connect() as made:
        assert schema(made) == schema(left)
        assert version(made) == version(left) == number


def test_the_newest_version_has_a_migration_and_none_is_after_it() -> None:
    folder = Path(str(tables.__file__)).parent / "migrations"
    assert sorted(path.stem for path in folder.glob("version_*.py")) == [f"version_{k}" for k in range(1, tables.SCHEMA_VERSION + 1)]


def test_reading_an_old_database_changes_nothing_and_loads_no_alembic(where: str, tmp_path: Path, alone: Callable[[str], str]) -> None:
    left_by(3, where, tmp_path)
    with engine(where).connect() as connection:
        before = schema(connection)
    read = f"from qa.store import Store; s = Store({where!r}); s.get('6f96'); s.list(); s.verify(); s.events(); s.last_days()"
    assert alone(f"import sys; {read}; print('alembic' in sys.modules)") == "False"
    with engine(where).connect() as connection:
        assert schema(connection) == before
        assert version(connection) == 3
    assert alone(f"import sys; {read}; s.sign('6f96', 'A', 'physicist', 'rejected'); print('alembic' in sys.modules)") == "True"


def test_a_new_database_needs_no_alembic(where: str, alone: Callable[[str], str]) -> None:
    code = f"import sys; from qa.store import Store; from test_record import example; Store({where!r}).add(example())"
    assert alone(f"{code}; print('alembic' in sys.modules)") == "False"


def test_widening_that_fails_leaves_the_database_as_it_was(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_by(1, where, tmp_path)
    with engine(where).connect() as connection:
        before = schema(connection)

    def fail(connection: Connection) -> None:
        raise RecordError("power gone")

    monkeypatch.setattr("qa.chain.adopt", fail)  # in the last of the migrations
    with pytest.raises(RecordError, match="power gone"):
        Store(where).add(new())
    with engine(where).connect() as connection:
        assert schema(connection) == before
    assert_same(Store(where).get("6f96"), example(comparisons=()))


def test_every_package_is_in_the_wheel() -> None:
    root = Path(__file__).parent.parent
    listed = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    found = {
        path.parent.relative_to(root).as_posix().replace("/", ".")
        for top in ("qa", "phantoms", "reports")
        for path in (root / top).rglob("__init__.py")
    }
    assert found == set(listed)
