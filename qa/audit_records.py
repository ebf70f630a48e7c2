"""How a period came out by its records: the verdict of each technique, and what was no pass, with what was done about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qa.audit_rows import Head, Rows
from qa.events import Event
from qa.limit import Judgement, Outcome
from qa.protocol import TECHNIQUES, verdicts

OUT = (Outcome.FAIL, Outcome.DISAGREEMENT)  # out of limit, or nobody knows: every such record is an event of its own


@dataclass(frozen=True)
class Kept:
    """A record of the period with its judgements; ``apart`` is what two engines disagree about in it."""

    head: Head
    judgements: tuple[Judgement, ...]
    apart: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it decides anything: nobody rejected it and its date has come."""
        return not self.head.left

    @property
    def verdicts(self) -> dict[str, Outcome]:
        """The worst outcome per technique; engines that disagree leave none of them a pass."""
        worst = verdicts(self.judgements)
        return {name: max(one, Outcome.DISAGREEMENT) if self.apart else one for name, one in worst.items()}

    @property
    def outcome(self) -> Outcome | None:
        """The worst outcome of all, None where nothing was judged."""
        found = [one.outcome for one in self.judgements]
        return max([*found, *([Outcome.DISAGREEMENT] if self.apart else [])], default=None)


@dataclass(frozen=True)
class Verdict:
    """One technique over the period: the worst of ``records``, how many came out how; ``outcome`` None where no record judged it.

    ``limits`` judged it, of which so many are ``unconfirmed``.
    """

    technique: str
    outcome: Outcome | None
    records: Mapping[Outcome, int]
    limits: int = 0
    unconfirmed: int = 0


@dataclass(frozen=True)
class Finding:
    """What was no pass: of which records, in words, for which techniques, and the ``actions`` that somebody put down about them."""

    outcome: Outcome
    records: tuple[Head, ...]
    what: tuple[str, ...]
    techniques: tuple[str, ...]
    actions: tuple[Event, ...]


def kept(rows: Rows, own: Iterable[Head]) -> tuple[Kept, ...]:
    """The records with their judgements, in their order."""
    return tuple(Kept(head, rows.judgements.get(head.record_id, ()), rows.apart.get(head.record_id, ())) for head in own)


def by_technique(records: Sequence[Kept], treated: Iterable[str]) -> tuple[Verdict, ...]:
    """Every technique that the machine treats with or that a record judged; only records that count decide."""
    counts: dict[str, Counter[Outcome]] = defaultdict(Counter)
    limits: dict[str, dict[object, bool]] = defaultdict(dict)
    for one in records:
        if one.counts:
            for technique, outcome in one.verdicts.items():
                counts[technique][outcome] += 1
            for judged in one.judgements:
                for technique in judged.limit.techniques:
                    limits[technique][judged.limit] = judged.limit.confirmed
    asked = {*treated, *counts}
    found = []
    for technique in (name for name in TECHNIQUES if name in asked):
        own = limits[technique].values()
        found.append(Verdict(technique, max(counts[technique], default=None), dict(counts[technique]), len(own), len(own) - sum(own)))
    return tuple(found)


def findings(records: Sequence[Kept], events: Iterable[Event], meanings: Mapping[tuple[str, str], str]) -> tuple[Finding, ...]:
    """What was no pass in records that count, the worst first, then in order of time.

    A record that is out of limit is a finding of its own. What could not be decided for one reason is one, of all records that have it.
    """
    actions: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        actions[event.about].append(event)
    found = [*_out(records, meanings), *_undecided(records, meanings)]
    return tuple(
        Finding(outcome, heads, what, techniques, tuple(event for head in heads for event in actions[head.record_id]))
        for outcome, heads, what, techniques in sorted(found, key=lambda each: (-each[0], each[1][0].at, each[1][0].record_id))
    )


_Found = tuple[Outcome, tuple[Head, ...], tuple[str, ...], tuple[str, ...]]


def _out(records: Sequence[Kept], meanings: Mapping[tuple[str, str], str]) -> Iterable[_Found]:
    for one in records:
        bad = [judged for judged in one.judgements if judged.outcome in OUT]
        if one.counts and (bad or one.apart):
            what = dict.fromkeys(f"{_meaning(one, judged, meanings)}: {judged.reason}" for judged in bad)
            worst = max([judged.outcome for judged in bad], default=Outcome.DISAGREEMENT)
            yield worst, (one.head,), (*what, *one.apart), _techniques(bad)


def _undecided(records: Sequence[Kept], meanings: Mapping[tuple[str, str], str]) -> Iterable[_Found]:
    groups: dict[tuple[Outcome, str, str], tuple[dict[Head, None], dict[str, None], list[Judgement]]] = {}
    for one in records:
        for judged in one.judgements if one.counts else ():
            if judged.outcome in (Outcome.INDETERMINATE, Outcome.NOT_MEASURED):
                alike = judged.outcome, one.head.procedure, judged.reason
                heads, what, limits = groups.setdefault(alike, ({}, {}, []))
                heads[one.head] = what[_meaning(one, judged, meanings)] = None
                limits.append(judged)
    for (outcome, _, reason), (heads, what, limits) in groups.items():
        yield outcome, tuple(heads), (*what, reason), _techniques(limits)


def _meaning(one: Kept, judged: Judgement, meanings: Mapping[tuple[str, str], str]) -> str:
    key = judged.limit.quantity
    return meanings.get((one.head.procedure, key), key.replace("_", " "))


def _techniques(judgements: Iterable[Judgement]) -> tuple[str, ...]:
    named = {name for judged in judgements for name in judged.limit.techniques}
    return tuple(name for name in TECHNIQUES if name in named)
