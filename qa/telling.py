"""Physicists are told by mail of what cannot wait, where the site file says whom; a mail that fails is said and changes nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from qa.visible import visible

if TYPE_CHECKING:
    from qa.due import Due
    from qa.mailing import Letter
    from qa.record import Record
    from qa.site import Site
    from qa.site_tables import Notification


def of_records(site: Site, records: Sequence[Record], missing: Sequence[str], pdf: Path | None, database: str | None) -> None:
    """A mail where the records together are STOP or REPEAT, and the site file asks for it. ``pdf`` is where the reports were written."""
    from qa.mailing import Letter, small
    from qa.shown import place
    from reports import mail

    how, said = site.notification, mail.word(records, missing).lower()
    if how is None or not records or said not in how.on:
        return
    files = tuple(place(pdf, number, len(records)).absolute() for number in range(1, len(records) + 1)) if pdf is not None else ()
    kept = f" --database {shlex.quote(database)}" if database else ""
    attached = all(file.is_file() for file in files) and small(files)
    reports = [f"{file}{', attached' if attached else ''}" for file in files]
    reports = reports or [f"igrtqa report {one.record_id}{kept} --pdf FILE" for one in records]
    _send(Letter(*mail.of_records(records, missing, reports), files if attached else ()), how)


def of_overdue(site: Site, found: Sequence[Due], today: date) -> None:
    """A mail about what is overdue, where anything is."""
    from qa.mailing import Letter
    from reports import mail

    late = mail.overdue(found)
    if not late:
        print("nothing is overdue: no mail was sent")
    elif site.notification is None or "overdue" not in site.notification.on:
        what = "no [notification]" if site.notification is None else 'no "overdue" in on of [notification]'
        print(f"physics was NOT told of {len(late)} overdue: the site file of {visible(site.name)} has {what}")
    else:
        _send(Letter(*mail.of_overdue(late, today)), site.notification)


def _send(letter: Letter, how: Notification) -> None:
    from qa.mailing import deliver

    done = deliver(letter, how)
    if done.told:
        print(f"physics was told by mail: {', '.join(done.told)}")
    if done.why or not done.told:
        whom = ", ".join(one for one in how.to if one not in done.told)
        print(visible(f"physics was NOT told ({whom}): {done.why}: call them"))
