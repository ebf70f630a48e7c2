"""What a user hands in - files, folders, zips, zips in zips - becomes files on disk, and nothing of it disappears.

Every file ends in one of two lists: found, or refused with the reason. Contents are not looked at beyond telling a zip.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from qa import unzip
from qa.acquisition import Refused
from qa.reading import DicomError
from qa.unzip import Budget, Found, printable

EXPECTED = "expected DICOM files of a phantom (RT Image, CT), a folder of them or a zip"
EMPTY = "an empty folder"
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
DOCUMENTS = {".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".jar", ".whl", ".epub"}  # zips by format, not by purpose


def found(paths: Sequence[Path], folder: Path) -> tuple[list[Found], list[Refused]]:
    """All files behind ``paths``, sorted by name, and everything left out; zips are unpacked into ``folder``.

    Where two of the files handed in one by one have one name, each of these is called by its folder and its name.

    DicomError when nothing was handed in, a path does not exist, or there is not one file behind all paths.
    """
    if not paths:
        raise DicomError(f"no files were handed in: {EXPECTED}")
    files: list[Found] = []
    refused: list[Refused] = []
    alone = [path.name for path in map(Path, paths) if path.is_file()]
    twins = len(set(alone)) < len(alone)
    for path in map(Path, paths):
        for item in _listed(path, f"{path.absolute().parent.name}/" if twins and path.is_file() else ""):
            if isinstance(item, Refused):
                refused.append(item)
            else:
                files.append(item)
    if not files and all(r.reason == EMPTY for r in refused):
        raise DicomError(f"no files in {', '.join(str(p) for p in paths)}: {EXPECTED}")
    budget = Budget(unzip.TOTAL_BYTES, unzip.MEMBERS)
    plain: list[Found] = []
    for file in sorted(files, key=lambda f: f.name):
        inside, out = _opened(file, folder, budget, depth=1)
        plain += inside
        refused += out
    return _distinct(plain), sorted(refused, key=lambda r: r.name)


def _listed(path: Path, place: str) -> Iterator[Found | Refused]:
    """The file itself, or what is below a folder; ``place`` leads its name. DicomError for a path that is not there."""
    try:
        path.lstat()
    except OSError as error:
        raise DicomError(f"{path} cannot be opened ({error.strerror}): {EXPECTED}") from error
    shown = printable(place + (path.name or path.resolve().name))
    if not path.is_dir():
        yield _regular(shown, path)
        return
    unreadable: list[OSError] = []
    nothing = True
    for walked, folders, names in os.walk(path, onerror=unreadable.append):
        within = Path(walked)
        prefix = "/".join([shown, *(printable(part) for part in within.relative_to(path).parts)])
        for name in sorted(folders):
            below = f"{prefix}/{printable(name)}"
            refusal = left_out(f"{below}/")
            if (within / name).is_symlink():
                refusal = Refused(below, "a link to another folder: hand in that folder itself")
            if refusal:
                folders.remove(name)
                nothing = False
                yield refusal
        for name in sorted(names):
            nothing = False
            below = f"{prefix}/{printable(name)}"
            yield left_out(below) or _regular(below, within / name)
    for closed in unreadable:
        nothing = False
        yield Refused(printable(str(closed.filename)), f"this folder cannot be read ({closed.strerror}): ask for access to it")
    if nothing:
        yield Refused(shown, EMPTY)


def _regular(name: str, path: Path) -> Found | Refused:
    """The file, unless it is no ordinary one (a pipe would never end) or its link leads nowhere."""
    if path.is_file():
        return Found(name, path)
    return Refused(name, "a link that leads nowhere" if path.is_symlink() else "not an ordinary file")


def left_out(name: str) -> Refused | None:
    """Whether a name tells that this is no image: hidden files and folders, the shadow folder of macOS zips, a medium's index."""
    parts = name.split("/")
    for i, part in enumerate(parts[1:], start=1):
        if part == "__MACOSX":
            return Refused("/".join(parts[: i + 1]), "a shadow folder that macOS adds to zips, holds no images")
        if part.startswith(".") and part not in (".", ".."):
            return Refused("/".join(parts[: i + 1]), "hidden (its name starts with a dot), left out")
    if parts[-1].upper() == "DICOMDIR":
        return Refused(name, "the index of a medium, holds no image itself")
    return None


def _opened(file: Found, folder: Path, budget: Budget, depth: int) -> tuple[list[Found], list[Refused]]:
    """The file, or when it is a zip what is in it, down to ``unzip.DEPTH`` zips."""
    try:
        if not _is_zip(file):
            return [file], []
    except OSError as error:
        return [], [Refused(file.name, f"cannot be read ({error.strerror}): ask for access to it")]
    if depth > unzip.DEPTH:
        return [], [Refused(file.name, f"a zip inside {unzip.DEPTH} others: unpack it and hand in the images")]
    members, refused = unzip.unpack(file, folder, budget, left_out)
    plain: list[Found] = []
    for member in sorted(members, key=lambda f: f.name):
        inside, out = _opened(member, folder, budget, depth + 1)
        plain += inside
        refused += out
    return plain, refused


def _is_zip(file: Found) -> bool:
    suffix = Path(file.name).suffix.lower()
    if suffix == ".zip":
        return True
    with file.path.open("rb") as stream:
        return stream.read(4) in ZIP_MAGIC and suffix not in DOCUMENTS


def _distinct(files: list[Found]) -> list[Found]:
    """Sorted by name; a name that comes twice (two folders of one name, a zip with twins) is numbered."""
    seen: dict[str, int] = {}
    distinct = []
    for file in sorted(files, key=lambda f: (f.name, str(f.path))):
        seen[file.name] = seen.get(file.name, 0) + 1
        distinct.append(file if seen[file.name] == 1 else Found(f"{file.name} ({seen[file.name]})", file.path))
    return distinct
