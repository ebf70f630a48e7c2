"""A stored record judged again: other limits decide, a doubt stays a doubt, and nothing is counted twice."""

import sqlite3
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from test_baselines import DAY, FIRST, HU, SLOPE, Clinic, clinic, judged_by, limit, of, only  # noqa: F401 - a fixture
from test_cli import invoke
from test_record import comparison
from test_session import Batch
from test_site_said import TEXT

from bench.drawn_records import drawn
from bench.tampering import forced
from qa import audit, chain, dicom, rejudging, site, site_said, tables
from qa.acquisition import Acquisition, Refused
from qa.audit_period import period
from qa.compared import doubted
from qa.exits import Status
from qa.export import readings_json
from qa.limit import Outcome
from qa.proposal import propose
from qa.protocol import Protocol
from qa.reading import Measured, NotMeasured, QaError, Quantity, RecordError
from qa.record import Basis, Record, from_json, record_hash, to_json
from qa.rejudging import JUDGED_BY, rejudged
from qa.site import SiteError
from qa.trend import trend
from reports import audit_state, audit_words, pdf, trend_picture
from reports.lines import lines

PASSING = (Outcome.PASS, Outcome.INDETERMINATE)
QUESTION = limit(limit_id="door", quantity="door", unit="", tolerance=None, kind="functional", note="Does the door stop the beam?")


def within(tolerance: float, *more: Any, **changes: Any) -> Protocol:
    """A protocol of one tolerance on the number itself, in HU, named after it."""
    own = judged_by(limit(limit_id="plain", kind="absolute", tolerance=tolerance), *more)
    return replace(own, name=f"within_{tolerance:g}", title=f"Within {tolerance:g}", **changes)


WIDE, NARROW = within(1040.0), within(900.0)  # 990 ± 4 passes, fails


def again(clinic: Clinic, record: Record, by: Protocol = WIDE, who: str = "Bob Kay", **said: Any) -> Record:  # noqa: F811
    """Judged again and stored."""
    made = rejudged(clinic.store, record.record_id, by, who, **said)
    clinic.store.add(made)
    return clinic.store.get(made.record_id)


def old(clinic: Clinic, record: Record, **changes: Any) -> Record:  # noqa: F811
    """The record as an older program left it, which kept no basis."""
    made = replace(record, record_id=f"old-{record.record_id}", basis=None, **changes)
    clinic.store.add(made)
    return made


def rows(file: Path, record_id: str) -> dict[str, list[Any]]:
    with sqlite3.connect(file) as connection:
        names = [table.name for table in (tables.record, *tables.CHILDREN)]
        return {
            name: connection.execute(f"SELECT * FROM {name} WHERE record_id = ? ORDER BY 1, 2", (record_id,)).fetchall() for name in names
        }


# By other limits


@pytest.mark.parametrize(
    ("before", "after", "k", "first", "second"),  # the value is 990 with u = 2: 990 ± 2k, at k = 2 from 986 to 994
    [
        (985.0, 995.0, 2.0, Outcome.FAIL, Outcome.PASS),
        (995.0, 985.0, 2.0, Outcome.PASS, Outcome.FAIL),
        (990.0, 995.0, 2.0, Outcome.INDETERMINATE, Outcome.PASS),
        (995.0, 993.0, 2.0, Outcome.PASS, Outcome.INDETERMINATE),
        (985.0, 987.0, 2.0, Outcome.FAIL, Outcome.INDETERMINATE),
        (993.0, 991.0, 0.0, Outcome.INDETERMINATE, Outcome.PASS),  # simple acceptance
        (995.0, 989.0, 0.0, Outcome.PASS, Outcome.FAIL),
    ],
)
def test_other_limits_decide_otherwise(
    clinic: Clinic,  # noqa: F811
    before: float,
    after: float,
    k: float,
    first: Outcome,
    second: Outcome,
) -> None:
    record = clinic.measure(of(990.0), by=within(before))
    assert only(record)[0] is first
    assert only(again(clinic, record, within(after, coverage_factor=k)))[0] is second


def test_new_record_has_the_old_ones_readings_and_says_where_they_are_from(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW, phantom="CatPhan 7", performer="Ann Lee")
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], version="2")
    new = again(clinic, record)
    same = ("procedure", "procedure_version", "title", "machine", "phantom", "acquired", "inputs", "readings", "evidence", "comparisons")
    assert {name: getattr(new, name) for name in same} == {name: getattr(record, name) for name in same}
    assert new.record_id != record.record_id
    assert new.analysed > record.analysed
    assert (new.protocol, new.protocol_title, new.basis) == ("within_1040", "Within 1040", Basis(judged_again=record.record_id))
    assert record.record_id in new.notes[0]
    assert record_hash(record) in new.notes[0]
    assert "Within 900 (within_900) judged" in new.notes[0]
    assert new.notes[0].endswith(": FAIL")
    assert new.notes[1] == "its readings are of version 1 of this test, which is 2 today"
    assert set(record.notes) <= set(new.notes)
    assert dict(new.versions).items() > dict(record.versions).items()
    twice = again(clinic, new, within(1030.0))
    assert [name for name, _ in twice.versions].count(JUDGED_BY) == 1
    assert twice.basis == Basis(judged_again=new.record_id)


def test_report_and_screen_say_so_before_any_verdict(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)
    new = again(clinic, record)
    first = PdfReader(BytesIO(pdf.render(new))).pages[0].extract_text()
    assert first.index("JUDGED AGAIN") < first.index(record.record_id[:8]) < first.index("GO")
    assert first.count("judged again on behalf of Bob Kay") == 1
    assert "JUDGED AGAIN" not in PdfReader(BytesIO(pdf.render(record))).pages[0].extract_text()
    said = [line.plain for line in lines(new)]
    assert said[0] == f"note judged again: {new.notes[0]}"
    assert sum("judged again" in one for one in said) == 1


def test_old_record_is_to_the_byte_what_it_was(clinic: Clinic, tmp_path: Path) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)
    file, before = tmp_path / "records.sqlite", clinic.store.standing(record.record_id)
    own = rows(file, record.record_id)
    again(clinic, record)
    assert rows(file, record.record_id) == own
    assert clinic.store.standing(record.record_id).place == before.place
    assert record_hash(clinic.store.get(record.record_id)) == before.record_hash
    found = clinic.store.verify()
    assert (found.faults, found.records) == ([], 2)


def test_record_without_a_basis_has_the_hash_that_it_had_before_there_was_one(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=WIDE)
    assert "basis" not in to_json(replace(record, basis=None))["record"]
    assert from_json(to_json(record)).basis == Basis()


def test_what_was_not_measured_then_is_not_judged_now(clinic: Clinic) -> None:  # noqa: F811
    noise = Quantity("noise", "HU", "noise of the middle", "test")
    record = clinic.measure(of(990.0), by=NARROW)
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], quantities=(HU, noise))
    asked = within(1040.0, limit(limit_id="noise", quantity="noise", kind="absolute"))
    plain, lacking = again(clinic, record, asked).judgements
    assert (plain.outcome, lacking.outcome, lacking.reading) == (Outcome.PASS, Outcome.NOT_MEASURED, -1)
    assert lacking.reason == "no reading of noise was made: not measured then; hand the images in again"


def test_quantity_that_meant_something_else_then_does_not_pass(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], quantities=(replace(HU, meaning="median CT number"),))
    outcome, reason = only(again(clinic, record))
    assert outcome is Outcome.NOT_MEASURED
    assert "'mean CT number of an insert' then, and is 'median CT number' today" in reason
    assert only(again(clinic, record, within(901.0)))[0] is Outcome.FAIL


def test_need_that_meant_something_else_then_is_not_met(clinic: Clinic) -> None:  # noqa: F811
    noise = Quantity("noise", "HU", "noise of the middle", "test")
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], quantities=(HU, noise))
    record = clinic.measure(of(990.0), Measured(noise, 3.0, 0.1), by=NARROW)
    asked = judged_by(limit(limit_id="plain", kind="absolute", tolerance=1040.0, needs=("noise",)))
    assert only(again(clinic, record, asked))[0] is Outcome.PASS
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], quantities=(HU, replace(noise, meaning="noise of the rim")))
    outcome, reason = only(again(clinic, record, asked))
    assert outcome is Outcome.NOT_MEASURED
    assert "noise was 'noise of the middle' then, and is 'noise of the rim' today" in reason


def test_value_of_which_a_part_is_missing_does_not_pass(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0, missing="one insert was cut off"), by=NARROW)
    assert only(again(clinic, record))[0] is Outcome.NOT_MEASURED


def test_answers_count_for_the_same_question_alone(clinic: Clinic) -> None:  # noqa: F811
    other = replace(QUESTION, note="Does the lamp light?")
    record = clinic.measure(of(990.0), by=within(900.0, QUESTION), answers={"door": True})
    assert [one.outcome for one in again(clinic, record, within(1040.0, QUESTION)).judgements] == [Outcome.PASS, Outcome.PASS]
    plain, asked = again(clinic, record, within(1040.0, other)).judgements
    assert (plain.outcome, asked.outcome) == (Outcome.PASS, Outcome.NOT_MEASURED)
    assert "Not answered" in asked.reason
    denied = clinic.measure(of(990.0), by=within(900.0, QUESTION), answers={"door": False})
    assert [one.outcome for one in again(clinic, denied, within(1040.0, QUESTION)).judgements] == [Outcome.PASS, Outcome.FAIL]


# Doubts


@contextmanager
def handed_in(clinic: Clinic, *refused: Refused) -> Iterator[None]:  # noqa: F811
    """Files that could not be used beside the images."""

    @contextmanager
    def opened(paths: Sequence[Path], progress: Callable[[int, int], None], scale_of: object = None) -> Iterator[Batch]:
        yield Batch(clinic.batch, refused)

    with pytest.MonkeyPatch.context() as then:
        then.setattr(dicom, "opened", opened)
        yield


def unread(clinic: Clinic, by: Protocol) -> Record:  # noqa: F811
    with handed_in(clinic, Refused("bad.dcm", "damaged", image=True)):
        return clinic.measure(of(990.0), by=by)


def expired(clinic: Clinic, by: Protocol) -> Record:  # noqa: F811
    used = site_said.Used("ball 7", expires=date(2024, 1, 4))  # the images are of 2024-01-05
    ours = site.Site(name="A", machine=(site.Machine(name="LINAC-B"),))
    return clinic.measure(of(990.0), by=by, doubts=lambda *taken: site_said.doubts(ours, used, *taken))


def another_beam(clinic: Clinic, by: Protocol) -> Record:  # noqa: F811
    ours = site.Site(name="A", machine=(site.Machine(name="LINAC-B", energies=("6 MV",)),))

    def doubts(machine: str, acquisition: Acquisition, acquired: datetime | None, models: object) -> list[str]:
        shown = replace(acquisition, images=tuple(replace(one, energy="15 MV") for one in acquisition.images))
        return site_said.doubts(ours, site_said.Used(""), machine, shown, acquired)

    return clinic.measure(of(990.0), by=by, doubts=doubts)


class OfAnother:
    """A certificate of another phantom than the one that is named."""

    file, words = "other.toml", "certificate of ball 8"

    def another(self, phantom: str) -> str:
        return f"the phantom was said to be {phantom!r}, and the certificate is that of ball 8"


def another_phantom(clinic: Clinic, by: Protocol) -> Record:  # noqa: F811
    return clinic.measure(of(990.0), by=by, phantom="ball 7", certificate=OfAnother())


def not_calibrated(clinic: Clinic, by: Protocol) -> Record:  # noqa: F811
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], uses=(), applies=("CT number to density",))
    return clinic.measure(of(990.0), by=replace(by, apply=("CT number to density",)))


def disagreeing(clinic: Clinic, by: Protocol) -> Record:  # noqa: F811
    apart = (comparison(990.0, 1010.0, 5.0, (HU.key, "HU", "other", "1", "", "20 apart, 5 allowed")),)
    record = clinic.measure(of(990.0), by=by)
    made = replace(
        record, record_id=f"apart-{clinic.taken}", comparisons=apart, judgements=doubted(record.judgements, record.readings, apart)
    )
    clinic.store.add(made)
    return made


DOUBTS = {
    unread: "1 image(s) handed in could not be read (bad.dcm)",
    expired: "ball 7 may be used until 2024-01-04 only",
    another_beam: "the images state 15 MV, and LINAC-B has 6 MV",
    another_phantom: "the certificate is that of ball 8",
    not_calibrated: "applies the calibration CT number to density, and none is in force",
    disagreeing: "the two engines disagree on insert_hu",
}


@pytest.mark.parametrize("doubt", DOUBTS)
@pytest.mark.parametrize("before", [WIDE, NARROW, within(990.0)])
def test_what_was_doubted_never_passes(
    clinic: Clinic,  # noqa: F811
    doubt: Callable[[Clinic, Protocol], Record],
    before: Protocol,
) -> None:
    """Whatever the old limits said: passed, failed and close all hide that something else was wrong."""
    record = doubt(clinic, before)
    by = within(1030.0, apply=("CT number to density",) if doubt is not_calibrated else ())
    new = again(clinic, record, by)
    outcome, reason = only(new)
    assert outcome is (Outcome.DISAGREEMENT if doubt is disagreeing else Outcome.NOT_MEASURED)
    assert DOUBTS[doubt] in reason
    third, reason = only(again(clinic, new, within(1035.0, apply=by.apply)))
    assert third is outcome
    assert DOUBTS[doubt] in reason
    failed, _ = only(again(clinic, record, within(901.0, apply=by.apply)))
    assert failed is Outcome.FAIL


@pytest.mark.parametrize("doubt", DOUBTS)
@pytest.mark.parametrize("before", [WIDE, NARROW, within(990.0)])
def test_what_was_doubted_never_passes_where_an_older_program_did_not_keep_the_doubt(
    clinic: Clinic,  # noqa: F811
    doubt: Callable[[Clinic, Protocol], Record],
    before: Protocol,
) -> None:
    record = old(clinic, doubt(clinic, before))
    told = before is not NARROW and doubt not in (disagreeing, not_calibrated)  # a failure hides it, as does a disagreement
    if told:
        outcome, reason = only(again(clinic, record, within(1030.0)))
        assert outcome is Outcome.NOT_MEASURED
        assert DOUBTS[doubt] in reason
    else:
        with pytest.raises(QaError, match=r"cannot be judged again: it does not tell .*: hand the images in again"):
            rejudged(clinic.store, record.record_id, within(1030.0), "Bob Kay")


def test_older_record_that_passed_or_was_close_was_not_doubted(clinic: Clinic) -> None:  # noqa: F811
    passed, close, failed = (old(clinic, clinic.measure(of(990.0), by=by)) for by in (WIDE, within(990.0), NARROW))
    assert only(again(clinic, passed, NARROW))[0] is Outcome.FAIL
    assert only(again(clinic, close))[0] is Outcome.PASS
    for hiding in (failed, old(clinic, clinic.measure(NotMeasured(HU, "no insert"), of(0.5, part="PMP"), by=judged_by(limit())))):
        with pytest.raises(QaError, match="does not tell whether anything was against a pass"):
            rejudged(clinic.store, hiding.record_id, WIDE, "Bob Kay")


def test_older_record_whose_outcomes_do_not_follow_from_its_numbers_is_refused(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), of(300.0, part="PMP"), by=WIDE)
    strange = replace(record.judgements[1], outcome=Outcome.NOT_MEASURED, reason="nobody knows why")
    other = old(clinic, record, judgements=(record.judgements[0], strange))
    with pytest.raises(QaError, match="does not tell"):
        rejudged(clinic.store, other.record_id, within(1030.0), "Bob Kay")
    lacking = old(clinic, replace(record, record_id="2"), judgements=record.judgements[:1])
    with pytest.raises(QaError, match="does not tell"):
        rejudged(clinic.store, lacking.record_id, within(1030.0), "Bob Kay")


tolerances = st.floats(970.0, 1010.0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.floats(970.0, 1010.0), min_size=1, max_size=3),
    limits=st.tuples(tolerances, tolerances),
    factors=st.tuples(st.sampled_from([0.0, 1.0, 2.0]), st.sampled_from([0.0, 1.0, 2.0])),
    doubts=st.lists(st.sampled_from(["the phantom is past its last day", "an image was lost (the rest: of it)"]), unique=True),
    kept=st.booleans(),
    asked=st.booleans(),
)
def test_judged_again_is_what_the_same_images_would_be_or_less(
    clinic: Clinic,  # noqa: F811
    values: list[float],
    limits: tuple[float, float],
    factors: tuple[float, float],
    doubts: list[str],
    kept: bool,
    asked: bool,
) -> None:
    """Never a pass where there was a doubt; without one what a session makes of the images by the other limits. Or refused."""
    more = (QUESTION,) if asked else ()
    first, second = (within(size, *more, coverage_factor=k) for size, k in zip(limits, factors, strict=True))
    assume(first != second)
    readings = [of(value, part=f"part {n}") for n, value in enumerate(values)]
    said: dict[str, Any] = {"doubts": lambda *_: doubts, "answers": {"door": True} if asked else None}
    record = clinic.measure(*readings, by=first, **said)
    expected = clinic.measure(*readings, by=second, again=True, **said).judgements
    record = record if kept else old(clinic, record)
    new, why = (), ""
    try:
        new = rejudged(clinic.store, record.record_id, second, "Bob Kay").judgements
    except QaError as error:
        why = str(error)
    assert not doubts or not any(one.outcome in PASSING for one in new)
    if why:
        assert not kept
        assert "does not tell" in why
    else:
        assert [(one.outcome, one.reading) for one in new] == [(one.outcome, one.reading) for one in expected]


# Calibrations


def calibrated(clinic: Clinic, when: datetime = FIRST - DAY) -> Record:  # noqa: F811
    by = judged_by(limit(procedure="curve", quantity=SLOPE.key, unit="", kind="absolute"))
    return clinic.accept(clinic.measure(Measured(SLOPE, 1.0, 0.1), by=by, when=when))


def test_numbers_of_another_calibration_do_not_pass(clinic: Clinic) -> None:  # noqa: F811
    calibrated(clinic)
    record = clinic.measure(of(990.0), by=NARROW)
    assert only(again(clinic, record))[0] is Outcome.PASS
    newer = calibrated(clinic, FIRST - timedelta(hours=1))
    outcome, reason = only(again(clinic, record, within(1030.0)))
    assert outcome is Outcome.NOT_MEASURED
    assert f"other calibrations are in force for these images today (CT number to density: record {newer.record_id}" in reason


def test_numbers_of_a_calibration_that_was_rejected_since_do_not_pass(clinic: Clinic) -> None:  # noqa: F811
    curve = calibrated(clinic)
    record = clinic.measure(of(990.0), by=NARROW)
    clinic.store.sign(curve.record_id, "Zoë", "physicist", "rejected", "a wrong plug")
    outcome, reason = only(again(clinic, record))
    assert outcome is Outcome.NOT_MEASURED
    assert "a wrong plug" in reason


def test_calibration_is_applied_by_both_protocols_or_by_none(clinic: Clinic) -> None:  # noqa: F811
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], uses=(), applies=("CT number to density",))
    calibrated(clinic)
    with_it, without = (clinic.measure(of(990.0), by=replace(NARROW, apply=kinds)) for kinds in (("CT number to density",), ()))
    assert (with_it.basis, without.basis) == (Basis(applied=("CT number to density",)), Basis())
    apply = replace(WIDE, apply=("CT number to density",))
    assert only(again(clinic, with_it, apply))[0] is Outcome.PASS
    assert only(again(clinic, without))[0] is Outcome.PASS
    outcome, reason = only(again(clinic, with_it))
    assert (outcome, "does not apply the calibration CT number to density, and it was applied then" in reason) == (
        Outcome.NOT_MEASURED,
        True,
    )
    outcome, reason = only(again(clinic, without, apply))
    assert (outcome, "applies the calibration CT number to density, and it was not applied then" in reason) == (Outcome.NOT_MEASURED, True)


# Beside the old record


def test_baseline_is_that_which_a_session_takes_and_never_of_the_same_images(clinic: Clinic) -> None:  # noqa: F811
    base = clinic.accept(clinic.measure(of(985.0), by=WIDE))
    record = clinic.measure(of(990.0), by=NARROW, when=FIRST + DAY)
    (judged,) = again(clinic, record, judged_by(limit())).judgements  # 5 ± 5.7 within 20
    assert judged.baseline is not None
    assert (judged.outcome, judged.baseline.record_id) == (Outcome.PASS, base.record_id)
    outcome, reason = only(again(clinic, base, judged_by(limit())))
    assert outcome is Outcome.NOT_MEASURED
    assert f"the accepted record {base.record_id} is of these same images" in reason


def test_baseline_of_several_counts_the_same_images_once_and_never_past_their_failure(clinic: Clinic) -> None:  # noqa: F811
    runs = [clinic.measure(of(value), by=WIDE, when=FIRST + n * DAY) for n, value in enumerate((990.0, 991.0, 992.0))]
    new = again(clinic, runs[2], within(1030.0))
    made = propose(clinic.store, "LINAC-B", "inserts", 3, "", UTC)
    assert [one.record_id for one in made.records] == [new.record_id, runs[1].record_id, runs[0].record_id]
    assert made.entries[0].new.value == 991.0  # (990 + 991 + 992) / 3
    assert [(one.record_id, "the same images" in one.why) for one in made.left] == [(runs[2].record_id, True)]
    failed = clinic.measure(of(993.0), by=NARROW, when=FIRST + 3 * DAY)
    loosened = again(clinic, failed)
    why = {one.record_id: one.why for one in propose(clinic.store, "LINAC-B", "inserts", 3, "", UTC).left}
    assert f"the same images failed (plain) in record {failed.record_id}" in why[loosened.record_id]


def test_acceptance_of_the_old_record_is_none_of_the_new_one(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.accept(clinic.measure(of(990.0), by=WIDE))
    new = again(clinic, record, within(1030.0))
    assert [one.record.record_id for one in clinic.store.accepted("LINAC-B", ["inserts"])] == [record.record_id]
    assert clinic.store.standing(new.record_id).signatures == ()


def test_failure_judged_again_is_accepted_only_where_the_failure_was_rejected(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)
    new = again(clinic, again(clinic, record), within(1030.0))
    with pytest.raises(RecordError, match=f"its readings failed in record {record.record_id}: where that is wrong, sign that one"):
        clinic.accept(new)
    clinic.store.sign(record.record_id, "Cy Dew", "physicist", "rejected", "limits of another phantom")
    clinic.accept(new)
    assert [one.record.record_id for one in clinic.store.accepted("LINAC-B", ["inserts"])] == [new.record_id]


def test_rejected_readings_are_no_baseline_by_other_limits(clinic: Clinic) -> None:  # noqa: F811
    """What was not failed was rejected for its readings, which judging again leaves as they are."""
    record = clinic.measure(of(990.0), by=WIDE, performer="Ann Lee")
    accepted, new = (again(clinic, record, within(size)) for size in (1030.0, 1020.0))
    third = again(clinic, new, within(1010.0))
    clinic.accept(accepted)
    clinic.store.sign(record.record_id, "Cy Dew", "physicist", "rejected", "turned phantom")
    said = rf"was rejected by Cy Dew on .* \(turned phantom\) as record {record.record_id}, whose readings it has"
    for one in (new, third):
        with pytest.raises(RecordError, match=said):
            clinic.accept(one)
        with pytest.raises(RecordError, match=said):
            clinic.store.accept_baseline([one.record_id], "Zoë", "first")
    with pytest.raises(QaError, match=said):
        propose(clinic.store, "LINAC-B", "inserts", 1, third.record_id, UTC)
    outcome, reason = only(clinic.measure(of(991.0), when=FIRST + DAY))
    assert (outcome, "Cy Dew" in reason) == (Outcome.NOT_MEASURED, True)
    clinic.store.sign(record.record_id, "Cy Dew", "physicist", "reviewed", "it stood right")
    assert only(clinic.measure(of(991.0), when=FIRST + DAY))[0] is Outcome.PASS
    clinic.accept(third)


def test_calibration_judged_again_is_not_in_force(clinic: Clinic) -> None:  # noqa: F811
    curve = calibrated(clinic)
    by = judged_by(limit(procedure="curve", quantity=SLOPE.key, unit="", kind="absolute", tolerance=3.0))
    again(clinic, curve, by)
    record = clinic.measure(of(990.0), by=WIDE)
    assert any(note.startswith(f"CT number to density: record {curve.record_id}") for note in record.notes)


def test_trend_has_one_point(clinic: Clinic) -> None:  # noqa: F811
    first, second = (clinic.measure(of(value), by=NARROW, when=FIRST + n * DAY) for n, value in enumerate((990.0, 992.0)))
    new = again(clinic, first)
    (epoch,) = trend(clinic.store, "LINAC-B", HU.key).epochs
    assert [(point.record_id, point.reading.value) for point in epoch.charted] == [  # type: ignore[union-attr]
        (new.record_id, 990.0),
        (second.record_id, 992.0),
    ]
    assert list(epoch.left.values()) == [f"the same images were measured again: record {new.record_id[:8]} counts"]


def test_picture_of_a_trend_shows_a_failure_over_what_was_made_of_it(clinic: Clinic, tmp_path: Path) -> None:  # noqa: F811
    """Both are at one place, and what is drawn last is seen."""
    again(clinic, clinic.measure(of(990.0), by=NARROW), within(990.0))
    drawn: list[tuple[Outcome, float, float]] = []
    with pytest.MonkeyPatch.context() as then:
        then.setattr(trend_picture, "symbol", lambda canvas, outcome, x, y, size: drawn.append((outcome, x, y)))
        trend_picture.save(trend(clinic.store, "LINAC-B", HU.key), tmp_path / "a.pdf", ".pdf")
    shown = [one for one in drawn if one[1:] == drawn[0][1:]]
    assert [outcome for outcome, *_ in shown] == [Outcome.INDETERMINATE, Outcome.FAIL]


def test_protocol_is_done_on_the_day_of_the_images_and_the_old_failure_stays(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)
    again(clinic, record)
    again(clinic, record, within(1030.0, limit(limit_id="noise", kind="absolute", parts=("PMP",))))
    days = clinic.store.last_days(FIRST.date() + 9 * DAY, UTC)
    done = {protocol: days["LINAC-B", protocol, "inserts"] for protocol in ("within_900", "within_1040", "within_1030")}
    assert (done["within_900"].day, done["within_900"].failed) == (FIRST.date(), True)
    assert (done["within_1040"].day, done["within_1040"].failed) == (FIRST.date(), False)
    assert (done["within_1030"].day, done["within_1030"].unfinished) == (None, FIRST.date())  # a part of it was not measured


def test_rejected_readings_are_nothing_done_by_other_limits(clinic: Clinic, tmp_path: Path) -> None:  # noqa: F811
    """And nothing in an audit; a failure may have been rejected for its limits."""
    record, failed = (clinic.measure(of(990.0), by=by, when=FIRST + n * DAY) for n, by in enumerate((WIDE, NARROW)))
    new, loosened = again(clinic, again(clinic, record, within(1030.0)), within(1020.0)), again(clinic, failed, within(1010.0))
    said = ("--by", "Cy Dew", "--role", "physicist", "--as", "rejected", "--database", tmp_path / "records.sqlite")
    assert "sign that too" not in invoke("sign", record.record_id, *said)[1]
    assert f"record {loosened.record_id} is of the same readings" in invoke("sign", failed.record_id, *said)[1]
    days = clinic.store.last_days(FIRST.date() + 9 * DAY, UTC)
    done = {protocol: days["LINAC-B", protocol, "inserts"] for protocol in ("within_1030", "within_1020", "within_1010")}
    assert [(one.day, one.rejected) for one in done.values()] == [(None, FIRST.date()), (None, FIRST.date()), (FIRST.date() + DAY, None)]
    with pytest.MonkeyPatch.context() as then:
        then.setattr(chain, "clock", lambda: FIRST)
        found = audit.audit(clinic.store, "LINAC-B", period("2024-01"))
    left = {one.head.record_id: one.head.left for one in found.records}
    assert left[new.record_id].endswith(f"as record {record.record_id}, whose readings it has")
    assert left[loosened.record_id] == ""
    (verdict,) = found.verdicts
    assert verdict.records == {Outcome.PASS: 1}


def test_machine_is_not_back_by_images_from_before_its_service(clinic: Clinic) -> None:  # noqa: F811
    """The imager's clock is an hour ahead: what tells that its images are older is that they were stored before the service."""
    service = FIRST + timedelta(minutes=30)
    with pytest.MonkeyPatch.context() as then:
        then.setattr(chain, "clock", lambda: FIRST)
        before = clinic.measure(of(990.0), by=NARROW, when=FIRST + timedelta(hours=1))
        then.setattr(chain, "clock", lambda: service)
        put_down = clinic.store.put_down("service", "LINAC-B", "", service.date(), "Ann Lee", "panel replaced")
        then.setattr(chain, "clock", lambda: service + timedelta(hours=2))
        again(clinic, again(clinic, before), within(1030.0))
        after = clinic.measure(of(990.0), by=NARROW, when=FIRST + timedelta(hours=1))
        again(clinic, after, within(1020.0))
    since = clinic.store.done_since(put_down, FIRST.date(), UTC)
    assert {protocol: one.day for (_, protocol, _), one in since.items() if one.day} == {
        "within_900": FIRST.date(),  # the record that was stored later
        "within_1020": FIRST.date(),
    }


def test_audit_has_both_records_and_one_number(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)
    other = clinic.measure(of(991.0), by=WIDE, when=FIRST + DAY)
    new = again(clinic, again(clinic, record), within(1030.0))
    with pytest.MonkeyPatch.context() as then:
        then.setattr(chain, "clock", lambda: FIRST)
        found = audit.audit(clinic.store, "LINAC-B", period("2024-01"))
    assert {one.head.record_id for one in found.records} >= {record.record_id, new.record_id, other.record_id}
    (verdict,) = found.verdicts
    assert (verdict.outcome, verdict.records) == (Outcome.FAIL, {Outcome.FAIL: 1, Outcome.PASS: 3})
    courses = {tuple((past.value, past.outside) for past in one.past) for one in found.quantities}
    assert courses == {((990.0, Outcome.FAIL), (991.0, None))}
    assert audit_state.counted(found) == "4 records, 2 of which are another judged again"
    head = next(one.head for one in found.records if one.head.record_id == new.record_id)
    assert audit_words.record(head).endswith(f"record {new.record_id[:8]} (record {record.record_id[:8]} judged again)")


def test_neither_who_asked_nor_who_measured_reviews_it(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW, performer="Ann Lee")
    clinic.store.sign(record.record_id, "Cy Dew", "therapist", "performed")
    new = again(clinic, record)
    assert new.performer == "Bob Kay; Ann Lee; Cy Dew"
    for own in ("Bob Kay", "Ann Lee", "Cy Dew"):
        with pytest.raises(RecordError, match="performed it"):
            clinic.store.sign(new.record_id, own, "physicist", "reviewed")
    clinic.store.sign(new.record_id, "Eve Fox", "physicist", "reviewed")
    assert again(clinic, clinic.measure(of(990.0), by=NARROW, performer="B. Kay")).performer == "Bob Kay"


# With a site file


def test_site_file_is_asked_as_for_images(clinic: Clinic) -> None:  # noqa: F811
    machine = site.Machine(name="Linac 1", stations=("LINAC-B",), energies=("6 MV",))
    ball = site.Phantom(name="Ball", serial="7", expires=date(2024, 1, 4))
    ours = site.Site(name="A", time_zone="UTC", machine=(machine,), phantom=(ball,))
    plain = clinic.measure(of(990.0), by=NARROW)
    assert only(again(clinic, plain, site=ours))[0] is Outcome.PASS
    for phantom, words in (("ball", "may be used until 2024-01-04 only"), ("Cube", "has no phantom 'Cube'")):
        outcome, reason = only(again(clinic, clinic.measure(of(990.0), by=NARROW, phantom=phantom), site=ours))
        assert (outcome, words in reason) == (Outcome.NOT_MEASURED, True)
    beam = replace(of(990.0), at={**of(990.0).at, "beam": "15 MV"})
    outcome, reason = only(again(clinic, clinic.measure(beam, by=NARROW), site=ours))
    assert (outcome, "the images state 15 MV" in reason) == (Outcome.NOT_MEASURED, True)
    with pytest.raises(SiteError, match="A has no machine 'LINAC-B'"):
        rejudged(clinic.store, plain.record_id, WIDE, "Bob Kay", site.Site(name="A", machine=(site.Machine(name="Linac 2"),)))


def test_site_file_that_was_mended_since_is_asked(clinic: Clinic) -> None:  # noqa: F811
    """The last day of a phantom that only its certificate named, and the scale of angles in file names."""
    record = replace(clinic.measure(of(990.0)), machine="Linac 1")
    certified = replace(record, notes=("certificate of 5-ball cube, serial 0815: issued 2020-01-01, expires 2030-01-01, by us",))
    table = tomllib.loads(TEXT)
    table |= {"phantom": [{"name": "5-ball cube", "serial": "0815", "expires": date(2001, 1, 1)}]}
    (said,) = site_said.doubts_of(site.Site(**table), certified)
    assert "may be used until 2001-01-01 only" in said
    assert site_said.doubts_of(site.Site(**table), record) == []
    turned = replace(record, notes=("the couch angle in words was converted from the machine's scale varian_iec (site file) to IEC 61217",))
    plain = replace(record, notes=("couch angle 90 taken from the file name: the file has no PatientSupportAngle (1 of 1 images)",))
    for scale, one, differs in (
        ("iec61217", turned, True),
        ("varian_iec", turned, False),
        ("varian_standard", turned, True),
        ("iec61217", plain, False),
        ("varian_iec", plain, True),
        ("varian_iec", record, False),
    ):
        table |= {"machine": [{"name": "Linac 1", "scale": scale}], "phantom": []}
        said = site_said.doubts_of(site.Site(name="A", machine=table["machine"]), one)
        assert ["hand the images in again" in words for words in said] == [True] * differs


def test_ring_of_records_ends() -> None:
    """Which only somebody who forges records can make."""

    class Ring:
        def get(self, name: str) -> Record:
            return replace(made, record_id=name, basis=Basis((), (), "b" if name == "a" else "a"))

    made = drawn(np.random.default_rng(1), "a")
    assert [one.record_id for one in rejudging._line(Ring(), Ring().get("a"))] == ["a", "b"]  # type: ignore[arg-type]


def test_phantom_that_a_record_misspells_is_no_reason_where_the_site_lists_none(clinic: Clinic) -> None:  # noqa: F811
    """What an older program stored as it was typed cannot be spelled better now."""
    record = clinic.measure(of(990.0), by=NARROW, phantom="Catphn 604")
    ours = site.Site(name="A", time_zone="UTC", machine=(site.Machine(name="LINAC-B"),))
    assert only(again(clinic, record, site=ours))[0] is Outcome.PASS


# What cannot be judged again


def test_what_brings_nothing_new_is_refused(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)
    with pytest.raises(QaError, match=f"nothing new: judged by within_900, it comes out as record {record.record_id} says already"):
        again(clinic, record, NARROW)
    new = again(clinic, record)
    with pytest.raises(QaError, match=f"as record {new.record_id} says already"):
        again(clinic, record)
    assert again(clinic, record, replace(WIDE, coverage_factor=1.0)).coverage_factor == 1.0


def test_what_any_record_of_the_same_readings_says_is_nothing_new(clinic: Clinic) -> None:  # noqa: F811
    """Else two protocols in turn make records without end."""
    first = clinic.measure(of(990.0), by=NARROW)
    second = again(clinic, first)
    third, side = again(clinic, second, within(1030.0)), again(clinic, second, within(1020.0))
    for source, by, said in ((third, NARROW, first), (third, WIDE, second), (first, within(1030.0), third), (side, within(1030.0), third)):
        with pytest.raises(QaError, match=f"it comes out as record {said.record_id} says already"):
            rejudged(clinic.store, source.record_id, by, "Bob Kay")


def test_same_protocol_is_new_where_a_baseline_is_there_now(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0))
    assert only(record)[0] is Outcome.NOT_MEASURED
    clinic.accept(clinic.measure(of(985.0), when=FIRST + DAY))
    assert only(again(clinic, record, judged_by(limit())))[0] is Outcome.PASS


def test_refusals_say_what_to_do(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)

    def refused(words: str, which: Record = record, by: Protocol = WIDE, who: str = "Bob Kay") -> None:
        with pytest.raises(QaError, match=words):
            rejudged(clinic.store, which.record_id, by, who)

    refused("there is no record 'zz'", replace(record, record_id="zz"))
    refused(r"Own has no limit for its test \(Inserts\)", by=replace(judged_by(limit(procedure="curve")), title="Own"))
    refused("measures no 'other'", by=within(1.0, limit(limit_id="o", quantity="other")))
    refused("say who asks for it, with --by NAME", who=" ")
    refused("names several persons", who="Ann Lee and Bob Kay")
    refused("nothing was measured in it: hand the images in again", clinic.measure(NotMeasured(HU, "no insert"), by=NARROW))
    refused("do not say when they were taken", clinic.measure(of(990.0), by=NARROW, when=None))
    new = again(clinic, record)
    clinic.store.sign(record.record_id, "Cy Dew", "physicist", "rejected", "turned phantom")
    refused(r"it was rejected by Cy Dew on .* \(turned phantom\): measure again")
    refused(f"its readings are those of record {record.record_id}, which was rejected by Cy Dew", new, within(1030.0))


def test_record_changed_by_force_is_refused(clinic: Clinic, tmp_path: Path) -> None:  # noqa: F811
    changed, unlinked = clinic.measure(of(1990.0), by=WIDE), clinic.measure(of(990.0), by=NARROW)
    raw = forced(tmp_path / "records.sqlite")
    raw.execute("UPDATE reading SET value = 990.0 WHERE record_id = ?", (changed.record_id,))
    raw.execute("DELETE FROM link WHERE id = ?", (unlinked.record_id,))
    raw.close()
    with pytest.raises(RecordError, match="was changed after it was stored"):
        rejudged(clinic.store, changed.record_id, within(1030.0), "Bob Kay")
    with pytest.raises(RecordError, match="has no link"):
        rejudged(clinic.store, unlinked.record_id, WIDE, "Bob Kay")


# The command


def protocol_file(folder: Path, tolerance: float) -> Path:
    text = f"""
name = "own_{tolerance:g}"
title = "Own {tolerance:g}"
coverage_factor = 2
frequency = "monthly"
source = "test"

[[limit]]
id = "plain"
procedure = "inserts"
quantity = "insert_hu"
unit = "HU"
tolerance = {tolerance}
kind = "absolute"
techniques = ["imrt"]
frequency = "monthly"
source = "test"
confirmed = false
"""
    file = folder / f"own_{tolerance:g}.toml"
    file.write_text(text, "utf-8")
    return file


def test_command_stores_a_new_record_and_says_so(clinic: Clinic, tmp_path: Path) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)
    wide, kept = protocol_file(tmp_path, 1040.0), ("--database", tmp_path / "records.sqlite")
    status, said = invoke("rejudge", record.record_id[:8], "--protocol", wide, "--by", "Bob Kay", *kept)
    (new,) = clinic.store.judged_again(record.record_id)
    assert status == Status.PASSED, said
    assert f"record {record.record_id} was judged again as record {new}; it stays as it is" in said
    assert "Own 1040" in said
    status, said = invoke("rejudge", record.record_id[:8], "--protocol", wide, "--by", "Bob Kay", *kept)
    assert (status, "nothing new" in said) == (Status.WRONG_INPUT, True)
    assert invoke("rejudge", record.record_id[:8], "--protocol", protocol_file(tmp_path, 901.0), "--by", "B", *kept)[0] == Status.FAILED


def test_rejecting_the_old_record_names_the_new_one(clinic: Clinic, tmp_path: Path) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)
    new, said = again(clinic, record), ("--role", "physicist", "--database", tmp_path / "records.sqlite")
    words = f"record {new.record_id} is of the same readings, judged again, and is not rejected by this"
    status, text = invoke("sign", record.record_id, "--by", "Cy Dew", "--as", "rejected", *said)
    assert (status, words in text) == (Status.PASSED, True)
    assert clinic.store.rejected(new.record_id) is None
    assert words not in invoke("sign", record.record_id, "--by", "Eve Fox", "--as", "performed", *said)[1]


def test_export_tells_which_numbers_are_not_new(clinic: Clinic) -> None:  # noqa: F811
    record = clinic.measure(of(990.0), by=NARROW)
    assert [one["judged_again"] for one in readings_json([record, again(clinic, record)])["records"]] == ["", record.record_id]


def test_command_refuses_what_it_cannot_do_before_it_stores_anything(clinic: Clinic, tmp_path: Path) -> None:  # noqa: F811
    record, wide = clinic.measure(of(990.0), by=NARROW), protocol_file(tmp_path, 1040.0)
    (tmp_path / "site.toml").write_text(TEXT, "utf-8")
    kept = ("--database", tmp_path / "records.sqlite")
    for arguments, words in (
        ((record.record_id, "--protocol", wide, "--by", "Bob Kay", "--pdf", tmp_path / "no" / "a.pdf"), "nothing was judged"),
        ((record.record_id, "--protocol", "tg142_mornin", "--by", "Bob Kay"), "tg142_morning"),
        ((record.record_id, "--protocol", wide, "--by", "Ann Lee", "--site", tmp_path / "site.toml"), "this is for a physicist"),
        ((record.record_id, "--protocol", wide, "--by", "Bob Kay", "--site", tmp_path / "site.toml"), "has no machine 'LINAC-B'"),
    ):
        status, said = invoke("rejudge", *arguments, *kept)
        assert (status, words in " ".join(said.split())) == (Status.WRONG_INPUT, True), said
    status, said = invoke("rejudge", record.record_id, "--protocol", wide, "--by", "B", "--database", tmp_path / "none.sqlite")
    assert (status, "there is no such file of records" in said) == (Status.WRONG_INPUT, True)
    assert [one.record_id for one in clinic.store.list()] == [record.record_id]
