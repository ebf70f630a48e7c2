"""Drawn fields look like those of a real machine where it matters to a ball finder: shoulders, edges, tails."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest

from phantoms.aperture import REALISTIC, Leaves
from phantoms.epid import View, draw
from phantoms.panel import AS1200

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images"),
]
SIZE = (300, 320)
LEVELS = (0.97, 0.92, 0.8, 0.2, 0.05, 0.02)  # shoulder, edge and tail


@pytest.fixture(scope="module", params=["reference/000.dcm", "reference/002.dcm", "lateral_3mm/001.dcm"])
def real(request) -> np.ndarray:
    """Middle of a real image of a 20 mm field, open beam about 1."""
    with zipfile.ZipFile(Path(os.environ["IGRTQA_REAL_DATA"]) / "couch_shift.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith(request.param))
        with archive.open(name) as stream:
            image = pydicom.dcmread(stream).pixel_array.astype(float)
    row, column = (size // 2 - part // 2 for part, size in zip(SIZE, image.shape, strict=True))
    return image[row : row + SIZE[0], column : column + SIZE[1]]


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return draw(View(AS1200.cropped(*SIZE), Leaves(20.0, 19.2), REALISTIC, transmission=0.002))


def distances_mm(profile: np.ndarray) -> np.ndarray:
    """From the half-height crossing outwards to each level, mean of both sides; positive is outside."""
    profile = profile / np.median(np.sort(profile)[-40:])
    found = []
    for side in (profile[: len(profile) // 2], profile[: len(profile) // 2 - 1 : -1]):
        rising = np.maximum.accumulate(side)
        at = [np.interp(level, rising, np.arange(rising.size)) for level in (0.5, *LEVELS)]
        found.append(at[0] - np.array(at[1:]))
    return np.mean(found, axis=0) * 0.336 / 1.5


@pytest.mark.parametrize("axis", ["along the leaves", "along the jaws"])
def test_edges_have_the_shape_of_real_ones(real, drawn, axis):
    """Every level from the shoulder to the tail lies within 0.3 mm of the real one (beside the ball)."""

    def profile(image):
        return image[115:135].mean(axis=0) if axis == "along the leaves" else image[:, 125:140].mean(axis=1)

    assert distances_mm(profile(drawn)) == pytest.approx(distances_mm(profile(real)), abs=0.3)
