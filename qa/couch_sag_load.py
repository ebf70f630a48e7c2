"""With what on the couch an image or a volume was taken, as far as its words say: docs/physics/couch_sag.md, section 2."""

from __future__ import annotations

from dataclasses import dataclass

from qa import labels
from qa.acquisition import Image, Volume

WORDS = {"": "load not said", "loaded": "loaded", "unloaded": "unloaded"}


@dataclass(frozen=True)
class Said:
    """``load`` is "loaded", "unloaded" or "" (not said); ``kilograms`` the weight where there is one only; ``wrong`` a contradiction."""

    load: str
    kilograms: frozenset[float] = frozenset()
    wrong: str = ""


def said(item: Image | Volume) -> Said:
    """By series description, RT image label, name and description, file and folders. A place that says both says nothing."""
    places = {keyword: item.tags.get(keyword, "") for keyword in labels.WORDS}
    names = [item.name] if isinstance(item, Image) else [item.name, *(part.name for part in item.slices)]
    folders = dict.fromkeys(part for name in names for part in name.split("/"))
    places |= {f"the name {part!r}": part for part in folders}
    found = {place: load for place, text in places.items() if (load := labels.load(text)) in ("loaded", "unloaded")}
    loads = dict(zip(found.values(), found.keys(), strict=True))
    if len(loads) > 1:
        told = " and ".join(f"{load} by {place}" for load, place in sorted(loads.items()))
        return Said("", wrong=f"its words contradict each other, {told}: correct one of them")
    load = next(iter(loads), "")
    weights = frozenset(kg for text in places.values() for kg in labels.kilograms(text)) if load == "loaded" else frozenset()
    return Said(load, weights)
