"""Least squares over a few columns of interest beside many that stay the same."""

from __future__ import annotations

import numpy as np

from qa.features.position import Array


def bordered(design: Array, field: Array, field_normal: Array, field_data: Array, data: Array) -> tuple[Array, Array]:
    """Least squares over the columns of ``design`` and ``field``: solution and inverse normal matrix, the field's own part given.

    A vanishing ridge settles the constant that both field profiles share.
    """
    count = design.shape[1]
    normal = np.empty((count + len(field_normal),) * 2)
    normal[:count, :count] = design.T @ design
    normal[:count, count:] = cross = design.T @ field
    normal[count:, :count] = cross.T
    normal[count:, count:] = field_normal
    normal.flat[:: len(normal) + 1] += 1e-9 * normal.trace() / len(normal)
    inverse = np.linalg.inv(normal)
    return inverse @ np.concatenate([design.T @ data, field_data]), inverse
