"""A reading is a number with an uncertainty or a reason; nothing between the two can be made."""

import dataclasses
import math

import pytest

from qa import reading
from qa.reading import Measured, NotMeasured, QaError, Quantity

SIZE = Quantity("isocenter_size_gantry", "mm", "diameter", "worked out by hand")


def test_a_measured_value_carries_everything_it_was_given():
    found = Measured(SIZE, 1, 2, {"gantry_deg": 90.0}, {"noise": 2}, ("caveat",), (0, 3), "one image")
    assert (found.value, found.u, found.interval, found.missing, found.flags) == (1.0, 2.0, (0, 3), "one image", ("caveat",))
    assert (dict(found.at), dict(found.budget)) == ({"gantry_deg": 90.0}, {"noise": 2.0})
    assert isinstance(found.value, float)
    assert isinstance(found.budget["noise"], float)


@pytest.mark.parametrize("u", [0.0, -0.0, -1e-300, -1.0, math.nan, math.inf, -math.inf])
def test_a_value_without_an_uncertainty_is_not_a_measurement(u):
    with pytest.raises(ValueError, match="isocenter_size_gantry"):
        Measured(SIZE, 1.0, u)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_no_number_of_a_measurement_may_be_anything_but_finite(wrong):
    for fields in ({"value": wrong}, {"budget": {"noise": wrong}}, {"interval": (wrong, 1.0)}, {"interval": (0.0, wrong)}):
        with pytest.raises(ValueError, match="finite"):
            Measured(**({"quantity": SIZE, "value": 1.0, "u": 0.1} | fields))


def test_an_interval_runs_from_low_to_high():
    assert Measured(SIZE, 1.0, 0.1, interval=(1.0, 1.0)).interval == (1.0, 1.0)
    with pytest.raises(ValueError, match="low to high"):
        Measured(SIZE, 1.0, 0.1, interval=(1.1, 0.9))


@pytest.mark.parametrize("reason", ["", " ", "\n\t "])
def test_a_missing_number_needs_a_reason(reason):
    with pytest.raises(ValueError, match="reason"):
        NotMeasured(SIZE, reason)


def test_readings_cannot_be_changed_and_do_not_follow_what_they_were_made_of():
    at, budget = {"gantry_deg": 0.0}, {"noise": 0.1}
    found, absent = Measured(SIZE, 1.0, 0.1, at, budget), NotMeasured(SIZE, "no ball", at)
    at["gantry_deg"] = budget["noise"] = 99.0
    assert (found.at["gantry_deg"], found.budget["noise"], absent.at["gantry_deg"]) == (0.0, 0.1, 0.0)
    for mapping in (found.at, found.budget, absent.at):
        with pytest.raises(TypeError):
            mapping["gantry_deg"] = 1.0
    for frozen, name in ((found, "value"), (absent, "reason"), (SIZE, "unit")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(frozen, name, "changed")


def test_every_error_is_one_that_a_person_must_act_on():
    errors = [e for e in vars(reading).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert {e.__name__ for e in errors} == {"QaError", "DicomError", "AnalysisError", "ProtocolError", "RecordError"}
    assert all(issubclass(e, QaError) and e.__doc__ for e in errors)
