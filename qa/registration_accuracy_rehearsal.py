"""A random match with known truth: a certified phantom in two CBCTs, a couch between them, a system that matches with faults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phantoms import ctseries, registration
from phantoms.volume import Scan, Scanned
from qa import rehearsal
from qa.acquisition import Acquisition, Placed, Registration
from qa.ball_moves import AXES
from qa.ball_phantom_rehearsal import angles, certificate, scanned, turn, write_certificate
from qa.ball_position import SCALE
from qa.certificate import Certificate
from qa.procedure import Rehearsal
from qa.shots import RECEPTOR_MM

Array = NDArray[np.float64]
Truth = dict[tuple[str, str], float]
MACHINE, SERIAL = "rehearsal", "0007"
PAUSE = timedelta(minutes=5)
PATIENT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # patient to room, head first, supine
POINTS_MM = np.array([(0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (-50, 0, 0), (0, -50, 0), (0, 0, -50)], float)


@dataclass(frozen=True)
class _Drawn:
    """Both scans, what the couch says at each (6,), and the matrix (4, 4) that the system writes, patient axes."""

    certified: Certificate
    scans: tuple[Scanned, Scanned]
    said: tuple[Array, Array]
    matrix: Array
    decimals: int
    seed: int


def draw(rng: np.random.Generator) -> Rehearsal:
    """A start, a shift along all axes with a turn about all, and a match of it. Of what tilts it no readout tells."""
    seed, (certified, made) = int(rng.integers(2**31)), certificate(rng)
    start = np.concatenate([rng.uniform(-200, 200, 3), rng.uniform(-0.5, 0.5, 2), rng.uniform(-1, 1, 1)])
    end = start + np.concatenate([_either(rng, 3.2, 5.5, 3), rng.uniform(-0.02, 0.02, 2), _either(rng, 1.6, 2.5, 1)])
    shift, rotation = turn(0.0, 0.0, end[5]) @ (end[:3] - start[:3]), turn(*end[3:]) @ turn(*start[3:]).T
    truth = six("known", shift, rotation)
    pitch, roll = _either(rng, 0.7, 1.4, 2)  # what the couch does is not what it says
    rotation, shift = turn(pitch, roll, rng.normal(0, 0.3)) @ rotation, shift + rng.normal(0, 0.3, 3)
    truth |= six("found", shift, rotation) | six("image", shift, rotation)
    before = turn(*rng.uniform(-2, 2, 3)), rng.uniform(-1, 1, 3)
    aside = rng.normal(0, RECEPTOR_MM, (2, 3))
    scale, how = rng.normal(0, SCALE, 3), Scan((float(rng.uniform(0.5, 0.7)),) * 2, air_hu=120.0, noise_hu=float(rng.uniform(15, 35)))
    places = before[1] + aside[0], rotation @ before[1] + shift + aside[1]
    turns = before[0], rotation @ before[0]
    first, later = (scanned(certified, made, r, p, scale, how, rng) for r, p in zip(turns, places, strict=True))
    seen = places[1] - rotation @ places[0]  # where the isocentre goes as the images show it
    fault = turn(*rng.normal(0, 0.3, 3)), rng.normal(0, 0.3, 3)
    stated = fault[0] @ rotation, seen + fault[1]
    truth |= six("proposed", stated[1], stated[0]) | six("error", fault[1], fault[0])
    errors = np.linalg.norm(POINTS_MM @ (stated[0] - rotation).T + fault[1], axis=1)
    truth |= {("registration_error_length", ""): float(errors[0]), ("registration_error_tre", ""): float(errors.max())}
    decimals = int(rng.integers(5, 7))
    said = np.round(start, 2), np.round(end, 2)
    drawn = _Drawn(certified, (first, later), said, matrix(*stated).round(decimals), decimals, seed)
    return Rehearsal(_acquisition(drawn), truth, partial(_write, drawn))


def _either(rng: np.random.Generator, least: float, most: float, count: int) -> Array:
    """So many numbers of that size, of either sign."""
    return np.asarray(rng.uniform(least, most, count) * rng.choice([-1, 1], count))


def six(key: str, shift: Array, rotation: Array) -> Truth:
    """The truth of one motion, of the whole."""
    return {(f"registration_{key}_{a}", ""): float(v) for a, v in zip(AXES, [*shift, *angles(rotation)], strict=True)}


def matrix(rotation: Array, shift: Array) -> Array:
    """What a file says of this motion of the room's points: the way from the second scan's patient back to the first's."""
    whole = np.eye(4)
    whole[:3, :3] = PATIENT.T @ rotation.T @ PATIENT
    whole[:3, 3] = -PATIENT.T @ rotation.T @ shift
    return whole


def _acquisition(drawn: _Drawn) -> Acquisition:
    volumes = []
    for k, (one, said) in enumerate(zip(drawn.scans, drawn.said, strict=True)):
        x, y, z, pitch, roll, yaw = (float(v) for v in said)
        when = rehearsal.WHEN + k * PAUSE
        volume = rehearsal.volume(one, MACHINE, couch_mm=(x, y, z), couch_deg=yaw % 360, acquired=when)
        tags = {"TableTopPitchAngle": f"{pitch:g}", "TableTopRollAngle": f"{roll:g}"}
        volumes.append(replace(volume, name=f"simulated CBCT {k + 1}", tags=tags))
    frames = [volume.frame_of_reference_uid for volume in volumes]
    rows = tuple((a, b, c, d) for a, b, c, d in drawn.matrix.tolist())
    placed = Placed(frames[1], frozenset(), rows, 10.0**-drawn.decimals)
    match = Registration("simulated match", f"2.25.{drawn.seed}", f"{drawn.seed:064x}", frames[0], frozenset(frames), (placed,))
    return replace(rehearsal.day([], volumes), certificate=drawn.certified, registrations=(match,))


def _write(drawn: _Drawn, folder: Path) -> None:
    """Both series, the match, the certificate."""
    frames = []
    for k, (one, said) in enumerate(zip(drawn.scans, drawn.said, strict=True)):
        x, y, z, pitch, roll, yaw = (float(v) for v in said)
        paths = ctseries.write(
            one,
            folder / f"cbct_{k + 1}",
            seed=drawn.seed,
            name=MACHINE,
            serial=SERIAL,
            start=ctseries.START + k * PAUSE,
            couch_mm=(x, y, z),
            couch_deg=yaw % 360,
            tilt_deg=(pitch, roll),
        )
        frames.append(registration.frame_of(paths[0]))
    registration.write(folder / "match.dcm", frames[0], [registration.Item(frames[1], drawn.matrix)], seed=drawn.seed)
    year = ctseries.START.date()
    dated = replace(drawn.certified, issued=year - timedelta(days=100), expires=year + timedelta(days=200))
    write_certificate(dated, folder / "certificate.toml")
