"""How badly changes are known: what tests say of themselves and what they scattered by before, as one covariance.

Physics: docs/physics/cause.md, section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa.cause_changes import Change
from qa.cause_signatures import WAYS

Array = NDArray[np.float64]
MODEL = 0.01  # of a change: signatures are first order (height over SAD 0.003 mm per mm and mm; half a degree of a panel 0.009)


def covariance(rows: Sequence[Change]) -> Array:
    """Of the changes, in their own units: what tests say of themselves and what they scattered by; other tests are independent."""
    full = np.zeros((len(rows), len(rows)))
    for test in dict.fromkeys(row.procedure for row in rows):
        which = [k for k, row in enumerate(rows) if row.procedure == test]
        full[np.ix_(which, which)] = _of_rows([rows[k] for k in which])
    return full + np.diag([(MODEL * row.size) ** 2 for row in rows])


def _of_rows(rows: Sequence[Change]) -> Array:
    """Scatter along what usual causes share, as a covariance, and of each number by itself beside it: section 2.2."""
    u = np.array([row.u for row in rows])
    count = len(rows[0].earlier)
    earlier = np.array([row.earlier for row in rows])
    scatter = (earlier - earlier.mean(axis=1, keepdims=True)) / u[:, None]
    shared = _shared(rows, u)
    scores = shared.T @ scatter
    rest = scatter - shared @ scores
    wide, freedom = _student(count), (count - 1) * max(1 - shared.shape[1] / len(rows), 1 / len(rows))
    own = np.maximum(wide * (rest**2).sum(axis=1) / freedom, 1.0)
    total = np.diag(own)
    if shared.shape[1]:
        sample = scores @ scores.T / (count - 1)
        extra = wide * (sample + np.diag(np.diag(sample))) / 2 - shared.T @ total @ shared
        values, vectors = np.linalg.eigh((extra + extra.T) / 2)
        total = total + shared @ (vectors * np.maximum(values, 0.0)) @ vectors.T @ shared.T
    both = np.sqrt([2.0 if row.since_accepted else 1 + 1 / count for row in rows])
    return np.asarray(total * np.outer(u * both, u * both))


def _shared(rows: Sequence[Change], u: Array) -> Array:
    """An orthonormal basis (rows, modes) of what usual ways do to these rows, in units of u."""
    columns = [np.array([way.column(row.key, row.at, row.beside) for row in rows]) / u[:, None] for way in WAYS if way.usual]
    left, sizes, _ = np.linalg.svd(np.hstack(columns), full_matrices=False)
    return np.asarray(left[:, sizes > 1e-9 * max(sizes.max(), 1.0)])


def _student(count: int) -> float:
    """By how much a variance of so few values is widened, so that a normal 99 % range of it is right."""
    from scipy import special

    return float((special.stdtrit(count - 1, 0.995) / special.ndtri(0.995)) ** 2)
