"""What goes to a terminal: nothing in it commands the terminal, and everything is in the characters that it has."""

import ast
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine import terminal_text
from engine.terminal_text import in_cells, shown, shown_lines

ROOT = Path(__file__).parents[2]
ENCODINGS = ["utf-8", "ascii", "iso8859-1", "iso8859-15", "koi8-r", "euc_jp"]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    terminal_text.use_encoding("utf-8")


@pytest.mark.parametrize(
    ("encoding", "text", "is_shown"),
    [
        ("utf-8", "lr 1e-3 → 3e-4 · naïve 漢字", "lr 1e-3 → 3e-4 · naïve 漢字"),
        ("utf-8", "a\x1b[31m\x07\r\n\x9b", "a\\x1b[31m\\x07\\r\\n\\x9b"),
        ("utf-8", "\u202egnirts \udce9", "\\u202egnirts \\udce9"),
        ("ascii", "1 – 2 → 3 × 4…", "1 - 2 > 3 x 4~"),
        ("ascii", "naïve 漢", "na\\xefve \\u6f22"),
        ("iso8859-1", "naïve 512×784 → 漢", "naïve 512x784 > \\u6f22"),
        ("koi8-r", "модель naïve", "модель na\\xefve"),
        ("euc_jp", "漢字\x1b", "漢字\\x1b"),
    ],
)
def test_text_is_shown_as_far_as_the_terminal_has_it(encoding: str, text: str, is_shown: str) -> None:
    terminal_text.use_encoding(encoding)
    assert shown(text) == is_shown
    assert shown_lines(f"{text.replace(chr(10), '')}\nb") == f"{is_shown.replace(chr(92) + 'n', '')}\nb"


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=st.text())
def test_whatever_a_text_is_it_can_be_written_and_commands_nothing(encoding: str, text: str) -> None:
    terminal_text.use_encoding(encoding)
    for made in (shown(text), in_cells(text)):
        made.encode(encoding)
        assert not [one for one in made if unicodedata.category(one) == "Cc" or one in terminal_text.TURNING]
    assert shown(shown(text)) == shown(text)
    assert "\n" not in shown(text)
    text.encode(encoding, terminal_text.ERRORS)


@pytest.mark.parametrize("encoding", ["ascii", "iso8859-1"])
@pytest.mark.parametrize("text", ["┌─┬─┐ │ ┤┘ ━━━ ┃ ┊", "⠀⠒⠤⣿", "▁▂▃▄▅▆▇█", "a漢字e\u0301 é", "✓ ● ▽ ✗ ▸ “a” ’"])
def test_what_is_laid_out_already_keeps_its_width(encoding: str, text: str) -> None:
    terminal_text.use_encoding(encoding)
    assert cell_len(in_cells(text)) == cell_len(text)
    written = text.encode(encoding, terminal_text.ERRORS).decode(encoding)
    assert cell_len(written) == cell_len(text)


def test_every_sign_of_the_programs_own_has_a_plain_form_of_its_width() -> None:
    terminal_text.use_encoding("ascii")
    signs = set[str]()
    for folder in ("engine", "tui"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    signs |= {one for one in node.value if ord(one) > 0x9F}
    assert len(signs) > 50
    signs = {one for one in signs if one.isprintable() and (not one.isalpha() or one in terminal_text.PLAIN)}
    assert {one for one in signs if "\\" in shown(one) or "?" in in_cells(one)} == set()
    assert {one for one in signs if cell_len(one) != cell_len(shown(one))} == set()
