"""The same images through a second, independent engine; a disagreement beyond the stated uncertainty is itself a finding."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from qa import intake
from qa.acquisition import Acquisition, Image, Slice
from qa.compared import Compared, Number, compare, doubted
from qa.procedure import Procedure
from qa.reading import At, Measured, QaError, Reading
from qa.record import Record

__all__ = ["Number", "Say", "Theirs", "checked", "files_by_digest"]

Say = Callable[[str], None]
OTHER_IMAGES = "the two engines did not measure the same images, so numbers of the whole set are shown, not judged"


@dataclass(frozen=True)
class Theirs:
    """What a second engine found in one acquisition: what it was told, its numbers per image and of the whole set, or why there are none.

    ``images`` are in the acquisition's order; ``engine`` and ``version`` name the program.
    """

    told: str
    images: tuple[tuple[Number, ...] | str, ...]
    whole: tuple[Number, ...] | str
    engine: str = "second engine"
    version: str = ""


@contextmanager
def files_by_digest(paths: Sequence[Path]) -> Iterator[dict[str, Path]]:
    """SHA-256 of every file in ``paths``, zips unpacked, to where it lies while the block runs."""
    with tempfile.TemporaryDirectory(prefix="igrtqa-") as folder:
        found, _ = intake.found(paths, Path(folder))
        yield {hashlib.sha256(file.path.read_bytes()).hexdigest(): file.path for file in found}


def checked(record: Record, procedure: Procedure, acquisition: Acquisition, files: Mapping[str, Path], say: Say) -> Record:
    """The record with both engines' numbers, its judgements doubted where they disagree; as it is where there is no second engine.

    ``files`` maps SHA-256 to paths. Whatever stops the second engine is said in the record and stops nothing else.
    """
    if procedure.second_engine is None:
        return record
    say(f"second engine: {acquisition.title}")
    try:
        parts: list[Image | Slice] = [*acquisition.images, *(part for volume in acquisition.volumes for part in volume.slices)]
        uids = {part.sop_instance_uid: files[part.sha256] for part in parts if part.sha256 in files}
        theirs = procedure.second_engine(acquisition, uids, say)
    except Exception as error:  # another program's faults are not ours: the record says what happened
        why = str(error) if isinstance(error, QaError) else f"the second engine broke down ({type(error).__name__}: {error})"
        theirs = Theirs("", (why,) * len(acquisition.images), why)
    comparisons = compared(procedure, acquisition.images, record.readings, theirs)
    return replace(
        record,
        comparisons=comparisons,
        judgements=doubted(record.judgements, record.readings, comparisons),
        notes=(*record.notes, f"second engine: {theirs.told}") if theirs.told else record.notes,
        versions=(*record.versions, (theirs.engine, theirs.version)) if theirs.version else record.versions,
    )


def compared(procedure: Procedure, images: Sequence[Image], readings: Sequence[Reading], theirs: Theirs) -> tuple[Compared, ...]:
    """Every number of theirs beside ours, the images in order, then the set."""
    keys = next((tuple(number.key for number in numbers) for numbers in theirs.images if not isinstance(numbers, str)), ("",))
    units = {quantity.key: quantity.unit for quantity in procedure.quantities}
    same, rows = True, []
    for image, numbers in zip(images, theirs.images, strict=True):
        own = [reading for reading in readings if reading.at.get("sop_instance_uid") == image.sop_instance_uid]
        if isinstance(numbers, str):
            same = same and not any(isinstance(reading, Measured) for reading in own)
        for number in _all(numbers, keys):
            ours = _counterpart(number, own)
            same = same and (not number.key or (number.value is None) != isinstance(ours, Measured))
            rows.append(_compare(number, ours, image.at, theirs, units))
    whole = [reading for reading in readings if not reading.at.get("sop_instance_uid")]
    for number in _all(theirs.whole, ("",)):
        rows.append(_compare(number if same else _unjudged(number), _counterpart(number, whole), {}, theirs, units))
    return tuple(rows)


def _counterpart(number: Number, readings: Sequence[Reading]) -> Reading | None:
    """Our reading of the same thing: the key, and all that the number says of the state."""
    fits = (r for r in readings if r.quantity.key == number.key and all(r.at.get(key) == value for key, value in number.at.items()))
    return next(fits, None)


def _all(numbers: tuple[Number, ...] | str, keys: Sequence[str]) -> tuple[Number, ...]:
    """The numbers; where there are none, each key with the reason."""
    return tuple(Number(key, None, numbers) for key in keys) if isinstance(numbers, str) else numbers


def _compare(number: Number, ours: Reading | None, at: At, theirs: Theirs, units: Mapping[str, str]) -> Compared:
    number = replace(number, unit=units.get(number.key, number.unit))
    return compare(number, ours, {**at, **number.at}, theirs.engine, theirs.version)


def _unjudged(number: Number) -> Number:
    return number if number.value is None else replace(number, u=None, really=f"{number.really}; {OTHER_IMAGES}".lstrip("; "))
