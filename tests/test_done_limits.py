"""What counts as done by a protocol: a record that was judged by all of its limits, none of them looser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.drawn_records import drawn
from qa import due, protocol, site
from qa.cli import app
from qa.done_limits import _covers, _Kept
from qa.due import State
from qa.limit import Judgement, Limit, Outcome
from qa.store import Store

NOW = datetime.now(UTC)
TODAY = NOW.date()
PROTOCOL = """
name = "own"
title = "Our own"
coverage_factor = 2.0
frequency = "daily"
source = "own"

[[limit]]
id = "own.offset"
procedure = "winston_lutz"
quantity = "ball_offset_u"
unit = "mm"
kind = "absolute"
tolerance = 1.0
techniques = ["srs", "sbrt"]
frequency = "daily"
source = "own"
confirmed = true
needs = ["max_ball_offset"]
parts = ["a", "b"]

[[limit]]
id = "own.size"
procedure = "winston_lutz"
quantity = "max_ball_offset"
unit = "mm"
kind = "baseline"
tolerance = 0.5
techniques = ["srs"]
frequency = "daily"
source = "own"
confirmed = true
"""
SITE = """
name = "A"
time_zone = "UTC"

[[machine]]
name = "Linac 1"
return_to_use = ["own.toml"]

[[schedule]]
protocol = "own.toml"
machines = ["Linac 1"]
every = "daily"
weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
"""


class Clinic:
    def __init__(self, folder: Path) -> None:
        (folder / "own.toml").write_text(PROTOCOL, "utf-8")
        (folder / "site.toml").write_text(SITE, "utf-8")
        self.folder, self.site = folder, site.read(folder / "site.toml")
        self.store = Store(folder / "r.sqlite")
        self.own = protocol.read(folder / "own.toml")

    def record(
        self, limits: tuple[Limit, ...], k: float = 2.0, outcome: Outcome = Outcome.PASS, when: datetime = NOW, name: str = "own"
    ) -> None:
        one = drawn(np.random.default_rng(len(self.store.list())), f"{len(self.store.list()):03d}")
        judged = tuple(Judgement(limit, 0, outcome, "drawn") for limit in limits)
        own = {"machine": "Linac 1", "protocol": name, "procedure": "winston_lutz", "acquired": when, "analysed": when}
        self.store.add(replace(one, judgements=judged, comparisons=(), coverage_factor=k, **own))

    def due(self, today: date = TODAY) -> due.Due:
        found = self.store.last_days(today, self.site.zone, judged_by=due.protocols(self.site))
        (one,) = due.due(self.site, found, today, self.store.events())
        return one

    def run(self, *words: str) -> tuple[int, str]:
        asked = "--site", str(self.folder / "site.toml"), "--database", str(self.folder / "r.sqlite")
        ended = CliRunner().invoke(app, [*words, *asked])
        return ended.exit_code, ended.output


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def changed(clinic: Clinic, **changes: object) -> tuple[Limit, ...]:
    """The protocol's limits, the first one changed."""
    first, *rest = clinic.own.limits
    return replace(first, **changes), *rest  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tolerance": 0.5},  # tighter
        {"action": 2.0, "note": "in other words", "source": "another page", "frequency": "weekly", "confirmed": False},
        {"techniques": ("conventional", "srs", "sbrt")},
        {"needs": ("max_ball_offset", "median_ball_offset")},
        {"parts": ("b", "c", "a")},
    ],
)
def test_what_was_judged_by_no_less_is_done(clinic: Clinic, changes: dict[str, object]) -> None:
    clinic.record(changed(clinic, **changes), k=2.5)
    assert (clinic.due().state, clinic.due().last, clinic.due().looser) == (State.DONE, TODAY, ())


@pytest.mark.parametrize(
    "changes",
    [
        {"tolerance": 1.0000001},
        {"limit_id": "another"},
        {"quantity": "median_ball_offset"},
        {"unit": "deg"},
        {"kind": "baseline"},
        {"techniques": ("srs",)},
        {"needs": ()},
        {"parts": ("a",)},
        {"parts": ()},  # all there are: one of them is enough, and the protocol asks for both
    ],
)
def test_what_was_judged_by_less_is_not_done_and_says_so(clinic: Clinic, changes: dict[str, object]) -> None:
    clinic.record(changed(clinic, **changes))
    assert (clinic.due().state, clinic.due().last, clinic.due().looser) == (State.NEVER, None, (("winston_lutz", TODAY),))
    status, words = clinic.run("due")
    said = f"judged by fewer or looser limits than the protocol has now, does not count: winston_lutz ({TODAY})"
    assert (status, said in words) == (3, True), words


def test_an_answer_to_another_question_is_none() -> None:
    asked = Limit("door", "daily", "door", "", None, None, "functional", ("srs",), "daily", "us", True, (), "Does the door stop the beam?")
    kept = _Kept("door", "door", "", "functional", None, asked.note, '["srs"]', "[]", "[]")
    assert _covers(kept, asked)
    assert not _covers(kept._replace(note="Is there a door?"), asked)


def test_a_missing_limit_and_a_smaller_k_are_less(clinic: Clinic) -> None:
    clinic.record(clinic.own.limits[:1])
    assert clinic.due().looser != ()
    clinic.record(clinic.own.limits, k=1.9, when=NOW + timedelta(minutes=-1))
    assert clinic.due().last is None
    clinic.record((*clinic.own.limits, replace(clinic.own.limits[0], limit_id="more")), when=NOW + timedelta(minutes=-2))
    assert (clinic.due().state, clinic.due().last) == (State.DONE, TODAY)


def test_an_older_record_by_all_limits_counts_and_a_newer_one_by_less_is_named(clinic: Clinic) -> None:
    clinic.record(clinic.own.limits, when=NOW - timedelta(days=3))
    clinic.record(changed(clinic, tolerance=2.0))
    found = clinic.due()
    assert (found.state, found.last, found.looser) == (State.OVERDUE, TODAY - timedelta(days=3), (("winston_lutz", TODAY),))


def test_a_failure_by_looser_limits_is_still_a_failure(clinic: Clinic) -> None:
    clinic.record(changed(clinic, tolerance=2.0), outcome=Outcome.FAIL)
    assert (clinic.due().failed, clinic.due().last) == (("winston_lutz",), None)
    assert clinic.run("due")[0] == 1


def test_a_file_that_the_site_does_not_name_counts_by_its_limits(clinic: Clinic) -> None:
    """A copy under the same name, somewhere else: records keep the name alone."""
    clinic.record(clinic.own.limits)
    assert clinic.due().state is State.DONE
    tight = PROTOCOL.replace("tolerance = 1.0", "tolerance = 0.8")
    (clinic.folder / "own.toml").write_text(tight, "utf-8")  # what was done before the limit was made tighter
    assert clinic.due().state is State.NEVER
    (clinic.folder / "own.toml").write_text(PROTOCOL.replace("tolerance = 1.0", "tolerance = 1.2"), "utf-8")
    assert clinic.due().state is State.DONE


def test_a_machine_does_not_come_back_by_looser_limits(clinic: Clinic) -> None:
    by = "--machine", "Linac 1", "--by", "Ann Lee", "--because", "panel replaced"
    assert clinic.run("service", *by)[0] == 0
    later = datetime.now(UTC)
    clinic.record(changed(clinic, tolerance=2.0), when=later)
    status, words = clinic.run("back", *by)
    assert (status, "own (judged by fewer or looser limits than it has: judge the images by the protocol as it is now)" in words) == (
        2,
        True,
    )
    assert "own (judged by fewer or looser limits" in clinic.run("due")[1]
    clinic.record(clinic.own.limits, when=later + timedelta(microseconds=1))
    status, words = clinic.run("back", *by)
    assert (status, "no test was asked for" in words) == (0, False), words


def test_back_without_a_list_says_that_nothing_was_asked_for_and_keeps_it(clinic: Clinic) -> None:
    (clinic.folder / "site.toml").write_text(SITE.replace('return_to_use = ["own.toml"]', ""), "utf-8")
    by = "--machine", "Linac 1", "--by", "Ann Lee", "--because", "panel replaced"
    assert clinic.run("service", *by)[0] == 0
    assert "say why" in clinic.run("back", "--machine", "Linac 1", "--by", "Ann Lee", "--because", " ")[1]
    status, words = clinic.run("back", *by)
    asked = "no test was asked for: the site file has no return_to_use for Linac 1"
    assert (status, f"note: {asked}" in words) == (0, True), words
    assert clinic.store.events()[-1].text == f"panel replaced ({asked})"
