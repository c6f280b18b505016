"""The exercises of a document: a text cell right before a code cell asks for a prediction of what that cell does, and
its metadata have the expression whose value is the answer: `# %% [markdown] ask="n.tolist()" kind="value"`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from engine.errors import LabError
from engine.lab import answers
from engine.lab.document import Cell, Document
from engine.lab.kernel import Kernel

Kind = Literal["value", "shape", "names", "raises"]
WHY = re.compile(r"(?:^|\n\s*\n)(?:Why|이유):\s*", re.ASCII)  # begins the paragraph that explains the answer
EVALUATES_S = 30.0  # that the expression of an exercise may take


@dataclass(frozen=True)
class Exercise:
    """A question about a code cell, to be answered before the cell runs.

    `kind` says what a prediction is: "value", a Python value (numbers, lists, text, yes or no); "shape", of a tensor;
    "names", some names in any order; "raises", whether the expression raises.
    """

    number: int  # in its document, from 1
    at: int  # the place of its text among the document's cells; the code cell is the next one
    question: str  # Markdown
    why: str  # Markdown: what explains the answer; empty: nothing
    ask: str  # an expression of the kernel's language
    kind: Kind


@dataclass(frozen=True)
class Truth:
    """The answer to an exercise, as the kernel gave it."""

    kind: Kind
    answer: answers.Answer  # of "shape" a list of ints, of "names" a list of names, of "raises" a bool
    error: str = ""  # of "raises": the name of the exception, where there is one


@dataclass(frozen=True)
class Verdict:
    """What a prediction is worth. `text`: one line; where it is wrong, what differs."""

    right: bool
    text: str
    understood: bool = True  # False: it can't be read as an answer, which is no wrong one


def exercises(document: Document) -> list[Exercise]:
    """Those of a document, in its order. A cell that asks, but before no code cell or of no known kind, is text."""
    found: list[Exercise] = []
    for at, (cell, following) in enumerate(zip(document.cells, document.cells[1:], strict=False)):
        asked = _asked(cell)
        if asked is None or following.kind != "code":
            continue
        ask, kind = asked
        question, why = _parts(cell.source)
        found.append(Exercise(len(found) + 1, at, question, why, ask, kind))
    return found


def truth(kernel: Kernel, exercise: Exercise, *, timeout: float | None = EVALUATES_S) -> Truth:
    """The answer, evaluated after the exercise's code cell has run. Raises LabError where there is none yet."""
    ran = kernel.evaluate(exercise.ask, timeout=timeout)
    if exercise.kind == "raises" and ran.status in ("ok", "error"):
        return Truth("raises", ran.failure is not None, ran.failure.name if ran.failure else "")
    if ran.value is None:
        raise LabError(f"{exercise.ask} has no value here ({ran.failure}); has the cell below the question run?")
    return read_truth(exercise.kind, ran.value)


def read_truth(kind: Kind, text: str) -> Truth:
    """The answer in a value as Python spells it. Raises LabError where it is none of that kind."""
    parts = {"shape": answers.shape, "names": answers.names}.get(kind)
    listed = parts(text) if parts else None
    answer: answers.Answer | None = [*listed] if listed is not None else None if parts else answers.read(text)
    if answer is None:
        raise LabError(f"{text[:60]!r} is no {kind}")
    return Truth(kind, answer)


def check(truth: Truth, typed: str) -> Verdict:
    """Compare a prediction with the answer: floats by about a hundredth, shapes in any spelling, names in any order."""
    if truth.kind == "raises":
        return _raises(truth, typed)
    if truth.kind == "shape":
        predicted = answers.shape(typed)
        return _not_read("a shape", "[2, 3]") if predicted is None else _shape(truth.answer, predicted)
    if truth.kind == "names":
        named = answers.names(typed)
        return _not_read("names", "a, b") if named is None else _names(truth.answer, named)
    value = answers.read(typed, yes_and_no=isinstance(truth.answer, bool), thousands=isinstance(truth.answer, int))
    if value is None:
        return _not_read("a value", answers.example(truth.answer))
    difference = answers.difference(truth.answer, value)
    return Verdict(not difference, difference or f"Right: {answers.spelled(truth.answer)}")


def _raises(truth: Truth, typed: str) -> Verdict:
    yes = answers.yes(typed)
    what = f"it raises {truth.error}" if truth.answer else "it raises nothing"
    if yes is None:  # perhaps the exception's name
        named = re.fullmatch(r"(?:\w+\.)*(\w*(?:Error|Exception|Warning))(?:\(\))?", typed.strip())
        if named is None:
            return _not_read("yes or no", "yes")
        right = named[1] == truth.error
        return Verdict(right, f"Right: {what}" if right else f"{what}, not {named[1]}" if truth.answer else what)
    return Verdict(yes == truth.answer, f"Right: {what}" if yes == truth.answer else what)


def _shape(answer: answers.Answer, predicted: list[int]) -> Verdict:
    if answer == predicted:
        return Verdict(True, f"Right: {answer}")
    assert isinstance(answer, list)
    if len(answer) != len(predicted):
        count = f"{len(answer)} dimension{'' if len(answer) == 1 else 's'}"
        return Verdict(False, f"it is {answer}: {count}, not {len(predicted)}")
    return Verdict(False, f"it is {answer}, not {predicted}")


def _names(answer: answers.Answer, named: list[str]) -> Verdict:
    assert isinstance(answer, list)
    missing = [str(name) for name in answer if name not in named]
    wrong = [name for name in named if name not in answer]
    parts = [f"{what}: {', '.join(some)}" for what, some in (("also", missing), ("not", wrong)) if some]
    return Verdict(not parts, "; ".join(parts) or f"Right: {', '.join(map(str, answer)) or 'none'}")


def _not_read(what: str, example: str) -> Verdict:
    return Verdict(False, f"write {what}, such as {example}", understood=False)


def _asked(cell: Cell) -> tuple[str, Kind] | None:
    metadata = cell.node.get("metadata")
    if cell.kind != "markdown" or not isinstance(metadata, Mapping):
        return None
    ask, kind = metadata.get("ask"), metadata.get("kind")
    if not isinstance(ask, str) or not ask.strip():
        return None
    return next(((ask, one) for one in get_args(Kind) if one == kind), None)


def _parts(text: str) -> tuple[str, str]:
    """The question, and what explains the answer."""
    begins = list(WHY.finditer(text))
    if not begins:
        return text.strip(), ""
    return text[: begins[-1].start()].strip(), text[begins[-1].end() :].strip()
