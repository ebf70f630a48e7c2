"""Whatever is handed in, every file ends in an image or in a refusal that names it, and nothing is left on the disk."""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from rt_files import bytes_of, write, zipped

from qa import unzip
from qa.dicom import Batch, opened
from qa.reading import DicomError


def names(batch: Batch) -> list[str]:
    return [image.name for acquisition in batch.acquisitions for image in acquisition.images]


def reasons(batch: Batch) -> dict[str, str]:
    return {refused.name: refused.reason for refused in batch.refused}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_nothing_handed_in() -> None:
    with pytest.raises(DicomError, match="no files were handed in"), opened([]):
        pass


def test_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DicomError, match=r"nowhere.*No such file.*expected DICOM files"), opened([tmp_path / "nowhere"]):
        pass


def test_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DicomError, match=r"no files in .*expected DICOM files.*folder.*zip"), opened([tmp_path]):
        pass


def test_empty_folder_beside_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with opened([tmp_path / "empty", write(tmp_path / "a.dcm")]) as batch:
        assert names(batch) == ["a.dcm"]
        assert reasons(batch) == {"empty": "an empty folder"}


def test_any_mixture_in_order_of_name(tmp_path: Path) -> None:
    write(tmp_path / "set" / "b" / "2.dcm")
    write(tmp_path / "set" / "a.dcm")
    (tmp_path / "z.zip").write_bytes(zipped({"y/1.dcm": bytes_of(), "x.dcm": bytes_of()}))
    with opened([tmp_path / "z.zip", tmp_path / "set", write(tmp_path / "m.dcm")]) as batch:
        assert names(batch) == ["m.dcm", "set/a.dcm", "set/b/2.dcm", "z.zip/x.dcm", "z.zip/y/1.dcm"]
        assert batch.refused == ()


def test_progress_counts_every_file(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / "set" / f"{name}.dcm")
    calls: list[tuple[int, int]] = []
    with opened([tmp_path / "set"], lambda done, total: calls.append((done, total))):
        assert calls == [(1, 3), (2, 3), (3, 3)]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name in ("loaded/0.dcm", "unloaded/0.dcm", "unloaded/1.dcm"):
        write(tmp_path / name)
    with opened([tmp_path / "unloaded" / "0.dcm", tmp_path / "unloaded" / "1.dcm", tmp_path / "loaded" / "0.dcm"]) as batch:
        assert names(batch) == ["loaded/0.dcm", "unloaded/0.dcm", "unloaded/1.dcm"]
    with opened([tmp_path / "unloaded" / "0.dcm", tmp_path / "unloaded" / "1.dcm"]) as batch:
        assert names(batch) == ["0.dcm", "1.dcm"]


def test_two_folders_of_one_name(tmp_path: Path) -> None:
    write(tmp_path / "x" / "set" / "a.dcm")
    write(tmp_path / "y" / "set" / "a.dcm")
    with opened([tmp_path / "x" / "set", tmp_path / "y" / "set"]) as batch:
        assert names(batch) == ["set/a.dcm", "set/a.dcm (2)"]


def test_left_out_by_name_is_told(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.dcm")
    write(tmp_path / "set" / ".hidden" / "b.dcm")
    for name in (".DS_Store", "DICOMDIR"):
        (tmp_path / "set" / name).write_bytes(b"x")
    shadow = zipped({"__MACOSX/._c.dcm": b"x", "__MACOSX/._d.dcm": b"x", "dicomdir": b"x", "c.dcm": bytes_of()})
    (tmp_path / "set" / "z.zip").write_bytes(shadow)
    with opened([tmp_path / "set"]) as batch:
        assert names(batch) == ["set/a.dcm", "set/z.zip/c.dcm"]
        told = reasons(batch)
        assert sorted(told) == ["set/.DS_Store", "set/.hidden", "set/DICOMDIR", "set/z.zip/__MACOSX", "set/z.zip/dicomdir"]
        assert "hidden" in told["set/.DS_Store"]
        assert "hidden" in told["set/.hidden"]
        assert "index of a medium" in told["set/DICOMDIR"]
        assert "macOS" in told["set/z.zip/__MACOSX"]


def test_zip_in_zip_is_opened_and_named(tmp_path: Path) -> None:
    inner = zipped({"deep/1.dcm": bytes_of()})
    (tmp_path / "outer.zip").write_bytes(zipped({"folder/inner.zip": inner}))
    with opened([tmp_path / "outer.zip"]) as batch:
        assert names(batch) == ["outer.zip/folder/inner.zip/deep/1.dcm"]
        assert batch.acquisitions[0].images[0].pixels.shape == (40, 52)


def test_zip_is_told_by_its_content_too(tmp_path: Path) -> None:
    (tmp_path / "export").write_bytes(zipped({"1.dcm": bytes_of()}))
    (tmp_path / "letter.docx").write_bytes(zipped({"word/document.xml": b"<x/>"}))
    with opened([tmp_path / "export", tmp_path / "letter.docx"]) as batch:
        assert names(batch) == ["export/1.dcm"]
        assert reasons(batch)["letter.docx"].startswith("an office document: expected DICOM")


def test_four_zips_in_each_other_are_too_many(tmp_path: Path) -> None:
    data = zipped({"1.dcm": bytes_of()})
    for name in ("4.zip", "3.zip", "2.zip"):
        data = zipped({name: data})
    (tmp_path / "1.zip").write_bytes(data)
    with opened([tmp_path / "1.zip"]) as batch:
        assert names(batch) == []
        assert "unpack it" in reasons(batch)["1.zip/2.zip/3.zip/4.zip"]


def test_three_zips_in_each_other_are_not(tmp_path: Path) -> None:
    (tmp_path / "1.zip").write_bytes(zipped({"2.zip": zipped({"3.zip": zipped({"a.dcm": bytes_of()})})}))
    with opened([tmp_path / "1.zip"]) as batch:
        assert names(batch) == ["1.zip/2.zip/3.zip/a.dcm"]


def test_password_zip(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.dcm": bytes_of()}))
    data[6] |= 1  # general purpose flags of the local header, bit 0: encrypted (APPNOTE 4.4.4)
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and of the central directory
    (tmp_path / "z.zip").write_bytes(bytes(data))
    with opened([tmp_path / "z.zip"]) as batch:
        assert names(batch) == []
        assert "protected by a password: make the zip again without" in reasons(batch)["z.zip/a.dcm"]


@pytest.mark.parametrize(
    "climbing", ["../evil.dcm", "a/../../evil.dcm", "/evil.dcm", "C:/evil.dcm", "c:evil.dcm", "a\\..\\evil.dcm", "\\evil.dcm"]
)
def test_member_that_climbs_out(tmp_path: Path, scratch: Path, climbing: str) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({climbing: bytes_of(), "good.dcm": bytes_of()}))
    with opened([tmp_path / "z.zip"]) as batch:
        assert names(batch) == ["z.zip/good.dcm"]
        assert [reason for reason in reasons(batch).values() if "leads out of the zip" in reason]
        assert len(batch.refused) == 1
        assert not list(tmp_path.rglob("evil*"))


def test_member_that_is_a_link(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.dcm")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with opened([tmp_path / "z.zip"]) as batch:
        assert "a link to another file" in reasons(batch)["z.zip/link.dcm"]


def test_members_of_one_name_are_both_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("a.dcm", bytes_of())
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.dcm", bytes_of())
    with opened([tmp_path / "z.zip"]) as batch:
        assert names(batch) == ["z.zip/a.dcm", "z.zip/a.dcm (2)"]


def test_small_bomb_of_high_ratio(tmp_path: Path, scratch: Path) -> None:
    bomb = zipped({"zeros.dcm": bytes(12 * 2**20), "good.dcm": bytes_of()})  # 12 MiB of zeros deflate about 1000 times
    (tmp_path / "z.zip").write_bytes(bomb)
    with opened([tmp_path / "z.zip"]) as batch:
        assert names(batch) == ["z.zip/good.dcm"]
        assert "more than 200 times its size" in reasons(batch)["z.zip/zeros.dcm"]
        assert sum(f.stat().st_size for f in scratch.rglob("*") if f.is_file()) < 100_000


def test_an_empty_exposure_is_no_bomb(tmp_path: Path) -> None:
    blank = zipped({"blank.dcm": bytes(4 * 2**20)})  # packs 1000 times, but a blank panel image does too
    (tmp_path / "z.zip").write_bytes(blank)
    with opened([tmp_path / "z.zip"]) as batch:
        assert reasons(batch)["z.zip/blank.dcm"].startswith("not a DICOM file")


def test_member_larger_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unzip, "MEMBER_BYTES", 2**20)
    (tmp_path / "z.zip").write_bytes(zipped({"large.dcm": os.urandom(2**20 + 1), "good.dcm": bytes_of()}))
    with opened([tmp_path / "z.zip"]) as batch:
        assert names(batch) == ["z.zip/good.dcm"]
        assert "more than 1 MiB" in reasons(batch)["z.zip/large.dcm"]


def test_zip_larger_than_allowed_in_all_is_refused_whole(tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unzip, "TOTAL_BYTES", 30_000)
    small, image = zipped({"1.dcm": bytes_of()}), bytes_of()  # one image is below 6000 bytes
    assert len(image) < 6000
    (tmp_path / "a.zip").write_bytes(zipped({f"{n}.dcm": bytes_of() for n in range(8)}))
    (tmp_path / "b.zip").write_bytes(small)
    with opened([tmp_path / "a.zip", tmp_path / "b.zip"]) as batch:
        assert names(batch) == ["b.zip/1.dcm"]
        assert list(reasons(batch)) == ["a.zip"]
        assert "unpacks to more than" in reasons(batch)["a.zip"]


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unzip, "MEMBERS", 3)
    (tmp_path / "z.zip").write_bytes(zipped({f"{n}.dcm": b"x" for n in range(4)}))
    with opened([tmp_path / "z.zip"]) as batch:
        assert "4 files, more than 3" in reasons(batch)["z.zip"]


def test_size_claimed_too_small_does_not_pass(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.dcm": bytes_of()}, zipfile.ZIP_DEFLATED))
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = (1000).to_bytes(4, "little")  # uncompressed size as claimed
    (tmp_path / "z.zip").write_bytes(bytes(data))
    with opened([tmp_path / "z.zip"]) as batch:
        assert names(batch) == []
        assert "damaged in the zip" in reasons(batch)["z.zip/a.dcm"]


def test_damaged_member_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.dcm": bytes_of(), "b.dcm": bytes_of()}, zipfile.ZIP_STORED))
    data[2000] ^= 0xFF  # within a.dcm, whose checksum now differs
    (tmp_path / "z.zip").write_bytes(bytes(data))
    with opened([tmp_path / "z.zip"]) as batch:
        assert names(batch) == ["z.zip/b.dcm"]
        assert "damaged in the zip" in reasons(batch)["z.zip/a.dcm"]


@pytest.mark.parametrize("data", [b"PK\x03\x04 cut short", b"no zip at all", b""])
def test_damaged_zip(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "z.zip").write_bytes(data)
    with opened([tmp_path / "z.zip"]) as batch:
        assert "damaged zip" in reasons(batch)["z.zip"]


def test_zip_cut_short(tmp_path: Path) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({"a.dcm": bytes_of()})[:-40])
    with opened([tmp_path / "z.zip"]) as batch:
        assert "damaged zip" in reasons(batch)["z.zip"]


def test_zip_without_files(tmp_path: Path) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({}))
    with opened([tmp_path / "z.zip"]) as batch:
        assert reasons(batch) == {"z.zip": "the zip holds no files"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_pipes_and_links_to_nowhere(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.dcm")
    write(tmp_path / "other" / "b.dcm")
    os.mkfifo(tmp_path / "set" / "pipe")
    (tmp_path / "set" / "gone.dcm").symlink_to(tmp_path / "nowhere")
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "other")
    with opened([tmp_path / "set"]) as batch:
        assert names(batch) == ["set/a.dcm"]
        told = reasons(batch)
        assert told["set/pipe"] == "not an ordinary file"
        assert "leads nowhere" in told["set/gone.dcm"]
        assert "hand in that folder itself" in told["set/linked"]


def test_name_that_would_spoil_the_screen(tmp_path: Path) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({"a\x1b[31m.dcm": b"x"}))
    with opened([tmp_path / "z.zip"]) as batch:
        assert list(reasons(batch)) == ["z.zip/a?[31m.dcm"]


def test_full_disk_is_told_and_leaves_nothing(tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    whole = Path.open
    full = lambda path, *args, **how: Full() if scratch in path.parents else whole(path, *args, **how)  # noqa: E731
    monkeypatch.setattr(Path, "open", full)
    (tmp_path / "z.zip").write_bytes(zipped({"a.dcm": bytes_of()}))
    with pytest.raises(DicomError, match="No space left on device; make room"), opened([tmp_path / "z.zip"]):
        pass
    assert list(scratch.iterdir()) == []


def test_unpacked_files_go_at_the_end(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({"a.dcm": bytes_of()}))
    with opened([tmp_path / "z.zip"]) as batch:
        image = batch.acquisitions[0].images[0]
        assert len([f for f in scratch.rglob("*") if f.is_file()]) == 1
    assert list(scratch.iterdir()) == []
    with pytest.raises(DicomError, match=r"z.zip/a.dcm is not there any more"):
        _ = image.pixels


def test_unpacked_files_go_after_ctrl_c_in_the_block(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({"a.dcm": bytes_of()}))
    with pytest.raises(KeyboardInterrupt), opened([tmp_path / "z.zip"]):
        raise KeyboardInterrupt
    assert list(scratch.iterdir()) == []


def test_unpacked_files_go_after_ctrl_c_while_reading(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({f"{n}.dcm": bytes_of() for n in range(20)}))

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), opened([tmp_path / "z.zip"], interrupt):
        pass
    assert list(scratch.iterdir()) == []
