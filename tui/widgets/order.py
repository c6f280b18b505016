"""How the rows of a table are sorted."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """By the column of a title, the largest first (`falling`). "": as the screen lists them, the newest first unless
    `falling`."""

    title: str = ""
    falling: bool = False

    @classmethod
    def parse(cls, text: str) -> "Order":
        """Of what `str` makes of it."""
        return cls(text.removeprefix("-"), text.startswith("-"))

    def __str__(self) -> str:
        return "-" * self.falling + self.title

    @property
    def words(self) -> str:
        """`by loss`, `by best, the highest first`."""
        if not self.title:
            return "the oldest first" if self.falling else ""
        return f"by {self.title}{', falling' if self.falling else ''}"
