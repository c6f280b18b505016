"""Numbers as a person reads them: an exponent as it is typed, `1e-6`, not `1e-06`."""

import re

_EXPONENT = re.compile(r"e([+-]?)0*(\d+)$")


def short_exponent(text: str) -> str:
    """A number's text, its exponent without a plus and without zeros before it: `1.5e-6` of `1.5e-06`, `2e9` of
    `2e+09`. Text without an exponent stays."""
    return _EXPONENT.sub(lambda found: f"e{found[1].replace('+', '')}{found[2]}", text)


def significant(value: float, count: int = 6) -> str:
    """The number to so many significant digits, at most: `0.0123`, `1.5e-6`, `nan`."""
    return short_exponent(f"{value:.{count}g}")


def four_digits(value: float) -> str:
    """The number to four significant digits."""
    return significant(value, 4)
