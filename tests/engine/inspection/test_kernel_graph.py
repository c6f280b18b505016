"""The autograd graph of a kernel's tensor: names, what is saved, what was freed, what came to the leaves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import InspectionError
from engine.inspection import kernel_graph
from engine.inspection.kernel_graph import graph
from engine.inspection.kernel_namespace import has_gradient
from engine.inspection.kernel_requests import KernelGraph, KernelGraphRequest, SavedTensor
from engine.progress import silent


def graph_in(code: str, name: str) -> KernelGraph:
    names: dict[str, Any] = {"torch": torch, "nn": nn, "np": np}
    exec(code, names)
    return graph(name, names, {key: value for key, value in names.items() if key not in ("torch", "nn", "np")})


def ops(found: KernelGraph) -> list[str]:
    return [f"{node.node.op.rpartition(':')[2]} {node.node.leaf}".strip() for node in found.nodes]


def saved(found: KernelGraph) -> dict[str, SavedTensor]:
    return {f"{node.node.op}.{one.name}": one for node in found.nodes for one in node.saved}


def test_leaves_are_called_as_the_person_calls_them() -> None:
    found = graph_in(
        "model = nn.Sequential(nn.Linear(3, 2)); X = torch.ones(4, 3); y = model(X); loss = (y ** 2).mean()", "loss"
    )
    assert ops(found)[:3] == ["MeanBackward0", "PowBackward0", "AddmmBackward0"]
    assert [(leaf.name, leaf.shape, leaf.text) for leaf in found.leaves] == [
        ("model[0].bias", (2,), "None"), ("model[0].weight", (2, 3), "None"),
    ]  # fmt: skip
    kept = saved(found)
    assert kept["PowBackward0.self"] == SavedTensor("self", (4, 2), "float32", 32, "y")
    assert kept["AddmmBackward0.mat1"] == SavedTensor("mat1", (4, 3), "float32", 48, "X")
    assert not found.freed
    # y and X; mat2, the weight, only where its gradient of X is asked for
    assert found.saved_bytes == 32 + 48 + 24 * ("AddmmBackward0.mat2" in kept)


def test_memory_that_several_nodes_keep_is_counted_once() -> None:
    found = graph_in("w = torch.ones(5, requires_grad=True); y = w * w; z = y.view(5, 1) * w", "z")
    assert {one.variable for one in saved(found).values()} >= {"w"}
    assert found.saved_bytes == 40  # w and y, of 20 bytes each


def test_a_backward_frees_what_was_kept_and_fills_the_leaves() -> None:
    found = graph_in("w = torch.tensor([1., 2.], requires_grad=True); loss = (w * w).sum(); loss.backward()", "loss")
    assert found.freed
    assert [node.freed for node in found.nodes[:2]] == [False, True]  # of a sum nothing is kept
    assert (saved(found), found.saved_bytes) == ({}, 0)
    (leaf,) = found.leaves
    assert (leaf.name, leaf.text, leaf.opens) == ("w", "[2., 4.]", "w.grad")
    assert leaf.gradient is not None
    assert (leaf.gradient.mean, leaf.gradient.max) == (3.0, 4.0)


def test_a_graph_that_is_kept_is_not_freed() -> None:
    code = "w = torch.ones(2, requires_grad=True); loss = (w * w).sum(); loss.backward(retain_graph=True)"
    assert not graph_in(code, "loss").freed


def test_a_saved_tensor_that_was_changed_since_is_told() -> None:
    found = graph_in("w = torch.ones(2, requires_grad=True); a = w.exp(); b = a * 2; a.add_(1); c = b.sum()", "c")
    (kept,) = [one for node in found.nodes for one in node.saved if one.modified]
    assert kept == SavedTensor("result", (), "", 0, modified=True)
    assert not found.freed


def test_a_function_of_the_persons_tells_what_it_has_saved() -> None:
    code = """
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x, x * 2)
        ctx.variable = "a name of the person's"
        return x * x
    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[1]
w = torch.ones(3, requires_grad=True)
y = Square.apply(w)
"""
    found = graph_in(code, "y")
    assert [(one.name, one.variable) for one in found.nodes[0].saved] == [
        ("saved_tensors[0]", "w"), ("saved_tensors[1]", ""),
    ]  # fmt: skip
    assert graph_in(code + "y.sum().backward()", "y").freed


@pytest.mark.parametrize("keep", ["w * w", "Twice.apply(w)"])
def test_hooks_of_the_persons_are_not_run(keep: str) -> None:
    code = f"""
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2
    @staticmethod
    def backward(ctx, g):
        return g * 2
ran = []
w = torch.ones(3, requires_grad=True)
with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: ran.append(t) or t):
    y = {keep}
"""
    names: dict[str, Any] = {"torch": torch}
    exec(code, names)
    found = graph("y", names, {"w": names["w"]})
    assert names["ran"] == []
    assert {one.hooked for one in found.nodes[0].saved} == {True}
    assert found.saved_bytes == 0


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("x = torch.ones(2, requires_grad=True)", "x is a leaf: it has no grad_fn"),
        ("x = torch.ones(2)", "x.requires_grad is False"),
        ("w = torch.ones(2, requires_grad=True)\nwith torch.no_grad(): x = w * 2", "x.requires_grad is False"),
        ("w = torch.ones(2, requires_grad=True)\nwith torch.inference_mode(): x = w * 2", "inference_mode"),
    ],
)
def test_where_there_is_no_graph_it_says_why(code: str, why: str) -> None:
    found = graph_in(code, "x")
    assert found.nodes == ()
    assert why in found.why


def test_a_leaf_itself_tells_its_gradient() -> None:
    found = graph_in("x = torch.ones(2, requires_grad=True); (x * 3).sum().backward()", "x")
    assert [(leaf.name, leaf.text) for leaf in found.leaves] == [("x", "[3., 3.]")]


def test_a_leaf_without_a_name_opens_nothing() -> None:
    found = graph_in("y = torch.ones(2, requires_grad=True) * 2; y.sum().backward()", "y")
    assert [(leaf.name, leaf.text, leaf.opens) for leaf in found.leaves] == [("a leaf", "[2., 2.]", "")]


def test_reading_a_graph_leaves_it_as_it_was() -> None:
    names: dict[str, Any] = {"w": torch.ones(3, requires_grad=True)}
    names["loss"] = (names["w"] * names["w"]).sum()
    graph("loss", names, names)
    assert not has_gradient(names["w"])
    names["loss"].backward()
    assert names["w"].grad.tolist() == [2.0, 2.0, 2.0]
    assert names["w"]._version == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [("n", "array of NumPy's"), ("k", "of type int, not a tensor"), ("nobody", "no variable"), ("w.grad", "is None")],
)
def test_what_has_no_graph_is_refused_in_one_line(name: str, words: str) -> None:
    with pytest.raises(InspectionError, match=words):
        graph_in("n = np.ones(2); k = 3; w = torch.ones(2, requires_grad=True)", name)


def test_outside_a_kernel_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InspectionError, match="of a lab's kernel"):
        kernel_graph.compute(tmp_path, KernelGraphRequest("x"), silent)
