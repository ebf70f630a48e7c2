"""The cause of a change: signatures against geometry by hand, single faults of machines simulated by rays and by drawn images, and silence
where two causes fit."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from test_record import example
from typer.testing import CliRunner

from bench import cause as bench
from bench.cause import ORDINARY, Fault, Year, a_day, a_fault
from phantoms.aperture import Rectangle
from phantoms.kv import KvImager, kv_system
from phantoms.machine import Linac, Shot, Wave
from phantoms.machine_day import Day
from phantoms.panel import Panel
from phantoms.placement import BallSetup
from qa import ball_day_rehearsal as drawn
from qa import cause, procedure, rehearsal
from qa.cause_changes import EARLIER
from qa.cause_signatures import BALL, CAUSES, COUCH, KEYS, KV, MOVED, MV, SAG, WAYS, family
from qa.cli import app
from qa.history import Point
from qa.limit import Judgement, Limit, Outcome
from qa.reading import Measured, QaError, Reading
from qa.store import Store

SINGLE = [a_fault(name, 1.0, np.random.default_rng(11)) for name in bench.FAULTS]
GOAL = 0.95


# The table


@pytest.mark.parametrize(
    ("name", "key", "at", "expected"),
    [
        (BALL, "ball_offset_u", {"gantry_deg": 90.0}, (0, 0, -1)),  # u points down there
        (BALL, "ball_offset_u", {"gantry_deg": 0.0, "couch_deg": 90.0}, (0, -1, 0)),  # the couch carried y to -x
        (BALL, "ball_offset_v", {"gantry_deg": 270.0}, (0, 1, 0)),
        (BALL, "panel_offset_u", {"gantry_deg": 90.0}, (0, 0, 0)),
        (BALL, "cbct_isocenter_x", {}, (0, 0, 0)),
        (KV, "kv_offset_u", {"gantry_deg": 180.0}, (1, 0)),
        (KV, "cbct_isocenter_x", {}, (0, 0)),
        (KV, "cbct_isocenter_y", {}, (0, 1)),
        (MV, "panel_offset_v", {"gantry_deg": 45.0}, (0, -1)),
        (MV, "kv_offset_v", {"gantry_deg": 45.0}, (0, 0)),
        (SAG, "ball_offset_v", {"gantry_deg": 180.0}, (0, 1, 0, 0, 0)),
        (SAG, "kv_offset_u", {"gantry_deg": 270.0}, (1, 0, 0, 0, 0)),  # T lower by 1: K is higher by 1, and u points up there
        (COUCH["x"], "couch_scale_x", {}, (1, 0)),
        (COUCH["x"], "couch_scale_y", {}, (0, 0)),
        (COUCH["z"], "kv_ball_move_error_z", {}, (20, 0)),
        (MOVED, "cbct_isocenter_z", {}, (0, 0, 1)),
    ],
)
def test_signatures_by_hand(name: str, key: str, at: dict[str, float | str], expected: tuple[float, ...]) -> None:
    way = next(way for way in WAYS if way.cause == name)
    assert way.column(key, at, {"kv_ball_move_z": 20.0}) == pytest.approx(expected, abs=1e-12)


def test_every_quantity_of_the_table_is_one_that_a_test_measures_and_every_signature_is_of_one_that_is_read() -> None:
    measured = {quantity.key for name in procedure.names() for quantity in procedure.load(name).quantities}
    assert set(KEYS) - measured == set()
    families = {family(key)[0] for key in KEYS}
    for way in WAYS:
        assert set(way.rows) <= families
        assert {key if key in KEYS else family(f"{key}_x")[0] for key in way.free} <= families | set(KEYS)


# Machines simulated by rays


@pytest.fixture(scope="module")
def year() -> Year:
    return Year((7, 1))


@pytest.mark.parametrize("fault", SINGLE, ids=[fault.name for fault in SINGLE])
def test_a_single_fault_is_named_with_its_amount(year: Year, fault: Fault) -> None:
    verdict = year.ask(fault)
    assert verdict.named == fault.name, verdict.why
    best = verdict.best
    assert best is not None
    found = [value for _, _, value, _ in best.found][: len(fault.vector)]
    per_mm = 1 / bench.TRAVEL_MM if fault.name in COUCH.values() else 1.0
    assert found == pytest.approx([per_mm * part for part in fault.vector], abs=0.2 * per_mm)  # 4 times an ordinary day's 0.05


def test_the_short_form_of_the_bench() -> None:
    found = bench.answers(2, 31)
    right = sum(found[name][f"named: {name}"] for name in bench.FAULTS)
    assert right >= GOAL * 2 * len(bench.FAULTS)
    assert sum(found["nothing"].values()) == 6
    assert not [answer for answer in found["nothing"] if answer.startswith("named")]


def test_two_faults_at_once_have_no_name(year: Year) -> None:
    verdict = year.ask(Fault(KV, (0.9, -0.6)), Fault(MV, (-0.5, 0.8)))
    assert (verdict.named, verdict.candidates) == ("", ())
    assert verdict.why == "cannot tell: no single cause explains these changes"


@pytest.mark.parametrize(("earlier", "gain"), [(12, 24.0), (12, 60.0), (6, 300.0)])
def test_the_chance_of_a_gain_widens_with_few_records(earlier: int, gain: float) -> None:
    """For two parameters Hotelling's T² has a closed form: (1 + g/(m - 1)) ^ (-(m - 2)/2)."""
    none = cause.Fit(None, (), np.zeros(3), 100.0, 78, 0.05, 100.0, 78)
    way = cause.Fit(WAYS[0], (), np.zeros(3), 100.0 - gain, 76, 0.9, 0.0, 78, earlier)
    assert cause.chance(way, none) == pytest.approx((1 + gain / (earlier - 1)) ** (-(earlier - 2) / 2), rel=1e-9)
    assert cause.chance(replace(way, earlier=2), none) == 1.0


def test_a_ball_a_little_beyond_what_twelve_records_scatter_by_has_no_name() -> None:
    """An ordinary day of machine (77, 8), whose ball twelve records did not show how far it goes: BIC alone is better by 32."""
    year = Year((77, 8))
    for _ in range(10):
        year._day((), year.last)
    verdict = year.ask()
    nothing, best = (next(fit for fit in verdict.fits if (fit.way is None) == none) for none in (True, False))
    assert best.bic + cause.MARGIN < nothing.bic
    assert (verdict.named, verdict.why) == ("", "nothing changed beyond the usual scatter")


class Morning(Year):
    """A year of morning checks alone, and one of which the phantom was pushed between looks."""

    pushed = (0.0, 0.0, 0.0)

    def _day(self, faults: Sequence[Fault], when: datetime) -> list[Point]:
        day = a_day(self.rng, self.usual, faults, *self.machine)
        return bench.points(replace(day, pushed_mm=np.array(self.pushed)), when, self.tests)


def test_the_morning_check_alone_cannot_tell_a_panel_from_what_looks_alike() -> None:
    verdict = Morning((3, 3), ORDINARY, ("morning",)).ask(Fault(KV, (0.4, -0.4)))  # within what lasers scatter by
    assert verdict.named == ""
    assert {KV, SAG, MOVED} <= set(verdict.candidates)


def test_a_push_along_one_axis_is_not_told_from_that_axis() -> None:
    morning = Morning((3, 4), ORDINARY, ("morning",))
    morning.pushed = (1.5, 0.0, 0.0)
    verdict = morning.ask()
    assert verdict.named == ""
    assert set(verdict.candidates) == {COUCH["x"], MOVED}


def test_a_push_along_no_axis_is_a_push() -> None:
    morning = Morning((3, 4), ORDINARY, ("morning",))
    morning.pushed = (1.5, -1.0, 0.8)
    assert morning.ask().named == MOVED


# Records in a store


def keep(store: Store, points: Sequence[Point], machine: str = "LINAC-B", judged: bool = False) -> list[str]:
    """The points as records, one a test, whose first number a limit ``judged``."""
    by_test: dict[str, list[Reading]] = defaultdict(list)
    for point in points:
        by_test[point.procedure].append(point.reading)
    kept = []
    for test, readings in by_test.items():
        own: dict[str, object] = {"record_id": f"{len(kept):04x}{points[0].taken:%Y%m%d}-{test}", "procedure": test, "machine": machine}
        own["judgements"] = ()
        if judged:
            what = readings[0].quantity
            limit = Limit("a", test, what.key, what.unit, 9.0, None, "absolute", ("srs",), "monthly", "a page", True)
            own["judgements"] = (Judgement(limit, 0, Outcome.PASS, "inside"),)
        own |= {"acquired": points[0].taken, "analysed": points[0].taken + timedelta(hours=1), "readings": tuple(readings)}
        kept.append(store.add(example(**own | {"comparisons": (), "evidence": (), "inputs": ()})))
    return kept


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Year]:
    """A year and a day on which the MV panel was found 0.9 mm off, in a store."""
    path, year = tmp_path_factory.mktemp("cause") / "records.sqlite", Year((7, 2))
    store = Store(path)
    for n in range(bench.EARLIER):
        keep(store, [point for point in year.before if point.taken == bench.FIRST + timedelta(days=30 * n)])
    keep(store, year._day((Fault(MV, (0.9, 0.0)),), year.last))
    return path, year


def test_the_command_names_the_cause_draws_it_and_changes_nothing(kept: tuple[Path, Year], tmp_path: Path) -> None:
    path, _ = kept
    before = path.read_bytes()
    files = [tmp_path / f"cause{kind}" for kind in (".png", ".svg", ".pdf")]
    options = [part for file in files for part in (f"--{file.suffix[1:]}", str(file))]
    done = CliRunner().invoke(app, ["cause", "--machine", "LINAC-B", "--database", str(path), *options])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == "LINAC-B, changes since 2026-01-01: explained best by MV panel"
    assert re.search(r"how: shifted; u 0\.\d+ ± 0\.\d+ mm, v", done.output)
    assert path.read_bytes() == before
    assert [file.read_bytes()[:4] for file in files] == [b"\x89PNG", b"<svg", b"%PDF"]
    assert "MV panel" in files[1].read_text("utf-8")


def test_since_a_day_before_that_the_earlier_records_are_fewer(kept: tuple[Path, Year]) -> None:
    path, _ = kept
    verdict = cause.ask(Store(path), "LINAC-B", since=date(2025, 8, 1))
    assert verdict.named == MV
    assert {len(change.earlier) for change in verdict.changes.rows} == {7}  # days 0, 30 ... 180 from 2025-01-06
    none = cause.ask(Store(path), "LINAC-B", since=(bench.FIRST + timedelta(days=1)).date())
    assert (none.named, none.changes.rows) == ("", ())
    assert f"{EARLIER} are needed" in none.changes.left[0][1]


def test_an_unknown_machine_is_refused_with_those_there_are(kept: tuple[Path, Year]) -> None:
    with pytest.raises(QaError, match=r"did you mean 'LINAC-B'\?"):
        cause.ask(Store(kept[0]), "LINAC-X")
    with pytest.raises(QaError, match="known: LINAC-B"):
        cause.ask(Store(kept[0]), "Halcyon")


def test_a_store_without_records_says_what_to_do_first(tmp_path: Path) -> None:
    with pytest.raises(QaError, match="there are no records yet: run a test first"):
        cause.ask(Store(tmp_path / "new.sqlite"), "LINAC-B")


def test_an_accepted_record_is_the_reference_and_begins_the_scatter_anew(tmp_path: Path) -> None:
    store, year = Store(tmp_path / "records.sqlite"), Year((7, 3), tests=("beam",))
    shifted = (Fault(MV, (0.9, 0.0)),)  # the panel was put up anew, and that was accepted
    for n in range(bench.EARLIER):
        (record,) = keep(store, year._day(shifted if n >= 6 else (), bench.FIRST + timedelta(days=30 * n)))
        if n == 6:
            store.accept(record, "Ann Lee")
            accepted = store.get(record)
    keep(store, year._day(shifted, year.last))
    verdict = cause.ask(store, "LINAC-B")
    assert verdict.why == "nothing changed beyond the usual scatter"
    assert {change.reference_words for change in verdict.changes.rows} == {"accepted record 00002025"}
    assert {len(change.earlier) for change in verdict.changes.rows} == {6}
    later = accepted.analysed + timedelta(days=1)
    store.add(replace(accepted, record_id="again", analysed=later))  # its images analysed or judged again: they are still those accepted
    assert cause.ask(store, "LINAC-B").changes == verdict.changes


# Machines whose images are drawn and measured

PANEL = Panel("crop", 96, 96, (0.6, 0.6))
GANTRY = 0.0, 90.0, 180.0, 270.0


def images(day: Day, rng: np.random.Generator) -> list[tuple[str, Reading]]:
    """What the real tests read in drawn images of that day: four MV and four kV images, the phantom moved in between if it was."""
    shots, here = [Shot(gantry_deg=g) for g in GANTRY], drawn.Place(drawn.BLANK_MM, drawn.BLANK_MM)
    after, before = (BallSetup((float(x), float(y), float(z)), 7.0) for x, y, z in (day.ball_mm, day.ball_mm - day.moved_mm))
    mv = [drawn.exposed(day.beam, after, shot, here, rng) for shot in shots]
    kv = [drawn.exposed(day.kv, before, shot, here, rng) for shot in shots]
    found = [("winston_lutz", reading) for reading in procedure.load("winston_lutz").analyse(rehearsal.acquisition(mv)).readings]
    together = procedure.load("imaging_isocenter").analyse(rehearsal.day([*mv, *kv]))
    return found + [("imaging_isocenter", reading) for reading in together.readings]


def test_a_fault_in_drawn_images_is_named(tmp_path: Path) -> None:
    """Six ordinary days and three faults, through the real tests and the store."""
    rng = np.random.default_rng(20)
    linac = Linac(panel=PANEL, aperture=Rectangle(22, 20), head_v_mm=Wave(cos=0.1), panel_v_mm=Wave(cos=0.2), noise_sigma=0.003)
    kv = kv_system(linac, KvImager(panel=PANEL, blades_mm=(-90.0, 90.0, -90.0, 90.0), isocentre_mm=(0.2, -0.1, 0.1)))

    def taken(when: datetime, *faults: Fault) -> list[Point]:
        found = images(a_day(rng, ORDINARY, faults, linac, kv), rng)
        assert [reading for _, reading in found if reading.quantity.key == "kv_offset_u" and isinstance(reading, Measured)]
        return [Point("", test, "1", when, when, True, reading) for test, reading in found]

    days = [taken(bench.FIRST + timedelta(days=30 * n)) for n in range(6)]
    last = bench.FIRST + timedelta(days=180)
    faults = [Fault(BALL, (0.6, -0.5, 0.4)), Fault(KV, (0.5, -0.6)), Fault(MOVED, (0.5, 0.6, -0.4))]
    said = {}
    for k, fault in enumerate(faults):
        store = Store(tmp_path / f"{k}.sqlite")
        for points in (*days, taken(last, fault)):
            keep(store, points, "rehearsal")
        said[fault.name] = cause.ask(store, "rehearsal").why.partition(":")[0]
    assert said == {fault.name: fault.name for fault in faults}


def test_every_cause_of_the_table_has_a_simulated_fault() -> None:
    assert set(CAUSES) == set(bench.FAULTS)


# What people said of the records


def monthly(store: Store, year: Year, count: int, *faults: Fault, first: int = 0) -> list[str]:
    """That many monthly records of the beam, from that month on."""
    return [keep(store, year._day(faults, bench.FIRST + timedelta(days=30 * n)), judged=True)[0] for n in range(first, first + count)]


OFF = Fault(MV, (0.9, 0.0))


def test_a_rejected_record_is_no_news_and_is_named(tmp_path: Path) -> None:
    """The newest record says that the panel is off by 0.9 mm; a person rejected it."""
    store, year = Store(tmp_path / "r.sqlite"), Year((7, 4), tests=("beam",))
    monthly(store, year, 8)
    (wrong,) = keep(store, year._day((OFF,), year.last))
    assert cause.ask(store, "LINAC-B").named == MV
    store.sign(wrong, "Bob Kay", "physicist", "rejected", "wrong phantom")
    verdict = cause.ask(store, "LINAC-B")
    assert verdict.why == "nothing changed beyond the usual scatter"
    assert {change.record_id for change in verdict.changes.rows}.isdisjoint({wrong})
    (said,) = [why for name, why in verdict.changes.left if name == f"record {wrong}"]
    assert said.startswith("rejected by Bob Kay on ")
    assert said.endswith("(wrong phantom)")


def test_rejected_records_are_not_among_the_earlier_ones(tmp_path: Path) -> None:
    store, year = Store(tmp_path / "r.sqlite"), Year((7, 5), tests=("beam",))
    good = monthly(store, year, 6)
    wrong = monthly(store, year, 2, OFF, first=6)
    keep(store, year._day((), year.last))
    for record in wrong:
        store.sign(record, "Bob Kay", "physicist", "rejected")
    assert {len(change.earlier) for change in cause.ask(store, "LINAC-B").changes.rows} == {len(good)}
    for record in good[:2]:
        store.sign(record, "Bob Kay", "physicist", "rejected")
    verdict = cause.ask(store, "LINAC-B")
    assert (verdict.named, verdict.changes.rows) == ("", ())
    for record in (*good, store.list(1)[0].record_id):
        store.sign(record, "Ann Lee", "physicist", "rejected")
    with pytest.raises(QaError, match="rejected"):
        cause.ask(store, "LINAC-B")


def test_a_baseline_of_several_records_begins_the_earlier_ones_anew(tmp_path: Path) -> None:
    """The panel was put up anew before month 6, and months 6 to 8 were made the baseline: a day like them is no change."""
    store, year = Store(tmp_path / "r.sqlite"), Year((7, 6), tests=("imaging",))
    shifted = Fault(KV, (0.9, 0.0))
    monthly(store, year, 6)
    after = monthly(store, year, 6, shifted, first=6)
    keep(store, year._day((shifted,), year.last))
    assert {len(change.earlier) for change in cause.ask(store, "LINAC-B").changes.rows} == {12}
    store.accept_baseline(after[2::-1], "Ann Lee", "panel replaced")
    verdict = cause.ask(store, "LINAC-B")
    assert {len(change.earlier) for change in verdict.changes.rows} == {6}
    assert verdict.why == "nothing changed beyond the usual scatter"


def test_a_service_between_and_among_what_is_compared_is_said(tmp_path: Path) -> None:
    """One after month 3, one between the last earlier record and the newest, and one before all."""
    store, year = Store(tmp_path / "r.sqlite"), Year((7, 7), tests=("beam",))
    monthly(store, year, 8)
    keep(store, year._day((OFF,), year.last))
    for day, text in ((-9, "before all"), (100, "new pump"), (220, "panel replaced")):
        on = (bench.FIRST + timedelta(days=day)).date()
        store.put_down("service", "LINAC-B", "", on, "Bob Kay", text)
        store.put_down("back", "LINAC-B", "", on + timedelta(days=1), "Bob Kay", "checked")
    verdict = cause.ask(store, "LINAC-B")
    assert [begun.text for begun, _ in verdict.between] == ["panel replaced"]
    assert [begun.text for begun, _ in verdict.among] == ["new pump"]
    said = CliRunner().invoke(app, ["cause", "--machine", "LINAC-B", "--database", str(store.where)]).output
    assert "service between the records that are compared: 2025-08-14 until 2025-08-15 (panel replaced)" in said
    assert "service among the earlier records: 2025-04-16 until 2025-04-17 (new pump)" in said
    assert "before all" not in said


def test_no_answer_looks_like_a_verdict_and_the_day_is_the_clinics(tmp_path: Path) -> None:
    store, year = Store(tmp_path / "r.sqlite"), Year((7, 8), tests=("beam",))
    monthly(store, year, 8)
    site = tmp_path / "site.toml"
    site.write_text('name = "C"\ntime_zone = "Europe/Berlin"\n[[machine]]\nname = "LINAC-B"\n', "utf-8")
    options = ["--machine", "LINAC-B", "--database", str(store.where), "--site", str(site), "--since", "2025-07-20"]
    said = CliRunner().invoke(app, ["cause", *options]).output
    assert said.splitlines()[0] == "LINAC-B, changes since 2025-07-20: nothing changed beyond the usual scatter"
    assert "this passes and fails nothing" in said
