"""The real phantoms of the folder that IGRTQA_REAL_DATA names, and what the suite takes them for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from bench.recognition_ct import answer_of
from bench.recognition_planar import planar_answer
from qa import dicom

CT = {"catphan604": "catphan604", "catphan504": "catphan504"}
PLANAR = {
    "leeds": "leeds_tor18",
    "qckv": "si_qckv",
    "qc3": "si_qc3",
    "qc3_2p5MV": "si_qc3",
    "lasvegas": "las_vegas",
    "Doselab_MV": "doselab_mc2_mv",
}


def real_cases() -> Iterator[tuple[str, str, str]]:
    """(name, what it is, what the suite says); nothing where there are no real images."""
    where = os.environ.get("IGRTQA_REAL_DATA")
    if not where:
        return
    for name, truth in CT.items():
        with dicom.opened([Path(where) / f"{name}.zip"]) as batch:
            (acquisition,) = [a for a in batch.acquisitions if a.volumes and not a.day]
            yield name, truth, answer_of(acquisition)
    with dicom.opened([Path(where) / "planar.zip"]) as batch:
        for image in (image for a in batch.acquisitions if not a.day for image in a.images):
            yield image.name, PLANAR[Path(image.name).stem], planar_answer(image)
