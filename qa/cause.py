"""Which single cause explains best what changed on a machine, and when nobody can tell. It informs; no outcome changes.

Physics: docs/physics/cause.md, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, tzinfo
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa.cause_changes import Changes, changes
from qa.cause_scatter import covariance
from qa.cause_signatures import BESIDE, KEYS, WAYS, Way, family
from qa.events import Event, services
from qa.reading import QaError

if TYPE_CHECKING:
    from datetime import date

    from qa.acceptance import Acceptance
    from qa.history import Point
    from qa.store import Store

Array = NDArray[np.float64]
LEVEL = 0.01  # of both chi-square tests
MARGIN = 10.0  # of BIC: odds of e^5 = 150 to 1 ("very strong", Kass and Raftery 1995)
NOTHING = "nothing changed"


@dataclass(frozen=True)
class Fit:
    """A way fitted to the changes: what its parameters are, what it predicts, and how well it fits; ``way`` None: nothing changed.

    ``found`` are name, unit, value and u of the parameters that these numbers fix.
    """

    way: Way | None
    found: tuple[tuple[str, str, float, float], ...]
    predicted: Array
    chi2: float
    freedom: int
    p: float
    bic: float
    told: int  # rows that it says something of
    earlier: int = 0  # records that the scatter of what it changes is known by, the fewest of a number

    @property
    def cause(self) -> str:
        """The cause it is a way of."""
        return self.way.cause if self.way else NOTHING

    @property
    def fits(self) -> bool:
        """Whether chi-square does not reject it."""
        return self.p >= LEVEL


@dataclass(frozen=True)
class Verdict:
    """What is said of a machine: ``u`` are the standard uncertainties of its changes.

    ``named`` is the one cause, "" when nobody can tell or nothing changed; ``why`` says so in words.

    ``fits`` are all ways, the best first; ``candidates`` the causes that are not clearly worse than the best that fits.
    ``between`` are services between what is compared, ``among`` those among the earlier records, each with what ended it.
    """

    machine: str
    changes: Changes
    u: tuple[float, ...]
    named: str
    why: str
    fits: tuple[Fit, ...]
    candidates: tuple[str, ...]
    between: tuple[tuple[Event, Event | None], ...] = ()
    among: tuple[tuple[Event, Event | None], ...] = ()

    @property
    def by_cause(self) -> tuple[Fit, ...]:
        """The best way of every cause, and nothing changed, the best first."""
        return tuple(fit for k, fit in enumerate(self.fits) if fit.cause not in {other.cause for other in self.fits[:k]})

    @property
    def best(self) -> Fit | None:
        """The named cause's best way, else the best way of the first candidate."""
        name = self.named or next(iter(self.candidates), "")
        return next((fit for fit in self.fits if fit.cause == name), None)


def ask(store: Store, machine: str, since: date | None = None, zone: tzinfo | None = None) -> Verdict:
    """What the store says of a machine since a day of ``zone`` (None: the day of its newest record). QaError when there is nothing."""
    known = set(store.quantities(machine))
    points = [point for key in KEYS if key in known for point in store.history(machine, key)]
    if not points:
        from qa.spelling import nearest

        known_as = "" if known else nearest(machine, store.machines()) or "; there are no records yet: run a test first (igrtqa run)"
        raise QaError(f"no record of {machine!r} holds a number that a cause is known to change{known_as}")
    against = store.rejections({point.record_id for point in points})
    kept = [point for point in points if point.record_id not in against]
    if not kept:
        raise QaError(f"every record of {machine!r} that a cause could be told by was rejected: there is nothing to compare")
    day = since or max(point.taken for point in kept).astimezone(zone).date()
    start = datetime.combine(day, time(), zone) if zone else datetime.combine(day, time()).astimezone()
    tests = sorted({point.procedure for point in kept})
    beside = [point for key in BESIDE if key in known for point in store.history(machine, key)]
    found = changes(kept, beside, store.accepted(machine, tests), start, store.accepted_baselines(machine, tests))
    left = tuple((f"record {name}", str(why)) for name, why in sorted(against.items()))
    return _beside_services(judge(machine, replace(found, left=found.left + left)), store.events(machine), zone)


def _beside_services(verdict: Verdict, events: Sequence[Event], zone: tzinfo | None) -> Verdict:
    """With the services that lie between the records that it compares, and among the earlier ones: what was adjusted then changed too."""
    rows = verdict.changes.rows
    if not rows:
        return verdict
    first, last, newest = (
        time.astimezone(zone).date()
        for time in (min(row.first for row in rows), min(row.last for row in rows), max(row.taken for row in rows))
    )
    reached = [(begun, ended) for begun, ended in services(events) if begun.day <= newest and (ended is None or ended.day >= first)]
    between = tuple(one for one in reached if one[1] is None or one[1].day >= last)
    return replace(verdict, between=between, among=tuple(one for one in reached if one not in between))


def of_points(machine: str, points: Sequence[Point], beside: Sequence[Point], accepted: Sequence[Acceptance], since: datetime) -> Verdict:
    """The same of readings at hand."""
    return judge(machine, changes(points, beside, accepted, since))


def judge(machine: str, found: Changes) -> Verdict:
    """Section 4: every way against the changes, and which cause stands out."""
    if not found.rows:
        return Verdict(machine, found, (), "", "cannot tell: nothing can be compared", (), ())
    scatter = covariance(found.rows)
    fits = tuple(sorted([_nothing(found, scatter), *(fit for way in WAYS if (fit := _fit(way, found, scatter)))], key=lambda fit: fit.bic))
    named, why, candidates = _stands_out(fits)
    return Verdict(machine, found, tuple(float(u) for u in np.sqrt(np.diag(scatter))), named, why, fits, candidates)


def _stands_out(fits: Sequence[Fit]) -> tuple[str, str, tuple[str, ...]]:
    """The cause that is named, why, and the candidates, from all fits, the best first."""
    nothing = next(fit for fit in fits if fit.way is None)
    if nothing.fits and not any(fit.bic + MARGIN <= nothing.bic and chance(fit, nothing) < LEVEL / len(WAYS) for fit in fits):
        return "", "nothing changed beyond the usual scatter", ()
    best = next((fit for fit in fits if fit.way is not None and fit.fits), None)
    if best is None:
        return "", "cannot tell: no single cause explains these changes", ()
    near = (best.cause, *dict.fromkeys(fit.cause for fit in fits if fit.bic < best.bic + MARGIN and fit.cause != best.cause))
    if len(near) > 1:
        return "", f"cannot tell: {' or '.join(near)}", near
    if not best.found:  # a way that fixes nothing that it changes predicts nothing
        return "", f"cannot tell: {best.cause}, or two causes at once", near
    return best.cause, f"{best.cause}: the one cause that explains these changes", near


def chance(fit: Fit, nothing: Fit) -> float:
    """How probable so large a change along a way is where so few records tell the usual scatter (Hotelling's T²); 1 where nobody knows."""
    from scipy import special

    count, ways = fit.earlier, nothing.freedom - fit.freedom
    if not 0 < ways < count:
        return 1.0
    return float(special.fdtrc(ways, count - ways, (nothing.chi2 - fit.chi2) * (count - ways) / (ways * (count - 1))))


def _nothing(found: Changes, scatter: Array) -> Fit:
    white = _whiten(scatter, np.array([row.size for row in found.rows]))
    chi2, count = float(white @ white), len(found.rows)
    return Fit(None, (), np.zeros(count), chi2, count, _tail(chi2, count), chi2, count)


def _fit(way: Way, found: Changes, scatter: Array) -> Fit | None:
    """Weighted least squares; None where nothing was measured that the way is told by."""
    rows = found.rows
    if way.needs and not way.needs & {family(row.key)[0] for row in rows}:
        return None
    size = np.array([row.size for row in rows])
    own = np.array([way.column(row.key, row.at, row.beside) for row in rows]).reshape(len(rows), -1)
    free = np.eye(len(rows))[:, [k for k, row in enumerate(rows) if way.is_free(row.key)]]
    design = np.hstack([own, free])
    if not np.abs(design).any():
        return None
    matrix, target = _whiten(scatter, design), _whiten(scatter, size)
    scale = np.maximum(np.linalg.norm(matrix, axis=0), 1e-12)
    inverse = np.linalg.pinv(matrix / scale, rcond=1e-6) / scale[:, None]
    rank = int(np.linalg.matrix_rank(matrix / scale, tol=1e-6))
    found_values = inverse @ target
    left = target - matrix @ found_values
    chi2, freedom = float(left @ left), len(rows) - rank
    u = np.sqrt(np.diag(inverse @ inverse.T))
    fixed = np.linalg.norm(own, axis=0) > 0
    parameters = zip(way.parameters, found_values, u, fixed, strict=False)
    return Fit(
        way,
        tuple((name, unit, float(value), float(one)) for (name, unit), value, one, known in parameters if known),
        np.asarray(design @ found_values),
        chi2,
        freedom,
        _tail(chi2, freedom),
        chi2 + rank * float(np.log(len(rows))),
        len(rows) - free.shape[1],
        min(len(row.earlier) for row, touched in zip(rows, np.abs(design).any(axis=1), strict=True) if touched),
    )


def _whiten(scatter: Array, values: Array) -> Array:
    """In units in which the changes' covariance is 1."""
    return np.asarray(np.linalg.solve(np.linalg.cholesky(scatter), values))


def _tail(chi2: float, freedom: int) -> float:
    """The probability of so large a chi-square by chance; 1 where nothing is left to test."""
    from scipy import special

    return float(special.chdtrc(freedom, chi2)) if freedom else 1.0
