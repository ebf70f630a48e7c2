"""pylinac measures the same planar images, and every number gets the name of what it really is.

What differs, and is therefore shown and not judged: its MTF is the Michelson contrast of each group of bars over that of the first listed;
its angle is often a constant; its centre is that of a box about whatever an edge filter found. Its contrasts are of discs in the same
regions, asked for as Weber's ratio, and are held against ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from qa import frames
from qa.acquisition import Acquisition, Image
from qa.engines import Number, Say, Theirs
from qa.features.planar_map import inside
from qa.planar_quality_look import Seen, look
from qa.pylinac_engine import gave_up, silence

CLASSES = {
    "leeds_tor18": "LeedsTOR",
    "si_qc3": "StandardImagingQC3",
    "si_qckv": "StandardImagingQCkV",
    "las_vegas": "LasVegas",
    "doselab_mc2_mv": "DoselabMC2MV",
    "doselab_mc2_kv": "DoselabMC2kV",
    "ptw_epid_qc": "PTWEPIDQC",
    "snc_kv": "SNCkV",
    "snc_mv": "SNCMV",
    "iba_primus": "IBAPrimusA",
}
SHADING_PERCENT = 0.6  # of the signal: its discs lie elsewhere in the regions, and it takes one background for all of them
GROUNDED = "contrast of a disc inside the region over its own background, times (b - m)/b: it takes the image's lowest value m off first"
TURNED = "the same of values that grow against radiation: it did not turn this image's values round"
PARTS = {"planar_mtf50": 50, "planar_mtf30": 30}
RELATIVE = "its relative MTF: Michelson contrast of the bars over that of the first listed group, not the MTF of the wave"
BOX = "middle of a box about the largest thing of about the right size that an edge filter found"


def measure(acquisition: Acquisition, files: Mapping[str, Path], say: Say) -> Theirs:
    """Each image through the class of the phantom that we recognised; one that shows none is not handed on."""
    say("loading pylinac")
    numbers: list[tuple[Number, ...] | str] = []
    told = []
    with silence():
        for k, image in enumerate(acquisition.images, 1):
            seen = look(image, acquisition.phantom)
            if not isinstance(seen, Seen):
                numbers.append(f"no phantom was recognised, so pylinac cannot be told which it is: {seen.reason}")
            elif image.sop_instance_uid not in files:
                numbers.append("the file is not at hand")
            else:
                told.append(f"{image.name} is a {seen.model.name}")
                numbers.append(one_image(seen, files[image.sop_instance_uid]))
            say(f"pylinac: {k} of {len(acquisition.images)} images")
    words = f"pylinac {version('pylinac')} was told: {'; '.join(told)}" if told else ""
    return Theirs(words, tuple(numbers), (), "pylinac", version("pylinac"))


def one_image(seen: Seen, file: Path) -> tuple[Number, ...] | str:
    """pylinac's numbers of one image, or why there are none."""
    row, column = seen.pitch_mm
    if abs(row - column) > 1e-3 * column:
        return "the pixels are not square, which pylinac does not look at: its distances would be wrong"
    try:
        import pylinac.planar_imaging as theirs

        phantom = getattr(theirs, CLASSES[seen.model.key])(str(file))
        phantom.analyze(low_contrast_method="Weber", **_inversion(seen))
        return (*_sharpness(phantom), *_contrasts(seen, phantom), *_centre(seen.image, phantom))
    except Exception as error:  # pylinac raises whatever its libraries do
        return gave_up(error)


def _inversion(seen: Seen) -> dict[str, Any]:
    return {"invert": True} if seen.recognition.reversed else {}


def _sharpness(phantom: Any) -> tuple[Number, ...]:
    """Its relative MTF, where it has bars and they fall that far."""
    if getattr(phantom, "mtf", None) is None:
        return ()
    found = [(key, phantom.mtf.relative_resolution(level)) for key, level in PARTS.items()]
    return tuple(Number(key, float(value), RELATIVE, at={"part": "bars"}) for key, value in found if value is not None)


def _contrasts(seen: Seen, phantom: Any) -> tuple[Number, ...]:
    """Its discs' contrasts under the names of the regions that their middles lie in, brought to our zero of radiation."""
    ground = float(np.mean([roi.pixel_value for roi in phantom.low_contrast_background_rois]))
    named = [(name, float(roi.pixel_value), _ours(seen, roi)) for roi in phantom.low_contrast_rois if (name := _region(seen, roi))]
    if not named:
        return ()
    theirs, ours = (np.array([row[k] for row in named]) for k in (1, 2))
    same_way = len(named) < 3 or float(np.corrcoef(theirs, ours)[0, 1]) > 0
    level = float(np.mean([_ours(seen, roi) for roi in phantom.low_contrast_background_rois]))
    factor = (level - float(seen.pixels.min())) / level
    grounds = {name for roi in phantom.low_contrast_background_rois if (name := _region(seen, roi))}
    elsewhere = f"over what it takes for the background and is {', '.join(sorted(grounds))}: it took the phantom for turned otherwise"
    found = []
    for name, value, _ in named:
        percent = 100 * (value / ground - 1) * (factor if same_way else 1.0)
        judged = seen.zero and same_way and not grounds
        really = elsewhere if grounds else GROUNDED if same_way else TURNED
        u = SHADING_PERCENT * (1 + abs(percent) / 100) if judged else None
        found.append(Number("planar_contrast", percent, really, u, "%", {"part": name}))
    return tuple(found)


def _region(seen: Seen, roi: Any) -> str:
    """The name of our region in which the middle of one of its discs lies, "" for none."""
    x, y = (np.array([float(v)]) for v in seen.pose.back(roi.center.x * seen.pitch_mm[1], roi.center.y * seen.pitch_mm[0]))
    return next((r.name for r in reversed(seen.model.regions) if r.kind in ("contrast", "disc") and inside(r, x, y)[0]), "")


def _ours(seen: Seen, roi: Any) -> float:
    """The mean of our pixels in one of its discs."""
    rows, columns = np.ogrid[: seen.pixels.shape[0], : seen.pixels.shape[1]]
    return float(seen.pixels[np.hypot(rows - roi.center.y, columns - roi.center.x) <= roi.radius].mean())


def _centre(image: Image, phantom: Any) -> tuple[Number, ...]:
    """The middle of its box on the isocentre plane."""
    u, v = frames.to_plane(image, float(phantom.phantom_center.y), float(phantom.phantom_center.x)) + frames.receptor_mm(image)
    return Number("planar_center_u", float(u), BOX), Number("planar_center_v", float(v), BOX)
