"""Whether an image is as the panel gave it: values in proportion to radiation, and its finest noise not filtered away.

Physics: docs/physics/planar_quality.md, section 6. Works on the even squares whether or not their noise can be stated as a number.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qa.planar_quality_look import Seen, not_linear
from qa.planar_quality_noise import spectrum
from qa.reading import AnalysisError

Box = tuple[int, int, int, int]

LOW, HIGH = (0.1, 0.3), (0.8, 1.0)  # shares of the Nyquist frequency whose power is held against each other
SMOOTH = 0.06  # the least share of the low frequencies' power that is left at the high ones: raw real images have 0.14 to 0.49
EXPORT = "export the image as the panel gave it, without filter or enlargement"


def doubt(seen: Seen, boxes: Mapping[str, Box | None]) -> str:
    """Why no number of an image may pass, by its header and its even squares (None: there is none); empty when nothing is against it."""
    if relation := not_linear(seen.image):
        return relation
    known: dict[str, float] = {}
    why = ["none was found"]
    for name, box in boxes.items():
        try:
            known |= {name: finest(seen, box)} if box is not None else {}
        except AnalysisError as error:
            why.append(f"{name}: {error}")
    if not known:
        return f"no even square shows noise, by which it could be told that the image was not smoothed ({'; '.join(why[-2:])}); {EXPORT}"
    least = min(known, key=lambda name: known[name])
    if known[least] >= SMOOTH:
        return ""
    return f"the noise of the {least} has only {100 * known[least]:.1f} % of its power left at the finest detail: smoothed; {EXPORT}"


def finest(seen: Seen, box: Box) -> float:
    """The noise power near the Nyquist frequency over that at low frequencies. AnalysisError where there is no noise at all."""
    r0, r1, c0, c1 = box
    nps = spectrum(seen.pixels[r0:r1, c0:c1].astype(np.float64), seen.pitch_mm)
    share = nps.frequency_per_mm / nps.frequency_per_mm[-1]
    low, high = (float(nps.curve[(share >= first) & (share <= last)].mean()) for first, last in (LOW, HIGH))
    return high / low
