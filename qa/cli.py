"""The command line: one command for each thing a person does, none for a particular test.

What tests and protocols there are comes from ``qa.procedure`` and ``qa.protocol``. Everything heavy is imported inside the commands,
so that help comes at once.
"""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.exits import Debug, Status, guarded, worst
from qa.options import Certified, Check, Database, Json, Named, Pdf, SiteFile, app, clinic, count
from qa.options import ours as our_site
from qa.reading import QaError
from qa.shown import shown, writable
from qa.visible import visible

if TYPE_CHECKING:
    from qa.site_tables import Preset

atexit.register(gc.freeze)  # else the end of a program looks for cycles in all that it ever loaded, which took a tenth of a trend
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: its matrices are tiny here, threads would only contend


def _version(asked: bool) -> None:
    if asked:
        import qa

        print(f"igrtqa {qa.__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")]


@dataclass(frozen=True)
class Who:
    """What a person says of the images: machine and phantom ("" = as the files say), who took them, whether the couch stood still,
    the file with the ball phantom's certificate, the site file and which of its presets.
    """

    machine: str = ""
    phantom: str = ""
    performer: str = ""
    couch_still: bool = False
    answers: Mapping[str, bool] = field(default_factory=dict)
    certificate: Path | None = None
    site: Path | None = None
    preset: Preset | None = None


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
    protocol: Annotated[
        str, typer.Option(help="A protocol's name (see: igrtqa list --protocols) or file.", show_default="mppg9a_monthly")
    ] = "",
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
    preset: Named = "",
    site: SiteFile = None,
    pdf: Pdf = None,
    json: Json = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Measure, judge and store what is in PATH..."""
    who = Who(machine, phantom, performer, couch_not_moved, _answers(check), certificate, site)
    protocol, who = _by_preset(preset, protocol, "mppg9a_monthly", who)
    return _run(paths, protocol, database, pdf, json, who, second_engine=second_engine)


@app.command()
@guarded
def daily(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="The morning's images: folders or zips.")],
    machine: Annotated[str, typer.Option(help="Name to record the machine under, if not the one in the images.")] = "",
    protocol: Annotated[
        str, typer.Option(help="A protocol's name (see: igrtqa list --protocols) or file.", show_default="tg142_morning")
    ] = "",
    phantom: Annotated[str, typer.Option(help="Which phantom: its model or serial number.")] = "",
    performer: Annotated[str, typer.Option(help="Who took the images.")] = "",
    certificate: Certified = None,
    check: Check = None,
    preset: Named = "",
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

    answers = _answers(check)
    protocol, who = _by_preset(preset, protocol, "tg142_morning", Who(machine, phantom, performer, False, answers, certificate, site))
    asked = protocols.read(protocol)
    if sys.stdin.isatty() and sys.stdout.isatty():
        for name, question in asked.questions.items():
            if name not in answers:
                said = ""
                while said not in ("yes", "no", "skip"):
                    said = typer.prompt(f"{question} [yes/no/skip]", default="skip").strip().lower()
                answers |= {name: said == "yes"} if said != "skip" else {}
    return _run(paths, protocol, database, pdf, json, replace(who, answers=answers), asked.procedures)


def _by_preset(name: str, protocol: str, otherwise: str, who: Who) -> tuple[str, Who]:
    """The protocol and what is said of the images, by the preset of that name where a person says nothing else; "" there is none."""
    if not name.strip():
        return protocol or otherwise, who
    found = our_site(who.site).preset_of(name)
    protocol, who = protocol or found.protocol, replace(who, phantom=who.phantom.strip() or found.phantom, preset=found)
    print(visible(f"preset {found.name}: protocol {protocol}, phantom {who.phantom or 'not said'}"))
    return protocol, who


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
    from qa import progress, session, site_said, telling
    from qa import protocol as protocols
    from qa.keeping import keeping

    writable((pdf, json), "nothing was measured")
    judged_by = protocols.read(protocol)
    site = clinic(who.site) if ours else None
    performer, used = site_said.performer(site, who.performer), site_said.phantom(site, who.phantom)
    certified, looked_at = None, used
    if (certificate_file := who.certificate or used.certificate) is not None:
        from qa import certificate

        certified = certificate.read(certificate_file)
        looked_at = site_said.certified(site, used, certified)
    machine = site.known(who.machine.strip()) if site and who.machine.strip() else who.machine
    own_name = site.own_name if site else str
    with keeping(database, own_name) if store else nullcontext() as kept:
        with progress.shown() as say:
            result = session.run(
                paths,
                judged_by,
                procedures=tests,
                machine=machine,
                phantom=used.words,
                performer=performer,
                store=kept,
                progress=say,
                second_engine=second_engine,
                couch_still=who.couch_still,
                answers=who.answers,
                certificate=certified,
                named=partial(site_said.machine, site, who.preset) if site else None,
                doubts=partial(site_said.doubts, site, looked_at) if site else None,
                remarks=partial(site_said.remarks, site, looked_at) if site else None,
                scale_of=partial(site_said.scale, site, machine) if site else None,
            )
        missing = [name for name in result.missing if tests is None or name in tests]
        try:
            status = shown(result.records, kept, pdf, json, database, site.keystore if site else None)
        except Exception:  # the records are stored all the same: whoever is to know of them is told
            if site is not None and store:
                telling.of_records(site, result.records, missing, None, database)
            raise
        for words in result.set_aside:
            print(f"no record: {words}")
        if missing:
            print(f"not fulfilled: {judged_by.title} also asks for {', '.join(missing)}, and nothing that was handed in shows it")
            status = worst([status, Status.UNDECIDED])
    if site is not None and store:
        telling.of_records(site, result.records, missing, pdf, database)
    return status


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
    drawn = [count(len(images), "image")] if images else []
    if rehearsal.acquisition.phantom:
        print(f'phantom {rehearsal.acquisition.phantom}: run it with --phantom "{rehearsal.acquisition.phantom}"')
    drawn += [f"{count(len(volumes), 'volume')} ({count(sum(len(one.slices) for one in volumes), 'slice')})"] if volumes else []
    print(f"{' and '.join(drawn)} with their truth in {out}, seed {seed}")
    return Status.PASSED


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


from qa import (  # noqa: E402, F401 - their commands come after these
    cli_audit,
    cli_baseline,
    cli_cause,
    cli_clinic,
    cli_events,
    cli_exchange,
    cli_records,
    cli_rejudge,
    cli_verify,
)

if __name__ == "__main__":
    app()
