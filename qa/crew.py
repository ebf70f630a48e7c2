"""A second process that shares the measuring, where there are processors for it.

Measuring one image is thousands of small array operations, which threads slow down (each waits for the interpreter) and a second process
does not. It is started before anything heavy is imported, so that its imports run beside ours. Results are the same with it and without.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")
FEWEST = 6  # items worth sharing: below that, handing them over costs what it saves
_hired: ContextVar[ProcessPoolExecutor | None] = ContextVar("crew", default=None)


@contextmanager
def hired(modules: Sequence[str]) -> Iterator[None]:
    """Within the block ``shared`` has a second process, which imports the modules at once; without fork or a second processor it has none."""
    if not hasattr(os, "fork") or (os.cpu_count() or 1) < 2:
        yield
        return
    import multiprocessing

    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"), initializer=_begin, initargs=(os.getpid(),))
    pool.submit(_import, tuple(modules))
    token = _hired.set(pool)
    try:
        yield
    finally:
        _hired.reset(token)
        pool.shutdown(wait=False, cancel_futures=True)


def shared(function: Callable[..., Result], *columns: Sequence[Any]) -> tuple[Result, ...]:
    """``function`` of every row of the columns, in order: the second process works from the front, this one from the back."""
    rows = list(zip(*columns, strict=True))
    pool = _hired.get()
    if pool is None or len(rows) < FEWEST:
        return tuple(function(*row) for row in rows)
    waiting: list[Future[Result]] = [pool.submit(function, *row) for row in rows]
    done: dict[int, Result] = {}
    for k in reversed(range(len(rows))):
        if not waiting[k].cancel():
            break  # the other process has begun it, and so all before it
        done[k] = function(*rows[k])
    return tuple(done[k] if k in done else waiting[k].result() for k in range(len(rows)))


def _begin(parent: int) -> None:
    """The second process leaves Ctrl-C to the first, and ends when the first one does, however that came about."""
    import ctypes
    import signal
    import sys

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)


def _import(modules: tuple[str, ...]) -> None:
    import importlib

    for module in modules:
        importlib.import_module(module)
