"""A file that is either complete or not there, whatever the disk does."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from qa import export
from qa.reading import QaError

ADVICE = {
    errno.ENOSPC: "the disk is full: free some space and try again",
    errno.EDQUOT: "your disk quota is used up: free some space and try again",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EACCES: "you may not write there: choose another folder or ask for the right to write",
    errno.EPERM: "you may not write there: choose another folder or ask for the right to write",
    errno.ENOENT: "there is no such folder: create it or choose another one",
    errno.ENOTDIR: "part of the path is a file, not a folder: choose another folder",
    errno.EISDIR: "this is a folder: give the name of a file in it",
    errno.ENAMETOOLONG: "the name is too long for this disk: choose a shorter one",
}


def put(content: bytes, path: Path) -> Path:
    """The content in its file. QaError when the disk refuses, saying what to do; an older file then stays as it was."""
    with writing(path) as file:
        file.write(content)
    return path


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to piece by piece, which gets its name when all of it is there; after any error it is as if nothing was written."""
    temporary = path.parent / f".{uuid4().hex}.part"
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        export.spare_database(path)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "choose another folder")
        raise QaError(f"nothing could be written to {path} ({error.strerror or error}): {advice}") from error
    finally:
        if temporary.exists():
            temporary.unlink(missing_ok=True)
