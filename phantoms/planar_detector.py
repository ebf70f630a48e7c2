"""What a flat panel makes of a planar image: noise of known NPS and dose, defects, lag from the frame before, 16 bits.

An image has the open beam at 1 at any dose, as a panel with gain calibration shows it. Frequencies are in 1/mm at the panel.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from phantoms.noise import correlated, digitise, smoothing_kernel, white
from phantoms.panel import Panel
from phantoms.planar import Scene, draw

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Detector:
    """`quantum_sigma`: standard deviation of quantum noise in the open beam at dose 1, a fraction of it; its neighbours correlate.

    At signal s and dose d the variance is quantum_sigma^2 s/d + electronic_sigma^2/d^2; the electronic part is white. `full_scale` is
    the signal of level 65535; what is above `saturation` reads `saturation`. Lines and pixels that are dead read `dead_value`.
    """

    quantum_sigma: float = 0.004
    correlation: float = 0.3
    electronic_sigma: float = 0.0
    dose: float = 1.0
    dead_rows: tuple[int, ...] = ()
    dead_columns: tuple[int, ...] = ()
    dead_pixels: tuple[tuple[int, int], ...] = ()
    dead_value: float = 0.0
    ghost_fraction: float = 0.0
    saturation: float = 10.0
    full_scale: float = 1.35


@dataclass(frozen=True)
class Frame:
    """One image: the scene, the frame before of which a ghost remains, the noise-free signal (open beam 1) and the pixels."""

    scene: Scene
    detector: Detector
    previous: Scene | None
    clean: Array = field(repr=False)
    pixels: NDArray[np.uint16] = field(repr=False)

    @property
    def levels(self) -> float:
        """Pixel value of a signal of 1."""
        return 65535 / self.detector.full_scale


def take(scene: Scene, detector: Detector, rng: np.random.Generator, previous: Scene | None = None) -> Frame:
    """One image of a scene; `detector.ghost_fraction` of the frame before is added. Same arguments and generator state, same pixels."""
    return develop(scene, draw(scene), detector, rng, previous)


def develop(scene: Scene, image: Array, detector: Detector, rng: np.random.Generator, previous: Scene | None = None) -> Frame:
    """The same from an image that is drawn already: another dose, another draw of the noise."""
    clean = image if previous is None else image + detector.ghost_fraction * draw(previous)
    noisy = clean
    if detector.quantum_sigma > 0:
        quanta = correlated(rng, np.zeros_like(clean), detector.quantum_sigma, detector.correlation)
        noisy = noisy + np.sqrt(np.maximum(clean, 0) / detector.dose) * quanta
    if detector.electronic_sigma > 0:
        noisy = white(rng, noisy, detector.electronic_sigma / detector.dose)
    noisy = np.minimum(noisy, detector.saturation)
    noisy[list(detector.dead_rows), :] = detector.dead_value
    noisy[:, list(detector.dead_columns)] = detector.dead_value
    for row, column in detector.dead_pixels:
        noisy[row, column] = detector.dead_value
    pixels = digitise(noisy, detector.full_scale)
    pixels.flags.writeable = clean.flags.writeable = False
    return Frame(scene, detector, previous, clean, pixels)


def noise_sigma(detector: Detector, signal: float = 1.0) -> float:
    """Standard deviation of one pixel at a signal, in units of the open beam, rounding to 16 bits included."""
    step = detector.full_scale / 65535
    quantum = detector.quantum_sigma**2 * signal / detector.dose
    return float(np.sqrt(quantum + (detector.electronic_sigma / detector.dose) ** 2 + step**2 / 12))


def nps(detector: Detector, panel: Panel, f_u_per_mm: Array | float, f_v_per_mm: Array | float, signal: float = 1.0) -> Array:
    """Noise power spectrum in mm^2 (open beam 1) at frequencies along u and v, where an even signal lies; exact up to Nyquist.

    White noise behind a kernel per axis: its variance times the pixel's area times the kernels' squared spectra. NNPS: over signal^2.
    """
    down, across = panel.pitch_mm
    quantum = detector.quantum_sigma**2 * signal / detector.dose
    flat = noise_sigma(replace(detector, quantum_sigma=0.0))
    shape = _spectrum(detector, np.asarray(f_u_per_mm) * across) * _spectrum(detector, np.asarray(f_v_per_mm) * down)
    return np.asarray(down * across * (quantum * shape + flat**2))


def _spectrum(detector: Detector, cycles_per_px: Array) -> Array:
    """Squared spectrum of the noise's kernel along one axis; it averages 1 over all frequencies."""
    kernel = smoothing_kernel(detector.correlation)
    place = np.arange(len(kernel)) - len(kernel) // 2
    spectrum = (kernel * np.cos(2 * np.pi * np.asarray(cycles_per_px)[..., None] * place)).sum(axis=-1) ** 2
    return np.asarray(spectrum / (kernel**2).sum())
