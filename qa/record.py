"""A record is everything that was measured and judged in one run of one procedure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from qa.evidence import Evidence
from qa.protocol import Judgement
from qa.reading import Reading


@dataclass(frozen=True)
class Input:
    """One file that went in: used, or left out with the reason."""

    name: str
    sha256: str
    sop_instance_uid: str
    used: bool
    reason: str = ""


@dataclass(frozen=True)
class Record:
    """One run of one procedure on one acquisition, judged by one protocol.

    Times are UTC and aware; ``acquired`` is the first image's time or None when the files do not say. ``versions`` maps software
    names to versions. ``record_id`` is a UUID as text.
    """

    record_id: str
    procedure: str
    procedure_version: str
    title: str  # of the acquisition
    machine: str
    phantom: str
    performer: str
    protocol: str
    protocol_title: str
    coverage_factor: float
    acquired: datetime | None
    analysed: datetime
    versions: tuple[tuple[str, str], ...]
    inputs: tuple[Input, ...]
    readings: tuple[Reading, ...]
    judgements: tuple[Judgement, ...]
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...] = ()
