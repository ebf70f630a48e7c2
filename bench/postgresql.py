"""A PostgreSQL server of our own, on a socket in a temporary folder, for as long as a trial takes; Debian's package is enough."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

DEBIAN = Path("/usr/lib/postgresql")  # one folder per version
OWNERS = ("postgres", "nobody")  # the server refuses to run as root
SECONDS = 60.0  # to start


class UnavailableError(RuntimeError):
    """Why there can be no server here, in words for who wants one."""


@dataclass(frozen=True)
class Server:
    """A running server; nobody but this computer's users reaches it."""

    socket: Path

    def url(self, database: str) -> URL:
        """Where that database is."""
        return URL.create("postgresql+psycopg", "igrtqa", database=database, query={"host": str(self.socket)})

    def empty(self, database: str) -> URL:
        """A database of that name with nothing in it, whatever was in one of that name."""
        self._say(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', f'CREATE DATABASE "{database}"')
        return self.url(database)

    def copied(self, database: str, of: str) -> URL:
        """A database of that name with what is in another one, to which nobody may be connected."""
        self._say(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', f'CREATE DATABASE "{database}" TEMPLATE "{of}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Away with it."""
        self._say(f'DROP DATABASE "{database}" WITH (FORCE)')

    def _say(self, *statements: str) -> None:
        with create_engine(self.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


def programs() -> Path:
    """The folder with initdb and postgres, the newest version's; UnavailableError where something is missing."""
    if sys.platform == "win32":
        raise UnavailableError("PostgreSQL is tried on Unix only (a socket in a folder)")
    if find_spec("psycopg") is None:
        raise UnavailableError("psycopg is not installed: pip install 'igrtqa[postgres]'")
    versions = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: [int(part) for part in path.parts[-3].split(".") if part.isdigit()])
    found = [path.parent for path in reversed(versions)]
    if (elsewhere := shutil.which("initdb")) is not None:
        found.append(Path(elsewhere).resolve().parent)
    for folder in found:
        if (folder / "postgres").exists():
            return folder
    raise UnavailableError("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")


@contextmanager
def server(**settings: str) -> Iterator[Server]:
    """A new server with nothing in it, and away with it in the end; ``settings`` as in postgresql.conf.

    UnavailableError where there can be none.
    """
    folder = Path(tempfile.mkdtemp(prefix="igrtqa_postgresql_"))
    try:
        found, owner = programs(), _owner()
        data, log = folder / "data", folder / "log"
        if "user" in owner:
            shutil.chown(folder, owner["user"])
        made = [found / "initdb", "-D", data, "--auth=trust", "--username=igrtqa", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        done = subprocess.run(made, capture_output=True, text=True, cwd=folder, check=False, **owner)
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.strip()}")
        every = {"listen_addresses": "", "unix_socket_directories": str(folder), **settings}
        given = [word for name, value in every.items() for word in ("-c", f"{name}={value}")]
        with log.open("wb") as said:
            running = subprocess.Popen([found / "postgres", "-D", data, *given], stdout=said, stderr=said, cwd=folder, **owner)
        try:
            yield _ready(Server(folder), running, log)
        finally:
            _stop(running)
    finally:
        shutil.rmtree(folder)


def _owner() -> Mapping[str, Any]:
    """Whom the server runs as, for ``subprocess``: ourselves, or where we are root somebody who may less."""
    if os.geteuid() != 0:
        return {}
    import pwd

    known = {one.pw_name for one in pwd.getpwall()}
    for name in OWNERS:
        if name in known:
            return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}
    raise UnavailableError(f"PostgreSQL does not run as {getpass.getuser()}, and there is none of these users: {', '.join(OWNERS)}")


def _ready(made: Server, running: subprocess.Popen[bytes], log: Path) -> Server:
    """The server once it answers. RuntimeError with what it printed where it does not."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and running.poll() is None:
        try:
            made._say("SELECT 1")
            return made
        except OperationalError:  # not yet
            time.sleep(0.05)
    raise RuntimeError(f"the PostgreSQL server did not start: {log.read_text('utf-8', 'replace')[-2000:].strip()}")


def _stop(running: subprocess.Popen[bytes]) -> None:
    """SIGINT: whoever is still connected is cut off; SIGQUIT where that takes long."""
    running.send_signal(signal.SIGINT)
    try:
        running.wait(SECONDS)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGQUIT)
        running.wait()
