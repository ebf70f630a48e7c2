"""A scan of film becomes an image when it states its size and has lost nothing; anything else is refused by name."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures
from rt_files import write, zipped

from qa import procedure, session
from qa.dicom import opened
from qa.protocol import read
from qa.reading import DicomError, QaError

LEVELS = (np.arange(40 * 52, dtype=np.uint16).reshape(40, 52) * 29 + 100).astype(np.uint16)  # rows, columns; every one another


def picture(levels: np.ndarray = LEVELS, kind: str = "TIFF", dpi: tuple[float, float] | None = (75.0, 150.0), **how: Any) -> bytes:
    """A picture file; ``dpi`` is (across, down)."""
    stream = io.BytesIO()
    Pictures.fromarray(levels).save(stream, kind, **({"dpi": dpi} if dpi else {}), **how)
    return stream.getvalue()


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def refusal(path: Path) -> str:
    with opened([path]) as batch:
        assert batch.acquisitions == ()
        (refused,) = batch.refused
        assert not refused.image  # it is no image of a set of DICOM files that lies beside it
        return refused.reason


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_scan_knows_its_size_and_nothing_of_the_machine(tmp_path: Path, kind: str) -> None:
    with opened([put(tmp_path / "gantry star.tif", picture(kind=kind))]) as batch:
        (acquisition,) = batch.acquisitions
        (image,) = acquisition.images
        assert (acquisition.radiation, image.radiation, acquisition.day) == ("film", "film", False)
        assert image.shape == (40, 52)
        assert image.spacing_mm == pytest.approx((25.4 / 150, 25.4 / 75), rel=1e-3)  # PNG keeps whole dots per metre
        assert image.sid_mm == image.sad_mm
        assert set(image.at) == {"sop_instance_uid"}
        assert image.acquired is None
        assert "angles are not known" in " ".join(image.notes)
        assert "dots per inch" in " ".join(image.notes)


def test_darker_is_more_radiation(tmp_path: Path) -> None:
    with opened([put(tmp_path / "a.tif", picture())]) as batch:
        pixels = batch.acquisitions[0].images[0].pixels
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, 65535 - LEVELS.astype(np.float32))


@pytest.mark.parametrize("bits", [8, 16])
def test_white_stored_as_zero_is_the_same_scan(tmp_path: Path, bits: int) -> None:
    """PhotometricInterpretation 0: large values are dark already."""
    levels = LEVELS if bits == 16 else (LEVELS >> 8).astype(np.uint8)
    full = 2**bits - 1
    data = bytearray(picture(levels))
    place = data.index(bytes([6, 1, 3, 0, 1, 0, 0, 0]))  # tag 262, SHORT, one value (TIFF 6.0, section 2)
    assert data[place + 8] == 1
    data[place + 8] = 0
    with opened([put(tmp_path / "a.tif", bytes(data))]) as batch:
        np.testing.assert_array_equal(batch.acquisitions[0].images[0].pixels, levels.astype(np.float32))
    assert full > levels.max()


def test_red_channel_of_a_colour_scan(tmp_path: Path) -> None:
    red = (LEVELS >> 8).astype(np.uint8)
    colours = np.stack([red, np.full_like(red, 7), 200 - red // 2], axis=-1)
    with opened([put(tmp_path / "a.tif", picture(colours))]) as batch:
        image = batch.acquisitions[0].images[0]
        np.testing.assert_array_equal(image.pixels, 255 - red.astype(np.float32))
        assert "red channel" in " ".join(image.notes)


def test_lossless_compression_is_read(tmp_path: Path) -> None:
    for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        with opened([put(tmp_path / f"{name}.tif", picture(compression=name))]) as batch:
            np.testing.assert_array_equal(batch.acquisitions[0].images[0].pixels, 65535 - LEVELS.astype(np.float32))


def test_centimetres_are_a_length_too(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Pictures.fromarray(LEVELS).save(stream, "TIFF", resolution_unit=3, x_resolution=40, y_resolution=50)
    with opened([put(tmp_path / "a.tif", stream.getvalue())]) as batch:
        assert batch.acquisitions[0].images[0].spacing_mm == pytest.approx((0.2, 0.25))


GREY8 = (LEVELS >> 8).astype(np.uint8)
REFUSED = {
    "no resolution": (picture(dpi=None), "does not state its resolution"),
    "no resolution, PNG": (picture(kind="PNG", dpi=None), "does not state its resolution"),
    "no unit": (picture(dpi=None, resolution_unit=1, x_resolution=75, y_resolution=75), "does not state its resolution"),
    "no scanner's resolution": (picture(dpi=(2.0, 2.0)), "which is no scan of film"),
    "JPEG": (picture(GREY8, kind="JPEG"), "moves edges"),
    "JPEG in a TIFF": (picture(GREY8, compression="jpeg"), "compressed with loss"),
    "cut short": (picture()[:3000], "damaged"),
    "cut short, PNG": (picture(kind="PNG")[:-200], "damaged"),
    "header only": (b"II*\x00" + bytes(60), "damaged"),
    "transparent": (picture(np.dstack([GREY8] * 4)), "transparent"),
    "two pages": (
        picture(save_all=True, append_images=[Pictures.fromarray(LEVELS)]),
        "2 pages",
    ),
    "palette": (picture(kind="PNG", levels=GREY8 % 2 == 0), "kind 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_scan_is_refused_and_told_what_to_do(tmp_path: Path, name: str) -> None:
    data, words = REFUSED[name]
    reason = refusal(put(tmp_path / "a.tif", data))
    assert words in reason
    assert any(advice in reason for advice in ("hand in a TIFF", "copy it again", "save one scan per file"))


def test_damage_at_any_place_never_goes_unnoticed_as_an_exception(tmp_path: Path) -> None:
    """Any bytes end in an image or in a refusal."""
    rng, whole = np.random.default_rng(3), picture(compression="tiff_lzw")
    for k in range(60):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 4):
            data[place] = int(rng.integers(256))
        with opened([put(tmp_path / f"{k}.tif", bytes(data))]) as batch:
            assert len(batch.acquisitions) + len(batch.refused) == 1


def test_changed_after_it_was_read(tmp_path: Path) -> None:
    path = put(tmp_path / "a.tif", picture())
    with opened([path]) as batch:
        put(path, picture(LEVELS + 1))
        with pytest.raises(DicomError, match="changed after it was read"):
            _ = batch.acquisitions[0].images[0].pixels


def test_every_scan_is_a_set_of_its_own_and_copies_count_once(tmp_path: Path) -> None:
    inside = zipped({"a.tif": picture(), "b.tif": picture(LEVELS + 3), "copy.tif": picture(), "photo.jpg": picture(GREY8, kind="JPEG")})
    with opened([put(tmp_path / "z.zip", inside), write(tmp_path / "m.dcm")]) as batch:
        sets = [(a.radiation, [image.name for image in a.images]) for a in batch.acquisitions]
        assert sets == [("MV", ["m.dcm"]), ("film", ["z.zip/a.tif"]), ("film", ["z.zip/b.tif"])]
        assert [r.name for r in batch.refused] == ["z.zip/copy.tif", "z.zip/photo.jpg"]


def test_no_other_test_takes_film(tmp_path: Path) -> None:
    with opened([put(tmp_path / "a.tif", picture())]) as batch:
        said = {name: procedure.load(name).accepts(batch.acquisitions[0]) for name in procedure.names()}
    assert [name for name, reason in said.items() if not reason] == []
    assert "no star" in said["starshot"]


def test_a_screen_shot_beside_a_session_is_told_and_harms_nothing(tmp_path: Path) -> None:
    with pytest.raises(QaError, match=r"(?s)a\.png.*no star of narrow beams"):
        session.run([put(tmp_path / "a.png", picture(kind="PNG"))], read("mppg9a_monthly"))
