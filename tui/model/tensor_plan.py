"""How a tensor's screen shares its room: its numbers, a map or pictures below them, and charts beside or below."""

from dataclasses import dataclass
from typing import Literal

from textual.geometry import Region

BESIDE = 36  # cells that the charts need
BELOW = 9  # lines that what stands below the numbers needs
GAP = 2  # cells between parts that stand beside each other
MATRICES = (3, 4)  # dimensions of a tensor whose matrices have pictures
LONG = 4  # times as many columns as rows: a map of those takes all the width that there is

Size = tuple[int, int]  # cells across, lines
Mode = Literal["values", "map", "pictures"]
NONE = Region()


@dataclass(frozen=True)
class Plan:
    """Where each part stands in the room; `NONE` for one that is not shown."""

    numbers: Region = NONE
    map: Region = NONE
    pictures: Region = NONE
    charts: Region = NONE
    exact: Region = NONE


def of_a_vector(mode: Mode, room: Size, numbers: Size) -> Plan:
    """The charts where they have more room. `numbers`: what the numbers take of the room."""
    (across, down), (wide, high) = room, numbers
    if mode != "values":
        return Plan(charts=Region(0, 0, across, down))
    right, below = across - wide - GAP, down - high
    right, below = right if right >= BESIDE else 0, below if below >= BELOW else 0
    if below * across > right * down:
        return Plan(numbers=Region(0, 0, across, high), charts=Region(0, high, across, below))
    if right:
        return Plan(numbers=Region(0, 0, wide, down), charts=Region(across - right, 0, right, down))
    return whole("values", room)


def of_few(room: Size, numbers: Size, count: int) -> Plan:
    """A tensor of one or two numbers: what each is exactly, and where there are two, the numbers above that."""
    across, down = room
    if count == 1:
        return Plan(exact=Region(0, 0, across, down))
    high = min(numbers[1] + 1, down - 1)
    return Plan(numbers=Region(0, 0, across, high), exact=Region(0, high, across, down - high))


def of_matrices(mode: Mode, room: Size, numbers: Size, shape: Size, *, pictured: bool, map_width: int = 0) -> Plan:
    """`numbers`: what the numbers take of the room. `shape`: of a matrix, columns and rows. `pictured`: each of several
    matrices has a picture. `map_width`: of a map that fills the room as far as it can; 0: not known yet."""
    across, down = room
    if mode == "pictures":
        return whole(mode, room)
    if mode == "map":
        free = across - map_width - GAP
        if not map_width or free < BESIDE:
            return whole(mode, room)
        return Plan(map=Region(0, 0, map_width, down), charts=Region(across - free, 0, free, down))
    wide, high = numbers
    below = down - high if down - high >= BELOW else 0
    if below and pictured:
        return Plan(numbers=Region(0, 0, across, high), pictures=Region(0, high, across, below))
    left = max(wide, across // 2 if below else 0)
    if across - left - GAP >= BESIDE:
        charts = Region(left + GAP, 0, across - left - GAP, down)
        if below:
            return Plan(Region(0, 0, left, high), Region(0, high, left, below), charts=charts)
        return Plan(Region(0, 0, left, down), charts=charts)
    if not below:
        return whole(mode, room)
    columns, rows = shape
    left = (across - GAP) // 2
    if columns >= LONG * rows or left < BESIDE:
        return Plan(Region(0, 0, across, high), Region(0, high, across, below))
    charts = Region(across - left, high, left, below)
    return Plan(Region(0, 0, across, high), Region(0, high, left, below), charts=charts)


def whole(mode: Mode, room: Size) -> Plan:
    """One part has all of it."""
    all_of_it = Region(0, 0, *room)
    return Plan(**{"numbers" if mode == "values" else mode: all_of_it})
