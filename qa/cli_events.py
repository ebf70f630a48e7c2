"""Commands for what a person puts down beside the records: not used today, under service, back in use, what was done about a failure."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from qa.exits import Debug, Status, guarded
from qa.options import Database, SiteFile, app, clinic, day, ours
from qa.reading import QaError

if TYPE_CHECKING:
    from qa.site import Site
    from qa.store import Store

By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who puts it down.")]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="Why, for those who read it later.")]
Machine = Annotated[str, typer.Option("--machine", metavar="NAME", help="The machine, as the site file names it.")]
Day = Annotated[datetime | None, typer.Option("--day", parser=day, help="The day it is of, if not today.")]


@app.command()
@guarded
def skip(
    protocol: Annotated[str, typer.Argument(metavar="PROTOCOL", help="What is not done that day (see: igrtqa due).")],
    machine: Machine,
    because: Because,
    by: By,
    day: Day = None,
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Put down that a check is not used on a day, and why: it is not due that day, and the monthly report says so."""
    from qa.protocol import read
    from qa.spelling import nearest

    site_, store = _asked(site, database)
    name = site_.known(machine)
    scheduled = [read(task.protocol).name for task in site_.schedule if name in task.machines]
    if protocol not in scheduled:
        raise QaError(f"{protocol!r} is not scheduled on {name}{nearest(protocol, scheduled)}")
    return _put_down(site_, store, "not used", name, protocol, _day(day, site_), by, because)


@app.command()
@guarded
def service(
    machine: Machine, because: Because, by: By, day: Day = None, site: SiteFile = None, database: Database = None, debug: Debug = False
) -> Status:
    """Put down that a machine is out of clinical use from now on (or from --day on): nothing is due on it until it is back."""
    site_, store = _asked(site, database)
    return _put_down(site_, store, "service", site_.known(machine), "", _day(day, site_), by, because)


@app.command()
@guarded
def back(machine: Machine, because: Because, by: By, site: SiteFile = None, database: Database = None, debug: Debug = False) -> Status:
    """Put a machine back into clinical use; refused until all of its return-to-use list (site file) passed since the service began."""
    from qa import due
    from qa.events import in_service

    site_, store = _asked(site, database)
    name = site_.known(machine)
    began = in_service(store.events(name))
    if began is not None and (
        lacking := due.lacking(site_, store.done_since(began, _day(None, site_), site_.zone, due.protocols(site_)), name)
    ):
        raise QaError(f"{name} cannot be used again before its return-to-use list has passed: {', '.join(lacking)}")
    if because.strip() and not next(one for one in site_.machine if one.name == name).return_to_use:
        nothing = f"no test was asked for: the site file has no return_to_use for {name}"
        print(f"note: {nothing}")
        because = f"{because.strip()} ({nothing})"
    return _put_down(site_, store, "back", name, "", _day(None, site_), by, because)


@app.command()
@guarded
def action(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record's id or its beginning (see: igrtqa list).")],
    did: Annotated[str, typer.Option("--did", metavar="TEXT", help="What was done about it.")],
    by: By,
    day: Day = None,
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Put down what was done about a record that failed or could not be decided."""
    from qa.store import Store

    known = clinic(site)
    return _put_down(known, Store(database, make=False), "action", "", record, _day(day, known), by, did)


def _asked(site: SiteFile, database: Database) -> tuple[Site, Store]:
    from qa.store import Store

    found = ours(site)
    return found, Store(database, own_name=found.own_name)


def _day(said: datetime | None, site: Site | None) -> date:
    """The day on the clinic's calendar; none that is still to come."""
    today = datetime.now(site.zone if site else None).date()
    day = said.date() if said else today
    if day > today:
        raise QaError(f"{day} is still to come")
    return day


def _put_down(site: Site | None, store: Store, kind: str, machine: str, about: str, day: date, by: str, text: str) -> Status:
    from qa import site_said
    from reports import catalogue, screen

    by = site_said.signer(site, by, only=("physicist",) if kind == "back" else ()).name

    screen.show([catalogue.event(store.put_down(kind, machine, about, day, by, text))], screen.terminal())
    return Status.PASSED
