"""Weights and a network: what does not fit, and the mapping that is proposed."""

import io
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.errors import CheckpointError
from engine.models.registry import build
from engine.weights import matching
from engine.weights.key_mapping import KeyMapping, file_and_mapping
from engine.weights.matching import match
from engine.weights.misfit import MisfitError, ShapeMismatch
from engine.weights.state_dict import renamed
from engine.worker import wire


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build("mlp").state_dict()


def test_missing_unexpected_and_misshapen_tensors_are_told_apart() -> None:
    wanted = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2), "b.weight": torch.zeros(4)}
    assert match(wanted, wanted).whole
    found = match(wanted, {"a.weight": torch.zeros(3, 3), "a.bias": torch.zeros(2), "c.weight": torch.zeros(4)})
    assert (found.missing, found.unexpected) == (("b.weight",), ("c.weight",))
    assert found.shapes == (ShapeMismatch("a.weight", (2, 3), (3, 3)),)
    assert found.renames == {"b.weight": "c.weight"}
    assert "a.weight is [2, 3] in the network and [3, 3] in the file" in found.describe()
    assert found.describe().endswith("perhaps --rename b.weight=c.weight")


class Small(nn.Module):
    """Names and shapes that all differ."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 5))
        self.head = nn.Linear(5, 7)


@pytest.mark.parametrize(
    ("rename", "more", "asked", "proposal"),
    [
        (lambda name: f"module.{name}", {}, "", "module."),
        (lambda name: f"a.b.{name}", {}, "a.", "a.b."),  # one prefix is removed already
        (lambda name: name, {"ema": 4, "loss.weight": 2, "loss.bias": 3}, "", "without:ema without:loss"),
        (lambda name: f"net.{name}", {"net.ema": 4}, "net.", "net. without:net.ema"),
        (lambda name: name.replace("body", "trunk"), {}, "", "body=trunk"),
        (lambda name: name.replace("head.weight", "head.kernel"), {}, "", "head.weight=head.kernel"),
        (lambda name: name.replace("body", "trunk").replace("head", "fc"), {}, "head=fc", "head=fc body=trunk"),
    ],
)
def test_the_proposal_makes_the_weights_fit(
    rename: object, more: dict[str, int], asked: str, proposal: str, tmp_path: Path
) -> None:
    assert callable(rename)
    torch.manual_seed(1)
    theirs = Small().state_dict()
    path = tmp_path / "theirs.pt"
    torch.save(
        {rename(name): value for name, value in theirs.items()} | {k: torch.ones(n) for k, n in more.items()}, path
    )
    network = Small()
    with pytest.raises(MisfitError) as caught:
        matching.load(network, f"{path} {asked}", "Small")
    assert str(caught.value.proposal) == proposal
    matching.load(network, f"{path} {caught.value.proposal}", "Small")
    assert all(torch.equal(value, theirs[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("renamed", [1, 4, 5])
def test_a_few_renames_are_spelled_as_an_option(renamed: int, tmp_path: Path) -> None:
    theirs = Small().state_dict()
    new_names = dict(zip(list(theirs)[:renamed], "pqrst", strict=False))
    path = tmp_path / "theirs.pt"
    torch.save({new_names.get(name, name): value for name, value in theirs.items()}, path)
    with pytest.raises(MisfitError) as caught:
        matching.load(Small(), str(path), "Small")
    pairs = " ".join(f"{name}={new}" for name, new in new_names.items())
    assert str(caught.value).endswith(f"; use --weights '{path} {pairs}'") == (renamed <= 4)
    assert str(caught.value.proposal) == pairs
    matching.load(Small(), f"{path} {pairs}", "Small")


def test_a_misfit_names_each_difference_and_crosses_the_wire(tmp_path: Path) -> None:
    theirs = Small().state_dict()
    del theirs["body.2.bias"]
    path = tmp_path / "theirs.pt"
    torch.save(theirs | {"head.weight": torch.ones(4, 5), "body.9.weight": torch.ones(2)}, path)
    with pytest.raises(MisfitError) as caught:
        matching.load(Small(), str(path), "Small")
    stream = io.BytesIO()
    wire.send(stream, caught.value)
    stream.seek(0)
    arrived = wire.receive(stream)
    for error in (caught.value, arrived):
        assert type(error) is MisfitError
        assert error.missing == ("body.2.bias",)
        assert error.unexpected == ("body.9.weight",)
        assert error.shapes == (ShapeMismatch("head.weight", (7, 5), (4, 5)),)
        assert error.proposal == KeyMapping(new=("head.weight", "body.2.bias"))
        assert str(error) == str(caught.value)


class Normed(nn.Module):
    """Batch norms of either kind, inside and outside."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.BatchNorm2d(3)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.SyncBatchNorm(4))
        self.head = nn.Linear(4, 2)


def trained() -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    network = Normed()
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape) if tensor.is_floating_point() else 7)
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("left_out", "prefix", "mapping"),
    [
        ("num_batches_tracked", "", ""),
        ("num_batches_tracked", "module.", "module."),
        ("num_batches_tracked", "net.", "net."),
        ("stem.num_batches_tracked", "", ""),  # only some have it
        ("body.2.num_batches_tracked", "module.", "module."),
    ],
)
def test_batch_norms_from_before_they_counted_batches_fit(
    left_out: str, prefix: str, mapping: str, tmp_path: Path
) -> None:
    theirs = {name: tensor for name, tensor in trained().items() if not name.endswith(left_out)}
    path = tmp_path / "old.pt"
    torch.save({f"{prefix}{name}": tensor for name, tensor in theirs.items()}, path)
    network = Normed()
    if prefix:
        with pytest.raises(MisfitError) as caught:
            matching.load(network, str(path), "Normed")
        assert str(caught.value.proposal) == mapping
    matching.load(network, f"{path} {mapping}", "Normed")
    found = network.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in theirs.items())
    assert {int(found[name]) for name in found if name.endswith(left_out)} == {0}
    reference = Normed()
    reference.load_state_dict(theirs)  # torch does so too
    assert all(torch.equal(found[name], tensor) for name, tensor in reference.state_dict().items())


@pytest.mark.parametrize(
    ("gone", "proposal"),
    [
        (["body.1.running_mean"], "new:body.1.running_mean"),
        (["body.1.running_mean", "body.1.running_var", "body.1.num_batches_tracked"],
         "new:body.1.running_mean new:body.1.running_var"),
        (["body.1.weight", "body.1.bias", "body.1.running_mean", "body.1.running_var", "body.1.num_batches_tracked"],
         "new:body.1"),
        (["head.bias"], "new:head.bias"),
        (["head.bias", "head.weight"], "new:head"),
    ],
)  # fmt: skip
def test_a_hint_names_what_is_missing_and_nothing_more(gone: list[str], proposal: str, tmp_path: Path) -> None:
    theirs = {name: tensor for name, tensor in trained().items() if name not in gone}
    path = tmp_path / "some.pt"
    torch.save(theirs, path)
    network = Normed()
    with pytest.raises(MisfitError) as caught:
        matching.load(network, str(path), "Normed")
    assert str(caught.value.proposal) == proposal
    matching.load(network, f"{path} {proposal}", "Normed")
    found = network.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in theirs.items())


def test_a_proposal_crosses_the_wire() -> None:
    stream = io.BytesIO()
    proposal = KeyMapping("net.", (("a", "b"),), "ema", ("loss",), ("head",))
    wire.send(stream, MisfitError("it does not fit", missing=("a.weight",), proposal=proposal))
    stream.seek(0)
    arrived = wire.receive(stream)
    assert (arrived.proposal, arrived.missing, arrived.unexpected) == (proposal, ("a.weight",), ())


def test_another_head_begins_anew_when_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "hundred.pt"
    state = weights() | {
        "linear_relu_stack.4.weight": torch.ones(100, 512),
        "linear_relu_stack.4.bias": torch.ones(100),
    }
    torch.save(state, path)
    net = build("mlp")
    mine = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(
        CheckpointError, match=r"to use new weights there, use --weights '.*pt new:linear_relu_stack\.4'$"
    ):
        matching.load(net, str(path), "mlp")
    matching.load(net, f"{path} new:linear_relu_stack.4", "mlp")
    for name, value in net.state_dict().items():
        assert torch.equal(value, (mine if "stack.4." in name else state)[name]), name
    with pytest.raises(CheckpointError, match="mlp has nothing that matches 'head', which is to get new weights"):
        matching.load(net, f"{path} new:head", "mlp")


@pytest.mark.parametrize(
    ("text", "path", "how"),
    [
        ("a.pt", "a.pt", KeyMapping()),
        ("my files/a b.pt", "my files/a b.pt", KeyMapping()),
        ("a.pt module.", "a.pt", KeyMapping("module.")),
        ("x/a=b.pt", "x/a=b.pt", KeyMapping()),
        ("a b.pt --strip module. --rename new.x=old.x", "a b.pt", KeyMapping("module.", (("new.x", "old.x"),))),
        (
            "a.pt section:ema without:loss.* --without head new:fc",
            "a.pt",
            KeyMapping("", (), "ema", ("loss.*", "head"), ("fc",)),
        ),
    ],
)
def test_what_is_typed_after_a_file(text: str, path: str, how: KeyMapping) -> None:
    assert file_and_mapping(text) == (Path(path), how)
    assert file_and_mapping(f"{path} {how}".strip()) == (Path(path), how)


def shaped(**shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    return {name.replace("__", "."): torch.zeros(shape) for name, shape in shapes.items()}


def test_names_of_one_shape_are_paired_by_likeness_and_not_in_order() -> None:
    wanted = shaped(block__fc1__weight=(4, 4), block__fc2__weight=(4, 4), block__fc3__weight=(4, 4))
    given = shaped(stage__fc3__weight=(4, 4), stage__fc1__weight=(4, 4), stage__fc2__weight=(4, 4))
    assert match(wanted, given).renames == {
        f"block.fc{number}.weight": f"stage.fc{number}.weight" for number in (1, 2, 3)
    }


def test_a_name_that_ends_alike_goes_before_one_that_is_more_alike() -> None:
    given = shaped(block__heighs=(3,), stem__weight=(3,), block__weights=(4,))
    assert match(shaped(block__weight=(3,)), given).renames == {"block.weight": "stem.weight"}
    assert match(shaped(block__weight=(3,)), shaped(block__heighs=(3,), x=(3,))).renames == {
        "block.weight": "block.heighs"
    }


def test_a_name_of_the_file_is_proposed_once_and_few_pairs_are_no_proposal() -> None:
    wanted = shaped(a1__weight=(3,), a2__weight=(3,))
    assert match(wanted, shaped(b__weight=(3,))).renames == {"a1.weight": "b.weight"}  # half of them is enough
    wanted |= shaped(a3__weight=(9,))
    assert match(wanted, shaped(b1__weight=(3,), b2__weight=(3,))).renames == {
        "a1.weight": "b1.weight", "a2.weight": "b2.weight",
    }  # fmt: skip
    assert match(wanted, shaped(b__weight=(3,))).renames == {}  # a third: another network, rather than other names


def test_renaming_a_module_takes_all_that_is_in_it_and_nothing_else() -> None:
    given = {name: torch.tensor(float(at)) for at, name in enumerate(("net.0.w", "net.1.w", "nets.w", "net2", "w"))}
    found = renamed(given, {"body": "net", "x.w": "w"})
    assert {name: float(value) for name, value in found.items()} == {
        "body.0.w": 0.0, "body.1.w": 1.0, "nets.w": 2.0, "net2": 3.0, "x.w": 4.0,
    }  # fmt: skip
    with pytest.raises(CheckpointError, match="--rename a=none: the file has no none"):
        renamed(given, {"a": "none"})
