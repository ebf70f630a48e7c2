"""Two processes write one database and are killed again and again: what they said was stored is there, whole, and the chain has no fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from bench.drawn_records import drawn
from qa.events import ACTION
from qa.reading import RecordError
from qa.record import record_hash
from qa.store import Store
from qa.verification import Verified

WRITERS = 2
SIGNED, ACTED = 3, 2  # every third record is signed at once, every second one acted on


@dataclass(frozen=True)
class Killed:
    """How often a process was killed, what was said to be stored, what of that is lost or not as it was, and the state of the store."""

    kills: int
    said: int
    lost: tuple[str, ...]
    verified: Verified


def write(database: str, said: Path, seed: int, number: int) -> None:
    """Stores and signs records and puts down events for ever, and says so line by line after each."""
    store, out = Store(database), os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(out, b"ready\n")
    for count in range(10**9):
        record_id = f"{seed}-{number}-{count}"
        store.add(drawn(np.random.default_rng([seed, number, count]), record_id))
        os.write(out, f"stored {seed} {number} {count}\n".encode())
        if count % SIGNED == 0:
            one = store.sign(record_id, "Reviewer", "physicist", "reviewed")
            os.write(out, f"signed {seed} {number} {count} {one.idx}\n".encode())
        if count % ACTED == 0:
            event = store.put_down(ACTION, "", record_id, date(2026, 1, 5), "Physicist", f"action {count}")
            os.write(out, f"acted {seed} {number} {count} {event.number}\n".encode())


def killed(folder: Path, kills: int, seed: int, tell: Callable[[str], None] = lambda text: None, database: str = "") -> Killed:
    """SIGKILL at random moments of two processes that write at once; each one killed is followed by another.

    ``database`` is an empty one (a path or an SQLAlchemy URL), "" a file in the folder.
    """
    said, rng = folder / "said.txt", np.random.default_rng(seed)
    database = database or str(folder / "killed.sqlite")
    Store(database)
    said.touch()
    begun, running = 0, []
    try:
        for count in range(kills):
            tell(f"kill {count + 1} of {kills}")
            while len(running) < WRITERS:
                running.append(_begin(database, said, seed, begun))
                begun += 1
            _wait(said, "ready", begun)
            time.sleep(rng.uniform(0.0, 0.15))
            gone = running.pop(rng.integers(len(running)))
            gone.send_signal(signal.SIGKILL)
            if gone.wait() != -signal.SIGKILL:
                raise RuntimeError("a writer ended by itself: see what it printed")
    finally:
        for process in running:
            process.kill()
            process.wait()
    return _left(database, said.read_text("utf-8"), kills)


def _begin(database: str, said: Path, seed: int, number: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.killing", database, str(said), str(seed), str(number)]
    return subprocess.Popen(command)


def _wait(said: Path, word: str, times: int) -> None:
    """Until the writers have said it so often. RuntimeError after a minute."""
    until = time.monotonic() + 60
    while said.read_text("utf-8").split().count(word) < times:
        if time.monotonic() > until:
            raise RuntimeError(f"the writers did not say {word!r} {times} times")
        time.sleep(0.005)


def _left(database: str, said: str, kills: int) -> Killed:
    store, lost = Store(database), []
    stored = [tuple(map(int, line.split()[1:])) for line in said.splitlines() if line.startswith("stored")]
    signed = {tuple(map(int, line.split()[1:4])) for line in said.splitlines() if line.startswith("signed")}
    acted = [line.split()[1:] for line in said.splitlines() if line.startswith("acted")]
    events = {one.number: (one.about, one.text) for one in store.events()}
    lost += [f"event {n}" for *key, count, n in acted if events.get(int(n)) != ("-".join([*key, count]), f"action {count}")]
    for key in stored:
        record_id = "-".join(map(str, key))
        try:
            whole = record_hash(store.get(record_id)) == record_hash(drawn(np.random.default_rng(key), record_id))
            if not whole or (key in signed and not store.standing(record_id).signatures):
                lost.append(record_id)
        except RecordError:
            lost.append(record_id)
    return Killed(kills, len(stored), tuple(lost), store.verify())


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
