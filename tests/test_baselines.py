"""What a record is held against and measured with: baselines and calibrations that a person accepted before."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_session import Batch, image

from qa import calibrations, chain, dicom, protocol, session
from qa import procedure as procedures
from qa.acquisition import Acquisition
from qa.limit import Limit, Outcome
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.protocol import Protocol
from qa.reading import Measured, NotMeasured, Quantity, Reading, RecordError, identity
from qa.record import Record, from_json, to_json
from qa.store import Store
from reports import catalogue
from reports.lines import lines

HU = Quantity("insert_hu", "HU", "mean CT number of an insert", "test")
SLOPE = Quantity("density_slope", "", "density per CT number", "test")
FIRST = datetime(2024, 1, 5, 7, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def limit(**changes: Any) -> Limit:
    own = Limit("hu", "inserts", HU.key, "HU", 20.0, None, "baseline", ("imrt",), "monthly", "test", False)
    return replace(own, **changes)


def judged_by(*limits: Limit) -> Protocol:
    return Protocol("own", "Our own", 2.0, limits, "monthly", "test")


MONTHLY = judged_by(limit())


@dataclass
class Clinic:
    """A machine whose inserts read what ``readings`` says; every image is a new one unless a test hands in an old one."""

    store: Store
    readings: list[Reading] = field(default_factory=list)
    procedures: dict[str, Procedure] = field(default_factory=dict)
    batch: tuple[Acquisition, ...] = ()
    taken: int = 0
    told: list[Acquisition] = field(default_factory=list)

    def measure(
        self, *readings: Reading, by: Protocol = MONTHLY, when: datetime | None = FIRST, again: bool = False, **said: Any
    ) -> Record:
        """A new record of what the image of that moment shows; with ``again`` of the image handed in last."""
        self.taken += not again
        one = replace(image(f"{self.taken}.dcm", acquired=when), sha256=f"{self.taken:04d}")
        self.batch = (Acquisition((one,), one.machine, "MV", f"MV, {one.machine}"),)
        self.readings = list(readings)
        return session.run(["x"], by, procedures=by.procedures, store=self.store, **said).records[0]

    def accept(self, record: Record) -> Record:
        self.store.accept(record.record_id, "Zoë")
        return record


def of(value: float, part: str = "Teflon", setting: str = "CatPhan 604 | 125 kV", **more: Any) -> Measured:
    """A reading of an insert, its file and its place named as well, which are others every time."""
    at = {"part": part, "setting": setting, "series_instance_uid": f"1.2.{value}", "gantry_deg": 359.0 + value / 1000}
    return Measured(HU, value, 2.0, at, {"noise": 2.0}, **more)


def only(record: Record) -> tuple[Outcome, str]:
    (judgement,) = record.judgements
    return judgement.outcome, judgement.reason


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    built = Clinic(Store(tmp_path / "records.sqlite"))

    def analyse(acquisition: Acquisition) -> Analysis:
        built.told.append(acquisition)
        return Analysis(tuple(built.readings))

    def rehearse(rng: np.random.Generator) -> Rehearsal:
        raise NotImplementedError

    @contextmanager
    def opened(paths: Sequence[Path], progress: Callable[[int, int], None], scale_of: object = None) -> Iterator[Batch]:
        yield Batch(built.batch)

    inserts = Procedure("inserts", "Inserts", "1", (HU,), lambda a: "", analyse, rehearse, uses=("CT number to density",))
    curve = replace(inserts, name="curve", quantities=(SLOPE,), uses=(), provides="CT number to density")
    built.procedures = {"inserts": inserts, "curve": curve}
    monkeypatch.setattr(procedures, "names", lambda: tuple(built.procedures))
    monkeypatch.setattr(procedures, "load", built.procedures.__getitem__)
    monkeypatch.setattr(dicom, "opened", opened)
    return built


# Identity


def test_identity_is_what_was_measured_and_not_which_file_or_readout() -> None:
    assert identity(of(990.0).at) == identity(of(1010.0).at) == (("part", "Teflon"), ("setting", "CatPhan 604 | 125 kV"))
    assert identity({"set": "kV 2", "sop_instance_uid": "1.2", "couch_deg": 0.0}) == (("set", "kV 2"),)
    assert identity(of(990.0, part="PMP").at) != identity(of(990.0).at) != identity(of(990.0, setting="100 kV").at)
    assert identity({}) == ()


# Judging


def test_without_a_baseline_nothing_passes_and_the_reason_says_what_to_do(clinic: Clinic) -> None:
    first = clinic.measure(of(990.0))
    outcome, reason = only(first)
    assert outcome is Outcome.NOT_MEASURED
    assert reason.startswith("no baseline: ")
    assert "igrtqa accept RECORD --by NAME" in reason
    assert only(clinic.measure(of(990.0)))[0] is Outcome.NOT_MEASURED  # stored, not accepted


def test_image_exported_again_is_no_baseline_for_itself(clinic: Clinic) -> None:
    base = clinic.accept(clinic.measure(of(990.0)))
    clinic.store.add(replace(base, record_id="exported", inputs=(replace(base.inputs[0], sha256="another file"),)))
    first, second = clinic.store.runs("LINAC-B", "inserts")
    assert first.images & second.images == {base.inputs[0].sop_instance_uid}
    again = replace(clinic.batch[0].images[0], sha256="another file")
    clinic.batch = (replace(clinic.batch[0], images=(again,)),)
    outcome, reason = only(session.run(["x"], MONTHLY, procedures=MONTHLY.procedures, store=clinic.store).records[0])
    assert (outcome, "is of these same images" in reason) == (Outcome.NOT_MEASURED, True)


def test_another_phantom_than_that_of_the_baseline_is_said(clinic: Clinic) -> None:
    base = clinic.accept(clinic.measure(of(990.0), phantom="CatPhan 7"))
    said = f"record {base.record_id} is of phantom 'CatPhan 7', these images are of 'CatPhan 8'"
    other = clinic.measure(of(991.0), when=FIRST + DAY, phantom="CatPhan 8")
    assert [said in note for note in other.notes if "phantom" in note] == [True]
    for same in ("catphan 7", ""):
        assert not [note for note in clinic.measure(of(991.0), when=FIRST + DAY, phantom=same).notes if "these images are of" in note]


def test_record_accepted_later_is_not_the_first_by_a_clock_that_was_set_back(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.accept(clinic.measure(of(990.0)))
    drifted = clinic.measure(of(1030.0), by=judged_by(limit(kind="absolute", tolerance=1040.0)), when=FIRST + DAY)
    monkeypatch.setattr(chain, "clock", lambda: datetime(2020, 1, 1, tzinfo=UTC))
    clinic.accept(drifted)
    outcome, reason = only(clinic.measure(of(1030.0), when=FIRST + 2 * DAY))
    assert (outcome, "from the baseline 990.0" in reason) == (Outcome.FAIL, True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1004.0, Outcome.PASS),  # 14 + 2 sqrt(2² + 2²) = 19.7
        (1005.0, Outcome.INDETERMINATE),  # 20.7; 19 without the baseline's own u
        (1015.0, Outcome.INDETERMINATE),  # 25 - 5.7 = 19.3
        (1016.0, Outcome.FAIL),  # 20.3
        (964.0, Outcome.FAIL),
    ],
)
def test_difference_from_the_accepted_record_decides(clinic: Clinic, value: float, expected: Outcome) -> None:
    base = clinic.accept(clinic.measure(of(990.0)))
    record = clinic.measure(of(value), when=FIRST + 31 * DAY)
    outcome, reason = only(record)
    assert outcome is expected
    assert f"{value - 990:.1f} ± 5.7 HU from the baseline 990.0 ± 4.0 HU of 2024-01-05 (record {base.record_id[:8]})" in reason
    (judgement,) = record.judgements
    assert judgement.baseline is not None
    assert (judgement.baseline.record_id, judgement.baseline.taken) == (base.record_id, FIRST)
    assert (judgement.baseline.value, judgement.baseline.u, judgement.baseline.unit) == (990.0, 2.0, "HU")
    assert clinic.store.get(record.record_id) == record == from_json(to_json(record))


def test_each_part_and_setting_has_a_baseline_of_its_own(clinic: Clinic) -> None:
    clinic.accept(clinic.measure(of(990.0), of(-200.0, "PMP"), of(930.0, setting="CatPhan 604 | 100 kV")))
    record = clinic.measure(
        of(-200.0, "PMP"), of(931.0, setting="CatPhan 604 | 100 kV"), of(990.0), of(990.0, "Delrin"), of(990.0, setting="80 kV")
    )
    assert [j.outcome for j in record.judgements] == [Outcome.PASS] * 3 + [Outcome.NOT_MEASURED] * 2
    assert [j.baseline.value if j.baseline else None for j in record.judgements] == [-200.0, 930.0, 990.0, None, None]


def test_first_accepted_record_counts_and_later_ones_fill_in_what_it_lacks(clinic: Clinic) -> None:
    early, late = clinic.measure(of(970.0), when=FIRST - DAY), clinic.measure(of(990.0), NotMeasured(HU, "bubble", of(0.0, "PMP").at))
    clinic.accept(late)
    clinic.accept(early)
    partly = clinic.accept(clinic.measure(of(-220.0, "PMP", missing="half of it"), of(1000.0)))
    whole = clinic.accept(clinic.measure(of(-200.0, "PMP")))
    found = [j.baseline for j in clinic.measure(of(990.0), of(-200.0, "PMP")).judgements]
    assert [b.record_id if b else None for b in found] == [late.record_id, whole.record_id]
    assert partly.record_id not in {b.record_id for b in found if b}


def test_record_of_another_machine_or_test_never_serves(clinic: Clinic) -> None:
    clinic.accept(clinic.measure(of(990.0)))
    assert only(clinic.measure(of(990.0), machine="LINAC-C"))[0] is Outcome.NOT_MEASURED
    clinic.procedures["others"] = replace(clinic.procedures["inserts"], name="others")
    assert only(clinic.measure(of(990.0), by=judged_by(limit(procedure="others"))))[0] is Outcome.NOT_MEASURED
    assert only(clinic.measure(of(990.0)))[0] is Outcome.PASS


def test_record_of_the_same_images_is_no_baseline_for_them(clinic: Clinic) -> None:
    base = clinic.accept(clinic.measure(of(990.0)))
    outcome, reason = only(clinic.measure(of(990.0), again=True))
    assert outcome is Outcome.NOT_MEASURED
    assert f"record {base.record_id} is of these same images" in reason


def test_number_of_another_version_is_no_baseline(clinic: Clinic) -> None:
    base = clinic.accept(clinic.measure(of(990.0)))
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], version="2")
    outcome, reason = only(clinic.measure(of(990.0)))
    assert outcome is Outcome.NOT_MEASURED
    assert f"record {base.record_id} is of version 1 of this test, these numbers are of version 2" in reason
    clinic.accept(clinic.measure(of(991.0)))
    assert only(clinic.measure(of(990.0)))[0] is Outcome.PASS


def test_baseline_that_could_be_either_of_two_is_none(clinic: Clinic) -> None:
    clinic.accept(clinic.measure(of(990.0), of(940.0)))
    outcome, reason = only(clinic.measure(of(990.0)))
    assert outcome is Outcome.NOT_MEASURED
    assert "has 2 such numbers" in reason
    single = clinic.accept(clinic.measure(of(985.0)))
    both = clinic.measure(of(990.0), of(940.0))  # each of two is held against the one
    assert [(j.outcome, j.baseline.record_id if j.baseline else "") for j in both.judgements] == [
        (Outcome.PASS, single.record_id),
        (Outcome.FAIL, single.record_id),
    ]


def test_records_of_one_run_are_no_baselines_of_each_other(clinic: Clinic) -> None:
    clinic.measure(of(990.0))
    two = [replace(image(f"{name}.dcm", acquired=FIRST), sha256=name) for name in ("a", "b")]
    clinic.batch = tuple(Acquisition((one,), one.machine, "MV", one.name) for one in two)
    records = session.run(["x"], MONTHLY, procedures=["inserts"], store=clinic.store).records
    assert [only(record)[0] for record in records] == [Outcome.NOT_MEASURED] * 2


def test_run_that_keeps_nothing_has_no_baseline_and_says_why(clinic: Clinic) -> None:
    clinic.accept(clinic.measure(of(990.0)))
    (record,) = session.run(["x"], MONTHLY, procedures=["inserts"]).records
    assert only(record) == (
        Outcome.NOT_MEASURED,
        "no baseline: this run keeps no records, so there is none to compare with; run it with a database",
    )


def test_baseline_changed_by_force_is_not_used_nor_replaced_by_a_later_one(clinic: Clinic) -> None:
    base = clinic.accept(clinic.measure(of(990.0)))
    clinic.accept(clinic.measure(of(1000.0)))
    with sqlite3.connect(clinic.store.where) as raw:
        raw.execute("DROP TRIGGER reading_no_update")
        raw.execute("UPDATE reading SET value = 1001 WHERE record_id = ?", (base.record_id,))
    outcome, reason = only(clinic.measure(of(1000.0)))
    assert outcome is Outcome.NOT_MEASURED
    assert f"record {base.record_id} was changed after it was stored" in reason


def test_acceptance_of_another_content_is_not_believed(clinic: Clinic) -> None:
    clinic.accept(clinic.measure(of(990.0)))
    with sqlite3.connect(clinic.store.where) as raw:
        raw.execute("DROP TRIGGER acceptance_no_update")
        raw.execute("UPDATE acceptance SET record_hash = 'other'")
    assert "is not what Zoë accepted" in only(clinic.measure(of(990.0)))[1]


def test_baseline_that_was_rejected_later_counts_no_more_and_no_other_slips_into_its_place(clinic: Clinic) -> None:
    base = clinic.accept(clinic.measure(of(990.0)))
    other = clinic.accept(clinic.measure(of(1000.0)))
    clinic.store.sign(base.record_id, "Bob Kay", "physicist", "rejected", "the phantom was turned")
    outcome, reason = only(clinic.measure(of(1000.0)))
    assert outcome is Outcome.NOT_MEASURED
    assert f"record {base.record_id}, which Zoë accepted, was rejected by Bob Kay on " in reason
    assert "(the phantom was turned)" in reason
    assert "igrtqa accept RECORD --by NAME" in reason
    assert [one.rejected.who if one.rejected else "" for one in clinic.store.accepted()] == ["Bob Kay", ""]
    assert "rejected by Bob Kay" in catalogue.acceptance(clinic.store.accepted()[0]).words
    clinic.accept(other)  # somebody says now that it is the one
    (judgement,) = clinic.measure(of(1000.0)).judgements
    assert judgement.baseline is not None
    assert (judgement.outcome, judgement.baseline.record_id) == (Outcome.PASS, other.record_id)


def test_rejection_that_was_taken_back_lets_the_baseline_count_again(clinic: Clinic) -> None:
    base = clinic.accept(clinic.measure(of(990.0), performer="Zoë"))
    clinic.store.sign(base.record_id, "Bob Kay", "physicist", "rejected")
    clinic.store.sign(base.record_id, "Cy Day", "physicist", "approved")  # another person's word does not take it back
    clinic.store.sign(base.record_id, "Bob", "physicist", "approved")  # nor that of a name which only may be theirs
    assert only(clinic.measure(of(990.0)))[0] is Outcome.NOT_MEASURED
    clinic.store.sign(base.record_id, "Kay, Bob", "physicist", "reviewed")
    assert only(clinic.measure(of(990.0)))[0] is Outcome.PASS


def test_order_of_rejection_and_acceptance_is_that_of_the_chain(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    base, other = clinic.accept(clinic.measure(of(990.0))), clinic.measure(of(1000.0))
    clinic.accept(other)
    with monkeypatch.context() as late:
        late.setattr(chain, "clock", lambda: datetime.now(UTC) - 2 * DAY)
        clinic.store.sign(base.record_id, "Bob Kay", "physicist", "rejected")
    assert only(clinic.measure(of(1000.0)))[0] is Outcome.NOT_MEASURED


def test_rejected_record_is_not_accepted(clinic: Clinic) -> None:
    record = clinic.measure(of(990.0), performer="Zoë")
    clinic.store.sign(record.record_id, "Bob Kay", "physicist", "rejected", "the phantom was turned")
    with pytest.raises(RecordError, match=r"it was rejected by Bob Kay on [-0-9]+ \(the phantom was turned\): accept another record"):
        clinic.accept(record)
    assert clinic.store.accepted() == ()
    clinic.store.sign(record.record_id, "Bob Kay", "physicist", "approved", "it was not")
    clinic.accept(record)
    assert len(clinic.store.accepted()) == 1


def test_limit_without_a_number_never_passes_and_the_difference_is_shown(clinic: Clinic) -> None:
    no_number = judged_by(limit(tolerance=None))
    own = (Outcome.NOT_MEASURED, "set your own limit: the source gives no number")
    assert only(clinic.measure(of(990.0), by=no_number)) == own
    base = clinic.accept(clinic.measure(of(990.0)))
    record = clinic.measure(of(991.0), by=no_number)
    assert only(record) == own
    (value,) = [line for line in lines(record) if line.kind == "value"]
    assert value.words == f"991.0 ± 4.0 HU; 1.0 ± 5.7 HU from the baseline 990.0 ± 4.0 HU of 2024-01-05 (record {base.record_id[:8]})"


def test_absolute_limits_ask_the_store_for_nothing(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], uses=())
    for name in ("accepted", "newest", "get"):
        monkeypatch.setattr(Store, name, lambda *_: pytest.fail("the store was asked"))
    assert only(clinic.measure(of(5.0), by=judged_by(limit(kind="absolute"))))[0] is Outcome.PASS


# Calibrations

CURVE = judged_by(limit(procedure="curve", quantity=SLOPE.key, unit="", tolerance=0.1, kind="absolute"))


def calibrate(clinic: Clinic, when: datetime | None = FIRST, by: Protocol = CURVE) -> Record:
    return clinic.measure(Measured(SLOPE, 0.001, 0.0001), by=by, when=when)


def told(clinic: Clinic, when: datetime | None) -> str:
    """What a record made then notes of its calibration, once it is sure that it was handed over exactly where one is in force."""
    record = clinic.measure(of(990.0), when=when)
    notes = [note for note in record.notes if note.startswith("CT number to density: ")]
    assert len(notes) <= 1
    note = notes[0].removeprefix("CT number to density: ") if notes else ""
    assert bool(clinic.told[-1].calibrations) == ("valid until" in note)
    return note


def test_accepted_calibration_is_handed_over_and_named(clinic: Clinic) -> None:
    assert told(clinic, FIRST) == ""
    made = calibrate(clinic)
    why = told(clinic, FIRST + DAY)
    assert why.startswith(
        f"no calibration is in force: record {made.record_id}, taken 2024-01-05 07:00 UTC, is not accepted: igrtqa accept"
    )
    clinic.accept(made)
    assert told(clinic, FIRST + DAY) == f"record {made.record_id}, taken 2024-01-05 07:00 UTC, valid until 2024-02-08 09:24 UTC"
    (handed,) = clinic.told[-1].calibrations
    assert (handed.provides, handed.record_id, handed.taken) == ("CT number to density", made.record_id, FIRST)
    assert handed.readings == made.readings
    assert handed.expires == FIRST + 34.1 * DAY  # 31 days and a tenth of them
    clinic.measure(Measured(SLOPE, 0.001, 0.0001), by=CURVE)
    assert clinic.told[-1].calibrations == ()  # not asked for


def test_calibration_expires(clinic: Clinic) -> None:
    made = clinic.accept(calibrate(clinic))
    assert "valid until" in told(clinic, FIRST + 34 * DAY)
    assert told(clinic, FIRST + 35 * DAY) == (
        f"no calibration is in force: record {made.record_id}, taken 2024-01-05 07:00 UTC, expired 2024-02-08 09:24 UTC: calibrate again"
    )


@pytest.mark.parametrize(
    ("frequency", "days"), [("daily", 1.1), ("weekly", 7.7), ("quarterly", 101.2), ("semiannual", 201.3), ("annual", 402.6)]
)
def test_the_limits_that_judged_it_say_how_long_it_is_valid(clinic: Clinic, frequency: str, days: float) -> None:
    (own,) = CURVE.limits
    often = replace(own, frequency=frequency)
    seldom = replace(own, limit_id="second", frequency="commissioning")
    clinic.accept(calibrate(clinic, by=judged_by(often, seldom)))
    assert "valid until" in told(clinic, FIRST + (days - 0.01) * DAY)
    assert "expired" in told(clinic, FIRST + (days + 0.01) * DAY)


def test_every_frequency_of_a_protocol_has_a_period_or_none_on_purpose() -> None:
    assert set(protocol.FREQUENCIES) - set(calibrations.PERIOD_DAYS) == {"per_use", "commissioning"}


def test_calibration_that_no_limit_judged_is_not_used(clinic: Clinic) -> None:
    (own,) = CURVE.limits
    for by in (
        replace(CURVE, limits=(own, replace(own, limit_id="x", frequency="per_use"))[1:]),
        judged_by(replace(own, quantity="density_slope", frequency="commissioning")),
    ):
        clinic.accept(calibrate(clinic, by=by))
        assert "its expiry is not known" in told(clinic, FIRST + DAY)


def test_newer_calibration_replaces_the_older_one_even_where_it_is_of_no_use(clinic: Clinic) -> None:
    (own,) = CURVE.limits
    old = clinic.accept(calibrate(clinic, by=judged_by(replace(own, frequency="annual"))))
    new = clinic.accept(calibrate(clinic, FIRST + 10 * DAY))
    assert told(clinic, FIRST + 5 * DAY).startswith(f"record {old.record_id}")  # of images taken before the newer one
    assert told(clinic, FIRST + 11 * DAY).startswith(f"record {new.record_id}")
    assert f"record {new.record_id}" in told(clinic, FIRST + 60 * DAY)
    assert "expired" in told(clinic, FIRST + 60 * DAY)


def test_calibration_of_another_machine_or_day_is_not_used(clinic: Clinic) -> None:
    clinic.accept(calibrate(clinic))
    assert "is younger than these images" in told(clinic, FIRST - DAY)
    assert "expired" in told(clinic, None)  # images that do not say when they were taken: of today
    clinic.measure(of(990.0), machine="LINAC-C")
    assert clinic.told[-1].calibrations == ()


def test_calibration_that_does_not_say_when_it_was_taken_counts_from_its_analysis_and_says_so(clinic: Clinic) -> None:
    made = clinic.accept(calibrate(clinic, when=None))
    note = told(clinic, None)
    assert "its images do not say when they were taken: this is when they were analysed" in note
    assert "valid until" in note
    assert clinic.told[-1].calibrations[0].taken == made.analysed
    assert "is younger than these images" in told(clinic, FIRST)


def test_calibration_changed_by_force_is_not_used(clinic: Clinic) -> None:
    made = clinic.accept(calibrate(clinic))
    with sqlite3.connect(clinic.store.where) as raw:
        raw.execute("DROP TRIGGER reading_no_update")
        raw.execute("UPDATE reading SET value = 0.002 WHERE record_id = ?", (made.record_id,))
    assert "was changed after it was stored" in told(clinic, FIRST + DAY)


def test_calibration_that_was_rejected_is_not_in_force_and_no_older_one_is(clinic: Clinic) -> None:
    (own,) = CURVE.limits
    old = clinic.accept(calibrate(clinic, by=judged_by(replace(own, frequency="annual"))))
    new = clinic.accept(calibrate(clinic, FIRST + 10 * DAY))
    clinic.store.sign(new.record_id, "Bob Kay", "physicist", "rejected", "wrong plugs")
    why = told(clinic, FIRST + 11 * DAY)
    assert why.startswith(f"no calibration is in force: record {new.record_id}, which Zoë accepted, was rejected by Bob Kay on ")
    assert "(wrong plugs): calibrate again" in why
    assert told(clinic, FIRST + 5 * DAY).startswith(f"record {old.record_id}")  # of images taken before it
    with pytest.raises(RecordError, match="rejected by Bob Kay"):
        clinic.accept(new)
    clinic.accept(old)  # back to the old one, as somebody says now
    assert told(clinic, FIRST + 11 * DAY).startswith(f"record {old.record_id}")
    newer = clinic.accept(calibrate(clinic, FIRST + 12 * DAY))
    assert told(clinic, FIRST + 13 * DAY).startswith(f"record {newer.record_id}")
