"""Everything that is measured in a phantom that was found: each part as what it is, or why it is not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from qa import (
    cbct_quality_contrast,
    cbct_quality_density,
    cbct_quality_geometry,
    cbct_quality_resolution,
    cbct_quality_uniform,
    ct_inserts,
)
from qa.acquisition import Acquisition
from qa.cbct_quality_contrast import LowContrast
from qa.cbct_quality_density import Curve
from qa.cbct_quality_geometry import Geometry
from qa.cbct_quality_resolution import Barred, Edges
from qa.cbct_quality_uniform import Uniform
from qa.ct_found import Found
from qa.ct_inserts import Insert, Line
from qa.reading import AnalysisError, DicomError

T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """The parts of the test; an AnalysisError in place of what could not be measured."""

    inserts: list[Insert] | AnalysisError
    line: Line | AnalysisError
    curve: Curve | AnalysisError
    edges: Edges | AnalysisError
    bars: Barred | AnalysisError
    uniform: Uniform | AnalysisError
    contrast: LowContrast | AnalysisError
    geometry: Geometry | AnalysisError

    @property
    def scale(self) -> tuple[float | None, dict[str, float]]:
        """The slope of measured against stated CT numbers, where there is one, and the CT number of water by inserts and uniform module."""
        slope, water = (None, {}) if isinstance(self.line, AnalysisError) else ct_inserts.scale(self.line)
        if not isinstance(self.uniform, AnalysisError):
            water |= {"the uniform module": sum(r.value for r in self.uniform.regions.values()) / len(self.uniform.regions)}
        return slope, water


def measure(found: Found, acquisition: Acquisition) -> Parts:
    """All parts; one that fails stops no other."""
    inserts = _tried(lambda: ct_inserts.inserts(found))
    uniform = _tried(lambda: cbct_quality_uniform.measure(found))
    edges: Edges | AnalysisError
    line: Line | AnalysisError
    if isinstance(inserts, AnalysisError):
        edges = line = inserts
    else:
        known = inserts
        edges = _tried(lambda: cbct_quality_resolution.by_edges(found, known))
        line = _tried(lambda: ct_inserts.linearity(known))
    noise = uniform if isinstance(uniform, AnalysisError) else uniform.noise
    spectrum = uniform if isinstance(uniform, AnalysisError) else uniform.spectrum
    mtf = edges if isinstance(edges, AnalysisError) else edges.curve
    return Parts(
        inserts,
        line,
        _tried(lambda: cbct_quality_density.in_force(acquisition)),
        edges,
        _tried(lambda: cbct_quality_resolution.by_bars(found)),
        uniform,
        _tried(lambda: cbct_quality_contrast.measure(found, noise, spectrum, mtf)),
        _tried(lambda: cbct_quality_geometry.measure(found)),
    )


def _tried(part: Callable[[], T]) -> T | AnalysisError:
    """What the function gives, or why it does not."""
    try:
        return part()
    except AnalysisError as error:
        return error
    except DicomError as error:
        return AnalysisError(str(error))
