"""The probabilities of the classes as bars, of one network or of two."""

from collections.abc import Sequence
from dataclasses import dataclass

from tui.columns import told_apart, width_of
from tui.widgets.lines import Line, Lines, padded

NAME = 14  # cells of a class's name at most


@dataclass(frozen=True)
class Opinion:
    """What one network says."""

    logits: tuple[float, ...]
    probabilities: tuple[float, ...]  # fractions of 1


class Bars(Lines):
    """A line a class; the most probable ones where not all fit."""

    DEFAULT_CSS = "Bars { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._names: tuple[str, ...] = ()
        self._opinions: tuple[Opinion, ...] = ()
        self._label = -1

    def show(self, classes: Sequence[str], opinions: Sequence[Opinion], label: int) -> None:
        """Other probabilities; `label`: the true class."""
        self._names, self._opinions, self._label = tuple(classes), tuple(opinions), label
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        if not self._opinions:
            return []
        chosen = range(len(self._names))
        if len(self._names) > height:
            first = self._opinions[0].probabilities
            chosen = sorted(sorted(chosen, key=lambda at: -first[at])[:height])  # type: ignore[assignment]
        names = told_apart(self._names, NAME)
        label = min(NAME, width_of(names))
        room = max(4, (width - label - 2 - 18 * len(self._opinions)) // len(self._opinions))
        lines: list[Line] = []
        for at in chosen:
            true = at == self._label
            line: Line = [(("✓ " if true else "  ") + padded(names[at], label), "strong" if true else "")]
            for opinion in self._opinions:
                share = opinion.probabilities[at]
                best = share == max(opinion.probabilities)
                style = ("good" if true else "bad") if best else "dim"
                line.append((f" {100 * share:5.1f}% ", style if best else ""))
                line.append((padded(bar(share, room), room), style))
                line.append((f" {opinion.logits[at]:8.3f} ", "dim"))
            lines.append(line)
        return lines


def bar(share: float, room: int) -> str:
    """A fraction of 1 as a bar, to an eighth of a cell."""
    eighths = round(share * room * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
