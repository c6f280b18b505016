"""Predictions: asked for before a cell runs, and judged by what the kernel has then."""

import json
from pathlib import Path

import pytest
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.inspection.kernel_requests import Evaluated, EvaluateRequest
from engine.lab.exercise_words import ENGLISH
from tests.support.documents import block, on_screen, opened, sees, told, written
from tests.support.fake_lab import FakeLab, Script, failure
from tests.support.made_up import ScreensApp
from tests.support.waiting import until
from tui.dialogs.prompt import PromptScreen
from tui.lab.cells_view import CellsView
from tui.lab.predictions import beginning

ASKS = """\
# %% [markdown] ask="t.tolist()" kind="value"
# What does `t` hold **now**?
#
# Why: It *shares* its memory.

# %%
t += 1

# %% [markdown] ask="t.shape" kind="shape"
# Which shape?

# %%
t = t[None]

# %% [markdown] ask="t.numpy()" kind="raises"
# Does it raise?

# %%
t.requires_grad_()
"""
KOREAN = ASKS.replace("Why: It *shares* its memory.", "이유: 메모리를 *나눠* 씁니다.")
ASKED = "Before you run the cell below, you are asked for your prediction."


async def asked(pilot: Pilot[None]) -> Input:
    await until(pilot, lambda: isinstance(pilot.app.screen, PromptScreen))
    await pilot.pause()
    return pilot.app.screen.query_one(Input)


async def predicts(pilot: Pilot[None], text: str) -> None:
    line = await asked(pilot)
    line.value = text
    await pilot.pause()
    await pilot.press("enter")


def done(home: Path) -> object:
    file = home / "lab-progress.json"
    return json.loads(file.read_text())["done"] if file.exists() else None


async def test_a_prediction_is_asked_for_judged_and_kept(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.values = {"t.tolist()": Evaluated("[2.0, 2.0]"), "t.shape": Evaluated("torch.Size([1, 2])"),
                  "t.numpy()": Evaluated(None, "RuntimeError", "Can't call numpy()")}  # fmt: skip
    app = ScreensApp(home, "lab")
    path = written(tmp_path, ASKS)
    async with app.run_test(size=(220, 50)) as pilot:
        screen = await opened(pilot, path, chapter="1_tensors")
        await sees(pilot, "What does t hold now?", ASKED)
        assert not on_screen(pilot, "It shares")
        await pilot.press("j", "r")
        line = await asked(pilot)
        assert screen.pane.cells.cursor == 2
        await sees(pilot, "Your prediction", "What does t hold now?", "a value, such as 3, [1, 2] or float32")
        assert "no prediction" in str(app.screen.query_one("#verdict", Static).content)
        await pilot.press("escape")  # cancelled: nothing runs
        await until(pilot, lambda: app.screen is screen)
        await pilot.pause()
        assert lab.ran == []
        assert screen.pane.cells.cursor == 1
        # wrong
        await pilot.press("f5")
        await predicts(pilot, "[1, 1]")
        await until(pilot, lambda: lab.ran == ["t += 1"])
        await sees(pilot, "✗ [1, 1]:", "It shares its memory.")
        assert [one.expression for one in lab.asked(EvaluateRequest)] == ["t.tolist()"]
        assert done(home) is None
        # it has been answered: no second question
        await pilot.press("f5")
        await until(pilot, lambda: lab.ran == ["t += 1"] * 2)
        assert app.screen is screen
        await sees(pilot, "After a restart of the kernel (0) you are asked again.")
        # not to be read as a shape: said before the cell runs
        await pilot.press("j", "j", "f5")
        line = await asked(pilot)
        assert line.value == ""
        await predicts(pilot, "round")
        await sees(pilot, "write a shape, such as [2, 3]")
        assert lab.ran == ["t += 1"] * 2
        await predicts(pilot, "1x2")
        await sees(pilot, "✓ Right: [1, 2]")
        await until(pilot, lambda: done(home) == {"1_tensors": ["t.shape"]})
        # the exception's name
        await pilot.press("j", "j", "f5")
        await predicts(pilot, "yes")
        await sees(pilot, "✓ Right: it raises RuntimeError")
        await until(pilot, lambda: done(home) == {"1_tensors": ["t.numpy()", "t.shape"]})
        screen = await opened(pilot, path, chapter="1_tensors")
    again = ScreensApp(home, "lab")
    async with again.run_test(size=(220, 50)) as pilot:
        await opened(pilot, path, chapter="1_tensors")
        await sees(pilot, "✓ done before", ASKED)
        assert path.read_text() == ASKS


async def test_what_was_wrong_is_asked_again_by_another_kernel_and_what_was_right_is_not(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    lab.values = {"t.tolist()": Evaluated("[2.0, 2.0]"), "t.shape": Evaluated("torch.Size([1, 2])")}
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(220, 50)) as pilot:
        screen = await opened(pilot, written(tmp_path, KOREAN), chapter="1_tensors")
        await sees(pilot, "아래 셀을 실행하기 전에")
        await pilot.press("j", "f5")
        await asked(pilot)
        await sees(pilot, "결과 예측", "값을 쓰세요", "예측 없이 실행", "Enter: 확인 · Esc: 취소")
        await predicts(pilot, "[1, 1]")
        await sees(pilot, "✗ [1, 1]:", "나눠 씁니다.", "커널을 다시 시작하면(0 키) 다시 물어봅니다.")
        await pilot.press("j", "j", "f5")
        await predicts(pilot, "?")
        await sees(pilot, "모양을 쓰세요(예: [2, 3])")
        await predicts(pilot, "1x2")
        await sees(pilot, "맞았습니다: [1, 2]")
        lab.restart()
        await until(pilot, lambda: not on_screen(pilot, "✗"))
        assert on_screen(pilot, "맞았습니다: [1, 2]")
        await pilot.press("f5")  # right: not asked
        await until(pilot, lambda: block(screen, 3).phase == "ok")
        await pilot.press("g", "j", "f5")
        await predicts(pilot, "[2, 2]")
        await sees(pilot, "맞았습니다: [2, 2]")
        await until(pilot, lambda: done(home) == {"1_tensors": ["t.shape", "t.tolist()"]})


async def test_without_an_answer_a_cell_runs_too(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["t += 1"] = Script((failure("NameError", "name 't' is not defined"),), "error", "NameError")
    lab.values = {"t.shape": Evaluated("nothing of a shape")}
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(220, 50)) as pilot:
        screen = await opened(pilot, written(tmp_path, ASKS))
        await pilot.press("j", "f5")
        await predicts(pilot, "  ")
        await until(pilot, lambda: lab.ran == ["t += 1"])
        await until(pilot, lambda: block(screen, 1).phase == "error")
        assert lab.asked(EvaluateRequest) == []
        assert on_screen(pilot, ASKED)
        # the expression has no value: said, and no app that ends
        await pilot.press("f5")
        await predicts(pilot, "[1]")
        await sees(pilot, "your prediction could not be checked: t.tolist() has no value: NameError")
        await pilot.press("f5")  # it is asked again
        await asked(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("j", "j", "j", "f5")
        await predicts(pilot, "[1]")
        await sees(pilot, "your prediction could not be checked: 'nothing of a shape' is no shape")
        assert done(home) is None
        # all cells at once ask nothing
        await pilot.press("G", "R")
        await until(pilot, lambda: block(screen, 5).phase is not None)
        assert app.screen is screen


async def test_a_document_of_no_course_keeps_nothing_and_what_can_not_be_kept_is_said(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    lab.values = {"t.tolist()": Evaluated("[2.0]"), "t.shape": Evaluated("[1]")}
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(220, 50)) as pilot:
        await opened(pilot, written(tmp_path, ASKS))
        await pilot.press("j", "f5")
        await predicts(pilot, "[2]")
        await sees(pilot, "✓ Right: [2]")
        assert done(home) is None
    app = ScreensApp(home, "lab")
    (home / "lab-progress.json").mkdir()
    async with app.run_test(size=(220, 50)) as pilot:
        await opened(pilot, written(tmp_path, ASKS), chapter="1_tensors")
        await pilot.press("j", "f5")
        await predicts(pilot, "[2]")
        await sees(pilot, "✓ Right: [2]")
        await until(pilot, lambda: any("cannot write" in one for one in told(pilot)))


async def test_a_cell_that_fails_for_want_of_those_above_it_is_no_answer(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    lab.values = {"t.numpy()": Evaluated(None, "NameError", "name 't' is not defined")}
    lab.scripts["t.requires_grad_()"] = Script((failure("NameError", "name 't' is not defined"),), "error", "NameError")
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(220, 50)) as pilot:
        screen = await opened(pilot, written(tmp_path, ASKS), chapter="1_tensors")
        await pilot.press("G", "f5")
        await predicts(pilot, "yes")
        await sees(pilot, "The cell failed, and cells above it have not run in this kernel. Press R")
        assert done(home) is None
        lab.scripts.clear()
        lab.values = {"t.numpy()": Evaluated(None, "RuntimeError", "Can't call numpy()")}
        await pilot.press("k", "R")
        await until(pilot, lambda: block(screen, 3).phase == "ok")
        assert block(screen, 5).phase == "error"
        await pilot.press("j", "f5")
        await predicts(pilot, "yes, a RuntimeError")
        await sees(pilot, "✓ Right: it raises RuntimeError")
        await until(pilot, lambda: done(home) == {"1_tensors": ["t.numpy()"]})


STYLED = """\
# %% [markdown] ask="t" kind="value"
# Is `a_b` _really_ **so** in [the docs](https://pytorch.org)?
#
# Why: `a_b` is *not* __so__: see [the docs](https://pytorch.org). 5 * 3 * 2 is 30, snake_case_name is a name.
#
# - one
# - two

# %%
t = 1
"""


@pytest.mark.parametrize("colour", [True, False])
async def test_what_is_asked_and_explained_is_markdown_and_what_was_typed_is_not(
    colour: bool, tmp_path: Path, home: Path, lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    lab.values = {"t": Evaluated("1")}
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 50)) as pilot:
        await opened(pilot, written(tmp_path, STYLED))
        await pilot.press("j", "f5")
        await asked(pilot)
        question = app.screen.query_one("#about", Static).content
        assert isinstance(question, Content)
        assert " ".join(question.plain.split()).startswith("Is a_b really so in the docs (https://pytorch.org)?")
        assert _styled(question, "italic") == ["really"]
        await predicts(pilot, "'*two* `b`'")
        await sees(pilot, "✗ '*two* `b`': it is 1, not *two* `b`")
        await sees(
            pilot, "a_b is not so: see the docs (https://pytorch.org). 5 * 3 * 2 is 30,", "snake_case_name is a name."
        )
        await sees(pilot, "• one", "• two")
        lines = [line for line in app.screen.query_one(CellsView)._drawn if any("not" in one.text for one in line)]
        lines = [line for line in lines if not any("✗" in one.text for one in line)]
        italic = [one.text for line in lines for one in line if one.style and one.style.italic]
        bold = [one.text for line in lines for one in line if one.style and one.style.bold]
        assert italic == ["not"]
        assert bold == (["so"] if colour else ["a_b", "so"])


def _styled(text: Content, what: str) -> list[str]:
    spans = [span for span in text.spans if not isinstance(span.style, str) and getattr(span.style, what)]
    return [text.plain[span.start : span.end] for span in spans]


def test_a_prompt_has_the_beginning_of_the_cell_that_it_asks_about() -> None:
    assert beginning("a = 1\na", 10, 70, ENGLISH) == "    a = 1\n    a"
    code = "\n".join(f"line {at}" for at in range(20))
    assert beginning(code, -5, 70, ENGLISH) == "    line 0\n    line 1\n    … 18 more lines"
    assert beginning(code, 100, 70, ENGLISH).split("\n")[-2:] == ["    line 9", "    … 10 more lines"]
    assert beginning("\n".join("abc"), 2, 70, ENGLISH).split("\n")[-1] == "    … 1 more line"
    assert beginning("if x:\n    call(1, 2, 3)", 10, 20, ENGLISH) == "    if x:\n        call(1, 2,\n            3)"
    assert beginning("a\n" + "b " * 20 + "\nc", 3, 20, ENGLISH) == "    a\n    … 2 more lines"
    assert len(beginning("b" * 500, 4, 20, ENGLISH).split("\n")) == 4
