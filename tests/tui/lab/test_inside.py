"""What the kernel holds, beside the cells: variables, shared memory, the graph."""

from pathlib import Path

from engine.inspection.autograd_requests import GraphNode
from engine.inspection.kernel_requests import (
    KernelGraph,
    KernelGraphNode,
    KernelGraphRequest,
    LeafGradient,
    SavedTensor,
    Storage,
    Variable,
    Variables,
    VariablesRequest,
)
from tests.support.documents import CELLS, block, on_screen, opened, screen_lines, sees, written
from tests.support.fake_lab import FakeLab, graph_of_loss, shared_ones
from tests.support.made_up import ScreensApp
from tests.support.waiting import until
from tui.lab import graph, variables
from tui.lab.inside import FactLines
from tui.model.tensor import TensorScreen


async def test_what_is_known_of_a_variable_is_wrapped_to_its_panel(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.variables = shared_ones()
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(112, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, CELLS))
        await pilot.press("j", "f5")
        await until(pilot, lambda: len(screen.inside.table.rows) == 5)
        await pilot.press("tab", "g", "j", "j")
        facts = screen.inside.query_one(FactLines)

        def whole() -> bool:
            words = " ".join(facts.text().replace(" · ", " ").split())
            return all(
                one in words
                for one in (
                    "t [5] torch.float32 20 B strides (1,) offset 0", "requires_grad False version 1",
                    "n ████████████████████ [5] strides (1,) offset 0",
                )
            )  # fmt: skip

        await until(pilot, whole)
        assert screen.inside.size.width < 50
        await pilot.resize_terminal(200, 40)
        await until(pilot, lambda: whole() and facts.size.height == 5)


async def test_variables_their_marks_their_memory_and_their_graph(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.graphs["loss"] = graph_of_loss()
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(200, 60)) as pilot:
        screen = await opened(pilot, written(tmp_path, CELLS))
        await sees(pilot, "Nothing yet: the names that your cells", "Choose a tensor that has a grad_fn")
        assert screen.why_not("open", ()) == "no tensor is under the cursor"
        lab.variables = shared_ones()
        await pilot.press("j", "f5")
        await sees(pilot, "Variables · 5", "1 new · 2 changed in place", "!t", "!n", "+loss")
        assert [one.after for one in lab.asked(VariablesRequest)][-1] == 1
        rows = {row.key: row.cells for row in screen.inside.table.rows}
        assert rows["t"] == ("!t", "Tensor [5]", "float32", "A", "", "1", "cpu")
        assert rows["n"][3] == "A"
        assert rows["count"][1:4] == ("int 3", "", "")
        assert rows["w"][4] == "leaf"
        # the newest tensor that changed is under the cursor, and its graph is asked for
        assert screen.inside.table.key == "loss"
        await sees(pilot, "Graph of loss", "MulBackward0", "w [], other []", "w.grad = None", "8 B saved for backward")
        await pilot.press("tab")
        assert screen.inside.has_focus_within
        await pilot.press("g", "j", "j")
        await sees(pilot, "A: one storage, 20 B, 2 names", "████████████████████", "strides (1,)")
        assert not screen.why_not("open", ())
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen))
        await sees(pilot, "0.0")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: not screen.inside.graph_table.rows)  # t has none
        await pilot.press("k")
        await sees(pilot, "Graph of w", "it has no graph")
        await pilot.press("G")
        await sees(pilot, "Graph of loss")
        await pilot.press("tab", "G")
        await until(pilot, lambda: screen.inside.graph_table.key == "leaf:w.grad")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen))
        await pilot.press("escape", "g")
        assert screen.why_not("open", ()) == "no tensor is under the cursor"
        await pilot.press("tab")
        assert screen.pane.has_focus_within
        await pilot.press("shift+tab", "escape")  # back to the cells, not out of the document
        assert screen.pane.has_focus_within
        assert app.screen is screen
        # the same runs: nothing is asked again; another one: it is
        before = len(lab.asked(VariablesRequest))
        await pilot.press("f5")
        await until(pilot, lambda: len(lab.asked(VariablesRequest)) == before + 1)
        # a kernel that is gone takes its variables along
        lab.die()
        await until(pilot, lambda: not screen.inside.table.rows)
        await sees(pilot, "the kernel was killed by SIGKILL")
        assert not on_screen(pilot, "Graph of loss")


async def test_on_a_narrow_screen_one_side_is_shown(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.variables = shared_ones()
    lab.graphs["loss"] = graph_of_loss()
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, written(tmp_path, CELLS))
        await pilot.press("j", "f5")
        await until(pilot, lambda: len(screen.inside.table.rows) == 5)
        assert (screen.pane.display, screen.inside.display) == (True, False)
        await pilot.press("tab")
        await sees(pilot, "Variables · 5", "+loss", "requires_grad True")
        assert not on_screen(pilot, "import torch")
        await pilot.press("right", "right", "left", "pageup")
        assert screen.inside.table.key == "count"
        await pilot.press("pagedown", "tab")
        await sees(pilot, "Graph of loss", "MulBackward0", "w.grad = None")
        assert not on_screen(pilot, "Variables ·")
        await pilot.press("escape")
        await sees(pilot, "import torch")
        assert (screen.pane.display, screen.inside.display) == (True, False)
        # wide, and narrow again
        await pilot.resize_terminal(140, 40)
        await sees(pilot, "import torch", "Variables · 5", "Graph of loss")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not on_screen(pilot, "Variables · 5"))
        assert block(screen, 1).phase == "ok"
        assert max(map(len, screen_lines(pilot))) <= 80


async def test_a_graph_is_asked_for_only_where_there_may_be_one(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    plain = Variable("x", "Tensor", "1.0", (), "torch.float32", "cpu", False, False, opens="x", mark="new")
    lab.variables = Variables(1, (plain,), ())
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await opened(pilot, written(tmp_path, CELLS))
        await pilot.press("j", "f5")
        await until(pilot, lambda: screen.inside.table.key == "x")
        await pilot.pause()
        assert lab.asked(KernelGraphRequest) == []


def test_shared_memory_is_drawn_where_it_lies() -> None:
    def view(name: str, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, count: int) -> Variable:
        return Variable(name, "Tensor", "", shape, "torch.float32", strides=strides, offset=offset, storage=0,
                        size=4 * count)  # fmt: skip

    whole = view("a", (20,), (1,), 0, 20)
    half = view("b", (10,), (1,), 10, 10)
    one = view("c", (), (), 19, 1)
    back = view("d", (3,), (-1,), 4, 3)
    none = view("e", (0,), (1,), 3, 0)
    assert variables.bar(whole, 80) == "█" * 20
    assert variables.bar(half, 80) == "·" * 10 + "█" * 10
    assert variables.bar(one, 80) == "·" * 19 + "█"
    assert variables.bar(back, 80) == "··███" + "·" * 15
    assert variables.bar(none, 80) == "·" * 20
    assert variables.bar(view("f", (2,), (1,), 0, 2), 0) == "·" * 20
    assert variables.bar(Variable("g", "Tensor", storage=0), 80) == "·" * 20
    found = Variables(1, (whole, half), (Storage(("a", "b"), 80, "cpu"),), left_out=7)
    assert [row.cells[3] for row in variables.rows(found)] == ["A", "A+10"]
    assert variables.title(found) == "Variables · 2 of 9"
    assert variables.changes(found) == ""
    text = "\n".join(line for line, _ in variables.describe(half, found))
    assert "A: one storage, 80 B, 2 names" in text
    assert "··········██████████" in text
    assert variables.describe(Variable("n", "int", "3"), found) == [("n: int 3", "")]


def test_a_graph_says_what_is_freed_and_what_comes_again() -> None:
    node = GraphNode("torch::autograd::AddBackward0", (2,), "", 1, True)
    kept = SavedTensor("self", (2,), "torch.float32", 8, variable="x")
    found = KernelGraph("y", (KernelGraphNode(node, (kept,)),), (), 8)
    assert [row.cells for row in graph.rows(found)] == [("  AddBackward0  (again, see above)", "x [2]", "[2]")]
    assert (graph.title(found), graph.summary(found)) == ("Graph of y", "8 B saved for backward")
    freed = KernelGraph("y", (KernelGraphNode(node, (), True),), (LeafGradient("x", (2,), "[1, 1]"),), freed=True)
    assert [row.cells[0] for row in graph.rows(freed)] == [
        "freed by backward()", "  AddBackward0  (again, see above)", "x.grad = [1, 1]",
    ]  # fmt: skip
    assert graph.summary(freed) == "freed"
    assert graph.opens(freed, "leaf:x") == ""  # no expression gives it
    assert graph.summary(KernelGraph("z", (), (), why="no")) == ""
