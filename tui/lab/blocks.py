"""A cell on the screen: its source, its outputs, and what is said of it, as lines."""

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.app import App

from engine.lab.document import CellKind
from engine.lab.html_tables import Table
from engine.lab.state import CellPhase
from engine.lab.views import OutputView
from engine.terminal_text import shown
from tui import format as fmt
from tui.columns import fit
from tui.lab.highlighting import code_lines, markdown_lines, segments
from tui.lab.table_lines import table_lines
from tui.lab.words import ENGLISH, LabWords
from tui.widgets.palette import style_of

CODE_GUTTER, TEXT_GUTTER = 8, 3  # cells before the text: the mark of the cursor, the number and a line of code
ON_A_LINE = 4  # characters for each cell of a line, at most: accents may take none
FOLDED = 4  # cells that what does not fit into a line of code is indented further
SLOW_S = 1.0  # from which on a cell says how long it took
OPENING = re.compile(r"\s*(?:(?:tensor|array)\()?\[*")  # of a line of a tensor or an array, before its first value
MOST_DRAWN = 200_000  # characters of a cell that are drawn, and that may be edited: some 5,000 lines
MOST_MARKDOWN = 60_000  # characters of a text that are laid out as Markdown; a longer one is shown as it is spelled
PICTURE_LINES = 22  # of an image among the outputs, at most


@dataclass(frozen=True)
class Note:
    """What is said beneath a cell. `markdown`: it was written for this; else it has what somebody typed."""

    text: str
    style: str = ""
    markdown: bool = False


@dataclass(eq=False)
class Block:
    """A cell, as it is shown. `version`: counts up with what changes in it."""

    name: str
    kind: CellKind
    source: str
    display: str = ""  # shown in place of the source while it is not edited: of an exercise, the question alone
    phase: CellPhase | None = None  # of its last run
    run: int = 0  # the number of its last run; 0: it has not run since the document was opened
    count: int | None = None
    generation: int = 0  # of the kernel that counted; 0: it stands so in the file
    seconds: float = 0.0
    outputs: tuple[OutputView, ...] = ()
    error: str = ""  # of its last run, in one line
    error_line: int | None = None
    asked: str | None = None  # input() waits, with this prompt
    notes: tuple[Note, ...] = ()  # beneath it: what a prediction was worth, why an error was raised
    language: str = "python"
    version: int = 0

    def changed(self) -> None:
        self.version += 1

    @property
    def gutter(self) -> int:
        """Cells before the text."""
        return CODE_GUTTER if self.kind == "code" else TEXT_GUTTER


@dataclass
class Stop:
    """Where the cursor can stand in a block besides the cell itself: an output that can be opened."""

    output: int
    first: int  # lines of the block
    last: int


@dataclass
class BlockLines:
    """The lines of a block. `source`: the first line of the source, and how many there are."""

    lines: list[list[Segment]] = field(default_factory=list)
    source: tuple[int, int] = (0, 0)
    stops: list[Stop] = field(default_factory=list)
    pictures: list[tuple[int, int, OutputView]] = field(default_factory=list)  # first line, lines, the output


def lines_of(
    app: App[object],
    block: Block,
    width: int,
    *,
    editing: int = 0,
    picture_lines: Callable[[OutputView, int, int], list[list[Segment]]],
    words: LabWords = ENGLISH,
) -> BlockLines:
    """A block in `width` cells. `editing`: the lines that its source takes where it is being edited, which are left
    empty; 0: it is not. `picture_lines`: draws an image in so many cells and lines at most."""
    made, room = BlockLines(), max(4, width - block.gutter)
    if editing:
        source: list[list[Segment]] = [[] for _ in range(editing)]
    elif block.kind == "markdown" and len(block.display or block.source) <= MOST_MARKDOWN:
        text = (block.display or block.source).strip() or words.empty_text
        source = markdown_lines(app, text, room)
    else:
        source = _code(app, block, room, words)
    label = _label(block) if block.kind == "code" else ""
    style = {"running": "changed", "queued": "dim", "error": "bad", "died": "bad", "interrupted": "warning"}.get(
        block.phase or "", "dim"
    )
    made.source = (0, len(source))
    first, others = (_source_gutter(app, block, text, style) for text in (label, ""))
    made.lines = [[*(others if at else first), *line] for at, line in enumerate(source)]
    if block.kind == "code":
        _add_outputs(app, block, room, made, picture_lines, words)
    for note in block.notes:
        made.lines += [[_blank(block), *line] for line in _note(app, note, room)]
    made.lines.append([])
    return made


def _note(app: App[object], note: Note, room: int) -> list[list[Segment]]:
    style = style_of(app, note.style)
    if note.markdown:
        return markdown_lines(app, note.text, room, style)
    return [[Segment(part, style)] for part in wrapped_words(app, note.text, room)]


def _code(app: App[object], block: Block, room: int, words: LabWords) -> list[list[Segment]]:
    lines, text = list[list[Segment]](), block.source
    more = len(text) - MOST_DRAWN
    text = text[:MOST_DRAWN] if more > 0 else text
    for number, pieces in enumerate(code_lines(text, block.language if block.kind == "code" else ""), 1):
        for line in folded(segments(app, pieces), room):
            if number == block.error_line:
                line = [Segment(one.text, (one.style or Style()) + style_of(app, "bad")) for one in line]
            lines.append(line)
    if more > 0:
        said = words.more_characters.format(fmt.count(more))
        lines += [[Segment(part, style_of(app, "dim"))] for part in wrapped_words(app, said, room)]
    return lines


def _add_outputs(
    app: App[object],
    block: Block,
    room: int,
    made: BlockLines,
    picture_lines: Callable[[OutputView, int, int], list[list[Segment]]],
    words: LabWords,
) -> None:
    for at, output in enumerate(block.outputs):
        first = len(made.lines)
        for line in _output(app, output, room, picture_lines, made, words):
            made.lines.append([_blank(block), *line])
        if output.opens and len(made.lines) > first:
            made.stops.append(Stop(at, first, len(made.lines) - 1))
    if block.asked is not None:
        made.lines.append([_blank(block), Segment(fit(f"{block.asked}▌", room), style_of(app, "changed"))])
    said = _said(block, words)
    if said:
        made.lines += [[_blank(block), Segment(part, style_of(app, "dim"))] for part in wrapped_words(app, said, room)]


def _output(
    app: App[object],
    output: OutputView,
    room: int,
    picture_lines: Callable[[OutputView, int, int], list[list[Segment]]],
    made: BlockLines,
    words: LabWords,
) -> list[list[Segment]]:
    if output.image:
        drawn = picture_lines(output, room, PICTURE_LINES)
        if drawn:
            made.pictures.append((len(made.lines), len(drawn), output))
            return drawn
    style = style_of(app, {"warning": "warning", "error": "bad"}.get(output.kind, ""))
    if output.table is not None:
        lines = _table(app, output.table, room, words)
    else:
        lines = [[Segment(part, style)] for text in output.lines for part in _parts(app, output, text, room)]
    if output.more and output.cut < len(output.lines):  # a stream says it where it is cut
        at = sum(len(_parts(app, output, text, room)) for text in output.lines[: output.cut])
        lines.insert(at, [Segment(fit(words.more_between.format(fmt.count(output.more)), room), style_of(app, "dim"))])
    facts = facts_text(output, words)
    if facts:
        last = cell_len(lines[-1][0].text) if len(lines) == 1 else room
        beside = room - last - 3
        if lines and len(lines) == 1 and cell_len(facts) <= beside:
            lines[0].append(Segment(" " * (room - last - cell_len(facts)) + facts, style_of(app, "test")))
        else:
            lines.append([Segment(fit(facts, room), style_of(app, "test"))])
    if output.more and output.cut == len(output.lines):
        lines.append([Segment(fit(words.more_lines.format(fmt.count(output.more)), room), style_of(app, "dim"))])
    if output.kind == "error" and output.cell_line:
        lines.append([Segment(fit(words.at_line.format(output.cell_line), room), style_of(app, "dim"))])
    return lines


def _table(app: App[object], table: Table, room: int, words: LabWords) -> list[list[Segment]]:
    """A data frame; below it, how many of its columns there was room for."""
    made = table_lines(table, room)
    lines = [[Segment(line, style_of(app, "strong"))] for line in made.heads]
    lines += [[Segment(line, style_of(app, ""))] for line in made.rows]
    if made.shown < made.columns:
        said = words.columns_shown.format(fmt.count(made.shown), fmt.count(made.columns))
        lines.append([Segment(fit(said, room), style_of(app, "dim"))])
    return lines


def _parts(app: App[object], output: OutputView, text: str, room: int) -> Sequence[str]:
    """A line of an output in parts of at most `room` cells."""
    return wrapped_words(app, text, room) if output.kind == "error" else wrapped(text, room)


def shape_text(shape: Sequence[int]) -> str:
    """As PyTorch prints it: `[5, 3]`."""
    return f"[{', '.join(map(str, shape))}]"


def facts_text(output: OutputView, words: LabWords = ENGLISH) -> str:
    """What is known of an output that is an object, besides what PyTorch prints of it: `[5] · float32`."""
    facts, printed = output.facts, "\n".join(output.lines)
    if facts is None:
        return ""
    parts = [
        "" if facts.shape is None else shape_text(facts.shape),
        facts.dtype,
        facts.device if facts.device not in ("", "cpu") else "",
        "requires_grad" if facts.requires_grad and not facts.grad_fn and "requires_grad" not in printed else "",
        f"grad_fn {facts.grad_fn}" if facts.grad_fn and "grad_fn" not in printed else "",
        words.pictures if facts.images and output.expression else "",
    ]
    return " · ".join(part for part in parts if part)


def _said(block: Block, words: LabWords) -> str:
    if block.phase == "queued":
        return words.queued
    if block.phase == "skipped":
        return words.not_run_why.format(words.sentence(block.error)) if block.error else words.not_run
    if block.phase == "interrupted":
        return words.interrupted.format(fmt.duration(block.seconds))
    if block.phase == "died":
        return words.died.format(words.sentence(block.error) if block.error else words.died_somehow)
    if block.phase == "ok" and block.seconds >= SLOW_S:
        return words.took.format(fmt.duration(block.seconds))
    return ""


def _label(block: Block) -> str:
    if block.phase in ("running", "queued"):
        return "[*]"
    return f"[{block.count}]" if block.count else "[ ]"


def _source_gutter(app: App[object], block: Block, label: str, style: str) -> list[Segment]:
    if block.kind != "code":
        return [_blank(block)]
    return [
        Segment(set_cell_size(f" {shown(label)}", CODE_GUTTER - 2), style_of(app, style)),
        Segment(shown("│") + " ", style_of(app, "track")),
    ]


def _blank(block: Block) -> Segment:
    return Segment(" " * block.gutter)


def wrapped_words(app: App[object], text: str, room: int) -> list[str]:
    """A text in lines of at most `room` cells, broken between words where there are any."""
    from rich.text import Text

    return [line.plain.rstrip() for line in Text(shown(text)).wrap(app.console, room)]


def wrapped(text: str, room: int) -> Sequence[str]:
    """A line in parts of at most `room` cells: broken at a space, so that a number stays whole, where the part fills a
    third of the room, else anywhere. What goes on of a tensor stands below its first value."""
    text = shown(text)
    if cell_len(text) <= room:
        return (text,)
    opening = OPENING.match(text)
    indent = min(opening.end() if opening else 0, room // 2)
    parts, begin = list[str](), 0
    while begin < len(text):
        lead = " " * indent if begin else ""
        fits = begin + _most(text[begin:], room - len(lead))
        space = text.rfind(" ", begin + (fits - begin) // 3, fits + 1) if fits < len(text) else -1
        end = space if space >= 0 else fits
        parts.append(lead + text[begin:end])
        begin = end + 1 if space >= 0 else end
    return parts


def _most(text: str, cells: int) -> int:
    """How many characters of the text are in so many cells: one at least."""
    used = 0
    for at, one in enumerate(text):
        used += cell_len(one)
        if used > cells:
            return max(1, at)
    return len(text)


def folded(line: list[Segment], room: int) -> list[list[Segment]]:
    """A line of code in as many lines as it needs, broken at spaces where there are some; those after the first are
    indented further than it is."""
    text = "".join(one.text for one in line)
    if len(text) <= ON_A_LINE * room and cell_len(text) <= room:
        return [line]
    indent = min(len(text) - len(text.lstrip(" ")) + FOLDED, room // 2)
    lines, begin, left = list[list[Segment]](), 0, room
    rest = deque(line)  # what is not in `lines` yet: however long a line is, each character is looked at a few times
    while begin < len(text):
        end = begin + _fitting(text[begin : begin + ON_A_LINE * left], left)
        lines.append([*([Segment(" " * indent)] if begin else []), *_taken(rest, end - begin)])
        begin, left = end, room - indent
    return lines


def _fitting(text: str, cells: int) -> int:
    """How many characters of the text are in a line of so many cells: up to the last space that is not at the very
    beginning of the line, or all that fit. No wide character is cut in two."""
    at = _most(text, cells)
    space = text.rfind(" ", 0, at) if at < len(text) else -1
    return space + 1 if text[: space + 1].strip() else at


def _taken(rest: deque[Segment], count: int) -> list[Segment]:
    """So many characters from the beginning, in their styles; they are gone from it then."""
    found = list[Segment]()
    while count and rest:
        one = rest.popleft()
        if len(one.text) > count:
            rest.appendleft(Segment(one.text[count:], one.style))
            one = Segment(one.text[:count], one.style)
        found.append(one)
        count -= len(one.text)
    return found
