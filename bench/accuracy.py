"""python -m bench.accuracy [--quick] [--seed N] [--only PART ...]: errors, ours and a peer's, on the same files in the same run.

Goals are in the tables; everything drawn comes from the seed. Real images (couch moves, a day's chain) are read from the folder that
IGRTQA_REAL_DATA names.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: both programs work on small matrices

import argparse
import importlib.metadata
import time
from collections.abc import Sequence

from bench import campaign, cbct_ball, couch, imaging, kv_ball, multi, registration, shift, single, sixdof, size, uncertainty
from bench.table import MISSED, Row, show


def _multi(quick: bool, seed: int) -> list[Row]:
    """Single targets off the axis, then what is read from whole sets."""
    return [*multi.one_target_rows(quick, seed), *multi.set_rows(quick, seed)]


PARTS = {
    "single": ("Rows 1-3: one clean image (mm)", single.rows),
    "uncertainty": ("Row 4: what the stated uncertainty is worth", uncertainty.rows),
    "shift": ("Row 5: ball to treatment isocentre (mm)", shift.rows),
    "couch": ("Row 6: couch moves, found minus read out (mm)", couch.rows),
    "size": ("Row 7: isocentre size (mm)", size.rows),
    "campaign": ("Row 8: images with something wrong, rms / max error (mm)", campaign.rows),
    "kv_ball": ("Row 9: the ball in open kV images, rms / max error (mm)", kv_ball.rows),
    "cbct_ball": ("Row 10: the ball in a CBCT volume, rms / max error (mm); the peer is a centre of mass", cbct_ball.rows),
    "imaging": ("Row 11: imaging minus treatment isocentre; the peer is a centre of mass of the ball", imaging.rows),
    "multi": ("Row 12: targets 70 mm off the axis, ball minus field, rms / max (mm); what all targets share, rms", _multi),
    "sixdof": ("Row 13: pose and motion of a five-ball cube in a CBCT; the peer is a centre of mass of each ball", sixdof.rows),
    "registration": (f"Row 14: {registration.TITLE}", registration.rows),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description="Accuracy side by side with pylinac.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the images: a look, not a judgement")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (default 1)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=f"any of {', '.join(PARTS)}")
    asked = parser.parse_args(arguments)
    print(f"# Accuracy beside pylinac {importlib.metadata.version('pylinac')}, seed {asked.seed}{', quick' if asked.quick else ''}")
    print("\nErrors are distances on the isocentre plane unless a row says otherwise; refused images are counted and not in the errors.")
    found: list[Row] = []
    for name in asked.only:
        title, rows = PARTS[name]
        start = time.perf_counter()
        part = rows(asked.quick, asked.seed)
        show(f"{title}, {time.perf_counter() - start:.0f} s", part, registration.PEER if name == "registration" else "pylinac")
        found += part
    missed = [row.what for row in found if MISSED in row.verdict]
    print(f"\n{len(found)} rows, {len(missed)} missed" + "".join(f"\n* missed: {what}" for what in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
