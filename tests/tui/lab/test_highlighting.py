"""Python as styled lines: what was edited of a long source, against all of it."""

import random

import pytest

from tui.lab import highlighting
from tui.lab.highlighting import LONG, code_lines, edited_lines

CODE = [
    "import torch", "def f(x: int = 3) -> str:", '    """A text', "    in quotes: if x else 3", '    """',
    '    return f"{x!r} and {x:>3}" + \'it\\\'s\'  # why', "@decorator(1)", "class A(B):", "    pass", "",
    "x = [1, 2,", "     0x1F, 1e-3]", "y = x \\", "    + 1", "'open", "한글 = '값'",
]  # fmt: skip
PARTS = ["x", "\n", '"', "'", '"""', "#", "\\", " ", "\n    if True:\n", "import os", ")", "0", "f'{"]


@pytest.mark.parametrize("seed", range(40))
def test_what_is_edited_looks_as_if_all_had_been_read(seed: int) -> None:
    chance = random.Random(seed)
    text = "\n".join(chance.choice(CODE) for _ in range(LONG + 20))
    lines = code_lines(text)
    for _ in range(30):
        at = chance.randrange(len(text) + 1)
        end = at if chance.random() < 0.6 else min(len(text), at + chance.randrange(60))
        after = text[:at] + (chance.choice(PARTS) if end == at else "") + text[end:]
        lines, text = edited_lines(text, lines, after, "python"), after
        assert lines == code_lines(text)


def test_a_key_in_a_long_source_does_not_read_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(f"x{number} = {number}  # a line" for number in range(2000))
    lines = code_lines(text)
    read: list[int] = []

    def counted(source: str, language: str = "python") -> highlighting.Lines:
        read.append(len(source))
        return code_lines(source, language)

    monkeypatch.setattr(highlighting, "code_lines", counted)
    after = text.replace("x1000 =", "x1000y =")
    assert edited_lines(text, lines, after, "python") == code_lines(after)
    assert max(read) < 200
