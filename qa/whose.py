"""Which machine images are recorded for, by what they state and what a person says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from qa import circumstances
from qa.acquisition import Acquisition
from qa.reading import QaError


def machines(
    said: str, measured: Iterable[Acquisition], every: Iterable[Acquisition], named: Callable[[str, str], str] | None
) -> dict[str, str]:
    """What a record calls the machine of each label among the ``measured`` acquisitions; ``said`` and ``named`` as in ``qa.session.run``.

    QaError where a person names one machine, and ``every`` acquisition that was handed in comes from several.
    """
    _one_machine(said, every, named)
    return {one.machine: (named or _as_said)(one.machine, said) for one in measured}


def _as_said(label: str, said: str) -> str:
    return said or label


def _one_machine(machine: str, acquisitions: Iterable[Acquisition], named: Callable[[str, str], str] | None) -> None:
    labels = {acquisition.machine for acquisition in acquisitions if acquisition.radiation != "film"}  # film names none
    found = sorted({_own_name(label, named or _as_said) for label in labels})
    if machine.strip() and len(found) > 1:
        raise QaError(f"the images come from {len(found)} machines ({', '.join(found)}), not only from {machine}: hand them in one by one")


def _own_name(label: str, named: Callable[[str, str], str]) -> str:
    """The machine of that label, the label itself where nobody knows it."""
    try:
        return named(label, "")
    except QaError:
        return label


def one_morning(acquisitions: Iterable[Acquisition], called: Mapping[str, str]) -> None:
    """QaError when answers to a protocol's questions would count for more than one machine or day; ``called`` names machines by label."""
    found = {
        (called[one.machine], *(f"{time:%Y-%m-%d}" if time else "date unknown" for time in [circumstances.acquired(one)[0]]))
        for one in acquisitions
    }
    if len(found) > 1:
        said = "; ".join(f"{machine}, {day}" for machine, day in sorted(found))
        raise QaError(
            f"the answers (--check) are for one machine and one day, and the images are of several: {said}: hand them in one by one"
        )
