"""The daily IGRT check: the chain in numbers that were set by hand, and mornings on which something is missing or wrong."""

import os
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from phantoms import rtimage
from phantoms.aperture import Rectangle
from phantoms.kv import KvImager, kv_system
from phantoms.linac import BallSetup, Exposure, Linac, Rod, Shot, expose
from phantoms.panel import Panel
from phantoms.volume import Grid, Scan, Sphere, scan
from qa import procedure, protocol, rehearsal
from qa.acquisition import Acquisition, Image, Volume
from qa.certificate import Ball, Body, Certificate, Mark
from qa.cli import app
from qa.limit import Outcome
from qa.reading import Measured, NotMeasured, Reading
from qa.store import Store

pytestmark = pytest.mark.usefixtures("finders_shared")

TEST = procedure.load("daily_igrt")
LINAC = Linac(name="small", panel=Panel("small", 118, 134, (0.56, 0.50)), noise_sigma=0.002)
KV = kv_system(
    LINAC,
    KvImager(
        panel=Panel("small kV", 150, 176, (0.48, 0.44)),
        blades_mm=(-100.0, 100.0, -100.0, 100.0),
        isocentre_mm=(0.3, -0.2, 0.4),
        noise_sigma=0.002,
    ),
)
BALL = BallSetup((0.9, -1.1, 0.7), 7.0, rods=(Rod(),))
FOUND = np.array(BALL.position_mm) - (0.3, -0.2, 0.4)  # in the kV system's coordinates
TOLD, WENT = np.array([-0.6, 0.9, -0.3]), np.array([-0.55, 0.93, -0.36])  # what the readout changed by, and how the ball moved


@cache
def exposures(kind: str, gantry: tuple[float, ...], travel: tuple[float, ...]) -> tuple[Exposure, ...]:
    shots = [Shot(gantry_deg=angle, travel_mm=travel) for angle in gantry]  # type: ignore[arg-type]
    return expose(KV if kind == "kv" else LINAC, BALL, shots, np.random.default_rng(5))


def morning(
    first: tuple[float, ...] = (0.0, 270.0), last: tuple[float, ...] = (0.0, 270.0), beam: tuple[float, ...] = (0.0,)
) -> Acquisition:
    """kV images before, kV images three minutes later with the couch elsewhere, MV images after them."""
    taken = [
        *exposures("kv", first, (0.0, 0.0, 0.0)),
        *exposures("kv", last, tuple(WENT.tolist())),
        *exposures("mv", beam, tuple(WENT.tolist())),
    ]
    day = rehearsal.day(taken, [])

    def told(k: int, image: Image) -> Image:
        if k < len(first):
            return replace(image, couch_mm=(100.0, 200.0, -50.0))
        x, y, z = np.array([100.0, 200.0, -50.0]) + TOLD
        assert image.acquired is not None
        return replace(image, couch_mm=(x, y, z), acquired=image.acquired + timedelta(minutes=3))

    return replace(day, images=tuple(told(k, image) for k, image in enumerate(day.images)))


def read(day: Acquisition) -> tuple[Reading, ...]:
    assert TEST.accepts(day) == ""
    return TEST.analyse(day).readings


def vector(found: tuple[Reading, ...], key: str, part: str = "kV pair") -> np.ndarray:
    of_it = {r.quantity.key: r for r in found if r.at.get("part") == part}
    chosen = [of_it[f"daily_{key}_{axis}"] for axis in "xyz"]
    assert all(isinstance(r, Measured) for r in chosen), [r.reason for r in chosen if isinstance(r, NotMeasured)]
    return np.array([r.value for r in chosen if isinstance(r, Measured)])


def reasons(found: tuple[Reading, ...], key: str) -> str:
    return " | ".join(r.reason for r in found if isinstance(r, NotMeasured) and r.quantity.key == f"daily_{key}")


def judged(day: Acquisition) -> dict[str, Outcome]:
    """What the protocol for kV says, by quantity, the worst of all techniques."""
    worst: dict[str, Outcome] = {}
    for one in protocol.judge(protocol.read("tg142_morning"), TEST.name, read(day), None, {}):
        worst[one.limit.quantity] = max(one.outcome, worst.get(one.limit.quantity, Outcome.PASS))
    return worst


def changed(day: Acquisition, change) -> Acquisition:
    return replace(day, images=tuple(change(k, image) for k, image in enumerate(day.images)))


def test_every_link_of_the_chain_is_what_was_set():
    found = read(morning())
    assert np.abs(vector(found, "setup") - FOUND).max() < 0.03
    assert np.abs(vector(found, "match") - (TOLD + FOUND)).max() < 0.03
    assert np.abs(vector(found, "couch") - (WENT - TOLD)).max() < 0.02
    assert np.abs(vector(found, "residual") - (FOUND + WENT)).max() < 0.03
    (beam,) = [r for r in found if r.quantity.key == "daily_coincidence"]
    assert isinstance(beam, Measured)
    assert beam.value == pytest.approx(np.hypot(0.3, -0.2), abs=0.04)  # at gantry 0 the kV isocentre is at (x, y) from the beam


def test_a_certificates_mark_says_where_the_ball_was_to_be():
    ball, mark = Ball("b", 1.0, 2.0, 3.0, 7.0, (0.02, 0.02, 0.02)), Mark("m", 15.0, 14.0, 13.0, (0.1, 0.1, 0.1))
    paper = Certificate("ball", "1", date(2000, 1, 1), date(2100, 1, 1), "nobody", (ball,), Body("ball", (60.0,)), (mark,))
    found = read(replace(morning(), certificate=paper))
    assert np.abs(vector(found, "setup") - (FOUND - (-14.0, -12.0, -10.0))).max() < 0.03
    assert all(r.u > 0.1 for r in found if isinstance(r, Measured) and r.quantity.key == "daily_setup_x")
    old = read(replace(morning(), certificate=replace(paper, expires=date(2000, 1, 2))))
    assert "expired" in reasons(old, "setup_x")
    assert np.abs(vector(old, "residual") - (FOUND + WENT)).max() < 0.03


def test_one_look_gives_the_set_up_alone():
    day = morning()
    found = read(replace(day, images=day.images[:2]))
    assert np.abs(vector(found, "setup") - FOUND).max() < 0.03
    for key in ("match_x", "couch_y", "residual_z"):
        assert "image again after the couch correction" in reasons(found, key)
    assert "collimated field" in reasons(found, "coincidence")


def test_one_direction_gives_no_position_and_says_so():
    found = read(morning(first=(0.0,), last=(0.0,), beam=()))
    assert "about 90 degrees apart" in reasons(found, "setup_x")
    assert "about 90 degrees apart" in reasons(found, "residual_distance")


def test_a_kv_and_an_mv_image_that_cross_are_a_pair():
    day = morning(first=(0.0,), last=(0.0,), beam=(90.0,))
    found = read(day)
    assert np.abs(vector(found, "residual", "MV-kV pair") - (FOUND + WENT)).max() < 0.45  # two isocentres, 0.54 mm apart, taken for one
    assert any("one system" in flag for r in found if isinstance(r, Measured) and r.at.get("part") == "MV-kV pair" for flag in r.flags)


@pytest.mark.parametrize("crossed", ["before", "after"])
def test_a_look_without_the_mv_image_that_crosses_it_is_told_and_the_other_stands(crossed):
    """One kV image before and after, and a MV image at gantry 90 beside one of them only."""
    at, went = (0.0, 0.0, 0.0) if crossed == "before" else tuple(WENT.tolist()), TOLD if crossed == "after" else np.zeros(3)
    (beam,) = rehearsal.day([*exposures("mv", (90.0,), at), *exposures("kv", (0.0,), at)], []).images[:1]
    day = morning(first=(0.0,), last=(0.0,), beam=())
    x, y, z = np.array([100.0, 200.0, -50.0]) + went
    shot = replace(beam, couch_mm=(x, y, z), acquired=rehearsal.WHEN + timedelta(minutes=4))
    found = read(replace(day, images=(*day.images, shot)))
    assert {r.at.get("part") for r in found if "part" in r.at} == {"MV-kV pair"}
    lost, stands = (
        (("couch", "residual"), {"setup": FOUND, "match": TOLD + FOUND})
        if crossed == "before"
        else (("setup", "match", "couch"), {"residual": FOUND + WENT})
    )
    for key, part in product(lost, ("x", "y", "z", "distance")):
        assert "no MV image beside it that crosses it" in reasons(found, f"{key}_{part}")
    for key, true in stands.items():
        assert np.abs(vector(found, key, "MV-kV pair") - true).max() < 0.45  # two isocentres, 0.54 mm apart, taken for one


def test_times_say_which_came_first_and_without_them_nothing_is_compared():
    day = morning()
    turned = replace(day, images=(*day.images[2:], *day.images[:2]))
    assert np.abs(vector(read(turned), "couch") - (WENT - TOLD)).max() < 0.02  # the order of the files means nothing
    for same in (lambda k, image: replace(image, acquired=None), lambda k, image: replace(image, acquired=rehearsal.WHEN)):
        assert "taken first" in reasons(read(changed(day, same)), "match_x")


def test_files_without_a_couch_readout_are_not_guessed_from():
    day = morning()
    silent = changed(day, lambda k, image: replace(image, couch_mm=None))
    found = read(silent)
    assert not any(isinstance(r, Measured) for r in found if r.quantity.key.startswith(("daily_match", "daily_couch")))


@pytest.mark.parametrize("factor", [10.0, -1.0])
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1, 2)])
def test_readouts_in_other_units_or_of_another_sign_never_pass(factor, axes):
    """Of a couch that went where it was told, one readout or all count the other way, or in a tenth of mm."""
    true, told = np.array([100.0, 200.0, -50.0]), WENT.copy()
    told[list(axes)] *= factor
    day = changed(morning(), lambda k, image: replace(image, couch_mm=tuple(true + (0.0 if k < 2 else 1.0) * told)))
    found = {r.quantity.key: r for r in read(day)}
    for key in ("daily_match_x", "daily_match_distance", "daily_couch_y", "daily_couch_distance"):
        one = found[key]
        assert isinstance(one, Measured)
        assert "other units or of another sign" in one.missing
        assert all(f"{'xyz'[k]} by" in one.missing for k in axes)
    assert not any(outcome is Outcome.PASS for key, outcome in judged(day).items() if key.startswith(("daily_match", "daily_couch")))
    assert np.abs(vector(tuple(found.values()), "residual") - (FOUND + WENT)).max() < 0.03  # what needs no readout stands


def test_readouts_that_hardly_change_while_the_ball_goes_a_millimetre_give_no_look():
    """As of a couch read in cm: images of two places count as those of one, and contradict each other."""
    true = np.array([100.0, 200.0, -50.0])
    found = read(changed(morning(), lambda k, image: replace(image, couch_mm=tuple(true + (0.0 if k < 2 else 0.1) * WENT))))
    assert "moved in between" in reasons(found, "match_x")


def test_a_couch_that_did_not_move_is_a_failure_of_the_chain():
    """The readouts say that it went; the ball stands where it stood."""
    day = morning()
    stuck = changed(
        day, lambda k, image: replace(day.images[k - 2], couch_mm=image.couch_mm, acquired=image.acquired) if k in (2, 3) else image
    )
    assert np.abs(vector(read(stuck), "couch") + TOLD).max() < 0.02


def test_a_turned_couch_between_the_looks_is_refused():
    """The MV images say at which angle the couch stood; kV images at another one are not of this set-up."""
    day = morning()
    turned = changed(replace(day, images=day.images[:4]), lambda k, image: replace(image, couch_deg=30.0) if k >= 2 else image)
    assert "at 0.0 degrees before and at 30.0 after: do not turn it" in reasons(read(turned), "couch_x")


def of_beam(day: Acquisition) -> Measured:
    (beam,) = [r for r in read(day) if r.quantity.key == "daily_coincidence"]
    assert isinstance(beam, Measured), beam
    return beam


@pytest.mark.parametrize(("gantry", "expected"), [(0.0, np.hypot(0.3, -0.2)), (90.0, np.hypot(-0.2, 0.4)), (270.0, np.hypot(-0.2, 0.4))])
@pytest.mark.parametrize("place", ["before", "after"])
def test_the_beam_is_compared_from_every_side_and_couch_place(gantry, expected, place):
    """At gantry 0 the kV isocentre is (0.3, -0.2) mm from the beam's axis, at 90 and 270 it is (0.4, -0.2), wherever the couch stands."""
    day = morning(beam=(gantry,))
    if place == "before":
        (shot,) = exposures("mv", (gantry,), (0.0, 0.0, 0.0))
        (taken,) = rehearsal.day([shot, *exposures("kv", (0.0,), (0.0, 0.0, 0.0))], []).images[:1]
        last = day.images[-1]
        moved = replace(taken, couch_mm=(100.0, 200.0, -50.0), acquired=last.acquired)
        told = changed(
            day, lambda k, image: replace(image, couch_mm=tuple(np.array([100.0, 200.0, -50.0]) + WENT)) if k in (2, 3) else image
        )
        day = replace(told, images=(*told.images[:-1], moved))
    assert of_beam(day).value == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda image: replace(image, acquired=None), "do not say when"),
        (lambda image: replace(image, acquired=image.acquired + timedelta(hours=9)), "9 hours between"),
        (lambda image: replace(image, acquired=image.acquired - timedelta(hours=9)), "9 hours between"),
    ],
)
def test_a_beam_of_another_hour_never_passes(change, words):
    day = changed(morning(), lambda k, image: change(image) if k == 4 else image)
    assert words in of_beam(day).missing
    assert judged(day)["daily_coincidence"] is Outcome.NOT_MEASURED


def test_of_two_beams_one_that_cannot_be_compared_may_have_been_the_worse():
    day = changed(morning(beam=(0.0, 90.0)), lambda k, image: replace(image, couch_mm=None) if k == 5 else image)
    assert "do not tell whether the couch" in of_beam(day).missing
    turned = changed(morning(beam=(0.0, 90.0)), lambda k, image: replace(image, couch_deg=45.0) if k == 5 else image)
    assert any("other couch angles" in flag for flag in of_beam(turned).flags)


def test_beams_at_other_couch_angles_alone_are_no_comparison():
    turned = changed(morning(beam=(0.0, 90.0)), lambda k, image: replace(image, couch_deg=45.0) if k >= 4 else image)
    assert "all 2 MV images were taken at other couch angles" in reasons(read(turned), "coincidence")
    assert np.abs(vector(read(turned), "residual") - (FOUND + WENT)).max() < 0.03  # the kV images need no beam


def larger(kind: str, gantry: tuple[float, ...]) -> tuple[Exposure, ...]:
    """The same with a ball of 12 mm."""
    shots = [Shot(gantry_deg=angle, travel_mm=tuple(WENT.tolist())) for angle in gantry]  # type: ignore[arg-type]
    machine = KV if kind == "kv" else replace(LINAC, aperture=Rectangle(26.0, 26.0), panel=Panel("wide", 140, 156, (0.56, 0.50)))
    return expose(machine, replace(BALL, diameter_mm=12.0), shots, np.random.default_rng(5))


def test_two_phantoms_are_no_chain():
    day, other = morning(), rehearsal.day(larger("kv", (0.0, 270.0)), []).images
    mixed = changed(
        day,
        lambda k, image: replace(other[k - 2], couch_mm=image.couch_mm, acquired=image.acquired, name=image.name) if k in (2, 3) else image,
    )
    assert "use one phantom before and after" in reasons(read(mixed), "couch_x")
    assert "use one phantom before and after" in reasons(read(mixed), "residual_distance")


def test_the_beam_on_another_ball_is_not_compared():
    day, other = morning(), rehearsal.day([*larger("mv", (0.0,)), *larger("kv", (0.0,))], []).images[0]
    mixed = changed(day, lambda k, image: replace(other, couch_mm=image.couch_mm, acquired=image.acquired) if k == 4 else image)
    assert "use one phantom for all images" in reasons(read(mixed), "coincidence")


def test_looks_of_other_hours_never_pass():
    day = changed(morning(), lambda k, image: replace(image, acquired=image.acquired + timedelta(hours=9)) if k >= 2 else image)
    assert all("9 hours between" in r.missing for r in read(day) if isinstance(r, Measured))
    assert not any(outcome is Outcome.PASS for key, outcome in judged(day).items() if key.startswith("daily_"))


def test_readouts_in_whole_millimetres_are_known_to_their_rounding():
    """Each is off by up to half a millimetre, and so a difference of two has 1/sqrt(6) mm along every axis."""
    day = changed(morning(), lambda k, image: replace(image, couch_mm=(100.0, 200.0, -50.0) if k < 2 else (99.0, 201.0, -50.0)))
    for one in read(day):
        if one.quantity.key == "daily_couch_x":
            assert isinstance(one, Measured)
            assert one.budget["couch readout's resolution"] == pytest.approx(1 / np.sqrt(6), rel=1e-6)


def test_a_certificate_of_another_ball_is_refused():
    ball, mark = Ball("b", 0.0, 0.0, 0.0, 3.0, (0.02, 0.02, 0.02)), Mark("m", 14.0, 12.0, 10.0, (0.1, 0.1, 0.1))
    paper = Certificate("ball", "1", date(2000, 1, 1), date(2100, 1, 1), "nobody", (ball,), Body("ball", (60.0,)), (mark,))
    assert "hand in the certificate of this phantom" in reasons(read(replace(morning(), certificate=paper)), "setup_x")


def cbct(centre: np.ndarray, couch_mm: tuple[float, float, float], minutes: int) -> Volume:
    x, y, z = (float(v) for v in centre)
    grid = Grid((24, 80, 90), (2.0, 0.55, 0.5), (0.7, -0.4, 0.2))
    scanned = scan([Sphere("ball", (x, y, z), 3.5, 5000.0)], grid, np.random.default_rng(minutes), Scan((0.5, 0.5), 120.0, 20.0))
    one = rehearsal.volume(scanned, LINAC.name, couch_mm=couch_mm, couch_deg=0.0)
    return replace(one, acquired=rehearsal.WHEN + timedelta(minutes=minutes), series_instance_uid=f"1.2.{minutes}")


def test_two_cbcts_are_a_chain_of_their_own():
    at = np.array([100.0, 200.0, -50.0])
    volumes = [cbct(FOUND, (100.0, 200.0, -50.0), 0), cbct(FOUND + WENT, tuple((at + TOLD).tolist()), 5)]
    found = read(rehearsal.day([], volumes))
    assert np.abs(vector(found, "couch", "CBCT") - (WENT - TOLD)).max() < 0.03
    assert np.abs(vector(found, "residual", "CBCT") - (FOUND + WENT)).max() < 0.03


def test_questions_are_answered_by_a_person_or_not_at_all():
    asked = protocol.read("tg142_morning")
    found = read(morning())
    judged = {j.limit.quantity: j for j in protocol.judge(asked, TEST.name, found, None, {"lasers": True, "door_interlock": False})}
    assert judged["lasers"].outcome is Outcome.PASS
    assert judged["door_interlock"].outcome is Outcome.FAIL
    assert judged["audiovisual"].outcome is Outcome.NOT_MEASURED
    assert "--check audiovisual=yes" in judged["audiovisual"].reason
    assert set(asked.questions) == {"collision_interlock", "door_interlock", "audiovisual", "beam_on_light", "lasers"}


def test_a_route_that_the_protocol_asks_for_and_nobody_imaged_is_no_pass():
    judged = protocol.judge(protocol.read("tg142_morning_cbct"), TEST.name, read(morning()), None, {})
    assert {j.outcome for j in judged} == {Outcome.NOT_MEASURED}


@pytest.mark.real
@pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images")
def test_the_morning_of_a_real_machine(tmp_path: Path):
    """The couch was corrected by -0.394 mm vertically and by 0.03 mm along the other axes, as it read out; the ball went there."""
    database = tmp_path / "records.sqlite"
    answers = [f"--check={name}=yes" for name in protocol.read("tg142_morning").questions]
    ran = CliRunner().invoke(
        app,
        [
            "daily",
            str(Path(os.environ["IGRTQA_REAL_DATA"]) / "igrt_chain.zip"),
            *answers,
            "--database",
            str(database),
            "--pdf",
            str(tmp_path / "d.pdf"),
        ],
    )
    assert ran.exit_code == 0, ran.output
    (summary,) = Store(database).list()
    record = Store(database).get(summary.record_id)
    found = {r.quantity.key: r for r in record.readings}
    for axis in "xyz":
        missed = found[f"daily_couch_{axis}"]
        assert isinstance(missed, Measured)
        assert abs(missed.value) < 2 * missed.u <= 0.1
    assert set(summary.verdicts.values()) == {Outcome.PASS}


def test_a_check_that_is_not_asked_or_answered_twice_is_wrong_input(tmp_path: Path):
    runner = CliRunner()
    for arguments, said in (
        (["--check", "door"], "NAME=yes"),
        (["--check", "a=yes", "--check", "a=no"], "one answer"),
        (["--check", "a=yes"], "does not ask"),
    ):
        ran = runner.invoke(app, ["daily", str(tmp_path), *arguments, "--database", str(tmp_path / "r.sqlite")])
        assert ran.exit_code == 2
        assert said in ran.output


def written(folder: Path, days: tuple[int, ...], machines: tuple[str, ...] = ("A",)) -> Path:
    """The morning as files, once for every day and machine."""
    went = tuple(WENT.tolist())
    looks = (("kv", (0.0, 270.0), (0.0, 0.0, 0.0), 0), ("kv", (0.0, 270.0), went, 3), ("mv", (0.0,), went, 5))
    for day, machine, (kind, gantry, travel, minutes) in product(days, machines, looks):
        taken = [replace(one, linac=replace(one.linac, name=machine)) for one in exposures(kind, gantry, travel)]
        start = rtimage.FIRST_EXPOSURE + timedelta(days=day, minutes=minutes)
        rtimage.write(taken, folder / f"{machine}{day}{kind}{minutes}", seed=day, start=start)
    return folder


ANSWERED = [f"--check={name}=yes" for name in protocol.read("tg142_morning").questions]


def run_daily(folder: Path, *arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, ["daily", str(folder), *arguments, "--database", str(folder.parent / "r.sqlite")])
    return ran.exit_code, ran.output


def test_answers_are_for_one_machine_and_one_morning(tmp_path: Path):
    status, said = run_daily(written(tmp_path / "days", (0, 40)), *ANSWERED)
    assert (status, "for one machine and one day" in said) == (2, True)
    status, said = run_daily(written(tmp_path / "machines", (0,), ("A", "B")), *ANSWERED)
    assert (status, "for one machine and one day" in said) == (2, True)
    assert Store(tmp_path / "r.sqlite").list() == ()


def test_a_test_that_the_protocol_asks_for_and_nothing_shows_is_said(tmp_path: Path):
    """The morning's protocol with a line for the couch's turns: no image shows these."""
    ours, couch = (files("qa.protocols").joinpath(f"{name}.toml").read_text("utf-8") for name in ("tg142_morning", "tg142_monthly_couch"))
    turns = next(row for row in couch.split("[[limit]]")[1:] if 'procedure = "couch_rotation"' in row)
    own = ours.replace('"tg142_morning"', '"own"') + "\n[[limit]]" + turns
    (tmp_path / "own.toml").write_text(own, "utf-8")
    status, said = run_daily(written(tmp_path / "day", (0,)), *ANSWERED, "--protocol", str(tmp_path / "own.toml"))
    assert "not fulfilled" in said
    assert "couch_rotation" in said
    assert status == 3


def test_a_report_that_could_not_be_written_is_said_before_anything_is_measured(tmp_path: Path):
    folder = written(tmp_path / "day", (0,))
    for place in (tmp_path / "no" / "such.pdf", tmp_path):
        status, said = run_daily(folder, "--pdf", str(place))
        assert (status, "nothing was measured" in said) == (2, True)
    assert not (tmp_path / "r.sqlite").exists()


# More than two looks, and looks that are not of one moment


def looked(*looks: tuple[float, tuple[float, ...], np.ndarray, np.ndarray], beam: np.ndarray = -FOUND) -> Acquisition:
    """kV images by (minutes, gantry angles, where the ball truly went, what the readouts say), and a beam's image two minutes later."""
    minutes = max(one[0] for one in looks) + 2
    legs = [("kv", *one) for one in looks] + [("mv", minutes, (0.0,), beam, looks[-1][3])]
    taken, told = [], []
    for kind, when, gantry, true, said in legs:
        taken += exposures(kind, gantry, tuple(float(v) for v in true))
        told += [(when, said)] * len(gantry)
    day = rehearsal.day(taken, [])
    kilovolt = [image for image in day.images if image.radiation == "kV"]
    ordered = [*kilovolt, *(image for image in day.images if image.radiation != "kV")]
    images = []
    for image, (when, said) in zip(ordered, told, strict=True):
        x, y, z = np.add((100.0, 200.0, -50.0), said).round(2).tolist()
        images.append(replace(image, couch_mm=(x, y, z), acquired=rehearsal.WHEN + timedelta(minutes=when)))
    return replace(day, images=tuple(images))


PAIR, STILL = (0.0, 270.0), np.zeros(3)
NEEDED = -FOUND
OFF = np.array([3.0, 0.0, 0.0])
CHAIN = ("daily_match_distance", "daily_couch_distance", "daily_residual_distance")


def no_pass(day: Acquisition) -> bool:
    return not any(outcome is Outcome.PASS for key, outcome in judged(day).items() if key.startswith("daily_"))


@pytest.mark.parametrize(
    ("true", "said", "failed"),
    [
        (NEEDED + OFF, NEEDED + OFF, ("daily_match_distance", "daily_residual_distance")),
        (NEEDED + OFF, NEEDED, ("daily_couch_distance", "daily_residual_distance")),
    ],
    ids=["wrong match", "couch missed"],
)
def test_a_correction_that_went_wrong_and_was_mended_by_hand_is_no_pass(true, said, failed):
    """The ball is brought to the isocentre by a second correction: the first one is what the system did."""
    day = looked((0, PAIR, STILL, STILL), (3, PAIR, true, said), (6, PAIR, NEEDED, said + NEEDED - true))
    outcome = judged(day)
    assert {key for key in CHAIN if outcome[key] is Outcome.FAIL} == set(failed)
    by_set = {(r.quantity.key, r.at.get("set")): r for r in read(day)}
    first, second = (by_set["daily_residual_x", f"correction {k} of 2"] for k in (1, 2))
    assert isinstance(first, Measured)
    assert isinstance(second, Measured)
    assert (first.value, second.value) == (pytest.approx(3.0, abs=0.03), pytest.approx(0.0, abs=0.03))
    assert len([r for r in read(day) if r.quantity.key == "daily_setup_x"]) == 1


def test_two_corrections_that_both_hit_pass():
    day = looked((0, PAIR, STILL, STILL), (3, PAIR, NEEDED + 0.4, NEEDED + 0.4), (6, PAIR, NEEDED, NEEDED))
    assert {judged(day)[key] for key in CHAIN} == {Outcome.PASS}


@pytest.mark.parametrize("dy", [0.3, 1.9])
def test_views_that_contradict_each_other_along_y_never_pass(dy):
    """After the correction one view sees the ball as far this way as the other one that way: their mean is at the isocentre."""
    aside = np.array([0.0, dy, 0.0])
    day = looked((0, PAIR, STILL, STILL), (3, (0.0,), NEEDED + aside, NEEDED), (3.5, (270.0,), NEEDED - aside, NEEDED))
    assert all("along y" in r.missing for r in read(day) if isinstance(r, Measured))
    assert no_pass(day)


def test_views_of_the_set_up_alone_that_contradict_each_other_by_more_than_sag_never_pass():
    aside = np.array([0.0, 1.9, 0.0])
    day = looked((0, (0.0,), aside, STILL), (0.5, (270.0,), -aside, STILL))
    (one,) = [r for r in read(day) if r.quantity.key == "daily_setup_distance"]
    assert isinstance(one, Measured)
    assert "along y" in one.missing


def test_hours_within_a_look_never_pass():
    """The second view after the correction was taken seven hours later, of a phantom set up anew."""
    day = looked((0, PAIR, STILL, STILL), (3, (0.0,), NEEDED, NEEDED), (420, (270.0,), NEEDED, NEEDED))
    assert all("7 hours between" in r.missing for r in read(day) if isinstance(r, Measured))
    assert no_pass(day)


def test_hours_between_the_kv_and_the_mv_image_of_a_look_never_pass():
    shots = [(0.0, STILL), (425.0, NEEDED)]
    kilovolt = looked((0, (270.0,), STILL, STILL), (3, (270.0,), NEEDED, NEEDED))
    beams = [looked((when - 2, (0.0,), went, went), beam=went).images[-1] for when, went in shots]
    images = [image for image in kilovolt.images if image.radiation == "kV"]
    found = read(replace(kilovolt, images=(*images, *(replace(b, sop_instance_uid=f"9.{k}") for k, b in enumerate(beams)))))
    of_route = [r for r in found if isinstance(r, Measured) and r.at.get("part") == "MV-kV pair"]
    assert of_route
    assert all("7 hours between" in r.missing for r in of_route)


def test_a_look_in_between_that_shows_no_ball_is_named_and_nothing_passes():
    at = np.array([100.0, 200.0, -50.0])
    first, blank, last = (
        cbct(FOUND + went, tuple((at + went).tolist()), minutes) for went, minutes in ((STILL, 0), (NEEDED, 4), (NEEDED, 9))
    )
    empty = replace(blank, name="the blank one", couch_mm=(100.0, 201.0, -50.0), load=lambda: np.full(blank.shape, -1000.0, np.float32))
    day = rehearsal.day([], [first, empty, last])
    assert all("the blank one" in r.missing for r in read(day) if isinstance(r, Measured))
    said = protocol.judge(protocol.read("tg142_morning_cbct"), TEST.name, read(day), None, {})
    assert not any(one.outcome is Outcome.PASS for one in said)


def test_a_view_in_between_from_one_side_is_named_and_nothing_passes():
    day = looked((0, PAIR, STILL, STILL), (3, (0.0,), NEEDED, NEEDED + 1.0), (6, PAIR, NEEDED, NEEDED))
    assert all("90 degrees apart" in r.missing for r in read(day) if isinstance(r, Measured))
    assert no_pass(day)


def test_a_way_of_imaging_that_was_measured_and_no_limit_is_for_is_said():
    """A good kV chain, and two CBCTs of the same morning that leave 5 mm: no row of the protocol for kV is for CBCT."""
    went = looked((0, PAIR, STILL, STILL), (3, PAIR, NEEDED, NEEDED))
    x, y, z = np.add((100.0, 200.0, -50.0), NEEDED).round(2).tolist()
    volumes = (cbct(np.array([1.0, -1.0, 0.5]), (100.0, 200.0, -50.0), 1), cbct(np.array([5.0, 0.5, 0.0]), (x, y, z), 5))
    day = replace(went, volumes=volumes)
    found = read(day)
    said = protocol.judge(protocol.read("tg142_morning"), TEST.name, found, None, {})
    residual = [one for one in said if one.limit.quantity == "daily_residual_distance"]
    kilovolt, other = ([one for one in residual if found[one.reading].at["part"] == part] for part in ("kV pair", "CBCT"))
    assert {one.outcome for one in kilovolt} == {Outcome.PASS}
    assert {one.outcome for one in other} == {Outcome.NOT_MEASURED}
    assert all("no limit of" in one.reason and "CBCT was measured too" in one.reason for one in other)
    both = protocol.read("tg142_morning"), protocol.read("tg142_morning_cbct")
    whole = replace(both[0], limits=(*both[0].limits, *both[1].limits))
    judged_ = [one for one in protocol.judge(whole, TEST.name, found, None, {}) if one.limit.quantity == "daily_residual_distance"]
    assert {(found[one.reading].at["part"], one.outcome) for one in judged_} == {("kV pair", Outcome.PASS), ("CBCT", Outcome.FAIL)}


def test_an_mv_kv_pair_beside_the_kv_pair_that_is_asked_for_is_said():
    """No protocol of the suite has a row for it; an own one may have."""
    found = read(looked((0, PAIR, STILL, STILL), (3, PAIR, NEEDED, NEEDED)))
    mixed = tuple(replace(r, at={**r.at, "part": "MV-kV pair"}) if isinstance(r, Measured) else r for r in found)
    for readings, outcome in ((found, {Outcome.PASS}), ((*found, *mixed), {Outcome.PASS, Outcome.NOT_MEASURED})):
        said = protocol.judge(protocol.read("tg142_morning"), TEST.name, readings, None, {})
        assert {one.outcome for one in said if one.limit.quantity == "daily_couch_distance"} == outcome
