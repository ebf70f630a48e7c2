"""How far the work is: a bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SHARE = re.compile(r"(\d+) of (\d+)")


@contextmanager
def shown() -> Iterator[Callable[[str], None]]:
    """A function that takes what is being done, in words; "3 of 17" in them fills the bar, other words let it swing.

    The bar is on the error output, where it never mixes with results, and is gone when the work is done.
    """
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), BarColumn(30), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)

        def say(text: str) -> None:
            share = _SHARE.search(text)
            done, total = (float(share[1]), float(share[2])) if share else (0.0, None)
            progress.update(task, description=text, completed=done, total=total)

        yield say
