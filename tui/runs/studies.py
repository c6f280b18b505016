"""The studies, from *Runs*: a row each, and what the one under the cursor looks for and has found; one is opened, made
or deleted here."""

import asyncio
import shlex
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from engine.errors import ConfigError, EngineError
from engine.home import Home, StudyFolder
from engine.studies import client, study_file
from engine.studies.study_file import Definition
from tui import format as fmt
from tui.dialogs.choice import Choice, ChoiceScreen
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.table_screen import TableScreen, table_keys
from tui.keys import bind
from tui.runs.study import StudyScreen
from tui.runs.study_charts import history
from tui.runs.study_source import StudyReader, StudySeen, sweep
from tui.runs.study_table import about_study, study_cells
from tui.services import Services
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.chart.plot import preload
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Column, Row, Rows, snug
from tui.widgets.text import set_text
from tui.widgets.topbar import TopBar

REFRESH_S = 2.0
WIDE = 110  # columns from which what is said of the study under the cursor stands beside its chart
LEAST_BELOW = 10  # lines that the list has to leave for what is below it
BARS = 2  # lines of the bars at the top and bottom
FRAME = 3  # lines of the list's border and heading
COLUMNS = (
    Column("study", 24), Column("state", 12), Column("trials", 9, right=True), Column("best", 9, right=True),
    Column("metric", 13), Column("parameters", -20),
)  # fmt: skip
STYLES = {"running": "good", "unreadable": "bad", "in trouble": "bad", "not running": "warning", "stopped": "dim"}
NOTHING = (
    "No studies yet. N makes one: a study searches settings for the best result; each of its trials is a run.\n\n"
    "On the command line: fmnist-tui sweep NAME 'lr=1e-4..1e-1:log' 'optimizer=sgd,adam' --trials 40"
)
ABOUT = (
    "Its name, then what is searched and what all trials have: first lr=1e-4..1e-1:log optimizer=sgd,adam epochs=5\n"
    "After that the options of `fmnist-tui sweep new`: --trials 40 --sampler tpe --prune median --parallel 2"
)


def typed_study(text: str) -> list[str]:
    """The arguments of `sweep new` that were typed. Raises ConfigError for what can't be made of them."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise ConfigError("", "a quote is not closed") from None
    if not words or words[0].startswith("-"):
        raise ConfigError("name", "type the study's name first")
    study_file.check_name(words[0])
    _definition(words)
    return words


def _definition(words: Sequence[str]) -> Definition:
    """What it would look for, but for its options, which `sweep new` checks. Raises ConfigError."""
    return client.define([word for word in words[1:] if "=" in word and not word.startswith("-")])


def _study_words(text: str) -> str:
    words = typed_study(text)
    searched = ", ".join(f"{name}={values}" for name, values in _definition(words).space.items())
    return f"study {words[0]} searches {searched}"


class StudiesScreen(TableScreen):
    """A table that a thread keeps up to date while it is in view."""

    AUTO_FOCUS = "#studies"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("studies"),
        bind("studies", "open", "Open"),
        bind("studies", "new_run", "New study", action="new"),
        bind("studies", "delete", "Delete", "its runs stay"),
        bind("studies", "back", "Back"),
    ]

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._readers: dict[StudyFolder, StudyReader] = {}
        self._seen: list[StudySeen] = []
        self._looked = False
        self._chart = ChartView(id="chart")
        self._chart.titled = False

    def compose(self) -> ComposeResult:
        yield TopBar("runs")
        with Vertical(id="body"):
            with Panel(title="Studies", id="studies"):
                yield Rows(COLUMNS, id="table")
            with Horizontal(id="beside"):
                with Panel(id="view", focusable=False):
                    yield self._chart
                with Panel(id="about-panel", focusable=False):
                    yield Static("", id="about", markup=False)
        yield KeyLine()

    def on_resize(self) -> None:
        self._arrange()

    def on_mount(self) -> None:
        self._looking = self.set_interval(REFRESH_S, self.look)
        self.look()

    def on_screen_suspend(self) -> None:
        self._looking.pause()

    def on_screen_resume(self) -> None:
        self._looking.resume()
        self.look()

    @property
    def selected(self) -> StudySeen | None:
        """The study under the cursor."""
        key = self.table.key
        return next((one for one in self._seen if one.folder.id == key), None)

    @work(exclusive=True, group="studies")
    async def look(self) -> None:
        """Read the studies again, in a thread."""
        found = await asyncio.to_thread(self._read)
        if (found != self._seen or not self._looked) and self.query("#table"):
            self._seen, self._looked = found, True
            self._show()

    def _read(self) -> list[StudySeen]:
        folders = study_file.folders(self._services.home)
        self._readers = {folder: self._readers.get(folder) or StudyReader(folder) for folder in folders}
        return [reader.read() for reader in self._readers.values()]

    def _show(self) -> None:
        rows = []
        for one in self._seen:
            space = one.record.definition.space if one.record is not None else {}
            cells = study_cells(one.folder.id, one.state, one.snapshot, space)
            if one.record is None:
                cells = (one.folder.id, one.state, "", "", "", one.problem)
            rows.append(Row(one.folder.id, tuple(cells), styles={"state": STYLES.get(one.state, "")}))
        self.table.show(rows, snug(COLUMNS, rows))
        panel = self.query_one("#studies", Panel)
        panel.say("" if rows else NOTHING)
        panel.describe(right=fmt.counted(len(rows), "study").replace("studys", "studies") if rows else "")
        self._arrange()
        self._show_selected()
        self.refresh_bindings()

    def _arrange(self) -> None:
        """The list as long as it is, up to half of the screen; below it the study under the cursor, of which a narrow
        screen has the chart alone."""
        rows, wide = len(self.table.rows), self.size.width >= WIDE
        lines = min(rows + FRAME, self.size.height // 2)
        below = bool(rows) and self.size.height - BARS - lines >= LEAST_BELOW
        self.query_one("#beside").display = below
        self.query_one("#about-panel").display = wide
        self.query_one("#studies").styles.height = lines if below else "1fr"

    @work(exclusive=True, group="selected")
    async def _show_selected(self) -> None:
        """What the study under the cursor looks for, and its trials as a chart, made in a thread: there may be
        thousands."""
        one = self.selected
        if one is None or not self.query_one("#beside").display:
            return
        self.query_one("#about-panel", Panel).describe(title=one.folder.id, right=one.state)
        said = about_study(one.record.definition, one.snapshot) if one.record is not None else one.problem
        set_text(self.query_one("#about", Static), said)
        panel = self.query_one("#view", Panel)
        panel.describe(title="By trial")
        if one.snapshot is None:
            panel.say(one.problem or "its worker is starting …")
            return
        await asyncio.to_thread(preload)
        made = await asyncio.to_thread(history, one.snapshot)
        if self.is_mounted and self.query("#view"):
            panel.say("")
            self._chart.show(*made, now=True)

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("open", "delete") and self.selected is None:
            return "there is no study" if self._looked else "the studies are being read"
        if action == "open" and self.selected is not None and self.selected.record is None:
            return self.selected.problem
        return ""

    def moved(self) -> None:
        self._show_selected()
        self.refresh_bindings()

    def action_open(self) -> None:
        if (one := self.selected) is not None:
            self.app.push_screen(StudyScreen(self._services, one.folder))

    def action_back(self) -> None:
        self.dismiss()

    @work(group="prompt", exclusive=True)
    async def action_new(self) -> None:
        dataset = "" if self._services.dataset == "auto" else f" dataset={shlex.quote(self._services.dataset)}"
        value = f"first lr=1e-4..1e-1:log epochs=5{dataset} --trials 20"
        text = await self.app.push_screen_wait(PromptScreen("New study", ABOUT, _study_words, value=value))
        if text is None:
            return
        panel = self.query_one("#studies", Panel)
        panel.busy("making the study …")
        arguments = typed_study(text)
        if self._services.data_dir is not None:
            arguments += ["--data-dir", str(self._services.data_dir)]
        try:
            said = await sweep(self._services.home, ["new", *arguments])
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=15, markup=False)
        else:
            self.notify(said, markup=False)
            folder = Home(self._services.home).study(arguments[0])
            self.app.push_screen(StudyScreen(self._services, folder))
        panel.busy("")
        self.look()

    @work(group="prompt", exclusive=True)
    async def action_delete(self) -> None:
        one = self.selected
        if one is None:
            return
        count = fmt.counted(len(one.snapshot.trials) if one.snapshot is not None else 0, "trial")
        kept = (
            "The database keeps it." if one.record is not None and one.record.storage else "Its journal goes with it."
        )
        choices = [Choice("d", "delete the study", f"{count}. {kept} The runs stay."), Choice("k", "keep it")]
        if await self.app.push_screen_wait(ChoiceScreen(f"Delete the study {one.folder.id}?", "", choices)) != "d":
            return
        try:
            await asyncio.to_thread(client.delete, one.folder)
        except EngineError as error:
            self.notify(str(error), severity="warning", markup=False)
        self.look()
