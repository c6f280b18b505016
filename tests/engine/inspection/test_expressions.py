"""A view's transposed, as text: of the whole of what was typed, not of its last part."""

import pytest
import torch

from engine.inspection import views
from engine.inspection.expressions import transposed

X = torch.arange(9.0).reshape(3, 3)


@pytest.mark.parametrize(
    ("view", "text"),
    [
        ("", ".mT"), ("[1:]", "[1:].mT"), (".abs()", ".abs().mT"), ("0:2, 1", "t[0:2, 1].mT"), ("0:2", "t[0:2].mT"),
        ("t @ t.mT", "(t @ t.mT).mT"), ("t * 2", "(t * 2).mT"), ("-t", "(-t).mT"), ("t > 4", "(t > 4).mT"),
        ("[1:] + 1", "(t[1:] + 1).mT"), ("torch.cat([t, t])", "torch.cat([t, t]).mT"),
    ],
)  # fmt: skip
def test_it_is_of_the_whole_view_and_comes_back(view: str, text: str) -> None:
    assert transposed(view) == text
    made = views.apply(X, view)
    if made.ndim == 2:
        assert torch.equal(views.apply(X, text), made.mT)
        assert torch.equal(views.apply(X, transposed(text)), made)


def test_of_what_is_no_python_it_stays_to_be_refused() -> None:
    assert transposed("t @") == "(t @).mT"
