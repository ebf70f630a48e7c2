"""What a person says, held against the people and phantoms of the site file."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.drawn_records import drawn
from qa import site, site_said
from qa.acquisition import Acquisition
from qa.cli import app
from qa.site import Site, SiteError
from qa.site_said import Signer, Used
from qa.store import Store

TEXT = """
name = "Clinic A"
time_zone = "UTC"

[[machine]]
name = "Linac 1"

[[phantom]]
name = "5-ball cube"
serial = "0815"
certificate = "cube_0815.toml"
expires = 2027-01-01

[[phantom]]
name = "CatPhan 604"
serial = "12"

[[phantom]]
name = "CatPhan 604"
serial = "13"

[[person]]
name = "Ann Lee"
role = "therapist"

[[person]]
name = "Bob Kay"
role = "physicist"
"""


@pytest.fixture
def ours(tmp_path: Path) -> Site:
    (tmp_path / "site.toml").write_text(TEXT, "utf-8")
    return site.read(tmp_path / "site.toml")


def test_people_sign_as_they_stand_in_the_list(ours: Site) -> None:
    assert site_said.signer(ours, " ann  LEE ") == Signer("Ann Lee", "therapist")
    assert site_said.signer(ours, "Bob Kay", "Physicist", only=("physicist",)) == Signer("Bob Kay", "physicist")
    assert (site_said.performer(ours, "bob kay"), site_said.performer(ours, "")) == ("Bob Kay", "")


@pytest.mark.parametrize(
    ("name", "role", "only", "words"),
    [
        ("Ann Leigh", "", (), "has no person 'Ann Leigh'; did you mean 'Ann Lee'"),
        ("", "", (), "has no person ''; known: Ann Lee, Bob Kay"),
        ("Ann Lee", "physicist", (), "Ann Lee is a therapist in the site file, and not a physicist"),
        ("Ann Lee", "", ("physicist",), "Ann Lee is a therapist in the site file; this is for a physicist"),
    ],
)
def test_nobody_signs_who_is_not_listed_or_in_another_role(ours: Site, name: str, role: str, only: tuple[str, ...], words: str) -> None:
    with pytest.raises(SiteError) as refused:
        site_said.signer(ours, name, role, only)
    assert words in str(refused.value)


@pytest.mark.parametrize("said", ["5-ball cube", "0815", "5-Ball Cube 0815", "5-ball cube, serial 0815"])
def test_a_phantom_is_named_by_its_name_its_serial_or_both(ours: Site, tmp_path: Path, said: str) -> None:
    assert site_said.phantom(ours, said) == Used("5-ball cube, serial 0815", tmp_path / "cube_0815.toml", date(2027, 1, 1))
    assert site_said.phantom(ours, "12") == Used("CatPhan 604, serial 12")
    assert site_said.phantom(ours, "") == Used("")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("5-ball cubes", "has no phantom '5-ball cubes'; did you mean '5-ball cube'"),
        ("CatPhan 604", "may be any of 2 phantoms in the site file: give the serial number, 12 or 13"),
        ("5-ball cube, serial 12", "has no phantom '5-ball cube, serial 12'; did you mean '5-ball cube'"),
    ],
)
def test_a_phantom_that_is_not_listed_is_not_guessed(ours: Site, said: str, words: str) -> None:
    with pytest.raises(SiteError) as refused:
        site_said.phantom(ours, said)
    assert words in str(refused.value)


def test_without_a_list_everything_is_taken_as_it_is_said() -> None:
    bare = Site(name="B", machine=())
    for known in (None, bare):
        assert site_said.signer(known, "Anybody", "chief", only=("physicist",)) == Signer("Anybody", "chief")
        assert site_said.phantom(known, "any") == Used("any")
        assert site_said.performer(known, "Anybody") == "Anybody"


@pytest.mark.parametrize(
    ("acquired", "words"),
    [
        (datetime(2027, 1, 1, 23, tzinfo=UTC), ""),
        (datetime(2027, 1, 2, 1, tzinfo=UTC), "a cube may be used until 2027-01-01 only (site file)"),
        (None, "the files do not say when they were taken, and a cube may be used until 2027-01-01 only"),
    ],
)
def test_a_phantom_is_used_until_the_day_in_the_file(ours: Site, acquired: datetime | None, words: str) -> None:
    images = Acquisition((), "LINAC-E", "MV", "a trial")
    said = "".join(site_said.doubts(ours, Used("a cube", None, date(2027, 1, 1)), "Linac 1", images, acquired))
    assert said.startswith(words)
    assert bool(said) == bool(words)
    assert site_said.doubts(ours, Used("a cube"), "Linac 1", images, acquired) == []


def test_a_morning_in_the_east_is_after_the_last_day_though_utc_is_not(ours: Site) -> None:
    east = ours.model_copy(update={"time_zone": "Australia/Sydney"})
    acquired = datetime(2027, 1, 1, 21, tzinfo=UTC)  # 8 in the morning of 2 January in Sydney
    said = site_said.doubts(east, Used("a cube", None, date(2027, 1, 1)), "Linac 1", Acquisition((), "LINAC-E", "MV", "a trial"), acquired)
    assert [one.partition(" (")[0] for one in said] == ["a cube may be used until 2027-01-01 only"]


def test_a_beam_that_the_machine_lacks_is_doubted(ours: Site) -> None:
    def found(*energies: str, known: tuple[str, ...] = ("6 MV", "10 MV FFF"), radiation: str = "MV") -> list[str]:
        machine = ours.machine[0].model_copy(update={"energies": known})
        images = tuple(SimpleNamespace(radiation=radiation, energy=energy) for energy in energies)
        shown = Acquisition(images, "LINAC-E", radiation, "a trial")  # type: ignore[arg-type]
        return site_said.doubts(ours.model_copy(update={"machine": (machine,)}), Used(""), "Linac 1", shown, None)

    assert found("6 MV", "10 MV FFF", "") == []
    assert found("15 MV", known=()) == []
    assert found("100 kV", radiation="kV") == []
    assert found("6 MV", "10 MV") == [
        "the images state 10 MV, and Linac 1 has 6 MV, 10 MV FFF by the site file: find out whether they are of another machine, "
        "or add the beam to its energies"
    ]


def test_a_beam_is_spelt_as_images_are(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(TEXT.replace('name = "Linac 1"', 'name = "Linac 1"\nenergies = ["6MV", "10x"]'), "utf-8")
    with pytest.raises(SiteError, match=r"energies.*'6MV' is no treatment beam; write '6 MV' or '10 MV FFF'"):
        site.read(tmp_path / "site.toml")


def test_the_commands_ask_the_list(ours: Site, tmp_path: Path) -> None:
    file = tmp_path / "r.sqlite"
    store = Store(file)
    store.add(drawn(np.random.default_rng(3), "one"))
    asked = ["--site", str(tmp_path / "site.toml"), "--database", str(file)]

    def ran(*words: str) -> tuple[int, str]:
        ended = CliRunner().invoke(app, [*words, *asked])
        return ended.exit_code, ended.output

    assert ran("sign", "one", "--by", "Eve", "--as", "rejected")[0] == 2
    assert "this is for a physicist" in ran("sign", "one", "--by", "Ann Lee", "--as", "approved")[1]
    assert "this is for a physicist" in ran("accept", "one", "--by", "Ann Lee")[1]
    assert "this is for a physicist" in ran("back", "--machine", "Linac 1", "--by", "ann lee", "--because", "x")[1]
    whole = ("baseline", "accept", "winston_lutz", "--machine", "Linac 1", "--by", "Ann Lee", "--because", "x")
    assert "this is for a physicist" in ran(*whole)[1]
    assert "has no person 'Eve'" in ran("import-mpc", str(tmp_path), "--by", "Eve")[1]
    assert store.accepted_baselines() == ()
    assert store.standing("one").signatures == ()
    assert store.events() == ()
    assert ran("sign", "one", "--by", "bob kay", "--as", "rejected")[0] == 0
    (signed,) = store.standing("one").signatures
    assert (signed.who, signed.role) == ("Bob Kay", "physicist")
