"""Flat panels: pixel counts and pitch. Integers are pixel centres; the centre is ((rows - 1)/2, (columns - 1)/2)."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Panel:
    """A grid of square-cornered pixels, `rows` x `columns`, with `pitch_mm` = (row, column) at the panel's surface."""

    name: str
    rows: int
    columns: int
    pitch_mm: tuple[float, float]

    def __post_init__(self) -> None:
        """Refuse what is no panel."""
        if min(self.rows, self.columns) < 1 or min(self.pitch_mm) <= 0:
            raise ValueError(f"a panel needs pixels of positive pitch, found {self}")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns

    @property
    def centre_px(self) -> tuple[float, float]:
        """(row, column) of the geometric centre: between pixels when the count is even."""
        return (self.rows - 1) / 2, (self.columns - 1) / 2

    def cropped(self, rows: int, columns: int) -> "Panel":
        """The same pixels, fewer of them, about the panel's own centre."""
        return replace(self, rows=rows, columns=columns)


AS500 = Panel("AS500", 384, 512, (0.784, 0.784))
AS1000 = Panel("AS1000", 768, 1024, (0.392, 0.392))
AS1200 = Panel("AS1200", 1280, 1280, (0.336, 0.336))
IVIEWGT = Panel("iViewGT", 1024, 1024, (0.400, 0.400))  # fixed at SID 1600 mm
PAXSCAN = Panel("PaxScan 4030 binned", 768, 1024, (0.388, 0.388))  # kV imager of the C-arm linacs
XVI = Panel("XVI", 512, 512, (0.800, 0.800))  # SID 1536 mm; shifted sideways by 115 mm for the medium field of view
XVI_FINE = Panel("XVI fine", 1024, 1024, (0.400, 0.400))
