"""What the tests of one day would read on a faulty machine, by ray geometry alone: no image is drawn, nothing is analysed.

Keys and states are those of the readings, so that a simulated day can stand beside a measured one. All points are where
rays meet planes; isocentres are where lines meet best. Nothing here knows what a fault should look like.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phantoms.linac import view
from phantoms.machine import BeamAxis, Linac, Shot, beam_axes
from phantoms.placement import BallSetup
from phantoms.rays import Point3, project, to_fixed, to_gantry
from phantoms.view import truth

Array = NDArray[np.float64]
AXES = "xyz"
MV_SHOTS = (
    *(Shot(gantry_deg=45.0 * k) for k in range(8)),
    *(Shot(collimator_deg=c) for c in (90.0, 270.0)),
    *(Shot(couch_deg=c) for c in (60.0, 300.0)),
)
KV_SHOTS = tuple(Shot(gantry_deg=90.0 * k) for k in range(4))
PAIR = KV_SHOTS[0], KV_SHOTS[3]
TURN = tuple(Shot(gantry_deg=15.0 * k) for k in range(24))
STOPS: tuple[Point3, ...] = tuple((50.0 * s * (k == 0), 50.0 * s * (k == 1), 50.0 * s * (k == 2)) for k in range(3) for s in (-1, 1))
BEFORE = (1.0, -0.6, 0.8)  # mm, where the couch reads for kV images, from its place for MV images


@dataclass(frozen=True)
class Read:
    """One number a test would say: its key, what it was taken at, the value, and the u it would state."""

    key: str
    at: dict[str, float | str]
    value: float
    u: float


@dataclass(frozen=True)
class Noise:
    """Standard deviations in mm: ball and field in an image, a panel put up anew for each image, a volume's ball."""

    ball: float = 0.005
    field: float = 0.008
    panel: float = 0.02
    volume: float = 0.02


@dataclass(frozen=True)
class Day:
    """A machine on one day.

    * `ball_mm`: where the phantom stands in F for the MV images; `moved_mm`: how far it was pushed between the imaging
      and those. `morning_mm`: where it was set up for the morning check; `pushed_mm`: its push between looks there.
    """

    beam: Linac
    kv: Linac
    ball_mm: Array
    morning_mm: Array
    moved_mm: Array
    pushed_mm: Array
    rng: np.random.Generator
    noise: Noise = Noise()

    def monthly(self) -> tuple[list[Read], list[Read]]:
        """Ball and field in MV images; kV images and a CBCT against them."""
        mv, iso = [], nearest(beam_axes(self.beam, MV_SHOTS[:10]))
        for n, shot in enumerate(MV_SHOTS):
            ball, field = self._mv(shot, self.ball_mm)
            at = _at(shot, f"1.2.{n}")
            for k, axis in enumerate("uv"):
                mv.append(Read(f"ball_offset_{axis}", at, ball[k] - field[k], 0.0095))
                mv.append(Read(f"panel_offset_{axis}", at, field[k], 0.0215))
        seen = [self._kv(replace(s, travel_mm=BEFORE), self.ball_mm - self.moved_mm) for s in KV_SHOTS]
        there = self.ball_mm - iso + BEFORE  # what the readouts make of it
        found = []
        for n, (shot, w) in enumerate(zip(KV_SHOTS, seen, strict=True)):
            expected = project(to_gantry(_point(there), shot.gantry_deg), (0.0, 0.0), 1000.0).uv_mm
            found += [Read(f"kv_offset_{a}", _at(shot, f"1.3.{n}"), expected[k] - w[k], 0.025) for k, a in enumerate("uv")]
        turn = [self._kv(shot, self.ball_mm - self.moved_mm) for shot in TURN]
        volume = meeting(TURN, turn) + self.rng.normal(0, self.noise.volume, 3)
        cbct: dict[str, float | str] = {"radiation": "kV+MV", "set": "CBCT"}
        for k, axis in enumerate(AXES):
            found.append(Read(f"cbct_isocenter_{axis}", cbct, float((self.ball_mm - iso - volume)[k]), 0.025))
            found.append(Read(f"kv_couch_move_{axis}", {"set": "kV 1"}, -BEFORE[k], 0.01))
        return mv, found

    def couch(self) -> list[Read]:
        """How far the ball goes for every mm read out, from MV images at two gantry angles."""
        readouts, moves = np.array(STOPS), []
        start = meeting(PAIR, [self._mv(shot, self.ball_mm)[0] for shot in PAIR])
        for stop in STOPS:
            images = [self._mv(replace(shot, travel_mm=stop), self.ball_mm)[0] for shot in PAIR]
            moves.append(meeting(PAIR, images) - start)
        matrix = np.linalg.lstsq(readouts, np.array(moves), rcond=None)[0].T
        left = np.abs(np.array(moves) - readouts @ matrix.T).max(axis=0)
        at: dict[str, float | str] = {"radiation": "MV", "set": "MV"}
        scale = [Read(f"couch_scale_{a}", at, float(matrix[k, k]), 6e-4) for k, a in enumerate(AXES)]
        return [*scale, *(Read(f"couch_linearity_{a}", at, float(left[k]), 0.03) for k, a in enumerate(AXES))]

    def morning(self) -> list[Read]:
        """A pair of kV images, the couch sent where they say, a second pair, one image of the beam."""
        first = meeting(PAIR, [self._kv(shot, self.morning_mm) for shot in PAIR])
        sent = _point(np.round(-first, 1))
        after = self.morning_mm + self.pushed_mm
        second = meeting(PAIR, [self._kv(replace(shot, travel_mm=sent), after) for shot in PAIR])
        ball, field = self._mv(Shot(travel_mm=sent), after)
        there = project(to_gantry(_point(second), 0.0), (0.0, 0.0), 1000.0).uv_mm
        at: dict[str, float | str] = {"radiation": "kV", "part": "kV pair"}
        links = {"setup": first, "match": sent + first, "couch": second - first - sent, "residual": second}
        found = [Read(f"daily_{n}_{a}", at, float(v[k]), 0.03) for n, v in links.items() for k, a in enumerate(AXES)]
        far = float(np.hypot(*(np.subtract(ball, field) - there)))
        return [*found, Read("daily_coincidence", {**at, "gantry_deg": 0.0}, far, 0.03)]

    def _mv(self, shot: Shot, ball_mm: Array) -> tuple[Array, Array]:
        """Ball and field in the imager's coordinates, brought to the isocentre plane."""
        return self._seen(self.beam, shot, ball_mm)

    def _kv(self, shot: Shot, ball_mm: Array) -> Array:
        return self._seen(self.kv, shot, ball_mm)[0]

    def _seen(self, linac: Linac, shot: Shot, ball_mm: Array) -> tuple[Array, Array]:
        seen = truth(view(linac, BallSetup(_point(ball_mm)), shot))
        shift = self.rng.normal(0, self.noise.panel, 2)
        ball, field = (_in_panel(linac, place) + shift for place in (seen.ball_px[0], seen.field_px))
        return ball + self.rng.normal(0, self.noise.ball, 2), field + self.rng.normal(0, self.noise.field, 2)


def nearest(lines: Iterable[BeamAxis]) -> Array:
    """The point of F with the least sum of squared distances to some lines."""
    lines = list(lines)
    across = np.array([np.eye(3) - np.outer(line.direction, line.direction) for line in lines])
    feet = np.einsum("nij,nj->i", across, [line.source_mm for line in lines])
    return np.asarray(np.linalg.solve(across.sum(axis=0), feet))


def meeting(shots: Sequence[Shot], seen_mm: Sequence[Array], sad_mm: float = 1000.0) -> Array:
    """Where the rays of places on the isocentre plane meet, from nominal sources."""
    lines = []
    for shot, (u, v) in zip(shots, seen_mm, strict=True):
        source = np.array(to_fixed((0.0, 0.0, sad_mm), shot.gantry_deg))
        along = np.array(to_fixed((float(u), float(v), 0.0), shot.gantry_deg)) - source
        lines.append(BeamAxis(_point(source), _point(along / np.linalg.norm(along))))
    return nearest(lines)


def _in_panel(linac: Linac, place_px: tuple[float, float]) -> Array:
    (row, column), (middle_row, middle), (down, right) = place_px, linac.panel.centre_px, linac.panel.pitch_mm
    receptor = np.array(linac.receptor_mm)
    return np.asarray((np.array([(column - middle) * right, -(row - middle_row) * down]) + receptor) * linac.sad_mm / linac.sid_mm)


def _at(shot: Shot, uid: str) -> dict[str, float | str]:
    angles = {"gantry_deg": shot.gantry_deg, "collimator_deg": shot.collimator_deg, "couch_deg": shot.couch_deg}
    return {**angles, "sop_instance_uid": uid}


def _point(vector: Array) -> Point3:
    x, y, z = (float(value) for value in vector)
    return x, y, z
