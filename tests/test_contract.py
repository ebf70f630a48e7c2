"""What every procedure promises, present and future; the one in docs/adding_a_procedure.md is asked like the others.

Set IGRTQA_REHEARSALS to rehearse more often than 12 times: `python -m bench.contracts` does so, 24 times, and
`python -m bench.phantom_pulls` 60 times with the narrower goals of the bench. The bounds are those of the design, |mean pull| < 0.3 and
standard deviation 0.7 to 1.3, widened by four standard errors of n pulls: 4/sqrt(n) of the mean, 4/sqrt(2 (n - 1)) of the deviation. n is
the number that 24 rehearsals give, however few there are: 12 rehearsals are held to the bounds of 24. A quantity with one value in each is
refused when its mean pull is beyond 1.12 or its deviation outside 0.29 to 2.07. What 12 rehearsals find of Gaussian errors:
a bias of 2 u is missed once in 900 times, an uncertainty three times too small once in 12 (by 24 rehearsals once in 60), one five times too
large once in 50; an honest quantity is refused once in 9000. Whatever is chosen from a few things at random, a model of a phantom or a
shape of a field, is drawn in every way: the seed is one whose first 12 rehearsals do.
"""

import hashlib
import importlib
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path

import found_once
import numpy as np
import pytest
from kinds_drawn import Kinds, Noted
from scipy.ndimage import gaussian_filter

import qa.procedures
from phantoms.aperture import Rectangle
from phantoms.epid import Block, Shadow, View, draw
from phantoms.noise import correlated, digitise
from phantoms.panel import Panel
from phantoms.solids import Cube, Cylinder, Solid, Sphere
from phantoms.volume import Grid
from phantoms.volume import draw as draw_solids
from phantoms.volume_phantoms import ball_block
from qa import procedure, protocol, session
from qa.acquisition import Acquisition, Image, Volume
from qa.evidence import Evidence
from qa.limit import Outcome
from qa.plain import canonical, decode, encode
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Measured, NotMeasured, Reading
from qa.store import Store

REHEARSALS, BOUNDS_OF = int(os.environ.get("IGRTQA_REHEARSALS", "12")), 24
SEED = 12
PAGE = Path(__file__).parent.parent / "docs" / "adding_a_procedure.md"
EXAMPLE = "signal_constancy"


def blocks(language: str) -> list[str]:
    """The code blocks of a language in the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The page's procedure, put where procedures are found, for as long as these tests run."""
    folder, (code,) = tmp_path_factory.mktemp("procedures"), blocks("python")
    (folder / f"{EXAMPLE}.py").write_text(code, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qa.procedures, "__path__", [*qa.procedures.__path__, str(folder)])
        yield folder
    sys.modules.pop(f"qa.procedures.{EXAMPLE}", None)
    vars(qa.procedures).pop(EXAMPLE, None)
    importlib.invalidate_caches()


@pytest.fixture(scope="module", params=[*procedure.names(), EXAMPLE])
def tested(request: pytest.FixtureRequest, documented: Path) -> Procedure:
    return procedure.load(request.param)


@pytest.fixture(scope="module")
def rehearsal(tested: Procedure) -> Rehearsal:
    return tested.rehearse(np.random.default_rng([1, 0]))


@pytest.fixture(scope="module")
def analysis(tested: Procedure, rehearsal: Rehearsal) -> Analysis:
    """What the procedure says of the rehearsal; ``test_two_runs_agree_to_the_bit`` sees that it is what it says every time."""
    return tested.analyse(rehearsal.acquisition)


def with_pixels(acquisition: Acquisition, make: Callable[[Image], np.ndarray]) -> Acquisition:
    """The same acquisition with other pixels; the arrays are handed out as they are, so that a change of one would stay."""

    def changed(image: Image) -> Image:
        pixels = np.asarray(make(image), dtype=np.float32)
        return replace(image, shape=pixels.shape, load=lambda: pixels)

    return replace(acquisition, images=tuple(changed(image) for image in acquisition.images), volumes=())


def with_voxels(acquisition: Acquisition, make: Callable[[Volume], np.ndarray]) -> Acquisition:
    """The same acquisition with other volumes and blank images: what is measured now would come from the volumes."""

    def changed(volume: Volume) -> Volume:
        voxels = np.asarray(make(volume), dtype=np.float32)
        slices = volume.slices[: len(voxels)]
        return replace(volume, shape=voxels.shape, slices=slices, load=lambda: voxels, load_planes=lambda which: voxels[list(which)])

    blank = with_pixels(acquisition, NOTHING["blank"])
    return replace(blank, volumes=tuple(changed(volume) for volume in acquisition.volumes))


def assert_no_number(tested: Procedure, acquisition: Acquisition) -> None:
    """Refused by ``accepts``, or every quantity is there with a reason."""
    if tested.accepts(acquisition).strip():
        return
    readings = tested.analyse(acquisition).readings
    assert [r for r in readings if isinstance(r, Measured)] == []
    assert {r.quantity for r in readings} == set(tested.quantities)


# Registration


def test_a_procedures_name_is_its_files_name(tested):
    assert tested.name in procedure.names()
    assert tested.title.strip()
    assert tested.version.strip()


def test_quantities_have_keys_of_their_own_units_meanings_and_sources(tested):
    keys = [quantity.key for quantity in tested.quantities]
    assert len(set(keys)) == len(keys) > 0
    for quantity in tested.quantities:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", quantity.key)
        assert quantity.unit in protocol.UNITS
        assert quantity.meaning.strip()
        assert quantity.source.strip()
        if quantity.source.startswith("docs/"):
            page, _, section = quantity.source.partition(", section ")
            text = (PAGE.parent.parent / page).read_text("utf-8")
            assert not section or re.search(rf"^## {section}\. ", text, re.MULTILINE), quantity.source


def test_no_two_procedures_share_a_key():
    owners = defaultdict(list)
    for name in procedure.names():
        for quantity in procedure.load(name).quantities:
            owners[quantity.key].append(name)
    assert {key: names for key, names in owners.items() if len(names) > 1} == {}


def test_every_protocol_of_the_suite_asks_for_what_is_measured():
    for name in protocol.names():
        limits = protocol.read(name).limits
        assert limits, name
        for limit in limits:
            if limit.kind == "functional":  # a question to a person
                continue
            units = {quantity.key: quantity.unit for quantity in procedure.load(limit.procedure).quantities}
            assert units.get(limit.quantity) == limit.unit, (name, limit.limit_id)
            assert set(limit.needs) <= set(units), (name, limit.limit_id)


# Truth


@dataclass(frozen=True)
class Rehearsed:
    """All rehearsals: (value - truth)/u of every quantity, the truth of each rehearsal, and what was chosen at random."""

    pulls: dict[str, np.ndarray]
    truths: tuple[dict[tuple[str, str], float], ...]
    kinds: Kinds


@pytest.fixture(scope="module")
def rehearsed(tested: Procedure) -> Rehearsed:
    """What lacks a part is left out, its truth is that of the whole."""
    found: dict[str, list[float]] = defaultdict(list)
    kinds, truths = Kinds(), []
    for k in range(REHEARSALS):
        rehearsal = tested.rehearse(Noted([SEED, k], kinds))
        truths.append(rehearsal.truth)
        assert tested.accepts(rehearsal.acquisition) == ""
        for reading in tested.analyse(rehearsal.acquisition).readings:
            if isinstance(reading, Measured) and not reading.missing:
                true = _truth(rehearsal, reading)
                if true is not None:
                    found[reading.quantity.key].append((reading.value - true) / reading.u)
    return Rehearsed({key: np.array(values) for key, values in found.items()}, tuple(truths), kinds)


@pytest.fixture(scope="module")
def pulls(rehearsed: Rehearsed) -> dict[str, np.ndarray]:
    return rehearsed.pulls


def of_24(values: np.ndarray) -> float:
    """How many pulls of a quantity there are, or would be in as many rehearsals as the bounds are of."""
    return len(values) * max(1.0, BOUNDS_OF / REHEARSALS)


def _truth(rehearsal: Rehearsal, reading: Reading) -> float | None:
    key = reading.quantity.key
    return rehearsal.truth.get((key, procedure.where(reading.at)), rehearsal.truth.get((key, "")))


def test_rehearsals_know_the_truth_of_quantities_of_this_test_and_images_of_theirs(tested, rehearsal, analysis):
    keys = {q.key for q in tested.quantities}
    places = {procedure.where(r.at) for r in analysis.readings}
    assert {key for key, _ in rehearsal.truth} <= keys
    assert {where for _, where in rehearsal.truth} <= places | {""}
    assert len({key for key, _ in rehearsal.truth}) >= 0.8 * len(keys)
    assert all(np.isfinite(value) for value in rehearsal.truth.values())


def test_rehearsals_hide_nothing_behind_symmetry(rehearsal, rehearsed):
    """Images and slices are not square, pixels and voxels not isotropic, and no two rehearsals are alike."""
    for image in rehearsal.acquisition.images:
        assert image.shape[0] != image.shape[1]
        assert image.spacing_mm[0] != image.spacing_mm[1]
        assert image.shape[0] * image.spacing_mm[0] != image.shape[1] * image.spacing_mm[1]
    for volume in rehearsal.acquisition.volumes:
        (_, rows, columns), (across, down, right) = volume.shape, volume.pitch_mm
        assert rows != columns
        assert len({round(pitch, 6) for pitch in (across, down, right)}) == 3
        assert abs(rows * down - columns * right) > min(down, right)
    truths = [rehearsal.truth, *rehearsed.truths]
    assert all(one != other for one, other in combinations(truths, 2))


def test_rehearsals_are_of_every_kind(rehearsed):
    assert rehearsed.kinds.never == {}


def test_a_rehearsal_can_be_measured(tested, rehearsed, pulls):
    """Three in four: what is seldom measured in good images would prove nothing by being right."""
    for key in {q.key for q in tested.quantities} & {key for key, _ in rehearsed.truths[0]}:
        assert len(pulls.get(key, ())) >= 0.75 * REHEARSALS, key


def test_values_are_unbiased(pulls):
    means = {key: (float(values.mean()), 0.3 + 4 / np.sqrt(of_24(values))) for key, values in pulls.items()}
    assert {key: found for key, found in means.items() if abs(found[0]) >= found[1]} == {}


def test_uncertainties_are_meant(pulls):
    wrong = {}
    for key, values in pulls.items():
        error = 4 / np.sqrt(2 * (of_24(values) - 1))
        if not 0.7 * (1 - error) < values.std(ddof=1) < 1.3 * (1 + error):
            wrong[key] = float(values.std(ddof=1))
    assert wrong == {}


def test_no_value_is_far_from_its_truth(pulls):
    """Six standard uncertainties: of a million honest readings one would be as far, of these thousands none."""
    assert {key: float(np.abs(values).max()) for key, values in pulls.items() if np.abs(values).max() > 6} == {}


# Readings


def test_every_quantity_is_answered(tested, analysis):
    assert {r.quantity for r in analysis.readings} == set(tested.quantities)


def test_every_number_has_an_uncertainty_and_says_what_it_is_made_of(analysis):
    for reading in analysis.readings:
        if isinstance(reading, Measured):
            assert reading.u > 0
            assert reading.budget, reading.quantity.key
            assert all(name.strip() and part >= 0 for name, part in reading.budget.items())
            assert max(reading.budget.values()) <= 1.001 * reading.u, reading.quantity.key
            assert sum(part**2 for part in reading.budget.values()) > 0.2 * reading.u**2, "the parts hardly explain the whole"


def test_the_input_is_not_changed(tested, rehearsal):
    held = with_pixels(rehearsal.acquisition, lambda image: image.pixels.copy())
    held = replace(held, volumes=with_voxels(rehearsal.acquisition, lambda volume: volume.voxels.copy()).volumes)

    def state() -> list[tuple[object, ...]]:
        images = [(hashlib.sha256(i.pixels.tobytes()).hexdigest(), i.shape, i.at, dict(i.tags), i.notes) for i in held.images]
        return [*images, *((hashlib.sha256(v.voxels.tobytes()).hexdigest(), v.shape, v.at, dict(v.tags), v.notes) for v in held.volumes)]

    before = state()
    assert any(isinstance(reading, Measured) for reading in tested.analyse(held).readings)
    assert state() == before


def test_two_runs_agree_to_the_bit(tested, rehearsal, analysis):
    given = rehearsal.acquisition
    copied = replace(given, images=tuple(map(replace, given.images)), volumes=tuple(map(replace, given.volumes)))
    assert canonical(_plain(tested.analyse(copied))) == canonical(_plain(analysis))


def _plain(analysis: Analysis) -> list[object]:
    return [encode(tuple[Reading, ...], analysis.readings), encode(tuple[Evidence, ...], analysis.evidence)]


def test_readings_and_evidence_go_to_json_and_back(analysis):
    readings, evidence = json.loads(canonical(_plain(analysis)))
    assert decode(tuple[Reading, ...], readings, "readings") == analysis.readings
    assert encode(tuple[Evidence, ...], decode(tuple[Evidence, ...], evidence, "evidence")) == evidence
    assert analysis.evidence, "a reading without anything to show cannot be checked by a person"


# Nothing, noise, and what belongs to another test


def once(make: Callable[[Image], np.ndarray]) -> Callable[[Image], np.ndarray]:
    """The same for images that are alike but for what they show: drawn once, and read-only, because all of them get it."""
    drawn: dict[object, np.ndarray] = {}

    def made(image: Image) -> np.ndarray:
        alike = image.shape, image.spacing_mm, image.sid_mm, image.sad_mm
        if alike not in drawn:
            if len(drawn) == 4:
                drawn.clear()
            drawn[alike] = np.asarray(make(image), dtype=np.float32)
            drawn[alike].flags.writeable = False
        return drawn[alike]

    return made


def scene(image: Image, **contents: object) -> np.ndarray:
    """Another phantom in a field of its own on this image's panel."""
    panel = Panel("same", *image.shape, image.spacing_mm)
    side = 0.42 * min(n * step for n, step in zip(image.shape, image.spacing_mm, strict=True)) * image.sad_mm / image.sid_mm
    view = View(panel, Rectangle(side, 0.95 * side), sid_mm=image.sid_mm, sad_mm=image.sad_mm, **contents)
    return digitise(correlated(np.random.default_rng(4), draw(view), 0.003, 0.4), 1.25).astype(np.float32)


BARS = tuple(Block(1.9 * k - 6.65, 0.0, 0.95, 12.0, 0.0, 0.6) for k in range(8))
NOTHING = {
    "blank": lambda image: np.zeros(image.shape),
    "uniform": lambda image: np.full(image.shape, 1000.0),
    "noise": once(lambda image: np.random.default_rng(5).normal(500.0, 20.0, image.shape)),
    "coarse noise": once(lambda image: correlated(np.random.default_rng(6), np.full(image.shape, 500.0), 20.0, 0.9)),
    "not numbers": lambda image: np.full(image.shape, np.nan),
    "two balls": once(lambda image: scene(image, balls=(Shadow(-3.2, 0.4, 4.0), Shadow(3.4, -0.9, 4.0)))),
    "bars": once(lambda image: scene(image, blocks=BARS)),
    "a square absorber": once(lambda image: scene(image, blocks=(Block(0.3, -0.2, 6.0, 6.0, 20.0, 0.7),))),
    "an edge": once(lambda image: scene(image, blocks=(Block(0.0, 10.0, 60.0, 20.0, 3.0, 0.5),))),
    "a quarter of each image": lambda image: image.pixels[: image.shape[0] // 2, : image.shape[1] // 2],
}


def solids(volume: Volume, *contents: Solid) -> np.ndarray:
    """Another phantom in the middle of the same voxels, with a little noise."""
    drawn = draw_solids(contents, Grid(volume.shape, volume.pitch_mm))
    return drawn + np.random.default_rng(7).normal(0.0, 8.0, volume.shape)


def least_mm(volume: Volume) -> float:
    """The smallest side of a volume."""
    return min(n * pitch for n, pitch in zip(volume.shape, volume.pitch_mm, strict=True))


def coarse(volume: Volume) -> np.ndarray:
    return gaussian_filter(np.random.default_rng(8).normal(0.0, 200.0, volume.shape), 2.0)


def box(volume: Volume) -> Solid:
    return Cube("box", (1.3, -2.1, 0.7), tuple(share * least_mm(volume) for share in (0.7, 0.55, 0.6)), 120.0, (3.0, -5.0, 8.0))


def cylinder(volume: Volume) -> Solid:
    radius = 0.38 * min(n * pitch for n, pitch in zip(volume.shape[1:], volume.pitch_mm[1:], strict=True))
    return Cylinder("cylinder", (1.3, 0.7, -2.1), (0.0, 1.0, 0.0), radius, 0.8 * volume.shape[0] * volume.pitch_mm[0], 10.0)


def two_balls(volume: Volume) -> tuple[Solid, ...]:
    """Two balls alike: which one is meant, nobody can say; of a phantom with inserts they are none."""
    block = ball_block(diameter_mm=5.0, block_mm=0.7 * least_mm(volume), couch=False).solids[0]
    aside = 0.15 * least_mm(volume)
    return block, Sphere("one", (aside, -1.0, 0.6), 2.5, 3000.0), Sphere("other", (-aside, 0.7, -1.1), 2.5, 3000.0)


NOTHING_IN_3D = {
    "air": lambda volume: np.full(volume.shape, -1000.0),
    "uniform": lambda volume: np.zeros(volume.shape),
    "noise": lambda volume: np.random.default_rng(5).normal(0.0, 20.0, volume.shape),
    "coarse noise": coarse,
    "not numbers": lambda volume: np.full(volume.shape, np.nan),
    "a box": lambda volume: solids(volume, box(volume)),
    "a plain cylinder": lambda volume: solids(volume, cylinder(volume)),
    "two balls in plastic": lambda volume: solids(volume, *two_balls(volume)),
    "two slices": lambda volume: volume.voxels[:2],
}


@pytest.mark.parametrize("name", NOTHING_IN_3D)
def test_volumes_without_the_phantom_give_reasons_and_no_number(tested, rehearsal, name):
    if not rehearsal.acquisition.volumes:
        pytest.skip("no volumes")
    assert_no_number(tested, with_voxels(rehearsal.acquisition, NOTHING_IN_3D[name]))


@pytest.mark.parametrize("part", ["the first quarter of the slices", "the last quarter of the slices"])
def test_truncated_volumes_give_fewer_numbers_and_no_wrong_one(tested, rehearsal, analysis, part):
    """What is not in the slices that are left is missing; what is there is as right as before."""

    def cut(volume: Volume) -> Volume:
        count, number = volume.shape[0], max(volume.shape[0] // 4, 2)
        start = 0 if part.startswith("the first") else count - number
        x, y, z = np.asarray(volume.origin_mm) + start * np.asarray(volume.steps_mm[0])
        return replace(
            volume,
            shape=(number, *volume.shape[1:]),
            slices=volume.slices[start : start + number],
            origin_mm=(float(x), float(y), float(z)),
            load=lambda: np.array(volume.voxels[start : start + number]),
            load_planes=None,
        )

    if not rehearsal.acquisition.volumes:
        pytest.skip("no volumes")
    short = replace(rehearsal.acquisition, volumes=tuple(map(cut, rehearsal.acquisition.volumes)))
    if tested.accepts(short):
        return
    found, whole = tested.analyse(short).readings, analysis.readings
    assert {reading.quantity for reading in found} == set(tested.quantities)
    assert sum(isinstance(r, Measured) for r in found) < sum(isinstance(r, Measured) for r in whole)
    for reading in found:
        true = _truth(rehearsal, reading)
        if isinstance(reading, Measured) and not reading.missing and true is not None:
            assert abs(reading.value - true) < 6 * reading.u, reading


@pytest.mark.parametrize("name", NOTHING)
def test_images_without_the_phantom_give_reasons_and_no_number(tested, rehearsal, name, monkeypatch):
    """Images that show the same are looked at once: ``test_two_runs_agree_to_the_bit`` sees that nothing else is said of them."""
    found_once.shared(monkeypatch)
    assert_no_number(tested, with_pixels(rehearsal.acquisition, NOTHING[name]))


def test_an_empty_set_gives_reasons_and_no_number(tested, rehearsal):
    assert_no_number(tested, replace(rehearsal.acquisition, images=(), volumes=()))


def test_a_truncated_set_gives_no_number_for_what_is_missing(tested, rehearsal, analysis):
    """One image is not a set: it is refused, or what needs more images is not measured."""
    if len(rehearsal.acquisition.images) < 2:
        pytest.skip("no set of images")
    one = replace(rehearsal.acquisition, images=rehearsal.acquisition.images[:1])
    if not tested.accepts(one):
        found = tested.analyse(one).readings
        assert {r.quantity for r in found} == set(tested.quantities)
        assert len([r for r in found if isinstance(r, NotMeasured)]) > len([r for r in analysis.readings if isinstance(r, NotMeasured)])


def test_one_blank_image_is_named_and_whatever_lacks_it_says_so(tested, rehearsal):
    images = rehearsal.acquisition.images
    if not images:
        pytest.skip("no images")
    blank = replace(images[0], name="the blank one", load=partial(np.zeros, images[0].shape, np.float32))
    found = tested.analyse(replace(rehearsal.acquisition, images=(blank, *images[1:]))).readings
    assert any(isinstance(r, NotMeasured) and "the blank one" in r.reason for r in found)
    for reading in found:
        of_others = images[0].radiation not in str(reading.at.get("radiation", images[0].radiation)).split("+")
        if isinstance(reading, Measured) and "sop_instance_uid" not in reading.at and not of_others:
            assert "the blank one" in reading.missing, reading.quantity.key


def test_images_that_no_one_can_decode_are_a_reason_too(tested, rehearsal):
    def gone() -> np.ndarray:
        raise qa.reading.DicomError("the file is gone: copy it again")

    images = tuple(replace(image, load=gone) for image in rehearsal.acquisition.images)
    volumes = tuple(replace(volume, load=gone, load_planes=lambda which: gone()) for volume in rehearsal.acquisition.volumes)
    assert_no_number(tested, replace(rehearsal.acquisition, images=images, volumes=volumes))


# The page


def test_the_documented_procedure_runs_on_files_and_is_judged_by_the_documented_protocol(documented, tmp_path):
    """One file and one line: files go in, a stored and judged record comes out."""
    (limits,) = blocks("toml")
    (tmp_path / "our_daily.toml").write_text(limits, "utf-8")
    own = protocol.read(tmp_path / "our_daily.toml")
    procedure.load(EXAMPLE).rehearse(np.random.default_rng(7)).write(tmp_path / "images")
    store = Store(tmp_path / "records.sqlite")
    (record,) = [r for r in session.run([tmp_path / "images"], own, store=store).records if r.judgements]
    assert record.procedure == EXAMPLE
    assert [(j.limit.limit_id, j.outcome) for j in record.judgements] == [("own.signal", Outcome.PASS)]
    assert store.get(record.record_id) == record


def test_the_documented_promises_are_tested_here():
    """Each row of the page's table has its words in one of these tests."""
    source = Path(__file__).read_text("utf-8")
    table = PAGE.read_text("utf-8").split("## What is asked of every procedure")[1].split("\n\n")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 6
    for name in ("unbiased", "meant", "answered", "blank", "changed", "json", "bit"):
        assert f"_{name}" in source
