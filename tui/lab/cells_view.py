"""The cells of a document under each other, of which only those in view are laid out, and a field over the one that is
edited."""

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from engine.lab.views import OutputView
from tui.graphics.pictures import Pictures, Placed
from tui.lab.blocks import Block, BlockLines, Stop, lines_of
from tui.lab.code_field import CodeField
from tui.lab.output_images import OutputImages
from tui.lab.words import ENGLISH
from tui.textual_private import name_keys
from tui.widgets.palette import style_of
from tui.widgets.picture_widget import PictureWidget

CELL = -1  # the cursor stands on the cell itself, not on one of its outputs


class CellsView(PictureWidget, can_focus=True):
    """The cursor stands on a cell, or on one of its outputs that can be opened."""

    DEFAULT_CSS = """
    CellsView {
        width: 1fr;
        height: 1fr;
        layers: base field;

        & > CodeField {
            layer: field;
            position: absolute;
        }
    }
    """

    class Pointed(Message):
        """A click moved the cursor; `again`: it stood there already."""

        def __init__(self, again: bool) -> None:
            super().__init__()
            self.again = again

    class Edited(Message):
        """The text of the cell that is edited is another."""

    def __init__(self, pictures: Pictures, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(pictures, id=id)
        self.words = ENGLISH  # in which the cells are told of
        self.blocks: list[Block] = []
        self.cursor = 0
        self.stop = CELL
        self._images = OutputImages(self)
        self._top, self._top_line = 0, 0  # the block and its line that stand in the first row
        self._settled = (0, 0)  # those that stood there before the window changed
        self._made: dict[str, tuple[tuple[object, ...], BlockLines]] = {}
        self._rows: list[tuple[int, int]] = []  # of each row the block and its line
        self._drawn: list[list[Segment]] = []
        self._field: CodeField | None = None
        self._place = (0, 0, 0, 0)  # of the field: column, row, width, height

    # What is shown

    def show(self, blocks: Sequence[Block]) -> None:
        """Other cells. The cursor stays on its cell, where that is still there."""
        name = self.blocks[self.cursor].name if self.cursor < len(self.blocks) else None
        self.blocks = list(blocks)
        found = next((at for at, block in enumerate(self.blocks) if block.name == name), None)
        self.cursor = found if found is not None else max(0, min(self.cursor, len(self.blocks) - 1))
        if found is None:
            self.stop = CELL
        names = {block.name for block in self.blocks}
        self._made = {key: made for key, made in self._made.items() if key in names}
        self.refresh_blocks()

    def refresh_blocks(self) -> None:
        """Draw what has changed in some of the blocks."""
        self._lay_out()

    def redraw(self) -> None:
        self._made.clear()
        self._lay_out()

    def image_ready(self) -> None:
        """An image among the outputs has been read."""
        self._made.clear()
        self._lay_out()

    def placed(self) -> Iterable[Placed]:
        for y, (at, line) in enumerate(self._rows):
            for first, count, output in self._block_lines(at).pictures:
                if line == first and (picture := self._images.drawn(output)) is not None:
                    image, side = picture
                    if y + count <= self.size.height:
                        yield Placed(self.blocks[at].gutter, y, image, side)

    @property
    def block(self) -> Block | None:
        """Under the cursor."""
        return self.blocks[self.cursor] if self.cursor < len(self.blocks) else None

    @property
    def output(self) -> OutputView | None:
        """Under the cursor; None where the cursor is on the cell itself."""
        stops = self._stops(self.cursor)
        block = self.block
        if block is None or not 0 <= self.stop < len(stops):
            return None
        return block.outputs[stops[self.stop].output]

    @property
    def viewable(self) -> OutputView | None:
        """The output under the cursor, where it has another view."""
        output = self.output
        return output if output is not None and (output.expression or output.kind == "error") else None

    @property
    def editing(self) -> CodeField | None:
        return self._field

    # Moving

    def go(self, to: int, stop: int = CELL) -> None:
        """Put the cursor on a cell, the nearest there is, or on one of its outputs."""
        self.cursor = max(0, min(len(self.blocks) - 1, to))
        self.stop = stop
        self._lay_out()

    def move(self, by: int) -> bool:
        """The cursor to the next cell or output that can be opened, or the one before. Whether there was one."""
        cursor, stop = self.cursor, self.stop
        for _ in range(abs(by)):
            cursor, stop = self._next(cursor, stop, 1 if by > 0 else -1)
        moved = (cursor, stop) != (self.cursor, self.stop)
        self.go(cursor, stop)
        return moved

    def move_cell(self, by: int) -> None:
        self.go(self.cursor + by)

    def page(self, by: int) -> None:
        """Scroll by a page; the cursor goes to what is in view then."""
        self._scroll(by * max(1, self.size.height - 2))
        rows = [at for at, line in self._rows if line == 0 or at == self.cursor]
        if rows and self.cursor not in rows:
            self.cursor, self.stop = (rows[0] if by > 0 else rows[-1]), CELL
        elif by > 0 and self._at_end():
            self.cursor, self.stop = len(self.blocks) - 1, CELL
        elif by < 0 and (self._top, self._top_line) == (0, 0):
            self.cursor, self.stop = 0, CELL
        self._settled = self._top, self._top_line
        self._paint()

    def _next(self, cursor: int, stop: int, by: int) -> tuple[int, int]:
        if by > 0:
            if stop + 1 < len(self._stops(cursor)):
                return cursor, stop + 1
            return (cursor + 1, CELL) if cursor + 1 < len(self.blocks) else (cursor, stop)
        if stop > CELL:
            return cursor, stop - 1
        return (cursor - 1, len(self._stops(cursor - 1)) - 1) if cursor > 0 else (cursor, stop)

    def _stops(self, at: int) -> list[Stop]:
        return self._block_lines(at).stops if 0 <= at < len(self.blocks) and self.size.width else []

    # Editing

    def edit(self, *, at_end: bool = True) -> CodeField:
        """A field over the source of the cell under the cursor."""
        self.leave()
        block = self.blocks[self.cursor]
        self.stop = CELL
        language = block.language if block.kind == "code" else ""
        field = self._field = CodeField(block.source, language=language)
        name_keys(field, self.words.keys)
        self._place = (0, 0, 0, 0)
        self.mount(field)
        if at_end:
            field.move_cursor(field.document.end)
        self._lay_out()
        field.focus()
        return field

    def leave(self) -> None:
        """End editing. The block has the text already."""
        field, self._field = self._field, None
        if field is not None:
            had_focus = field.has_focus
            field.remove()
            if had_focus:
                self.focus()
            self._lay_out()

    def on_text_area_changed(self, event: CodeField.Changed) -> None:
        event.stop()
        if self._field is None or event.text_area is not self._field:
            return
        block = self.blocks[self.cursor]
        if block.source != self._field.text:
            block.source = self._field.text
            block.error_line = None
            block.changed()
            self.post_message(self.Edited())
        self._lay_out()

    def on_text_area_selection_changed(self, event: CodeField.SelectionChanged) -> None:
        event.stop()
        if self._field is not None and self._field.lines > self.size.height:
            self._lay_out()

    # Layout

    def on_resize(self) -> None:
        self._lay_out_again()

    def on_show(self) -> None:
        self._lay_out_again()

    def _lay_out_again(self) -> None:
        """In another window: the first row is as if there had been none between that one and the last key."""
        settled = self._top, self._top_line = self._settled
        self._lay_out()
        self._settled = settled

    def _block_lines(self, at: int) -> BlockLines:
        block = self.blocks[at]
        editing = self._field.lines if self._field is not None and at == self.cursor else 0
        key = (
            block,
            block.version,
            self.size.width,
            editing,
            self.app.theme,
            self.words,
        )  # of one name there may come another
        found = self._made.get(block.name)
        if found is None or found[0] != key:
            pictures = self._images.lines
            lines = lines_of(
                self.app, block, self.size.width, editing=editing, picture_lines=pictures, words=self.words
            )
            found = self._made[block.name] = (key, lines)
        return found[1]

    def _lay_out(self) -> None:
        """Have the cursor in view, and draw what is."""
        if not self.is_attached or not self.size or not self.blocks:
            self._rows = []
            self._paint()
            return
        self.stop = min(self.stop, len(self._stops(self.cursor)) - 1)
        first, last = self._range()
        height = self.size.height
        last = min(last, first + height - 1)
        if (self.cursor, first) < (self._top, self._top_line):
            self._top, self._top_line = self.cursor, first
        elif (needed := self._back(self.cursor, last, height - 1)) > (self._top, self._top_line):
            self._top, self._top_line = needed
        self._scroll(0)
        self._settled = self._top, self._top_line
        self._paint()

    def _range(self) -> tuple[int, int]:
        """The lines of the cursor's block that have to be in view: of a cell all of it, where it fits."""
        made = self._block_lines(self.cursor)
        if self._field is not None:
            first, count = made.source
            return first, first + max(1, count) - 1
        stops = made.stops
        if 0 <= self.stop < len(stops):
            return stops[self.stop].first, stops[self.stop].last
        return 0, max(0, len(made.lines) - 2)

    def _back(self, at: int, line: int, count: int) -> tuple[int, int]:
        """The block and its line so many lines above another."""
        while count > line:
            if at == 0:
                return 0, 0
            count -= line + 1
            at -= 1
            line = len(self._block_lines(at).lines) - 1
        return at, line - count

    def _scroll(self, by: int) -> None:
        """Other lines in the first row; no more than there are."""
        at, line = self._top, self._top_line
        if by < 0:
            at, line = self._back(at, line, -by)
        else:
            line += by
            while at < len(self.blocks) - 1 and line >= len(self._block_lines(at).lines):
                line -= len(self._block_lines(at).lines)
                at += 1
        at = min(at, len(self.blocks) - 1)
        end = len(self.blocks) - 1
        furthest = self._back(end, max(0, len(self._block_lines(end).lines) - 1), self.size.height - 1)
        self._top, self._top_line = min((at, line), furthest)
        rows: list[tuple[int, int]] = []
        at, line = self._top, self._top_line
        while len(rows) < self.size.height and at < len(self.blocks):
            count = len(self._block_lines(at).lines)
            rows += [(at, one) for one in range(line, count)]
            at, line = at + 1, 0
        self._rows = rows[: self.size.height]

    def _at_end(self) -> bool:
        return bool(self._rows) and self._rows[-1][0] == len(self.blocks) - 1

    # Drawing

    def _paint(self) -> None:
        """Refresh the rows that differ from what is drawn."""
        before, self._drawn = self._drawn, [self._row(at, line) for at, line in self._rows]
        for y in range(max(len(before), len(self._drawn))):
            if y >= len(before) or y >= len(self._drawn) or before[y] != self._drawn[y]:
                self.refresh(Region(0, y, self.size.width, 1))
        self._place_field()

    def _row(self, at: int, line: int) -> list[Segment]:
        made = self._block_lines(at)
        segments = made.lines[line]
        if at != self.cursor or not segments:
            return segments
        stops = made.stops
        here = stops[self.stop].first <= line <= stops[self.stop].last if 0 <= self.stop < len(stops) else False
        on_cell = self.stop == CELL and made.source[0] <= line < made.source[0] + max(1, made.source[1])
        gutter = segments[0].text
        if here:
            mark = "▸" if line == stops[self.stop].first else " "
            style = style_of(self.app, "chosen")
            return [Segment(gutter[:-2] + mark + " ", style_of(self.app, "changed")), *(
                Segment(one.text, (one.style or style) + style) if not self._is_picture(made, line) else one
                for one in segments[1:]
            )]  # fmt: skip
        bar = "▌" if on_cell else "▏"
        return [Segment(bar, style_of(self.app, "changed")), Segment(gutter[1:], segments[0].style), *segments[1:]]

    def _is_picture(self, made: BlockLines, line: int) -> bool:
        return any(first <= line < first + count for first, count, _ in made.pictures)

    def render_line(self, y: int) -> Strip:
        base = self.base
        if y >= len(self._drawn):
            return Strip.blank(self.size.width, base)
        segments = [Segment(one.text, base + one.style if one.style else base) for one in self._drawn[y]]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _place_field(self) -> None:
        field = self._field
        if field is None:
            return
        first = self._block_lines(self.cursor).source[0]
        row = next((y for y, found in enumerate(self._rows) if found == (self.cursor, first)), 0)
        gutter = self.blocks[self.cursor].gutter
        height = max(1, min(field.lines, self.size.height - row))
        width = max(4, self.size.width - gutter)
        if self._place != (place := (gutter, row, width, height)):
            self._place = place
            field.styles.offset = (gutter, row)
            field.styles.width, field.styles.height = width, height

    # The mouse

    def on_click(self, event: events.Click) -> None:
        if event.y >= len(self._rows) or self._field is not None:
            return
        at, line = self._rows[event.y]
        stop = next((n for n, one in enumerate(self._stops(at)) if one.first <= line <= one.last), CELL)
        again = (at, stop) == (self.cursor, self.stop)
        self.go(at, stop)
        self.post_message(self.Pointed(again))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(3)
        self._settled = self._top, self._top_line
        self._paint()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-3)
        self._settled = self._top, self._top_line
        self._paint()
