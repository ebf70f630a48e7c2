"""The command line: one command for each thing a person does, none for a particular test.

What tests and protocols there are comes from ``qa.procedure`` and ``qa.protocol``. Everything heavy is imported inside the commands,
so that help comes at once.
"""

from __future__ import annotations

import gc
import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.exits import Debug, Status, guarded, judged, worst
from qa.reading import QaError

if TYPE_CHECKING:
    from qa.keeping import Kept
    from qa.record import Record
    from qa.site import Site
    from qa.store import Store
    from qa.verification import Verified

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: its matrices are tiny here, threads would only contend

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Database = Annotated[str | None, typer.Option("--database", metavar="FILE", help="Where the records are kept: a file or a database URL.")]
Pdf = Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write the report here; of several records FILE-1, FILE-2, ...")]
Certified = Annotated[
    Path | None, typer.Option("--certificate", metavar="FILE", help="The certificate (TOML) of the ball phantom in the images.")
]
Check = Annotated[
    list[str] | None, typer.Option("--check", metavar="NAME=yes|no", help="The answer to a question of the protocol; repeat for each.")
]
SiteFile = Annotated[
    Path | None, typer.Option("--site", metavar="FILE", help="The site file with the clinic's machines (else IGRTQA_SITE; docs/site.md).")
]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all readings here (docs/json.md).")]


def _version(asked: bool) -> None:
    if asked:
        import qa

        print(f"igrtqa {qa.__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")]


@dataclass(frozen=True)
class Who:
    """What a person says of the images: machine and phantom ("" = as the files say), who took them, whether the couch stood still,
    the file with the ball phantom's certificate, the site file.
    """

    machine: str = ""
    phantom: str = ""
    performer: str = ""
    couch_still: bool = False
    answers: Mapping[str, bool] = field(default_factory=dict)
    certificate: Path | None = None
    site: Path | None = None


@app.callback()
def main(debug: Debug = False, version: Version = False) -> None:
    """Quality assurance of image-guided radiotherapy.

    Exit status: 0 everything passed; 1 something failed; 3 undecided, not measured, or two engines do not agree: repeat or complete
    the measurement, or ask the physicist; 2 wrong input, nothing to rely on; 130 stopped.
    """
    gc.set_threshold(50_000, 20, 100)  # looking for cycles among the many objects of large imports took a quarter of a run; few are made


@app.command()
@guarded
def run(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images, folders of images, or zips.")],
    machine: Annotated[str, typer.Option(help="Name to record the machine under, if not the one in the images.")] = "",
    protocol: Annotated[str, typer.Option(help="A protocol's name (see: igrtqa list --protocols) or file.")] = "mppg9a_monthly",
    phantom: Annotated[
        str, typer.Option(help="Which phantom: its model (e.g. CatPhan 604) or serial number; held against the images.")
    ] = "",
    performer: Annotated[str, typer.Option(help="Who took the images.")] = "",
    couch_not_moved: Annotated[
        bool, typer.Option("--couch-not-moved", help="Nobody moved the couch between the images (for files without couch readout).")
    ] = False,
    certificate: Certified = None,
    second_engine: Annotated[bool, typer.Option("--second-engine", help="Check every number with another program (slow).")] = False,
    check: Check = None,
    site: SiteFile = None,
    pdf: Pdf = None,
    json: Json = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Measure, judge and store what is in PATH..."""
    who = Who(machine, phantom, performer, couch_not_moved, _answers(check), certificate, site)
    return _run(paths, protocol, database, pdf, json, who, second_engine=second_engine)


@app.command()
@guarded
def daily(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="The morning's images: folders or zips.")],
    machine: Annotated[str, typer.Option(help="Name to record the machine under, if not the one in the images.")] = "",
    protocol: Annotated[str, typer.Option(help="A protocol's name (see: igrtqa list --protocols) or file.")] = "tg142_morning",
    phantom: Annotated[str, typer.Option(help="Which phantom: its model or serial number.")] = "",
    performer: Annotated[str, typer.Option(help="Who took the images.")] = "",
    certificate: Certified = None,
    check: Check = None,
    site: SiteFile = None,
    pdf: Pdf = None,
    json: Json = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """The therapist's morning check: image, match, shift, image again, beam; GO, REPEAT or STOP for each technique.

    At a terminal the protocol's questions that --check did not answer are asked.
    """
    import sys

    from qa import protocol as protocols

    asked = protocols.read(protocol)
    answers = _answers(check)
    if sys.stdin.isatty() and sys.stdout.isatty():
        for name, question in asked.questions.items():
            if name not in answers:
                said = ""
                while said not in ("yes", "no", "skip"):
                    said = typer.prompt(f"{question} [yes/no/skip]", default="skip").strip().lower()
                answers |= {name: said == "yes"} if said != "skip" else {}
    return _run(paths, protocol, database, pdf, json, Who(machine, phantom, performer, False, answers, certificate, site), asked.procedures)


def _answers(checks: Sequence[str] | None) -> dict[str, bool]:
    """The answers among --check NAME=yes|no; QaError for anything else, or for one question answered both ways."""
    found: dict[str, bool] = {}
    for text in checks or ():
        name, _, said = (part.strip() for part in text.partition("="))
        if not name or said.lower() not in ("yes", "no"):
            raise QaError(f"--check {text}: expected NAME=yes or NAME=no")
        if found.setdefault(name, said.lower() == "yes") != (said.lower() == "yes"):
            raise QaError(f"--check {name} is answered with yes and with no: give one answer")
    return found


@app.command()
@guarded
def demo(
    out: Annotated[Path, typer.Option(help="Where to put images, records, report and readings.")] = Path("demo"), debug: Debug = False
) -> Status:
    """Simulate a typical machine's checks and run them, from images to report, each test in a folder of its own."""
    from qa import procedure, progress
    from qa import protocol as protocols

    statuses = []
    for found in map(procedure.load, procedure.names()):
        if found.demonstrate is None:
            continue
        place = out / found.name
        with progress.shown() as say:
            images = found.demonstrate(place / "images", say)
        results = place / "report.pdf", place / "readings.json"
        questions = protocols.read(found.demonstration_protocol).questions
        who = Who(performer="demo", answers=dict.fromkeys(questions, True))
        status = _run(images, found.demonstration_protocol, str(out / "records.sqlite"), *results, who, [found.name], ours=False)
        if questions:
            print(f"the demonstration answered yes to: {', '.join(questions)}")
        print(f"images in {place / 'images'}")
        statuses.append(status)
    return worst(statuses)


def _run(
    paths: Sequence[Path],
    protocol: str,
    database: str | None,
    pdf: Path | None,
    json: Path | None,
    who: Who,
    tests: Sequence[str] | None = None,
    second_engine: bool = False,
    store: bool = True,
    ours: bool = True,
) -> Status:
    """``tests`` None = all that the images are fit for, and what the protocol asks for beyond them is said.

    ``ours``: the images are of the clinic's own machines, which the site file names where there is one.
    """
    from qa import progress, session
    from qa import protocol as protocols
    from qa.keeping import keeping

    for place in filter(None, (pdf, json)):
        if place.is_dir() or not place.absolute().parent.is_dir():
            wrong = "is a folder" if place.is_dir() else "is in no folder that there is"
            raise QaError(f"{place} {wrong}: nothing was measured; name a file in a folder that there is")
    judged_by = protocols.read(protocol)
    certified = None
    if who.certificate is not None:
        from qa import certificate

        certified = certificate.read(who.certificate)
    clinic = _site(who.site) if ours else None
    machine = clinic.known(who.machine.strip()) if clinic and who.machine.strip() else who.machine
    with keeping(database) if store else nullcontext() as kept:
        with progress.shown() as say:
            result = session.run(
                paths,
                judged_by,
                procedures=tests,
                machine=machine,
                phantom=who.phantom,
                performer=who.performer,
                store=kept,
                progress=say,
                second_engine=second_engine,
                couch_still=who.couch_still,
                answers=who.answers,
                certificate=certified,
                named=clinic.machine_of if clinic else None,
            )
        status = _shown(result.records, kept, pdf, json, database)
        for words in result.set_aside:
            print(f"no record: {words}")
        if missing := [name for name in result.missing if tests is None or name in tests]:
            print(f"not fulfilled: {judged_by.title} also asks for {', '.join(missing)}, and nothing that was handed in shows it")
            status = worst([status, Status.UNDECIDED])
    return status


def _site(named: Path | None) -> Site | None:
    """The clinic's site, None when nobody says where its file is."""
    place = str(named) if named is not None else os.environ.get("IGRTQA_SITE", "").strip()
    if not place:
        return None
    from qa import site

    return site.read(Path(place).expanduser())


@app.command()
@guarded
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("site.toml"), debug: Debug = False
) -> Status:
    """Ask for the clinic and its machines, and write a site file with comments to go on from."""
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
    return Status.PASSED


@app.command("due")
@guarded
def due_(site: SiteFile = None, database: Database = None, debug: Debug = False) -> Status:
    """What the site's schedule asks for: done, due, overdue, never done. Exit status 3 when something is due."""
    from datetime import date

    from qa import due
    from qa.store import Store
    from reports import catalogue, screen

    ours = _site(site)
    if ours is None:
        raise QaError("name the site file with --site or IGRTQA_SITE; igrtqa init makes one")
    found = due.due(ours, Store(database).last_days(), date.today())
    if not found:
        print(f"nothing is scheduled in the site file of {ours.name}: add a [[schedule]]")
    screen.show(map(catalogue.due, found), screen.terminal())
    return Status.PASSED if all(one.state == due.State.DONE for one in found) else Status.UNDECIDED


@app.command()
@guarded
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy, a new file.")], database: Database = None, debug: Debug = False
) -> Status:
    """Copy all records into a new file, while others may go on writing, and check the copy."""
    from qa import backup as backups
    from qa import progress

    with progress.shown() as say:
        count = backups.backup(database, file, lambda done, total: say(f"copying: {done} of {total} pages"))
    print(f"copy: {file}, records: {count}")
    return Status.PASSED


@app.command()
@guarded
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy.")], database: Database = None, debug: Debug = False
) -> Status:
    """Bring a copy back where there are no records; nothing is written over."""
    from qa import backup as backups
    from qa import progress

    with progress.shown() as say:
        count = backups.restore(file, database, lambda done, total: say(f"copying: {done} of {total} pages"))
    print(f"restored: {count} records from {file}")
    return Status.PASSED


@app.command("list")
@guarded
def list_(
    tests: Annotated[bool, typer.Option("--tests", help="The tests there are, not the records.")] = False,
    protocols: Annotated[bool, typer.Option("--protocols", help="The protocols there are, not the records.")] = False,
    accepted: Annotated[bool, typer.Option("--accepted", help="What was accepted, by whom and when, not the records.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, help="How many records to show.")] = 20,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """List the records, newest first, or what was accepted, or the tests and protocols there are."""
    from reports import catalogue, screen

    rows = [*catalogue.tests()] if tests else []
    rows += catalogue.protocols() if protocols else []
    if accepted or not (tests or protocols):
        from qa.store import Store

        store = Store(database)
        kept = map(catalogue.acceptance, reversed(store.accepted())) if accepted else map(catalogue.record, store.list(most))
        found = [*kept][:most]
        if not found:
            print(f"{'nothing is accepted' if accepted else 'no records'} yet in {store.where}")
        rows += found
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
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Show a stored record again; the status is that of its outcome."""
    from qa.store import Store

    store = Store(database)
    found = store.get(record)
    status = _shown((found,), store, pdf, json, database)
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
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """A physicist signs that this record is what the machine should be compared with; a calibration comes into force with it.

    The first accepted record of a machine and test is the baseline of every number in it. An acceptance is kept for good.
    """
    from qa import procedure
    from qa.store import Store
    from reports import catalogue, screen

    store = Store(database)
    done = store.accept(record, by, comment)
    screen.show([catalogue.acceptance(done)], screen.terminal())
    name = done.record.procedure
    provides = procedure.load(name).provides if name in procedure.names() else ""
    first = store.accepted(done.record.machine, [name])[0].record.record_id == done.record.record_id
    print(f"it is the baseline of {done.record.machine} for {name}" + ("" if first else ", for what the record accepted first lacks"))
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


@app.command()
@guarded
def sign(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record's id or its beginning (see: igrtqa list).")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who signs.")],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="In which role: therapist, physicist, ...")],
    meaning: Annotated[str, typer.Option("--as", metavar="MEANING", help="performed, reviewed, approved or rejected.")],
    comment: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "",
    site: SiteFile = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Sign a stored record; what was signed before stays.

    Nobody reviews or approves what they performed, unless the site file says that they may (own_review).
    """
    from qa.store import Store
    from reports import catalogue, screen

    clinic, store = _site(site), Store(database)
    done = store.sign(record, by, role, meaning, comment, own_run=clinic is not None and clinic.own_review)
    signatures = store.standing(done.record_id).signatures
    screen.show([catalogue.signature(done.record_id, one) for one in signatures], screen.terminal())
    return Status.PASSED


@app.command()
@guarded
def trend(
    quantity: Annotated[str, typer.Argument(metavar="QUANTITY", help="What was measured, by its key as reports print it.")],
    machine: Annotated[str, typer.Option("--machine", metavar="NAME", help="The machine, as its records name it.")],
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
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """One number over time: values, limits, control chart and drift. It warns, and changes no outcome."""
    from qa import trend as trends
    from qa.store import Store
    from reports import trend_screen

    texts = {key: text for key, text in (("part", part), ("set", set_), ("setting", setting)) if text}
    for pair in of or ():
        key, _, text = (each.strip() for each in pair.partition("="))
        if not key or not text:
            raise QaError(f"--of {pair}: expected KEY=TEXT")
        texts[key] = text
    found = trends.trend(Store(database), machine, quantity, texts, test)
    trend_screen.show(found, most)
    for kind, place in ((".png", png), (".svg", svg), (".pdf", pdf)):
        if place is not None:
            from reports import trend_picture

            print(f"picture: {trend_picture.save(found, place, kind)}")
    if csv is not None:
        from reports import trend_csv

        print(f"points: {trend_csv.write(found, csv)}")
    return Status.PASSED


@app.command()
@guarded
def verify(
    report: Annotated[Path | None, typer.Argument(metavar="[REPORT.pdf]", help="A report to hold against the store.")] = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Check that no stored record, sign-off or acceptance was changed, removed or put there by force; status 1 when one was.

    With a report also whether it is that of the stored record. Status 3 when there is nothing yet to check against.
    """
    from qa import progress
    from qa.store import Store
    from qa.visible import visible

    store, content = Store(database, make=False), report.read_bytes() if report is not None else None
    statuses = []
    if content is not None:
        from reports.held import Pages, hold

        held = hold(content, store)
        for fault in held.faults:
            print(visible(f"BROKEN: {report}: {fault}"))
        if held.pages is not None and not held.faults:
            print(visible(f"{report}: record {held.record_id} is the stored one; {held.pages.value}"))
        for later in held.later:
            print(visible(f"since it was printed: {later}"))
        statuses.append(Status.FAILED if held.faults else Status.PASSED if held.pages is Pages.SAME else Status.UNDECIDED)
    with progress.shown() as say:
        found = store.verify(say)
    for line in _verified(found, str(store.where)):
        print(visible(line))
    statuses.append(Status.PASSED if found.intact and found.records else Status.FAILED if found.faults else Status.UNDECIDED)
    return worst(statuses)


def _verified(found: Verified, where: str) -> list[str]:
    """What verifying found, in lines: the first fault first."""
    most = 20
    counted = f"{_count(found.records, 'record')}, {_count(found.events, 'event')}, {_count(found.links, 'link')}"
    said = [f"BROKEN: {'first: ' if len(found.faults) > 1 and not k else ''}{fault}" for k, fault in enumerate(found.faults[:most])]
    said += [f"and {len(found.faults) - most} more"] if len(found.faults) > most else []
    said += [f"note: {remark}" for remark in found.remarks[:most]]
    said += [f"note: and {len(found.remarks) - most} more notes"] if len(found.remarks) > most else []
    if found.faults:
        return [*said, f"broken: {counted} in {where}: rely on nothing named here, restore it from a backup"]
    if not found.chained:
        return [*said, f"no chain yet: {counted} in {where}; every record fits its own hash, the next one stored begins a chain"]
    if not found.records:
        return [*said, f"nothing is stored in {where}: is it the right one?"]
    said += [f"note: {found.adopted} of the links were adopted: stored before there was a chain"] if found.adopted else []
    return [
        *said,
        f"intact: {counted} in {where}",
        f"last link {found.links}: {found.end} (compare it with the newest report that you have)",
    ]


@app.command()
@guarded
def rehearse(
    name: Annotated[str, typer.Argument(help="A test (see: igrtqa list --tests).")],
    out: Annotated[Path, typer.Option(help="An empty or new folder for the images.")],
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed draws the same images; without it they are new.")] = None,
    debug: Debug = False,
) -> Status:
    """Draw images or volumes of a random phantom on a random machine as DICOM, with the truth beside them."""
    import secrets

    import numpy as np

    from qa import procedure

    found = procedure.load(name)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise QaError(f"{out} is not an empty folder: name a new one, so that images of two rehearsals do not mix")
    seed = secrets.randbelow(2**31) if seed is None else seed
    rehearsal = found.rehearse(np.random.default_rng(seed))
    rehearsal.write(out)
    images, volumes = rehearsal.acquisition.images, rehearsal.acquisition.volumes
    of_one = tuple(image.sop_instance_uid for image in images)
    for (key, where), value in rehearsal.truth.items():
        if not where.startswith(of_one):
            print(f"truth {key}{f' ({where})' if where else ''}: {value:.4f} {found.quantity(key).unit}".rstrip())
    drawn = [_count(len(images), "image")] if images else []
    if rehearsal.acquisition.phantom:
        print(f'phantom {rehearsal.acquisition.phantom}: run it with --phantom "{rehearsal.acquisition.phantom}"')
    drawn += [f"{_count(len(volumes), 'volume')} ({_count(sum(len(one.slices) for one in volumes), 'slice')})"] if volumes else []
    print(f"{' and '.join(drawn)} with their truth in {out}, seed {seed}")
    return Status.PASSED


def _common(record: Record) -> list[str]:
    """The caveats that all numbers of a record share."""
    from qa.reading import Measured

    flags = [set(reading.flags) for reading in record.readings if isinstance(reading, Measured)]
    return sorted(set.intersection(*flags)) if flags else []


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@app.command("compare-engines")
@guarded
def compare_engines(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images, folders of images, or zips.")],
    protocol: Annotated[str, typer.Option(help="A protocol's name (see: igrtqa list --protocols) or file.")] = "mppg9a_monthly",
    store: Annotated[bool, typer.Option("--store/--no-store", help="Whether to keep the record.")] = True,
    pdf: Pdf = None,
    json: Json = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Measure and judge as run does, with a second, independent engine beside it; status 3 where the two do not agree.

    Tests that have no second engine are measured as run does. The record holds the numbers of both.
    """
    return _run(paths, protocol, database, pdf, json, Who(), second_engine=True, store=store)


def _shown(records: Sequence[Record], store: Store | Kept | None, pdf: Path | None, json: Path | None, database: str | None) -> Status:
    """Prints the records, writes what was asked for, and says how they came out; ``store`` None = nobody keeps them."""
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

            path = pdf if len(records) == 1 else pdf.with_name(f"{pdf.stem}-{number}{pdf.suffix}")
            print(f"report of {record.record_id}: {write(record, path, standings.get(record.record_id))}")
    if json is not None:
        from qa.export import write_json

        write_json(json, records)
        print(f"readings: {json}")
    decided = [record for record in records if record.judgements or record.comparisons]
    for record in records:
        if record not in decided and decided:
            print(f"measured and not judged: {record.procedure_title}; {record.protocol_title} has no limit for it")
    return worst(judged([j.outcome for j in record.judgements], [c.outcome for c in record.comparisons]) for record in decided or records)


if __name__ == "__main__":
    app()
