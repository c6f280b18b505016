"""How long a kernel may be idle, as it is typed and as it is told."""

import math
import re

IDLE_S = 12 * 3600.0  # that a kernel may be idle, where nothing else is asked for
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_S = 365 * 86400.0


def seconds(text: object) -> float:
    """Of `90s`, `30m`, `12h` or `2d`. Raises ValueError, with what it must be."""
    found = (
        re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?) ?([smhd])", text.strip(), re.ASCII) if isinstance(text, str) else None
    )
    length = float(found[1]) * UNITS[found[2]] if found else math.nan
    if not 1 <= length <= LONGEST_S:
        raise ValueError("it must be a time from 1s to 365d, such as 30m, 12h or 2d")
    return length


def typed(length: float) -> str:
    """As `seconds` reads it: `12h`."""
    return words(length).replace(" ", "")


def words(length: float) -> str:
    """In its largest unit that is whole: `12 h`."""
    for unit in ("d", "h", "m"):
        if length >= UNITS[unit] and length % UNITS[unit] == 0:
            return f"{length / UNITS[unit]:g} {unit}"
    return f"{length:g} s"
