"""Names of persons, as they are typed: which may be one person's, and which name several. Where it is not certain, they may be one's."""

from __future__ import annotations

import re
import unicodedata

# Between persons; a comma can be inside a name too.
_SEVERAL = re.compile(r"[;/&+|\n]|\s[-\u2013\u2014]\s|\b(?:and|und|et|och|og|with|mit)\b")
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "þ": "th", "æ": "ae", "œ": "oe", "ŋ": "n", "ŧ": "t"})
_UMLAUT = re.compile(r"(?<=[aou])e(?=[^\Waeiou])")  # Mueller is Müller, Joe is not Jo
_JOINED = str.maketrans("", "", "'\u2019\u02bc`\u00b4")  # O'Brien is one word, Ann-Marie two
_DOTTED = re.compile(r"\bph\.? ?d\b|\bm\.d\b|\b[mbd]\.? ?sc\b")
_DEGREES = ("dr", "prof", "professor", "mr", "mrs", "ms", "miss", "herr", "frau", "mme", "phd", "md", "msc", "bsc", "dsc", "dipl", "ing")
_ROLES = ("physicist", "therapist", "dosimetrist", "radiographer", "engineer", "rtt", "mpe", "qmp", "cqmp")
_TITLES = frozenset((*_DEGREES, *_ROLES))


def same_person(performers: str, who: str) -> bool:
    """Whether the name may be that of a performer, or of one of several in the line.

    It may where all its words are among theirs or the other way round. Case, blanks, accents, signs, titles and the order of words do not
    count, and an initial may be any word that begins with it.
    """
    own, line = words(who), words(performers)
    pieces = (words(piece) for piece in re.split(r"[,;]", performers))
    named = [name for name in (line, *_persons(performers), *pieces) if name]
    if not own or not named:
        return False
    return _within(own, line) or any(_within(name, own) for name in (line, *_persons(performers))) or "".join(own) in map("".join, named)


def several(who: str) -> bool:
    """Whether a name is that of more than one person."""
    return len(_persons(who)) > 1


def key(name: str) -> str:
    """What two spellings of one name share: its words in order of the alphabet."""
    return " ".join(sorted(words(name)))


def words(name: str) -> tuple[str, ...]:
    """The words of a name, folded and without titles; where there is nothing but titles, those. Empty for nobody's."""
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    bare = "".join(character for character in bare if not unicodedata.combining(character)).translate(_PLAIN).translate(_JOINED)
    bare = _UMLAUT.sub("", bare)
    found = [word for word in re.split(r"[\W_]+", _DOTTED.sub(lambda title: re.sub(r"\W", "", title[0]), bare)) if word]
    return tuple([word for word in found if word not in _TITLES] or found)


def _persons(line: str) -> list[tuple[str, ...]]:
    """The persons in a line, each in words: after a comma another one begins, but in "Surname, Given" none does."""
    found = []
    for part in _SEVERAL.split(line.casefold()):
        pieces = [piece for piece in map(_named, part.split(",")) if piece]
        apart = len(pieces) > 2 or (len(pieces) == 2 and all(len(piece) > 1 for piece in pieces))
        found += pieces if apart else [sum(pieces, ())]
    return [person for person in found if person]


def _named(piece: str) -> tuple[str, ...]:
    """The words of a piece; none where it is a title."""
    own = words(piece)
    return () if set(own) <= _TITLES else own


def _within(few: tuple[str, ...], many: tuple[str, ...]) -> bool:
    return bool(few) and all(any(_alike(one, other) for other in many) for one in few)


def _alike(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) == 1 and one[0] == other[0])
