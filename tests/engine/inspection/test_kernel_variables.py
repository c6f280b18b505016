"""A kernel's variables: what they are, which share memory, and what a cell has changed."""

import collections
import gc
import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
import torch
from PIL import Image
from torch import nn

from engine.errors import InspectionError
from engine.inspection import kernel_variables
from engine.inspection.kernel_memory import WHOLE
from engine.inspection.kernel_namespace import persons, value_of
from engine.inspection.kernel_requests import Storage, Variable, Variables, VariablesRequest
from engine.inspection.kernel_text import LONGEST, text_of
from engine.inspection.kernel_variables import MOST, Marks, listed
from engine.progress import silent


class Notebook:
    """A namespace, and cells that change it."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"torch": torch, "np": np, "nn": nn}
        self.marks, self.ran = Marks(), 0

    def run(self, code: str) -> dict[str, Variable]:
        exec(code, self.names)
        self.ran += 1
        return self.ask()

    def ask(self) -> dict[str, Variable]:
        return {variable.name: variable for variable in self.whole().variables}

    def whole(self) -> Variables:
        self.marks.turn(self.ran, fresh=self.ran <= 1)
        return listed(persons(self.names, {}), self.marks, self.ran)


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


def marks(found: dict[str, Variable]) -> dict[str, str]:
    return {name: variable.mark for name, variable in found.items() if variable.mark}


def test_a_tensor_and_its_array_share_one_storage_and_both_are_marked(notebook: Notebook) -> None:
    assert marks(notebook.run("t = torch.ones(5); n = t.numpy()")) == {"t": "new", "n": "new"}
    found = notebook.run("t.add_(1)")
    assert marks(found) == {"t": "in place", "n": "in place"}
    assert (found["t"].version, found["n"].version) == (1, None)
    assert notebook.whole().storages == (Storage(("t", "n"), 20, "cpu"),)
    assert marks(notebook.run("n += 1")) == {"t": "in place", "n": "in place"}
    assert marks(notebook.run("pass")) == {}


def test_the_same_question_has_the_same_marks(notebook: Notebook) -> None:
    notebook.run("a = 1; t = torch.ones(2)")
    first = notebook.run("a = 2; t += 1; b = 0")
    assert marks(first) == {"a": "changed", "t": "in place", "b": "new"}
    assert notebook.ask() == first
    notebook.marks.turn(1, fresh=False)  # a question from before
    assert marks(notebook.ask()) == marks(first)


def test_the_first_question_to_a_kernel_that_has_run_much_marks_nothing() -> None:
    seen = Marks()
    seen.turn(7, fresh=False)
    assert listed({"a": 1}, seen, 7).variables[0].mark == ""
    seen.turn(8, fresh=False)
    assert [one.mark for one in listed({"a": 1, "b": 2}, seen, 8).variables] == ["", "new"]


@pytest.mark.parametrize(
    ("before", "cell", "mark"),
    [
        ("x = torch.ones(3)", "x = torch.ones(3)", "changed"),
        ("x = torch.ones(3)", "x[0] = 5", "in place"),
        ("x = torch.ones(3)", "x.mul_(1)", "in place"),  # counted, though the values are the same
        ("x = torch.ones(3)", "x + 1", ""),
        ("x = torch.ones(3, dtype=torch.bfloat16)", "x.data.add_(1)", "in place"),  # not counted
        ("x = torch.ones(3, 4).t()", "x[1, 2] = 0", "in place"),
        ("x = torch.ones(())", "x += 1", "in place"),
        ("x = torch.ones(3, dtype=torch.complex64).conj()", "x.data.add_(1)", "in place"),
        ("x = np.zeros((2, 3))[:, ::-1]", "x[0, 0] = 1", "in place"),
        ("x = np.array(['a', 'b'])", "x[0] = 'c'", "in place"),
        ("x = 3", "x = 4", "changed"),
        ("x = 3", "x = 3", ""),
        ("x = 'long ' * 9", "x = 'long ' * 9", ""),
        ("x = [1, 2]", "x.append(3)", "in place"),
        ("x = [1, 2]", "x = [1, 2]", "changed"),
        ("x = {'a': 1}", "x['a'] = 2", "in place"),
        ("x = {1}", "x.add(2)", "in place"),
        ("x = nn.Linear(2, 2)", "nn.init.zeros_(x.weight)", "in place"),
        ("x = nn.Linear(2, 2)", "x.eval()", "in place"),
        ("x = nn.Linear(2, 2)", "x(torch.ones(1, 2))", ""),
        ("x = (1, 2)", "pass", ""),
    ],
)
def test_a_cell_marks_what_it_changes(notebook: Notebook, before: str, cell: str, mark: str) -> None:
    notebook.run(before)
    assert notebook.run(cell)["x"].mark == mark


def test_an_object_that_got_the_number_of_one_that_is_gone_is_another(notebook: Notebook) -> None:
    notebook.run("x = torch.ones(3)")
    was = id(notebook.names["x"])
    for _ in range(100):
        notebook.names.pop("x")
        notebook.names["x"] = torch.ones(3)
        if id(notebook.names["x"]) == was:
            break
    notebook.ran += 1
    assert notebook.ask()["x"].mark == "changed"


def test_a_large_array_is_marked_by_what_its_tensor_has_counted(notebook: Notebook) -> None:
    notebook.run(f"t = torch.zeros({WHOLE}); n = t.numpy(); other = np.zeros({WHOLE})")
    found = notebook.run("t[1] = 1")  # between the samples
    assert marks(found) == {"t": "in place", "n": "in place"}
    assert marks(notebook.run("other += 1")) == {"other": "in place"}


@pytest.mark.parametrize(
    ("code", "strides", "offset", "size"),
    [
        ("v = t[1:, 2]", (4,), 6, 8),
        ("v = t.t()", (1, 4), 0, 48),
        ("v = t[0].expand(5, 4)", (0, 1), 0, 80),
        ("v = torch.as_strided(t, (2, 2), (5, 2), 1)", (5, 2), 1, 16),
        ("v = t.numpy()[::2, ::-1]", (8, -1), 3, 32),
        ("v = t.view(torch.int16)[0]", (1,), 0, 16),
        ("v = nn.Parameter(t).detach()[2]", (1,), 8, 16),
        ("v = nn.Parameter(t[2])", (1,), 8, 16),
        ("v = torch.from_numpy(t.numpy()[1])", (1,), 4, 16),
    ],
)
def test_a_view_lies_in_its_bases_storage(
    notebook: Notebook, code: str, strides: tuple[int, ...], offset: int, size: int
) -> None:
    found = notebook.run(f"t = torch.zeros(3, 4); far = torch.zeros(3)\n{code}")
    assert (found["v"].strides, found["v"].offset, found["v"].size) == (strides, offset, size)
    assert (found["t"].storage, found["v"].storage, found["far"].storage) == (0, 0, None)
    assert notebook.whole().storages == (Storage(("t", "v"), 48, "cpu"),)


def test_views_of_an_array_share_its_owners_memory(notebook: Notebook) -> None:
    found = notebook.run("a = np.zeros((4, 5), np.float64); b = a[1:]; c = b.reshape(-1)[5:]; d = a.copy()")
    assert notebook.whole().storages == (Storage(("a", "b", "c"), 160, "cpu"),)
    assert [found[name].offset for name in "abc"] == [0, 5, 10]
    assert found["d"].storage is None
    # Of two slices alone, the owner is no name, but they lie in one buffer.
    notebook.run("first, last = a[:1], a[3:]; del a, b, c")
    assert notebook.whole().storages == (Storage(("first", "last"), 160, "cpu"),)


def test_a_gradient_and_a_graph_are_told(notebook: Notebook) -> None:
    found = notebook.run("w = torch.ones(2, 3, requires_grad=True); y = w * 2; y.sum().backward()")
    w, y = found["w"], found["y"]
    assert (w.requires_grad, w.has_grad, w.leaf, w.grad_fn, w.opens) == (True, True, True, "", "w")
    assert (y.requires_grad, y.has_grad, y.leaf, y.grad_fn) == (True, False, False, "MulBackward0")
    assert (w.shape, w.dtype, w.device, w.text) == ((2, 3), "float32", "cpu", "[[1., 1., 1.], …]")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: 12, "12"),
        (lambda: 10**5000, "a whole number of 16,610 bits"),
        (lambda: math.nan, "nan"),
        (lambda: "two\nlines", r"'two\nlines'"),
        (lambda: [1, [2, [3, [4]]], "a"], "[1, [2, […]], 'a']"),
        (lambda: {"lr": 0.1, 1: None}, "{'lr': 0.1, 1: None}"),
        (lambda: (1,), "(1,)"),
        (lambda: [torch.ones(2, 3), np.ones(4), object()], "[Tensor[2, 3], ndarray[4], object]"),
        (lambda: list(range(10)), "[0, 1, 2, 3, 4, 5, …]"),
        (lambda: torch.tensor(1.5), "1.5000"),
        (lambda: torch.tensor([1, 2, 3]), "[1, 2, 3]"),
        (lambda: torch.arange(10.0), "[0., 1., 2., 3., 4., 5., …]"),
        (lambda: torch.zeros(0, 3), "[]"),
        (lambda: torch.ones(2, device="meta"), ""),
        (lambda: np.float32(0.5), "np.float32(0.5)"),
        (lambda: np.array([[1.5, 2], [3, 4]]), "[[1.5, 2], …]"),
        (lambda: nn.Linear(3, 2).eval(), "8 parameters, evaluation mode"),
        (lambda: nn.LazyLinear(2), "0 parameters, training mode"),
        (lambda: torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.25), "lr 0.25"),
        (lambda: Image.new("L", (28, 20)), "L 28 × 20"),
        (lambda: pd.DataFrame({"dtype": [1, 2], "shape": [3, 4]}), "2 × 2"),
        (lambda: torch.float16, "torch.float16"),
        (lambda: Path("/a/b"), "/a/b"),
        (lambda: collections.OrderedDict(a=1), ""),
        (lambda: Notebook, ""),
        (lambda: marks, "marks(found)"),
        (lambda: range(3), "range(0, 3)"),
    ],
)
def test_a_value_is_one_short_line(make: Callable[[], Any], text: str) -> None:
    assert text_of(make()) == text


def test_a_long_value_is_cut_without_reading_it_all() -> None:
    assert len(text_of("x" * 10**7)) <= LONGEST
    assert len(text_of([["word " * 99] * 9] * 9)) <= LONGEST


class Hostile:
    """Every question to it is a failure."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")

    def __repr__(self) -> str:
        raise AssertionError

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    __hash__ = None  # type: ignore[assignment]


def test_nothing_of_the_persons_objects_is_run() -> None:
    class Loud(torch.Tensor):
        @classmethod
        def __torch_dispatch__(  # type: ignore[override]
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            raise AssertionError(f"{func} was called")

    loud = torch.Tensor._make_wrapper_subclass(Loud, (2, 3))  # type: ignore[attr-defined]
    seen = Marks()
    seen.turn(1, fresh=True)
    found = {one.name: one for one in listed({"h": Hostile(), "l": [Hostile()], "loud": loud}, seen, 1).variables}
    assert (found["h"].type, found["h"].text, found["l"].text) == ("Hostile", "", "[Hostile]")
    assert (found["loud"].type, found["loud"].text) == ("Loud", "")


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.eye(3).to_sparse(),
        lambda: torch.eye(3).to_sparse_csr(),
        lambda: torch.ones(2, device="meta"),
        lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        lambda: nn.LazyLinear(2).weight,
        lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        lambda: torch.ones(0),
        lambda: torch.ones(2).to(torch.float8_e5m2),
        lambda: torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
        lambda: np.zeros(3, [("a", np.int32), ("b", object)]),
        lambda: np.ma.masked_array([1, 2], [True, False]),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_an_odd_tensor_is_listed_all_the_same(make: Callable[[], Any]) -> None:
    seen = Marks()
    for after in (1, 2):
        seen.turn(after, fresh=True)
        (found,) = listed({"x": make()}, seen, after).variables
        assert found.name == "x"
        assert found.storage is None
        assert found.dtype


def test_a_tensor_whose_memory_was_given_back_is_not_read() -> None:
    tensor = torch.ones(1 << 20)
    tensor.untyped_storage().resize_(0)
    with torch.inference_mode():
        inference = torch.ones(3)
    seen = Marks()
    seen.turn(1, fresh=True)
    gone, made = listed({"gone": tensor, "made": inference}, seen, 1).variables
    assert (gone.text, gone.shape) == ("", (1 << 20,))
    assert (made.text, made.version) == ("[1., 1., 1.]", None)


def test_a_question_changes_nothing_and_keeps_nothing(notebook: Notebook) -> None:
    notebook.run("w = torch.ones(3, requires_grad=True); y = (w * w).sum(); n = np.ones(4); m = nn.Linear(2, 2)")
    drawn, state = torch.get_rng_state(), [notebook.names[name] for name in "wynm"]
    before = [(value.requires_grad, value._version, value.grad) for value in state[:1]]
    notebook.ask()
    assert torch.equal(torch.get_rng_state(), drawn)
    assert [(value.requires_grad, value._version, value.grad) for value in state[:1]] == before
    notebook.names["y"].backward()  # its graph is whole
    gone = [weakref.ref(value) for value in state]
    state.clear()
    for name in "wynm":
        notebook.names.pop(name)
    gc.collect()
    assert [one() for one in gone] == [None] * 4


def test_names_are_the_persons_functions_last() -> None:
    hidden = {"In": [], "open": open, "exit": 1}
    names: dict[str, Any] = dict(hidden)
    names |= {"f": marks, "_": 1, "_private": 2, "np": np, "Net": Notebook, "a": 1, "exit": 2}
    assert list(persons(names, hidden)) == ["exit", "a", "f", "Net"]


def test_of_many_names_the_last_are_listed() -> None:
    seen = Marks()
    seen.turn(1, fresh=True)
    found = listed({f"x{at}": at for at in range(MOST + 7)}, seen, 1)
    assert (len(found.variables), found.left_out) == (MOST, 7)
    assert found.variables[-1].name == f"x{MOST + 6}"


def test_outside_a_kernel_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InspectionError, match="of a lab's kernel"):
        kernel_variables.compute(tmp_path, VariablesRequest(1), silent)


@pytest.mark.parametrize(
    ("expression", "found"),
    [("a", 5), ("d['k'][0]", 1), ("l[-1]", 3), ("l[:2]", [1, 2]), ("o.real", 5), ("d[1, 2]", "pair")],
)
def test_an_expression_means_what_it_means_in_python(expression: str, found: object) -> None:
    names = {"a": 5, "d": {"k": [1], (1, 2): "pair"}, "l": [1, 2, 3], "o": 5}
    assert value_of(names, expression) == found


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("b", "there is no variable b"),
        ("a.nothing", "no attribute 'nothing'"),
        ("l[9]", "list index out of range"),
        ("d['x']", "there is no 'x'"),
        ("print(a)", "can't be looked at; name a variable"),
        ("l[print(a)]", "can't be looked at"),
        ("a b", "can't be looked at"),
        ("", "can't be looked at"),
    ],
)
def test_an_expression_that_means_nothing_is_one_line(expression: str, words: str) -> None:
    with pytest.raises(InspectionError) as error:
        value_of({"a": 5, "l": [1], "d": {}}, expression)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
