"""Planar images that are wrong in some way: every number that is given is right within five u, everything else has its reason.

The truth is what was drawn: the facts of the phantom, the geometry, blur and noise of the drawing. What an attack changes in the truth
(a header that is wrong by a known factor) is worked out beside it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, median_filter

from phantoms.models import planar_models
from phantoms.panel import Panel
from phantoms.planar import Placement, Scene, draw
from phantoms.planar_blur import KV, MV
from phantoms.planar_detector import Detector, Frame, develop
from phantoms.planar_exposure import KV_LINAC, MV_LINAC
from phantoms.planar_light import Beam
from qa import planar_quality_inside, planar_quality_measure, procedure, rehearsal
from qa import planar_quality_truth_rehearsal as drawn
from qa.acquisition import Acquisition, Image
from qa.features.mtf import Mtf
from qa.features.number import Number
from qa.features.planar_borders import Border
from qa.planar_quality_bars import BarGroups
from qa.planar_quality_look import Seen, look
from qa.planar_quality_sharpness import Sharpness
from qa.procedure import where
from qa.reading import AnalysisError, Measured, NotMeasured, Reading

TEST = procedure.load("planar_quality")
MODELS = {model.key: model for model in planar_models()}
PANEL, LARGE = Panel("small", 400, 512, (0.60, 0.57)), Panel("large", 520, 600, (0.60, 0.57))
NOISE = Detector(0.003, 0.3, 0.0008)
SCENES = {
    "qc3": Scene(MODELS["si_qc3"], PANEL, Placement((14.0, -7.0), 42.0, False, 1008.0), blur=MV, sid_mm=1150.0),
    "las_vegas": Scene(MODELS["las_vegas"], PANEL, Placement((9.0, -7.0), 5.0, False, 1000.0), blur=MV, sid_mm=1150.0),
    "leeds": Scene(MODELS["leeds_tor18"], LARGE, Placement((9.0, -7.0), 12.0, False, 1000.0), blur=KV, sid_mm=1150.0),
    "qckv": Scene(MODELS["si_qckv"], PANEL, Placement((9.0, -7.0), 42.0, False, 1000.0), blur=KV, sid_mm=1150.0),
}
Pixels = np.ndarray
FILTERS: dict[str, Callable[[Pixels], Pixels]] = {
    "smoothed by 0.7 pixels": partial(gaussian_filter, sigma=0.7),
    "smoothed by 2 pixels": partial(gaussian_filter, sigma=2.0),
    "smoothed by 6 pixels": partial(gaussian_filter, sigma=6.0),
    "median of 3": partial(median_filter, size=3),
    "median of 5": partial(median_filter, size=5),
}


@cache
def light(name: str) -> Pixels:
    return draw(SCENES[name])


def taken(name: str, detector: Detector = NOISE, beam: Beam | None = None) -> Frame:
    scene = SCENES[name] if beam is None else replace(SCENES[name], beam=beam)
    return develop(scene, light(name).copy() if beam is None else draw(scene), detector, np.random.default_rng(5))


def acquired(frame: Frame, make: Callable[[Pixels], Pixels] | None = None, **header: object) -> Acquisition:
    """The frame as a set of one image, its pixels (float, growing with radiation) and header changed."""
    linac = KV_LINAC if frame.scene.model is not None and frame.scene.model.radiation == "kV" else MV_LINAC
    one = rehearsal.planar([frame], linac)

    def changed(image: Image) -> Image:
        pixels = np.asarray(make(image.pixels.copy()) if make else image.pixels, dtype=np.float32)
        return replace(image, shape=pixels.shape, load=lambda: pixels.copy(), **header)

    return replace(one, images=tuple(changed(image) for image in one.images))


def answers(one: Acquisition) -> tuple[Reading, ...]:
    """All readings; a set that is refused as a whole has one reason."""
    if reason := TEST.accepts(one):
        return tuple(NotMeasured(quantity, reason) for quantity in TEST.quantities)
    return TEST.analyse(one).readings


def far(found: tuple[Reading, ...], frame: Frame, one: Acquisition) -> dict[str, str]:
    """Numbers further than five u from what was drawn."""
    truth = drawn.of_image(frame, one.images[0].sop_instance_uid)
    wrong = {}
    for reading in found:
        key = reading.quantity.key, where(reading.at)
        if isinstance(reading, Measured) and not reading.missing and key in truth and abs(reading.value - truth[key]) > 5 * reading.u:
            wrong[f"{key[0]} {reading.at.get('part', '')}"] = f"{reading.value:.5g} +- {reading.u:.2g}, drawn {truth[key]:.5g}"
    return wrong


def beside_light(wrong: dict[str, str]) -> dict[str, str]:
    """Without what the drawing states for the light in the middle of the panel alone: tilt, noise and what is over it."""
    local = ("planar_tilt", "planar_cnr", "planar_visibility", "planar_detectability", "planar_noise", "planar_nps_integral")
    return {key: said for key, said in wrong.items() if key.split()[0] not in local}


def measured(found: tuple[Reading, ...], *keys: str) -> None:
    """Each of these quantities has a number that may pass."""
    given = {r.quantity.key for r in found if isinstance(r, Measured) and not r.missing}
    assert not set(keys) - given, reasons(found)


def numbers(found: tuple[Reading, ...]) -> dict[tuple[str, str], Measured]:
    return {(r.quantity.key, str(r.at.get("part", ""))): r for r in found if isinstance(r, Measured)}


def reasons(found: tuple[Reading, ...]) -> str:
    return " | ".join(sorted({r.reason for r in found if isinstance(r, NotMeasured)}))


def rolled(name: str, side: str, cut_mm: float) -> Callable[[Pixels], Pixels]:
    """A blade parallel to the panel over one side of the picture: everything beyond it is dark, with its own penumbra left out."""

    def make(pixels: Pixels) -> Pixels:
        scene = SCENES[name]
        x, y = scene.to_phantom(
            *np.meshgrid(np.arange(pixels.shape[0], dtype=float), np.arange(pixels.shape[1], dtype=float), indexing="ij")
        )
        model = scene.model
        assert model is not None
        inner = {
            "right": x - model.width_mm / 2,
            "left": -x - model.width_mm / 2,
            "up": y - model.height_mm / 2,
            "down": -y - model.height_mm / 2,
            "all": np.maximum(np.abs(x) - model.width_mm / 2, np.abs(y) - model.height_mm / 2),
        }[side]
        shade = 0.5 * (1 - np.tanh((inner + cut_mm) / 1.2))
        return pixels * (0.02 + 0.98 * shade)

    return make


@pytest.mark.parametrize("cut_mm", [0.5, 2.0])
@pytest.mark.parametrize(
    ("name", "side"), [("las_vegas", "right"), ("las_vegas", "all"), ("qc3", "up"), ("qckv", "all"), ("leeds", "left")]
)
def test_a_blade_over_a_side_makes_no_phantom_smaller(name, side, cut_mm):
    frame = taken(name)
    one = acquired(frame, rolled(name, side, cut_mm))
    found = answers(one)
    assert far(found, frame, one) == {}
    if side != "all":
        measured(found, "planar_size_error")
    else:  # no side is left to say where the phantom ends
        assert numbers(found) == {}
        assert "phantom" in reasons(found)


@pytest.mark.parametrize(
    ("name", "share", "given"),
    [
        ("qc3", 0.6, set()),
        ("leeds", 0.83, {"planar_size_error", "planar_contrast"}),
        ("las_vegas", 0.6, {"planar_size_error", "planar_contrast", "planar_noise"}),
        ("qc3", 0.83, {"planar_size_error"}),
    ],
)
def test_a_saturated_image_gives_no_wrong_number(name, share, given):
    """The panel's highest value is this share of the open beam; below a QC-3's plate (0.79) its parts are not seen."""
    frame = taken(name)
    one = acquired(frame, lambda pixels: np.minimum(pixels, share * frame.levels))
    found = answers(one)
    assert far(found, frame, one) == {}
    assert {key for key, _ in numbers(found)} >= given
    if not given:
        assert numbers(found) == {}
        assert "what the outline holds looks like no known phantom" in reasons(found)


@pytest.mark.parametrize("name", ["qc3", "las_vegas"])
@pytest.mark.parametrize("mark", [2, 6, 30])
def test_a_bright_mark_in_a_corner_hides_no_saturation(name, mark):
    """Hot pixels, or what somebody wrote into the image, are brighter than the value at which the panel is full."""
    frame = taken(name)

    def make(pixels: Pixels) -> Pixels:
        full = np.minimum(pixels, 0.83 * frame.levels)
        full[3 : 3 + mark, 3 : 3 + mark] = 65535.0
        return full

    one = acquired(frame, make)
    assert far(answers(one), frame, one) == {}


@pytest.mark.parametrize("name", ["qc3", "leeds", "las_vegas"])
@pytest.mark.parametrize("bits", [5, 8])
def test_values_of_few_bits_are_within_their_uncertainty(name, bits):
    frame = taken(name)
    step = 1.35 * frame.levels / 2**bits
    one = acquired(frame, lambda pixels: np.round(pixels / step) * step)
    found = answers(one)
    assert far(found, frame, one) == {}
    if bits == 8:
        measured(found, "planar_size_error", "planar_contrast")
    else:
        assert not any(isinstance(r, Measured) for r in found)
        assert "export the image with all the bits" in reasons(found)


def test_filled_lines_do_not_make_coarse_values_fine():
    """Two dead rows side by side are filled with thirds of a step: the noise is still rounded away."""
    frame = taken("qc3")
    step = 1.35 * frame.levels / 2**8

    def make(pixels: Pixels) -> Pixels:
        coarse = np.round(pixels / step) * step
        coarse[[41, 42], :] = 0.0
        return coarse

    one = acquired(frame, make)
    seen = look(one.images[0])
    assert isinstance(seen, Seen)
    assert seen.mended.rows == (41, 42)
    assert seen.step == pytest.approx(step, rel=1e-3)
    found = answers(one)
    assert far(found, frame, one) == {}
    assert not any(isinstance(r, Measured) for r in found if r.quantity.key in ("planar_noise", "planar_cnr"))


@pytest.mark.parametrize(("name", "count"), [("qc3", 400), ("leeds", 400), ("las_vegas", 30)])
def test_dead_pixels_change_no_number_beyond_its_uncertainty(name, count):
    def make(pixels: Pixels) -> Pixels:
        places = np.random.default_rng(3).choice(pixels.size, count, replace=False)
        pixels.flat[places] = 0.0
        return pixels

    frame = taken(name)
    one = acquired(frame, make)
    found = answers(one)
    assert far(found, frame, one) == {}
    measured(found, "planar_size_error", "planar_contrast", "planar_noise")
    assert numbers(found)["planar_defects", "pixels"].value == pytest.approx(count, abs=0.1 * count + 3)  # some lie together, or at bars


@pytest.mark.parametrize("name", ["qc3", "las_vegas"])
def test_dead_lines_are_filled_and_said(name):
    def make(pixels: Pixels) -> Pixels:
        pixels[[150, 151, 230], :] = 0.0
        pixels[:, 300] = 0.0
        return pixels

    frame = taken(name)
    one = acquired(frame, make)
    found = answers(one)
    assert far(found, frame, one) == {}
    measured(found, "planar_size_error", "planar_contrast")
    assert numbers(found)["planar_defects", "rows and columns"].value == 4
    assert any("150, 151, 230" in flag and "filled" in flag for r in found if isinstance(r, Measured) for flag in r.flags)


@pytest.mark.parametrize("lines", [[200], [250, 251, 252, 253, 254, 255]])
def test_dead_lines_anywhere_are_counted(lines):
    """Behind the phantom, and as many side by side as are filled."""
    frame = taken("qc3")

    def make(pixels: Pixels) -> Pixels:
        pixels[lines, :] = 0.0
        return pixels

    found = answers(acquired(frame, make))
    assert numbers(found)["planar_defects", "rows and columns"].value == len(lines)


def test_dead_lines_without_an_open_square_are_the_least_there_can_be():
    """Blades 5 mm outside the phantom leave no open field to look at: one grossly dead row is counted and never passes."""
    blades = rolled("qc3", "all", -5.0)

    def make(pixels: Pixels) -> Pixels:
        pixels = blades(pixels)
        pixels[200, :] = 0.0
        return pixels

    given = numbers(answers(acquired(taken("qc3"), make)))
    assert given["planar_defects", "rows and columns"].value == 1
    assert "only grossly wrong ones are counted" in given["planar_defects", "rows and columns"].missing
    assert ("planar_defects", "pixels") not in given  # none was filled: no number


def test_a_fit_of_the_parts_inside_that_does_not_settle_is_none(monkeypatch):
    """From 2 mm off: twelve rounds arrive where the phantom is, one round is still under way."""
    seen = look(acquired(taken("qc3")).images[0])
    assert isinstance(seen, Seen)
    start = replace(seen.pose, centre_mm=(seen.pose.centre_mm[0] + 2.0, seen.pose.centre_mm[1]))
    arrived = planar_quality_inside.register(seen.pixels, seen.pitch_mm, seen.model, start)
    assert arrived.pose.centre_mm == pytest.approx(seen.pose.centre_mm, abs=0.02)
    monkeypatch.setattr(planar_quality_inside, "ROUNDS", 1)
    with pytest.raises(AnalysisError, match="could not be fitted"):
        planar_quality_inside.register(seen.pixels, seen.pitch_mm, seen.model, start)


@pytest.mark.parametrize(("edge", "believed"), [(1.0, True), (0.5, True), (0.0, False), (-0.1, False)])
def test_an_outline_without_modulation_is_not_believed(edge, believed):
    """The bars' curve falls linearly; the edge's is that times a number, which drops out where it is above 0."""
    f = np.linspace(0.1, 0.7, 13)
    bars = Mtf(f, 1.0 - f, np.full(13, 0.01), {}, "bars", {})
    border = Border("outline, left", (0.0, 0.0), (0.0, 1.0), 0.0, 1.0, 1.0)
    sharp = Sharpness("edge", border, replace(bars, mtf=edge * bars.mtf), None, Number(1.0, 0.001, {"scale": 0.001}))
    groups = BarGroups((), replace(bars, mtf=bars.mtf / bars.mtf[0]))
    found = planar_quality_measure._believed(sharp, groups)
    assert found is sharp if believed else "no modulation left" in found


@pytest.mark.parametrize("name", ["leeds", "las_vegas"])
def test_clipped_discs_are_refused(name):
    """The strongest discs stand beyond the range of the values."""
    frame = taken(name)
    model = frame.scene.model
    assert model is not None
    levels = [model.transmission * r.transmission for r in model.regions if r.kind == "disc"]
    plate = model.transmission
    bright = max(levels) > plate
    end = plate + 0.5 * (max(levels) - plate) if bright else plate - 0.5 * (plate - min(levels))

    def make(pixels: Pixels) -> Pixels:
        return np.minimum(pixels, end * frame.levels) if bright else np.maximum(pixels, end * frame.levels)

    one = acquired(frame, make)
    assert far(answers(one), frame, one) == {}


@pytest.mark.parametrize("name", ["qc3", "las_vegas"])
def test_a_beam_without_flattening_filter_is_no_contrast(name):
    """A disc against the plate round it; squares against one that stands elsewhere are seen in its light, which is their contrast."""
    frame = taken(name, beam=Beam(fff_mm=220.0))
    one = acquired(frame)
    found = answers(one)
    measured(found, "planar_size_error", "planar_contrast", "planar_noise")
    squares = [] if name == "las_vegas" else [f"planar_contrast {r.name}" for r in frame.scene.model.regions]
    wrong = beside_light(far(found, frame, one))
    assert {key: said for key, said in wrong.items() if key not in squares} == {}


@pytest.mark.parametrize("name", ["qc3", "qckv"])
def test_a_heel_is_within_the_uncertainty(name):
    """The light falls by a quarter over the panel."""
    frame = taken(name, beam=Beam(tilt_per_mm=(0.0008, 0.0003)))
    one = acquired(frame)
    found = answers(one)
    measured(found, "planar_size_error", *(["planar_bar_modulation"] if name == "qc3" else []))
    assert beside_light(far(found, frame, one)) == {}


@pytest.mark.parametrize(("change", "factor"), [({"spacing_mm": (0.63, 0.5985)}, 1.05), ({"sid_mm": 1207.5}, 1 / 1.05)])
def test_a_wrong_distance_in_the_header_shows_as_scale(change, factor):
    """Pixels said 5 % larger, or the panel said 5 % farther away: the scale must be that much off, the phantom still be known."""
    frame = taken("qc3")
    found = numbers(answers(acquired(frame, **change)))
    for name in ("width", "height"):
        assert found["planar_scale", name].value == pytest.approx(1000 / 1008 * factor, abs=5e-4)
        error = found["planar_size_error", name]
        nominal = {"width": 133.35, "height": 114.3}[name]
        assert abs(error.value - nominal * (1000 / 1008 * factor - 1)) < 5 * error.u
        assert error.u < 1.0


def test_pixels_that_are_not_as_high_as_wide_as_they_say_are_told():
    """Rows said 3 % farther apart than they are: no phantom is so oblong, and it is not measured as if it were."""
    found = answers(acquired(taken("las_vegas"), spacing_mm=(0.60 * 1.03, 0.57)))
    assert not any(isinstance(r, Measured) for r in found if r.quantity.key == "planar_size_error")
    assert reasons(found)


@pytest.mark.parametrize("name", ["qc3", "leeds"])
@pytest.mark.parametrize("tilt_deg", [4.0, 15.0])
def test_a_phantom_that_leans_is_refused_or_right(name, tilt_deg):
    """Seen under an angle its picture is shorter along the columns by the cosine: drawn by squeezing the picture's rows."""
    from scipy.ndimage import map_coordinates

    frame = taken(name)
    middle = (frame.pixels.shape[0] - 1) / 2

    def make(pixels: Pixels) -> Pixels:
        rows, columns = np.meshgrid(*(np.arange(n, dtype=float) for n in pixels.shape), indexing="ij")
        return map_coordinates(pixels, [middle + (rows - middle) / np.cos(np.radians(tilt_deg)), columns], order=3, mode="nearest")

    found = numbers(answers(acquired(frame, make)))
    for (key, part), one in found.items():
        if key == "planar_scale" and not part.startswith("inside"):
            assert one.value == pytest.approx(1000 / frame.scene.placement.source_mm, abs=1 - np.cos(np.radians(tilt_deg)) + 5 * one.u)
    if tilt_deg >= 15.0:
        assert not any(key == "planar_size_error" for key, _ in found)


def test_two_phantoms_in_one_image_are_not_taken_for_one():
    """Which of both the numbers would be of, nobody could tell later."""
    wide = Panel("wide", 420, 900, (0.60, 0.57))
    left, right = (
        replace(SCENES["qc3"], panel=wide, placement=replace(SCENES["qc3"].placement, centre_uv_mm=(u, 0.0))) for u in (-120.0, 120.0)
    )
    frame = develop(left, draw(left) * draw(right), NOISE, np.random.default_rng(5))
    found = answers(acquired(frame))
    assert not any(isinstance(r, Measured) for r in found)
    assert "two" in reasons(found)


@pytest.mark.parametrize("name", ["qc3", "leeds", "las_vegas"])
def test_dirt_on_the_edges_is_within_the_uncertainty(name):
    """Specks of 3 mm that hold back a third, six of them over the outline."""
    frame = taken(name)
    model = frame.scene.model
    assert model is not None

    def make(pixels: Pixels) -> Pixels:
        x, y = frame.scene.to_phantom(*np.meshgrid(*(np.arange(n, dtype=float) for n in pixels.shape), indexing="ij"))
        for k in range(6):
            turn = 2 * np.pi * (k + 0.3) / 6
            reach = 1.0 if model.shape == "circle" else 1 / max(abs(np.cos(turn)), abs(np.sin(turn)))
            at = np.cos(turn) * reach * model.width_mm / 2, np.sin(turn) * reach * model.height_mm / 2
            pixels = pixels * (1 - 0.33 * 0.5 * (1 - np.tanh((np.hypot(x - at[0], y - at[1]) - 1.5) / 0.4)))
        return pixels

    one = acquired(frame, make)
    found = answers(one)
    assert far(found, frame, one) == {}
    measured(found, "planar_size_error", "planar_contrast")


@pytest.mark.parametrize("name", ["qc3", "leeds"])
@pytest.mark.parametrize("change", ["inverted", "cropped", "blank", "noise", *FILTERS, "resampled"])
def test_what_is_no_good_image_has_its_reason(name, change):
    frame = taken(name)

    def make(pixels: Pixels) -> Pixels:
        if change == "inverted":
            return 65535.0 - pixels
        if change == "cropped":
            return pixels[:, : pixels.shape[1] // 2]
        if change == "blank":
            return np.full_like(pixels, 30000.0)
        if change == "noise":
            return np.random.default_rng(1).normal(30000, 300, pixels.shape)
        if change in FILTERS:
            return FILTERS[change](pixels)
        return pixels[::4, ::4]

    header: dict[str, object] = {"spacing_mm": (2.40, 2.28)} if change == "resampled" else {}
    found = answers(acquired(frame, make, **header))
    given = numbers(found)
    if change == "inverted":
        assert any("turned round" in flag for one in given.values() for flag in one.flags)
        assert not any(key in ("planar_contrast", "planar_noise") for key, _ in given)  # which value means no radiation is not known
    elif change in ("cropped", "blank", "noise"):
        assert given == {}
    elif change in FILTERS:
        assert given or reasons(found)
        assert all("smoothed" in one.missing for one in given.values())
    if change == "resampled" and name == "leeds":
        assert "no phantom's outline shows" in reasons(found)
    elif change == "resampled":
        measured(found, "planar_scale")
        assert "finer than what the pixels show" in reasons(found)


@pytest.mark.parametrize("filtered", ["smoothed by 0.7 pixels", "median of 3"])
def test_a_filter_gives_numbers_that_may_not_pass(filtered):
    """Contrasts, size and lines look as good as they did: the noise alone tells."""
    given = numbers(answers(acquired(taken("leeds"), FILTERS[filtered])))
    assert {"planar_size_error", "planar_contrast", "planar_defects"} <= {key for key, _ in given}
    assert all("smoothed" in one.missing for one in given.values())


def test_without_an_even_square_nothing_passes():
    """Blades 5 mm outside the phantom, which has no plate between its parts: whether a filter was used cannot be told."""
    given = numbers(answers(acquired(taken("qc3"), rolled("qc3", "all", -5.0))))
    assert "planar_scale" in {key for key, _ in given}
    assert all("no even square" in one.missing for one in given.values())


@pytest.mark.parametrize("relation", ["LOG", "DISP"])
def test_values_that_the_file_says_are_not_linear_give_no_ratio_and_nothing_passes(relation):
    """The square root stands for what a file of that kind may hold."""
    one = acquired(taken("qc3"), lambda pixels: 256 * np.sqrt(pixels), tags={"PixelIntensityRelationship": relation})
    found = answers(one)
    given = numbers(found)
    ratios = {"planar_contrast", "planar_noise", "planar_nps_integral", "planar_uniformity", "planar_tilt"}
    assert {key for key, _ in given} >= {"planar_scale", "planar_cnr"}
    assert {key for key, _ in given}.isdisjoint(ratios)
    assert {r.quantity.key for r in found if isinstance(r, NotMeasured) and relation in r.reason} >= ratios
    assert all(relation in one.missing for one in given.values())


@pytest.mark.parametrize("name", ["qc3", "leeds"])
def test_a_rescaled_image_says_the_same_of_every_ratio(name):
    """Pixel values in units of dose, far below 1: contrast to noise and noise are ratios, and so are their uncertainties."""
    frame = taken(name)
    counts, dose = (numbers(answers(acquired(frame, make))) for make in (None, lambda pixels: pixels * 2.5e-5))
    ratios = [key for key in counts if key[0] in ("planar_contrast", "planar_cnr", "planar_noise", "planar_nps_integral")]
    assert len(ratios) > 5
    for key in ratios:
        assert dose[key].value == pytest.approx(counts[key].value, rel=1e-3)
        assert dose[key].u == pytest.approx(counts[key].u, rel=0.02)


def test_parts_that_lie_otherwise_than_the_outline_says_make_no_size_that_passes():
    """The phantom is 2 % nearer to the source, its parts 2 % nearer together than the facts have them: inside alone it looks right."""
    model = MODELS["si_qc3"]
    names = ("x_mm", "y_mm", "width_mm", "height_mm")
    parts = tuple(replace(region, **{name: 0.98 * getattr(region, name) for name in names}) for region in model.regions)
    placement = replace(SCENES["qc3"].placement, source_mm=980.0)
    scene = replace(SCENES["qc3"], model=replace(model, regions=parts), placement=placement)
    found = answers(acquired(develop(scene, draw(scene), NOISE, np.random.default_rng(5))))
    sizes = [r for r in found if r.quantity.key == "planar_size_error"]
    assert sizes
    assert all(isinstance(r, NotMeasured) or "apart" in r.missing for r in sizes)


def test_something_else_in_the_field_is_said_and_no_noise_is_taken_in_it():
    """A slab that takes a tenth of the light, as large as the open field beside the phantom."""
    wide = Panel("wide", 420, 900, (0.60, 0.57))
    scene = replace(SCENES["qc3"], panel=wide, placement=replace(SCENES["qc3"].placement, centre_uv_mm=(-120.0, 0.0)))
    slab = replace(MODELS["las_vegas"], width_mm=120.0, height_mm=120.0, transmission=0.9, regions=())
    beside = draw(replace(scene, model=slab, placement=Placement((130.0, 0.0), 8.0, False, 1008.0)))
    frame = develop(scene, draw(scene) * beside, NOISE, np.random.default_rng(5))
    one = acquired(frame)
    found = answers(one)
    assert far(found, frame, one) == {}
    assert any("something else lies in the field" in flag for r in found if isinstance(r, Measured) for flag in r.flags)


def test_the_wrong_name_is_refused_and_a_ct_name_says_so():
    frame = taken("qc3")
    one = acquired(frame)
    for words, told in (("Las Vegas", "not Las Vegas"), ("CatPhan 604", "CT")):
        found = answers(replace(one, phantom=words))
        assert not any(isinstance(r, Measured) for r in found if r.quantity.key != "planar_ghost"), words
        assert told in reasons(found)
