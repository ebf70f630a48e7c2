"""What is found in an image or a volume, found once for a module's tests: many of them change what lies around the same pixels."""

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from functools import wraps
from importlib import import_module

import numpy as np
import pytest

from qa.reading import AnalysisError

# where each is looked up when it is called; every one is a function of its arguments alone, which tests/test_contract.py sees to
FINDERS = (
    ("qa.features.open_ball", "open_ball"),
    ("qa.features.planar_cube", "planar_cube"),
    ("qa.features.ball_in_field", "ball_in_field"),
    ("qa.features.volume_ball", "volume_ball"),
    ("qa.features.volume_cube", "volume_cube"),
    ("qa.ball_pose", "find"),
)


def shared(patch: pytest.MonkeyPatch) -> None:
    """Every finder answers the same arguments from what it found the first time, for as long as the patch is in place."""
    for module, name in FINDERS:
        patch.setattr(f"{module}.{name}", once(getattr(import_module(module), name)))


def once(finder: Callable[..., object]) -> Callable[..., object]:
    """The same function, remembering answers and refusals. An answer is read-only: to write into it is an error; its lists are new ones."""
    known: dict[Hashable, object] = {}

    @wraps(finder)
    def found(*given: object, **named: object) -> object:
        key = tuple(map(_key, given)), tuple((name, _key(value)) for name, value in sorted(named.items()))
        if key not in known:
            try:
                known[key] = _frozen(finder(*given, **named))
            except AnalysisError as refusal:
                known[key] = refusal
        answer = known[key]
        if isinstance(answer, AnalysisError):
            raise type(answer)(*answer.args)
        return tuple(list(part) if isinstance(part, list) else part for part in answer) if type(answer) is tuple else answer

    return found


def _key(value: object) -> Hashable:
    """An argument by what it holds: of an array every bit of it."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, hashlib.sha256(np.ascontiguousarray(value)).digest()
    hash(value)  # TypeError for what could change behind its name
    return type(value), value


def _frozen(value: object) -> object:
    """The same, with every array in it made read-only. TypeError for what cannot be."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif is_dataclass(value):
        assert value.__dataclass_params__.frozen, f"{type(value)} can be changed"
        for one in fields(value):
            _frozen(getattr(value, one.name))
    elif isinstance(value, tuple | list):
        for one in value:
            _frozen(one)
    elif isinstance(value, dict):
        for one in value.values():
            _frozen(one)
    return value
