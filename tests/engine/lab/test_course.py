"""The course: every chapter runs, its exercises have the answers that they should, its figures are the tutorial's."""

import io
import json
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from markdown_it import MarkdownIt

from engine.errors import LabError
from engine.home import Home
from engine.lab import course, progress
from engine.lab.document import Cell, open_document
from engine.lab.exercises import Exercise, Kind, check, truth
from engine.lab.kernel import Kernel
from engine.lab.outputs import text_of

ENGLISH = {chapter.name: chapter for chapter in course.chapters("en")}

# What the outputs of a chapter have, whatever the data and the machine.
FIGURES = {
    "1_tensors": ["[2. 2. 2. 2.] [1. 1. 1. 1.]", "[ 5., 11.]", "torch.Size([8, 28, 28])"],
    "2_data": [
        "9 Ankle Boot", "60 torch.Size([1, 28, 28]) 10 classes", "torch.Size([64, 1, 28, 28]) torch.Size([64])",
        "3 batches: [25, 25, 10]",
    ],
    "3_transforms": ["torch.Size([1, 28, 28]) torch.float32", "tensor([0., 0., 0., 1., 0., 0., 0., 0., 0., 0.])"],
    "4_model": [
        "torch.Size([3, 28, 28])", "torch.Size([3, 784])", "torch.Size([3, 20])", "669,706 parameters",
        "(0): Linear(in_features=784, out_features=512, bias=True)", "linear_relu_stack.0.weight  [512, 784]",
        "linear_relu_stack.2.bias    [512] ", "linear_relu_stack.4.weight  [10, 512]",
    ],
    "5_autograd": [
        "tensor([[4., 2., 2., 2., 2.],", "tensor([[8., 4., 4., 4., 4.],",
        "Trying to backward through the graph a second", "head.bias    has a gradient", "tensor([ 2.,  0., 60.])",
    ],
    "6_optimisation": ["94\n", "first losses: [2.3", "epoch 1: accuracy ", "SGD      2.3", "RMSprop  2.3"],
    "7_save_and_load": [
        "hidden.weight [16, 784]", "138,357,544 parameters", "527.8 MiB", "torch.Size([1, 512, 7, 7])",
        "this line was printed by a file that was only opened",
    ],
}  # fmt: skip
# Right predictions for a chapter's exercises, as a person types them.
ANSWERS = {
    "1_tensors": ["float32", "2, 2, 2, 2", "a and c", "[0, 0, 9]", "8x28x28", "RuntimeError"],
    "2_data": ["[1, 28, 28]", "yes", "60", "TROUSER", "64, 1, 28, 28", "[25, 25, 10]"],
    "3_transforms": ["[1, 20, 40]", "1/5", "51", "[[0, 0, 1], [1, 0, 0]]", "yes", "-1, 1"],
    "4_model": [
        "1, 1, 1", "3x784", "3x20", "yes", "[0, 0, 2]", "Linear", "784*512 + 512 + 512*512 + 512 + 512*10 + 10",
    ],
    "5_autograd": ["w, b", "yes", "p", "head.weight, head.bias", "[8, 4]", "[4, 2]", "[2, 0, 60]"],
    "6_optimisation": ["94", "2.303", "yes", "3", "0.7", "0.1", "[0.1, 0.1]"],
    "7_save_and_load": [
        "hidden.weight hidden.bias output.weight output.bias", "yes", "yes", "[0, 2]", "yes", "528", "UnpicklingError",
    ],
}  # fmt: skip


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is the demo data only."""
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


@pytest.fixture
def kernel(no_data: None, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "work").mkdir()
    with Kernel("python3", tmp_path / "work") as started:
        yield started


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGLISH)
def test_a_chapter_runs_and_its_exercises_have_their_answers(kernel: Kernel, name: str, tmp_path: Path) -> None:
    chapter = ENGLISH[name]
    document = open_document(chapter.path)
    asked = {exercise.at + 1: exercise for exercise in chapter.exercises}
    texts, truths = [], []
    for at, cell in enumerate(document.cells):
        if cell.kind != "code":
            continue
        ran = kernel.run(cell.source, timeout=120)
        assert ran.status == "ok", f"{cell.source}\n{ran.failure}"
        texts += [text_of(node) for node in ran.outputs.nodes()]
        if at in asked:
            truths.append(truth(kernel, asked[at]))
    for exercise, true, typed in zip(chapter.exercises, truths, ANSWERS[name], strict=True):
        assert true.kind == exercise.kind
        assert check(true, typed).right, f"{exercise.ask}: {check(true, typed).text}"
    whole = "".join(texts)
    for figure in FIGURES[name]:
        assert figure in whole
    assert not list((tmp_path / "work").iterdir())  # files go into a temporary folder


@pytest.mark.parametrize("name", ENGLISH)
def test_a_chapter_is_made_of_short_cells_and_exercises_that_explain(name: str) -> None:
    chapter = ENGLISH[name]
    document = open_document(chapter.path)
    assert document.cells[0].kind == "markdown"
    assert chapter.title
    assert chapter.subjects.endswith(".")
    assert 5 <= len(chapter.exercises) <= 7
    assert len({exercise.ask for exercise in chapter.exercises}) == len(chapter.exercises)  # progress knows them by it
    for exercise in chapter.exercises:
        assert exercise.why, exercise.ask
        assert "?" in exercise.question, exercise.ask
    asking = [cell for cell in document.cells if "ask" in cell.node["metadata"]]
    assert len(asking) == len(chapter.exercises)  # none has a kind that there is not, or no code cell below
    assert all(len(cell.source.splitlines()) <= 30 for cell in document.code)


def test_the_chapters_are_numbered_without_a_gap() -> None:
    assert [chapter.number for chapter in ENGLISH.values()] == list(range(1, len(ENGLISH) + 1))


def code_of(cell: Cell) -> list[str]:
    """The tokens of a cell, without comments and blank lines."""
    left_out = (tokenize.COMMENT, tokenize.NL)
    return [
        token.string for token in tokenize.generate_tokens(io.StringIO(cell.source).readline)
        if token.type not in left_out
    ]  # fmt: skip


@pytest.mark.parametrize("name", ENGLISH)
def test_a_korean_chapter_has_the_same_code_and_exercises(name: str) -> None:
    english, korean = ENGLISH[name], next(one for one in course.chapters("ko") if one.name == name)
    assert korean.path.parent.name == "ko"
    documents = [open_document(chapter.path) for chapter in (english, korean)]
    assert [cell.kind for cell in documents[0].cells] == [cell.kind for cell in documents[1].cells]
    for one, other in zip(documents[0].code, documents[1].code, strict=True):
        assert code_of(one) == code_of(other)
    assert [(e.at, e.ask, e.kind) for e in english.exercises] == [(e.at, e.ask, e.kind) for e in korean.exercises]
    assert all(exercise.why and "?" in exercise.question for exercise in korean.exercises)
    for cell in documents[1].cells:
        assert cell.kind == "code" or re.search("[가-힣]", cell.source)


@pytest.mark.parametrize(
    ("given", "environment", "language"),
    [
        ("", {}, "en"),
        ("", {"LANG": "ko_KR.UTF-8"}, "ko"),
        ("", {"LANG": "ko"}, "ko"),
        ("", {"LANG": "kok_IN"}, "en"),
        ("", {"LANG": "ko_KR", "LC_ALL": "C"}, "en"),
        ("", {"LANG": "C", "LC_MESSAGES": "ko_KR", "LC_ALL": ""}, "ko"),
        ("en", {"LANG": "ko_KR"}, "en"),
        ("ko", {}, "ko"),
    ],
)
def test_the_language_is_the_one_given_or_the_locales(given: str, environment: dict[str, str], language: str) -> None:
    assert course.language(given, environment) == language
    assert course.chapters(language)


def test_another_language_is_one_line() -> None:
    with pytest.raises(LabError, match="not there in 'fr'; choose from en, ko"):
        course.language("fr", {})


def test_chapters_are_copied_and_nothing_is_overwritten(tmp_path: Path) -> None:
    chapters = course.chapters("en")
    folder = tmp_path / "new" / "course"
    first = course.copy(chapters, folder)
    assert not any(one.was_there for one in first)
    assert [one.path.read_bytes() for one in first] == [chapter.path.read_bytes() for chapter in chapters]
    first[0].path.write_text("mine")
    assert all(one.was_there for one in course.copy(chapters, folder))
    assert first[0].path.read_text() == "mine"


def test_a_folder_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match=r"cannot write to .*file"):
        course.copy(course.chapters("en"), tmp_path / "file")


def exercise(ask: str) -> Exercise:
    return Exercise(1, 0, "", "", ask, "value")


def test_what_is_done_is_kept(home: Path) -> None:
    assert progress.done(home) == {}
    progress.mark(home, "1_tensors", exercise("x"))
    progress.mark(home, "1_tensors", exercise("y"))
    progress.mark(home, "1_tensors", exercise("x"))
    progress.mark(home, "5_autograd", exercise("텐서"))
    found = progress.done(home)
    assert found == {"1_tensors": {"x", "y"}, "5_autograd": {"텐서"}}
    assert progress.count(found, "1_tensors", (exercise("x"), exercise("z"))) == 1
    assert progress.count(found, "2_data", (exercise("x"),)) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"done": 3}', '{"done": {"a": 3, "b": [1, {}]}}', "\ud800"])
def test_a_damaged_file_counts_as_nothing_and_is_mended(home: Path, text: str) -> None:
    home.mkdir()
    Home(home).lab_progress.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert not any(progress.done(home).values())
    progress.mark(home, "a", exercise("x"))
    assert progress.done(home)["a"] == {"x"}
    assert json.loads(Home(home).lab_progress.read_text())["v"] == 1


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match=r"cannot write .*lab-progress\.json"):
        progress.mark(tmp_path / "file", "a", exercise("x"))


def test_every_kind_is_used_by_the_course() -> None:
    assert {one.kind for chapter in ENGLISH.values() for one in chapter.exercises} == set(get_args(Kind))


@pytest.mark.parametrize("language", course.LANGUAGES)
def test_all_signs_of_markdown_in_the_course_are_signs(language: str) -> None:
    """None is left over: as one that is not closed, or that Markdown takes for a letter before a Korean particle."""
    for chapter in course.chapters(language):
        for cell in open_document(chapter.path).cells:
            if cell.kind == "markdown":
                for token in MarkdownIt().parse(cell.source):
                    words = "".join(one.content for one in token.children or [] if one.type == "text")
                    assert not re.search(r"[`*]|\b_|_\b", words), (chapter.name, words)


@pytest.mark.parametrize("language", course.LANGUAGES)
def test_the_end_of_a_chapter_leads_to_the_next_one(language: str) -> None:
    chapters = course.chapters(language)
    for chapter, following in pairwise(chapters):
        last = open_document(chapter.path).cells[-1]
        assert last.kind == "markdown"
        assert all(words in last.source for words in (f"*{following.title}*", f"`{following.path.name}`", "`escape`"))
        assert str(following.number) in last.source
    end = open_document(chapters[-1].path).cells[-1]
    assert end.kind == "markdown"
    assert "`escape`" in end.source
