"""Exposures as DICOM RT Image files, with the truth in `truth.json` beside them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import takewhile
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RTImageStorage

from phantoms.linac import Exposure, Linac

FIRST_EXPOSURE = datetime(2024, 1, 2, 8, 0, 0)
INTERVAL = timedelta(seconds=20)
TABLE_MM = (1.25, 1200.0, -120.5)  # lateral, longitudinal, vertical readout before any travel


@dataclass(frozen=True)
class _Series:
    """What all files of one call share."""

    seed: int
    start: datetime
    inverted: bool
    implicit: bool
    study: str
    series: str
    patient_position: str


def write(
    exposures: Sequence[Exposure],
    folder: Path,
    *,
    seed: int,
    start: datetime = FIRST_EXPOSURE,
    inverted: bool | None = None,
    implicit: bool = True,
    patient_position: str = "",
) -> list[Path]:
    """One file per exposure, in order, 000.dcm upwards; same exposures and seed, same bytes.

    The exposures are of one machine and one beam of it; its collimator may move. `inverted` stores high levels for little radiation, with
    PixelIntensityRelationshipSign -1; by default kV images are kept so, as real ones are. `seed` names the random state
    from which the exposures were drawn: it is kept in truth.json, and the UIDs hang on it, on the machine and on the
    pixels. `patient_position` ("HFS") is written where it is given.
    """
    linac = exposures[0].linac
    if any(replace(exposure.linac, aperture=linac.aperture) != linac for exposure in exposures):
        raise ValueError("one folder holds the images of one machine; write the others elsewhere")
    series = _uid("series", seed, linac, _digest(exposures[0]))
    inverted = linac.radiation == "kV" if inverted is None else inverted
    shared = _Series(seed, start, inverted, implicit, _uid("study", seed, linac.serial), series, patient_position)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03d}.dcm" for number in range(len(exposures))]
    for number, (path, exposure) in enumerate(zip(paths, exposures, strict=True)):
        _dataset(path, exposure, number, shared).save_as(path, write_like_original=False)
    entries = [{"file": path.name, **_entry(exposure)} for path, exposure in zip(paths, exposures, strict=True)]
    record = {"seed": seed, "linac": asdict(linac), "images": entries}
    (folder / "truth.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return paths


def _entry(exposure: Exposure) -> dict[str, object]:
    return {"shot": asdict(exposure.shot), "truth": asdict(exposure.truth)}


def _uid(*parts: object) -> UID:
    """A UID under 2.25 that depends on nothing but its arguments."""
    return UID(f"2.25.{int.from_bytes(sha256(repr(parts).encode()).digest()[:16], 'big')}")


def _digest(exposure: Exposure) -> str:
    return sha256(exposure.pixels.tobytes()).hexdigest()


def _dataset(path: Path, exposure: Exposure, number: int, shared: _Series) -> FileDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = RTImageStorage
    meta.MediaStorageSOPInstanceUID = _uid("image", shared.series, number, _digest(exposure))
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if shared.implicit else ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid("implementation", "phantoms")
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\x00" * 128)
    dataset.is_little_endian, dataset.is_implicit_VR = True, shared.implicit
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    _identify(dataset, exposure, number, shared)
    _place(dataset, exposure)
    _collimate(dataset, exposure)
    _fill(dataset, exposure, shared.inverted)
    return dataset


def _identify(dataset: Dataset, exposure: Exposure, number: int, shared: _Series) -> None:
    linac, when = exposure.linac, shared.start + number * INTERVAL
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "PORTAL"]
    dataset.Modality = "RTIMAGE"
    dataset.ConversionType = "DI"
    for event in ("Study", "Series", "Acquisition", "Content"):
        moment = shared.start if event in ("Study", "Series") else when
        setattr(dataset, f"{event}Date", moment.strftime("%Y%m%d"))
        setattr(dataset, f"{event}Time", moment.strftime("%H%M%S"))
    dataset.Manufacturer, dataset.ManufacturerModelName = "IGRTQA simulated", linac.panel.name
    dataset.StationName = dataset.RadiationMachineName = linac.name[:16]
    dataset.DeviceSerialNumber = linac.serial
    dataset.PatientName, dataset.PatientID = "SIMULATED", "SIMULATED"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.OperatorsName = dataset.StudyID = ""
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = shared.study, shared.series
    dataset.FrameOfReferenceUID = _uid("frame", shared.seed, linac.serial)
    dataset.PositionReferenceIndicator = ""
    if shared.patient_position:
        dataset.PatientPosition = shared.patient_position
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = 1, number + 1, number + 1
    dataset.RTImageLabel = f"{linac.radiation}_{number:03d}"
    energy = f"{_peak_kv(linac)} [kV]" if linac.radiation == "kV" else linac.energy
    dataset.RTImageDescription = f"{energy} simulated"


def _place(dataset: Dataset, exposure: Exposure) -> None:
    """What the machine believes of its geometry: faults do not show here."""
    linac, shot, panel = exposure.linac, exposure.shot, exposure.linac.panel
    down, right = panel.pitch_mm
    dataset.ReportedValuesOrigin, dataset.RTImagePlane = "ACTUAL", "NORMAL"
    dataset.XRayImageReceptorTranslation = _decimals(*linac.receptor_mm, linac.sad_mm - linac.sid_mm)
    dataset.XRayImageReceptorAngle = "0.0"
    dataset.RTImageOrientation = ["1", "0", "0", "0", "-1", "0"]
    dataset.ImagePlanePixelSpacing = _decimals(down, right)
    dataset.RTImagePosition = _decimals(-panel.centre_px[1] * right, panel.centre_px[0] * down)
    dataset.RadiationMachineSAD, dataset.RTImageSID = _decimals(linac.sad_mm, linac.sid_mm)
    dataset.PrimaryDosimeterUnit = "MU" if linac.radiation == "MV" else "MINUTE"
    dataset.GantryAngle, dataset.BeamLimitingDeviceAngle = _decimals(shot.gantry_deg, shot.collimator_deg)
    (dataset.PatientSupportAngle,) = _decimals(shot.couch_deg)
    table = _decimals(*(start + travel for start, travel in zip(TABLE_MM, shot.travel_mm, strict=True)))
    dataset.TableTopLateralPosition, dataset.TableTopLongitudinalPosition, dataset.TableTopVerticalPosition = table
    dataset.TableTopEccentricAngle = "0.0"
    dataset.TableTopPitchAngle = dataset.TableTopRollAngle = 0.0


def _collimate(dataset: Dataset, exposure: Exposure) -> None:
    aperture = exposure.linac.aperture
    item = Dataset()
    item.KVP, item.ExposureTime, item.MetersetExposure = str(_peak_kv(exposure.linac)), "1000", "10"
    jaws = []
    kinds = ("X", "Y") if exposure.linac.radiation == "MV" else ("ASYMX", "ASYMY")
    for axis, kind in enumerate(kinds):
        jaw, centre, half = Dataset(), aperture.centre_mm[axis], aperture.extent_mm[axis]
        jaw.RTBeamLimitingDeviceType, jaw.NumberOfLeafJawPairs = kind, 1
        jaw.LeafJawPositions = _decimals(centre - half, centre + half)
        jaws.append(jaw)
    item.BeamLimitingDeviceSequence = DicomSequence(jaws)
    dataset.ExposureSequence = DicomSequence([item])


def _fill(dataset: Dataset, exposure: Exposure, inverted: bool) -> None:
    """Pixels. The slope turns levels into signal with the open beam at 1 (into full scale minus that, if inverted)."""
    linac, pixels = exposure.linac, exposure.pixels
    step = (linac.full_scale - linac.black) / 65535
    stored = np.uint16(65535) - pixels if inverted else pixels
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LIN", -1 if inverted else 1
    dataset.RescaleSlope, dataset.RescaleIntercept = _decimals(step, 0.0 if inverted else linac.black)
    dataset.RescaleType = "US"
    dataset.WindowCenter, dataset.WindowWidth = _decimals(32767.5 * step, 65535 * step)
    dataset.PixelData = np.ascontiguousarray(stored, dtype="<u2").tobytes()


def _peak_kv(linac: Linac) -> int:
    """The beam's peak in kV, from an energy such as 6X, 10FFF or 100kV."""
    figure = int("".join(takewhile(str.isdigit, linac.energy)))
    return figure if linac.radiation == "kV" else 1000 * figure


def _decimals(*values: float) -> list[str]:
    """DICOM decimal strings: at most 16 characters, as many digits as fit."""
    return [next(text for digits in range(16, 0, -1) if len(text := f"{value:.{digits}g}") <= 16) for value in values]
