"""Compressed files decoded in a process of its own, because the decoder ends the process at some damaged files.

Run as ``python codec.py FILE...``; imports nothing of this suite. On the standard output, for each file: rows, columns, bits allocated and
pixel representation as four little-endian 32-bit integers, then the pixels, little-endian, row by row. Ends with 1 at the first file that
it cannot decode; what the decoding libraries complain about goes to the standard error.
"""

from __future__ import annotations

import sys


def main(paths: list[str]) -> int:
    """0 when all files were decoded."""
    import gdcm

    for quiet in (gdcm.Trace.DebugOff, gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff):
        quiet()
    return 0 if all(map(decoded, paths)) else 1


def decoded(path: str) -> bool:
    """Whether the file could be decoded; its pixels are written."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    if not reader.Read():
        return False
    image = reader.GetImage()
    kind = image.GetPixelFormat()
    facts = (image.GetRows(), image.GetColumns(), kind.GetBitsAllocated(), kind.GetPixelRepresentation())
    pixels = image.GetBuffer().encode("utf-8", "surrogateescape")  # the binding hands bytes out as text
    for fact in facts:
        sys.stdout.buffer.write(int(fact).to_bytes(4, "little"))
    sys.stdout.buffer.write(pixels)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
