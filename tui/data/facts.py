"""What is known of one image, and how it is shown beside the image."""

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from tui.columns import told_apart, width_of
from tui.data.browse import Browse
from tui.format import percent
from tui.widgets.bars import bar
from tui.widgets.histogram import LEAST, histogram_lines
from tui.widgets.lines import Line, Lines, padded

if TYPE_CHECKING:
    from tui.graphics.image import Picture

MOST = 24  # lines of a histogram of pixels
NAMES = 16  # cells of a class's name beside its bar, at most


@dataclass(frozen=True)
class Chance:
    """The probability that a model gives a class."""

    name: str
    probability: float  # fraction of 1
    true: bool  # whether it is the image's label


@dataclass(frozen=True, eq=False)
class Facts:
    """Of one image."""

    image: "Picture"
    index: int
    split: str
    label: int
    name: str  # of the label
    marked: bool
    reason: str  # why it is in the list of suspicious images that is shown; empty where it is in none
    duplicate: str | None  # its near-duplicate, in words; "none"; None: nobody has looked for one
    model: str  # whose prediction is known; empty: nobody's
    chances: tuple[Chance, ...]  # the most probable classes first, and the label
    place: str = ""  # where it stands in a batch, in words

    @property
    def right(self) -> bool:
        """Whether the prediction is the label."""
        return self.chances[0].true


def of(browse: Browse) -> Facts | None:
    """Of the chosen image; None where there is none."""
    index = browse.index
    sample = browse.sample(index)
    if index is None or sample is None:
        return None
    image, label = sample
    found = browse.predictions.get(browse.split)
    chances = list[Chance]()
    if found is not None:
        top = zip(found.top_classes[index].tolist(), found.top_probabilities[index].tolist(), strict=True)
        names = told_apart(browse.classes, NAMES)
        chances = [Chance(names[at], chance, at == label) for at, chance in top]
        if not any(chance.true for chance in chances):
            chances.append(Chance(names[label], float(found.label_probability[index]), True))
    return Facts(
        image, index, browse.split, label, browse.classes[label],
        marked=index in browse.marks[browse.split],
        reason=browse.reason(index) or "",
        duplicate=_duplicate(browse, index),
        model="" if found is None else found.title,
        chances=tuple(chances),
    )  # fmt: skip


def _duplicate(browse: Browse, index: int) -> str | None:
    """A pair is listed once, at its second image: look at both sides."""
    by_split = browse.suspects.get("duplicates")
    if by_split is None:
        return None
    here, there = browse.split, browse.other_split
    if (found := by_split.get(here)) is not None:
        for at in (found.indices == index).nonzero()[0]:
            return f"{there if found.elsewhere[at] else here} image {found.others[at]}"
        for at in ((found.others == index) & ~found.elsewhere).nonzero()[0]:
            return f"{here} image {found.indices[at]}"
    if (found := by_split.get(there)) is not None:
        for at in ((found.others == index) & found.elsewhere).nonzero()[0]:
            return f"{there} image {found.indices[at]}"
    return "none"


def needed_lines(facts: Facts | None) -> int:
    """Lines that the words and bars take, without a histogram."""
    if facts is None:
        return 3
    return 3 + (3 if facts.reason else 0) + len(facts.chances)


class FactLines(Lines):
    """The pixels, why the image is suspicious, a model's prediction with its bars; a histogram where there is room."""

    DEFAULT_CSS = "FactLines { width: 1fr; height: 1fr; }"

    def __init__(self, *, advice: str = "", id: str | None = None) -> None:  # noqa: A002
        """`advice`: what is said where no prediction is known."""
        super().__init__(id=id)
        self._facts: Facts | None = None
        self._advice = advice

    def show(self, facts: Facts | None) -> None:
        self._facts = facts
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        return [] if self._facts is None else fact_lines(self._facts, self._advice, width, height)


def fact_lines(facts: Facts, advice: str, width: int, height: int) -> list[Line]:
    """The lines of a room of so many cells and lines."""
    import numpy as np

    image = facts.image
    pixels = [f"pixels {image.min()}–{image.max()}", f"mean {image.mean():.1f}", f"std {image.std():.1f}"]
    size = " × ".join(map(str, image.shape))
    lines: list[Line] = [[(text, "")] for text in _joined([*pixels, size], width)]
    lines += [[(text, "warning")] for text in wrap(facts.reason, width)]
    if facts.chances:
        first = facts.chances[0]
        sign, style = ("✓", "good") if facts.right else ("✗", "bad")
        lines.append([(f"{text} ", "dim") for text in _joined([f"{facts.model} predicts"], width)])
        lines.append([(f"{sign} {first.name}", style), (f"  {percent(first.probability)}", style)])
        names = min(NAMES, width_of(chance.name for chance in facts.chances))
        for chance in facts.chances:
            room = max(1, width - names - 10)
            style = "good" if chance.true else "bad" if chance is first else "dim"
            lines.append([
                (("✓ " if chance.true else "  ") + padded(chance.name, names) + " ", "strong" if chance.true else ""),
                (padded(bar(chance.probability, room), room), style),
                (f" {percent(chance.probability):>6}", ""),
            ])  # fmt: skip
    elif advice:
        lines += [[(text, "dim")] for text in wrap(advice, width)]
    left = height - len(lines) - 1
    if left >= LEAST:
        counts = np.bincount(image.reshape(-1), minlength=256)
        lines += [[], *histogram_lines(counts, width, min(MOST, left))]
    return lines


def _joined(parts: list[str], width: int) -> list[str]:
    """The parts in as few lines as hold them, with a dot between two of one line."""
    lines = [""]
    for part in parts:
        longer = f"{lines[-1]} · {part}" if lines[-1] else part
        if len(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines
