"""Commands for baselines: what one made of the last runs would be, and a person accepts it."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from qa.exits import Debug, Status, guarded
from qa.options import Database, SiteFile, app, clinic
from qa.reading import QaError

if TYPE_CHECKING:
    from qa.proposal import Proposal
    from qa.store import Store

baseline = typer.Typer(no_args_is_help=True, help="What a machine is compared with: propose a new baseline, accept it.")
app.add_typer(baseline, name="baseline")

Test = Annotated[str, typer.Argument(metavar="TEST", help="A test (see: igrtqa list --tests).")]
Machine = Annotated[str, typer.Option("--machine", metavar="NAME", help="The machine, by a name of it.")]
Last = Annotated[int | None, typer.Option("--last", min=1, metavar="N", help="Of how many of the newest valid runs; 10 if not said.")]
OneRecord = Annotated[str, typer.Option("--record", metavar="RECORD", help="Of this record alone, by its id or its beginning.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="The physicist who accepts it.")]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="Why, for those who read it later.")]
Device = Annotated[str, typer.Option("--device", metavar="TEXT", help="With which phantom, if the records do not say so.")]


@baseline.command()
@guarded
def propose(
    test: Test,
    machine: Machine,
    last: Last = None,
    record: OneRecord = "",
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Show what a baseline of the last valid runs, or of one record, would be; nothing is stored.

    Valid: decided, nothing failed or disagreed, not rejected, not the same images twice, of the present version of the test, and not from
    before the machine was put back into use. Status 3 when there are fewer than asked for.
    """
    _, found = _proposed(test, machine, last, record, site, database)
    return Status.UNDECIDED if found.lacking else Status.PASSED


@baseline.command()
@guarded
def accept(
    test: Test,
    machine: Machine,
    by: By,
    because: Because,
    last: Last = None,
    record: OneRecord = "",
    device: Device = "",
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Make that the baseline from now on, for good until the next one; what was judged before stays as it was judged.

    Refused when there are fewer valid runs than asked for.
    """
    from qa import site_said
    from reports import catalogue, screen

    by = site_said.signer(clinic(site), by, only=("physicist",)).name
    store, found = _proposed(test, machine, last, record, site, database)
    if found.lacking:
        raise QaError(f"nothing was accepted: {found.lacking}")
    with_ = device.strip() or ", ".join(sorted({one.phantom for one in found.records if one.phantom}))
    made = store.accept_baseline([one.record_id for one in found.records], by, because, with_, found.renewed)
    screen.show([catalogue.baseline(made)], screen.terminal())
    return Status.PASSED


def _proposed(test: str, machine: str, last: int | None, record: str, site: SiteFile, database: Database) -> tuple[Store, Proposal]:
    """The proposal, shown."""
    from qa.proposal import propose as proposed
    from qa.store import Store
    from reports import proposal, screen

    if record and last is not None:
        raise QaError("--last and --record exclude each other: name one record, or a number of runs")
    known = clinic(site)
    zone: tzinfo | None = known.zone if known else None
    store = Store(database, make=False, own_name=known.own_name if known else str)
    found = proposed(store, known.known(machine) if known else machine, test, last or 10, record, zone)
    screen.show_grid(screen.Grid(proposal.title(found), proposal.HEAD, tuple(proposal.rows(found))), screen.terminal())
    screen.show(proposal.lines(found), screen.terminal())
    return store, found
