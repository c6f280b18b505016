"""What is said of a file: of this program's checkpoints, of another program's, and of what is wrong with one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.progress import silent
from engine.weights import listing
from engine.weights.contents import OWN_KEYS
from engine.weights.requests import FileListing, FileRequest, Import
from tui.weights import difference_rows, file_facts, file_subject
from tui.weights.file_detail import FileText


def listed(content: object, path: Path) -> FileListing:
    torch.save(content, path)
    return listing.compute(path.parent, FileRequest(path), silent)


@pytest.fixture
def own(tmp_path: Path) -> FileListing:
    """A checkpoint of this program, with the state of an optimizer that comes before the weights."""
    state = {"step": torch.tensor(3.0), "exp_avg": torch.zeros(2, 3)}
    content = dict.fromkeys(sorted(OWN_KEYS), 1) | {
        "optimizer": {"state": {0: state}, "param_groups": [{"lr": 0.1}]},
        "model": {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2)},
        "config": {"model": "mlp", "dataset": "demo", "optimizer": "adam", "lr": 0.5, "epochs": 10, "seed": 0},
        "epoch": 4, "step": 20, "steps": 80, "accuracy": 0.75, "loss_sum": 12.0, "rng": [torch.zeros(5)],
    }  # fmt: skip
    return listed(content, tmp_path / "own.pt")


def facts(found: FileListing) -> dict[str, str]:
    return {fact.label: fact.text for fact in file_facts.of_file(found)}


def test_a_checkpoint_says_how_far_its_training_was_and_what_it_reached(own: FileListing) -> None:
    said = facts(own)
    assert said["place"] == "epoch 4, step 20 of 80"
    assert said["accuracy"] == "75.0% of the test images"
    assert said["train loss"] == "0.6000, the mean of the epoch's steps"
    assert said["weights"] == "2 tensors, 8 numbers, 32 B (model)"
    assert said["optimizer"] == "adam: step, exp_avg; 2 tensors, 7 numbers, 28 B (optimizer)"
    assert said["other tensors"] == "1 tensor, 5 numbers, 20 B (rng)"
    assert file_facts.changed_settings(own) == [("optimizer", "adam"), ("learning rate", "0.5")]


def test_of_another_programs_file_its_numbers_are_told(tmp_path: Path) -> None:
    content = {"state_dict": {"w": torch.zeros(2, 2)}, "epoch": 3, "val_loss": 0.25, "name": "x"}
    found = listed(content, tmp_path / "theirs.pt")
    assert facts(found)["numbers"] == "epoch 3 · val_loss 0.25"
    assert "optimizer" not in facts(found)
    assert file_facts.changed_settings(found) == []


def test_what_is_untrusted_or_wrong_is_told_in_its_colour(own: FileListing) -> None:
    odd = replace(own, imports=(Import("posix.system", False),), problems=("one", "two", "three"))
    odd = replace(odd, counts={**own.counts, "problems": 3})
    styles = [(fact.text, fact.style) for fact in file_facts.of_file(odd) if fact.style]
    assert styles == [
        (own.safety, "warning"), ("one", "bad"), ("two", "bad"), ("and 1 more problem", "bad"),
    ]  # fmt: skip


def test_the_tensors_come_weights_first_and_keep_the_ends_of_their_names(own: FileListing) -> None:
    ones = file_facts.in_order(own)
    assert [one.name for one in ones][:3] == ["model.fc.weight", "model.fc.bias", "optimizer.state.0.step"]
    for width, expected in (
        (80, "model.fc.weight 2×3 float32 24 B"),
        (42, "model.fc.weight 2×3 float32"),
        (32, "model.fc.weight 2×3"),
        (24, "model.fc.weight"),
    ):
        text = "".join(piece for piece, _ in file_facts.tensor_lines(ones, width)[0])
        assert (len(text) <= width, " ".join(text.split())) == (True, expected)
    narrow = ["".join(piece for piece, _ in line).strip() for line in file_facts.tensor_lines(ones, 20)]
    assert "…zer.state.0.exp_avg" in narrow


def test_a_wide_panel_has_two_columns_and_no_line_is_too_long(own: FileListing) -> None:
    text = FileText()
    text.listing = own
    narrow, wide = text.all_lines(44, 40), text.all_lines(140, 40)
    assert len(wide) < len(narrow)
    for width, lines in ((44, narrow), (140, wide)):
        written = ["".join(piece for piece, _ in line) for line in lines]
        assert all(len(line) <= width for line in written)
        assert any("Settings that differ from the defaults" in line for line in written)
        assert any("model.fc.bias" in line for line in written)


def test_a_tensor_without_values_says_so_and_where_others_are_opened(tmp_path: Path) -> None:
    content = {"w": torch.empty(2, 3, device="meta"), "tied": torch.zeros(4)}
    found = listed(content | {"same": content["tied"]}, tmp_path / "meta.pt")
    subjects = {one.name: file_subject.of_tensor(found, one, {}, {}) for one in found.tensors}
    facts = dict(subjects["w"].facts)
    assert facts["values"] == "none: saved from PyTorch's meta device"
    assert "o opens another file" in facts["instead"]
    assert dict(subjects["w"].beside) == {"w": 6, "tied": 4, "same": 4}
    assert not subjects["tied"].beside
    assert ("shared with", "same") in subjects["tied"].facts
    assert not subjects["tied"].missing


def test_other_values_have_the_room_that_their_names_leave() -> None:
    for width in (78, 138, 198):
        name, first, second = difference_rows.value_columns(width)
        assert first.width == second.width == max(20, width // 3 - 2)
        assert abs(name.width) + first.width + second.width + 5 <= width
