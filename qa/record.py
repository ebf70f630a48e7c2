"""A record is everything that was measured and judged in one run of one procedure; it goes to JSON and back without loss."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qa.compared import Compared
from qa.evidence import Evidence
from qa.limit import Judgement
from qa.plain import canonical, decode, encode
from qa.reading import Reading, RecordError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Input:
    """One file that went in: used, or left out with the reason."""

    name: str
    sha256: str
    sop_instance_uid: str
    used: bool
    reason: str = ""


@dataclass(frozen=True)
class Basis:
    """What the judgements of a record rest on beside its readings and their limits.

    ``doubts`` are why nothing of it could pass, whatever its numbers are; ``applied`` the calibrations that the protocol applied, by what
    they provide; ``judged_again`` the id of the record whose readings these are, "" where they were measured for this one.
    """

    doubts: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    judged_again: str = ""


@dataclass(frozen=True)
class Record:
    """One run of one procedure on one acquisition, judged by one protocol.

    Times are UTC and aware; ``acquired`` is the first image's time or None when the files do not say. ``versions`` maps software
    names to versions. ``record_id`` is a UUID as text. ``basis`` is None in a record of an older program, which did not keep it.
    """

    record_id: str
    procedure: str
    procedure_version: str
    title: str  # of the acquisition
    machine: str
    phantom: str
    performer: str
    protocol: str
    protocol_title: str
    coverage_factor: float
    acquired: datetime | None
    analysed: datetime
    versions: tuple[tuple[str, str], ...]
    inputs: tuple[Input, ...]
    readings: tuple[Reading, ...]
    judgements: tuple[Judgement, ...]
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...] = ()
    procedure_title: str = ""
    comparisons: tuple[Compared, ...] = ()  # with a second engine, where one was asked for
    basis: Basis | None = None


def to_json(record: Record) -> dict[str, Any]:
    """The record as plain lists, texts and numbers; ``from_json`` gives the same record back.

    A field at its default is left out, so that a later version may add a field without changing the hash of an older record.
    RecordError for what JSON cannot hold: a number that is not finite, a time without a time zone.
    """
    return {"schema": "igrtqa-record", "schema_version": SCHEMA_VERSION, "record": encode(Record, record)}


def from_json(plain: Mapping[str, Any]) -> Record:
    """The record that ``to_json`` wrote; RecordError where it is damaged or of a newer version."""
    if plain.get("schema") != "igrtqa-record" or plain.get("schema_version") != SCHEMA_VERSION:
        found = f"{plain.get('schema')!r} version {plain.get('schema_version')!r}"
        raise RecordError(f"expected an igrtqa-record of version {SCHEMA_VERSION}, found {found}")
    record = decode(Record, plain.get("record"), "record")
    assert isinstance(record, Record)
    return record


def record_hash(record: Record) -> str:
    """SHA-256 of the record's canonical JSON (sorted keys, no blanks, UTF-8): two records are the same when their hashes are."""
    return json_hash(to_json(record))


def json_hash(plain: Mapping[str, Any]) -> str:
    """The same of what ``to_json`` gave."""
    return hashlib.sha256(canonical(plain).encode()).hexdigest()
