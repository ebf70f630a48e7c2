"""python -m bench.adversarial [--images N] [--seed N] [--kinds WORD ...] [--no-peer] [--jobs N] [--show N] [--save FILE]

Seeded images with something wrong in them, each drawn from the seed and its own number alone: `--show 1234` draws image 1234 again, says
what both programs make of it and why, and writes it as a DICOM file and a picture. Ours is told nothing, pylinac the ball's diameter.
The exit status is 1 when an answer of ours is silently wrong or more than 1 % of the clean images are refused.

What may be expected of a kind:

* **clean**: nothing is wrong. Any panel at any distance, fields of 11.6 to 60 mm (cones to 40), any collimator angle, leaf ends, sloping
  beams, balls of 3 to 10 mm that take 15 to 67 % of the beam, noise of 0.16 to 0.41 % with neighbours correlated by 0.2 to 0.9 (to 0.56 on
  pixels of 0.78 mm), and 4 mm of open field on all sides of the ball: nearer, its blur (1.5 mm) and the penumbra's foot (2.5 mm) overlap;
  5.5 mm in a cone, whose beam bends round the ball as the ball does, so that it takes open beam beyond the ball to tell them apart (cones
  of 14.6 mm and more). A refusal is a fault; at most 1 % may be refused.
* **harmless**: something is wrong that does not touch ball or field, or that every phantom or panel has (little room in a field of 10 to
  20 mm, a holder rod, dead pixels, loud noise, a turned panel, a wrong distance). A refusal is counted as false too, but has no goal.
* **refusable**: a refusal is a good answer, and so is a right one.
* **nothing to measure**: every answer is a silent error.

A **silent error** is an answer more than 0.2 mm from the true ball minus field centre, in true millimetres on the isocentre plane, given as
if nothing were wrong. Where the true answer needs a choice: of two *equal* balls nobody can know which is meant, so an answer is right only
when it is within 0.2 mm of both (they overlap nearly wholly), never for picking one; of two *unlike* balls the larger is meant, and of a
whole ball and one cut by the field's edge the whole one. A covered ball is where its centre is, not the centre of what shows. A wrong
distance or a turned panel changes ball minus field in a way no image shows, by 1 to 5 % of its length or by its length times the angle;
the ball is then kept within 2 mm of the field's centre, so that this alone stays below 0.15 mm. No stated uncertainty can know of it: the
errors beyond 3 U of those two kinds are these.

**Open-field kV images** are every fifth one, and their kinds begin with "kV". A clean one: PaxScan or XVI at their distances, a tenth of
them whole panels and the others 76 x 66 mm on the isocentre plane; blades in or out of view, but 12 mm of open field beyond the ball;
steel or tungsten of 5 to 10 mm, mostly on a stem, which may widen to a handle; heel effect, scatter, in a fifth of them a panel of two
gains; noise of 0.2 to 0.6 %. Everything else about them is refusable. Ours is `open_ball`, told the radius in half of the images
where that could help; pylinac's nearest equivalent, `SizedDiskLocator`, is always told the radius and, within 5 mm, where to look. The
truth is the ray through the ball's centre. Of two balls of *other sizes* the one whose radius is told is meant; when none is told nobody
can know, and any answer is a silent error (the larger one is meant where the smaller takes less than 5 % of the beam). Of two of *one size*
nobody can know either, and a told radius is no help; nor is it when one of two similar ones (radii within 15 % or 0.4 mm) is half covered
and the other whole. Of what is covered by more than 0.4 radii beyond its centre less than 0.37 of the rim shows, and nobody could say that
it is a ball.

**Beyond 3 U**: further than 6 standard uncertainties from the truth in one coordinate, whatever the size: the uncertainty is wrong.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: both programs work on small matrices

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from bench.adversarial_count import PROGRAMS, Tally, Verdict, answers, judge, scene_of, tally, total, verdicts
from bench.adversarial_kinds import KINDS, kind_of

CLEAN_REFUSED = 0.01  # of clean images, at most
EVERY_S = 15.0  # between two lines of progress


def run(numbers: Sequence[int], seed: int, with_peer: bool, jobs: int) -> Iterator[list[Verdict]]:
    """The verdicts of those images, as they come."""
    one = partial(verdicts, seed, with_peer=with_peer)
    if jobs == 1:
        yield from map(one, numbers)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(one, numbers, chunksize=4)


def show_table(found: Sequence[Verdict], program: str, seed: int) -> list[Tally]:
    """One program's table in markdown, with the reasons and the numbers of what went wrong below it."""
    tallies = tally(found, program)
    print(f"\n## {program}\n\n| kind | expected | n | measured | refused | rms mm | 99 % mm | largest mm | silent > 0.2 | > 3 U |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for one in tallies:
        errors = np.array(one.errors_mm)
        sizes = [f"{x:.4f}" for x in (np.sqrt(np.mean(errors**2)), np.quantile(errors, 0.99), errors.max())] if len(errors) else ["-"] * 3
        beyond = len(one.beyond) if program == "ours" else "-"
        print(
            f"| {one.kind.name} | {one.kind.expected} | {one.images} | {one.measured} | {one.refused.total()} | "
            f"{' | '.join(sizes)} | {len(one.silent)} | {beyond} |"
        )
    print()
    for one in tallies:
        if one.silent:
            print(f"* {one.kind.name}, silent: " + ", ".join(f"{seed}:{v.number} ({v.error_mm:.2f} mm)" for v in one.silent[:12]))
    if program == "ours":
        for one in tallies:
            if one.beyond:
                print(f"* {one.kind.name}, beyond 3 U: " + ", ".join(str(n) for n in one.beyond[:12]))
        for one in tallies:
            for reason, n in one.refused.most_common(3):
                print(f"* {one.kind.name}, refused {n}: {reason}")
    return tallies


def show_image(seed: int, number: int, folder: Path) -> None:
    """One image again: what is in it, what both programs say, and the files to look at."""
    draft, scene = scene_of(seed, number)
    print(f"image {seed}:{number}: {kind_of(number).name} {draft.harm}\n{draft.view}")
    print(f"noise {draft.sigma:.4f}, correlated {draft.correlation:.2f}; ball minus field (or panel centre), (u, v) mm:")
    for centre in draft.centres:
        print("  true", np.round(np.subtract(centre, draft.reference_mm), 4))
    for program, answer in answers(number, draft, scene, with_peer=True).items():
        words = answer.refused or f"{np.round(answer.ball_mm - answer.field_mm, 4)}, u {answer.u_mm}"
        print(f"  {program}: {words}; error {judge(number, program, draft, answer).error_mm:.4f} mm")
    folder.mkdir(parents=True, exist_ok=True)
    with scene.file() as path:
        (folder / f"adversarial_{seed}_{number}.dcm").write_bytes(path.read_bytes())
    from PIL import Image as Picture

    grey = np.clip(scene.pixels / max(float(np.percentile(scene.pixels, 99.9)), 1.0), 0, 1)
    Picture.fromarray((255 * grey).astype(np.uint8)).save(folder / f"adversarial_{seed}_{number}.png")
    print(f"written to {folder}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, measure, count."""
    parser = argparse.ArgumentParser(prog="python -m bench.adversarial", description="Images with something wrong in them, side by side.")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first image (default 0)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=[], metavar="WORD", help="only kinds whose name holds one of these words")
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True, help="pylinac on the same images")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--show", type=int, metavar="NUMBER", help="draw one image again and say everything about it")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where --show writes to")
    parser.add_argument("--save", type=Path, help="every verdict, one JSON object per line")
    asked = parser.parse_args(arguments)
    if asked.show is not None:
        show_image(asked.seed, asked.show, asked.folder)
        return 0
    numbers = range(asked.first, asked.first + asked.images)
    chosen = [n for n in numbers if not asked.kinds or any(word in kind_of(n).name for word in asked.kinds)]
    found = _collected(chosen, asked)
    if asked.save:
        asked.save.write_text("".join(json.dumps({"kind": kind_of(v.number).name, **asdict(v)}) + "\n" for v in found))
    tallies = [show_table(found, program, asked.seed) for program in PROGRAMS[: 2 if asked.peer else 1]]
    silent, beyond, refused, clean = total(tallies[0])
    print(f"\n{len(chosen)} images of {len(KINDS)} kinds, seed {asked.seed}: {silent} silent errors, {beyond} beyond 3 U, ", end="")
    print(f"{refused} of {clean} clean images refused" + (f"; pylinac: {total(tallies[1])[0]} silent errors" if asked.peer else ""))
    return int(silent > 0 or refused > CLEAN_REFUSED * clean)


def _collected(numbers: Sequence[int], asked: argparse.Namespace) -> list[Verdict]:
    """Every verdict, with lines of progress on standard error."""
    start, last, found = time.monotonic(), time.monotonic(), []
    for done, some in enumerate(run(numbers, asked.seed, asked.peer, asked.jobs), 1):
        found += some
        if time.monotonic() - last > EVERY_S:
            last = time.monotonic()
            left = (last - start) / done * (len(numbers) - done)
            silent = sum(v.silent for v in found if v.program == "ours")
            print(f"{done} of {len(numbers)}, {silent} silent, {left / 60:.1f} min left", file=sys.stderr, flush=True)
    print(f"\n# {len(numbers)} images in {(time.monotonic() - start) / 60:.1f} min")
    return found


if __name__ == "__main__":
    raise SystemExit(main())
