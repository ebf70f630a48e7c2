"""Many records as one JSON file: the documents of docs/json.md in an array, each with who signed it and its place in the chain."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qa.export import readings_json
from qa.plain import encode
from qa.record import Record
from qa.standing import Standing
from reports import disk

SCHEMA = "igrtqa-export"
SCHEMA_VERSION = 1


def write(records: Iterable[tuple[Record, Standing]], path: Path) -> int:
    """All of them in a UTF-8 file that is complete or not there; how many readings there are. One record is held at a time."""
    count = 0
    with disk.writing(path) as file:
        file.write(f'{{"schema": "{SCHEMA}", "schema_version": {SCHEMA_VERSION}, "documents": ['.encode())
        for number, (record, standing) in enumerate(records):
            one = document(record, standing)
            count += len(one["readings"])
            text = json.dumps(one, ensure_ascii=False, allow_nan=False)
            file.write(f"{',' if number else ''}\n{text}".encode())
        file.write(b"\n]}\n")
    return count


def document(record: Record, standing: Standing) -> dict[str, Any]:
    """One record's document with its standing."""
    return {**readings_json([record]), "standing": encode(Standing, standing)}
