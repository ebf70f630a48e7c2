"""The site file: what it says, whom its machines are called by, and how it is told what is wrong with it."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from phantoms import rtimage
from phantoms.linac import BallSetup, Linac, Shot, expose
from phantoms.panel import Panel
from qa import due, protocol, site
from qa.cli import app
from qa.done import Done, Key
from qa.due import State
from qa.site import SiteError
from qa.store import Store

WHOLE = """
name = "Clinic A"   # ours

[[machine]]
name = "Linac 1"
stations = ["LINAC-E"]
serials = ["4711"]

[[machine]]
name = "Linac 2"
stations = ["LINAC-E", "TB2"]
serials = ["4712"]
techniques = ["srs"]

[[phantom]]
name = "5-ball cube"
serial = "0815"
certificate = "cube_0815.toml"
expires = 2027-01-01

[[person]]
name = "A. Physicist"
role = "physicist"

[[schedule]]
protocol = "tg142_morning"
machines = ["Linac 1", "Linac 2"]
every = "daily"

[[schedule]]
protocol = "tg142_monthly_couch"
machines = ["Linac 1"]
every = "monthly"
grace_days = 3
"""

OWN = """
name = "own"
title = "Our own"
coverage_factor = 2.0
frequency = "monthly"
source = "own"

[[limit]]
id = "own.offset"
procedure = "winston_lutz"
quantity = "ball_offset_u"
unit = "mm"
kind = "absolute"
tolerance = 5.0
techniques = ["srs"]
frequency = "monthly"
source = "own"
confirmed = true
"""
MPPG = """
[[schedule]]
protocol = "mppg9a_monthly"
machines = ["Linac 1"]
every = "monthly"
"""


def read(folder: Path, text: str) -> site.Site:
    (folder / "site.toml").write_text(text, "utf-8")
    return site.read(folder / "site.toml")


@pytest.fixture
def clinic(tmp_path: Path) -> site.Site:
    return read(tmp_path, WHOLE)


def test_it_says_what_stands_in_it(clinic: site.Site) -> None:
    assert [machine.name for machine in clinic.machine] == ["Linac 1", "Linac 2"]
    assert clinic.machine[1].techniques == ("srs",)
    assert clinic.phantom[0].expires == date(2027, 1, 1)
    assert clinic.schedule[0].weekdays == ("mon", "tue", "wed", "thu", "fri")
    assert clinic.own_review is False


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("LINAC-E (serial 4711)", "Linac 1"),
        ("LINAC-E (serial 4712)", "Linac 2"),
        ("TB2", "Linac 2"),
        ("Linac 1", "Linac 1"),
    ],
)
def test_a_machine_is_known_by_what_its_images_say(clinic: site.Site, label: str, name: str) -> None:
    assert clinic.machine_of(label) == name


@pytest.mark.parametrize(
    ("label", "said", "name"),
    [
        ("LINAC-E", "Linac 2", "Linac 2"),  # fits both: a person decides
        ("LINAC-F (serial 1)", "Linac 2", "Linac 2"),  # nobody knows it
        ("LINAC-E (serial 4712)", "Linac 2", "Linac 2"),
    ],
)
def test_a_person_may_say_which_machine_it_is_where_the_images_leave_it_open(clinic: site.Site, label: str, said: str, name: str) -> None:
    assert clinic.machine_of(label, said) == name


def test_a_person_may_not_say_another_machine_than_the_images_do(clinic: site.Site) -> None:
    with pytest.raises(SiteError, match="which is Linac 1, and not Linac 2"):
        clinic.machine_of("LINAC-E (serial 4711)", "Linac 2")


def test_a_machine_may_be_named_with_its_serial_number() -> None:
    assert site.Machine(name="LINAC-E (serial 4711)").called("LINAC-E (serial 4711)")
    assert not site.Machine(name="LINAC-E (serial 4711)").called("LINAC-E (serial 4712)")


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("Linac 1", "Linac 1"),
        ("LINAC-E (serial 4711)", "Linac 1"),
        ("TB2 (serial 4712)", "Linac 2"),
        ("LINAC-E", "LINAC-E"),  # nothing tells whose it is
        ("LINAC-F", "LINAC-F"),
    ],
)
def test_stored_names_are_of_a_machine_only_where_nothing_is_guessed(clinic: site.Site, stored: str, name: str) -> None:
    assert clinic.own_name(stored) == name


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("LINAC-E", "Linac 1 and Linac 2 are both called so"),
        ("LINAC-E (serial 4713)", "no machine of Clinic A is called so"),
        ("LINAC-F", "did you mean 'LINAC-E'"),
        ("unknown machine", "say which one it is with --machine"),
    ],
)
def test_no_machine_is_guessed(clinic: site.Site, label: str, words: str) -> None:
    with pytest.raises(SiteError, match=words):
        clinic.machine_of(label)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('stations = ["LINAC-E"]', 'station = ["LINAC-E"]', "machine number 1: nobody knows the key 'station'; did you mean 'stations'?"),
        ('name = "Clinic A"', 'nme = "Clinic A"', "nobody knows the key 'nme'; did you mean 'name'?"),
        ('name = "Clinic A"', "", "name is missing"),
        ('"tg142_morning"', '"tg142_mornig"', "there is no protocol 'tg142_mornig'; did you mean 'tg142_morning'?"),
        ('machines = ["Linac 1"]', 'machines = ["Linak 1"]', "there is no machine 'Linak 1'; did you mean 'Linac 1'?"),
        ('every = "monthly"', 'every = "montly"', "schedule number 2, every: input should be 'daily'"),
        ("grace_days = 3", "grace_days = -3", "schedule number 2, grace_days: input should be greater than or equal to 0, found -3"),
        ('name = "Linac 2"', 'name = "Linac 1"', "machine Linac 1 stands there twice"),
        ('every = "monthly"', 'every = "monthly"\nweekdays = []', "schedule number 2, weekdays: name at least one, or leave the key out"),
        ('machines = ["Linac 1"]', "machines = []", "schedule number 2, machines: name at least one, or leave the table out"),
        ('"tg142_monthly_couch"', '"own.toml"', "schedule number 2, protocol: "),
        ('serials = ["4712"]', "", "machines Linac 1 and Linac 2 are both called LINAC-E: give Linac 2 serials"),
        ('serials = ["4712"]', 'serials = ["4711"]', "both have the serial 4711: nothing tells their images apart"),
        ('"TB2"]', '"Linac 1"]', "machine Linac 2: its images may say Linac 1, the name of another machine"),
        ('name = "Linac 2"', 'name = "LINAC-E (serial 4711)"', "machine Linac 1: its images may say LINAC-E (serial 4711), the name of"),
        ('name = "Clinic A"', 'name = "A"\ntime_zone = "Europe/Brlin"', "time_zone: there is no time zone 'Europe/Brlin'"),
        ('name = "Clinic A"', 'name = "A"\ntime_zone = "Europe/Brlin"', "did you mean 'Europe/Berlin'?"),
        ('role = "physicist"', 'role = "physics"', "role: input should be 'therapist' or 'physicist', found 'physics'"),
        ("[[machine]]", "[machine", "not a TOML file"),
        ("[[machine]]", f"deep = {'[' * 3000}\n[[machine]]", "not a TOML file"),
        (
            'stations = ["LINAC-E"]',
            'stations = "LINAC-E"',
            'machine number 1, stations: write it in brackets, as in stations = ["LINAC-E"]',
        ),
        ('"0815"', "815", 'phantom number 1, serial: write it in quotes, as in "815"'),
        ('"4712"', "4712", 'machine number 2 serials number 1: write it in quotes, as in "4712"'),
        ("[[person]]", "[person]", "person: each begins with [[person]], in two brackets, found [person]"),
        ("2027-01-01", '"1.1.2027"', "phantom number 1, expires: write the day as in 2027-01-31, without quotes, found '1.1.2027'"),
    ],
)
def test_what_is_wrong_is_named_with_the_nearest_right_spelling(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in WHOLE
    with pytest.raises(SiteError) as told:
        read(tmp_path, WHOLE.replace(old, new, 1))
    assert words in str(told.value)
    assert str(tmp_path / "site.toml") in str(told.value)


def test_a_file_in_another_encoding_is_told_from_a_wrong_one(tmp_path: Path) -> None:
    """Letters of the second line are outside ASCII; with the mark that some editors put before UTF-8 it is read."""
    text = WHOLE.replace("Clinic A", "Klinik S\u00fcd")
    for encoding in ("latin-1", "utf-16"):
        (tmp_path / "site.toml").write_bytes(text.encode(encoding))
        with pytest.raises(SiteError, match=f"not written in UTF-8 .line {2 if encoding == 'latin-1' else 1}.: save it in that encoding"):
            site.read(tmp_path / "site.toml")
    (tmp_path / "site.toml").write_bytes(text.encode("utf-8-sig"))
    assert site.read(tmp_path / "site.toml").name == "Klinik S\u00fcd"


def test_a_protocol_file_is_found_beside_the_site_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    found = read(tmp_path, WHOLE.replace("tg142_monthly_couch", "own.toml"))
    assert [one.protocol for one in due.due(found, {}, FRIDAY)] == ["tg142_morning", "tg142_morning", "own"]
    (tmp_path / "own.toml").write_text(OWN.replace("tolerance", "tolerence"), "utf-8")
    with pytest.raises(SiteError, match=r"schedule number 2, protocol: .*unknown key 'tolerence'"):
        site.read(tmp_path / "site.toml")


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="igrtqa init"):
        site.read(tmp_path / "site.toml")


# What is due: 2026-11-27 is a Friday

FRIDAY = date(2026, 11, 27)


def done(clinic: site.Site, name: str, machine: str, day: date, *, but: str = "") -> dict[Key, Done]:
    return {(machine, name, p): Done(day) for p in protocol.read(name).procedures if p != but}


def states(clinic: site.Site, last: dict[Key, Done], today: date) -> dict[tuple[str, str], tuple[State, date]]:
    return {(one.machine, one.protocol): (one.state, one.due) for one in due.due(clinic, last, today)}


@pytest.mark.parametrize(
    ("last", "today", "state", "on"),
    [
        (FRIDAY, FRIDAY, State.DONE, FRIDAY + timedelta(days=3)),
        (FRIDAY, FRIDAY + timedelta(days=1), State.DONE, FRIDAY + timedelta(days=3)),  # nothing is due on a Saturday
        (FRIDAY, FRIDAY + timedelta(days=3), State.DUE, FRIDAY + timedelta(days=3)),
        (FRIDAY, FRIDAY + timedelta(days=4), State.OVERDUE, FRIDAY + timedelta(days=3)),
    ],
)
def test_daily_checks_are_due_on_working_days(clinic: site.Site, last: date, today: date, state: State, on: date) -> None:
    found = states(clinic, done(clinic, "tg142_morning", "Linac 1", last), today)
    assert found["Linac 1", "tg142_morning"] == (state, on)
    assert found["Linac 2", "tg142_morning"] == (State.NEVER, today)


def test_monthly_checks_are_due_a_month_later_at_the_latest_on_a_working_day(clinic: site.Site) -> None:
    last = done(clinic, "tg142_monthly_couch", "Linac 1", date(2026, 10, 30))  # 31 days later is a Monday
    key, when = ("Linac 1", "tg142_monthly_couch"), date(2026, 11, 30)
    assert states(clinic, last, date(2026, 11, 29))[key] == (State.DONE, when)
    assert states(clinic, last, when + timedelta(days=3))[key] == (State.DUE, when)
    assert states(clinic, last, when + timedelta(days=4))[key] == (State.OVERDUE, when)
    saturday = done(clinic, "tg142_monthly_couch", "Linac 1", date(2026, 10, 28))  # 31 days later is a Saturday: the Friday before
    assert states(clinic, saturday, FRIDAY)[key] == (State.DUE, FRIDAY)


def test_a_protocol_is_done_when_all_of_it_is(clinic: site.Site) -> None:
    name = "tg142_monthly_couch"
    procedures = protocol.read(name).procedures
    assert len(procedures) > 1
    last = done(clinic, name, "Linac 1", FRIDAY, but=procedures[-1])
    (one,) = [one for one in due.due(clinic, last, FRIDAY) if one.protocol == name]
    assert (one.state, one.last, one.missing) == (State.NEVER, None, (procedures[-1],))
    last["Linac 1", name, procedures[-1]] = Done(FRIDAY - timedelta(days=40))
    (one,) = [one for one in due.due(clinic, last, FRIDAY) if one.protocol == name]
    assert (one.state, one.last, one.missing) == (State.OVERDUE, FRIDAY - timedelta(days=40), (procedures[-1],))


# The command line


def invoke(*words: object, said: str = "") -> tuple[int, str]:
    ended = CliRunner().invoke(app, [str(word) for word in words], input=said)
    return ended.exit_code, ended.output


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ball in one field, by a machine that its images call LINAC-E (serial 4711)."""
    folder = tmp_path_factory.mktemp("images")
    linac = Linac(name="LINAC-E", serial="4711", panel=Panel("crop", 190, 206, (0.4, 0.4)), noise_sigma=0.002)
    rtimage.write(expose(linac, BallSetup((1.0, -0.7, 0.5), 6.0), [Shot()], np.random.default_rng(1)), folder, seed=1)
    return folder


def test_a_run_names_the_machine_as_the_site_does(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site.toml").write_text(WHOLE, "utf-8")
    monkeypatch.setenv("IGRTQA_SITE", str(tmp_path / "site.toml"))
    _, text = invoke("run", images, "--database", tmp_path / "r.sqlite")
    assert "recorded for machine 'Linac 1'; the images say 'LINAC-E (serial 4711)'" in text
    assert {one.machine for one in Store(tmp_path / "r.sqlite").list()} == {"Linac 1"}
    status, text = invoke("run", images, "--machine", "Linac 3", "--database", tmp_path / "r.sqlite")
    assert status == 2
    assert "has no machine 'Linac 3'; did you mean" in text


def test_a_machine_that_the_site_does_not_know_is_asked_for(images: Path, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(WHOLE.replace('"4711"', '"9999"'), "utf-8")
    status, text = invoke("run", images, "--site", tmp_path / "site.toml", "--database", tmp_path / "r.sqlite")
    assert status == 2
    assert "no machine of Clinic A is called so" in text
    assert Store(tmp_path / "r.sqlite").list() == ()
    _, text = invoke("run", images, "--site", tmp_path / "site.toml", "--machine", "Linac 1", "--database", tmp_path / "r.sqlite")
    assert {one.machine for one in Store(tmp_path / "r.sqlite").list()} == {"Linac 1"}


def test_init_writes_a_file_that_can_be_read_and_never_over_another(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    status, text = invoke("init", file, said='Clinic "B"\nLinac 1\nLINAC-E\n4711\nLinac 2\n\n\n\n')
    assert status == 0, text
    made = site.read(file)
    assert made.name == 'Clinic "B"'
    assert [(one.name, one.stations, one.serials) for one in made.machine] == [
        ("Linac 1", ("LINAC-E",), ("4711",)),
        ("Linac 2", ("Linac 2",), ()),
    ]
    lines = file.read_text("utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("# [["))
    example = "\n".join(line.removeprefix("# ") for line in lines[first:])
    file.write_text("\n".join([*lines, example]), "utf-8")
    assert [one.name for one in site.read(file).preset] == ["morning"]
    assert [one.radiation for one in site.read(file).machine[-1].imager] == ["MV"]
    assert [one.name for one in site.read(file).person] == ["A. Physicist"]  # the comments are right when they are no comments any more
    before = file.read_text("utf-8")
    status, text = invoke("init", file, said="Clinic C\n\n")
    assert status == 2
    assert "is there already" in text
    assert file.read_text("utf-8") == before
    status, text = invoke("init", tmp_path / "two.toml", said="Clinic C\nL\n\n\nL\n\n\n\n")
    assert status == 2
    assert "machine L stands there twice" in text
    assert not (tmp_path / "two.toml").exists()
    assert ".draft" not in text


def test_due_shows_how_every_task_stands(images: Path, tmp_path: Path) -> None:
    """The ball stands 1 mm off, inside our own tolerance; one field is less than the whole that MPPG 9.a asks for."""
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    whole = WHOLE.replace("tg142_monthly_couch", "own.toml") + MPPG
    (tmp_path / "site.toml").write_text(whole, "utf-8")
    options = ("--site", tmp_path / "site.toml", "--database", tmp_path / "r.sqlite")
    assert invoke("run", images, *options, "--protocol", tmp_path / "own.toml")[0] == 0
    status, text = invoke("due", *options)
    assert status == 3
    assert "Linac 2: tg142_morning: never; daily, never done as a whole" in text
    assert "Linac 1: own: overdue; monthly, last done 2024-01-02, due 2024-02-02" in text
    assert "Linac 1: mppg9a_monthly: never; monthly, never done as a whole" in text
    invoke("run", images, *options)
    status, text = invoke("due", *options)
    assert "Linac 1: mppg9a_monthly: unfinished" in text
    assert "not finished, repeat or complete: winston_lutz (2024-01-02)" in text
    taken = rtimage.FIRST_EXPOSURE.date()
    assert Store(tmp_path / "r.sqlite").last_days()["Linac 1", "own", "winston_lutz"] == Done(taken)
    status, text = invoke("due", "--database", tmp_path / "r.sqlite")
    assert status == 2
    assert "igrtqa init" in text


def test_due_makes_no_database_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(WHOLE, "utf-8")
    status, text = invoke("due", "--site", tmp_path / "site.toml", "--database", tmp_path / "typo.sqlite")
    assert (status, "there is no such file of records" in text, (tmp_path / "typo.sqlite").exists()) == (2, True, False)


def test_the_command_line_refuses_a_machine_that_the_images_contradict(images: Path, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(WHOLE, "utf-8")
    options = ("--site", tmp_path / "site.toml", "--database", tmp_path / "r.sqlite")
    status, text = invoke("run", images, *options, "--machine", "Linac 2")
    assert (status, "which is Linac 1, and not Linac 2" in text) == (2, True)
    assert Store(tmp_path / "r.sqlite").list() == ()


@pytest.mark.parametrize(("until", "status"), [("2024-01-02", 0), ("2024-01-01", 3)])
def test_images_after_a_phantoms_last_day_give_no_pass(images: Path, tmp_path: Path, until: str, status: int) -> None:
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    text = WHOLE.replace("2027-01-01", until).replace('certificate = "cube_0815.toml"\n', "")
    (tmp_path / "site.toml").write_text(text, "utf-8")
    options = ("--site", tmp_path / "site.toml", "--database", tmp_path / "r.sqlite", "--protocol", tmp_path / "own.toml")
    ended, words = invoke("run", images, *options, "--phantom", "0815", "--performer", "a. physicist")
    assert ended == status, words
    assert ("5-ball cube, serial 0815 may be used until 2024-01-01 only" in words) == (status == 3)
    (record,) = Store(tmp_path / "r.sqlite").list()
    assert (record.phantom, record.performer) == ("5-ball cube, serial 0815", "A. Physicist")


@pytest.mark.parametrize(("sid", "status"), [("1500", 0), ("1600", 3)])
def test_images_of_another_panel_give_no_pass(images: Path, tmp_path: Path, sid: str, status: int) -> None:
    """The drawn panel is a part of one of 1024 x 1024 pixels, 0.4 mm, at 1500 mm."""
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    panel = f'[[machine.imager]]\nradiation = "MV"\nsid_mm = {sid}\ncolumns = 1024\nrows = 1024\npitch_mm = 0.4\n'
    text = WHOLE.replace('serials = ["4711"]\n', f'serials = ["4711"]\n\n{panel}')
    (tmp_path / "site.toml").write_text(text, "utf-8")
    options = ("--site", tmp_path / "site.toml", "--database", tmp_path / "r.sqlite", "--protocol", tmp_path / "own.toml")
    ended, words = invoke("run", images, *options)
    assert ended == status, words
    assert ("can be of no MV imager of Linac 1 in the site file (SID 1500.0 mm where it stands at 1600 mm)" in words) == (status == 3)


def test_a_listed_phantoms_certificate_is_used_and_looked_for_beside_the_site_file(images: Path, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(WHOLE, "utf-8")
    options = ("--site", tmp_path / "site.toml", "--database", tmp_path / "r.sqlite")
    status, words = invoke("run", images, *options, "--phantom", "0815")
    assert status == 2
    assert str(tmp_path / "cube_0815.toml") in words.replace("\n", "")
    assert invoke("run", images, *options)[0] != 2  # nobody says which phantom it is, so no certificate is asked for


CERTIFICATE = """
model = "5-ball cube"
serial = "0815"
issued = 2020-01-01
expires = 2030-01-01
source = "maker"

[[balls]]
name = "middle"
x_mm = 0.0
y_mm = 0.0
z_mm = 0.0
diameter_mm = 6.0
u_mm = [0.05, 0.05, 0.05]

[body]
shape = "cube"
size_mm = [60.0, 60.0, 60.0]
"""


@pytest.mark.parametrize(("until", "status"), [("2024-01-02", 0), ("2024-01-01", 3)])
def test_the_last_day_of_the_phantom_whose_certificate_is_handed_in_counts(images: Path, tmp_path: Path, until: str, status: int) -> None:
    """Nobody says --phantom, and the certificate itself is in force for years."""
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    (tmp_path / "cube.toml").write_text(CERTIFICATE, "utf-8")
    (tmp_path / "site.toml").write_text(WHOLE.replace("2027-01-01", until), "utf-8")
    options = ("--site", tmp_path / "site.toml", "--database", tmp_path / "r.sqlite", "--protocol", tmp_path / "own.toml")
    ended, words = invoke("run", images, *options, "--certificate", tmp_path / "cube.toml")
    assert ended == status, words
    assert ("5-ball cube, serial 0815 may be used until 2024-01-01 only" in words) == (status == 3)


# Presets

PRESET = """
[[preset]]
name = "Morning"
protocol = "own.toml"
phantom = "0815"
machines = ["Linac 1"]
"""


@pytest.fixture
def morning(tmp_path: Path) -> tuple[object, ...]:
    """The options of a run in a clinic with a preset."""
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    (tmp_path / "site.toml").write_text(WHOLE.replace('certificate = "cube_0815.toml"\n', "") + PRESET, "utf-8")
    return "--preset", "morning", "--site", tmp_path / "site.toml", "--database", tmp_path / "r.sqlite"


def judged_by(folder: Path) -> list[tuple[str, str]]:
    store = Store(folder / "r.sqlite")
    records = [store.get(one.record_id) for one in store.list()]
    return [(one.protocol, one.phantom) for one in sorted(records, key=lambda one: one.analysed)]


@pytest.mark.parametrize("command", ["run", "daily"])
def test_a_preset_says_protocol_and_phantom(images: Path, tmp_path: Path, morning: tuple[object, ...], command: str) -> None:
    status, words = invoke(command, images, *morning)
    assert status == 0, words
    assert f"preset Morning: protocol {tmp_path / 'own.toml'}, phantom 0815" in words
    assert judged_by(tmp_path) == [("own", "5-ball cube, serial 0815")]


@pytest.mark.parametrize("command", ["run", "daily"])
def test_what_is_typed_beside_a_preset_counts_instead(images: Path, tmp_path: Path, morning: tuple[object, ...], command: str) -> None:
    (tmp_path / "other.toml").write_text(OWN.replace('name = "own"', 'name = "other"'), "utf-8")
    status, words = invoke(command, images, *morning, "--protocol", tmp_path / "other.toml")
    assert status == 0, words
    assert judged_by(tmp_path) == [("other", "5-ball cube, serial 0815")]
    assert "has no phantom 'ball'" in invoke(command, images, *morning, "--phantom", "ball")[1]


@pytest.mark.parametrize("command", ["run", "daily"])
def test_a_preset_of_another_machine_measures_nothing(images: Path, tmp_path: Path, morning: tuple[object, ...], command: str) -> None:
    """The phantom of one machine must not be said to be on the other."""
    file = tmp_path / "site.toml"
    file.write_text(file.read_text("utf-8").replace('phantom = "0815"\nmachines = ["Linac 1"]', 'machines = ["Linac 2"]'), "utf-8")
    status, words = invoke(command, images, *morning)
    assert (status, "preset Morning is for Linac 2, and the images are of Linac 1" in words) == (2, True), words
    assert judged_by(tmp_path) == []


def test_a_preset_does_not_name_the_machine(images: Path, tmp_path: Path, morning: tuple[object, ...]) -> None:
    file = tmp_path / "site.toml"
    file.write_text(file.read_text("utf-8").replace('"4711"', '"9999"'), "utf-8")
    status, words = invoke("run", images, *morning)
    assert (status, "no machine of Clinic A is called so" in words) == (2, True), words
    assert judged_by(tmp_path) == []


def test_a_preset_that_is_not_there_is_named_with_the_nearest(images: Path, tmp_path: Path, morning: tuple[object, ...]) -> None:
    status, words = invoke("run", images, "--preset", "mornig", *morning[2:])
    assert (status, "has no preset 'mornig'; did you mean 'Morning'?" in words) == (2, True), words
    status, words = invoke("run", images, "--preset", "morning", "--database", tmp_path / "r.sqlite")
    assert (status, "name the site file with --site" in words) == (2, True), words


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('phantom = "0815"', 'phantom = "0851"', "preset Morning: the site file of Clinic A has no phantom '0851'; did you mean '0815'?"),
        ('protocol = "own.toml"', 'protocol = "tg142_mornig"', "preset Morning: there is no protocol 'tg142_mornig'; did you mean"),
        ('protocol = "own.toml"', 'protocol = "gone.toml"', "preset Morning, protocol: "),
        ('machines = ["Linac 1"]', 'machines = ["Linak 1"]', "preset Morning: there is no machine 'Linak 1'; did you mean 'Linac 1'?"),
        ('machines = ["Linac 1"]', "machines = []", "preset number 1, machines: name at least one, or leave the key out"),
        ('machines = ["Linac 1"]', 'machine = "Linac 1"', "preset number 1: nobody knows the key 'machine'; did you mean 'machines'?"),
        ('machines = ["Linac 1"]', PRESET, "preset Morning stands there twice"),
    ],
)
def test_what_is_wrong_with_a_preset_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    assert old in PRESET
    with pytest.raises(SiteError) as told:
        read(tmp_path, WHOLE + PRESET.replace(old, new))
    assert words in str(told.value)
    assert str(tmp_path / "site.toml") in str(told.value)


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (
            '[[person]]\nname = "Ann Lee"\nrole = "therapist"',
            '[[person]]\nname = "ann  lee"\nrole = "physicist"',
            "person Ann Lee, ann  lee stand",
        ),
        ('[[preset]]\nname = "A"\nprotocol = "tg142_morning"', '[[preset]]\nname = "a"\nprotocol = "mppg9a_monthly"', "preset A, a stand"),
    ],
)
def test_names_that_are_read_as_one_stand_there_once(tmp_path: Path, one: str, other: str, words: str) -> None:
    """Else the first of them would be taken, in a role or with a protocol that nobody meant."""
    with pytest.raises(SiteError) as told:
        read(tmp_path, f"{WHOLE}\n{one}\n\n{other}\n")
    assert words in str(told.value)


def test_two_protocol_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """Records keep the name alone: by a copy with wider limits a machine would be put back into use."""
    for file, tolerance in (("own.toml", "1.0"), ("wide.toml", "50.0")):
        (tmp_path / file).write_text(OWN.replace("tolerance = 5.0", f"tolerance = {tolerance}"), "utf-8")
    text = WHOLE.replace('"tg142_monthly_couch"', '"wide.toml"')
    with pytest.raises(SiteError, match=r"site.toml: .*wide\.toml and .*own\.toml are both named 'own'"):
        read(tmp_path, text.replace('serials = ["4711"]', 'serials = ["4711"]\nreturn_to_use = ["own.toml"]'))
    (tmp_path / "sub").mkdir()
    same = text.replace('serials = ["4711"]', 'serials = ["4711"]\nreturn_to_use = ["sub/../wide.toml"]')
    assert read(tmp_path, same).machine[0].return_to_use  # one file, named in two ways


RULES = """
name = "Clinic A"

[[machine]]
name = "Linac 1"
stations = ["TB1*"]

[[machine]]
name = "Linac 2"
stations = ["TB2-?", "TB[2]"]
"""


@pytest.mark.parametrize(
    ("label", "machine"),
    [("TB1", "Linac 1"), ("TB1-OBI (serial 9)", "Linac 1"), ("TB2-A", "Linac 2"), ("TB[2]", "Linac 2"), ("Linac 2", "Linac 2")],
)
def test_station_by_a_rule(tmp_path: Path, label: str, machine: str) -> None:
    (tmp_path / "site.toml").write_text(RULES)
    clinic = site.read(tmp_path / "site.toml")
    assert clinic.machine_of(label) == machine
    assert clinic.own_name(label) == machine


@pytest.mark.parametrize("label", ["TB2", "TB2-AB", "TB2+", "XTB1", "tb1", "TB*"])
def test_station_that_no_rule_fits_is_asked_for(tmp_path: Path, label: str) -> None:
    (tmp_path / "site.toml").write_text(RULES)
    with pytest.raises(SiteError, match="no machine of Clinic A is called so"):
        site.read(tmp_path / "site.toml").machine_of(label)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"TB1*"', '"*"', "'\\*' may be any machine's"),
        ('"TB1*"', '"T?1"', "may be any machine's"),
        ('"TB1*"', '"TB2*"', "machines Linac 1 and Linac 2 are both called TB2-\\?: give Linac 1 and Linac 2 serials"),
        ('"TB1*"', '"Lin*"', "machine Linac 1: its images may say Linac 2"),
    ],
)
def test_rule_that_fits_another_machine_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "site.toml").write_text(RULES.replace(old, new))
    with pytest.raises(SiteError, match=said):
        site.read(tmp_path / "site.toml")


def test_name_that_fits_two_rules_is_asked_for(tmp_path: Path) -> None:
    """Two patterns may meet in a name that neither spells: then nobody guesses."""
    (tmp_path / "site.toml").write_text(RULES.replace('"TB1*"', '"TB?-A"'))
    with pytest.raises(SiteError, match="Linac 1 and Linac 2 are both called so"):
        site.read(tmp_path / "site.toml").machine_of("TB2-A")
