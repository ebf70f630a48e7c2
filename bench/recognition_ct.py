"""CT phantoms at random pose, dose and field of view, and what is none: drawn, then named by the suite."""

from __future__ import annotations

import numpy as np

from phantoms.ctphantom import Imaging, Placement, grid_over, scan_phantom
from phantoms.ctphantom_patient import patient
from phantoms.models import CtModel, ct_models
from phantoms.volume import Cylinder, Grid, Scan, Scanned, scan
from qa import ct_found, rehearsal
from qa.acquisition import Acquisition
from qa.ct_found import Found

CT_NONE = ("a patient", "a water cylinder", "noise in air")


def ct_case(name: str, rng: np.random.Generator) -> tuple[str, str]:
    """(what it is, what the suite says): a model's key, "none", or why it is not sure."""
    drawn = _none(name, rng) if name in CT_NONE else _phantom(next(model for model in ct_models() if model.key == name), rng)
    return "none" if name in CT_NONE else name, ct_answer(drawn)


def ct_answer(scanned: Scanned) -> str:
    """What the suite takes a volume for."""
    volume = rehearsal.volume(scanned, "LINAC-A")
    return answer_of(Acquisition((), "LINAC-A", "CBCT", "drawn", (volume,)))


def answer_of(acquisition: Acquisition) -> str:
    """The model's key, "none" where it says that it is none that is known, else its reason."""
    found = ct_found.find(acquisition)
    if isinstance(found, Found):
        return found.model.key
    sure_of_none = found.recognition is None or found.recognition.best is None
    return "none" if sure_of_none else found.reason


def _phantom(model: CtModel, rng: np.random.Generator) -> Scanned:
    """Anywhere within 15 mm, tilted up to 1 degree, at any roll, one in five with its other end first, coarse or fine, clean or noisy."""
    x, y, z = (float(v) for v in rng.uniform(-15, 15, 3))
    pitch, yaw = (float(v) for v in rng.uniform(-1, 1, 2))
    roll = float(rng.uniform(-180, 180)) if rng.random() < 0.2 else float(rng.normal(0, 4))
    placement = Placement((x, y, z), pitch, roll, yaw, reversed=bool(rng.random() < 0.2))
    across = float(rng.uniform(1.5, 3.0))
    row, column = (float(v) for v in rng.uniform(0.6, 1.1, 2))
    margins = float(rng.uniform(5, 40)), float(rng.uniform(5, 60))
    grid = grid_over(
        model, placement, spacing_mm=(across, row, column), ends_mm=float(rng.uniform(-6, 10)), around_mm=margins, off_mm=(2.0, -2.0)
    )
    how = Imaging(
        blur_mm=(float(rng.uniform(0.4, 0.9)), float(rng.uniform(0.4, 1.0))),
        noise_hu=float(rng.choice([5.0, 15.0, 30.0, 60.0])),
        cupping_hu=float(rng.uniform(0, 60)),
    )
    return scan_phantom(model, grid, rng, placement, how, hu=_plugs(model, rng))


def _plugs(model: CtModel, rng: np.random.Generator) -> dict[str, float]:
    """Any materials where any plug may be in any hole, one in five like the body; elsewhere those of the model."""
    plugs = [plug for module in model.modules for plug in module.plugs]
    if not all(plug.optional for plug in plugs):
        return {}
    contrast = rng.uniform(60, 900, len(plugs)) * rng.choice([-1.0, 1.0, 1.0, 1.0, 0.0], len(plugs))
    return {plug.name: model.hu + float(extra) for plug, extra in zip(plugs, contrast, strict=True)}


def _none(name: str, rng: np.random.Generator) -> Scanned:
    spacing = (float(rng.uniform(2, 3)), float(rng.uniform(0.9, 1.2)), float(rng.uniform(0.9, 1.2)))
    if name == "a patient":
        grid = Grid((50, 300, 360), spacing)
        return patient(grid, rng, Imaging(noise_hu=float(rng.uniform(10, 40))), width_mm=float(rng.uniform(260, 340)))
    grid, noise = Grid((40, 220, 240), spacing), float(rng.uniform(10, 40))
    diameter = float(rng.choice([160.0, 200.0, 202.0]))
    solids = (Cylinder("water", (3.0, -4.0, 2.0), (0.0, 1.0, 0.0), diameter / 2, 160.0, float(rng.uniform(-20, 120))),)
    return scan(solids if name == "a water cylinder" else (), grid, rng, Scan(noise_hu=noise))
