"""The drawn clinic of the bench of size: a small one, whose trends and due dates are what was put in."""

import dataclasses
import sqlite3
from datetime import UTC, date, timedelta
from pathlib import Path

import pytest

from bench import size_of_store
from bench.drawn_clinic import LAST, MONTHLY, Clinic, Rows, fill, records
from qa import site
from qa.done import Done
from qa.reading import Measured
from qa.rows import from_rows, to_rows
from qa.store import Store

CLINIC = Clinic(machines=3, years=0.3, seed=4)
CLINIC_ZONE = UTC
DECIDED = {"PASS", "FAIL"}


@pytest.fixture(scope="module")
def drawn() -> list[Rows]:
    return list(records(CLINIC, CLINIC.days))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "site.toml").write_text(CLINIC.site)
    store = Store(folder / "records.sqlite", own_name=site.read(folder / "site.toml").own_name)
    fill(store, CLINIC)
    return store


def test_what_is_put_in_at_once_is_what_a_record_makes_and_is_chained(store: Store, drawn: list[Rows]) -> None:
    for rows in drawn[::40]:
        assert to_rows(from_rows(rows)) == rows
    found = store.verify()
    monthly = sum(rows["record"][0]["protocol"] == MONTHLY for rows in drawn)
    assert (found.records, found.events, found.faults, found.remarks) == (len(drawn), monthly, [], [])
    assert monthly >= 2 * CLINIC.machines * 3  # two tests a month


def test_when_each_test_was_last_done_is_the_day_of_its_newest_decided_record(store: Store, drawn: list[Rows]) -> None:
    """By all records that were put in, each looked at."""
    expected: dict[tuple[str, str, str], Done] = {}
    for rows in drawn:  # in order of time
        (own,) = rows["record"]
        key, day = (own["machine"], own["protocol"], own["procedure"]), date.fromisoformat(own["acquired"][:10])
        outcomes = {row["outcome"] for row in rows["judgement"]}
        before = expected.get(key, Done())
        if outcomes <= DECIDED:
            expected[key] = Done(day, "FAIL" in outcomes)
        else:
            expected[key] = Done(before.day, before.failed or "FAIL" in outcomes, unfinished=day)
    found = store.last_days(LAST, CLINIC_ZONE)
    assert {key: (one.day, one.failed, one.unfinished) for key, one in found.items()} == {
        key: (one.day, one.failed, one.unfinished) for key, one in expected.items()
    }
    assert len({one.day for one in expected.values()}) > 3
    on_another_day = store.last_days(LAST - timedelta(days=20), CLINIC_ZONE)
    assert all(one.ahead is not None for key, one in on_another_day.items() if key[1] != MONTHLY)


def test_many_records_that_do_not_count_are_looked_past(tmp_path: Path, drawn: list[Rows]) -> None:
    """Forty mornings in a row that nobody finished, under two names of one machine, and one before them that was done."""
    mornings = [from_rows(rows) for rows in drawn if rows["record"][0]["protocol"] == "tg142_morning"]
    done = next(one for one in mornings if all(judged.outcome.name == "PASS" for judged in one.judgements))
    store = Store(tmp_path / "records.sqlite", own_name=lambda name: "Linac 1")
    start = done.acquired
    assert start is not None
    store.add(dataclasses.replace(done, record_id="done"))
    for k in range(1, 41):
        when = start + timedelta(days=k)
        store.add(dataclasses.replace(done, record_id=f"{k}", machine=f"Linac {k % 2}", acquired=when, analysed=when, judgements=()))
    (one,) = store.last_days(LAST + timedelta(days=400), CLINIC_ZONE).values()
    assert (one.day, one.unfinished) == (start.date(), (start + timedelta(days=40)).date())


def test_a_trend_has_every_reading_that_was_put_in(store: Store, drawn: list[Rows]) -> None:
    mine = [rows for rows in drawn if rows["record"][0]["machine"] == "Linac 2" and rows["record"][0]["procedure"] == "daily_igrt"]
    found = store.history("Linac 2", size_of_store.QUANTITY)
    values = [next(row["value"] for row in rows["reading"] if row["quantity"] == size_of_store.QUANTITY) for rows in mine]
    assert [one.reading.value if isinstance(one.reading, Measured) else None for one in found] == values
    judged = [[row["outcome"] for row in rows["judgement"] if row["quantity"] == size_of_store.QUANTITY] for rows in mine]
    assert [[one.outcome.name for one in point.judgements] for point in found] == judged
    assert len(found) == len(CLINIC.days)


def test_questions_to_a_large_store_are_answered_by_an_index(store: Store) -> None:
    """No table is read from end to end, and nothing is sorted, for when something was last done."""
    from sqlalchemy.dialects import sqlite

    from qa import done

    raw = sqlite3.connect(str(store.where))
    newest = str(done._NEWEST.compile(dialect=sqlite.dialect(paramstyle="named")))
    given = {"machine": "Linac 1", "protocol": "tg142_daily", "test": "winston_lutz", "seen": 0, "count": 8}
    plans = [
        " ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {query}", values))
        for query, values in ((newest, given), (str(done._TESTS), {}))
    ]
    raw.close()
    assert "USING INDEX record_of_test (machine=? AND protocol=? AND procedure=?)" in plans[0]
    assert "TEMP B-TREE" not in plans[0]
    for plan in plans:
        assert "SCAN record" not in plan.replace("SCAN record USING COVERING INDEX", "")
        assert "SCAN reading" not in plan


def test_the_bench_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert size_of_store.main(["--machines", "1", "--years", "0.05"]) in (0, 1)
    said = capsys.readouterr().out
    assert "due list of 1 machines, ms" in said
    assert "by the command as a process" in said
