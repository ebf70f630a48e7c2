"""Everything that makes one image, and where things are in it, by ray geometry alone."""

from dataclasses import dataclass

from phantoms.aperture import SIMPLE, SQUARE_20, Aperture, Penumbra
from phantoms.clutter import Silhouette, Spindle
from phantoms.cuboid import BoxShadow
from phantoms.panel import Panel
from phantoms.rays import PanelMap, Point, panel_map, turn
from phantoms.shadow import Block, Shadow, Stem

Absorber = Shadow | Block | Stem | Spindle | Silhouette | BoxShadow


@dataclass(frozen=True)
class View:
    """One exposure. Positions are (u, v) in mm on the isocentre plane unless the name says panel.

    `field_uv_mm` is where the beam axis meets the plane: the origin of the collimator frame, which is turned by
    `collimator_deg`, and of the beam profile 1 + tilt . x + curvature |x|^2. `sid_mm` is what the machine states;
    the panel stands at sid_mm + sid_error_mm, its centre at `panel_shift_mm` on the panel plane, turned about it by
    `panel_rotation_deg` (counter-clockwise in (u, v)). `source_mm` is the focal spot's place across the nominal axis.
    `transmission` is the flat signal outside the field. `glare_fraction` of the signal is spread over the panel by a
    Gaussian of `glare_sigma_mm` (on the panel); then `veil` is the part of an open signal of 1 that is the same everywhere.
    """

    panel: Panel
    aperture: Aperture = SQUARE_20
    penumbra: Penumbra = SIMPLE
    field_uv_mm: Point = (0.0, 0.0)
    collimator_deg: float = 0.0
    sad_mm: float = 1000.0
    sid_mm: float = 1500.0
    transmission: float = 0.002
    balls: tuple[Shadow, ...] = ()
    stems: tuple[Stem | Spindle, ...] = ()
    blocks: tuple[Block | Silhouette | BoxShadow, ...] = ()
    tilt_per_mm: Point = (0.0, 0.0)
    curvature_per_mm2: float = 0.0
    glare_fraction: float = 0.0
    glare_sigma_mm: float = 12.0
    veil: float = 0.0
    panel_shift_mm: Point = (0.0, 0.0)
    panel_rotation_deg: float = 0.0
    sid_error_mm: float = 0.0
    source_mm: Point = (0.0, 0.0)

    @property
    def map(self) -> PanelMap:
        """Pixels to isocentre plane along the true rays."""
        shrink = self.sad_mm / (self.sid_mm + self.sid_error_mm)
        panel = self.panel
        return panel_map(panel.pitch_mm, panel.centre_px, self.panel_shift_mm, self.panel_rotation_deg, self.source_mm, shrink)

    @property
    def aperture_uv_mm(self) -> Point:
        """Centre of the aperture on the isocentre plane."""
        u, v = turn(self.collimator_deg) @ self.aperture.centre_mm
        return float(self.field_uv_mm[0] + u), float(self.field_uv_mm[1] + v)


@dataclass(frozen=True)
class Truth:
    """Where things are: (row, column) in pixels, integers at pixel centres, and (u, v) in mm on the isocentre plane.

    A ball, or a box of a cube phantom, is where the ray through its centre arrives; the field is the centre of symmetry
    of its unmodulated edges; the isocentre is the projection of the origin of F.
    """

    ball_px: tuple[Point, ...]
    field_px: Point
    isocentre_px: Point
    ball_uv_mm: tuple[Point, ...]
    field_uv_mm: Point
    box_px: tuple[Point, ...] = ()
    box_uv_mm: tuple[Point, ...] = ()


def truth(view: View) -> Truth:
    """The truth of a view; nothing of it comes from the drawn image."""
    pixel = view.map.to_pixel
    balls = tuple((ball.u_mm, ball.v_mm) for ball in view.balls)
    boxes = tuple((box.u_mm, box.v_mm) for box in view.blocks if isinstance(box, BoxShadow))
    field = view.aperture_uv_mm
    return Truth(
        tuple(pixel(ball) for ball in balls), pixel(field), pixel((0.0, 0.0)), balls, field, tuple(pixel(box) for box in boxes), boxes
    )
