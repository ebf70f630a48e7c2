"""What every use of pylinac as a second engine shares: its silence, its refusals in words, and what its centres are worth."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

BALL_U_MM = 0.03  # twice what its ball scatters against ours in 17 real images (0.015 mm rms); pylinac states no uncertainty
FIELD_PART = 0.25  # of a pixel: both edges of its mask of whole pixels may be half a pixel off the same way, and 2u covers that


def gave_up(error: Exception) -> str:
    """What pylinac said when it stopped, its first sentence."""
    text = " ".join(str(error).split())
    return f"pylinac gave up: {text.split('. ')[0] or type(error).__name__}"


@contextmanager
def silence() -> Iterator[None]:
    """pylinac's warnings are about its own libraries and never reach a user; drawing libraries do not look for a screen."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
