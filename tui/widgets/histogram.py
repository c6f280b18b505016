"""How many pixels have which value, as bars of an eighth of a line."""

from typing import TYPE_CHECKING

from tui.widgets.lines import Line

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BLOCKS = " ▁▂▃▄▅▆▇█"
VALUES = 255  # besides 0
LEAST = 4  # lines: a heading, bars, the axis, its numbers


def histogram_lines(counts: "npt.NDArray[np.int64]", width: int, height: int) -> list[Line]:
    """Of the number of pixels of each value, [256]. The zeros, often half of all, stand in the heading. Nothing where
    there is no room."""
    import numpy as np

    bins = min(VALUES, width)
    rows = height - 3
    if bins < 16 or rows < 1:
        return []
    total, zeros = int(counts.sum()), int(counts[0])
    heights = np.array([part.mean() for part in np.array_split(counts[1:], bins)])  # a bar may stand for one value more
    levels = (8 * rows * heights / (heights.max() or 1) + 0.5).astype(int).tolist()
    share = f"0: {100 * zeros / max(1, total):.1f}% of all"
    heading = "pixels by value, 1 to 255" if width >= 30 + len(share) else "pixels by value"
    lines: list[Line] = [[(heading, "strong"), (f"   {share}", "dim")]]
    for row in range(rows - 1, -1, -1):
        lines.append([("".join(BLOCKS[max(0, min(8, level - 8 * row))] for level in levels), "train")])
    lines.append([("└" + "─" * (bins - 2) + "┘", "dim")])
    lines.append([(f"{'1':<{bins // 2 - 2}}{'128':<{bins - bins // 2 - 1}}{'255':>3}", "dim")])
    return lines
