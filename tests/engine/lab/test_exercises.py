"""Exercises: found in documents, their truth from a kernel, predictions compared with it."""

from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from engine.errors import LabError
from engine.lab import exercise_words
from engine.lab.course import LANGUAGES
from engine.lab.document import open_document
from engine.lab.exercises import Exercise, Kind, Truth, check, exercises, language, read_truth, truth, unreadable
from engine.lab.kernel import Kernel

TEXT = """\
# %% [markdown]
# # A chapter
# %% [markdown] ask="x.shape" kind="shape"
# What shape has `x`?
#
# Think!
#
# Why: two rows.
# And three columns.
# %%
x = 1
# %% [markdown] ask="f(d['k'])[0]" kind="value"
# 무엇일까요?
#
# 이유: 그렇습니다.
# %%
y = 2
# %% [markdown] ask="y" kind="value"
# Before text: no exercise.
# %% [markdown] ask="y" kind="colour"
# Of no known kind.
# %%
z = 3
# %% [markdown] ask="" kind="value"
# Asks nothing.
# %%
# %% [markdown] ask="y" kind="value"
# At the end.
"""


def test_exercises_are_found_with_their_question_and_why(tmp_path: Path) -> None:
    path = tmp_path / "chapter.py"
    path.write_text(TEXT, encoding="utf-8")
    assert exercises(open_document(path)) == [
        Exercise(1, 1, "What shape has `x`?\n\nThink!", "two rows.\nAnd three columns.", "x.shape", "shape", "en"),
        Exercise(2, 3, "무엇일까요?", "그렇습니다.", "f(d['k'])[0]", "value", "ko"),
    ]


def test_an_exercise_has_the_language_of_its_explanation_or_of_the_first_one_there(tmp_path: Path) -> None:
    asks = '# %% [markdown] ask="x" kind="value"\n# 몇일까요?\n{}# %%\nx = 1\n'
    path = tmp_path / "own.py"
    for whys, langs in (
        (("", "#\n# 이유: 그래서.\n", "#\n# Why: so.\n"), ["ko", "ko", "en"]),
        (("", ""), ["", ""]),
        (("#\n# Why so?\n", "#\n# Why: so.\n"), ["en", "en"]),
    ):
        path.write_text("".join(map(asks.format, whys)), encoding="utf-8")
        found = exercises(open_document(path))
        assert [one.lang for one in found] == langs
        assert language(found, "fr") == (langs[0] or "fr")


@pytest.mark.parametrize(
    ("kind", "typed", "reads"),
    [
        ("value", "[1, 2", False),
        ("value", "8 and 4", True),
        ("value", "예", True),
        ("value", "1,234", True),
        ("shape", "round", False),
        ("shape", "2x3", True),
        ("names", "a + b", False),
        ("names", "없음", True),
        ("raises", "maybe", False),
        ("raises", "no, RuntimeError", False),
        ("raises", "예, RuntimeError", True),
    ],
)
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_what_can_not_be_read_is_known_before_the_cell_runs(kind: Kind, typed: str, reads: bool, lang: str) -> None:
    said = unreadable(kind, typed, lang)
    assert (said == "") == reads
    assert reads or said.isascii() == (lang == "en")


def test_each_language_says_all_that_is_said() -> None:
    assert set(exercise_words.LANGUAGES) == set(LANGUAGES)
    for one in exercise_words.LANGUAGES.values():
        assert set(one.typed) == set(get_args(Kind))
        texts = [text for text in vars(one).values() if isinstance(text, str)]
        assert all(texts)
        for name, text in vars(exercise_words.ENGLISH).items():  # the same things are put in
            assert name == "typed" or _fields(text) >= _fields(getattr(one, name))


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


@pytest.mark.parametrize(
    ("kind", "true", "typed", "right", "text"),
    [
        ("value", "[4.0, 2.0]", "4, 2", True, "Right: [4, 2]"),
        ("value", "669706", "669,706", True, "Right: 669706"),
        ("value", "669706", "669_706", True, "Right: 669706"),
        ("value", "True", "yes", True, "Right: yes"),
        ("value", "False", "y", False, "it is no, not yes"),
        ("value", "True", "true", True, "Right: True"),
        ("value", "True", "False", False, "it is True, not False"),
        ("value", "'torch.int64'", "torch.int64", True, "Right: torch.int64"),
        ("value", "3", "?", False, "write a value, such as 3, [1, 2] or float32"),
        ("shape", "torch.Size([2, 3])", "2x3", True, "Right: [2, 3]"),
        ("shape", "(2, 3)", "[3, 2]", False, "it is [2, 3], not [3, 2]"),
        ("shape", "(6,)", "2, 3", False, "it is [6]: 1 dimension, not 2"),
        ("shape", "(6,)", "flat", False, "write a shape, such as [2, 3]"),
        ("names", "['t', 'n']", "n and t", True, "Right: t, n"),
        ("names", "['t', 'n']", "n, u, v", False, "missing: t; wrong: u, v"),
        ("names", "[]", "none", True, "Right: none"),
        ("names", "{'a'}", "a + b", False, "write names, such as a, b; or none"),
    ],
)
def test_a_prediction_is_compared_with_the_truth(kind: Kind, true: str, typed: str, right: bool, text: str) -> None:
    verdict = check(read_truth(kind, true), typed)
    assert (verdict.right, verdict.text) == (right, text)
    assert verdict.understood == (not text.startswith("write"))


@pytest.mark.parametrize(
    ("error", "typed", "right", "text"),
    [
        ("RuntimeError", "yes", True, "Right: it raises RuntimeError"),
        ("RuntimeError", "no", False, "it raises RuntimeError"),
        ("RuntimeError", "RuntimeError", True, "Right: it raises RuntimeError"),
        ("RuntimeError", "Yes, a RuntimeError.", True, "Right: it raises RuntimeError"),
        ("RuntimeError", "yes, IndexError", False, "it raises RuntimeError, not IndexError"),
        ("RuntimeError", "예, RuntimeError가 발생합니다", True, "Right: it raises RuntimeError"),
        ("StopIteration", "StopIteration", True, "Right: it raises StopIteration"),
        ("RuntimeError", "no RuntimeError", False, "write yes or no, or the exception's name"),
        ("", "yes, RuntimeError", False, "it raises nothing"),
        ("RuntimeError", "builtins.TypeError", False, "it raises RuntimeError, not TypeError"),
        ("", "no", True, "Right: it raises nothing"),
        ("", "예", False, "it raises nothing"),
        ("", "ValueError", False, "it raises nothing"),
        ("", "maybe", False, "write yes or no, or the exception's name"),
    ],
)
def test_a_prediction_of_what_raises(error: str, typed: str, right: bool, text: str) -> None:
    verdict = check(Truth("raises", bool(error), error), typed)
    assert (verdict.right, verdict.text) == (right, text)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with Kernel("python3", tmp_path_factory.mktemp("work")) as started:
        started.run("import torch\nt = torch.ones(2, 3)\nshared = {'t', 'n'}")
        yield started


@pytest.mark.parametrize(
    ("ask", "kind", "expected"),
    [
        ("t.shape", "shape", Truth("shape", [2, 3])),
        ("t.sum().shape", "shape", Truth("shape", [])),
        ("t.tolist()", "value", Truth("value", [[1.0] * 3] * 2)),
        ("torch.arange(2000).tolist()[-1]", "value", Truth("value", 1999)),
        ("str(t.dtype)", "value", Truth("value", "torch.float32")),
        ("t.is_leaf", "value", Truth("value", True)),
        ("sorted(shared)", "names", Truth("names", ["n", "t"])),
        ("t @ t", "raises", Truth("raises", True, "RuntimeError")),
        ("t + t", "raises", Truth("raises", False)),
    ],
)
def test_the_truth_is_the_kernels(kernel: Kernel, ask: str, kind: Kind, expected: Truth) -> None:
    assert truth(kernel, Exercise(1, 0, "", "", ask, kind)) == expected


@pytest.mark.parametrize(
    ("ask", "kind", "words"),
    [
        ("nowhere", "value", "nowhere has no value here (NameError"),
        ("t.sum", "shape", "is no shape"),
        ("object()", "value", "is no value"),
    ],
)
def test_what_has_no_truth_is_one_line(kernel: Kernel, ask: str, kind: Kind, words: str) -> None:
    with pytest.raises(LabError) as raised:
        truth(kernel, Exercise(1, 0, "", "", ask, kind))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_notebook_keeps_the_exercises_of_a_script(tmp_path: Path) -> None:
    path = tmp_path / "chapter.py"
    path.write_text(TEXT, encoding="utf-8")
    document = open_document(path)
    document.save(tmp_path / "chapter.ipynb")
    assert exercises(open_document(tmp_path / "chapter.ipynb")) == exercises(document)


def test_a_verdict_may_be_in_korean() -> None:
    assert check(Truth("shape", [2, 3]), "[2, 3]", "ko") == check(Truth("shape", [2, 3]), "(2, 3)", "ko")
    assert check(Truth("shape", [2, 3]), "[2, 3]", "ko").text == "맞았습니다: [2, 3]"
    assert check(Truth("value", [1.0, 2.0]), "[1, 3]", "ko").text == "[1] 위치의 값은 2입니다 (입력: 3)"
    assert check(Truth("raises", True, "RuntimeError"), "ValueError", "ko").text == (
        "RuntimeError 예외가 발생합니다 (입력: ValueError)"
    )
    assert check(Truth("value", True), "네", "ko").text == "맞았습니다: 예"
    assert check(Truth("names", ["a", "b"]), "b, c", "ko").text == "빠진 이름: a; 해당하지 않는 이름: c"
    assert not check(Truth("value", 3), "?!", "ko").understood
    assert "예: 3" in check(Truth("value", 3), "?!", "ko").text
