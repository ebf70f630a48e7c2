"""Frozen dataclasses to plain lists, texts and numbers and back, led by their annotations: nothing is lost, nothing is guessed."""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.reading import RecordError


def canonical(plain: object) -> str:
    """The one JSON text of plain data: sorted keys, no blanks, floats at full precision, nothing that is not finite."""
    return _CANONICAL.encode(plain)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encode(hint: Any, value: Any) -> Any:
    """Plain data for a value of the annotated type ``hint``; dataclasses inside a union carry their name in "type"."""
    if hint is str and type(value) is str:  # most of what a record holds
        return value if value.isascii() else _text(value)
    fields, origin, arguments = _form(hint)
    if fields:
        return _encode_fields(hint, value)
    if origin in (typing.Union, types.UnionType):
        member = _member(arguments, value)
        plain = encode(member, value)
        return {"type": member.__name__} | plain if isinstance(plain, dict) else plain
    if origin is tuple:
        if not isinstance(value, tuple | list):
            raise RecordError(f"a record needs a tuple here, found {value!r}")
        members = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return [encode(member, item) for member, item in zip(members, value, strict=True)]
    if origin is Mapping:
        return {_text(str(key)): encode(arguments[1], item) for key, item in value.items()}
    if origin is np.ndarray:
        array = np.ascontiguousarray(value)
        if array.dtype != np.uint8:
            raise RecordError(f"a record holds images of uint8 only, found {array.dtype}")
        return {"shape": list(array.shape), "uint8": base64.b64encode(array.tobytes()).decode("ascii")}
    if hint is datetime:
        if value.tzinfo is None:
            raise RecordError(f"a time in a record needs a time zone, found {value.isoformat()}")
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if issubclass(hint, Enum):
        return hint(value).name
    if hint is float:
        if not math.isfinite(value):
            raise RecordError(f"a record holds finite numbers only, found {value}")
        return float(value) + 0.0  # -0.0 becomes 0.0: databases do not keep the sign of zero, and the hash must not depend on it
    if not isinstance(value, (hint, np.generic)):
        raise RecordError(f"a record needs {hint.__name__} here, found {value!r}")
    return None if value is None else _text(str(value)) if hint is str else hint(value)


@functools.cache
def _form(hint: Any) -> tuple[bool, Any, tuple[Any, ...]]:
    """Whether an annotation is a dataclass, its origin and its arguments; asked for every value, looked up once."""
    return dataclasses.is_dataclass(hint), typing.get_origin(hint), typing.get_args(hint)


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Name and annotation of a dataclass's fields, in their order."""
    return tuple((field.name, _hints(kind)[field.name]) for field in dataclasses.fields(kind))


@functools.cache
def _defaults(kind: Any) -> dict[str, Any]:
    """The encoded defaults of a dataclass's fields that have one."""
    found = {}
    for field in dataclasses.fields(kind):
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if default is not dataclasses.MISSING:
            found[field.name] = encode(_hints(kind)[field.name], default)
    return found


def _text(text: str) -> str:
    """The text, with characters spelt out that are no Unicode: file names of an old disk can hold them, JSON and databases cannot."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _encode_fields(kind: Any, value: Any) -> dict[str, Any]:
    plain, defaults = {}, _defaults(kind)
    for name, hint in _fields(kind):
        try:
            item = encode(hint, getattr(value, name))
        except (TypeError, ValueError) as error:
            raise RecordError(f"{kind.__name__}.{name} cannot be stored: {error}") from error
        if name not in defaults or item != defaults[name]:
            plain[name] = item
    return plain


def decode(hint: Any, plain: Any, where: str) -> Any:
    """The value of the annotated type ``hint`` that ``encode`` wrote; RecordError says where the data do not fit."""
    try:
        return _decode(hint, plain, where)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"{where}: damaged, {type(error).__name__}: {error}") from error


def _decode(hint: Any, plain: Any, where: str) -> Any:
    fields, origin, arguments = _form(hint)
    if fields:
        return _decode_fields(hint, plain, where)
    if origin in (typing.Union, types.UnionType):
        return _decode(_tagged(arguments, plain), plain, where)
    if origin is tuple:
        if not isinstance(plain, list):
            raise TypeError(f"expected a list, found {plain!r}")
        members = [arguments[0]] * len(plain) if arguments[-1] is Ellipsis else arguments
        return tuple(decode(member, item, f"{where}[{i}]") for i, (member, item) in enumerate(zip(members, plain, strict=True)))
    if origin is Mapping:
        return {key: decode(arguments[1], item, f"{where}[{key}]") for key, item in plain.items()}
    if origin is np.ndarray:
        pixels: NDArray[np.uint8] = np.frombuffer(base64.b64decode(plain["uint8"], validate=True), np.uint8)
        return pixels.reshape(plain["shape"])  # read-only, as it came
    if hint is datetime:
        return datetime.fromisoformat(plain)
    if issubclass(hint, Enum):
        return hint[plain]
    if hint is float and type(plain) is int:
        return float(plain)
    if type(plain) is not hint:
        raise TypeError(f"expected {hint.__name__}, found {plain!r}")
    return plain


def _decode_fields(kind: Any, plain: Any, where: str) -> Any:
    hints = _hints(kind)
    unknown = sorted(set(plain) - set(hints) - {"type"})
    if unknown:
        raise RecordError(f"{where}: unknown field {', '.join(unknown)}; was it written by a newer version?")
    return kind(**{key: decode(hints[key], item, f"{where}.{key}") for key, item in plain.items() if key != "type"})


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _member(union: tuple[Any, ...], value: Any) -> Any:
    """Which type of a union a value is of; integers and numpy numbers count as float."""
    for member in union:
        if isinstance(value, _form(member)[1] or member):
            return member
    if float in union and isinstance(value, int | np.number):
        return float
    raise RecordError(f"a record cannot hold {value!r} here; expected one of {', '.join(m.__name__ for m in union)}")


def _tagged(union: tuple[Any, ...], plain: Any) -> Any:
    """Which type of a union plain data are of: by their "type" for dataclasses, else by the type of the data."""
    if isinstance(plain, dict):
        return {member.__name__: member for member in union}[plain["type"]]
    return type(plain) if type(plain) in union else float if float in union else union[0]
