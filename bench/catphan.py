"""python -m bench.catphan: drawn CatPhan scans whose truth is known, the same files measured by this suite and by pylinac."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported

import argparse
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.table import NONE, Row, progress, show
from phantoms import ctseries
from phantoms.ctphantom import Imaging, PhantomScan, Placement, grid_over, scan_phantom
from phantoms.models import CtModel, ct_models
from qa import dicom
from qa.procedure import load
from qa.reading import Measured

MODELS = {"catphan504": "CatPhan504", "catphan604": "CatPhan604"}
UNITS = {
    "CT number / HU": "{:.2f}",
    "rod distance / mm": "{:.4f}",
    "MTF50 / %": "{:.2f}",
    "slice thickness / mm": "{:.3f}",
    "roll / deg": "{:.3f}",
}
AIR_HU = -930.0  # files hold -1000 HU and more: drawn lighter, no noise is cut off
THEIR_PLUGS = {"Poly": "Polystyrene", "50% Bone": "Bone 50 %", "20% Bone": "Bone 20 %"}
Errors = dict[str, list[float]]


def drawn(name: str, rng: np.random.Generator) -> tuple[CtModel, PhantomScan]:
    """A scan as a linac makes it: a little off centre and turned, noisy, blurred, with rows and columns of one pitch as pylinac wants."""
    model = next(m for m in ct_models() if m.key == name)
    x, y, z = (float(v) for v in rng.uniform(-4, 4, 3))
    placement = Placement((x, y, z), *(float(v) for v in rng.uniform(-0.3, 0.3, 1)), float(rng.normal(0, 0.8)), 0.0)
    pitch = float(rng.uniform(0.7, 0.95))
    grid = grid_over(model, placement, spacing_mm=(float(rng.uniform(1.8, 2.5)), pitch, pitch), ends_mm=8.0, around_mm=(40.0, 44.0))
    how = Imaging(blur_mm=(float(rng.uniform(0.45, 0.7)), 0.6), noise_hu=float(rng.uniform(8, 15)), air_hu=AIR_HU)
    air = {plug.name: AIR_HU for module in model.modules for plug in module.plugs if plug.hu < AIR_HU}
    return model, scan_phantom(model, grid, rng, placement, how, hu=air)


def ours(folder: Path, scanned: PhantomScan) -> Errors:
    """Value minus truth of what both measure."""
    found: Errors = defaultdict(list)
    known = scanned.known
    with dicom.opened([folder]) as batch:
        (acquisition,) = [a for a in batch.acquisitions if a.volumes and not a.day]
        readings = [r for r in load("cbct_quality").analyse(acquisition).readings if isinstance(r, Measured)]
    for reading in readings:
        key, part = reading.quantity.key, str(reading.at.get("part", ""))
        if key == "cbct_hu" and part in known.hu:
            found["CT number / HU"].append(reading.value - known.hu[part])
        elif key == "cbct_rod_distance" and not part.startswith("Diag"):
            found["rod distance / mm"].append(reading.value - 50.0)
        elif key in ("cbct_mtf50_edge", "cbct_mtf50_bars"):
            found["MTF50 / %"].append(100 * (reading.value / known.mtf_falls_to(0.5) - 1))
        elif key == "cbct_slice_thickness":
            found["slice thickness / mm"].append(reading.value - known.slice_fwhm_mm)
        elif key == "cbct_roll":
            found["roll / deg"].append(reading.value - known.placement.roll_deg)
    return found


def theirs(folder: Path, cls: str, scanned: PhantomScan) -> Errors:
    """The same of pylinac's results; it is told the class."""
    found: Errors = defaultdict(list)
    known = scanned.known
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pylinac

        scan: Any = getattr(pylinac, cls)(folder)
        scan.analyze()
        data = scan.results_data()
    for name, roi in data.ctp404.hu_rois.items():
        plug = THEIR_PLUGS.get(name, name)
        if plug in known.hu:
            found["CT number / HU"].append(roi.value - known.hu[plug])
    found["rod distance / mm"] += [float(mm) - 50.0 for mm in data.ctp404.line_distances_mm]
    half = float(scan.ctp528.mtf.relative_resolution(50))
    found["MTF50 / %"].append(100 * (half / known.mtf_falls_to(0.5) - 1))
    found["slice thickness / mm"].append(data.ctp404.measured_slice_thickness_mm - known.slice_fwhm_mm)
    found["roll / deg"].append(data.catphan_roll_deg - known.placement.roll_deg)
    return found


def rows(n: int, seed: int) -> Iterator[Row]:
    """Root mean square and largest error per kind of number."""
    for name, cls in MODELS.items():
        mine, other, failed = defaultdict(list), defaultdict(list), []
        for k in progress(range(n), name):
            rng = np.random.default_rng([seed, len(name), sorted(MODELS).index(name), k])
            _, scanned = drawn(name, rng)
            with tempfile.TemporaryDirectory() as place:
                ctseries.write(scanned, Path(place), seed=seed)
                for key, values in ours(Path(place), scanned).items():
                    mine[key] += values
                try:
                    for key, values in theirs(Path(place), cls, scanned).items():
                        other[key] += values
                except Exception as error:  # a peer may fail as it likes: it is counted
                    failed.append(f"{type(error).__name__}: {error}")
        for key, form in UNITS.items():
            remark = (f"pylinac failed {len(failed)} of {n} times: {failed[0][:120]}",) if failed and key.startswith("CT") else ()
            yield Row(f"{name}: {key}, rms / largest error", n, NONE, _cell(mine[key], form), _cell(other[key], form), remarks=remark)


def _cell(errors: Sequence[float], form: str) -> str:
    if not errors:
        return NONE
    return f"{form.format(float(np.sqrt(np.mean(np.square(errors)))))} / {form.format(float(np.abs(errors).max()))}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.catphan", description="Drawn CatPhan scans beside pylinac.")
    parser.add_argument("--scans", type=int, default=6, help="of each model (default 6)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    show("CatPhan scans with known truth", list(rows(asked.scans, asked.seed)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
