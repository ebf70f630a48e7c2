"""CBCT volumes as DICOM CT series, the way linear accelerators store them, with the truth in `truth.json` beside them."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ImplicitVRLittleEndian

from phantoms.volume import Scanned

START = datetime(2024, 1, 2, 8, 30, 0)
INTERCEPT_HU = -1000  # what Varian systems write: level 0 is air


@dataclass(frozen=True)
class Defects:
    """What is wrong with the files, on request; slices count from 0 along the stack.

    ``missing`` is left out, ``duplicated`` is written twice (with another UID), from ``second_frame_from`` on the frame of reference is
    another. ``shuffled`` gives the files names in random order, ``tilt_deg`` states a tilted gantry, ``thickness_mm`` states a
    SliceThickness that is not the pitch.
    """

    missing: int | None = None
    duplicated: int | None = None
    second_frame_from: int | None = None
    shuffled: bool = False
    tilt_deg: float = 0.0
    thickness_mm: float | None = None


@dataclass(frozen=True)
class _Series:
    """What all files of one call share."""

    scanned: Scanned
    seed: int
    name: str
    serial: str
    start: datetime
    couch_mm: tuple[float, float, float] | None
    couch_deg: float | None
    tilt_deg: tuple[float, float] | None
    kilovolts: float
    defects: Defects
    study: str
    series: str


def write(
    scanned: Scanned,
    folder: Path,
    *,
    seed: int,
    name: str = "LINAC-A",
    serial: str = "0001",
    start: datetime = START,
    couch_mm: tuple[float, float, float] | None = None,
    couch_deg: float | None = None,
    tilt_deg: tuple[float, float] | None = (0.0, 0.0),
    kilovolts: float = 125.0,
    defects: Defects | None = None,
) -> list[Path]:
    """One file per slice, in the order of the stack, 000.dcm upwards; same arguments, same bytes.

    ``name`` and ``serial`` are the machine's, as for the MV images of the same day. ``couch_mm`` is the readout (lateral, longitudinal,
    vertical up), ``couch_deg`` the couch angle and ``tilt_deg`` the table top's pitch and roll, written with the couch angle only; None
    writes no such tags. The vertical goes into TableHeight, which counts downwards. ``seed`` names the random state the volume was drawn
    from. Fails for CT numbers below -1000 HU, which the files cannot hold.
    """
    if int(scanned.voxels.min()) < INTERCEPT_HU:
        raise ValueError(f"files hold {INTERCEPT_HU} HU and more, found {int(scanned.voxels.min())} HU")
    digest = sha256(scanned.voxels.tobytes()).hexdigest()
    study, series = _uid("study", seed, serial), _uid("CT series", seed, serial, name, repr(scanned.grid), digest)
    shared = _Series(
        scanned, seed, name, serial, start, couch_mm, couch_deg, tilt_deg, kilovolts, defects or Defects(), study, series
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    slices = _order(shared)
    paths = [folder / f"{number:03d}.dcm" for number in range(len(slices))]
    for path, (k, copy) in zip(paths, slices, strict=True):
        _dataset(path, k, copy, shared).save_as(path, write_like_original=False)
    (folder / "truth.json").write_text(json.dumps(_record(shared), indent=1) + "\n", "utf-8")
    return paths


def _order(shared: _Series) -> list[tuple[int, int]]:
    """(slice, copy) of every file, in the order of the files' names."""
    defects = shared.defects
    slices = [(k, 0) for k in range(shared.scanned.grid.shape[0]) if k != defects.missing]
    if defects.duplicated is not None:
        slices.append((defects.duplicated, 1))
    if defects.shuffled:
        np.random.default_rng(shared.seed).shuffle(slices)
    return slices


def _record(shared: _Series) -> dict[str, object]:
    scanned, grid = shared.scanned, shared.scanned.grid
    solids = [{"shape": type(solid).__name__, **asdict(solid)} for solid in scanned.solids]
    return {
        "seed": shared.seed,
        "machine": {"name": shared.name, "serial": shared.serial},
        "couch_mm": shared.couch_mm,
        "couch_deg": shared.couch_deg,
        "tilt_deg": shared.tilt_deg,
        "grid": {**asdict(grid), "origin_mm": grid.origin_mm, "steps_mm": grid.steps_mm.tolist()},
        "how": asdict(scanned.how),
        "solids": solids,
        "defects": asdict(shared.defects),
        "truth": {name: asdict(centre) for name, centre in scanned.truth.items()},
    }


def _uid(*parts: object) -> UID:
    """A UID under 2.25 that depends on nothing but its arguments."""
    return UID(f"2.25.{int.from_bytes(sha256(repr(parts).encode()).digest()[:16], 'big')}")


def _dataset(path: Path, k: int, copy: int, shared: _Series) -> FileDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = _uid("slice", shared.series, k, copy)
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    meta.ImplementationClassUID = _uid("implementation", "phantoms")
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\x00" * 128)
    dataset.is_little_endian, dataset.is_implicit_VR = True, True
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    _identify(dataset, k, shared)
    _acquire(dataset, shared)
    _place(dataset, k, shared)
    _fill(dataset, shared.scanned.voxels[k])
    return dataset


def _identify(dataset: Dataset, k: int, shared: _Series) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Modality = "CT"
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{event}Date", shared.start.strftime("%Y%m%d"))
        setattr(dataset, f"{event}Time", shared.start.strftime("%H%M%S"))
    dataset.Manufacturer, dataset.ManufacturerModelName = "IGRTQA simulated", "Patient Verification"
    dataset.StationName = shared.name[:16]
    dataset.DeviceSerialNumber = shared.serial
    dataset.PatientName, dataset.PatientID = "SIMULATED", "SIMULATED"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = dataset.ReferringPhysicianName = dataset.StudyID = ""
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = shared.study, shared.series
    second = shared.defects.second_frame_from
    dataset.FrameOfReferenceUID = _uid("CT frame", shared.series, second is not None and k >= second)
    dataset.PositionReferenceIndicator = ""
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = 2, k + 1, 1


def _acquire(dataset: Dataset, shared: _Series) -> None:
    """What the machine believes of its geometry: faults do not show here."""
    grid = shared.scanned.grid
    thickness = grid.spacing_mm[0] if shared.defects.thickness_mm is None else shared.defects.thickness_mm
    dataset.SliceThickness, dataset.KVP = _decimals(thickness, shared.kilovolts)
    dataset.DataCollectionDiameter = dataset.ReconstructionDiameter = _decimals(grid.shape[2] * grid.spacing_mm[2])[0]
    dataset.DistanceSourceToDetector, dataset.DistanceSourceToPatient = _decimals(1500.0, 1000.0)
    (dataset.GantryDetectorTilt,) = _decimals(shared.defects.tilt_deg)
    dataset.ExposureTime, dataset.XRayTubeCurrent, dataset.Exposure = "13425", "80", "1074"
    dataset.ConvolutionKernel = "Ram-Lak"
    dataset.PatientPosition = grid.patient_position
    if shared.couch_mm is not None:
        lateral, longitudinal, vertical = shared.couch_mm
        dataset.TableTopLongitudinalPosition, dataset.TableTopLateralPosition = _decimals(longitudinal, lateral)
        (dataset.TableHeight,) = _decimals(-vertical)
    if shared.couch_deg is not None:
        (dataset.PatientSupportAngle,) = _decimals(shared.couch_deg)
        if shared.tilt_deg is not None:
            dataset.TableTopPitchAngle, dataset.TableTopRollAngle = shared.tilt_deg


def _place(dataset: Dataset, k: int, shared: _Series) -> None:
    grid = shared.scanned.grid
    dataset.ImagePositionPatient = _decimals(*grid.patient(grid.room(np.array([k, 0.0, 0.0]))))
    dataset.ImageOrientationPatient = _decimals(*grid.orientation)
    dataset.PixelSpacing = _decimals(*grid.spacing_mm[1:])


def _fill(dataset: Dataset, voxels: NDArray[np.int16]) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = voxels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = str(INTERCEPT_HU), "1", "HU"
    dataset.WindowCenter, dataset.WindowWidth = "0", "2000"
    dataset.PixelData = np.ascontiguousarray(voxels.astype(np.int32) - INTERCEPT_HU, dtype="<u2").tobytes()


def _decimals(*values: float) -> list[str]:
    """DICOM decimal strings: at most 16 characters, as many digits as fit."""
    return [next(text for digits in range(16, 0, -1) if len(text := f"{value:.{digits}g}") <= 16) for value in map(float, values)]
