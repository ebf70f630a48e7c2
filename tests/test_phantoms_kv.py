"""The kV beam of a simulated machine against ray geometry, brute force and formulas that are written out here."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.optimize import least_squares

from phantoms.clutter import Silhouette, Spindle
from phantoms.cuboid import Cuboid
from phantoms.epid import draw
from phantoms.examples import typical, typical_kv
from phantoms.kv import XVI_MEDIUM, XVI_SMALL, KvImager, kv_system
from phantoms.linac import BallSetup, Linac, Rod, Shot, Slab, Wave, beam_axes, expose, view
from phantoms.panel import PAXSCAN, Panel
from phantoms.rtimage import FIRST_EXPOSURE, write
from phantoms.view import truth
from qa import dicom

SMALL = Panel("kV", 60, 74, (0.388, 0.388))
WIDE = (-400.0, 400.0, -400.0, 400.0)  # blades far out of view
CLEAN = KvImager(SMALL, blades_mm=WIDE, veil=0.0, glare_fraction=0.0, noise_sigma=0.0)
ANGLES = (0.0, 33.0, 90.0, 181.5, 270.0, 312.7)
COARSE = Panel("coarse", 384, 512, (0.776, 0.776))
ARC = tuple(range(0, 360, 15))


def in_room(imager: KvImager, gantry_deg: float, pixel) -> np.ndarray:
    """Where a point of the panel stands in F, from the definition of K by vectors."""
    g, a = np.deg2rad(gantry_deg), np.deg2rad(imager.panel_rotation_deg)
    across, up, out = np.array([np.cos(g), 0, -np.sin(g)]), np.array([0.0, 1, 0]), np.array([np.sin(g), 0, np.cos(g)])
    source, sid = imager.sad_mm * out, imager.sid_mm + imager.sid_error_mm
    ray = np.array(imager.isocentre_mm) - source
    centre = source + ray * sid / -(ray @ out)  # the nominal ray through K, down to the panel
    sag = np.array([imager.sag_u_mm.at(gantry_deg), imager.sag_v_mm.at(gantry_deg)]) * sid / imager.sad_mm
    right = (pixel[1] - (imager.panel.columns - 1) / 2) * imager.panel.pitch_mm[1]
    rise = -(pixel[0] - (imager.panel.rows - 1) / 2) * imager.panel.pitch_mm[0]
    u = sag[0] + imager.receptor_mm[0] + right * np.cos(a) - rise * np.sin(a)
    v = sag[1] + imager.receptor_mm[1] + right * np.sin(a) + rise * np.cos(a)
    return centre + u * across + v * up


def spot(imager: KvImager, gantry_deg: float) -> np.ndarray:
    """The focal spot in F."""
    g = np.deg2rad(gantry_deg)
    u, v = imager.source_u_mm.at(gantry_deg), imager.source_v_mm.at(gantry_deg)
    s, c = np.sin(g), np.cos(g)
    return np.array([imager.sad_mm * s + u * c, v, imager.sad_mm * c - u * s])


def seen_uv(imager: KvImager, pixel) -> np.ndarray:
    """(u, v) that the imager itself takes a pixel for, mm at the isocentre, receptor position included."""
    shrink = imager.sad_mm / imager.sid_mm
    (rows, columns), (down, right) = imager.panel.shape, imager.panel.pitch_mm
    u = (pixel[1] - (columns - 1) / 2) * right + imager.receptor_mm[0]
    v = -(pixel[0] - (rows - 1) / 2) * down + imager.receptor_mm[1]
    return np.array([u, v]) * shrink


def solved(imager: KvImager, shots, setup: BallSetup, linac: Linac | None = None) -> np.ndarray:
    """The ball's place in the imager's own coordinates, by least squares over the drawn truth of all shots."""
    kv = kv_system(linac or Linac(), imager)
    found = [seen_uv(imager, truth(view(kv, setup, shot)).ball_px[0]) for shot in shots]
    g = np.deg2rad([shot.gantry_deg for shot in shots])

    def residuals(p):
        xg, zg = p[0] * np.cos(g) - p[2] * np.sin(g), p[0] * np.sin(g) + p[2] * np.cos(g)
        stretch = imager.sad_mm / (imager.sad_mm - zg)
        return np.concatenate([xg * stretch, p[1] * stretch]) - np.array(found).T.ravel()

    return least_squares(residuals, np.zeros(3), xtol=1e-15, ftol=1e-15, gtol=1e-15).x


@pytest.mark.parametrize("gantry_deg", ANGLES)
@pytest.mark.parametrize("imager", [
    KvImager(),
    KvImager(isocentre_mm=(0.7, -0.4, 1.1)),
    KvImager(
        isocentre_mm=(-0.3, 0.2, 0.4), sag_u_mm=Wave(0.1, cos2=0.2), sag_v_mm=Wave(cos=0.3), source_u_mm=Wave(0.2, 0.1),
        source_v_mm=Wave(-0.3), receptor_mm=(3.0, -7.0), panel_rotation_deg=0.7, sid_error_mm=3.0, sad_mm=998.0,
    ),
    replace(XVI_MEDIUM, isocentre_mm=(0.1, 0.2, -0.5)),
])  # fmt: skip
def test_spot_ball_and_its_image_lie_on_one_line(imager, gantry_deg):
    ball = np.array((12.0, -7.0, 25.0))
    kv = kv_system(typical(), imager)
    image = in_room(imager, gantry_deg, truth(view(kv, BallSetup(tuple(ball)), Shot(gantry_deg))).ball_px[0])
    source = spot(imager, gantry_deg)
    assert np.linalg.norm(np.cross(image - source, ball - source)) / np.linalg.norm(ball - source) < 1e-9


@pytest.mark.parametrize("gantry_deg", ANGLES)
def test_the_panel_is_centred_on_the_projection_of_k(gantry_deg):
    imager = KvImager(isocentre_mm=(8.0, -5.0, 11.0), receptor_mm=(2.0, 1.0))
    kv = kv_system(Linac(), imager)
    pixel = truth(view(kv, BallSetup((8.0, -5.0, 11.0)), Shot(gantry_deg))).ball_px[0]
    assert seen_uv(imager, pixel) == pytest.approx((0.0, 0.0), abs=1e-10)


@pytest.mark.parametrize("angles", [(0, 90), (0, 270), (45, 135), ARC])
def test_a_pair_or_an_arc_sees_the_ball_from_k(angles):
    shots, ball, k = [Shot(a) for a in angles], np.array((1.2, -0.8, 2.1)), np.array((0.25, -0.16, -0.10))
    assert solved(KvImager(), shots, BallSetup(tuple(ball))) == pytest.approx(ball, abs=1e-9)
    neglected = (np.linalg.norm(ball) + np.linalg.norm(k)) * np.linalg.norm(k) / 1000  # the source does not move with K
    found = solved(KvImager(isocentre_mm=tuple(k)), shots, BallSetup(tuple(ball)))
    assert np.abs(found - (ball - k)).max() < neglected < 0.001


def test_a_turn_takes_the_first_harmonics_of_sag_and_spot_for_a_displacement():
    imager = KvImager(
        isocentre_mm=(0.1, 0.2, 0.3), sag_u_mm=Wave(0.2, 0.3, -0.1, 0.1, 0.2), sag_v_mm=Wave(-0.2, 0.3, 0.1),
        source_u_mm=Wave(0.1, -0.3, 0.6), source_v_mm=Wave(0.3, 0.1),
    )  # fmt: skip
    found = solved(imager, [Shot(a) for a in ARC], BallSetup((0.5, 0.5, 0.5)))
    # u of the ball: K and sag push the panel; the spot pushes the image of the isocentre by (1 - SID/SAD) SAD/SID
    lever = 1000 / 1500 - 1
    expected = 0.5 - np.array([0.1 + 0.3 - lever * -0.3, 0.2 - 0.2 - lever * 0.3, 0.3 + 0.1 + lever * 0.6])
    assert found == pytest.approx(expected, abs=0.002)
    assert found == pytest.approx(0.5 - np.array(imager.turn_isocentre_mm), abs=0.002)


def test_kv_after_a_couch_move_and_mv_before_it_see_one_ball():
    ball, travel, k = np.array((0.8, -0.5, 0.3)), np.array((1.5, -2.0, 0.7)), np.array((0.2, 0.1, -0.2))
    linac, setup = Linac(couch_scale=(1.0, 1.0, 1.0)), BallSetup(tuple(ball))
    before = solved(KvImager(isocentre_mm=tuple(k)), [Shot(0), Shot(270)], setup, linac)
    after = solved(KvImager(isocentre_mm=tuple(k)), [Shot(0, travel_mm=tuple(travel)), Shot(270, travel_mm=tuple(travel))], setup, linac)
    assert after - before == pytest.approx(travel, abs=2e-3)
    mv = [truth(view(linac, setup, Shot(g))).ball_uv_mm[0] for g in (0, 270)]
    assert (mv[0][0], mv[1][0]) == pytest.approx((0.8, 0.3), abs=1e-3)  # u is x at 0 and z at 270
    assert before + k == pytest.approx(ball, abs=1e-3)


def centroid(image: np.ndarray) -> tuple[float, float]:
    """Row and column of the centre of what is taken out of the beam."""
    taken = image[0, 0] - image
    rows, columns = np.indices(taken.shape)
    return float((taken * rows).sum() / taken.sum()), float((taken * columns).sum() / taken.sum())


@pytest.mark.parametrize("mu_per_mm", [0.3, 0.8, 2.0])
@pytest.mark.parametrize("gantry_deg", [0.0, 47.3, 270.0])
def test_the_centroid_of_the_shadow_is_the_truth(mu_per_mm, gantry_deg):
    imager = replace(CLEAN, isocentre_mm=(0.3, -0.2, 0.4), veil=0.04, sag_v_mm=Wave(cos=0.2), panel_rotation_deg=0.3)
    seen = view(kv_system(Linac(), imager), BallSetup((0.5, 0.4, -0.6), 6.3, kv_mu_per_mm=mu_per_mm), Shot(gantry_deg))
    expected = truth(seen).ball_px[0]
    assert centroid(draw(seen)) == pytest.approx(expected, abs=1e-4 / 0.2587)  # 1e-4 mm


def test_a_mirrored_set_up_gives_the_mirrored_image():
    def image(sign):
        imager = replace(CLEAN, isocentre_mm=(0.3 * sign, -0.2, 0.4), tilt_per_mm=(1e-3 * sign, 2e-3), glare_fraction=0.05, veil=0.02)
        setup = BallSetup((0.6 * sign, 0.4, 3.0), 6.3, rods=(Rod((0.2 * sign, -1.0, 0.1)),))
        slab = Slab((-5.0, -3.0, -60.0), (5.0, -2.0, -50.0))
        return draw(view(kv_system(Linac(), imager), setup, Shot(0.0), [slab]))

    assert image(1.0) == pytest.approx(image(-1.0)[:, ::-1], abs=1e-9)


@pytest.mark.parametrize("mu_per_mm", [0.3, 0.8])
def test_a_ball_is_the_absorption_along_each_ray_behind_spot_and_detector(mu_per_mm):
    seen = view(kv_system(Linac(), CLEAN), BallSetup((1.0, -0.7, 150.0), 5.0, kv_mu_per_mm=mu_per_mm), Shot(0.0))
    cells, pixel = 24, 0.388 / 1.5  # 11 um; the rim of an opaque ball is steep
    fine = pixel / cells
    u = ((np.arange(74 * cells) + 0.5) * fine - 37 * pixel)[None, :]
    v = -((np.arange(60 * cells) + 0.5) * fine - 30 * pixel)[:, None]
    to_ball = np.array([1.0, -0.7, 150.0]) - (0.0, 0.0, 1000.0)

    def taken(du, dv):
        cross = np.stack(np.broadcast_arrays(
            (v + dv) * to_ball[2] + 1000 * to_ball[1], -1000 * to_ball[0] - (u + du) * to_ball[2],
            (u + du) * to_ball[1] - (v + dv) * to_ball[0],
        ))  # fmt: skip
        off2 = (cross**2).sum(axis=0) / ((u + du) ** 2 + (v + dv) ** 2 + 1000**2)  # squared distance of centre and ray
        return 1 - np.exp(-2 * mu_per_mm * np.sqrt(np.maximum(2.5**2 - off2, 0)))

    steps = (np.arange(5) - 2) * fine / 5
    sharp = sum(taken(du, dv) for du in steps for dv in steps) / 25
    spot_sigma = 0.8 / np.sqrt(12) * (1500 - 850) / 850  # on the panel
    blurred = gaussian_filter(sharp, np.hypot(spot_sigma, 0.25) / 1.5 / fine, truncate=7, mode="constant")
    expected = 1 - blurred.reshape(60, cells, 74, cells).mean(axis=(1, 3))
    assert draw(seen) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("mu_per_mm", [0.3, 2.0])
def test_more_samples_change_nothing(mu_per_mm):
    imager = replace(CLEAN, focal_spot_mm=0.4, detector_mm=0.2, panel_rotation_deg=0.4)
    rod = Rod((0.1, -1.0, 0.2), kv_mu_per_mm=mu_per_mm)
    setup = BallSetup((0.6, 0.9, 40.0), 4.0, kv_mu_per_mm=mu_per_mm, rods=(rod,))
    seen = view(kv_system(Linac(), imager), setup, Shot(20.0), [Slab((-30.0, -30.0, -60.0), (2.0, 30.0, -50.0))])
    assert draw(seen) == pytest.approx(draw(seen, oversample=9), abs=1e-6)


@pytest.mark.parametrize("height_mm", [-200.0, 0.0, 200.0])
def test_the_spot_widens_a_shadow_by_the_lever_between_object_and_panel(height_mm):
    """Second moment of the shadow along u: a spot of 1.0 mm adds (1.0 (SID - d)/d)^2 / 12 on the panel."""

    def variance(spot_mm):
        kv = kv_system(Linac(), replace(CLEAN, focal_spot_mm=spot_mm))
        taken = 1 - draw(view(kv, BallSetup((0.0, 0.0, height_mm), 4.0), Shot(0.0)))
        x = (np.arange(74) - 36.5) * 0.388
        return float((taken.sum(axis=0) * x**2).sum() / taken.sum())

    distance = 1000 - height_mm
    expected = (1.0 * (1500 - distance) / distance) ** 2 / 12
    assert variance(1.0) - variance(1e-6) == pytest.approx(expected, rel=1e-4)


def test_blades_end_the_field_where_they_stand_and_can_be_out_of_view():
    inside = kv_system(Linac(), replace(KvImager(), blades_mm=(-120.0, 118.0, -80.0, 85.0), veil=0.0, glare_fraction=0.0))
    image = draw(view(inside, BallSetup((0.0, 300.0, 0.0)), Shot(0.0)))
    u, v = (np.arange(1024) - 511.5) * 0.388 / 1.5, -(np.arange(768) - 383.5) * 0.388 / 1.5
    row, column = image[384], image[:, 512]
    half = [np.interp(0.5, row[:100], u[:100]), np.interp(-0.5, -row[-100:], u[-100:])]
    assert half == pytest.approx((-120.0, 118.0), abs=0.01)
    assert np.interp(-0.5, -column[::-1][-100:], v[::-1][-100:]) == pytest.approx(85.0, abs=0.01)
    assert image[5, 5] < 1e-3
    out = draw(view(kv_system(Linac(), replace(XVI_SMALL, glare_fraction=0.0)), BallSetup((0.0, 500.0, 0.0)), Shot(0.0)))
    assert out.shape == (512, 512)
    assert out.min() > 0.99


def test_a_shifted_panel_still_knows_where_the_isocentre_is():
    kv = kv_system(Linac(), XVI_MEDIUM)
    row, column = truth(view(kv, BallSetup(), Shot(77.0))).ball_px[0]
    assert (row, column) == pytest.approx((255.5, 255.5 - 115.0 / 0.8))
    assert seen_uv(XVI_MEDIUM, (row, column)) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_scatter_fills_the_darkest_ball_and_black_empties_it():
    setup = BallSetup(diameter_mm=8.0, kv_mu_per_mm=2.0)
    filled = draw(view(kv_system(Linac(), replace(CLEAN, veil=0.05)), setup, Shot(0.0)))
    assert filled.min() == pytest.approx(0.05 + 0.95 * np.exp(-16.0), abs=1e-6)
    assert filled[0, 0] == pytest.approx(1.0, abs=1e-9)
    dark = kv_system(Linac(), replace(CLEAN, veil=0.05, noise_sigma=0.004, black=0.06, full_scale=1.0))
    pixels = expose(dark, setup, [Shot(0.0)], np.random.default_rng(1))[0].pixels
    assert pixels[30, 37] == 0
    assert (pixels[:5] == 65535).mean() > 0.3  # half of the open field is noise above full scale


def test_noise_follows_the_signal():
    imager = replace(KvImager(), blades_mm=WIDE, veil=0.0, glare_fraction=0.0, noise_sigma=0.01, quantum_share=0.75, noise_correlation=0.0)
    slab = Slab((0.0, -300.0, -20.0), (300.0, 300.0, -10.0), kv_mu_per_mm=0.1)  # lets exp(-1) through, oblique rays less
    exposure = expose(kv_system(Linac(), imager), [], [Shot(0.0)], np.random.default_rng(2), [slab])[0]
    signal = exposure.pixels * (1.35 / 65535)
    noise = (signal - draw(exposure.view))[100:-100]
    behind = float(signal[100:-100, 650:].mean())
    assert noise[:, :400].std() == pytest.approx(0.01, rel=0.01)
    assert noise[:, 650:].std() == pytest.approx(0.01 * np.sqrt(0.25 + 0.75 * behind), rel=0.01)
    assert behind == pytest.approx(np.exp(-1.0), rel=0.02)


def test_a_panel_of_two_gains_misreads_a_band():
    kv = kv_system(Linac(), replace(CLEAN, gain_slip=(0.2, 0.4, 1.5)))
    exposure = expose(kv, BallSetup(), [Shot(0.0)], np.random.default_rng(0))[0]
    true, read = draw(exposure.view), exposure.pixels * (1.35 / 65535)
    band = (true >= 0.2) & (true < 0.4)
    assert band.any()
    assert read[band] == pytest.approx(1.5 * true[band], abs=1.1e-5)
    assert read[~band] == pytest.approx(true[~band], abs=1.1e-5)


def test_the_edge_of_a_plate_lies_where_the_rays_put_it_and_takes_its_chord():
    """A couch edge at y = -10, 120 mm below the isocentre, seen straight from above and from 40 degrees."""
    slab = Slab((-100.0, -400.0, -121.0), (100.0, -10.0, -120.0), kv_mu_per_mm=0.5)
    imager = KvImager(PAXSCAN, blades_mm=WIDE, veil=0.0, glare_fraction=0.0)
    seen = view(kv_system(Linac(), imager), [], Shot(0.0), [slab])
    column = draw(seen)[:, 512]
    v = -(np.arange(768) - 383.5) * 0.388 / 1.5
    through = float(column[-40])
    assert through == pytest.approx(np.exp(-0.5), rel=0.002)
    edge = np.interp((1 + through) / 2, column[::-1], v[::-1])
    assert edge == pytest.approx(-10.0 / 1.120, abs=0.01)  # the upper rim of the plate is the outermost
    oblique = view(kv_system(Linac(), imager), [], Shot(40.0), [slab]).blocks[0]
    assert isinstance(oblique, Silhouette)
    g = np.deg2rad(40.0)
    for x, z in [(-100.0, -120.0), (100.0, -121.0)]:  # two corners on the outline
        xg, zg = x * np.cos(g) - z * np.sin(g), x * np.sin(g) + z * np.cos(g)
        expected = np.array([xg, -10.0]) * 1000 / (1000 - zg)
        assert min(np.hypot(*(np.array(corner) - expected)) for corner in oblique.corners) < 1e-9


def test_a_plate_goes_with_the_couch_and_must_stay_below_the_source():
    slab, kv = Slab((-5.0, -5.0, -6.0), (5.0, 5.0, -4.0)), kv_system(Linac(), KvImager())
    for travel in (0.0, 7.0):  # the upper corners are the outermost on a side that is away from the axis, else the lower
        corners = np.array(view(kv, [], Shot(0.0, travel_mm=(travel, 0.0, 0.0)), [slab]).blocks[0].corners)
        left = (travel - 5) / (1.006 if travel > 5 else 1.004)
        assert (corners[:, 0].min(), corners[:, 0].max()) == pytest.approx((left, (travel + 5) / 1.004))
        assert np.abs(corners[:, 1]).max() == pytest.approx(5 / 1.004)
    with pytest.raises(ValueError, match="up to the source"):
        view(kv, [], Shot(90.0), [Slab((0.0, -5.0, -6.0), (950.0, 5.0, -4.0))])


def test_a_stem_widens_by_its_cone_to_its_handle():
    """An almost opaque rod takes out of each line across it as much as it is wide."""
    rod = Rod(outline=((3.0, 2.6), (18.0, 2.6), (32.0, 9.4), (150.0, 9.4)), kv_mu_per_mm=60.0)
    imager = KvImager(PAXSCAN, blades_mm=WIDE, veil=0.0, glare_fraction=0.0, noise_sigma=0.0)
    seen = view(kv_system(Linac(), imager), BallSetup(diameter_mm=6.3, rods=(rod,)), Shot(0.0))
    assert isinstance(seen.stems[0], Spindle)
    taken = (1 - draw(seen)).sum(axis=1) * 0.388 / 1.5
    v = -(np.arange(768) - 383.5) * 0.388 / 1.5
    for depth, width in [(10.0, 2.6), (25.0, 6.0), (29.0, 2.6 + 6.8 * 11 / 14), (60.0, 9.4), (95.0, 9.4)]:
        assert taken[np.abs(v + depth).argmin()] == pytest.approx(width, rel=0.03)
    steel = replace(seen.stems[0], mu_per_mm=0.8)
    middle = steel.passes(np.zeros((1, 1)), np.full((1, 1), -60.0), (0.0, 0.0), 1000.0)
    assert float(middle[0, 0]) == pytest.approx(np.exp(-0.8 * 9.4), abs=1e-4)


def chord_mm(cuboid: Cuboid, source: np.ndarray, target: np.ndarray, step_mm: float = 0.02) -> float:
    """Length of the ray inside an unturned box at `centre_mm`, by walking along it."""
    length = float(np.linalg.norm(target - source))
    walk = np.arange(700, 1300, step_mm)[:, None] / length
    points = source + walk * (target - source) - np.array(cuboid.centre_mm)
    return float((np.abs(points) < np.array(cuboid.size_mm) / 2).all(axis=1).sum() * step_mm)


@pytest.mark.parametrize("gantry_deg", [0.0, 30.0, 270.0])
def test_a_box_takes_its_chord_along_each_ray(gantry_deg):
    cuboid = Cuboid((4.0, -6.0, 9.0), (80.0, 60.0, 100.0), kv_mu_per_mm=0.02)
    imager = replace(CLEAN, panel=COARSE)
    seen = view(kv_system(Linac(), imager), [], Shot(gantry_deg), [cuboid])
    image = draw(seen)
    source, picked = spot(imager, gantry_deg), [(192, 256), (125, 240), (250, 300), (165, 330), (230, 175), (192, 190)]
    met = 0
    for pixel in picked:
        within = [(pixel[0] + a, pixel[1] + b) for a in (-1 / 3, 0, 1 / 3) for b in (-1 / 3, 0, 1 / 3)]
        chords = np.array([chord_mm(cuboid, source, in_room(imager, gantry_deg, point)) for point in within])
        expected = np.exp(-0.02 * chords).mean()
        assert image[pixel] == pytest.approx(expected, abs=1e-3)
        met += expected < 0.9
    assert met >= 4
    centre = truth(seen).box_px[0]
    ray, ball = in_room(imager, gantry_deg, centre) - source, np.array(cuboid.centre_mm) - source
    assert np.linalg.norm(np.cross(ray, ball)) / np.linalg.norm(ray) < 1e-9


def test_a_turned_box_turns_as_the_solid_of_a_volume_does():
    """Positive turn about Y: seen from +Y counter-clockwise, +Z goes to +X; 90 degrees swap width and height."""
    kv = kv_system(Linac(), replace(CLEAN, panel=COARSE))
    turned = draw(view(kv, [], Shot(0.0), [Cuboid((3.0, 2.0, 1.0), (40.0, 60.0, 90.0), (0.0, 90.0, 0.0))]))
    plain = draw(view(kv, [], Shot(0.0), [Cuboid((3.0, 2.0, 1.0), (90.0, 60.0, 40.0))]))
    assert turned == pytest.approx(plain, abs=1e-9)
    slightly = view(kv, [], Shot(90.0), [Cuboid((0.0, 0.0, 0.0), (60.0, 40.0, 60.0), (0.0, 10.0, 0.0))]).blocks[0]
    # at 90 degrees u = -z and the ray runs along x: the edge that was +Z now points to (sin 10, 0, cos 10)
    assert slightly.edges[2] == pytest.approx((-np.cos(np.deg2rad(10)), 0.0, np.sin(np.deg2rad(10))))


def test_the_rim_of_a_box_is_blurred_and_keeps_its_place():
    """Straight sides of a thin box off the axis, where the chord ends in a step: the chord's brute-force convolution."""
    cuboid = Cuboid((1.0, 0.5, 0.0), (9.0, 7.0, 4.0), kv_mu_per_mm=0.02)
    image = draw(view(kv_system(Linac(), CLEAN), [], Shot(0.0), [cuboid]))
    cells, pixel = 24, 0.388 / 1.5
    u = ((np.arange(74 * cells) + 0.5) / cells - 37)[None, :] * pixel
    v = -((np.arange(60 * cells) + 0.5) / cells - 30)[:, None] * pixel
    # share of the way from the spot to the plane at which each pair of faces is passed
    x = np.sort(np.stack([(1.0 + side * 4.5) / u * np.ones_like(v) for side in (-1, 1)]), axis=0)
    y = np.sort(np.stack([(0.5 + side * 3.5) / v * np.ones_like(u) for side in (-1, 1)]), axis=0)
    first, last = np.maximum(np.maximum(x[0], y[0]), 0.998), np.minimum(np.minimum(x[1], y[1]), 1.002)
    chord = np.maximum(last - first, 0) * np.sqrt(u**2 + v**2 + 1000.0**2)
    sigma = np.hypot(0.8 / np.sqrt(12) * 0.5, 0.25) / 1.5
    passed = np.exp(-0.02 * gaussian_filter(chord, sigma / (pixel / cells), truncate=7))
    expected = passed.reshape(60, cells, 74, cells).mean(axis=(1, 3))
    middle_u, middle_v = u[0].reshape(74, cells).mean(axis=1), v[:, 0].reshape(60, cells).mean(axis=1)
    by_x = np.minimum(np.abs(middle_u - 5.5), np.abs(middle_u + 3.5)) < 1.2
    by_y = np.minimum(np.abs(middle_v - 4.0), np.abs(middle_v + 3.0)) < 1.2
    straight = ~(by_y[:, None] & by_x[None, :])  # corners are only roughly blurred
    assert image[straight] == pytest.approx(
        expected[straight], abs=2e-3
    )  # the claim of BoxShadow: 0.012 mm of an edge that falls by 0.17 per mm
    assert image == pytest.approx(expected, abs=6e-3)


def test_one_phantom_serves_both_beams():
    setup = BallSetup((0.4, 0.3, 0.2), 8.0, mu_per_mm=0.05, kv_mu_per_mm=0.7, rods=(Rod(),))
    mv, kv = (view(machine, setup, Shot(0.0)) for machine in (Linac(), kv_system(Linac(), KvImager())))
    assert (mv.balls[0].mu_per_mm, kv.balls[0].mu_per_mm) == (0.05, 0.7)
    assert (mv.balls[0].u_mm, mv.balls[0].v_mm) == (kv.balls[0].u_mm, kv.balls[0].v_mm)


def test_the_typical_kv_beam_looks_0_3_mm_past_the_treatment_isocentre():
    lines = beam_axes(typical(), tuple(Shot(g, c) for g in range(0, 360, 30) for c in range(0, 360, 90)))
    across = [np.eye(3) - np.outer(line.direction, line.direction) for line in lines]
    t = np.linalg.solve(sum(across), sum(p @ line.source_mm for p, line in zip(across, lines, strict=True)))
    kv = typical_kv()
    assert np.linalg.norm(np.array(kv.imager_isocentre_mm) - t) == pytest.approx(0.3, abs=0.02)
    assert (kv.name, kv.serial, kv.couch_axis_mm) == (typical().name, typical().serial, typical().couch_axis_mm)
    sag = [kv.panel_v_mm.at(g) / kv.panel_v_mm.at(0.0) for g in (0.0, 180.0)]
    assert sag == pytest.approx([1.0, -1.0])
    assert kv.panel_v_mm.at(0.0) == pytest.approx(0.20 * (1500 - 0.4) / 1000)


def test_files_read_back_as_kv_of_the_same_machine(tmp_path):
    setup, travel = BallSetup((0.3, -0.2, 0.5), 6.3), (1.0, -2.0, 0.25)
    imager = KvImager(isocentre_mm=(0.2, 0.1, -0.1), receptor_mm=(0.5, -0.25))
    kv = expose(kv_system(typical(), imager), setup, [Shot(0.0, travel_mm=travel), Shot(270.0, travel_mm=travel)], np.random.default_rng(3))
    mv = expose(typical(), setup, [Shot(0.0), Shot(90.0)], np.random.default_rng(4))
    write(kv, tmp_path / "kv", seed=3)
    write(mv, tmp_path / "mv", seed=3, start=FIRST_EXPOSURE + timedelta(minutes=10))
    with dicom.opened([tmp_path / "kv"]) as batch:
        images = [image for acquisition in batch.acquisitions if not acquisition.day for image in acquisition.images]
        assert [image.gantry_deg for image in images] == [0.0, 270.0]
        for image, exposure in zip(images, kv, strict=True):
            assert (image.radiation, image.energy) == ("kV", "100 kV")
            assert (image.shape, image.spacing_mm, image.sid_mm, image.sad_mm) == ((768, 1024), (0.388, 0.388), 1500.0, 1000.0)
            assert image.receptor_mm == (0.5, -0.25)
            assert image.couch_mm == pytest.approx((1.25 + 1.0, 1200.0 - 2.0, -120.5 + 0.25))
            assert image.tags["LeafJawPositions ASYMX"].startswith("-127")
            signal = image.pixels
            ranked = np.corrcoef(signal.ravel()[::97], exposure.pixels.ravel()[::97])[0, 1]
            assert ranked == pytest.approx(1.0, abs=1e-6)  # the ball is dark again
    with dicom.opened([tmp_path / "mv"]) as batch:
        mv_images = [image for acquisition in batch.acquisitions if not acquisition.day for image in acquisition.images]
        assert {image.machine for image in mv_images} == {image.machine for image in images}
        assert {image.radiation for image in mv_images} == {"MV"}
