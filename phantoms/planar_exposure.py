"""A planar image as an exposure of a machine: what writes and hands on Winston-Lutz images does the same for these."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from phantoms.aperture import Rectangle
from phantoms.linac import Exposure, Linac, Shot
from phantoms.planar_detector import Frame
from phantoms.planar_truth import centre_px, truth
from phantoms.view import Truth, View

KV_LINAC, MV_LINAC = Linac(energy="100kV"), Linac(energy="6X")


def exposure(frame: Frame, linac: Linac | None = None, shot: Shot | None = None) -> Exposure:
    """The frame as taken by a machine; by default one whose beam is of the model's radiation, gantry at 0.

    The machine's panel, distances, collimator and full scale become those of the scene.
    """
    scene = frame.scene
    by_model = KV_LINAC if scene.model and scene.model.radiation == "kV" else MV_LINAC
    shot, at = shot or Shot(0.0), scene.sad_mm / scene.sid_mm
    half = [count * pitch / 2 for count, pitch in zip(reversed(scene.panel.shape), reversed(scene.panel.pitch_mm), strict=True)]
    u0, u1, v0, v1 = (at * edge for edge in scene.beam.field_uv_mm or (-half[0], half[0], -half[1], half[1]))
    machine = replace(
        linac or by_model,
        panel=scene.panel,
        sid_mm=scene.sid_mm,
        sad_mm=scene.sad_mm,
        aperture=Rectangle(u1 - u0, v1 - v0, ((u0 + u1) / 2, (v0 + v1) / 2)),
        full_scale=frame.detector.full_scale,
        black=0.0,
    )
    seen = View(panel=scene.panel, aperture=machine.aperture, sad_mm=scene.sad_mm, sid_mm=scene.sid_mm)
    middle = centre_px(scene)
    where = Truth((middle,), seen.map.to_pixel(seen.aperture_uv_mm), seen.map.to_pixel((0.0, 0.0)), (), seen.aperture_uv_mm)
    return Exposure(machine, shot, seen, frame.pixels, where)


def write(frames: Sequence[Frame], folder: Path, *, seed: int, linac: Linac | None = None, inverted: bool | None = None) -> list[Path]:
    """One RT Image per frame, 000.dcm upwards, of one machine and panel, and `truth.json` with what each shows."""
    from phantoms import rtimage

    paths = rtimage.write([exposure(frame, linac) for frame in frames], folder, seed=seed, inverted=inverted)
    images = [{"file": path.name, "truth": truth(frame)} for path, frame in zip(paths, frames, strict=True)]
    (folder / "truth.json").write_text(json.dumps({"seed": seed, "images": images}, indent=1) + "\n", "utf-8")
    return paths
