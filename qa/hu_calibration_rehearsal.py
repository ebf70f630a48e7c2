"""A random CatPhan in a random system, its plastics as far from the book as the uncertainties say, with the truth of its curve."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from phantoms import ctphantom, ctseries
from phantoms.ctphantom import Imaging, Placement
from phantoms.models import CtModel, Material, Plug, ct_models, materials
from phantoms.models.elements import elements
from phantoms.volume_grid import Grid
from qa import rehearsal
from qa.acquisition import Acquisition
from qa.hu_calibration_materials import CONFIRMED_U, WATER_U
from qa.procedure import Rehearsal
from qa.stopping_power import EXCITATION_U

MODELS = ("catphan503", "catphan504", "catphan600")  # whose materials documents name
SPACING_MM = (2.5, 1.0, 0.92)
HALF_MM = 20.0  # of the module with the inserts is scanned to either side
AROUND_MM = (10.0, 16.0)
MACHINE = "rehearsal"
Truth = dict[tuple[str, str], float]


def draw(rng: np.random.Generator) -> Rehearsal:
    """One scan of the module with the inserts."""
    seed = int(rng.integers(2**31))
    key = str(rng.choice(MODELS))
    model = next(m for m in ct_models() if m.key == key)
    module = next(m for m in model.modules if m.plugs)
    placement = _placement(rng)
    slope, start = float(rng.uniform(0.94, 0.99)), float(rng.uniform(-5, 8))
    by_material = {p.material: round(start + slope * p.hu + float(rng.normal(0, 3)), 1) for p in module.plugs}
    told = {plug.name: by_material[plug.material] for plug in module.plugs}
    how = Imaging(blur_mm=(float(rng.uniform(0.8, 1.0)), 0.6), noise_hu=float(rng.uniform(6, 14)), nps_peak_per_mm=0.2)
    scanned = ctphantom.scan_phantom(model, _grid(model, placement, module.y_mm, rng), np.random.default_rng(seed), placement, how, told)
    volume = replace(rehearsal.volume(scanned, MACHINE), tags={"ConvolutionKernel": "smooth"})
    acquisition = Acquisition((), MACHINE, "CBCT", f"simulated CBCT of a {model.name}", (volume,), phantom=model.name)

    def write(folder: Path) -> None:
        ctseries.write(scanned, folder, seed=seed, name=MACHINE)

    return Rehearsal(acquisition, _truth(module.plugs, told, rng), write)


def _placement(rng: np.random.Generator) -> Placement:
    x, y, z = (float(v) for v in rng.normal(0, 2.0, 3))
    return Placement((x, y, z), float(rng.normal(0, 0.2)), float(rng.normal(0, 1.0)), float(rng.normal(0, 0.2)))


def _grid(model: CtModel, placement: Placement, y_mm: float, rng: np.random.Generator) -> Grid:
    """Slices round the module, the phantom off their middle."""
    centre = placement.room(np.array([0.0, y_mm, 0.0])) + rng.uniform(-2, 2, 3)
    rows, columns = (int(np.ceil((model.diameter_mm + 2 * a) / p)) for a, p in zip(AROUND_MM, SPACING_MM[1:], strict=True))
    return Grid((int(2 * HALF_MM / SPACING_MM[0]), rows, columns), SPACING_MM, (float(centre[0]), float(centre[1]), float(centre[2])))


def _truth(plugs: tuple[Plug, ...], told: dict[str, float], rng: np.random.Generator) -> Truth:
    """CT numbers as drawn; densities of this batch of each material, and its excitation energy."""
    truth: Truth = {}
    known = materials()
    points = []
    for plug in {plug.material: plug for plug in plugs}.values():
        material = known[plug.material]
        part, hu = material.name.split(" (")[0], told[plug.name]
        u = WATER_U if plug.material == "water" else CONFIRMED_U
        batch, mass = (1 + u * float(v) for v in rng.normal(0, 1, 2))
        truth["hu_curve_hu", part] = hu
        truth["hu_curve_red", part] = material.relative_electron_density * batch
        truth["hu_curve_density", part] = material.density * mass
        excitation = _excitation_ev(material) * (1 + (plug.material != "water") * EXCITATION_U * float(rng.normal()))
        truth["hu_curve_spr", part] = truth["hu_curve_red", part] * _bethe(excitation) / _bethe(_excitation_ev(known["water"]))
        points.append((hu, truth["hu_curve_red", part], part))
    points.sort()
    rest = {}
    for before, (hu, value, part), after in zip(points, points[1:], points[2:], strict=False):
        rest[part] = float(np.interp(hu, [before[0], after[0]], [before[1], after[1]])) - value
    truth |= {("hu_curve_residual", part): value for part, value in rest.items()}
    truth["hu_curve_residual_max", ""] = max(map(abs, rest.values()))
    return truth


def _excitation_ev(material: Material) -> float:
    """The geometric mean over the electrons."""
    table = elements()
    moles = np.array([share / table[symbol].weight * table[symbol].number for symbol, share in material.elements.items()])
    return float(np.exp(moles @ np.log([table[symbol].excitation_ev for symbol in material.elements]) / moles.sum()))


def _bethe(excitation_ev: float, energy_mev: float = 100.0) -> float:
    """The stopping number of a proton: ln of the largest energy given to an electron over I, less beta^2."""
    total = energy_mev + 938.272
    momentum2 = total**2 - 938.272**2
    beta2 = momentum2 / total**2
    largest_ev = 2 * 510999.0 * momentum2 / 938.272**2
    return float(np.log(largest_ev / excitation_ev) - beta2)
