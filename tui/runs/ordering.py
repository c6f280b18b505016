"""What people say of runs, asked over the screen that lists them: name, note, tags, hidden, pinned; and deleting."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from textual.app import SuspendNotSupported
from textual.screen import Screen

from engine.errors import EngineError, RunError
from engine.runs import deletion, filter_completion, groups, meta
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.runs.run_name import check_name
from tui import deletion_text, editor
from tui import format as fmt
from tui.dialogs.choice import Choice, ChoiceScreen
from tui.dialogs.completing import WordCompleter
from tui.dialogs.prompt import PromptKeys, PromptScreen
from tui.services import Services

WORD_KEYS = PromptKeys(complete="Tab: complete")
DELETE, KEEP = "d", "k"
_LINE_END = "\\n"  # of a note, in a prompt of one line


class Ordering:
    """Asks the questions over `screen`, and does what is answered; then `done` is called."""

    def __init__(self, screen: Screen[Any], services: Services, done: Callable[[], None]) -> None:
        self._screen = screen
        self._services = services
        self._done = done

    def ask_what(self, runs: Sequence[RunSummary], every: Sequence[RunSummary]) -> None:
        """Ask what to say of the runs, and do it. `every`: all runs that there are."""
        self._work(self._ask_what(runs, every))

    def rename(self, run: RunSummary) -> None:
        self._work(self._rename(run))

    def rename_group(self, group: Group) -> None:
        self._work(self._rename_group(group))

    def note(self, runs: Sequence[RunSummary]) -> None:
        """Let the person write the note in their editor, or, where there is none, in a prompt."""
        self._work(self._note(runs))

    def tag(self, runs: Sequence[RunSummary], every: Sequence[RunSummary]) -> None:
        """Ask which tags come and go. `every`: all runs, whose tags are offered."""
        self._work(self._tag(runs, every))

    def pin(self, runs: Sequence[RunSummary]) -> None:
        """Pin the runs; where all are pinned, let them stand with the others again."""
        self._work(self._change(runs, pinned=not all(run.pinned for run in runs)))

    def hide(self, runs: Sequence[RunSummary]) -> None:
        """Hide the runs; where all are hidden, show them again."""
        self._work(self._hide(runs))

    def delete(self, runs: Sequence[RunSummary], every: Sequence[RunSummary]) -> None:
        """Say what deleting them would do, ask, and do it."""
        self._work(self._delete(runs, every))

    def undo(self) -> None:
        """Bring back what was deleted last."""
        self._work(self._undo())

    async def _ask_what(self, runs: Sequence[RunSummary], every: Sequence[RunSummary]) -> None:
        several, pinned, hidden = len(runs) > 1, all(run.pinned for run in runs), all(run.hidden for run in runs)
        choices = [
            *([] if several else [Choice("r", "name", "another name (F2)")]),
            Choice("n", "note", 'in your editor (")'),
            Choice("t", "tags", "+paper -old (@)"),
            Choice("p", "unpin" if pinned else "pin", "pinned runs stand first (!)"),
            Choice("h", "show again" if hidden else "hide", "hidden runs are left out (_); ~ shows them"),
            Choice("d", "delete", "says first what goes (Del)"),
        ]
        chosen = await self._screen.app.push_screen_wait(ChoiceScreen(_title(runs), "", choices))
        acts: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
            "r": lambda: self._rename(runs[0]),
            "n": lambda: self._note(runs),
            "t": lambda: self._tag(runs, every),
            "p": lambda: self._change(runs, pinned=not all(run.pinned for run in runs)),
            "h": lambda: self._hide(runs),
            "d": lambda: self._delete(runs, every),
        }
        if chosen is not None:
            await acts[chosen]()

    async def _rename(self, run: RunSummary) -> None:
        about = f"Its id stays: {run.id}. Leave it empty for no name."
        prompt = PromptScreen(f"Rename {run.title}", about, _name_check(run), value=run.name, kept=False)
        text = await self._ask(prompt)
        if text is not None and text.strip() != run.name:
            await self._change([run], name=text.strip())

    async def _rename_group(self, group: Group) -> None:
        runs = fmt.counted(len(group.runs), "run")
        about = f"{runs}; those that are called by it and their seeds are called by the new one."
        prompt = PromptScreen(f"Rename {group.title}", about, _group_check(group), value=group.name, kept=False)
        text = await self._ask(prompt)
        if text is not None and text.strip() != group.name:
            await self._do(lambda: groups.rename(group, text.strip()))

    async def _note(self, runs: Sequence[RunSummary]) -> None:
        notes = {run.note for run in runs}
        before = notes.pop() if len(notes) == 1 else ""
        text = self._in_the_editor(before, runs)
        if text is None:
            about = f"Of several lines: {_LINE_END} between them. Leave it empty for no note."
            value = before.replace("\n", _LINE_END)
            prompt = PromptScreen(f"Note on {_title(runs)}", about, _note_check, value=value, kept=False)
            typed = await self._ask(prompt)
            if typed is None:
                return
            text = typed.replace(_LINE_END, "\n")
        if text.rstrip() != before.rstrip():
            await self._change(runs, note=text)

    def _in_the_editor(self, before: str, runs: Sequence[RunSummary]) -> str | None:
        """The note as the person has left it; None where there is no editor, or it failed. The app has no terminal
        meanwhile, and does nothing."""
        app = self._screen.app
        try:
            editor.command()
            with app.suspend():
                text = editor.edited(before, name=runs[0].id)
        except SuspendNotSupported:
            return None
        except editor.EditorError as error:
            self._screen.notify(str(error), severity="warning", timeout=8)
            text = None
        self._services.redraw()
        return text

    async def _tag(self, runs: Sequence[RunSummary], every: Sequence[RunSummary]) -> None:
        had, known = _tags(runs), _tags(every)
        now = " ".join(had) if had else "none"
        about = f"Now: {now}\n+paper adds a tag, -paper takes it away; several at once, with spaces between them."
        look_up = partial(filter_completion.complete_tags, tags=known, had=had)
        prompt = PromptScreen(
            f"Tags of {_title(runs)}", about, _tags_check, suggester=WordCompleter(look_up), keys=WORD_KEYS
        )
        text = await self._ask(prompt)
        if text is not None and text.strip():
            add, remove = meta.typed_tags(text.split())
            await self._change(runs, add=add, remove=remove)

    async def _hide(self, runs: Sequence[RunSummary]) -> None:
        hidden = not all(run.hidden for run in runs)
        if await self._change(runs, hidden=hidden) and hidden:
            self._screen.notify(f"{_title(runs)} hidden: ~ shows what is hidden", timeout=4)

    async def _change(self, runs: Sequence[RunSummary], **change: Any) -> bool:
        """Whether all of them could be changed; it is said where one could not."""

        def act() -> None:
            for run in runs:
                meta.change(run.folder, **change)

        return await self._do(act)

    async def _do(self, act: Callable[[], None]) -> bool:
        try:
            await asyncio.to_thread(act)
        except EngineError as error:
            self._screen.notify(str(error), severity="error", timeout=10)
            return False
        finally:
            self._done()
        return True

    async def _delete(self, runs: Sequence[RunSummary], every: Sequence[RunSummary]) -> None:
        plan = await asyncio.to_thread(deletion.plan, runs, every)
        if not plan.doomed:
            self._screen.notify("\n".join(deletion_text.refused(plan)), severity="warning", timeout=8)
            return
        what = deletion_text.counted(one.run for one in plan.doomed)
        back = f"u brings {'it' if len(plan.doomed) == 1 else 'them'} back"
        choices = (Choice(DELETE, "delete", f"{back}, until the app ends"), Choice(KEEP, "keep", "nothing changes"))
        question = ChoiceScreen(f"Delete {what}?", "\n".join(deletion_text.about(plan)), choices)
        if await self._screen.app.push_screen_wait(question) != DELETE:
            return
        try:
            await asyncio.to_thread(self._services.trash.delete, plan.folders)
        except RunError as error:
            self._screen.notify(str(error), severity="error", timeout=10)
            return
        finally:
            self._done()
        for folder in plan.folders:
            self._services.forget_run(folder)
        self._screen.notify(f"deleted {what}; {back}", timeout=6)

    async def _undo(self) -> None:
        try:
            back = await asyncio.to_thread(self._services.trash.bring_back)
        except RunError as error:
            self._screen.notify(str(error), severity="error", timeout=10)
        else:
            self._screen.notify(
                f"{fmt.count(len(back))} runs are back" if len(back) > 1 else f"{back[0].id} is back", timeout=4
            )
        finally:
            self._done()

    async def _ask(self, prompt: PromptScreen) -> str | None:
        return await self._screen.app.push_screen_wait(prompt)

    def _work(self, what: Coroutine[Any, Any, object]) -> None:
        self._screen.run_worker(what, group="order")


def _title(runs: Sequence[RunSummary]) -> str:
    return runs[0].title if len(runs) == 1 else fmt.counted(len(runs), "run")


def _tags(runs: Sequence[RunSummary]) -> list[str]:
    return sorted({tag for run in runs for tag in run.tags})


def _name_check(run: RunSummary) -> Callable[[str], str]:
    def check(text: str) -> str:
        check_name(text.strip())
        if text.strip() == run.name:
            return "as it is"
        return f"its name is {text.strip()}" if text.strip() else f"no name: it is called {run.id}"

    return check


def _group_check(group: Group) -> Callable[[str], str]:
    def check(text: str) -> str:
        check_name(text.strip())
        if text.strip() == group.name:
            return "as it is"
        return f"its name is {text.strip()}" if text.strip() else "no name: it is called by its seeds"

    return check


def _note_check(text: str) -> str:
    note = meta.checked_note(text.replace(_LINE_END, "\n"))
    lines = note.count("\n") + 1 if note else 0
    return f"a note of {lines} line{'s' if lines > 1 else ''}" if note else "no note"


def _tags_check(text: str) -> str:
    add, remove = meta.typed_tags(text.split())
    words = [f"adds {' '.join(add)}" if add else "", f"takes away {' '.join(remove)}" if remove else ""]
    return " · ".join(filter(None, words)) or "nothing changes"
