"""The command that verifies a store, and a report against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.exits import Debug, Status, guarded, worst
from qa.options import Database, SiteFile, app, clinic
from qa.reading import QaError
from qa.shown import verified

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from qa.store import Store

LARGEST = 200_000_000  # bytes, more than ten times what is printed: a reader of PDFs searches a damaged file for minutes


@app.command()
@guarded
def verify(
    report: Annotated[Path | None, typer.Argument(metavar="[REPORT.pdf]", help="A report to hold against the store.")] = None,
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Check that no stored record, sign-off or acceptance was changed, removed or put there by force; status 1 when one was.

    With a report also whether it is that of the stored record, and who signed the file; of an audit who signed it. The site file says
    whose signatures are known. Status 3 when there is nothing yet to check against, or the pages could not be compared.
    """
    from qa import keystore, progress
    from qa.store import Store
    from qa.visible import visible

    store, statuses = Store(database, make=False), []
    if report is not None:
        ours = clinic(site)
        statuses.append(_report(report, store, keystore.trusted(ours.keystore if ours else None)))
    with progress.shown() as say:
        found = store.verify(say)
    for line in verified(found, str(store.where)):
        print(visible(line))
    statuses.append(Status.PASSED if found.intact and found.links else Status.FAILED if found.faults else Status.UNDECIDED)
    return worst(statuses)


def _report(file: Path, store: Store, trusted: tuple[Certificate, ...]) -> Status:
    """The file held against the store, in lines, and what that comes to."""
    from qa.visible import visible
    from reports.held import told

    if (size := file.stat().st_size) > LARGEST:
        raise QaError(f"{file} has {size / 1e6:.0f} MB and is no report or audit of this program: check which file you mean")
    found = told(file.read_bytes(), store, trusted)
    for fault in found.faults:
        print(visible(f"BROKEN: {file}: {fault}"))
    for words in found.said:
        print(visible(f"{file}: {words}"))
    return Status.FAILED if found.faults else Status.PASSED if found.whole else Status.UNDECIDED
