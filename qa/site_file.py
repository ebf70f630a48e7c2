"""A site file as it was read: the files that it names found beside it, and what is wrong with it in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from qa import protocol
from qa.reading import ProtocolError
from qa.site_tables import Imager, Keys, Machine, Notification, Person, Phantom, Preset, SiteError, Task
from qa.spelling import nearest

if TYPE_CHECKING:
    from qa.site import Site


def placed(site: Site, file: Path) -> Site:
    """The site with absolute paths of its files, beside it. SiteError for a protocol that cannot be judged by, or two of one name."""
    files: dict[str, Path] = {}

    def beside_it(name: str, where: str) -> str:
        if name in protocol.names():
            return name
        beside = file.absolute().parent / name
        try:
            called = protocol.read(beside).name
        except ProtocolError as error:
            raise SiteError(f"{file}: {where}: {error}") from error
        other = files.setdefault(called, beside)
        if other.resolve() != beside.resolve():
            raise SiteError(
                f"{file}: {other} and {beside} are both named {called!r}, and records keep the name alone: give one of them another name"
            )
        return str(beside)

    tasks = [
        task.model_copy(update={"protocol": beside_it(task.protocol, f"schedule number {number}, protocol")})
        for number, task in enumerate(site.schedule, 1)
    ]
    presets = [one.model_copy(update={"protocol": beside_it(one.protocol, f"preset {one.name}, protocol")}) for one in site.preset]
    machines = [
        one.model_copy(update={"return_to_use": tuple(beside_it(name, f"machine {one.name}, return_to_use") for name in one.return_to_use)})
        for one in site.machine
    ]
    phantoms = [
        one.model_copy(update={"certificate": one.certificate and file.absolute().parent / one.certificate}) for one in site.phantom
    ]
    told = site.notification
    if told is not None and told.password_file is not None:
        told = told.model_copy(update={"password_file": file.absolute().parent / told.password_file})
    lists = {"schedule": tuple(tasks), "machine": tuple(machines), "phantom": tuple(phantoms), "preset": tuple(presets)}
    return site.model_copy(
        update={**lists, "notification": told, "keystore": site.keystore and _keys(site.keystore, file.absolute().parent)}
    )


def _keys(keys: Keys, folder: Path) -> Keys:
    """The same with absolute paths."""
    return keys.model_copy(
        update={
            "file": keys.file and folder / keys.file,
            "passphrase_file": keys.passphrase_file and folder / keys.passphrase_file,
            "trusted": tuple(folder / one for one in keys.trusted),
        }
    )


PARTS: dict[str, type[BaseModel]] = {
    "machine": Machine,
    "imager": Imager,
    "phantom": Phantom,
    "person": Person,
    "schedule": Task,
    "preset": Preset,
    "notification": Notification,
    "keystore": Keys,
}


def words(error: Any, whole: type[BaseModel]) -> str:
    """What is wrong with the file, for a person: which table, which key, and what it should be; ``whole`` is the file's own table."""
    at = [str(step) for step in error["loc"]]
    key = at.pop() if at and not at[-1].isdigit() else ""
    where = " ".join(f"number {int(step) + 1}" if step.isdigit() else step for step in at)
    before = ", ".join(part for part in (where, key) if part)
    if error["type"] == "extra_forbidden":
        table = next((PARTS[step] for step in reversed(at) if step in PARTS), whole)
        known = [field.alias or name for name, field in table.model_fields.items()]
        return f"{f'{where}: ' if where else ''}nobody knows the key {key!r}{nearest(key, known)}"
    if error["type"] == "value_error":
        said = str(error["msg"]).removeprefix("Value error, ")
        return f"{before}: {said}" if before else said
    if error["type"] == "too_short":
        what = "table" if at and at[0] == "schedule" and key == "machines" else "key"
        return f"{before}: name at least one, or leave the {what} out"
    if error["type"] == "tuple_type":
        return f"{before}: {_as_list(key, error['input'])}"
    if error["type"] == "string_type" and isinstance(error["input"], int | float) and not isinstance(error["input"], bool):
        return f'{before}: write it in quotes, as in "{error["input"]}"'
    if error["type"].startswith("date_"):
        return f"{before}: write the day as in 2027-01-31, without quotes, found {error['input']!r}"
    if error["type"] == "missing":
        return f"{f'{where}: ' if where else ''}{key} is missing"
    return f"{before}: {error['msg'][:1].lower()}{error['msg'][1:]}, found {error['input']!r}"


def _as_list(key: str, found: Any) -> str:
    """How to write what may be there several times, by what stands there as one."""
    if isinstance(found, dict):
        return f"each begins with [[{key}]], in two brackets, found [{key}]"
    return f"write it in brackets, as in {key} = [{json.dumps(found, ensure_ascii=False, default=str)}]"
