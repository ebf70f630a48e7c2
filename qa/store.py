"""The store keeps records in an SQL database that refuses to change or forget them."""

from __future__ import annotations

from qa.store_asked import Asked
from qa.store_checked import Checked
from qa.store_opened import default_database
from qa.store_records import Summary
from qa.store_said import Said

__all__ = ["Store", "Summary", "default_database"]


class Store(Said, Asked, Checked):
    """An append-only database of records; every failure is a RecordError that says what to do.

    A record is written in one transaction: after a crash it is there as a whole or not at all. Nothing can be changed or deleted
    through the database (triggers), and a record whose rows were changed by force is refused on reading (its hash does not fit).
    """
