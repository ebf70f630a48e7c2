"""Commands for the clinic: its site file, what is due, copies of its records."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.exits import Debug, Status, guarded
from qa.options import Database, SiteFile, app, ours, site_file
from qa.reading import QaError
from qa.shown import verified

if TYPE_CHECKING:
    from qa.verification import Verified


@app.command()
@guarded
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("site.toml"), debug: Debug = False
) -> Status:
    """Ask for the clinic and its machines; write a site file with comments to go on from, and a key that signs the reports."""
    from qa import site_draft

    if file.exists():
        raise QaError(f"{file} is there already; edit it, or name another file")
    name = typer.prompt("Name of the clinic")
    machines = []
    while said := typer.prompt("Name of a machine (empty: no more)", default="", show_default=False).strip():
        station = typer.prompt("What its images call it (station name)", default=said)
        machines.append(
            (said, station.strip(), typer.prompt("Its serial number in the images (empty: none)", default="", show_default=False))
        )
    site_draft.write(file, name, machines)
    print(f"site file: {file}; use it with --site {shlex.quote(str(file))} or IGRTQA_SITE")
    print(f"key that signs reports: {file.with_suffix('.p12')}; whoever can read it can sign (docs/signatures.md)")
    return Status.PASSED


@app.command("keystore")
@guarded
def keystore_(
    renew: Annotated[bool, typer.Option("--renew", help="A new key in the place of the present one, which stays trusted.")] = False,
    site: SiteFile = None,
    debug: Debug = False,
) -> Status:
    """Make a key that signs the reports and audits of this clinic, and name it in the site file."""
    from qa import site_draft

    key = site_draft.with_key(site_file(site), renew)
    print(f"key that signs reports: {key}; whoever can read it can sign (docs/signatures.md)")
    return Status.PASSED


@app.command("due")
@guarded
def due_(
    site: SiteFile = None,
    notify: Annotated[bool, typer.Option("--notify", help="Send a mail about what is overdue (site file, [notification]).")] = False,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """What the site's schedule asks for: done, not finished, due, overdue, never done, not used today, under service.

    Exit status 1 when what was done last failed, else 3 when something is due.
    """
    from datetime import datetime

    from qa import due, telling
    from qa.store import Store
    from reports import catalogue, screen

    clinic = ours(site)
    store, today = Store(database, make=False, own_name=clinic.own_name), datetime.now(clinic.zone).date()
    judged_by = due.protocols(clinic)
    last, events = store.last_days(today, clinic.zone, judged_by=judged_by), store.events()
    found = due.due(clinic, last, today, events, judged_by)
    if not found:
        print(f"nothing is scheduled in the site file of {clinic.name}: add a [[schedule]]")
    screen.show(map(catalogue.due, found), screen.terminal())
    for machine, service in due.under_service(clinic, events):
        lacking = due.lacking(clinic, store.done_since(service, today, clinic.zone, judged_by), machine)
        print(f"{machine}: to be done before igrtqa back: {', '.join(lacking) or 'nothing that the site file lists'}")
    if notify:
        telling.of_overdue(clinic, found, today)
    if any(one.failed and one.state != due.State.SERVICE for one in found):
        return Status.FAILED
    return Status.UNDECIDED if any(one.state.waits for one in found) else Status.PASSED


@app.command()
@guarded
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy, a new file.")], database: Database = None, debug: Debug = False
) -> Status:
    """Copy all records into a new file, while others may go on writing, and verify the copy; status 1 when it is broken, though kept."""
    from qa import backup as backups

    return _copied("copy: {file}, records: {count}", file, lambda tell: backups.backup(database, file, tell))


@app.command()
@guarded
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy.")], database: Database = None, debug: Debug = False
) -> Status:
    """Bring a copy back where there are no records; nothing is written over. Status 1 when it is broken, though brought back."""
    from qa import backup as backups

    return _copied("restored: {count} records from {file}", file, lambda tell: backups.restore(file, database, tell))


def _copied(words: str, file: Path, copy: Callable[[Callable[[int, int], None]], Verified]) -> Status:
    """Copies, with a bar that it fills, and says how many records there are and what is broken in them."""
    from qa import progress
    from qa.visible import visible

    with progress.shown() as say:
        found = copy(lambda done, total: say(f"copying: {done} of {total} pages"))
    print(visible(words.format(file=file, count=found.records)))
    for line in verified(found, str(file)) if found.faults else ():
        print(visible(line))
    return Status.FAILED if found.faults else Status.PASSED
