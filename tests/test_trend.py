"""Trends from the store: which points belong to one, where epochs begin, what is left off the chart and why, and what is shown."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pypdf
import pytest
from PIL import Image
from test_record import example
from typer.testing import CliRunner

from qa import tables
from qa.cli import app
from qa.control_chart import Chart, NoChart
from qa.drift import Line
from qa.limit import Baseline, Judgement, Limit, Outcome
from qa.reading import At, Measured, NotMeasured, QaError, Quantity, Reading, identity
from qa.record import Input
from qa.store import Store
from qa.trend import Trend, levels, trend
from reports import date_axis, trend_opinions, trend_picture, trend_screen, trend_words
from reports.style import MUTED

OFFSET = Quantity("kv_offset_x", "mm", "lateral offset of the kV imager", "test")
LIMIT = Limit("own.x", "offsets", OFFSET.key, "mm", 1.0, 2.0, "absolute", ("srs",), "daily", "test", True)
FIRST = datetime(2025, 1, 6, 6, 40, tzinfo=UTC)
KV = {"set": "kV 1"}


def of(value: float, u: float = 0.02, at: At = KV, **more: Any) -> Measured:
    """A reading of this moment: a UID and a readout that differ every time."""
    return Measured(OFFSET, value, u, {**at, "sop_instance_uid": f"1.2.{value}", "couch_deg": value}, {"noise": u}, **more)


def missing(reason: str = "no ball was found: repeat the image", at: At = KV) -> NotMeasured:
    return NotMeasured(OFFSET, reason, at)


class Machine:
    """A machine in a store, measured on given days."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "records.sqlite"
        self.store = Store(self.path)
        self.count = 0

    def add(
        self,
        day: float,
        *readings: Reading,
        limit: Limit | None = LIMIT,
        baseline: Baseline | None = None,
        images: Sequence[object] = (),
        **changes: Any,
    ) -> str:
        """A record; ``images`` tell which files it used, by default some of its own."""
        self.count += 1
        taken = FIRST + timedelta(days=day)
        judged = [Judgement(limit, n, *limit.judge(one, 2.0, baseline), baseline) for n, one in enumerate(readings) if limit is not None]
        own = {"record_id": f"{self.count:08x}-0000", "procedure": "offsets", "procedure_version": "1", "machine": "LINAC-B"}
        own |= {"acquired": taken, "analysed": taken + timedelta(hours=self.count), "readings": readings, "judgements": tuple(judged)}
        own["inputs"] = tuple(Input(f"{one}.dcm", f"{one}", f"1.2.{one}", True) for one in images or [f"own {self.count}"])
        return self.store.add(example(**own | {"comparisons": (), "evidence": ()} | changes))

    def scatter(self, start: float, count: int, mean: float, seed: int = 1) -> None:
        for n, value in enumerate(np.random.default_rng(seed).normal(mean, 0.05, count)):
            self.add(start + 2 * n, of(float(value)))

    def trend(self, **texts: str) -> Trend:
        return trend(self.store, "LINAC-B", OFFSET.key, texts)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# What belongs to a trend


def test_history_is_absolute_values_with_u_limits_and_outcomes_in_order_of_time(machine: Machine) -> None:
    held = Limit("own.b", "offsets", OFFSET.key, "mm", 0.5, None, "baseline", ("srs",), "daily", "test", True)
    baseline = Baseline("b", FIRST, "mm", 0.8, 0.03)
    machine.add(5, of(1.5, 0.1, interval=(1.2, 1.9)), limit=held, baseline=baseline)
    machine.add(1, of(0.3))
    machine.add(9, of(0.4), limit=None)
    machine.add(2, of(0.7), machine="LINAC-C")
    found = machine.store.history("LINAC-B", OFFSET.key)
    assert [(one.taken - FIRST).days for one in found] == [1, 5, 9]
    assert [(one.reading.value, one.reading.u, one.reading.interval) for one in found if isinstance(one.reading, Measured)] == [
        (0.3, 0.02, None),
        (1.5, 0.1, (1.2, 1.9)),
        (0.4, 0.02, None),
    ]
    assert [one.record_id[:8] for one in found] == ["00000002", "00000001", "00000003"]
    assert [one.outcome for one in found] == [Outcome.PASS, held.judge(of(1.5, 0.1, interval=(1.2, 1.9)), 2.0, baseline)[0], None]
    shown = [(each.limit_id, each.unit, each.kind, each.tolerance, each.action) for each in (LIMIT, held)]
    assert [astuple(one.judgements[0].limit) for one in found[:2]] == shown
    assert found[1].judgements[0].baseline == baseline
    assert found[0].reading.quantity == OFFSET
    assert identity(found[0].reading.at) == (("set", "kV 1"),)
    assert [(one.low, one.high) for one in levels(found[1])] == [pytest.approx((0.3, 1.3))]
    assert [(one.name, one.low, one.high) for one in levels(found[0])] == [("tolerance", -1.0, 1.0), ("action level", -2.0, 2.0)]


def test_what_is_measured_of_several_things_must_be_chosen(machine: Machine) -> None:
    machine.add(0, of(0.1), of(0.2, at={"set": "kV 2"}))
    machine.add(1, of(0.3), missing(at={}))
    machine.add(2, missing("no kV images: take some", at={}))
    with pytest.raises(QaError, match=r"2 things; choose one with --set:\nset 'kV 1'\nset 'kV 2'"):
        machine.trend()
    with pytest.raises(QaError, match=r"no set 'kv 3'; did you mean 'kV [12]'"):
        machine.trend(set="kv 3")
    with pytest.raises(QaError, match="has no parts"):
        machine.trend(part="Teflon")
    found = machine.trend(set="kv 2")
    values = [one.reading.value if isinstance(one.reading, Measured) else one.reading.reason for one in found.points]
    assert values == [0.2, "no ball was found: repeat the image", "no kV images: take some"]  # what is said of the whole is said of it
    assert [one.reading.value for one in machine.trend(set="kV 1").points if isinstance(one.reading, Measured)] == [0.1, 0.3]
    assert len(machine.trend(set="kV 1").points) == 3  # the second record has its number: the gap there is another's


def test_several_tests_with_one_quantity_must_be_chosen(machine: Machine) -> None:
    machine.add(0, of(0.1))
    machine.add(1, of(0.2), procedure="other")
    with pytest.raises(QaError, match="several tests: choose with --test; known: offsets, other"):
        machine.trend()
    assert len(trend(machine.store, "LINAC-B", OFFSET.key, {}, "other").points) == 1


def test_unknown_names_come_with_the_nearest_spelling(machine: Machine) -> None:
    with pytest.raises(QaError, match="no records yet"):
        machine.trend()
    machine.add(0, of(0.1))
    with pytest.raises(QaError, match="no record is of a machine 'linac_b'; did you mean 'LINAC-B'"):
        trend(machine.store, "linac_b", OFFSET.key)
    with pytest.raises(QaError, match="no record of LINAC-B has a quantity 'kv_ofset_x'; did you mean 'kv_offset_x'"):
        trend(machine.store, "LINAC-B", "kv_ofset_x")
    with pytest.raises(QaError, match="'zzz'; known: kv_offset_x"):
        trend(machine.store, "LINAC-B", "zzz")


# What is left off the chart


def test_what_has_no_place_on_the_chart_keeps_its_reason_and_is_never_0(machine: Machine) -> None:
    machine.add(0, of(0.1))
    machine.add(1, missing())
    machine.add(2, of(0.2, missing="one of four images"))
    machine.add(3, of(0.3), of(0.31))
    machine.add(4, of(0.4), images=("a", "b"))
    machine.add(4, of(0.45), images=("a", "b"))  # the same images again
    machine.add(5, of(0.5), acquired=None, analysed=FIRST + timedelta(days=5), images=["c"])
    machine.add(6, of(0.6), acquired=None, analysed=FIRST + timedelta(days=5), images=["d"])  # other files of no date are other images
    machine.add(7, of(0.7), acquired=None, analysed=FIRST + timedelta(days=4.9), images=["d"])  # these are the same
    (epoch,) = machine.trend().epochs
    assert [one.reading.value for one in epoch.charted if isinstance(one.reading, Measured)] == [0.1, 0.45, 0.5, 0.6]
    assert [epoch.left[n].split(":")[0] for n in sorted(epoch.left)] == [
        "no ball was found",
        "a part of it is missing",
        "this record has 2 such numbers and nothing tells which",
        "this record has 2 such numbers and nothing tells which",
        "the same images were measured again",
        "the same images were measured again",
    ]
    words = trend_words.summary(machine.trend())
    assert "3 points without a date in the files" in words[0]
    assert [row[-1] for row in trend_words.rows(machine.trend())].count(trend_words.UNDATED) == 2
    assert isinstance(epoch.chart, NoChart)
    assert "4 of the 8" in epoch.chart.reason


def test_nothing_but_gaps_is_a_trend_without_a_number(machine: Machine) -> None:
    for day in range(9):
        machine.add(day, missing())
    found = machine.trend()
    assert isinstance(found.epochs[0].chart, NoChart)
    assert "0 of the 8" in str(found.line)
    assert found.forecasts == ()
    assert trend_words.sparkline(found, 40, False) == "?" * 9
    assert not re.search(r"\b0\.0", "\n".join(trend_words.summary(found)))


def charted(machine: Machine, **texts: str) -> list[float]:
    return [one.reading.value for epoch in machine.trend(**texts).epochs for one in epoch.charted if isinstance(one.reading, Measured)]


def test_some_of_the_images_again_is_the_same_test_and_the_newest_whole_analysis_counts(machine: Machine) -> None:
    """Neither the first image's time nor an incomplete repetition decides."""
    machine.add(0, of(0.1), images="abc")
    machine.add(0, of(0.2, missing="one of three images"), images="abc")  # the analysis after it, but not of all
    assert charted(machine) == [0.1]
    machine.add(0.01, of(0.3), images="bc")  # without its first image
    machine.add(0, of(0.4), images="xyz")  # other images of that very minute
    assert charted(machine) == [0.4, 0.3]
    machine.add(0, of(0.5), images="a")  # shares an image with the first one alone
    assert charted(machine) == [0.4, 0.5, 0.3]


def test_records_that_no_limit_judged_are_off_where_others_were_judged(machine: Machine) -> None:
    machine.add(0, of(0.9), limit=None)
    machine.add(1, of(0.8), limit=None)
    assert charted(machine) == [0.9, 0.8]  # a test without limits has its trend
    machine.add(2, of(0.1))
    assert charted(machine) == [0.1]
    assert "no limit judged anything in this record" in machine.trend().epochs[0].left[0]
    other = Quantity("kv_angle", "deg", "angle", "test")
    elsewhere = Judgement(replace(LIMIT, quantity=other.key, unit="deg"), -1, Outcome.NOT_MEASURED, "-")
    machine.add(3, of(0.2), limit=None, judgements=(elsewhere,))
    assert charted(machine) == [0.1, 0.2]  # a quantity without a limit, in a record that was judged


def test_one_thing_is_one_trend_however_often_it_was_looked_at(machine: Machine) -> None:
    """Of a record with two looks the last whole one counts; who asks for one of them gets that alone."""
    first, second = {"set": "kV 1"}, {"set": "kV 2"}
    machine.add(0, of(0.1, at=first), of(0.2, at=second))
    assert charted(machine, set="kV") == [0.2]
    machine.add(1, of(0.3, at={"set": "kV"}))
    machine.add(2, of(0.4, at=first), of(0.5, at=second, missing="one of two images"))
    machine.add(3, of(0.6, at=first), missing(at=second))
    machine.add(4, of(0.7, at={"set": "CBCT"}))
    assert charted(machine, set="kV") == [0.2, 0.3, 0.4, 0.6]
    assert charted(machine, set="kV 2") == [0.2]
    assert machine.trend(set="kv").of == (("set", "kV"),)
    left = machine.trend(set="kV").epochs[0].left
    assert sorted(left.values()) == ["one of 2 looks in this record: kV 1 counts", "one of 2 looks in this record: kV 2 counts"]
    with pytest.raises(QaError, match=r"2 things; choose one with --set:\nset 'CBCT'\nset 'kV'"):
        machine.trend()


# Epochs


def test_accepted_record_begins_an_epoch_and_older_points_keep_theirs(machine: Machine) -> None:
    machine.scatter(0, 20, 0.3)
    before = machine.trend().epochs[0]
    accepted = machine.add(100, of(0.02))
    machine.scatter(102, 12, 0.0, seed=2)
    other = machine.add(130.5, NotMeasured(OFFSET, "no image", KV), example().readings[0], limit=None)
    assert len(machine.trend().epochs) == 1
    machine.store.accept(accepted, "Zoë")
    machine.store.accept(other, "Zoë")  # has no such number: nothing of it is compared with that record
    first, second = machine.trend().epochs
    assert (first.points, first.chart) == (before.points, before.chart)
    assert second.began == FIRST + timedelta(days=100)
    assert second.why == "record 00000015, accepted by Zoë"
    assert second.points[0].record_id == accepted
    assert isinstance(second.chart, Chart)
    assert second.chart.centre == pytest.approx(0.0, abs=0.05)
    assert (second.chart.count, second.chart.provisional) == (13, True)
    machine.store.sign(accepted, "Bob Kay", "physicist", "rejected")
    assert [epoch.why for epoch in machine.trend().epochs] == ["the first record"]


def test_another_version_of_the_test_begins_an_epoch(machine: Machine) -> None:
    machine.add(0, of(0.1))
    machine.add(1, of(0.2), procedure_version="2")
    machine.add(2, of(0.3), procedure_version="2")
    first, second = machine.trend().epochs
    assert (len(first.points), len(second.points)) == (1, 2)
    assert "version 2 of the test, 1 before" in second.why


# Alarms and forecasts


@pytest.fixture(scope="module")
def drifting(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """20 steady values; an accepted record on day 80; steady again with one gap; 0.005 a day from day 157 on. Only read from."""
    machine = Machine(tmp_path_factory.mktemp("drifting"))
    machine.scatter(0, 20, 0.3)
    machine.store.accept(machine.add(80, of(0.0)), "Zoë")
    rng = np.random.default_rng(3)
    for n in range(60):
        machine.add(82 + 3 * n, missing() if n == 7 else of(float(rng.normal(max(0, n - 25) * 0.015, 0.05))))
    return machine


def test_alarm_warns_and_changes_no_outcome(drifting: Machine) -> None:
    found = drifting.trend()
    chart = found.epochs[-1].chart
    assert isinstance(chart, Chart)
    assert chart.alarm is not None
    assert FIRST + timedelta(days=82 + 3 * 25) < found.epochs[-1].charted[chart.alarm].taken < FIRST + timedelta(days=82 + 3 * 45)
    assert {one.outcome for one in found.points if isinstance(one.reading, Measured)} == {Outcome.PASS}
    words = " ".join(trend_words.summary(found))
    assert "ALARM since" in words
    assert "outcomes stay" in words


def test_forecast_names_when_the_drift_reaches_each_limit(drifting: Machine) -> None:
    """0.005 a day from 0 on day 157: 1 mm on day 357, 2 mm on day 557, the newest value is of day 259."""
    tolerance, action = drifting.trend().forecasts
    for found, day in ((tolerance, 357), (action, 557)):
        assert found.reach.earliest is not None
        assert found.reach.latest is not None
        assert found.reach.earliest < day - 259 < found.reach.latest
    words = trend_words.reached(tolerance, "mm")
    assert re.fullmatch(r"reaches the tolerance of \+1 mm between \S+( \d{4})? and \S+( \d{4})? \(95 %\), if it goes on as it did", words)


def test_steady_machine_has_no_drift_that_reaches_a_limit(machine: Machine) -> None:
    machine.scatter(0, 60, 0.3)
    words = list(trend_words.summary(machine.trend()))
    assert "forecast: no drift that reaches the tolerance of 1 mm within a year of 2025-05-04" in words  # day 118
    assert "EWMA: no alarm" in words


def test_quantity_that_is_never_negative_has_no_level_below_0(machine: Machine) -> None:
    """A length that falls towards 0 reaches nothing: its machine improves."""
    for n, noise in enumerate(np.random.default_rng(1).normal(0, 0.02, 24)):
        machine.add(5 * n, of(0.9 - 0.8 * 5 * n / 120 + float(noise)))
    found = machine.trend()
    assert isinstance(found.line, Line)
    assert found.line.slope < 0
    assert [each.reach.state for each in found.forecasts] == ["not within a year"] * 2
    words = trend_words.summary(found)
    assert "no value was ever negative: nothing is forecast to go below 0" in words
    assert not any("-1 mm" in one or "reaches the tolerance of 1 mm between" in one for one in words)


def test_level_is_named_with_its_sign(machine: Machine) -> None:
    for n, noise in enumerate(np.random.default_rng(1).normal(0, 0.02, 24)):
        machine.add(5 * n, of(0.1 - 0.8 * 5 * n / 120 + float(noise)))
    words = " ".join(trend_words.summary(machine.trend()))
    assert "reaches the tolerance of -1 mm between" in words
    assert "negative" not in words


def test_step_without_an_acceptance_is_no_drift(machine: Machine) -> None:
    for n, noise in enumerate(np.random.default_rng(2).normal(0, 0.05, 26)):
        machine.add(7 * n, of((0.2 if n < 15 else 0.6) + float(noise), 0.03))
    assert "drift: nothing can be said: a step on 2025-04-21 explains the values better than a line: accept a record after it" in (
        trend_words.summary(machine.trend())  # 105 days after 2025-01-06
    )


def test_first_values_all_the_same_and_then_another_is_an_alarm(machine: Machine) -> None:
    for day in range(45):
        machine.add(day, of(18.0 if day < 20 else 12.0), limit=None)
    words = trend_words.summary(machine.trend())
    assert "no control chart: the first 20 values are all the same: they do not scatter, so nothing tells how much is unusual" in words
    assert "ALARM since 2025-01-26: all of the first values were 18 mm; look for the cause (outcomes stay)" in words
    assert [row[-1] for row in trend_words.rows(machine.trend())].count("unlike the first values") == 25


# The query


@pytest.mark.parametrize("version", [1, 2, 3])
def test_database_of_an_older_version_has_its_trends(tmp_path: Path, version: int) -> None:
    raw = sqlite3.connect(tmp_path / "old.sqlite")
    raw.executescript((Path(__file__).parent / f"records_version_{version}.sql").read_text("utf-8"))
    machine, quantity = raw.execute(
        "SELECT machine, quantity FROM record JOIN reading USING (record_id) WHERE value IS NOT NULL ORDER BY record_id, idx"
    ).fetchone()
    raw.close()
    found = Store(tmp_path / "old.sqlite").history(machine, quantity)
    assert any(isinstance(one.reading, Measured) for one in found)


def test_each_number_has_the_limits_that_judged_it_then(machine: Machine) -> None:
    """Under one id a limit became stricter, then one about a baseline, then about another one."""
    stricter, held = replace(LIMIT, tolerance=0.8, action=1.6), replace(LIMIT, kind="baseline")
    old, new = (Baseline(name, FIRST, "mm", value, 0.01) for name, value in (("old", 0.3), ("new", 0.5)))
    for day, (limit, baseline) in enumerate(((LIMIT, None), (stricter, None), (held, old), (held, new), (LIMIT, None))):
        machine.add(day, of(0.4), limit=limit, baseline=baseline)
    judged = [one.judgements for one in machine.store.history("LINAC-B", OFFSET.key)]
    shown = [(each.limit.kind, each.limit.tolerance, each.limit.action, each.baseline) for (each,) in judged]
    assert shown == [
        ("absolute", 1.0, 2.0, None),
        ("absolute", 0.8, 1.6, None),
        ("baseline", 1.0, 2.0, old),
        ("baseline", 1.0, 2.0, new),
        ("absolute", 1.0, 2.0, None),
    ]


def test_query_reads_by_the_index_which_a_database_without_it_gets_at_the_next_write(machine: Machine) -> None:
    machine.add(0, of(0.1))
    raw = sqlite3.connect(machine.path)
    every = ", ".join(f"'{index.name}'" for index in tables.ANY_VERSION)
    named = f"SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name IN ({every})"
    assert raw.execute(named).fetchone() == (4,)
    for index in tables.ANY_VERSION:
        raw.execute(f"DROP INDEX {index.name}")
    raw.commit()
    assert len(machine.trend().points) == 1  # an old database, opened to be read, is read as it is
    machine.store = Store(machine.path)
    machine.add(1, of(0.2))
    assert raw.execute(named).fetchone() == (4,)
    assert raw.execute("SELECT version FROM schema_version").fetchall() == [(tables.SCHEMA_VERSION,)]
    among = "(SELECT record_id FROM record WHERE machine = 'LINAC-B' AND procedure IN ('offsets'))"
    query = f"SELECT value FROM reading WHERE quantity = 'kv_offset_x' AND procedure = 'offsets' AND record_id IN {among}"
    plan = " ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {query}"))
    own = f"SELECT {', '.join(tables.JUDGED)} FROM judgement WHERE quantity = 'kv_offset_x' AND record_id IN {among}"
    judged = " ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {own} ORDER BY record_id, idx"))
    raw.close()
    assert "judgement USING COVERING INDEX judgement_of_trend (quantity=? AND record_id=?)" in judged
    assert "SCAN" not in judged
    assert "B-TREE" not in judged
    assert "reading USING INDEX reading_of_test (quantity=? AND procedure=? AND record_id=?)" in plan
    assert "record USING COVERING INDEX record_of_machine (machine=? AND procedure=?)" in plan
    assert "SCAN" not in plan


# What is shown


def run(machine: Machine, *arguments: object) -> tuple[int, str]:
    every = ["trend", OFFSET.key, "--machine", "LINAC-B", "--database", machine.path, *arguments]
    result = CliRunner().invoke(app, list(map(str, every)))
    return result.exit_code, result.output


def test_command_prints_a_line_of_heights_sentences_and_a_table(drifting: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    code, said = run(drifting, "--most", 3)
    assert code == 0
    lines = said.splitlines()
    assert lines[0] == "kv_offset_x (set kV 1) on LINAC-B, in mm"
    assert re.fullmatch(r"[0-9]{38}", lines[1])  # the newest that a narrow terminal has room for
    assert "80 values, 1 not measured, 2025-01-06 to" in said
    assert "epoch since 2025-03-27: record 00000015, accepted by Zoë" in said
    assert len([line for line in lines if "EWMA alarm" in line]) == 3
    assert "PASS" in lines[-1]
    assert "\x1b" not in said


def test_sparkline_has_a_sign_for_each_point_and_another_for_a_gap(machine: Machine) -> None:
    for day, reading in enumerate((of(0.0), of(0.5), missing(), of(1.0))):
        machine.add(day, reading)
    assert trend_words.sparkline(machine.trend(), 40, True) == "▁▅·█"
    assert trend_words.sparkline(machine.trend(), 40, False) == "05?9"
    assert trend_words.sparkline(machine.trend(), 2, False) == "?5"  # one value alone has no height


def test_narrow_terminal_has_fewer_columns(drifting: Machine) -> None:
    wide, narrow = trend_screen.grid(drifting.trend(), 2, 100), trend_screen.grid(drifting.trend(), 2, 60)
    assert narrow.header == ("taken (UTC)", "value ± U", "outcome", "note")
    assert [row[0] for row in narrow.rows] == ["2025-09-19", "2025-09-22"]  # days 256 and 259
    assert [(row[1], row[2], row[5]) for row in wide.rows] == [row[1:] for row in narrow.rows]


def test_wrong_names_end_with_the_nearest_spelling_and_status_2(machine: Machine) -> None:
    machine.add(0, of(0.1))
    code, said = run(machine, "--set", "kv1")
    assert (code, "did you mean 'kV 1'?" in said) == (2, True)
    assert run(machine, "--of", "set=kV 1")[0] == 0
    assert run(machine, "--of", "set")[0] == 2


def test_csv_has_every_point_at_full_precision_and_gaps_as_empty_cells(drifting: Machine, tmp_path: Path) -> None:
    found = drifting.trend()
    code, _ = run(drifting, "--csv", tmp_path / "points.csv")
    assert code == 0
    rows = list(csv.reader(io.StringIO((tmp_path / "points.csv").read_text("utf-8"))))
    start = next(n for n, row in enumerate(rows) if row and row[0] == "taken (UTC)")
    table = [dict(zip(rows[start], row, strict=True)) for row in rows[start + 1 :]]
    assert [row["value"] for row in table] == [repr(p.reading.value) if isinstance(p.reading, Measured) else "" for p in found.points]
    (gap,) = [row for row in table if not row["value"]]
    assert (gap["on the chart"], gap["EWMA"], gap["outcome"]) == ("no", "", "NOT_MEASURED")
    assert gap["why there is no number, or no place"] == "no ball was found: repeat the image"
    charts = [epoch.chart for epoch in found.epochs if isinstance(epoch.chart, Chart)]
    assert [float(row["EWMA"]) for row in table if row["EWMA"]] == [z for chart in charts for z in chart.ewma]
    assert sum(row["alarm"] == "EWMA" for row in table) == sum(len(chart.beyond) for chart in charts) > 0


@pytest.fixture
def pictures(drifting: Machine, tmp_path: Path) -> Callable[[str], Path]:
    found = drifting.trend()
    return lambda kind: trend_picture.save(found, tmp_path / f"trend{kind}", kind)


WORDS = (
    "value ± U (mm)",
    "EWMA (mm)",
    "taken (UTC)",
    "2025-03",
    "EWMA alarm",
    "tolerance",
    "action level",
    "no number",
    "accepted by Zoë",
)


def test_picture_says_units_dates_signs_and_epochs(pictures: Callable[[str], Path]) -> None:
    svg = pictures(".svg").read_text("utf-8")
    pdf = pypdf.PdfReader(pictures(".pdf")).pages[0].extract_text()
    assert [word for word in WORDS if word not in svg] == []
    assert [word for word in WORDS if word not in pdf] == []
    assert svg.count("<polygon") > 80  # a mark for each value
    assert pictures(".pdf").read_bytes() == pictures(".pdf").read_bytes()


def test_png_is_drawn_within_a_second_and_has_something_in_both_panels(pictures: Callable[[str], Path]) -> None:
    pictures(".png")  # fonts are read once
    before = time.process_time()
    place = pictures(".png")
    assert time.process_time() - before < 1.0
    grey = np.asarray(Image.open(place).convert("L"))
    assert grey.shape[1] == 2 * trend_picture.WIDTH
    dark = (grey < 100).mean(axis=1)
    upper, lower = dark[80 : 80 + 380], dark[520 : 520 + 200]
    assert upper.mean() > 0.01
    assert lower.mean() > 0.005


def svg(trend: Trend, place: Path) -> str:
    return trend_picture.save(trend, place / "trend.svg", ".svg").read_text("utf-8")


def test_picture_has_one_unit_on_its_axis_and_says_what_it_leaves_out(machine: Machine, tmp_path: Path) -> None:
    other = replace(OFFSET, unit="%")
    for day in range(12):
        machine.add(day, of(0.5), limit=None)
    machine.add(12, Measured(other, 30.0, 0.5, KV, {"noise": 0.5}), limit=None)
    found = machine.trend()
    drawn = svg(found, tmp_path)
    assert "not drawn, in another unit: 12 points" in drawn
    assert re.search(r">30(\.0+)?<", drawn)  # a tick of the axis
    assert not re.search(r">0\.[05]0*<", drawn)
    assert [row[1].rsplit(" ", 1)[1] for row in trend_words.rows(found)] == ["mm"] * 12 + ["%"]
    assert "0.5" not in trend_words.heights(found, 20, False).split("%")[0]


def test_picture_of_judged_numbers_has_no_unjudged_ones_in_another_unit(machine: Machine, tmp_path: Path) -> None:
    for day in range(12):
        machine.add(day, of(0.5))
    machine.add(12, Measured(replace(OFFSET, unit="%"), 30.0, 0.5, KV, {"noise": 0.5}), limit=None)
    found = machine.trend()
    drawn = svg(found, tmp_path)
    assert "value ± U (mm)" in drawn
    assert "another unit: 1 point" in drawn
    assert "%<" not in drawn
    assert "%" not in trend_words.title(found)


def test_picture_has_no_second_panel_without_a_chart_and_marks_points_without_a_date(machine: Machine, tmp_path: Path) -> None:
    for day in range(7):
        machine.add(day, of(0.5 + day / 100))
    drawn = svg(machine.trend(), tmp_path)
    assert "EWMA" not in drawn
    assert "at the time of its analysis" not in drawn
    machine.add(8, of(0.6), acquired=None, analysed=FIRST + timedelta(days=8))
    drawn = svg(machine.trend(), tmp_path)
    assert "EWMA (mm)" in drawn
    assert "at the time of its analysis" in drawn


def test_picture_numbers_its_epochs_and_dashes_tolerance_and_action_level_apart(drifting: Machine, tmp_path: Path) -> None:
    drawn = svg(drifting.trend(), tmp_path)
    assert drawn.count(">2<") == 2  # above its line, and in the legend
    assert len(set(re.findall(r'stroke-dasharray="(6[^"]*)"', drawn))) == 2


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (5.0, ["2025-01-06", "2025-01-07"]),
        (80.0, ["2025-01-19", "2025-02-02"]),
        (300.0, ["2025-03", "2025-05"]),
        (4000.0, ["2026", "2028"]),
    ],
)
def test_dates_are_round_and_have_room(span: float, expected: Sequence[str]) -> None:
    start = date_axis.days(datetime(2025, 1, 5, 12, tzinfo=UTC))
    found = date_axis.scale((start, start + span), 320.0)
    assert [label for label in found.labels if label in expected] == list(expected)
    assert all(b - a >= span * 40 / 320 * 0.9 for a, b in zip(found.ticks, found.ticks[1:], strict=False))
    assert all(datetime.fromtimestamp(tick * 86400, UTC).hour == 0 for tick in found.ticks)


def test_services_are_marked_and_said_and_change_no_number(machine: Machine, tmp_path: Path) -> None:
    machine.scatter(0, 12, 0.5)
    before, marks = machine.trend(), f'<polygon [^>]*fill="{MUTED.hexval().replace("0x", "#")}"'
    plain = svg(before, tmp_path)
    for kind, day in (("service", 5), ("back", 7), ("service", 400)):
        machine.store.put_down(kind, "LINAC-B", "", (FIRST + timedelta(days=day)).date(), "Ann Lee", "panel replaced")
    machine.store.put_down("service", "another", "", FIRST.date(), "Ann Lee", "panel replaced")
    found = machine.trend()
    assert replace(found, services=()) == before
    said = [words for words in trend_words.summary(found) if "under service" in words]
    dates = [f"{FIRST + timedelta(days=day):%Y-%m-%d}" for day in (5, 7, 400)]
    assert said == [
        f"under service from {dates[0]} to {dates[1]}: panel replaced",
        f"under service from {dates[2]} and still: panel replaced",
    ]
    drawn = svg(found, tmp_path)
    assert len(re.findall(marks, drawn)) - len(re.findall(marks, plain)) == 2  # one in the time shown, and the legend's
    assert ">under service<" in drawn


# What other programs say


DISTANCE = Quantity("kv_isocenter_max_2d", "mm", "largest projected distance", "test")
SAID = {"source": "Varian MPC", "template": "Geometry", "zone": "UTC", "sha256": "0" * 64, "who": "Ann"}


def opined(machine: Machine, day: float, value: str, threshold: str, verdict: str, of_machine: str = "LINAC-B") -> None:
    """What MPC says of that day."""
    taken = FIRST + timedelta(days=day)
    said = SAID | {"machine": of_machine, "serial": of_machine, "name": f"check {day:g} of {of_machine}", "clock": taken.isoformat()[:19]}
    line = {"name": "IsoCenterGroup/IsoCenterKVOffset", "unit": "mm", "value": value, "threshold": threshold, "verdict": verdict}
    other = {**line, "name": "IsoCenterGroup/IsoCenterMVOffset", "value": "0.99"}
    machine.store.take_in([(said, taken, [line, other])])


@pytest.fixture
def opinionated(machine: Machine) -> Machine:
    """Twelve values of ours, and MPC's of three days: one before ours, one above its threshold, one without a threshold."""
    for n in range(12):
        machine.add(2 * n, Measured(DISTANCE, 0.3 + 0.001 * n, 0.02, KV, {"noise": 0.02}), limit=None)
    for day, value, threshold, verdict in ((-3, "0.30", "0.5", "Pass"), (5, "1.70", "0.5", "Fail"), (9, "0.25", "", "Pass")):
        opined(machine, day, value, threshold, verdict)
    opined(machine, 6, "0.77", "0.5", "Pass", of_machine="LINAC-C")
    return machine


def test_opinions_of_the_machine_and_quantity_are_beside_the_trend_and_change_nothing_of_it(opinionated: Machine, tmp_path: Path) -> None:
    found = trend(opinionated.store, "LINAC-B", DISTANCE.key)
    said = [((one.of.taken - FIRST).days, one.value, one.threshold, one.verdict) for one in found.opinions]
    assert said == [(-3, "0.30", "0.5", "Pass"), (5, "1.70", "0.5", "Fail"), (9, "0.25", "", "Pass")]
    (tmp_path / "alone").mkdir()
    alone = Machine(tmp_path / "alone")
    for n in range(12):
        alone.add(2 * n, Measured(DISTANCE, 0.3 + 0.001 * n, 0.02, KV, {"noise": 0.02}), limit=None)
    without = trend(alone.store, "LINAC-B", DISTANCE.key)
    assert without.opinions == ()
    assert (found.epochs, found.line, found.forecasts) == (without.epochs, without.line, without.forecasts)
    assert [*trend_words.rows(found)] == [*trend_words.rows(without)]


def test_opinions_are_on_the_screen_in_the_table_and_in_the_picture_as_stated(opinionated: Machine, tmp_path: Path) -> None:
    places = ["--csv", str(tmp_path / "t.csv"), "--pdf", str(tmp_path / "t.pdf")]
    ended = CliRunner().invoke(app, ["trend", DISTANCE.key, "--machine", "LINAC-B", "--database", str(opinionated.path), *places])
    assert ended.exit_code == 0, ended.output
    lines = [" ".join(line.split()) for line in ended.output.splitlines()]
    span = "3 from 2025-01-03 to 2025-01-15, its verdicts 1 Fail, 2 Pass"
    assert any(f"MPC, a second opinion that is in no chart and no forecast: {span}" in one for one in lines)
    assert any("0.30 mm" in one and "0.5 mm" in one and "Pass" in one for one in lines)
    assert any("0.25 mm" in one and "none stated" in one for one in lines)
    rows = [*csv.reader(io.StringIO((tmp_path / "t.csv").read_text("utf-8")))]
    theirs = [row for row in rows if row and "IsoCenterGroup/IsoCenterKVOffset" in row]
    stated = [("0.30", "0.5", "Pass", "mm"), ("1.70", "0.5", "Fail", "mm"), ("0.25", "", "Pass", "mm")]
    assert [(row[3], row[4], row[5], row[7]) for row in theirs] == stated
    assert len([row for row in rows if DISTANCE.key in row]) == 12
    words = re.sub(r"\s+", " ", pypdf.PdfReader(tmp_path / "t.pdf").pages[0].extract_text())
    assert "full: its verdict is no pass" in words


def test_opinions_lie_where_they_were_taken_and_within_the_axes(opinionated: Machine) -> None:
    found = trend(opinionated.store, "LINAC-B", DISTANCE.key)
    assert trend_opinions.heights(found) == [0.30, 0.5, 1.70, 0.5, 0.25]
    assert trend_opinions.days(found) == [date_axis.days(FIRST + timedelta(days=day)) for day in (-3, 5, 9)]


def test_a_pass_beyond_its_own_threshold_is_said(opinionated: Machine) -> None:
    """One import holds 0.90 mm, 0.5 mm and Pass: kept as stated, and pointed at."""
    assert not any("beyond its own threshold" in one for one in trend_opinions.words(trend(opinionated.store, "LINAC-B", DISTANCE.key)))
    opined(opinionated, 11, "0.90", "0.5", "Pass")
    number = opinionated.store.imported()[-1].number
    (said,) = trend_opinions.words(trend(opinionated.store, "LINAC-B", DISTANCE.key))
    assert f"its verdicts 1 Fail, 3 Pass (1 of them a pass with a value beyond its own threshold: import {number});" in said
