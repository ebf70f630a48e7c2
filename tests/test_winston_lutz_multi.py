"""Several targets off the axis: fields found apart, slopes divided out, balls told apart, planted faults found again."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from phantoms import rtimage
from phantoms.aperture import REALISTIC, SIMPLE, Leaves, Rectangle
from phantoms.linac import BallSetup, Exposure, Linac, Shot, Wave, expose
from phantoms.noise import bright_spot
from phantoms.panel import AS1200, Panel
from phantoms.placement import ball_position
from phantoms.rays import project, to_gantry, turn
from phantoms.targets import CUBE, Plan, Several, Targeted, explained, irradiate
from qa import frames, multi_shots, rehearsal, session
from qa.acquisition import Acquisition, Image
from qa.evidence import Curve, Overlay, Table
from qa.features.region import Region, Unusable, locate_all
from qa.features.targets import windows
from qa.limit import Outcome
from qa.multi_fit import NAMES, decompose
from qa.multi_geometry import Views
from qa.multi_match import match
from qa.multi_readings import all_of
from qa.multi_sets import Found, gather
from qa.procedure import Analysis, load
from qa.protocol import read
from qa.reading import AnalysisError, DicomError, Measured, NotMeasured
from qa.shots import Shot as Sighting

TEST = load("winston_lutz_multi")
STRIP = Panel("strip", 121, 452, (0.56, 0.50))
MACHINE = Linac(panel=STRIP, noise_sigma=0.0005, noise_correlation=0.3)
FIELD, BALL = Rectangle(18.0, 17.5), BallSetup(diameter_mm=5.0)
ROW = ((56.0, 3.0, 4.0), (-55.0, -4.0, -3.0), (2.0, 0.5, 23.0))  # three that fit the strip from gantry angles near 0 and 180
FACING = (-30.0, 28.0, 150.0, 205.0)
CARDINALS = (0.0, 90.0, 180.0, 270.0)
FLAT = ((40.0, 0.0, 10.0), (-35.0, 0.0, 25.0), (10.0, 0.0, -48.0))
WRONG = {
    "shift_mm": (0.31, -0.22, 0.43), "turned_deg": (0.42, -0.35, 0.27), "collimator_error_deg": -0.38, "scale": 0.0021,
}  # fmt: skip
MICROMETRE = 1e-3


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def pitch(machine: Linac) -> tuple[float, float]:
    """(row, column) pitch on the isocentre plane."""
    down, right = (step * machine.sad_mm / machine.sid_mm for step in machine.panel.pitch_mm)
    return down, right


def one_image(machine: Linac, plan: Plan, shot: Shot, chosen: Sequence[int]) -> tuple[Image, Targeted]:
    taken = irradiate(machine, plan, shot, chosen, rng())
    return rehearsal.acquisition([taken.exposure]).images[0], taken


def at_gantry_0(
    machine: Linac, centres: Sequence[tuple[float, float]], balls: Sequence[tuple[float, float]], side: float = 18.0
) -> Exposure:
    """Fields and balls wherever asked for, on the isocentre plane."""
    fields = Several(tuple(Rectangle(side, side, centre) for centre in centres))
    setups = [replace(BALL, position_mm=(*place, 0.0)) for place in balls]
    return expose(replace(machine, aperture=fields), setups, [Shot()], rng())[0]


def image_of(exposure: Exposure) -> Image:
    return rehearsal.acquisition([exposure]).images[0]


def place_of(machine: Linac, region: Region | Unusable) -> tuple[float, float]:
    """(u, v) of a coarse field."""
    x, y = region.centre_mm
    rows, columns = machine.panel.shape
    down, right = pitch(machine)
    return x - (columns - 1) / 2 * right, (rows - 1) / 2 * down - y


# Fields, coarsely


def test_every_field_is_found_apart():
    centres = [(-50.0, 3.0), (-8.0, -6.0), (40.0, 2.0)]
    found = locate_all(image_of(at_gantry_0(MACHINE, centres, centres)).pixels, pitch(MACHINE))
    assert all(isinstance(item, Region) for item in found)
    places = sorted(place_of(MACHINE, item) for item in found)
    assert np.abs(np.subtract(places, centres)).max() < 0.4


def test_a_field_half_as_bright_has_its_own_threshold():
    """At 100 mm off the axis a beam without flattening filter has half its signal left: the edge stays where it is."""
    machine = replace(MACHINE, panel=Panel("long", 121, 700, (0.56, 0.50)), curvature_per_mm2=-5e-5)
    centres = [(-2.0, 0.0), (98.0, 2.0)]
    found = locate_all(image_of(at_gantry_0(machine, centres, centres)).pixels, pitch(machine))
    regions = [item for item in found if isinstance(item, Region)]
    assert len(regions) == len(found) == 2
    assert regions[0].level > 1.6 * regions[1].level or regions[1].level > 1.6 * regions[0].level
    for region in regions:
        assert region.half_mm == pytest.approx((9.0, 9.0), abs=0.5)


def test_small_bright_spots_are_set_aside():
    taken = at_gantry_0(MACHINE, [(-40.0, 0.0), (30.0, 0.0)], [])
    spoilt = bright_spot(taken.pixels / 65535, 20.0, 220.0, 4.0, 1.0).astype(np.float32)
    assert len(locate_all(spoilt, pitch(MACHINE))) == 2


def test_a_field_at_the_panels_edge_is_refused_alone():
    found = locate_all(image_of(at_gantry_0(MACHINE, [(-71.0, 0.0), (20.0, 0.0)], [])).pixels, pitch(MACHINE))
    (bad,) = [item for item in found if isinstance(item, Unusable)]
    assert "off the panel" in bad.reason
    assert len([item for item in found if isinstance(item, Region)]) == 1


def test_fields_too_near_each_other_are_both_refused_and_a_third_is_not():
    found = locate_all(image_of(at_gantry_0(MACHINE, [(-10.0, 0.0), (12.0, 0.0), (55.0, 0.0)], [])).pixels, pitch(MACHINE))
    assert [isinstance(item, Unusable) for item in sorted(found, key=lambda item: item.centre_mm)] == [True, True, False]


@pytest.mark.parametrize("pixels", [np.zeros((60, 90)), np.full((60, 90), 1000.0), rng().normal(500, 20, (60, 90))])
def test_images_without_a_field_are_refused(pixels):
    with pytest.raises(AnalysisError):
        locate_all(pixels.astype(np.float32), (0.4, 0.3))


# Ball and field off the axis


@pytest.mark.parametrize("penumbra", [SIMPLE, REALISTIC])
@pytest.mark.parametrize(("tilt", "curvature"), [(0.0, 0.0), (-0.0014, 0.0), (-0.0032, 0.0), (0.0, -1.2e-5), (0.0, -2.2e-5)])
@pytest.mark.parametrize("field", [Rectangle(20.0, 20.0), Leaves(20.0, 20.0)])
def test_no_flattening_filter_70_mm_off_the_axis(penumbra, tilt, curvature, field):
    """Slopes of 0.16 and 0.41 % per mm at 70 mm; the goal is 10 micrometres, a threshold would be off by 20 to 54."""
    machine = replace(MACHINE, noise_sigma=0.0, penumbra=penumbra, tilt_per_mm=(tilt, 0.0), curvature_per_mm2=curvature)
    machine = replace(machine, panel=Panel("wide", 121, 540, (0.40, 0.50)))
    plan = Plan(((70.0, 2.0, 0.0), (-62.0, 0.0, 0.0)), field, BALL, shift_mm=(0.6, -0.4, 0.0))
    image, taken = one_image(machine, plan, Shot(), (0, 1))
    seen = [s for s in multi_shots.measure(image, 0) if isinstance(s, Sighting)]
    assert len(seen) == 2
    for shot in seen:
        k = int(shot.field_mm[0] < 0)
        assert np.abs(shot.field_mm - taken.fields_uv_mm[k]).max() < 3 * MICROMETRE
        assert np.hypot(*(shot.offset_mm - taken.offsets_mm[k])) < 5 * MICROMETRE


def test_a_neighbouring_field_changes_nothing():
    """The same field alone and 10 mm from another, the penumbra one Gaussian."""
    machine = replace(MACHINE, noise_sigma=0.0, penumbra=SIMPLE)
    alone, beside = (
        [s for s in multi_shots.measure(image_of(at_gantry_0(machine, centres, [(0.4, 0.3), (29.0, 0.0)])), 0) if isinstance(s, Sighting)]
        for centres in ([(0.0, 0.0)], [(0.0, 0.0), (28.0, 0.0)])
    )
    both = min(beside, key=lambda s: abs(float(s.field_mm[0])))
    assert len(alone) == 1
    assert len(beside) == 2
    assert np.abs(both.offset_mm - alone[0].offset_mm).max() < 1 * MICROMETRE


@pytest.mark.parametrize("gap", [9.0, 12.0, 20.0])
def test_the_tail_of_a_neighbours_penumbra_is_inside_the_uncertainty(gap):
    """With the penumbra of real images a neighbour draws the centre towards itself, by 20 micrometres at 8 mm."""
    machine, far = replace(MACHINE, noise_sigma=0.0, penumbra=REALISTIC), 18.0 + gap
    seen = multi_shots.measure(image_of(at_gantry_0(machine, [(0.0, 0.0), (far, 0.0)], [(0.4, 0.3), (far, 0.2)])), 0)
    for shot in seen:
        assert isinstance(shot, Sighting)
        error = shot.field_mm - ((0.0, 0.0) if shot.field_mm[0] < 5 else (far, 0.0))
        assert (np.abs(error) < 2 * shot.offset_u_mm).all()
        step = 1.2  # of the coarse grid: the distance is not known better
        assert shot.components["field: neighbouring field"].max() < 0.03 * np.exp(-(gap - step - 6.5) / 3.6)


def test_a_window_shows_one_field():
    pixels = image_of(at_gantry_0(MACHINE, [(-10.0, 0.0), (18.0, 0.0)], [])).pixels
    for window in windows(pixels, pitch(MACHINE)):
        assert len(locate_all(window.pixels, pitch(MACHINE))) == 1


def test_a_ball_at_its_fields_edge_refuses_that_target_only():
    centres = [(-50.0, 0.0), (0.0, 0.0), (50.0, 0.0)]
    found = multi_shots.measure(image_of(at_gantry_0(MACHINE, centres, [(-50.2, 0.3), (6.5, 0.0), (50.0, 0.4)])), 0)
    (lost,) = [s for s in found if isinstance(s, multi_shots.Lost)]
    assert abs(float(lost.field_mm[0])) < 1.0
    assert len([s for s in found if isinstance(s, Sighting)]) == 2


def test_two_balls_in_a_field_or_none_refuse_that_target_only():
    centres = [(-50.0, 0.0), (0.0, 0.0), (50.0, 0.0)]
    found = multi_shots.measure(image_of(at_gantry_0(MACHINE, centres, [(-50.2, 0.3), (-3.4, 0.0), (3.4, 0.4)])), 0)
    reasons = [s.reason for s in found if isinstance(s, multi_shots.Lost)]
    assert len(reasons) == 2
    assert len([s for s in found if isinstance(s, Sighting)]) == 1


# Which ball is which, and what they have in common: from drawn rays, without pictures


def image_at(shot: Shot, name: str, receptor: tuple[float, float] | None = (0.0, 0.0)) -> Image:
    return Image(
        name, f"1.2.{name}", "", (10, 12), partial(np.zeros, (10, 12), np.float32), (0.3, 0.4), 1500.0, 1000.0,
        shot.gantry_deg, shot.collimator_deg, shot.couch_deg, "MV", "drawn", None, receptor_mm=receptor,
    )  # fmt: skip


def sightings(
    plan: Plan,
    shots: Sequence[Shot],
    hidden: Sequence[tuple[int, int]] = (),
    sag: tuple[Wave, Wave] = (Wave(), Wave()),
    u_mm: float = 0.003,
) -> list[Sighting]:
    """What the panel shows of every target in every image (image, target) that is not hidden."""
    machine, found = Linac(), []
    for i, shot in enumerate(shots):
        chosen = [k for k in range(len(plan.targets_mm)) if (i, k) not in hidden]
        panel = np.array([wave.at(shot.gantry_deg) for wave in sag])
        turned = turn(shot.collimator_deg + plan.collimator_error_deg)
        for k, centre in zip(chosen, plan.centres(machine, shot, chosen), strict=True):
            ball = to_gantry(ball_position(machine, plan.balls()[k], shot), shot.gantry_deg)
            found.append(_sighting(image_at(shot, str(i)), project(ball, (0.0, 0.0), 1000.0).uv_mm + panel, turned @ centre + panel, u_mm))
    return found


def _sighting(image: Image, ball: np.ndarray, field: np.ndarray, u_mm: float) -> Sighting:
    u = np.full(2, u_mm)
    picture = np.zeros((2, 2), np.uint8)
    return Sighting(
        image, ball, u, field, u, {"noise": u}, 2.5, 5.8, (18.0, 18.0, 0.0), "rectangle", 0.0, (0.0, 0.0), (), picture, (0.0, 1.0, 0.0, 1.0)
    )


def planned(targets: Sequence[tuple[float, float, float]], **wrong: object) -> Plan:
    return Plan(tuple(targets), FIELD, BALL, **wrong)


def gantry(angles: Sequence[float], couch: float = 0.0) -> list[Shot]:
    return [Shot(angle, 15.0, couch) for angle in angles]


def position(found: Found, k: int) -> np.ndarray:
    return found.targets[k].position_mm


def test_targets_are_found_named_and_placed():
    found = gather(sightings(planned(CUBE), gantry(CARDINALS)))
    assert [t.name[0] for t in found.targets] == list("ABCDEF")
    assert found.names.count(found.targets[0].name) == 4
    places = sorted(tuple(np.round(t.position_mm, 6) + 0.0) for t in found.targets)
    assert np.abs(np.subtract(places, sorted(CUBE))).max() < 1e-6
    assert "(x, y, z) = (-30.0, +15.0, +0.0) mm" in found.targets[0].name
    assert found.alone == {}


def test_names_stay_when_the_panel_sags_and_targets_hide():
    hidden = [(0, 1), (1, 1), (3, 4), (2, 0)]
    whole = gather(sightings(planned(CUBE), gantry(CARDINALS)))
    some = gather(sightings(planned(CUBE, **WRONG), gantry(CARDINALS), hidden, (Wave(0.4, 0.6, -0.5), Wave(-0.3, 0.5, 0.6))))
    assert len(some.targets) == 6
    for one, other in zip(whole.targets, some.targets, strict=True):
        assert one.name[0] == other.name[0]
        assert np.abs(one.position_mm - other.position_mm).max() < 1.8
    assert sorted(len(t.sightings) for t in some.targets) == [2, 3, 3, 4, 4, 4]


def test_one_field_per_image_is_the_same_as_all_in_one():
    shots = [shot for shot in gantry(CARDINALS) for _ in CUBE]
    hidden = [(i, k) for i in range(len(shots)) for k in range(6) if i % 6 != k]
    found = gather(sightings(planned(CUBE), shots, hidden))
    assert [len(t.sightings) for t in found.targets] == [4] * 6


@pytest.mark.parametrize("angles", [(0.0,), (0.0, 180.0), (37.0, 41.0)])
def test_one_line_of_sight_names_nothing(angles):
    targets, why = match(sightings(planned(CUBE), gantry(angles)))
    assert targets == ()
    assert len(why) == 6 * len(angles)
    assert all("15 degrees" in reason for reason in why.values())


def test_crossings_that_explain_as_much_are_refused():
    """Two gantry angles, all balls at the same height: every crossing could be a ball."""
    targets, why = match(sightings(planned(FLAT), gantry((0.0, 90.0))))
    assert targets == ()
    assert all("told apart" in reason for reason in why.values())
    targets, why = match(sightings(planned(FLAT), gantry((0.0, 90.0, 40.0, 140.0))))
    assert len(targets) == 3
    assert why == {}


def test_a_ball_seen_once_is_not_given_to_another():
    """A hidden ball leaves a ray alone; at the same height it might be anybody's."""
    found = gather(sightings(planned(CUBE), gantry(CARDINALS), [(0, 3), (1, 3), (2, 3)]))
    assert len(found.targets) == 5
    assert len(found.alone) == 1
    assert "belong to no known target" in found.unplaced
    quantities = {q.key: q for q in TEST.quantities}
    distances = [r for r in all_of(quantities, found) if r.quantity.key == "target_distance"]
    assert len(distances) == 5
    assert all(isinstance(r, Measured) and "no known target" in r.missing for r in distances)  # it may be any of them: none can pass


def test_balls_in_front_of_each_other_are_doubted():
    """At gantry 0 a second ball would have stood in the first one's field, 2 mm from its ball."""
    plan = planned(((30.0, 10.0, 20.0), (31.2, 11.0, -20.0), (-30.0, -20.0, 0.0)))
    found = gather(sightings(plan, gantry(CARDINALS)))
    assert len(found.targets) == 1


@pytest.mark.parametrize("couch", [0.0, 12.0, 300.0])
@pytest.mark.parametrize("k", range(8))
def test_each_planted_fault_is_found_alone(k, couch):
    """One fault, all others nil; the couch's angle does not matter because positions are the couch's."""
    sizes = (0.4, -0.3, 0.5, 0.6, -0.5, 0.4, 0.25, -0.7)
    shift, turned = ([sizes[j] if j == k else 0.0 for j in part] for part in ((0, 1, 2), (3, 4, 5)))
    wrong = {"shift_mm": tuple(shift), "turned_deg": tuple(turned)}
    wrong |= {"scale": sizes[6] / 100 if k == 6 else 0.0, "collimator_error_deg": sizes[7] if k == 7 else 0.0}
    parts = gather(sightings(planned(CUBE, **wrong), gantry(CARDINALS, couch))).parts
    assert not isinstance(parts, str)
    expected = np.where(np.arange(8) == k, sizes, 0.0)
    assert np.abs(parts.values - expected).max() < 1e-4
    assert parts.residual_mm < 1e-4
    assert parts.open == {}


def test_all_faults_together_are_told_apart():
    parts = gather(sightings(planned(CUBE, **WRONG), gantry((10.0, 75.0, 160.0, 250.0)))).parts
    assert not isinstance(parts, str)
    expected = (*WRONG["shift_mm"], *WRONG["turned_deg"], 100 * WRONG["scale"], WRONG["collimator_error_deg"])
    assert np.abs(parts.values - expected).max() < 1e-4


def test_a_scatter_of_offsets_has_the_stated_uncertainty():
    """100 noisy sets of the same fault: the spread of each component is the u that is stated without the isocentre's part."""
    found, values = gather(sightings(planned(CUBE, **WRONG), gantry(CARDINALS))), []
    order = [(k, j) for j, target in enumerate(found.targets) for k in target.sightings]
    views, which = Views.of([found.seen[k].image for k, _ in order]), np.array([j for _, j in order])
    places = np.array([found.targets[j].position_mm for j in which])
    offsets, u, generator = np.array([found.seen[k].offset_mm for k, _ in order]), np.full((len(order), 2), 0.01), rng()
    for _ in range(100):
        values.append(decompose(views, places, which, offsets + generator.normal(0, 0.01, offsets.shape), u))
    spread = np.std([parts.values for parts in values], axis=0)
    stated = np.sqrt(np.diag(values[0].covariance) - values[0].origin_u ** 2)
    assert np.abs(spread / stated - 1).max() < 0.35  # five standard errors of the spread of 100


@pytest.mark.parametrize(
    ("targets", "angles", "open_names"),
    [
        (CUBE, (0.0,), {"yaw", "collimator angle", "scale", "shift z"}),
        (CUBE[3:5], CARDINALS, {"pitch", "roll", "yaw"}),
        (FLAT, (0.0, 90.0, 40.0, 140.0), set()),
    ],
)
def test_what_the_images_do_not_determine_is_named(targets, angles, open_names):
    plan, shots = planned(targets, **WRONG), gantry(angles)
    seen = sightings(plan, shots)
    if len(angles) == 1:  # without a second direction no target has a place, so places are lent from more angles
        found = gather([*sightings(plan, gantry(CARDINALS)), *seen])
        places = [
            min(found.targets, key=lambda t, s=s: np.hypot(*(Views.of([s.image]).project(t.position_mm[None])[0] - s.ball_mm)))
            for s in seen
        ]
        parts = decompose(
            Views.of([s.image for s in seen]), np.array([t.position_mm for t in places]), np.arange(len(seen)),
            np.array([s.offset_mm for s in seen]), np.array([s.offset_u_mm for s in seen]),
        )  # fmt: skip
    else:
        parts = gather(seen).parts
    assert not isinstance(parts, str)
    found_open = {NAMES[k] for k in parts.open}
    assert open_names <= found_open
    assert bool(open_names) == bool(found_open)
    for k, reason in parts.open.items():
        assert NAMES[k] in reason
        assert "expose" in reason


def test_the_truth_of_rehearsals_is_the_planted_fault_where_nothing_else_is_wrong():
    machine, plan = replace(MACHINE, noise_sigma=0.0), planned(ROW, **WRONG)
    taken = [irradiate(machine, plan, shot, (0, 1, 2), rng()) for shot in gantry(FACING)]
    expected = (*WRONG["shift_mm"], *WRONG["turned_deg"], 100 * WRONG["scale"], WRONG["collimator_error_deg"], 0.0)
    assert np.abs(explained(machine, plan, taken) - expected).max() < 1e-6


# Whole sets


@cache
def analysed(**change: object) -> tuple[Analysis, Acquisition]:
    """Three targets from four angles with every fault, on a machine with some change."""
    machine = replace(MACHINE, **change)
    taken = [irradiate(machine, planned(ROW, **WRONG), shot, (0, 1, 2), rng(k)) for k, shot in enumerate(gantry(FACING))]
    acquisition = rehearsal.acquisition([image.exposure for image in taken])
    return TEST.analyse(acquisition), acquisition


def value(found: Analysis, key: str) -> float:
    (reading,) = [r for r in found.readings if r.quantity.key == key]
    assert isinstance(reading, Measured), reading
    return reading.value


PLANTED = {
    "target_shift_x": 0.31, "target_shift_y": -0.22, "target_shift_z": 0.43, "target_pitch": 0.42, "target_roll": -0.35,
    "target_yaw": 0.27, "target_field_scale": 0.21, "target_collimator_angle": -0.38,
}  # fmt: skip


@pytest.mark.parametrize("key", PLANTED)
def test_a_whole_set_finds_what_was_planted(key):
    found, _ = analysed()
    (reading,) = [r for r in found.readings if r.quantity.key == key]
    assert isinstance(reading, Measured)
    assert abs(reading.value - PLANTED[key]) < max(4 * reading.u, 1e-9)
    assert reading.u < 0.02


def test_a_wrong_distance_tag_is_not_a_scale_of_the_fields():
    """15 mm of 1500: everything on the panel is 1 % larger than stated, and so is every offset; no component is 1 % of 56 mm."""
    wrong, right = (analysed(sid_error_mm=error)[0] for error in (15.0, 0.0))
    for key in PLANTED:
        assert value(wrong, key) == pytest.approx(1.01 * value(right, key), abs=0.02)
    ratio = value(wrong, "max_target_offset") / value(right, "max_target_offset")
    assert ratio == pytest.approx(1.01, abs=0.004)


def test_distances_name_their_target_and_image():
    found, acquisition = analysed()
    offsets = [r for r in found.readings if r.quantity.key == "target_offset_u"]
    assert len(offsets) == 12
    assert {r.at["sop_instance_uid"] for r in offsets} == {image.sop_instance_uid for image in acquisition.images}
    per_target = [r for r in found.readings if r.quantity.key == "target_distance"]
    assert len({r.at["target"] for r in per_target}) == 3
    assert max(r.value for r in per_target) == value(found, "max_target_offset")
    assert [str(r.at["target"])[0] for r in found.readings if r.quantity.key == "target_distance_3d"] == ["A", "B", "C"]


def test_evidence_shows_every_target():
    found, _ = analysed()
    pictures = [e for e in found.evidence if isinstance(e, Overlay)]
    assert [p.title[0] for p in pictures] == ["A", "B", "C"]
    assert len([e for e in found.evidence if isinstance(e, Curve)]) == 2
    titles = [e.title for e in found.evidence if isinstance(e, Table)]
    assert titles == ["Targets", "What all targets have in common", "Every target in every image"]


def test_a_lost_target_is_missing_where_it_belongs():
    """In the second image the ball of one target is not in its field: that target, and the whole, can no longer pass."""
    _, acquisition = analysed()
    image = acquisition.images[1]
    (lost_from, *_), pixels = (
        sorted((s for s in multi_shots.measure(image, 0) if isinstance(s, Sighting)), key=lambda s: float(s.field_mm[0])),
        image.pixels.copy(),
    )
    row, column = frames.to_pixel(image, *lost_from.field_mm)
    pixels[round(row) - 20 : round(row) + 21, round(column) - 4 : round(column) + 5] = pixels.min()
    spoilt = replace(acquisition, images=(acquisition.images[0], replace(image, load=lambda: pixels), *acquisition.images[2:]))
    readings = TEST.analyse(spoilt).readings
    (target,) = {r.at["target"] for r in readings if isinstance(r, NotMeasured) and r.quantity.key == "target_offset_u"}
    for reading in readings:
        if isinstance(reading, Measured) and reading.quantity.key in ("target_distance", "target_distance_3d"):
            assert bool(reading.missing) == (reading.at["target"] == target)
        elif isinstance(reading, Measured) and not reading.quantity.key.startswith("target_offset"):
            assert image.name in reading.missing


# Which sets it takes


def ordinary(**change: object) -> Acquisition:
    machine = Linac(panel=Panel("crop", 118, 134, (0.56, 0.50)), noise_sigma=0.003, **change)
    return rehearsal.acquisition(expose(machine, BallSetup((0.5, -0.3, 0.2), 6.0), [Shot(90.0 * k) for k in range(4)], rng()))


def test_ordinary_winston_lutz_sets_are_left_alone():
    assert "one field near the axis" in TEST.accepts(ordinary())
    assert "one field near the axis" in TEST.accepts(ordinary(receptor_mm=(14.0, -9.0)))


def test_jaws_that_leave_no_room_off_the_axis_spare_the_pixels():
    """The file says that nothing beyond 15 mm was open; jaws further out or elsewhere say nothing, and the image is looked at."""

    def never() -> np.ndarray:
        raise AssertionError("the pixels were asked for")

    acquisition = ordinary()
    for edge, elsewhere, spared in ((15.0, 0.0, True), (34.0, 0.0, False), (10.0, 40.0, False)):
        tags = {"LeafJawPositions ASYMX": f"{elsewhere - edge}\\{elsewhere + edge}", "LeafJawPositions ASYMY": f"{-edge}\\{edge}"}
        told = replace(acquisition, images=tuple(replace(i, tags=tags, load=never) for i in acquisition.images))
        if spared:
            assert "one field near the axis" in TEST.accepts(told)
        else:
            with pytest.raises(AssertionError, match="asked for"):
                TEST.accepts(told)


def test_one_field_off_the_axis_is_enough():
    acquisition = ordinary()
    image, _ = one_image(MACHINE, planned(ROW), Shot(10.0), (0,))
    assert TEST.accepts(replace(acquisition, images=(*acquisition.images, image))) == ""
    assert TEST.accepts(analysed()[1]) == ""


def test_other_radiation_days_and_unreadable_files_are_refused_in_words():
    def gone() -> np.ndarray:
        raise DicomError("gone")

    _, acquisition = analysed()
    assert "kV" in TEST.accepts(replace(acquisition, radiation="kV"))
    assert "day" in TEST.accepts(replace(acquisition, day=True))
    assert "none" in TEST.accepts(replace(acquisition, images=tuple(replace(i, load=gone) for i in acquisition.images)))
    assert TEST.accepts(replace(acquisition, images=())).strip()


def test_the_single_field_test_says_what_is_wrong_with_several():
    _, acquisition = analysed()
    reasons = [r.reason for r in load("winston_lutz").analyse(acquisition).readings if isinstance(r, NotMeasured)]
    assert any("more than one radiation field" in reason for reason in reasons)


def test_the_pages_own_limit_runs_and_judges_files(tmp_path):
    """A protocol of the clinic names the test; the suite's own protocols do not."""
    page = (Path(__file__).parent.parent / "docs" / "physics" / "winston_lutz_multi.md").read_text("utf-8")
    (line,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    head = 'name = "own"\ntitle = "own"\nfrequency = "monthly"\ncoverage_factor = 2.0\nsource = "written by the clinic\'s physicist"\n\n'
    (tmp_path / "own.toml").write_text(head + line, "utf-8")
    TEST.rehearse(rng()).write(tmp_path / "images")
    records = session.run([tmp_path / "images"], read(tmp_path / "own.toml")).records
    (record,) = [record for record in records if record.procedure == TEST.name]
    (judged,) = record.judgements
    assert judged.outcome in (Outcome.PASS, Outcome.FAIL)


def test_the_panel_of_a_clinic_is_searched_in_milliseconds():
    """A full panel with one field: asking must not cost what measuring does."""
    import time

    image = image_of(expose(replace(MACHINE, panel=AS1200), BALL, [Shot()], rng())[0])
    start = time.perf_counter()
    TEST.accepts(Acquisition((image,), "m", "MV", "t"))
    assert time.perf_counter() - start < 0.5


# The second engine


def files_of(acquisition: Acquisition, exposures: Sequence[Exposure], folder: Path) -> dict[str, Path]:
    return {
        image.sop_instance_uid: rtimage.write([exposure], folder / str(k), seed=k)[0]
        for k, (image, exposure) in enumerate(zip(acquisition.images, exposures, strict=True))
    }


def test_pylinac_finds_the_same_offsets_within_its_own_uncertainty(tmp_path):
    machine = replace(MACHINE, panel=AS1200.cropped(300, 720))
    chosen = ((0,), (1,), (0, 1))
    taken = [irradiate(machine, planned(ROW, **WRONG), Shot(8.0), k, rng()) for k in chosen]
    exposures = [image.exposure for image in taken]
    acquisition = rehearsal.acquisition(exposures)
    assert TEST.second_engine is not None
    theirs = TEST.second_engine(acquisition, files_of(acquisition, exposures, tmp_path), lambda words: None)
    assert theirs.engine == "pylinac"
    for image, numbers in zip(taken, theirs.images, strict=True):
        assert not isinstance(numbers, str), numbers
        found = np.array([number.value for number in numbers]).reshape(-1, 2)
        distances = np.linalg.norm(found[:, None] - image.offsets_mm[None], axis=-1).min(axis=1)
        assert distances.max() < 0.1  # twice what a mask of whole pixels is good for
        assert [bool(number.key) for number in numbers] == [len(image.targets) == 1] * len(numbers)
    assert not isinstance(theirs.whole, str)
    assert [number.key for number in theirs.whole] == ["max_target_offset", "median_target_offset"]


def test_pylinac_is_not_asked_for_pixels_that_are_not_square(tmp_path):
    taken = irradiate(MACHINE, planned(ROW), Shot(8.0), (0,), rng())
    acquisition = rehearsal.acquisition([taken.exposure])
    assert TEST.second_engine is not None
    theirs = TEST.second_engine(acquisition, files_of(acquisition, [taken.exposure], tmp_path), lambda words: None)
    assert isinstance(theirs.whole, str)
    assert "not square" in str(theirs.images[0])
