"""Commands for records that are kept: list them, report them, sign them, follow a number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.exits import Debug, Status, guarded
from qa.options import Database, Json, Pdf, SiteFile, app, clinic
from qa.reading import QaError
from qa.shown import shown

if TYPE_CHECKING:
    from qa.record import Record


@app.command("list")
@guarded
def list_(
    tests: Annotated[bool, typer.Option("--tests", help="The tests there are, not the records.")] = False,
    protocols: Annotated[bool, typer.Option("--protocols", help="The protocols there are, not the records.")] = False,
    accepted: Annotated[bool, typer.Option("--accepted", help="What was accepted, by whom and when, not the records.")] = False,
    imported: Annotated[bool, typer.Option("--imported", help="What was taken in of other programs, not the records.")] = False,
    events: Annotated[bool, typer.Option("--events", help="What was put down: not used, service, actions; not the records.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, help="How many records to show.")] = 20,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """List the records, newest first, or what was accepted or put down, or the tests and protocols there are."""
    from reports import catalogue, screen

    rows = [*catalogue.tests()] if tests else []
    rows += catalogue.protocols() if protocols else []
    if accepted or events or imported or not (tests or protocols):
        from qa.store import Store

        store = Store(database)
        kept = [*map(catalogue.baseline, reversed(store.accepted_baselines()))] if accepted else []
        kept += map(catalogue.acceptance, reversed(store.accepted())) if accepted else []
        kept += map(catalogue.event, reversed(store.events())) if events else []
        kept += map(catalogue.imported, reversed(store.imported())) if imported else []
        kept += map(catalogue.record, store.list(most)) if not (accepted or events or imported) else []
        if not kept:
            nothing = {"nothing is accepted": accepted, "nothing was put down": events, "nothing was imported": imported}
            print(f"{next((words for words, asked in nothing.items() if asked), 'no records')} yet in {store.where}")
        rows += kept[:most]
    screen.show(rows, screen.terminal())
    return Status.PASSED


@app.command()
@guarded
def report(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record's id or its beginning (see: igrtqa list).")],
    pdf: Pdf = None,
    json: Json = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write its tables and readings here, for a spreadsheet.")
    ] = None,
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Show a stored record again; the status is that of its outcome."""
    from qa.store import Store

    ours, store = clinic(site), Store(database)
    found = store.get(record)
    status = shown((found,), store, pdf, json, database, ours.keystore if ours else None)
    if csv is not None:
        from reports.spreadsheet import write

        print(f"tables and readings: {write(found, csv)}")
    return status


@app.command()
@guarded
def accept(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record's id or its beginning (see: igrtqa list).")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="The physicist who signs for it.")],
    comment: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "",
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """A physicist signs that this record is what the machine should be compared with; a calibration comes into force with it.

    The first accepted record of a machine and test is the baseline of every number in it, until a newer baseline is accepted with
    "igrtqa baseline accept". An acceptance is kept for good.
    """
    from qa import procedure, site_said
    from qa.acceptance import lasting
    from qa.store import Store
    from reports import catalogue, screen

    ours = clinic(site)
    store = Store(database, own_name=ours.own_name if ours else str)
    done = store.accept(record, site_said.signer(ours, by, only=("physicist",)).name, comment)
    screen.show([catalogue.acceptance(done)], screen.terminal())
    name = done.record.procedure
    provides = procedure.load(name).provides if name in procedure.names() else ""
    first = next(lasting(store.accepted(done.record.machine, [name]))).record.record_id == done.record.record_id
    machine = ours.own_name(done.record.machine) if ours else done.record.machine
    lacks = ["the record accepted first lacks"] if not first else []
    lacks += [f"{one.name} lacks" for one in reversed(store.accepted_baselines(done.record.machine, [name]))][:1]
    print(f"it is the baseline of {machine} for {name}" + (f", for what {' and '.join(lacks)}" if lacks else ""))
    if provides:
        from qa.calibrations import in_force

        _, words = in_force(store, (provides,), done.record.machine, done.record.taken)
        users = [other for other in procedure.names() if provides in procedure.load(other).uses]
        asked = [other for other in procedure.names() if provides in procedure.load(other).applies]
        users += [f"{other} where a protocol says so" for other in asked]
        print(f"its calibration: {'; '.join(words) or provides}")
        print(f"applied by {', '.join(users)}" if users else "no test applies it by itself: it is for those who correct the machine")
        for flag in _common(store.get(done.record.record_id)):
            print(f"caveat of all its readings: {flag}")
    return Status.PASSED


def _common(record: Record) -> list[str]:
    """The caveats that all numbers of a record share."""
    from qa.reading import Measured

    flags = [set(reading.flags) for reading in record.readings if isinstance(reading, Measured)]
    return sorted(set.intersection(*flags)) if flags else []


@app.command()
@guarded
def sign(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record's id or its beginning (see: igrtqa list).")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who signs.")],
    meaning: Annotated[str, typer.Option("--as", metavar="MEANING", help="performed, reviewed, approved or rejected.")],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="In which role, where the site file does not say it.")] = "",
    comment: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "",
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Sign a stored record; what was signed before stays.

    Nobody reviews or approves what they performed, unless the site file says that they may (own_review). Where it lists people, only they
    sign, in their roles, and a physicist approves.
    """
    from qa import site_said
    from qa.signing import REJECTED
    from qa.store import Store
    from reports import catalogue, screen

    ours, store = clinic(site), Store(database)
    signer = site_said.signer(ours, by, role, only=("physicist",) if meaning == "approved" else ())
    done = store.sign(record, signer.name, signer.role, meaning, comment, own_run=ours is not None and ours.own_review)
    standing = store.standing(done.record_id)
    screen.show([catalogue.signature(done.record_id, one) for one in standing.signatures], screen.terminal())
    if done.meaning == REJECTED:
        for other in (one for one in store.judged_again(done.record_id) if store.rejected(one) is None):
            print(f"record {other} is of the same readings, judged again, and is not rejected by this: sign that too")
    return Status.PASSED


@app.command()
@guarded
def trend(
    quantity: Annotated[str, typer.Argument(metavar="QUANTITY", help="What was measured, by its key as reports print it.")],
    machine: Annotated[str, typer.Option("--machine", metavar="NAME", help="The machine, by a name of it.")],
    part: Annotated[str, typer.Option(help="Which part of a phantom.")] = "",
    set_: Annotated[str, typer.Option("--set", help="Which set of images.")] = "",
    setting: Annotated[str, typer.Option(help="Which setting (model, beam, kernel).")] = "",
    of: Annotated[list[str] | None, typer.Option("--of", metavar="KEY=TEXT", help="Any other text of its state; repeat for each.")] = None,
    test: Annotated[str, typer.Option(help="Which test, where several measure it.")] = "",
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw it here.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Draw it here.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Draw it here.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every point here, for a spreadsheet.")] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="How many of the newest points to list.")] = 20,
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """One number over time: values, limits, control chart and drift. It warns, and changes no outcome."""
    from qa import trend as trends
    from qa.store import Store
    from qa.visible import visible
    from reports import trend_screen

    texts = {key: text for key, text in (("part", part), ("set", set_), ("setting", setting)) if text}
    for pair in of or ():
        key, _, text = (each.strip() for each in pair.partition("="))
        if not key or not text:
            raise QaError(f"--of {pair}: expected KEY=TEXT")
        texts[key] = text
    ours = clinic(site)
    store = Store(database, own_name=ours.own_name if ours else str)
    found = trends.trend(store, machine, quantity, texts, test)
    if len(names := store.names(machine)) > 1:
        print(visible(f"records of one machine: {', '.join(names)}"))
    trend_screen.show(found, most)
    for kind, place in ((".png", png), (".svg", svg), (".pdf", pdf)):
        if place is not None:
            from reports import trend_picture

            print(f"picture: {trend_picture.save(found, place, kind)}")
    if csv is not None:
        from reports import trend_csv

        print(f"points: {trend_csv.write(found, csv)}")
    return Status.PASSED
