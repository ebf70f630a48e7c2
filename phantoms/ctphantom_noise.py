"""Noise of a CT reconstruction whose noise power spectrum is a stated function.

Within a slice the spectrum is that of filtered backprojection, a ramp times a Gaussian: S(f) = f exp(-f^2/(2 p^2)), largest at the
frequency p, nothing at f = 0. Neighbouring slices are independent, or correlate as a Gaussian. The standard deviation is exact.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.ndimage import correlate1d

from phantoms.volume_grid import Grid

Array = NDArray[np.float64]
Frequencies = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Nps:
    """A noise power spectrum: standard deviation ``sd_hu``, largest at ``peak_per_mm``, on slices of that grid."""

    sd_hu: float
    peak_per_mm: float
    grid: Grid
    across_mm: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that are drawn, a few more than are kept: numbers that a Fourier transform is fast for."""
        rows, columns = (next_fast_len(n, real=True) for n in self.grid.shape[1:])
        return rows, columns

    def at(self, u: Frequencies | float, v: Frequencies | float) -> Array:
        """HU^2 mm^2 at frequencies (1/mm) along columns' and rows' steps; its sum over all of the slice's frequencies is the variance."""
        cells = np.prod(np.asarray(self.grid.spacing_mm[1:]) * np.asarray(self.shape))
        rows, columns = (np.fft.fftfreq(n, d) for n, d in zip(self.shape, self.grid.spacing_mm[1:], strict=True))
        total = self._shape(columns[None, :], rows[:, None]).sum() / cells
        result: Array = self.sd_hu**2 * self._shape(np.asarray(u, np.float64), np.asarray(v, np.float64)) / total
        return result

    def radial(self, f: Frequencies | float) -> Array:
        """The same along any direction: it depends on the length of the frequency alone."""
        return self.at(f, 0.0)

    def _shape(self, u: Frequencies, v: Frequencies) -> Array:
        f = np.hypot(u, v)
        result: Array = f * np.exp(-(f**2) / (2 * self.peak_per_mm**2))
        return result


def add(voxels: NDArray[np.float32], nps: Nps, rng: np.random.Generator) -> None:
    """Add noise of that spectrum in place."""
    (rows, columns), pitch = nps.shape, nps.grid.spacing_mm[1:]
    u, v = np.fft.rfftfreq(columns, pitch[1]), np.fft.fftfreq(rows, pitch[0])
    gain = np.sqrt(nps.at(u[None, :], v[:, None]) / (pitch[0] * pitch[1])).astype(np.float32)
    for plane, white in zip(voxels, _white(len(voxels), nps, rng), strict=True):
        plane += irfft2(rfft2(white) * gain, s=nps.shape, overwrite_x=True)[: plane.shape[0], : plane.shape[1]]


def _white(count: int, nps: Nps, rng: np.random.Generator) -> Iterator[NDArray[np.float32]]:
    """Planes of white noise of standard deviation 1, one for each slice, correlated from one to the next as asked."""
    if not nps.across_mm:
        for _ in range(count):
            yield rng.standard_normal(nps.shape, np.float32)
        return
    pitch = nps.grid.spacing_mm[0]
    reach = int(np.ceil(4 * nps.across_mm / pitch))
    kernel = np.exp(-((np.arange(-reach, reach + 1) * pitch / nps.across_mm) ** 2))
    planes = rng.standard_normal((count + 2 * reach, *nps.shape), np.float32)
    yield from correlate1d(planes, kernel / np.sqrt((kernel**2).sum()), axis=0)[reach : reach + count]
