"""Where the pixels of a scanned file are, so that they can be decoded later: from the same bytes or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa import dataset as datasets
from qa import pixels
from qa.pixels import Stored
from qa.reading import DicomError
from qa.unzip import Found


@dataclass(frozen=True)
class Source:
    """The file as it was scanned: its size, when it was changed, and where plain pixels start in it (None: they need decoding).

    ``later`` says that the scan left the decoding for later, because it needs another process.
    """

    file: Found
    size: int
    changed_ns: int
    start: int | None
    kind: str
    shape: tuple[int, int]
    later: bool = False

    def pixels(self, slope: float, intercept: float, invert: bool = False, decoded: Stored | None = None) -> NDArray[np.float32]:
        """Rescaled pixels from the file that was scanned; ``decoded`` are its compressed pixels where they were decoded with others.

        DicomError when it is gone, was changed since (by its size or time of change) or cannot be decoded.
        """
        try:
            status = self.file.path.stat()
            if (status.st_size, status.st_mtime_ns) != (self.size, self.changed_ns):
                raise DicomError(f"{self.file.name} was changed after it was read: hand it in again")
            if self.start is not None and not invert:
                rows, columns = self.shape
                values = np.fromfile(self.file.path, self.kind, rows * columns, offset=self.start)
                return pixels.scaled(values.reshape(rows, columns), slope, intercept)
            data = self.file.path.read_bytes()
        except OSError as error:
            raise DicomError(f"{self.file.name} is not there any more ({error.strerror}): hand it in again") from error
        with datasets.quiet():
            dataset, syntax, little_endian = datasets.parsed(data)
            stored = pixels.stored(dataset, syntax, little_endian, self.file.path, decoded)
            return pixels.rescaled(dataset, stored, slope, intercept, invert)


def source(file: Found, data: bytes, dataset: Any, stored: Stored | None) -> Source:
    """What is needed to read the pixels again; ``stored`` is what the scan decoded, None when it left that for later."""
    status = file.path.stat()
    if stored is None:
        return Source(file, len(data), status.st_mtime_ns, None, "", (0, 0), later=True)
    start = getattr(dataset["PixelData"], "file_tell", None)
    plain = (
        isinstance(start, int)
        and data.startswith(stored[0].tobytes(), start)
        and data.startswith(stored[-1].tobytes(), start + stored.nbytes - stored[-1].nbytes)
    )  # a deflated file has its pixels elsewhere
    rows, columns = stored.shape
    return Source(file, len(data), status.st_mtime_ns, start if plain else None, stored.dtype.str, (rows, columns))
