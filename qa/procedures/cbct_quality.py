"""Image quality of a CBCT or CT from a scan of a phantom: which one it is, and all that its modules tell, with uncertainty.

Physics, formulas and uncertainty budgets: docs/physics/cbct_quality.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from qa.acquisition import Acquisition
from qa.cbct_quality_quantities import QUANTITIES
from qa.procedure import Analysis, Procedure, Rehearsal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np

    from qa.engines import Theirs


def accepts(acquisition: Acquisition) -> str:
    """One CT series; which phantom it shows is found out by measuring."""
    if acquisition.day or not acquisition.volumes or acquisition.images:
        return "image quality of a CBCT needs one scan (a CT series) of an image-quality phantom"
    return ""


def analyse(acquisition: Acquisition) -> Analysis:
    """Recognises the phantom, or says why not, and measures every module that the scan shows."""
    from qa import cbct_quality_evidence, cbct_quality_measured, cbct_quality_readings, ct_found, ct_scale
    from qa.ct_values import Maker

    quantities, volume = {q.key: q for q in QUANTITIES}, acquisition.volumes[0]
    found = ct_found.find(acquisition)
    if isinstance(found, ct_found.Unfound):
        return Analysis(cbct_quality_readings.nothing(quantities, volume.at, found.reason), cbct_quality_evidence.unfound(found))
    parts = cbct_quality_measured.measure(found, acquisition)
    doubts = ct_scale.doubts(ct_scale.wrong(found.air_hu, *parts.scale))
    make = Maker(quantities, {**volume.at, "setting": ct_found.setting(found, volume)}, found.flags, doubts)
    return Analysis(cbct_quality_readings.readings(make, found, parts), cbct_quality_evidence.show(found, parts))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random CatPhan at a random pose in a system of random blur, noise and geometry, with its truth from ``phantoms``."""
    from qa import cbct_quality_rehearsal

    return cbct_quality_rehearsal.draw(rng)


def demonstrate(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """A scan of a CatPhan 604 on an ordinary machine."""
    from qa import cbct_quality_demonstration

    return cbct_quality_demonstration.write(folder, say)


def second_engine(acquisition: Acquisition, files: Mapping[str, Path], say: Callable[[str], None]) -> Theirs:
    """The same scan through pylinac, as the phantom that was recognised."""
    from qa import cbct_quality_engine

    return cbct_quality_engine.measure(acquisition, files, say)


PROCEDURE = Procedure(
    name="cbct_quality",
    title="Image quality of CBCT",
    subject="image quality",
    version="1",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    demonstrate=demonstrate,
    demonstration_protocol="example_clinic_acceptance",
    second_engine=second_engine,
    uses=("CT number to density",),
)
