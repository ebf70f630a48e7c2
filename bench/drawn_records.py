"""Records drawn at random with something in every table, for trials of the store."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np

from qa.compared import Compared
from qa.evidence import Curve, Mark, Overlay, Series, Table
from qa.limit import Baseline, Judgement, Limit, Outcome
from qa.reading import Measured, NotMeasured, Quantity
from qa.record import Basis, Input, Record

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
OFFSET = Quantity("ball_offset_u", "mm", "ball minus field", "definition")
SIZE = Quantity("isocenter_size_couch", "mm", "diameter", "definition")


def apart() -> Compared:
    """Two engines that disagree about a number: 0 and 9 mm, each ± 0.1 mm."""
    engine, allowed = ("other", "1", ""), 2 * math.hypot(0.05, 0.05)
    return Compared(OFFSET.key, "mm", {}, 0.0, 0.05, 9.0, 0.05, *engine, 9.0, allowed, Outcome.DISAGREEMENT, "9 mm apart")


def drawn(rng: np.random.Generator, record_id: str) -> Record:
    """A record of that id; the same generator gives the same record."""
    value, u = (float(number) for number in (rng.normal(0, 0.5), rng.uniform(0.01, 0.1)))
    taken = FIRST + timedelta(seconds=int(rng.integers(10**7)), microseconds=int(rng.integers(10**6)))
    names = [f"{name}.dcm" for name in rng.choice(900, 3, replace=False)]
    inputs = [Input(name, rng.bytes(32).hex(), f"1.2.3.{k}", k > 0, "" if k else "twice") for k, name in enumerate(names)]
    readings = (
        Measured(OFFSET, value, u, {"gantry_deg": float(rng.uniform(0, 360))}, {"noise": u}, ("faint",), (value - u, value + u)),
        NotMeasured(SIZE, "one couch angle only"),
    )
    limit = Limit("a", "trial", OFFSET.key, "mm", 2.0, None, "baseline", ("srs", "sbrt"), "monthly", "trial", True)
    baseline = Baseline("before", FIRST, "mm", float(rng.normal(0, 0.1)), 0.02, None)
    judged = Judgement(limit, 0, Outcome.INDETERMINATE, "too close to tell", baseline)
    both = Compared(OFFSET.key, "mm", {}, value, u, None, None, "other", "1", "", None, None, Outcome.NOT_MEASURED, "it found no ball")
    grey = rng.integers(0, 256, (int(rng.integers(9, 40)), 11), dtype=np.uint8)
    evidence = (
        Overlay("image", grey, (-1.0, 1.0, -2.0, 2.0), (Mark("cross", "ball", ((0.1, value),)),), ("u, mm", "v, mm")),
        Curve("sag", ("gantry, deg", "v, mm"), (Series("v", (0.0, 90.0), (value, u), "points", (u, u)),)),
        Table("images", ("name", "u, mm"), ((names[0], f"{value:.3f}"),)),
    )
    return Record(
        record_id=record_id,
        procedure="trial",
        procedure_version="1",
        title="MV, LINAC-B",
        machine="LINAC-B",
        phantom="ball 7",
        performer="Performer",
        protocol="own",
        protocol_title="Our own",
        coverage_factor=2.0,
        acquired=taken,
        analysed=taken + timedelta(hours=1),
        versions=(("igrtqa", "0.1.0"),),
        inputs=tuple(inputs),
        readings=readings,
        judgements=(judged,),
        evidence=evidence,
        notes=("a trial",),
        procedure_title="Trial",
        comparisons=(both,),
        basis=Basis(("an image could not be read",), ("couch readout to displacement",)),
    )
