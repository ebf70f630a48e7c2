"""What a couch record shows: every move against its readouts, then the scans."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa import ball_scans
from qa.ball_moves import AXES, Move, Scanned
from qa.evidence import Evidence, Table


def show(scans: Sequence[Scanned], found: Sequence[tuple[Scanned, Move | str]]) -> tuple[Evidence, ...]:
    """Moves, then the scans."""
    moves = [move for _, move in found if not isinstance(move, str)]
    tables = [_moves(moves)] if moves else []
    return (*tables, *ball_scans.show(scans))


def _moves(moves: Sequence[Move]) -> Table:
    rows = []
    for move in moves:
        for k, axis in enumerate(AXES):
            said, left = move.commanded.values[k], move.errors[k]
            u = float(np.sqrt(sum(part[k] ** 2 for part in move.parts.values())))
            u_left = float(np.sqrt(move.covariance[k, k]))
            rows.append(
                (
                    move.scan.name,
                    f"{axis} / {'mm' if k < 3 else 'deg'}",
                    f"{move.values[k]:+.3f} ± {2 * u:.3f}",
                    "not known" if isinstance(said, str) else f"{said:+.3f}",
                    "not known" if isinstance(left, str) else f"{left:+.3f} ± {2 * u_left:.3f}",
                    f"{move.second[k]:+.3f}",
                )
            )
    note = (
        "From CBCT 1, at its isocentre; ± U = 2u. The last column comes from the second algorithm, without the certificate: it sees a "
        "ball to about 0.05 mm, and so tells gross errors only; beyond 0.14 mm at a ball nothing would be measured."
    )
    return Table(
        "What the couch did, and what it says",
        ("to", "axis", "measured", "read out", "measured - read out", "second way"),
        tuple(rows),
        note,
    )
