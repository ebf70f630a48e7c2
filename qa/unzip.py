"""A zip unpacked where it can do no harm: names never become paths, sizes are counted as written, never believed.

Only one level; zips inside are found and opened by ``qa.intake``, which also says what is left out by name.
"""

from __future__ import annotations

import itertools
import lzma
import os
import re
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from qa.acquisition import Refused
from qa.reading import DicomError

TOTAL_BYTES = 4 * 2**30  # a full year of daily planar images of one machine is below 2 GiB
MEMBER_BYTES = 2**30  # the largest single image in use, a tomosynthesis or 4D volume, stays below
MEMBERS = 20_000  # twenty CT series of a thousand slices
RATIO = 200  # images of real panels pack 2 to 50 times; deflate itself ends near 1030
RATIO_FROM_BYTES = 10 * 2**20  # below this an empty frame may well pack 1000 times and does no harm
DEPTH = 3  # a zip in a zip in a zip: a mailed export of an archive of exports
CHUNK = 2**20

UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error)


@dataclass(frozen=True)
class Found:
    """A file to be read: ``name`` as the user knows it ("set.zip/folder/file.dcm"), ``path`` where its bytes are."""

    name: str
    path: Path


@dataclass
class Budget:
    """What may still be unpacked in one go, shared by all zips and threads; ``serial`` numbers the unpacked files."""

    bytes: int
    members: int
    serial: Iterator[int] = field(default_factory=itertools.count)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, count: int) -> bool:
        """Whether ``count`` more bytes may be written; gives them out if so. A negative count hands them back."""
        with self.lock:
            if count > self.bytes:
                return False
            self.bytes -= count
            return True


def unpack(archive: Found, folder: Path, budget: Budget, left_out: Callable[[str], Refused | None]) -> tuple[list[Found], list[Refused]]:
    """The members of one zip as files in ``folder``, and those refused, each by name.

    ``left_out(member)`` says which are not wanted. An archive that cannot be read, has too many members or grows past what is left
    of the budget is refused as a whole: half a set could be measured without anyone noticing.
    DicomError when the disk cannot take the files.
    """
    try:
        with zipfile.ZipFile(archive.path) as opened:
            members = [(i, m) for i, m in enumerate(opened.infolist()) if not m.is_dir()]
    except (*UNREADABLE, OSError) as error:
        return [], [Refused(archive.name, f"damaged zip ({printable(str(error))}): copy or export it again")]
    if not members:
        return [], [Refused(archive.name, "the zip holds no files")]
    if len(members) > budget.members:
        return [], [Refused(archive.name, f"the zip holds {len(members)} files, more than {budget.members}: hand in fewer at a time")]
    budget.members -= len(members)
    refused: dict[str, Refused] = {}
    wanted: list[tuple[int, Found]] = []
    for index, member in members:
        shown = Found(f"{archive.name}/{printable(member.filename)}", folder / f"{next(budget.serial):06d}")
        refusal = _harm(shown.name, member) or left_out(shown.name)
        if refusal:
            refused[refusal.name] = refusal
        else:
            wanted.append((index, shown))
    found, failed, used = _extract(archive, wanted, budget)
    if failed is None:
        for file in found:
            file.path.unlink(missing_ok=True)
        budget.take(-used)
        return [], [Refused(archive.name, f"unpacks to more than {TOTAL_BYTES / 2**30:.3g} GiB in all: hand in fewer images at a time")]
    return found, [*refused.values(), *failed]


def _harm(name: str, member: zipfile.ZipInfo) -> Refused | None:
    """Why this member must not be unpacked, judged by its entry alone."""
    parts = re.split(r"[/\\]", member.filename)
    if ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", member.filename):
        return Refused(name, "its path leads out of the zip: do not trust this file, ask where it came from")
    if stat.S_ISLNK(member.external_attr >> 16):
        return Refused(name, "a link to another file: zip the images themselves")
    if member.flag_bits & 0x1:
        return Refused(name, "protected by a password: make the zip again without one", True)
    return None


def _extract(archive: Found, wanted: list[tuple[int, Found]], budget: Budget) -> tuple[list[Found], list[Refused] | None, int]:
    """All wanted members written, in threads: (files, refused or None when the budget ran out, bytes written)."""
    workers = max(1, min(os.cpu_count() or 1, len(wanted)))
    pool, stop = ThreadPoolExecutor(workers), threading.Event()
    try:
        shares = [pool.submit(_share, archive.path, wanted[i::workers], budget, stop) for i in range(workers)]
        results = [result for share in shares for result in share.result()]
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    used = sum(written for _, _, written in results)
    found = [file for file, reason, _ in results if not reason]
    if any(reason == "budget" for _, reason, _ in results):
        return found, None, used
    return found, [Refused(file.name, reason, True) for file, reason, _ in results if reason], used


def _share(path: Path, wanted: list[tuple[int, Found]], budget: Budget, stop: threading.Event) -> list[tuple[Found, str, int]]:
    """One thread's members through its own handle (a ZipFile counts its readers without a lock): (file, reason if refused, bytes)."""
    results = []
    with zipfile.ZipFile(path) as opened:
        members = opened.infolist()
        for index, file in wanted:
            if stop.is_set():
                break
            reason, written = _member(opened, members[index], file.path, budget)
            if reason:
                file.path.unlink(missing_ok=True)
            if reason and reason != "budget":
                budget.take(-written)
                written = 0
            results.append((file, reason, written))
            if reason == "budget":
                stop.set()
    return results


def _member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, budget: Budget) -> tuple[str, int]:
    """Write one member, counting what comes out: (reason or "", bytes written)."""
    written = 0
    try:
        with target.open("wb") as out, opened.open(member) as source:
            while chunk := source.read(CHUNK):
                if written + len(chunk) > MEMBER_BYTES:
                    return f"unpacks to more than {MEMBER_BYTES / 2**20:.4g} MiB: not an image this suite reads", written
                if written + len(chunk) > max(RATIO_FROM_BYTES, RATIO * member.compress_size):
                    return f"unpacks to more than {RATIO} times its size, as only a harmful file does", written
                if not budget.take(len(chunk)):
                    return "budget", written
                written += len(chunk)
                _write(chunk, target, out)
    except (*UNREADABLE, OSError) as error:
        return f"damaged in the zip ({printable(str(error))}): copy or export it again", written
    return "", written


def _write(chunk: bytes, target: Path, out: BinaryIO) -> None:
    try:
        out.write(chunk)
    except OSError as error:
        raise DicomError(f"cannot unpack into {target.parent}: {error.strerror}; make room there or point TMPDIR elsewhere") from error


def printable(name: str) -> str:
    """A file name that is safe to show: control characters and broken encodings become "?", separators "/"."""
    return "".join(c if c.isprintable() else "?" for c in name.replace("\\", "/").encode("utf-8", "replace").decode("utf-8"))
