"""A cell as lines: what does not fit into one is on the next."""

import re

import pytest
from rich.cells import cell_len
from rich.segment import Segment

from tui.lab.blocks import FOLDED, folded, wrapped


def text(line: list[Segment]) -> str:
    return "".join(one.text for one in line)


@pytest.mark.parametrize(
    "code",
    [
        "short = 1",
        "    values = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)  # two rows of three",
        "x = 1  # 한국어로 쓴 긴 설명이 여기에 있고, 화면보다 훨씬 더 길게 계속 이어집니다",
        " " * 60 + "deep = 1",
        "a" * 200,
    ],
)
@pytest.mark.parametrize("room", [4, 20, 33, 80])
def test_a_line_of_code_is_whole_in_as_many_lines_as_it_needs(code: str, room: int) -> None:
    parts = [Segment(code[at : at + 7]) for at in range(0, len(code), 7)]  # as highlighting cuts it
    lines = folded(parts, room)
    assert all(cell_len(text(line)) <= room for line in lines)
    indent = len(text(lines[1])) - len(text(lines[1]).lstrip(" ")) if len(lines) > 1 else 0
    begins = min(len(code) - len(code.lstrip(" ")) + FOLDED, room // 2)
    assert "".join([text(lines[0]), *(text(line)[begins:] for line in lines[1:])]) == code
    assert len(lines) == 1 or indent >= begins


def test_a_line_of_code_is_broken_between_its_words() -> None:
    code = 'print(image.shape, image.dtype, "from", image.min().item(), "to", image.max().item())'
    lines = [text(line) for line in folded([Segment(code)], 60)]
    assert [line.strip() for line in lines] == [
        'print(image.shape, image.dtype, "from", image.min().item(),', '"to", image.max().item())'
    ]  # fmt: skip
    assert lines[1].startswith(" " * FOLDED + '"to"')


@pytest.mark.parametrize("room", [24, 30, 61, 75])
def test_a_tensor_is_broken_between_its_values(room: int) -> None:
    values = [f"{number / 7:.4f}" for number in range(12)]
    lines = wrapped(f"tensor([[{', '.join(values)}]])", room)
    assert all(cell_len(line) <= room for line in lines)
    assert re.findall(r"\d+\.\d+", "\n".join(lines)) == values
    assert all(line.startswith(("         0", "         1")) for line in lines[1:])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("short", ["short"]),
        ("", [""]),
        ("a" * 25, ["a" * 10, "a" * 10, "a" * 5]),
        ("one two three four", ["one two", "three four"]),
        ("a " + "b" * 20, ["a bbbbbbbb", "bbbbbbbbbb", "bb"]),  # a space near the beginning would leave the line empty
        ("  deep and long", ["  deep and", "  long"]),
        ("가나다라 마바사 아", ["가나다라", "마바사 아"]),
        ("가나다라마바사", ["가나다라마", "바사"]),
    ],
)
def test_a_line_of_an_output_is_broken_at_spaces_where_that_leaves_no_gap(text: str, parts: list[str]) -> None:
    assert list(wrapped(text, 10)) == parts


def test_in_hardly_any_room_a_line_is_broken_too() -> None:
    assert "".join(wrapped("    tensor([[1, 2]])", 1)).replace(" ", "") == "tensor([[1,2]])"
    assert "".join(wrapped("한국어", 1)) == "한국어"
