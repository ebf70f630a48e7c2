"""A procedure is one QA test or calibration: one file in ``qa/procedures/``, found by being there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qa.acquisition import Acquisition
from qa.evidence import Evidence
from qa.reading import At, QaError, Quantity, Reading

if TYPE_CHECKING:
    import numpy as np

    from qa.engines import Theirs


@dataclass(frozen=True)
class Analysis:
    """What a procedure found: readings, and the evidence to show for them."""

    readings: tuple[Reading, ...]
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Rehearsal:
    """A random acquisition with known truth.

    ``truth`` holds (quantity key, where) -> true value in the quantity's unit; ``where`` is what the function of that name says of a
    reading's state, "" for the whole; ``write(folder)`` writes the same images as DICOM files with the truth beside them.
    """

    acquisition: Acquisition
    truth: dict[tuple[str, str], float]
    write: Callable[[Path], None]


def where(at: At) -> str:
    """Where a reading belongs: its image's SOP Instance UID or its set's name, and the part of the phantom, "" for the whole."""
    return " ".join(str(at[key]) for key in ("sop_instance_uid", "set", "part") if key in at)


@dataclass(frozen=True)
class Procedure:
    """One QA test.

    ``accepts(acquisition)`` is "" when the images belong to it, else what is missing, in words. ``analyse(acquisition)`` is pure.
    ``rehearse(rng)`` draws a random small acquisition. ``demonstration_protocol`` is what the demonstration is judged by.
    ``version`` names the algorithm in the record and changes whenever a number could. ``demonstrate(folder, say)`` writes the images of an
    ordinary check on an ordinary machine as DICOM files and returns them. ``second_engine(acquisition, files by SOP Instance UID, say)``
    measures the same images independently. Either is None where a test has no such thing. A calibration says what it ``provides``
    ("CT number to density"), and a procedure what it ``uses``: it is then handed the machine's calibrations in force. What it ``applies``
    it is handed only where the protocol says so, because it changes what is judged. What is done ``on_request`` is measured where the
    protocol asks for it or a person names it, not wherever its images are. Where ``parts_are_ways``, a reading's part is no part of a
    phantom but a way to measure the same thing: what one of them shows stands beside the others, and must not go unjudged.
    ``subject`` is what tests of one section of an audit have in common: "couch".
    """

    name: str
    title: str
    version: str
    quantities: tuple[Quantity, ...]
    accepts: Callable[[Acquisition], str]
    analyse: Callable[[Acquisition], Analysis]
    rehearse: Callable[[np.random.Generator], Rehearsal]
    demonstrate: Callable[[Path, Callable[[str], None]], list[Path]] | None = None
    demonstration_protocol: str = "mppg9a_monthly"
    second_engine: Callable[[Acquisition, Mapping[str, Path], Callable[[str], None]], Theirs] | None = None
    provides: str = ""
    uses: tuple[str, ...] = ()
    applies: tuple[str, ...] = ()
    on_request: bool = False
    parts_are_ways: bool = False
    subject: str = "other tests"

    def quantity(self, key: str) -> Quantity:
        """The quantity of that key; QaError when this procedure does not define it."""
        for quantity in self.quantities:
            if quantity.key == key:
                return quantity
        raise QaError(f"{self.name} measures no quantity {key!r}; it measures {', '.join(q.key for q in self.quantities)}")


def names() -> tuple[str, ...]:
    """The names of all procedures: the modules of ``qa/procedures/``, nothing imported."""
    import qa.procedures

    return tuple(sorted(m.name for m in pkgutil.iter_modules(qa.procedures.__path__) if not m.name.startswith("_")))


def parts_are_ways(name: str) -> bool:
    """What the procedure of that name says of its parts; False where there is none."""
    return name in names() and load(name).parts_are_ways


def subject(name: str) -> str:
    """What the procedure of that name is about; that of a procedure that is here no more is not known."""
    return load(name).subject if name in names() else Procedure.subject


def load(name: str) -> Procedure:
    """The procedure of that name; QaError lists the known ones when there is none."""
    if name not in names():
        from qa.spelling import nearest

        raise QaError(f"there is no test {name!r}{nearest(name, names())}")
    procedure = importlib.import_module(f"qa.procedures.{name}").PROCEDURE
    assert isinstance(procedure, Procedure)
    return procedure
