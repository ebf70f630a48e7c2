"""Bad input, end to end: a clear message, an honest exit status, no traceback, and nothing lost."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import rt_files
from typer.testing import CliRunner

from phantoms import rtimage
from phantoms.kv import KvImager, kv_system
from phantoms.linac import BallSetup, Linac, Shot, expose
from phantoms.panel import Panel
from qa.cli import app
from qa.store import Store

BALL = BallSetup((0.3, -0.2, 0.4), 6.0)
LINAC = Linac(name="TEST-1", panel=Panel("crop", 118, 134, (0.56, 0.50)), noise_sigma=0.003)
GANTRY = tuple(Shot(gantry_deg=float(angle)) for angle in (0, 90, 180, 270))
SHOTS = (*GANTRY, Shot(collimator_deg=120.0), Shot(collimator_deg=240.0), Shot(couch_deg=90.0), Shot(couch_deg=270.0))


@dataclass(frozen=True)
class Ended:
    """What a person sees: the exit status and all text, every run of blanks as one."""

    status: int
    text: str


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set that passes: eight images of a perfect machine, the ball 0.54 mm from the isocentre."""
    folder = tmp_path_factory.mktemp("good")
    rtimage.write(expose(LINAC, BALL, SHOTS, np.random.default_rng(1)), folder, seed=1)
    (folder / "truth.json").unlink()
    return folder


@pytest.fixture
def images(good: Path, tmp_path: Path) -> Path:
    """A copy of the good set to spoil."""
    return Path(shutil.copytree(good, tmp_path / "images"))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite"


@pytest.fixture
def igrtqa(database: Path) -> Callable[..., Ended]:
    """Runs a command; whatever happens, no traceback reaches the user."""

    def run(command: str, *arguments: object, keep: str | Path = database) -> Ended:
        result = CliRunner().invoke(app, [command, *map(str, arguments), "--database", str(keep)])
        assert "Traceback" not in result.output
        assert "unexpected" not in result.output
        return Ended(result.exit_code, " ".join(result.output.split()))

    return run


def drawn(path: Path, linac: Linac = LINAC, balls: tuple[BallSetup, ...] = (BALL,), shot: Shot = GANTRY[0]) -> Path:
    """One image with something else on it."""
    folder = path.parent / f".{path.stem}"
    (image,) = rtimage.write(expose(linac, balls, [shot], np.random.default_rng(2)), folder, seed=2)
    shutil.move(image, path)
    shutil.rmtree(folder)
    return path


def change(path: Path, **values: Any) -> Path:
    """The file with elements replaced, removed (None) or set."""
    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path, write_like_original=False)
    return path


def stored(database: Path) -> int:
    return len(Store(database).list())


def test_good_set_passes(images: Path, igrtqa: Callable[..., Ended], database: Path) -> None:
    ended = igrtqa("run", images)
    assert ended.status == 0
    assert "verdict SRS: GO (PASS) verdict SBRT: GO (PASS)" in ended.text
    assert stored(database) == 1


def test_two_beams_are_no_set_that_covers_what_neither_covers(images: Path, igrtqa: Callable[..., Ended], database: Path) -> None:
    """Gantry by one beam, the rest by another: each has its own focal spot, and neither shows all axes of its isocentre."""
    beam = pydicom.dcmread(images / "000.dcm").ExposureSequence
    beam[0].KVP = "10000"
    for name in sorted(path.name for path in images.glob("*.dcm"))[4:]:
        change(images / name, ExposureSequence=beam, RTImageDescription="10X-FFF")
    ended = igrtqa("run", images)
    assert ended.status == 3
    assert "GO (PASS)" not in ended.text
    assert "6 MV, " in ended.text
    assert "10 MV FFF, " in ended.text
    assert stored(database) == 2


def zip_with(images: Path, *names: str) -> bytes:
    return rt_files.zipped({name: (images / "000.dcm").read_bytes() for name in names})


def with_password(archive: bytes) -> bytes:
    """The zip with every member marked as encrypted."""
    data = bytearray(archive)
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(start), archive):
            data[found.start() + flags] |= 1
    return bytes(data)


def bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.dcm", bytes(30 * 2**20))
    return stream.getvalue()


UNUSABLE: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "not DICOM": (lambda new, _: new.joinpath("notes.dcm").write_text("Dear colleague"), "notes.dcm: not a DICOM file"),
    "truncated": (
        lambda new, images: new.joinpath("cut.dcm").write_bytes((images / "000.dcm").read_bytes()[:-5000]),
        "cut.dcm: truncated",
    ),
    "empty folder": (lambda new, _: None, "no files in"),
    "empty file": (lambda new, _: new.joinpath("e.dcm").write_bytes(b""), "e.dcm: an empty file"),
    "password": (lambda new, images: new.joinpath("p.zip").write_bytes(with_password(zip_with(images, "a.dcm"))), "p.zip/a.dcm: protected"),
    "climbing": (
        lambda new, images: new.joinpath("c.zip").write_bytes(zip_with(images, "../climbed.dcm")),
        "c.zip/../climbed.dcm: its path leads out of the zip",
    ),
    "bomb": (lambda new, _: new.joinpath("b.zip").write_bytes(bomb()), "b.zip/bomb.dcm: unpacks to more than 200 times its size"),
    "damaged zip": (lambda new, images: new.joinpath("d.zip").write_bytes(zip_with(images, "a.dcm")[:-30]), "d.zip: damaged zip"),
    "CT": (
        lambda new, _: rt_files.write(new / "ct.dcm", rt_files.rt_image(SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT")),
        "ct.dcm: CT slices",
    ),
    "lossy": (
        lambda new, images: change(Path(shutil.copy(images / "000.dcm", new / "l.dcm")), LossyImageCompression="01"),
        "l.dcm: lossy compressed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_files_are_named_and_nothing_is_stored(
    case: str, good: Path, tmp_path: Path, igrtqa: Callable[..., Ended], database: Path
) -> None:
    make, expected = UNUSABLE[case]
    new = tmp_path / "new"
    new.mkdir()
    make(new, good)
    ended = igrtqa("run", new)
    assert ended.status == 2
    assert ended.text.startswith("error: ")
    name, _, reason = expected.partition(": ")
    assert name in ended.text
    assert reason in ended.text
    assert stored(database) == 0
    assert sorted(path.name for path in tmp_path.iterdir() if "sqlite" not in path.name) == ["new"]  # nothing climbed out


@pytest.mark.parametrize("case", [case for case in UNUSABLE if case != "empty folder"])
def test_unusable_file_beside_a_good_set_is_named_and_kept_in_the_record(
    case: str, good: Path, images: Path, igrtqa: Callable[..., Ended], tmp_path: Path
) -> None:
    make, expected = UNUSABLE[case]
    make(images, good)
    ended = igrtqa("run", images, "--json", tmp_path / "r.json")
    name, _, reason = expected.partition(": ")
    assert f"left out images/{name}: " in ended.text
    (record,) = json.loads((tmp_path / "r.json").read_text("utf-8"))["records"]
    assert sum(entry["used"] for entry in record["inputs"]) == len(SHOTS)
    (other,) = [entry for entry in record["inputs"] if not entry["used"]]
    assert other["name"] == f"images/{name}"
    assert reason in other["reason"]
    assert other["reason"] in ended.text


def test_a_kv_image_alone_is_measured_in_its_own_coordinates_and_passes_nothing(tmp_path: Path, igrtqa: Callable[..., Ended]) -> None:
    drawn(tmp_path / "k.dcm", kv_system(LINAC, KvImager()))
    ended = igrtqa("run", tmp_path / "k.dcm")
    assert ended.status == 3
    assert "no MV Winston-Lutz images" in ended.text
    assert "also asks for winston_lutz" in ended.text
    assert "(PASS)" not in ended.text


def test_zip_in_a_zip_is_opened(good: Path, tmp_path: Path, igrtqa: Callable[..., Ended]) -> None:
    inner = rt_files.zipped({path.name: path.read_bytes() for path in sorted(good.iterdir())})
    (tmp_path / "outer.zip").write_bytes(rt_files.zipped({"mail/inner.zip": inner}))
    ended = igrtqa("run", tmp_path / "outer.zip")
    assert ended.status == 0
    assert "files used: 8" in ended.text


def test_path_that_does_not_exist(tmp_path: Path, igrtqa: Callable[..., Ended]) -> None:
    ended = igrtqa("run", tmp_path / "nowhere")
    assert ended.status == 2
    assert "nowhere cannot be opened (No such file or directory)" in ended.text


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda path: drawn(path, balls=()), "no ball found"),
        (lambda path: drawn(path, balls=(BALL, BallSetup((-5.0, 5.0, 0.0), 6.0))), "more than one ball"),
        (lambda path: drawn(path, balls=(BallSetup((0.0, 25.0, 0.0), 6.0),)), "no ball found"),
        (lambda path: drawn(path, balls=(BallSetup((7.0, 0.0, 0.0), 6.0),)), "the ball reaches the field's edge"),
        (lambda path: drawn(path, replace(LINAC, full_scale=0.8)), "the image is saturated"),
        (lambda path: change(drawn(path), PixelData=np.full((118, 134), 1000, "<u2").tobytes()), "the image is blank"),
    ],
    ids=["no ball", "two balls", "ball outside the field", "ball at the field's edge", "saturated", "blank"],
)
def test_image_that_shows_no_measurable_ball_gives_a_reason_and_no_number(
    draw: Callable[[Path], Path], expected: str, tmp_path: Path, igrtqa: Callable[..., Ended], database: Path
) -> None:
    path = draw(tmp_path / "bad.dcm")
    ended = igrtqa("run", path, "--json", tmp_path / "r.json")
    assert ended.status == 3
    assert "verdict SRS: REPEAT (NOT_MEASURED)" in ended.text
    assert f"bad.dcm: {expected}" in ended.text
    readings = json.loads((tmp_path / "r.json").read_text("utf-8"))["readings"]
    assert readings
    assert all(reading["value"] is None and reading["reason"] for reading in readings)
    assert stored(database) == 1  # the attempt is on record


def test_one_bad_image_among_many_is_named_and_forbids_a_pass(images: Path, tmp_path: Path, igrtqa: Callable[..., Ended]) -> None:
    drawn(images / "002.dcm", balls=(), shot=GANTRY[2])
    ended = igrtqa("run", images, "--json", tmp_path / "r.json")
    assert ended.status == 3
    assert "verdict SRS: REPEAT (NOT_MEASURED) verdict SBRT: REPEAT (NOT_MEASURED)" in ended.text
    assert "002.dcm: no ball found" in ended.text
    assert "1 of 8 images could not be measured: images/002.dcm" in ended.text
    readings = json.loads((tmp_path / "r.json").read_text("utf-8"))["readings"]
    assert sum(r["quantity"] == "ball_offset_u" and r["value"] is not None for r in readings) == 7
    (largest,) = [r for r in readings if r["quantity"] == "max_ball_offset"]
    truth = max(np.hypot(*t) for k, t in enumerate(offsets()) if k != 2)
    assert abs(largest["value"] - truth) < 4 * largest["u"]


def offsets() -> list[tuple[float, float]]:
    """Ball minus field centre (u, v) of every shot, by the phantom's own rays."""
    exposures = expose(replace(LINAC, noise_sigma=0.0), BALL, SHOTS, np.random.default_rng(0))
    pairs = [(e.truth.ball_uv_mm[0], e.truth.field_uv_mm) for e in exposures]
    return [(ball[0] - field[0], ball[1] - field[1]) for ball, field in pairs]


@pytest.mark.parametrize(
    ("values", "what"),
    [({"RadiationMachineName": "TEST-2"}, "machine"), ({"AcquisitionDate": "20240103", "ContentDate": "20240103"}, "date")],
    ids=["two machines", "two dates"],
)
def test_two_machines_or_dates_in_one_folder_are_two_records(
    values: dict[str, str], what: str, images: Path, tmp_path: Path, igrtqa: Callable[..., Ended]
) -> None:
    for name in ("000.dcm", "001.dcm"):
        change(images / name, **values)
    ended = igrtqa("run", images, "--json", tmp_path / "r.json", "--pdf", tmp_path / "r.pdf")
    assert ended.status == 3  # neither part is complete
    records = json.loads((tmp_path / "r.json").read_text("utf-8"))["records"]
    assert [sum(entry["used"] for entry in record["inputs"]) for record in records] == [2, 6]
    if what == "machine":
        assert [record["machine"][:6] for record in records] == ["TEST-2", "TEST-1"]
        assert igrtqa("run", images, "--machine", "TEST-1").status == 2
    else:
        assert ["2024-01-03" in record["title"] for record in records] == [True, False]
    assert sorted(path.name for path in tmp_path.glob("*.pdf")) == ["r-1.pdf", "r-2.pdf"]


def test_missing_geometry_is_named_per_file(images: Path, igrtqa: Callable[..., Ended], database: Path) -> None:
    for number, keyword in enumerate(("RTImageSID", "ImagePlanePixelSpacing", "GantryAngle")):
        change(images / f"00{number}.dcm", **{keyword: None})
    for path in sorted(images.iterdir())[3:]:
        path.unlink()
    ended = igrtqa("run", images)
    assert ended.status == 2
    for number, keyword in enumerate(("RTImageSID", "ImagePlanePixelSpacing", "GantryAngle")):
        assert re.search(rf"images/00{number}\.dcm: [^/]*{keyword}", ended.text)
    assert stored(database) == 0


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("run", "images", "--protocol", "monthly"), "monthly: cannot be read (No such file or directory); expected a .toml file"),
        (("run", "images", "--protocol", "tg142_dayly"), "a protocol of the suite; did you mean 'tg142_daily'?"),
        (("report", "1234"), "there is no record '1234'"),
        (("report", "1234"), "name the store that holds it with --database"),
        (("report", ""), "there is no record ''"),
        (("export", "--csv", "r.csv", "--since", "2026-13-01"), "2026-13-01: expected a day, as 2026-11-27"),
        (("cause", "--machine", "L", "--since", "1.2.2026"), "1.2.2026: expected a day, as 2026-11-27"),
    ],
    ids=["protocol", "misspelt protocol", "record", "record of another store", "no record", "no day", "another order of a day"],
)
def test_unknown_name_is_answered_with_what_there_is(
    command: tuple[str, ...], expected: str, images: Path, igrtqa: Callable[..., Ended]
) -> None:
    ended = igrtqa(command[0], *(images if word == "images" else word for word in command[1:]))
    assert ended.status == 2
    assert expected in ended.text


def test_unknown_test_is_answered_with_those_there_are(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["rehearse", "winston", "--out", str(tmp_path / "new")])
    assert result.exit_code == 2
    assert "there is no test 'winston'; did you mean 'winston_lutz'?" in result.output
    assert not (tmp_path / "new").exists()
    result = CliRunner().invoke(app, ["rehearse", "ruler", "--out", str(tmp_path / "new")])
    assert result.exit_code == 2
    assert "there is no test 'ruler'; known: cbct_quality, " in result.output


def test_who_leaves_at_a_question_stopped_and_did_not_measure_a_failure(tmp_path: Path) -> None:
    """The end of the input, which a prompt does not tell from Ctrl-C: status 1 would say that the machine is out of its limits."""
    site = tmp_path / "site.toml"
    ended = CliRunner().invoke(app, ["init", str(site)], input="")
    assert (ended.exit_code, "stopped; nothing was stored" in ended.output, site.exists()) == (130, True, False)


def test_rehearsal_does_not_mix_with_what_is_there(good: Path) -> None:
    before = hashes(good)
    result = CliRunner().invoke(app, ["rehearse", "winston_lutz", "--out", str(good)])
    assert result.exit_code == 2
    assert "is not an empty folder" in result.output
    assert hashes(good) == before


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_full_disk_loses_the_report_but_not_the_record(
    images: Path, tmp_path: Path, igrtqa: Callable[..., Ended], database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for option in ("--pdf", "--json"):
        target = tmp_path / "out" / "older"
        target.parent.mkdir(exist_ok=True)
        target.write_text("older report")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            ended = igrtqa("run", images, option, target)
        assert ended.status == 2
        assert "No space left on device" in ended.text
        assert "record " in ended.text  # the measurement was shown, and stored
        assert target.read_text() == "older report"
        assert [path.name for path in target.parent.iterdir()] == ["older"]
    assert stored(database) == 2


@pytest.mark.parametrize("option", ["--pdf", "--json"])
def test_output_in_a_folder_that_is_not_there_is_said_before_the_measurement(
    option: str, images: Path, tmp_path: Path, igrtqa: Callable[..., Ended], database: Path
) -> None:
    ended = igrtqa("run", images, option, tmp_path / "nowhere" / "out")
    assert ended.status == 2
    assert f"{tmp_path / 'nowhere' / 'out'} is in no folder that there is: nothing was measured" in ended.text
    assert stored(database) == 0


def test_read_only_database_is_refused_and_left_as_it_was(images: Path, igrtqa: Callable[..., Ended], database: Path) -> None:
    Store(database)
    before = database.read_bytes()
    ended = igrtqa("run", images, keep=f"sqlite:///file:{database}?mode=ro&uri=true")
    assert ended.status == 2
    assert "read-only" in ended.text
    assert database.read_bytes() == before


def test_file_that_is_no_database_is_refused_and_left_as_it_was(images: Path, igrtqa: Callable[..., Ended], database: Path) -> None:
    database.write_text("shopping list " * 100)
    ended = igrtqa("run", images)
    assert ended.status == 2
    assert "not a database of records" in ended.text
    assert database.read_text() == "shopping list " * 100


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_output_is_said_on_the_error_output(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "qa.cli", "list", "--protocols"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: the output cannot be read or written (No space left on device): check disk and permission")


def test_wrong_usage_is_status_2(igrtqa: Callable[..., Ended]) -> None:
    assert igrtqa("run").status == 2
    assert igrtqa("run", "--colour").status == 2
    assert CliRunner().invoke(app, ["walk"]).exit_code == 2
