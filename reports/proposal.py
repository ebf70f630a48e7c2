"""A proposed baseline as rows: of each number mean, scatter, how many, u, and the present baseline; and as lines what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from qa.limit import MEAN
from qa.proposal import Entry, Proposal
from qa.reading import Measured
from reports import numbers
from reports.lines import Line

HEAD = ("Quantity", "Of", "Unit", "Mean ± U", "u", "sd", "n", "Present baseline ± U")
_SHOWN = 20  # runs that were left out, and numbers without a baseline


def title(proposal: Proposal) -> str:
    """Of what it would be the baseline."""
    return f"proposed baseline of {proposal.machine} for {proposal.procedure}"


def rows(proposal: Proposal) -> Iterator[tuple[str, ...]]:
    """One row of each number, as ``HEAD`` says."""
    for one in proposal.entries:
        new, (key, of) = one.new, one.key
        made = numbers.pair(Measured(one.quantity, new.value, new.u))
        sd = "-" if new.sd is None else numbers.two_digits(new.sd) if new.sd > new.u / 1000 else f"< {numbers.two_digits(new.u / 1000)}"
        yield key, numbers.state(dict(of)) or "the whole", one.quantity.unit, made, numbers.two_digits(new.u), sd, str(new.n), _present(one)


def lines(proposal: Proposal) -> Iterator[Line]:
    """The runs that it is of, those left out with the reason, the numbers without a baseline, and what to know before it is accepted."""
    for record in proposal.records:
        yield Line("of", None, record.record_id, f"taken {_moment(record.acquired or record.analysed)}; {record.title}")
    for one in proposal.left[:_SHOWN]:
        yield Line("left out", None, one.record_id, f"taken {_moment(one.taken)}: {one.why}")
    if len(proposal.left) > _SHOWN:
        yield Line("left out", None, f"{len(proposal.left) - _SHOWN} more", "older ones")
    for key, why in list(proposal.without.items())[:_SHOWN]:
        yield Line("no baseline", None, key, why)
    for remark in (*filter(None, [proposal.lacking]), *proposal.remarks):
        yield Line("note", None, proposal.procedure, remark)


def _present(one: Entry) -> str:
    held = one.present
    if held is None:
        return f"none: {one.otherwise}"
    name = held.record_id if held.record_id.startswith(MEAN) else f"record {held.record_id[:8]}"
    return f"{numbers.pair(Measured(one.quantity, held.value, held.u))} of {held.taken.astimezone(UTC):%Y-%m-%d} ({name})"


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
