"""The command that judges a stored record again by other limits; the old record stays as it is."""

from __future__ import annotations

from typing import Annotated

import typer

from qa.exits import Debug, Status, guarded
from qa.options import Database, Json, Pdf, SiteFile, app, clinic
from qa.shown import shown, writable


@app.command()
@guarded
def rejudge(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record's id or its beginning (see: igrtqa list).")],
    protocol: Annotated[str, typer.Option(help="Whose limits: a protocol's name (see: igrtqa list --protocols) or file.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="The physicist who asks for it.")],
    pdf: Pdf = None,
    json: Json = None,
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Judge a stored record's readings by other limits, as a new record; the old one is not changed and counts as before.

    What was doubted when the images were measured does not pass now either. Where a record does not tell, it is refused: hand the images
    in again (igrtqa run).
    """
    from qa import protocol as protocols
    from qa import rejudging, site_said
    from qa.store import Store

    writable((pdf, json), "nothing was judged")
    ours = clinic(site)
    who = site_said.signer(ours, by, only=("physicist",)).name
    store = Store(database, make=False, own_name=ours.own_name if ours else str)
    new = rejudging.rejudged(store, record, protocols.read(protocol), who, ours)
    store.add(new)
    assert new.basis is not None
    print(f"record {new.basis.judged_again} was judged again as record {new.record_id}; it stays as it is")
    return shown((new,), store, pdf, json, database, ours.keystore if ours else None)
