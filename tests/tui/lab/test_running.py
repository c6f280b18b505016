"""What comes from the lab: outputs, errors, input(), and a kernel or a host that is gone."""

import base64
import json
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from textual.events import Event, Key, Paste
from textual.widgets import Input, Static

from engine.lab import events as ev
from tests.support.documents import CELLS, block, offered, on_screen, opened, screen_lines, sees, sources, told, written
from tests.support.fake_lab import FakeLab, Script, failure, result, shows, stream
from tests.support.made_up import ScreensApp
from tests.support.waiting import until
from tui.dialogs.choice import ChoiceScreen
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.text import TextScreen
from tui.lab import kernel_choice
from tui.lab.documents import DocumentsScreen
from tui.lab.image_screen import ImageScreen
from tui.model.tensor import TensorScreen

ONES = "t = torch.ones(5)\nt"
ABC = "# %%\na\n\n# %%\nb\n\n# %% [markdown]\n# text\n\n# %%\nc\n"


async def test_cells_run_in_their_order_and_the_cursor_goes_on(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["b"] = Script(waits=True, seconds=2.5)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        assert screen.why_not("interrupt", ()) == "nothing runs"
        await pilot.press("r", "r", "r", "f5", "f5")  # text does not run; F5 stays
        await sees(pilot, "waits for its turn")
        await until(pilot, lambda: [block(screen, at).phase for at in (0, 1, 3)] == ["ok", "running", "queued"])
        await sees(pilot, "[1] │ a", "[*] │ b", "[*] │ c", "running")
        assert screen.pane.cells.cursor == 3
        lab.put_out(stream("half"))
        await sees(pilot, "half")
        lab.put_out(stream("way\n"))
        await sees(pilot, "halfway")
        lab.finish()
        await until(pilot, lambda: block(screen, 3).phase == "ok")
        await sees(pilot, "took 2 s", "[2] │ b", "[4] │ c", "idle")
        assert lab.ran == ["a", "b", "c", "c"]
        await pilot.press("r")  # the last one: a new cell below it
        await until(pilot, lambda: lab.ran == ["a", "b", "c", "c", "c"])
        assert (sources(screen)[-1], screen.pane.cells.cursor) == ("", 4)
        await pilot.press("r")  # an empty one: no more of them
        assert len(sources(screen)) == 5
        lab.calls.clear()
        await pilot.press("g", "j", "R")
        await until(pilot, lambda: lab.ran == ["a", "b"])
        assert screen.pane.cells.cursor == 1
        await until(pilot, lambda: not screen.why_not("interrupt", ()))
        await pilot.press("i")
        await until(pilot, lambda: block(screen, 1).phase == "interrupted")
        await sees(pilot, "interrupted after 2 s")
        assert lab.told("interrupt") == [()]


async def test_a_narrow_screen_says_what_the_kernel_does_too(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["a"] = Script(waits=True)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(160, 30)) as pilot:
        await opened(pilot, written(tmp_path, ABC, "a_long_name_of_experiments.py"))
        await pilot.press("f5", "enter")
        await sees(pilot, "a_long_name_of_experiments.py", "cell 1 of 4 · typing (Esc ends) · running")
        await pilot.resize_terminal(60, 20)
        await sees(pilot, "a_long_name_of_experiments.py", "typing · running")
        await pilot.resize_terminal(40, 10)
        await sees(pilot, "typing · running", "a_lo", ".py")
        await pilot.resize_terminal(160, 30)
        await sees(pilot, "cell 1 of 4 · typing (Esc ends) · running")


async def test_a_cell_that_was_skipped_says_why(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["a"] = Script(waits=True)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("r", "r")
        await until(pilot, lambda: not screen.why_not("interrupt", ()))
        await pilot.press("i")
        await sees(pilot, "not run: a cell before it was interrupted")


async def test_what_is_run_before_the_lab_is_there_waits_for_it(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.gate.clear()
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC), connected=False)
        await sees(pilot, "starting the kernel …")
        await pilot.press("r", "r")
        await pilot.pause()
        assert lab.ran == []
        lab.gate.set()
        await until(pilot, lambda: lab.ran == ["a", "b"])
        await until(pilot, lambda: block(screen, 1).phase == "ok")
        assert len(lab.told("open")) == 1
        await sees(pilot, "idle")


async def test_a_lab_that_can_not_be_opened_is_one_line_and_tried_again(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    lab.trouble = "there is no kernel 'nobody'"
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC), connected=False)
        await until(pilot, lambda: told(pilot) == [lab.trouble])
        await sees(pilot, "no kernel", lab.trouble)
        lab.trouble = ""
        await pilot.press("r")  # asks for it again
        await until(pilot, lambda: lab.ran == ["a"])
        await until(pilot, lambda: block(screen, 0).phase == "ok")
        assert not on_screen(pilot, "there is no kernel 'nobody'", "no kernel")


async def test_tabs_are_columns_in_the_document_and_where_all_is_read(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["a"] = Script((stream("left\tright\n" * 30),))
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, written(tmp_path, ABC))
        await pilot.press("f5")
        await until(pilot, lambda: "left    right" in "\n".join(screen_lines(pilot)))
        await sees(pilot, "6 more lines (Enter opens)")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, TextScreen))
        await until(pilot, lambda: "left    right" in "\n".join(screen_lines(pilot)))


async def test_an_error_marks_its_line_is_explained_and_enter_goes_there(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    document = "# %%\ndef f(x):\n    y = x\n    return y.grad.item()\n\n# %%\n1\nbad()\n2\n\n# %%\nf(3)\n\n# %%\nelse\n"
    lab.scripts["1\nbad()\n2"] = Script(
        (failure("RuntimeError", "grad can be implicitly created only for scalar outputs", "Traceback",
                 "Cell In[2], line 2\n  bad()"),),
        "error", "line 2: RuntimeError: grad can be …", 2,
    )  # fmt: skip
    lab.scripts["f(3)"] = Script(
        (failure("AttributeError", "no grad", "Cell In[3], line 1\n f(3)", "Cell In[1], line 3, in f(x)\n return"),),
        "error", "AttributeError: no grad", 1,
    )  # fmt: skip
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, document))
        cells = screen.pane.cells
        await pilot.press("r", "r")
        await until(pilot, lambda: block(screen, 1).phase == "error")
        assert block(screen, 1).error_line == 2
        await sees(pilot, "RuntimeError: grad can be implicitly", "at line 2 of this cell", "Reduce it first")
        await pilot.press("k")
        assert cells.output is not None
        assert cells.output.kind == "error"
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, TextScreen))
        assert "bad()" in str(app.screen.query_one("#body", Static).content)
        await pilot.press("escape", "enter")
        await until(pilot, lambda: cells.editing is not None)
        assert cells.cursor == 1
        assert cells.editing is not None
        assert cells.editing.cursor_location == (1, 0)
        await pilot.press("x")  # another text: the mark is of the one before
        assert block(screen, 1).error_line is None
        await pilot.press("escape", "j", "j", "f5")
        await until(pilot, lambda: block(screen, 2).phase == "error")
        await pilot.press("j", "enter")  # the line is another cell's
        await until(pilot, lambda: cells.editing is not None)
        assert cells.cursor == 0
        assert cells.editing.cursor_location == (2, 0)
        await pilot.press("escape", "G", "R")  # what comes after an error is not run
        await sees(pilot, "not run: a cell before it failed")


async def test_a_key_goes_to_the_cell_that_failed_last_and_its_line_from_anywhere(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    document = "# %%\ndef f(x):\n    return x.no\n\n# %%\n1\nf(3)\n\n# %%\nc\n\n# %%\nd\n"
    lab.scripts["1\nf(3)"] = Script(
        (failure("AttributeError", "no", "Cell In[2], line 2\n f(3)", "Cell In[1], line 2, in f(x)\n return"),),
        "error", "line 2: AttributeError: no", 2,
    )  # fmt: skip
    lab.scripts["c"] = Script((failure("NameError", "c", "Cell In[3], line 1\n c"),), "error", "NameError: c", 1)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, document))
        cells = screen.pane.cells
        assert screen.why_not("failure", ()) == "no cell has failed"
        await pilot.press("G", "R")  # the second of four
        await sees(pilot, "not run: a cell before it failed", "e Error")
        await pilot.press("tab", "e")  # from the variables
        await until(pilot, lambda: cells.editing is not None and cells.editing.has_focus)
        assert cells.editing is not None
        assert (cells.cursor, cells.editing.cursor_location) == (1, (1, 0))
        await pilot.press("e", "escape")  # a letter, where one types
        assert sources(screen)[1] == "1\nef(3)"
        await pilot.press("j", "j", "f5")
        await until(pilot, lambda: block(screen, 2).phase == "error")
        await pilot.press("G", "e")
        await until(pilot, lambda: cells.editing is not None)
        assert cells.cursor == 2
        await pilot.press("escape", "f5")
        lab.scripts["c"] = Script()
        await pilot.press("f5")
        await until(pilot, lambda: block(screen, 2).phase == "ok")
        await pilot.press("e")  # the other has failed still
        await until(pilot, lambda: cells.editing is not None)
        assert cells.cursor == 1
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape", "tab", "e")  # where one side is shown at a time
        await until(pilot, lambda: cells.editing is not None and cells.editing.has_focus)
        assert screen.pane.display


async def test_an_error_in_a_function_of_this_kernel_is_not_looked_for_in_a_cell_of_the_one_before(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    lab.scripts["f(3)"] = Script(
        (failure("AttributeError", "no", "Cell In[2], line 1\n f(3)", "Cell In[1], line 2, in f(x)\n return"),),
        "error", "AttributeError: no", 1,
    )  # fmt: skip
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(
            pilot, written(tmp_path, "# %%\ndef f(x):\n    return x.no\n\n# %%\nf(3)\n\n# %%\nlast\n")
        )
        await pilot.press("G", "f5")
        await until(pilot, lambda: block(screen, 2).count == 1)
        lab.restart()
        await pilot.press("g", "r", "r")
        await until(pilot, lambda: block(screen, 1).phase == "error")
        assert block(screen, 2).count == 1  # as it stands there, beside the first cell's
        await pilot.press("k", "enter")
        await until(pilot, lambda: screen.pane.cells.editing is not None)
        assert screen.pane.cells.cursor == 0


async def test_in_korean_where_the_chapter_is(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["a"] = Script(
        (failure("RuntimeError", "only tensors of floating point can require gradients"),), "error"
    )
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, written(tmp_path, ABC), lang="ko")
        await pilot.press("f5")
        await sees(pilot, "정수에는 기울기가 없습니다")


async def test_a_tensor_opens_as_long_as_its_kernel_lives(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts[ONES] = Script(
        (result("tensor([1., 1., 1., 1., 1.])", shape=[2, 28, 28], images=True, device="cuda:0"),)
    )
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path))
        assert screen.why_not("view", ()) == "the cursor is on no tensor's output, and on no error"
        await pilot.press("j", "j", "f5")
        await sees(pilot, "[2, 28, 28] · float32 · cuda:0 · v: pictures")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen))
        await sees(pilot, "Out[1]", "0.2", "1.1")
        await pilot.press("escape", "v")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and app.screen._mode == "pictures")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.pane.cells.cursor == 2
        # another kernel has no Out[1]
        lab.restart()
        await until(pilot, lambda: block(screen, 2).outputs[0].expression == "")
        assert screen.pane.cells.output is None
        assert on_screen(pilot, "tensor([1.")


async def test_images_are_drawn_and_open(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    file = BytesIO()
    Image.linear_gradient("L").resize((28, 28)).save(file, format="PNG")
    picture = base64.b64encode(file.getvalue()).decode()
    lab.scripts[ONES] = Script(
        (
            shows({"image/png": picture, "text/plain": "<Figure>"}),
            shows({"image/png": "bm9uZQ==", "text/plain": "<Bad>"}),
        )
    )
    app = ScreensApp(home, "lab")
    app.pictures.style = "blocks"
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path))
        await pilot.press("j", "j", "f5")
        await sees(pilot, "▀▀", "<Bad>")
        assert not on_screen(pilot, "<Figure>")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, ImageScreen))
        await sees(pilot, "28 × 28")
        await pilot.press("escape", "j", "enter")
        await sees(pilot, "The image can't be read.")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)


async def test_a_cell_asks_for_a_line(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["a"] = Script(asks="\x1b[1mname? \x1b[0m")
    lab.scripts["b"] = Script(asks="", password=True)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("r")
        await offered(pilot, "name?", "The cell waits for a line from you.")
        assert screen.pane.cells.cursor == 1
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await sees(pilot, "name? ▌")
        assert screen.pane.cells.cursor == 0
        await pilot.press("enter")  # later
        await offered(pilot)
        assert not app.screen.query_one(Input).password
        await pilot.press(*"Ann", "enter")
        await until(pilot, lambda: lab.told("answer") == [("Ann",)])
        await sees(pilot, "got Ann")
        assert block(screen, 0).asked is None
        await pilot.press("j", "f5")
        await offered(pilot)
        assert app.screen.query_one(Input).password
        await sees(pilot, "Password")
        await pilot.press(*"pw", "enter")
        await until(pilot, lambda: lab.told("answer")[1:] == [("pw",)])


async def test_a_prompt_does_not_take_what_somebody_types(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["a"] = Script(waits=True)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("r", "enter", *"x = ")
        await until(pilot, lambda: block(screen, 0).phase == "running")
        lab._tell(ev.InputAsked(run=1, prompt="now? "))
        await until(pilot, lambda: "a cell of some.py waits for input: Esc, then Enter on that cell" in told(pilot))
        await pilot.press("1")
        assert sources(screen)[1] == "bx = 1"
        await pilot.press("escape", "k", "enter")
        await offered(pilot)


async def test_keys_that_come_quickly_are_the_documents_and_no_answer_to_a_cell(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    lab.scripts["a"] = Script(asks="name? ")
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        for key in "rrjrk":  # the first cell asks while the others are being pressed
            app.post_message(Key(key, key))
        await until(pilot, lambda: lab.ran == ["a", "b", "c"])
        await offered(pilot)
        assert app.screen.query_one(Input).value == ""
        assert (len(sources(screen)), lab.told("answer")) == (5, [])


async def test_a_prompt_that_opens_by_itself_takes_nothing_that_was_typed_before_it(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    lab.scripts["a"] = Script(waits=True)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("f5")
        await until(pilot, lambda: block(screen, 0).phase == "running")
        before: list[Event] = [Key("x", "x"), Key("enter", "\r"), Key("escape", "\x1b"), Paste("pasted")]
        lab._tell(ev.InputAsked(run=1, prompt="now? "))
        await offered(pilot, "now?")
        for late in before:  # the app comes to them only now
            app.post_message(late)
        await pilot.press(*"Ann")
        assert app.screen.query_one(Input).value == "Ann"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        app.post_message(Key("enter", "\r"))  # a key that opens the prompt, and what is typed with it
        for key in "Bob":
            app.post_message(Key(key, key))
        app.post_message(Key("enter", "\r"))
        await until(pilot, lambda: lab.told("answer") == [("Bob",)])


async def test_a_prompt_goes_when_another_window_answers_or_the_host_is_gone(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    lab.scripts["a"] = Script(asks="first? ")
    lab.scripts["b"] = Script(waits=True)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("j", "R")
        await offered(pilot)
        lab._tell(ev.InputAnswered(run=1))
        await until(pilot, lambda: app.screen is screen)
        lab._tell(ev.InputAsked(run=1, prompt="second? "))
        await offered(pilot, "second?")
        lab.lose("the lab's host process has ended")
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: (block(screen, 0).phase, block(screen, 1).phase) == ("died", "skipped"))
        await sees(pilot, "the lab's host process has ended; 0 starts another kernel", "not run: the lab's host")
        assert lab.told("answer") == []


async def test_input_is_told_of_on_another_screen(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["a"] = Script(waits=True)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("f5")
        await until(pilot, lambda: block(screen, 0).phase == "running")
        await pilot.press("1")
        await until(pilot, lambda: app.current_mode == "data")
        lab._tell(ev.InputAsked(run=1, prompt="now? "))
        await until(pilot, lambda: "a cell of some.py waits for input" in told(pilot))
        assert app.current_mode == "data"
        await pilot.press("6", "enter")
        await offered(pilot, "now?")


async def test_a_kernel_that_died_is_said_and_restarted(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["b"] = Script((stream("so far\n"),), waits=True)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("r", "r", "j", "r")
        await until(pilot, lambda: block(screen, 1).phase == "running")
        lab.die()
        await until(pilot, lambda: block(screen, 1).phase == "died")
        await sees(pilot, "died", "the kernel was killed by SIGKILL; 0 starts another kernel", "so far",
                   "0 restarts the kernel · the kernel was killed by SIGKILL")  # fmt: skip
        await pilot.press("g", "f5")
        await until(pilot, lambda: "there is no kernel: restart it" in told(pilot))
        await pilot.press("0")  # there is nothing to lose: no question
        await until(pilot, lambda: lab.told("restart") == [(False,)])
        await sees(pilot, "idle", "so far")
        await pilot.press("f5")
        await until(pilot, lambda: block(screen, 0).phase == "ok")
        assert sources(screen)[:2] == ["a", "b"]


async def test_a_document_whose_kernel_does_not_start_can_have_another(
    tmp_path: Path, home: Path, lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_choice, "kernels", lambda: ["broken", "python3"])
    lab._change("starting")
    lab._change("died", "the kernel 'broken' did not start: no library")
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await sees(pilot, "died", "the kernel 'broken' did not start: no lib")
        await pilot.press("0")  # another one of the same kind would not start either
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        app.screen.query_one(Input).value = "python3"
        lab.calls.clear()
        await pilot.press("enter")
        await until(pilot, lambda: bool(lab.told("open")))
        assert screen.pane.notebook is not None
        assert screen.pane.notebook.document.kernel == "python3"


async def test_a_document_can_have_another_kernel(
    tmp_path: Path, home: Path, lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_choice, "kernels", lambda: ["python3", "torch-2.10"])
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("f5")
        await until(pilot, lambda: block(screen, 0).phase == "ok")
        await pilot.press("0")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        await sees(pilot, "python3, torch-2.10", "start python3")
        app.screen.query_one(Input).value = "torch-3"
        await sees(pilot, "there is no kernel 'torch-3' here")
        app.screen.query_one(Input).value = "torch-2.10"
        lab.calls.clear()
        await pilot.press("enter")
        await until(pilot, lambda: bool(lab.told("open")))
        assert lab.told("shut_down") == [()]
        ((_, options),) = lab.told("open")
        assert options["kernel"] == "torch-2.10"
        assert screen.pane.notebook is not None
        assert screen.pane.notebook.document.kernel == "torch-2.10"
        await pilot.press("f5")
        await until(pilot, lambda: lab.ran[-1:] == ["a"])


async def test_the_prompt_for_a_kernel_has_the_one_that_runs(
    tmp_path: Path, home: Path, lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_choice, "kernels", lambda: ["python3", "torch-2.10"])
    lab.use("torch-2.10")  # as with --kernel: the document itself asks for python3
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("f5")
        await until(pilot, lambda: block(screen, 0).phase == "ok")
        await pilot.press("0")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        await sees(pilot, "start torch-2.10")
        assert app.screen.query_one(Input).value == "torch-2.10"


@pytest.mark.parametrize(("key", "ran", "outputs"), [("r", [], True), ("a", ["a", "b", "c"], True), ("c", [], False)])
async def test_a_restart_asks_first(
    tmp_path: Path, home: Path, lab: FakeLab, key: str, ran: list[str], outputs: bool
) -> None:
    lab.scripts["b"] = Script((stream("out\n"),))
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("j", "f5")
        await until(pilot, lambda: block(screen, 1).phase == "ok")
        lab.calls.clear()
        await pilot.press("0")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await sees(pilot, "Restart the kernel?", "restart and run all", "restart and clear the outputs")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert lab.told("restart") == []
        await pilot.press("0")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("z")  # no answer
        if key == "a":
            await pilot.press("j", "j", "k", "enter")
        else:
            await pilot.press(key)
        await until(pilot, lambda: lab.told("restart") == [(key == "c",)])
        await until(pilot, lambda: lab.ran == ran)
        if ran:
            await until(pilot, lambda: block(screen, 3).phase == "ok")
        else:
            await until(pilot, lambda: block(screen, 1).phase is None)
        await until(pilot, lambda: bool(block(screen, 1).outputs) == outputs)


async def test_what_the_kernel_that_ends_still_says_does_not_come_into_a_document_that_was_cleared(
    tmp_path: Path, home: Path, lab: FakeLab
) -> None:
    lab.scripts["a"] = Script((stream("old\n"),))
    lab.scripts["b"] = Script((stream("so far\n"),), waits=True)
    path = written(tmp_path, ABC)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, path)
        await pilot.press("r", "r", "j", "r")  # b runs, c waits
        await until(pilot, lambda: block(screen, 3).phase == "queued")
        await pilot.press("0")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        lab.hold()
        lab.put_out(stream("at last\n"))
        await pilot.press("c")
        await until(pilot, lambda: lab.told("restart") == [(True,)])
        await until(pilot, lambda: app.screen is screen and not on_screen(pilot, "so far"))
        for _ in range(3):  # the output, and the end of b and of c
            lab.release(1)
            await pilot.pause(0.06)
        lab.release()
        await sees(pilot, "idle")
        assert [(block(screen, at).phase, block(screen, at).outputs) for at in (0, 1, 3)] == [(None, ())] * 3
        assert screen.pane.notebook is not None
        assert not any(cell.outputs for cell in screen.pane.notebook.cells)
        await pilot.press("g", "f5")
        await until(pilot, lambda: block(screen, 0).phase == "ok")
        await sees(pilot, "[1] │ a", "old")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DocumentsScreen))
        screen = await opened(pilot, path)  # all events come once more
        await sees(pilot, "[1] │ a", "old", "[ ] │ b", "[ ] │ c")
        assert not on_screen(pilot, "so far")


async def test_a_host_that_is_gone_is_said_and_another_one_starts(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, ABC))
        await pilot.press("f5")
        await until(pilot, lambda: block(screen, 0).phase == "ok")
        lab.lose()
        await sees(pilot, "no kernel", "0 restarts the kernel · the lab's host process has ended")
        assert screen.why_not("interrupt", ()) == "nothing runs"
        await pilot.press("0")
        await until(pilot, lambda: len(lab.told("open")) == 2)
        await sees(pilot, "idle")
        await pilot.press("j", "f5")
        await until(pilot, lambda: block(screen, 1).phase == "ok")
        lab.lose("the lab has ended: nothing was done for 12 h")
        await sees(pilot, "the lab has ended: nothing was done for 12 h")
        await pilot.press("j", "j", "f5")  # running starts one too
        await until(pilot, lambda: len(lab.told("open")) == 3)
        await until(pilot, lambda: block(screen, 3).phase == "ok")


async def test_a_document_that_is_left_comes_back_with_what_has_run(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts["b"] = Script((stream("so far\n"),), waits=True)
    path = written(tmp_path, ABC)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, path)
        await pilot.press("r", "r")
        await until(pilot, lambda: block(screen, 1).phase == "running")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DocumentsScreen))
        assert lab.told("shut_down") == []
        lab.put_out(stream("meanwhile\n"))
        path.write_text("# %%\nnew = 1\n\n" + ABC)  # a cell more, whose names are others
        screen = await opened(pilot, path)
        await sees(pilot, "so far", "meanwhile", "[*] │ b", "[1] │ a", "[ ] │ new = 1")
        assert [block(screen, at).phase for at in range(3)] == [None, "ok", "running"]
        await pilot.press("q")  # a cell runs: it goes on without the app
        await until(pilot, lambda: not app.is_running)
    assert lab.told("interrupt") == []
    assert lab.told("shut_down") == []
    assert path.read_text() == "# %%\nnew = 1\n\n" + ABC


async def test_a_saved_notebook_has_the_outputs(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.scripts[ONES] = Script((stream("hello\n"), result("tensor(1)", shape=[])))
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, CELLS))
        await pilot.press("G", "f5")
        await until(pilot, lambda: block(screen, 2).phase == "ok")
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        line, verdict = app.screen.query_one(Input), app.screen.query_one("#verdict", Static)
        for text, words in {
            str(tmp_path / "some.py"): "is there already", str(tmp_path / "no" / "where.py"): "there is no folder",
            "x.txt": "its name must end in", "": "type the path", str(tmp_path / "o.py"): "a script keeps no outputs",
            str(tmp_path / "out.ipynb"): "with the outputs",
        }.items():  # fmt: skip
            line.value = text
            await pilot.pause()
            assert words in str(verdict.content)
        await pilot.press("enter")
        await until(pilot, lambda: any("written: " in one for one in told(pilot)))
    saved = json.loads((tmp_path / "out.ipynb").read_text())
    assert saved["cells"][2]["outputs"][0]["text"] == "hello\n"
    assert saved["cells"][2]["execution_count"] == 1
    assert (tmp_path / "some.py").read_text() == CELLS
