"""Numbers as colours."""

from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip

from tui.graphics.image import PLAIN, RAMP, CellStyle, half_block_lines
from tui.widgets.line_widget import LineWidget

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LETTERS = " .civozaXMW"  # as RAMP, for what lies below 0
BLOCKS = " ▁▂▃▄▅▆▇█"
LEVELS = 24  # of a colour's strength: few enough that neighbours are often alike, and sent as one
BETWEEN = (40, 40, 56)  # the colour between pictures
LARGEST = 8  # cells across one value: larger squares show no more


class HeatMap(LineWidget):
    """A matrix as colours, two values a cell: blue below 0, red above; of one that has no values below 0, grey. A small
    one is enlarged, by a whole number, to what there is room for."""

    DEFAULT_CSS = "HeatMap { height: 1fr; width: 1fr; }"

    class Resized(Message):
        """There is room for another number of values, so that they may be asked for anew."""

    def __init__(self, style: CellStyle, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._style: CellStyle = style
        self._lines: list[list[Segment]] = []
        self._values: npt.NDArray[np.float32] | None = None
        self._gaps = False
        self._signed, self._limit, self._not_finite = True, 0.0, False

    def show(self, values: "npt.NDArray[np.float32]", *, gaps: bool = False) -> None:
        """Other values, [rows, columns]. `gaps`: NaN lies between pictures."""
        import numpy as np

        self._values, self._gaps = values, gaps
        self._signed, self._limit = bool((values < 0).any()), limit_of(values)
        self._not_finite = bool((np.isinf(values) if gaps else ~np.isfinite(values)).any())
        self._draw()

    def clear(self) -> None:
        """Nothing, until other values come."""
        if self._values is not None:
            self._values, self._lines = None, []
            self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()
        self.post_message(self.Resized())

    def _draw(self) -> None:
        import numpy as np

        if self._values is None:
            return
        values = enlarged(self._values, self.size.width, 2 * self.size.height, whole_cells=self._style == "ascii")
        if self._style == "ascii":
            self._lines = _signed_lines(values)
            self.refresh()
            return
        image = colours(values, self._limit, gaps=self._gaps)
        if len(image) % 2:
            image = np.concatenate([image, np.zeros_like(image[:1])])
        self._lines = half_block_lines(image, self._style, spaces=len(values) > len(self._values))
        self.refresh()

    @property
    def legend(self) -> str:
        """What its colours, or its characters, mean."""
        return legend(self._style, signed=self._signed or self._not_finite, limit=self._limit, odd=self._not_finite)

    def render_line(self, y: int) -> Strip:
        base = self.base
        if y >= len(self._lines):
            return Strip.blank(self.size.width, base)
        return Strip(self._lines[y]).adjust_cell_length(self.size.width, base)


def enlarged(
    values: "npt.NDArray[np.float32]", columns: int, rows: int, *, whole_cells: bool
) -> "npt.NDArray[np.float32]":
    """The values, [rows, columns], each repeated along both axes as often as there is room for. `whole_cells`: two rows
    are one cell, which no two values are to share."""
    if not values.size:
        return values
    times = min(LARGEST, columns // values.shape[1], rows // values.shape[0])
    if whole_cells:
        times -= times % 2
    return values.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else values


def _signed_lines(values: "npt.NDArray[np.float32]") -> list[list[Segment]]:
    """Without colours: a character for two values, one above the other, the larger magnitude; signs from weak to strong
    above 0, letters below; ! for what is not finite."""
    import numpy as np

    limit = limit_of(values)
    padded = np.concatenate([values, np.full_like(values[:1], np.nan)]) if len(values) % 2 else values
    pairs = padded.reshape(-1, 2, padded.shape[1])
    strongest = np.abs(np.nan_to_num(pairs, nan=0.0)).argmax(axis=1)[:, None]
    chosen = np.take_along_axis(pairs, strongest, axis=1)[:, 0]
    lines = []
    for row in chosen.tolist():
        text = ""
        for value in row:
            if value != value:
                text += " "
            elif abs(value) == float("inf"):
                text += "!"
            else:
                ramp = LETTERS if value < 0 else RAMP
                text += ramp[min(len(ramp) - 1, round(abs(value) / limit * (len(ramp) - 1)))] if limit else " "
        lines.append([Segment(text, PLAIN)])
    return lines


def legend(style: CellStyle, *, signed: bool, limit: float, odd: bool = False, letters: bool = True) -> str:
    """What the colours of `colours`, or the characters, mean. `odd`: some values are not finite. `letters`: without
    colours, letters stand for values below 0, as in a HeatMap; else magnitudes alone are drawn."""
    from tui import format as fmt

    if style == "ascii":
        if signed and letters:
            return f"letters below 0, signs above{', ! or blank not finite' if odd else ''}"
        magnitude = "magnitude " if signed else ""
        return f"blank: {magnitude}0, {RAMP[-1]}: {magnitude}{fmt.short(limit)}" if limit else "all 0"
    words = "blue below 0, red above" if signed else f"black 0, white {fmt.short(limit)}" if limit else "all 0"
    return f"{words}, green not finite" if odd else words


def colours(values: "npt.NDArray[np.float32]", limit: float, *, gaps: bool = False, signed: bool | None = None) -> Any:
    """Signed values as a picture: uint8 [rows, columns, 3]; black at 0, blue at -limit, red at limit; values without a
    sign as greys, uint8 [rows, columns]. What is not finite is green; with `gaps`, NaN is what lies between pictures.
    `signed`: in colours or greys; None: greys where all are finite and none is below 0.
    """
    import numpy as np

    if gaps and np.isnan(values).any():
        whole = np.where(np.isnan(values), np.float32(0), values)
        image = colours(whole, limit, signed=signed)
        image = np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image
        image[np.isnan(values)] = BETWEEN
        return image
    share = np.nan_to_num(values / limit if limit else values * 0).clip(-1, 1)
    share = np.round(share * LEVELS) / LEVELS
    if signed is None:
        signed = bool((values < 0).any() or not np.isfinite(values).all())
    if not signed:
        return (share * 255).round().astype(np.uint8)
    up, down = share.clip(0, 1), (-share).clip(0, 1)
    image = np.stack([255 * up + 60 * down, 90 * up + 120 * down, 60 * up + 255 * down], axis=-1)
    image[~np.isfinite(values)] = (0, 255, 0)
    return image.round().astype(np.uint8)


def limit_of(values: "npt.NDArray[np.float32]") -> float:
    """The largest magnitude of the finite values."""
    import numpy as np

    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def spark(counts: Any) -> str:
    """A histogram in as many cells as it has parts."""
    most = int(counts.max()) if len(counts) else 0
    if not most:
        return ""
    return "".join(BLOCKS[0 if not number else max(1, round(8 * int(number) / most))] for number in counts)


def bars(counts: Any) -> str:
    """A histogram in half as many cells as it has parts; empty where it counts nothing."""
    pairs = [int(a + b) for a, b in zip(counts[::2], counts[1::2], strict=True)]
    most = max(pairs, default=0)
    return "".join(BLOCKS[0 if not number else max(1, round(8 * number / most))] for number in pairs) if most else ""
