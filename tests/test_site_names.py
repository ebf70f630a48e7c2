"""A machine keeps its history when the site file names it anew: what is asked of it is asked under all its names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_baselines import CURVE, DAY, FIRST, HU, Clinic, calibrate, clinic, judged_by, limit, of, only, told  # noqa: F401 - a fixture
from test_session import PROTOCOL, acquisition, handed_in, image, known  # noqa: F401 - fixtures
from test_site import WHOLE
from typer.testing import CliRunner

from phantoms import rtimage
from phantoms.linac import BallSetup, Linac, Shot, expose
from phantoms.panel import Panel
from qa import session, site
from qa.cli import app
from qa.limit import Limit, Outcome
from qa.proposal import propose
from qa.reading import QaError
from qa.site import SiteError
from qa.store import Store
from qa.trend import trend

OURS = site.Site(
    name="A",
    machine=(
        site.Machine(name="Linac 1", stations=("LINAC-B", "OLD-B"), serials=("4711",)),
        site.Machine(name="Linac 2", stations=("LINAC-C",), serials=("4712",)),
    ),
)


@pytest.fixture
def renamed(clinic: Clinic) -> Clinic:  # noqa: F811
    """The clinic with a record accepted under what the images call the machine, before there was a site file."""
    clinic.accept(clinic.measure(of(990.0)))
    clinic.store = Store(clinic.store.where or "", own_name=OURS.own_name)
    return clinic


# The store


def test_the_store_finds_what_is_under_any_name_of_the_machine(renamed: Clinic) -> None:
    old = renamed.store.list()[0].record_id
    other = renamed.accept(renamed.measure(of(1.0), machine="Linac 2")).record_id
    new = renamed.accept(renamed.measure(of(991.0), named=OURS.machine_of, when=FIRST + DAY)).record_id
    renamed.measure(of(992.0), machine="LINAC-B (serial 4711)", when=FIRST + 2 * DAY)
    for name in ("Linac 1", "LINAC-B", "OLD-B (serial 4711)"):
        assert [one.record.record_id for one in renamed.store.accepted(name, ["inserts"])] == [old, new]
        newest = renamed.store.newest(name, ["inserts"])
        assert newest is not None
        assert newest.machine == "LINAC-B (serial 4711)"
        assert [one.reading.value for one in renamed.store.history(name, HU.key)] == [990.0, 991.0, 992.0]
        assert renamed.store.quantities(name) == (HU.key,)
    assert renamed.store.names("Linac 1") == ("LINAC-B", "LINAC-B (serial 4711)", "Linac 1")
    assert [one.record.record_id for one in renamed.store.accepted("Linac 2")] == [other]
    assert renamed.store.accepted("LINAC-B (serial 4712)") == ()  # of nobody
    plain = Store(renamed.store.where or "")
    assert [one.record.record_id for one in plain.accepted("Linac 1")] == [new]  # without a site every name is a machine


def test_a_trend_goes_on_under_the_new_name_and_its_epochs_with_it(renamed: Clinic) -> None:
    renamed.measure(of(991.0), named=OURS.machine_of, when=FIRST + DAY)
    found = trend(renamed.store, "Linac 1", HU.key)
    assert [point.reading.value for point in found.points] == [990.0, 991.0]
    assert "accepted by Zoë" in found.epochs[0].why


# Baselines and calibrations


def test_a_drift_fails_against_what_was_accepted_under_the_old_name(renamed: Clinic) -> None:
    base = renamed.store.list()[0].record_id
    record = renamed.measure(of(1016.0), named=OURS.machine_of, when=FIRST + DAY)
    assert record.machine == "Linac 1"
    assert only(record)[0] is Outcome.FAIL
    assert f"baseline: record {base} was accepted for 'LINAC-B', another name of 'Linac 1'" in record.notes


def test_a_baseline_of_several_records_is_found_under_any_name_of_the_machine(clinic: Clinic) -> None:  # noqa: F811
    pair = [clinic.measure(of(value), when=FIRST + n * DAY).record_id for n, value in enumerate((990.0, 992.0))]
    clinic.store.accept_baseline(pair[::-1], "Zoë", "yearly")
    other = clinic.measure(of(991.0), machine="LINAC-X", when=FIRST + 2 * DAY)
    assert "accepted for other names: 'LINAC-B'" in only(other)[1]
    clinic.store = Store(clinic.store.where or "", own_name=OURS.own_name)
    record = clinic.measure(of(993.0), named=OURS.machine_of, when=FIRST + 3 * DAY)
    (judged,) = record.judgements
    assert judged.baseline is not None
    assert (judged.baseline.record_id, judged.baseline.value) == ("baseline 1", 991.0)
    assert any("stored for 'LINAC-B', another name of 'Linac 1'" in note for note in record.notes)
    (entry,) = propose(clinic.store, "Linac 1", "inserts", 3).entries
    assert (entry.new.n, entry.present) == (3, judged.baseline)


def test_a_baseline_of_the_same_name_is_not_remarked(renamed: Clinic) -> None:
    record = renamed.measure(of(991.0), when=FIRST + DAY)  # nobody names it
    assert only(record)[0] is Outcome.PASS
    assert not any(note.startswith("baseline: ") for note in record.notes)


def test_a_record_of_a_name_that_nobody_knows_is_told_before_a_drift_is_accepted(renamed: Clinic) -> None:
    """The site file forgets the name that the accepted record is stored under."""
    machine = OURS.machine[0].model_copy(update={"stations": ("OLD-B",)})
    renamed.store = Store(renamed.store.where or "", own_name=OURS.model_copy(update={"machine": (machine,)}).own_name)
    outcome, reason = only(renamed.measure(of(1016.0), machine="Linac 1"))
    assert outcome is Outcome.NOT_MEASURED
    assert "accepted for other names: 'LINAC-B'" in reason
    assert "add it to its stations in the site file" in reason


def test_a_calibration_stays_in_force_under_the_new_name_and_says_the_old_one(clinic: Clinic) -> None:  # noqa: F811
    made = clinic.accept(calibrate(clinic))
    clinic.store = Store(clinic.store.where or "", own_name=OURS.own_name)
    record = clinic.measure(of(990.0), named=OURS.machine_of, when=FIRST + DAY)
    assert [one.record_id for one in clinic.told[-1].calibrations] == [made.record_id]
    assert any(f"record {made.record_id}, taken 2024-01-05 07:00 UTC, stored for 'LINAC-B', valid until" in note for note in record.notes)
    assert "stored for" not in told(clinic, FIRST + DAY)


# Sessions


def test_two_names_of_one_machine_are_one_machine(handed_in) -> None:  # noqa: F811
    handed_in(acquisition(image("a.dcm")), acquisition(image("b.dcm", machine="OLD-B (serial 4711)")))
    found = session.run(["x"], PROTOCOL, machine="Linac 1", named=OURS.machine_of)
    assert {record.machine for record in found.records} == {"Linac 1"}
    handed_in(acquisition(image("a.dcm")), acquisition(image("c.dcm", machine="LINAC-D")))
    with pytest.raises(QaError, match=r"2 machines \(LINAC-D, Linac 1\)"):
        session.run(["x"], PROTOCOL, machine="Linac 1", named=OURS.machine_of)


def test_answers_are_for_one_machine_whatever_its_images_call_it(handed_in) -> None:  # noqa: F811
    asked = Limit("q", "mean", "door", "", None, None, "functional", ("imrt",), "daily", "test", False, note="Does the door stop it?")
    ours = replace(PROTOCOL, limits=(*PROTOCOL.limits, asked))
    handed_in(acquisition(image("a.dcm", acquired=FIRST)), acquisition(image("b.dcm", machine="OLD-B", acquired=FIRST)))
    found = session.run(["x"], ours, answers={"door": True}, named=OURS.machine_of)
    assert [record.machine for record in found.records] == ["Linac 1"] * 2
    handed_in(acquisition(image("a.dcm", acquired=FIRST)), acquisition(image("b.dcm", machine="LINAC-C", acquired=FIRST)))
    with pytest.raises(QaError, match="Linac 1, 2024-01-05; Linac 2, 2024-01-05"):
        session.run(["x"], ours, answers={"door": True}, named=OURS.machine_of)


def test_a_machine_that_a_person_names_must_not_contradict_the_images(handed_in) -> None:  # noqa: F811
    handed_in(acquisition(image("a.dcm")))
    with pytest.raises(SiteError, match="'LINAC-B', which is Linac 1, and not Linac 2"):
        session.run(["x"], PROTOCOL, machine="Linac 2", named=OURS.machine_of)


# The command line: what was accepted before there was a site file

BASE = """
name = "own_base"
title = "Own"
coverage_factor = 2
frequency = "monthly"
source = "own"

[[limit]]
id = "a"
procedure = "winston_lutz"
quantity = "ball_offset_u"
unit = "mm"
kind = "baseline"
tolerance = 0.2
techniques = ["srs"]
frequency = "monthly"
source = "own"
confirmed = true
"""


def test_a_site_file_turns_no_failure_into_something_else(tmp_path: Path) -> None:
    for name, x, day in (("before", 1.0, 1), ("drifted", 1.6, 2)):
        linac = Linac(name="LINAC-E", serial="4711", panel=Panel("crop", 190, 206, (0.4, 0.4)), noise_sigma=0.002)
        images = expose(linac, BallSetup((x, -0.7, 0.5), 6.0), [Shot()], np.random.default_rng(day))
        rtimage.write(images, tmp_path / name, seed=day)
    (tmp_path / "base.toml").write_text(BASE, "utf-8")
    (tmp_path / "site.toml").write_text(WHOLE, "utf-8")
    store = ["--database", str(tmp_path / "r.sqlite")]
    known_as = ["--site", str(tmp_path / "site.toml"), *store]

    def invoke(*words: str) -> tuple[int, str]:
        ended = CliRunner().invoke(app, list(words))
        return ended.exit_code, ended.output

    invoke("run", str(tmp_path / "before"), "--protocol", str(tmp_path / "base.toml"), *store)
    (base,) = (one.record_id for one in Store(tmp_path / "r.sqlite").list())
    assert invoke("accept", base, "--by", "A. Physicist", *known_as)[1].endswith("it is the baseline of Linac 1 for winston_lutz\n")
    status, text = invoke("run", str(tmp_path / "drifted"), "--protocol", str(tmp_path / "base.toml"), *known_as)
    assert status == 1, text
    assert f"baseline: record {base} was accepted for 'LINAC-E (serial 4711)', another name of 'Linac 1'" in text
    status, text = invoke("trend", "ball_offset_u", "--machine", "Linac 1", *known_as)
    assert status == 0, text
    assert "records of one machine: LINAC-E (serial 4711), Linac 1" in text
    assert "accepted by A. Physicist" in text
