"""A picture as SVG text: the part of reportlab's canvas that pictures use. Lengths are points, the origin is the lower left corner."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape

from reports.ink import FONT

Point = tuple[float, float]
_ARC = 24  # corners of a circle
_ROUND = tuple((math.cos(2 * math.pi * n / _ARC), math.sin(2 * math.pi * n / _ARC)) for n in range(_ARC))


class Path:
    """A polyline that is being made."""

    def __init__(self) -> None:
        """Without a point."""
        self.points: list[Point] = []
        self.closed = False

    def lineTo(self, x: float, y: float) -> None:  # noqa: N802 - reportlab's name
        """The next point."""
        self.points.append((x, y))

    moveTo = lineTo  # noqa: N815

    def close(self) -> None:
        """Back to the first point."""
        self.closed = True


class Svg:
    """Everything becomes a polyline or a line of text; text stays text."""

    def __init__(self, width: float, height: float) -> None:
        """An empty white picture."""
        self.width, self.height = width, height
        self._state: dict[str, Any] = {"line": 1.0, "stroke": "#000000", "fill": "#000000", "dash": (), "font": (FONT, 8.0), "turn": 0.0}
        self._kept: list[dict[str, Any]] = []
        self._parts: list[str] = []

    def __getattr__(self, name: str) -> Any:
        """The setters: ``setLineWidth(0.5)`` keeps 0.5 as the line."""
        kind = {"setLineWidth": "line", "setStrokeColor": "stroke", "setFillColor": "fill", "setDash": "dash", "setFont": "font"}.get(name)
        if kind is None and name not in ("setLineCap", "setLineJoin"):
            raise AttributeError(name)

        def keep(*values: Any) -> None:
            if kind in ("stroke", "fill"):
                self._state[kind] = "#" + values[0].hexval()[2:]
            elif kind == "dash":
                self._state[kind] = tuple(values[0]) if isinstance(values[0], list | tuple) else tuple(values)
            elif kind:
                self._state[kind] = values if kind == "font" else values[0]

        return keep

    def saveState(self) -> None:  # noqa: N802
        """Remembers line, fill, font and turn."""
        self._kept.append(dict(self._state))

    def restoreState(self) -> None:  # noqa: N802
        """As at the last ``saveState``."""
        self._state = self._kept.pop()

    def rotate(self, degrees: float) -> None:
        """Turns all that follows counter-clockwise about the origin."""
        self._state["turn"] += degrees

    def line(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """One straight line."""
        self.polyline(self._turned([(x, y), (to_x, to_y)]), False, True, False)

    def lines(self, ends: Iterable[tuple[float, float, float, float]]) -> None:
        """Several."""
        for one in ends:
            self.line(*one)

    def rect(self, x: float, y: float, width: float, height: float, stroke: int = 1, fill: int = 0) -> None:
        """An upright rectangle."""
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        self.polyline(self._turned(corners), True, bool(stroke), bool(fill))

    def circle(self, x: float, y: float, radius: float, stroke: int = 1, fill: int = 0) -> None:
        """A circle, as a polygon."""
        corners = [(x + radius * cos, y + radius * sin) for cos, sin in _ROUND]
        self.polyline(self._turned(corners), True, bool(stroke), bool(fill))

    def beginPath(self) -> Path:  # noqa: N802
        """An empty polyline."""
        return Path()

    def drawPath(self, path: Path, stroke: int = 1, fill: int = 0) -> None:  # noqa: N802
        """The polyline drawn."""
        self.polyline(self._turned(path.points), path.closed, bool(stroke), bool(fill))

    def drawString(self, x: float, y: float, text: str) -> None:  # noqa: N802
        """Text that begins there."""
        self.words(text, *self._turned([(x, y)])[0], "start")

    def drawCentredString(self, x: float, y: float, text: str) -> None:  # noqa: N802
        """Text with its middle there."""
        self.words(text, *self._turned([(x, y)])[0], "middle")

    def drawRightString(self, x: float, y: float, text: str) -> None:  # noqa: N802
        """Text that ends there."""
        self.words(text, *self._turned([(x, y)])[0], "end")

    def _turned(self, points: Iterable[Point]) -> list[Point]:
        if not self._state["turn"]:
            return [*points]
        cos, sin = math.cos(math.radians(self._state["turn"])), math.sin(math.radians(self._state["turn"]))
        return [(x * cos - y * sin, x * sin + y * cos) for x, y in points]

    def polyline(self, points: Sequence[Point], closed: bool, stroke: bool, fill: bool) -> None:
        """Drawn with the present line and fill."""
        state, at = self._state, " ".join(f"{x:.2f},{self.height - y:.2f}" for x, y in points)
        dash = f' stroke-dasharray="{" ".join(f"{part:g}" for part in state["dash"])}"' if state["dash"] else ""
        edge = f'stroke="{state["stroke"]}" stroke-width="{state["line"]:g}"{dash}' if stroke else 'stroke="none"'
        self._parts.append(f'<poly{"gon" if closed else "line"} points="{at}" {edge} fill="{state["fill"] if fill else "none"}"/>')

    def words(self, text: str, x: float, y: float, anchor: str) -> None:
        """Written at the present turn with the present font; ``anchor`` is start, middle or end."""
        (font, size), turn, down = self._state["font"], self._state["turn"], self.height - y
        weight = ' font-weight="bold"' if font.endswith("Bold") else ""
        turned = f' transform="rotate({-turn:g} {x:.2f} {down:.2f})"' if turn else ""
        self._parts.append(
            f'<text x="{x:.2f}" y="{down:.2f}" font-size="{size:g}"{weight} text-anchor="{anchor}" fill="{self._state["fill"]}"{turned}>'
            f"{escape(text)}</text>"
        )

    def content(self) -> bytes:
        """The file."""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:g}pt" height="{self.height:g}pt"'
        body = "\n".join(self._parts)
        family = 'font-family="DejaVu Sans, Verdana, sans-serif"'
        box = f'viewBox="0 0 {self.width:g} {self.height:g}"'
        return f'{head} {box} {family}>\n<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'.encode()
