"""The course of the lab: chapters, each a document, in English and in Korean. This folder holds them by language."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import private
from engine.errors import LabError
from engine.lab.document import Document, open_document
from engine.lab.exercises import Exercise, exercises
from engine.terminal_text import path_text, printable

LANGUAGES = ("en", "ko")
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Chapter:
    """One document of the course."""

    number: int
    title: str
    subjects: str  # a sentence
    path: Path
    exercises: tuple[Exercise, ...]

    @property
    def name(self) -> str:
        """The same in all languages."""
        return self.path.stem


@dataclass(frozen=True)
class Copied:
    """A chapter's file in a person's folder."""

    path: Path
    was_there: bool  # and was left as it is


def chapters(language: str) -> list[Chapter]:
    """Those of a language, in their order; one that is not there in it is in English."""
    english = sorted((FOLDER / LANGUAGES[0]).glob("[0-9]_*.py"))
    own = (FOLDER / language / path.name for path in english)
    return [_chapter(one if one.exists() else path) for path, one in zip(english, own, strict=True)]


def language(given: str, environment: Mapping[str, str]) -> str:
    """The language that is meant: `given`, else that of the locale, else English. Raises LabError for another one."""
    if given:
        if given not in LANGUAGES:
            raise LabError(f"the course is not there in {printable(given, 20)!r}; choose from {', '.join(LANGUAGES)}")
        return given
    locales = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next((one for one in locales if one), "").lower()
    return "ko" if locale.partition(".")[0].partition("_")[0] in ("ko", "korean") else "en"


def copy(course: list[Chapter], folder: Path) -> list[Copied]:
    """The chapters in a folder, which is made; a file that is there already is not overwritten. Raises LabError."""
    copied = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chapter in course:
            path = folder / chapter.path.name
            copied.append(Copied(path, not _written(path, chapter.path.read_bytes())))
    except OSError as error:
        raise LabError(f"cannot write to {path_text(folder)} ({error.strerror})") from error
    return copied


def copy_file(chapter: Path, path: Path) -> None:
    """One chapter's file as a person's own, where that is not there yet. Raises LabError."""
    try:
        private.folder(path.parent)
        if _written(path, chapter.read_bytes()):
            path.chmod(private.FILE)
    except OSError as error:
        raise LabError(f"cannot write {path_text(path)} ({error.strerror})") from error


def _written(path: Path, content: bytes) -> bool:
    """Write a new file. False where the name is taken."""
    try:
        with path.open("xb") as file:
            try:
                file.write(content)
            except OSError:
                with contextlib.suppress(OSError):
                    path.unlink()
                raise
    except FileExistsError:
        return False
    return True


def _chapter(path: Path) -> Chapter:
    document = open_document(path)
    title, subjects = _heading(document)
    return Chapter(int(path.stem.partition("_")[0]), title, subjects, path, tuple(exercises(document)))


def _heading(document: Document) -> tuple[str, str]:
    """The heading of the first cell, without its number, and the paragraph below it."""
    first, *paragraphs = document.cells[0].source.split("\n\n")
    title = first.removeprefix("# ").strip()
    number, dot, rest = title.partition(". ")
    return (rest if dot and number.isdigit() else title), " ".join(paragraphs[0].split()) if paragraphs else ""
