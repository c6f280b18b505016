"""The exercises of a document: a text cell right before a code cell asks for a prediction of what that cell does, and
its metadata have the expression whose value is the answer: `# %% [markdown] ask="n.tolist()" kind="value"`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from engine.errors import LabError
from engine.lab import answers, exercise_words
from engine.lab.document import Cell, Document
from engine.lab.exercise_words import LANGUAGES, ExerciseWords
from engine.lab.kernel import Kernel

Kind = Literal["value", "shape", "names", "raises"]
# The beginning of the paragraph that explains the answer.
WHY = re.compile(rf"(?:^|\n\s*\n)({'|'.join(re.escape(one.why) for one in LANGUAGES.values())})\s*", re.ASCII)
EXCEPTION = re.compile(r"(?:\w+\.)*(\w*(?:Error|Exception|Warning|Interrupt|Iteration|Exit))\b(?:\(\))?", re.ASCII)
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
    lang: str = (
        ""  # of LANGUAGES: what its explanation, or that of the first exercise there, begins with; "": not known
    )


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
        question, why, lang = _parts(cell.source)
        found.append(Exercise(len(found) + 1, at, question, why, ask, kind, lang))
    known = language(found, "")
    return [one if one.lang else replace(one, lang=known) for one in found]


def language(found: Iterable[Exercise], otherwise: str) -> str:
    """What a document of these exercises is written in: what the first of them is that tells it."""
    return next((one.lang for one in found if one.lang), otherwise)


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


def unreadable(kind: Kind, typed: str, lang: str = "en") -> str:
    """Why what is typed can't be an answer of that kind, in one line, before the cell runs and shows the right one; ""
    where it can."""
    words = exercise_words.words(lang)
    read: object
    if kind == "value":
        read = answers.read(typed, yes_and_no=True, thousands=True)
    else:
        read = {"shape": answers.shape, "names": answers.names, "raises": _raising}[kind](typed)
    return words.write.format(words.typed[kind]) if read is None else ""


def check(truth: Truth, typed: str, lang: str = "en") -> Verdict:
    """Compare a prediction with the answer: floats by about a hundredth, shapes in any spelling, names in any order.
    `lang`: what the verdict is in, "en" or "ko"."""
    words = exercise_words.words(lang)
    if truth.kind == "raises":
        return _raises(truth, typed, words)
    if truth.kind == "shape":
        predicted = answers.shape(typed)
        if predicted is None:
            return _not_read("shape", words)
        return _shape(truth.answer, predicted, words)
    if truth.kind == "names":
        named = answers.names(typed)
        return _not_read("names", words) if named is None else _names(truth.answer, named, words)
    value = answers.read(typed, yes_and_no=isinstance(truth.answer, bool), thousands=isinstance(truth.answer, int))
    if value is None:
        return _not_read("value", words)
    if isinstance(truth.answer, bool) and isinstance(value, bool) and typed.strip().lower() not in ("true", "false"):
        right, said = truth.answer == value, [words.yes if one else words.no for one in (truth.answer, value)]
        return Verdict(right, words.right.format(said[0]) if right else words.other.format(*said))
    difference = answers.difference(truth.answer, value, words)
    return Verdict(not difference, difference or words.right.format(answers.spelled(truth.answer)))


def _raises(truth: Truth, typed: str, words: ExerciseWords) -> Verdict:
    said = _raising(typed)
    if said is None:
        return _not_read("raises", words)
    raises, name = said
    right = raises == truth.answer and name in ("", truth.error)
    what = words.raises.format(truth.error) if truth.answer else words.raises_nothing
    if truth.answer and raises and not right:
        what = words.raises_other.format(truth.error, name)
    return Verdict(right, words.right.format(what) if right else what)


def _raising(typed: str) -> tuple[bool, str] | None:
    """Whether it says that something is raised, and what, "" where it does not say that: "no", "yes", "RuntimeError",
    "yes, a RuntimeError". None: it says neither."""
    named = EXCEPTION.search(typed)
    rest = typed if named is None else typed[: named.start()] + typed[named.end() :]
    yes = answers.yes(typed)
    if yes is None and named is not None:
        first = re.match(r"\W*(\w+)", rest)
        yes = answers.yes(first[1]) if first else None
        return None if yes is False else (True, named[1])
    return None if yes is None else (yes, "")


def _shape(answer: answers.Answer, predicted: list[int], words: ExerciseWords) -> Verdict:
    if answer == predicted:
        return Verdict(True, words.right.format(answer))
    assert isinstance(answer, list)
    if len(answer) != len(predicted):
        template = words.one_dimension if len(answer) == 1 else words.dimensions
        return Verdict(False, template.format(answer, len(answer), len(predicted)))
    return Verdict(False, words.other.format(answer, predicted))


def _names(answer: answers.Answer, named: list[str], words: ExerciseWords) -> Verdict:
    assert isinstance(answer, list)
    missing = [str(name) for name in answer if name not in named]
    wrong = [name for name in named if name not in answer]
    both = ((words.also, missing), (words.not_these, wrong))
    parts = [template.format(", ".join(some)) for template, some in both if some]
    right = words.right.format(", ".join(map(str, answer)) or words.none)
    return Verdict(not parts, "; ".join(parts) or right)


def _not_read(kind: Kind, words: ExerciseWords) -> Verdict:
    return Verdict(False, words.write.format(words.typed[kind]), understood=False)


def _asked(cell: Cell) -> tuple[str, Kind] | None:
    metadata = cell.node.get("metadata")
    if cell.kind != "markdown" or not isinstance(metadata, Mapping):
        return None
    ask, kind = metadata.get("ask"), metadata.get("kind")
    if not isinstance(ask, str) or not ask.strip():
        return None
    return next(((ask, one) for one in get_args(Kind) if one == kind), None)


def _parts(text: str) -> tuple[str, str, str]:
    """The question, what explains the answer, and the language that this begins in."""
    begins = list(WHY.finditer(text))
    if not begins:
        return text.strip(), "", ""
    last = begins[-1]
    lang = next(name for name, words in LANGUAGES.items() if words.why == last[1])
    return text[: last.start()].strip(), text[last.end() :].strip(), lang
