"""The first screen of *Lab*: the course, labs that live, documents that were opened recently."""

import asyncio
import os
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from engine.errors import LabError
from engine.lab import course, document, listing
from engine.terminal_text import path_text
from tui import format as fmt
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.table_screen import TableScreen, filter_key, panel_keys, table_keys
from tui.keys import bind
from tui.lab import highlighting, prompts
from tui.lab.document_list import COLUMNS, Documents, Listed, documents, kernel, made, row
from tui.lab.outline import Outline, outline
from tui.lab.words import words
from tui.services import Services
from tui.textual_private import name_keys
from tui.widgets.keyline import KeyLine
from tui.widgets.lines import wrapped_path
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows, localized
from tui.widgets.text import height_in, set_text
from tui.widgets.topbar import TopBar

WIDE = 110  # columns from which the chosen document has a panel
LIST_EDGES, OUTLINE_HEIGHT = 3, 8  # lines: the list's borders and titles, and the least that an outline below it needs
FOLLOW_S = 0.1  # that the cursor stays before a document is read
REFRESH_S = 3.0


class DocumentsScreen(TableScreen):
    """Lists them in a thread when it is shown."""

    AUTO_FOCUS = "#documents-panel"
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("documents"),
        bind("documents", "open", "Open"),
        bind("documents", "other", "Open a path", "a notebook, or Python in cells; a new name makes a new document"),
        filter_key("documents", "by name"),
        bind("documents", "stop", "Stop", "end the kernel of this document"),
        bind("documents", "again", "Reload", "read the list again", show=False),
        *panel_keys("documents"),
        bind("documents", "back", "Show all", "clear the filter", action="all", show=False),
    ]

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._words = words(course.language(services.lab_language, os.environ))
        self.key_words = self._words.key_words
        self._found: Documents | None = None
        self._outlined: Path | None = None  # the document whose outline is shown

    def compose(self) -> ComposeResult:
        said = self._words
        yield TopBar("lab")
        with Horizontal():
            with Vertical(id="left"):
                with Panel(title=said.list_title, id="documents-panel"):
                    yield Rows(COLUMNS, id="documents")
                    yield Static("", id="left-out", markup=False)
                with Panel(title=said.in_document, id="outline-panel"):
                    yield Outline(id="outline")
            with Panel(title=said.document, id="about-panel", focusable=False):
                yield Static("", id="about", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        name_keys(self, self._words.list_keys)
        self._panel.busy(self._words.list_reading, empty=True)
        self.set_interval(REFRESH_S, self._read_again)

    def on_screen_resume(self) -> None:
        self._read()

    @work(thread=True, group="preload")
    def _preload(self) -> None:
        document.preload()
        highlighting.preload()

    def on_resize(self) -> None:
        self.query_one("#about-panel").display = self.size.width >= WIDE
        self._arrange()
        if self._found is not None:
            self.call_after_refresh(self.moved)

    def on_rows_widened(self, event: Rows.Widened) -> None:
        self._arrange()  # what is left out may take other lines now

    def _arrange(self) -> None:
        """The outline has what the list leaves."""
        left_out = height_in(self.query_one("#left-out", Static), self.table.size.width)
        needed = len(self.table.rows) + LIST_EDGES + left_out
        room = self.size.height - 2 - needed  # the lines at the top and the bottom
        panel = self.query_one("#outline-panel")
        panel.display = self.size.width >= WIDE and room >= OUTLINE_HEIGHT and bool(self.table.rows)
        self._panel.styles.height = needed if panel.display else "1fr"

    @work(group="outline", exclusive=True)
    async def _read_outline(self, one: Listed) -> None:
        await asyncio.sleep(FOLLOW_S)
        path = one.path if one.source is None or one.path.exists() else one.source
        found = await asyncio.to_thread(outline, path, self._words)
        if self.query(Outline):
            self.query_one(Outline).show(found)
            self._outlined = one.path

    def _read_again(self) -> None:
        """What lives may have changed; an equal list draws nothing."""
        if self.is_current:
            self._read()

    @work(group="documents", exclusive=True)
    async def _read(self) -> None:
        found = await asyncio.to_thread(documents, self._services.home, self._services.lab_language)
        if self.query(Rows):
            first, self._found = self._found is None, found
            self._panel.busy("")
            self._show()
            if first:  # what opens a document is read behind the list, and not beside its drawing
                self.call_after_refresh(self._preload)

    @property
    def _panel(self) -> Panel:
        return self.query_one("#documents-panel", Panel)

    @property
    def chosen(self) -> Listed | None:
        """Under the cursor."""
        if self._found is None:
            return None
        return next((one for one in self._found.listed if str(one.path) == self.table.key), None)

    def _matching(self, text: str) -> list[Listed]:
        assert self._found is not None
        parts = text.lower().split()
        return [
            one
            for one in self._found.listed
            if all(part in f"{one.title} {one.chapter} {one.path}".lower() for part in parts)
        ]

    def _show(self) -> None:
        if self._found is None:
            return
        shown, said = self._matching(self.filter_text), self._words
        columns, rows = localized(COLUMNS, [row(one, said) for one in shown], said.columns)
        self.table.show(rows, columns)
        self._panel.say("" if shown else said.list_none.format(self.filter_text))
        count = said.one_document if len(shown) == 1 else said.some_documents.format(len(shown))
        self._panel.describe(right=count, below=self.describe_filter())
        left_out = self.query_one("#left-out", Static)
        set_text(left_out, "\n".join(self._found.left_out))
        left_out.display = bool(self._found.left_out)
        self._arrange()
        self.moved()

    def moved(self) -> None:
        one = self.chosen
        if one is not None and one.path != self._outlined:
            self._read_outline(one)
        said = self._words
        done = said.exercises_done.format(*one.done) if one is not None and one.done is not None else ""
        about = highlighting.markdown_content(self.app, one.about) if one is not None and one.about else ""
        panel = self.query_one("#about", Static)
        path = "" if one is None else path_text(one.path)
        if room := panel.content_size.width:
            path = "\n".join(wrapped_path(path, room))
        parts: list[str | Content] = [] if one is None else [one.title, about, done, path]
        if one is not None and one.kernel:
            memory = f", {fmt.size(one.memory)}" if one.memory else ""
            parts.append(said.list_kernel.format(kernel(one, said)) + memory)
        shown = [Content(part) if isinstance(part, str) else part for part in (*parts, said.list_about) if part]
        set_text(panel, Content("\n\n").join(shown))
        self.refresh_bindings()

    def count_matching(self, text: str) -> str:
        if self._found is None:
            return ""
        return self._words.documents_of.format(fmt.count(len(self._matching(text))), fmt.count(len(self._found.listed)))

    def filter_prompt(self) -> PromptScreen:
        said = self._words
        return PromptScreen(
            said.filter, said.filter_about, self.count_typed, value=self.filter_text, keys=prompts.keys(said)
        )

    def describe_filter(self) -> str:
        return self._words.filter_is.format(self.filter_text) if self.filter_text else ""

    def filter_changed(self) -> None:
        self._show()

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("open", "stop") and self.chosen is None:
            return self._words.no_document
        if action == "stop" and self.chosen is not None and not self.chosen.kernel:
            return self._words.no_running
        if action == "panel":
            return self._words.one_panel if self.why_not_panel() else ""
        if action == "all" and not self.filter_text:
            return self._words.no_filter
        return ""

    @work(group="open", exclusive=True)
    async def action_open(self) -> None:
        one, found = self.chosen, self._found
        if one is None or found is None:
            return
        try:
            path = await asyncio.to_thread(made, one)
        except LabError as error:
            self.notify(str(error), severity="error", timeout=12, markup=False)
            return
        self._services.open_document(path, chapter=one.chapter, lang=found.language)

    @work(group="prompt", exclusive=True)
    async def action_other(self) -> None:
        path: Path | None = await prompts.document_path(self.app, self._words)
        if path is not None:
            self._services.open_document(path)

    @work(group="stop", exclusive=True)
    async def action_stop(self) -> None:
        one = self.chosen
        if one is None:
            return
        try:
            await asyncio.to_thread(self._stop, one.path)
        except LabError as error:
            self.notify(str(error), severity="error", timeout=12, markup=False)
        self._read()

    def _stop(self, path: Path) -> None:
        """In a thread: it waits for the kernel's end."""
        lab = listing.find(self._services.home, str(path))
        if lab is not None:
            listing.stop(self._services.home, lab)

    def action_again(self) -> None:
        self._read()

    def action_all(self) -> None:
        self.clear_filter()
