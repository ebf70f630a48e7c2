"""A session turns files, a protocol and a machine into stored records; nothing that was handed in disappears."""

from __future__ import annotations

import traceback
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qa import circumstances, engines, left_out
from qa import procedure as procedures_
from qa.acquisition import Acquisition, Calibration, Image, Refused, Registration, Slice
from qa.archive import Archive
from qa.baselines import baselines
from qa.calibrations import in_force
from qa.desk import Desk
from qa.grouping import beam, moved
from qa.left_out import LeftOut
from qa.procedure import Analysis, Procedure
from qa.protocol import Judgement, Outcome, Protocol, check, judge
from qa.reading import NotMeasured, ProtocolError, QaError
from qa.record import Input, Record

if TYPE_CHECKING:
    from qa.certificate import Certificate


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
    doubts: Callable[[str, Acquisition, datetime | None], Sequence[str]] | None = None,
) -> Session:
    """Reads, measures, judges and stores: one record per acquisition and procedure that accepts it.

    ``procedures`` are names, None = all there are: those that the protocol has limits for, and what else the images show, measured and
    not judged; calibrations only where the protocol asks for them. ``machine`` is what a person calls it, "" nobody does. ``named`` makes
    of the name in the images and of that what the record calls it, QaError where it does not know or they contradict each other; None:
    what the person says, else the name in the images. ``couch_still``: the performer states that the couch was not moved between images
    that do not say where it stood. ``answers`` are the performer's to the protocol's questions, by name; ProtocolError for one that it
    does not ask. ``phantom`` is which one it is, in the performer's words, ``certificate`` that of a ball phantom: procedures hold both
    against the images, and where they name two phantoms nothing passes; nor where ``doubts`` has reasons against it, by the machine's
    name and when the images were taken. A record with a number in it is stored as soon as it is made, one without when no other test
    measured the same images. ``second_engine`` asks for a second opinion wherever a procedure has one. QaError when nothing could be
    measured (it says why), ProtocolError when the protocol asks for what nobody measures, RecordError when the store refuses.
    """
    from qa import dicom

    say = progress or (lambda text: None)
    chosen = _choose(protocol, procedures)
    if unasked := set(answers or {}) - set(protocol.questions):
        raise ProtocolError(
            f"{protocol.name} does not ask {', '.join(sorted(unasked))}; it asks {', '.join(protocol.questions) or 'nothing'}"
        )
    places = [Path(path) for path in paths]
    by_digest: AbstractContextManager[dict[str, Path]] = engines.files_by_digest(places) if second_engine else nullcontext({})
    with dicom.opened(places, lambda done, total: say(f"reading: {done} of {total} files")) as batch, by_digest as files:
        given = [
            replace(acquisition, couch_still=couch_still, phantom=phantom.strip(), certificate=certificate)
            for acquisition in batch.acquisitions
        ]
        tried = [(acquisition, [(p.name, _missing(p, acquisition)) for p in chosen]) for acquisition in given]
        accepted = [(p, acquisition) for acquisition, said in tried for p, (_, reason) in zip(chosen, said, strict=True) if not reason]
        left = left_out.left_out(tried)
        refused = tuple(file for file in batch.refused if certificate is None or Path(file.name).name != certificate.file)
        if not accepted:
            raise QaError(left_out.nothing_measured(left, refused))
        _one_machine(machine, batch.acquisitions, named)
        called = {one.machine: (named or _as_said)(one.machine, machine.strip()) for _, one in accepted}
        if answers:
            _one_morning([acquisition for procedure, acquisition in accepted if procedure.name in protocol.asking], called)
        unused = left_out.inputs(left, tried, refused)
        desk = Desk(store, every=procedures is not None)
        for place, (procedure, acquisition) in sorted(enumerate(accepted), key=lambda item: item[1][1].day):  # sets come before their day
            if acquisition.day and desk.measured(acquisition, by_sets=True) and not moved(acquisition.images):
                continue  # what its sets show is known: there is nothing in it that only a day can tell
            say(f"{procedure.title}: {acquisition.title}")
            lost = left_out.lost(batch.refused, acquisition)
            record = _record(
                procedure,
                acquisition,
                protocol,
                _Said(called[acquisition.machine], performer.strip(), answers or {}, doubts),
                unused,
                lost,
                store,
            )
            if second_engine:
                record = engines.checked(record, procedure, acquisition, files, say)
            desk.take(place, record, acquisition)
        records, aside = desk.cleared()
        done = {record.procedure for record in records}
        return Session(records, left, refused, tuple(name for name in protocol.procedures if name not in done), aside)


def _choose(protocol: Protocol, names: Sequence[str] | None) -> tuple[Procedure, ...]:
    """The procedures to try, each checked against the protocol before any image is read."""
    unknown = [name for name in protocol.procedures if name not in procedures_.names()]
    if unknown:
        known = ", ".join(procedures_.names())
        raise ProtocolError(
            f"{protocol.name}: there is no procedure {', '.join(unknown)}; its limits would never be judged; known: {known}"
        )
    wanted = (*protocol.procedures, *procedures_.names()) if names is None else names
    chosen = tuple(procedures_.load(name) for name in dict.fromkeys(wanted))
    if names is None:  # a calibration is made on purpose, not beside another test
        chosen = tuple(p for p in chosen if not (p.provides or p.on_request) or p.name in protocol.procedures)
    for procedure in chosen:
        check(protocol, procedure.name, procedure.quantities)
    can = {kind for procedure in chosen if procedure.name in protocol.procedures for kind in procedure.applies}
    if unknown := [kind for kind in protocol.apply if kind not in can]:
        raise ProtocolError(
            f"{protocol.name}: none of its tests applies a calibration {', '.join(map(repr, unknown))}; they apply "
            f"{', '.join(map(repr, sorted(can))) or 'none'}"
        )
    return chosen


def _as_said(label: str, said: str) -> str:
    return said or label


def _one_machine(machine: str, acquisitions: Iterable[Acquisition], named: Callable[[str, str], str] | None) -> None:
    labels = {acquisition.machine for acquisition in acquisitions if acquisition.radiation != "film"}  # film names none
    found = sorted({_own_name(label, named or _as_said) for label in labels})
    if machine.strip() and len(found) > 1:
        raise QaError(f"the images come from {len(found)} machines ({', '.join(found)}), not only from {machine}: hand them in one by one")


def _own_name(label: str, named: Callable[[str, str], str]) -> str:
    """The machine of that label, the label itself where nobody knows it."""
    try:
        return named(label, "")
    except QaError:
        return label


def _one_morning(acquisitions: Iterable[Acquisition], called: Mapping[str, str]) -> None:
    """QaError when answers to a protocol's questions would count for more than one machine or day; ``called`` names machines by label."""
    found = {
        (called[one.machine], *(f"{time:%Y-%m-%d}" if time else "date unknown" for time in [circumstances.acquired(one)[0]]))
        for one in acquisitions
    }
    if len(found) > 1:
        said = "; ".join(f"{machine}, {day}" for machine, day in sorted(found))
        raise QaError(
            f"the answers (--check) are for one machine and one day, and the images are of several: {said}: hand them in one by one"
        )


@dataclass(frozen=True)
class _Said:
    """What is said beside the images: the machine's name, who took them, the answers to the protocol's questions, and what a clinic has
    against a pass.
    """

    machine: str
    performer: str
    answers: Mapping[str, bool]
    doubts: Callable[[str, Acquisition, datetime | None], Sequence[str]] | None = None


def _record(
    procedure: Procedure,
    acquisition: Acquisition,
    protocol: Protocol,
    said: _Said,
    unused: Sequence[Input],
    lost: Sequence[str],
    archive: Archive | None,
) -> Record:
    machine = said.machine
    acquired, notes = circumstances.acquired(acquisition)
    asked = tuple(kind for kind in procedure.applies if kind in protocol.apply)
    calibrations, told = in_force(archive, (*procedure.uses, *asked), machine, acquired)
    another = acquisition.certificate.another(acquisition.phantom) if acquisition.certificate is not None else ""
    against_it = said.doubts(machine, acquisition, acquired) if said.doubts else ()
    doubts = [*filter(None, [another, *against_it]), *_unread(lost), *_not_applied(protocol, asked, calibrations)]
    analysis = _of_its_beam(_analyse(procedure, replace(acquisition, calibrations=calibrations)), acquisition)
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
        judgements=_of_the_whole(judge(protocol, procedure.name, analysis.readings, against, said.answers), doubts),
        evidence=analysis.evidence,
        notes=(*told, *against.notes, *notes, *circumstances.image_notes(acquisition)),
    )


def _unread(lost: Sequence[str]) -> list[str]:
    """Why nothing passes when images were handed in that could not be read: the worst one may be among them."""
    if not lost:
        return []
    return [f"{len(lost)} image(s) handed in could not be read ({', '.join(lost)}): export them again, or hand in the others alone"]


def _not_applied(protocol: Protocol, asked: Sequence[str], calibrations: Sequence[Calibration]) -> list[str]:
    """Why nothing passes when the protocol applies a calibration and none is in force: what was judged is not what it judges."""
    lacking = [kind for kind in asked if kind not in {one.provides for one in calibrations}]
    return [f"{protocol.title} applies the calibration {kind}, and none is in force: calibrate, and accept the record" for kind in lacking]


def _of_the_whole(judgements: tuple[Judgement, ...], doubts: Sequence[str]) -> tuple[Judgement, ...]:
    """The judgements, none a pass where there are doubts about all of them."""
    if not doubts:
        return judgements
    why = "; ".join(doubts)
    short = {Outcome.PASS, Outcome.INDETERMINATE}
    return tuple(
        replace(j, outcome=Outcome.NOT_MEASURED, reason=f"{why} (the rest: {j.reason})") if j.outcome in short else j for j in judgements
    )


def _missing(procedure: Procedure, acquisition: Acquisition) -> str:
    """What the procedure misses in the acquisition, "" when it accepts it."""
    try:
        return procedure.accepts(acquisition)
    except Exception as error:
        return _reason(error)


def _analyse(procedure: Procedure, acquisition: Acquisition) -> Analysis:
    """What the procedure found; when it gave up, every quantity is NotMeasured with the reason, so that the attempt is on record."""
    try:
        return procedure.analyse(acquisition)
    except Exception as error:
        return Analysis(tuple(NotMeasured(quantity, _reason(error)) for quantity in procedure.quantities))


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


def _reason(error: Exception) -> str:
    """Why there is no number. A fault of ours must hide neither the attempt nor the other acquisitions: the record says what it was."""
    if isinstance(error, QaError) and str(error).strip():
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return f"the analysis broke down ({type(error).__name__}: {error}; {place}): keep the images and report this fault"
