"""What `lab course` prints: the chapters, where they were copied to, or what of them is done."""

import os
from pathlib import Path

from engine.lab import course as chapters_of
from engine.lab import progress as kept
from tui.cli.output import DONE, console, say


def course(home: Path, lang: str, folder: Path | None, *, progress: bool) -> int:
    """`lang`: "" for the locale's. `folder`: where the chapters are copied to. Raises LabError."""
    language = chapters_of.language(lang, os.environ)
    chapters = chapters_of.chapters(language)
    if folder is not None:
        for copied in chapters_of.copy(chapters, folder):
            say(f"{copied.path}{' (it is there already, and stays as it is)' if copied.was_there else ''}")
    if progress:
        _say_progress(chapters, kept.done(home))
    elif folder is None:
        for chapter in chapters:
            say(f"{chapter.number}  {chapter.title}")
            _say_markdown(chapter.subjects)
    return DONE


def _say_progress(chapters: list[chapters_of.Chapter], done: kept.Done) -> None:
    counts = [(kept.count(done, chapter.name, chapter.exercises), len(chapter.exercises)) for chapter in chapters]
    for chapter, (some, all_of_them) in zip(chapters, counts, strict=True):
        say(f"{chapter.number}  {some:2} of {all_of_them:2}  {chapter.title}")
    say(f"{sum(some for some, _ in counts)} of {sum(count for _, count in counts)} exercises done")


def _say_markdown(text: str) -> None:
    """Without its signs, wrapped at the terminal's width, wide characters counted as two."""
    from rich.markdown import Markdown

    options = console().options.update(width=min(console().width, 100) - 3)
    for line in console().render_lines(Markdown(text, hyperlinks=False), options, pad=False):
        say(f"   {''.join(one.text for one in line).rstrip()}")
