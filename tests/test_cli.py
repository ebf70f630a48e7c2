"""The command line: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import numpy as np
import pypdf
import pytest
from rich.console import Console
from typer.testing import CliRunner

from phantoms import rtimage
from phantoms.linac import BallSetup, Linac, Shot, expose
from phantoms.panel import AS1200
from qa import dicom, procedure, protocol, session
from qa.acquisition import Acquisition, Image, Refused
from qa.cli import app
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Measured, NotMeasured, Quantity, Reading
from qa.store import Store
from reports import screen

REPOSITORY = Path(__file__).parents[1]
HEAVY = ("numpy", "scipy", "pydicom", "sqlalchemy", "pylinac", "matplotlib", "reportlab", "fastapi", "rich")
WIDTH = Quantity("width", "mm", "width of the image", "test")
COLOUR = re.compile("\x1b\\[")
BOXES = re.compile("[─-╿]")  # box drawing

PROTOCOL = """
name = "own"
title = "Our own"
coverage_factor = 2.0
frequency = "daily"
source = "test"
"""
LIMIT = """
[[limit]]
id = "{id}"
procedure = "{test}"
quantity = "width"
unit = "mm"
tolerance = {tolerance}
kind = "absolute"
techniques = ["{technique}"]
frequency = "daily"
source = "test"
confirmed = true
"""


def invoke(*arguments: object) -> tuple[int, str]:
    """Exit status and all text of one command."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def image(name: str) -> Image:
    return Image(
        name=name,
        sop_instance_uid=f"1.2.{name}",
        sha256="00ff",
        shape=(3, 5),
        load=lambda: np.full((3, 5), 0.25, np.float32),
        spacing_mm=(0.4, 0.3),
        sid_mm=1500.0,
        sad_mm=1000.0,
        gantry_deg=0.0,
        collimator_deg=0.0,
        couch_deg=0.0,
        radiation="MV",
        machine=name,
        acquired=datetime(2026, 1, 5, 7, 0, tzinfo=UTC),
    )


@dataclass
class House:
    """A suite with one test, "ruler", that gives the readings it is told to; ``batch`` are the images that any path leads to."""

    folder: Path
    readings: list[Reading] = field(default_factory=lambda: [Measured(WIDTH, 1.0, 0.1)])
    batch: dicom.Batch = field(default_factory=lambda: dicom.Batch((one("A"),), ()))

    def protocol(self, *limits: tuple[str, float, str]) -> Path:
        """A protocol file with limits (test, tolerance, technique)."""
        path = self.folder / "own.toml"
        text = [LIMIT.format(id=n, test=test, tolerance=tol, technique=tech) for n, (test, tol, tech) in enumerate(limits)]
        path.write_text(PROTOCOL + "".join(text), "utf-8")
        return path

    def run(self, *limits: tuple[str, float, str], more: Sequence[object] = ()) -> tuple[int, str]:
        return invoke("run", "anything", "--protocol", self.protocol(*limits), "--database", self.database, *more)

    @property
    def database(self) -> Path:
        return self.folder / "records.sqlite"


def one(machine: str) -> Acquisition:
    return Acquisition((image(machine),), machine, "MV", f"6 MV, {machine}")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    built = House(tmp_path)

    def analyse(acquisition: Acquisition) -> Analysis:
        return Analysis(tuple(built.readings))

    def rehearse(rng: np.random.Generator) -> Rehearsal:
        raise NotImplementedError

    @contextmanager
    def opened(paths: Sequence[Path], progress: Callable[[int, int], None], scale_of: object = None) -> Iterator[dicom.Batch]:
        progress(1, 1)
        yield built.batch

    tests = {
        "ruler": Procedure("ruler", "A ruler", "1", (WIDTH,), lambda a: "", analyse, rehearse),
        "volume": Procedure("volume", "A volume", "1", (WIDTH,), lambda a: "needs a volume", analyse, rehearse),
    }
    monkeypatch.setattr(procedure, "names", lambda: tuple(tests))
    monkeypatch.setattr(procedure, "load", tests.__getitem__)
    monkeypatch.setattr(dicom, "opened", opened)
    return built


RULER = ("ruler", 2.0, "srs")


@pytest.mark.parametrize(
    ("reading", "limits", "status", "said", "of_record"),
    [
        (Measured(WIDTH, 1.0, 0.1), [RULER], 0, "verdict SRS: GO (PASS)", 0),
        (Measured(WIDTH, 1.9, 0.1), [RULER], 3, "verdict SRS: REPEAT (INDETERMINATE)", 3),
        (NotMeasured(WIDTH, "no ruler"), [RULER], 3, "verdict SRS: REPEAT (NOT_MEASURED)", 3),
        (Measured(WIDTH, 1.0, 0.1, missing="half of it"), [RULER], 3, "verdict SRS: REPEAT (NOT_MEASURED)", 3),
        (Measured(WIDTH, 2.5, 0.1), [RULER], 1, "verdict SRS: STOP (FAIL)", 1),
        (Measured(WIDTH, 2.5, 0.1), [RULER, ("ruler", 9.0, "imrt")], 1, "verdict IMRT: GO (PASS)\nverdict SRS: STOP (FAIL)", 1),
        (Measured(WIDTH, 1.0, 0.1), [RULER, ("volume", 2.0, "srs")], 3, "not fulfilled: Our own also asks for volume", 0),
        (Measured(WIDTH, 2.5, 0.1), [RULER, ("volume", 2.0, "srs")], 1, "not fulfilled: Our own also asks for volume", 1),
    ],
)
def test_status_is_that_of_the_worst_outcome(
    house: House, reading: Reading, limits: list[tuple[str, float, str]], status: int, said: str, of_record: int
) -> None:
    house.readings = [reading]
    ended, text = house.run(*limits)
    assert ended == status
    assert said in text
    (summary,) = Store(house.database).list()
    again, shown = invoke("report", summary.record_id[:8], "--database", house.database)
    assert again == of_record  # a record knows its own test only
    assert judged_lines(shown) == judged_lines(text)


def judged_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("verdict", "value", "exception"))]


def test_record_that_no_limit_judges_is_no_pass(house: House) -> None:
    nothing = protocol.Protocol("none", "No limits", 2.0, (), "daily", "test")
    (record,) = session.run(["x"], nothing, procedures=["ruler"], store=Store(house.database)).records
    status, text = invoke("report", record.record_id, "--database", house.database)
    assert status == 3
    assert "This is not a pass." in text


def test_plain_output_says_everything_in_stable_lines(house: House) -> None:
    house.readings = [
        Measured(WIDTH, 2.5, 0.1, {"gantry_deg": 90.0}, flags=("a caveat",)),
        NotMeasured(replace(WIDTH, key="height"), "no second ruler"),
    ]
    left = tuple(Refused(f"{n}.txt", "not a DICOM file") for n in range(5))
    house.batch = dicom.Batch((one("A"), replace(one("K"), radiation="kV")), (*left, Refused("z.zip", "damaged zip")))
    status, text = house.run(RULER, more=["--performer", "Zoë"])
    assert status == 1
    lines = text.splitlines()
    assert lines[0] == "ruler: 6 MV, A, 2026-01-05 07:00 UTC; files used: 1; judged by Our own"
    assert lines[1] == "verdict SRS: STOP (FAIL)"
    assert lines[2] == "exception FAIL width: 2.50 ± 0.20 mm is outside the tolerance of 2 mm [0]"
    assert "not measured height: no second ruler" in lines
    assert "value FAIL width: 2.50 ± 0.20 mm" in lines
    assert "caveat width: a caveat" in lines
    assert "left out 0.txt, 1.txt, 2.txt and 2 more: not a DICOM file" in lines
    assert "left out z.zip: damaged zip" in lines
    for summary in Store(house.database).list():
        assert f"record {summary.record_id} in {house.database}" in lines
    assert not COLOUR.search(text)
    assert not BOXES.search(text)


def test_terminal_shows_the_same_words_with_colour(house: House) -> None:
    house.readings = [Measured(WIDTH, 2.5, 0.1)]
    house.run(RULER)
    store = Store(house.database)
    record = store.get(store.list()[0].record_id)
    console = Console(file=StringIO(), force_terminal=True, color_system="standard", width=100)
    screen.show_records((record,), "here", console)
    output = console.file
    assert isinstance(output, StringIO)
    text = output.getvalue()
    assert COLOUR.search(text)
    for words in ("SRS", "✖", "STOP (FAIL)", "2.50 ± 0.20 mm", "is outside the tolerance of 2 mm", record.record_id):
        assert words in text


def test_several_records_in_one_go_have_numbered_reports_and_one_json(house: House) -> None:
    house.batch = dicom.Batch((one("A"), one("B")), ())
    status, text = house.run(RULER, more=["--pdf", house.folder / "r.pdf", "--json", house.folder / "r.json"])
    assert status == 0
    exported = [record["record_id"] for record in json.loads((house.folder / "r.json").read_text("utf-8"))["records"]]
    assert len(exported) == 2
    for number, record_id in enumerate(exported, 1):
        path = house.folder / f"r-{number}.pdf"
        assert record_id in "".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
        assert f"report of {record_id}: {path}" in text
    assert not (house.folder / "r.pdf").exists()


def test_one_record_has_exactly_the_report_asked_for_and_the_same_later(house: House) -> None:
    house.run(RULER, more=["--pdf", house.folder / "r.pdf"])
    (summary,) = Store(house.database).list()
    invoke("report", summary.record_id, "--pdf", house.folder / "again.pdf", "--database", house.database)
    assert (house.folder / "again.pdf").read_bytes() == (house.folder / "r.pdf").read_bytes()


def test_without_a_report_the_line_says_how_to_get_one(house: House) -> None:
    _, text = house.run(RULER)
    (command,) = re.findall("igrtqa (report .*) --pdf FILE", text)
    target = house.folder / "later.pdf"
    assert invoke(*shlex.split(command), "--pdf", target)[0] == 0
    assert target.read_bytes().startswith(b"%PDF")


def test_list_has_the_newest_first_and_their_verdicts(house: House) -> None:
    assert invoke("list", "--database", house.database) == (0, f"no records yet in {house.database}\n")
    house.run(RULER)
    house.readings = [Measured(WIDTH, 2.5, 0.1)]
    house.run(RULER)
    status, text = invoke("list", "--database", house.database)
    assert status == 0
    newest, oldest = text.splitlines()
    assert "SRS STOP (FAIL)" in newest
    assert "SRS GO (PASS)" in oldest
    assert invoke("list", "--most", 1, "--database", house.database) == (0, newest + "\n")


def test_accepted_record_is_the_baseline_from_then_on(house: House) -> None:
    house.run(RULER)
    (summary,) = Store(house.database).list()
    assert invoke("list", "--accepted", "--database", house.database) == (0, f"nothing is accepted yet in {house.database}\n")
    start = summary.record_id[:8]
    status, text = invoke("accept", start, "--by", "Zoë", "--comment", "after commissioning", "--database", house.database)
    assert status == 0
    accepted, becomes = text.splitlines()
    assert accepted.startswith(f"accepted {summary.record_id}: ")
    assert "by Zoë (after commissioning): ruler, A, taken 2026-01-05 07:00 UTC" in accepted
    assert becomes == "it is the baseline of A for ruler"
    assert invoke("list", "--accepted", "--database", house.database) == (0, accepted + "\n")
    own = house.protocol(RULER).read_text("utf-8").replace('"absolute"', '"baseline"')
    (house.folder / "base.toml").write_text(own, "utf-8")
    house.readings = [Measured(WIDTH, 1.5, 0.1)]
    house.batch = dicom.Batch((replace(one("A"), images=(replace(image("A"), sha256="0100", sop_instance_uid="1.2.0100"),)),), ())
    status, text = invoke("run", "x", "--protocol", house.folder / "base.toml", "--database", house.database)
    assert status == 0
    assert "verdict SRS: GO (PASS)" in text
    assert invoke("accept", start, "--by", " ", "--database", house.database)[0] == 2
    assert invoke("accept", start, "--database", house.database)[0] == 2


def test_what_failed_is_not_accepted(house: House) -> None:
    house.readings = [Measured(WIDTH, 2.5, 0.1)]
    house.run(RULER)
    (summary,) = Store(house.database).list()
    status, text = invoke("accept", summary.record_id, "--by", "Zoë", "--database", house.database)
    assert status == 2
    assert f"record {summary.record_id} cannot be accepted: a limit failed in it" in text
    assert Store(house.database).accepted() == ()


def test_tests_and_protocols_are_listed_from_where_they_are() -> None:
    status, text = invoke("list", "--tests", "--protocols")
    assert status == 0
    for name in procedure.names():
        assert f"test {name}: {procedure.load(name).title}" in text
    for name in protocol.names():
        assert f"protocol {name}: {protocol.read(name).title}" in text


def test_command_line_names_no_test() -> None:
    for module in ("cli", "exits", "keeping", "progress"):
        text = (REPOSITORY / "qa" / f"{module}.py").read_text("utf-8")
        assert not [name for name in procedure.names() if name in text or name.replace("_", "-") in text.lower()]


def test_interrupted_run_says_what_is_stored(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(acquisition: Acquisition) -> Analysis:
        if acquisition.machine == "B":
            raise KeyboardInterrupt
        return Analysis((Measured(WIDTH, 1.0, 0.1),))

    ruler = procedure.load("ruler")
    monkeypatch.setattr(procedure, "names", lambda: ("ruler",))
    monkeypatch.setattr(procedure, "load", lambda name: replace(ruler, analyse=stop))
    house.batch = dicom.Batch((one("B"), one("A")), ())
    assert house.run(RULER) == (130, "stopped; nothing was stored\n")
    assert Store(house.database).list() == ()
    house.batch = dicom.Batch((one("A"), one("B")), ())
    status, text = house.run(RULER)
    (summary,) = Store(house.database).list()
    assert (status, text) == (130, f"stopped; stored before: {summary.record_id} in {house.database}\n")


def test_unexpected_error_is_one_line_and_its_place_only_on_request(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault\nof ours")

    monkeypatch.setattr(session, "run", broken)
    expected = "unexpected error (ZeroDivisionError: a fault of ours): please report it; run again with --debug to see where it came from\n"
    assert house.run(RULER) == (2, expected)
    for arguments in (["--debug", "run", "x"], ["run", "x", "--debug"]):
        status, text = invoke(*arguments, "--protocol", house.protocol(RULER), "--database", house.database)
        assert status == 2
        assert "Traceback" in text
        assert "in broken" in text
    assert house.run(RULER) == (2, expected)  # and not for ever after


def test_text_from_files_is_shown_and_not_obeyed(house: House) -> None:
    evil = "L\x1b[2J\u202e\nverdict SRS: GO (PASS)"
    house.batch = dicom.Batch((replace(one("A"), title=evil),), (Refused(evil, "damaged zip"),))
    house.readings = [Measured(WIDTH, 2.5, 0.1)]
    status, text = house.run(RULER)
    assert status == 1
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert [line for line in text.splitlines() if line.startswith("verdict")] == ["verdict SRS: STOP (FAIL)"]


def test_console_that_cannot_spell_a_name_ends_no_run(tmp_path: Path) -> None:
    own = tmp_path / "Prüfung.toml"
    command = [sys.executable, "-m", "qa.cli", "run", str(tmp_path), "--protocol", str(own)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert b"Pr\\xfcfung.toml: cannot be read" in done.stderr


def test_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} -m qa.cli list --protocols | true", shell=True, cwd=REPOSITORY, capture_output=True
    )
    assert done.stderr == b""


def test_help_comes_without_heavy_modules() -> None:
    code = (
        "import sys; from qa.cli import app\n"
        "for command in ([], ['run'], ['demo'], ['list'], ['report'], ['accept'], ['rehearse'], ['compare-engines']):\n"
        "    try: app([*command, '--help'])\n"
        "    except SystemExit as end: assert end.code == 0\n"
        f"print('loaded:', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "compare-engines" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded: []"


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal can be imitated on Unix only")
def test_progress_is_shown_on_a_terminal_and_gone_from_the_output(tmp_path: Path) -> None:
    import pty

    rtimage.write(expose(LINAC, BALL, [Shot()], np.random.default_rng(1)), tmp_path / "images", seed=1)
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "qa.cli", "run", str(tmp_path / "images"), "--database", str(tmp_path / "r.sqlite")]
    running = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=slave, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    shown = b""
    try:
        while more := os.read(master, 65536):  # all of it: a slow machine turns the wheel often before it comes to a test's name
            shown += more
    except OSError as end:
        if end.errno != errno.EIO:  # Linux says so when the other side has closed
            raise
    os.close(master)
    out, _ = running.communicate()
    assert "Winston-Lutz" in shown.decode()
    assert not COLOUR.search(out.decode())
    piped = subprocess.run(command, cwd=REPOSITORY, capture_output=True)
    assert piped.stderr == b""


LINAC = Linac(name="KNOWN", panel=replace(AS1200, rows=190, columns=206), noise_sigma=0.002)
BALL = BallSetup((1.0, -0.7, 0.5), 6.0)


def test_rehearsal_is_repeatable_and_measured_as_it_was_drawn(tmp_path: Path) -> None:
    name = "winston_lutz"
    for folder in ("a", "b"):
        status, text = invoke("rehearse", name, "--out", tmp_path / folder, "--seed", 8)
        assert status == 0
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert drawn == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    truth = {key: float(value) for key, value in re.findall(r"^truth (\w+): (\S+)", text, re.MULTILINE)}
    assert truth
    invoke("run", tmp_path / "a", "--json", tmp_path / "r.json", "--database", tmp_path / "r.sqlite")
    readings = json.loads((tmp_path / "r.json").read_text("utf-8"))["readings"]
    pulls = [abs(r["value"] - truth[r["quantity"]]) / r["u"] for r in readings if r["quantity"] in truth and r["value"] is not None]
    assert len(pulls) == len(truth)
    assert max(pulls) < 5  # about 20 quantities: beyond 5 u something is wrong with files or signs


@pytest.mark.real
def test_real_set_gives_a_report(tmp_path: Path) -> None:
    folder = os.environ.get("IGRTQA_REAL_DATA")
    if not folder:
        pytest.skip("IGRTQA_REAL_DATA is not set")
    status, text = invoke("run", Path(folder) / "couch_shift.zip", "--pdf", tmp_path / "r.pdf", "--database", tmp_path / "r.sqlite")
    assert status == 1  # the ball was moved by 3 mm in two of the three sets
    assert text.count("verdict SRS: STOP (FAIL)") == 2
    assert sorted(path.name for path in tmp_path.glob("*.pdf")) == [f"r-{k}.pdf" for k in (1, 2, 3, 4)]  # and the couch's
