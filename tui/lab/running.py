"""Runs the cells of a document, and shows what comes: the lab's news, its input prompts, exercises."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from textual.screen import Screen

from engine.errors import EngineError, LabError
from engine.inspection.kernel_requests import EvaluateRequest
from engine.lab import progress, verdict_words
from engine.lab.events import InputAsked
from engine.lab.exercises import Exercise, Truth, check, read_truth
from engine.lab.notebook import Notebook, restored
from engine.terminal_text import shown
from tui.dialogs.prompt import PromptScreen
from tui.format import counted
from tui.lab import prompts
from tui.lab.document_blocks import DocumentBlocks
from tui.lab.lab_session import LabSession, News, RunView
from tui.widgets.lines import fit

QUIET_S = (0.01, 0.05)  # between two drawings of news: of the first, and of those that follow it at once
MOST_CODE, PROMPT_LINES = 10, 18  # lines of a cell in a prompt; of the prompt without them
PROMPT_COLUMNS, FRAME = 76, 6  # of a prompt, as its style sheet has them; of its frame and what is left empty
TYPED = {
    "value": "a value, such as 3, [1, 2] or float32",
    "shape": "a shape, such as [2, 3]",
    "names": "names, such as a, b; or none",
    "raises": "yes or no, or the exception's name",
}


class Shows(Protocol):
    """The screen that a Runner works for."""

    def news_shown(self, news: News) -> None:
        """The blocks have changed, and the kernel's phase may have."""
        ...

    def input_asked(self, run: RunView) -> None:
        """A cell calls input()."""
        ...


class Runner:
    """For one screen. `chapter`: whose exercises are kept as done; "" for a document of no course."""

    def __init__(self, screen: Screen[Any], shows: Shows, home: Path, path: Path, chapter: str, lang: str) -> None:
        self._screen, self._shows, self._home = screen, shows, home
        self.chapter, self._lang = chapter, lang
        self.session = LabSession(home, path, self._news_came)
        self.notebook: Notebook | None = None
        self.blocks: DocumentBlocks | None = None
        self.news: News | None = None  # the last
        self.opening = False
        self.trouble = ""  # why there is no lab
        self._waiting: list[tuple[str, str]] = []  # to be run once the lab is there
        self._predicted: dict[str, tuple[Exercise, str]] = {}  # by the name of the code cell
        self._asked: InputAsked | None = None
        self._forgotten = 0  # up to which number runs are the document's no more
        self._begun: set[str] = set()  # cells that were run from here: where they ask for input, a prompt opens
        self._names: dict[str, str] = {}  # from the names of a lab that was left, to this notebook's
        self._arrived = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.on_outputs: Callable[[], None] = lambda: None  # the document has other outputs

    def start(self, notebook: Notebook, blocks: DocumentBlocks) -> None:
        """Another notebook is shown."""
        first = self.notebook is None
        self.notebook, self.blocks = notebook, blocks
        there = {notebook.name(cell) for cell in notebook.cells}
        self._names = {run: name for run, name in self._names.items() if name in there}
        self.session.tell_again()  # all runs are of its cells now
        if self.chapter:
            blocks.done(progress.done(self._home).get(self.chapter, frozenset()))
        if first:
            self._loop = asyncio.get_running_loop()
            self._screen.run_worker(self._follow(), group="follow", name="follow")

    async def restart_and_clear(self) -> None:
        """Another kernel, and nothing of what has run so far comes into the document any more: outputs of the kernel
        that ends may be on their way still. Raises LabError."""
        self._forgotten = await asyncio.to_thread(self.session.restart, clear=True)
        self._predicted.clear()
        if self._asked is not None and self._asked.run <= self._forgotten:
            self._answered()

    async def open(self, *, kernel: str, data_dir: Path | None, idle: float | None) -> None:
        """Start the lab, or come back to it; then run what waits."""
        if self.opening:
            return
        self.opening, self.trouble = True, ""
        try:
            if not self.session.connected:
                self._forgotten = 0  # another lab may count from 1 again
            await asyncio.to_thread(self.session.open, kernel=kernel, data_dir=data_dir, idle=idle)
            waiting, self._waiting = self._waiting, []
            if waiting:
                await asyncio.to_thread(self.session.execute, waiting)
        except LabError as error:
            self.trouble = str(error)
            self._waiting.clear()
        finally:
            self.opening = False

    async def run(self, places: Sequence[int]) -> bool:
        """Queue the code cells at those places. Whether the lab is there; else they wait for it."""
        assert self.notebook is not None
        cells = [self.notebook.cells[at] for at in places]
        self._begun.update(map(self.notebook.name, cells))
        lab_names = {name: run for run, name in self._names.items()}
        code = [(self.notebook.name(one), one.source) for one in cells if one.kind == "code" and one.source.strip()]
        wanted = [(lab_names.get(name, name), source) for name, source in code]
        if not self.session.connected:
            self._waiting += wanted
            return False
        if wanted:
            await asyncio.to_thread(self.session.execute, wanted)
        return True

    async def predict(self, at: int) -> bool:
        """Ask what the cell at that place will do, where an exercise before it asks. False: the person cancelled."""
        assert self.notebook is not None
        assert self.blocks is not None
        exercise = self.blocks.exercise_before(at)
        if exercise is None:
            return True
        size = self._screen.size
        room = min(PROMPT_COLUMNS, size.width * 96 // 100) - FRAME
        code = beginning(self.notebook.cells[at].source, size.height - PROMPT_LINES, room)
        typed_so = f"Type {TYPED[exercise.kind]}; leave it empty to run without an answer."
        question = f"{plain(exercise.question)}\n\n{code}\n\n{typed_so}"
        prompt = PromptScreen("Your prediction", question, lambda text: "" if text.strip() else "no prediction")
        typed = await self._screen.app.push_screen_wait(prompt)
        if typed is None:
            return False
        if typed.strip():
            self._predicted[self.notebook.name(self.notebook.cells[at])] = (exercise, typed.strip())
        return True

    @property
    def busy(self) -> bool:
        """Whether a cell runs."""
        return self.news is not None and self.news.phase == "busy" and not self.news.lost

    @property
    def asked(self) -> InputAsked | None:
        """What the cell that calls input() asks for."""
        return self._asked

    def close(self) -> None:
        self.session.close()

    # News

    def _news_came(self) -> None:
        """In some thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._arrived.set)

    async def _follow(self) -> None:
        quiet = 0.0
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            begun = time.monotonic()
            news = await asyncio.to_thread(self.session.take)
            if self.blocks is not None and self._screen.is_mounted:
                self._take(news)
            quiet = QUIET_S[1] if begun - quiet < 2 * QUIET_S[1] else QUIET_S[0]
            await asyncio.sleep(quiet)
            quiet = time.monotonic()

    def _take(self, news: News) -> None:
        assert self.blocks is not None
        assert self.notebook is not None
        if self.news is not None and self.news.generation not in (0, news.generation):
            self.blocks.forget_runs()
        self._name(news.runs)
        self.news = news
        other_outputs = False
        for run in news.runs:
            if run.run <= self._forgotten:
                continue
            name = self._names.get(run.cell, run.cell)
            named = replace(run, cell=name)
            block = self.blocks.take(named, self._explanation(named))
            if block is None:
                continue
            if run.over:
                self.notebook.take_outputs(name, run.nodes, run.count)
                other_outputs = self.notebook.document.keeps_outputs
                if name in self._predicted:
                    exercise, typed = self._predicted.pop(name)
                    if run.phase in ("ok", "error"):
                        self._screen.run_worker(self._judge(exercise, typed), group="judge")
            if run.asked is not None and run.asked != self._asked:
                self._answered()
                self._asked = run.asked
                if name in self._begun:
                    self._shows.input_asked(named)
            elif self._asked is not None and self._asked.run == run.run and run.asked is None:
                self._answered()
        if other_outputs:
            self.on_outputs()
        self._shows.news_shown(news)

    def _answered(self) -> None:
        """The line that was asked for is there, or is not wanted any more."""
        asked, self._asked = self._asked, None
        if asked is not None:
            prompts.close_line(self._screen.app, asked)

    def _name(self, runs: Sequence[RunView]) -> None:
        """Which cell of this notebook a run is of that was begun before the document was opened."""
        assert self.notebook is not None
        there = [(self.notebook.name(cell), cell.source) for cell in self.notebook.cells if cell.kind == "code"]
        known = {name for name, _ in there}
        unknown = [(run.cell, run.source) for run in runs if run.cell not in known and run.cell not in self._names]
        if unknown:
            taken = set(self._names.values())
            left = [(name, source) for name, source in there if name not in taken]
            self._names.update(restored(left, unknown))

    def _explanation(self, run: RunView) -> str:
        """Of an error that is well known."""
        if run.phase != "error" or not run.over:
            return ""
        from engine.lab.explanations import explain

        failed = next((node for node in run.nodes if node.get("output_type") == "error"), None)
        if failed is None:
            return ""
        return explain(str(failed.get("ename", "")), str(failed.get("evalue", "")), lang=self._lang)

    async def _judge(self, exercise: Exercise, typed: str) -> None:
        """Compare a prediction with what the kernel has now."""
        try:
            found = await asyncio.to_thread(self.session.ask, EvaluateRequest(exercise.ask))
            if exercise.kind == "raises":
                truth = Truth("raises", found.value is None, found.error)
            elif found.value is None:
                raise LabError(f"{exercise.ask} has no value: {found.error}: {found.words}")
            else:
                truth = read_truth(exercise.kind, found.value)
        except EngineError as error:
            self._tell(exercise, ((f"your prediction could not be checked: {shown(str(error))}", "warning"),))
            return
        verdict, words = check(truth, typed, self._lang), verdict_words.words(self._lang)
        if not verdict.understood:
            self._tell(exercise, ((f"✗ {typed}: {verdict.text}. {words.run_again}", "warning"),), ended=False)
            return
        sign, style = ("✓", "good") if verdict.right else ("✗", "bad")
        said = verdict.text if verdict.right else f"{typed}: {verdict.text}"
        lines = [(f"{sign} {said}", style), *((line, "") for line in plain(exercise.why).split("\n") if line)]
        lines += [] if verdict.right else [(words.restart, "dim")]
        self._tell(exercise, tuple(lines), right=verdict.right)
        if verdict.right and self.chapter:
            try:
                await asyncio.to_thread(progress.mark, self._home, self.chapter, exercise)
            except LabError as error:
                self._screen.notify(str(error), severity="warning", markup=False)

    def _tell(
        self, exercise: Exercise, lines: tuple[tuple[str, str], ...], *, ended: bool = True, right: bool = False
    ) -> None:
        if self.blocks is None:
            return
        self.blocks.answered(exercise, lines, right=right)
        if not ended:
            self.blocks.ask_again(exercise)
        if self.news is not None:
            self._shows.news_shown(self.news)


def beginning(source: str, most: int, room: int) -> str:
    """The first lines of a cell, indented: at least two, at most MOST_CODE; each in `room` cells, not wrapped."""
    lines = source.strip("\n").split("\n")
    kept = lines[: max(2, min(MOST_CODE, most))]
    more = [f"    … {counted(len(lines) - len(kept), 'more line')}"] if len(lines) > len(kept) else []
    return "\n".join([*(fit(f"    {line}", room) for line in kept), *more])


def plain(text: str) -> str:
    """Markdown without its signs, for a line of a dialog."""
    return " ".join(text.replace("`", "").replace("**", "").split())
