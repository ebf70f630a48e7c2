"""Ball and field in drawn images against where the phantoms put them; panels are oblong and pixels are not square.

Bounds without noise: a ball within 1 micrometre and a field within 0.5 (a hundredth of what noise does to a good image) where nothing
disturbs; 5 micrometres for ball minus field where a holder, leaf ends, a shoulder or a steep beam does.
"""

from dataclasses import replace

import numpy as np
import pytest

from phantoms.aperture import REALISTIC, SIMPLE, Cone, Leaves, Rectangle
from phantoms.epid import Block, Shadow, Stem, View, draw, truth
from phantoms.noise import bright_spot, correlated, dead_line, dead_pixels, digitise, white
from phantoms.panel import AS500, AS1200, IVIEWGT, Panel
from qa.features.ball import ball_centre
from qa.features.ball_in_field import Seen, ball_in_field
from qa.features.blob import find_ball
from qa.features.region import locate
from qa.features.surface import Surface
from qa.features.turns import COUNT, DihedralTurn
from qa.reading import AnalysisError

PANEL = Panel("oblong", 150, 171, (0.50, 0.40))
BALL = Shadow(0.43, -0.61, 7.0)
PLAIN = View(PANEL, Rectangle(20.3, 18.9), SIMPLE, (0.31, -0.42), balls=(BALL,))
REAL = replace(PLAIN, aperture=Leaves(20.0, 20.0), penumbra=REALISTIC)
ROD = Stem(0.43, -0.61, -90.0, 2.5, 0.87, start_mm=3.5)
MICROMETRE = 1e-3


def pitch(view: View) -> tuple[float, float]:
    """(row, column) pitch on the isocentre plane."""
    scale = view.sad_mm / view.sid_mm
    return view.panel.pitch_mm[0] * scale, view.panel.pitch_mm[1] * scale


def measure(view: View, image: np.ndarray | None = None, turn: int = 7) -> Seen:
    pixels = draw(view) if image is None else image
    return ball_in_field(pixels.astype(np.float32), pitch(view), turn)


def errors(view: View, seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    """Found minus true (x, y) of ball and field, mm on the isocentre plane."""
    true, step = truth(view), np.array(pitch(view))
    places = ((seen.ball, true.ball_px[0]), (seen.field, true.field_px))
    ball, field = (np.array([p.x_mm, p.y_mm]) - (np.array(px) * step)[::-1] for p, px in places)
    return ball, field


def assert_offset_within(view: View, seen: Seen, bound_mm: float) -> None:
    ball, field = errors(view, seen)
    assert np.hypot(*(ball - field)) < bound_mm


# Accuracy without noise


@pytest.mark.parametrize("angle", [0.0, 17.0, 30.0, 45.0, 60.0, 90.0, 133.0, 181.3, 359.99])
def test_rectangles_at_any_collimator_angle(angle):
    view = replace(PLAIN, collimator_deg=angle)
    seen = measure(view)
    ball, field = errors(view, seen)
    assert np.abs(ball).max() < 1.0 * MICROMETRE
    assert np.abs(field).max() < 0.5 * MICROMETRE
    assert seen.field.shape == "rectangle"
    assert sorted(seen.field.size_mm[:2]) == pytest.approx([18.9, 20.3], abs=0.05)


@pytest.mark.parametrize(
    ("panel", "sid"),
    [
        (AS500.cropped(120, 131), 1000.0),
        (AS500.cropped(120, 131), 1500.0),
        (AS1200.cropped(200, 231), 1800.0),
        (IVIEWGT.cropped(160, 181), 1600.0),
    ],
)
def test_coarse_and_fine_panels_near_and_far(panel, sid):
    view = replace(PLAIN, panel=panel, sid_mm=sid, collimator_deg=11.0, penumbra=REALISTIC)
    ball, field = errors(view, measure(view))
    assert np.abs(ball).max() < 1.0 * MICROMETRE
    assert np.abs(field).max() < 0.5 * MICROMETRE


DISTURBED = {
    "leaf ends scallop two edges": REAL,
    "leaf ends, collimator at 90": replace(REAL, collimator_deg=90.0),
    "leaf ends, collimator at 30": replace(REAL, collimator_deg=30.0),
    "a jaw beside the leaves' sides": replace(REAL, aperture=Leaves(20.0, 18.7, (0.0, 0.8))),
    "a flattening-filter-free beam": replace(PLAIN, curvature_per_mm2=-2e-4, tilt_per_mm=(0.0015, -0.0007)),
    "a steep tilt": replace(PLAIN, tilt_per_mm=(0.004, -0.002)),
    "a displaced and turned panel": replace(PLAIN, panel_shift_mm=(4.2, -3.3), panel_rotation_deg=1.3),
    "a holder rod": replace(PLAIN, stems=(ROD,)),
    "an oblique holder rod": replace(PLAIN, stems=(replace(ROD, direction_deg=37.0),)),
    "a short faint rod": replace(REAL, stems=(replace(ROD, direction_deg=200.0, transmission=0.92, length_mm=30.0),)),
    "a ball of 3 % contrast": replace(PLAIN, balls=(Shadow(0.43, -0.61, 5.0, 0.006),)),
    "a small ball": replace(PLAIN, balls=(Shadow(0.43, -0.61, 2.0, 0.1),)),
    "a large ball": replace(PLAIN, aperture=Rectangle(26.0, 27.0), balls=(Shadow(0.43, -0.61, 10.0),)),
    "a ball 3 mm off, in the field's shoulder": replace(REAL, aperture=Rectangle(22.0, 21.0), balls=(Shadow(3.43, -2.61, 5.0),)),
    "scattered light": replace(PLAIN, glare_fraction=0.05),
    "a cone": replace(PLAIN, aperture=Cone(25.0)),
    "a cone with shoulders": replace(PLAIN, aperture=Cone(25.0), penumbra=REALISTIC),
}  # fmt: skip


@pytest.mark.parametrize("name", DISTURBED)
def test_ball_minus_field_with_everything_that_real_images_have(name):
    assert_offset_within(DISTURBED[name], measure(DISTURBED[name]), 5 * MICROMETRE)


def test_a_cone_is_told_from_a_square_and_a_rod_is_mentioned():
    assert measure(DISTURBED["a cone"]).field.shape == "cone"
    assert measure(PLAIN).field.shape == "rectangle"
    assert measure(DISTURBED["a holder rod"]).ball.flags == ("holder rod left out",)
    assert measure(PLAIN).ball.flags == ()


def test_a_ball_can_be_measured_without_its_field():
    """The ball's centre needs the coarse region only."""
    pixels = draw(PLAIN).astype(np.float32)
    region = locate(pixels, pitch(PLAIN))
    surface = Surface.around(pixels, pitch(PLAIN), region, 6.0)
    found = ball_centre(surface, region, find_ball(surface, region))
    row, column = truth(PLAIN).ball_px[0]
    assert (found.x_mm, found.y_mm) == pytest.approx((column * pitch(PLAIN)[1], row * pitch(PLAIN)[0]), abs=MICROMETRE)


SMALL = [
    (f"{type(aperture).__name__} {size}, ball {ball} mm, {len(penumbra.weights)} Gaussians", aperture, ball, penumbra)
    for penumbra in (SIMPLE, REALISTIC)
    for size, ball in ((10.0, 3.0), (10.0, 4.0), (12.5, 5.0), (15.0, 5.0), (15.0, 6.0))
    for aperture in (Rectangle(size, 0.97 * size), Cone(size))
]  # fmt: skip


@pytest.mark.parametrize(("name", "aperture", "ball", "penumbra"), SMALL, ids=[s[0] for s in SMALL])
def test_a_small_field_is_measured_within_its_uncertainty_or_refused(name, aperture, ball, penumbra):
    """No algorithm can tell ball from field where little open beam is left between them; then it has to say so.

    Without noise three standard uncertainties and 5 micrometres leave no room for chance: each part is meant for itself.
    """
    view = replace(PLAIN, aperture=aperture, penumbra=penumbra, collimator_deg=11.0, balls=(Shadow(0.3, 0.2, ball),))
    try:
        seen = measure(view)
    except AnalysisError:
        return
    for error, position in zip(errors(view, seen), (seen.ball, seen.field), strict=True):
        assert (np.abs(error) < 3 * np.array(position.u_mm) + 5 * MICROMETRE).all()


# Symmetry


TURNED = [(REAL, 1 * MICROMETRE), (replace(REAL, collimator_deg=27.0, stems=(replace(ROD, direction_deg=63.0),)), 5 * MICROMETRE)]


@pytest.mark.parametrize(("view", "bound"), TURNED, ids=["no holder", "holder rod"])
def test_a_turned_picture_gives_the_turned_answer(view, bound):
    """Each of the seven flips and quarter turns, done here by numpy alone, leaves the answer where it is."""
    image, step = draw(view), np.array(pitch(view))
    plain = measure(view, image)
    offset = np.array([plain.ball.x_mm - plain.field.x_mm, plain.ball.y_mm - plain.field.y_mm])
    turns = [
        (image[::-1], (1, -1), False), (image[:, ::-1], (-1, 1), False), (image[::-1, ::-1], (-1, -1), False),
        (image.T, (1, 1), True), (image.T[::-1], (1, -1), True), (image.T[:, ::-1], (-1, 1), True), (image.T[::-1, ::-1], (-1, -1), True),
    ]  # fmt: skip
    for picture, sign, swapped in turns:
        seen = ball_in_field(np.ascontiguousarray(picture, np.float32), tuple(step[::-1] if swapped else step))
        found = np.array([seen.ball.x_mm - seen.field.x_mm, seen.ball.y_mm - seen.field.y_mm]) * sign
        assert (found[::-1] if swapped else found) == pytest.approx(offset, abs=bound)


def test_seven_turns_are_the_seven_and_lead_back():
    """On an oblong picture of numbers that are all different, each turn is another picture and each pixel comes back to its place."""
    rows, columns, step = 3, 5, (0.7, 0.3)
    picture = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    seen = {picture.tobytes() + bytes(picture.shape)}
    for number in range(1, COUNT + 1):
        turn = DihedralTurn(number)
        turned, pitch_turned = turn.picture(picture), turn.pitch(step)
        seen.add(turned.tobytes() + bytes(turned.shape))
        for (row, column), value in np.ndenumerate(turned):
            x, y = turn.back(column * pitch_turned[1], row * pitch_turned[0], picture.shape, step)
            assert picture[round(y / step[0]), round(x / step[1])] == value
    assert len(seen) == 8


@pytest.mark.parametrize("turn", range(1, 8))
def test_the_self_test_sees_next_to_nothing_in_a_clean_image(turn):
    assert measure(REAL, turn=turn).turned_mm < 2 * MICROMETRE


# Noise: the stated uncertainty is the scatter


@pytest.mark.parametrize(("view", "correlation"), [(PLAIN, 0.0), (replace(REAL, collimator_deg=20.0), 0.6)])
def test_noise_moves_ball_and_field_by_what_is_stated(view, correlation):
    """24 images of 0.4 % noise: 48 pulls tell the mean to 0.14 and the deviation to 10 %; four times that beyond 0.3, [0.7, 1.3]."""
    rng, image = np.random.default_rng(1), draw(view)
    pulls = []
    for _ in range(24):
        seen = measure(view, correlated(rng, image, 0.004, correlation))
        ball, field = errors(view, seen)
        pulls.append((ball / seen.ball.u_mm, field / seen.field.u_mm))
    for part in np.array(pulls).transpose(1, 0, 2):
        assert abs(part.mean()) < 0.3 + 4 * 0.144
        assert 0.7 * (1 - 4 * 0.102) < part.std(ddof=1) < 1.3 * (1 + 4 * 0.102)


# Things that must not matter, and things that must be told


@pytest.mark.parametrize(
    ("row", "column", "radius", "value"), [(20, 20, 4, 2.0), (20, 140, 6, 3.0), (75, 12, 3, 1.0), (20, 85, 5, 0.6), (130, 160, 2, 50.0)]
)
def test_an_artefact_outside_the_field_does_not_move_it(row, column, radius, value):
    image = bright_spot(draw(PLAIN), row, column, radius, value)
    ball, field = errors(PLAIN, measure(PLAIN, image))
    assert np.abs(ball).max() < 1.0 * MICROMETRE
    assert np.abs(field).max() < 0.5 * MICROMETRE


def test_dead_pixels_and_a_dead_line_beside_the_field_do_not_matter():
    rng = np.random.default_rng(2)
    image = dead_line(draw(PLAIN), row=3, column=5)
    assert_offset_within(PLAIN, measure(PLAIN, image), 1.5 * MICROMETRE)
    for row, column in rng.integers((10, 10), (25, 160), (30, 2)):  # below and beside the field
        image[row, column] = 0.0
    assert_offset_within(PLAIN, measure(PLAIN, image), 1.5 * MICROMETRE)


def adversarial(rng: np.random.Generator, kind: int) -> np.ndarray:
    """A good image with something wrong in or near the field."""
    image = correlated(rng, draw(REAL), 0.003, 0.5)
    middle_row, middle_column = 75 + rng.normal(0, 25), 85 + rng.normal(0, 30)
    if kind == 0:
        return dead_line(image, row=int(rng.integers(40, 110)))
    if kind == 1:
        return dead_line(image, column=int(rng.integers(45, 125)), value=float(rng.choice([0.0, 1.2])))
    if kind == 2:
        return bright_spot(image, middle_row, middle_column, float(rng.uniform(1, 8)), float(rng.uniform(0, 2)))
    if kind == 3:
        return dead_pixels(rng, image, int(rng.integers(10, 800)))
    block = Block(
        float(rng.normal(0, 8)),
        float(rng.normal(0, 8)),
        float(rng.uniform(2, 15)),
        float(rng.uniform(2, 15)),
        float(rng.uniform(0, 90)),
        float(rng.uniform(0.5, 0.98)),
    )
    return correlated(rng, draw(replace(REAL, blocks=(block,))), 0.003, 0.5)


@pytest.mark.parametrize("kind", range(5), ids=["dead row", "dead column", "spot", "dead pixels", "block"])
def test_no_gross_error_is_silent(kind):
    """An image may be refused or measured with a large uncertainty; it may not be wrong by 0.2 mm and claim to be right."""
    rng = np.random.default_rng([3, kind])
    for _ in range(16):
        image = adversarial(rng, kind)
        try:
            seen = measure(REAL, image)
        except AnalysisError:
            continue
        ball, field = errors(REAL, seen)
        u = np.hypot(seen.ball.u_mm, seen.field.u_mm)
        assert (np.abs(ball - field) < 0.2 + 3 * u).all()


@pytest.mark.parametrize(
    "block",
    [Block(0.43, -15.0, 30.0, 20.0, 0.0, 0.9), Block(0.43, -20.5, 60.0, 20.0, 0.0, 0.9), Block(-15.0, -0.6, 20.0, 50.0, 0.0, 0.95)],
    ids=["over one edge, 5 mm inside", "on one edge only", "over one edge, 5 mm inside, faint"],
)
def test_a_block_over_one_edge_is_refused_or_its_effect_is_stated(block):
    """Three standard uncertainties and 5 micrometres must hold the truth: there is no noise in the image to excuse more."""
    view = replace(PLAIN, blocks=(block,))
    try:
        seen = measure(view)
    except AnalysisError:
        return
    for error, position in zip(errors(view, seen), (seen.ball, seen.field), strict=True):
        assert (np.abs(error) < 3 * np.array(position.u_mm) + 5 * MICROMETRE).all()


# Refusals


def noisy(view: View, seed: int = 4) -> np.ndarray:
    return correlated(np.random.default_rng(seed), draw(view), 0.003, 0.5)


def two_fields() -> np.ndarray:
    left = replace(PLAIN, aperture=Rectangle(10.0, 10.0), field_uv_mm=(-9.0, 0.0), balls=())
    right = replace(PLAIN, aperture=Rectangle(11.0, 11.0), field_uv_mm=(9.0, 0.0), balls=(Shadow(9.0, 0.0, 4.0),))
    return np.maximum(draw(left), draw(right))


def holed() -> np.ndarray:
    image = draw(PLAIN)
    image[70:80, 60:90] = np.nan
    return image


BARS = tuple(Block(2.0 * k - 7, 0.0, 1.0, 12.0, 0.0, 0.7) for k in range(8))
SQUARE = replace(PLAIN, balls=(), blocks=(Block(0.0, 0.0, 6.0, 6.0, 20.0, 0.7),))
REFUSED = {
    "blank": (lambda: np.zeros(PANEL.shape), "blank|no radiation field"),
    "uniform": (lambda: np.full(PANEL.shape, 7.0), "blank|no radiation field"),
    "an open panel": (lambda: white(np.random.default_rng(5), np.ones(PANEL.shape), 0.003), "field"),
    "no ball": (lambda: noisy(replace(PLAIN, balls=())), "no ball"),
    "no ball, no noise": (lambda: draw(replace(PLAIN, balls=())), "no ball"),
    "two balls": (lambda: noisy(replace(PLAIN, balls=(Shadow(-4.0, 0.0, 4.0), Shadow(4.0, 1.0, 4.0)))), "more than one ball"),
    "two unlike balls": (lambda: noisy(replace(PLAIN, balls=(Shadow(-4.0, 0.0, 4.0), Shadow(4.0, 1.0, 3.0)))), "more than one ball"),
    "a bar pattern": (lambda: noisy(replace(PLAIN, balls=(), blocks=BARS)), "ball"),
    "a square absorber": (lambda: noisy(SQUARE), "round|not a ball"),
    "a square absorber, no noise": (lambda: draw(SQUARE), "round|not a ball"),
    "an oblong absorber": (lambda: noisy(replace(PLAIN, balls=(), blocks=(Block(0.0, 0.0, 4.0, 9.0, 20.0, 0.7),))), "ball"),
    "the ball near the edge": (lambda: noisy(replace(PLAIN, balls=(Shadow(7.5, 0.0, 7.0),))), "the ball reaches the field's edge"),
    "the ball on the edge": (lambda: noisy(replace(PLAIN, balls=(Shadow(10.0, 0.0, 7.0),))), "ball"),
    "the ball outside": (lambda: noisy(replace(PLAIN, balls=(Shadow(18.0, 0.0, 7.0),))), "no ball"),
    "half a ball": (lambda: noisy(replace(PLAIN, blocks=(Block(6.0, -0.6, 11.0, 30.0, 0.0, 0.5),))), "ball"),
    "saturated": (lambda: digitise(noisy(PLAIN) * 1.5, 1.25).astype(float), "saturated"),
    "clipped in the field": (lambda: np.minimum(noisy(PLAIN), 0.8), "saturated"),
    "off the panel": (lambda: noisy(replace(PLAIN, panel_shift_mm=(22.0, 0.0))), "runs off the panel"),
    "off the panel's corner": (lambda: noisy(replace(PLAIN, panel_shift_mm=(24.0, 27.0))), "runs off the panel"),
    "two fields": (two_fields, "more than one radiation field"),
    "not numbers": (holed, "not numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_measured_is_refused_with_the_reason(name):
    image, words = REFUSED[name]
    with pytest.raises(AnalysisError, match=words):
        measure(PLAIN, image())


@pytest.mark.parametrize("seed", range(6))
def test_noise_alone_is_not_a_field_with_a_ball(seed):
    rng = np.random.default_rng([6, seed])
    with pytest.raises(AnalysisError):
        measure(PLAIN, correlated(rng, np.full(PANEL.shape, 0.5), 0.02, float(rng.uniform(0, 0.9))))


def test_a_line_of_pixels_that_are_not_numbers_is_refused_wherever_the_field_is():
    """The coarse grid skips rows; what it skips must not reach the fine algorithms as a number."""
    for row in range(60, 66):
        image = draw(PLAIN)
        image[row] = np.nan
        with pytest.raises(AnalysisError):
            measure(PLAIN, image)


def test_a_bright_spot_on_a_panel_of_one_value_is_no_field():
    """When the spot is set aside nothing is left: not even noise."""
    pixels = np.full((150, 171), 100.0, np.float32)
    pixels[70:73, 80:83] = 60000.0
    with pytest.raises(AnalysisError, match=r"no radiation field|blank"):
        locate(pixels, (0.5, 0.4))
