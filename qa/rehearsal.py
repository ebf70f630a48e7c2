"""Simulated exposures and volumes as an acquisition, exactly as if they had been written to files and read back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Acquisition, Image, Slice, Volume

if TYPE_CHECKING:
    from phantoms.linac import Exposure, Linac
    from phantoms.planar_detector import Frame
    from phantoms.volume import Scanned

WHEN = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)


def acquisition(exposures: Sequence[Exposure]) -> Acquisition:
    """The exposures as one set of images, MV or kV as the beam is."""
    images = tuple(_image(exposure, k) for k, exposure in enumerate(exposures))
    name = exposures[0].linac.name
    kinds = {image.radiation for image in images}
    if len(kinds) > 1:
        raise ValueError("a set is of one radiation: MV and kV of one day go into `day`")
    return Acquisition(images, name, kinds.pop(), f"simulated {images[0].radiation} images, {name}")


def day(exposures: Sequence[Exposure], volumes: Sequence[Volume] = (), machine: str | None = None) -> Acquisition:
    """Everything of one machine and day: MV and kV exposures in any order, and volumes from ``volume``.

    ``machine`` is the name to carry, else the first one's. Fails when there is nothing at all.
    """
    images = tuple(_image(exposure, k) for k, exposure in enumerate(exposures))
    names = [image.machine for image in images] + [scanned.machine for scanned in volumes]
    name = machine or names[0]
    there = {image.radiation for image in images} | ({"CBCT"} if volumes else set())
    radiation = "+".join(kind for kind in ("MV", "kV", "CBCT") if kind in there)
    return Acquisition(images, name, radiation, f"simulated {radiation}, {name}, one day", tuple(volumes), day=True)


def volume(
    scanned: Scanned,
    machine: str,
    *,
    couch_mm: tuple[float, float, float] | None = None,
    couch_deg: float | None = None,
    acquired: datetime | None = WHEN,
) -> Volume:
    """The reconstruction as if it had been written to files and read back; the couch as read out (lateral, longitudinal, vertical up)."""
    grid, digests = scanned.grid, [hashlib.sha256(plane.tobytes()).hexdigest() for plane in scanned.voxels]
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    slices = tuple(
        Slice(f"simulated slice {k + 1:03d}", f"2.25.{int(hashlib.sha256(f'{digest} {k}'.encode()).hexdigest()[:24], 16)}", plane)
        for k, plane in enumerate(digests)
    )
    across, down, right = ((float(x), float(y), float(z)) for x, y, z in grid.steps_mm)
    return Volume(
        name="simulated CBCT",
        series_instance_uid=f"2.25.{int(digest[:24], 16)}",
        frame_of_reference_uid=f"2.25.{int(digest[24:48], 16)}",
        sha256=digest,
        slices=slices,
        shape=grid.shape,
        load=cache(partial(_voxels, scanned.voxels)),  # slices are asked for one by one
        origin_mm=grid.origin_mm,
        steps_mm=(across, down, right),
        patient_position=grid.patient_position,
        machine=machine,
        acquired=acquired,
        couch_mm=couch_mm,
        couch_deg=couch_deg,
        energy="125kV",
    )


def planar(frames: Sequence[Frame], linac: Linac | None = None) -> Acquisition:
    """Images of planar phantoms as one set, by default of a machine whose beam is of the phantom's radiation, gantry at 0."""
    from phantoms.planar_exposure import exposure

    return acquisition([exposure(frame, linac) for frame in frames])


def write_planar(frames: Sequence[Frame], seed: int, folder: Path, linac: Linac | None = None) -> None:
    """The same as DICOM files with their truth beside them."""
    from phantoms import planar_exposure

    planar_exposure.write(frames, folder, seed=seed, linac=linac)


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
        radiation="kV" if linac.energy.lower().endswith("kv") else "MV",
        machine=linac.name,
        acquired=WHEN,
        receptor_mm=linac.receptor_mm,
        couch_mm=shot.travel_mm,
        energy=linac.energy,
    )


def _voxels(voxels: NDArray[np.int16]) -> NDArray[np.float32]:
    read = voxels.astype(np.float32)
    read.flags.writeable = False
    return read


def _pixels(pixels: NDArray[np.uint16]) -> NDArray[np.float32]:
    return pixels.astype(np.float32)


def write(exposures: Sequence[Exposure], seed: int, folder: Path) -> None:
    """The exposures as DICOM files with their truth beside them."""
    from phantoms import rtimage

    rtimage.write(exposures, folder, seed=seed)
