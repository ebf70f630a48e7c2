"""Commands that exchange readings with other programs: ours written out, and what another program said taken in beside them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.exits import Debug, Status, guarded
from qa.options import Database, SiteFile, app, clinic, count, day
from qa.reading import QaError

if TYPE_CHECKING:
    from qa.mpc import Check
    from qa.site import Site
    from qa.store import Store


@app.command()
@guarded
def export(
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="One row for each reading.")] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="All that docs/json.md says of every record.")] = None,
    quaac: Annotated[Path | None, typer.Option("--quaac", metavar="FILE", help="QuAAC in YAML, one data point for each reading.")] = None,
    machine: Annotated[str, typer.Option("--machine", metavar="NAME", help="Of this machine only.")] = "",
    test: Annotated[str, typer.Option("--test", metavar="NAME", help="Of this test only (see: igrtqa list --tests).")] = "",
    since: Annotated[datetime | None, typer.Option("--since", parser=day, help="Taken on this day or later.")] = None,
    until: Annotated[datetime | None, typer.Option("--until", parser=day, help="Taken on this day or earlier.")] = None,
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Write readings with how they were judged, by what, and who signed, for other programs (docs/export.md).

    A record that was changed by force is named, and nothing is written.
    """
    from qa.store import Store
    from reports import exported_csv, exported_json, exported_quaac

    places = [(exported_csv.write, csv), (exported_json.write, json), (exported_quaac.write, quaac)]
    named = [place.absolute() for _, place in places if place]
    if not named:
        raise QaError("say where to and how: --csv FILE, --json FILE or --quaac FILE")
    if len(set(named)) < len(named):
        raise QaError("one file for two formats: give each a name of its own; nothing was written")
    known = clinic(site)
    store = Store(database, make=False, own_name=known.own_name if known else str)
    records = _asked(store, known, machine.strip(), test.strip(), since, until)
    for write, place in places:
        if place is not None:
            readings = write(store.each(records), place)
            print(f"{count(readings, 'reading')} of {count(len(records), 'record')}: {place}")
    return Status.PASSED


def _asked(store: Store, site: Site | None, machine: str, test: str, since: datetime | None, until: datetime | None) -> tuple[str, ...]:
    """The records that are asked for, days being those of the clinic's calendar. QaError where there are none."""
    from qa import procedure
    from qa.spelling import nearest

    zone = site.zone if site else None
    first = None if since is None else since.replace(tzinfo=zone).astimezone(UTC)
    end = None if until is None else (until + timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC)
    found = store.chosen((site.known(machine) if site else machine) if machine else None, test or None, first, end)
    if not found and test and test not in procedure.names():
        raise QaError(f"there is no test {test!r}{nearest(test, procedure.names())}")
    if not found and machine and machine not in store.machines() and site is None:
        raise QaError(f"there are no records of a machine {machine!r}{nearest(machine, store.machines())}")
    if not found:
        raise QaError(f"no such records in {store.where}: nothing was written")
    return found


@app.command("import-mpc")
@guarded
def import_mpc(
    place: Annotated[Path, typer.Argument(metavar="FOLDER|FILE", help="A check's folder, its Results.csv, or a folder of such folders.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who imports it.")],
    machine: Annotated[str, typer.Option("--machine", metavar="NAME", help="The machine, if the site file's serials do not say.")] = "",
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Take in what Varian's Machine Performance Check measured and judged, as it says it: a second opinion beside the trends.

    Nothing of it is judged again, and it is no record. All of it is stored, or nothing.
    """
    from qa import mpc, site_said
    from qa.spelling import nearest
    from qa.store import Store
    from qa.visible import visible
    from reports import catalogue, screen

    known = clinic(site)
    by = site_said.signer(known, by).name
    checks = mpc.read(place)
    files = [_file(check, known, machine.strip(), by) for check in checks]
    store = Store(database, own_name=known.own_name if known else str)
    there = {(one.name, one.sha256): one for one in store.imported()}
    new = [one for one in files if (one[0]["name"], one[0]["sha256"]) not in there]
    if not new:
        first = there[files[0][0]["name"], files[0][0]["sha256"]]
        raise QaError(f"{place}: imported before ({first.written:%Y-%m-%d} by {first.who}, import {first.number}); nothing was stored")
    for name in {said["machine"] for said, _, _ in new}:
        before = {one.serial for one in store.imported(name) if one.source == mpc.SOURCE}
        mpc.only_serial(name, {said["serial"] for said, _, _ in new if said["machine"] == name}, before, known)
        if known is None and name not in (*store.machines(), *(one.machine for one in store.imported())) and store.machines():
            raise QaError(
                f"no record is of a machine {name!r}{nearest(name, store.machines())}: an import cannot be moved to another machine later; "
                "of a new machine name the site file, which says whose the serial number is; nothing was stored"
            )
    stored = store.take_in(new)
    screen.show([catalogue.imported(one) for one in stored], screen.terminal())
    if len(new) < len(files):
        print(f"{count(len(files) - len(new), 'check')} of {len(files)} imported before, left as they are")
    print(visible(f"times: the machine's clock, read in {stored[0].zone}; values, thresholds and verdicts are {mpc.SOURCE}'s own"))
    print(visible(_beside({line["name"] for _, _, lines in new for line in lines})))
    return Status.PASSED


def _beside(names: set[str]) -> str:
    """Which trends of ours they are laid beside, and how many names lie beside nothing."""
    from qa.opinions import comparable

    found = [one for one in comparable() if one.name in names]
    said = ", ".join(f"{one.quantity} ({one.name})" for one in found) or "none: no name in it is comparable to a number of ours"
    return f"beside our trends: {said}; kept, beside nothing: {count(len(names) - len(found), 'name')}"


def _file(check: Check, site: Site | None, machine: str, by: str) -> tuple[dict[str, str], datetime, list[dict[str, str]]]:
    """What the store takes in of a check."""
    from qa import mpc

    taken = mpc.taken(check, site.zone if site else None)
    zone = site.time_zone if site and site.time_zone else f"this computer's zone ({check.clock.astimezone():%z})"
    said = {"source": mpc.SOURCE, "machine": mpc.machine_of(check, site, machine), "serial": check.serial, "name": check.name}
    said |= {"template": check.template, "clock": check.clock.isoformat(), "zone": zone, "sha256": check.sha256, "who": by}
    return said, taken, [asdict(line) for line in check.lines]
