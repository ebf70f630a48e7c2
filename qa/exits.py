"""Every command ends with a status that a script can trust, and never with a traceback."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from enum import IntEnum
from io import TextIOWrapper
from typing import Annotated, ParamSpec

import typer

from qa.limit import Outcome
from qa.reading import QaError
from qa.visible import visible

P = ParamSpec("P")


class Status(IntEnum):
    """What the exit status of a command means."""

    PASSED = 0
    FAILED = 1
    WRONG_INPUT = 2
    UNDECIDED = 3
    STOPPED = 130  # what a shell reports for Ctrl-C


class Stopped(Exception):  # noqa: N818 - not an error
    """A person pressed Ctrl-C; the message says what is stored nevertheless."""


def _remember(ctx: typer.Context, asked: bool) -> bool:
    """``--debug`` counts before the command and after it."""
    root = ctx.find_root()
    root.obj = bool(root.obj) or asked
    return bool(root.obj)


Debug = Annotated[bool, typer.Option("--debug", help="Show where an error came from.", callback=_remember)]


def guarded(command: Callable[P, Status]) -> Callable[P, None]:
    """The command, ended by its status; whatever goes wrong in it becomes one message that says what to do."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a name the console cannot spell must not end a run
        try:
            status = command(*args, **kwargs)
            sys.stdout.flush()  # a full disk shows here, and not after the status was given
        except (typer.Exit, typer.BadParameter, SystemExit, GeneratorExit):
            raise
        except typer.Abort:  # Ctrl-C, or the end of the input, at a question; by itself it would end with the status of a failure
            status = _report(Stopped())
        except BaseException as error:
            if kwargs.get("debug"):
                traceback.print_exc()
            status = _report(error)
        raise typer.Exit(int(status))

    return run


def _report(error: BaseException) -> Status:
    """Says what went wrong on the error output; the status that belongs to it."""
    words = visible(str(error))
    if isinstance(error, KeyboardInterrupt | Stopped):
        _say(words or "stopped; nothing was stored")
        return Status.STOPPED
    if isinstance(error, BrokenPipeError):  # whoever reads has seen enough
        _give_up_output()
        return Status.STOPPED
    if isinstance(error, QaError):
        _say("error: " + "\n".join(visible(line) for line in str(error).splitlines()))
    elif isinstance(error, OSError) and error.errno is not None:
        if error.filename is None:
            _give_up_output()
        place = visible(str(error.filename or "the output"))
        _say(f"error: {place} cannot be read or written ({error.strerror}): check disk and permission; igrtqa list shows what is stored")
    elif isinstance(error, MemoryError):
        _say("error: this computer has too little memory for these images; close other programs or hand in fewer images")
    else:
        _say(f"unexpected error ({type(error).__name__}: {words}): please report it; run again with --debug to see where it came from")
    return Status.WRONG_INPUT


def _give_up_output() -> None:
    """What is still buffered goes nowhere, so that the interpreter does not stumble over it at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the status must be given even where nobody can be told
        print(text, file=sys.stderr, flush=True)


def judged(judgements: Iterable[Outcome], compared: Iterable[Outcome | None] = ()) -> Status:
    """The status of one record's outcomes: without any judgement nothing was decided.

    Where a second engine was asked, PASSED also needs that it agrees on all that is compared: what was asked for and not got is no pass.
    """
    found = list(judgements) or [Outcome.NOT_MEASURED]
    outcome = max([*found, *(one for one in compared if one is not None)])
    return {Outcome.PASS: Status.PASSED, Outcome.FAIL: Status.FAILED}.get(outcome, Status.UNDECIDED)


def worst(statuses: Iterable[Status]) -> Status:
    """A failure beats what is undecided, and that beats a pass; nothing at all is undecided."""
    order = (Status.PASSED, Status.UNDECIDED, Status.FAILED)
    return max(statuses, key=order.index, default=Status.UNDECIDED)
