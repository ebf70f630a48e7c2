"""Calibration of CT numbers: electron density, mass density and proton stopping power through the inserts of a phantom.

Physics, formulas and uncertainty budget: docs/physics/hu_calibration.md. ``qa.density_curve`` evaluates what a record of it holds.
"""

from __future__ import annotations

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import AnalysisError, NotMeasured, Quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np

_PAGE = "docs/physics/hu_calibration.md"


def _quantity(key: str, unit: str, meaning: str, section: int) -> Quantity:
    return Quantity(key, unit, meaning, f"{_PAGE}, section {section}")


QUANTITIES = (
    _quantity("hu_curve_hu", "HU", "mean CT number of one material", 2),
    _quantity("hu_curve_red", "", "electron density relative to water of that material, a knot of the curve", 3),
    _quantity("hu_curve_density", "", "mass density relative to 1 g/cm^3 of that material, a knot of the curve", 3),
    _quantity("hu_curve_spr", "", "stopping power for protons relative to water of that material, a knot of the curve", 4),
    _quantity("hu_curve_residual", "", "electron density by the straight line between a material's neighbours minus its own", 5),
    _quantity("hu_curve_residual_max", "", "largest distance of a material from the line between its neighbours, as electron density", 5),
)


def accepts(acquisition: Acquisition) -> str:
    """One CT series; which phantom it shows is found out by measuring."""
    if acquisition.day or not acquisition.volumes or acquisition.images:
        return "a calibration of CT numbers needs one scan (a CT series) of a phantom with inserts of known density"
    return ""


def analyse(acquisition: Acquisition) -> Analysis:
    """Recognises the phantom, reads its inserts, and draws the curves through them."""
    from qa import ct_found, ct_inserts, ct_scale, hu_calibration_evidence, hu_calibration_materials, hu_calibration_readings
    from qa.ct_values import Maker

    if not acquisition.volumes:
        return Analysis(tuple(NotMeasured(q, "no scan: take one of a phantom with inserts of known density") for q in QUANTITIES))
    volume = acquisition.volumes[0]
    found = ct_found.find(acquisition)
    if isinstance(found, ct_found.Unfound):
        return Analysis(tuple(NotMeasured(q, found.reason, volume.at) for q in QUANTITIES))
    if wrong := ct_scale.wrong(found.air_hu):
        return Analysis(tuple(NotMeasured(q, f"{volume.name}: {wrong}", volume.at) for q in QUANTITIES))
    make = Maker({q.key: q for q in QUANTITIES}, {**volume.at, "setting": ct_found.setting(found, volume)}, found.flags)
    try:
        inserts = ct_inserts.inserts(found)
        materials = hu_calibration_materials.plugged(inserts, acquisition.phantom)
        if wrong := ct_scale.wrong(found.air_hu, *hu_calibration_materials.scale(inserts, materials)):
            raise AnalysisError(f"{volume.name}: {wrong}")
    except AnalysisError as error:
        return Analysis(tuple(make.missing(q.key, str(error)) for q in QUANTITIES))
    curves = hu_calibration_readings.curves(materials)
    evidence = hu_calibration_evidence.show(found, inserts, materials, curves)
    return Analysis(tuple(hu_calibration_readings.readings(make, materials, curves)), evidence)


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random CatPhan whose plastics are as far from the book as batches are, with its truth from ``phantoms``."""
    from qa import hu_calibration_rehearsal

    return hu_calibration_rehearsal.draw(rng)


PROCEDURE = Procedure(
    name="hu_calibration",
    title="Calibration of CT numbers",
    subject="image quality",
    version="1",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    demonstration_protocol="hu_calibration_annual",
    provides="CT number to density",
)
