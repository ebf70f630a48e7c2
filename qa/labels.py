"""Angles, distances and loads that people and vendors write in words: file names, series and image descriptions.

Two styles are read: words ("gantry90_coll0_couch270", "Gantry: 180.0") and the letters G, C and T or P together ("G90 C0 T0").
A sign counts only after ":" or "=", because "gantry-90" may mean either 90 or 270.
"""

from __future__ import annotations

import re

WORDS = ("RTImageLabel", "RTImageName", "RTImageDescription", "SeriesDescription")  # where words of one image or series stand
NUMBER = r"(?:(?<=[:=])\s*(?P<{0}_sign>-)?|[\s_:=]*)(?P<{0}>\d+(?:\.\d+)?)(?![\d]|\.\d)"
WORD = r"(?<![a-z])(?:{0})(?:[\s_]*(?:rotation|angle))?[\s_]*[:=]?"

PATTERNS = {
    "gantry": re.compile(WORD.format("gantry|gan") + NUMBER.format("gantry"), re.IGNORECASE),
    "collimator": re.compile(WORD.format("collimator|coll|col") + NUMBER.format("collimator"), re.IGNORECASE),
    "couch": re.compile(WORD.format("couch|table|psa") + NUMBER.format("couch"), re.IGNORECASE),
    "sid": re.compile(WORD.format("sid") + NUMBER.format("sid"), re.IGNORECASE),
    "sad": re.compile(WORD.format("sad") + NUMBER.format("sad"), re.IGNORECASE),
}
LETTERS = re.compile(
    r"(?<![a-z0-9])G[\s_]*(?P<gantry>\d+(?:\.\d+)?)[\s_,;/-]*C[\s_]*(?P<collimator>\d+(?:\.\d+)?)"
    r"[\s_,;/-]*[TP][\s_]*(?P<couch>\d+(?:\.\d+)?)(?![\d]|\.\d)",
    re.IGNORECASE,
)
ENERGY = re.compile(r"(?P<nominal>\d+(?:\.\d+)?)\s*x?\s*(?P<fff>FFF)?\s*\[?(?P<unit>[MK]V)(?![a-z])\]?(?P<after>\s*FFF)?", re.IGNORECASE)
NOTHING = r"(?:non?|not|none|never|nothing|without|w[\s_]*/[\s_]*o|wo|zero|nil|minus|ohne)"
BETWEEN = r"(?:any|an?|the|yet|patient|couch|added|extra|additional|(?:\d+(?:\.\d+)?[\s_]*)?kg)"  # what may stand in "no patient load"
AFTER = r"(?:none|nil|no(?![a-z.\s_]*\d)|0+(?![\d.])|removed|taken[\s_]*off|off|free)"  # "load removed"
EMPTY = re.compile(
    rf"(?<![a-z])(?:un|{NOTHING}(?:[\s_-]+{BETWEEN})*)[\s_-]*load(?:ed|ing)?(?![a-z])"
    rf"|(?<![a-z])load[\s_:=-]*{AFTER}(?![a-z])|(?<![a-z])loadless(?![a-z])|(?<![\d.])0+(?:\.0*)?\s*_?kg(?![a-z])",
    re.IGNORECASE,
)
LOAD = re.compile(r"(?<![a-z])load(?:ed)?(?![a-z])", re.IGNORECASE)
DOUBT = re.compile(rf"(?<![a-z])(?:{NOTHING}|free|less|off|empty|remov\w*|before|after|until|pre|post|later)(?![a-z])", re.IGNORECASE)
KILOGRAMS = re.compile(r"(?<![\d.])(?P<kg>\d+(?:\.\d+)?)[\s_]*kg(?![a-z])", re.IGNORECASE)
FILTERLESS = re.compile(r"(?<![a-z0-9.])(?P<nominal>\d+(?:\.\d+)?)\s*X[\s_-]*FFF(?![a-z0-9])", re.IGNORECASE)
KIND = re.compile(r"(?<![a-z])(?P<kind>[mk]v)(?![a-z])", re.IGNORECASE)


def numbers(text: str) -> dict[str, float]:
    """What the text states of gantry, collimator, couch (degrees), sid and sad (mm); only what it states, once.

    A word that comes twice with different numbers is left out: which one holds is not known.
    """
    stated: dict[str, set[float]] = {}
    for letters in LETTERS.finditer(text):
        for key, value in letters.groupdict().items():
            stated.setdefault(key, set()).add(float(value))
    for key, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            sign = -1.0 if match[f"{key}_sign"] else 1.0
            stated.setdefault(key, set()).add(sign * float(match[key]))
    return {key: values.pop() for key, values in stated.items() if len(values) == 1}


def energy(text: str) -> str:
    """The beam quality, "10xFFF [MV]", "100 [kV]" or plainly "6 MV", in plain words: "10 MV FFF", "100 kV", "6 MV"; "" when not there."""
    match = ENERGY.search(text)
    if not match:
        bare = FILTERLESS.search(text)  # "10X-FFF": only treatment beams go without a filter
        return f"{float(bare['nominal']):g} MV FFF" if bare else ""
    unit = {"mv": "MV", "kv": "kV"}[match["unit"].lower()]
    return f"{float(match['nominal']):g} {unit}{' FFF' if match['fff'] or match['after'] else ''}"


def kind(text: str) -> str:
    """ "MV" or "kV" when the text has exactly one of the two as a word, else ""."""
    kinds = {match["kind"].lower() for match in KIND.finditer(text)}
    return {"mv": "MV", "kv": "kV"}[kinds.pop()] if len(kinds) == 1 else ""


def load(text: str) -> str:
    """ "loaded" or "unloaded" when the text says one of them, "" when it says neither, "both" when it is not known which is meant.

    That is a text that says both, and one with a word for a load beside one that may take it away: "before load", "empty, then load".
    """
    rest = EMPTY.sub(" ", text)
    empty, loaded = rest != text, LOAD.search(rest) is not None
    if loaded and (empty or DOUBT.search(rest)):
        return "both"
    return "unloaded" if empty else "loaded" if loaded else ""


def kilograms(text: str) -> set[float]:
    """All weights that the text states, kg."""
    return {float(match["kg"]) for match in KILOGRAMS.finditer(text)}
