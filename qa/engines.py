"""The same images through a second, independent engine; a disagreement beyond the stated uncertainty is itself a finding."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa import intake, procedure, pylinac_engine
from qa.acquisition import Acquisition, Image
from qa.pylinac_engine import Number, Told
from qa.reading import Measured, NotMeasured, QaError, Reading

TEST = "winston_lutz"  # the test that both engines know
THEIR_U_MM = 0.05  # scatter of a centre of mass over whole pixels, pylinac's field centre; it states no uncertainty of its own
Say = Callable[[str], None]


@dataclass(frozen=True)
class ImageRow:
    """Ball minus field centre (u, v) of one image, mm on the isocentre plane, by both engines, or why one has no number."""

    image: Image
    ours: tuple[Measured, Measured] | str
    theirs: tuple[float, float] | str

    @property
    def differences_mm(self) -> tuple[float, float] | None:
        """pylinac minus ours."""
        if isinstance(self.ours, str) or isinstance(self.theirs, str):
            return None
        return self.theirs[0] - self.ours[0].value, self.theirs[1] - self.ours[1].value

    @property
    def agree(self) -> bool:
        """Whether both have a number, and they differ by no more than twice the uncertainty of the difference."""
        if isinstance(self.ours, str) or self.differences_mm is None:
            return False
        return all(abs(d) <= 2 * math.hypot(o.u, THEIR_U_MM) for d, o in zip(self.differences_mm, self.ours, strict=True))


@dataclass(frozen=True)
class SetRow:
    """One quantity of the whole set: our reading (None: we measure no such thing) and pylinac's number."""

    ours: Reading | None
    theirs: Number


@dataclass(frozen=True)
class Comparison:
    """One acquisition through both engines; ``why`` says why pylinac has nothing about the whole set."""

    title: str
    told: Told
    images: tuple[ImageRow, ...]
    sets: tuple[SetRow, ...]
    why: str = ""

    @property
    def agree(self) -> bool:
        """Whether both engines measured every image, and alike."""
        return all(row.agree for row in self.images)


def compare(paths: Sequence[Path], say: Say) -> tuple[Comparison, ...]:
    """Every acquisition that can be measured. QaError when there is none."""
    from qa import dicom

    test = procedure.load(TEST)
    with tempfile.TemporaryDirectory(prefix="igrtqa-") as folder, dicom.opened(paths) as batch:
        fit = [acquisition for acquisition in batch.acquisitions if not test.accepts(acquisition)]
        if not fit:
            reasons = [f"{a.title}: {test.accepts(a)}" for a in batch.acquisitions] + [f"{r.name}: {r.reason}" for r in batch.refused]
            raise QaError("there is nothing that both engines can measure. " + "\n".join(reasons))
        paths_of = {hashlib.sha256(file.path.read_bytes()).hexdigest(): file.path for file in intake.found(paths, Path(folder))[0]}
        return tuple(
            _compare(a, test.analyse(a).readings, {i.sop_instance_uid: paths_of[i.sha256] for i in a.images}, say) for a in fit
        )


def _compare(acquisition: Acquisition, readings: Sequence[Reading], files: Mapping[str, Path], say: Say) -> Comparison:
    told = pylinac_engine.told(acquisition.images, _ball_mm(acquisition))
    rows = []
    say("loading pylinac")
    with pylinac_engine.silence():
        for number, image in enumerate(acquisition.images, 1):
            theirs = pylinac_engine.ball_offset(image, files[image.sop_instance_uid], told)
            say(f"pylinac: {number} of {len(acquisition.images)} images")
            rows.append(ImageRow(image, _ours(readings, image), theirs))
        say("pylinac: the whole set")
        numbers = pylinac_engine.whole_set([row.image for row in rows if not isinstance(row.theirs, str)], files, told)
    if isinstance(numbers, str):
        return Comparison(acquisition.title, told, tuple(rows), (), numbers)
    sets = tuple(SetRow(next((r for r in readings if r.quantity.key == number.key), None), number) for number in numbers)
    return Comparison(acquisition.title, told, tuple(rows), sets)


def _ball_mm(acquisition: Acquisition) -> float:
    """The ball's diameter in the first image that shows one: pylinac must be told within 2 mm."""
    from qa import shots

    for image in acquisition.images:
        shot = shots.measure(image, 1)
        if isinstance(shot, shots.Shot):
            return 2 * shot.radius_mm
    raise QaError(f"{acquisition.title}: pylinac must be told the ball's diameter, and no image shows a ball that can be measured")


def _ours(readings: Sequence[Reading], image: Image) -> tuple[Measured, Measured] | str:
    found = {r.quantity.key: r for r in readings if r.at.get("sop_instance_uid") == image.sop_instance_uid}
    u, v = found["ball_offset_u"], found["ball_offset_v"]
    if isinstance(u, NotMeasured) or isinstance(v, NotMeasured):
        return f"not measured: {u.reason if isinstance(u, NotMeasured) else ''}"
    return u, v
