"""What the test measures: every quantity, and the section of docs/physics/cbct_quality.md that defines it."""

from __future__ import annotations

from qa.reading import Quantity

_PAGE = "docs/physics/cbct_quality.md"
_AXES = {"x": "x (to the right facing the gantry)", "y": "y (towards the gantry)", "z": "z (up)"}
_LEVELS = (50, 30, 10)
_TURNS = {"roll": "about y, positive clockwise in a slice seen from the foot", "pitch": "about x", "yaw": "about z"}


def _quantity(key: str, unit: str, meaning: str, section: int) -> Quantity:
    return Quantity(f"cbct_{key}", unit, meaning, f"{_PAGE}, section {section}")


QUANTITIES = (
    _quantity("hu", "HU", "CT number of an insert", 3),
    _quantity("hu_deviation", "HU", "CT number of an insert minus the nominal one of its certificate", 3),
    _quantity("hu_slope", "", "slope of measured against nominal CT numbers", 3),
    _quantity("hu_intercept", "HU", "measured CT number where the nominal one is 0, on the straight line through the inserts", 3),
    _quantity("hu_residual_max", "HU", "largest distance of an insert from that straight line", 3),
    _quantity("red_error", "", "relative electron density by the calibration in force, minus that of the insert's material", 4),
    *(_quantity(f"mtf{n}_edge", "1/mm", f"frequency at which the MTF of the inserts' rims falls to {n} %", 5) for n in _LEVELS),
    *(_quantity(f"mtf{n}_bars", "1/mm", f"frequency at which the MTF of the groups of bars falls to {n} %", 5) for n in _LEVELS),
    _quantity("uniformity_index", "%", "uniformity index: rim minus centre over centre + 1000 HU, where it is largest, signed", 6),
    _quantity("non_uniformity", "", "integral non-uniformity of five regions", 6),
    _quantity("uniform_hu", "HU", "CT number of a region of the uniform module", 6),
    _quantity("noise", "HU", "standard deviation about a plane in single slices of the uniform module", 7),
    _quantity("nps_noise", "HU", "root of the integral of the noise power spectrum", 7),
    _quantity("nps_peak", "1/mm", "frequency at which the noise power spectrum is highest", 7),
    _quantity("nps_mean", "1/mm", "mean frequency of the noise power spectrum over the plane", 7),
    _quantity("contrast", "HU", "contrast of a low-contrast target against its ground", 8),
    _quantity("cnr", "", "contrast of a target over the noise of the uniform module", 8),
    _quantity("cnr_area", "mm", "contrast to noise times the root of the target's area", 8),
    _quantity("detectability", "", "d' of the non-prewhitening observer for a target of the measured contrast", 8),
    *(_quantity(f"scale_{a}", "%", f"error of lengths along {words}; 1 % is 1 mm over 100 mm", 9) for a, words in _AXES.items()),
    *(_quantity(f"shear_{ab}", "deg", f"how far the angle between {ab[0]} and {ab[1]} is from 90 degrees", 9) for ab in ("xy", "xz", "yz")),
    _quantity("rod_distance", "mm", "distance of two rods in the slice", 9),
    _quantity("rod_distance_error", "mm", "largest difference of a rod distance from the stated one", 9),
    _quantity("slice_thickness", "mm", "full width at half maximum of a wire ramp's image times the tangent of its angle", 10),
    _quantity("slice_increment", "mm", "distance of the slices, from ImagePositionPatient", 10),
    _quantity("slice_increment_error", "mm", "distance of the slices minus SliceThickness of the files", 10),
    *(_quantity(turn, "deg", f"{turn} of the phantom, {words}", 2) for turn, words in _TURNS.items()),
    *(_quantity(f"offset_{a}", "mm", f"middle of the inserts' module from the isocentre, {words}", 2) for a, words in _AXES.items()),
)  # fmt: skip
