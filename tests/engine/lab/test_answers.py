"""Predictions as people type them, right, wrong and odd."""

import pytest

from engine.lab import answers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        (" -1.5 ", -1.5),
        ("−2", -2),
        ("+4", 4),
        ("1e-3", 0.001),
        ("1/4", 0.25),
        ("3 * 28 * 28", 2352),
        ("10 %", 0.1),
        ("5 - 2 + 1", 4),
        ("5 - 'a'", None),
        ("-'a'", None),
        ("2 ** 3", 8),
        ("138357544*4/2**20", pytest.approx(527.79, abs=0.01)),
        ("138,357,544 × 4 ÷ 1,048,576", pytest.approx(527.79, abs=0.01)),
        ("2^20 - 1", 1_048_575),
        ("3 · 28²", None),
        ("1,234, 5 * 2", [1, 234, 10]),
        ("[1,234 * 2]", [1, 468]),
        ("2 ** -1", None),
        ("2 ** 65", None),
        ("1025 ** 2", None),
        ("2 ** 'a'", None),
        ("[1, open('x')]", None),
        ("nan", pytest.approx(float("nan"), nan_ok=True)),
        ("-inf", float("-inf")),
        ("True", True),
        ("[1, 2]", [1, 2]),
        ("(1, 2.)", [1, 2.0]),
        ("[[1], [2]]", [[1], [2]]),
        ("tensor([4., 2.])", [4.0, 2.0]),
        ("tensor([[4.]], dtype=torch.float64, grad_fn=<MulBackward0>)", [[4.0]]),
        ("tensor(2, dtype=torch.int64)", 2),
        ("array([1, 2])", [1, 2]),
        ("torch.float32", "float32"),
        ("int64", "int64"),
        ("'a word'", "a word"),
        ("ankle boot", "ankle boot"),
        ("[a, b]", ["a", "b"]),
        ("None", "None"),
        ("8 and 4", [8, 4]),
        ("8, 4, and 2.5", [8, 4, 2.5]),
        ("8과 4", [8, 4]),
        ("2 0 -60", [2, 0, -60]),
        ("[[0. 1.]\n [1. 0.]]", [[0.0, 1.0], [1.0, 0.0]]),
        ("'a' and 'b'", ["a", "b"]),
        ("black and white", "black and white"),
        ("8 or 4", None),
        ("", None),
        ("(((", None),
        ("1/0", None),
        ("__import__('os').system('x')", None),
        ("open('x')", None),
        ("[1 for x in y]", None),
        ("9 ** 9 ** 9", None),
        ("[" * 5000, None),
        ("-" * 5000 + "1", None),
        ("9" * 30_000, None),
        ("\x00", None),
    ],
)
def test_what_is_typed_is_read_and_never_executed(text: str, value: object) -> None:
    found = answers.read(text)
    assert found == value
    assert type(found) is type(value) or not isinstance(value, bool)


def test_words_and_commas_are_read_as_the_answer_wants_them() -> None:
    assert answers.read("yes") == "yes"
    assert answers.read("yes", yes_and_no=True) is True
    assert answers.read("no", yes_and_no=True) is False
    assert answers.read("3", yes_and_no=True) == 3
    assert answers.read("1,234") == [1, 234]
    assert answers.read("-1,234,567", thousands=True) == -1234567
    assert answers.read("1, 234", thousands=True) == [1, 234]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("[2, 3]", [2, 3]),
        ("(2, 3)", [2, 3]),
        ("2x3", [2, 3]),
        ("2 × 3", [2, 3]),
        ("2 3", [2, 3]),
        ("2*3", [2, 3]),
        ("torch.Size([2, 3])", [2, 3]),
        ("(3,)", [3]),
        ("3", [3]),
        ("torch.Size([])", []),
        ("()", []),
        ("scalar", []),
        ("[64, 1, 28, 28]", [64, 1, 28, 28]),
        ("", None),
        ("two by three", None),
        ("[2, -3]", None),
        ("2.5", None),
        ("[" + "9" * 50 + "]", None),
    ],
)
def test_a_shape_in_any_spelling(text: str, sizes: list[int] | None) -> None:
    assert answers.shape(text) == sizes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a, b", ["a", "b"]),
        ("b a", ["b", "a"]),
        ("a and b", ["a", "b"]),
        ("['a', 'b']", ["a", "b"]),
        ("{'linear.weight'}", ["linear.weight"]),
        ("a; a", ["a"]),
        ("a와 b", ["a", "b"]),
        ("a 과 b", ["a", "b"]),
        ("band, land.weight", ["band", "land.weight"]),
        ("none", []),
        ("없음", []),
        ("", []),
        ("set()", []),
        ("a + b", None),
        ("1, 2", None),
    ],
)
def test_names_in_any_order(text: str, found: list[str] | None) -> None:
    assert answers.names(text) == found


@pytest.mark.parametrize(
    ("text", "found"), [("Yes", True), ("no.", False), ("네", True), ("아니요", False), ("perhaps", None)]
)
def test_yes_and_no(text: str, found: bool | None) -> None:
    assert answers.yes(text) == found


@pytest.mark.parametrize(
    ("answer", "typed", "text"),
    [
        (4, 4, ""),
        (4, 4.0, ""),
        (4, 5, "it is 4, not 5"),
        (4, True, "it is 4, not True"),
        (1, True, "it is 1, not True"),
        (2.302585, 2.3, ""),
        (1 / 3, 0.33, ""),
        (2.302585, 2.2, "it is 2.30259, not 2.2"),
        (0.0, 0.0000001, ""),
        (float("nan"), float("nan"), ""),
        (float("inf"), 1e300, "it is inf, not 1e+300"),
        (5, "word", "it is 5, not word"),
        ("torch.float32", "float32", ""),
        ("Ankle Boot", "ankle boot", ""),
        ([4.0, 2.0], [4, 2], ""),
        ([4.0, 2.0], [2, 4], "at [0] it is 4, not 2 (2 of 2 differ)"),
        ([[1, 2], [3, 4]], [[1, 2], [3, 5]], "at [1, 1] it is 4, not 5"),
        ([1, 2, 3], [1, 2], "it is [1, 2, 3]: its shape is [3], not [2]"),
        ([[1], [2, 3]], [[1, 2], [3]], "at [0] it is [1], not [1, 2] (2 of 2 differ)"),
        ([5], 5, ""),
        ([5], 6, "it is [5], not 6"),
        (True, 1, "it is True, not 1"),
        ([], [], ""),
        ([1, 2], 1, "it is [1, 2], not 1"),
        (1, [1], "it is 1, not [1]"),
    ],
)
def test_what_differs_is_said_in_one_line(answer: answers.Answer, typed: answers.Answer, text: str) -> None:
    assert answers.difference(answer, typed) == text


def test_what_commands_a_terminal_is_not_repeated() -> None:
    assert "\x1b" not in answers.difference("a", "\x1b[2J")
