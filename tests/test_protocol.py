import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from qa import procedure as procedures
from qa import protocol as protocols
from qa.protocol import Baseline, Judgement, Limit, Outcome, Protocol, check, judge, names, read, verdicts
from qa.reading import Measured, NotMeasured, ProtocolError, Quantity

BALL = Quantity("max_ball_offset", "mm", "largest distance from ball to field centre", "")
SIZE = Quantity("isocenter_size_couch", "mm", "diameter", "")


def limit(**changes: object) -> Limit:
    fields: dict[str, object] = {
        "limit_id": "a",
        "procedure": "winston_lutz",
        "quantity": BALL.key,
        "unit": "mm",
        "tolerance": 1.0,
        "action": None,
        "kind": "absolute",
        "techniques": ("srs",),
        "frequency": "monthly",
        "source": "test",
        "confirmed": False,
    }
    return Limit(**(fields | changes))  # type: ignore[arg-type]


def measured(value: float, u: float, **more: object) -> Measured:
    return Measured(BALL, value, u, **more)  # type: ignore[arg-type]


def baseline(value: float, u: float) -> Baseline:
    return Baseline("base", datetime(2026, 1, 5, 7, 0, tzinfo=UTC), "mm", value, u)


def protocol(*limits: Limit, k: float = 2.0) -> Protocol:
    return Protocol("own", "Own", k, limits, "monthly", "test")


# The guarded decision, worked out by hand for a tolerance of 1 mm.


@pytest.mark.parametrize(
    ("value", "u", "k", "expected"),
    [
        (0.5, 0.25, 2, Outcome.PASS),  # 0.5 + 0.5 = 1: just inside
        (-0.5, 0.25, 2, Outcome.PASS),  # a magnitude
        (0.5, 0.2501, 2, Outcome.INDETERMINATE),  # 1.0002
        (0.99, 0.1, 2, Outcome.INDETERMINATE),  # 1.19 and 0.79
        (1.01, 0.1, 2, Outcome.INDETERMINATE),  # 1.21 and 0.81: not proven outside either
        (1.5, 0.25, 2, Outcome.INDETERMINATE),  # 1.5 - 0.5 = 1 is not outside
        (1.5, 0.2499, 2, Outcome.FAIL),  # 1.0002
        (-1.5, 0.2499, 2, Outcome.FAIL),
        (0.99, 0.1, 0, Outcome.PASS),  # simple acceptance
        (1.01, 0.1, 0, Outcome.FAIL),
        (0.8, 0.1, 1, Outcome.PASS),  # 0.9
        (0.8, 0.1, 3, Outcome.INDETERMINATE),  # 1.1
    ],
)
def test_decision_is_guarded_by_k_times_u(value: float, u: float, k: float, expected: Outcome) -> None:
    assert limit().judge(measured(value, u), k)[0] is expected


@pytest.mark.parametrize(
    ("interval", "k", "expected"),
    [
        ((0.4, 0.7), 2, Outcome.PASS),
        ((0.4, 1.1), 2, Outcome.INDETERMINATE),  # the upper end counts, though 0.5 + 0.2 does not reach 1
        ((0.49, 0.51), 2, Outcome.PASS),  # narrower than +/- 2u: u counts, and it passes as well
        ((-1.1, 0.7), 2, Outcome.INDETERMINATE),  # the lower end is the larger magnitude
        ((0.4, 1.1), 0, Outcome.PASS),  # simple acceptance looks at the value alone
        ((0.4, 0.8), 4, Outcome.INDETERMINATE),  # the arm of 0.3 belongs to k = 2, at k = 4 it is 0.6
    ],
)
def test_interval_counts_where_it_is_wider(interval: tuple[float, float], k: float, expected: Outcome) -> None:
    assert limit().judge(measured(0.5, 0.1, interval=interval), k)[0] is expected


@pytest.mark.parametrize("interval", [(math.nan, 0.6), (0.6, 0.4)])
def test_interval_that_means_nothing_is_no_measurement(interval: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"interval|finite"):
        measured(0.5, 0.1, interval=interval)


def test_interval_narrower_than_u_does_not_help_a_pass() -> None:
    assert limit().judge(measured(0.9, 0.1, interval=(0.89, 0.91)), 2)[0] is Outcome.INDETERMINATE


def test_interval_that_reaches_inside_keeps_a_value_from_failing() -> None:
    assert limit().judge(measured(1.5, 0.1), 2)[0] is Outcome.FAIL
    assert limit().judge(measured(1.5, 0.1, interval=(0.9, 1.7)), 2)[0] is Outcome.INDETERMINATE


@pytest.mark.parametrize("k", [0.0, 1.0, 2.0])
def test_method_whose_uncertainty_exceeds_the_tolerance_never_passes(k: float) -> None:
    outcome, reason = limit().judge(measured(0.0, 0.51), k)
    assert outcome is Outcome.INDETERMINATE
    assert "not capable" in reason
    assert limit().judge(measured(5.0, 0.51), k)[0] is Outcome.FAIL


def test_method_that_uses_more_than_half_the_tolerance_says_so() -> None:
    outcome, reason = limit().judge(measured(0.1, 0.26), 2)
    assert outcome is Outcome.PASS
    assert "not capable" in reason
    assert "not capable" not in limit().judge(measured(0.1, 0.24), 2)[1]


@pytest.mark.parametrize(("value", "said"), [(1.5, "is not reached"), (1.95, "may be reached"), (2.5, "outside the action level of 2 mm")])
def test_two_levels_are_told_apart_in_the_reason(value: float, said: str) -> None:
    outcome, reason = limit(action=2.0).judge(measured(value, 0.1), 2)
    assert outcome is Outcome.FAIL
    assert said in reason


def test_false_accept_of_the_guard_band_is_2_3_percent() -> None:
    # A machine that is exactly at the limit, measured 40 000 times with the stated u: P(y + 2u <= T) = Phi(-2).
    rng = np.random.default_rng(20240229)
    own = limit()
    passed = sum(own.judge(measured(value, 0.1), 2)[0] is Outcome.PASS for value in rng.normal(1.0, 0.1, 40_000))
    nominal = 0.5 * math.erfc(2 / math.sqrt(2))
    assert passed / 40_000 == pytest.approx(nominal, rel=0.1)


# What is missing never passes.


def test_limit_without_a_number_is_not_measured() -> None:
    outcome, reason = limit(tolerance=None).judge(measured(0.0, 0.01), 2)
    assert outcome is Outcome.NOT_MEASURED
    assert "set your own limit" in reason


def test_missing_number_keeps_its_reason() -> None:
    assert limit().judge(NotMeasured(BALL, "no ball in the image"), 2) == (Outcome.NOT_MEASURED, "no ball in the image")


def test_yes_no_check_is_not_decided_by_a_number() -> None:
    assert limit(kind="functional", tolerance=None).judge(measured(0.0, 0.01), 2)[0] is Outcome.NOT_MEASURED


def test_baseline_is_subtracted_with_its_uncertainty() -> None:
    own = limit(kind="baseline")
    assert own.judge(measured(5.0, 0.1), 2) == (Outcome.NOT_MEASURED, "no baseline")
    assert own.judge(measured(5.0, 0.1), 2, baseline(4.7, 0.1))[0] is Outcome.PASS  # 0.3 + 2 * 0.141
    assert own.judge(measured(5.0, 0.1), 2, baseline(4.25, 0.1))[0] is Outcome.INDETERMINATE  # 0.75 + 0.28; 0.95 without the baseline's u
    outcome, reason = own.judge(measured(5.0, 0.1), 2, baseline(6.5, 0.1))  # 1.5 - 0.28
    assert outcome is Outcome.FAIL
    assert reason.startswith(
        "-1.50 ± 0.28 mm from the baseline 6.50 ± 0.20 mm of 2026-01-05 (record base) is outside the tolerance of 1 mm"
    )
    with pytest.raises(ProtocolError, match="baseline is in 'deg'"):
        own.judge(measured(5.0, 0.1), 2, replace(baseline(5.0, 0.1), unit="deg"))


def test_difference_is_lowest_where_the_baseline_is_highest() -> None:
    """The long arm of a baseline's interval upwards, 0.5, counts downwards in the difference: 0.5 + 0.14, but -0.5 - 0.51."""
    own, skew = limit(kind="baseline"), replace(baseline(4.5, 0.05), interval=(4.4, 5.0))
    assert own.judge(measured(5.0, 0.05), 2, skew)[0] is Outcome.PASS
    high = replace(skew, value=5.5, interval=(5.4, 6.0))
    assert own.judge(measured(5.0, 0.05), 2, high)[0] is Outcome.INDETERMINATE


def test_limit_for_parts_asks_for_each_of_them_and_for_no_other() -> None:
    teflon, pmp, lost = (measured(value, 0.1, at={"part": part}) for value, part in ((0.5, "Teflon"), (5.0, "PMP"), (0.2, "LDPE")))
    own = protocol(limit(parts=("Teflon", "LDPE")))
    assert [(j.reading, j.outcome) for j in judge(own, "winston_lutz", [pmp, teflon, lost])] == [(1, Outcome.PASS), (2, Outcome.PASS)]
    absent, only = judge(own, "winston_lutz", [pmp, teflon])
    assert (absent.reading, absent.outcome, absent.reason) == (-1, Outcome.NOT_MEASURED, f"no reading of {BALL.key} of LDPE was made")
    assert (only.reading, only.outcome) == (1, Outcome.PASS)
    (nothing,) = judge(own, "winston_lutz", [NotMeasured(BALL, "no phantom in the image")])
    assert (nothing.outcome, nothing.reason) == (Outcome.NOT_MEASURED, "no phantom in the image")
    unnamed = judge(own, "winston_lutz", [measured(0.1, 0.1)])
    assert [(j.reading, j.outcome) for j in unnamed] == [(-1, Outcome.NOT_MEASURED)]


def test_a_way_that_no_row_of_a_technique_is_for_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where parts are ways to measure the same thing: an insert that nobody asks for is shown and not judged."""
    kv, cbct = (measured(value, 0.1, at={"part": part}) for value, part in ((0.5, "kV"), (0.6, "CBCT")))
    asked = limit(parts=("kV",), techniques=("imrt", "srs"))
    assert [one.reading for one in judge(protocol(asked), "winston_lutz", [kv, cbct])] == [0]
    monkeypatch.setattr("qa.protocol.parts_are_ways", lambda name: True)
    said = judge(protocol(asked), "winston_lutz", [kv, cbct])
    assert [(one.reading, one.outcome) for one in said] == [(0, Outcome.PASS), (1, Outcome.NOT_MEASURED)]
    assert "CBCT was measured too" in said[1].reason
    for techniques, outcomes in ((("imrt",), [Outcome.PASS, Outcome.NOT_MEASURED, Outcome.PASS]), (("imrt", "srs"), [Outcome.PASS] * 2)):
        other = replace(asked, limit_id="b", parts=("CBCT",), techniques=techniques)
        assert [one.outcome for one in judge(protocol(asked, other), "winston_lutz", [kv, cbct])] == outcomes


def test_unit_mismatch_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"limit a.*'deg'.*'mm'"):
        limit(unit="deg").judge(measured(0.1, 0.01), 2)


def test_limit_without_a_reading_is_judged_all_the_same() -> None:
    (only,) = judge(protocol(limit()), "winston_lutz", [])
    assert (only.reading, only.outcome) == (-1, Outcome.NOT_MEASURED)
    assert "max_ball_offset" in only.reason


def test_every_reading_of_a_quantity_is_judged() -> None:
    readings = [measured(0.1, 0.01), NotMeasured(SIZE, "no couch angles"), NotMeasured(BALL, "blank"), measured(3.0, 0.01)]
    judged = judge(protocol(limit()), "winston_lutz", readings)
    assert [(j.reading, j.outcome) for j in judged] == [(0, Outcome.PASS), (2, Outcome.NOT_MEASURED), (3, Outcome.FAIL)]


def test_only_the_limits_of_the_procedure_are_judged() -> None:
    assert judge(protocol(limit(procedure="other")), "winston_lutz", [measured(0.1, 0.01)]) == ()


def test_pass_without_what_it_needs_is_not_measured_and_says_why() -> None:
    own = protocol(limit(needs=(SIZE.key,)))
    (absent,) = judge(own, "winston_lutz", [measured(0.1, 0.01)])
    assert absent.outcome is Outcome.NOT_MEASURED
    assert SIZE.key in absent.reason
    (unable,) = judge(own, "winston_lutz", [measured(0.1, 0.01), NotMeasured(SIZE, "one couch angle only")])
    assert unable.outcome is Outcome.NOT_MEASURED
    assert "one couch angle only" in unable.reason
    (whole,) = judge(own, "winston_lutz", [measured(0.1, 0.01), Measured(SIZE, 0.3, 0.1)])
    assert whole.outcome is Outcome.PASS


def test_failure_wins_over_what_is_missing() -> None:
    (only,) = judge(protocol(limit(needs=(SIZE.key,))), "winston_lutz", [measured(3.0, 0.01)])
    assert only.outcome is Outcome.FAIL
    assert SIZE.key in only.reason


def test_verdict_is_the_worst_outcome_per_technique() -> None:
    judgements = [
        Judgement(limit(techniques=("srs", "imrt")), 0, Outcome.PASS, ""),
        Judgement(limit(techniques=("srs",)), 0, Outcome.INDETERMINATE, ""),
    ]
    assert verdicts(judgements) == {"imrt": Outcome.PASS, "srs": Outcome.INDETERMINATE}
    assert verdicts([]) == {}


def test_only_a_pass_means_go() -> None:
    assert [outcome.word for outcome in sorted(Outcome)] == ["GO", "REPEAT", "REPEAT", "STOP", "STOP"]


# Files.

GOOD = """
name = "own"
title = "Our own"
frequency = "monthly"
coverage_factor = 2
source = "physics meeting"
[[limit]]
id = "a"
procedure = "winston_lutz"
quantity = "max_ball_offset"
unit = "mm"
tolerance = 1
kind = "absolute"
techniques = ["srs"]
frequency = "monthly"
source = "test"
confirmed = false
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_clinic_file_is_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, GOOD)) == Protocol("own", "Our own", 2.0, (limit(),), "monthly", "physics meeting")
    assert read(str(written(tmp_path, "\ufeff" + GOOD))).name == "own"  # as some editors save it


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("tolerance = 1", "tolerence = 1", r"limit 1 \(a\): unknown key 'tolerence'"),
        ("tolerance = 1", "tolerance = 0", r"limit 1 \(a\): tolerance must be .* found 0"),
        ("tolerance = 1", "tolerance = -1.5", r"tolerance must be .* found -1.5"),
        ("tolerance = 1", "tolerance = inf", r"tolerance must be a finite number; found inf"),
        ("tolerance = 1", "tolerance = nan", r"tolerance must be a finite number; found nan"),
        ("tolerance = 1", "tolerance = true", r"tolerance must be a finite number; found True"),
        ("tolerance = 1", 'tolerance = "1 mm"', r"tolerance must be a finite number; found '1 mm'"),
        ("tolerance = 1", "tolerance = 1\naction = 0.5", r"action must be a number not smaller than the tolerance"),
        ("tolerance = 1", "action = 0.5", r"action must be .* a tolerance beside it"),
        ('kind = "absolute"', 'kind = "relative"', r"kind must be one of 'absolute', .* found 'relative'"),
        ('kind = "absolute"', 'kind = "functional"', r"tolerance must be none for a functional"),
        ('unit = "mm"', "", r"unit must be one of 'mm', .* found nothing"),
        ('unit = "mm"', 'unit = "cm"', r"unit must be one of .* found 'cm'"),
        ('["srs"]', '["vmat"]', r"techniques must be a list of conventional, .* found \['vmat'\]"),
        ('["srs"]', "[]", r"techniques must be .* at least one"),
        ('["srs"]', '"srs"', r"techniques must be a list of texts; found 'srs'"),
        ('source = "test"', "", r"source must be a text that is not empty; found nothing"),
        ('source = "test"', 'source = " "', r"source must be a text that is not empty"),
        ("confirmed = false", "", r"confirmed must be true .* or false; found nothing"),
        ("confirmed = false", "confirmed = 0", r"confirmed must be true"),
        ('procedure = "winston_lutz"', "", r"procedure must be a text"),
        ('id = "a"', "", r"limit 1: id must be a text"),
        ("coverage_factor = 2", "", r"coverage_factor must be a number, 0 or larger .* found nothing"),
        ("coverage_factor = 2", "coverage_factor = -1", r"coverage_factor must be a number, 0 or larger"),
        ('title = "Our own"', "titel = 'x'", r"unknown key 'titel'"),
        ('title = "Our own"', "title = ", r"not a TOML file"),
        ("[[limit]]", "[limit]", r"limit must be at least one \[\[limit\]\] table"),
        ('name = "own"', 'name = "mppg9a_daily"', r"belongs to a protocol of the suite"),
    ],
)
def test_malformed_file_is_refused_with_place_and_expectation(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ProtocolError, match=expected) as caught:
        read(written(tmp_path, GOOD.replace(old, new)))
    assert "own.toml" in str(caught.value)


def test_id_used_twice_is_refused(tmp_path: Path) -> None:
    row = GOOD[GOOD.index("[[limit]]") :]
    with pytest.raises(ProtocolError, match="limit 2: id 'a' is used twice"):
        read(written(tmp_path, GOOD + row))


def test_file_without_limits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="found nothing"):
        read(written(tmp_path, GOOD[: GOOD.index("[[limit]]")]))


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProtocolError, match="not a TOML file in UTF-8"):
        read(path)


@pytest.mark.parametrize("name", ["no_such_protocol", "folder"])
def test_unreadable_file_names_the_protocols_there_are(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ProtocolError, match=r"cannot be read .*mppg9a_monthly"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", names())
def test_packaged_protocol_is_sound(name: str) -> None:
    own = read(name)
    assert own.name == name
    assert own.coverage_factor == 2.0
    for row in own.limits:
        assert row.source
        assert row.frequency == own.frequency
        assert row.confirmed or row.kind == "functional" or "Number" in row.note  # an unconfirmed number says where it comes from
    for procedure in set(own.procedures) & set(procedures.names()):
        check(own, procedure, procedures.load(procedure).quantities)


def test_packaged_files_warn_a_physicist() -> None:
    for path in Path(protocols.__file__).parent.joinpath("protocols").glob("*.toml"):
        assert "NOT FOR CLINICAL USE" in path.read_text(encoding="utf-8"), path.name


def test_protocols_of_both_standards_are_there() -> None:
    assert set(names()) >= {f"{standard}_{period}" for standard in ("tg142", "mppg9a") for period in ("daily", "monthly", "annual")}


def test_mppg9a_monthly_is_what_its_table_1_says() -> None:
    # 1.0 mm for SRS, 1.5 mm for SBRT, over the clinical range of all three rotations.
    rows = {row.techniques: row for row in read("mppg9a_monthly").limits}
    assert rows[("srs",)].tolerance == 1.0
    assert rows[("sbrt",)].tolerance == 1.5
    assert all({"isocenter_size_gantry", "isocenter_size_collimator", "isocenter_size_couch"} == set(row.needs) for row in rows.values())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"quantity": "max_bal_offset"}, "measures no 'max_bal_offset'"),
        ({"needs": ("isocentre",)}, "measures no 'isocentre'"),
        ({"unit": "deg"}, "unit is 'deg', but max_ball_offset is measured in 'mm'"),
    ],
)
def test_limit_that_no_procedure_can_answer_is_refused_beforehand(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(ProtocolError, match=expected):
        check(protocol(limit(**changes)), "winston_lutz", [BALL])


def test_a_value_of_which_a_part_is_missing_can_fail_but_never_pass() -> None:
    inside = Measured(BALL, 0.2, 0.01, missing="1 of 17 images could not be measured: a.dcm")
    outside = Measured(BALL, 2.0, 0.01, missing="1 of 17 images could not be measured: a.dcm")
    limit = Limit("x", "winston_lutz", "max_ball_offset", "mm", 1.0, None, "absolute", ("srs",), "monthly", "s", True)
    outcome, reason = limit.judge(inside, 2.0)
    assert outcome is Outcome.NOT_MEASURED
    assert "a.dcm" in reason
    assert limit.judge(outside, 2.0)[0] is Outcome.FAIL
