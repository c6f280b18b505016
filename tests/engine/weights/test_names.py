"""Two names, or two storages, are never taken for one, however they look on a screen."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from engine.terminal_text import identifier, original, printable
from engine.weights import convert, tensors
from engine.weights.reading import read


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=300), st.text(max_size=300))
def test_no_two_names_become_one(one: str, other: str) -> None:
    for name in (one, other):
        assert printable(identifier(name)) == identifier(name)
        assert len(identifier(name)) <= 200
        if len(name) <= 60:
            assert original(identifier(name)) == name
    assert (identifier(one) == identifier(other)) == (one == other)


ALIKE = [
    ("0\x01", "0\\x01"), ("0\n", "0\\n"), ("a" * 250 + "0", "a" * 250 + "1"), ("\u202e0", "\\u202e0"),
    ("a…", "a\\u2026"),
]  # fmt: skip


@pytest.mark.parametrize("names", ALIKE)
def test_tensors_whose_names_look_alike_keep_their_numbers(names: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "alike.pt"
    torch.save({names[0]: torch.ones(3), names[1]: torch.zeros(3)}, path)
    contents = read(path)
    assert len({one.name for one in contents.tensors}) == 2
    by_name = {one.name: tensors.load(contents, one.name).tolist() for one in contents.tensors}
    assert by_name == {identifier(names[0]): [1.0] * 3, identifier(names[1]): [0.0] * 3}
    if "\u202e" not in names[0]:
        safe = tmp_path / "alike.safetensors"
        save_file({names[0]: torch.ones(3), names[1]: torch.zeros(3)}, safe)
        contents = read(safe)
        assert {one.name: tensors.load(contents, one.name).tolist() for one in contents.tensors} == by_name


def test_a_name_with_a_backslash_is_converted_as_it_is(tmp_path: Path) -> None:
    convert.write({identifier("a\\b\x01é…"): torch.ones(2)}, tmp_path / "out.pt")
    assert set(torch.load(tmp_path / "out.pt", weights_only=True)) == {"a\\b\x01é…"}
