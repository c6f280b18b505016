"""What the kernel holds: its variables, and the graph of the one under the cursor."""

import asyncio
from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from engine.errors import BugError, EngineError, InspectionCancelledError
from engine.inspection.kernel_requests import KernelGraph, KernelGraphRequest, Variable, Variables, VariablesRequest
from tui.lab import graph, variables
from tui.lab.lab_session import LabSession
from tui.lab.words import ENGLISH, LabWords
from tui.widgets.lines import Line, wrapped_facts
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows, localized, snug
from tui.widgets.scrolled_lines import ScrolledLines


class FactLines(ScrolledLines):
    """What is known of one variable."""

    DEFAULT_CSS = "FactLines { height: auto; max-height: 60%; }"

    def __init__(self) -> None:
        super().__init__(id="facts")
        self._facts: list[tuple[str, str]] = []

    def show(self, facts: list[tuple[str, str]]) -> None:
        self._facts = facts
        self._fit()
        self.repaint(now=True)

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        """As high as the lines are that the facts take in this width."""
        self.styles.height = len(self.all_lines(self.size.width, 0) if self.size.width else self._facts)

    def all_lines(self, width: int, height: int) -> list[Line]:
        return [[(line, style)] for text, style in self._facts for line in wrapped_facts(text, width)]


class Inside(Vertical):
    """Two panels. Asks the kernel when it is idle."""

    def __init__(self, session: Callable[[], LabSession | None]) -> None:
        super().__init__(id="inside")
        self._session = session
        self._words = ENGLISH
        self._found: Variables | None = None
        self._graph: KernelGraph | None = None
        self._after = -1  # the runs that had ended when the variables were asked for

    def compose(self) -> ComposeResult:
        with Panel(title="Variables", id="variables-panel"):
            yield Rows(variables.COLUMNS, gap=1, fixed=1, id="variables")
            yield FactLines()
        with Panel(title="Graph", id="graph-panel"):
            yield Rows(graph.COLUMNS, gap=1, fixed=1, id="graph")

    def on_mount(self) -> None:
        self.speak(self._words)

    def speak(self, words: LabWords) -> None:
        """The language of the document."""
        self._words = words
        if self._found is None:
            self._variables_panel.describe(title=words.variables)
            self._variables_panel.say(words.no_variables)
        else:
            self._show_variables(self._found)
        if self._graph is None:
            self._graph_panel.describe(title=words.graph)
            self._graph_panel.say(words.no_graph)
        else:
            self._show_graph(self._graph)

    @property
    def _variables_panel(self) -> Panel:
        return self.query_one("#variables-panel", Panel)

    @property
    def _graph_panel(self) -> Panel:
        return self.query_one("#graph-panel", Panel)

    @property
    def table(self) -> Rows:
        return self.query_one("#variables", Rows)

    @property
    def graph_table(self) -> Rows:
        return self.query_one("#graph", Rows)

    @property
    def _rows(self) -> Rows | None:
        """The table of the panel that has the focus."""
        focused = self.screen.focused
        if focused is self._graph_panel:
            return self.graph_table
        return self.table if focused is self._variables_panel else None

    @property
    def page(self) -> int:
        """Rows that are in view of that table."""
        return 0 if self._rows is None else self._rows.room

    @property
    def length(self) -> int:
        """Its rows."""
        return 0 if self._rows is None else len(self._rows.rows)

    def move(self, by: int) -> None:
        """Its cursor, by so many rows."""
        if (rows := self._rows) is not None:
            rows.move(by)
            if rows is self.table:
                self.moved()

    def slide(self, by: int) -> None:
        """Show other columns of it."""
        if (rows := self._rows) is not None:
            rows.slide(by)

    def show_one(self, focused: Widget | None) -> None:
        """On a narrow screen, the panel that has the focus, or gets it; None: both."""
        one = focused if focused in (self._variables_panel, self._graph_panel) else None
        for panel in (self._variables_panel, self._graph_panel):
            panel.display = one is None or panel is one

    @property
    def chosen(self) -> Variable | None:
        """The variable under the cursor."""
        if self._found is None:
            return None
        return next((one for one in self._found.variables if one.name == self.table.key), None)

    @property
    def opens(self) -> str:
        """The expression that `enter` opens in the tensor view; "" for none."""
        if self._graph_panel.has_focus_within:
            return "" if self._graph is None else graph.opens(self._graph, self.graph_table.key)
        chosen = self.chosen
        return "" if chosen is None else chosen.opens

    def forget(self, why: str = "") -> None:
        """Another kernel, or none."""
        self._found, self._after = None, -1
        self.table.show([])
        self._show_facts()
        self._variables_panel.describe(title=self._words.variables, right="", below="")
        self._variables_panel.say(why or self._words.no_variables)
        self._forget_graph()

    def _forget_graph(self) -> None:
        """The variable under the cursor has none."""
        self._graph = None
        self.graph_table.show([])
        self._graph_panel.describe(title=self._words.graph, right="")
        self._graph_panel.say(self._words.no_graph)

    def ask(self, finished: int) -> None:
        """The kernel is idle, and so many runs have ended."""
        if finished != self._after:
            self._after = finished
            self.run_worker(self._ask(finished), group="variables", exclusive=True)

    async def _ask(self, finished: int) -> None:
        found = await self._answer(VariablesRequest(finished), self._variables_panel)
        if found is None or not self.is_mounted:
            return
        self._found = found
        before = self.table.key
        with self.app.batch_update():
            self._show_variables(found)
            marked = next((one.name for one in reversed(found.variables) if one.mark and one.shape is not None), None)
            if marked is not None and (before is None or not self._is_marked(before)):
                self.table.find(lambda row: row.key == marked)
            self._show_facts()
        self.moved()

    def _show_variables(self, found: Variables) -> None:
        columns, rows = localized(variables.columns(found), variables.rows(found), self._words.columns)
        self.table.show(rows, snug(columns, rows))
        self._variables_panel.say("" if rows else self._words.no_variables)
        self._variables_panel.describe(
            title=variables.title(found, self._words), right=variables.changes(found, self._words)
        )

    def _is_marked(self, name: str) -> bool:
        return self._found is not None and any(one.mark for one in self._found.variables if one.name == name)

    def moved(self) -> None:
        """The cursor is on another variable."""
        self._show_facts()
        chosen = self.chosen
        if chosen is not None and (chosen.grad_fn or chosen.requires_grad) and chosen.opens:
            self.run_worker(self._ask_graph(chosen.opens), group="graph", exclusive=True)
        else:
            self.workers.cancel_group(self, "graph")
            self._forget_graph()

    def _show_facts(self) -> None:
        chosen = self.chosen
        facts = (
            variables.describe(chosen, self._found, self._words)
            if chosen is not None and self._found is not None
            else []
        )
        self.query_one(FactLines).show(facts)

    async def _ask_graph(self, name: str) -> None:
        found = await self._answer(KernelGraphRequest(name), self._graph_panel)
        if found is None or not self.is_mounted:
            return
        self._show_graph(found)

    def _show_graph(self, found: KernelGraph) -> None:
        self._graph = found
        columns, rows = localized(graph.COLUMNS, graph.rows(found, self._words), self._words.columns)
        self.graph_table.show(rows, columns)
        self._graph_panel.say("" if rows else found.why or self._words.no_graph)
        self._graph_panel.describe(title=graph.title(found, self._words), right=graph.summary(found, self._words))

    async def _answer(self, request: Any, panel: Panel) -> Any:
        """None where there is none: then the panel says why."""
        session = self._session()
        if session is None:
            return None
        try:
            return await asyncio.to_thread(session.ask, request)
        except (InspectionCancelledError, BugError) as error:
            if isinstance(error, BugError):
                raise
            return None
        except EngineError as error:
            if self.is_mounted:
                panel.say(str(error))
            return None
