"""SimpleITK as the peer of bench/registration.py: Euler3D, three levels, regular-step gradient descent, as its users write it.

The samples lie off the voxel grid (SimpleITK moves each at random by about a third of a voxel) and are the same in every run.
``Recipe.fine`` goes on after the three levels with a cubic spline, smaller steps and next to no tolerance on the gradient, which by
default ends a descent early.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Volume

Array = NDArray[np.float64]
MISSING = "SimpleITK is not installed, so nothing stands beside ours: pip install SimpleITK, or this project with its extra dev"
BINS, SHARE, SEED = 50, 0.1, 20  # of Mattes' histograms; of the voxels that are sampled
SHRINK, BLUR_MM = [4, 2, 1], [2.0, 1.0, 0.0]
STEP_MM, LEAST_MM, TURNS, TOLERANCE = 1.0, 1e-4, 200, 1e-4  # the tolerance is SimpleITK's own default
FINE_STEP_MM, FINE_LEAST_MM, FINE_TOLERANCE = 0.1, 1e-5, 1e-8


@dataclass(frozen=True)
class Recipe:
    """``metric`` is "mutual information" or "correlation"."""

    metric: str
    fine: bool = False


def installed() -> bool:
    """Whether there is a peer."""
    return importlib.util.find_spec("SimpleITK") is not None


def version() -> str:
    """The peer's own, or that there is none."""
    return importlib.metadata.version("SimpleITK") if installed() else "(not installed)"


def matched(first: Volume, later: Volume, recipe: Recipe, start: tuple[Array, Array] | None) -> tuple[Array, Array]:
    """Rotation and shift from the first volume to the second; begun at ``start``, None: at the volumes' middles."""
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # the processor's time is compared
    fixed, moving = _image(first), _image(later)
    transform = SimpleITK.Euler3DTransform(
        SimpleITK.CenteredTransformInitializer(
            fixed, moving, SimpleITK.Euler3DTransform(), SimpleITK.CenteredTransformInitializerFilter.GEOMETRY
        )
    )
    if start is not None:
        transform = SimpleITK.Euler3DTransform()
        transform.SetMatrix([float(v) for v in start[0].ravel()], 1e-6)
        transform.SetTranslation([float(v) for v in start[1]])
    method = _method(recipe)
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)
    if recipe.fine:
        _finely(method)
        method.Execute(fixed, moving)
    shift = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    return np.array(transform.GetMatrix()).reshape(3, 3), shift


def _method(recipe: Recipe) -> Any:
    import SimpleITK

    method = SimpleITK.ImageRegistrationMethod()
    if recipe.metric == "correlation":
        method.SetMetricAsCorrelation()
    else:
        method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(SHARE, SEED)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(STEP_MM, LEAST_MM, TURNS, gradientMagnitudeTolerance=TOLERANCE)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(SHRINK)
    method.SetSmoothingSigmasPerLevel(BLUR_MM)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _finely(method: Any) -> None:
    import SimpleITK

    method.SetInterpolator(SimpleITK.sitkBSpline)
    method.SetShrinkFactorsPerLevel([1])
    method.SetSmoothingSigmasPerLevel([0.0])
    method.SetOptimizerAsRegularStepGradientDescent(FINE_STEP_MM, FINE_LEAST_MM, TURNS, gradientMagnitudeTolerance=FINE_TOLERANCE)
    method.SetOptimizerScalesFromPhysicalShift()


def _image(volume: Volume) -> Any:
    """The volume in F: SimpleITK counts columns first."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.voxels))
    steps = np.array(volume.steps_mm)[::-1]
    pitch = np.linalg.norm(steps, axis=1)
    image.SetSpacing([float(v) for v in pitch])
    image.SetOrigin([float(v) for v in volume.origin_mm])
    image.SetDirection([float(v) for v in (steps / pitch[:, None]).T.ravel()])
    return image
