"""What was never drawn is told, and noting it changes nothing that is drawn."""

import numpy as np
from kinds_drawn import FEW, Kinds, Noted


def drawn(rng):
    """A word, a number, a yes or no; and what is no kind: one of many, several at a time, a share of its own."""
    word, number, yes = rng.choice(["round", "square"], p=[0.7, 0.3]), rng.integers(3), rng.random() < 0.4
    return str(word), int(number), bool(yes), int(rng.integers(2**31)), rng.choice([-1, 1], 3).tolist(), float(rng.random()), rng.normal()


def test_the_same_is_drawn_as_without_notes():
    for k in range(50):
        assert drawn(Noted([5, k], Kinds())) == drawn(np.random.default_rng([5, k]))


def test_what_was_never_drawn_is_told():
    kinds, got = Kinds(), []
    for k in range(40):
        got.append(drawn(Noted([5, k], kinds)))
    words, numbers, answers = ({one[part] for one in got} for part in range(3))
    assert (words, numbers, answers) == ({"round", "square"}, {0, 1, 2}, {True, False})
    assert sorted(len(possible) for possible in kinds.possible.values()) == [2, 2, 3, FEW + 1]
    assert kinds.never == {}
    one = Kinds()
    word, number, yes, *_ = drawn(Noted([5, 0], one))
    assert sorted(map(str, one.never.values())) == sorted(map(str, [{"round", "square"} - {word}, {0, 1, 2} - {number}, {not yes}]))
