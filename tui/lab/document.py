"""A document of the lab: its cells at the left, what the kernel holds at the right."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from engine.errors import EngineError, LabError
from engine.inspection.tensor_refs import KernelTensor
from engine.lab.notebook import Notebook, opened
from engine.lab.views import OutputView
from engine.terminal_text import path_text
from tui.dialogs.key_screen import KeyScreen
from tui.keys import bind
from tui.lab import assistance, kernel_choice, prompts
from tui.lab.asking import Asking
from tui.lab.code_field import CodeField
from tui.lab.document_blocks import DocumentBlocks
from tui.lab.document_pane import DocumentPane
from tui.lab.failure_place import last_failed
from tui.lab.inside import Inside
from tui.lab.lab_session import News, RunView
from tui.lab.running import Runner
from tui.lab.saving import Saver
from tui.lab.words import LabWords, words
from tui.services import Services
from tui.textual_private import name_keys
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.topbar import TopBar

WIDE = 110  # columns from which the kernel's panels stand beside the document
ENDS_S = 3.0  # that the app waits at its end for a lab that is left


class DocumentScreen(KeyScreen[None]):
    """Opened from the list of documents; the lab lives on when it is left."""

    AUTO_FOCUS = "CellsView"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("lab", "interrupt", "Interrupt", "the cell that runs"),
        bind("lab", "restart", "Restart", "another kernel: its variables are gone", show=False),
        bind("lab", "view", "Pictures", "of a tensor; the traceback of an error", show=False),
        bind("lab", "other", "Open", "another document", show=False),
        bind("lab", "write", "Save as", show=False),
        bind("lab", "open", "Open", "in the tensor view"),
        bind("lab", "failure", "Error", "to the cell that failed last, and its line"),
        bind("lab", "down", action="move(1)", show=False),
        bind("lab", "up", action="move(-1)", show=False),
        bind("lab", "right", "More columns", action="slide(1)", show=False),
        bind("lab", "left", "Columns before", action="slide(-1)", show=False),
        bind("lab", "page_down", action="page(1)", show=False),
        bind("lab", "page_up", action="page(-1)", show=False),
        bind("lab", "first", action="end(-1)", show=False),
        bind("lab", "last", action="end(1)", show=False),
        bind("lab", "next_panel", "Next panel", "the variables, the graph, the cells", action="panel(1)"),
        bind("lab", "previous_panel", action="panel(-1)", show=False),
        bind("lab", "back", "Back"),
    ]

    def __init__(self, services: Services, path: Path, *, chapter: str = "", lang: str = "en") -> None:
        """`chapter`: of the course, whose exercises are kept as done. `lang`: what is said of errors and
        exercises, in a document whose exercises don't tell it."""
        super().__init__()
        self._services, self.path, self._lang = services, path, lang
        self._words = words(lang)
        self._grows = not chapter  # a copy of a chapter stays as it was made
        self._runner = Runner(self, self, services.home, path, chapter)
        self._asking = Asking(self, services, self._runner)
        self._saver = Saver(self, services, self._reopen, self._describe)
        self._runner.on_outputs = self._saver.changed
        self._to_insert: list[str] = []  # cells that came before the document was there

    def compose(self) -> ComposeResult:
        yield TopBar("lab")
        with Horizontal(id="panels"):
            yield DocumentPane(self._services.pictures, title=path_text(self.path.name), grows=self._grows)
            yield Inside(lambda: self._runner.session)
        yield KeyLine()

    def on_mount(self) -> None:
        self._speak(self._words)
        self.pane.busy(self._words.reading)
        self._arrange()
        self.run_worker(self._open(), group="open", name="open document")

    async def _open(self) -> None:
        try:
            notebook = await asyncio.to_thread(opened, self.path)
            blocks = DocumentBlocks(notebook, self._lang)
            outputs = await asyncio.to_thread(blocks.prepare)
        except LabError as error:
            self.pane.busy("")
            self.pane.say(str(error))
            return
        if self.query(DocumentPane):
            self._show_notebook(notebook, blocks, outputs)
            await self._open_lab()

    async def _open_lab(self) -> None:
        assert self.pane.notebook is not None
        self.pane.busy(self._words.starting)
        document = self.pane.notebook.document
        idle = self._services.lab_idle
        await self._runner.open(kernel=document.kernel, data_dir=self._services.data_dir, idle=idle)
        if self.query(DocumentPane):
            self.pane.busy("")
            if self._runner.trouble:
                self.notify(self._runner.trouble, severity="error", timeout=20, markup=False)
            self._describe()

    async def _reopen(self, notebook: Notebook) -> None:
        """The file has changed on the disk."""
        blocks = DocumentBlocks(notebook, self._lang)
        outputs = await asyncio.to_thread(blocks.prepare)
        if self.query(DocumentPane):
            self._show_notebook(notebook, blocks, outputs)

    def _show_notebook(
        self, notebook: Notebook, blocks: DocumentBlocks, outputs: Mapping[str, tuple[OutputView, ...]]
    ) -> None:
        self._speak(words(blocks.lang))
        self._runner.start(notebook, blocks)
        self._saver.start(notebook)
        self.pane.busy("")
        self.pane.show_notebook(notebook, blocks, outputs)
        waiting, self._to_insert = self._to_insert, []
        for source in waiting:
            self.pane.insert_source(source)
        self._describe()
        self.refresh_bindings()

    def _speak(self, said: LabWords) -> None:
        """The language of the document."""
        self._words = self._saver.words = self._asking.words = said
        self.key_words = said.key_words
        name_keys(self, said.keys)
        self.pane.speak(said)
        self.inside.speak(said)

    def insert_source(self, source: str) -> None:
        """A cell that another screen asks for."""
        if self._notebook is not None:
            self.pane.insert_source(source)
            self.set_focus(self.pane.cells)
        else:
            self._to_insert.append(source)

    # What is shown

    @property
    def pane(self) -> DocumentPane:
        return self.query_one(DocumentPane)

    @property
    def _notebook(self) -> Notebook | None:
        """None before it is read, and once the screen is gone."""
        pane = self.query_one_optional(DocumentPane)
        return None if pane is None else pane.notebook

    @property
    def inside(self) -> Inside:
        return self.query_one(Inside)

    def _describe(self) -> None:
        if (notebook := self._notebook) is None:
            return
        news = self._runner.news
        said = self._words
        phase = said.no_kernel if news is None or news.lost else said.phases[news.phase]
        phase = said.phases["starting"] if self._runner.opening else phase
        why = "" if news is None else said.sentence(news.lost or news.why)
        saved = said.not_saved if self._saver.trouble else said.edited if notebook.edited else ""
        name = path_text(notebook.document.path.name)
        self.pane.describe_document(
            name, saved, phase, below=said.restarts.format(why) if why else self._runner.trouble
        )

    def news_shown(self, news: News) -> None:
        """The blocks have changed, or the kernel's phase."""
        self.pane.cells.refresh_blocks()
        if news.lost or news.phase in ("ended", "died", "starting"):
            self.inside.forget(self._words.sentence(news.lost or news.why))
        elif news.phase == "ready":
            self.inside.ask(news.finished)
        self._describe()
        self.refresh_bindings()

    # Input

    def input_asked(self, run: RunView) -> None:
        """A cell calls input()."""
        self.run_worker(self._asking.offer(), group="input", exclusive=True)

    @work(group="prompt", exclusive=True)
    async def on_document_pane_answers(self, event: DocumentPane.Answers) -> None:
        self.workers.cancel_group(self, "input")
        await self._asking.answer(self.pane)

    # Layout

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        self.call_after_refresh(self._describe)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._arrange()
        self._describe()

    def _arrange(self) -> None:
        """Both sides, or on a narrow screen the one that has the focus."""
        wide = self.size.width >= WIDE
        inside = self.inside.has_focus_within
        self.pane.display = wide or not inside
        self.inside.display = wide or inside
        self.inside.show_one(None if wide else self.focused)

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if self._notebook is None:
            return "" if action in ("back", "other") else self._words.not_there
        if self.pane.cells.editing is not None and action != "interrupt":
            return self._words.is_edited
        if action == "failure" and last_failed(self.pane.cells.blocks) is None:
            return self._words.none_failed
        if action == "interrupt" and not self._runner.busy:
            return self._words.none_runs
        if action == "open" and not self.inside.opens:
            return self._words.no_tensor
        if action == "view" and self.pane.cells.viewable is None:
            return self._words.no_view
        return ""

    @work(group="back", exclusive=True)
    async def action_back(self) -> None:
        if self.inside.has_focus_within:
            self._focus(self.pane.cells)
            return
        await self._saver.save()
        if (elsewhere := await asyncio.to_thread(self._saver.save_at_once)) is not None:
            self.notify(self._saver.told_elsewhere(elsewhere), severity="warning", timeout=30, markup=False)
        await asyncio.to_thread(self._runner.close)
        self.dismiss()

    def on_unmount(self) -> None:
        """Also where the app ends: a lab in which nothing was run ends with it."""
        if (elsewhere := self._saver.save_at_once()) is not None:
            words = self._services.farewell, self._saver.told_elsewhere(elsewhere)
            self._services.farewell = "\n".join(filter(None, words))
        ending = threading.Thread(target=self._runner.close, name="leave the lab", daemon=True)
        ending.start()
        ending.join(ENDS_S)

    @property
    def farewell(self) -> str:
        """For the shell, once the app is gone; "" where nothing is left behind."""
        return self._words.keeps_running.format(path_text(self.path.name)) if self._runner.session.used else ""

    def action_panel(self, by: int) -> None:
        panels: list[Widget] = [self.pane.cells, *self.inside.query(Panel).results(Panel)]
        at = next((n for n, one in enumerate(panels) if one.has_focus_within), 0)
        self._focus(panels[(at + by) % len(panels)])

    def _focus(self, wanted: Widget) -> None:
        self.pane.display = self.inside.display = True  # what is not shown takes no focus
        self.inside.show_one(wanted if self.size.width < WIDE else None)
        self.set_focus(wanted)

    def action_move(self, by: int) -> None:
        self.inside.move(by)
        self.refresh_bindings()

    def action_slide(self, by: int) -> None:
        self.inside.slide(by)

    def action_page(self, by: int) -> None:
        self.action_move(by * self.inside.page)

    def action_end(self, which: int) -> None:
        self.action_move(which * self.inside.length)

    def action_open(self) -> None:
        if opens := self.inside.opens:
            self._open_tensor(opens)

    def action_view(self) -> None:
        if (output := self.pane.cells.viewable) is not None and not self.pane.read_traceback():
            self._open_tensor(output.expression, pictures=output.facts is not None and output.facts.images)

    def _open_tensor(self, expression: str, *, pictures: bool = False) -> None:
        self._services.open_tensor(KernelTensor(expression), asks=self._runner.session, pictures=pictures)

    def action_failure(self) -> None:
        self._focus(self.pane.cells)
        self.pane.to_failure()

    # From the cells

    def on_document_pane_changed(self, event: DocumentPane.Changed) -> None:
        self._saver.changed()

    def on_document_pane_moved(self, event: DocumentPane.Moved) -> None:
        self._describe()
        self.refresh_bindings()

    def on_document_pane_opens(self, event: DocumentPane.Opens) -> None:
        self._open_tensor(event.output.expression)

    @work(group="prompt")
    async def on_document_pane_runs(self, event: DocumentPane.Runs) -> None:
        if event.ask and not await self._runner.predictions.ask(event.places[0]):
            self.pane.go_back(event.places[0])
            return
        try:
            there = await self._runner.run(event.places)
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=12, markup=False)
            return
        if not there and not self._runner.opening:
            await self._open_lab()

    # Assistance while typing

    def on_code_field_completes(self, event: CodeField.Completes) -> None:
        self._assist(assistance.complete)

    def on_code_field_asks_about(self, event: CodeField.AsksAbout) -> None:
        self._assist(assistance.explain)

    def _assist(self, how: assistance.Assistance) -> None:
        if (field := self.pane.cells.editing) is not None:
            helping = how(self, field, self._runner.session, self._words)
            self.run_worker(helping, group="assist", exclusive=True)

    # The kernel

    async def _ask_host(self, what: Callable[[], object]) -> None:
        await self._tried(asyncio.to_thread(what))

    async def _tried(self, what: Awaitable[object]) -> bool:
        """Whether it could be done; where not, the person is told why."""
        try:
            await what
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=12, markup=False)
            return False
        return True

    @work(group="interrupt", exclusive=True)
    async def action_interrupt(self) -> None:
        await self._ask_host(self._runner.session.interrupt)

    @work(group="prompt", exclusive=True)
    async def action_restart(self) -> None:
        if not self._runner.session.connected:
            await self._open_lab()
            return
        if (news := self._runner.news) is not None and news.phase in ("ended", "died") and news.started:
            await self._ask_host(self._runner.session.restart)
            return
        answer = await kernel_choice.how_to_restart(self.app, self._words)
        if answer is None or self.pane.notebook is None:
            return
        if answer == kernel_choice.OTHER:
            current = self._runner.session.kernel or self.pane.notebook.document.kernel
            name = await kernel_choice.another_kernel(self.app, current, self._words)
            if name is not None:
                self.pane.notebook.use_kernel(name)
                self._saver.changed()
                await self._ask_host(self._runner.session.shut_down)
                await self._open_lab()
            return
        if answer == kernel_choice.CLEAR:
            if await self._tried(self._runner.restart_and_clear()):
                self.pane.forget_outputs()
            return
        await self._ask_host(self._runner.session.restart)
        if answer == kernel_choice.RUN_ALL:
            self.pane.post_message(DocumentPane.Runs(range(len(self.pane.cells.blocks)), ask=False))

    # Files

    @work(group="prompt", exclusive=True)
    async def action_other(self) -> None:
        path = await prompts.document_path(self.app, self._words)
        if path is not None:
            self._services.open_document(path)

    @work(group="prompt", exclusive=True)
    async def action_write(self) -> None:
        assert self.pane.notebook is not None
        await prompts.write_copy(self, self.pane.notebook, self._words)
