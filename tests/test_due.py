"""What counts as done: every limit decided, rejected by nobody, dated on a day that was; on the clinic's own calendar."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.drawn_records import apart, drawn
from qa import due, exposure, protocol, site
from qa.cli import app
from qa.done import clock
from qa.due import State
from qa.events import Event
from qa.limit import Limit, Outcome
from qa.protocol import Judgement
from qa.reading import NotMeasured, RecordError
from qa.record import Record
from qa.store import Store

NAME = "tg142_monthly_couch"  # of several tests
TESTS = protocol.read(NAME).procedures
TODAY = date(2026, 12, 1)  # a Tuesday
MORNING = datetime(2026, 12, 1, 7, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SITE = """
name = "Clinic A"
time_zone = "UTC"

[[machine]]
name = "Linac 1"
stations = ["LINAC-E"]
serials = ["4711"]

[[schedule]]
protocol = "tg142_monthly_couch"
machines = ["Linac 1"]
every = "daily"
"""
LIMIT = Limit("a", "trial", "ball_offset_u", "mm", 2.0, None, "absolute", ("srs",), "daily", "trial", True)


def judged(*outcomes: Outcome) -> tuple[Judgement, ...]:
    return tuple(Judgement(LIMIT, -1 if one is Outcome.NOT_MEASURED else 0, one, "trial") for one in outcomes)


class Clinic:
    """A store in which every test of the morning is recorded by one call."""

    def __init__(self, folder: Path) -> None:
        (folder / "site.toml").write_text(SITE, "utf-8")
        self.site = site.read(folder / "site.toml")
        self.file = folder / "r.sqlite"
        self.store = Store(self.file, own_name=self.site.own_name)
        self.count = 0

    def record(self, *outcomes: Outcome, when: datetime | None = MORNING, but: str = "", **changes: object) -> list[Record]:
        made = []
        for name in TESTS:
            self.count += 1
            one = drawn(np.random.default_rng(self.count), f"{self.count:03d}")
            own = {"machine": "Linac 1", "protocol": NAME, "procedure": name, "acquired": when, "analysed": when or MORNING}
            own |= {"judgements": judged(*outcomes or [Outcome.PASS]), "comparisons": ()} | changes
            if name != but:
                made.append(replace(one, **own))
                self.store.add(made[-1])
        return made

    def due(self, today: date = TODAY, zone: ZoneInfo | None = None) -> due.Due:
        zone = zone or ZoneInfo("UTC")
        (found,) = due.due(self.site, self.store.last_days(today, zone), today, self.store.events())
        return found


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def words(clinic: Clinic) -> str:
    from reports.catalogue import due as line

    return line(clinic.due()).words


# What counts


def test_what_passed_is_done(clinic: Clinic) -> None:
    clinic.record(Outcome.PASS, Outcome.PASS)
    assert (clinic.due().state, clinic.due().last, clinic.due().failed, clinic.due().unfinished) == (State.DONE, TODAY, (), ())


@pytest.mark.parametrize("bad", [Outcome.FAIL, Outcome.DISAGREEMENT])
def test_what_failed_was_done_and_is_not_read_as_fine(clinic: Clinic, bad: Outcome) -> None:
    clinic.record(Outcome.PASS, bad)
    found = clinic.due()
    assert (found.state, found.last, found.failed) == (State.DONE, TODAY, TESTS)
    assert words(clinic).startswith("done, failed; daily, last done 2026-12-01")


def test_engines_that_disagree_are_a_failure_of_what_was_done(clinic: Clinic) -> None:
    clinic.record(comparisons=(apart(),))
    assert clinic.due().failed == TESTS


@pytest.mark.parametrize("short", [Outcome.NOT_MEASURED, Outcome.INDETERMINATE])
def test_what_ended_with_repeat_or_complete_is_not_done(clinic: Clinic, short: Outcome) -> None:
    clinic.record(Outcome.PASS, short)
    found = clinic.due()
    assert (found.state, found.last) == (State.UNFINISHED, None)
    assert found.unfinished == tuple((name, TODAY) for name in TESTS)
    assert "unfinished; daily, never done as a whole" in words(clinic)
    clinic.record(when=MORNING + timedelta(hours=1))
    assert (clinic.due().state, clinic.due().unfinished) == (State.DONE, ())


def test_what_is_begun_again_and_not_finished_keeps_its_older_day(clinic: Clinic) -> None:
    clinic.record(when=MORNING - DAY)
    clinic.record(Outcome.INDETERMINATE)
    found = clinic.due()
    assert (found.state, found.last, found.due) == (State.UNFINISHED, TODAY - DAY, TODAY)
    later = clinic.due(TODAY + DAY)
    assert (later.state, later.unfinished) == (State.OVERDUE, tuple((name, TODAY) for name in TESTS))


def test_a_failure_in_what_is_not_finished_is_said(clinic: Clinic) -> None:
    clinic.record(Outcome.FAIL, Outcome.NOT_MEASURED)
    assert (clinic.due().state, clinic.due().failed) == (State.UNFINISHED, TESTS)
    clinic.record(when=MORNING + DAY)
    assert clinic.due(TODAY + DAY).failed == ()  # done since then


def test_a_failure_stays_said_for_the_day_on_which_it_was_repeated(clinic: Clinic) -> None:
    clinic.record(Outcome.FAIL)
    clinic.record(Outcome.PASS, when=MORNING + timedelta(minutes=20))
    assert (clinic.due().state, clinic.due().failed) == (State.DONE, TESTS)


def test_nothing_judged_or_nothing_measured_is_not_done(clinic: Clinic) -> None:
    clinic.record(judgements=())
    assert clinic.due().state is State.UNFINISHED
    answered = replace(LIMIT, kind="functional", tolerance=None, note="Does the door stop the beam?")
    nothing = NotMeasured(drawn(np.random.default_rng(0), "x").readings[0].quantity, "no images")
    clinic.record(readings=(nothing,), judgements=(Judgement(answered, -1, Outcome.PASS, "yes"),))
    assert (clinic.due().state, clinic.store.last_days(TODAY)["Linac 1", NAME, TESTS[0]].day) == (State.UNFINISHED, None)


def test_images_without_a_date_are_done_on_the_day_of_their_first_analysis(clinic: Clinic) -> None:
    inputs = drawn(np.random.default_rng(0), "x").inputs
    clinic.record(acquired=None, analysed=MORNING - 2 * DAY, inputs=inputs)
    clinic.record(acquired=None, analysed=MORNING, inputs=inputs)
    assert (clinic.due().last, clinic.due().state) == (TODAY - 2 * DAY, State.OVERDUE)
    clinic.record(acquired=None, analysed=MORNING)  # other images
    assert (clinic.due().last, clinic.due().state) == (TODAY, State.DONE)


def test_many_unfinished_records_hide_no_older_done_one(clinic: Clinic) -> None:
    clinic.record(when=MORNING - 30 * DAY)
    for k in range(20, 1, -1):
        clinic.record(Outcome.NOT_MEASURED, when=MORNING - k * DAY)
    assert (clinic.due().state, clinic.due().last) == (State.OVERDUE, TODAY - 30 * DAY)
    assert {day for _, day in clinic.due().unfinished} == {TODAY - 2 * DAY}


def test_what_a_person_rejected_does_not_count(clinic: Clinic) -> None:
    clinic.record(when=MORNING - DAY)
    for one in clinic.record(Outcome.FAIL):
        clinic.store.sign(one.record_id, "Bob", "physicist", "rejected")
    found = clinic.due()
    assert (found.state, found.last, found.failed) == (State.DUE, TODAY - DAY, ())
    assert found.rejected == tuple((name, TODAY) for name in TESTS)
    assert "rejected, does not count: " in words(clinic)
    for one in clinic.record(when=MORNING + timedelta(hours=1)):
        clinic.store.sign(one.record_id, "Bob", "physicist", "approved")
    assert (clinic.due().state, clinic.due().rejected) == (State.DONE, ())


def test_a_day_that_is_still_to_come_does_not_count(clinic: Clinic) -> None:
    clinic.record(when=datetime(2036, 1, 1, 8, tzinfo=UTC))
    found = clinic.due()
    assert (found.state, found.last) == (State.NEVER, None)
    assert found.ahead == tuple((name, date(2036, 1, 1)) for name in TESTS)
    assert "dated in the future, does not count, see to that clock: " in words(clinic)
    clinic.record()
    assert (clinic.due().state, clinic.due().last) == (State.DONE, TODAY)


def test_a_protocol_with_limits_without_a_number_says_why_it_is_never_done(tmp_path: Path) -> None:
    text = SITE.replace(NAME, "tg142_monthly_cbct").replace("daily", "monthly")
    (tmp_path / "site.toml").write_text(text, "utf-8")
    (found,) = due.due(site.read(tmp_path / "site.toml"), {}, TODAY)
    assert "tg142.m.cbct.hu" in found.undecidable
    (tmp_path / "site.toml").write_text(SITE.replace(NAME, "tg142_morning"), "utf-8")
    (found,) = due.due(site.read(tmp_path / "site.toml"), {}, TODAY)
    assert found.undecidable == ()  # questions have none, and are answered


def test_records_under_any_name_of_the_machine_are_its_own(clinic: Clinic) -> None:
    clinic.record(but=TESTS[0])
    clinic.record(machine="LINAC-E (serial 4711)")
    clinic.record(machine="LINAC-E (serial 4712)", when=MORNING + timedelta(hours=1))
    assert (clinic.due().state, clinic.due().last) == (State.DONE, TODAY)
    assert {machine for machine, _, _ in clinic.store.last_days(TODAY)} == {"Linac 1", "LINAC-E (serial 4712)"}
    assert {machine for machine, _, _ in Store(clinic.file).last_days(TODAY)} == {
        "Linac 1",
        "LINAC-E (serial 4711)",
        "LINAC-E (serial 4712)",
    }


# Days

WEST, EAST = ZoneInfo("America/Los_Angeles"), ZoneInfo("Australia/Sydney")
UNZONED = f"{exposure.NO_ZONE}: its clock time is kept and marked as UTC"


def test_an_evening_in_the_west_is_not_the_next_morning(clinic: Clinic) -> None:
    clinic.record(when=datetime(2026, 11, 30, 17, 30, tzinfo=WEST).astimezone(UTC))
    assert (clinic.due(zone=WEST).state, clinic.due(zone=WEST).last) == (State.DUE, TODAY - DAY)


def test_a_morning_in_the_east_is_of_its_own_day(clinic: Clinic) -> None:
    clinic.record(when=datetime(2026, 12, 1, 7, 0, tzinfo=EAST).astimezone(UTC))
    assert (clinic.due(zone=EAST).state, clinic.due(zone=EAST).last) == (State.DONE, TODAY)


@pytest.mark.parametrize(
    ("taken", "dated", "notes", "zone", "day"),
    [
        (datetime(2026, 12, 1, 1, 30, tzinfo=UTC), True, (), WEST, 30),
        (datetime(2026, 12, 1, 1, 30, tzinfo=UTC), True, (f"{UNZONED} (3 of 3 images)",), WEST, 1),  # the imager's own clock
        (datetime(2026, 12, 1, 22, 0, tzinfo=UTC), True, (f"{UNZONED} (1 of 1 volumes)",), EAST, 1),
        (datetime(2026, 12, 1, 1, 30, tzinfo=UTC), True, (f"{UNZONED} (2 of 3 images)",), WEST, 30),  # either: the earlier one
        (datetime(2026, 12, 1, 1, 30, tzinfo=UTC), True, (f"{UNZONED} (4 of 9 slices) (1 of 1 volumes)",), WEST, 30),
        (datetime(2026, 12, 1, 1, 30, tzinfo=UTC), False, (f"{UNZONED} (3 of 3 images)",), WEST, 30),  # when it was analysed
        (datetime(2026, 12, 1, 20, 0, tzinfo=UTC), True, ("a trial",), EAST, 2),
    ],
)
def test_the_day_is_that_of_the_clinics_clock(taken: datetime, dated: bool, notes: tuple[str, ...], zone: ZoneInfo, day: int) -> None:
    assert clock(taken, dated, notes, zone).day == day


def test_a_site_without_a_time_zone_is_where_this_computer_is(set_zone: Callable[[str], None]) -> None:
    for name in ("America/Los_Angeles", "Australia/Sydney"):
        set_zone(name)
        taken = datetime(2026, 12, 1, 1, 30, tzinfo=UTC)
        assert clock(taken, True, (), None) == taken.astimezone(ZoneInfo(name)).replace(tzinfo=None)


@pytest.fixture
def set_zone(monkeypatch: pytest.MonkeyPatch):
    import time

    if not hasattr(time, "tzset"):
        pytest.skip("this system's clock cannot be set for a test")

    def put(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield put
    monkeypatch.undo()
    time.tzset()


# The command, and its time


def test_the_command_says_failed_by_its_status(clinic: Clinic, tmp_path: Path) -> None:
    today = datetime.now(UTC)
    options = ["due", "--site", str(tmp_path / "site.toml"), "--database", str(clinic.file)]
    asked = [one for one in protocol.read(NAME).limits if one.tolerance is not None]
    assert len(asked) == len(protocol.read(NAME).limits)  # else nothing would ever be done by it
    clinic.record(when=today - timedelta(seconds=1), judgements=tuple(Judgement(one, 0, Outcome.PASS, "trial") for one in asked))
    ended = CliRunner().invoke(app, options)
    assert (ended.exit_code, f"done; daily, last done {today:%Y-%m-%d}" in ended.output) == (0, True)
    clinic.record(Outcome.FAIL, when=today)
    ended = CliRunner().invoke(app, options)
    assert (ended.exit_code, f"done, failed; daily, last done {today:%Y-%m-%d}" in ended.output) == (1, True)


def test_a_protocol_is_read_once_for_all_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(f"Linac {k}" for k in range(20))
    machines = tuple(site.Machine(name=name) for name in names)
    tasks = tuple(site.Task(protocol=one, machines=names, every="monthly") for one in protocol.names())
    ours, read, begun = site.Site(name="A", machine=machines, schedule=tasks), [], perf_counter()
    whole = protocol.read
    monkeypatch.setattr(protocol, "read", lambda name: (read.append(name), whole(name))[1])
    assert len(due.due(ours, {}, TODAY)) == len(names) * len(protocol.names())
    assert sorted(read) == sorted(protocol.names())
    assert perf_counter() - begun < 1.0


def put(clinic: Clinic, kind: str, about: str = "", day: date = TODAY, text: str = "no patients") -> Event:
    return clinic.store.put_down(kind, "Linac 1", about, day, "Ann Lee", text)


def test_a_check_that_is_not_used_today_is_not_due_today_and_says_why(clinic: Clinic) -> None:
    clinic.record(when=MORNING - DAY)
    assert clinic.due().state == State.DUE
    event = put(clinic, "not used", NAME)
    assert (clinic.due().state, clinic.due().because) == (State.SKIPPED, event)
    assert "not used today (Ann Lee: no patients)" in words(clinic)
    tomorrow = clinic.due(TODAY + DAY)
    assert (tomorrow.state, tomorrow.due) == (State.DUE, TODAY + DAY)  # the day that was skipped is not overdue
    assert clinic.due(TODAY + 2 * DAY).state == State.OVERDUE


def test_a_day_that_was_missed_before_stays_overdue_past_one_that_was_not_used(clinic: Clinic) -> None:
    clinic.record(when=MORNING - 4 * DAY)  # a Friday; nobody measured on Monday
    put(clinic, "not used", NAME)
    assert clinic.due().state == State.SKIPPED
    assert (clinic.due(TODAY + DAY).state, clinic.due(TODAY + DAY).due) == (State.OVERDUE, TODAY - DAY)


def test_what_was_done_stays_done_though_it_was_not_to_be_used(clinic: Clinic) -> None:
    clinic.record()
    put(clinic, "not used", NAME)
    put(clinic, "not used", "another", TODAY - DAY)
    assert clinic.due().state == State.DONE


def test_a_machine_under_service_is_not_overdue_and_is_due_when_it_is_back(clinic: Clinic) -> None:
    clinic.record(when=MORNING - 20 * DAY)
    event = put(clinic, "service", day=TODAY - 2 * DAY, text="panel replaced")
    assert (clinic.due().state, clinic.due().because) == (State.SERVICE, event)
    assert f"under service since {TODAY - 2 * DAY} (Ann Lee: panel replaced)" in words(clinic)
    put(clinic, "back")
    assert (clinic.due().state, clinic.due().due) == (State.DUE, TODAY)
    assert clinic.due(TODAY + DAY).state == State.OVERDUE


def test_a_service_begins_once_and_ends_once(clinic: Clinic) -> None:
    with pytest.raises(RecordError, match="is not under service: there is nothing to put back"):
        put(clinic, "back")
    put(clinic, "service")
    with pytest.raises(RecordError, match=r"is under service already, since 2026-12-01 \(no patients\)"):
        put(clinic, "service")
    assert [one.kind for one in clinic.store.events("Linac 1")] == ["service"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"who": " "}, "say who puts it down"),
        ({"who": "Ann Lee, Bob Kay"}, "names several persons"),
        ({"text": "\t"}, "say why"),
        ({"kind": "holiday"}, "is no kind of event; say one of not used, service, back, action"),
        ({"kind": "action", "about": "nothing"}, "there is no record 'nothing'"),
    ],
)
def test_an_event_needs_a_name_a_reason_and_a_record_that_there_is(clinic: Clinic, said: dict[str, str], words: str) -> None:
    whole = {"kind": "not used", "machine": "Linac 1", "about": NAME, "who": "Ann Lee", "text": "no patients"} | said
    with pytest.raises(RecordError, match=words):
        clinic.store.put_down(day=TODAY, **whole)
    assert clinic.store.events() == ()


def test_return_to_use_asks_for_what_passed_since_the_service_began(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = clinic.site.model_copy(update={"machine": (clinic.site.machine[0].model_copy(update={"return_to_use": (NAME,)}),)})
    monkeypatch.setattr("qa.chain.clock", lambda: MORNING + timedelta(hours=2))
    event = put(clinic, "service")

    def lacking(service: Event = event) -> tuple[str, ...]:
        return due.lacking(ours, clinic.store.done_since(service, TODAY + DAY, ours.zone), "Linac 1")

    clinic.record()  # that morning, before the service
    assert lacking() == (f"{NAME} (not done since then)",)
    clinic.record(Outcome.FAIL, when=MORNING + timedelta(hours=3))
    assert lacking() == (f"{NAME} (failed since then; repair, and measure again: a pass of a later day counts)",)
    clinic.record(when=MORNING + DAY)
    assert lacking() == ()
    early = replace(event, day=TODAY - DAY, written=MORNING + 2 * DAY)  # put down late: only later days than its own count
    assert lacking(early) == ()
    assert lacking(replace(early, day=TODAY + DAY)) == (f"{NAME} (not done since then)",)


def test_return_to_use_is_decided_by_what_was_measured_after_the_service_alone(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = clinic.site.model_copy(update={"machine": (clinic.site.machine[0].model_copy(update={"return_to_use": (NAME,)}),)})
    clinic.record(Outcome.FAIL)  # the failure that is repaired
    clinic.record(when=MORNING + timedelta(hours=3))  # an imager whose clock is ahead of ours
    monkeypatch.setattr("qa.chain.clock", lambda: MORNING + timedelta(hours=1))
    event = put(clinic, "service")
    assert due.lacking(ours, clinic.store.done_since(event, TODAY, ours.zone), "Linac 1") == (f"{NAME} (not done since then)",)
    clinic.record(when=MORNING)  # images from before the service, handed in after it
    assert due.lacking(ours, clinic.store.done_since(event, TODAY, ours.zone), "Linac 1") == (f"{NAME} (not done since then)",)
    clinic.record(when=MORNING + timedelta(hours=2))
    assert due.lacking(ours, clinic.store.done_since(event, TODAY, ours.zone), "Linac 1") == ()


def test_clock_that_was_set_back_when_a_service_was_put_down_lets_no_older_test_count(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = clinic.site.model_copy(update={"machine": (clinic.site.machine[0].model_copy(update={"return_to_use": (NAME,)}),)})
    clinic.record()
    monkeypatch.setattr("qa.chain.clock", lambda: MORNING - DAY)
    event = put(clinic, "service", day=TODAY - DAY)
    assert due.lacking(ours, clinic.store.done_since(event, TODAY, ours.zone), "Linac 1") == (f"{NAME} (not done since then)",)


def test_machine_put_back_by_a_clock_that_was_ahead_is_not_done_until_then(clinic: Clinic) -> None:
    clinic.record(when=MORNING - 20 * DAY)
    put(clinic, "service", day=TODAY - 2 * DAY)
    put(clinic, "back", day=TODAY + 400 * DAY)
    assert (clinic.due().state, clinic.due().due < TODAY) == (State.OVERDUE, True)


def test_service_under_an_earlier_name_without_records_is_the_machines(clinic: Clinic) -> None:
    clinic.store.put_down("service", "LINAC-E (serial 4711)", "", TODAY, "Ann Lee", "panel")
    assert [one.kind for one in clinic.store.events("Linac 1")] == ["service"]
    with pytest.raises(RecordError, match="is under service already"):
        put(clinic, "service")


def test_the_commands_put_down_and_due_shows(clinic: Clinic, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    clinic.record(when=now - 40 * DAY)
    asked = ["--site", str(tmp_path / "site.toml"), "--database", str(clinic.file)]
    by = ["--by", "Ann Lee", "--because", "holiday"]

    def ran(*words: str) -> tuple[int, str]:
        ended = CliRunner().invoke(app, [*words, *asked])
        return ended.exit_code, ended.output

    assert "did you mean 'tg142_monthly_couch'?" in ran("skip", "tg142_monthly_cauch", "--machine", "Linac 1", *by)[1]
    assert "did you mean 'Linac 1'?" in ran("skip", NAME, "--machine", "Linac 2", *by)[1]
    assert "is still to come" in ran("skip", NAME, "--machine", "Linac 1", *by, "--day", f"{now + 2 * DAY:%Y-%m-%d}")[1]
    assert clinic.store.events() == ()
    assert ran("skip", NAME, "--machine", "Linac 1", *by)[0] == 0
    code, text = ran("due")
    assert (code, "not used today (Ann Lee: holiday)" in text) == (0, True)
    assert ran("service", "--machine", "Linac 1", *by)[0] == 0
    assert "under service since" in ran("due")[1]
    assert "has no return_to_use for Linac 1" in ran("back", "--machine", "Linac 1", *by)[1]
    (failed, *_) = clinic.record(Outcome.FAIL, when=now)
    ended = CliRunner().invoke(
        app, ["action", failed.record_id, "--did", "ball set up again", "--by", "Ann Lee", "--database", str(clinic.file)]
    )
    assert ended.exit_code == 0, ended.output
    listed = CliRunner().invoke(app, ["list", "--events", "--database", str(clinic.file)]).output
    assert [line.split()[0] for line in listed.splitlines() if line.strip()][:1] == ["action"]
    assert clinic.store.events()[-1].about == failed.record_id
    assert clinic.store.verify().intact
