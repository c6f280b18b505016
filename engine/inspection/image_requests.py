"""Which images are sent through a network: one, as it is or edited, or a batch. No torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PixelEdit:
    """One pixel gets another level."""

    row: int
    column: int
    level: int  # 0 to 255, in all channels

    @property
    def place(self) -> tuple[int, int]:
        """The pixel's row and column."""
        return self.row, self.column


@dataclass(frozen=True)
class Shift:
    """The whole image moves; the pixels that come in are black."""

    down: int  # pixels; below 0: up
    right: int


@dataclass(frozen=True)
class Invert:
    """Each level becomes 255 - level."""


Edit = PixelEdit | Shift | Invert


@dataclass(frozen=True)
class ImageRef:
    """One image of a network's data set, after its edits, one after another."""

    split: str
    index: int
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class ImagesRef:
    """The `count` images of a split from `index` on, in the files' order."""

    split: str
    index: int
    count: int
