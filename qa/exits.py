"""Every command ends with a status that a script can trust, and never with a traceback."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Annotated, ParamSpec

import typer

from qa.reading import QaError

P = ParamSpec("P")


class Status(IntEnum):
    """What the exit status of a command means."""

    PASSED = 0
    FAILED = 1
    WRONG_INPUT = 2
    UNDECIDED = 3
    STOPPED = 130  # what a shell reports for Ctrl-C


class Stopped(Exception):
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
        try:
            status = command(*args, **kwargs)
            sys.stdout.flush()  # a full disk shows here, and not after the status was given
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BaseException as error:
            if isinstance(error, SystemExit):
                raise
            if kwargs.get("debug"):
                traceback.print_exc()
            status = _report(error)
        raise typer.Exit(int(status))

    return run


def _report(error: BaseException) -> Status:
    """Says what went wrong on the error output; the status that belongs to it."""
    if isinstance(error, KeyboardInterrupt | Stopped):
        _say(str(error) or "stopped; nothing was stored")
        return Status.STOPPED
    if isinstance(error, BrokenPipeError):
        _give_up_output()
        _say("error: nobody read the output to its end; the records are stored, `igrtqa list` names them")
    elif isinstance(error, QaError):
        _say(f"error: {error}")
    elif isinstance(error, OSError) and error.filename is None and error.errno is not None:
        _give_up_output()
        _say(f"error: the output cannot be written ({error.strerror}); the records are stored, `igrtqa list` names them")
    elif isinstance(error, MemoryError):
        _say("error: this computer has too little memory for these images; close other programs or hand in fewer images")
    else:
        words = " ".join(str(error).split())
        _say(f"unexpected error ({type(error).__name__}: {words}): please report it; run again with --debug to see where it came from")
    return Status.WRONG_INPUT


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the status must be given even where nobody can be told
        print(text, file=sys.stderr, flush=True)


def _give_up_output() -> None:
    """Sends what is still buffered nowhere, so that the interpreter does not stumble over it at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def worst(statuses: Iterable[Status]) -> Status:
    """A failure beats what is undecided, and that beats a pass; nothing at all is undecided."""
    order = (Status.PASSED, Status.UNDECIDED, Status.FAILED)
    return max(statuses, key=order.index, default=Status.UNDECIDED)
