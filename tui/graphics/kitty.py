"""Kitty's graphics protocol, by Unicode placeholders: the terminal gets an image once, under a number, and draws it
wherever cells say that they are a part of it. Such cells are text: they move, are covered and are cropped as text is,
also by tmux, which hands the images themselves through where its `allow-passthrough` is on.

https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
"""

import functools
from base64 import standard_b64encode

LARGEST_NUMBER = 0xFFFFFF  # the number is the cells' colour, red first
LONGEST = 4096  # characters of an image in one sequence
PLACEHOLDER = "\U0010eeee"
# The marks that say which row and column of its image a cell is: kitty's gen/rowcolumn-diacritics.txt, the characters
# of combining class 230 in Unicode 6.0 that are part of no composed one. First and last of each run.
MARKS = (
    "0305 030D-030E 0310 0312 033D-033F 0346 034A-034C 0350-0352 0357 035B 0363-036F 0483-0487 0592-0595 0597-0599 "
    "059C-05A1 05A8-05A9 05AB-05AC 05AF 05C4 0610-0617 0657-065B 065D-065E 06D6-06DC 06DF-06E2 06E4 06E7-06E8 "
    "06EB-06EC 0730 0732-0733 0735-0736 073A 073D 073F-0741 0743 0745 0747 0749-074A 07EB-07F1 07F3 0816-0819 "
    "081B-0823 0825-0827 0829-082D 0951 0953-0954 0F82-0F83 0F86-0F87 135D-135F 17DD 193A 1A17 1A75-1A7C 1B6B "
    "1B6D-1B73 1CD0-1CD2 1CDA-1CDB 1CE0 1DC0-1DC1 1DC3-1DC9 1DCB-1DCC 1DD1-1DE6 1DFE 20D0-20D1 20D4-20D7 20DB-20DC "
    "20E1 20E7 20E9 20F0 2CEF-2CF1 2DE0-2DFF A66F A67C-A67D A6F0-A6F1 A8E0-A8F1 AAB0 AAB2-AAB3 AAB7-AAB8 AABE-AABF "
    "AAC1 FE20-FE26 10A0F 10A38 1D185-1D189 1D1AA-1D1AD 1D242-1D244"
)


@functools.cache
def marks() -> str:
    """The mark of 0, of 1, of 2 and so on."""
    runs = (run.partition("-") for run in MARKS.split())
    return "".join(chr(code) for first, _, last in runs for code in range(int(first, 16), int(last or first, 16) + 1))


def transmission(number: int, png: bytes, columns: int, rows: int, *, tmux: bool = False) -> str:
    """The image, and that cells of its number show it over so many columns and rows; it keeps its shape, in the middle.
    The terminal answers nothing. `png`: a PNG file."""
    text = standard_b64encode(png).decode("ascii")
    parts = [text[start : start + LONGEST] for start in range(0, len(text), LONGEST)]
    sequences = []
    for index, part in enumerate(parts):
        keys = f"a=T,U=1,q=2,f=100,i={number},c={columns},r={rows}," if not index else "q=2,"
        more = int(index < len(parts) - 1)
        sequences.append(f"\x1b_G{keys}m={more};{part}\x1b\\")
    return "".join(map(through_tmux, sequences) if tmux else sequences)


def deletion(number: int, *, tmux: bool = False) -> str:
    """The terminal need not keep the image any longer."""
    sequence = f"\x1b_Ga=d,d=I,q=2,i={number}\x1b\\"
    return through_tmux(sequence) if tmux else sequence


def through_tmux(sequence: str) -> str:
    """As tmux hands it to its own terminal."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"


@functools.lru_cache(maxsize=512)
def cells(row: int, columns: int) -> str:
    """The text of one row. Every cell is marked with its row and its column, so that any of them can be covered."""
    known = marks()
    return "".join(PLACEHOLDER + known[row] + known[column] for column in range(columns))
