"""Which exercises of the course a person has done: a small file in the home folder. An exercise is known by what it
asks for, so it stays done in another language, and when others are put before it."""

import json
from pathlib import Path

from engine import atomic, plain_file, private
from engine.errors import LabError
from engine.home import Home
from engine.lab.exercises import Exercise
from engine.terminal_text import path_text

VERSION = 1
Done = dict[str, frozenset[str]]  # the name of a chapter, and what its exercises ask for


def done(home: Path) -> Done:
    """What is done so far. A file that can't be read counts as nothing."""
    try:
        content = json.loads(plain_file.read(Home(home).lab_progress).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    listed = content.get("done") if isinstance(content, dict) else None
    if not isinstance(listed, dict):
        return {}
    return {
        chapter: frozenset(one for one in asked if isinstance(one, str))
        for chapter, asked in listed.items()
        if isinstance(asked, list)
    }


def mark(home: Path, chapter: str, exercise: Exercise) -> None:
    """Keep that an exercise is done. Raises LabError where that can't be written."""
    now = done(home)
    if exercise.ask in now.get(chapter, frozenset()):
        return
    now[chapter] = now.get(chapter, frozenset()) | {exercise.ask}
    content = {"v": VERSION, "done": {name: sorted(asked) for name, asked in sorted(now.items())}}
    path = Home(home).lab_progress
    try:
        private.folder(path.parent)
        atomic.write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise LabError(f"cannot write {path_text(path)} ({error.strerror})") from error


def count(now: Done, chapter: str, exercises: tuple[Exercise, ...]) -> int:
    """How many of these are done."""
    return sum(exercise.ask in now.get(chapter, frozenset()) for exercise in exercises)
