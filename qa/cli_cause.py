"""The command that asks which single cause explains what changed on a machine."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from qa.exits import Debug, Status, guarded
from qa.options import Database, SiteFile, app, clinic, day


@app.command()
@guarded
def cause(
    machine: Annotated[str, typer.Option("--machine", metavar="NAME", help="The machine, by a name of it.")],
    since: Annotated[
        datetime | None,
        typer.Option("--since", parser=day, metavar="DAY", help="What changed since then (else: on the newest day)."),
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw it here.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Draw it here.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Draw it here.")] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="How many changes to list.")] = 20,
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Which single cause explains the changes best: ball set-up, a panel, sag, a couch axis, a moved phantom. It changes no outcome."""
    from qa import cause as causes
    from qa.store import Store
    from reports import cause_screen

    known = clinic(site)
    store = Store(database, make=False, own_name=known.own_name if known else str)
    found = causes.ask(store, machine, since.date() if since else None, known.zone if known else None)
    cause_screen.show(found, most)
    for kind, place in ((".png", png), (".svg", svg), (".pdf", pdf)):
        if place is not None:
            from reports import cause_picture

            print(f"picture: {cause_picture.save(found, place, kind)}")
    return Status.PASSED
