"""How each of the ten garments of the demo data is drawn.

Only + − × ÷, remainder, minimum, maximum and comparison are used, which are rounded the same everywhere: sine, exp and
their like differ in the last bit from one processor to another, and with them the pixels would.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.data.dataset import SIDE

Plane = npt.NDArray[np.float32]  # (n, 28, 28), or (n, 1, 1) for one number an image


class Dice:
    """The chances of n images. A call uses up one number of each image, so that an image depends on its own only."""

    def __init__(self, chances: Plane) -> None:
        """`chances`: float32 (n, k), each from 0 to 1; k is the most calls there can be."""
        self._chances = chances
        self._used = 0

    def between(self, low: float, high: float) -> Plane:
        """(n, 1, 1): evenly from `low` to `high`."""
        column = self._chances[:, self._used, None, None]
        self._used += 1
        return np.float32(low) + column * np.float32(high - low)

    def yes(self, share: float) -> npt.NDArray[np.bool_]:
        """(n, 1, 1): true for `share` of the images."""
        return self.between(0, 1) < np.float32(share)


@dataclass(frozen=True)
class Drawing:
    """A garment before its cloth: where it is, and how bright its parts are."""

    inside: Plane  # pixels from the edge, positive within
    shade: Plane | float  # factor of the brightness, about 1


Garment = Callable[[Dice, Plane, Plane], Drawing]  # x: pixels from the middle, y: pixels from the top, downwards


def cover(inside: Plane) -> Plane:
    """How much of each pixel is covered, 0 to 1, where an edge is `inside` pixels away."""
    covered: Plane = np.clip(inside + np.float32(0.5), 0, 1)
    return covered


def t_shirt(dice: Dice, x: Plane, y: Plane) -> Drawing:
    """A straight body, sleeves to the elbow at most, a round neck."""
    return _top(dice, x, y, sleeve=dice.between(4.5, 8), neck=dice.between(2.2, 4), width=dice.between(4.9, 7.4))


def pullover(dice: Dice, x: Plane, y: Plane) -> Drawing:
    """A body with a hem and long sleeves, a narrow neck."""
    top = _top(dice, x, y, sleeve=dice.between(16, 21), neck=dice.between(1.6, 3), width=dice.between(5.4, 7.2))
    hem = cover(y - dice.between(22, 24)) * dice.between(-0.1, 0.25)
    return Drawing(top.inside, top.shade - hem)


def coat(dice: Dice, x: Plane, y: Plane) -> Drawing:
    """Long sleeves, an open front from a deep collar to the hem."""
    top = _top(dice, x, y, sleeve=dice.between(17, 22), neck=dice.between(1.5, 2.8), width=dice.between(5.4, 7.2))
    return Drawing(top.inside, top.shade - _front(x, y, dice, gap=dice.between(0.1, 0.9)) - _collar(dice, x, y))


def shirt(dice: Dice, x: Plane, y: Plane) -> Drawing:
    """Sleeves of any length, a collar, a row of buttons."""
    sleeve = np.where(dice.yes(0.45), dice.between(5, 9), dice.between(15, 20))
    top = _top(dice, x, y, sleeve=sleeve, neck=dice.between(1.5, 3), width=dice.between(5.4, 7.2))
    step = y - dice.between(0, 1)
    button = cover(1 - np.abs(x)) * cover(np.float32(0.9) - np.abs(step % 4 - 2)) * cover(y - 5)
    return Drawing(top.inside, top.shade - button * dice.between(0.1, 0.5) - _collar(dice, x, y))


def dress(dice: Dice, x: Plane, y: Plane) -> Drawing:
    """Straps or short sleeves, a waist, a skirt that widens."""
    waist, narrow, flare = dice.between(9, 12), dice.between(2.6, 4.2), dice.between(0.02, 0.26)
    shoulder = dice.between(3, 5)
    width = np.where(y < waist, narrow + (waist - y) * (shoulder - narrow) / 9, narrow + (y - waist) * flare)
    body = np.minimum(width - np.abs(x), np.minimum(y - 1, dice.between(23.5, 27) - y))
    arms = np.where(dice.yes(0.4), _short_sleeve(np.abs(x), y, dice.between(5, 8)), np.float32(-9))
    neck = _ellipse(x, y - 1, dice.between(1.2, 2.6), dice.between(1.5, 5))
    belt = cover(np.float32(0.7) - np.abs(y - waist)) * dice.between(0, 0.5)
    return Drawing(np.minimum(np.maximum(body, arms), -neck), 1 - belt)


def trouser(dice: Dice, x: Plane, y: Plane) -> Drawing:
    """A waist and two legs."""
    crotch, waist = dice.between(7, 11), dice.between(3.4, 5.2)
    outer = waist + (y - 1) * dice.between(0, 0.1)
    gap = (y - crotch) * dice.between(0.04, 0.15)
    legs = np.minimum(outer - np.abs(x), np.where(y > crotch, np.abs(x) - gap, np.float32(9)))
    band = cover(np.float32(3) - y) * dice.between(-0.1, 0.3)
    return Drawing(np.minimum(legs, np.minimum(y - 1, dice.between(25, 27) - y)), 1 - band)


def bag(dice: Dice, x: Plane, y: Plane) -> Drawing:
    """A wide body, a flap or a seam, a handle above."""
    rim, wide = dice.between(9, 14), dice.between(8.5, 12.5)
    lean = (y - 18) * dice.between(-0.1, 0.15)
    body = np.minimum(wide + lean - np.abs(x), np.minimum(y - rim, dice.between(22, 26) - y))
    rise, reach = dice.between(4, 9), dice.between(0.4, 0.75) * wide
    thick = dice.between(0.9, 1.8)
    handle = np.minimum(_ring(x, y - rim, reach, rise, thick), rim + 1 - y)
    seam = cover(np.float32(0.6) - np.abs(y - rim - dice.between(2, 7))) * dice.between(0, 0.5)
    clasp = cover(_ellipse(x, y - rim - 4, dice.between(0.8, 1.8), dice.between(0.8, 1.8))) * dice.between(-0.4, 0.5)
    return Drawing(np.maximum(body, handle), 1 - seam - clasp)


def sandal(dice: Dice, x: Plane, y: Plane) -> Drawing:
    """A thin sole that rises to the heel, and straps with air between them."""
    heel, thick = dice.between(0, 6), dice.between(1.0, 2.2)
    lift = np.clip((x + 3) / 12, 0, 1)
    ground = dice.between(20, 22)
    sole_top = ground - lift * lift * heel - thick
    sole = np.minimum(np.minimum(y - sole_top, sole_top + thick + 0.4 - y), 12 - np.abs(x))
    stand = np.minimum(np.minimum(x - dice.between(7, 9.5), 12 - x), np.minimum(y - sole_top, ground + 0.5 - y))
    arch = dice.between(5, 9)
    upper = sole_top - np.where(x < 2, arch - np.abs(x + 4) * dice.between(0.5, 0.9), (x - 2) * dice.between(0.5, 0.9))
    stripe = np.abs((x + (y - 14) * dice.between(-0.7, 0.7) + dice.between(0, 5)) % 5 - np.float32(2.5))
    strap = np.minimum(np.minimum(y - upper, sole_top - y), dice.between(0.7, 1.3) - stripe)
    edge = np.minimum(np.float32(0.8) - np.abs(y - upper), 11 - np.abs(x))
    straps = np.minimum(np.maximum(strap, edge), 11 - np.abs(x))
    return Drawing(np.maximum(np.maximum(sole, stand), straps), 1 - cover(sole) * dice.between(-0.2, 0.3))


def sneaker(dice: Dice, x: Plane, y: Plane) -> Drawing:
    """A low shoe, its toe to the left, on a flat sole."""
    ground, sole = dice.between(20, 24), dice.between(1.5, 3)
    shoe = _shoe(dice, x, y, ground, collar=ground - dice.between(8.5, 12.5))
    band = cover(y - ground + sole) * dice.between(-0.35, 0.45)
    lace = cover(np.float32(0.6) - np.abs((x - y) % 3 - np.float32(1.5))) * cover(3 - np.abs(x + 1))
    return Drawing(shoe, 1 - band - lace * dice.between(0, 0.4))


def ankle_boot(dice: Dice, x: Plane, y: Plane) -> Drawing:
    """A shoe with a shaft and a heel, its toe to the left."""
    ground = dice.between(22.5, 25.5)
    shoe = _shoe(dice, x, y, ground, collar=ground - dice.between(9, 11))
    back, wide = dice.between(10, 11.5), dice.between(8.5, 12)
    shaft = np.minimum(np.minimum(back - x, x - back + wide), np.minimum(y - dice.between(2, 10.5), ground - 3 - y))
    under = np.minimum(np.float32(1.5) - np.abs(x - 3), y - ground + dice.between(0, 2.5))
    band = cover(y - ground + dice.between(1, 2.5)) * dice.between(-0.3, 0.45)
    return Drawing(np.minimum(np.maximum(shoe, shaft), -under), 1 - band)


GARMENTS: tuple[Garment, ...] = (t_shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle_boot)
assert SIDE == 28, "the garments are drawn for 28 × 28 pixels"


def _top(dice: Dice, x: Plane, y: Plane, *, sleeve: Plane, neck: Plane, width: Plane) -> Drawing:
    """What is worn on the upper body. `sleeve`, `neck`, `width`: pixels, the last from the middle to the side."""
    side = np.abs(x)
    start = dice.between(1.5, 3.5)
    fall = start + np.maximum(side - 3, 0) * dice.between(0.3, 0.6)  # of the shoulders
    flank = width + (y - 14) * dice.between(-0.05, 0.06) - side
    body = np.minimum(flank, np.minimum(y - fall, dice.between(24, 27) - y))
    # A sleeve is a strip along the line from the shoulder down and outwards.
    out = dice.between(0.25, 0.42)
    middle = width - 1 + (y - start) * out
    short = sleeve < 10
    middle = np.where(short, width - 1 + (y - start) * np.float32(0.55), middle)
    half = np.where(short, np.float32(3.2), dice.between(1.6, 2.4))
    strip = np.minimum(half - np.abs(side - middle), np.minimum(y - fall, start + sleeve - y))
    opening = _ellipse(x, y - start, neck, neck * dice.between(0.5, 0.9))
    crease = cover(np.float32(0.5) - np.abs(side - width)) * dice.between(0, 0.4) * cover(y - start - 5)
    return Drawing(np.minimum(np.maximum(body, strip), -opening), 1 - crease)


def _short_sleeve(side: Plane, y: Plane, sleeve: Plane) -> Plane:
    strip = np.float32(2.4) - np.abs(side - 3 - (y - 1) * np.float32(0.5))
    inside: Plane = np.minimum(strip, np.minimum(y - 1, sleeve - y))
    return inside


def _front(x: Plane, y: Plane, dice: Dice, gap: Plane) -> Plane:
    return cover(gap - np.abs(x)) * cover(y - 4) * dice.between(0.3, 0.9)


def _collar(dice: Dice, x: Plane, y: Plane) -> Plane:
    """How much darker the two lines of a collar are."""
    line = np.abs(np.abs(x) - (dice.between(7, 11) - y) * np.float32(0.5))
    return cover(np.float32(0.4) - line) * cover(10 - y) * dice.between(0, 0.6)


def _shoe(dice: Dice, x: Plane, y: Plane, ground: Plane, collar: Plane) -> Plane:
    """A low shoe: flat at the toe, rising over the instep to `collar`, the height of its opening."""
    toe = ground - dice.between(4, 5.5)
    rise = np.clip((x + dice.between(3, 6)) / dice.between(5, 8), 0, 1)
    tip = np.maximum(-x - 9, 0)
    top = toe + (collar - toe) * rise + tip * tip * np.float32(0.5)
    dip = cover(_ellipse(x - 7, y - collar, dice.between(2, 4), dice.between(1, 2.5)))
    whole = np.minimum(np.minimum(y - top, ground - y), dice.between(11.5, 13) - np.abs(x))
    inside: Plane = whole - dip * 3
    return inside


def _ellipse(x: Plane, y: Plane, wide: Plane, high: Plane) -> Plane:
    """About the pixels from the edge of an ellipse around (0, 0), positive within."""
    square = (x / wide) * (x / wide) + (y / high) * (y / high)
    inside: Plane = (1 - square) * np.minimum(wide, high) * np.float32(0.5)
    return inside


def _ring(x: Plane, y: Plane, wide: Plane, high: Plane, thick: Plane) -> Plane:
    """A ring around (0, 0); `wide` and `high` are its outer half axes."""
    inside: Plane = np.minimum(_ellipse(x, y, wide, high), -_ellipse(x, y, wide - thick, high - thick))
    return inside
