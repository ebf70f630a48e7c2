"""Certificates of ball phantoms: read strictly, in force for a time, named in the record's notes."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from qa import certificate
from qa.reading import QaError

GOOD = """
model = "5-ball cube"
serial = "0815"
issued = 2025-01-01
expires = 2027-01-01
source = "coordinate measuring machine, report 12"
[body]
shape = "cube"
size_mm = [80.0, 80, 80.0]
[[balls]]
name = "A"
x_mm = 0
y_mm = 0.0
z_mm = 0.0
diameter_mm = 6.0
u_mm = [0.02, 0.02, 0.03]
[[balls]]
name = "B"
x_mm = 28.0
y_mm = 20.0
z_mm = -22.0
diameter_mm = 6.0
u_mm = [0.02, 0.02, 0.03]
[[marks]]
name = "off-centre"
x_mm = 14.0
y_mm = 12.0
z_mm = 10.0
u_mm = [0.1, 0.1, 0.1]
"""


def written(folder, text):
    path = folder / "cube.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_certificate_is_read_as_it_is_written(tmp_path):
    found = certificate.read(written(tmp_path, GOOD))
    assert (found.model, found.serial, found.issued, found.expires) == ("5-ball cube", "0815", date(2025, 1, 1), date(2027, 1, 1))
    assert [ball.place_mm for ball in found.balls] == [(0.0, 0.0, 0.0), (28.0, 20.0, -22.0)]
    assert found.balls[0].u_mm == (0.02, 0.02, 0.03)
    assert found.marks[0].name == "off-centre"
    assert found.body.size_mm == (80.0, 80.0, 80.0)
    assert "serial 0815" in found.words
    assert "expires 2027-01-01" in found.words


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ("", True), ("  ", True), ("5-ball cube", True), ("the 5-BALL CUBE of room 2", True), ("serial 0815", True), ("no. 0815", True),
        ("5-ball cube, serial 0815", True), ("5-Ball Cube (#0815)", True),
        ("another cube, serial 9999", False), ("5-ball cube, serial 9999", False), ("CatPhan 604", False), ("serial 10815", False),
        ("0815-2", False), ("815", False), ("cube", False),
    ],
)  # fmt: skip
def test_a_phantom_in_words_is_the_certified_one_by_serial_number_or_model(tmp_path, said, same):
    found = certificate.read(written(tmp_path, GOOD))
    assert (found.another(said) == "") == same
    if not same:
        assert said in found.another(said)
        assert "5-ball cube, serial 0815" in found.another(said)


WRONG = {
    "an unknown key": ("serial =", "colour = 'red'\nserial =", "unknown colour"),
    "a missing key": ('serial = "0815"', "", "serial missing"),
    "a number for a word": ('serial = "0815"', "serial = 815", "serial: expected str"),
    "a word for a date": ("expires = 2027-01-01", "expires = '2027-01-01'", "expires: expected date"),
    "a date and time": ("expires = 2027-01-01", "expires = 2027-01-01T00:00:00", "expires: expected date"),
    "two uncertainties": ("[0.02, 0.02, 0.03]", "[0.02, 0.02]", "balls 1, u_mm: expected 3 values, found 2"),
    "no uncertainty": ("[0.02, 0.02, 0.03]", "[0.02, 0.0, 0.03]", "balls, A: uncertainties"),
    "not a number": ("x_mm = 28.0", "x_mm = nan", "balls, B: every number is finite"),
    "a place of a ball in words": ("x_mm = 28.0", "x_mm = '28'", "balls 2, x_mm: expected float"),
    "two balls of one name": ('name = "B"', 'name = "A"', "name of its own"),
    "centimetres": ("x_mm = 28.0\ny_mm = 20.0\nz_mm = -22.0", "x_mm = 2.8\ny_mm = 2.0\nz_mm = -2.2", "overlap: are the places in mm"),
    "dates the wrong way round": ("issued = 2025-01-01", "issued = 2028-01-01", "before issued"),
    "a body of no shape": ('shape = "cube"', 'shape = "egg"', "'egg'; known: cube"),
    "a cube with one side": ("[80.0, 80, 80.0]", "[80.0]", "has 3 numbers"),
    "no TOML": ("[body]", "[body", "is no certificate in TOML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path, name):
    old, new, words = WRONG[name]
    assert old in GOOD
    with pytest.raises(QaError, match=r"cube\.toml") as told:
        certificate.read(written(tmp_path, GOOD.replace(old, new, 1)))
    assert words in str(told.value)


def test_the_documented_certificate_can_be_read(tmp_path):
    page = (Path(__file__).parent.parent / "docs" / "for_physicists.md").read_text("utf-8")
    (text,) = [block for block in re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if "[[balls]]" in block]
    assert certificate.read(written(tmp_path, text)).marks[0].name == "off-centre mark"


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(QaError, match=r"none\.toml"):
        certificate.read(tmp_path / "none.toml")


def test_a_certificate_counts_from_its_issue_to_its_expiry(tmp_path):
    found = certificate.read(written(tmp_path, GOOD))
    assert found.not_in_force(datetime(2026, 1, 1, tzinfo=UTC)) == ""
    assert "expired on 2027-01-01" in found.not_in_force(datetime(2027, 1, 2, tzinfo=UTC))
    assert "issued on 2025-01-01" in found.not_in_force(datetime(2024, 1, 2, tzinfo=UTC))
    assert "do not say when" in found.not_in_force(None)
