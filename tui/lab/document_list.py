"""What the lab can open: chapters of the course, labs that live, documents that were opened recently."""

import os
from dataclasses import dataclass
from pathlib import Path

from engine.errors import LabError
from engine.home import Home
from engine.lab import course, listing, progress
from engine.terminal_text import path_text
from tui import format as fmt
from tui.lab.words import ENGLISH, LabWords
from tui.recent_files import recent
from tui.widgets.rows import Column, Row

COLUMNS = (
    Column("document", 26),
    Column("exercises", 9, style="test"),
    Column("kernel", 8),
    Column("memory", 8, right=True),
    Column("where", -18, ends=True),
)


@dataclass(frozen=True)
class Listed:
    """A document that can be opened."""

    path: Path
    title: str
    chapter: str = ""  # of the course: its name
    about: str = ""
    done: tuple[int, int] | None = None  # of its exercises, and how many it has
    kernel: str = ""  # the phase of the kernel that lives
    memory: int | None = None  # bytes
    source: Path | None = None  # of a chapter: the program's file, of which the person's copy is made


@dataclass(frozen=True)
class Documents:
    """All of them. `left_out`: what can't be read, a line each."""

    language: str
    listed: tuple[Listed, ...]
    left_out: tuple[str, ...] = ()


def documents(home: Path, language: str) -> Documents:
    """Chapters first; then what lives, then what was opened recently. Reads from the disk."""
    left_out: list[str] = []
    language = course.language(language, os.environ)
    living = {Path(one.document): one for one in _living(home, left_out)}
    done = progress.done(home)
    folder = Home(home).documents / "course" / language
    found = []
    for chapter in course.chapters(language):
        some, total = progress.count(done, chapter.name, chapter.exercises), len(chapter.exercises)
        path = (folder / chapter.path.name).resolve()
        lab = living.pop(path, None)
        found.append(
            Listed(
                path=path,
                title=f"{chapter.number}. {chapter.title}",
                chapter=chapter.name,
                about=chapter.subjects,
                done=(some, total),
                kernel="" if lab is None else lab.phase,
                memory=None if lab is None else lab.memory,
                source=chapter.path,
            )
        )
    chapters = {one.path for one in found}
    paths = list(living)
    try:
        paths += [path for path in recent(Home(home).recent_documents) if path not in living]
    except (OSError, ValueError) as error:
        left_out.append(f"{path_text(Home(home).recent_documents)} can't be read ({error})")
    for path in paths:
        if path not in chapters:
            lab = living.get(path)
            found.append(
                Listed(
                    path,
                    path_text(path.name),
                    kernel="" if lab is None else lab.phase,
                    memory=None if lab is None else lab.memory,
                )
            )
    return Documents(language, tuple(found), tuple(left_out))


def _living(home: Path, left_out: list[str]) -> list[listing.LabSummary]:
    try:
        return listing.living(home)
    except (OSError, LabError) as error:
        left_out.append(f"the running labs can't be listed ({error})")
        return []


def row(one: Listed, words: LabWords = ENGLISH) -> Row:
    """As it stands in the table."""
    where = words.the_course if one.chapter else path_text(one.path.parent)
    memory = "" if one.memory is None else fmt.size(one.memory)
    done = "" if one.done is None else words.exercises_of.format(*one.done)
    return Row(str(one.path), (one.title, done, kernel(one, words), memory, where))


def kernel(one: Listed, words: LabWords) -> str:
    """What its kernel does, in a word or two; "" without one."""
    return words.list_phases.get(one.kernel, one.kernel)


def made(one: Listed) -> Path:
    """The file, which is made where it is a chapter that was not opened before. Raises LabError."""
    if one.source is not None and not one.path.exists():
        course.copy_file(one.source, one.path)
    return one.path
