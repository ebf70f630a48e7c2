"""A treatment system's match as a DICOM Spatial Registration object, with whatever can be wrong with it on request."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ImplicitVRLittleEndian

SPATIAL, DEFORMABLE = "1.2.840.10008.5.1.4.1.1.66.1", "1.2.840.10008.5.1.4.1.1.66.3"


@dataclass(frozen=True)
class Item:
    """A frame of reference and the matrix (4, 4) that takes its points into the registered one, patient axes, mm; None writes none."""

    frame: str
    matrix: NDArray[np.float64] | None
    images: tuple[str, ...] = ()
    kind: str = "RIGID"


def write(path: Path, frame: str, items: Sequence[Item], *, seed: int = 0, sop_class: str = SPATIAL) -> Path:
    """One file whose registered frame of reference is ``frame``; same arguments, same bytes."""
    uid = UID(f"2.25.{int.from_bytes(sha256(repr((seed, frame, items)).encode()).digest()[:16], 'big')}")
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(sop_class), uid
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    meta.ImplementationClassUID = UID("2.25.1")
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\x00" * 128)
    dataset.is_little_endian, dataset.is_implicit_VR = True, True
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = sop_class, uid, "REG"
    dataset.FrameOfReferenceUID = frame
    dataset.ContentLabel = "MATCH"
    dataset.RegistrationSequence = [_item(item) for item in items]
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, write_like_original=False)
    return path


def _item(item: Item) -> Dataset:
    data = Dataset()
    data.FrameOfReferenceUID = item.frame
    data.ReferencedImageSequence = [_image(uid) for uid in item.images]
    if item.matrix is not None:
        step, steps = Dataset(), Dataset()
        step.FrameOfReferenceTransformationMatrixType = item.kind
        step.FrameOfReferenceTransformationMatrix = [f"{value:.10g}"[:16] for value in item.matrix.ravel()]
        steps.MatrixSequence = [step]
        data.MatrixRegistrationSequence = [steps]
    return data


def _image(uid: str) -> Dataset:
    data = Dataset()
    data.ReferencedSOPClassUID, data.ReferencedSOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.2"), uid
    return data


def frame_of(path: Path) -> str:
    """The frame of reference of a file that was written before."""
    from pydicom import dcmread

    return str(dcmread(path, stop_before_pixels=True).FrameOfReferenceUID)
