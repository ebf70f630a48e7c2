"""One compressed file decoded in a process of its own, because the decoder ends the process at some damaged files.

Run as ``python codec.py FILE``; imports nothing of this suite. On the standard output: rows, columns, bits allocated and pixel
representation as four little-endian 32-bit integers, then the pixels, little-endian, row by row. Ends with 1 when it cannot decode; what
the decoding libraries complain about goes to the standard error.
"""

from __future__ import annotations

import sys


def main(path: str) -> int:
    """0 when the file was decoded."""
    import gdcm

    for quiet in (gdcm.Trace.DebugOff, gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff):
        quiet()
    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    if not reader.Read():
        return 1
    image = reader.GetImage()
    kind = image.GetPixelFormat()
    facts = (image.GetRows(), image.GetColumns(), kind.GetBitsAllocated(), kind.GetPixelRepresentation())
    pixels = image.GetBuffer().encode("utf-8", "surrogateescape")  # the binding hands bytes out as text
    for fact in facts:
        sys.stdout.buffer.write(int(fact).to_bytes(4, "little"))
    sys.stdout.buffer.write(pixels)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
