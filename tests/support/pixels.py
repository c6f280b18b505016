"""What a terminal that draws pixels does with what it is sent: written from the protocols' descriptions, and knowing
nothing of the code under test."""

import re
from base64 import standard_b64decode
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

PLACEHOLDER = "\U0010eeee"
ROW_MARKS = "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352\u0357\u035b"

LEFT = (1, 2, 3)  # a pixel that sixels leave as it is


@dataclass
class KittyTerminal:
    """Images by their numbers, and the size in cells at which each is shown."""

    images: dict[int, npt.NDArray[np.uint8]] = field(default_factory=dict)
    cells: dict[int, tuple[int, int]] = field(default_factory=dict)  # columns, rows

    def feed(self, text: str, *, tmux: bool = False) -> str:
        """Take what commands images; returns the rest."""
        if tmux:  # which strips its own sequence, and hands on what is in it
            text = re.sub(r"\x1bPtmux;((?:[^\x1b]|\x1b\x1b)*)\x1b\\", lambda m: m[1].replace("\x1b\x1b", "\x1b"), text)
        pending: dict[str, str] = {}
        data = ""
        for control, payload in re.findall(r"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\", text):
            keys = dict(pair.split("=") for pair in control.split(","))
            if keys.get("a") == "d":
                assert keys["d"] == "I"
                self.images.pop(int(keys["i"]), None)
                continue
            assert len(payload) <= 4096
            pending = pending or keys
            data += payload
            if keys.get("m", "0") == "0":
                assert pending["a"] == "T"
                assert pending["U"] == "1"
                assert pending["f"] == "100"
                assert pending["q"] == "2"  # answers would be taken for keys
                number = int(pending["i"])
                self.images[number] = np.asarray(Image.open(BytesIO(standard_b64decode(data))))
                self.cells[number] = int(pending["c"]), int(pending["r"])
                pending, data = {}, ""
        assert not pending, "a transmission has no end"
        return re.sub(r"\x1b_G[^\x1b]*\x1b\\", "", text)


def sixel_pixels(sequence: str) -> npt.NDArray[np.uint8]:
    """The picture that a sixel sequence paints, [rows, columns, 3]; what it leaves as it is is LEFT."""
    found = re.fullmatch(r'\x1bP[\d;]*q"1;1;(\d+);(\d+)(.*)\x1b\\', sequence, re.DOTALL)
    assert found is not None, sequence[:40]
    width, height = int(found[1]), int(found[2])
    painted = np.full((height + 6, width, 3), LEFT, np.uint8)
    palette: dict[int, tuple[int, ...]] = {}
    colour, x, y = 0, 0, 0
    token = re.compile(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|([$-])")
    at = 0
    while at < len(found[3]):
        one = token.match(found[3], at)
        assert one is not None, found[3][at : at + 20]
        at = one.end()
        if one[1]:
            colour = int(one[1])
            if one[2]:
                palette[colour] = tuple(round(int(part) * 255 / 100) for part in one.group(2, 3, 4))
        elif one[8] == "$":
            x = 0
        elif one[8] == "-":
            x, y = 0, y + 6
        else:
            bits, times = ord(one[6] or one[7]) - 63, int(one[5] or 1)
            for row in range(6):
                if bits >> row & 1:
                    painted[y + row, x : x + times] = palette[colour]
            x += times
            assert x <= width
    assert not (painted[height:] != LEFT).any(), "painted below the picture"
    return painted[:height]
