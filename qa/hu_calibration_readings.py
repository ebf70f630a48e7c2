"""What a calibration scan says, as readings; the sections are those of docs/physics/hu_calibration.md."""

from __future__ import annotations

from collections.abc import Sequence

from qa.ct_values import Maker
from qa.features.number import Number, number
from qa.hu_calibration_curve import Curve, curve, residuals
from qa.hu_calibration_materials import COLUMNS, Plugged
from qa.reading import AnalysisError, Reading

END = "the curve ends here: there is nothing beyond to hold it against"
POOLED = "joined with its neighbour, because a rising CT number came with a falling value within their uncertainty"


def curves(materials: Sequence[Plugged]) -> dict[str, Curve | AnalysisError]:
    """The curve of each column, or why there is none."""
    found: dict[str, Curve | AnalysisError] = {}
    for column in COLUMNS:
        try:
            found[column] = curve(materials, column)
        except AnalysisError as error:
            found[column] = error
    return found


def readings(make: Maker, materials: Sequence[Plugged], found: dict[str, Curve | AnalysisError]) -> list[Reading]:
    """Every material's CT number, its value on each curve, and how straight the curve is there."""
    result: list[Reading] = []
    for one in materials:
        hu = one.hu
        result.append(
            make.missing("hu_curve_hu", str(hu), one.name) if isinstance(hu, AnalysisError) else make.measured("hu_curve_hu", hu, one.name)
        )
        result += [_value(make, one, column, found[column]) for column in COLUMNS]
    return result + _residuals(make, materials, found["red"])


def _value(make: Maker, one: Plugged, column: str, found: Curve | AnalysisError) -> Reading:
    key, own = f"hu_curve_{column}", one.values[column]
    if isinstance(found, AnalysisError):
        return make.missing(key, str(found), one.name)
    if isinstance(own, AnalysisError):
        return make.missing(key, str(own), one.name)
    if isinstance(one.hu, AnalysisError):
        return make.missing(key, f"its CT number was not measured: {one.hu}", one.name)
    if one.name in found.left_out:
        return make.missing(key, found.left_out[one.name], one.name)
    knot = next(knot for knot in found.knots if knot.name == one.name)
    if one.name in found.pooled:
        return make.measured(key, number(knot.value, {"pooled": knot.u_value}, own.flags), one.name, flags=(POOLED,))
    return make.measured(key, own, one.name)


def _residuals(make: Maker, materials: Sequence[Plugged], found: Curve | AnalysisError) -> list[Reading]:
    if isinstance(found, AnalysisError):
        absent = [make.missing("hu_curve_residual", str(found), one.name) for one in materials]
        return [*absent, make.missing("hu_curve_residual_max", str(found))]
    rest = residuals(found)
    result: list[Reading] = []
    for one in materials:
        if one.name in rest:
            result.append(make.measured("hu_curve_residual", rest[one.name], one.name))
        else:
            on_it = any(knot.name == one.name for knot in found.knots)
            result.append(make.missing("hu_curve_residual", END if on_it else "it is not on the curve", one.name))
    worst: Number = max(rest.values(), key=lambda value: abs(value.value))
    lost = [one.name for one in materials if isinstance(one.hu, AnalysisError)]
    missing = f"not measured: {', '.join(lost)}" if lost else ""
    result.append(make.measured("hu_curve_residual_max", number(abs(worst.value), worst.budget), missing=missing))
    return result
