"""CT phantoms at random pose, dose and field of view, and what is none: drawn, then named by the suite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phantoms.ctphantom import Imaging, Placement, grid_over, scan_phantom
from phantoms.ctphantom_patient import patient
from phantoms.models import CtModel, Plug, ct_models
from phantoms.volume import Cylinder, Grid, Scan, Scanned, scan
from qa import ct_found, rehearsal
from qa.acquisition import Acquisition
from qa.ct_found import Unfound

CT_NONE = ("a patient", "a water cylinder", "noise in air", "inserts elsewhere")
HALF = "half phantoms: right, or asked"


def ct_case(name: str, rng: np.random.Generator) -> tuple[str, str]:
    """(what it is, what the suite says): a model's key, "none", or why it is not sure."""
    if name == HALF:
        return _half(rng)
    drawn = _none(name, rng) if name in CT_NONE else _phantom(next(model for model in ct_models() if model.key == name), rng)
    return "none" if name in CT_NONE else name, ct_answer(drawn)


def ct_answer(scanned: Scanned) -> str:
    """What the suite takes a volume for."""
    volume = rehearsal.volume(scanned, "LINAC-A")
    return answer_of(Acquisition((), "LINAC-A", "CBCT", "drawn", (volume,)))


def answer_of(acquisition: Acquisition) -> str:
    """The model's key, measured or not; "none" where it says that it is none that is known; else why it is not sure."""
    found = ct_found.find(acquisition)
    recognition = found.recognition
    if recognition is None or recognition.best is None:
        return "none"
    if recognition.alike:
        return found.reason if isinstance(found, Unfound) else "not sure"
    return recognition.best.model.key


def _half(rng: np.random.Generator) -> tuple[str, str]:
    """A scan of some modules: what is left may not tell which it is, so asking is right; without the inserts so is "none"."""
    model = ct_models()[int(rng.integers(len(ct_models())))]
    keys = tuple(module.key for module in model.modules if rng.random() < 0.4) or (model.modules[0].key,)
    answer = ct_answer(_phantom(model, rng, keys))
    inserts = any(module.plugs for module in model.modules if module.key in keys)
    return model.key, model.key if " " in answer or (answer == "none" and not inserts) else answer


def _phantom(model: CtModel, rng: np.random.Generator, keys: tuple[str, ...] = ()) -> Scanned:
    """Within 15 mm, tilted up to 1 degree, at any roll, one in five with its other end first, coarse or fine, clean or noisy.

    ``keys`` are the modules that the scan holds (none: all).
    """
    x, y, z = (float(v) for v in rng.uniform(-15, 15, 3))
    pitch, yaw = (float(v) for v in rng.uniform(-1, 1, 2))
    roll = float(rng.uniform(-180, 180)) if rng.random() < 0.2 else float(rng.normal(0, 4))
    placement = Placement((x, y, z), pitch, roll, yaw, reversed=bool(rng.random() < 0.2))
    across = float(rng.uniform(1.5, 3.0))
    row, column = (float(v) for v in rng.uniform(0.6, 1.1, 2))
    margins = float(rng.uniform(5, 40)), float(rng.uniform(5, 60))
    spacing, ends = (across, row, column), float(rng.uniform(-6, 10))
    grid = grid_over(model, placement, spacing_mm=spacing, keys=keys, ends_mm=ends, around_mm=margins, off_mm=(2.0, -2.0))
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
    if name == "inserts elsewhere":
        return _phantom(_elsewhere(rng), rng)
    grid, noise = Grid((40, 320, 340), spacing), float(rng.uniform(10, 40))
    diameter = float(rng.choice([160.0, 200.0, 202.0, 300.0, 310.0]))
    solids = (Cylinder("water", (3.0, -4.0, 2.0), (0.0, 1.0, 0.0), diameter / 2, 160.0, float(rng.uniform(-20, 120))),)
    return scan(solids if name == "a water cylinder" else (), grid, rng, Scan(noise_hu=noise))


def _elsewhere(rng: np.random.Generator) -> CtModel:
    """A cylinder as wide as a known phantom, with as many inserts, each of any material at any place where none touches another."""
    like = ct_models()[int(rng.integers(len(ct_models())))]
    module = next(module for module in like.modules if module.plugs)
    placed: list[Plug] = []
    reach = 0.44 * like.diameter_mm
    for plug in module.plugs:
        for _ in range(200):
            x, z = (float(v) for v in rng.uniform(-reach, reach, 2))
            half = plug.diameter_mm / 2
            apart = all(np.hypot(x - p.x_mm, z - p.z_mm) > half + p.diameter_mm / 2 + 1 for p in placed)
            if np.hypot(x, z) + half < reach and apart:
                hu = module.hu + float(rng.uniform(60, 900) * rng.choice([-1.0, 1.0]))
                placed.append(replace(plug, x_mm=x, z_mm=z, hu=hu, optional=False))
                break
    return replace(like, modules=(replace(module, plugs=tuple(placed), rods=(), ramps=()),))
