"""The value of an expression among a person's names."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.inspection import kernel_values
from engine.inspection.kernel_requests import Evaluated, EvaluateRequest
from engine.inspection.kernel_values import LONGEST, evaluate
from engine.progress import silent
from engine.worker.server import handler_of


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The kernel's, as IPython has them: here one for both scopes."""
    made: dict[str, Any] = {"n": 3, "hostile": Hostile(), "text": "x" * 2 * LONGEST}
    monkeypatch.setattr(kernel_values, "shell", lambda: SimpleNamespace(user_global_ns=made, user_ns=made))
    return made


def asked(expression: str) -> Evaluated:
    return evaluate(Path(), EvaluateRequest(expression), silent)


def test_a_value_is_spelled_as_python_spells_it(names: dict[str, Any]) -> None:
    assert asked("[n, 'a', 1.5]") == Evaluated("[3, 'a', 1.5]")
    assert asked("[n * m for m in range(n)]") == Evaluated("[0, 3, 6]")
    assert asked("None") == Evaluated("None")
    assert len(asked("text").value or "") == LONGEST
    assert "_" not in names


@pytest.mark.parametrize(
    ("expression", "error", "words"),
    [
        ("nobody", "NameError", "name 'nobody' is not defined"), ("1 / 0", "ZeroDivisionError", "division by zero"),
        ("x = 1", "SyntaxError", ""), ("", "SyntaxError", ""), ("hostile", "RuntimeError", "no repr"),
        ("n.grad.item()", "AttributeError", "'int' object has no attribute 'grad'"), ("a\0b", "SyntaxError", ""),
    ],
)  # fmt: skip
def test_what_it_raises_is_the_answer(names: dict[str, Any], expression: str, error: str, words: str) -> None:
    found = asked(expression)
    assert (found.value, found.error) == (None, error)
    assert words in found.words


def test_the_kernel_finds_it() -> None:
    assert handler_of(EvaluateRequest("1")) is evaluate
