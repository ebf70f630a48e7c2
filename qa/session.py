"""A session turns files, a protocol and a machine into stored records; nothing that was handed in disappears."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qa import circumstances, engines, left_out, no_pass, phantom_said, whose
from qa.acquisition import Acquisition, Image, Refused, Registration, Slice
from qa.archive import Archive
from qa.baselines import baselines
from qa.calibrations import in_force
from qa.desk import Desk
from qa.grouping import beam, moved
from qa.left_out import LeftOut
from qa.offered import choose, offer, reason
from qa.procedure import Analysis, Procedure
from qa.protocol import Protocol, judge
from qa.reading import NotMeasured, ProtocolError
from qa.record import Basis, Input, Record

if TYPE_CHECKING:
    from qa.certificate import Certificate


Doubts = Callable[[str, Acquisition, datetime | None, Collection[str]], Sequence[str]]
"""Why nothing of images may pass: by the machine's name, the images, when they were taken, and the models of phantoms that they show."""


@dataclass(frozen=True)
class Session:
    """What became of everything that was handed in: records, acquisitions nobody measures, files that are no images.

    ``missing`` are the procedures that the protocol has limits for and that measured nothing: without them it is not fulfilled.
    ``set_aside`` says which procedures found nothing of their own in images that others measured: there is no record of that.
    """

    records: tuple[Record, ...]
    left_out: tuple[LeftOut, ...]
    refused: tuple[Refused, ...]
    missing: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()


def run(
    paths: Iterable[str | Path],
    protocol: Protocol,
    *,
    procedures: Sequence[str] | None = None,
    machine: str = "",
    phantom: str = "",
    performer: str = "",
    store: Archive | None = None,
    progress: Callable[[str], None] | None = None,
    second_engine: bool = False,
    couch_still: bool = False,
    answers: Mapping[str, bool] | None = None,
    certificate: Certificate | None = None,
    named: Callable[[str, str], str] | None = None,
    doubts: Doubts | None = None,
    remarks: Callable[[Collection[str]], Sequence[str]] | None = None,
    scale_of: Callable[[str], str] | None = None,
) -> Session:
    """Reads, measures, judges and stores: one record per acquisition and procedure that accepts it.

    ``procedures`` are names, None = all there are: those that the protocol has limits for, and what else the images show, measured and
    not judged; calibrations only where the protocol asks for them. ``machine`` is what a person calls it, "" nobody does. ``named`` makes
    of the name in the images and of that what the record calls it, QaError where it does not know or they contradict each other; None:
    what the person says, else the name in the images. ``couch_still``: the performer states that the couch was not moved between images
    that do not say where it stood. ``answers`` are the performer's to the protocol's questions, by name; ProtocolError for one that it
    does not ask. ``phantom`` is which one it is, in the performer's words, ``certificate`` that of a ball phantom: procedures hold both
    against the images, and where they name two phantoms nothing passes; nor where ``doubts`` has reasons against it, by the machine's
    name, when the images were taken and the phantoms that they show. ``remarks`` are notes for the record, by these phantoms, ``scale_of``
    as in ``qa.rtimage.facts``. A record with a number in it is stored as soon as it is made, one without when no other test measured the
    same images. ``second_engine`` asks for a second opinion wherever a procedure has one. QaError when nothing could be measured (it says
    why), ProtocolError when the protocol asks for what nobody measures, RecordError when the store refuses.
    """
    from qa import dicom

    say = progress or (lambda text: None)
    chosen = choose(protocol, procedures)
    if unasked := set(answers or {}) - set(protocol.questions):
        raise ProtocolError(
            f"{protocol.name} does not ask {', '.join(sorted(unasked))}; it asks {', '.join(protocol.questions) or 'nothing'}"
        )
    places = [Path(path) for path in paths]
    by_digest: AbstractContextManager[dict[str, Path]] = engines.files_by_digest(places) if second_engine else nullcontext({})
    with dicom.opened(places, lambda done, total: say(f"reading: {done} of {total} files"), scale_of) as batch, by_digest as files:
        given = [replace(one, couch_still=couch_still, phantom=phantom.strip(), certificate=certificate) for one in batch.acquisitions]
        refused = tuple(file for file in batch.refused if certificate is None or Path(file.name).name != certificate.file)
        offered = offer(given, chosen, refused)
        called = whose.machines(machine.strip(), [one for _, one in offered.accepted], batch.acquisitions, named)
        if answers:
            whose.one_morning([one for procedure, one in offered.accepted if procedure.name in protocol.asking], called)
        said, unused = _Said(called, performer.strip(), answers or {}, doubts, remarks), offered.unused
        desk = Desk(store, every=procedures is not None)
        for place, (procedure, acquisition) in sorted(enumerate(offered.accepted), key=lambda item: item[1][1].day):  # sets before days
            if acquisition.day and desk.measured(acquisition, by_sets=True) and not moved(acquisition.images):
                continue  # what its sets show is known: there is nothing in it that only a day can tell
            say(f"{procedure.title}: {acquisition.title}")
            lost = left_out.lost(batch.refused, acquisition)
            record = _record(procedure, acquisition, protocol, said, unused, lost, store)
            if second_engine:
                record = engines.checked(record, procedure, acquisition, files, say)
            desk.take(place, record, acquisition)
        records, aside = desk.cleared()
        done = {record.procedure for record in records}
        return Session(records, offered.left, refused, tuple(name for name in protocol.procedures if name not in done), aside)


@dataclass(frozen=True)
class _Said:
    """What is said beside the images: the machines' names by their labels, who took them, the answers to the protocol's questions, and
    what a clinic has against a pass, and what it remarks.
    """

    called: Mapping[str, str]
    performer: str
    answers: Mapping[str, bool]
    doubts: Doubts | None = None
    remarks: Callable[[Collection[str]], Sequence[str]] | None = None


def _record(
    procedure: Procedure,
    acquisition: Acquisition,
    protocol: Protocol,
    said: _Said,
    unused: Sequence[Input],
    lost: Sequence[str],
    archive: Archive | None,
) -> Record:
    machine = said.called[acquisition.machine]
    acquired, notes = circumstances.acquired(acquisition)
    asked = tuple(kind for kind in procedure.applies if kind in protocol.apply)
    calibrations, told = in_force(archive, (*procedure.uses, *asked), machine, acquired)
    another = acquisition.certificate.another(acquisition.phantom) if acquisition.certificate is not None else ""
    analysis = _of_its_beam(_analyse(procedure, replace(acquisition, calibrations=calibrations)), acquisition)
    shown = phantom_said.shown(analysis.readings)
    against_it = said.doubts(machine, acquisition, acquired, shown) if said.doubts else ()
    doubts = (
        *filter(None, [another, *against_it]),
        *no_pass.unread(lost),
        *no_pass.not_applied(protocol, asked, [one.provides for one in calibrations]),
    )
    if machine != acquisition.machine:
        notes = (f"recorded for machine {machine!r}; the images say {acquisition.machine!r}", *notes)
    notes = (*circumstances.stated(acquisition), *notes)
    files: list[Image | Slice | Registration] = [*acquisition.images, *(part for volume in acquisition.volumes for part in volume.slices)]
    files += [one for one in acquisition.registrations if not one.wrong]
    used = tuple(Input(file.name, file.sha256, file.sop_instance_uid, True) for file in files)
    compared = protocol.compared(procedure.name)
    images = [name for file in used for name in (file.sha256, file.sop_instance_uid)]
    against = baselines(archive, procedure, machine, compared, analysis.readings, images, acquired, acquisition.phantom)
    return Record(
        record_id=str(uuid.uuid4()),
        procedure=procedure.name,
        procedure_version=procedure.version,
        procedure_title=procedure.title,
        title=acquisition.title,
        machine=machine,
        phantom=acquisition.phantom,
        performer=said.performer,
        protocol=protocol.name,
        protocol_title=protocol.title,
        coverage_factor=protocol.coverage_factor,
        acquired=acquired,
        analysed=datetime.now(UTC),
        versions=circumstances.versions(),
        inputs=(*used, *unused),
        readings=analysis.readings,
        judgements=no_pass.lowered(judge(protocol, procedure.name, analysis.readings, against, said.answers), doubts),
        evidence=analysis.evidence,
        notes=(*told, *against.notes, *(said.remarks(shown) if said.remarks else ()), *notes, *circumstances.image_notes(acquisition)),
        basis=Basis(doubts, tuple(kind for kind in asked if kind in {one.provides for one in calibrations})),
    )


def _analyse(procedure: Procedure, acquisition: Acquisition) -> Analysis:
    """What the procedure found; when it gave up, every quantity is NotMeasured with the reason, so that the attempt is on record."""
    try:
        return procedure.analyse(acquisition)
    except Exception as error:
        return Analysis(tuple(NotMeasured(quantity, reason(error)) for quantity in procedure.quantities))


def _of_its_beam(analysis: Analysis, acquisition: Acquisition) -> Analysis:
    """The same, every reading with the treatment beam it is of: numbers of two beams are never compared over time.

    Left as it is where a reading says its setting itself, and where nobody can say: no MV image, several beams, or none stated.
    """
    found = {beam(image) for image in acquisition.images if image.radiation == "MV"}
    if len(found) != 1 or found == {""}:
        return analysis
    (name,) = found
    readings = (one if "setting" in one.at else replace(one, at={**one.at, "beam": name}) for one in analysis.readings)
    return replace(analysis, readings=tuple(readings))
