"""What is said of PyTorch's errors: each is provoked in the PyTorch that is installed."""

import copy
import re
from collections.abc import Callable

import pytest
import torch
from markdown_it import MarkdownIt
from torch import nn
from torch.nn import functional

from engine.lab.explanations import EXPLANATIONS, LANGUAGES, Explanation, explain


def ones(*shape: int, grad: bool = True) -> torch.Tensor:
    return torch.ones(*shape, requires_grad=grad)


def twice() -> None:
    loss = ones(3).square().sum()
    loss.backward()
    loss.backward()


def changed_since() -> None:
    made = ones(3).exp()
    made.add_(1)
    made.sum().backward()


def set_one() -> None:
    ones(3)[0] = 1


def of_inference() -> None:
    with torch.inference_mode():
        made = torch.ones(2)
    (made * ones(2)).sum().backward()


def too_late() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.fc = nn.Linear(1, 1)

    Net()


def half_added() -> None:
    whole = torch.ones(2, dtype=torch.long)
    whole += 0.5


LABELS = torch.tensor([0, 1])

# What raises, and words of what is to be done.
ERRORS: list[tuple[Callable[[], object], str]] = [
    (twice, "retain_graph=True"),
    (lambda: ones(3).add_(1), "torch.no_grad()"),
    (set_one, "torch.no_grad()"),
    (changed_since, "clone()"),
    (lambda: ones(3).mul(2).backward(), ".mean()"),
    (lambda: ones(3, grad=False).sum().backward(), "requires_grad=True"),
    (lambda: torch.autograd.grad(ones(2).sum(), ones(2)), "allow_unused=True"),
    (lambda: torch.ones(2, dtype=torch.long).requires_grad_(), ".float()"),
    (of_inference, "clone()"),
    (lambda: ones(2).numpy(), "detach().numpy()"),
    (lambda: copy.deepcopy(ones(2) * 2), "detach().clone()"),
    (lambda: torch.ones(2, 3) @ torch.ones(4, 5), "here 3 and 4"),
    (lambda: nn.Linear(3, 4)(torch.ones(2, 5)), "here 5 and 3"),
    (lambda: torch.ones(2) @ torch.ones(3), "same size in both"),
    (lambda: torch.ones(2, 3) @ torch.ones(4), "same size in both"),
    (lambda: torch.ones(2, 2, 3) @ torch.ones(2, 4, 5), "same size in both"),
    (lambda: torch.ones(2, 3) + torch.ones(4), "here 3 and 4"),
    (lambda: torch.ones(2) + torch.ones(2, device="meta"), "model.to(device)"),
    (lambda: torch.ones(2, 2) @ torch.ones(2, 2, dtype=torch.float64), ".float()"),
    (lambda: nn.Linear(2, 2)(torch.ones(2, 2, dtype=torch.float64)), ".float()"),
    (lambda: nn.Linear(2, 2)(torch.ones(2, 2, dtype=torch.long)), ".float()"),
    (lambda: nn.Conv2d(1, 1, 3)(torch.ones(1, 1, 5, 5, dtype=torch.uint8)), ".float()"),
    (lambda: nn.Linear(3, 4).load_state_dict(nn.Linear(3, 5).state_dict()), "strict=False does not help"),
    (lambda: nn.Sequential(nn.Linear(3, 4)).load_state_dict(nn.Linear(3, 4).state_dict()), "state_dict().keys()"),
    (lambda: functional.cross_entropy(torch.ones(2, 3), torch.tensor([0, 3])), "0 to C - 1"),
    (lambda: functional.cross_entropy(torch.ones(2, 3), torch.tensor([0.0, 1.0])), "y.long()"),
    (lambda: functional.cross_entropy(torch.ones(2, 3), LABELS.int()), "y.long()"),
    (lambda: functional.cross_entropy(torch.ones(3, 3), LABELS), "labels [N]"),
    (lambda: functional.cross_entropy(torch.ones(2, 3), LABELS[:, None]), "labels [N]"),
    (lambda: functional.binary_cross_entropy(torch.ones(3, 1), torch.ones(3)), "pred.squeeze(1)"),
    (lambda: functional.binary_cross_entropy(torch.tensor([2.0]), torch.tensor([1.0])), "BCEWithLogitsLoss"),
    (lambda: nn.Conv2d(3, 1, 3)(torch.ones(1, 1, 5, 5)), "takes 3 channels, and 1 came in"),
    (lambda: nn.Conv2d(3, 1, 3)(torch.ones(5, 5)), "unsqueeze(0)"),
    (lambda: nn.Conv2d(1, 1, 9)(torch.ones(1, 1, 5, 5)), "smaller kernel"),
    (lambda: nn.BatchNorm1d(3)(torch.ones(1, 3)), "drop_last=True"),
    (lambda: torch.ones(4, 4).t().view(16), ".reshape("),
    (lambda: torch.ones(5).reshape(2, 3), "as the tensor: 5"),
    (lambda: torch.stack([torch.ones(2), torch.ones(3)]), "collate_fn"),
    (lambda: torch.cat([torch.ones(2, 2), torch.ones(3, 3)]), "here 0"),
    (lambda: torch.ones(3).item(), ".tolist()"),
    (lambda: bool(torch.ones(3)), ".any()"),
    (lambda: nn.Embedding(3, 2)(torch.tensor([5])), "num_embeddings"),
    (lambda: torch.ones(2, 3)[:, 5], "Dimension 1 has 3 elements"),
    (lambda: torch.ones(3, dtype=torch.long).mean(), "t.float().mean()"),
    (half_added, "t = t.float()"),
    (lambda: torch.optim.SGD([]), "nn.ModuleList"),
    (too_late, "super().__init__()"),
    (lambda: torch.empty(1 << 50), "Look at the shapes"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("provoke", "words"), ERRORS, ids=[words for _, words in ERRORS])
def test_a_real_error_is_explained(provoke: Callable[[], object], words: str) -> None:
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError, AttributeError)) as error:
        provoke()
    said = explain(type(error.value).__name__, str(error.value))
    assert words in said, str(error.value)
    korean = explain(type(error.value).__name__, str(error.value), "ko")
    assert re.search("[가-힣]", korean)
    assert not re.search(r"{\d}", said + korean)  # every group is filled in


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity", "no_grad()"),
        (
            "TypeError",
            "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu()",
            "t.cpu().numpy()",
        ),
        (
            "RuntimeError",
            "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",
            "model.to(device)",
        ),
        (
            "RuntimeError",
            "Input type (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be the same",
            "model.to(device)",
        ),
        ("RuntimeError", "Found dtype Double but expected Float", ".float()"),
        ("RuntimeError", "expected scalar type Double but found Float", ".float()"),
        ("RuntimeError", "expected scalar type Long but found Float", "y.long()"),
        ("RuntimeError", "CUDA error: device-side assert triggered", "on the CPU"),
        ("AssertionError", "Torch not compiled with CUDA enabled", "is_available()"),
        ("UnpicklingError", "Weights only load failed. This file can still be loaded", "state_dict()"),
    ],
)
def test_an_error_that_this_machine_may_not_have_is_explained_too(name: str, value: str, words: str) -> None:
    assert words in explain(name, value)
    assert re.search("[가-힣]", explain(name, value, "ko"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NameError", "name 'x' is not defined"),
        ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'"),
        ("ValueError", "the two strings should be the same"),
        ("RuntimeError", ""),
        ("KeyError", "'{0}'"),
        ("ValueError", "x" * 10**6),
    ],
)
def test_another_error_is_not_explained(name: str, value: str) -> None:
    assert explain(name, value) == ""


def test_every_explanation_is_short_and_names_the_same_groups_in_both_languages() -> None:
    for one in EXPLANATIONS:
        re.compile(one.pattern)
        assert len(one.en) < 300
        assert re.search("[가-힣]", one.ko)
        assert set(re.findall(r"{\d}", one.en)) == set(re.findall(r"{\d}", one.ko))
        assert set(re.findall(r"`[^`]*`", one.en)) == set(re.findall(r"`[^`]*`", one.ko))


def test_another_language_is_given_english() -> None:
    assert explain("RuntimeError", "Boolean value of Tensor with more than one value is ambiguous", "fr").startswith(
        "`if`"
    )


@pytest.mark.parametrize("one", EXPLANATIONS, ids=lambda one: one.pattern[:30])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_explanation_is_markdown_of_words_and_code_alone(one: Explanation, lang: str) -> None:
    text = getattr(one, lang).format("2", "3", "4")
    paragraph, inline, end = MarkdownIt().parse(text)
    assert (paragraph.type, end.type) == ("paragraph_open", "paragraph_close")
    assert inline.children is not None
    assert {child.type for child in inline.children} <= {"text", "code_inline"}
    assert "".join(child.content for child in inline.children) == text.replace("`", "")
