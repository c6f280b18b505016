"""Asks what a cell will do, before it runs, and says what a prediction was worth: the exercises of a document."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.segment import Segment
from textual.screen import Screen

from engine.errors import EngineError, LabError
from engine.inspection.kernel_requests import Evaluated, EvaluateRequest
from engine.lab import exercise_words, progress
from engine.lab.exercise_words import ExerciseWords
from engine.lab.exercises import Exercise, Truth, check, read_truth, unreadable
from engine.terminal_text import shown
from tui.dialogs.prompt import PromptKeys, PromptScreen
from tui.lab.blocks import Note, folded
from tui.lab.document_blocks import DocumentBlocks
from tui.lab.highlighting import markdown_content
from tui.lab.lab_session import RunView

MOST_CODE, PROMPT_LINES = 10, 18  # lines of a cell in a prompt; of the prompt without them
INDENT = "    "  # of code in a prompt
PROMPT_COLUMNS, FRAME = 76, 6  # of a prompt, as its style sheet has them; of its frame and what is left empty


class Predictions:
    """For one screen. `evaluate` asks the kernel, in a thread; `redraw`: what is said of an exercise is another.
    `chapter`: whose exercises are kept as done; "" for a document of no course."""

    def __init__(
        self,
        screen: Screen[Any],
        home: Path,
        chapter: str,
        evaluate: Callable[[EvaluateRequest], Evaluated],
        redraw: Callable[[], None],
    ) -> None:
        self._screen, self._home, self._chapter = screen, home, chapter
        self._evaluate, self._redraw = evaluate, redraw
        self._blocks: DocumentBlocks | None = None
        self._predicted: dict[str, tuple[Exercise, str]] = {}  # by the name of the code cell

    def start(self, blocks: DocumentBlocks) -> None:
        """Another document is shown."""
        self._blocks = blocks
        if self._chapter:
            blocks.done(progress.done(self._home).get(self._chapter, frozenset()))

    def forget(self) -> None:
        """What was predicted of cells that have not run yet."""
        self._predicted.clear()

    async def ask(self, at: int) -> bool:
        """Ask what the cell at that place will do, where an exercise before it asks. False: the person cancelled."""
        assert self._blocks is not None
        exercise = self._blocks.exercise_before(at)
        if exercise is None:
            return True
        cell = self._blocks.notebook.cells[at]
        words, lang = self._blocks.words(exercise), self._blocks.language_of(exercise)
        size = self._screen.size
        room = min(PROMPT_COLUMNS, size.width * 96 // 100) - FRAME
        about = markdown_content(self._screen.app, exercise.question, room)
        code = beginning(cell.source, size.height - PROMPT_LINES, room, words)
        typed_so = words.type_so.format(words.typed[exercise.kind])
        prompt = PromptScreen(
            words.title,
            about + f"\n\n{code}\n\n{typed_so}",
            partial(_checked, exercise, lang),
            keys=PromptKeys(enter=words.enter, earlier=words.earlier, back=words.back),
        )
        typed = await self._screen.app.push_screen_wait(prompt)
        if typed is None:
            return False
        if typed.strip():
            self._predicted[self._blocks.notebook.name(cell)] = (exercise, typed.strip())
        return True

    def ran(self, run: RunView) -> None:
        """A cell has run, to its end."""
        if run.cell in self._predicted:
            exercise, typed = self._predicted.pop(run.cell)
            if run.phase in ("ok", "error"):
                self._screen.run_worker(self._judge(exercise, typed, run), group="judge")

    async def _judge(self, exercise: Exercise, typed: str, run: RunView) -> None:
        """Compare a prediction with what the kernel has now."""
        assert self._blocks is not None
        words, lang = self._blocks.words(exercise), self._blocks.language_of(exercise)
        if run.phase == "error" and not self._blocks.ran_before(run.cell):
            self._tell(exercise, (Note(words.not_ready, "warning"),), ended=False)
            return
        try:
            truth = _truth(exercise, await asyncio.to_thread(self._evaluate, EvaluateRequest(exercise.ask)))
        except EngineError as error:
            self._tell(exercise, (Note(words.not_checked.format(shown(str(error))), "warning"),), ended=False)
            return
        verdict = check(truth, typed, lang)
        if not verdict.understood:
            self._tell(exercise, (Note(f"✗ {typed}: {verdict.text}. {words.run_again}", "warning"),), ended=False)
            return
        notes = [Note(f"✓ {verdict.text}", "good") if verdict.right else Note(f"✗ {typed}: {verdict.text}", "bad")]
        notes += [Note(exercise.why, markdown=True)] if exercise.why else []
        notes += [] if verdict.right else [Note(words.restart, "dim")]
        self._tell(exercise, tuple(notes), right=verdict.right)
        if verdict.right and self._chapter:
            try:
                await asyncio.to_thread(progress.mark, self._home, self._chapter, exercise)
            except LabError as error:
                self._screen.notify(str(error), severity="warning", markup=False)

    def _tell(self, exercise: Exercise, notes: tuple[Note, ...], *, ended: bool = True, right: bool = False) -> None:
        """`ended`: it is not asked again."""
        assert self._blocks is not None
        self._blocks.answered(exercise, notes, right=right)
        if not ended:
            self._blocks.ask_again(exercise)
        self._redraw()


def _checked(exercise: Exercise, lang: str, text: str) -> str:
    """What running with that prediction means. Raises LabError where it can't be read as one."""
    if not text.strip():
        return exercise_words.words(lang).no_prediction
    if problem := unreadable(exercise.kind, text, lang):
        raise LabError(problem)
    return ""


def _truth(exercise: Exercise, found: Evaluated) -> Truth:
    """Raises LabError where the expression has no value of its kind."""
    if exercise.kind == "raises":
        return Truth("raises", found.value is None, found.error)
    if found.value is None:
        raise LabError(f"{exercise.ask} has no value: {found.error}: {found.words}")
    return read_truth(exercise.kind, found.value)


def beginning(source: str, most: int, room: int, words: ExerciseWords) -> str:
    """The first lines of a cell, indented, in at least two and at most MOST_CODE lines of `room` cells. A long line
    goes on in the next: what is asked may stand at its end."""
    lines = source.strip("\n").split("\n")
    most, kept, rows = max(2, min(MOST_CODE, most)), 0, list[str]()
    for line in lines:
        parts = folded([Segment(shown(line))], room - len(INDENT))
        needed = [INDENT + "".join(one.text for one in part).rstrip() for part in parts]
        if rows and len(rows) + len(needed) > most:
            break
        rows += needed[:most]
        kept += 1
    left = len(lines) - kept
    more = [INDENT + (words.more_line if left == 1 else words.more_lines.format(left))] if left else []
    return "\n".join(rows + more)
