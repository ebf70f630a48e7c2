"""Planar images held against the imagers that the site file lists: another panel is said, a binned or cropped one is not."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from qa import dicom, site, site_imagers
from qa.acquisition import Image
from qa.site import SiteError
from qa.site_imagers import strange
from qa.site_tables import Imager, Machine

MV = Imager(radiation="MV", serial="M1", sid_mm=(1500.0, 1400.0), columns=1280, rows=1280, pitch_mm=0.336)
KV = Imager(radiation="kV", serial="K1", sid_mm=(1500.0,), columns=1024, rows=768, pitch_mm=0.388)
OLD = Imager(radiation="MV", sid_mm=(1500.0,), columns=1024, rows=768, pitch_mm=0.392)


@dataclass(frozen=True)
class Shown:
    """What of an image is compared."""

    shape: tuple[int, int] = (1280, 1280)
    spacing_mm: tuple[float, float] = (0.336, 0.336)
    sid_mm: float = 1500.0
    radiation: str = "MV"
    machine: str = "LINAC-E"
    tags: dict[str, str] = field(default_factory=dict)
    name: str = "a.dcm"


def against(image: Shown, *imagers: Imager) -> str:
    machine = Machine(name="Linac 1", stations=("LINAC-E",), imager=imagers or (MV, KV))
    return "; ".join(strange(machine, [image]))  # type: ignore[list-item]


@pytest.mark.parametrize(
    "image",
    [
        Shown(),
        Shown(sid_mm=1400.95),
        Shown(sid_mm=1399.05),
        Shown(shape=(1190, 1190)),  # a part of the panel
        Shown(shape=(640, 640), spacing_mm=(0.672, 0.672)),  # binned 2 x 2
        Shown(shape=(640, 1280), spacing_mm=(0.672, 0.336)),  # binned along one axis
        Shown(shape=(427, 427), spacing_mm=(1.008, 1.008)),  # 1280 is no multiple of 3: the last one is cut off
        Shown(shape=(160, 160), spacing_mm=(2.688, 2.688)),
        Shown(spacing_mm=(0.3365, 0.3355)),  # written with three digits
        Shown(shape=(768, 1024), spacing_mm=(0.388, 0.388), radiation="kV"),
        Shown(shape=(384, 512), spacing_mm=(0.776, 0.776), radiation="kV"),
        Shown(tags={"DetectorID": "M1"}),
        Shown(machine="LINAC-E (serial 4711)"),  # the machine's own
        Shown(machine="LINAC-E (serial M1)"),
        Shown(shape=(4000, 3000), spacing_mm=(0.1, 0.1), radiation="film"),
    ],
)
def test_an_image_that_can_be_of_the_panel_is_not_doubted(image: Shown) -> None:
    assert against(image) == ""


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Shown(sid_mm=1401.1), "SID 1401.1 mm where it stands at 1500 or 1400 mm"),
        (Shown(spacing_mm=(0.392, 0.392), shape=(768, 1024)), "pixels of 0.392 x 0.392 mm where those of its panel are 0.336 mm"),
        (Shown(spacing_mm=(0.168, 0.168)), "pixels of 0.168 x 0.168 mm"),  # half a pixel is no reading of the panel
        (Shown(spacing_mm=(3.024, 3.024), shape=(64, 64)), "pixels of 3.024 x 3.024 mm"),
        (Shown(shape=(1281, 1280)), "1281 rows where its panel has 1280"),
        (Shown(shape=(640, 641), spacing_mm=(0.672, 0.672)), "641 columns of 2 pixels where its panel has 1280"),
        (Shown(shape=(1024, 768), spacing_mm=(0.388, 0.388), radiation="kV"), "1024 rows where its panel has 768"),
        (Shown(tags={"DetectorID": "M2"}), "serial M2 where it has M1"),
        (Shown(machine="LINAC-E (serial K1)"), "serial K1 where it has M1"),
        (Shown(sid_mm=1600.0, shape=(1281, 1280)), "SID 1600.0 mm where it stands at 1500 or 1400 mm, 1281 rows"),
    ],
)
def test_an_image_of_another_panel_is_doubted_with_what_to_do(image: Shown, words: str) -> None:
    said = against(image)
    assert words in said
    assert said.startswith(f"a.dcm can be of no {image.radiation} imager of Linac 1 in the site file (")
    assert said.endswith("find out whether they are of another panel or machine, or mend the [[machine.imager]] of Linac 1")


def test_one_imager_that_fits_is_enough_and_none_listed_compares_nothing() -> None:
    other = Shown(shape=(768, 1024), spacing_mm=(0.392, 0.392))
    assert against(other, MV, OLD) == ""
    said = against(Shown(shape=(1024, 1024), spacing_mm=(0.4, 0.4), sid_mm=1600.0), MV, OLD)
    assert "imager 1: SID 1600.0 mm" in said
    assert "imager 2: SID 1600.0 mm" in said
    assert against(other, KV) == ""
    assert strange(Machine(name="Linac 1"), [other]) == []  # type: ignore[list-item]


def test_what_an_imager_leaves_out_is_not_compared() -> None:
    odd = Shown(shape=(9999, 9999), spacing_mm=(0.4, 0.4))
    assert against(odd, Imager(radiation="MV", sid_mm=(1500.0,))) == ""
    assert against(Shown(sid_mm=1000.0), Imager(radiation="MV", columns=1280, rows=1280, pitch_mm=0.336)) == ""


def test_images_that_differ_in_the_same_way_share_a_sentence() -> None:
    images = [Shown(sid_mm=1600.0 + k / 100, name=f"{k}.dcm") for k in range(5)] + [Shown(), Shown(tags={"DetectorID": "M2"})]
    first, second = strange(Machine(name="Linac 1", imager=(MV,)), images)  # type: ignore[arg-type]
    assert first.startswith("0.dcm, 1.dcm, 2.dcm and 2 more can be of no MV imager")
    assert second.startswith("a.dcm can be")


SITE = """
name = "A"

[[machine]]
name = "Linac 1"
stations = ["LINAC-E"]
serials = ["4711"]

[[machine.imager]]
radiation = "MV"
serial = "M1"
sid_mm = 1500
columns = 1280
rows = 1280
pitch_mm = 0.336

[[machine]]
name = "Linac 2"
stations = ["LINAC-E"]
serials = ["4712"]
"""


def read(folder: Path, text: str = SITE) -> site.Site:
    (folder / "site.toml").write_text(text, "utf-8")
    return site.read(folder / "site.toml")


def test_an_imagers_serial_tells_the_machine(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.machine[0].imager == (Imager(radiation="MV", serial="M1", sid_mm=(1500.0,), columns=1280, rows=1280, pitch_mm=0.336),)
    assert found.machine_of("LINAC-E (serial M1)") == "Linac 1"
    assert found.machine_of("LINAC-E (serial 4711)") == "Linac 1"
    alone = Machine(name="Linac 1", stations=("LINAC-E",), imager=(MV,))
    assert alone.called("LINAC-E (serial 4711)")  # no serial of the machine is listed: any


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sid_mm", "sid", "machine number 1 imager number 1: nobody knows the key 'sid'; did you mean 'sid_mm'?"),
        ('serial = "M1"', 'serail = "M1"', "machine number 1 imager number 1: nobody knows the key 'serail'; did you mean 'serial'?"),
        ("sid_mm = 1500", "sid_mm = 150", "imager number 1 sid_mm number 1: input should be greater than or equal to 300, found 150"),
        ("sid_mm = 1500", "sid_mm = [1500, nan]", "sid_mm number 2: input should be less than or equal to 5000, found nan"),
        ("sid_mm = 1500", "sid_mm = true", "sid_mm number 1: input should be greater"),
        ("pitch_mm = 0.336", "pitch_mm = 336", "imager number 1, pitch_mm: input should be less than or equal to 5"),
        ("rows = 1280", "rows = 12.8", "imager number 1, rows: input should be a valid integer"),
        ("rows = 1280\n", "", "machine number 1 imager number 1: a panel is columns, rows and pitch_mm: give all three, or none of them"),
        ('radiation = "MV"', 'radiation = "mv"', "imager number 1, radiation: input should be 'kV' or 'MV', found 'mv'"),
        ('radiation = "MV"\n', "", "machine number 1 imager number 1: radiation is missing"),
        (SITE[SITE.index('serial = "M1"') : SITE.index('[[machine]]\nname = "Linac 2"')], "", "there is nothing in it to compare"),
        ('serials = ["4712"]', 'serials = ["M1"]', "both have the serial M1: nothing tells their images apart"),
    ],
)
def test_what_is_wrong_with_an_imager_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in SITE
    with pytest.raises(SiteError) as told:
        read(tmp_path, SITE.replace(old, new, 1))
    assert words in str(told.value)


# Real panels

PANELS = {
    "winston_lutz_17": (Imager(radiation="MV", sid_mm=(1400.0,), columns=1280, rows=1280, pitch_mm=0.336),),
    "couch_shift": (Imager(radiation="MV", sid_mm=(1500.0,), columns=1280, rows=1280, pitch_mm=0.336),),
    "igrt_chain": (MV, KV),
    "planar": (MV, OLD, KV),
}


@pytest.mark.real
@pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images")
@pytest.mark.parametrize("name", PANELS)
def test_real_images_are_of_their_panels_and_of_no_other(name: str) -> None:
    with dicom.opened([Path(os.environ["IGRTQA_REAL_DATA"]) / f"{name}.zip"]) as batch:
        images: list[Image] = [image for one in batch.acquisitions if not one.day for image in one.images]
        assert len(images) > 4
        assert strange(Machine(name="A", imager=PANELS[name]), images) == []
        elsewhere = [one.model_copy(update={"sid_mm": (1600.0,)}) for one in PANELS[name]]
        other = [one.model_copy(update={"pitch_mm": 0.4}) for one in PANELS[name]]
        for imagers in (elsewhere, other):
            for image in images:
                assert len(strange(Machine(name="A", imager=tuple(imagers)), [image])) == 1, image.name


def test_what_is_taken_as_the_same_is_what_the_page_says() -> None:
    page = (Path(__file__).parent.parent / "docs" / "site.md").read_text("utf-8")
    assert f"within {site_imagers.SID_WITHIN_MM:g} mm" in page
    assert f"within {100 * site_imagers.PITCH_WITHIN:g} %" in page
    assert f"up to {site_imagers.BINNED_MOST} pixels" in page
