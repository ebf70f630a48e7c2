"""Which procedures are tried by a protocol, and which of them measure what of a session."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qa import left_out
from qa import procedure as procedures_
from qa.acquisition import Acquisition, Refused
from qa.left_out import Answers, LeftOut
from qa.procedure import Procedure
from qa.protocol import Protocol, check
from qa.reading import ProtocolError, QaError
from qa.record import Input


@dataclass(frozen=True)
class Offered:
    """Every acquisition with what each procedure misses in it, and the files that are ``refused``.

    ``accepted`` are the pairs that are measured, in the order that they are shown in, ``left`` the acquisitions that nobody measures.
    """

    tried: tuple[tuple[Acquisition, Answers], ...]
    refused: tuple[Refused, ...]
    accepted: tuple[tuple[Procedure, Acquisition], ...]
    left: tuple[LeftOut, ...]

    @property
    def unused(self) -> tuple[Input, ...]:
        """Every file that no record measures, with the reasons."""
        return left_out.inputs(self.left, self.tried, self.refused)


def offer(acquisitions: Sequence[Acquisition], procedures: Sequence[Procedure], refused: Sequence[Refused]) -> Offered:
    """Each acquisition to each procedure. QaError, with every reason, when none accepts any."""
    tried = tuple((one, tuple((p.name, _missing(p, one)) for p in procedures)) for one in acquisitions)
    accepted = tuple((p, one) for one, said in tried for p, (_, lacking) in zip(procedures, said, strict=True) if not lacking)
    left = left_out.left_out(tried)
    if not accepted:
        raise QaError(left_out.nothing_measured(left, refused))
    return Offered(tried, tuple(refused), accepted, left)


def choose(protocol: Protocol, names: Sequence[str] | None) -> tuple[Procedure, ...]:
    """The procedures to try, names None = as ``qa.session.run`` says, each checked against the protocol before any image is read."""
    unknown = [name for name in protocol.procedures if name not in procedures_.names()]
    if unknown:
        known = ", ".join(procedures_.names())
        raise ProtocolError(
            f"{protocol.name}: there is no procedure {', '.join(unknown)}; its limits would never be judged; known: {known}"
        )
    wanted = (*protocol.procedures, *procedures_.names()) if names is None else names
    chosen = tuple(procedures_.load(name) for name in dict.fromkeys(wanted))
    if names is None:  # a calibration is made on purpose, not beside another test
        chosen = tuple(p for p in chosen if not (p.provides or p.on_request) or p.name in protocol.procedures)
    for procedure in chosen:
        check(protocol, procedure.name, procedure.quantities)
    can = {kind for procedure in chosen if procedure.name in protocol.procedures for kind in procedure.applies}
    if unknown := [kind for kind in protocol.apply if kind not in can]:
        raise ProtocolError(
            f"{protocol.name}: none of its tests applies a calibration {', '.join(map(repr, unknown))}; they apply "
            f"{', '.join(map(repr, sorted(can))) or 'none'}"
        )
    return chosen


def _missing(procedure: Procedure, acquisition: Acquisition) -> str:
    """What the procedure misses in the acquisition, "" when it accepts it."""
    try:
        return procedure.accepts(acquisition)
    except Exception as error:
        return reason(error)


def reason(error: Exception) -> str:
    """Why there is no number. A fault of ours must hide neither the attempt nor the other acquisitions: the record says what it was."""
    if isinstance(error, QaError) and str(error).strip():
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return f"the analysis broke down ({type(error).__name__}: {error}; {place}): keep the images and report this fault"
