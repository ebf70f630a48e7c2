"""What a person calls a phantom, held against the models that are known: which one it names, and whether it is a misspelt name of one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

from qa.reading import QaError, Reading

KINDS = ("ct", "planar")
ALIKE = 0.82  # by difflib's ratio of what is written without signs: "catpan604" is 0.95 like "catphan604", and "mc" 0.8 like "mc2"
LONGEST = 4  # words that are looked at together


def models(words: str) -> frozenset[str]:
    """The keys of the models that these words name, of any kind; none for a ball, a serial number, a word of one's own."""
    from phantoms.models import all_named

    return frozenset(found.key for kind in KINDS for found in all_named(words, kind))


def same(words: str, name: str, serial: str) -> bool:
    """Whether the words are another spelling of the model of that name, "CTP604" of "CatPhan 604", alone or with the serial number."""
    from phantoms.models import all_named

    spellings = {tuple(_words(one)) for kind in KINDS for model in all_named(name, kind) for one in (model.name, *model.aliases)}
    own = tuple(_words(serial))
    return tuple(_words(words)) in {(*one, *more) for one in spellings for more in ((), own, ("serial", *own))}


def check(words: str) -> None:
    """Nothing where the words name a model, or are like the name of none; QaError, with the right ones, for a misspelt name."""
    if not words.strip() or models(words):
        return
    if near := _nearest(words):
        raise QaError(
            f"the phantom {words.strip()!r} is none that is known; did you mean {' or '.join(map(repr, near))}? For a phantom of "
            "your own, say its serial number alone"
        )


def _nearest(words: str) -> list[str]:
    """The names of models that part of the words is most like without being the beginning of it, the most alike first; at most three."""
    from phantoms.models import models as known_models

    known = {name: model.name for kind in KINDS for model in known_models(kind) for name in (model.name, *model.aliases)}
    ratios: dict[str, float] = {}
    for part in _parts(_words(words)):
        for name, model in known.items():
            whole = _words(name)
            if whole[: len(part)] != part:
                ratio = difflib.SequenceMatcher(None, "".join(part), "".join(whole)).ratio()
                ratios[model] = max(ratio, ratios.get(model, 0.0))
    best = max(ratios.values(), default=0.0)
    return sorted(model for model, ratio in ratios.items() if ratio == best and ratio >= ALIKE)[:3]


def _parts(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """All that stands together in the words, up to so many of them."""
    for start in range(len(words)):
        for count in range(1, LONGEST + 1):
            if start + count <= len(words):
                yield words[start : start + count]


def _words(text: str) -> list[str]:
    """Runs of letters and of digits: "CatPhan604" and "CatPhan 604" are the same."""
    return re.findall(r"[^\W\d_]+|\d+", text.lower())


def shown(readings: Iterable[Reading]) -> list[str]:
    """The models of phantoms that readings say they are of."""
    return sorted({str(one.at["setting"]).partition(" | ")[0] for one in readings if "setting" in one.at})
