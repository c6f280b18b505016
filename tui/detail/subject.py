"""What a detail panel says of the thing under a cursor, as lines. No widgets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.inspection.detail_requests import Detail
from engine.inspection.tensor_stats import TensorStats
from engine.terminal_text import shown
from tui import format as fmt
from tui.columns import fit
from tui.widgets.lines import Line, padded
from tui.widgets.value_histogram import histogram_lines

LABEL = 14  # cells
HISTOGRAM = 5  # lines
PRINTED = 8  # lines, where a picture stands below them
BREAKS = "/\\._-=(,"  # behind which a long word is broken
FACT = 3  # lines that one may take


@dataclass(frozen=True)
class Subject:
    """What is known of the thing under the cursor before anything is asked."""

    title: str
    kind: str  # its type, or what it is
    facts: tuple[tuple[str, str], ...]  # each a label and what it says
    counts: Sequence[int] = ()  # of its histogram
    ends: tuple[float, float] = (0.0, 0.0)  # of the histogram's axis
    missing: str = ""  # why nothing more can be asked
    picture_of: str = ""  # what its picture shows, in words
    beside: Sequence[tuple[str, int]] = ()  # all things like it and their sizes, to be drawn where it has no picture
    lead: Callable[[int], list[Line]] | None = None  # lines above the facts, for a width in cells
    answered: Callable[[Detail], list[tuple[str, str]]] | None = None  # the facts in the answer; None: its statistics


def stats_facts(stats: TensorStats) -> list[tuple[str, str]]:
    """The statistics of a tensor's values; none where it has none."""
    if stats.mean is None:
        return []
    odd = f", {fmt.count(stats.not_finite)} not finite" if stats.not_finite else ""
    return [
        ("mean, std", f"{fmt.short(stats.mean)}, {fmt.short(stats.std)}"),
        ("min, max", f"{fmt.short(stats.min)}, {fmt.short(stats.max)}"),
        ("norm, zeros", f"{fmt.short(stats.norm)}, {fmt.percent(stats.zeros)}{odd}"),
    ]


def lines(subject: Subject, detail: Detail | None, width: int) -> list[Line]:
    """All of it in lines of `width` cells."""
    found: list[Line] = [] if subject.lead is None else subject.lead(width)
    for label, text in subject.facts:
        found += fact_lines(label, text, width)
    if detail is not None and (facts := (subject.answered or _statistics)(detail)):
        found.append([])
        for label, text in facts:
            found += fact_lines(label, text, width)
    counts, ends = subject.counts, subject.ends
    if detail is not None and detail.histogram and detail.stats is not None:
        counts, ends = detail.histogram, (detail.stats.min or 0.0, detail.stats.max or 0.0)
    bars = histogram_lines(counts, *ends, width, HISTOGRAM)
    found += [[], *bars] if bars else []
    if detail is None or not detail.printed:
        return found
    found += [[], [(fit(detail.expression, width), "strong")]]
    return [*found, *([(fit(line, width), "")] for line in detail.printed.splitlines())]


def _statistics(detail: Detail) -> list[tuple[str, str]]:
    return [] if detail.stats is None else stats_facts(detail.stats)


def height_above_a_picture(subject: Subject, width: int) -> int:
    """The lines that `lines` may have, once the answer is there, where a picture stands below."""
    return len(lines(subject, None, width)) + (2 if subject.counts else 6) + PRINTED


def fact_lines(
    label: str, text: str, width: int, most: int = FACT, *, style: str = "", left: int = LABEL
) -> list[Line]:
    """In a line; where it is longer, in up to `most`, broken between words, or in a word that is longer than a line,
    such as a path. `left`: cells for the label."""
    room = max(8, width - left)
    rows, row = list[str](), ""
    for word in _words(text, room):
        if row and len(row) + 1 + len(word) > room:
            rows.append(row)
            row = word
        else:
            row = f"{row} {word}" if row else word
    rows.append(row)
    if len(rows) > most:
        rows = [*rows[: most - 1], fit(" ".join(rows[most - 1 :]), room)]
    return [
        [(padded("" if at else label, left), "dim"), (fit(one, room), style)] for at, one in enumerate(rows)
    ]  # fmt: skip


def _words(text: str, room: int) -> list[str]:
    """Parts of the text that fit a line; a longer word, such as a path, is broken behind a sign in it."""
    found = list[str]()
    for word in shown(text).split(" "):
        rest = word
        while len(rest) > room:
            at = max(rest.rfind(sign, room // 2, room) for sign in BREAKS) + 1 or room
            found.append(rest[:at])
            rest = rest[at:]
        found.append(rest)
    return found
