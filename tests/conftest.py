"""Tests that share what is expensive to make stay in one process, so that it is made once: those of a file, or of one procedure."""

import os

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported, as for the command line: beside each other threads only wait


def pytest_itemcollected(item: pytest.Item) -> None:
    """A group for each file; the contract's tests one for each procedure. pytest-xdist reads it with --dist loadgroup."""
    procedure = item.callspec.params.get("tested", "") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ""
    item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {procedure}".strip()))
