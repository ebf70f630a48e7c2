"""Images as they were taken: read-only arrays with where, when and how.

An ``Image`` or ``Volume`` always has its geometry: a file without it is refused when it is read, so nothing downstream invents a default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa.reading import Reading

if TYPE_CHECKING:
    from qa.certificate import Certificate

Matrix = tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class Image:
    """One projection image on a flat panel.

    ``pixels`` float32 (rows, columns), read-only, larger value = more radiation reached the pixel; they are decoded by ``load`` at
    every access and not kept, so that memory does not grow with the number of images: take them once. ``shape`` is (rows, columns),
    ``spacing_mm`` is (row, column) at the receptor. Angles are IEC 61217 as read out, not rounded; a scan of film has
    none: NaN. ``column_u``/``row_v`` are +1 or -1: the direction of u along growing columns and of v along growing rows (RT Image
    orientation [1,0,0,0,-1,0] is +1, -1).
    ``receptor_mm`` is the receptor translation (x, y) the file states, ``couch_mm`` the couch readout (lateral, longitudinal,
    vertical as read out), both None when the file is silent. ``notes`` are caveats from reading (e.g. "angles taken from the file name").
    """

    name: str
    sop_instance_uid: str
    sha256: str
    shape: tuple[int, int]
    load: Callable[[], NDArray[np.float32]]
    spacing_mm: tuple[float, float]
    sid_mm: float
    sad_mm: float
    gantry_deg: float
    collimator_deg: float
    couch_deg: float
    radiation: str  # "MV", "kV" or "film"
    machine: str
    acquired: datetime | None
    column_u: int = 1
    row_v: int = -1
    receptor_mm: tuple[float, float] | None = None
    couch_mm: tuple[float, float, float] | None = None
    energy: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def pixels(self) -> NDArray[np.float32]:
        """The decoded pixels, read-only. DicomError when the file is gone or its pixels cannot be decoded."""
        pixels = self.load()
        pixels.flags.writeable = False
        return pixels

    @property
    def at(self) -> dict[str, float | str]:
        """The state this image was taken at, as every reading of it carries it."""
        angles = {"gantry_deg": self.gantry_deg, "collimator_deg": self.collimator_deg, "couch_deg": self.couch_deg}
        known = {name: angle for name, angle in angles.items() if not math.isnan(angle)}
        return {**known, "sop_instance_uid": self.sop_instance_uid}


@dataclass(frozen=True)
class Slice:
    """One file of a volume."""

    name: str
    sop_instance_uid: str
    sha256: str


@dataclass(frozen=True)
class Volume:
    """One reconstructed volume: the slices of one CT series, in order along the stack.

    ``voxels`` float32 (slices, rows, columns), CT numbers in HU, read-only, decoded by ``load`` at every access and not kept. The centre
    of voxel (s, r, c) is at ``origin_mm`` + s*``steps_mm``[0] + r*``steps_mm``[1] + c*``steps_mm``[2] in frame F of the imaging system:
    its origin is the DICOM origin, its axes are those of IEC F for the stated patient position (CONVENTIONS: head-first supine X = x,
    Y = z, Z = -y). The three steps are at right angles; the slice step is the true distance of the slices, whatever SliceThickness says.
    ``couch_mm`` (lateral, longitudinal, vertical) and ``couch_deg`` are None when the files are silent. ``load_planes`` decodes some of
    the slices only; None = they come out of the whole.
    """

    name: str
    series_instance_uid: str
    frame_of_reference_uid: str
    sha256: str  # of the slices' digests, in order
    slices: tuple[Slice, ...]
    shape: tuple[int, int, int]
    load: Callable[[], NDArray[np.float32]]
    origin_mm: tuple[float, float, float]
    steps_mm: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
    patient_position: str
    machine: str
    acquired: datetime | None
    couch_mm: tuple[float, float, float] | None = None
    couch_deg: float | None = None
    energy: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    load_planes: Callable[[Sequence[int]], NDArray[np.float32]] | None = None
    room: tuple[tuple[float, float, float], ...] = ()  # (3, 3): patient axes to F, as the volume was read; () = of its patient position

    def planes(self, slices: Sequence[int]) -> NDArray[np.float32]:
        """The CT numbers of these slices (slices, rows, columns), read-only; the others are not decoded. DicomError as for ``voxels``."""
        planes = self.load()[list(slices)] if self.load_planes is None else self.load_planes(slices)
        planes.flags.writeable = False
        return planes

    @property
    def voxels(self) -> NDArray[np.float32]:
        """The decoded CT numbers, read-only. DicomError when a file is gone or its pixels cannot be decoded."""
        voxels = self.load()
        voxels.flags.writeable = False
        return voxels

    @property
    def pitch_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along (slice, row, column)."""
        slices, rows, columns = (float(np.linalg.norm(step)) for step in self.steps_mm)
        return slices, rows, columns

    @property
    def at(self) -> dict[str, float | str]:
        """The state this volume was taken at, as every reading of it carries it."""
        return {"series_instance_uid": self.series_instance_uid}


@dataclass(frozen=True)
class Refused:
    """A file that was left out, and why; nothing a user hands in disappears.

    ``image`` says that it is, or may be, an image of the set: what the others show is then not the whole. ``volume`` says that it is of
    a volume: a set of images is whole without it. ``files`` are the files that one entry stands for when they are of one series.
    """

    name: str
    reason: str
    image: bool = False
    volume: bool = False
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placed:
    """How one frame of reference lies in the registered one: ``matrix`` (4 x 4) is applied to its points, patient axes, mm.

    ``images`` are the SOP Instance UIDs that the file says it is about, none when it names none. ``step`` is that in which the matrix's
    numbers are written.
    """

    frame: str
    images: frozenset[str]
    matrix: Matrix
    step: float

    def counts_for(self, uids: Collection[str]) -> bool:
        """Whether it is about one of these images as far as it says: it names one of them, or none at all and so its whole frame."""
        return not self.images or not self.images.isdisjoint(uids)


@dataclass(frozen=True)
class Registration:
    """What one file says: all of ``placed`` in the frame of reference ``frame``; ``wrong`` says why it cannot be used, "" when it can.

    ``about`` are all frames of reference that it names, also where its matrices cannot be used.
    """

    name: str
    sop_instance_uid: str
    sha256: str
    frame: str
    about: frozenset[str]
    placed: tuple[Placed, ...]
    wrong: str = ""

    @property
    def images(self) -> frozenset[str]:
        """All images that it names."""
        return frozenset[str]().union(*(one.images for one in self.placed))


@dataclass(frozen=True)
class Calibration:
    """A calibration of this machine that is in force: what it ``provides``, from which record, and until when; its readings."""

    provides: str
    record_id: str
    taken: datetime
    expires: datetime
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Acquisition:
    """Images and volumes that belong together.

    A set (``day`` False): one machine, one day, one kind of radiation, the couch in one place; or one volume. A day (``day`` True):
    everything that one machine took on one day, wherever the couch stood, when there is more in it than MV images of one couch place.
    """

    images: tuple[Image, ...]
    machine: str
    radiation: str  # "MV", "kV", "film" or "CBCT"; of a day what there is, joined: "MV+kV+CBCT", and "MV" alone
    title: str  # in words: "MV, LINAC-B, 2018-03-30, couch (0.60, 175.16, -31.16) mm"
    volumes: tuple[Volume, ...] = ()
    day: bool = False
    couch_still: bool = False  # the performer states that the couch was not moved between these images
    phantom: str = ""  # which phantom the performer says it is, in their words: it is held against the images, never believed alone
    calibrations: tuple[Calibration, ...] = ()  # those in force for this machine, of the kinds that the procedure uses
    certificate: Certificate | None = None  # of the ball phantom, as the performer handed it in: held against the images, too
    registrations: tuple[Registration, ...] = ()  # of a day: a treatment system's matches, also those that cannot be used
