"""What *Lab* says of a document before it is opened."""

import json
from pathlib import Path

import pytest

from engine.lab import course, document
from tui.lab.outline import LARGEST, Outline, outline

SCRIPT = """\
# %% [markdown]
# # Numbers
# Some words.
# ## One

# %%
# a comment

one = 1
two = 2

# %%
# only a comment
"""


def test_headings_and_how_each_cell_begins(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(SCRIPT)
    assert outline(tmp_path / "a.py") == [
        ("Numbers", True),
        ("One", True),
        ("one = 1", False),
        ("# only a comment", False),
    ]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_chapter_has_one(language: str) -> None:
    for chapter in course.chapters(language):
        found = outline(chapter.path)
        assert sum(heading for _, heading in found) > 3
        assert sum(not heading for _, heading in found) > 3


def test_what_can_not_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.ipynb").write_text("{")
    (tmp_path / "large.py").write_bytes(b"#" * (LARGEST + 1))
    ((why, heading),) = outline(tmp_path / "gone.py")
    assert (why, heading) == ("It can't be read (No such file or directory).", False)
    ((why, _),) = outline(tmp_path / "broken.ipynb")
    assert "broken.ipynb" in why
    ((why, _),) = outline(tmp_path / "large.py")
    assert why.startswith("It is large")


def test_nothing_in_a_document_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    node: dict[str, object] = {
        "cell_type": "code",
        "source": "\tx = '\x1b[2J'",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [node], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    shown = Outline()
    shown.parts = outline(tmp_path / "a.ipynb")
    (line,) = shown.all_lines(30, 5)
    text = "".join(piece for piece, _ in line)
    assert "\x1b" not in text
    assert "\t" not in text
    assert document.LARGEST > LARGEST
