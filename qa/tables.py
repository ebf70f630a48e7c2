"""The store's tables: narrow, closed once written, and guarded by the database itself against half a reading or a changed one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Column, Double, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, func

SCHEMA_VERSION = 5  # 1 knew no second engine, 2 no baselines and parts of a phantom, 3 no answers, 4 no chain; qa/migrations widens them

metadata = MetaData()
OUTCOMES = "'PASS', 'INDETERMINATE', 'NOT_MEASURED', 'DISAGREEMENT', 'FAIL'"
# What a link may be of; adopted: older than the chain itself.
LINKED = "'record', 'acceptance', 'sign-off', 'event', 'baseline', 'imported', 'adopted record', 'adopted acceptance'"
PASS_NEEDS = "outcome <> 'PASS' OR kind = 'functional' OR (reading >= 0 AND tolerance IS NOT NULL)"  # a person answers a question


def _table(name: str, *items: Column[Any] | CheckConstraint) -> Table:
    """A table without row numbers in SQLite: else INSERT OR REPLACE could swap a row by its number, past every trigger."""
    return Table(name, metadata, *items, sqlite_with_rowid=False)


def _of_record() -> tuple[Column[str], Column[int]]:
    """A row of a record. The record's own row is written last, so the reference is checked at commit."""
    reference = ForeignKey("record.record_id", deferrable=True, initially="DEFERRED")
    return Column("record_id", Text, reference, primary_key=True), Column("idx", Integer, primary_key=True)


schema_version = _table("schema_version", Column("version", Integer, primary_key=True, autoincrement=False))

record = _table(
    "record",
    Column("record_id", Text, CheckConstraint("record_id <> ''"), primary_key=True),
    Column("record_hash", Text, nullable=False),
    Column("procedure", Text, nullable=False),
    Column("procedure_version", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("phantom", Text, nullable=False),
    Column("performer", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("protocol_title", Text, nullable=False),
    Column("coverage_factor", Double, nullable=False),
    Column("acquired", Text),  # ISO 8601, UTC, microseconds: sorts as time
    Column("analysed", Text, nullable=False),
    Column("versions", Text, nullable=False),  # JSON, as are at, budget, flags, notes, techniques, needs and parts
    Column("procedure_title", Text, nullable=False),
    Column("notes", Text, nullable=False),
)

TAKEN = func.coalesce(record.c.acquired, record.c.analysed)  # when what a record is of was taken: its images, else their analysis

input_ = _table(
    "input",
    *_of_record(),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sop_instance_uid", Text, nullable=False),
    Column("used", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
)

reading = _table(
    "reading",
    *_of_record(),
    Column("procedure", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("meaning", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("value", Double),
    Column("u", Double),
    Column("low", Double),
    Column("high", Double),
    Column("at", Text, nullable=False),
    Column("flags", Text),
    Column("budget", Text),
    Column("missing", Text),
    Column("reason", Text),
    # The upper bounds keep out infinity, and NaN where the database sorts it above every number.
    CheckConstraint(
        "(value IS NOT NULL AND u IS NOT NULL AND u > 0 AND u < 1e300 AND abs(value) < 1e300 AND reason IS NULL) OR "
        "(value IS NULL AND u IS NULL AND low IS NULL AND high IS NULL AND reason IS NOT NULL AND trim(reason) <> '')",
        name="value_with_u_or_reason",
    ),
    CheckConstraint("(low IS NULL) = (high IS NULL) AND (low IS NULL OR low <= high)", name="interval_has_two_ends"),
    # SQLite would put a text into a number's column, and any text is larger than 0.
    CheckConstraint("typeof(value) IN ('real', 'null') AND typeof(u) IN ('real', 'null')", name="value_is_a_number").ddl_if("sqlite"),
)

judgement = _table(
    "judgement",
    *_of_record(),
    Column("reading", Integer, nullable=False),
    Column("outcome", Text, CheckConstraint(f"outcome IN ({OUTCOMES})"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("limit_id", Text, nullable=False),
    Column("procedure", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("tolerance", Double),
    Column("action", Double),
    Column("kind", Text, nullable=False),
    Column("techniques", Text, nullable=False),
    Column("frequency", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    Column("needs", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("parts", Text, nullable=False),
    CheckConstraint(PASS_NEEDS, name="pass_needs_reading_and_tolerance"),
)

evidence = _table(
    "evidence",
    *_of_record(),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),  # zlib of the JSON
)

comparison = _table(
    "comparison",
    *_of_record(),
    Column("quantity", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("value", Double),
    Column("u", Double),
    Column("their_value", Double),
    Column("their_u", Double),
    Column("engine", Text, nullable=False),
    Column("engine_version", Text, nullable=False),
    Column("really", Text, nullable=False),
    Column("difference", Double),
    Column("allowed", Double),
    Column("outcome", Text),  # NULL: shown, not judged
    Column("reason", Text, CheckConstraint("trim(reason) <> ''"), nullable=False),
    CheckConstraint("(value IS NULL) = (u IS NULL) AND (u IS NULL OR (u > 0 AND u < 1e300))", name="comparison_value_with_u"),
    CheckConstraint(
        "(outcome IS NULL AND allowed IS NULL) OR (outcome = 'NOT_MEASURED' AND allowed IS NULL) OR "
        "(outcome = 'PASS' AND difference IS NOT NULL AND allowed IS NOT NULL AND abs(difference) <= allowed) OR "
        "(outcome = 'DISAGREEMENT' AND difference IS NOT NULL AND allowed IS NOT NULL AND abs(difference) > allowed)",
        name="outcome_fits_the_numbers",
    ),
)

baseline = _table(  # what a judgement held its reading against; idx is the judgement's
    "baseline",
    *_of_record(),
    Column("of_record", Text, nullable=False),  # its id: not a reference, so that a record can be restored without the other
    Column("taken", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("value", Double, nullable=False),
    Column("u", Double, nullable=False),
    Column("low", Double),
    Column("high", Double),
    CheckConstraint("u > 0 AND u < 1e300 AND abs(value) < 1e300", name="baseline_value_with_u"),
    CheckConstraint("(low IS NULL) = (high IS NULL) AND (low IS NULL OR low <= high)", name="baseline_interval_has_two_ends"),
    CheckConstraint("typeof(value) = 'real' AND typeof(u) = 'real'", name="baseline_value_is_a_number").ddl_if("sqlite"),
)

basis = _table(  # what a record's judgements rest on beside readings and limits: one row of a record, none of an older program's
    "basis",
    *_of_record(),
    Column("doubts", Text, nullable=False),  # JSON, as is applied
    Column("applied", Text, nullable=False),
    Column("judged_again", Text, nullable=False),  # a record's id: not a reference, so that one can be restored without the other
)

acceptance = _table(  # what a person says of a stored record, any number of times: idx counts
    "acceptance",
    *_of_record(),
    Column("record_hash", Text, nullable=False),
    Column("who", Text, CheckConstraint("trim(who) <> ''"), nullable=False),
    Column("accepted", Text, nullable=False),  # ISO 8601, UTC, microseconds
    Column("comment", Text, nullable=False),
)

sign_off = _table(  # who performed, reviewed, approved or rejected a stored record, any number of times: idx counts
    "sign_off",
    *_of_record(),
    Column("record_hash", Text, nullable=False),
    Column("who", Text, CheckConstraint("trim(who) <> ''"), nullable=False),
    Column("role", Text, CheckConstraint("trim(role) <> ''"), nullable=False),
    Column("meaning", Text, CheckConstraint("meaning IN ('performed', 'reviewed', 'approved', 'rejected')"), nullable=False),
    Column("signed", Text, nullable=False),  # ISO 8601, UTC, microseconds
    Column("comment", Text, nullable=False),
    Column("own_run", Boolean, nullable=False),
    CheckConstraint("NOT own_run OR meaning IN ('reviewed', 'approved')", name="own_run_is_reviewed"),
)

event = _table(  # what a person puts down about a machine: qa/events.py
    "event",
    Column("number", Integer, CheckConstraint("number > 0"), primary_key=True, autoincrement=False),
    Column("kind", Text, CheckConstraint("kind IN ('not used', 'service', 'back', 'action')"), nullable=False),
    Column("machine", Text, CheckConstraint("trim(machine) <> ''"), nullable=False),
    Column("about", Text, nullable=False),  # a protocol or a record
    Column("day", Text, nullable=False),  # ISO 8601
    Column("who", Text, CheckConstraint("trim(who) <> ''"), nullable=False),
    Column("text", Text, CheckConstraint("trim(text) <> ''"), nullable=False),
    Column("written", Text, nullable=False),  # ISO 8601, UTC, microseconds
)

accepted_baseline = _table(  # which records a person made the baseline, until the next one: qa/accepted_baselines.py
    "accepted_baseline",
    Column("number", Integer, CheckConstraint("number > 0"), primary_key=True, autoincrement=False),
    Column("machine", Text, nullable=False),  # that of its newest record
    Column("procedure", Text, nullable=False),
    Column("records", Text, nullable=False),  # JSON: of each the id, the hash and the seal, the one taken last first
    Column("who", Text, CheckConstraint("trim(who) <> ''"), nullable=False),
    Column("accepted", Text, nullable=False),  # ISO 8601, UTC, microseconds
    Column("device", Text, nullable=False),
    Column("because", Text, CheckConstraint("trim(because) <> ''"), nullable=False),
)

imported = _table(  # a file of results that another program measured and judged: qa/imported.py
    "imported",
    Column("number", Integer, CheckConstraint("number > 0"), primary_key=True, autoincrement=False),
    Column("source", Text, CheckConstraint("trim(source) <> ''"), nullable=False),  # which program
    Column("machine", Text, CheckConstraint("trim(machine) <> ''"), nullable=False),
    Column("serial", Text, nullable=False),
    Column("name", Text, CheckConstraint("trim(name) <> ''"), nullable=False),  # of the check, as that program calls it
    Column("template", Text, nullable=False),
    Column("clock", Text, nullable=False),  # the time as stated, without a zone
    Column("zone", Text, nullable=False),  # the zone that it was read in
    Column("taken", Text, nullable=False),  # ISO 8601, UTC, microseconds: the two together
    Column("sha256", Text, nullable=False),  # of the file
    Column("who", Text, CheckConstraint("trim(who) <> ''"), nullable=False),
    Column("written", Text, nullable=False),  # ISO 8601, UTC, microseconds
)

opinion = _table(  # one line of such a file, as it is written there; the file's own row is written last and closes it
    "opinion",
    Column("number", Integer, ForeignKey("imported.number", deferrable=True, initially="DEFERRED"), primary_key=True, autoincrement=False),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, CheckConstraint("trim(name) <> ''"), nullable=False),
    Column("unit", Text, nullable=False),
    Column("value", Text, CheckConstraint("trim(value) <> ''"), nullable=False),
    Column("threshold", Text, nullable=False),
    Column("verdict", Text, CheckConstraint("trim(verdict) <> ''"), nullable=False),
)

link = _table(  # of the chain through all that is stored, in order of storing: qa/chain.py
    "link",
    Column("number", Integer, CheckConstraint("number > 0"), primary_key=True, autoincrement=False),
    Column("kind", Text, CheckConstraint(f"kind IN ({LINKED})"), nullable=False),
    Column("id", Text, nullable=False),  # the record's, "/" and the idx where a person speaks of it; else the item's number
    Column("linked", Text, nullable=False),  # ISO 8601, UTC, microseconds
    Column("content", Text, nullable=False),  # SHA-256, as are the next three
    Column("packed", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

link_of = Index("link_of", link.c.id, link.c.kind)
of_machine = Index("record_of_machine", record.c.machine, record.c.procedure)
of_name = Index("opinion_of_name", opinion.c.name)  # for trends
# What a trend reads of records and judgements: all of it is in an index, so that no row is opened.
RECORD = ("machine", "procedure", "record_id", "acquired", "analysed", "procedure_version")
JUDGED = ("record_id", "idx", "reading", "outcome", "limit_id", "unit", "kind", "tolerance", "action")
ANY_VERSION = (  # made at the first write where they are lacking: nothing that is kept changes by them
    Index("reading_of_test", reading.c.quantity, reading.c.procedure, reading.c.record_id),  # for trends
    Index("record_of_trend", *(record.c[name] for name in RECORD)),
    Index("judgement_of_trend", judgement.c.quantity, *(judgement.c[name] for name in JUDGED)),
    Index("record_of_test", record.c.machine, record.c.protocol, record.c.procedure, TAKEN, record.c.analysed),  # for what is due
)

CHILDREN = (input_, reading, judgement, baseline, comparison, basis, evidence)  # the rows of a record beside its own
# The version a table came with, if not the first.
SINCE = {comparison: 2, baseline: 3, acceptance: 3, basis: 5, sign_off: 5, event: 5, accepted_baseline: 5, imported: 5, opinion: 5, link: 5}
_PARTS_SINCE = 3

# Not closed by a record's row; PostgreSQL's primary keys are enough.
_OF_THEIR_OWN = (schema_version, acceptance, sign_off, event, accepted_baseline, imported, link)


def columns(table: Table, version: int) -> list[Column[Any]]:
    """The columns that the table has in a database of that version; none where it has no such table."""
    known = [column for column in table.columns if column is not judgement.c.parts or version >= _PARTS_SINCE]
    return known if version >= SINCE.get(table, 1) else []


_CHANGED = "records are append-only: store a new record instead"
_CLOSED_RECORD = "this record is closed: store a new record instead"


def functions(dialect: str) -> tuple[str, ...]:
    """The statements that make what triggers of that dialect call."""
    return _POSTGRESQL_FUNCTIONS if dialect == "postgresql" else ()


def triggers(dialect: str, of: Sequence[Table] | None = None) -> tuple[str, ...]:
    """The statements that make every table append-only, for "sqlite" and "postgresql"; none for a dialect where we know no way;
    ``of`` asks for those of some tables only, in a database that has the rest.

    UPDATE and DELETE are refused. So is an INSERT into a record whose own row exists: that row is written last and closes it, and
    SQLite's INSERT OR REPLACE, which deletes without a DELETE, is caught by the same rule. What persons say, and links, come later by
    their nature: each is closed when it is there.
    """
    guarded = metadata.sorted_tables if of is None else of
    if dialect == "sqlite":
        return _sqlite(guarded)
    if dialect == "postgresql":
        return (*(functions(dialect) if of is None else ()), *_postgresql(guarded))
    return ()


def _sqlite(guarded: Sequence[Table]) -> tuple[str, ...]:
    statements = []
    for table in guarded:
        for verb in ("UPDATE", "DELETE"):
            statements.append(
                f"CREATE TRIGGER {table.name}_no_{verb.lower()} BEFORE {verb} ON {table.name} BEGIN SELECT RAISE(ABORT, '{_CHANGED}'); END"
            )
        owner = table if table in _OF_THEIR_OWN else imported if table is opinion else record
        there = " AND ".join(f"{key.name} = NEW.{key.name}" for key in owner.primary_key)
        statements.append(
            f"CREATE TRIGGER {table.name}_closed BEFORE INSERT ON {table.name} "
            f"WHEN EXISTS (SELECT 1 FROM {owner.name} WHERE {there}) BEGIN SELECT RAISE(ABORT, '{_CLOSED_RECORD}'); END"
        )
    return tuple(statements)


_POSTGRESQL_FUNCTIONS = (
    f"CREATE FUNCTION igrtqa_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{_CHANGED}'; END $$",
    "CREATE FUNCTION igrtqa_closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF EXISTS (SELECT 1 FROM record WHERE record_id = NEW.record_id) "
    f"THEN RAISE EXCEPTION '{_CLOSED_RECORD}'; END IF; RETURN NEW; END $$",
)


_POSTGRESQL_IMPORT = (  # a function of its own, made with its table: an older database has the others already
    "CREATE OR REPLACE FUNCTION igrtqa_closed_import() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF EXISTS (SELECT 1 FROM imported WHERE number = NEW.number) "
    f"THEN RAISE EXCEPTION '{_CLOSED_RECORD}'; END IF; RETURN NEW; END $$"
)


def _postgresql(guarded: Sequence[Table]) -> tuple[str, ...]:
    statements = []
    for table in guarded:
        statements.append(
            f"CREATE TRIGGER {table.name}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION igrtqa_changed()"
        )
        if table not in _OF_THEIR_OWN:
            closed = "igrtqa_closed_import" if table is opinion else "igrtqa_closed"
            statements += [_POSTGRESQL_IMPORT] * (table is opinion)
            statements.append(f"CREATE TRIGGER {table.name}_closed BEFORE INSERT ON {table.name} FOR EACH ROW EXECUTE FUNCTION {closed}()")
    return tuple(statements)
