"""Calibration of CT numbers: stopping powers against tabulated ones, curves that never fall, and a drawn scan from file to curve."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from phantoms.models import materials
from qa import density_curve, hu_calibration_materials, procedure, stopping_power
from qa.acquisition import Calibration
from qa.cbct_quality_density import in_force
from qa.ct_inserts import Insert
from qa.density_curve import Knot, evaluate, knots
from qa.features.number import Number
from qa.hu_calibration_curve import curve, residuals
from qa.hu_calibration_materials import Plugged, plugged
from qa.procedure import Rehearsal
from qa.reading import AnalysisError, Measured, NotMeasured

HU = procedure.load("hu_calibration")
DATED = datetime(2026, 1, 5, tzinfo=UTC)


# Stopping power


@pytest.mark.parametrize(
    ("key", "tabulated_ev"), [("water", 75.0), ("acrylic", 74.0), ("teflon", 99.1), ("ldpe", 57.4), ("polystyrene", 68.7)]
)
def test_excitation_energies_are_those_tabulated(key: str, tabulated_ev: float) -> None:
    """ICRU 37/49 within what the additivity rule is said to be good for, twice its standard uncertainty."""
    found = stopping_power.excitation_ev(materials()[key].elements)
    assert found == pytest.approx(tabulated_ev, rel=2 * stopping_power.EXCITATION_U)


def test_stopping_power_of_water_is_one_and_falls_with_excitation_energy() -> None:
    water = materials()["water"].elements
    assert stopping_power.relative(1.0, water)[0] == pytest.approx(1.0, abs=1e-12)
    heavy, _ = stopping_power.relative(1.0, {"F": 1.0})
    light, _ = stopping_power.relative(1.0, {"H": 1.0})
    assert heavy < 1.0 < light


def test_stopping_power_by_hand() -> None:
    """Of acrylic: 1.147 (ln(2 m c^2 beta^2 gamma^2/74) - beta^2)/(the same of 75.3), by plain numbers at 100 MeV."""
    beta2 = 1 - 1 / (1 + 100 / 938.272) ** 2
    top = 2 * 510999 * beta2 / (1 - beta2)
    material = materials()["acrylic"]
    inner = [stopping_power.excitation_ev(m.elements) for m in (material, materials()["water"])]
    expected = 1.147 * (np.log(top / inner[0]) - beta2) / (np.log(top / inner[1]) - beta2)
    ratio, u = stopping_power.relative(1.147, material.elements)
    assert ratio == pytest.approx(expected, rel=1e-12)
    assert ratio == pytest.approx(1.16, abs=0.01)  # as tables of plastics for proton therapy have it
    assert u == pytest.approx(ratio * 0.05 / (np.log(top / inner[0]) - beta2))


def test_no_elements_no_stopping_power() -> None:
    for elements in ({}, {"Xx": 1.0}):
        with pytest.raises(AnalysisError, match="no excitation energy is known"):
            stopping_power.excitation_ev(elements)


# The curve


def material(name: str, hu: float, red: float, confirmed: bool = True, u_hu: float = 1.0) -> Plugged:
    part = 0.005 if confirmed else 0.02
    value = Number(red, part * red, {"material": part * red})
    values = {"red": value, "density": value, "spr": AnalysisError("no elements")}
    return Plugged(name, Number(hu, u_hu, {"noise": u_hu}), values, confirmed)


AIR, LUNG, WATER, ACRYLIC, TEFLON = (
    material("Air", -1000, 0.001),
    material("Lung", -700, 0.3),
    material("Water", 0, 1.0),
    material("Acrylic", 120, 1.147),
    material("Teflon", 950, 1.868),
)


def test_between_knots_by_hand_and_beyond_them_flagged() -> None:
    ends = (Knot("a", -100.0, 2.0, 0.9, 0.01), Knot("b", 100.0, 4.0, 1.1, 0.02))
    middle = evaluate(ends, 50.0, 3.0)
    assert middle.value == pytest.approx(1.05)
    slope = 0.2 / 200
    parts = 3 * slope, 0.25 * 0.01, 0.75 * 0.02, 0.25 * 2 * slope, 0.75 * 4 * slope
    assert middle.u == pytest.approx(np.linalg.norm(parts))
    assert not middle.beyond
    beyond = evaluate(ends, 200.0)
    assert beyond.beyond
    assert beyond.value == pytest.approx(1.2)
    assert beyond.u > evaluate(ends, 100.0).u == pytest.approx(np.hypot(0.02, 4 * slope))


def test_order_does_not_matter_and_residuals_are_against_neighbours() -> None:
    found = curve([TEFLON, AIR, ACRYLIC, WATER], "red")
    assert [knot.name for knot in found.knots] == ["Air", "Water", "Acrylic", "Teflon"]
    assert found.left_out == {}
    rest = residuals(found)
    assert set(rest) == {"Water", "Acrylic"}
    assert rest["Acrylic"].value == pytest.approx(1.0 + 0.868 * 120 / 950 - 1.147)


def test_a_fall_within_uncertainty_is_pooled() -> None:
    """1.000 at 0 HU and 0.996 at 10 HU, both to 0.005: their mean, and that is what is said."""
    found = curve([AIR, WATER, material("Gel", 10, 0.996), ACRYLIC, TEFLON], "red")
    values = {knot.name: knot.value for knot in found.knots}
    assert values["Water"] == values["Gel"] == pytest.approx(0.998, abs=1e-4)
    assert found.pooled == {"Water", "Gel"}
    assert all(b.value >= a.value for a, b in zip(found.knots, found.knots[1:], strict=False))


def test_a_contradiction_leaves_the_less_certain_out() -> None:
    found = curve([AIR, LUNG, WATER, ACRYLIC, material("Bone", 250, 1.08, confirmed=False), TEFLON], "red")
    assert set(found.left_out) == {"Bone"}
    assert "Acrylic" in found.left_out["Bone"]
    assert "Bone" not in [knot.name for knot in found.knots]


def test_swapped_plugs_are_a_contradiction_among_equals() -> None:
    """Two plugs changed places: the one further from the others goes, the rest still rises."""
    swapped = material("Acrylic", -700, 1.147)
    found = curve([AIR, swapped, WATER, material("Delrin", 340, 1.363), material("PMP", -190, 0.853), TEFLON], "red")
    assert set(found.left_out) == {"Acrylic"}


def test_too_many_contradictions_or_too_few_materials_give_no_curve() -> None:
    with pytest.raises(AnalysisError, match="too many materials contradict each other"):
        curve([material("A", -1000, 1.8), material("B", 0, 1.2), material("C", 100, 0.9), material("D", 900, 0.1)], "red")
    with pytest.raises(AnalysisError, match="needs 4 materials of known density"):
        curve([AIR, WATER, TEFLON], "red")
    with pytest.raises(AnalysisError, match="there are 0"):
        curve([AIR, LUNG, WATER, ACRYLIC, TEFLON], "spr")


def test_a_curve_that_falls_is_not_evaluated() -> None:
    quantity = {key: HU.quantity(key) for key in (density_curve.HU_KEY, density_curve.RED_KEY)}
    at = [{"part": "a"}, {"part": "b"}]
    readings = [Measured(quantity["hu_curve_hu"], hu, 1.0, where) for hu, where in zip((0.0, 50.0), at, strict=True)]
    readings += [Measured(quantity["hu_curve_red"], red, 0.01, where) for red, where in zip((1.1, 1.0), at, strict=True)]
    with pytest.raises(AnalysisError, match="no curve that rises"):
        knots(readings)
    with pytest.raises(AnalysisError, match="no curve that rises"):
        knots(readings[:1])


# What is in which hole


@pytest.fixture(scope="module")
def rehearsed() -> Rehearsal:
    return HU.rehearse(np.random.default_rng(4))


def holes(*names: str) -> list[Insert]:
    from phantoms.models import Plug

    plugs = [Plug(name, 0.0, 10.0 * k, 20.0, 0.0, 0.0, 0.0, "", True) for k, name in enumerate(names)]
    return [Insert(plug, (0.0, 0.0), 5.0, Number(100.0 * k, 1.0, {"noise": 1.0}), None, (1, 2)) for k, plug in enumerate(plugs)]


def test_the_performer_says_what_is_in_which_hole() -> None:
    found = {one.name: one for one in plugged(holes("1", "2", "3"), "CIRS 062M: 1 = water; 2 = Adipose (CIRS), 3=1.456")}
    assert set(found) == {"Water", "Adipose", "3"}
    red = {name: one.values["red"] for name, one in found.items()}
    assert [v.value for v in red.values() if isinstance(v, Number)] == [1.0, 0.949, 1.456]
    adipose = red["Adipose"]
    assert isinstance(adipose, Number)
    assert "recalled" in adipose.flags[0]
    assert isinstance(found["3"].values["spr"], AnalysisError)
    assert isinstance(found["Adipose"].values["spr"], AnalysisError)


@pytest.mark.parametrize("words", ["CIRS 062M; 1 = unobtainium", "CIRS 062M; 1 = 17", "CIRS 062M; 1 = -0.5"])
def test_words_that_name_nothing_are_refused(words: str) -> None:
    with pytest.raises(AnalysisError, match="names no material that is known"):
        plugged(holes("1", "2"), words)


def test_holes_of_which_nothing_is_said() -> None:
    with pytest.raises(AnalysisError, match="what is in which hole is not known"):
        plugged(holes("1", "2"), "CIRS 062M")


def test_plugs_of_one_material_count_together_and_where_they_differ_that_counts() -> None:
    two = holes("1", "2")
    (one,) = plugged([replace(i, plug=replace(i.plug, material="acrylic")) for i in two], "")
    assert isinstance(one.hu, Number)
    assert one.hu.value == pytest.approx(50.0)
    assert one.hu.u == pytest.approx(50.0, rel=0.01)  # 0 and 100 HU, standard deviation 70.7, of two


# From a scan to a curve


def test_a_drawn_scan_gives_its_curve(rehearsed: Rehearsal) -> None:
    analysis = HU.analyse(rehearsed.acquisition)
    found = knots(analysis.readings)
    truth = rehearsed.truth
    assert len(found) >= 6
    for knot in found:
        assert knot.hu == pytest.approx(truth["hu_curve_hu", knot.name], abs=5 * knot.u_hu)
    ends = {knot.name: knot for knot in found}
    half = evaluate(found, (ends["PMP"].hu + ends["LDPE"].hu) / 2)
    assert half.value == pytest.approx((0.853 + 0.945) / 2, abs=1e-6)
    assert half.u < 0.006


def test_the_calibration_is_what_the_image_quality_test_asks_for(rehearsed: Rehearsal) -> None:
    """The same readings under the keys that the other test reads, and the same density from both."""
    readings = HU.analyse(rehearsed.acquisition).readings
    calibration = Calibration(HU.provides, "record-1", DATED, DATED + timedelta(days=365), readings)
    assert HU.provides in procedure.load("cbct_quality").uses
    used = in_force(replace(rehearsed.acquisition, calibrations=(calibration,)))
    own = knots(readings)
    assert used.hu == pytest.approx([knot.hu for knot in own])
    assert used.density == pytest.approx([knot.value for knot in own])
    assert "record-1" in used.name


def test_the_wrong_word_for_the_phantom_gives_no_curve(rehearsed: Rehearsal) -> None:
    found = HU.analyse(replace(rehearsed.acquisition, phantom="ACR 464")).readings
    assert {r.quantity for r in found} == set(HU.quantities)
    assert all(isinstance(r, NotMeasured) and "said to be" in r.reason for r in found)


def test_no_beam_images_and_no_days() -> None:
    star = procedure.load("starshot").rehearse(np.random.default_rng(1)).acquisition
    assert "needs one scan" in HU.accepts(star)


def test_water_is_known_best() -> None:
    (one,) = plugged(holes("1"), "x; 1 = water")
    assert {column: v.value for column, v in one.values.items() if isinstance(v, Number)} == {"red": 1.0, "density": 1.0, "spr": 1.0}
    assert all(v.u == pytest.approx(hu_calibration_materials.WATER_U) for v in one.values.values() if isinstance(v, Number))
