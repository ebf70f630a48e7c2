"""Where a ball is in an imaging system's own coordinates, from projections or from a volume, with its covariance.

Physics: docs/physics/imaging_isocenter.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Image, Volume
from qa.angles import distinct, same
from qa.ball_images import BallImage
from qa.isocentre import rows, towards_source

Array = NDArray[np.float64]
CROSSING = 0.5  # sine of the smallest angle between two rays that still fix the position along both
GANTRY_U_RAD = np.radians(0.1)  # a gantry readout is good to about a tenth of a degree
SCALE = 5e-4  # standard uncertainty of a volume's scale, relative: that of SAD/SID, from which it is reconstructed
ONE_PLACE_MM = 3.0  # imagers sag by 1 to 2 mm (Rowshanfarzad et al. 2015, abstract); more is another object, or the phantom moved
REPEAT_MM = 0.3  # a machine that comes back to an angle repeats within 0.1 to 0.2 mm
MOVED = "the ball or the couch was moved in between; hand in the images of one set-up alone"
CENTRED_MM = 1e-9  # a residual whose uncertainty is this small is zero by construction, not by measurement


@dataclass(frozen=True)
class BallPosition:
    """A ball in frame F of one imaging system, mm from its origin.

    ``components`` names the parts of the covariance, each (3, 3) mm^2. Of projections, ``residual_mm`` (n, 2) is what the position does not
    explain (predicted minus seen, on the isocentre plane) and ``residual_u_mm`` its standard uncertainty, 0 where no freedom is left.
    """

    point_mm: Array
    components: Mapping[str, Array]
    residual_mm: Array
    residual_u_mm: Array

    @property
    def covariance(self) -> Array:
        """(3, 3) mm^2."""
        return np.asarray(sum(self.components.values(), np.zeros((3, 3))))


class OneDirection(str):
    """Why there is no position: the rays do not cross. What each image shows by itself stands; any other reason puts it in doubt."""


def disagreement(images: Sequence[Image], places_mm: Array) -> str:
    """Which two images at the same angles differ by more than machines repeat, in words; "" when none do. ``places_mm`` is (n, 2)."""
    for k, image in enumerate(images):
        for j in range(k):
            other = images[j]
            apart = float(np.hypot(*(places_mm[k] - places_mm[j])))
            if apart > REPEAT_MM and alike(image, other):
                return f"{other.name} and {image.name} are at the same angles and differ by {apart:.2f} mm: {MOVED}"
    return ""


def alike(image: Image, other: Image) -> bool:
    """Whether gantry, collimator and couch stood at the same angles."""
    pairs = ((image.gantry_deg, other.gantry_deg), (image.collimator_deg, other.collimator_deg), (image.couch_deg, other.couch_deg))
    return all(same(a, b) for a, b in pairs)


def project(point_mm: Array, gantry_deg: float, sad_mm: float) -> tuple[Array, Array]:
    """(u, v) on the isocentre plane of a point in F, and its derivative (2, 3) without the change of magnification."""
    angles = np.array([gantry_deg]), np.zeros(1)
    matrix, up = rows(*angles)[0], towards_source(*angles)[0]
    magnification = sad_mm / (sad_mm - float(up @ point_mm))
    return matrix @ point_mm * magnification, matrix * magnification


def from_images(images: Sequence[BallImage]) -> BallPosition | str:
    """The least-squares position over some images with the couch in one place and at one angle, or what is missing for it."""
    gantry = np.array([seen.image.gantry_deg for seen in images])
    if moved := disagreement([s.image for s in images], np.array([s.ball_mm for s in images]).reshape(-1, 2)):
        return moved
    if not _cross(gantry):
        have = ", ".join(f"{round(angle) % 360}" for angle in distinct(gantry.tolist())) or "none"
        return OneDirection(f"the position along the beam needs images about 90 degrees apart (at least 30); measured at gantry: {have}")
    still = np.zeros(len(images))
    matrix, up = rows(gantry, still), towards_source(gantry, still)
    seen = np.array([s.ball_mm for s in images])
    sad = np.array([s.image.sad_mm for s in images])
    design = matrix.reshape(-1, 3)
    inverse = np.linalg.pinv(design)
    shrink = np.ones(len(images))
    for _ in range(3):  # the height zg follows from the solution: three rounds settle it below a nanometre
        point = inverse @ (seen * shrink[:, None]).ravel()
        shrink = (sad - up @ point) / sad
    residual = (matrix @ point) / shrink[:, None] - seen
    if (worst := float(np.abs(residual).max())) > ONE_PLACE_MM:
        return f"the images do not show one ball in one place, they differ by {worst:.1f} mm: look for a second ball or a moved phantom"
    hat = np.eye(len(design)) - design @ inverse
    parts = _parts(images, up @ point)
    variance = sum((part**2 for part in parts.values()), np.zeros_like(seen)).ravel()
    return BallPosition(
        point_mm=point,
        components={name: (inverse * (part * shrink[:, None]).ravel() ** 2) @ inverse.T for name, part in parts.items()},
        residual_mm=residual,
        residual_u_mm=np.sqrt(np.maximum((hat**2) @ variance, 0.0)).reshape(-1, 2) * (np.abs(np.diag(hat)).reshape(-1, 2) > CENTRED_MM),
    )


def between(first: Sequence[BallImage], last: Sequence[BallImage]) -> tuple[Array, dict[str, Array]] | str:
    """How the ball moved, (3,) mm in F, and named parts of its covariance, by images of one kind and angle; or why not."""
    pairs = [(a, b) for a in first for b in last if same(a.image.gantry_deg, b.image.gantry_deg) and a.image.radiation == b.image.radiation]
    start, end = (from_images([pair[k] for pair in pairs]) for k in range(2))
    if isinstance(start, str) or isinstance(end, str):
        kinds = " and ".join(sorted({seen.image.radiation for seen in (*first, *last)}))
        return f"no two directions in which both sets of {kinds} images show the ball: {start if isinstance(start, str) else end}"
    return end.point_mm - start.point_mm, summed(start.components, end.components)


def summed(one: Mapping[str, Array], other: Mapping[str, Array]) -> dict[str, Array]:
    """Named covariances of two independent places, added name by name."""
    none = np.zeros((3, 3))
    return {name: one.get(name, none) + other.get(name, none) for name in dict.fromkeys((*one, *other))}


def _parts(images: Sequence[BallImage], height_mm: Array) -> dict[str, Array]:
    """Named standard uncertainties (n, 2) of the images' (u, v)."""
    names = dict.fromkeys(name for seen in images for name in seen.components)
    parts = {name: np.array([seen.components.get(name, np.zeros(2)) for seen in images]) for name in names}
    parts["gantry angle"] = np.stack([GANTRY_U_RAD * np.abs(height_mm), np.zeros(len(images))], axis=1)
    return parts


def _cross(gantry_deg: Array) -> bool:
    """Whether two of the rays cross at a wide enough angle."""
    between = np.sin(np.radians(gantry_deg[:, None] - gantry_deg[None, :]))
    return bool(between.size and np.abs(between).max() >= CROSSING)


def elsewhere(volume: Volume) -> str:
    """Why a volume's origin cannot be the imaging isocentre; "" when it can."""
    index = np.linalg.solve(np.array(volume.steps_mm).T, -np.array(volume.origin_mm))
    if ((index > -0.5) & (index < np.array(volume.shape) - 0.5)).all():
        return ""
    return "the DICOM origin lies outside the volume, so it is not the imaging isocentre: export it in the machine's own coordinates"


def from_volume(volume: Volume, index_mm: Sequence[float], budget: Mapping[str, Sequence[float]]) -> BallPosition:
    """The position in F of a place in a volume: ``index_mm`` and ``budget`` (standard uncertainties) along (slice, row, column)."""
    steps = np.array(volume.steps_mm)
    along = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    point = np.array(volume.origin_mm) + np.array(index_mm) @ along
    components = {name: (along.T * np.array(part) ** 2) @ along for name, part in budget.items()}
    components["voxel scale"] = np.diag((SCALE * point) ** 2)
    return BallPosition(point, components, np.zeros((0, 2)), np.zeros((0, 2)))
