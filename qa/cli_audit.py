"""The command that audits a machine over a month or a year."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qa.exits import Debug, Status, guarded
from qa.options import Database, SiteFile, app, clinic, count
from qa.reading import QaError


@app.command("audit")
@guarded
def audit_(
    machine: Annotated[str, typer.Option("--machine", metavar="NAME", help="The machine, as the site file or its records name it.")],
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="Which month.")] = "",
    year: Annotated[str, typer.Option("--year", metavar="YYYY", help="Which year, for the annual audit.")] = "",
    pdf: Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write the audit here.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="One page, for a committee.")] = False,
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """All that the records say of a machine over a month or a year: verdicts, exceptions, quantities, evidence, what was not done.

    Exit status 1 when a record of the period failed, else 3 when anything was not decided, not judged or not done.
    """
    from qa import audit as audits
    from qa.audit_period import period
    from qa.exits import judged
    from qa.limit import Outcome
    from qa.store import Store
    from reports import audit as pages
    from reports import screen

    if summary and pdf is None:
        raise QaError("--summary is a page: say where to write it, with --pdf FILE")
    asked, ours = period(month, year), clinic(site)
    store = Store(database, make=False, own_name=ours.own_name if ours else str)
    found = audits.audit(store, machine.strip(), asked, ours, evidence=pdf is not None and not summary)
    screen.show(pages.lines(found), screen.terminal())
    print(f"{count(len(found.records), 'record')} of {found.machine} in {asked.words}")
    if pdf is not None:
        print(f"audit: {pages.write(found, pdf, summary, ours.keystore if ours else None)}")
    outcomes = [*(one.outcome for one in found.verdicts), *(one.outcome for one in found.findings)]
    outcomes += [None for one in found.asked or () if one.short]  # what was not done was not measured
    return judged(Outcome.NOT_MEASURED if outcome is None else outcome for outcome in outcomes)
