"""Runs the cells of a document, and shows what comes: the lab's news, and what its cells ask for."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from textual.screen import Screen

from engine.errors import LabError
from engine.lab.events import InputAsked
from engine.lab.notebook import Notebook, restored
from tui.lab import prompts
from tui.lab.document_blocks import DocumentBlocks
from tui.lab.lab_session import LabSession, News, RunView
from tui.lab.predictions import Predictions

QUIET_S = (0.01, 0.05)  # between two drawings of news: of the first, and of those that follow it at once


class Shows(Protocol):
    """The screen that a Runner works for."""

    def news_shown(self, news: News) -> None:
        """The blocks have changed, and the kernel's phase may have."""
        ...

    def input_asked(self, run: RunView) -> None:
        """A cell calls input()."""
        ...


class Runner:
    """For one screen. `chapter`: of the course, "" for a document of none."""

    def __init__(self, screen: Screen[Any], shows: Shows, home: Path, path: Path, chapter: str) -> None:
        self._screen, self._shows = screen, shows
        self.session = LabSession(home, path, self._news_came)
        self.predictions = Predictions(screen, home, chapter, self.session.ask, self._redraw)
        self.notebook: Notebook | None = None
        self.blocks: DocumentBlocks | None = None
        self.news: News | None = None  # the last
        self.opening = False
        self.trouble = ""  # why there is no lab
        self._waiting: list[tuple[str, str]] = []  # to be run once the lab is there
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
        self.predictions.start(blocks)
        if first:
            self._loop = asyncio.get_running_loop()
            self._screen.run_worker(self._follow(), group="follow", name="follow")

    async def restart_and_clear(self) -> None:
        """Another kernel, and nothing of what has run so far comes into the document any more: outputs of the kernel
        that ends may be on their way still. Raises LabError."""
        self._forgotten = await asyncio.to_thread(self.session.restart, clear=True)
        self.predictions.forget()
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
                self.predictions.ran(named)
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
        """Of an error that is well known, in Markdown."""
        assert self.blocks is not None
        if run.phase != "error" or not run.over:
            return ""
        from engine.lab.explanations import explain

        failed = next((node for node in run.nodes if node.get("output_type") == "error"), None)
        if failed is None:
            return ""
        return explain(str(failed.get("ename", "")), str(failed.get("evalue", "")), lang=self.blocks.lang)

    def _redraw(self) -> None:
        """The blocks have changed."""
        if self.news is not None:
            self._shows.news_shown(self.news)
