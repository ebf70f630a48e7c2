"""Records on a screen: tables, colour and symbols on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from qa.limit import Outcome
from qa.record import Record
from qa.visible import visible
from reports import comparison
from reports.lines import Line, left_out, lines
from reports.part_rows import part_rows

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LOOKS = {  # symbol and colour; the word says the same to those who see neither
    Outcome.PASS: ("✔", "green"),
    Outcome.INDETERMINATE: ("↻", "yellow"),
    Outcome.NOT_MEASURED: ("?", "yellow"),
    Outcome.DISAGREEMENT: ("≠", "magenta"),
    Outcome.FAIL: ("✖", "red"),
}
HEADS = {
    "verdict": ("Technique", "Verdict"),
    "exception": ("Not a pass", "Why"),
    "not measured": ("Not measured", "Why (no limit asks for it)"),
    "value": ("Value ± U (U = 2u)", ""),
    "second engine": ("Second engine", ""),
    "caveat": ("Caveat", ""),
    "left out": ("Files left out", "Why"),
    "note": ("Note", ""),
    "test": ("Test", "What it is"),
    "protocol": ("Protocol", "What it judges"),
    "record": ("Record", "What it holds"),
    "due": ("Due", "How it stands"),
    "accepted": ("Record", "Accepted when, by whom, and what it is"),
    "signed": ("Record", "Signed as what, by whom, in which role, when"),
}


def terminal() -> Console | None:
    """The terminal that the output goes to, None when it goes anywhere else or cannot show symbols."""
    if not sys.stdout.isatty() or "utf" not in (sys.stdout.encoding or "").lower():
        return None
    from rich.console import Console

    return Console()


@dataclass(frozen=True)
class Grid:
    """Rows of text under a header."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def show_grid(grid: Grid, console: Console | None) -> None:
    """As a table on a terminal, else in columns two blanks apart."""
    if grid.title:
        _say(grid.title, console, "bold")
    if console is None:
        widths = [max(len(row[k]) for row in (grid.header, *grid.rows)) for k in range(len(grid.header))]
        for row in (grid.header, *grid.rows):
            print("  ".join(visible(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.text import Text

    table = _empty(grid.header)
    for row in grid.rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    console.print(table)


def show_records(records: Sequence[Record], where: str, console: Console | None) -> None:
    """Every record in order, then the files that no record used; ``where`` is "" for records that nobody stored."""
    for record in records:
        if console is not None:
            console.rule(style="dim")
        _say(_title(record), console, "bold")
        _show_record(record, console)
        _say(f"record {record.record_id} in {where}" if where else f"record {record.record_id}: not stored", console)
    show(left_out(records[0]) if records else (), console)


def _show_record(record: Record, console: Console | None) -> None:
    """All lines; on a terminal parts of a phantom in tables of their own, before caveats and notes."""
    said = lines(record)
    if console is None:
        show(said, console)
        return
    last = [line for line in said if line.kind in ("caveat", "note")]
    show((line for line in said if not line.part and line not in last), console)
    for header, rows in part_rows(record):
        marked = tuple(tuple(f"{LOOKS[o][0]} {text}" if o is not None else text for o, text in row) for row in rows)
        show_grid(Grid("", header, marked), console)
    show(last, console)


def show_comparisons(records: Sequence[Record], console: Console | None) -> None:
    """Every number of both engines, record by record."""
    for record in records:
        if record.comparisons:
            show_grid(Grid(f"second engine, {record.title}", comparison.HEAD, tuple(comparison.rows(record))), console)


def show(all_lines: Iterable[Line], console: Console | None) -> None:
    """Lines as one table per kind on a terminal, else one below the other."""
    of: dict[str, list[Line]] = {}
    for line in all_lines:
        if console is None:
            _say(line.plain, console)
        else:
            of.setdefault(line.kind, []).append(line)
    for kind, together in of.items():
        assert console is not None
        console.print(_table(kind, together))


def _title(record: Record) -> str:
    when = f", {record.acquired.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if record.acquired else ""
    used = sum(entry.used for entry in record.inputs)
    return f"{record.procedure}: {record.title}{when}; files used: {used}; judged by {record.protocol_title}"


def _say(text: str, console: Console | None, style: str = "") -> None:
    text = visible(text)
    if console is None:
        print(text)
    else:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _table(kind: str, together: Sequence[Line]) -> Table:
    from rich.text import Text

    meanings = any(line.meaning for line in together)
    table = _empty(("", *HEADS[kind], "")[: 4 if meanings else 3])
    for line in together:
        colour = f"bold {LOOKS[line.outcome][1]}" if line.outcome is not None else ""
        mark = Text(LOOKS[line.outcome][0] if line.outcome is not None else " ", style=colour)
        words = Text(visible(line.words), style=colour if kind == "verdict" else "")
        table.add_row(mark, Text(visible(line.about)), words, *([Text(line.meaning, style="dim")] if meanings else []))
    return table


def _empty(header: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for head in header:
        table.add_column(head, overflow="fold")
    return table
