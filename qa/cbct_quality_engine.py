"""pylinac measures the same scan, as the phantom that was recognised here; every number gets the name of what it really is.

What pylinac 3.49 does and this module guards against: it takes any CatPhan for the one it is told, merges series, ignores
ImagePositionPatient across the slices, and reads one slice of each module. It gets the files of one series and a fresh object each run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qa import cbct_quality_uniform, ct_found
from qa.acquisition import Acquisition
from qa.ct_found import Found
from qa.engines import Number, Theirs
from qa.pylinac_engine import gave_up, silence
from qa.reading import AnalysisError, QaError

CLASSES = {f"catphan{n}": f"CatPhan{n}" for n in ("503", "504", "600", "604", "700")}
NAMES = {"Poly": "Polystyrene", "50% Bone": "Bone 50 %", "20% Bone": "Bone 20 %", "Bone 50%": "Bone 50 %", "Bone 20%": "Bone 20 %"}
HU_U = 2.5  # of its CT numbers: its disc of 5 mm lies up to 0.8 mm nearer to an insert's rim, in one slice
RIM_SHARE = 0.006  # of an insert's contrast: within 1 mm of the rim its blur shines in
VOXELS = 30.0  # independent ones in that disc, of which it takes the median
ROD_U_MM = 0.15  # of a distance of rods: centroids of thresholded edges, a quarter of a voxel each
ROLL_U_DEG = 0.25  # of a line through two air inserts 117 mm apart whose centres are those of thresholded edges
NON_UNIFORMITY_U = 0.0015
LINES = {"Top": "Top-Horizontal", "Bottom": "Bottom-Horizontal", "Left": "Left-Vertical", "Right": "Right-Vertical"}
RELATIVE = "its MTF is the contrast of the bars over that of its first group, which is set to 1: not an MTF, and it reads higher"


def measure(acquisition: Acquisition, files: Mapping[str, Path], say: Callable[[str], None]) -> Theirs:
    """pylinac's numbers of the acquisition's volume. QaError where it has no class for the phantom, or there is none."""
    found = ct_found.find(acquisition)
    if not isinstance(found, Found):
        raise QaError(f"pylinac must be told the phantom, and none was recognised: {found.reason}")
    if found.model.key not in CLASSES:
        raise QaError(f"the {found.model.name} is not compared with pylinac here")
    slices = acquisition.volumes[0].slices
    paths = [files[part.sop_instance_uid] for part in slices if part.sop_instance_uid in files]
    if len(paths) < len(slices):
        raise QaError(f"{len(slices) - len(paths)} of the {len(slices)} files are not there any more")
    told = f"pylinac {version('pylinac')} was told: a {found.model.name}, the files of this series alone, its defaults otherwise"
    try:
        uniform = cbct_quality_uniform.measure(found)
        noise = uniform.noise.value
    except AnalysisError:
        noise = 10.0
    try:
        whole: tuple[Number, ...] | str = _numbers(_analysed(found.model.key, paths), noise)
    except Exception as error:  # pylinac raises whatever its libraries do
        whole = gave_up(error)
    return Theirs(told, (), whole, "pylinac", version("pylinac"))


def _analysed(key: str, paths: list[Path]) -> Any:
    """A fresh object that has looked at these files."""
    with silence():
        from pylinac import ct

        scan = getattr(ct, CLASSES[key])([str(path) for path in paths], check_uid=False)
        scan.analyze()
        return scan


def _numbers(scan: Any, noise: float) -> tuple[Number, ...]:
    """What it found, under our keys where it measures the same thing."""
    inserts = scan.ctp404
    words = "median of a disc of 5 mm at 58.7 mm from the axis, one slice"
    numbers = [
        Number("cbct_hu", float(roi.pixel_value), words, _hu_u(roi, noise), "HU", _part(NAMES.get(name, name)))
        for name, roi in inserts.rois.items()
    ]
    for part, name in LINES.items():
        if name in inserts.lines:
            words = "centroids of thresholded edges, one slice"
            numbers.append(Number("cbct_rod_distance", float(inserts.lines[name].length_mm), words, ROD_U_MM, "mm", _part(part)))
    widened = 1 + 2 * inserts.pad
    for name, ramp in inserts.thickness_rois.items():
        value = float(ramp.wire_fwhm * inserts.mm_per_pixel * 0.42 / widened)
        words = f"FWHM in the mean of {widened} slices, over {widened}" if widened > 1 else "FWHM in one slice"
        numbers.append(Number("cbct_slice_thickness", value, f"{words}, times 0.42: another average than ours", None, "mm", _part(name)))
    numbers.append(Number("cbct_roll", float(scan.catphan_roll), "the line through two air inserts", ROLL_U_DEG, "deg"))
    if hasattr(scan, "ctp486"):
        even = scan.ctp486
        words = "medians in one slice: which region is the farthest, and so its sign, changes from slice to slice"
        numbers.append(Number("cbct_uniformity_index", float(even.uniformity_index), words, None, "%"))
        numbers.append(Number("cbct_non_uniformity", float(even.integral_non_uniformity), "medians, one slice", NON_UNIFORMITY_U, ""))
        top = float(even.max_noise_power_frequency)
        numbers.append(Number("cbct_nps_peak", top, "an index over the length of its axis: no frequency", None, ""))
    if hasattr(scan, "ctp528"):
        for level in (50, 30, 10):
            value = scan.ctp528.mtf.relative_resolution(level)
            if value is not None:
                numbers.append(Number(f"cbct_mtf{level}_bars", float(value), RELATIVE, None, "1/mm"))
    if hasattr(scan, "ctp515"):
        seen = float(scan.ctp515.rois_visible)
        numbers.append(Number("", seen, "low-contrast targets whose contrast times root of area over noise passes 0.15", None, ""))
    return tuple(numbers)


def _hu_u(roi: Any, noise: float) -> float:
    """Of a CT number: where its disc lies, the rim that shines in, and the noise of a median."""
    return float((HU_U**2 + (RIM_SHARE * float(roi.pixel_value)) ** 2 + (1.25 * noise) ** 2 / VOXELS) ** 0.5)


def _part(name: str) -> dict[str, float | str]:
    return {"part": name}
