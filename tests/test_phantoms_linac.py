"""A simulated machine's images, beams and faults agree with each other along straight rays."""

from dataclasses import replace

import numpy as np
import pytest

from phantoms.aperture import Rectangle
from phantoms.linac import (
    BallSetup,
    Linac,
    Rod,
    Shot,
    Wave,
    ball_position,
    beam_axes,
    expose,
    faulty,
    perfect,
    typical,
    view,
)
from phantoms.panel import AS1000, Panel

SMALL = Panel("small", 150, 170, (0.5, 0.4))
SHOTS = tuple(Shot(g, c, f) for g, c, f in [(0, 0, 0), (90, 30, 0), (181, 270, 0), (270.01, 15, 0), (0, 77, 300)])


def distance_to_line(point, line) -> float:
    away = np.subtract(point, line.source_mm)
    return float(np.linalg.norm(np.cross(away, line.direction)))


def in_room(linac: Linac, shot: Shot, pixel) -> np.ndarray:
    """Where a point of the panel truly stands in F, from the machine's description by plain trigonometry."""
    rows, columns = linac.panel.rows, linac.panel.columns
    across = (pixel[1] - (columns - 1) / 2) * linac.panel.pitch_mm[1]
    up = -(pixel[0] - (rows - 1) / 2) * linac.panel.pitch_mm[0]
    a, g = np.deg2rad(linac.panel_rotation_deg), np.deg2rad(shot.gantry_deg)
    u = across * np.cos(a) - up * np.sin(a) + linac.panel_u_mm.at(shot.gantry_deg) + linac.receptor_mm[0]
    v = across * np.sin(a) + up * np.cos(a) + linac.panel_v_mm.at(shot.gantry_deg) + linac.receptor_mm[1]
    z = linac.sad_mm - (linac.sid_mm + linac.sid_error_mm)
    return np.array([u * np.cos(g) + z * np.sin(g), v, -u * np.sin(g) + z * np.cos(g)])


@pytest.mark.parametrize("machine", [typical(), replace(faulty(), receptor_mm=(3.0, -7.0)), Linac(sid_mm=1800.0)])
@pytest.mark.parametrize("aperture", [Rectangle(20, 20), Rectangle(12, 30, (4.0, -6.0))])
def test_source_field_centre_and_its_image_lie_on_one_line_and_so_do_source_ball_and_shadow(machine, aperture):
    linac = replace(machine, aperture=aperture, panel=AS1000)
    setup = BallSetup((12.0, -7.0, 25.0))
    for shot, axis in zip(SHOTS, beam_axes(linac, SHOTS), strict=True):
        exposure = expose(replace(linac, noise_sigma=0.0), setup, [shot], np.random.default_rng(0))[0]
        assert distance_to_line(in_room(linac, shot, exposure.truth.field_px), axis) < 1e-9
        image = in_room(linac, shot, exposure.truth.ball_px[0]) - axis.source_mm
        ray = np.subtract(ball_position(linac, setup, shot), axis.source_mm)
        assert np.linalg.norm(np.cross(ray, image)) / np.linalg.norm(image) < 1e-9


def test_the_perfect_machine_shoots_through_one_point():
    for shot, axis in zip(SHOTS, beam_axes(perfect(), SHOTS), strict=True):
        g = np.deg2rad(shot.gantry_deg)
        assert axis.source_mm == pytest.approx((1000 * np.sin(g), 0, 1000 * np.cos(g)), abs=1e-9)
        assert distance_to_line((0, 0, 0), axis) < 1e-9


def test_a_steady_displacement_of_the_head_is_the_radius_of_the_isocentre():
    round_turn = tuple(Shot(g) for g in range(0, 360, 17))
    for axis in beam_axes(Linac(head_u_mm=Wave(0.4)), round_turn):
        assert distance_to_line((0, 0, 0), axis) == pytest.approx(0.4, abs=1e-9)


def test_a_displacement_that_turns_with_the_gantry_only_moves_the_isocentre():
    linac = Linac(head_u_mm=Wave(cos=0.7, sin=-0.2), head_v_mm=Wave(mean=0.3))
    for axis in beam_axes(linac, tuple(Shot(g) for g in range(5, 365, 40))):
        assert distance_to_line((0.7, 0.3, 0.2), axis) < 1e-9


def test_walkout_draws_a_circle_round_the_axis_and_an_offset_field_a_larger_one():
    linac = Linac(collimator_axis_mm=(0.3, -0.1), collimator_walkout_mm=0.25)
    offset = replace(linac, aperture=Rectangle(20, 20, (0.15, 0.0)))
    for machine, radius in ((linac, 0.25), (offset, 0.40)):
        seen = [view(machine, BallSetup(), Shot(0, c)).aperture_uv_mm for c in range(0, 360, 45)]
        assert np.hypot(*(np.array(seen) - (0.3, -0.1)).T) == pytest.approx(np.full(8, radius))
    assert view(linac, BallSetup(), Shot(0, 90)).aperture_uv_mm == pytest.approx((0.3, 0.15))  # counter-clockwise


def test_a_shifted_focal_spot_throws_the_field_the_other_way():
    """Spot at +1 mm, jaws half way down: the ray over the jaws' centre reaches the isocentre plane at -1 mm."""
    linac = Linac(focal_spot_mm=(1.0, 0.0), collimator_distance_mm=500.0)
    for collimator_deg in (0, 90, 180):
        assert view(linac, BallSetup(), Shot(0, collimator_deg)).field_uv_mm == pytest.approx((-1.0, 0.0), abs=1e-12)


def test_the_couch_carries_the_ball():
    linac = Linac(couch_axis_mm=(1.0, 2.0), couch_scale=(0.9, 1.0, 1.1))
    setup = BallSetup((3.0, 2.0, 5.0))
    assert ball_position(linac, setup, Shot()) == (3.0, 2.0, 5.0)
    assert ball_position(linac, setup, Shot(couch_deg=90)) == pytest.approx((1.0, 4.0, 5.0))
    assert ball_position(linac, setup, Shot(couch_deg=270)) == pytest.approx((1.0, 0.0, 5.0))
    assert ball_position(linac, setup, Shot(travel_mm=(10.0, -4.0, 20.0))) == pytest.approx((12.0, -2.0, 27.0))
    assert ball_position(linac, setup, Shot(0, 0, 90, (10.0, 0.0, 0.0))) == pytest.approx((1.0, 13.0, 5.0))


def test_couch_wobble_leaves_zero_alone_and_has_its_radius():
    linac = Linac(couch_walkout_mm=0.5)
    at = {f: ball_position(linac, BallSetup(), Shot(couch_deg=f)) for f in (0, 45, 90, 315)}
    assert at[0] == (0, 0, 0)
    for f, wobble in {45: (-0.5, 0.5), 90: (-1.0, 0.0), 315: (-0.5, -0.5)}.items():
        assert at[f] == pytest.approx((*wobble, 0.0), abs=1e-12)


def test_a_rod_towards_the_foot_of_the_couch_points_down_the_image_and_turns_with_the_couch():
    setup = BallSetup((0, 0, 0), rods=(Rod((0, -1, 0)),))
    assert [view(perfect(), setup, Shot(g)).stems[0].direction_deg for g in (0, 90, 180)] == [-90, -90, -90]
    assert view(perfect(), setup, Shot(0, 0, 90)).stems[0].direction_deg == pytest.approx(0)
    assert view(perfect(), setup, Shot(180, 0, 90)).stems[0].direction_deg == pytest.approx(180)
    assert view(perfect(), setup, Shot(90, 0, 90)).stems == ()  # seen end on


def test_exposures_repeat_to_the_bit_and_cannot_be_written_to():
    linac = replace(typical(), panel=SMALL)
    setup = BallSetup((0.4, -0.3, 0.2), rods=(Rod(),))
    first, again = (expose(linac, setup, SHOTS[:2], np.random.default_rng(11)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.pixels.shape == (150, 170)
        assert np.array_equal(one.pixels, other.pixels)
        assert one.truth == other.truth
        with pytest.raises(ValueError, match="read-only"):
            one.pixels[0, 0] = 1
    assert not np.array_equal(first[0].pixels, first[1].pixels)


def test_several_balls_cast_several_shadows():
    linac = Linac(panel=Panel("small", 250, 300, (0.5, 0.4)), aperture=Rectangle(60, 60))
    balls = [BallSetup((-12.0, 4.0, 0.0), blur_mm=0.3), BallSetup((9.0, -8.0, 30.0), 5.0, blur_mm=0.3)]
    exposure = expose(linac, balls, [Shot()], np.random.default_rng(0))[0]
    signal = exposure.pixels * (linac.full_scale / 65535)
    for (row, column), diameter_mm in zip(exposure.truth.ball_px, (8.0, 5.0), strict=True):
        around = signal[round(row) - 3 : round(row) + 4, round(column) - 3 : round(column) + 4]
        assert around.min() == pytest.approx(np.exp(-0.1 * diameter_mm), abs=0.01)


def test_example_machines_keep_their_promises():
    shots = tuple(Shot(g) for g in range(0, 360, 30))
    sag = [typical().panel_v_mm.at(g) for g in range(360)]
    assert max(sag) - min(sag) == pytest.approx(0.4, abs=0.05)
    for machine, low, high in ((typical(), 0.4, 0.65), (faulty(), 2.0, 4.0)):
        assert low < smallest_sphere_diameter(beam_axes(machine, shots)) < high
    assert np.hypot(*faulty().couch_axis_mm) == pytest.approx(1.2, abs=0.01)


def smallest_sphere_diameter(axes) -> float:
    """By repeated steps towards the farthest axis, ever shorter (Badoiu and Clarkson)."""
    source, along = np.array([a.source_mm for a in axes]), np.array([a.direction for a in axes])
    centre = np.zeros(3)
    for step in range(1, 4000):
        away = source - centre
        foot = away - (away * along).sum(axis=1, keepdims=True) * along
        length = np.linalg.norm(foot, axis=1)
        centre = centre + foot[length.argmax()] / (step + 1)
    return 2 * float(length.max())
