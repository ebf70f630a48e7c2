"""An audit says what the store holds: worst verdicts, what was done about them, what was not done; nothing missing looks like a pass."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pypdf
import pypdfium2
import pytest
from reportlab.platypus import Spacer
from typer.testing import CliRunner

from bench.audit import CLI
from bench.audit_store import SCHEDULE
from bench.drawn_records import apart, drawn
from bench.tampering import forced
from qa import audit as audits
from qa import audit_compliance, procedure, protocol, site
from qa.audit_period import period
from qa.cli import app
from qa.evidence import Overlay
from qa.exits import Status
from qa.limit import Baseline, Judgement, Limit, Outcome
from qa.reading import Measured, NotMeasured, QaError, Quantity, RecordError
from qa.record import Record
from qa.store import Store
from reports import audit as pages
from reports import audit_page, audit_summary, audit_tests, style

MACHINE = "Linac 1"
MONTH = period("2026-11")
TODAY = date(2026, 12, 4)
SITE = f"""
name = "Clinic A"
time_zone = "UTC"

[[machine]]
name = "Linac 1"
stations = ["LINAC-E"]
techniques = ["conventional", "srs", "sbrt"]
{SCHEDULE}"""
DAILY = "tg142_morning"
(MORNING,) = protocol.read(DAILY).procedures
MONTHLY = protocol.read("mppg9a_monthly").procedures
LENGTH = Quantity("residual_length", "mm", "what is left after the correction", "a definition, 5")
HU = Quantity("insert_hu", "HU", "CT number of an insert", "a definition, 6")
ABSOLUTE = Limit("t.length", MORNING, LENGTH.key, "mm", 2.0, None, "absolute", ("srs", "sbrt"), "daily", "a standard", True)
COMPARED = Limit("t.hu", MORNING, HU.key, "HU", 50.0, None, "baseline", ("conventional",), "daily", "a standard", False)
HELD = Baseline("base-0000-1111", datetime(2026, 1, 5, tzinfo=UTC), "HU", 990.0, 2.0)


def at(day: int, hour: int = 7, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, 30, tzinfo=UTC)


class Clinic:
    """A machine whose records are written one by one, at a time that the test says."""

    def __init__(self, folder: Path, now: list[datetime], text: str = SITE) -> None:
        self.place = folder / "site.toml"
        self.place.write_text(text, "utf-8")
        self.site = site.read(self.place)
        self.file = folder / "r.sqlite"
        self.store = Store(self.file, own_name=self.site.own_name)
        self.now = now

    def record(
        self,
        name: str,
        when: datetime | None,
        value: float = 0.5,
        outcome: Outcome = Outcome.PASS,
        machine: str = MACHINE,
        protocol_name: str = DAILY,
        test: str = MORNING,
        **changes: object,
    ) -> Record:
        """One whole number with u = 0.05 mm and one limit of 2 mm on it; what is changed is changed."""
        limit = replace(ABSOLUTE, procedure=test)
        own: dict[str, object] = {
            "procedure": test,
            "procedure_title": f"Title of {test}",
            "machine": machine,
            "protocol": protocol_name,
            "acquired": when,
            "analysed": when or at(20),
            "readings": (Measured(LENGTH, value, 0.05),),
            "judgements": (Judgement(limit, 0, outcome, f"{value} was looked at"),),
            "comparisons": (),
            "evidence": (),
            "notes": (),
        }
        made = replace(drawn(np.random.default_rng(5), name), **own | changes)  # type: ignore[arg-type]
        self.store.add(made)
        return made

    def working_days(self, but: Sequence[int] = ()) -> None:
        """A morning check that passed on every working day of the month but these."""
        for day in range(1, 31):
            if date(2026, 11, day).weekday() < 5 and day not in but:
                self.record(f"d{day:02d}", at(day))

    def audit(self, asked: str = "2026-11", today: date = TODAY, with_site: bool = True) -> audits.Audit:
        of = period(asked) if "-" in asked else period(year=asked)
        return audits.audit(self.store, MACHINE, of, self.site if with_site else None, today)

    def text(self, asked: str = "2026-11", **options: object) -> str:
        return text(pages.render(self.audit(asked, **options)))  # type: ignore[arg-type]


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    now = [datetime(2026, 12, 1, 12, tzinfo=UTC)]
    monkeypatch.setattr("qa.chain.clock", lambda: now[0])
    return Clinic(tmp_path, now)


def texts(content: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(BytesIO(content)).pages]


def text(content: bytes) -> str:
    return " ".join(texts(content))


def between(words: str, start: str, end: str) -> str:
    """What stands between two headings, the last of each: the contents name them before."""
    return words[words.rindex(start) : words.rindex(end)]


def of(found: audits.Audit, technique: str) -> tuple[Outcome | None, dict[Outcome, int]]:
    (one,) = (verdict for verdict in found.verdicts if verdict.technique == technique)
    return one.outcome, dict(one.records)


def green(content: bytes) -> int:
    """How many pixels of the verdict boxes have the colour of a pass, or of the tint behind it: of the upper third of page 1."""
    pixels = pypdfium2.PdfDocument(content)[0].render(scale=1, rev_byteorder=True).to_numpy()[:280, :, :3].astype(int)
    face = style.FACES[Outcome.PASS]
    colours = [[round(255 * part) for part in colour.rgb()] for colour in (face.colour, face.tint)]
    return sum(int((abs(pixels - colour).max(axis=2) <= 2).sum()) for colour in colours)


# Verdicts


def test_the_verdict_is_the_worst_record_and_says_how_many_there_are(clinic: Clinic) -> None:
    for n, outcome in enumerate((Outcome.PASS, Outcome.FAIL, Outcome.PASS, Outcome.INDETERMINATE)):
        clinic.record(f"r{n}", at(2 + n), outcome=outcome)
    found = clinic.audit()
    assert of(found, "srs") == (Outcome.FAIL, {Outcome.PASS: 2, Outcome.FAIL: 1, Outcome.INDETERMINATE: 1})
    assert of(found, "conventional") == (None, {})
    first = texts(pages.render(found))[0]
    assert "SRS STOP FAIL worst of 4 records: 1 fail, 1 indeterminate, 2 pass" in first
    assert "Conventional NO RECORD No record of this period judged it. This is not a pass." in first
    assert first.index("STOP") < first.index("Contents") < first.rindex("Exceptions")


@pytest.mark.parametrize("outcome", [Outcome.NOT_MEASURED, Outcome.INDETERMINATE, Outcome.DISAGREEMENT, Outcome.FAIL])
def test_nothing_but_passes_looks_like_a_pass(clinic: Clinic, outcome: Outcome) -> None:
    clinic.record("r1", at(2), outcome=outcome)
    content = pages.render(clinic.audit())
    assert not re.search(r"\bGO\b", text(content))
    assert green(content) == 0
    clinic.record("r2", at(3))
    assert green(pages.render(clinic.audit())) == 0  # the worst counts
    assert green(pages.render(clinic.audit("2026-10"))) == 0


def test_what_passed_is_green(clinic: Clinic) -> None:
    clinic.record("r1", at(2))
    content = pages.render(clinic.audit())
    assert green(content) > 1000
    assert "SRS GO PASS worst of 1 record: 1 pass" in text(content)


def test_engines_that_disagree_leave_no_technique_a_pass(clinic: Clinic) -> None:
    clinic.record("r1", at(2), comparisons=(apart(),))
    assert of(clinic.audit(), "srs")[0] is Outcome.DISAGREEMENT
    assert "two engines: 9 mm apart" in clinic.text()


def test_days_are_those_of_the_clinics_clock(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path, [], SITE.replace('"UTC"', '"Pacific/Auckland"'))  # 13 hours ahead in November
    clinic.record("before", datetime(2026, 10, 31, 10, 59, tzinfo=UTC), outcome=Outcome.FAIL)
    clinic.record("first", datetime(2026, 10, 31, 11, 1, tzinfo=UTC))
    clinic.record("last", datetime(2026, 11, 30, 10, 59, tzinfo=UTC))
    clinic.record("after", datetime(2026, 11, 30, 11, 1, tzinfo=UTC), outcome=Outcome.FAIL)
    assert [one.head.record_id for one in clinic.audit().records] == ["first", "last"]
    assert "days of Pacific/Auckland" in clinic.text()


# What was no pass


def test_a_failure_stands_with_what_was_done_about_it(clinic: Clinic) -> None:
    clinic.record("aaaaaaaa-1", at(3), 2.6, Outcome.FAIL)
    clinic.record("bbbbbbbb-2", at(4), 2.7, Outcome.FAIL)
    clinic.store.put_down("action", "", "bbbbbbbb-2", date(2026, 11, 5), "Bob Kay", "the ball was set up again")
    words = between(clinic.text(), "Exceptions", "Quantities")
    first, second = words[words.index("aaaaaaaa") : words.index("bbbbbbbb")], words[words.index("bbbbbbbb") :]
    assert "2.6 was looked at Nothing put down" in first
    assert "2.7 was looked at 2026-11-05, Bob Kay: the ball was set up again" in second
    assert words.count("what is left after the correction") == 2


def test_what_could_not_be_decided_for_one_reason_is_said_once_of_all_records(clinic: Clinic) -> None:
    for day in (2, 3, 4):
        reading = NotMeasured(LENGTH, "the ball is not in the field")
        judged = Judgement(ABSOLUTE, 0, Outcome.NOT_MEASURED, "the ball is not in the field")
        clinic.record(f"day-{day}", at(day), readings=(reading,), judgements=(judged,))
    (found,) = clinic.audit().findings
    assert [head.record_id for head in found.records] == ["day-2", "day-3", "day-4"]
    assert between(clinic.text(), "Exceptions", "Quantities").count("the ball is not in the field") == 1


def test_a_rejected_record_is_shown_and_decides_nothing(clinic: Clinic) -> None:
    clinic.record("good", at(2), 0.4)
    clinic.record("bad", at(3), 5.0, Outcome.FAIL)
    clinic.store.sign("bad", "Bob Kay", "physicist", "rejected", "the wrong phantom")
    found = clinic.audit()
    assert of(found, "srs") == (Outcome.PASS, {Outcome.PASS: 1})
    assert [one.readings[0] for one in found.quantities] == [Measured(LENGTH, 0.4, 0.05)]
    assert found.findings == ()
    words = text(pages.render(found))
    for said in (words, text(audit_summary.render(found))):
        assert "None. Every limit that was judged in a record that counts was met" in said
    assert "rejected by Bob Kay (the wrong phantom)" in between(words, "Exceptions", "Quantities")
    assert "2 records, 1 of which decide nothing" in words
    assert "5.00" not in words
    clinic.store.sign("good", "Bob Kay", "physicist", "rejected")
    assert of(clinic.audit(), "srs")[0] is None


def test_a_record_of_the_future_decides_nothing(clinic: Clinic) -> None:
    clinic.record("r1", at(25))
    assert of(clinic.audit(today=date(2026, 11, 20)), "srs")[0] is None
    words = clinic.text(today=date(2026, 11, 20))
    assert "dated later than today: a clock is wrong" in words
    assert "not over: printed with what there was by 2026-11-20" in words


# Quantities


def test_every_number_stands_with_its_limit_its_margin_and_its_baseline(clinic: Clinic) -> None:
    judged = Judgement(COMPARED, 1, Outcome.PASS, "close", HELD)
    readings = (Measured(LENGTH, -0.6, 0.05), Measured(HU, 1000.0, 1.5, {"part": "Teflon"}))
    clinic.record("r1", at(2), readings=readings, judgements=(Judgement(ABSOLUTE, 0, Outcome.PASS, "inside"), judged))
    words = between(clinic.text(), "Quantities", "Daily")
    assert "-0.60 ± 0.10 mm" in words
    assert "SRS, SBRT: ≤ 2 mm" in words
    assert "30 % U: 35 %" in words  # 0.6 and 0.6 + 2 * 0.05 of 2
    assert "1000.0 ± 3.0 HU" in words
    assert "Conventional: ≤ 50 HU from the baseline (unconfirmed)" in words
    assert "20 % U: 30 %" in words  # 10 and 10 + 2 * hypot(1.5, 2.0) of 50
    assert "990.0 ± 4.0 HU 2026-01-05, record base-000" in words
    assert "insert_hu, Teflon" in words


def test_a_number_without_its_baseline_says_so_and_is_no_pass(clinic: Clinic) -> None:
    reason = "no baseline: accept a good record of this machine"
    clinic.record("r1", at(2), readings=(Measured(HU, 1000.0, 1.5),), judgements=(Judgement(COMPARED, 0, Outcome.NOT_MEASURED, reason),))
    words = clinic.text()
    assert "Conventional REPEAT NOT MEASURED" in words
    assert reason in between(words, "Exceptions", "Quantities")
    assert "NOT MEASURED: Conventional: ≤ 50 HU" in between(words, "Quantities", "Daily").replace("(unconfirmed) ", "")
    assert re.search(r"from the baseline \(unconfirmed\) none", between(words, "Quantities", "Daily"))


def test_the_newest_of_each_thing_is_shown_and_its_course_over_twelve_months(clinic: Clinic) -> None:
    clinic.record("too old", at(30, month=11).replace(year=2025), 9.0)
    clinic.record("old", at(1, month=12).replace(year=2025), 0.1)
    clinic.record("middle", at(3), 2.4, Outcome.FAIL)
    clinic.record("new", at(5), 0.3)
    clinic.record("next", at(1, month=12), 0.9)
    (one,) = clinic.audit().quantities
    assert (one.head.record_id, one.readings) == ("new", (Measured(LENGTH, 0.3, 0.05),))
    assert [(past.value, past.outside) for past in one.past] == [(0.1, None), (2.4, Outcome.FAIL), (0.3, None)]


def test_a_course_is_of_one_unit(clinic: Clinic) -> None:
    """A version of the test that stated centimetres: 0.03 of them are no 0.03 mm."""
    clinic.record("in-cm", at(2), readings=(Measured(replace(LENGTH, unit="cm"), 0.03, 0.005),), judgements=())
    clinic.record("in-mm", at(3), 0.4)
    (one,) = clinic.audit().quantities
    assert [past.value for past in one.past] == [0.4]


def test_several_numbers_of_a_record_are_given_from_the_least_to_the_largest(clinic: Clinic) -> None:
    readings = tuple(Measured(LENGTH, value, 0.05, {"sop_instance_uid": f"1.{n}"}) for n, value in enumerate((0.2, -0.4, 1.5)))
    judged = tuple(Judgement(ABSOLUTE, n, Outcome.PASS, "inside") for n in range(3))
    clinic.record("r1", at(2), readings=readings, judgements=judged)
    words = between(clinic.text(), "Quantities", "Daily")
    assert "-0.40 to 1.50 ± 0.10 mm at most, 3 numbers" in words
    assert "75 % U: 80 %" in words  # of 1.5, the largest


def test_what_was_not_measured_is_a_reason_and_no_number(clinic: Clinic) -> None:
    clinic.record("r1", at(2), 0.7)
    asked, other = NotMeasured(LENGTH, "no ball was found"), NotMeasured(HU, "no insert was found")
    judged = Judgement(ABSOLUTE, 0, Outcome.NOT_MEASURED, "no ball was found")
    clinic.record("r2", at(3), readings=(asked, other), judgements=(judged,))
    words = between(clinic.text(), "Quantities", "Daily")
    assert "not measured no ball was found 2026-11-03" in words
    assert "Not measured, and no limit: CT number of an insert: no insert was found" in words
    assert "0.70 ±" not in words


def test_what_was_not_measured_as_a_whole_gives_way_to_later_numbers_of_its_parts(clinic: Clinic) -> None:
    clinic.record("r1", at(2), readings=(NotMeasured(HU, "no phantom was found"),), judgements=())
    clinic.record("r2", at(3), readings=(Measured(HU, 1000.0, 1.5, {"part": "Teflon"}),), judgements=())
    assert [dict(one.of) for one in clinic.audit().quantities] == [{"part": "Teflon"}]
    clinic.record("r3", at(4), readings=(NotMeasured(HU, "no phantom was found"),), judgements=())
    assert len(clinic.audit().quantities) == 2


# Compliance, service, reviews


def asked(found: audits.Audit) -> tuple[audit_compliance.Asked, audit_compliance.Asked]:
    assert found.asked is not None
    daily, monthly = found.asked
    return daily, monthly


def days(*numbers: int) -> tuple[date, ...]:
    return tuple(date(2026, 11, number) for number in numbers)


def test_a_skipped_a_missed_a_failed_and_an_unfinished_day_are_told_apart(clinic: Clinic) -> None:
    clinic.working_days(but=(4, 11, 12, 17))
    clinic.store.put_down("not used", MACHINE, DAILY, date(2026, 11, 4), "Ann Lee", "no patients")
    clinic.record("failed", at(11), outcome=Outcome.FAIL)
    clinic.record("unfinished", at(12), outcome=Outcome.INDETERMINATE)
    daily, _ = asked(clinic.audit())
    assert [day for day, _ in daily.unused] == list(days(4))
    assert (daily.missing, daily.unfinished, daily.failed) == (days(12, 17), days(12), days(11))
    assert len(daily.done) == 21 - 3  # working days in November 2026 without the 4th, the 12th and the 17th
    assert date(2026, 11, 11) in daily.done
    words = between(clinic.text(), "Compliance", "Service and baselines")
    assert "18 days" in words
    assert "failed: 2026-11-11" in words
    assert "2026-11-04, not used: no patients (Ann Lee)" in words
    assert "2 days 2026-11-12, 2026-11-17 tried and not finished: 2026-11-12" in words


def test_a_machine_under_service_misses_nothing(clinic: Clinic) -> None:
    clinic.working_days(but=(9, 10, 11))
    clinic.store.put_down("service", MACHINE, "", date(2026, 11, 9), "Ann Lee", "panel replaced")
    clinic.store.put_down("back", MACHINE, "", date(2026, 11, 12), "Bob Kay", "checked")
    daily, _ = asked(clinic.audit())
    assert (daily.missing, daily.service) == ((), days(9, 10, 11))
    words = between(clinic.text(), "Service and baselines", "Calibrations in force")
    later = "(put down on 2026-12-01)"
    services = f"2026-11-09 out of clinical use Ann Lee panel replaced {later} 2026-11-12 back in clinical use Bob Kay checked {later}"
    assert services in words
    assert "under service when the period began" not in words
    assert clinic.audit("2026-12").began is None


def test_a_service_that_began_before_is_said(clinic: Clinic) -> None:
    clinic.record("r1", at(1, month=10))
    clinic.store.put_down("service", MACHINE, "", date(2026, 10, 20), "Ann Lee", "gantry bearing")
    found = clinic.audit()
    assert found.began is not None
    assert asked(found)[0].service == tuple(date(2026, 11, day) for day in range(1, 31))
    assert "2026-10-20 under service when the period began Ann Lee gantry bearing" in text(pages.render(found))


def test_a_monthly_check_is_missing_from_the_day_it_is_overdue(clinic: Clinic) -> None:
    for name in MONTHLY:
        clinic.record(f"o-{name}", at(5, month=10), protocol_name="mppg9a_monthly", test=name)
    _, monthly = asked(clinic.audit())
    late = date(2026, 10, 5) + timedelta(days=31)  # a Thursday: due no later than 31 days after
    assert monthly.missing == tuple(late + timedelta(days=k) for k in range(1, 26))
    assert monthly.done == ()
    for name in MONTHLY:
        clinic.record(f"n-{name}", at(10), protocol_name="mppg9a_monthly", test=name)
    _, monthly = asked(clinic.audit())
    assert (monthly.done, monthly.missing) == (days(10), days(6, 7, 8, 9))


def test_today_is_not_missing_yet(clinic: Clinic) -> None:
    clinic.working_days(but=range(18, 31))
    assert asked(clinic.audit(today=date(2026, 11, 18)))[0].missing == ()
    assert asked(clinic.audit(today=date(2026, 11, 19)))[0].missing == days(18)


def test_the_replay_of_a_day_is_what_the_store_said_on_that_day(clinic: Clinic, tmp_path: Path) -> None:
    """Against stores that hold the records up to that day and no more."""
    rng = np.random.default_rng(20261127)
    drawn_ = [(int(rng.integers(1, 29)), Outcome(int(rng.integers(0, 5)))) for _ in range(24)]
    month = [date(2026, 11, day) for day in range(6, 31)]
    for n, (day, outcome) in enumerate(drawn_):
        clinic.record(f"r{n}", at(day, 6 + n % 12), outcome=outcome)
    replayed = clinic.store.done_by(MACHINE, month, clinic.site.zone, [DAILY])
    for day in month:
        then = Clinic(tmp_path / f"{day}", []) if (tmp_path / f"{day}").mkdir() is None else clinic
        for n, (number, outcome) in enumerate(drawn_):
            if number <= day.day:
                then.record(f"r{n}", at(number, 6 + n % 12), outcome=outcome)
        said = then.store.last_days(day, clinic.site.zone, [DAILY]).get((MACHINE, DAILY, MORNING))
        found = replayed[day][MACHINE, DAILY, MORNING]
        if said is None:
            assert found.day is None
        else:
            assert (found.day, found.failed, found.unfinished) == (said.day, said.failed, said.unfinished)


def test_reviews_wait_as_long_as_they_waited(clinic: Clinic) -> None:
    for n, waited in enumerate((1.0, 2.0, 6.0), 1):
        clinic.record(f"r{n}", at(n + 1), performer="Ann Lee")
        clinic.now[0] = at(n + 1) + timedelta(days=waited)
        clinic.store.sign(f"r{n}", "Bob Kay", "physicist", "reviewed")
    clinic.record("r4", at(9), performer="Ann Lee")
    clinic.store.sign("r4", "Ann Lee", "physicist", "reviewed", own_run=True)
    clinic.record("r5555555", at(10), performer="Ann Lee")
    found = clinic.audit().reviews
    assert (found.records, found.waited, found.middle) == (5, (1.0, 2.0, 6.0), 2.0)
    words = clinic.text()
    assert "3 of 5 records reviewed or approved by another person" in words
    assert "2.0 days in the middle, 6.0 at most" in words
    assert "1 record reviewed by who performed it alone" in words
    assert f"Not reviewed: 2026-11-10 Title of {MORNING} (r5555555)" in words


def test_without_a_site_file_nothing_is_said_to_be_done(clinic: Clinic) -> None:
    clinic.record("r1", at(2))
    words = clinic.text(with_site=False)
    assert "nothing says what was to be done" in words
    assert "Conventional" not in texts(pages.render(clinic.audit(with_site=False)))[0]


# Baselines, calibrations, software


def test_what_was_accepted_in_the_period_is_named_and_nothing_else(clinic: Clinic) -> None:
    clinic.record("before-0", at(1))
    clinic.now[0] = at(30, month=10)
    clinic.store.accept("before-0", "Bob Kay", "October")
    clinic.record("within-1", at(3))
    clinic.now[0] = at(4)
    clinic.store.accept("within-1", "Bob Kay", "a new panel")
    words = between(clinic.text(), "Service and baselines", "Calibrations in force")
    assert "within-1 Bob Kay a new panel" in words
    assert "October" not in words


def test_a_calibration_in_force_says_until_when_and_an_expired_one_that_it_is_not(clinic: Clinic) -> None:
    name = next(one for one in procedure.names() if procedure.load(one).provides == "CT number to density")
    annual = Judgement(replace(ABSOLUTE, procedure=name, frequency="annual"), 0, Outcome.PASS, "inside")
    clinic.record("cal-2025", at(10, month=6).replace(year=2025), test=name, judgements=(annual,), protocol_name="own")
    clinic.now[0] = at(10, month=6).replace(year=2025)
    clinic.store.accept("cal-2025", "Bob Kay")
    words = between(clinic.text("2026-05"), "Calibrations in force", "Software")
    assert "CT number to density 2025-06-10 2026-07-17" in words  # 366 days and a tenth of them: 402.6 days
    words = between(clinic.text("2026-08"), "Calibrations in force", "Software")
    assert "CT number to density none in force record cal-2025, taken 2025-06-10 07:30 UTC, expired 2026-07-17" in words


def test_every_version_that_made_a_record_is_named(clinic: Clinic) -> None:
    clinic.record("r1", at(2), versions=(("igrtqa", "0.1.0"),))
    clinic.record("r2", at(3), versions=(("igrtqa", "0.2.0"),), procedure_version="2")
    words = between(clinic.text(), "Software and algorithms", "Signatures")
    assert "igrtqa 0.1.0 1 2026-11-02 igrtqa 0.2.0 1 2026-11-03" in words
    assert f"algorithm of {MORNING} 1 1 2026-11-02 algorithm of {MORNING} 2 1 2026-11-03" in words


# The machine's names, empty periods, what is wrong


def test_records_under_an_old_name_are_of_the_machine(clinic: Clinic) -> None:
    clinic.record("old", at(2), machine="LINAC-E")
    clinic.record("new", at(3))
    clinic.record("other", at(4), machine="LINAC-F", outcome=Outcome.FAIL)
    found = clinic.audit()
    assert [one.head.record_id for one in found.records] == ["old", "new"]
    assert "Records are stored under LINAC-E, Linac 1" in text(pages.render(found))


def test_an_empty_month_is_no_pass(clinic: Clinic) -> None:
    clinic.record("r1", at(2, month=10))
    content = pages.render(clinic.audit())
    words = text(content)
    assert green(content) == 0
    assert words.count("NO RECORD") == 3
    for said in ("Nothing was judged in this period", "No record of this period that counts holds a reading", "so none to review"):
        assert said in words
    assert f"{21} days" in between(words, "Compliance", "Service and baselines")
    unknown = Clinic.audit(clinic, with_site=False)
    assert "NO RECORD No record of this period judged anything" in text(pages.render(unknown))


def test_a_record_changed_by_force_ends_the_audit(clinic: Clinic) -> None:
    clinic.record("r1", at(2), outcome=Outcome.FAIL)
    connection = forced(clinic.file)
    connection.execute("UPDATE judgement SET outcome = 'PASS'")
    connection.commit()
    connection.close()
    with pytest.raises(RecordError, match="r1 was changed after it was stored: do not use it"):
        clinic.audit()


def test_a_record_put_there_by_force_ends_the_audit(clinic: Clinic) -> None:
    clinic.record("r1", at(2), outcome=Outcome.FAIL)
    connection = forced(clinic.file)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(record)")]
    copied = ", ".join("'r2'" if name == "record_id" else name for name in columns)
    connection.execute(f"INSERT INTO record ({', '.join(columns)}) SELECT {copied} FROM record")
    connection.commit()
    connection.close()
    with pytest.raises(RecordError, match="r2 was not put there by this program"):
        clinic.audit()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "say which month or which year"),
        (["--month", "2026-11", "--year", "2026"], "say which month or which year"),
        (["--month", "2026-13"], "expected a year and a month"),
        (["--month", "11/2026"], "expected a year and a month"),
        (["--year", "26"], "expected a year"),
        (["--month", "2999-01"], "2999-01 is still to come"),
        (["--month", "2024-01", "--machine", "Linac 2"], "did you mean 'Linac 1'?"),
        (["--month", "2024-01", "--summary"], "say where to write it"),
    ],
)
def test_a_wrong_question_says_what_to_ask(clinic: Clinic, options: list[str], said: str) -> None:
    clinic.record("r1", at(2).replace(year=2024))
    whole = ["audit", *(["--machine", MACHINE] if "--machine" not in options else []), *options]
    done = CliRunner().invoke(app, [*whole, "--site", str(clinic.place), "--database", str(clinic.file)])
    assert done.exit_code == Status.WRONG_INPUT
    assert said in done.output


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.PASS, Status.PASSED), (Outcome.FAIL, Status.FAILED), (Outcome.INDETERMINATE, Status.UNDECIDED), (None, Status.UNDECIDED)],
)
def test_the_command_prints_writes_and_ends_by_the_worst(clinic: Clinic, tmp_path: Path, outcome: Outcome | None, status: Status) -> None:
    if outcome is not None:
        judged = Judgement(replace(ABSOLUTE, techniques=("conventional", "srs", "sbrt")), 0, outcome, "looked at")
        clinic.record("r1", at(2).replace(year=2024), judgements=(judged,))
    else:
        clinic.record("r1", at(2).replace(year=2023))
    options = ["--machine", MACHINE, "--month", "2024-11", "--database", str(clinic.file)]
    done = CliRunner().invoke(app, ["audit", *options, "--pdf", str(tmp_path / "a.pdf")])
    assert done.exit_code == status, done.output
    missed = CliRunner().invoke(app, ["audit", *options, "--site", str(clinic.place)])  # by its schedule more was to be done
    assert missed.exit_code == (Status.UNDECIDED if status is Status.PASSED else status), missed.output
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert "SRS: no record of this period judged it: this is not a pass" in missed.output or outcome is not None


def test_a_site_file_of_no_such_machine_is_refused(clinic: Clinic) -> None:
    with pytest.raises(QaError, match="no machine 'Linac 9'"):
        audits.audit(clinic.store, "Linac 9", MONTH, clinic.site, TODAY)
    with pytest.raises(QaError, match="no record is of a machine 'Linac 9'"):
        audits.audit(clinic.store, "Linac 9", MONTH, None, TODAY)


# The pages


def full(clinic: Clinic) -> audits.Audit:
    """A month with something in every part."""
    grey = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    shown = Overlay("an image of the ball", grey, (-1.0, 1.0, -1.0, 1.0), (), ("u / mm", "v / mm"))
    clinic.working_days(but=(4, 5))
    clinic.record("fail-0001", at(4), 2.9, Outcome.FAIL, evidence=(shown,))
    clinic.store.put_down("action", "", "fail-0001", date(2026, 11, 4), "Bob Kay", "set up again")
    for name in MONTHLY:
        clinic.record(f"m-{name}", at(9, 17), protocol_name="mppg9a_monthly", test=name, evidence=(shown,))
    clinic.store.put_down("service", MACHINE, "", date(2026, 11, 24), "Ann Lee", "couch motor")
    clinic.store.put_down("back", MACHINE, "", date(2026, 11, 25), "Ann Lee", "checked")
    return clinic.audit()


def test_contents_bookmarks_and_pages_fit_each_other(clinic: Clinic) -> None:
    content = pages.render(full(clinic))
    reader, written = pypdf.PdfReader(BytesIO(content), strict=True), texts(content)
    outline: list[tuple[str, int]] = []

    def walk(items: Sequence[object]) -> None:
        for item in items:
            if isinstance(item, list):
                walk(item)
            else:
                outline.append((item.title, reader.get_destination_page_number(item) + 1))  # type: ignore[attr-defined,arg-type,operator]

    walk(reader.outline)
    titles = [title for title, _ in outline]
    assert titles[:2] == ["Exceptions", "Quantities"]
    assert titles[-5:] == ["Compliance", "Service and baselines", "Calibrations in force", "Software and algorithms", "Signatures"]
    assert {"Daily", "Isocentre", f"Title of {MORNING}"} < set(titles)
    head = written[0][written[0].index("Contents") :]
    for title, page in outline:
        assert f"{title} {page}" in head
        assert title in written[page - 1]
    for number, words in enumerate(written, 1):
        assert f"page {number} of {len(written)}" in words
    assert written[-1].count("Signature ") >= 3
    end = clinic.store.end()[0]
    assert end is not None
    assert end.hash in written[-1]


def test_nothing_leaves_the_page(clinic: Clinic) -> None:
    for page in pypdfium2.PdfDocument(pages.render(full(clinic))):
        found = page.get_textpage()
        boxes = np.array([found.get_charbox(n) for n in range(found.count_chars())])
        boxes = boxes[(boxes[:, 2] - boxes[:, 0] > 0.2) & (boxes[:, 3] - boxes[:, 1] > 0.2)]
        left, bottom, right, top = boxes.T
        assert (left.min() >= 40, right.max() <= 555, bottom.min() >= 20, top.max() <= 822) == (True,) * 4


@pytest.mark.parametrize("tool", ["pdftoppm", "mutool"])
def test_readers_have_nothing_to_complain_of(clinic: Clinic, tmp_path: Path, tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    place = tmp_path / "a.pdf"
    place.write_bytes(pages.render(full(clinic)))
    command = {
        "pdftoppm": ["-r", "20", str(place), str(tmp_path / "p")],
        "mutool": ["draw", "-N", "-q", "-r", "20", "-o", "-", str(place)],  # -N: Debian's is built without colour profiles, and says so
    }
    done = subprocess.run([tool, *command[tool]], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_same_store_gives_the_same_bytes_in_another_process(clinic: Clinic, tmp_path: Path) -> None:
    full(clinic)
    found = []
    for seed, zone in (("1", "Asia/Tokyo"), ("2", "America/New_York")):
        place = tmp_path / f"{seed}.pdf"
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(Path(__file__).parents[1])}
        options = ["--machine", MACHINE, "--month", "2026-10", "--site", str(clinic.place), "--database", str(clinic.file)]
        command = [sys.executable, "-c", CLI, "audit", *options, "--pdf", str(place)]
        subprocess.run(command, env=environment, capture_output=True, check=False)
        found.append(place.read_bytes())
    assert found[0] == found[1]
    assert pages.render(clinic.audit()) == pages.render(clinic.audit())


def test_the_newest_evidence_that_counts_is_shown(clinic: Clinic) -> None:
    grey = np.zeros((9, 9), np.uint8)
    for day, name in ((2, "older"), (3, "newer"), (4, "rejected")):
        shown = Overlay(f"picture of the {name}", grey, (-1.0, 1.0, -1.0, 1.0), (), ("u / mm", "v / mm"))
        clinic.record(name, at(day), evidence=(shown,))
    clinic.store.sign("rejected", "Bob Kay", "physicist", "rejected")
    words = clinic.text()
    assert "picture of the newer" in words
    assert "picture of the older" not in words
    assert "picture of the rejected" not in words


def test_many_images_are_made_small_enough_to_mail(clinic: Clinic) -> None:
    rng = np.random.default_rng(20261127)
    grey = rng.integers(0, 256, (600, 500), dtype=np.uint8)  # noise: nothing packs worse
    shown = tuple(Overlay(f"image {n}", grey, (-1.0, 1.0, -1.0, 1.0), (), ("u / mm", "v / mm")) for n in range(60))
    clinic.record("r1", at(2), evidence=shown)
    found = clinic.audit()
    content = pages.render(found)
    assert len(content) < 10e6
    assert audit_tests.COARSEST < audit_tests._finest(found.shown) < audit_tests.FINEST


def test_the_heading_of_a_subject_is_on_the_page_of_its_first_test(clinic: Clinic) -> None:
    """Whatever stands above it, in points."""
    found = clinic.audit()
    parted = []
    style.register_fonts()
    for above in range(400, 720, 20):
        filled = [style.paragraph("a line", style.BODY) for _ in range(40)]
        part = audit_page.Section("A test", "part", filled[1:], 1)
        sections = [audit_page.Section("Subject", "whole", filled[:1], following=part.flowables), part]
        places = audit_page.Places()
        content = audit_page.build(found, [Spacer(0, above - 23), places.contents(sections), *places.story(sections)], places)
        whole, first = ([n for n, words in enumerate(texts(content), 1) if name in words] for name in ("Subject a line", "A test a line"))
        assert (len(whole), len(first)) == (1, 1)
        parted += [above] if whole != first else []
    assert parted == []


# The page for a committee, and the year


def test_the_summary_is_one_page_that_says_what_it_leaves_out(clinic: Clinic) -> None:
    for day in range(1, 31):
        clinic.record(f"fail-{day:02d}", at(day), 2.0 + day, Outcome.FAIL)
    (page,) = texts(audit_summary.render(clinic.audit()))
    shown = page.count("was looked at")
    assert 0 < shown < 30
    assert f"And {30 - shown} more in the whole audit, {30 - shown} of them out of limit" in page
    assert "SRS STOP FAIL worst of 30 records: 30 fail" in page
    assert "page 1 of 1" in page
    assert "Nothing put down." in page


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_store_of_an_older_version_is_audited_as_it_is(tmp_path: Path, number: int) -> None:
    """Nothing is written into it: no chain, no events, and none is made up."""
    file = tmp_path / "old.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript((Path(__file__).parent / f"records_version_{number}.sql").read_text("utf-8"))
    connection.close()
    store = Store(file)
    (newest,) = store.list(1)
    when = newest.acquired or newest.analysed
    found = audits.audit(store, newest.machine, period(f"{when:%Y-%m}"), None, date(2030, 1, 1))
    assert newest.record_id in [one.head.record_id for one in found.records]
    words = text(pages.render(found))
    assert "The store has no chain of records yet" in words
    assert newest.machine in words
    assert store.verify().links == 0


def test_the_summary_of_a_good_month(clinic: Clinic) -> None:
    clinic.working_days(but=(3,))
    (page,) = texts(audit_summary.render(clinic.audit()))
    assert "worst of 20 records: 20 pass" in page
    assert re.search(r"daily IGRT check with kV images 20 0 0 0 1 done", page)
    assert "never done as a whole" in page  # the monthly one


def test_the_year_holds_all_its_months(clinic: Clinic) -> None:
    for month in range(1, 13):
        clinic.record(f"r{month:02d}", at(3, month=month), month / 10)
    clinic.record("other", at(3, month=12).replace(year=2025), outcome=Outcome.FAIL)
    found = clinic.audit("2026", today=date(2027, 1, 4))
    assert of(found, "srs") == (Outcome.PASS, {Outcome.PASS: 12})
    assert found.quantities[0].readings == (Measured(LENGTH, 1.2, 0.05),)
    assert [one.value for one in found.quantities[0].past] == [month / 10 for month in range(1, 13)]
    assert "Annual audit of Linac 1" in text(pages.render(found))


def test_the_year_names_the_worst_of_each_month(clinic: Clinic) -> None:
    for month, outcome in ((1, Outcome.PASS), (3, Outcome.FAIL), (3, Outcome.PASS), (6, Outcome.NOT_MEASURED)):
        clinic.record(f"{month}-{outcome.name}", at(3, month=month), outcome=outcome)
    first = texts(pages.render(clinic.audit("2026", today=date(2027, 1, 4))))[0]
    assert "SRS pass FAIL not m. SBRT pass FAIL not m. Contents" in first
    assert "empty: no record, which is no pass" in first


def test_the_part_of_a_tolerance_that_is_used() -> None:
    """|d| / T and (|d| + k u) / T; an interval counts where it is wider; nothing where there is no number to hold it against."""
    assert ABSOLUTE.used(Measured(LENGTH, -0.6, 0.05), 2.0) == pytest.approx((0.3, 0.35))
    assert ABSOLUTE.used(Measured(LENGTH, 0.6, 0.05, interval=(0.4, 1.0)), 2.0) == pytest.approx((0.3, 0.5))
    assert COMPARED.used(Measured(HU, 1000.0, 1.5), 2.0, HELD) == pytest.approx((0.2, (10 + 2 * np.hypot(1.5, 2.0)) / 50))
    assert COMPARED.used(Measured(HU, 1000.0, 1.5), 2.0) is None
    assert replace(ABSOLUTE, tolerance=None).used(Measured(LENGTH, 0.6, 0.05), 2.0) is None


def test_every_procedure_states_its_subject() -> None:
    """Else its records stand under a heading that says nothing."""
    other = procedure.subject("a procedure that there was once")
    assert [name for name in procedure.names() if procedure.subject(name) in (other, "")] == []


def test_a_month_of_real_checks_is_quick_small_and_readable(tmp_path: Path) -> None:
    """A short form of bench/audit.py: one test of each kind is enough here."""
    from bench import audit as bench
    from bench import audit_store

    records = list(audit_store.demonstrated(["daily_igrt"]))
    run = bench.timed(tmp_path, records, mornings=5)
    assert run.size < bench.GOAL_MB * 1e6
    assert run.complaints == ()
    assert "Linac 1 in 2024-10" in run.said
    assert "signed by IGRT QA of Linac 1" in run.said


# What was changed by force, put down later, or made of several


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE judgement SET outcome = 'PASS' WHERE record_id = 'bad'", "record bad was changed after it was stored"),
        ("DELETE FROM record WHERE record_id = 'bad'", "record bad is not stored any more"),
        (
            "INSERT INTO sign_off SELECT 'bad', 0, record_hash, 'Bob Kay', 'physicist', 'rejected', analysed, '', 0 FROM record "
            "WHERE record_id = 'bad'",
            "the signatures of record bad are not what was signed",
        ),
        ("UPDATE sign_off SET who = 'Bob Kay' WHERE record_id = 'good'", "the signatures of record good are not what was signed"),
        ("DELETE FROM sign_off WHERE record_id = 'good'", "the signatures of record good are not what was signed"),
        ("UPDATE event SET text = 'all of it was repeated'", "event 1 of Linac 1 is not what was put down"),
    ],
)
@pytest.mark.parametrize("evidence", [True, False])
def test_nothing_that_was_changed_by_force_is_audited(clinic: Clinic, statement: str, said: str, evidence: bool) -> None:
    """The record that was changed is not the newest of its test, which alone is shown."""
    clinic.record("bad", at(2), 5.0, Outcome.FAIL)
    clinic.record("good", at(3))
    clinic.store.sign("good", "Cleo Day", "physicist", "reviewed")
    clinic.store.put_down("action", "", "bad", date(2026, 11, 2), "Bob Kay", "the ball was set up again")
    audits.audit(clinic.store, MACHINE, MONTH, clinic.site, TODAY, evidence)
    connection = forced(clinic.file)
    connection.execute(statement)
    connection.close()
    with pytest.raises(RecordError, match=said):
        audits.audit(clinic.store, MACHINE, MONTH, clinic.site, TODAY, evidence)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE acceptance SET who = 'Ann Lee'", "acceptance r1/0 is not what was put down"),
        (
            "INSERT INTO acceptance SELECT 'r2', 0, record_hash, 'Ann Lee', analysed, '' FROM record WHERE record_id = 'r2'",
            "acceptance r2/0 is not what was put down",
        ),
        ("UPDATE accepted_baseline SET because = 'a new panel'", "baseline 1 of Linac 1 is not what was put down"),
        ("UPDATE acceptance SET who = 'Ann Lee' WHERE record_id = 'other'", ""),
    ],
)
def test_no_acceptance_that_was_changed_by_force_is_audited(clinic: Clinic, statement: str, said: str) -> None:
    """A calibration comes into force by an acceptance alone. That of another machine is no part of this audit."""
    for name, when, machine in (("r1", at(2), MACHINE), ("r2", at(3), MACHINE), ("other", at(3), "Linac 2")):
        clinic.record(name, when, machine=machine)
    for name in ("r1", "other"):
        clinic.store.accept(name, "Bob Kay")
    clinic.store.accept_baseline(["r1", "r2"], "Bob Kay", "after service", "")
    before = clinic.audit().accepted
    connection = forced(clinic.file)
    connection.execute(statement)
    connection.close()
    if not said:
        assert clinic.audit().accepted == before
        return
    with pytest.raises(RecordError, match=said):
        clinic.audit()


def test_acceptances_from_before_the_chain_are_audited(tmp_path: Path) -> None:
    """Their links say that they were adopted."""
    file = tmp_path / "old.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript((Path(__file__).parent / "records_version_4.sql").read_text("utf-8"))
    connection.close()
    store = Store(file)
    (old,) = {one.record.machine: one for one in store.accepted()}.values()
    store.put_down("service", old.record.machine, "", date(2026, 11, 9), "Ann Lee", "panel replaced")  # makes it one of this version
    found = audits.audit(store, old.record.machine, period(f"{old.accepted:%Y-%m}"), None, date(2030, 1, 1))
    assert old.record.record_id in [one.record.record_id for one in found.accepted]


def test_a_baseline_of_several_records_is_named_with_its_day_and_its_records(clinic: Clinic) -> None:
    for day in (5, 6):
        clinic.record(f"member-{day}", at(day, month=10))
    clinic.now[0] = at(4)
    clinic.store.accept_baseline(["member-6", "member-5"], "Bob Kay", "a new panel", "CatPhan 7")
    mean = Baseline("baseline 1", at(6, month=10), "HU", 990.0, 2.0)
    judged = Judgement(COMPARED, 0, Outcome.PASS, "close", mean)
    clinic.record("r1", at(9), readings=(Measured(HU, 1000.0, 1.5),), judgements=(judged,))
    words = clinic.text()
    assert "990.0 ± 4.0 HU 2026-10-06, baseline 1, a mean" in between(words, "Quantities", "Daily")
    made = between(words, "Service and baselines", "Calibrations in force")
    assert f"2026-11-04 {MORNING.replace('_', ' ')}, baseline 1: the mean of 2 records 2026-10-06, record member-6" in made
    assert "2026-10-05, record member-5 Bob Kay a new panel device: CatPhan 7" in made
    assert "None was accepted" not in made
    assert "baseline 1, by Bob Kay" in text(audit_summary.render(clinic.audit()))
    assert "baseline 1" not in between(clinic.text("2026-10"), "Service and baselines", "Calibrations in force")


def test_engines_that_disagree_about_what_no_limit_judges_end_the_command_otherwise(clinic: Clinic) -> None:
    clinic.record("r1", at(2), judgements=(), comparisons=(apart(),))
    clinic.record("r2", at(3))
    done = CliRunner().invoke(app, ["audit", "--machine", MACHINE, "--month", "2026-11", "--database", str(clinic.file)])
    assert done.exit_code == Status.UNDECIDED


def test_the_verdicts_say_that_they_are_not_of_all_that_was_to_be_done(clinic: Clinic) -> None:
    clinic.working_days(but=(9, 10))
    said = "Not all that was to be done was done, and the verdicts are of what was"
    titles = [protocol.read(name).title for name in (DAILY, "mppg9a_monthly")]
    found = clinic.audit()
    for first in (texts(pages.render(found))[0], text(audit_summary.render(found))):
        assert f"{said}: {titles[0]} (missing on 2 days); {titles[1]} (never done as a whole)." in first
    lines = {line.about: line.words for line in pages.lines(found) if line.kind == "due"}
    assert lines == {
        DAILY: "missing on 2026-11-09 to 2026-11-10; at the end done",
        "mppg9a_monthly": "at the end never done as a whole",
    }
    for test in MONTHLY:
        clinic.record(test, at(2), test=test, protocol_name="mppg9a_monthly")
    for day in (9, 10):
        clinic.record(f"d{day:02d}", at(day))
    assert said not in clinic.text(today=date(2026, 11, 30))
    assert "nothing says what was to be done" in texts(pages.render(clinic.audit(with_site=False)))[0]


def test_what_is_put_down_later_is_of_its_own_day_and_says_when_it_was(clinic: Clinic) -> None:
    clinic.working_days(but=(3, 4, 10, 11, 17))
    clinic.now[0] = at(12)
    for kind, day in (("service", 10), ("back", 12), ("service", 3), ("back", 5)):
        clinic.store.put_down(kind, MACHINE, "", date(2026, 11, day), "Ann Lee", f"{kind} of {day}")
    clinic.now[0] = at(24)
    clinic.store.put_down("not used", MACHINE, DAILY, date(2026, 11, 17), "Ann Lee", "holiday")
    daily, _ = asked(clinic.audit())
    assert (daily.missing, daily.service) == ((), days(3, 4, 10, 11))
    words = clinic.text()
    assert "2026-11-17, not used: holiday (Ann Lee) (put down on 2026-11-24)" in words
    changes = between(words, "Service and baselines", "Calibrations in force")
    assert "service of 3 (put down on 2026-11-12)" in changes
    assert "back of 12 Records accepted" in changes
    assert [event.day.day for event in clinic.audit().events] == [3, 5, 10, 12]


def test_a_signature_has_the_day_of_the_clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [datetime(2026, 10, 31, 12, 30, tzinfo=UTC)]
    monkeypatch.setattr("qa.chain.clock", lambda: now[0])
    clinic = Clinic(tmp_path, now, SITE.replace('"UTC"', '"Pacific/Auckland"'))  # 13 hours ahead in November
    clinic.record("r1", datetime(2026, 10, 31, 11, 30, tzinfo=UTC))
    clinic.store.sign("r1", "Bob Kay", "physicist", "reviewed")
    clinic.store.accept("r1", "Bob Kay")
    words = clinic.text()
    assert "reviewed 2026-11-01 by Bob Kay" in words
    assert "2026-11-01 " in between(words, "Records accepted as baseline", "Calibrations in force")
    assert "2026-10-31 " not in between(words, "Records accepted as baseline", "Calibrations in force").replace("taken 2026-10-31 ", "")


def test_what_another_program_said_was_no_pass_is_said_and_decides_nothing(clinic: Clinic) -> None:
    clinic.record("r1", at(2))
    line = {"name": "IsoCenterGroup/IsoCenterKVOffset", "unit": "mm", "value": "0.55", "threshold": "0.5", "verdict": "Fail"}
    well = {**line, "name": "IsoCenterGroup/IsoCenterSize", "value": "0.30", "verdict": "Pass"}
    said = {"source": "Varian MPC", "machine": MACHINE, "serial": "1234", "template": "6x", "zone": "UTC", "sha256": "0" * 64, "who": "Ann"}
    for when in (at(31, month=10), at(3)):
        clinic.store.take_in([(said | {"name": f"{when}", "clock": f"{when:%Y-%m-%dT%H:%M:%S}"}, when, [line, well])])
    found = clinic.audit()
    assert of(found, "srs")[0] is Outcome.PASS
    count = "1 check imported, 1 of 2 lines no pass by its own verdict"
    words = between(text(pages.render(found)), "Second opinions", "Quantities")
    assert count in words
    assert "2026-11-03 Varian MPC IsoCenterGroup/IsoCenterKVOffset 0.55 mm 0.5 Fail" in words
    assert "0.30" not in words
    assert count in text(audit_summary.render(found))
    assert "Second opinions" not in clinic.text("2026-12")


def test_the_limit_of_a_stricter_protocol_is_not_hidden_by_a_later_looser_one(clinic: Clinic) -> None:
    clinic.record("strict-0", at(2), 2.6, Outcome.FAIL, protocol_title="Strict")
    clinic.record("strict-1", at(3), 2.7, Outcome.FAIL, protocol_title="Strict")
    loose = Judgement(replace(ABSOLUTE, limit_id="own", tolerance=50.0), 0, Outcome.PASS, "inside")
    clinic.record("loose-0", at(4), 2.8, protocol_name="own", protocol_title="Loose", judgements=(loose,))
    clinic.record("other-0", at(5), 2.9, protocol_name="other", protocol_title="Other", judgements=())
    found = clinic.audit()
    assert [(one.head.record_id, one.numbers[0].value) for one in found.quantities] == [
        ("strict-1", 2.7),
        ("loose-0", 2.8),
        ("other-0", 2.9),
    ]
    words = between(text(pages.render(found)), "Quantities", "Daily")
    strict = words[words.index("judged by Strict") :]
    assert "2.70 ± 0.10 mm 2026-11-03 FAIL: SRS, SBRT: ≤ 2 mm" in strict
    assert "2.80 ± 0.10 mm 2026-11-04 SRS, SBRT: ≤ 50 mm" in words[words.index("judged by Loose") : words.index("judged by Other")]
    assert of(found, "srs")[0] is Outcome.FAIL


@pytest.mark.parametrize("with_site", [True, False])
def test_records_under_a_misspelt_name_are_said_to_be_left_out(clinic: Clinic, with_site: bool) -> None:
    clinic.record("r1", at(2))
    assert clinic.audit(with_site=with_site).strange == ()
    clinic.record("r2", at(3), outcome=Outcome.FAIL, machine="linac-1 ")
    found = clinic.audit(with_site=with_site)
    assert found.strange == ("linac-1 ",)
    said = "Not in this audit are records stored under 'linac-1 '"
    assert said in texts(pages.render(found))[0]
    assert said in text(audit_summary.render(found))
    assert [line.words.startswith(said) for line in pages.lines(found) if line.kind == "note"] == [True]
