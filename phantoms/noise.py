"""What a detector adds: noise of known strength and correlation, defects, and the step to 16 bits.

Images are float64 with open beam = 1, and are returned anew; the random generator is always passed in.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from scipy.optimize import brentq

Array = NDArray[np.float64]
RADIUS = 16  # pixels of the widest correlating kernel, enough for 0.97


def white(rng: np.random.Generator, image: Array, sigma: float) -> Array:
    """Independent Gaussian noise; `sigma` is a fraction of the open signal."""
    return image + sigma * rng.standard_normal(image.shape)


def correlated(rng: np.random.Generator, image: Array, sigma: float, neighbour_correlation: float = 0.8) -> Array:
    """Stationary Gaussian noise of standard deviation `sigma` whose neighbours in rows and columns correlate as asked.

    White noise behind a Gaussian kernel, right up to the border. Fails when the correlation is outside [0, 0.97].
    """
    kernel = smoothing_kernel(neighbour_correlation)
    margin = len(kernel) // 2
    noise = rng.standard_normal((image.shape[0] + 2 * margin, image.shape[1] + 2 * margin))
    for axis in (0, 1):
        noise = correlate1d(noise, kernel, axis=axis)
    inside = slice(margin, -margin) if margin else slice(None)
    result: Array = image + sigma * noise[inside, inside]
    return result


def smoothing_kernel(neighbour_correlation: float) -> Array:
    """Gaussian kernel of unit energy whose autocorrelation at one pixel is the one asked for."""
    if not 0 <= neighbour_correlation <= 0.97:
        raise ValueError(f"neighbour correlation between 0 and 0.97, found {neighbour_correlation}")
    if neighbour_correlation == 0:
        return np.ones(1)

    def kernel(width: float) -> Array:
        k: Array = np.exp(-(np.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * width**2))
        k /= np.sqrt((k**2).sum())
        return k

    def excess(width: float) -> float:
        k = kernel(width)
        return float((k[1:] * k[:-1]).sum()) - neighbour_correlation

    found = kernel(float(brentq(excess, 0.02, 4.0, xtol=1e-12)))
    kept: Array = found[found > 1e-5 * found.max()]  # what is left out changes the correlation by less than 1e-4
    return kept


def dead_pixels(rng: np.random.Generator, image: Array, count: int, value: float = 0.0) -> Array:
    """`count` different pixels stuck at `value`."""
    result = image.copy()
    result.flat[rng.choice(image.size, size=count, replace=False)] = value
    return result


def dead_line(image: Array, *, row: int | None = None, column: int | None = None, value: float = 0.0) -> Array:
    """A whole row or a whole column (or one of each) stuck at `value`."""
    result = image.copy()
    if row is not None:
        result[row, :] = value
    if column is not None:
        result[:, column] = value
    return result


def bright_spot(image: Array, row_px: float, column_px: float, radius_px: float, value: float) -> Array:
    """A round artefact of the given value, such as a direct hit on the electronics outside the field."""
    row, column = np.ogrid[: image.shape[0], : image.shape[1]]
    hit = (row - row_px) ** 2 + (column - column_px) ** 2 <= radius_px**2
    return np.where(hit, value, image)


def digitise(image: Array, full_scale: float) -> NDArray[np.uint16]:
    """Nearest of 65536 levels; `full_scale` is the signal of level 65535, beyond which the reading saturates."""
    return np.clip(np.rint(image * (65535 / full_scale)), 0, 65535).astype(np.uint16)
