"""Readings of many records as QuAAC, a YAML format for exchanging QA results (quaac.readthedocs.io): one data point for each reading."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from qa.plain import encode
from qa.protocol import Baseline, Judgement
from qa.reading import At, Measured, NotMeasured, QaError, Quantity, Reading, identity
from qa.record import Record
from qa.standing import Standing
from reports import disk
from reports.index import judgements_of

if TYPE_CHECKING:
    from quaac import DataPoint

MOST = 5000  # readings: who reads such a file holds all of it at once, and takes milliseconds for each
UNSTATED = "not stated"
NO_ADDRESS = "not-stated@example.com"  # the format asks for an address; example.com is nobody's (RFC 2606)


def write(records: Iterable[tuple[Record, Standing]], path: Path) -> int:
    """All of them in a file that is complete or not there, and that the format's own reader took; how many readings there are.

    QaError for more than ``MOST``. The document itself has no hash: the format's depends on the order of a set, so nobody could check it.
    """
    points: list[DataPoint] = []
    for record, standing in records:
        points += _points(record, standing)
        if len(points) > MOST:
            raise QaError(
                f"{path}: not written, it would have more than {MOST} readings; "
                "take fewer with --machine, --test, --since and --until, or use --json"
            )
    content = _yaml(points)
    _read_back(content, points, path)
    disk.put(content, path)
    return len(points)


def _yaml(points: list[DataPoint]) -> bytes:
    """The document; what several data points share stands there once, in order of its first use."""
    shared: dict[str, dict[str, Any]] = {"equipment": {}, "users": {}}
    for point in points:
        for one in (point.primary_equipment, *point.ancillary_equipment):
            shared["equipment"].setdefault(one.hash, _plain(one))
        for user in (point.performer, point.reviewer):
            if user is not None:
                shared["users"].setdefault(user.hash, _plain(user))
    document = {"version": "1.0", "datapoints": [*map(_plain, points)], "attachments": []}
    document |= {kind: [*found.values()] for kind, found in shared.items()}
    text: str = yaml.dump(document, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
    return text.encode("ascii")


def _plain(model: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(model.model_dump_json(by_alias=True))
    return plain


def _read_back(content: bytes, points: list[DataPoint], path: Path) -> None:
    """QaError when the format's own model does not take the file, or takes other points from it."""
    from pydantic import ValidationError
    from quaac import Document

    plain = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        back = Document.model_validate_json(json.dumps(plain))
    except (ValidationError, KeyError, ValueError) as error:
        raise QaError(f"{path}: not written, for QuAAC does not take it: {error}") from error
    if [one.hash for one in back.datapoints] != [one.hash for one in points]:
        raise QaError(f"{path}: not written, for QuAAC reads other data points back than were to be written; report this fault")


def _points(record: Record, standing: Standing) -> Iterator[DataPoint]:
    from quaac import DataPoint

    judged, common = judgements_of(record), _common(record, standing)
    readings = [(reading, judged.get(index, [])) for index, reading in enumerate(record.readings)]
    for one in record.judgements:
        if one.reading < 0:  # nothing was read that it could judge
            quantity = Quantity(one.limit.quantity, one.limit.unit, "no reading was made", one.limit.source)
            readings.append((NotMeasured(quantity, one.reason), [one]))
    for reading, judgements in readings:
        held = next((one.baseline.value for one in judgements if one.baseline is not None), None)
        of = ", ".join(f"{key} {text}" for key, text in identity(reading.at))
        yield DataPoint(
            **common,
            name=f"{record.procedure} {reading.quantity.key}{f' ({of})' if of else ''}",
            measurement_value=reading.value if isinstance(reading, Measured) else "not measured",
            measurement_unit=reading.quantity.unit,
            reference_value=held,
            description=f"{reading.quantity.meaning} ({reading.quantity.source})",
            parameters=_parameters(record, standing, reading, judgements),
        )


def _common(record: Record, standing: Standing) -> dict[str, Any]:
    """What all readings of a record share; when the images were taken, not when they were exported."""
    from quaac import Equipment, User

    def person(name: str) -> User:
        return User(name=name, email=NO_ADDRESS)

    def thing(name: str, kind: str) -> Equipment:
        return Equipment(name=name, type=kind, serial_number=UNSTATED, manufacturer=UNSTATED, model=UNSTATED)

    reviewers = [one.who for one in standing.signatures if one.meaning == "reviewed" and not one.own_run]
    performers = [one.who for one in standing.signatures if one.meaning == "performed"]
    return {
        "perform_datetime": record.acquired or record.analysed,
        "procedure": record.procedure_title or record.procedure,
        "performer": person(record.performer.strip() or next(iter(performers), UNSTATED)),
        "reviewer": person(reviewers[-1]) if reviewers else None,
        "primary_equipment": thing(record.machine.strip() or UNSTATED, "treatment machine"),
        "ancillary_equipment": [thing(record.phantom, "phantom")] if record.phantom.strip() else [],
    }


def _parameters(record: Record, standing: Standing, reading: Reading, judgements: list[Judgement]) -> dict[str, Any]:
    """All that the format has no field for."""
    found: dict[str, Any] = {"record id": record.record_id, "record hash": standing.record_hash, "state": encode(At, reading.at)}
    found |= {"test version": record.procedure_version, "protocol": record.protocol, "coverage factor": record.coverage_factor}
    if isinstance(reading, Measured):
        found |= {"standard uncertainty (k = 1)": reading.u, "flags": [*reading.flags], "missing": reading.missing}
        found |= {"interval (95 %)": [*reading.interval]} if reading.interval is not None else {}
    else:
        found["not measured because"] = reading.reason
    if record.acquired is None:
        found["perform datetime is"] = "when it was analysed: the files have no date"
    found["judgements"] = [_judgement(one) for one in judgements]
    found["signed"] = [f"{one.said} by {one.who}{f' ({one.role})' if one.role else ''}" for one in standing.signatures]
    return found


def _judgement(one: Judgement) -> dict[str, Any]:
    limit = one.limit
    found: dict[str, Any] = {"limit": limit.limit_id, "kind": limit.kind, "outcome": one.outcome.name, "reason": one.reason}
    found |= {"techniques": [*limit.techniques], "tolerance": limit.tolerance, "action level": limit.action, "source": limit.source}
    return found | ({"baseline": encode(Baseline, one.baseline)} if one.baseline is not None else {})
