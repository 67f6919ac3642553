"""Drawn tattoos and invented people for `contest.py demo`, tests and benches: no photo of anybody is needed.

    draw(7, Path("/tmp"))    -> Path("/tmp/tattoo-7.jpg"), 1600 x 2000, the same picture for the same number
    person(7)                -> {"title", "artist", "studio", "collector", "style"}
    fill(contest, "judging") -> five categories, thirty entries, judges and what happened until then

A drawing is a motif on a skin ground in one of the palettes; every one is drawn from its number alone. Points are
complex numbers: x to the right, y down, the paper from -0.8-1j to 0.8+1j, so that to turn is to multiply.
"""

import cmath
import itertools
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH, HEIGHT = 1600, 2000                      # px
_FINE = 2                                       # drawn twice as large: that smooths the edges
_UNIT = HEIGHT / 2 * _FINE                      # px of the fine drawing per 1.0

Points = Sequence[complex]
Ink = tuple[int, int, int, int]                 # RGBA: a wash is black of a low alpha

INK = (18, 14, 22)
SKIN = ""                                       # no colour: lines and dots on the skin itself
#: name: (line width, five colours, their alpha)
PALETTES: dict[str, tuple[float, list[str], int]] = {
    "traditional": (0.0125, ["#b3261e", "#1f6b45", "#e0a526", "#274b7a", "#e9dcc0"], 240),
    "black and grey": (0.008, ["#17131b", "#2a2630", "#17131b", "#383440", "#55505e"], 170),
    "japanese": (0.0095, ["#c2431f", "#23395f", "#d99a2b", "#3f6f74", "#ece4d2"], 238),
    "fineline": (0.0055, [SKIN] * 5, 0),
    "neo-traditional": (0.0105, ["#7b2d5b", "#1f7a74", "#e3b04b", "#b5533c", "#f0d9c8"], 240),
    "blackwork": (0.011, [SKIN, "#131017", SKIN, SKIN, SKIN], 245),
    "new school": (0.015, ["#d6336c", "#2b8a3e", "#f59f00", "#1971c2", "#f8f0e3"], 245),
}
GROUNDS = ["#e3bda3", "#c9987a", "#a8754f", "#d9ab8c", "#86583c", "#efd0bb", "#664331"]


# Lines.

def curve(points: Points, closed: bool = True, steps: int = 14) -> list[complex]:
    """A smooth line through the points. Source: Catmull and Rom, 1974."""
    count = len(points)
    ring = [points[-1], *points, points[0], points[1]] if closed else [points[0], *points, points[-1]]
    smooth = []
    for at in range(count if closed else count - 1):
        a, b, c, d = ring[at:at + 4]
        for step in range(steps):
            t = step / steps
            smooth.append(b + ((c - a) * t + (2 * a - 5 * b + 4 * c - d) * t ** 2 + (3 * b - a - 3 * c + d) * t ** 3) / 2)
    return smooth if closed else [*smooth, points[-1]]


def turned(degrees: float) -> complex:
    return cmath.rect(1, math.radians(degrees))


def circle(middle: complex, radius: float, count: int = 64) -> list[complex]:
    return [middle + radius * turned(360 * at / count) for at in range(count)]


def arc(middle: complex, radius: float, start: float, end: float, count: int = 40) -> list[complex]:
    return [middle + radius * turned(start + (end - start) * at / count) for at in range(count + 1)]


def spiral(start: complex, radius: float, turns: float, way: int = 1, angle: float = 0) -> list[complex]:
    """From `start`, winding inwards."""
    middle = start - radius * turned(angle)
    return [middle + radius * (1 - at / 80) ** 1.3 * turned(angle + way * 360 * turns * at / 80) for at in range(77)]


def mirrored(points: Points) -> list[complex]:
    return [-point.conjugate() for point in points]


def _mixed(one: Ink, other: Ink, share: float) -> Ink:
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other))


class Pen:
    """Draws one tattoo: filled shapes, later ones over earlier ones, with the palette's line around them."""

    def __init__(self, style: str, rng: random.Random, place: Callable[[complex], complex] = lambda point: point):
        self.thick, colours, alpha = PALETTES[style]
        self.inks = [(*_rgb(colour), alpha) if colour else (*INK, 0) for colour in colours]
        self.grey = style in ("black and grey", "blackwork")
        self.rng, self.place = rng, place
        self.layer = Image.new("RGBA", (WIDTH * _FINE, HEIGHT * _FINE), (*INK, 0))
        self.draw = ImageDraw.Draw(self.layer)

    def at(self, shift: complex = 0, turn: float = 0, scale: float = 1, mirror: bool = False) -> "Pen":
        """The same paper, seen moved, turned and scaled: motifs are made of motifs."""
        pen, move = object.__new__(Pen), scale * turned(turn)
        pen.__dict__.update(self.__dict__)
        pen.thick = self.thick * (0.5 + 0.5 * min(1, scale))
        pen.place = lambda point: self.place((-point.conjugate() if mirror else point) * move + shift)
        return pen

    def _pixels(self, points: Points) -> list[tuple[float, float]]:
        placed = (self.place(point) for point in points)
        return [((p.real + 0.8) * _UNIT, (p.imag + 1) * _UNIT) for p in placed]

    def line(self, points: Points, weight: float = 1, closed: bool = False, ink: Ink = (*INK, 255)) -> None:
        pixels = self._pixels([*points, points[0], points[1]] if closed else points)
        width = max(2, round(self.thick * weight * _UNIT))
        self.draw.line(pixels, ink, width, joint="curve")
        for x, y in () if closed else (pixels[0], pixels[-1]):
            self.draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), ink)

    def stroke(self, points: Points, widths: Callable[[float], float], ink: Ink = (*INK, 255)) -> None:
        """A brush stroke: its width in units at each share 0..1 of its way."""
        sides: tuple[list, list] = ([], [])
        for at, point in enumerate(points):
            along = points[min(at + 1, len(points) - 1)] - points[max(at - 1, 0)]
            across = along / (abs(along) or 1) * 1j * widths(at / (len(points) - 1)) / 2
            sides[0].append(point + across)
            sides[1].append(point - across)
        self.draw.polygon(self._pixels([*sides[0], *reversed(sides[1])]), ink)

    def dot(self, point: complex, radius: float, ink: Ink = (*INK, 255)) -> None:
        self.draw.polygon(self._pixels(circle(point, radius, 20)), ink)

    def ink(self, number: int, light: float = 0) -> Ink:
        """A colour of the palette; grey palettes get lighter by letting the skin through."""
        colour = self.inks[number]
        if colour[3] == 0:
            return colour
        if light < 0:
            return _mixed(colour, (*INK, colour[3]), -light)
        return _mixed(colour, (*colour[:3], 0), min(1, light * 2.2)) if self.grey else _mixed(colour,
                                                                                              (255, 244, 226,
                                                                                               colour[3]), light)

    def shape(self, points: Points, number: int, focus: complex | None = None, dark: float = 0.55, light: float = 0.3,
              weight: float = 1) -> None:
        """Fill a shape, lighter towards `focus` (the shape must be star-shaped from there), and line it."""
        self.draw.polygon(self._pixels(points), self.ink(number, -dark if focus is not None else 0))
        if focus is not None and self.inks[number][3]:
            for step in range(1, 25):
                share = step / 24
                inner = [focus + (point - focus) * (1 - share * 0.92) for point in points]
                self.draw.polygon(self._pixels(inner), self.ink(number, -dark + (dark + light) * share ** 0.8))
        elif focus is not None:
            self.stipple(points, focus)
        self.line(points, weight, closed=True)

    def strong(self, number: int) -> Ink:
        """A colour that must be seen: the line's own where the palette has none."""
        return self.ink(number) if self.inks[number][3] else (*INK, 255)

    def stipple(self, points: Points, focus: complex) -> None:
        """Dots, dense at the edge and thin towards the focus."""
        for _ in range(round(20_000 * self.thick)):
            edge = self.rng.choice(points)
            share = abs(self.rng.gauss(0, 0.22))
            if share < 0.9:
                self.dot(edge + (focus - edge) * share, self.thick * (0.25 + 0.2 * self.rng.random()))


# Motifs.

def leaf(pen: Pen, start: complex, turn: float, length: float, number: int = 1) -> None:
    """A pointed leaf with veins."""
    at = pen.at(start, turn, length)
    side = [0, 0.25 - 0.2j, 0.6 - 0.22j, 1 - 0.03j, 1.02]
    outline = curve(side, closed=False) + curve([point.conjugate() for point in reversed(side)], closed=False)[1:]
    at.shape(outline, number, 0.45 + 0j, light=0.15)
    at.line(curve([0, 0.5 + 0.02j, 0.94], closed=False), 0.7)
    for x in (0.22, 0.38, 0.54, 0.7):
        for way in (1, -1):
            at.line(curve([x, x + 0.09 + way * 0.06j, x + 0.16 + way * (0.15 - 0.09 * x) * 1j], closed=False), 0.45)


def _petal(pen: Pen, turn: float, reach: float, size: float, number: int) -> None:
    wobble = [pen.rng.uniform(0.94, 1.06) for _ in range(9)]
    raw = [0.0, 0.3 - 0.36j, 0.7 - 0.5j, 0.98 - 0.3j, 0.93 + 0.02j, 1.0 + 0.3j, 0.7 + 0.5j, 0.3 + 0.36j]
    at = pen.at(reach * 0.25 * turned(turn), turn, size)
    outline = curve([point * scale for point, scale in zip(raw, wobble)])
    at.shape(outline, number, 0.62 + 0j, dark=0.62, light=0.22)
    for way in (-1, 1):
        at.line(curve([0.3 + way * 0.05j, 0.5 + way * 0.12j, 0.72 + way * 0.16j], closed=False), 0.4)


def peony(pen: Pen) -> None:
    for turn in (35, 80, 152, 208, 332):
        leaf(pen, 0.42 * turned(turn), turn + pen.rng.uniform(-8, 8), 0.42)
    for count, reach, size in ((8, 0.5, 0.62), (7, 0.4, 0.49), (6, 0.3, 0.37), (5, 0.2, 0.26), (4, 0.1, 0.16)):
        offset = pen.rng.uniform(0, 60)
        for petal in range(count):
            _petal(pen, offset + 360 * petal / count, reach, size, 0)
    for turn in range(0, 360, 30):
        pen.dot(0.05 * turned(turn), 0.012)
        pen.dot(0.05 * turned(turn), 0.007, pen.ink(2, 0.3))
    pen.dot(0, 0.03, pen.ink(2))


def dagger(pen: Pen) -> None:
    for way in (False, True):
        for shift, turn, scale in ((0.4 + 0.3j, 10, 0.34), (0.36 - 0.24j, 50, 0.27)):
            side = pen.at(mirror=way)
            leaf(side, shift, 25 - turn, 0.36)
            leaf(side, shift, 100 - turn, 0.3)
            peony_small(side.at(shift, turn, scale))
    blade = [-0.085 - 0.32j, 0.085 - 0.32j, 0.075 + 0.5j, 0.85j, -0.075 + 0.5j]
    pen.shape(blade, 4, 0.1j, dark=0.35, light=0.5)
    pen.shape([-0.32j, 0.085 - 0.32j, 0.075 + 0.5j, 0.85j], 3, weight=0.7)
    pen.shape(curve([-0.3 - 0.4j, -0.22 - 0.33j, -0.32j, 0.22 - 0.33j, 0.3 - 0.4j, 0.24 - 0.46j, -0.41j, -0.24 - 0.46j]), 2,
              -0.38j)
    for way in (-1, 1):
        pen.shape(circle(way * 0.29 - 0.42j, 0.055), 0, way * 0.27 - 0.44j)
    pen.shape([-0.055 - 0.41j, -0.045 - 0.74j, 0.045 - 0.74j, 0.055 - 0.41j], 0, -0.6j)
    for step in range(6):
        pen.line([-0.052 - (0.44 + step * 0.055) * 1j, 0.05 - (0.49 + step * 0.055) * 1j], 0.8)
    pen.shape(circle(-0.8j, 0.085), 2, -0.82j)
    pen.shape(circle(-0.8j, 0.045), 0, -0.81j + 0.01)
    pen.shape(curve([0.1 + 0.74j, 0.145 + 0.86j, 0.1 + 0.91j, 0.055 + 0.86j]), 0, 0.1 + 0.85j)


def peony_small(pen: Pen) -> None:
    for count, reach, size in ((6, 0.5, 0.75), (5, 0.34, 0.55), (4, 0.18, 0.34)):
        for petal in range(count):
            _petal(pen, 20 * count + 360 * petal / count, reach, size, 0)
    pen.dot(0, 0.09, pen.ink(2))
    pen.line(circle(0, 0.09), closed=True)


def _body(pen: Pen, spine: Points, width: Callable[[float], float], number: int,
          mark: Callable[[int, complex, complex, float], None]) -> None:
    """A long round body along a line; `mark(at, point, across, width)` draws on its back, from tail to head."""
    last = len(spine) - 1
    for at, point in enumerate(spine):
        pen.dot(point, width(at / last) + pen.thick)
    for share, light in ((1, -0.5), (0.84, -0.3), (0.64, -0.1), (0.42, 0.1)):
        for at, point in enumerate(spine):
            pen.dot(point, width(at / last) * share, pen.ink(number, light))
    _backs(spine, width, mark)


def _backs(spine: Points, width: Callable[[float], float], mark: Callable[[int, complex, complex, float], None]) -> None:
    for at in range(1, len(spine) - 1):
        along = spine[at + 1] - spine[at - 1]
        mark(at, spine[at], along / (abs(along) or 1) * 1j, width(at / (len(spine) - 1)))


def snake(pen: Pen) -> None:
    for shift, turn in ((-0.5 + 0.62j, 140), (0.52 + 0.6j, 30), (0.5 - 0.5j, -40), (-0.56 - 0.2j, 200)):
        leaf(pen, shift * 0.9, turn, 0.3)
    spine = curve([0.05 + 0.93j, -0.3 + 0.86j, -0.5 + 0.62j, -0.2 + 0.42j, 0.3 + 0.5j, 0.52 + 0.28j, 0.3 + 0.02j,
                   -0.2 + 0.12j,
                   -0.5 - 0.1j, -0.36 - 0.42j, 0.02 - 0.36j, 0.34 - 0.42j, 0.36 - 0.68j, 0.12 - 0.78j, -0.08 - 0.7j],
                  closed=False, steps=26)

    def scales(at: int, point: complex, across: complex, width: float) -> None:
        along, across = across / 1j, across * width
        if at % 8 == 0:
            for way in (-1, 1):
                pen.line(curve([point + way * across * 0.94, point + along * 0.028 + way * across * 0.66,
                                point + way * across * 0.4], closed=False), 0.55)
        if at % 16 == 0:
            pen.shape([point - along * 0.045, point + across * 0.46, point + along * 0.045, point - across * 0.46], 2,
                      weight=0.6)

    _body(pen, spine, lambda share: 0.016 + 0.07 * math.sin(math.pi * min(1, share * 0.62 + 0.02)) ** 0.8, 1, scales)
    head = pen.at(spine[-1], 162, 0.3)
    head.line(curve([0.42, 0.6 + 0.02j, 0.74 - 0.02j], closed=False), 0.9, ink=pen.strong(0))
    for way in (-1, 1):
        head.line(curve([0.72 - 0.02j, 0.82 + way * 0.03j, 0.9 + way * 0.1j], closed=False), 0.8, ink=pen.strong(0))
    head.shape(curve([-0.25 - 0.2j, 0 - 0.3j, 0.28 - 0.2j, 0.46, 0.28 + 0.2j, 0.3j, -0.25 + 0.2j]), 1, 0.1 + 0j)
    for way in (-1, 1):
        head.shape(circle(0.16 + way * 0.16j, 0.055, 30), 2)
        head.dot(0.17 + way * 0.16j, 0.022)
        head.line(curve([-0.2 + way * 0.06j, 0.1 + way * 0.05j, 0.34 + way * 0.07j], closed=False), 0.5)


def moth(pen: Pen) -> None:
    pen.shape(arc(-0.62j, 0.24, 40, 320) + list(reversed(arc(0.1 - 0.62j, 0.2, 60, 300))), 2)
    for way in (False, True):
        side = pen.at(0.02j, mirror=way)
        side.shape(curve([0.03 + 0.08j, 0.3 + 0.12j, 0.52 + 0.3j, 0.46 + 0.52j, 0.34 + 0.56j, 0.28 + 0.7j, 0.17 + 0.58j,
                          0.08 + 0.36j]), 3, 0.28 + 0.36j)
        side.shape(curve([0.04 - 0.1j, 0.22 - 0.4j, 0.5 - 0.56j, 0.76 - 0.52j, 0.7 - 0.3j, 0.72 - 0.1j, 0.6 + 0.06j,
                          0.36 + 0.12j, 0.05 + 0.08j]), 0, 0.42 - 0.2j)
        for spot, radius in ((0.47 - 0.22j, 0.11), (0.3 + 0.36j, 0.085)):
            for ring, number in ((1, 2), (0.72, 4), (0.42, 1)):
                side.shape(circle(spot, radius * ring), number, weight=0.7)
            side.dot(spot, radius * 0.22)
        for end in (0.66 - 0.46j, 0.7 - 0.2j, 0.58 - 0.02j, 0.36 - 0.42j):
            side.line(curve([0.06 - 0.03j, end * 0.55 + 0.02j, end], closed=False), 0.5)
        for end in (0.44 + 0.44j, 0.28 + 0.62j):
            side.line(curve([0.05 + 0.1j, end * 0.6 - 0.02j, end], closed=False), 0.5)
        feeler = curve([0.02 - 0.2j, 0.09 - 0.34j, 0.2 - 0.44j, 0.28 - 0.42j], closed=False)
        side.line(feeler, 0.8)
        for at in range(8, len(feeler) - 1, 3):
            side.line([feeler[at], feeler[at] + 0.055 * turned(-60 + at)], 0.4)
            side.line([feeler[at], feeler[at] + 0.05 * turned(90 + at)], 0.4)
    pen.shape(curve([-0.05 + 0.02j, 0.0, 0.05 + 0.02j, 0.065 + 0.22j, 0.035 + 0.46j, 0.54j, -0.035 + 0.46j,
                     -0.065 + 0.22j]), 2, 0.2j)
    for step in range(6):
        y, half = 0.1 + step * 0.07, 0.058 - step * 0.005
        pen.line(curve([-half + y * 1j, (y + 0.02) * 1j, half + y * 1j], closed=False), 0.6)
    pen.shape(curve([-0.075 - 0.02j, -0.06 - 0.14j, 0.06 - 0.14j, 0.075 - 0.02j, 0.05 + 0.06j, -0.05 + 0.06j]), 1, -0.04j)
    pen.shape(circle(-0.17j, 0.05), 1, -0.18j)
    for x in (-0.62, -0.34, 0.34, 0.62):
        star(pen, x + (0.78 - abs(x) * 0.2) * 1j, 0.045)


def star(pen: Pen, middle: complex, size: float) -> None:
    pen.shape([middle + size * (1 if at % 2 == 0 else 0.3) * turned(45 * at) for at in range(8)], 2, weight=0.6)


def wave(pen: Pen) -> None:
    pen.shape(circle(-0.02j, 0.74, 120), 4, -0.1 - 0.2j, dark=0.12, light=0.2)
    pen.shape(circle(0.3 - 0.34j, 0.2), 0, 0.28 - 0.38j, dark=0.25)
    crest = curve([-0.72 + 0.16j, -0.6 - 0.16j, -0.4 - 0.46j, -0.12 - 0.58j, 0.12 - 0.5j, 0.22 - 0.34j, 0.16 - 0.2j,
                   0.04 - 0.26j], closed=False)
    belly = curve([0.04 - 0.26j, -0.06 - 0.32j, -0.14 - 0.16j, -0.06 + 0.1j, 0.2 + 0.27j, 0.5 + 0.28j, 0.69 + 0.22j],
                  closed=False)
    floor = arc(-0.02j, 0.74, 19, 165)
    pen.shape([*crest, *belly[1:], *floor], 1)
    for share in (0.16, 0.32, 0.48, 0.64):
        inner = [a + (b - a) * share for a, b in zip(belly, arc(-0.02j, 0.72, 215, 75, len(belly) - 1))]
        pen.stroke(inner[8:], lambda s: 0.03 * math.sin(math.pi * s) + 0.002, pen.ink(4) if pen.inks[1][3] else (*INK, 255))
        pen.line(inner[8:], 0.5)
    for row in range(3):
        for column in range(-3, 4):
            middle = column * 0.21 + (row % 2) * 0.105 + (0.48 + row * 0.085) * 1j
            for ring in (0.105, 0.08, 0.055, 0.03) if abs(middle) < 0.64 else ():
                pen.shape(arc(middle, ring, 180, 360), 3 if ring > 0.1 else 4, weight=0.6)
    for at in range(10, len(crest), 4):
        pen.shape(circle(crest[at], 0.05 + 0.022 * math.sin(at * 1.7), 24), 4, weight=0.8)
    for at in range(2, 30, 4):
        pen.shape(circle(belly[at] + 0.02, 0.034 + 0.012 * math.sin(at), 24), 4, weight=0.8)
    for _ in range(16):
        pen.dot(pen.rng.uniform(-0.05, 0.4) + pen.rng.uniform(-0.62, -0.1) * 1j, pen.rng.uniform(0.006, 0.014),
                pen.ink(4) if pen.inks[1][3] else (*INK, 255))
    pen.line(circle(-0.02j, 0.74, 120), 1.5, closed=True)
    pen.line(circle(-0.02j, 0.785, 120), 0.6, closed=True)


def mandala(pen: Pen) -> None:
    fold = pen.rng.choice((10, 12, 16))
    half = 180 / fold

    def ring(number: int, inner: float, outer: float, spread: float, offset: float, pointed: bool) -> None:
        for petal in range(fold):
            at = pen.at(0, 360 * petal / fold + offset)
            wide, middle = spread * math.tan(math.radians(half)), (inner + outer) / 2
            side = [inner, middle - middle * wide * 1j,
                    outer * (1 if pointed else 0.97) - (0 if pointed else outer * wide * 0.4) * 1j]
            tip = [outer] if not pointed else []
            outline = curve(side, closed=False) + tip + curve([p.conjugate() for p in reversed(side)], closed=False)
            at.shape(outline, number, middle + 0j, dark=0.5, light=0.45)
            at.line([inner + (outer - inner) * 0.12, inner + (outer - inner) * 0.7], 0.5)

    ring(1, 0.4, 0.78, 0.95, half, True)
    ring(3, 0.36, 0.66, 0.95, 0, True)
    pen.shape(circle(0, 0.46, 120), 4, 0j, dark=0.1)
    ring(0, 0.2, 0.44, 0.98, half, False)
    ring(2, 0.16, 0.34, 0.9, 0, True)
    pen.shape(circle(0, 0.18, 90), 4, 0j, dark=0.1)
    ring(0, 0.04, 0.16, 0.9, 0, True)
    pen.shape(circle(0, 0.05), 2, 0j)
    for petal in range(fold):
        way = turned(360 * petal / fold)
        for reach, size in ((0.7, 0.012), (0.735, 0.009), (0.765, 0.006)):
            pen.dot(way * reach, size)
        for share in range(9):
            pen.dot(0.485 * turned(360 * (petal + share / 9) / fold), 0.0045)


def lettering(pen: Pen) -> None:
    """Black letters of short strokes, as a broad nib at 40 degrees writes them, with flourishes."""
    nib = 0.085 * turned(-40)

    def written(points: Points) -> None:
        for a, b in itertools.pairwise(points):
            pen.draw.polygon(pen._pixels([a - nib / 2, a + nib / 2, b + nib / 2, b - nib / 2]), (*INK, 255))

    def diamond(point: complex) -> None:
        written([point - 0.03 * turned(50), point + 0.03 * turned(50)])

    word = pen.rng.choice(("nınc", "mınım", "nunc", "anım", "nımıa", "unum"))
    wide = {"ı": 1, "c": 1.4, "m": 3}
    whole = sum(wide.get(letter, 2) + 0.3 for letter in word)
    step = min(0.15, 1.36 / whole)
    x, tall = -step * whole / 2 + step * 0.6, 0.2
    for letter in word:
        stems = {"n": 2, "u": 2, "m": 3, "a": 2}.get(letter, 1)
        for stem in range(stems):
            foot = x + stem * step
            written([foot - tall * 1j, foot + tall * 1j])
            diamond(foot - tall * 1j)
            diamond(foot + tall * 1j)
            if stem and letter != "u":
                written([foot - step - (tall - 0.055) * 1j, foot - tall * 1j])
            if stem and letter in "ua":
                written([foot - step + tall * 1j, foot + (tall - 0.055) * 1j])
        if letter == "c":
            written([x - (tall - 0.05) * 1j, x + step * 0.5 - tall * 1j])
            diamond(x + step * 0.55 - (tall - 0.02) * 1j)
            written([x + tall * 1j, x + step * 0.62 + (tall - 0.07) * 1j])
        x += step * (wide.get(letter, 2) + 0.3)

    for mirror in (False, True):
        for lower in (1, -1):
            side = pen.at(0, mirror=mirror)
            stem = [lower * y * 1j + x for x, y in ((0.0, 0.36), (0.2, 0.3), (0.42, 0.36), (0.6, 0.48))]
            side.stroke(curve(stem, closed=False), lambda s: 0.006 + 0.024 * math.sin(math.pi * s))
            coil = spiral(0.6 + lower * 0.48j, 0.13, 1.4, lower, -30 * lower)
            side.stroke(coil, lambda s: 0.022 * (1 - s) + 0.005)
            side.dot(coil[-1], 0.018)
            for reach, radius, tilt in ((0.24, 0.1, 60), (0.06, 0.085, 100)):
                coil = spiral(reach + lower * (0.33 + radius) * 1j, radius, 1.2, -lower, -lower * 90)
                side.stroke(coil, lambda s: 0.016 * (1 - s) + 0.004)
                side.dot(coil[-1], 0.013)
                leaf(side, reach + lower * (0.36 + radius * 2) * 1j, lower * tilt, 0.2, 0)
    for lower in (1, -1):
        pen.shape(curve([lower * 0.36j, 0.06 + lower * 0.47j, lower * 0.78j, -0.06 + lower * 0.47j]), 0, lower * 0.5j)
        for reach in (0.83, 0.87, 0.9):
            pen.dot(lower * reach * 1j, 0.016 - (reach - 0.83) * 0.1)


def swallow(pen: Pen) -> None:
    bird = pen.at(0.03j, -24, 0.92)
    far = [0.1 - 0.1j, 0.06 - 0.42j, 0.2 - 0.84j, 0.3 - 0.58j, 0.36 - 0.3j, 0.28 - 0.06j]
    bird.shape(curve(far), 3, 0.2 - 0.36j)
    for way in (-1, 1):
        bird.shape(curve([-0.26 + way * 0.01j, -0.5 + way * 0.05j, -0.86 + way * 0.2j, -0.6 + way * 0.12j,
                          -0.3 + way * 0.09j]), 3, -0.5 + way * 0.085j)
    bird.shape(curve([-0.36 + 0.02j, -0.1 - 0.12j, 0.26 - 0.16j, 0.46 - 0.14j, 0.56 - 0.02j, 0.44 + 0.1j, 0.16 + 0.15j,
                      -0.14 + 0.1j]), 3, 0.1 - 0.04j)
    bird.shape(curve([0.5 - 0.02j, 0.44 + 0.1j, 0.16 + 0.15j, -0.14 + 0.1j, 0.1 + 0.07j, 0.32 + 0.05j]), 4, weight=0.8)
    bird.shape(curve([0.38 + 0.1j, 0.52 - 0.04j, 0.55 + 0.03j, 0.47 + 0.1j]), 0, weight=0.8)
    bird.shape([0.55 - 0.06j, 0.68 + 0.005j, 0.55 + 0.02j], 2)
    bird.dot(0.47 - 0.06j, 0.022, (*INK, 255))
    bird.dot(0.476 - 0.067j, 0.007, (250, 246, 240, 255))
    near = [0.3 + 0.0j, 0.2 + 0.14j, -0.02 + 0.5j, -0.26 + 0.86j, -0.24 + 0.5j, -0.18 + 0.22j, -0.06 + 0.02j, 0.12 - 0.06j]
    bird.shape(curve(near), 3, 0.0 + 0.2j)
    for step in range(7):
        share = step / 7
        root, end = 0.2 - 0.22 * share + (0.08 + 0.16 * share) * 1j, -0.02 - 0.19 * share + (0.46 - 0.28 * share) * 1j
        bird.line(curve([root, (root + end) / 2 - 0.03, end - 0.03], closed=False), 0.6)
        top, tip = 0.14 + 0.19 * share - 0.16j, 0.13 + 0.2 * share - (0.6 - 0.34 * share) * 1j
        bird.line([top, tip], 0.5)
    for shift, size in ((-0.55 - 0.55j, 0.08), (0.6 + 0.6j, 0.07), (-0.62 + 0.72j, 0.05), (-0.3 - 0.78j, 0.05),
                        (0.36 + 0.82j, 0.05)):
        star(pen, shift, size)
    peony_small(pen.at(0.46 + 0.42j, 12, 0.2))
    leaf(pen, 0.5 + 0.5j, 60, 0.26)
    leaf(pen, 0.36 + 0.5j, 120, 0.26)


def heart(pen: Pen) -> None:
    for ray in range(32):
        way = turned(360 * ray / 32)
        pen.stroke([way * (0.5 + 0.03 * (ray % 2)) + 0.05j, way * (0.82 if ray % 2 else 0.7) + 0.05j],
                   lambda s: 0.022 * (1 - s) + 0.003)
    flames = [-0.26 - 0.34j, -0.3 - 0.58j, -0.16 - 0.5j, -0.14 - 0.76j, -0.02 - 0.6j, 0.05 - 0.9j, 0.12 - 0.62j,
              0.24 - 0.72j, 0.22 - 0.5j, 0.32 - 0.54j, 0.24 - 0.34j]
    pen.shape(curve(flames), 2, -0.45j, weight=0.9)
    pen.shape([point * 0.55 - 0.2j for point in curve(flames)], 0, -0.46j, weight=0.8)
    half = [-0.3j, 0.16 - 0.42j, 0.38 - 0.38j, 0.5 - 0.16j, 0.4 + 0.14j, 0.2 + 0.4j, 0.62j]
    side = curve(half, closed=False)
    pen.shape([*side, *reversed(mirrored(side))], 0, -0.1 - 0.02j, dark=0.6)
    pen.stroke(curve([-0.34 - 0.02j, -0.3 - 0.2j, -0.18 - 0.29j], closed=False), lambda s: 0.03 * math.sin(math.pi * s),
               (255, 246, 236, 230) if pen.inks[0][3] and not pen.grey else (*INK, 0))
    for way in (False, True):
        tail = pen.at(mirror=way)
        tail.shape([0.42 + 0.16j, 0.72 + 0.06j, 0.65 + 0.2j, 0.74 + 0.32j, 0.44 + 0.38j], 4, 0.5 + 0.24j, dark=0.5)
        tail.shape([0.42 + 0.3j, 0.5 + 0.24j, 0.5 + 0.38j, 0.44 + 0.4j], 1, weight=0.8)
    top = curve([-0.56 + 0.1j, -0.28 + 0.2j, 0.16j, 0.28 + 0.1j, 0.56 + 0.18j], closed=False)
    pen.shape([*top, *[point + 0.2j for point in reversed(top)]], 4, weight=1)
    for at in range(10, len(top) - 8, 8):
        middle = top[at] + 0.1j
        pen.stroke([middle - 0.05j, middle + 0.05j], lambda s: 0.02)
        pen.shape([middle + 0.022 * turned(90 * k) + 0.036 for k in range(4)], 0, weight=0.4)
    for y in (0.5, 0.545, 0.585):
        pen.dot(y * 1j - 0.01, 0.01)


def koi(pen: Pen) -> None:
    for shift, radius in ((-0.42 - 0.6j, 0.26), (0.48 + 0.72j, 0.24), (-0.44 + 0.5j, 0.22), (0.5 - 0.4j, 0.22)):
        for share in (1, 0.78, 0.56, 0.34):
            start = pen.rng.uniform(0, 360)
            pen.stroke(arc(shift, radius * share, start, start + 250), lambda s: 0.017 * math.sin(math.pi * s) + 0.002,
                       pen.strong(1))
    spine = curve([0.02 + 0.6j, 0.22 + 0.46j, 0.3 + 0.22j, 0.14 + 0.0j, -0.12 - 0.16j, -0.2 - 0.38j, -0.06 - 0.62j],
                  closed=False, steps=34)
    tail = pen.at(spine[0], 122, 0.42)
    for way in (-1, 1):
        tail.shape(curve([0, 0.3 + way * 0.12j, 0.86 + way * 0.52j, 0.8 + way * 0.2j, 0.42 + way * 0.04j]), 0,
                   0.42 + way * 0.12j)
        for share in (0.3, 0.55, 0.8):
            tail.line(curve([0.1, 0.4 + way * 0.2j * share, 0.76 + way * 0.5j * share], closed=False), 0.45)

    def wide(share: float) -> float:
        return 0.045 + 0.14 * math.sin(math.pi * min(1, 0.06 + share * 0.8)) ** 1.1

    def fin(at: int, turn: float, size: float) -> None:
        side = pen.at(spine[at], turn, size)
        side.shape(curve([0, 0.3 - 0.3j, 0.92 - 0.3j, 1.02, 0.86 + 0.3j, 0.3 + 0.24j]), 2, 0.5 + 0j)
        for way in (-0.2, -0.07, 0.07, 0.2):
            side.line(curve([0.12, 0.5 + way * 0.8j, 0.9 + way * 1.1j], closed=False), 0.45)

    for at, turn, size in ((70, 170, 0.36), (90, 12, 0.3), (160, 196, 0.42), (165, -10, 0.4)):
        fin(at, turn, size)

    def patches(at: int, point: complex, across: complex, width: float) -> None:
        bulge = math.sin(at / 11 + pen.rng.uniform(-0.1, 0.1))
        if bulge > -0.2 and at < 184:
            pen.dot(point + across * width * 0.3 * math.sin(at / 17), width * (0.35 + 0.25 * bulge), pen.ink(0))

    def scales(at: int, point: complex, across: complex, width: float) -> None:
        if at % 8 or at > 172:
            return
        facing = math.degrees(cmath.phase(across / 1j))
        for row in range(-3, 4):
            middle = point + across * width * 0.3 * (row + (0.5 if at % 16 else 0))
            if abs(middle - point) < width * 0.82:
                pen.line(arc(middle, width * 0.19, facing + 100, facing + 260, 12), 0.45)

    _body(pen, spine, wide, 4, patches)
    _backs(spine, wide, scales)
    head = pen.at(spine[-1], math.degrees(cmath.phase(spine[-1] - spine[-6])), 1)
    head.shape(curve([-0.14 - 0.155j, 0.02 - 0.13j, 0.13 - 0.07j, 0.17, 0.13 + 0.07j, 0.02 + 0.13j, -0.14 + 0.155j, -0.09]),
               4, 0.02 + 0j, dark=0.2)
    for way in (-1, 1):
        head.dot(0.05 + way * 0.085j, 0.026)
        head.dot(0.056 + way * 0.088j, 0.009, (250, 246, 240, 255))
        head.line(curve([0.14 + way * 0.05j, 0.2 + way * 0.1j, 0.19 + way * 0.18j], closed=False), 0.7)
        head.line(curve([-0.1 + way * 0.13j, -0.03 + way * 0.07j, -0.05], closed=False), 0.6)
    for _ in range(7):
        where = pen.rng.uniform(-0.66, 0.66) + pen.rng.uniform(-0.85, 0.85) * 1j
        pen.line(circle(where, pen.rng.uniform(0.012, 0.026), 24), 0.6, closed=True)


def mountain(pen: Pen) -> None:
    pen.shape(circle(0, 0.72, 120), 3, 0.1 - 0.3j, dark=0.3, light=0.55)
    pen.shape(circle(0.2 - 0.32j, 0.17), 2, 0.18 - 0.34j, dark=0.1)
    for ring in (0.21, 0.25):
        for turn in range(0, 360, 12):
            pen.dot(0.2 - 0.32j + ring * turned(turn + ring * 99), 0.004)
    for peak, wide, foot in ((-0.3 - 0.12j, 0.38, 0.36), (0.36 - 0.02j, 0.32, 0.36), (0.02 - 0.34j, 0.44, 0.36)):
        left, right = peak.real - wide + foot * 1j, peak.real + wide + foot * 1j
        pen.shape([left, peak, right], 1, peak.real + 0.2j, dark=0.3, light=0.2)
        snow = [peak, peak + (right - peak) * 0.36, peak + (right - peak) * 0.27 - 0.06, peak + 0.17j - 0.01,
                peak + (left - peak) * 0.25 + 0.05, peak + (left - peak) * 0.34]
        pen.shape(snow, 4, weight=0.8)
        for step in range(1, 9):
            start = peak + (right - peak) * (0.3 + step * 0.075)
            pen.line([start, start - 0.09 + 0.05j + step * 0.004j], 0.45)
    lake = [point for point in circle(0, 0.72, 240) if point.imag >= 0.34]
    pen.shape(lake, 0 if not pen.grey else 4, 0.5j, dark=0.3)
    for step in range(7):
        y = 0.39 + step * 0.045
        half = math.sqrt(0.72 ** 2 - y ** 2) * pen.rng.uniform(0.35, 0.75)
        pen.line([-half + y * 1j, half * 0.6 + y * 1j], 0.45)
    for x in (-0.6, -0.5, -0.42, 0.44, 0.52, 0.61):
        pine(pen.at(x + 0.42j, 0, pen.rng.uniform(0.2, 0.32)))
    pen.line(circle(0, 0.72, 120), 1.5, closed=True)
    pen.line(circle(0, 0.765, 120), 0.6, closed=True)
    for way in (-1, 1):
        pen.shape([way * 0.82j, 0.03 + way * 0.86j, way * 0.92j, -0.03 + way * 0.86j], 2, weight=0.7)


def pine(pen: Pen) -> None:
    pen.stroke([0.08j, -0.1j], lambda s: 0.08)
    for y, half in ((0.0, 0.34), (-0.24, 0.27), (-0.48, 0.2), (-0.7, 0.13)):
        pen.shape([-half + y * 1j, (y - 0.36) * 1j, half + y * 1j, half * 0.4 + (y - 0.05) * 1j, y * 1j,
                   -half * 0.4 + (y - 0.05) * 1j], 1, weight=0.7)


def fern(pen: Pen) -> None:
    for lean, high, size in ((-24, 1.25, 0.8), (22, 1.3, 0.85), (0, 1.6, 1)):
        stem = [0.82j + turned(lean * (0.3 + share) - 90) * high * share for share in (at / 40 for at in range(41))]
        for at in range(5, 40, 3):
            facing = math.degrees(cmath.phase(stem[at] - stem[at - 1]))
            length = size * 0.34 * math.sin(math.pi * (0.1 + 0.86 * at / 40)) ** 0.8
            for way in (-1, 1):
                leaf(pen, stem[at], facing + way * (58 - at * 0.4), length, 1 if lean else 0)
        pen.stroke(stem, lambda s: 0.022 * (1 - s) + 0.006)
        leaf(pen, stem[-1], math.degrees(cmath.phase(stem[-1] - stem[-2])), 0.1, 1 if lean else 0)


#: (title, motif) by number
MOTIFS: list[tuple[str, Callable[[Pen], None]]] = [
    ("Peony", peony), ("Dagger and roses", dagger), ("Garden snake", snake), ("Moon moth", moth), ("Great wave", wave),
    ("Mandala", mandala), ("Black letters", lettering), ("Swallow", swallow), ("Burning heart", heart), ("Climbing koi",
                                                                                                         koi),
    ("Three peaks", mountain), ("Fern", fern)]


# The picture.

def _rgb(colour: str) -> tuple[int, int, int]:
    return tuple(bytes.fromhex(colour[1:]))


def _choice(kind: int) -> tuple[tuple[str, Callable[[Pen], None]], str, str]:
    """Motif, palette and ground of a number: each turns at a pace of its own."""
    styles = list(PALETTES)
    return (MOTIFS[kind % len(MOTIFS)], styles[(kind + kind // len(MOTIFS)) % len(styles)],
            GROUNDS[(kind * 3 + kind // len(GROUNDS)) % len(GROUNDS)])


def _grain(rng: random.Random, width: int, height: int) -> Image.Image:
    return Image.frombytes("L", (width, height), rng.randbytes(width * height))


def _skin(colour: str, rng: random.Random) -> Image.Image:
    """A rounded, blotched, faintly grained ground."""
    size, small = (WIDTH, HEIGHT), (WIDTH // 8, HEIGHT // 8)
    middle, lean = rng.uniform(-0.15, 0.15), turned(rng.uniform(-25, 25))
    across = [((x / small[0] - 0.5) * lean.real + (y / small[1] - 0.5) * lean.imag) - middle
              for y in range(small[1]) for x in range(small[0])]
    shade = Image.new("L", small)
    shade.putdata([round(255 * max(0, min(1, 0.2 + 0.62 * math.cos(1.5 * far) ** 2))) for far in across])
    blotches = _grain(rng, 16, 20).resize(small, Image.Resampling.BICUBIC)
    shade = Image.blend(shade, blotches, 0.07).resize(size, Image.Resampling.BICUBIC)
    base = _rgb(colour)
    dark = Image.new("RGB", size, tuple(round(level * factor) for level, factor in zip(base, (0.74, 0.68, 0.66))))
    light = Image.new("RGB", size, tuple(min(255, round(level * 1.07 + 5)) for level in base))
    return Image.composite(light, dark, shade)


def draw(kind: int, folder: Path) -> Path:
    """Draw tattoo number `kind` (any count from 0) into `folder`; returns the JPEG's path."""
    rng = random.Random(f"tattoo {kind}")
    (_, motif), style, ground = _choice(kind)
    pen = Pen(style, rng)
    motif(pen.at(rng.uniform(-0.02, 0.02) + rng.uniform(-0.02, 0.02) * 1j, rng.uniform(-5, 5), rng.uniform(0.9, 0.98),
                 mirror=motif is not lettering and rng.random() < 0.5))
    ink = pen.layer.reduce(_FINE)
    picture = _skin(ground, rng)
    picture.paste(ink, mask=ink.getchannel("A").point(lambda level: level * 0.95))
    grain = _grain(rng, WIDTH, HEIGHT).filter(ImageFilter.GaussianBlur(0.9)).point(lambda level: 128 + (level - 128) * 0.22)
    picture = ImageChops.overlay(picture, Image.merge("RGB", [grain] * 3))
    path = Path(folder) / f"tattoo-{kind}.jpg"
    picture.save(path, quality=90)
    return path


# Invented people. Some names are here to be awkward: accents, other scripts, right to left, markup, 300 characters.

LONG_NAME = " ".join(["Maximiliana", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk", "von und zu", "Łękołody",
                      "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"] * 2)[:299] + "a"

COLLECTORS = [
    "Zoë Núñez", "Łukasz Wiśniewski-Szczęsny", "黒龍", "Marta Brzęczyszczykiewicz", "محمد الأمين القرطبي",
    "Anneliese Überschär", "Þórunn Ævarsdóttir", "Tom O'Shaughnessy", "Nguyễn Ánh Tuyết", "שירה בן־עמי",
    "Ida Sørensen", "Bartholomäus Freiherr von Kraftfahrzeughaftpflicht", "Noor van den Heuvel", "Jiří Dvořáček",
    "Siobhán Ní Dhálaigh", "<b>Bobby</b> \"Quotes\" & Sons", "आरव शर्मा", "Ελένη Παπαδάκη", "Mika 🐉 Lahtinen",
    "Inês Gonçalves", "Ölwen Þ.", "Сергій Ткаченко", LONG_NAME, "João d'Ávila", "田中 ゆき", "Ferenc Szűcs", "สมชาย ใจดี",
    "Ü", "Amélie Œuvrard", "Kwame Asante-Boateng", "Dana 👩🏽‍🎤", "Ruža Čađo", "김하늘", "Ewa Ździebło", "Aurélie N'Diaye",
    "Oğuzhan Yıldız"]
#: How some of them are pronounced, for whoever reads them out
SAID = {"Zoë Núñez": "ZOH-eh NOO-nyeth", "Þórunn Ævarsdóttir": "THOR-un EYE-vars-dot-teer", "黒龍": "Kokuryū",
        "Siobhán Ní Dhálaigh": "shi-VAWN nee GHAW-lee", "Łukasz Wiśniewski-Szczęsny": "WOO-kash vish-NYEF-ski SHCHEN-sni",
        "Jiří Dvořáček": "YI-rzhi DVO-rzhah-chek", "Nguyễn Ánh Tuyết": "win ahn twee-et"}
ARTISTS = [
    "Marta Kowalczyk", "Ruben Achterberg", "Ziva Kranjc", "Hanzō Kurogane", "Lovísa Bláfjall", "Caoimhe Brannigan",
    "Pedro Cinzas", "Mónika Tüskés", "Bo Nålsund", "Ravenna Corvi", "Heinrich Nadelstreifenmacher", "ليلى الحداد",
    "Jānis Tinte", "Petra Čárová", "Tiago Agulha", "Ásta Blek"]
STUDIOS = [
    "Zur Blauen Nadel", "Carbon & Bone", "Złota Igła", "Salt Harbour Tattoo", "墨の庭", "Atelier Œil Noir",
    "Fünfundzwanzig Stichlinge", "The Green Soap Club", "Tinta y Ceniza", "Northern Needle Works", "مرسم الحبر",
    "Ørnens Blæk"]
PLACES = ["forearm", "left shoulder", "calf", "upper arm", "thigh", "back", "ribs", "shin", "chest", "hand"]


def person(kind: int) -> dict[str, str]:
    """What belongs to drawing number `kind`: {"title", "artist", "studio", "collector", "style"}.

    >>> person(0)["title"], person(0)["collector"], person(0)["style"]
    ('Peony, forearm', 'Zoë Núñez', 'traditional')
    """
    (title, _), style, _ = _choice(kind)
    artist = (kind * 5 + kind // len(ARTISTS)) % len(ARTISTS)
    return {"title": f"{title}, {PLACES[kind * 3 % len(PLACES)]}", "artist": ARTISTS[artist],
            "studio": STUDIOS[artist % len(STUDIOS)],
            "collector": COLLECTORS[kind % len(COLLECTORS)], "style": style}


# The contest.

#: (name, entries, state at the stage "judging", the drawings' styles)
CATEGORIES = [
    ("Best Colour", 11, "judging", ("traditional", "new school")), ("Black & Grey, Large", 6, "closed", ("black and grey", "blackwork")),
    ("Japanese", 6, "decided", ("japanese",)), ("Fineline & Micro-realism", 5, "announced", ("fineline",)),
    ("Traditionelle Großflächenkompositionen", 2, "open", ("neo-traditional",))]
TIED = "Black & Grey, Large"                    # its last entry is marked like its first: a tie to be broken
JUDGES = ["Noor Achterberg", "Tadeusz Wrona", "黒田 遥", "Frida Ögmundsdóttir-Hallgrímsson"]
STAGES = ["open", "judging", "closed", "decided", "announced"]


def fill(contest, stage: str) -> None:
    """Fill an empty contest up to a stage.

    contest   contest.open(...), or a contest.Client
    stage     "open": entries only; "judging": a category in each state; "reveal": all is decided and the first
              category's slate is on the screen; "done": all is announced
    """
    contest.change_contest(name="Silesia Ink Days")
    categories = [contest.add_category(name, places=min(3, entries)) for name, entries, _, _ in CATEGORIES]
    judges = [contest.invite(name, head=at == 0)["judge"] for at, name in enumerate(JUDGES)]
    contest.invite("Registration desk", role="desk")
    contest.invite("Ambrose Vale", role="host")
    numbers = _entered(contest, categories)
    for category, (_, _, state, _) in zip(categories, CATEGORIES):
        goal = {"open": "open", "judging": state, "reveal": "decided", "done": "announced"}[stage]
        _bring(contest, category, numbers[category["id"]], judges, STAGES.index(goal))
    if stage == "reveal":
        contest.reveal(categories[0]["id"], 0)
    elif stage == "judging":
        contest.screen("wall")


def _drawn_in(styles: tuple[str, ...]) -> Iterator[int]:
    return (kind for kind in itertools.count() if person(kind)["style"] in styles)


def _entered(contest, categories: list[dict]) -> dict[str, list[int]]:
    """Enter all drawings, the categories taking turns; {category id: entry numbers}."""
    numbers: dict[str, list[int]] = {category["id"]: [] for category in categories}
    kinds, turns = {}, []
    for category, (_, entries, _, styles) in zip(categories, CATEGORIES):
        kinds[category["id"]] = _drawn_in(styles)
        turns += [(at / entries, category["id"]) for at in range(entries)]
    with tempfile.TemporaryDirectory() as folder:
        for at, (_, category) in enumerate(sorted(turns)):
            kind, who = next(kinds[category]), person(at)
            fields = {"title": person(kind)["title"], "artist": who["artist"], "studio": who["studio"]}
            if who["collector"] in SAID:
                fields["say"] = SAID[who["collector"]]
            entry = contest.submit(draw(kind, Path(folder)), category, who["collector"], **fields)
            numbers[category].append(entry["number"])
    return numbers


def _bring(contest, category: dict, entries: list[int], judges: list[dict], goal: int) -> None:
    """Take a category through its states; while it is judged, some sheets are missing and one is half filled."""
    if goal < 1:
        return
    contest.start_judging(category["id"])
    for at, judge in enumerate(judges):
        done = len(entries) if goal > 1 else round(len(entries) * (1, 0.7, 0.4, 0)[at])
        for number in entries[:done]:
            like = entries[0] if category["name"] == TIED and number == entries[-1] else number
            contest.give_sheet(number, judge["id"], _marks(category, like, at))
        if goal == 1 and at == 1:
            half = _marks(category, entries[done], at)
            contest.give_sheet(entries[done], judge["id"], dict(list(half.items())[:2]))
    if goal > 1:
        contest.close_judging(category["id"])
    if goal > 2:
        places = _places(contest.standings(category["id"]), category["places"])
        contest.decide_winners(category["id"], places, "The head judge's choice among equals.")
        for step in range(len(places) + 2 if goal > 3 else 0):
            contest.reveal(category["id"], step)


def _marks(category: dict, number: int, judge: int) -> dict[str, float]:
    """A judge's marks: the entry's quality, the judge's mood, and taste; in steps of a half."""
    rng = random.Random(f"sheet {number} {judge}")
    quality, mood = random.Random(f"entry {number}").uniform(5.5, 9.3), (0.2, -0.4, 0, 0.3)[judge]
    return {criterion["id"]: min(10, max(1, round(2 * (quality + mood + rng.gauss(0, 0.6))) / 2))
            for criterion in category["criteria"]}


def _places(rows: list[dict], most: int) -> list[list[int]]:
    """The standings' best as groups of entries that share a place."""
    groups: dict[int, list[int]] = {}
    for row in rows:
        if row["place"] <= most:
            groups.setdefault(row["place"], []).append(row["entry"])
    return list(groups.values())
