"""Planar images held against the imagers that the site file lists for their machine: whether they can be of any of them.

What is compared is what a panel cannot change: where it stands, the distance of its pixels, how many it has, its serial number. Binned
pixels are whole multiples, and a part of the panel has fewer rows or columns. What is taken as the same here recognises a panel by its
header, and judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qa.grouping import name_and_serial
from qa.rtimage import DETECTOR
from qa.site_tables import Imager, Machine

if TYPE_CHECKING:
    from qa.acquisition import Image

SID_WITHIN_MM = 1.0  # panels come back to a place within 0.1 mm, and clinics name it in round numbers
PITCH_WITHIN = 0.003  # relative: files state it with three digits, and no two panels in use are that close
BINNED_MOST = 8  # pixels of the panel in one of the image, along each axis
SHOWN = 3  # names of images in a sentence


def strange(machine: Machine, images: Sequence[Image]) -> list[str]:
    """How images differ that can be of none of the imagers listed for their radiation, and what to do; nothing where none is listed."""
    found: dict[object, list[tuple[Image, list[dict[str, str]]]]] = {}  # by radiation, and what differs
    for image in images:
        own = [one for one in machine.imager if one.radiation == image.radiation]
        apart = [dict(_apart(one, image, machine)) for one in own]
        if own and all(apart):
            found.setdefault((image.radiation, *map(tuple, apart)), []).append((image, apart))
    return [_words(machine.name, of[0][1], [image for image, _ in of]) for of in found.values()]


def _words(machine: str, apart: Sequence[dict[str, str]], images: Sequence[Image]) -> str:
    names = ", ".join(image.name for image in images[:SHOWN]) + (f" and {len(images) - SHOWN} more" if len(images) > SHOWN else "")
    kind, several = images[0].radiation, len(apart) > 1
    why = "; ".join(f"{f'imager {number}: ' if several else ''}{', '.join(one.values())}" for number, one in enumerate(apart, 1))
    return (
        f"{names} can be of no {kind} imager of {machine} in the site file ({why}): find out whether they are of another panel or machine, "
        f"or mend the [[machine.imager]] of {machine}"
    )


def _apart(imager: Imager, image: Image, machine: Machine) -> Iterator[tuple[str, str]]:
    """What speaks against an image of that imager, by a word for what it is; nothing where it can be one."""
    if imager.sid_mm and all(abs(image.sid_mm - known) > SID_WITHIN_MM for known in imager.sid_mm):
        yield "sid", f"SID {image.sid_mm:.1f} mm where it stands at {' or '.join(f'{known:g}' for known in imager.sid_mm)} mm"
    if imager.pitch_mm is not None and imager.rows is not None and imager.columns is not None:
        yield from _panel(imager.pitch_mm, (imager.rows, imager.columns), image)
    stated = _serial(imager, image, machine)
    if stated:
        yield "serial", f"serial {stated} where it has {imager.serial or 'none in the site file'}"


def _panel(pitch_mm: float, panel: tuple[int, int], image: Image) -> Iterator[tuple[str, str]]:
    binned = [_binned(spacing, pitch_mm) for spacing in image.spacing_mm]
    if None in binned:
        row, column = image.spacing_mm
        yield "pitch", f"pixels of {row:g} x {column:g} mm where those of its panel are {pitch_mm:g} mm, or whole multiples of it"
        return
    for axis, most, count, times in zip(("rows", "columns"), panel, image.shape, binned, strict=True):
        if times is not None and (count - 1) * times >= most:  # the last pixel of a binned image may be cut off
            yield axis, f"{count} {axis}{f' of {times} pixels' if times > 1 else ''} where its panel has {most}"


def _binned(spacing_mm: float, pitch_mm: float) -> int | None:
    """How many pixels of the panel one of the image is, None when it can be no whole number of them."""
    times = max(round(spacing_mm / pitch_mm), 1)
    return times if times <= BINNED_MOST and abs(spacing_mm / (times * pitch_mm) - 1) <= PITCH_WITHIN else None


def _serial(imager: Imager, image: Image, machine: Machine) -> str:
    """The serial number that the image states and the imager has not; "" when it states none, or one that may be the machine's."""
    panel, other = image.tags.get(DETECTOR, ""), name_and_serial(image.machine)[1]
    if panel and imager.serial and panel != imager.serial:
        return panel
    return other if other != imager.serial and other in {one.serial for one in machine.imager} else ""
