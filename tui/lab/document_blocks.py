"""The blocks of a notebook: made anew where its cells change, each kept as long as its cell is there."""

from collections.abc import Mapping
from dataclasses import replace

from engine.lab import exercise_words, exercises
from engine.lab.document import Cell
from engine.lab.exercise_words import ExerciseWords
from engine.lab.exercises import Exercise
from engine.lab.notebook import Notebook
from engine.lab.views import OutputView, views
from engine.lab.written_text import clean
from tui.lab.blocks import Block, Note
from tui.lab.lab_session import RunView

LANGUAGES = {"ir": "r", "xpython": "python", "ipython": "python", "c++": "cpp"}  # kernels' names, by Pygments' ones


class DocumentBlocks:
    """`by_name`: of each cell its block. `lang`: what its exercises are written in, and what is said around them."""

    def __init__(self, notebook: Notebook, lang: str = "en") -> None:
        """`lang`: of a document whose exercises don't tell it."""
        self.notebook = notebook
        self.lang = exercises.language(exercises.exercises(notebook.document), lang)
        self.by_name: dict[str, Block] = {}
        self.exercises: dict[str, Exercise] = {}  # by the name of the text cell
        self._answered: dict[str, tuple[Note, ...]] = {}  # by what is asked, what is said beneath its text
        self._asked_again: set[str] = set()
        self._wrong: set[str] = set()  # what was asked and not predicted right
        self._done: frozenset[str] = frozenset()
        self._language = language_of(notebook)

    def prepare(self) -> dict[str, tuple[OutputView, ...]]:
        """The outputs that the file has, by the cells' names. In a thread: of large ones it takes a while."""
        return {self.notebook.name(cell): views(cell.outputs) for cell in self.notebook.cells if cell.outputs}

    def done(self, asked: frozenset[str]) -> None:
        """What the exercises that were done before ask for."""
        self._done = asked

    def blocks(self, prepared: Mapping[str, tuple[OutputView, ...]] | None = None) -> list[Block]:
        """Of all cells, in their order."""
        notebook = self.notebook
        self.exercises = {
            notebook.name(notebook.cells[one.at]): one for one in exercises.exercises(notebook.document)
        }  # fmt: skip
        made = []
        for cell in notebook.cells:
            name = notebook.name(cell)
            block = self.by_name.get(name)
            if block is None or block.kind != cell.kind:
                block = self._new(cell, name, (prepared or {}).get(name, ()))
                self.by_name[name] = block
            if block.source != cell.source:
                block.source = cell.source
                block.changed()
            self._show_exercise(block)
            made.append(block)
        return made

    def _new(self, cell: Cell, name: str, outputs: tuple[OutputView, ...]) -> Block:
        count = cell.node.get("execution_count")
        return Block(
            name=name,
            kind=cell.kind,
            source=cell.source,
            count=count if isinstance(count, int) else None,
            outputs=outputs,
            language=self._language if cell.kind == "code" else "",
        )

    def _show_exercise(self, block: Block) -> None:
        exercise = self.exercises.get(block.name)
        display, notes = "", block.notes if exercise is None and block.kind == "code" else ()
        if exercise is not None:
            display, words = exercise.question, self.words(exercise)
            told = self._answered.get(exercise.ask)
            if told is None and exercise.ask in self._done:
                notes = (Note(f"✓ {words.done}", "good"),)
            else:
                notes = (Note(f"? {words.asks}", "edit"),) if told is None else told
        if (display, notes) != (block.display, block.notes):
            block.display, block.notes = display, notes
            block.changed()

    def language_of(self, exercise: Exercise) -> str:
        """What an exercise is written in."""
        return exercise.lang or self.lang

    def words(self, exercise: Exercise) -> ExerciseWords:
        """What is said around it."""
        return exercise_words.words(self.language_of(exercise))

    def exercise_before(self, at: int) -> Exercise | None:
        """What is asked before the cell at that place runs, where it has not been answered since the document was
        opened."""
        if at < 1:
            return None
        found = self.exercises.get(self.notebook.name(self.notebook.cells[at - 1]))
        known = found is not None and found.ask in self._answered and found.ask not in self._asked_again
        return None if known else found

    def answered(self, exercise: Exercise, notes: tuple[Note, ...], *, right: bool) -> None:
        """Say beneath an exercise what a prediction was worth. Where it was not right, another kernel, which begins
        anew, makes the question one again."""
        self._answered[exercise.ask] = notes
        self._asked_again.discard(exercise.ask)
        (self._wrong.discard if right else self._wrong.add)(exercise.ask)
        self._show_exercises()

    def _show_exercises(self) -> None:
        for block in self.by_name.values():
            if block.name in self.exercises:
                self._show_exercise(block)

    def ask_again(self, exercise: Exercise) -> None:
        """The prediction could not be read as one."""
        self._asked_again.add(exercise.ask)

    def take(self, run: RunView, explanation: str) -> Block | None:
        """What a run of a cell has come to. `explanation`: of its error."""
        block = self.by_name.get(run.cell)
        if block is None or block.kind != "code":
            return None
        block.phase, block.run, block.seconds = run.phase, run.run, run.seconds
        if run.count:
            block.count, block.generation = run.count, run.generation
        block.error = run.error
        if run.phase not in ("queued", "skipped") or run.outputs:
            block.outputs = run.outputs
        block.error_line = run.error_line if run.over and run.phase == "error" and run.source == block.source else None
        block.asked = None if run.asked is None else clean(run.asked.prompt)
        block.notes = (Note(explanation, "edit", markdown=True),) if explanation else ()
        block.changed()
        return block

    def ran_before(self, name: str) -> bool:
        """Whether all code cells above the one of that name have run in this kernel."""
        at = self.notebook.place(name)
        above = self.notebook.cells[:at]
        named = [self.notebook.name(cell) for cell in above if cell.kind == "code" and cell.source.strip()]
        return all((block := self.by_name.get(one)) is not None and block.phase is not None for one in named)

    def forget_runs(self) -> None:
        """Another kernel: nothing has run in it, and it has none of the objects that were put out."""
        for block in self.by_name.values():
            if block.phase is not None or any(output.expression for output in block.outputs):
                block.phase = None
                block.outputs = tuple(replace(output, expression="") for output in block.outputs)
                block.changed()
        for ask in self._wrong:
            del self._answered[ask]
        self._wrong.clear()
        self._show_exercises()


def language_of(notebook: Notebook) -> str:
    """What Pygments calls the language of the document's code."""
    metadata = notebook.document.content.get("metadata", {})
    info = metadata.get("language_info") or metadata.get("kernelspec") or {}
    name = (info.get("name") if "language_info" in metadata else info.get("language")) if isinstance(info, dict) else ""
    known = str(name or "python").lower()
    return LANGUAGES.get(known, known)
