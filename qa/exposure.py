"""With what and when an image was taken: radiation, machine, time, jaws and the scale of its pixel values, from its header alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from qa import labels
from qa.header import Header, items, text
from qa.polarity import Jaws

COMPUTED = {"DRR", "FLUENCE", "BLANK"}  # PS3.3 C.8.8.2.1.1, value 3 of ImageType: no radiation made these pixels
LOWEST_KVP = 20.0  # a tube below does not image; some files state the megavolts here
MV_FROM_KVP = 1000.0
NO_ZONE = "the file has no time zone"  # begins the note; stored records are read by it (qa/done.py), so it stays as it is
FIRST_YEAR = 1980  # no digital portal image is older; dates before it are what de-identification leaves


def radiation(header: Header, words: tuple[str, ...]) -> tuple[str, str]:
    """("MV" or "kV", energy in words): by KVP and the vendor's energy text, else by the word kV or MV in ``words`` or the file name.

    Without any of these an image is MV with a note: an RT Image is a portal image unless something says otherwise.
    """
    if computed := COMPUTED & set(header.text("ImageType").split("\\")[2:3]):
        header.wrong.append(f"a computed picture (ImageType {computed.pop()}), not one taken with radiation")
    kvp = header.number("KVP")
    energy = labels.energy(text(header.dataset, "RTImageDescription"))
    by_text = energy.split()[1] if energy else ""
    by_kvp = "" if kvp is None or kvp < LOWEST_KVP else "MV" if kvp >= MV_FROM_KVP else "kV"
    if by_text and by_kvp and by_text != by_kvp:
        header.wrong.append(f"KVP {kvp:g} and {energy!r} in RTImageDescription contradict each other")
    if by_kvp and not energy and kvp is not None:
        energy = f"{kvp / 1000:g} MV" if by_kvp == "MV" else f"{kvp:g} kV"
    if by_text or by_kvp:
        return by_text or by_kvp, energy
    for place, said in [*((keyword, text(header.dataset, keyword)) for keyword in words), ("the file name", header.file)]:
        if kind := labels.kind(said):
            header.notes.append(f"taken as a {kind} image because {place} says {said!r}: the file has no usable KVP")
            return kind, ""
    header.notes.append("taken as an MV image: the file has no usable KVP and nothing in it says kV or MV")
    return "MV", ""


def machine(header: Header) -> str:
    """The machine's name with its serial number where the file has one."""
    name = header.text("RadiationMachineName") or header.text("StationName")
    serial = header.text("DeviceSerialNumber")
    if not name:
        header.notes.append("the file names no machine (RadiationMachineName, StationName)")
    return f"{name or 'unknown machine'}{f' (serial {serial})' if serial else ''}"


def acquired(header: Header) -> tuple[datetime | None, str]:
    """(when, aware and in UTC; the date on the machine's clock): of acquisition, else of content, else of the study; (None, "") unknown."""
    stamps = {"AcquisitionDateTime": header.text("AcquisitionDateTime")}
    for which in ("Acquisition", "Content", "Study"):
        date, time = header.text(f"{which}Date"), header.text(f"{which}Time")
        stamps[f"{which}Date"] = date + (time or "000000") if date else ""
    for place, stamp in stamps.items():
        clock = _clock(stamp)
        if clock is None:
            continue
        if place == "StudyDate":
            header.notes.append("time taken from StudyDate: the file has no date of its acquisition")
        zone = _zone(stamp[-5:]) or _zone(header.text("TimezoneOffsetFromUTC"))
        if zone is None:
            header.notes.append(f"{NO_ZONE}: its clock time is kept and marked as UTC")
        return clock.replace(tzinfo=zone or UTC).astimezone(UTC), clock.date().isoformat()
    seen = next((stamp[:8] for stamp in stamps.values() if stamp), "")
    header.notes.append(f"date unknown: the file {f'says {seen}, as de-identification leaves it' if seen else 'has none'}")
    return None, ""


def _clock(stamp: str) -> datetime | None:
    """YYYYMMDDHH[MM[SS[.ffffff]]] without its zone; None for anything else and for years before digital imaging."""
    match = re.match(r"(\d{10})(\d{2})?(\d{2})?(?:\.(\d{1,6}))?", stamp)
    if not match:
        return None
    hour, minute, second, fraction = (part or "00" for part in match.groups())
    try:
        clock = datetime.strptime(hour + minute + second, "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return clock.replace(microsecond=int(fraction.ljust(6, "0"))) if clock.year >= FIRST_YEAR else None


def _zone(offset: str) -> timezone | None:
    """+HHMM or -HHMM (PS3.3 C.12.1.1.8) within the offsets in use; None for anything else."""
    match = re.fullmatch(r"([+-])(\d{2})(\d{2})", offset)
    if not match:
        return None
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-ahead if match[1] == "-" else ahead) if ahead <= timedelta(hours=14) else None


def scale(header: Header) -> tuple[float, float, int]:
    """Rescale slope and intercept, and the sign of the pixel intensity relationship (0 when absent)."""
    slope, intercept, sign = (header.number(k) for k in ("RescaleSlope", "RescaleIntercept", "PixelIntensityRelationshipSign"))
    if slope == 0.0:
        header.wrong.append("a RescaleSlope of 0 makes all pixels equal")
    if sign not in (None, 1.0, -1.0):
        header.notes.append(f"PixelIntensityRelationshipSign {sign:g} is neither 1 nor -1 and was not used")
    if (relation := header.text("PixelIntensityRelationship")) not in ("", "LIN"):
        header.notes.append(f"pixel values are not linear in dose (PixelIntensityRelationship {relation})")
    return 1.0 if slope is None else slope, intercept or 0.0, int(sign) if sign in (1.0, -1.0) else 0


def jaws(header: Header) -> Jaws | None:
    """The field edges set by the jaws, mm at the isocentre; None unless both pairs are stated, once, for one exposure."""
    exposures = items(header.dataset, "ExposureSequence")
    pairs: dict[str, tuple[float, float]] = {}
    for device in items(exposures[0], "BeamLimitingDeviceSequence") if len(exposures) == 1 else []:
        kind, edges = text(device, "RTBeamLimitingDeviceType"), text(device, "LeafJawPositions")
        if kind in ("X", "ASYMX", "Y", "ASYMY") and edges.count("\\") == 1:
            header.tags[f"LeafJawPositions {kind}"] = edges
            try:
                low, high = sorted(float(edge) for edge in edges.split("\\"))
            except ValueError:
                return None
            if kind[-1] in pairs:
                return None
            pairs[kind[-1]] = (low, high)
    return (*pairs["X"], *pairs["Y"]) if len(pairs) == 2 else None
