"""Image quality of CBCT: drawn phantoms whose truth is known, and what must be refused."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from phantoms.ctphantom import Imaging, Placement, grid_over, scan_phantom
from phantoms.models import ct_models
from qa import procedure, rehearsal
from qa.acquisition import Acquisition, Calibration, Volume
from qa.cbct_quality_density import DENSITY_KEY, HU_KEY, PROVIDES
from qa.procedure import Analysis
from qa.reading import Measured, NotMeasured, Quantity

TEST = procedure.load("cbct_quality")
MODELS = {model.key: model for model in ct_models()}
PLACEMENT = Placement((2.0, -3.0, 1.5), 0.2, 2.0, -0.1)
QUIET = {"blur_mm": (0.6, 0.5), "noise_hu": 5.0, "clip_hu": (-1024.0, 3071.0), "air_hu": -1000.0}


def volume(
    key: str, modules: tuple[str, ...], placement: Placement = PLACEMENT, hu: dict[str, float] | None = None, **how: object
) -> Volume:
    grid = grid_over(MODELS[key], placement, spacing_mm=(2.5, 1.0, 0.9), keys=modules, ends_mm=6.0)
    settings = Imaging(**{**QUIET, **how})
    return rehearsal.volume(scan_phantom(MODELS[key], grid, np.random.default_rng(5), placement, settings, hu), "LINAC")


def acquisition(scanned: Volume, phantom: str = "") -> Acquisition:
    return Acquisition((), "LINAC", "CBCT", "a scan", (scanned,), phantom=phantom)


@cache
def inserts_and_bars(key: str = "catphan604") -> Volume:
    return volume(key, ("hu", "bars"), hu={"Air": -940.0, "Air, bottom": -950.0})


@cache
def whole() -> Analysis:
    return TEST.analyse(acquisition(inserts_and_bars()))


def reasons(analysis: Analysis) -> str:
    assert [r for r in analysis.readings if isinstance(r, Measured)] == []
    assert {r.quantity.key for r in analysis.readings} == {q.key for q in TEST.quantities}
    (reason,) = {r.reason for r in analysis.readings if isinstance(r, NotMeasured)}
    return reason


def one(analysis: Analysis, key: str, part: str = "") -> Measured:
    (found,) = [r for r in analysis.readings if r.quantity.key == key and r.at.get("part", "") == part]
    assert isinstance(found, Measured), found.reason
    return found


def missing(analysis: Analysis, key: str, part: str = "") -> str:
    (found,) = [r for r in analysis.readings if r.quantity.key == key and r.at.get("part", "") == part]
    assert isinstance(found, NotMeasured)
    return found.reason


# What is right


def test_ct_numbers_are_within_one_hu():
    for plug in MODELS["catphan604"].modules[0].plugs:
        true = {"Air": -940.0, "Air, bottom": -950.0}.get(plug.name, plug.hu)
        assert abs(one(whole(), "cbct_hu", plug.name).value - true) < 1.0


def test_distances_of_rods_are_within_a_twentieth_of_a_millimetre():
    for side in ("Top", "Bottom", "Left", "Right"):
        assert abs(one(whole(), "cbct_rod_distance", side).value - 50.0) < 0.05
    assert abs(one(whole(), "cbct_rod_distance", "Diagonal 1").value - 50.0 * np.sqrt(2)) < 0.05


def test_both_ways_to_the_resolution_find_the_mtf_that_was_drawn():
    """Gaussian blur times a pixel of 1.0 x 0.9 mm: the two directions bracket the truth."""
    f = np.linspace(0.01, 0.6, 6000)
    blur = np.exp(-2 * (np.pi * f * 0.6) ** 2)
    low, high = (float(np.interp(-0.5, -blur * np.sinc(f * pixel), f)) for pixel in (1.0, 0.9))
    for way in ("edge", "bars"):
        assert 0.98 * low < one(whole(), f"cbct_mtf50_{way}").value < 1.02 * high


def test_the_pose_is_that_of_the_phantom():
    for axis, true in zip("xyz", PLACEMENT.offset_mm, strict=True):
        assert abs(one(whole(), f"cbct_offset_{axis}").value - true) < 0.1
    assert abs(one(whole(), "cbct_roll").value - 2.0) < 0.05
    assert abs(one(whole(), "cbct_pitch").value - 0.2) < 0.05
    assert abs(one(whole(), "cbct_yaw").value + 0.1) < 0.05


def test_what_is_not_in_the_scan_is_named():
    assert "CTP486" in missing(whole(), "cbct_noise")
    assert "not in the scan" in missing(whole(), "cbct_noise")
    assert "CTP515" in missing(whole(), "cbct_contrast")


def test_the_increment_is_that_of_the_positions_and_is_held_against_the_tag():
    tagged = replace(inserts_and_bars(), tags={"SliceThickness": "2.0"})
    found = TEST.analyse(acquisition(tagged))
    assert one(found, "cbct_slice_increment").value == pytest.approx(2.5)
    assert one(found, "cbct_slice_increment_error").value == pytest.approx(0.5)
    assert "SliceThickness" in missing(whole(), "cbct_slice_increment_error")


def test_readings_say_what_a_baseline_belongs_to():
    assert one(whole(), "cbct_hu", "Teflon").at["setting"] == "CatPhan 604 | 125kV | kernel not stated"


# The performer's word


def test_a_504_that_is_said_to_be_a_604_is_refused():
    reason = reasons(TEST.analyse(acquisition(inserts_and_bars("catphan504"), "CatPhan 604")))
    assert "said to be a CatPhan 604" in reason
    assert "show a CatPhan 504" in reason


def test_inserts_alone_ask_for_the_phantom_and_a_statement_settles_it():
    alone = volume("catphan504", ("hu",))
    assert "--phantom" in reasons(TEST.analyse(acquisition(alone)))
    for said in ("CatPhan 503", "CatPhan 504"):
        found = TEST.analyse(acquisition(alone, said))
        assert any("as stated" in flag for flag in one(found, "cbct_hu", "Teflon").flags)
        assert one(found, "cbct_hu", "Teflon").at["setting"].startswith(said)
    assert "said to be a CatPhan 700" in reasons(TEST.analyse(acquisition(alone, "CatPhan 700")))


# Bad input


def test_clipped_inserts_say_so():
    found = TEST.analyse(acquisition(volume("catphan604", ("hu", "bars"), clip_hu=(-1000.0, 900.0))))
    assert "clipped" in missing(found, "cbct_hu", "Air")
    assert "clipped" in missing(found, "cbct_hu", "Teflon")
    assert "900 HU" in missing(found, "cbct_hu", "Teflon")
    assert abs(one(found, "cbct_hu", "Delrin").value - 365.0) < 1.0


def test_a_wrong_rescale_is_said_and_the_numbers_are_what_they_are():
    found = TEST.analyse(acquisition(volume("catphan604", ("hu", "bars"), slope=0.8, intercept_hu=0.0)))
    teflon = one(found, "cbct_hu", "Teflon")
    assert abs(teflon.value - 800.0) < 1.0
    assert any("rescale" in flag for flag in teflon.flags)
    assert abs(one(found, "cbct_hu_slope").value - 0.8) < 0.01


def test_a_mirror_image_gives_no_turns_and_no_offsets():
    mirrored = replace(PLACEMENT, mirrored=True)
    found = TEST.analyse(acquisition(volume("catphan604", ("hu", "bars"), mirrored)))
    for key in ("cbct_roll", "cbct_pitch", "cbct_offset_x", "cbct_shear_xy"):
        assert "mirror" in missing(found, key)
    assert abs(one(found, "cbct_hu", "Delrin").value - 365.0) < 1.0


def test_three_slices_are_too_few():
    short = inserts_and_bars()
    three = replace(short, shape=(3, *short.shape[1:]), slices=short.slices[:3], load=lambda: short.voxels[:3].copy())
    assert "3 slices" in reasons(TEST.analyse(acquisition(three)))


def test_the_input_is_not_changed_and_only_some_slices_are_read():
    asked: list[int] = []
    scanned = inserts_and_bars()

    def planes(slices: object) -> np.ndarray:
        asked.extend(slices)  # type: ignore[arg-type]
        return scanned.voxels[list(slices)]  # type: ignore[call-overload]

    def all_of_it() -> np.ndarray:
        raise AssertionError("the whole volume was decoded")

    found = TEST.analyse(acquisition(replace(scanned, load=all_of_it, load_planes=planes)))
    assert one(found, "cbct_hu", "Teflon").value == one(whole(), "cbct_hu", "Teflon").value
    assert set(asked) <= set(range(scanned.shape[0]))


# The calibration in force


def calibration(*points: tuple[float, float]) -> Calibration:
    hu, density = Quantity(HU_KEY, "HU", "CT number", "a test"), Quantity(DENSITY_KEY, "", "density", "a test")
    readings = []
    for k, (x, y) in enumerate(points):
        readings += [Measured(hu, x, 1.0, {"part": f"point {k}"}), Measured(density, y, 0.002, {"part": f"point {k}"})]
    return Calibration(PROVIDES, "record-7", rehearsal.WHEN, rehearsal.WHEN.replace(year=2027), tuple(readings))


def test_densities_follow_the_curve_in_force_and_name_it():
    """A straight line 1 + HU/1000: Delrin at 365 HU reads 1.365 where its electron density is stated."""
    from phantoms.models import materials

    given = replace(acquisition(inserts_and_bars()), calibrations=(calibration((-1000.0, 0.0), (1500.0, 2.5)),))
    delrin = one(TEST.analyse(given), "cbct_red_error", "Delrin")
    assert abs(delrin.value - (1.365 - materials()["delrin"].relative_electron_density)) < 0.002
    assert any("record-7" in flag for flag in delrin.flags)
    assert "no HU calibration in force" in missing(whole(), "cbct_red_error")


@pytest.mark.parametrize(("seed", "part"), [(0, (0.75, 1.0)), (5, (0.75, 1.0)), (6, (0.0, 0.25)), (7, (0.0, 0.25)), (1, (0.0, 0.25))])
def test_of_a_part_of_a_scan_there_are_right_numbers_or_reasons(seed, part):
    """The quarter may end within the module of the inserts, whose middle would then be a guess; the last one holds it whole."""
    drawn = TEST.rehearse(np.random.default_rng([5, seed]))
    (scanned,) = drawn.acquisition.volumes
    first, last = (round(share * scanned.shape[0]) for share in part)
    kept = scanned.voxels[first:last]
    origin = np.asarray(scanned.origin_mm) + first * np.asarray(scanned.steps_mm[0])
    cut = replace(
        scanned,
        shape=kept.shape,
        load=lambda: kept,
        load_planes=None,
        origin_mm=tuple(float(v) for v in origin),
        slices=scanned.slices[first:last],
    )
    found = TEST.analyse(replace(drawn.acquisition, volumes=(cut,))).readings
    truth = drawn.truth
    numbers = [(r, truth.get((r.quantity.key, procedure.where(r.at)), truth.get((r.quantity.key, "")))) for r in found]
    measured = [(r, true) for r, true in numbers if isinstance(r, Measured)]
    assert bool(measured) == (seed == 1)
    assert [r.quantity.key for r, true in measured if true is not None and abs(r.value - true) > 5 * r.u] == []
    assert measured or all("phantom" in r.reason for r in found if isinstance(r, NotMeasured))
