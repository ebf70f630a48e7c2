"""Which phantom a person's words name; a misspelt name is asked for, a word of one's own is not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from phantoms.models import named
from qa import phantom_said, procedure, site_said
from qa.acquisition import Acquisition
from qa.reading import QaError
from qa.site import Site
from qa.site_said import Used, doubts, remarks
from qa.site_tables import Phantom

NONE: list[str] = []
LAST = date(2027, 1, 1)
AFTER = datetime(2027, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("CatPhan 604", "catphan604"),
        ("Catphan604", "catphan604"),
        ("CTP604", "catphan604"),
        ("Catphan® 504", "catphan504"),
        ("CatPhan-604 no. 3", "catphan604"),
        ("CatPhan 604, serial 12", "catphan604"),
        ("our ACR464", "acr464"),
        ("QC-3V", "si_qc3"),
        ("las vegas phantom 2", "las_vegas"),
        ("Leeds TOR 18 FG, red", "leeds_tor18"),
    ],
)
def test_right_spellings_name_their_model(words: str, key: str) -> None:
    assert phantom_said.models(words) == {key}
    phantom_said.check(words)


@pytest.mark.parametrize(
    ("words", "right"),
    [
        ("Catphan604x", "'CatPhan 604'"),
        ("CatPan 604", "'CatPhan 604'"),
        ("CatPan 604, serial 12", "'CatPhan 604'"),
        ("our catfan 504", "'CatPhan 504'"),
        ("CatPhan 605", "'CatPhan 600' or 'CatPhan 604'"),
        ("Las Vega", "'Las Vegas'"),
        ("QCkVV", "'QC-kV'"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest(words: str, right: str) -> None:
    assert named(words, "ct") is None
    with pytest.raises(QaError) as told:
        site_said.phantom(None, words)
    assert f"the phantom {words!r} is none that is known; did you mean {right}?" in str(told.value)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "ball 7",
        "ball Ø 6.35 mm",
        "serial 12345",
        "another cube, serial 9999",
        "5-ball cube",
        "Catphan",
        "MC",
        "Penta-Guide",
        "604",
        "7" * 999,
    ],
)
def test_words_of_ones_own_are_taken_as_they_are(words: str) -> None:
    assert site_said.phantom(None, words) == Used(words)
    assert phantom_said.models(words) == frozenset()


def test_a_name_that_two_models_share_means_both() -> None:
    assert phantom_said.models("Doselab MC2 no. 1") == {"doselab_mc2_kv", "doselab_mc2_mv"}
    assert phantom_said.models("MC2 kV") == {"doselab_mc2_kv"}


@pytest.mark.parametrize(
    "words", ["catphan604", "CTP604", "Catphan 604", "Catphan® 604", "CTP604 serial 12", "catphan604, 12", "CatPhan-604"]
)
def test_a_listed_phantom_may_be_said_in_another_spelling_of_its_model(words: str) -> None:
    listed = clinic(catphan("12", LAST), CUBE)
    assert site_said.phantom(listed, words).words == "CatPhan 604, serial 12"


@pytest.mark.parametrize("words", ["CatPhan604x", "CTP504", "CTP604 serial 13", "our CatPhan 604"])
def test_a_listed_phantom_is_not_guessed_from_another_spelling(words: str) -> None:
    with pytest.raises(QaError, match="has no phantom"):
        site_said.phantom(clinic(catphan("12", LAST), CUBE), words)


# Nobody says which phantom it is


def clinic(*phantoms: Phantom) -> Site:
    return Site(name="A", machine=(), time_zone="UTC", phantom=phantoms)


def catphan(serial: str, expires: date | None) -> Phantom:
    return Phantom(name="CatPhan 604", serial=serial, expires=expires)


CUBE = Phantom(name="5-ball cube", serial="0815", expires=LAST)
IMAGES = Acquisition((), "LINAC-E", "CBCT", "a trial")


def said(site: Site, *shown: str, acquired: datetime = AFTER, used: str = "") -> tuple[list[str], list[str]]:
    return doubts(site, Used(used), "Linac 1", IMAGES, acquired, shown), remarks(site, Used(used), shown)


def test_the_only_one_of_the_model_that_the_images_show_counts() -> None:
    against, notes = said(clinic(CUBE, catphan("12", LAST)), "CatPhan 604")
    assert against == [
        "CatPhan 604, serial 12 may be used until 2027-01-01 only (site file): have it checked, and put the new date into the site file"
    ]
    assert len(notes) == 1
    assert "lists one of a model that the images show, CatPhan 604, serial 12, so its last day counts" in notes[0]
    assert said(clinic(CUBE, catphan("12", LAST)), "CatPhan 604", acquired=datetime(2027, 1, 1, tzinfo=UTC))[0] == NONE


def test_of_several_none_is_guessed_unless_all_are_past_their_last_day() -> None:
    against, notes = said(clinic(catphan("12", LAST), catphan("13", date(2028, 1, 1))), "CatPhan 604")
    assert against == NONE
    assert notes == [
        "no phantom's last day was checked: the images may show CatPhan 604, serial 12 and CatPhan 604, serial 13; "
        "say which one it is (--phantom)"
    ]
    against, _ = said(clinic(catphan("12", LAST), catphan("13", LAST)), "CatPhan 604")
    assert len(against) == 1
    assert "serial 12 may be used until" in against[0]
    assert "serial 13 may be used until" in against[0]


def test_what_the_images_do_not_tell_is_said_to_be_unchecked() -> None:
    unchecked = ["no phantom's last day was checked: nobody said which phantom it is (--phantom), and the images alone do not tell"]
    assert said(clinic(CUBE)) == (NONE, unchecked)
    assert said(clinic(catphan("12", LAST)), "CatPhan 504") == (NONE, unchecked)
    assert said(clinic(catphan("12", LAST)), "6 MV, gantry 0") == (NONE, unchecked)  # a setting that is no phantom
    assert said(clinic(catphan("12", None)), "CatPhan 604") == (NONE, NONE)  # there is no last day
    assert said(clinic(CUBE, catphan("12", None)), "CatPhan 604") == (
        NONE,
        ["no phantom's last day was checked: the images show CatPhan 604, serial 12 as the site file lists it, which states none"],
    )
    assert said(clinic()) == (NONE, NONE)
    assert said(clinic(CUBE), "CatPhan 604", used="CatPhan 604, serial 12")[1] == NONE


def test_a_phantom_that_was_said_does_not_stand_for_another_that_the_images_show() -> None:
    """A ball was said, and a CatPhan past its last day lies in the same folder."""
    cube = CUBE.model_copy(update={"expires": date(2030, 1, 1)})
    site = clinic(cube, catphan("12", LAST))
    words = site_said.phantom(site, cube.serial)
    (against,) = doubts(site, words, "Linac 1", IMAGES, AFTER, ("CatPhan 604",))
    assert against.startswith("CatPhan 604, serial 12 may be used until 2027-01-01 only (site file)")
    assert doubts(site, words, "Linac 1", IMAGES, AFTER, ("6 MV, gantry 0",)) == NONE
    (both,) = doubts(
        clinic(CUBE.model_copy(update={"expires": LAST}), catphan("12", LAST)),
        words._replace(expires=LAST),
        "Linac 1",
        IMAGES,
        AFTER,
        ("CatPhan 604",),
    )
    assert both.count("may be used until 2027-01-01 only") == 2
    good = site_said.phantom(clinic(catphan("12", LAST), catphan("13", date(2030, 1, 1))), "13")
    assert doubts(clinic(catphan("12", LAST), catphan("13", date(2030, 1, 1))), good, "Linac 1", IMAGES, AFTER, ("CatPhan 604",)) == NONE


def test_a_certificate_that_is_handed_in_says_which_phantom_it_is() -> None:
    from types import SimpleNamespace

    def used(site: Site | None, serial: str, said: str = "") -> Used:
        return site_said.certified(site, Used(said), SimpleNamespace(serial=serial))  # type: ignore[arg-type]

    cube = CUBE.model_copy(update={"expires": LAST})
    assert used(clinic(cube, catphan("12", None)), cube.serial).expires == LAST
    assert used(clinic(cube), "another number") == Used("")
    assert used(clinic(cube), cube.serial, "what a person says") == Used("what a person says")
    assert used(clinic(cube, catphan(cube.serial, None)), cube.serial) == Used("")  # two have it: nobody guesses
    assert used(None, cube.serial) == Used("")


def test_a_planar_phantom_is_known_by_either_of_its_areas() -> None:
    site = clinic(Phantom(name="Doselab MC2", serial="1", expires=LAST))
    assert len(said(site, "MC2 (MV area)")[0]) == 1


def test_a_session_hands_over_what_the_images_show(tmp_path: Path) -> None:
    """A drawn CatPhan, by the test that recognises it."""
    from functools import partial

    from qa import protocol, session

    found = next(procedure.load(name) for name in procedure.names() if name.startswith("cbct_"))
    rehearsal = found.rehearse(np.random.default_rng(3))
    rehearsal.write(tmp_path / "images")
    site = clinic(
        *(Phantom(name=name, serial="1", expires=date(2000, 1, 1)) for name in ("CatPhan 503", "CatPhan 504", "CatPhan 600", "CatPhan 604"))
    )
    judged_by = next(one for one in map(protocol.read, protocol.names()) if found.name in one.procedures)
    result = session.run(
        [tmp_path / "images"],
        judged_by,
        procedures=[found.name],
        doubts=partial(doubts, site, Used("")),
        remarks=partial(remarks, site, Used("")),
    )
    (record,) = result.records
    (note,) = [one for one in record.notes if "last day counts" in one]
    assert named(note, "ct") is named(rehearsal.acquisition.phantom, "ct")
    assert all(one.outcome.name not in ("PASS", "INDETERMINATE") for one in record.judgements)
    assert any("may be used until 2000-01-01 only" in one.reason for one in record.judgements)
