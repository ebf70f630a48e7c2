"""What tests share: answers of the finders by what is in their arguments, which nobody can change afterwards."""

from dataclasses import dataclass
from importlib import import_module

import found_once
import numpy as np
import pytest

from qa.reading import AnalysisError


@dataclass(frozen=True)
class Answer:
    mean: float
    places: np.ndarray


def finder(asked):
    """A function that counts how often it is asked, and refuses an empty image."""

    def find(pixels, pitch_mm, *, sign=1):
        asked.append(sign)
        if not pixels.any():
            raise AnalysisError("nothing shows")
        return Answer(sign * float(pixels.mean()), pixels.copy()), [1, 2]

    return find


def test_the_same_content_is_asked_for_once_and_any_other_again():
    asked = []
    once = found_once.once(finder(asked))
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    first, second = once(image, (1.0, 1.0)), once(image.copy(), (1.0, 1.0))
    assert first == second
    assert len(asked) == 1
    other = image.copy()
    other[1, 2] = np.nextafter(other[1, 2], np.float32(9))  # one bit
    changed = [
        once(other, (1.0, 1.0)),
        once(image.reshape(3, 2), (1.0, 1.0)),
        once(image.astype(np.float64), (1.0, 1.0)),
        once(image, (1.0, 1.1)),
        once(image, (1.0, 1.0), sign=-1),
    ]
    assert len(asked) == 6
    assert changed[-1][0].mean == -first[0].mean


def test_a_refusal_is_remembered_as_one():
    asked = []
    once = found_once.once(finder(asked))
    for _ in range(2):
        with pytest.raises(AnalysisError, match="nothing shows"):
            once(np.zeros((2, 2)), (1.0, 1.0))
    assert len(asked) == 1


def test_what_one_test_was_given_no_other_can_have_changed():
    once = found_once.once(finder([]))
    answer, numbers = once(np.ones((2, 2)), (1.0, 1.0))
    with pytest.raises(ValueError, match="read-only"):
        answer.places[0, 0] = 5.0
    numbers.append(3)
    assert once(np.ones((2, 2)), (1.0, 1.0))[1] == [1, 2]


def test_the_finders_are_shared_while_it_lasts_and_themselves_afterwards():
    where = [(import_module(module), name) for module, name in found_once.FINDERS]
    before = [getattr(module, name) for module, name in where]
    with pytest.MonkeyPatch.context() as patch:
        found_once.shared(patch)
        assert all(getattr(module, name).__wrapped__ is own for (module, name), own in zip(where, before, strict=True))
    assert [getattr(module, name) for module, name in where] == before
