"""The same images through a second, independent engine; a disagreement beyond the stated uncertainty is itself a finding."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa import intake, procedure
from qa.acquisition import Acquisition, Image
from qa.reading import Measured, NotMeasured, QaError, Reading

Say = Callable[[str], None]


@dataclass(frozen=True)
class Number:
    """One number of the second engine under the key of our quantity that it can be held against ("" there is none), in its unit.

    ``value`` is None where the engine could not have measured it, whatever it prints; ``really`` says what the number is. ``u`` is the
    standard uncertainty its algorithm is known to have; without one the two are shown, not judged.
    """

    key: str
    value: float | None
    really: str = ""
    u: float | None = None


@dataclass(frozen=True)
class Theirs:
    """What a second engine found in one acquisition: what it was told, its numbers per image and of the whole set, or why there are none.

    ``images`` are in the acquisition's order.
    """

    told: str
    images: tuple[tuple[Number, ...] | str, ...]
    whole: tuple[Number, ...] | str


@dataclass(frozen=True)
class Pair:
    """Our reading, None where we measure no such thing, beside their number."""

    ours: Reading | None
    theirs: Number

    @property
    def difference(self) -> float | None:
        """Theirs minus ours, where both have a number."""
        if not isinstance(self.ours, Measured) or self.theirs.value is None:
            return None
        return self.theirs.value - self.ours.value

    @property
    def agree(self) -> bool:
        """Whether both have a number and they differ by no more than twice the uncertainty of the difference, where that is known."""
        if not isinstance(self.ours, Measured) or self.difference is None:
            return False
        return self.theirs.u is None or abs(self.difference) <= 2 * math.hypot(self.ours.u, self.theirs.u)


@dataclass(frozen=True)
class ImageRow:
    """One image through both engines, or why one of them has no number."""

    image: Image
    pairs: tuple[Pair, ...]
    why: str

    @property
    def agree(self) -> bool:
        """Whether both measured it, and alike."""
        return bool(self.pairs) and not self.why and all(pair.agree for pair in self.pairs)


@dataclass(frozen=True)
class Comparison:
    """One acquisition through both engines; ``why`` says why there is nothing about the whole set."""

    title: str
    told: str
    images: tuple[ImageRow, ...]
    whole: tuple[Pair, ...]
    why: str = ""

    @property
    def agree(self) -> bool:
        """Whether both engines measured every image, and alike."""
        return bool(self.images) and all(row.agree for row in self.images)


def compare(paths: Sequence[Path], say: Say) -> tuple[Comparison, ...]:
    """Every acquisition, through every procedure that has a second engine and accepts it. QaError when there is none."""
    from qa import dicom

    tests = [test for test in map(procedure.load, procedure.names()) if test.second_engine is not None]
    with tempfile.TemporaryDirectory(prefix="igrtqa-") as folder, dicom.opened(paths) as batch:
        tried = [(test, acquisition, test.accepts(acquisition)) for acquisition in batch.acquisitions for test in tests]
        if all(reason for _, _, reason in tried):
            reasons = [f"{a.title}: {reason}" for _, a, reason in tried] + [f"{r.name}: {r.reason}" for r in batch.refused]
            raise QaError("there is nothing that two engines can measure. " + "\n".join(reasons))
        files = {hashlib.sha256(file.path.read_bytes()).hexdigest(): file.path for file in intake.found(paths, Path(folder))[0]}
        return tuple(_compare(test, acquisition, files, say) for test, acquisition, reason in tried if not reason)


def _compare(test: procedure.Procedure, acquisition: Acquisition, files: dict[str, Path], say: Say) -> Comparison:
    say(f"{test.title}: {acquisition.title}")
    readings = test.analyse(acquisition).readings
    assert test.second_engine is not None
    theirs = test.second_engine(acquisition, {image.sop_instance_uid: files[image.sha256] for image in acquisition.images}, say)
    rows = tuple(_row(image, readings, numbers) for image, numbers in zip(acquisition.images, theirs.images, strict=True))
    if isinstance(theirs.whole, str):
        return Comparison(acquisition.title, theirs.told, rows, (), theirs.whole)
    whole = tuple(Pair(next((r for r in readings if r.quantity.key == number.key), None), number) for number in theirs.whole)
    return Comparison(acquisition.title, theirs.told, rows, whole)


def _row(image: Image, readings: Sequence[Reading], numbers: tuple[Number, ...] | str) -> ImageRow:
    if isinstance(numbers, str):
        return ImageRow(image, (), numbers)
    ours = {r.quantity.key: r for r in readings if r.at.get("sop_instance_uid") == image.sop_instance_uid}
    pairs = tuple(Pair(ours.get(number.key), number) for number in numbers)
    return ImageRow(image, pairs, next((f"not measured: {p.ours.reason}" for p in pairs if isinstance(p.ours, NotMeasured)), ""))
