"""A reading is held against the first accepted record of its machine and procedure in which the same thing was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from qa.acceptance import Acceptance, counts_no_more, lasting
from qa.archive import Archive, unchanged
from qa.limit import Baseline
from qa.procedure import Procedure
from qa.protocol import Baselines
from qa.reading import Identity, Measured, Reading, RecordError, identity
from qa.record import Record

Key = tuple[str, Identity]

ACCEPT = "accept a good record of this machine with: igrtqa accept RECORD --by NAME"


def baselines(
    archive: Archive | None,
    procedure: Procedure,
    machine: str,
    compared: frozenset[str],
    readings: Sequence[Reading],
    digests: Iterable[str],
) -> Baselines:
    """The baselines of those readings whose quantities are to be ``compared``, and why there is none for the others.

    ``digests`` are the SHA-256 of the images. A record of the same images is no baseline for them: they are as they were, whatever the
    machine is now. Nor is a record of another version of the procedure: a number may differ though the machine does not.
    """
    left = {(one.quantity.key, identity(one.at)) for one in readings if isinstance(one, Measured) and one.quantity.key in compared}
    if not left:
        return Baselines()
    if archive is None:
        return Baselines(otherwise="this run keeps no records, so there is none to compare with; run it with a database")
    found: dict[Key, Baseline] = {}
    why: dict[Key, str] = {}
    of_these, otherwise = frozenset(digests), f"no accepted record of this test on {machine} has this number; {ACCEPT}"
    notes: list[str] = []
    seen = False
    try:
        accepted = archive.accepted(machine, [procedure.name])
        if gone := counts_no_more(accepted):
            otherwise = f"the accepted record cannot be used: {gone}; {ACCEPT}"
        for record in _records(archive, accepted):
            seen = True
            alike = {key: [one for one in record.readings if _is(one, key)] for key in left}
            usable = {key: ones[0] for key, ones in alike.items() if len(ones) == 1 and record.procedure_version == procedure.version}
            why |= {key: _why_not(record, ones, procedure.version) for key, ones in alike.items() if ones and key not in usable}
            if of_these & {entry.sha256 for entry in record.inputs if entry.used}:
                why |= dict.fromkeys(usable, f"the accepted record {record.record_id} is of these same images; take new ones")
            else:
                found |= {key: _baseline(record, reading) for key, reading in usable.items()}
                if usable and record.machine != machine:
                    notes.append(f"baseline: record {record.record_id} was accepted for {record.machine!r}, another name of {machine!r}")
            left -= usable.keys()
            if not left:
                break
        if not seen:
            otherwise += _elsewhere(archive, procedure.name)
    except RecordError as error:  # a later record must not slip into the place of one that cannot be used
        otherwise = f"the accepted record cannot be used: {error}"
    return Baselines(found, why, otherwise, tuple(notes))


def _records(archive: Archive, accepted: Sequence[Acceptance]) -> Iterator[Record]:
    """The accepted records that count, the one accepted first first; RecordError when one is not what was accepted."""
    seen: set[str] = set()
    for one in lasting(accepted):
        if one.record.record_id not in seen:
            seen.add(one.record.record_id)
            yield unchanged(archive, one)


def _elsewhere(archive: Archive, procedure: str) -> str:
    """What to look at before a record is accepted: this machine may have had another name, and a drift must not become its baseline."""
    names = ", ".join(sorted({repr(one.record.machine) for one in archive.accepted(None, [procedure])}))
    return (
        f" (accepted for other names: {names}; where one is this machine, add it to its stations in the site file instead)" if names else ""
    )


def _is(reading: Reading, key: Key) -> bool:
    """Whether a whole number of that quantity and that thing."""
    return isinstance(reading, Measured) and not reading.missing and (reading.quantity.key, identity(reading.at)) == key


def _why_not(record: Record, alike: Sequence[Reading], version: str) -> str:
    if record.procedure_version != version:
        return (
            f"the accepted record {record.record_id} is of version {record.procedure_version} of this test, these numbers are of version "
            f"{version}; measure its images again and accept that"
        )
    return f"the accepted record {record.record_id} has {len(alike)} such numbers and nothing tells which; accept one that has it once"


def _baseline(record: Record, reading: Reading) -> Baseline:
    assert isinstance(reading, Measured)
    taken = record.acquired or record.analysed
    return Baseline(record.record_id, taken, reading.quantity.unit, reading.value, reading.u, reading.interval)
