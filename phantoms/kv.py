"""A kV imager on a simulated machine: the same couch and phantom, seen by a tube and panel that turn with the gantry."""

from dataclasses import dataclass, replace

from phantoms.aperture import Rectangle
from phantoms.machine import STILL, Linac, Unsharpness, Wave
from phantoms.panel import PAXSCAN, XVI, Panel
from phantoms.penumbra import Penumbra
from phantoms.rays import Point, Point3

BLADES_MM = 100.0  # from the source to the blades: their edges were seen to ramp over 15 mm of the panel


@dataclass(frozen=True)
class KvImager:
    """Tube, blades and panel; lengths in mm, on the isocentre plane unless the name or this text says otherwise.

    * `isocentre_mm`: K in F. The panel stands so that its centre (plus `receptor_mm`, on the panel, known and reported)
      shows the projection of K from the nominal source, at every angle. Only the panel is displaced, as a calibration
      does it: a ball at B that is solved for in the imager's own coordinates comes out at B - K but for terms of the
      size |B| |K| / SAD, 0.003 mm for 10 mm and 0.3 mm.
    * `sag_u_mm`, `sag_v_mm`: where the panel's centre looks besides that, against the angle of the kV source.
    * `source_u_mm`, `source_v_mm`: the focal spot's place across the nominal axis; 1 mm of it moves the image of the
      isocentre by 1 - SAD/SID of a mm, the other way.
    * `blades_mm`: (x1, x2, y1, y2) of the open field; wider than the panel, they are out of view.
    * `focal_spot_mm`: width of the spot; `detector_mm`: sigma of the panel's own blur, on the panel.
    * `veil`: scatter that is the same everywhere; `glare_fraction`, `glare_sigma_mm` (on the panel): scatter that
      follows the beam. `tilt_per_mm`, `curvature_per_mm2`: heel effect and slow shading.
    * `noise_sigma`: at open field, a fraction of it; `quantum_share` of its variance falls with the signal.
      `gain_slip`, `black`, `full_scale`: as for a `Linac`. Around a steel ball a real panel of two gains read 12 700 and
      15 500 of 47 000 next to 3 100: something like (0.08, 0.16, 2.0).
    """

    panel: Panel = PAXSCAN
    sad_mm: float = 1000.0
    sid_mm: float = 1500.0
    kilovolts: int = 100
    blades_mm: tuple[float, float, float, float] = (-127.0, 129.0, -96.0, 97.0)  # as seen just inside the panel's borders
    isocentre_mm: Point3 = (0.0, 0.0, 0.0)
    sag_u_mm: Wave = STILL
    sag_v_mm: Wave = STILL
    source_u_mm: Wave = STILL
    source_v_mm: Wave = STILL
    receptor_mm: Point = (0.0, 0.0)
    panel_rotation_deg: float = 0.0
    sid_error_mm: float = 0.0
    focal_spot_mm: float = 0.8
    detector_mm: float = 0.25
    tilt_per_mm: Point = (0.0, 0.0)
    curvature_per_mm2: float = 0.0
    veil: float = 0.025
    glare_fraction: float = 0.03
    glare_sigma_mm: float = 8.0
    noise_sigma: float = 0.0035
    noise_correlation: float = 0.3
    quantum_share: float = 0.9
    gain_slip: Point3 = (0.0, 0.0, 1.0)
    black: float = 0.0
    full_scale: float = 1.35

    @property
    def unsharpness(self) -> Unsharpness:
        """Of whatever stands between the source and the panel."""
        return Unsharpness(self.focal_spot_mm, self.detector_mm)

    @property
    def turn_isocentre_mm(self) -> Point3:
        """K as a full turn in even steps shows it: with the parts of sag and wandering spot that look like a displacement."""
        lever = 1 - self.sad_mm / (self.sid_mm + self.sid_error_mm)
        x, y, z = self.isocentre_mm
        x += self.sag_u_mm.cos + lever * self.source_u_mm.cos
        y += self.sag_v_mm.mean + lever * self.source_v_mm.mean
        z -= self.sag_u_mm.sin + lever * self.source_u_mm.sin
        return x, y, z


def kv_system(linac: Linac, imager: KvImager) -> Linac:
    """The same machine and couch, seen by its kV beam; Shot.gantry_deg is then the angle of the kV source (IEC)."""
    x1, x2, y1, y2 = imager.blades_mm
    stretch = (imager.sid_mm + imager.sid_error_mm) / imager.sad_mm
    edge = imager.unsharpness.at(BLADES_MM, imager.sad_mm, imager.sid_mm + imager.sid_error_mm)
    return replace(
        linac,
        sad_mm=imager.sad_mm,
        sid_mm=imager.sid_mm,
        panel=imager.panel,
        aperture=Rectangle(x2 - x1, y2 - y1, ((x1 + x2) / 2, (y1 + y2) / 2)),
        penumbra=Penumbra((1.0,), (edge,)),
        energy=f"{imager.kilovolts}kV",
        curvature_per_mm2=imager.curvature_per_mm2,
        tilt_per_mm=imager.tilt_per_mm,
        transmission=0.0,
        glare_fraction=imager.glare_fraction,
        glare_sigma_mm=imager.glare_sigma_mm,
        veil=imager.veil,
        head_u_mm=imager.source_u_mm,
        head_v_mm=imager.source_v_mm,
        panel_u_mm=_scaled(imager.sag_u_mm, stretch),
        panel_v_mm=_scaled(imager.sag_v_mm, stretch),
        imager_isocentre_mm=imager.isocentre_mm,
        panel_rotation_deg=imager.panel_rotation_deg,
        receptor_mm=imager.receptor_mm,
        sid_error_mm=imager.sid_error_mm,
        collimator_axis_mm=(0.0, 0.0),
        collimator_walkout_mm=0.0,
        focal_spot_mm=(0.0, 0.0),
        unsharpness=imager.unsharpness,
        noise_sigma=imager.noise_sigma,
        noise_correlation=imager.noise_correlation,
        quantum_share=imager.quantum_share,
        gain_slip=imager.gain_slip,
        black=imager.black,
        full_scale=imager.full_scale,
    )


XVI_SMALL = KvImager(panel=XVI, sid_mm=1536.0, blades_mm=(-145.0, 145.0, -145.0, 145.0))  # out of view
XVI_MEDIUM = KvImager(panel=XVI, sid_mm=1536.0, blades_mm=(-70.0, 220.0, -145.0, 145.0), receptor_mm=(115.0, 0.0))


def _scaled(wave: Wave, by: float) -> Wave:
    return Wave(by * wave.mean, by * wave.cos, by * wave.sin, by * wave.cos2, by * wave.sin2)
