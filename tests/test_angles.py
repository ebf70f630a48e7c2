"""Which images differ in one axis only, whatever the readouts look like, and what is missing, in words."""

from functools import partial

import numpy as np
import pytest

from qa.acquisition import Image
from qa.angles import angle, distinct, largest_gap, same, shortage, turned


def image(gantry: float = 0.0, collimator: float = 0.0, couch: float = 0.0) -> Image:
    return Image(
        name=f"G{gantry}C{collimator}T{couch}", sop_instance_uid="1", sha256="0", shape=(2, 3), load=partial(np.zeros, (2, 3), np.float32),
        spacing_mm=(0.4, 0.3), sid_mm=1500.0, sad_mm=1000.0, gantry_deg=gantry, collimator_deg=collimator, couch_deg=couch, radiation="MV",
        machine="M", acquired=None,
    )  # fmt: skip


def test_readouts_are_never_round_and_still_the_same_angle():
    assert same(359.99, 0.0)
    assert same(359.9999995, 0.0)
    assert same(359.79, 0.0)
    assert same(0.0, 359.79)
    assert same(-0.3, 0.0)
    assert not same(0.0, 15.0)
    assert not same(0.0, 180.0)
    assert not same(358.0, 0.0)


def test_one_of_each_angle_is_kept_in_order():
    assert distinct([90.0, 359.99, 0.0, 90.2, 180.0]) == pytest.approx((90.0, 180.0, 359.99))
    assert distinct([]) == ()


@pytest.mark.parametrize(
    ("angles", "gap", "middle"),
    [
        ([0.0, 90.0, 180.0, 270.0], 90.0, None),
        ([0.0, 90.0, 180.0], 180.0, 270.0),
        ([0.0, 90.0], 270.0, 225.0),
        ([300.0, 0.0, 60.0], 240.0, 180.0),
        ([10.0, 350.0], 340.0, 180.0),
        ([45.0], 360.0, 225.0),
        ([359.99, 0.01, 90.0, 180.0, 270.0], 90.0, None),
    ],
)
def test_the_largest_unseen_arc(angles, gap, middle):
    found, where = largest_gap(angles)
    assert found == pytest.approx(gap, abs=0.05)
    assert middle is None or where == pytest.approx(middle, abs=0.05)


def test_the_gantry_set_of_a_test_taken_at_collimator_90_and_couch_readout_359_79():
    images = [image(g, 90.0, 359.79) for g in (0.0, 90.01, 180.0, 269.98)] + [image(0.0, 0.0, 359.79), image(0.0, 90.0, 45.0)]
    found = turned(images, "gantry")
    assert found.indices == (0, 1, 2, 3)
    assert found.others_deg == pytest.approx((90.0, 359.8), abs=0.11)


def test_readouts_on_both_sides_of_zero_are_one_set():
    images = [image(0.0, 0.0, 359.79), image(90.0, 359.99, 0.0), image(180.0, 0.01, 0.2), image(270.0, 359.9999995, 359.9)]
    assert turned(images, "gantry").indices == (0, 1, 2, 3)


def test_an_image_serves_every_set_it_fits():
    images = [image(g) for g in (0, 90, 180, 270)] + [image(0, c) for c in (90, 270)] + [image(0, 0, t) for t in (45, 315)]
    assert turned(images, "gantry").indices == (0, 1, 2, 3)
    assert turned(images, "collimator").indices == (0, 4, 5)
    assert turned(images, "couch").indices == (0, 6, 7)


def test_the_larger_set_wins_and_the_one_nearer_to_zero_when_equal():
    more_at_90 = [image(g, 0.0) for g in (0, 90)] + [image(g, 90.0) for g in (0, 90, 180)]
    assert turned(more_at_90, "gantry").others_deg == (90.0, 0.0)
    equal = [image(g, 90.0) for g in (0, 180)] + [image(g, 5.0) for g in (0, 180)]
    assert turned(equal, "gantry").others_deg == (5.0, 0.0)
    copies = [image(0, 0)] * 5 + [image(g, 90.0) for g in (0, 180)]
    assert turned(copies, "gantry").others_deg == (90.0, 0.0), "five images at one angle are less than two angles"


def test_no_images_are_an_empty_set():
    assert turned([], "couch").indices == ()


def test_the_readout_of_each_axis():
    one = image(1.0, 2.0, 3.0)
    assert [angle(one, name) for name in ("gantry", "collimator", "couch")] == [1.0, 2.0, 3.0]


def test_enough_angles_lack_nothing():
    assert shortage("gantry", [0.0, 90.0, 180.0, 270.0], 4, 120.0) == ""
    assert shortage("couch", [300.0, 359.79, 60.0], 3, 240.0) == ""


@pytest.mark.parametrize(
    ("angles", "fewest", "gap", "words"),
    [
        ([0.0, 90.0, 180.0], 4, 120.0, ("at least 4 gantry angles", "120 degrees", "measured: 0, 90, 180", "near gantry 270")),
        ([0.0, 30.0, 60.0, 90.0], 4, 120.0, ("no gap wider than 120", "measured: 0, 30, 60, 90", "near gantry 225")),
        ([], 4, 120.0, ("measured: none",)),
        ([0.0, 0.1, 359.99, 90.0, 180.0], 4, 120.0, ("at least 4", "near gantry 270")),
    ],
)
def test_what_is_missing_is_said_in_words_that_can_be_acted_on(angles, fewest, gap, words):
    said = shortage("gantry", angles, fewest, gap)
    assert all(word in said for word in words), said
