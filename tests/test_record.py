import dataclasses
import json
import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.compared import Compared
from qa.evidence import Arrow, Bar, Bars, Curve, Line, Mark, Overlay, Room, Series, Table
from qa.plain import canonical
from qa.protocol import Judgement, Limit, Outcome
from qa.reading import Measured, NotMeasured, Quantity, RecordError
from qa.record import Basis, Input, Record, from_json, record_hash, to_json

FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e290, max_value=1e290)
POSITIVE = st.floats(min_value=1e-290, max_value=1e290)
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=12)
WORDS = TEXT.filter(lambda text: text.strip() != "")
TIMES = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
AT = st.dictionaries(TEXT, st.one_of(FINITE, TEXT), max_size=3)
POINT = st.tuples(FINITE, FINITE)
TRIPLE = st.tuples(FINITE, FINITE, FINITE)
FLOATS = st.lists(FINITE, max_size=4).map(tuple)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
ARROWS = st.builds(Arrow, TEXT, TEXTS, TRIPLE, st.tuples(TRIPLE, TRIPLE, TRIPLE), TEXT)
MAYBE = st.none() | FINITE
BARS = st.one_of(
    st.builds(Bar, TEXT, FINITE, POSITIVE, MAYBE, MAYBE, MAYBE), st.builds(Bar, TEXT, st.none(), st.none(), MAYBE, reason=WORDS)
)

quantities = st.builds(Quantity, TEXT, st.sampled_from(["mm", "deg", ""]), TEXT, TEXT)
readings = st.one_of(
    st.builds(
        Measured,
        quantities,
        FINITE,
        POSITIVE,
        AT,
        st.dictionaries(TEXT, POSITIVE, max_size=2),
        TEXTS,
        st.none() | POINT.map(sorted).map(tuple),
    ),
    st.builds(NotMeasured, quantities, WORDS, AT),
)
limits = st.builds(
    Limit,
    *[TEXT] * 4,
    st.none() | POSITIVE,
    st.none() | POSITIVE,
    TEXT,
    TEXTS,
    TEXT,
    TEXT,
    st.booleans(),
    TEXTS,
    TEXT,
)
judgements = st.builds(Judgement, limits, st.integers(-1, 9), st.sampled_from(Outcome), TEXT).filter(
    lambda j: j.outcome is not Outcome.PASS or (j.reading >= 0 and j.limit.tolerance is not None)  # no other pass can be stored
)
greys = st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(0, 255)).map(
    lambda n: np.arange(n[0] * n[1], dtype=np.uint8).reshape(n[:2]) + np.uint8(n[2])
)
evidence = st.one_of(
    st.builds(
        Overlay,
        TEXT,
        greys,
        st.tuples(*[FINITE] * 4),
        st.lists(st.builds(Mark, TEXT, TEXT, st.lists(POINT, max_size=3).map(tuple), TEXT), max_size=2).map(tuple),
        st.tuples(TEXT, TEXT),
        TEXT,
        TEXT,
        st.booleans(),
    ),
    st.builds(
        Curve,
        TEXT,
        st.tuples(TEXT, TEXT),
        st.lists(st.builds(Series, TEXT, FLOATS, FLOATS, TEXT, FLOATS), max_size=2).map(tuple),
        st.booleans(),
        TEXT,
        st.lists(st.builds(Line, TEXT, FINITE, TEXT), max_size=2).map(tuple),
    ),
    st.builds(Table, TEXT, TEXTS, st.lists(TEXTS, max_size=2).map(tuple), TEXT),
    st.builds(
        Room,
        TEXT,
        st.lists(ARROWS, max_size=2).map(tuple),
        TEXT,
    ),
    st.builds(Bars, TEXT, TEXT, st.lists(BARS, max_size=3).map(tuple), TEXT, TEXT, TEXT, TEXTS),
)


def comparison(ours: float | None, theirs: float | None, allowed: float | None, texts: tuple[str, ...]) -> Compared:
    """Two numbers that agree or not, as they are."""
    difference = theirs - ours if ours is not None and theirs is not None else None
    judged = difference is not None and allowed is not None
    outcome = (Outcome.PASS if abs(difference) <= allowed else Outcome.DISAGREEMENT) if judged else None  # type: ignore[operator,arg-type]
    if not judged and ours is None:
        outcome = Outcome.NOT_MEASURED
    key, unit, engine, version, really, reason = texts
    u, their_u = (None if ours is None else 0.5), (None if theirs is None else allowed)
    at = {"gantry_deg": 90.0} if len(key) % 2 else {}
    return Compared(
        key, unit, at, ours, u, theirs, their_u, engine, version, really, difference, allowed if judged else None, outcome, reason
    )


comparisons = st.builds(
    comparison,
    st.none() | st.floats(-1e3, 1e3),
    st.none() | st.floats(-1e3, 1e3),
    st.none() | st.floats(1e-3, 1e2),
    st.tuples(*[TEXT] * 5, WORDS),
)
records = st.builds(
    Record,
    st.uuids().map(str),
    *[TEXT] * 8,
    FINITE,
    st.none() | TIMES,
    TIMES,
    st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
    st.lists(st.builds(Input, TEXT, TEXT, TEXT, st.booleans(), TEXT), max_size=3).map(tuple),
    st.lists(readings, max_size=4).map(tuple),
    st.lists(judgements, max_size=3).map(tuple),
    st.lists(evidence, max_size=3).map(tuple),
    TEXTS,
    TEXT,
    st.lists(comparisons, max_size=3).map(tuple),
    st.none() | st.builds(Basis, TEXTS, TEXTS, TEXT),
)


def assert_same(one: Record, other: Record) -> None:
    """The same record in every field; images pixel by pixel, because arrays have no single equality."""
    assert dataclasses.replace(one, evidence=()) == dataclasses.replace(other, evidence=())
    assert len(one.evidence) == len(other.evidence)
    for a, b in zip(one.evidence, other.evidence, strict=True):
        assert type(a) is type(b)
        for field in dataclasses.fields(a):
            mine, yours = getattr(a, field.name), getattr(b, field.name)
            if isinstance(mine, np.ndarray):
                np.testing.assert_array_equal(mine, yours, strict=True)
            else:
                assert mine == yours
    assert record_hash(one) == record_hash(other)


def example(**changes: object) -> Record:
    """A small record with one of everything."""
    ball = Quantity("ball_offset_u", "mm", "ball minus field", "definition")
    size = Quantity("isocenter_size_couch", "mm", "diameter", "definition")
    limit = Limit("a", "winston_lutz", ball.key, "mm", 1.0, 1.5, "absolute", ("srs", "sbrt"), "monthly", "test", True, (size.key,), "note")
    fields: dict[str, object] = {
        "record_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "procedure": "winston_lutz",
        "procedure_version": "1",
        "title": "MV, LINAC-B",
        "machine": "LINAC-B",
        "phantom": "ball 7",
        "performer": "Zoë",
        "protocol": "own",
        "protocol_title": "Our own",
        "coverage_factor": 2.0,
        "acquired": datetime(2024, 2, 29, 7, 30, 0, 250000, UTC),
        "analysed": datetime(2024, 2, 29, 8, 0, tzinfo=UTC),
        "versions": (("igrtqa", "0.1.0"), ("numpy", "2.1")),
        "inputs": (Input("a.dcm", "00ff", "1.2.3", True), Input("notes.txt", "", "", False, "not a DICOM file")),
        "readings": (
            Measured(ball, 0.1 + 0.2, 1 / 3, {"gantry_deg": 359.99, "sop_instance_uid": "1.2.3"}, {"noise": 0.01}, ("faint",), (-0.5, 1.5)),
            NotMeasured(size, "one couch angle only", {"gantry_deg": 0.0}),
        ),
        "judgements": (Judgement(limit, 0, Outcome.NOT_MEASURED, "couch missing"),),
        "evidence": (
            Overlay(
                "G 0", np.arange(6, dtype=np.uint8).reshape(2, 3), (-1.5, 1.5, -1, 1), (Mark("cross", "ball", ((0.1, 0.2),)),), ("u", "v")
            ),
            Curve("sag", ("gantry, deg", "v, mm"), (Series("v", (0.0, 90.0), (0.1, -0.1), "points", (0.01, 0.01)),)),
            Table("images", ("name", "u, mm"), (("a.dcm", "0.30"),)),
        ),
        "notes": ("two images were left out",),
        "comparisons": (
            comparison(0.3, 0.34, 0.25, (ball.key, "mm", "other", "3.1", "", "0.04 apart, 0.25 allowed")),
            comparison(0.3, 0.9, 0.25, (ball.key, "mm", "other", "3.1", "noise included", "0.6 apart, 0.25 allowed")),
            comparison(0.3, 0.4, None, ("", "", "other", "3.1", "another thing", "shown, not judged")),
        ),
    }
    return Record(**(fields | changes))  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(records)
def test_any_record_survives_json(record: Record) -> None:
    assert_same(from_json(json.loads(canonical(to_json(record)))), record)


def test_one_of_everything_survives_json() -> None:
    assert_same(from_json(json.loads(canonical(to_json(example())))), example())


def test_a_bar_is_a_number_with_u_or_a_reason() -> None:
    for value, u, reason in ((1.0, None, ""), (None, None, " "), (None, 0.1, "hidden"), (1.0, 0.1, "hidden")):
        with pytest.raises(ValueError, match="needs a value and its u, or a reason"):
            Bar("Teflon", value, u, 990.0, reason=reason)


def test_evidence_without_the_newer_fields_is_stored_as_before() -> None:
    """Fields that came later are left out at their default: the hash of a record of an older version stays."""
    overlay, curve, _ = to_json(example())["record"]["evidence"]
    assert set(overlay) == {"type", "title", "grey", "extent_mm", "marks", "axes"}
    assert set(overlay["marks"][0]) == {"kind", "name", "points_mm"}
    assert set(curve) == {"type", "title", "axes", "series"}


def test_images_come_back_read_only() -> None:
    overlay = from_json(to_json(example())).evidence[0]
    assert isinstance(overlay, Overlay)
    with pytest.raises(ValueError, match="read-only"):
        overlay.grey[0, 0] = 1


def test_time_of_another_zone_is_kept_as_utc() -> None:
    cest = datetime(2024, 7, 1, 9, 0, tzinfo=timezone(timedelta(hours=2)))
    plain = to_json(example(acquired=cest))
    assert plain["record"]["acquired"] == "2024-07-01T07:00:00.000000+00:00"
    assert from_json(plain).acquired == cest


def test_number_types_do_not_change_the_hash() -> None:
    quantity = Quantity("q", "mm", "", "")
    plain = example(readings=(Measured(quantity, 1.0, 0.5, {"gantry_deg": 90.0}, {}, (), (0.0, 2.0)),), coverage_factor=2.0)
    numpy = example(
        readings=(Measured(quantity, np.float64(1), np.float32(0.5), {"gantry_deg": 90}, {}, (), (np.float64(0), 2)),),  # type: ignore[arg-type]
        coverage_factor=2,
    )
    assert record_hash(plain) == record_hash(numpy)


def test_zero_has_no_sign() -> None:
    quantity = Quantity("q", "mm", "", "")
    assert record_hash(example(readings=(Measured(quantity, -0.0, 0.1),))) == record_hash(example(readings=(Measured(quantity, 0.0, 0.1),)))


def test_name_that_is_no_unicode_is_spelt_out() -> None:
    # How Python shows a file name in Latin-1 on a UTF-8 system.
    record = example(inputs=(Input("Bild-\udce4.dcm", "", "", True),))
    assert from_json(to_json(record)).inputs[0].name == "Bild-\\udce4.dcm"
    assert len(record_hash(record)) == 64


def test_hash_changes_with_any_number() -> None:
    first = example().readings[0]
    assert isinstance(first, Measured)
    nudged = dataclasses.replace(first, value=math.nextafter(first.value, 1))
    assert record_hash(example(readings=(nudged, *example().readings[1:]))) != record_hash(example())


VERSION_1 = "b97e4c1ac8fe67729e2c25e9cc2a4a0bf4e87ed41346b59d248e73388745f741"  # of this record, by the program that knew no comparisons


def test_field_added_later_with_a_default_changes_no_hash() -> None:
    assert record_hash(example(comparisons=())) == VERSION_1
    assert "notes" not in to_json(example(notes=()))["record"]
    assert from_json(to_json(example(notes=()))).notes == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"analysed": datetime(2024, 1, 1)}, "needs a time zone"),
        ({"coverage_factor": math.nan}, "finite numbers only"),
        ({"evidence": (Curve("c", ("x", "y"), (Series("s", (0.0,), (math.inf,)),)),)}, "finite numbers only"),
        ({"evidence": (Overlay("o", np.zeros((2, 3)), (0, 1, 0, 1), (), ("u", "v")),)}, "uint8 only"),  # type: ignore[arg-type]
        ({"machine": None}, "needs str here, found None"),
        ({"readings": ("0.3 mm",)}, "cannot hold '0.3 mm'"),
    ],
)
def test_what_json_cannot_hold_is_refused(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(RecordError, match=expected):
        to_json(example(**changes))


def damaged(path: list[str | int], value: object) -> dict[str, object]:
    plain = json.loads(canonical(to_json(example())))
    at = plain
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return plain


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (["schema"], "other", "expected an igrtqa-record of version 1, found 'other'"),
        (["schema_version"], 2, "version 2"),
        (["record"], None, "record: damaged"),
        (["record", "readings", 0, "u"], 0.0, r"record.readings\[0\].*u > 0"),
        (["record", "readings", 0, "u"], "0.1", r"readings\[0\].u: damaged.*expected float"),
        (["record", "readings", 0, "type"], "Guessed", r"readings\[0\]: damaged"),
        (["record", "readings", 1, "reason"], " ", "a missing number needs a reason"),
        (["record", "judgements", 0, "outcome"], "MAYBE", "MAYBE"),
        (["record", "analysed"], "yesterday", "record.analysed: damaged"),
        (["record", "colour"], "red", "unknown field colour"),
        (["record", "evidence", 0, "grey", "shape"], [5, 5], r"evidence\[0\].grey: damaged"),
        (["record", "notes"], "a text", r"notes"),
    ],
)
def test_damaged_json_is_refused_with_its_place(path: list[str | int], value: object, expected: str) -> None:
    with pytest.raises(RecordError, match=expected):
        from_json(damaged(path, value))


def test_judging_and_records_load_no_database_and_no_dicom() -> None:
    code = "import sys, qa, qa.record, qa.protocol; print([m for m in ('sqlalchemy', 'pydicom', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
