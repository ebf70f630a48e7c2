"""What the commands share: the application, options that several of them have, and the clinic's site file."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.reading import QaError

if TYPE_CHECKING:
    from qa.site import Site

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Database = Annotated[str | None, typer.Option("--database", metavar="FILE", help="Where the records are kept: a file or a database URL.")]
Pdf = Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write the report here; of several records FILE-1, FILE-2, ...")]
Certified = Annotated[
    Path | None, typer.Option("--certificate", metavar="FILE", help="The certificate (TOML) of the ball phantom in the images.")
]
Check = Annotated[
    list[str] | None, typer.Option("--check", metavar="NAME=yes|no", help="The answer to a question of the protocol; repeat for each.")
]
SiteFile = Annotated[
    Path | None, typer.Option("--site", metavar="FILE", help="The site file with the clinic's machines (else IGRTQA_SITE; docs/site.md).")
]
Named = Annotated[
    str, typer.Option("--preset", metavar="NAME", help="Protocol and phantom by the site file; what is said beside it counts instead.")
]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all readings here (docs/json.md).")]


def day(text: str) -> datetime:
    """A day as a person writes it on the command line."""
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d")
    except ValueError as error:
        raise typer.BadParameter(f"{text}: expected a day, as 2026-11-27") from error


def clinic(named: Path | None) -> Site | None:
    """The clinic's site, None when nobody says where its file is."""
    return ours(named) if _place(named) is not None else None


def ours(named: Path | None) -> Site:
    """The clinic's site; QaError when nobody says where its file is."""
    from qa import site

    return site.read(site_file(named))


def site_file(named: Path | None) -> Path:
    """The site file; QaError when nobody says where it is."""
    place = _place(named)
    if place is None:
        raise QaError("name the site file with --site or IGRTQA_SITE; igrtqa init makes one")
    return place


def _place(named: Path | None) -> Path | None:
    said = str(named) if named is not None else os.environ.get("IGRTQA_SITE", "").strip()
    return Path(said).expanduser() if said else None


def count(number: int, noun: str) -> str:
    """So many of them: "1 image" or "2 images"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
