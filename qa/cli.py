"""The command line: one command for each thing a person does, none for a particular test.

What tests and protocols there are comes from ``qa.procedure`` and ``qa.protocol``. Everything heavy is imported inside the commands,
so that help comes at once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from qa.exits import Debug, Status, guarded

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: its matrices are tiny here, threads would only contend

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Database = Annotated[str | None, typer.Option("--database", metavar="FILE", help="Where the records are kept: a file or a database URL.")]
Pdf = Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write the report here; several records get -1, -2, ... before the suffix.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all readings here (docs/json.md).")]


def _version(asked: bool) -> None:
    if asked:
        import qa

        print(f"igrtqa {qa.__version__}")
        raise typer.Exit


@app.callback()
def main(
    debug: Debug = False, version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False
) -> None:
    """Quality assurance of image-guided radiotherapy.

    Exit status: 0 everything passed; 1 something failed; 3 undecided or not measured: repeat or complete the measurement; 2 wrong
    input, nothing to rely on; 130 stopped.
    """


@app.command()
@guarded
def run(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images, folders of images, or zips.")],
    machine: Annotated[str, typer.Option(help="Name to record the machine under, if not the one in the images.")] = "",
    protocol: Annotated[str, typer.Option(help="Name of a protocol (igrtqa list --protocols) or a protocol file.")] = "mppg9a_monthly",
    phantom: Annotated[str, typer.Option(help="Which phantom, e.g. its serial number.")] = "",
    performer: Annotated[str, typer.Option(help="Who took the images.")] = "",
    pdf: Pdf = None,
    json: Json = None,
    database: Database = None,
    debug: Debug = False,
) -> Status:
    """Measure, judge and store what is in PATH..."""
    from qa import running

    return running.run(paths, protocol, machine, phantom, performer, database)
