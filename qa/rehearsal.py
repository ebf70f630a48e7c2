"""Simulated exposures as an acquisition, exactly as if they had been written to files and read back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Acquisition, Image

if TYPE_CHECKING:
    from phantoms.linac import Exposure

WHEN = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)


def acquisition(exposures: Sequence[Exposure]) -> Acquisition:
    """The exposures as one acquisition of MV images."""
    images = tuple(_image(exposure, k) for k, exposure in enumerate(exposures))
    name = exposures[0].linac.name
    return Acquisition(images, name, "MV", f"simulated MV images, {name}")


def _image(exposure: Exposure, index: int) -> Image:
    linac, shot = exposure.linac, exposure.shot
    digest = hashlib.sha256(exposure.pixels.tobytes()).hexdigest()
    return Image(
        name=f"simulated {index + 1:03d}",
        sop_instance_uid=f"2.25.{int(digest[:24], 16)}",
        sha256=digest,
        shape=exposure.pixels.shape,
        load=partial(_pixels, exposure.pixels),
        spacing_mm=linac.panel.pitch_mm,
        sid_mm=linac.sid_mm,
        sad_mm=linac.sad_mm,
        gantry_deg=shot.gantry_deg,
        collimator_deg=shot.collimator_deg,
        couch_deg=shot.couch_deg,
        radiation="MV",
        machine=linac.name,
        acquired=WHEN,
        receptor_mm=linac.receptor_mm,
        couch_mm=shot.travel_mm,
        energy=linac.energy,
    )


def _pixels(pixels: NDArray[np.uint16]) -> NDArray[np.float32]:
    return pixels.astype(np.float32)


def write(exposures: Sequence[Exposure], seed: int, folder: Path) -> None:
    """The exposures as DICOM files with their truth beside them."""
    from phantoms import rtimage

    rtimage.write(exposures, folder, seed=seed)
