"""Records as a command shows them: on the screen, as report and readings, and as its exit status."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qa.exits import Status, judged, worst
from qa.options import count
from qa.reading import QaError

if TYPE_CHECKING:
    from qa.keeping import Kept
    from qa.record import Record
    from qa.site_tables import Keys
    from qa.store import Store
    from qa.verification import Verified


def writable(places: Sequence[Path | None], otherwise: str) -> None:
    """Nothing where files can be put there; QaError before any work is done, which says that too."""
    for place in filter(None, places):
        if place.is_dir() or not place.absolute().parent.is_dir():
            wrong = "is a folder" if place.is_dir() else "is in no folder that there is"
            raise QaError(f"{place} {wrong}: {otherwise}; name a file in a folder that there is")


def shown(
    records: Sequence[Record],
    store: Store | Kept | None,
    pdf: Path | None,
    json: Path | None,
    database: str | None,
    keys: Keys | None = None,
) -> Status:
    """Prints the records, writes what was asked for, and says how they came out; ``store`` None = nobody keeps them.

    Reports are signed with ``keys`` where there are.
    """
    from reports import catalogue, screen

    console, where = screen.terminal(), str(store.where) if store else ""
    screen.show_records(records, where, console)
    screen.show_comparisons(records, console)
    standings = {record.record_id: store.standing(record.record_id) for record in records} if store else {}
    screen.show((catalogue.signature(name, one) for name, standing in standings.items() for one in standing.signatures), console)
    for number, record in enumerate(records, 1):
        if pdf is None and not where:
            continue
        if pdf is None:
            kept = f" --database {shlex.quote(database)}" if database else ""
            print(f"for a report: igrtqa report {record.record_id}{kept} --pdf FILE")
        else:
            from reports.pdf import write

            path = place(pdf, number, len(records))
            print(f"report of {record.record_id}: {write(record, path, standings.get(record.record_id), keys)}")
    if json is not None:
        from qa.export import write_json

        write_json(json, records)
        print(f"readings: {json}")
    decided = [record for record in records if record.judgements or record.comparisons]
    for record in records:
        if record not in decided and decided:
            print(f"measured and not judged: {record.procedure_title}; {record.protocol_title} has no limit for it")
    return worst(judged([j.outcome for j in record.judgements], [c.outcome for c in record.comparisons]) for record in decided or records)


def place(pdf: Path, number: int, of: int) -> Path:
    """Where the report of the record of that number, from 1, is written, of so many."""
    return pdf if of == 1 else pdf.with_name(f"{pdf.stem}-{number}{pdf.suffix}")


def verified(found: Verified, where: str) -> list[str]:
    """What verifying found, in lines: the first fault first."""
    most = 20
    counted = f"{count(found.records, 'record')}, {count(found.events, 'event')}, {count(found.links, 'link')}"
    counted += f", {count(found.imported, 'import')}" if found.imported else ""
    said = [f"BROKEN: {'first: ' if len(found.faults) > 1 and not k else ''}{fault}" for k, fault in enumerate(found.faults[:most])]
    said += [f"and {len(found.faults) - most} more"] if len(found.faults) > most else []
    said += [f"note: {remark}" for remark in found.remarks[:most]]
    said += [f"note: and {len(found.remarks) - most} more notes"] if len(found.remarks) > most else []
    if found.faults:
        return [*said, f"broken: {counted} in {where}: rely on nothing named here, restore it from a backup"]
    if not found.chained:
        return [*said, f"no chain yet: {counted} in {where}; every record fits its own hash, the next one stored begins a chain"]
    if not found.links:
        return [*said, f"nothing is stored in {where}: is it the right one?"]
    said += [f"note: {found.adopted} of the links were adopted: stored before there was a chain"] if found.adopted else []
    return [
        *said,
        f"intact: {counted} in {where}",
        f"last link {found.links}: {found.end} (compare it with the newest report that you have)",
    ]
