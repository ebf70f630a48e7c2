"""A baseline of several runs: what is proposed, what is left out, who accepts it, and what it is from then on."""

import math
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_baselines import DAY, FIRST, HU, Clinic, clinic, judged_by, limit, of, only  # noqa: F401 - a fixture
from test_cli import invoke

from bench.tampering import forced
from qa import chain
from qa.limit import Outcome
from qa.proposal import Proposal, propose
from qa.protocol import Protocol
from qa.reading import Measured, NotMeasured, QaError, RecordError
from qa.record import Record, from_json, record_hash, to_json
from qa.trend import trend
from reports import catalogue, proposal

PLAIN = limit(limit_id="plain", kind="absolute", tolerance=1040.0)
BOTH = judged_by(PLAIN, limit())


@pytest.fixture(autouse=True)
def _ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is a second later than the one before, from a day on which all images are old."""
    ticks = iter(range(10**6))
    monkeypatch.setattr(chain, "clock", lambda: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=next(ticks)))


def month(clinic: Clinic, *values: float, by: Protocol = BOTH, start: datetime = FIRST, **said: Any) -> list[Record]:  # noqa: F811
    """A run a day."""
    return [clinic.measure(of(value), by=by, when=start + n * DAY, **said) for n, value in enumerate(values)]


def proposed(clinic: Clinic, last: int = 3, record: str = "") -> Proposal:  # noqa: F811
    return propose(clinic.store, "LINAC-B", "inserts", last, record, UTC)


def accept(clinic: Clinic, last: int = 3, record: str = "", because: str = "yearly") -> Proposal:  # noqa: F811
    made = proposed(clinic, last, record)
    clinic.store.accept_baseline([one.record_id for one in made.records], "Zoë", because, "CatPhan 7", made.renewed)
    return made


def reasons(made: Proposal) -> dict[str, str]:
    return {one.record_id: one.why for one in made.left}


# Proposing


def test_mean_scatter_and_u_of_the_last_runs_beside_the_present_baseline(clinic: Clinic) -> None:  # noqa: F811
    old = clinic.accept(clinic.measure(of(990.0), by=BOTH))
    runs = month(clinic, 970.0, 991.0, 994.0, 997.0, start=FIRST + DAY)
    made = proposed(clinic)
    assert [one.record_id for one in made.records] == [one.record_id for one in reversed(runs[1:])]
    (entry,) = made.entries
    assert (entry.new.n, entry.new.value, entry.new.sd) == (3, 994.0, 3.0)
    assert entry.new.u == pytest.approx(math.sqrt((4.30265 / 2 * 3) ** 2 / 3 + 2.0**2), rel=1e-5)
    assert entry.present is not None
    assert (entry.present.record_id, entry.present.value) == (old.record_id, 990.0)
    (row,) = proposal.rows(made)
    assert (
        row[:1] + row[2:]
        == (
            "insert_hu",
            "HU",
            "994.0 ± 8.5",  # 2 sqrt(13.89 + 4) = 8.46
            "4.2",
            "3.0",
            "3",
            f"990.0 ± 4.0 of 2024-01-05 (record {old.record_id[:8]})",
        )
    )
    assert (made.lacking, made.without, made.remarks) == ("", {}, ())


def test_what_is_not_valid_is_left_out_and_says_why(clinic: Clinic) -> None:  # noqa: F811
    clinic.accept(month(clinic, 990.0)[0])
    good = month(clinic, 991.0, 992.0, start=FIRST + DAY)
    failed, close = month(clinic, 1040.0, 1005.0, start=FIRST + 3 * DAY)  # 50 - 5.7 > 20; 15 ± 5.7 is about 20
    rejected = clinic.measure(of(992.0), by=BOTH, when=FIRST + 5 * DAY, performer="Ann Lee")
    clinic.store.sign(rejected.record_id, "Bob Kay", "physicist", "rejected", "turned")
    clinic.store.add(replace(good[0], record_id="unjudged", judgements=(), acquired=FIRST + 6 * DAY, inputs=()))
    twice = clinic.measure(of(992.0), by=BOTH, when=FIRST + 7 * DAY)
    again = clinic.measure(of(1040.0), by=BOTH, when=FIRST + 7 * DAY, again=True)
    partly = clinic.measure(of(992.0, missing="half of it"), by=BOTH, when=FIRST + 8 * DAY)
    ahead = clinic.measure(of(992.0), by=BOTH, when=datetime.now(UTC) + 3 * DAY)
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], version="0")
    older = clinic.measure(of(992.0), by=BOTH, when=FIRST + 9 * DAY)
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], version="1")
    made = proposed(clinic, 2)
    assert [one.record_id for one in made.records] == [one.record_id for one in reversed(good)]
    why = reasons(made)
    assert why.pop(failed.record_id) == "it failed (hu): a machine is not compared with a failure"
    assert why.pop(close.record_id) == "it was not decided (hu): repeat or complete it"
    assert why.pop(rejected.record_id).startswith("it was rejected by Bob Kay on ")
    assert why.pop("unjudged").startswith("no limit judged it")
    assert f"measured again later (record {again.record_id})" in why.pop(twice.record_id)
    assert why.pop(again.record_id).startswith("it failed (")
    assert "was not decided" in why.pop(partly.record_id)
    assert "dated later than today" in why.pop(ahead.record_id)
    assert "is of version 0 of the test, which is 1 now" in why.pop(older.record_id)
    assert why == {}


def test_runs_from_before_the_machine_was_put_back_do_not_count(clinic: Clinic) -> None:  # noqa: F811
    before = month(clinic, 990.0)[0]
    put_down(clinic, "service", FIRST + DAY)
    during = clinic.measure(of(991.0), by=BOTH, when=FIRST + 2 * DAY)
    assert [one.record_id for one in proposed(clinic, 1).records] == [during.record_id]
    assert "is under service since 2024-01-06" in proposed(clinic, 1).remarks[0]
    put_down(clinic, "back", FIRST + 3 * DAY)
    with pytest.raises(QaError, match=r"no run of inserts on LINAC-B can become the baseline: .*put back into use"):
        proposed(clinic)
    after = clinic.measure(of(992.0), by=BOTH, when=FIRST + 4 * DAY)
    made = proposed(clinic)
    assert [one.record_id for one in made.records] == [after.record_id]
    assert set(reasons(made)) == {before.record_id, during.record_id}
    assert made.lacking == "there is 1 valid, 3 asked for: measure more, or take these with --last 1"


def put_down(clinic: Clinic, kind: str, when: datetime) -> None:  # noqa: F811
    with pytest.MonkeyPatch.context() as then:
        then.setattr(chain, "clock", lambda: when)
        clinic.store.put_down(kind, "LINAC-B", "", when.date(), "Ann Lee", "panel replaced")


def test_failure_against_the_baseline_from_before_a_service_does_not_count_and_is_said(clinic: Clinic) -> None:  # noqa: F811
    clinic.accept(month(clinic, 990.0)[0])
    drifted = month(clinic, 1020.0, start=FIRST + DAY)[0]  # 30 - 5.7 > 20
    with pytest.raises(QaError, match=rf"record {drifted.record_id}: it failed \(hu\)"):
        proposed(clinic, record=drifted.record_id)
    put_down(clinic, "service", FIRST + 2 * DAY)
    put_down(clinic, "back", FIRST + 3 * DAY)
    repaired = month(clinic, 1020.0, start=FIRST + 4 * DAY)[0]
    assert only_of(repaired, "hu") is Outcome.FAIL
    too_much = month(clinic, 1050.0, start=FIRST + 5 * DAY)[0]  # fails the limit that no baseline is in
    made = accept(clinic, 1)
    assert [one.record_id for one in made.records] == [repaired.record_id]
    assert "1 of them did not pass against the baseline from before the service of 2024-01-07" in made.remarks[0]
    assert "it failed (plain)" in reasons(made)[too_much.record_id]
    new = month(clinic, 1021.0, start=FIRST + 6 * DAY)[0]
    assert only_of(new, "hu") is Outcome.PASS


def test_drift_long_after_a_service_is_not_excused_by_it(clinic: Clinic) -> None:  # noqa: F811
    clinic.accept(month(clinic, 990.0)[0])
    put_down(clinic, "service", FIRST + 2 * DAY)
    put_down(clinic, "back", FIRST + 3 * DAY)
    (good,) = month(clinic, 991.0, start=FIRST + 4 * DAY)
    (drifted,) = month(clinic, 1020.0, start=FIRST + 100 * DAY)
    assert (only_of(good, "hu"), only_of(drifted, "hu")) == (Outcome.PASS, Outcome.FAIL)
    made = proposed(clinic, 2)
    assert [one.record_id for one in made.records] == [good.record_id]
    assert f"which record {good.record_id} passed since the machine was put back" in reasons(made)[drifted.record_id]
    clinic.store.sign(good.record_id, "Bob Kay", "physicist", "rejected", "another phantom")
    assert [one.record_id for one in proposed(clinic, 1).records] == [drifted.record_id]


def test_images_that_failed_are_no_baseline_by_other_limits_unless_the_failure_is_rejected(clinic: Clinic) -> None:  # noqa: F811
    clinic.accept(month(clinic, 990.0)[0])
    (failed,) = month(clinic, 1020.0, start=FIRST + DAY)
    again = clinic.measure(of(1020.0), by=judged_by(PLAIN), when=FIRST + DAY, again=True)
    with pytest.raises(QaError, match=rf"record {again.record_id}: the same images failed \(hu\) in record {failed.record_id}: where"):
        proposed(clinic, record=again.record_id)
    clinic.store.sign(failed.record_id, "Bob Kay", "physicist", "rejected", "wrong phantom named")
    assert [one.record_id for one in proposed(clinic, record=again.record_id).records] == [again.record_id]


def test_service_that_a_clock_dated_too_early_lets_no_earlier_run_count(clinic: Clinic) -> None:  # noqa: F811
    month(clinic, 991.0, start=FIRST + DAY)
    put_down(clinic, "service", FIRST)
    with pytest.raises(QaError, match="not taken after the machine went under service"):
        proposed(clinic, 1)


def test_another_phantom_than_that_of_a_baseline_of_several_is_said(clinic: Clinic) -> None:  # noqa: F811
    month(clinic, 990.0, 991.0, 992.0, phantom="CatPhan 7")
    accept(clinic)
    notes = month(clinic, 991.0, start=FIRST + 9 * DAY, phantom="CatPhan 8")[0].notes
    said = "baseline 1 is of phantom 'CatPhan 7', these images are of 'CatPhan 8': the difference is the phantoms' too"
    assert said in notes


def only_of(record: Record, limit_id: str) -> Outcome:
    (judged,) = [one for one in record.judgements if one.limit.limit_id == limit_id]
    return judged.outcome


def test_disagreement_is_no_baseline(clinic: Clinic) -> None:  # noqa: F811
    record = month(clinic, 990.0)[0]
    doubt = replace(record.judgements[0], outcome=Outcome.DISAGREEMENT)
    clinic.store.add(replace(record, record_id="doubt", judgements=(doubt,), acquired=FIRST + DAY, inputs=()))
    assert "two engines disagree" in reasons(proposed(clinic, 1))["doubt"]


def test_names_that_there_are_not_come_back_with_the_nearest(clinic: Clinic) -> None:  # noqa: F811
    month(clinic, 990.0)
    for machine, test, words in (
        ("LINAC-B", "insert", "there is no test 'insert'; did you mean 'inserts'?"),
        ("LINAC-8", "inserts", "no record is of a machine 'LINAC-8'; did you mean 'LINAC-B'?"),
        ("LINAC-B", "curve", "no record is of curve on LINAC-B: run it first"),
    ):
        with pytest.raises(QaError, match="^" + words.replace("?", r"\?").replace("(", r"\(")):
            propose(clinic.store, machine, test)
    other = clinic.measure(of(990.0), by=BOTH, machine="LINAC-C")
    with pytest.raises(QaError, match=f"record {other.record_id} is not of inserts on LINAC-B"):
        proposed(clinic, record=other.record_id)


def test_several_such_numbers_in_one_record_get_no_mean(clinic: Clinic) -> None:  # noqa: F811
    month(clinic, 990.0)
    clinic.measure(of(990.0), of(940.0), of(-200.0, "PMP"), by=BOTH, when=FIRST + DAY)
    made = proposed(clinic, 2)
    assert [(dict(one.key[1])["part"], one.new.n) for one in made.entries] == [("PMP", 1)]
    assert "has 2 such numbers" in made.without["insert_hu"]


# Accepting


def test_reading_is_held_against_the_mean_and_the_past_stays(clinic: Clinic) -> None:  # noqa: F811
    base = clinic.accept(month(clinic, 970.0)[0])
    runs = month(clinic, 980.0, 983.0, 977.0, start=FIRST + DAY)
    before = [clinic.store.get(one.record_id) for one in runs]
    accept(clinic)
    record = clinic.measure(of(1003.0), by=BOTH, when=FIRST + 9 * DAY)
    (judged,) = [one for one in record.judgements if one.baseline is not None]
    held = judged.baseline
    assert held is not None
    assert (held.record_id, held.taken, held.value, held.unit) == ("baseline 1", FIRST + 3 * DAY, 980.0, "HU")
    u = math.sqrt((4.30265 / 2 * 3) ** 2 / 3 + 4)
    assert held.u == pytest.approx(u, rel=1e-5)
    assert judged.outcome is Outcome.INDETERMINATE  # 23 ± 2 sqrt(u² + 4) = 9.4; from 970 it would have failed
    assert "23.0 ± 9.4 HU from the baseline 980.0 ± 8.5 HU of 2024-01-08 (baseline 1, a mean)" in judged.reason
    assert "baseline 1: of 3 records, accepted by Zoë on 2025-01-01 with CatPhan 7" in record.notes
    assert clinic.store.get(record.record_id) == record == from_json(to_json(record))
    assert [clinic.store.get(one.record_id) for one in runs] == before
    assert {judged.baseline.record_id for one in before for judged in one.judgements if judged.baseline} == {base.record_id}
    assert clinic.store.verify().intact


def test_one_chosen_run_is_its_own_value_and_the_newest_acceptance_wins(clinic: Clinic) -> None:  # noqa: F811
    runs = month(clinic, 990.0, 992.0, 994.0)
    accept(clinic)
    accept(clinic, record=runs[0].record_id)
    (judged,) = clinic.measure(of(990.0), when=FIRST + 9 * DAY).judgements
    assert judged.baseline is not None
    assert (judged.baseline.record_id, judged.baseline.value, judged.baseline.u) == (runs[0].record_id, 990.0, 2.0)
    clinic.accept(runs[2])  # of one record: for what no accepted baseline has
    (judged,) = clinic.measure(of(990.0), when=FIRST + 10 * DAY).judgements
    assert judged.baseline is not None
    assert judged.baseline.record_id == runs[0].record_id


def test_order_is_that_of_the_chain_whatever_the_clock_says(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    runs = month(clinic, 990.0, 992.0)
    accept(clinic, record=runs[0].record_id)
    with monkeypatch.context() as late:
        late.setattr(chain, "clock", lambda: datetime(2020, 1, 1, tzinfo=UTC))
        accept(clinic, record=runs[1].record_id)
    (judged,) = clinic.measure(of(990.0), when=FIRST + 9 * DAY).judgements
    assert judged.baseline is not None
    assert judged.baseline.record_id == runs[1].record_id


def test_number_that_the_newest_baseline_lacks_keeps_its_own(clinic: Clinic) -> None:  # noqa: F811
    first = clinic.measure(of(990.0), of(-200.0, "PMP"), by=BOTH)
    accept(clinic, record=first.record_id)
    second = clinic.measure(of(995.0), by=BOTH, when=FIRST + DAY)
    accept(clinic, record=second.record_id)
    third = clinic.accept(clinic.measure(of(350.0, "Delrin"), by=BOTH, when=FIRST + 2 * DAY))
    found = clinic.measure(of(995.0), of(-200.0, "PMP"), of(350.0, "Delrin"), when=FIRST + 9 * DAY).judgements
    assert [one.baseline.record_id if one.baseline else "" for one in found] == [second.record_id, first.record_id, third.record_id]


def test_baseline_of_which_a_record_is_rejected_is_none_and_nothing_takes_its_place(clinic: Clinic) -> None:  # noqa: F811
    clinic.accept(month(clinic, 990.0)[0])
    accept(clinic, 1)
    runs = month(clinic, 991.0, 992.0, 993.0, start=FIRST + DAY, performer="Ann Lee")
    accept(clinic)
    clinic.store.sign(runs[1].record_id, "Bob Kay", "physicist", "rejected", "turned")
    outcome, reason = only(clinic.measure(of(990.0), when=FIRST + 9 * DAY))
    assert outcome is Outcome.NOT_MEASURED
    assert f"baseline 2, which Zoë accepted, counts no more: its record {runs[1].record_id} was rejected by Bob Kay on " in reason
    assert "accept a new baseline with: igrtqa baseline accept" in reason
    assert "it counts no more" in catalogue.baseline(clinic.store.accepted_baselines()[1]).words
    clinic.accept(runs[0])  # a single record does not take its place either
    assert only(clinic.measure(of(990.0), when=FIRST + 9 * DAY))[0] is Outcome.NOT_MEASURED
    clinic.store.sign(runs[1].record_id, "Bob Kay", "physicist", "reviewed")
    assert only(clinic.measure(of(990.0), when=FIRST + 9 * DAY))[0] is Outcome.PASS
    clinic.store.sign(runs[1].record_id, "Bob Kay", "physicist", "rejected")
    accept(clinic, record=runs[0].record_id)
    assert only(clinic.measure(of(990.0), when=FIRST + 9 * DAY))[0] is Outcome.PASS


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE reading SET value = 1001 WHERE record_id = ?", "is not what Zoë accepted"),
        ("UPDATE judgement SET outcome = 'PASS', reason = 'x' WHERE idx = 0 AND record_id = ?", "is not what Zoë accepted"),
        ("INSERT INTO evidence VALUES (?, 0, 'Table', 'x', x'00')", "is not what Zoë accepted"),
        ("UPDATE record SET record_hash = 'x' WHERE record_id = ?", "is not what Zoë accepted"),
        ("DELETE FROM record WHERE record_id = ?", "is gone"),
        ("UPDATE accepted_baseline SET records = replace(records, ?, 'x')", "baseline 2 is of record x, which is gone"),
        ("UPDATE accepted_baseline SET records = ? || '['", "baseline 2 was changed after it was stored"),
    ],
)
def test_baseline_that_was_changed_by_force_is_none(clinic: Clinic, statement: str, words: str) -> None:  # noqa: F811
    clinic.accept(month(clinic, 990.0)[0])
    accept(clinic, 1)
    runs = month(clinic, 991.0, 992.0, 993.0, start=FIRST + DAY)
    accept(clinic)
    force = forced_one(clinic)
    where = " WHERE number = 2" if "accepted_baseline" in statement else ""
    assert force.execute(statement + where, (runs[1].record_id,)).rowcount == 1
    force.close()
    outcome, reason = only(clinic.measure(of(990.0), when=FIRST + 9 * DAY))
    assert outcome is Outcome.NOT_MEASURED
    assert words in reason
    assert not clinic.store.verify().intact


def forced_one(clinic: Clinic) -> sqlite3.Connection:  # noqa: F811
    return forced(Path(str(clinic.store.where)))


def test_baseline_put_there_of_a_failing_record_is_none(clinic: Clinic) -> None:  # noqa: F811
    good = month(clinic, 990.0)[0]
    failed = clinic.measure(of(1050.0), by=BOTH, when=FIRST + DAY)
    accept(clinic, record=good.record_id)
    force = forced_one(clinic)
    seal = clinic.store.sealed(failed.record_id)[1]
    pair = f'[["{failed.record_id}","{record_hash(failed)}","{seal}"]]'
    force.execute(
        "INSERT INTO accepted_baseline SELECT 2, machine, procedure, ?, who, accepted, device, because FROM accepted_baseline", (pair,)
    )
    force.close()
    outcome, reason = only(clinic.measure(of(1050.0), when=FIRST + 9 * DAY))
    assert outcome is Outcome.NOT_MEASURED
    assert f"baseline 2 cannot be used: record {failed.record_id}: it failed (plain)" in reason


def test_same_images_another_version_and_older_images(clinic: Clinic) -> None:  # noqa: F811
    month(clinic, 990.0, 991.0, 992.0)
    accept(clinic)
    outcome, reason = only(clinic.measure(of(990.0), again=True, when=FIRST + 2 * DAY))
    assert outcome is Outcome.NOT_MEASURED
    assert "baseline 1 is made of these same images too" in reason
    old = clinic.measure(of(990.0), when=FIRST - DAY)
    assert any("these images are older than it, which is of 2024-01-07" in note for note in old.notes)
    clinic.procedures["inserts"] = replace(clinic.procedures["inserts"], version="2")
    outcome, reason = only(clinic.measure(of(990.0), when=FIRST + 9 * DAY))
    assert outcome is Outcome.NOT_MEASURED
    assert "baseline 1 is of version 1 of this test, these numbers are of version 2" in reason


def test_what_is_no_good_cannot_be_accepted(clinic: Clinic) -> None:  # noqa: F811
    good, bad = month(clinic, 990.0, 1050.0)
    other = clinic.measure(of(990.0), by=BOTH, machine="LINAC-C")
    taken_back = clinic.measure(of(990.0), by=BOTH, when=FIRST + 3 * DAY)
    clinic.store.sign(taken_back.record_id, "Bob Kay", "physicist", "rejected")
    mine = [good.record_id]
    cases: list[tuple[list[str], str, str, str]] = [
        (mine, " ", "yearly", "say who accepts it"),
        (mine, "Ann Lee and Bob Kay", "yearly", "names several persons"),
        (mine, "Zoë", " ", "say why"),
        ([], "Zoë", "yearly", "at least one record"),
        (mine * 2, "Zoë", "yearly", "each once"),
        ([good.record_id, bad.record_id], "Zoë", "yearly", rf"record {bad.record_id}: it failed \(plain\)"),
        ([good.record_id, other.record_id], "Zoë", "yearly", "of several machines"),
        ([taken_back.record_id], "Zoë", "yearly", "was rejected by Bob Kay"),
    ]
    for ids, who, because, words in cases:
        with pytest.raises(RecordError, match=f"this cannot become the baseline: .*{words}"):
            clinic.store.accept_baseline(ids, who, because)
    assert clinic.store.accepted_baselines() == ()


# The chain, reports and trends


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE accepted_baseline SET because = 'x'", "event changed"),
        ("UPDATE accepted_baseline SET device = 'x'", "event changed"),
        ("DELETE FROM accepted_baseline", "baseline missing"),
        ("DELETE FROM link WHERE kind = 'baseline'", "item without link"),
    ],
)
def test_it_is_in_the_chain(clinic: Clinic, statement: str, what: str) -> None:  # noqa: F811
    month(clinic, 990.0, 991.0, 992.0)
    accept(clinic)
    found = clinic.store.verify()
    assert (found.intact, found.events, found.links) == (True, 1, 4)
    force = forced_one(clinic)
    assert force.execute(statement).rowcount == 1
    force.close()
    assert clinic.store.verify().faults[0].what == what


def test_nothing_of_it_can_be_changed_through_the_database(clinic: Clinic) -> None:  # noqa: F811
    month(clinic, 990.0)
    accept(clinic, 1)
    with sqlite3.connect(clinic.store.where) as raw:
        for statement in ("UPDATE accepted_baseline SET who = 'Eve'", "DELETE FROM accepted_baseline"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                raw.execute(statement)
        with pytest.raises(sqlite3.IntegrityError, match="closed"):
            raw.execute("INSERT OR REPLACE INTO accepted_baseline SELECT * FROM accepted_baseline")


def test_its_records_say_so_when_they_are_printed(clinic: Clinic) -> None:  # noqa: F811
    runs = month(clinic, 990.0, 991.0)
    accept(clinic, 1, because="after repair")
    assert clinic.store.standing(runs[0].record_id).signatures == ()
    (one,) = clinic.store.standing(runs[1].record_id).signatures
    assert (one.kind, one.said, one.who, one.comment) == ("baseline", "accepted for baseline 1", "Zoë", "after repair; with CatPhan 7")


def test_it_begins_an_epoch_at_its_first_record_that_has_the_number(clinic: Clinic) -> None:  # noqa: F811
    month(clinic, 990.0, 991.0)
    clinic.measure(NotMeasured(HU, "no phantom", of(0.0).at), of(1.0, "PMP"), by=BOTH, when=FIRST + 2 * DAY)
    runs = month(clinic, 1000.0, 1001.0, 1002.0, start=FIRST + 3 * DAY, performer="Ann Lee")
    texts = {"part": "Teflon", "setting": "CatPhan 604 | 125 kV"}
    assert len(trend(clinic.store, "LINAC-B", HU.key, texts).epochs) == 1
    accept(clinic)
    older, newer = trend(clinic.store, "LINAC-B", HU.key, texts).epochs
    assert newer.began == FIRST + 3 * DAY
    assert newer.why == "baseline 1, of 3 records from here on, accepted by Zoë"
    assert [one.record_id for one in newer.points] == [one.record_id for one in runs]
    assert len([one for one in older.points if isinstance(one.reading, Measured)]) == 2
    clinic.store.sign(runs[1].record_id, "Bob Kay", "physicist", "rejected")
    assert len(trend(clinic.store, "LINAC-B", HU.key, texts).epochs) == 1


# The commands


def test_commands_propose_accept_and_list(clinic: Clinic) -> None:  # noqa: F811
    runs = month(clinic, 990.0, 993.0, 996.0)
    kept = ("--database", clinic.store.where)
    asked = ("inserts", "--machine", "LINAC-B", *kept)
    status, text = invoke("baseline", "propose", *asked)
    assert status == 3
    assert "there are 3 valid, 10 asked for: measure more, or take these with --last 3" in text
    status, text = invoke("baseline", "accept", *asked, "--by", "Zoë", "--because", "yearly")
    assert status == 2
    assert "nothing was accepted: there are 3 valid" in text
    assert invoke("baseline", "propose", *asked, "--last", 3, "--record", runs[0].record_id)[0] == 2
    status, text = invoke("baseline", "propose", *asked, "--last", 3)
    assert status == 0
    assert "993.0 ± 8.5" in text
    assert clinic.store.accepted_baselines() == ()
    assert invoke("baseline", "accept", *asked, "--last", 3, "--by", "Zoë")[0] == 2  # no reason
    status, text = invoke("baseline", "accept", *asked, "--last", 3, "--by", "Zoë", "--because", "panel replaced", "--device", "CatPhan 7")
    assert status == 0
    (made,) = clinic.store.accepted_baselines()
    line = text.splitlines()[-1]
    assert line.startswith("accepted baseline 1: 2025-01-01 ")
    assert f"by Zoë (panel replaced): inserts, LINAC-B, CatPhan 7, taken 2024-01-05 to 2024-01-07; records: {runs[2].record_id}, " in line
    assert invoke("list", "--accepted", *kept) == (0, line + "\n")
    assert [one.record.record_id for one in made.members] == [one.record_id for one in reversed(runs)]
    assert invoke("accept", runs[0].record_id, "--by", "Zoë", *kept)[1].splitlines()[-1] == (
        "it is the baseline of LINAC-B for inserts, for what baseline 1 lacks"
    )
    assert "did you mean 'inserts'?" in invoke("baseline", "propose", "inserst", "--machine", "LINAC-B", *kept)[1]


def test_device_is_what_the_records_name_where_nobody_says_it(clinic: Clinic) -> None:  # noqa: F811
    clinic.measure(of(990.0), by=BOTH, phantom="CatPhan 604 no. 3")
    asked = ("inserts", "--machine", "LINAC-B", "--database", clinic.store.where)
    assert invoke("baseline", "accept", *asked, "--last", 1, "--by", "Zoë", "--because", "yearly")[0] == 0
    assert [one.device for one in clinic.store.accepted_baselines()] == ["CatPhan 604 no. 3"]
