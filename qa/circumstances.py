"""When and with what a record was made, and what of that a reader must know."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import qa
from qa.acquisition import Acquisition, Image, Volume

_PACKAGES = ("numpy", "scipy", "pydicom", "python-gdcm")  # what a number can depend on


def acquired(acquisition: Acquisition) -> tuple[datetime | None, tuple[str, ...]]:
    """The first image's or volume's time in UTC, and a caveat where the files state no time zone."""
    taken: list[Image | Volume] = [*acquisition.images, *acquisition.volumes]
    times = [one.acquired for one in taken if one.acquired is not None]
    if not times:
        return None, ("the images do not say when they were taken",)
    local = any(time.tzinfo is None for time in times)
    notes = ("the images state no time zone: their times are taken as this computer's local time",) if local else ()
    return min(time.astimezone(UTC) for time in times), notes


def stated(acquisition: Acquisition) -> tuple[str, ...]:
    """What the performer says of the images, as a record notes it: that the couch stood still, which phantom's certificate counts."""
    still = "the couch was not moved between these images, as the performer states (it counts where readouts are missing)"
    return (
        *((acquisition.certificate.words,) if acquisition.certificate is not None else ()),
        *((still,) if acquisition.couch_still else ()),
    )


def image_notes(acquisition: Acquisition) -> tuple[str, ...]:
    """Each caveat from reading once, with the number of images or volumes it applies to."""
    return (*_counted(acquisition.images, "images"), *_counted(acquisition.volumes, "volumes"))


def _counted(taken: Sequence[Image] | Sequence[Volume], what: str) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for note in (note for one in taken for note in dict.fromkeys(one.notes)):
        counts[note] = counts.get(note, 0) + 1
    return tuple(f"{note} ({count} of {len(taken)} {what})" for note, count in counts.items())


def versions() -> tuple[tuple[str, str], ...]:
    """Of this suite, and of all that its numbers depend on."""
    return (("igrtqa", qa.__version__), ("python", platform.python_version()), *((name, _version(name)) for name in _PACKAGES))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
