"""A study's trials as lines of text: over a parameter with few values, as parallel coordinates; and importances."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.studies.space import Choices, Parameter, Range
from engine.studies.trials import Snapshot, Trial
from tui import format as fmt
from tui.columns import fit, width_of
from tui.runs.study_charts import number_of
from tui.study_text import metric_text
from tui.widgets.bars import bar
from tui.widgets.chart.axes import Axis
from tui.widgets.chart.canvas import Canvas
from tui.widgets.lines import Line, Lines, padded

MOST_LINES = 100  # trials that are drawn, the best
SHARE_OF_BEST = 0.1  # of the trials, drawn in the style of good ones
DOT, MANY, BEST = "·", "●", "★"


@dataclass(frozen=True)
class Drawn:
    """What is drawn: a view of VIEWS, of a study, a parameter and the trial under the cursor."""

    view: str
    seen: Snapshot | None = None
    parameters: tuple[Parameter, ...] = ()
    parameter: Parameter | None = None
    trial: int = -1
    ascii_only: bool = False


class StudyLines(Lines):
    """Draws what it is given."""

    DEFAULT_CSS = "StudyLines { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._drawn = Drawn("")

    def show(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self.repaint()

    def paint(self, width: int, height: int) -> list[Line]:
        drawn = self._drawn
        if drawn.seen is None:
            return []
        match drawn.view:
            case "importances":
                return importances(drawn.seen, width, height)
            case "coordinates":
                return coordinates(drawn, width, height)
        if isinstance(drawn.parameter, Choices):
            return strips(drawn.seen, drawn.parameter, width, height)
        return []


def importances(seen: Snapshot, width: int, height: int) -> list[Line]:
    """A bar a parameter: its share of what decides whether a trial is among the best."""
    if not seen.importances:
        return [[("known from four complete trials on", "dim")]]
    names = min(width_of(list(seen.importances)), max(4, width // 3))
    room = max(4, width - names - 8)
    lines: list[Line] = []
    for name, share in sorted(seen.importances.items(), key=lambda one: -one[1]):
        line: Line = [(padded(fit(name, names), names) + " ", "")]
        line += [(padded(bar(min(1.0, share), room), room), "train"), (f" {100 * share:4.0f}%", "")]
        lines.append(line)
    complete = seen.count("complete")
    lines.append([(f"PED-ANOVA of {fmt.counted(complete, 'complete trial')}", "dim")])
    return lines[:height]


def strips(seen: Snapshot, one: Choices, width: int, height: int) -> list[Line]:
    """A line a value: where the trials that have it lie between the best and the worst of all, the best at the left."""
    done = [trial for trial in seen.trials if trial.state == "complete" and trial.value is not None]
    values = [trial.value for trial in done if trial.value is not None]
    if not values:
        return [[("no trial is complete yet", "dim")]]
    best, worst = (max(values), min(values)) if seen.definition.maximizes else (min(values), max(values))
    names = min(width_of(list(one.texts)), max(6, width // 3))
    room = max(8, width - names - 12)
    lines: list[Line] = []
    for text in one.texts:
        mine = [trial for trial in done if trial.params.get(one.name) == text]
        cells = [0] * room
        for trial in mine:
            assert trial.value is not None
            share = (trial.value - best) / (worst - best) if worst != best else 0.0
            cells[min(room - 1, max(0, round(share * (room - 1))))] += 1
        drawn = "".join(" " if not count else DOT if count == 1 else MANY for count in cells)
        lead = any(trial is seen.best for trial in mine)
        if lead:
            drawn = BEST + drawn[1:]
        top = min((trial.value for trial in mine if trial.value is not None), key=lambda v: abs(v - best), default=None)
        line: Line = [(padded(fit(text, names), names) + " ", "strong" if lead else "")]
        line += [(drawn, "good" if lead else "train"), (f" {metric_text(seen.definition, top):>9}", "")]
        lines.append(line)
    ends = padded(metric_text(seen.definition, best), room - 9) + f"{metric_text(seen.definition, worst):>9}"
    lines.append([(" " * (names + 1) + ends + "  the best", "dim")])
    return lines[:height]


def coordinates(drawn: Drawn, width: int, height: int) -> list[Line]:
    """Each complete trial as a line through its parameters to its value; the best ones lie above the others."""
    seen = drawn.seen
    assert seen is not None
    ranked = seen.ranked
    rows = height - 2
    axes = len(drawn.parameters) + 1
    if not ranked or rows < 3 or axes < 2:
        return [[("no trial is complete yet" if not ranked else "no room", "dim")]]
    import numpy as np

    labels = max(8, min(14, width // axes - 2))
    room = width - labels  # the last axis has its labels at its right
    x = Axis(0.0, float(axes - 1), max(1, room - 1), 2, room, ("", ""))
    y = Axis(0.0, 1.0, max(1, rows - 1), 2, rows, ("", ""))
    canvas = Canvas(x, y, drawn.ascii_only)
    scales = [_scale(one, seen) for one in drawn.parameters] + [_value_scale(seen)]
    best = ranked[:MOST_LINES]
    good = max(1, round(SHARE_OF_BEST * len(best)))
    chosen = [one for one in ranked if one.number == drawn.trial]
    for trials, style in ((best[good:], "track"), (best[:good], "good"), (chosen, "test")):
        parts = [part for one in trials for part in _parts([scale.place(one) for scale in scales])]
        canvas.lines([(np.array([at for at, _ in part]), np.array([up for _, up in part])) for part in parts], style)
    cells = [x.cell(float(at)) for at in range(axes)]
    for at, scale in zip(cells, scales, strict=True):
        for row in range(rows):
            if canvas.characters[row][at] == " ":
                canvas.put(row, at, "|" if drawn.ascii_only else "│", "dim")
        for share, text in scale.labels:
            row = min(rows - 1, max(0, round(share * (rows - 1))))
            for by, character in enumerate(fit(text, labels - 1)):
                if at + 1 + by < room:
                    canvas.put(row, at + 1 + by, character, "dim")
    lines: list[Line] = []
    names = [" "] * width
    for at, scale in zip(cells, scales, strict=True):
        for by, character in enumerate(fit(scale.name, labels)):
            if at + by < width:
                names[at + by] = character
    lines.append([("".join(names), "strong")])
    right = {min(rows - 1, max(0, round(share * (rows - 1)))): text for share, text in scales[-1].labels}
    for row in reversed(range(rows)):
        pieces = list(zip(canvas.characters[row], canvas.styles[row], strict=True))
        lines.append([*_joined(pieces), (" " + padded(fit(right.get(row, ""), labels - 1), labels - 1), "dim")])
    first = f"the {MOST_LINES} best of " if len(ranked) > MOST_LINES else ""
    words = f"{first}{fmt.counted(len(ranked), 'complete trial')}; the best tenth stands out"
    lines.append([(fit(words, width), "dim")])
    return lines


@dataclass(frozen=True)
class _Scale:
    """One of the axes, from 0 at the bottom to 1."""

    name: str
    parameter: Parameter | None  # None: the value
    low: float
    high: float
    log: bool
    labels: tuple[tuple[float, str], ...]

    def place(self, trial: Trial) -> float | None:
        """Where a trial stands; None where it has no such parameter."""
        found = trial.value if self.parameter is None else number_of(self.parameter, trial)
        if found is None or (self.log and found <= 0):
            return None
        low, high, at = (math.log10(value) if self.log else value for value in (self.low, self.high, found))
        return min(1.0, max(0.0, (at - low) / (high - low))) if high > low else 0.5


def _scale(one: Parameter, seen: Snapshot) -> _Scale:
    if isinstance(one, Range):
        ends = tuple(zip((0.0, 1.0), one.ends, strict=True))
        return _Scale(one.name, one, one.low, one.high, one.log, ends)
    last = max(1, len(one.texts) - 1)
    labels = tuple((at / last, text) for at, text in enumerate(one.texts))
    return _Scale(one.name, one, 0.0, float(last), False, labels)


def _value_scale(seen: Snapshot) -> _Scale:
    values = [one.value for one in seen.ranked if one.value is not None]
    low, high = min(values), max(values)
    log = low > 0 and high > 20 * low
    ends = ((0.0, metric_text(seen.definition, low)), (1.0, metric_text(seen.definition, high)))
    return _Scale(seen.definition.metric, None, low, high, log, ends if high > low else ends[:1])


def _parts(shares: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """The stretches of a line between the axes that the trial has no value of."""
    parts: list[list[tuple[float, float]]] = [[]]
    for at, share in enumerate(shares):
        if share is None:
            parts.append([])
        else:
            parts[-1].append((float(at), share))
    return [part for part in parts if part]


def _joined(pieces: Sequence[tuple[str, str]]) -> Line:
    """Neighbours of one style as one piece."""
    line: Line = []
    for text, style in pieces:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line
