"""Planar phantoms at random pose, dose and field, and what is none: drawn on flat panels, then named by the suite."""

from __future__ import annotations

import numpy as np

from phantoms.models import planar_models
from phantoms.planar_random import NONE, random_none, random_planar
from qa import planar_quality_look, rehearsal
from qa.acquisition import Image
from qa.planar_quality_look import Seen

PLANAR_NONE = NONE


def planar_case(name: str, rng: np.random.Generator) -> tuple[str, str]:
    """(what it is, what the suite says): a model's key, "none", or why it is not sure."""
    if name in PLANAR_NONE:
        frame = random_none(rng, name, str(rng.choice(["MV", "kV"])))
    else:
        frame = random_planar(rng, next(model for model in planar_models() if model.key == name))
    (image,) = rehearsal.planar([frame]).images
    return "none" if name in PLANAR_NONE else name, planar_answer(image)


def planar_answer(image: Image) -> str:
    """The model's key, "none" where it says that it is none that is known, else its reason."""
    seen = planar_quality_look.look(image)
    if isinstance(seen, Seen):
        return seen.model.key
    none = "none of" in seen.reason or "no phantom's outline" in seen.reason
    return "none" if none else seen.reason
