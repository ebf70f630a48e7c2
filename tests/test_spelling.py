"""A wrong name comes back with the right one."""

import pytest

from qa.spelling import folded, nearest


@pytest.mark.parametrize(
    ("name", "known", "most", "alike", "words"),
    [
        ("linac1", ["Linac 1", "TB2"], None, 1, "; did you mean 'Linac 1'?"),
        ("linac", ["Linac 12", "Linac 1", "TB2"], None, 3, "; did you mean 'Linac 1' or 'Linac 12'?"),
        ("zzz", ["a", "b", "c"], None, 1, "; known: a, b, c"),
        ("zzz", ["a", "b", "c"], 2, 1, "; known: a, b and 1 more"),
        ("zzz", ["a", "a"], 2, 1, "; known: a"),
        ("", ["a"], None, 1, "; known: a"),
        ("a", [], None, 1, ""),
    ],
)
def test_the_nearest_name_else_all(name: str, known: list[str], most: int | None, alike: int, words: str) -> None:
    assert nearest(name, known, most, alike) == words


def test_case_commas_and_spaces_do_not_count() -> None:
    assert folded(" Ann,  LEE ") == folded("ann lee")
    assert folded("annlee") != folded("ann lee")
