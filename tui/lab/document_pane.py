"""The panel with a document's cells: moving, editing, cutting, pasting, searching. It runs nothing itself."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import work
from textual.binding import BindingType
from textual.message import Message

from engine.lab.document import CellKind
from engine.lab.notebook import Notebook
from engine.lab.views import OutputView, whole_text
from tui.dialogs.text import TextScreen
from tui.format import count
from tui.graphics.pictures import Pictures
from tui.keys import bind
from tui.lab import finding
from tui.lab.blocks import MOST_DRAWN, Block
from tui.lab.cells_view import CellsView
from tui.lab.code_field import CodeField
from tui.lab.document_blocks import DocumentBlocks
from tui.lab.failure_place import last_failed, place_of
from tui.lab.image_screen import ImageScreen
from tui.lab.words import ENGLISH, LabWords
from tui.textual_private import name_keys
from tui.widgets.lines import fit_middle
from tui.widgets.panel import Panel


class DocumentPane(Panel):
    """Two modes: in a field over a cell one types; else keys act on the cells."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("cells", "open", "Edit", "edit the cell, or open the output"),
        bind("cells", "run", "Run"),
        bind("cells", "run_here", "Run, and stay", show=False),
        bind("cells", "run_above", "Run above", show=False),
        bind("cells", "insert_below", "Insert", action="insert(1)"),
        bind("cells", "insert_above", "Insert above", action="insert(0)", show=False),
        bind("cells", "cut", "Cut"),
        bind("cells", "paste", "Paste", show=False),
        bind("cells", "undo", "Undo", "what was done to cells", show=False),
        bind("cells", "code_cell", "Code", action="kind('code')", show=False),
        bind("cells", "text_cell", "Text", action="kind('markdown')", show=False),
        bind("cells", "cell_up", action="move_cell(-1)", show=False),
        bind("cells", "cell_down", action="move_cell(1)", show=False),
        bind("cells", "filter", "Search", action="find", show=False),
        bind("cells", "next", "Next match", action="find_next", show=False),
        bind("cells", "copy", "Copy", "the cell or the output, to your clipboard (OSC 52)", show=False),
        bind("cells", "down", action="move(1)", show=False),
        bind("cells", "up", action="move(-1)", show=False),
        bind("cells", "page_down", action="page(1)", show=False),
        bind("cells", "page_up", action="page(-1)", show=False),
        bind("cells", "first", action="end(-1)", show=False),
        bind("cells", "last", action="end(1)", show=False),
    ]

    class Changed(Message):
        """The document has changed."""

    class Moved(Message):
        """The cursor stands elsewhere, or the mode is another."""

    class Runs(Message):
        """Run these cells, by their places."""

        def __init__(self, places: Sequence[int], *, ask: bool) -> None:
            """`ask`: for a prediction first, where an exercise stands before."""
            super().__init__()
            self.places, self.ask = tuple(places), ask

    class Opens(Message):
        """The tensor of an output."""

        def __init__(self, output: OutputView) -> None:
            super().__init__()
            self.output = output

    class Answers(Message):
        """The line that input() waits for."""

    def __init__(self, pictures: Pictures, *, title: str, grows: bool = True) -> None:
        """`grows`: behind its last cell, when that was run, there is a new one to type in."""
        self._pictures, self._grows = pictures, grows
        super().__init__(CellsView(pictures, id="cells"), title=title, id="document", focusable=False)
        self.notebook: Notebook | None = None
        self.blocks: DocumentBlocks | None = None
        self._sought = ""
        self.words = ENGLISH

    def speak(self, words: LabWords) -> None:
        """The language of the document."""
        self.words = self.cells.words = words
        name_keys(self, words.keys)
        self.cells.redraw()

    def show_notebook(
        self, notebook: Notebook, blocks: DocumentBlocks, outputs: Mapping[str, tuple[OutputView, ...]]
    ) -> None:
        """This one, in place of the one that was shown."""
        self.cells.leave()
        self.notebook, self.blocks = notebook, blocks
        self.cells.show(blocks.blocks(outputs))

    @property
    def cells(self) -> CellsView:
        return self.query_one(CellsView)

    @property
    def _notebook(self) -> Notebook:
        assert self.notebook is not None
        return self.notebook

    def show(self) -> None:
        """The cells as they are now."""
        if self.blocks is not None:
            self.cells.show(self.blocks.blocks())
            self.post_message(self.Moved())

    def describe_document(self, name: str, saved: str, phase: str, *, below: str) -> None:
        """In the borders. What the kernel does and the mode are told on a narrow screen too."""
        words, typing = self.words, self.cells.editing is not None
        at = words.place.format(count(self.cells.cursor + 1), count(len(self.cells.blocks)))
        rights = [
            " · ".join(part for part in parts if part)
            for parts in (
                (saved, at, words.typing_ends if typing else "", phase),
                (saved, words.typing_ends if typing else "", phase),
                (words.typing if typing else saved, phase),
            )
        ]
        room = self.size.width - 9  # the corners, and a line between the two texts
        right = next((one for one in rights if cell_len(name) + cell_len(one) <= room), rights[-1])
        self.describe(title=fit_middle(name, max(4, room - cell_len(right))), right=right, below=below)

    def _changed(self, to: int | None = None) -> None:
        """The cells are others; the cursor goes to the one at `to`."""
        self.show()
        if to is not None:
            self.cells.go(to)
        self.post_message(self.Changed())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if self.why_not(action, parameters) else True

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why a key does nothing now; "" where it acts."""
        if self.notebook is None:
            return self.words.not_there
        if self.cells.editing is not None:
            return self.words.is_edited
        if action == "paste" and not self.notebook.can_paste:
            return self.words.none_cut
        if action == "undo" and not self.notebook.can_undo:
            return self.words.none_done
        if action == "find_next" and not self._sought:
            return self.words.none_sought
        return ""

    # Moving

    def action_move(self, by: int) -> None:
        self.cells.move(by)
        self.post_message(self.Moved())

    def action_page(self, by: int) -> None:
        self.cells.page(by)
        self.post_message(self.Moved())

    def action_end(self, which: int) -> None:
        self.cells.go(0 if which < 0 else len(self.cells.blocks) - 1)
        self.post_message(self.Moved())

    def on_cells_view_pointed(self, event: CellsView.Pointed) -> None:
        event.stop()
        self.post_message(self.Moved())
        if event.again:
            self.call_later(self.run_action, "open")

    def go_to_asking(self) -> None:
        """The cursor to the cell that waits in input(), unless somebody types."""
        at = next((at for at, block in enumerate(self.cells.blocks) if block.asked is not None), None)
        if at is not None:
            self.go_back(at)

    def go_back(self, at: int) -> None:
        """The cursor to the cell at that place, unless somebody types."""
        if self.cells.editing is None:
            self.cells.go(at)
            self.post_message(self.Moved())

    def on_code_field_leaves(self, event: CodeField.Leaves) -> None:
        """Past the first or the last line: into the cell above or below, which is edited too."""
        event.stop()
        to = self.cells.cursor + event.by
        if 0 <= to < len(self.cells.blocks):
            self.stop_editing()
            self.cells.go(to)
            self.edit(at_end=event.by < 0)

    # Editing

    def edit(self, *, at_end: bool = True) -> CodeField | None:
        """The cell under the cursor, in a field; None where it has too much text for one, which is said."""
        block = self.cells.block
        if block is not None and len(block.source) > MOST_DRAWN:
            self.notify(self.words.too_long.format(count(len(block.source))), severity="warning")
            return None
        field = self.cells.edit(at_end=at_end)
        self.post_message(self.Moved())
        return field

    def stop_editing(self) -> bool:
        """Whether a cell was being edited."""
        if self.cells.editing is None:
            return False
        self._take_text()
        self.cells.leave()
        self.show()
        return True

    def on_code_field_ends(self, event: CodeField.Ends) -> None:
        event.stop()
        self.stop_editing()

    def on_code_field_runs(self, event: CodeField.Runs) -> None:
        event.stop()
        self._run(go_on=True)

    def on_cells_view_edited(self, event: CellsView.Edited) -> None:
        event.stop()
        self._take_text()
        self.post_message(self.Changed())

    def _take_text(self) -> None:
        field = self.cells.editing
        if field is not None:
            self._notebook.write(self.cells.cursor, field.text)

    def action_open(self) -> None:
        """Edit the cell; or open the output that the cursor is on."""
        output, block = self.cells.output, self.cells.block
        if block is None:
            return
        if block.asked is not None:
            self.post_message(self.Answers())
        elif output is None:
            self.edit()
        elif output.expression:
            self.post_message(self.Opens(output))
        elif output.kind == "error":
            self._to_line(block, within=self.cells.blocks)
        elif output.image:
            self.app.push_screen(ImageScreen(self._pictures, output.image, self.words))
        else:
            self._read(block, output)

    def to_failure(self) -> None:
        """To the cell that failed last, and the line in it, from anywhere."""
        if (failed := last_failed(self.cells.blocks)) is not None:
            self._to_line(failed, within=[failed])

    def _to_line(self, block: Block, within: Sequence[Block]) -> None:
        """Edit the line that raised: the innermost in one of the cells `within`."""
        at = self._notebook.place(block.name)
        nodes = self._notebook.cells[at].outputs if at is not None else []
        failed = next((node for node in nodes if node.get("output_type") == "error"), {})
        name, line = place_of(within, block, failed)
        at = self._notebook.place(name)
        if at is not None:
            self.cells.go(at)
            if (field := self.edit()) is not None:
                field.move_cursor((max(0, min(line - 1, field.document.line_count - 1)), 0))

    def _read(self, block: Block, output: OutputView) -> None:
        """All of an output, as text."""
        text = self._text_of(block, output)
        self.app.push_screen(
            TextScreen(self.words.output_of.format(block.count or " "), text, hint=self.words.text_keys)
        )

    def _text_of(self, block: Block, output: OutputView) -> str:
        at = self._notebook.place(block.name)
        nodes = self._notebook.cells[at].outputs if at is not None else []
        return whole_text(nodes[output.at]) if output.at < len(nodes) else "\n".join(output.lines)

    def read_traceback(self) -> bool:
        """Show the traceback of the error under the cursor. False: there is none."""
        output, block = self.cells.output, self.cells.block
        if output is None or block is None or output.kind != "error":
            return False
        self._read(block, output)
        return True

    # Cells

    def action_run(self) -> None:
        """Run the cell; the cursor goes to the next one, at the end of a document that grows to a new one."""
        self._run(go_on=True)

    def action_run_here(self) -> None:
        """Run the cell, and stay on it."""
        self._run(go_on=False)

    def _run(self, *, go_on: bool) -> None:
        typing = self.stop_editing()
        at = self.cells.cursor
        self.post_message(self.Runs((at,), ask=True))
        if not go_on:
            return
        if at + 1 < len(self.cells.blocks):
            self.cells.go(at + 1)
            self.post_message(self.Moved())
        elif self._grows and self.cells.blocks[at].source.strip():
            self._notebook.offer()
            self.show()
            self.go_back(at + 1)
            if typing:
                self.edit()

    def action_run_above(self) -> None:
        self.stop_editing()
        self.post_message(self.Runs(range(self.cells.cursor + 1), ask=False))

    def action_insert(self, below: int) -> None:
        self.stop_editing()
        at = self.cells.cursor + below
        self._notebook.insert(at)
        self._changed(at)

    def insert_source(self, source: str) -> int:
        """A code cell with that source, below the cursor; in place of it where that is an empty one. Its place."""
        self.stop_editing()
        at = self.cells.cursor
        here = self._notebook.cells[at]
        if here.kind == "code" and not here.source.strip():
            self._notebook.write(at, source)
        else:
            at += 1
            self._notebook.insert(at, "code", source)
        self._changed(at)
        return at

    def forget_outputs(self) -> None:
        """Of all cells."""
        self._notebook.forget_outputs()
        for block in self.cells.blocks:
            block.outputs, block.count, block.phase, block.error_line, block.asked = (), None, None, None, None
            block.notes = block.notes if block.kind == "markdown" else ()
            block.changed()
        self._changed()

    def action_cut(self) -> None:
        self._notebook.cut(at := self.cells.cursor)
        self._changed(min(at, len(self._notebook.cells) - 1))

    def action_paste(self) -> None:
        self._notebook.paste(at := self.cells.cursor + 1)
        self._changed(at)

    def action_undo(self) -> None:
        self._changed(self._notebook.undo())

    def action_kind(self, kind: CellKind) -> None:
        self._notebook.change_kind(self.cells.cursor, kind)
        self._changed(self.cells.cursor)

    def action_move_cell(self, by: int) -> None:
        self._changed(self._notebook.move(self.cells.cursor, by))

    def action_copy(self) -> None:
        block, output = self.cells.block, self.cells.output
        if block is not None:
            self.app.copy_to_clipboard(block.source if output is None else self._text_of(block, output))
            self.notify(self.words.copied, timeout=2)

    # Searching

    @work(group="prompt", exclusive=True)
    async def action_find(self) -> None:
        text = await finding.sought(self.app, self.cells.blocks, self._sought, self.words)
        if text:
            self._sought = text
            self._to_match(finding.matches(self.cells.blocks, text), self.cells.cursor)

    def action_find_next(self) -> None:
        self._to_match(finding.matches(self.cells.blocks, self._sought), self.cells.cursor + 1)

    def _to_match(self, found: Sequence[int], least: int) -> None:
        """To the first of these cells from that place on, else to the first of all."""
        if found:
            self.cells.go(next((at for at in found if at >= least), found[0]))
            self.post_message(self.Moved())
