"""The couch's turns: circles by hand, simulated couches, bad input."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from phantoms.aperture import Rectangle
from phantoms.linac import BallSetup, Linac, Shot, expose
from phantoms.panel import Panel
from qa import procedure, rehearsal
from qa.acquisition import Acquisition, Image
from qa.couch_rotation_path import circle, path
from qa.frames import angle_difference
from qa.reading import Measured, NotMeasured, Reading

TEST = procedure.load("couch_rotation")


def test_a_circle_by_hand():
    angle = np.radians([0.0, 50.0, 130.0, 271.0])
    centre, radius = circle(np.array([3.0, -2.0]) + 25.0 * np.column_stack([np.cos(angle), np.sin(angle)]))
    assert centre == pytest.approx([3.0, -2.0], abs=1e-9)
    assert radius == pytest.approx(25.0)


@cache
def drawn() -> procedure.Rehearsal:
    return TEST.rehearse(np.random.default_rng(1))


def analysed(acquisition: Acquisition) -> dict[str, list[Reading]]:
    assert TEST.accepts(acquisition) == ""
    found: dict[str, list[Reading]] = {}
    for reading in TEST.analyse(acquisition).readings:
        found.setdefault(reading.quantity.key, []).append(reading)
    return found


def changed(change: Callable[[Image], Image]) -> Acquisition:
    given = drawn().acquisition
    return replace(given, images=tuple(change(image) for image in given.images))


@pytest.mark.parametrize("gantry", [0.0, 180.0])
def test_a_couch_of_known_axis_is_found_from_above_and_below(gantry: float):
    """The phantoms' own couch: an axis at (0.4, -0.3), every angle as read out, the first at 359.79."""
    linac = Linac(panel=Panel("crop", 120, 142, (0.56, 0.5)), couch_axis_mm=(0.4, -0.3), noise_sigma=0.002)
    linac = replace(linac, aperture=Rectangle(34.0, 33.0))
    angles = (359.79, 60.0, 90.0, 300.0, 270.0)
    shots = [Shot(gantry_deg=gantry, couch_deg=angle) for angle in angles]
    found = analysed(rehearsal.acquisition(expose(linac, BallSetup((6.0, 7.0, 0.0), 6.0, 0.12), shots, np.random.default_rng(2))))
    for key, truth in (("couch_turn_axis_x", 0.4), ("couch_turn_axis_y", -0.3), ("couch_turn_axis_offset", 0.5), ("couch_turn_scale", 1.0)):
        (reading,) = found[key]
        assert isinstance(reading, Measured)
        assert abs(reading.value - truth) < 3 * reading.u
        assert reading.u < 0.03
    assert len(found["couch_turn_error"]) == 4
    assert all(abs(r.value) < 3 * r.u for r in found["couch_turn_error"])


def test_what_noise_does_is_what_the_rows_say():
    """Derivatives of centre, turns and radius against a small move of one place; what bends is 0.15 mm of 9, so a few per cent."""
    whole = path(drawn().acquisition.images)
    step = np.zeros_like(whole.places_mm)
    step[2] = (1e-4, -2e-4)
    centre, arm = circle(whole.places_mm + step)
    assert centre - whole.centre_mm == pytest.approx(whole.centre_row @ step.ravel(), rel=0.05, abs=2e-7)
    assert arm - whole.arm_mm == pytest.approx(whole.arm_row @ step.ravel(), rel=0.05, abs=2e-7)
    out = whole.places_mm + step - centre
    angle = np.arctan2(out[:, 1], out[:, 0])
    before = np.radians(whole.turn_deg)
    moved = np.array([np.radians(angle_difference(np.degrees(a - angle[0]), np.degrees(b))) for a, b in zip(angle, before, strict=True)])
    assert moved == pytest.approx(whole.turn_row @ step.ravel(), rel=0.05, abs=2e-7)


def test_the_vendors_scale_and_a_couch_that_stood_still_never_pass():
    found = analysed(changed(lambda image: replace(image, couch_deg=360.0 - image.couch_deg)))
    assert "other way" in found["couch_turn_error_max"][0].missing
    assert found["couch_turn_error_max"][0].value > 90
    images = drawn().acquisition.images
    still = [replace(images[0], couch_deg=image.couch_deg, sop_instance_uid=f"2.25.{k}") for k, image in enumerate(images)]
    found = analysed(replace(drawn().acquisition, images=tuple(still)))
    assert all(isinstance(r, NotMeasured) for r in found["couch_turn_error_max"])


def test_swapped_images_never_pass():
    first, second, *rest = drawn().acquisition.images
    swapped = (replace(first, couch_deg=second.couch_deg), replace(second, couch_deg=first.couch_deg), *rest)
    found = analysed(replace(drawn().acquisition, images=swapped))
    assert "swapped" in found["couch_turn_error_max"][0].missing


def test_a_ball_on_the_axis_says_nothing_of_angles():
    linac = Linac(panel=Panel("crop", 96, 112, (0.56, 0.5)), noise_sigma=0.002)
    shots = [Shot(couch_deg=angle) for angle in (0.0, 60.0, 90.0, 270.0)]
    found = analysed(rehearsal.acquisition(expose(linac, BallSetup((0.5, 0.3, 0.0), 6.0), shots, np.random.default_rng(2))))
    assert all(isinstance(r, NotMeasured) and "20 mm off" in r.reason for rs in found.values() for r in rs)


def test_too_few_angles_are_refused():
    few = replace(drawn().acquisition, images=drawn().acquisition.images[:3])
    assert "four couch angles" in TEST.accepts(few)
    assert "one couch place" in TEST.accepts(replace(drawn().acquisition, day=True))
