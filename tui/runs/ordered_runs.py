"""What *Runs* lets people say of runs: its keys, the marks on those that are meant together, and the hidden runs."""

import asyncio
from functools import partial

from textual import work
from textual.binding import BindingType

from engine.runs import filter_completion, groups
from engine.runs.compared_runs import Compared
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.studies.best_trials import best_trials
from tui import format as fmt
from tui.dialogs.completing import Completer, WordCompleter
from tui.dialogs.table_screen import TableScreen
from tui.keys import bind
from tui.runs import compare_choice
from tui.runs.ordering import Ordering
from tui.runs.shown_runs import Shown, matching
from tui.services import Services

EMPTY = "No runs yet. Press N to start one."
OF_RUNS = ("mark", "order", "rename", "note", "tags", "pin", "hide", "delete")  # actions that need a run


def order_keys(screen: str) -> list[BindingType]:
    """The keys of an `OrderedRuns`."""
    return [
        bind(screen, "mark", "Mark", "to compare, name, tag, delete …: what is marked is meant together", show=False),
        bind(screen, "compare", "Compare", "what is marked; else a branch and its run, or the runs of a group"),
        bind(screen, "order", "Organize", "name, note, tags, pin, hide, delete"),
        bind(screen, "rename", "Rename", show=False),
        bind(screen, "note", "Note", "in $VISUAL or $EDITOR", show=False),
        bind(screen, "tags", "Tags", "add some, take some away", show=False),
        bind(screen, "pin", "Pin", "or unpin: pinned runs stand first", show=False),
        bind(screen, "hide", "Hide", "or show again", show=False),
        bind(screen, "hidden", "Hidden runs", "show them too, or leave them out", show=False),
        bind(screen, "delete", "Delete", "says first what goes, and asks", show=False),
        bind(screen, "undo", "Undo delete", "bring back what was deleted last", show=False),
    ]


def nothing_words(filter_text: str, shown: Shown, *, any_run: bool) -> str:
    """Why the list is empty."""
    if not any_run:
        return EMPTY
    if shown.hidden:
        runs, them = (
            ("1 run that passes is", "it")
            if shown.hidden == 1
            else (f"{fmt.count(shown.hidden)} runs that pass are", "them")
        )
        what = f"{runs} hidden" if filter_text else "All runs are hidden"
        return f"{what}: ~ shows {them if filter_text else 'them'}."
    return f"No run passes the filter {filter_text}. Esc shows all."


class OrderedRuns(TableScreen):
    """A list of runs of which some are marked, and some hidden. What has one reads the runs (`look`), keeps them in
    `_runs`, and shows them (`show_runs`)."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._runs: list[RunSummary] = []
        self._ordering = Ordering(self, services, self._ordered)
        self._marked: list[str] = []  # ids, in the order in which they were marked
        self._with_hidden = False

    @property
    def under_cursor(self) -> list[RunSummary]:
        """The run under the cursor, or those of the group."""
        raise NotImplementedError

    def show_runs(self) -> None:
        """Show the runs anew."""
        raise NotImplementedError

    def look(self) -> object:
        """Read the runs again, and show them."""
        raise NotImplementedError

    @property
    def meant(self) -> list[RunSummary]:
        """The marked runs, else the one under the cursor."""
        there = {run.id: run for run in self._runs}
        marked = [there[one] for one in self._marked if one in there]
        return marked or self.under_cursor

    def _ordered(self) -> None:
        """Something was done with the runs."""
        self._marked = []
        self.look()
        self.show_runs()

    def order_words(self, shown: Shown) -> list[str]:
        """What the list's panel says of marks and hidden runs."""
        there = {run.id for run in self._runs}
        self._marked = [one for one in self._marked if one in there]
        return [
            f"{fmt.count(len(self._marked))} marked" if self._marked else "",
            f"{fmt.count(shown.hidden)} hidden (~: show)" if shown.hidden else "",
            "with hidden runs (~: leave out)" if self._with_hidden else "",
        ]

    def why_not_order(self, action: str) -> str:
        """Why one of these actions can't be done now; "" where it can."""
        if action == "compare":
            return compare_choice.why_not(self._to_compare)
        if action in OF_RUNS and not self.meant:
            return "there is no run" if not self._runs else "no run is chosen"
        if action == "rename" and len(self.meant) > 1:
            group = self._meant_group
            if group is None:
                return "a name is of one run, or of one group: Esc takes the marks away"
            return f"the study {group.study} keeps its name" if group.study else ""
        if action == "undo" and not self._services.trash.holds:
            return "nothing was deleted since the app was started"
        if action == "hidden" and not self._with_hidden and not any(run.hidden for run in self._runs):
            return "no run is hidden"
        return ""

    def action_mark(self) -> None:
        """Mark the run under the cursor, or those of the group, or take their marks away."""
        if here := [run.id for run in self.under_cursor]:
            others = [one for one in self._marked if one not in here]
            self._marked = others + ([] if all(one in self._marked for one in here) else here)
            self.table.move(1)
            self.moved()
            self.show_runs()

    def clear_marks(self) -> bool:
        """Take all marks away; False where there was none."""
        if not self._marked:
            return False
        self._marked = []
        self.show_runs()
        return True

    def action_unfilter(self) -> None:
        if not self.clear_marks():
            self.clear_filter()

    def filter_completer(self) -> Completer:
        return WordCompleter(partial(filter_completion.complete, runs=self._runs))

    def filter_changed(self) -> None:
        self.show_runs()

    def count_matching(self, text: str) -> str:
        return f"{fmt.count(len(matching(self._runs, text)))} of {fmt.counted(len(self._runs), 'run')}"

    def action_hidden(self) -> None:
        self._with_hidden = not self._with_hidden
        self.show_runs()

    @property
    def _to_compare(self) -> list[Compared]:
        return compare_choice.to_compare(self._marked, self.under_cursor, self._runs)

    @work(group="compare", exclusive=True)
    async def action_compare(self) -> None:
        from tui.runs.compare import CompareScreen

        chosen = await asyncio.to_thread(best_trials, self._services.home, self._to_compare)
        if self.is_current and len(chosen) > 1:
            self.app.push_screen(CompareScreen(self._services, chosen))

    def action_order(self) -> None:
        self._ordering.ask_what(self.meant, self._runs)

    @property
    def _meant_group(self) -> Group | None:
        """The group whose runs are meant, all that it has and no other."""
        meant = {run.id for run in self.meant}
        ids = {run.group for run in self.meant}
        every = groups.groups([run for run in self._runs if run.group in ids])
        return next((one for one in every if one.id and {run.id for run in one.runs} == meant), None)

    def action_rename(self) -> None:
        group = self._meant_group
        if group is not None and len(self.meant) > 1:
            self._ordering.rename_group(group)
        else:
            self._ordering.rename(self.meant[0])

    def action_note(self) -> None:
        self._ordering.note(self.meant)

    def action_tags(self) -> None:
        self._ordering.tag(self.meant, self._runs)

    def action_pin(self) -> None:
        self._ordering.pin(self.meant)

    def action_hide(self) -> None:
        self._ordering.hide(self.meant)

    def action_delete(self) -> None:
        self._ordering.delete(self.meant, self._runs)

    def action_undo(self) -> None:
        self._ordering.undo()
