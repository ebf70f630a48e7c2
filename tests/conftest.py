"""Tests that share what is expensive to make stay in one process, so that it is made once: those of a file, or of one procedure."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# compiled once: else every worker, and every process that a test begins, compiles the suite and these tests anew
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported, as for the command line: beside each other threads only wait


def pytest_configure(config: pytest.Config) -> None:
    """Groups in the order of their files: by number of tests, the few that take longest would come last, and to one process."""
    config.option.loadscopereorder = False  # pytest-xdist's


def pytest_itemcollected(item: pytest.Item) -> None:
    """A group for each file; the contract's tests one for each procedure. pytest-xdist reads it with --dist loadgroup."""
    procedure = item.callspec.params.get("tested", "") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ""
    item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {procedure}".strip()))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[object]:
    """A real PostgreSQL server, begun for these tests and stopped after them."""
    from bench.postgresql import UnavailableError, programs, server

    try:
        programs()
    except UnavailableError as why:
        pytest.skip(str(why))
    with server(fsync="off") as running:  # writers are killed here, the server is not
        yield running


@pytest.fixture
def postgresql(postgresql_server: object) -> Iterator[str]:
    """The URL of an empty database."""
    from bench.postgresql import Server

    assert isinstance(postgresql_server, Server)
    yield postgresql_server.empty("trial").render_as_string(hide_password=False)
    postgresql_server.drop("trial")


@pytest.fixture(scope="module")
def finders_shared() -> Iterator[None]:
    """For a module whose tests change what lies around the same images: what is found in their pixels is found once."""
    import found_once

    with pytest.MonkeyPatch.context() as patch:
        found_once.shared(patch)
        yield


@pytest.fixture
def alone() -> Callable[[str], str]:
    """Runs Python code in a new process, with the tests to import from; what it printed last. Its errors are the test's."""

    def run(code: str) -> str:
        here = Path(__file__).parent
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here.parent), str(here)])}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    return run
