"""Named machines to try things on."""

from phantoms.aperture import REALISTIC, Leaves
from phantoms.kv import KvImager, kv_system
from phantoms.machine import Linac, Wave
from phantoms.placement import BallSetup, Rod

DEMONSTRATION_BALL = BallSetup((0.20, -0.15, 0.25), 8.0, rods=(Rod(),))  # 0.35 mm off the isocentre, as a ball set to lasers is


def perfect() -> Linac:
    """No fault and no noise: straight jaws, one Gaussian."""
    return Linac()


def typical() -> Linac:
    """A good clinical machine: isocentre of about 0.5 mm, 0.4 mm of panel sag, MLC field, detector noise.

    The noise is at the cautious end: 0.2-0.3 % was seen on AS1200 panels, and a correlation of 0.8 only with the
    structure of the field left in (0.3-0.4 without).
    """
    return Linac(
        name="typical", serial="0002", aperture=Leaves(20.0, 20.0), penumbra=REALISTIC, curvature_per_mm2=-2e-5,
        head_u_mm=Wave(0.06, 0.05, -0.08, 0.08, 0.03), head_v_mm=Wave(-0.05, 0.16, 0.03, 0.02, -0.02),
        panel_u_mm=Wave(0.15, 0.05, 0.12, 0.03, 0.0), panel_v_mm=Wave(-0.30, 0.20, 0.05, 0.02, -0.01),
        panel_rotation_deg=0.08, sid_error_mm=0.6, collimator_axis_mm=(0.06, -0.04), collimator_walkout_mm=0.08,
        focal_spot_mm=(0.05, -0.08), couch_axis_mm=(0.12, -0.18), couch_walkout_mm=0.06, noise_sigma=0.003,
        noise_correlation=0.8,
    )  # fmt: skip


def typical_kv() -> Linac:
    """The kV beam of the typical machine: its isocentre K 0.3 mm from the treatment isocentre, 0.2 mm of sag."""
    imager = KvImager(
        isocentre_mm=(0.25, -0.16, -0.10), sag_u_mm=Wave(mean=0.05, cos2=0.03), sag_v_mm=Wave(cos=0.20, sin=-0.04),
        panel_rotation_deg=-0.06, sid_error_mm=-0.4, tilt_per_mm=(1e-5, 1e-4), curvature_per_mm2=-1e-6,
    )  # fmt: skip
    return kv_system(typical(), imager)


def faulty() -> Linac:
    """A machine that must not treat: isocentre above 2 mm, couch axis 1.2 mm off and 3 % short, panel 2 mm off."""
    return Linac(
        name="faulty", serial="0003", aperture=Leaves(20.0, 20.0), penumbra=REALISTIC, curvature_per_mm2=-1e-4,
        head_u_mm=Wave(0.40, 0.30, 0.20, 0.30, -0.20), head_v_mm=Wave(0.10, 0.60, 0.10, 0.20, 0.10),
        panel_u_mm=Wave(1.20, 0.50, 0.80, 0.10, 0.0), panel_v_mm=Wave(-1.50, 1.40, 0.20, 0.10, 0.10),
        panel_rotation_deg=0.6, sid_error_mm=4.0, collimator_axis_mm=(0.4, -0.3), collimator_walkout_mm=0.6,
        focal_spot_mm=(0.3, -0.4), couch_axis_mm=(0.8, -0.9), couch_walkout_mm=0.5, couch_scale=(0.97, 1.0, 1.02),
        noise_sigma=0.004, noise_correlation=0.8,
    )  # fmt: skip
