"""Tiny RT Image files for tests: never square, pixels never isotropic, every value settable."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian, RTImageStorage, generate_uid

ROWS, COLUMNS = 40, 52
SPACING = (0.5, 0.8)  # row, column


def field(low: int = 100, high: int = 40_000, dtype: str = "<u2") -> NDArray[Any]:
    """A field off the middle in a flat surround, every pixel of it different: nothing survives a swapped axis or a lost bit."""
    pixels = np.full((ROWS, COLUMNS), low, dtype)
    inside = high + np.arange(12 * 16).reshape(12, 16)
    pixels[10:22, 20:36] = inside
    return pixels


def rt_image(pixels: NDArray[Any] | None = None, *, without: tuple[str, ...] = (), **values: Any) -> FileDataset:
    """An RT Image taken at gantry 90, collimator 0, couch 0; ``values`` replace or add elements, ``without`` removes them."""
    pixels = field() if pixels is None else pixels
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    exposure = Dataset()
    exposure.KVP = "6000"
    standard: dict[str, Any] = {
        "SOPClassUID": RTImageStorage,
        "SOPInstanceUID": generate_uid(),
        "Modality": "RTIMAGE",
        "ImageType": ["ORIGINAL", "PRIMARY", "PORTAL"],
        "RadiationMachineName": "L1",
        "AcquisitionDate": "20240102",
        "AcquisitionTime": "080910.5",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": pixels.dtype.itemsize * 8,
        "BitsStored": pixels.dtype.itemsize * 8,
        "HighBit": pixels.dtype.itemsize * 8 - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelIntensityRelationshipSign": 1,
        "RTImagePlane": "NORMAL",
        "RTImageOrientation": [1, 0, 0, 0, -1, 0],
        "ImagePlanePixelSpacing": list(SPACING),
        "RTImageSID": "1500",
        "RadiationMachineSAD": "1000",
        "GantryAngle": "90",
        "BeamLimitingDeviceAngle": "0",
        "PatientSupportAngle": "0",
        "TableTopLateralPosition": "1.5",
        "TableTopLongitudinalPosition": "1200.25",
        "TableTopVerticalPosition": "-120.5",
        "XRayImageReceptorTranslation": [0.25, -0.5, -500],
        "ExposureSequence": Sequence([exposure]),
    }
    for keyword, value in (standard | values).items():
        if keyword not in without:
            setattr(dataset, keyword, value)
    dataset.PixelData = pixels.tobytes()
    return dataset


def write(path: Path, dataset: FileDataset | None = None, syntax: UID = ImplicitVRLittleEndian, preamble: bool = True) -> Path:
    """The dataset as a file in that transfer syntax; without preamble also without the file's meta information."""
    dataset = rt_image() if dataset is None else dataset
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", RTImageStorage)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", generate_uid())
    dataset.is_little_endian, dataset.is_implicit_VR = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    if preamble:
        dataset.save_as(path, write_like_original=False)
    else:
        dataset.preamble, dataset.file_meta = None, FileMetaDataset()
        dataset.save_as(path, write_like_original=True)
    return path


def compressed(path: Path, dataset: FileDataset, syntax: int) -> Path:
    """The same file with its pixels compressed by gdcm; ``syntax`` is a value of ``gdcm.TransferSyntax``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = write(path.with_suffix(".plain"), dataset)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    plain.unlink()
    return path


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip as bytes, members in the order given."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return stream.getvalue()


def bytes_of(dataset: FileDataset | None = None) -> bytes:
    """A whole file as bytes."""
    dataset = rt_image() if dataset is None else dataset
    stream = io.BytesIO()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.is_little_endian, dataset.is_implicit_VR = True, True
    dataset.save_as(stream, write_like_original=False)
    return stream.getvalue()
