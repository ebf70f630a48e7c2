"""A second engine's numbers stand beside ours, and a disagreement is an outcome of its own from the record to the last page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pypdf
import pytest
from test_cli import LIMIT, PROTOCOL, WIDTH, image, invoke

from qa import dicom, engines, procedure, session
from qa import protocol as protocols
from qa.acquisition import Acquisition
from qa.compared import Compared, Number, compare, doubted
from qa.engines import Theirs
from qa.export import readings_json
from qa.limit import Judgement, Limit, Outcome
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Measured, NotMeasured, QaError, Quantity, Reading
from qa.record import Record
from qa.store import Store
from reports import pdf
from reports.lines import lines

HEIGHT = Quantity("height", "mm", "height of the image", "test")
AREA = Quantity("area", "", "area of the set", "test")


def measured(value: float, u: float, quantity: Quantity = WIDTH, uid: str = "") -> Measured:
    return Measured(quantity, value, u, {"gantry_deg": 90.0, "sop_instance_uid": uid} if uid else {})


def test_outcomes_are_ordered_and_no_disagreement_beats_a_pass() -> None:
    order = [Outcome.PASS, Outcome.INDETERMINATE, Outcome.NOT_MEASURED, Outcome.DISAGREEMENT, Outcome.FAIL]
    assert sorted(Outcome) == order
    assert max(Outcome.PASS, Outcome.DISAGREEMENT) is Outcome.DISAGREEMENT
    assert max(Outcome.FAIL, Outcome.DISAGREEMENT) is Outcome.FAIL
    assert [outcome.word for outcome in order] == ["GO", "REPEAT", "REPEAT", "STOP", "STOP"]


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome", "difference", "allowed"),
    [  # 2 hypot(0.03, 0.04) = 0.1
        (measured(1.0, 0.03), Number("width", 1.0999, u=0.04), Outcome.PASS, 0.0999, 0.1),
        (measured(1.0, 0.03), Number("width", 1.1001, u=0.04), Outcome.DISAGREEMENT, 0.1001, 0.1),
        (measured(1.0, 0.03), Number("width", 0.8999, u=0.04), Outcome.DISAGREEMENT, -0.1001, 0.1),
        (measured(1.0, 0.03), Number("width", 9.0), None, 8.0, None),
        (measured(1.0, 0.03), Number("width", None, "prints 0"), Outcome.NOT_MEASURED, None, None),
        (NotMeasured(WIDTH, "no ruler"), Number("width", 1.0, u=0.04), Outcome.NOT_MEASURED, None, None),
        (NotMeasured(WIDTH, "no ruler"), Number("width", None, "prints 0"), None, None, None),
        (None, Number("", 3.0, "another thing"), None, None, None),
    ],
)
def test_two_numbers_agree_within_twice_the_uncertainty_of_their_difference(
    ours: Reading | None, theirs: Number, outcome: Outcome | None, difference: float | None, allowed: float | None
) -> None:
    found = compare(theirs, ours, {}, "other", "1")
    assert found.outcome is outcome
    assert found.difference == pytest.approx(difference)
    assert found.allowed == pytest.approx(allowed)
    assert found.value == (ours.value if isinstance(ours, Measured) else None)
    assert found.their_value == theirs.value
    if outcome is Outcome.NOT_MEASURED or difference is None:
        assert "no ruler" in found.reason or "prints 0" in found.reason or theirs.key == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.PASS},
        {"outcome": Outcome.FAIL},
        {"allowed": None},
        {"reason": " "},
        {"u": None},
        {"their_value": float("nan")},
    ],
)
def test_comparison_that_its_numbers_do_not_give_cannot_be_made(changes: dict[str, object]) -> None:
    apart = compare(Number("width", 2.0, u=0.04), measured(1.0, 0.03), {}, "other", "1")
    with pytest.raises(ValueError, match="not a comparison"):
        replace(apart, **changes)  # type: ignore[arg-type]


def judgement(outcome: Outcome, reading: int = 0) -> Judgement:
    limit = Limit("l", "ruler", "width", "mm", 2.0, None, "absolute", ("srs",), "daily", "test", True)
    return Judgement(limit, reading, outcome, "alone")


def test_disagreement_doubts_every_number_and_hides_no_failure() -> None:
    readings = (measured(1.0, 0.03), NotMeasured(HEIGHT, "no ruler"))
    apart = compare(Number("width", 2.0, u=0.04), readings[0], {}, "other", "1")
    judgements = (*(judgement(outcome) for outcome in Outcome), judgement(Outcome.NOT_MEASURED, 1), judgement(Outcome.NOT_MEASURED, -1))
    after = doubted(judgements, readings, (apart,))
    assert [one.outcome for one in after] == [Outcome.DISAGREEMENT] * 4 + [Outcome.FAIL] + [Outcome.NOT_MEASURED] * 2
    assert "ours 1.000, other 2.000 mm" in after[0].reason
    assert "alone" in after[0].reason
    agree = compare(Number("width", 1.0, u=0.04), readings[0], {}, "other", "1")
    assert doubted(judgements, readings, (agree,)) == judgements


# A suite with one test and a second engine that says what it is told to.


@dataclass
class Bench:
    """``theirs`` is what the second engine gives; an exception is raised instead."""

    folder: Path
    readings: list[Reading]
    theirs: Theirs | Exception

    @property
    def database(self) -> Path:
        return self.folder / "records.sqlite"

    def protocol(self) -> Path:
        path = self.folder / "own.toml"
        path.write_text(PROTOCOL + LIMIT.format(id="l", test="ruler", tolerance=2.0, technique="srs"), "utf-8")
        return path

    def run(self, command: str, *more: object) -> tuple[int, str]:
        return invoke(command, "anything", "--protocol", self.protocol(), "--database", self.database, *more)

    def record(self) -> Record:
        (summary,) = Store(self.database).list()
        return Store(self.database).get(summary.record_id)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    built = Bench(tmp_path, [measured(1.0, 0.03)], Theirs("told", ((), ()), (Number("width", 1.02, "a width", 0.04),), "other", "3.1"))

    def second_engine(acquisition: Acquisition, files: Mapping[str, Path], say: Callable[[str], None]) -> Theirs:
        if isinstance(built.theirs, Exception):
            raise built.theirs
        return built.theirs

    @contextmanager
    def opened(paths: Sequence[Path], progress: Callable[[int, int], None], scale_of: object = None) -> Iterator[dicom.Batch]:
        yield dicom.Batch((Acquisition((image("A"), image("B")), "A", "MV", "6 MV, A"),), ())

    def rehearse(rng: np.random.Generator) -> Rehearsal:
        raise NotImplementedError

    def analyse(acquisition: Acquisition) -> Analysis:
        return Analysis(tuple(built.readings))

    ruler = Procedure("ruler", "A ruler", "1", (WIDTH, HEIGHT, AREA), lambda a: "", analyse, rehearse, second_engine=second_engine)
    monkeypatch.setattr(procedure, "names", lambda: ("ruler",))
    monkeypatch.setattr(procedure, "load", lambda name: ruler)
    monkeypatch.setattr(dicom, "opened", opened)
    (tmp_path / "anything").write_text("")
    monkeypatch.chdir(tmp_path)
    return built


def planted(difference: float) -> Theirs:
    return Theirs("told", ((), ()), (Number("width", 1.0 + difference, "their width", 0.04),), "other", "3.1")


@pytest.mark.parametrize("command", [("run", "--second-engine"), ("compare-engines",)])
def test_disagreement_is_stored_shown_printed_and_exported(bench: Bench, command: tuple[str, ...]) -> None:
    bench.theirs = planted(0.5)
    status, text = bench.run(*command, "--pdf", bench.folder / "r.pdf", "--json", bench.folder / "r.json")
    assert status == 3
    assert "verdict SRS: STOP (DISAGREEMENT)" in text
    assert "second engine DISAGREEMENT width: whole set: ours 1.000 ± 0.060, other 1.500 ± 0.080 mm: 0.5 apart, 0.1 allowed" in text
    record = bench.record()
    (one,) = record.comparisons
    assert (one.value, one.their_value, one.difference, one.outcome) == (1.0, 1.5, 0.5, Outcome.DISAGREEMENT)
    assert one.allowed == pytest.approx(0.1)
    assert [j.outcome for j in record.judgements] == [Outcome.DISAGREEMENT]
    assert dict(record.versions)["other"] == "3.1"
    (summary,) = Store(bench.database).list()
    assert summary.verdicts == {"srs": Outcome.DISAGREEMENT}
    assert "SRS STOP (DISAGREEMENT)" in invoke("list", "--database", bench.database)[1]
    exported = json.loads((bench.folder / "r.json").read_text("utf-8"))
    (row,) = exported["comparisons"]
    assert (row["value"], row["their_value"], row["outcome"]) == (1.0, 1.5, "DISAGREEMENT")
    assert exported["readings"][0]["outcome"] == "DISAGREEMENT"
    pages = [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(bench.folder / "r.pdf").pages]
    assert "The two engines disagree on 1 of 1 numbers (width)" in pages[0]
    assert "STOP ENGINES DISAGREE" in pages[0]
    assert "GO" not in pages[0].split()
    assert "other 3.1: 1 disagree" in " ".join(pages)
    assert "1.000 ± 0.060 1.500 ± 0.080 +0.500 0.100 ENGINES DISAGREE" in " ".join(pages)
    again, shown = invoke("report", record.record_id, "--database", bench.database, "--pdf", bench.folder / "again.pdf")
    assert again == 3
    assert "second engine DISAGREEMENT width" in shown
    assert (bench.folder / "again.pdf").read_bytes() == (bench.folder / "r.pdf").read_bytes()


@pytest.mark.parametrize("command", [("run", "--second-engine"), ("compare-engines",)])
def test_two_that_agree_pass_and_show_both(bench: Bench, command: tuple[str, ...]) -> None:
    status, text = bench.run(*command)
    assert status == 0
    assert "verdict SRS: GO (PASS)" in text
    assert "second engine PASS all: other 3.1: 1 agree" in text
    assert any(line.split()[-3:] == ["agree", "a", "width"] and "1.020 ± 0.080" in line for line in text.splitlines())
    content = " ".join(" ".join(p.extract_text().split()) for p in pypdf.PdfReader(BytesIO(pdf.render(bench.record()))).pages)
    assert "1.000 ± 0.060 1.020 ± 0.080 +0.020 0.100 agree" in content
    assert "disagree" not in content.lower()


def test_run_does_not_ask_a_second_engine_by_itself(bench: Bench) -> None:
    bench.theirs = AssertionError("asked")
    assert bench.run("run")[0] == 0
    assert bench.record().comparisons == ()


def test_nothing_is_kept_when_nothing_shall_be(bench: Bench) -> None:
    bench.theirs = planted(0.5)
    status, text = bench.run("compare-engines", "--no-store")
    assert status == 3
    assert "not stored" in text
    assert "igrtqa report" not in text
    assert "second engine DISAGREEMENT width" in text
    assert not bench.database.exists()


@pytest.mark.parametrize(
    ("error", "words"), [(QaError("no ball in any image"), "no ball in any image"), (KeyError("x"), "broke down (KeyError")]
)
def test_second_engine_that_breaks_down_hides_nothing_and_is_no_pass(bench: Bench, error: Exception, words: str) -> None:
    bench.theirs = error
    status, text = bench.run("run", "--second-engine")
    assert status == 3  # what was asked for and not got
    assert "verdict SRS: GO (PASS)" in text  # the judgement itself stands
    record = bench.record()
    assert [one.outcome for one in record.comparisons] == [Outcome.NOT_MEASURED] * 3
    assert all(words in one.reason for one in record.comparisons)


def test_machine_out_of_tolerance_stays_a_failure(bench: Bench) -> None:
    bench.readings = [measured(2.5, 0.03)]
    bench.theirs = planted(0.5)
    status, text = bench.run("compare-engines")
    assert status == 1
    assert "verdict SRS: STOP (FAIL)" in text
    assert "second engine DISAGREEMENT width" in text


def test_number_of_one_image_is_held_against_the_same_image(bench: Bench) -> None:
    """The second image is off, the first one is not; a number without our counterpart is shown."""
    bench.readings = [measured(1.0, 0.03, uid="1.2.A"), measured(3.0, 0.03, uid="1.2.B"), Measured(AREA, 4.0, 0.2)]
    first, second = Number("width", 1.0, u=0.04), Number("width", 1.0, u=0.04)
    bench.theirs = Theirs("", ((first,), (second,)), (Number("area", 4.0, u=0.2), Number("", 7.0, "alone")), "other", "3.1")
    bench.run("compare-engines")
    found = [(one.at.get("sop_instance_uid", ""), one.quantity, one.outcome) for one in bench.record().comparisons]
    assert found == [
        ("1.2.A", "width", Outcome.PASS),
        ("1.2.B", "width", Outcome.DISAGREEMENT),
        ("", "area", Outcome.PASS),
        ("", "", None),
    ]
    assert bench.record().comparisons[2].unit == ""


def test_targets_of_one_image_are_told_apart_by_their_state(bench: Bench) -> None:
    """Two readings of one key in one image: each number meets its own, in whatever order they come."""
    states = [{"target": name, "sop_instance_uid": "1.2.A"} for name in ("left", "right")]
    bench.readings = [Measured(WIDTH, value, 0.03, state) for value, state in zip((1.0, 5.0), states, strict=True)]
    numbers = tuple(Number("width", value, u=0.04, at={"target": name}) for name, value in (("right", 5.0), ("left", 1.5)))
    bench.theirs = Theirs("", (numbers, ()), (), "other", "3.1")
    bench.run("compare-engines")
    found = [(one.at["target"], one.value, one.their_value, one.outcome) for one in bench.record().comparisons]
    assert found == [("right", 5.0, 5.0, Outcome.PASS), ("left", 1.0, 1.5, Outcome.DISAGREEMENT)]


@pytest.mark.parametrize("theirs_missing", [True, False])
def test_numbers_of_different_images_are_not_judged_together(bench: Bench, theirs_missing: bool) -> None:
    """The largest of two images says nothing about the largest of one."""
    second = NotMeasured(WIDTH, "no ruler", {"sop_instance_uid": "1.2.B"})
    bench.readings = [measured(1.0, 0.03, uid="1.2.A"), measured(1.0, 0.03, uid="1.2.B") if theirs_missing else second]
    bench.readings.append(Measured(AREA, 4.0, 0.2))
    number = (Number("width", 1.0, u=0.04),)
    bench.theirs = Theirs("", (number, "gave up" if theirs_missing else number), (Number("area", 9.0, u=0.2),), "other", "3.1")
    bench.run("compare-engines")
    first, other, area = bench.record().comparisons
    assert (first.outcome, other.outcome, area.outcome) == (Outcome.PASS, Outcome.NOT_MEASURED, None)
    assert engines.OTHER_IMAGES in area.really
    assert area.their_value == 9.0


def test_session_tells_who_was_asked(bench: Bench) -> None:
    said: list[str] = []
    (record,) = session.run(["anything"], protocols.read(bench.protocol()), progress=said.append, second_engine=True).records
    assert "second engine: 6 MV, A" in said
    assert "second engine: told" in record.notes


def test_every_key_of_a_comparison_is_documented() -> None:
    text = (Path(__file__).parent.parent / "docs" / "json.md").read_text("utf-8")
    one = compare(Number("width", 1.0, u=0.04), measured(1.0, 0.03), {}, "other", "1")
    (row,) = readings_json([_record(one)])["comparisons"]
    assert [key for key in row if f"`{key}`" not in text] == []
    assert "`DISAGREEMENT`" in text


def _record(one: Compared) -> Record:
    from test_record import example

    return example(comparisons=(one,))


def test_a_disagreement_that_no_limit_asks_for_is_still_said() -> None:
    apart = compare(Number("width", 2.0, u=0.04), measured(1.0, 0.03), {}, "other", "1")
    record = replace(_record(apart), judgements=())
    assert any(line.kind == "second engine" and line.outcome is Outcome.DISAGREEMENT for line in lines(record))
    text = " ".join(pypdf.PdfReader(BytesIO(pdf.render(record))).pages[0].extract_text().split())
    assert "The two engines disagree on 1 of 1 numbers (width)" in text
    assert "width: two engines" in text  # among the exceptions
