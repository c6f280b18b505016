"""Runs that go on from files of no run here: our own checkpoints, and those of other people's training loops."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.checkpoints.read import newest_good
from engine.errors import CheckpointError, ConfigError, EngineError
from engine.home import RunFolder
from engine.models.registry import build
from engine.runs import client, from_weights, listing, store
from engine.runs.follower import Follower
from engine.runs.verify_resume import kill
from engine.training import events as ev
from engine.training.config import TrainConfig
from engine.weights import safe_load
from engine.weights.misfit import MisfitError
from engine.weights.reading import read
from tests.engine.runs.test_host_resume import create, go_on, serve, state, wait, weights
from tests.support.hostile import checkpoint, holding, named, reduced, tensor, text

SHORT = TrainConfig(dataset="demo", epochs=2, threads=1, shuffle=True, optimizer="adam", batch_size=128)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of two epochs that was never interrupted."""
    folder = create(tmp_path_factory.mktemp("there"), SHORT)
    serve(folder)
    return folder


def events(folder: RunFolder, kind: type[ev.Event]) -> list[Any]:
    return [event for event in Follower(folder).poll() if isinstance(event, kind)]


def test_a_checkpoint_from_another_machine_goes_on_bit_for_bit(straight: RunFolder, home: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(straight.checkpoint("epoch-0001.pt"), tmp_path / "from-there.pt"))
    origin = from_weights.look(file)
    assert origin.own
    assert origin.words == "the end of epoch 1 of a run of fmnist-tui, with the state of adam"
    folder = from_weights.prepare(home, file, {})
    assert serve(folder).status == "finished"
    assert weights(folder) == weights(straight)
    (branched,) = events(folder, ev.Branched)
    assert (branched.parent, branched.checkpoint, branched.epoch, branched.notes) == ("", str(file), 1, [])
    (told,) = listing.list_runs(home)
    assert (told.parent, told.began_with) == ("", str(file))


def test_it_can_be_resumed_before_its_first_checkpoint_and_without_the_file(
    straight: RunFolder, home: Path, tmp_path: Path
) -> None:
    file = Path(shutil.copy(straight.checkpoint("epoch-0001.pt"), tmp_path / "from-there.pt"))
    folder = from_weights.prepare(home, file, {})
    store.write_run(folder, store.read_run(folder) | {"agenda": [[2, 5, "pause"]]})
    client.launch(folder)
    wait(folder, lambda run: run.status == "paused")
    kill(folder)
    file.unlink()
    found = newest_good(folder)
    assert found is not None
    assert (found[0].epoch, found[0].reason, found[0].rested_on) == (1, "branch", True)
    assert go_on(folder).status == "finished"
    assert weights(folder) == weights(straight)


def other_loop(model: nn.Module, optimizer: torch.optim.Optimizer, path: Path, **more: Any) -> Path:
    """A checkpoint as PyTorch's tutorial saves one."""
    X, y = torch.rand(8, 1, 28, 28), torch.arange(8)
    for _ in range(3):
        nn.functional.cross_entropy(model(X), y).backward()
        optimizer.step()
        optimizer.zero_grad()
    content = {"epoch": 3, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict()}
    torch.save(content | more, path)
    return path


def test_another_loops_checkpoint_gives_its_weights_and_its_optimizers_state(home: Path, tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = build("mlp", 10, (1, 28, 28))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.02)
    path = other_loop(model, optimizer, tmp_path / "theirs.pt")
    origin = from_weights.look(path)
    assert origin.optimizers == ("adamw",)  # its weight decay is decoupled
    assert "its weights and the state of its optimizer (step, exp_avg, exp_avg_sq: adamw)" in origin.words
    with pytest.raises(ConfigError, match="does not say which network it belongs to: add one, such as model=mlp"):
        from_weights.asked(origin, {})
    with pytest.raises(ConfigError, match="add optimizer=adamw; any other starts without it"):
        from_weights.asked(origin, {"model": "mlp"})
    changes = {"model": "mlp", "optimizer": "adamw", "dataset": "demo", "epochs": "1", "threads": "1"}
    folder = from_weights.prepare(home, path, changes)
    config = store.read_run(folder)["config"]
    assert (config["lr"], config["weight_decay"]) == (3e-4, 0.02)
    from engine.runs import launch

    beginning = launch.start(folder)
    network, theirs = beginning.prepared.network.state_dict(), model.state_dict()
    assert all(torch.equal(network[name], theirs[name]) for name in theirs)
    mine = beginning.prepared.optimizer.state_dict()["state"]
    assert mine.keys() == optimizer.state_dict()["state"].keys()
    for place, kept in optimizer.state_dict()["state"].items():
        assert all(torch.equal(mine[place][name], value) for name, value in kept.items())
    assert beginning.opening[-1].notes == []  # type: ignore[attr-defined]
    assert serve(folder).status == "finished"


def test_what_no_setting_says_of_the_optimizer_is_taken_kept_in_checkpoints_and_shown(
    home: Path, tmp_path: Path
) -> None:
    model = build("mlp", 10, (1, 28, 28))
    backwards = list(model.named_parameters())[::-1]
    rate: Any = torch.tensor(3e-4)  # as capturable ones have it
    optimizer = torch.optim.Adam(backwards, lr=rate, betas=(0.5, 0.95), eps=1e-4, amsgrad=True)
    path = other_loop(model, optimizer, tmp_path / "theirs.pt")
    changes = {"model": "mlp", "optimizer": "adam", "dataset": "demo", "epochs": "1", "threads": "1"}
    folder = from_weights.prepare(home, path, changes)
    config = store.read_run(folder)["config"]
    assert config["lr"] == pytest.approx(3e-4)
    assert (config["betas"], config["eps"]) == ("0.5, 0.95", 1e-4)
    assert serve(folder).status == "finished"
    (branched,) = events(folder, ev.Branched)
    assert branched.notes == ["taken from the optimizer in the file: amsgrad True"]
    found = newest_good(folder)
    assert found is not None
    kept = found[1]["optimizer"]
    assert (kept["param_groups"][0]["betas"], kept["param_groups"][0]["eps"]) == ((0.5, 0.95), 1e-4)
    assert "max_exp_avg_sq" in kept["state"][0]
    go_on_with = {"epochs": 2}
    from engine.runs import launch

    resumed = launch.resume(folder, go_on_with).prepared.optimizer.param_groups[0]
    assert (resumed["betas"], resumed["eps"], resumed["amsgrad"]) == ((0.5, 0.95), 1e-4, True)


@pytest.mark.parametrize("make", [torch.optim.Adadelta, torch.optim.NAdam, torch.optim.RAdam, torch.optim.Adagrad])
def test_the_state_of_an_optimizer_that_is_not_known_is_named(make: Any, tmp_path: Path) -> None:
    model = build("mlp", 10, (1, 28, 28))
    origin = from_weights.look(other_loop(model, make(model.parameters()), tmp_path / "theirs.pt"))
    assert origin.optimizers == ()
    assert "the state of its optimizer (step, " in origin.words
    assert origin.words.endswith(") is not that of sgd or adam or adamw or rmsprop")


def test_what_else_is_in_the_file_is_told(home: Path, tmp_path: Path) -> None:
    model = build("mlp", 10, (1, 28, 28))
    first, second = (torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9) for lr in (0.1, 0.2))
    other_loop(model, second, tmp_path / "other.pt")
    path = other_loop(
        model, first, tmp_path / "theirs.pt", scaler={"scale": 65536.0}, scheduler=[1, 2],
        lr_scheduler={"last_epoch": 3}, ema={"w": torch.ones(2)},
        optimizer_state_dict=[first.state_dict(), second.state_dict()],
    )  # fmt: skip
    assert from_weights.look(path).config.lr == 0.1
    changes = {"model": "mlp", "optimizer": "sgd", "dataset": "demo", "epochs": "1", "threads": "1"}
    from engine.runs import launch

    folder = from_weights.prepare(home, path, changes)
    assert launch.start(folder).opening[-1].notes == [  # type: ignore[attr-defined]
        "the file has 2 optimizers: the first is taken", "not taken from the file: scaler, lr_scheduler, ema",
    ]  # fmt: skip
    renamed = tmp_path / "renamed.pt"
    torch.save({"model": model.state_dict(), "my_sgd": first.state_dict()}, renamed)
    assert from_weights.look(renamed).optimizers == ("sgd",)


def test_quantized_weights_are_told(home: Path, tmp_path: Path) -> None:
    state = build("mlp", 10, (1, 28, 28)).state_dict()
    path = tmp_path / "q.pt"
    torch.save({name: torch.quantize_per_tensor(value, 0.001, 0, torch.qint8) for name, value in state.items()}, path)
    changes = {"model": "mlp", "dataset": "demo", "epochs": "1", "threads": "1"}
    from engine.runs import launch

    (note,) = launch.start(from_weights.prepare(home, path, changes)).opening[-1].notes  # type: ignore[attr-defined]
    assert note.startswith("6 quantized tensors (")
    assert note.endswith(": used dequantized, as float32")


def test_what_could_not_be_taken_over_is_told(home: Path, tmp_path: Path) -> None:
    model = build("mlp", 10, (1, 28, 28))
    path = other_loop(model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), tmp_path / "theirs.pt")
    origin = from_weights.look(path)
    assert origin.optimizers == ("sgd",)
    assert origin.config.momentum == 0.9
    settings = {"model": "mlp", "dataset": "demo", "epochs": "1", "threads": "1", "momentum": "0"}
    folder = from_weights.prepare(home, path, settings | {"optimizer": "adam"})
    serve(folder)
    (branched,) = events(folder, ev.Branched)
    (note,) = branched.notes
    assert note.startswith("the optimizer's state in the file was not loaded: it has momentum_buffer, and adam needs")
    frozen = from_weights.prepare(home, path, settings | {"optimizer": "sgd", "freeze": "linear_relu_stack.0.*"})
    serve(frozen)
    assert events(frozen, ev.Branched)[0].notes == []  # the frozen ones are given to the optimizer too


def test_names_are_brought_in_order_as_it_is_said(home: Path, tmp_path: Path) -> None:
    model = build("mlp", 10, (1, 28, 28))
    state_dict = {
        f"module.{name.replace('linear_relu_stack', 'body')}": value for name, value in model.state_dict().items()
    }
    path = tmp_path / "ddp.pt"
    torch.save({"state_dict": state_dict}, path)
    settings = {"model": "mlp", "dataset": "demo", "epochs": "1"}
    with pytest.raises(MisfitError, match="does not fit mlp") as caught:
        client.start(home, TrainConfig(model="mlp", dataset="demo", weights=str(path)))
    assert str(caught.value.proposal) == "linear_relu_stack=module.body"  # from the host's process, whole
    assert all(name.startswith("module.body.") for name in caught.value.unexpected)
    folder = from_weights.prepare(home, path, settings | {"weights": "module. linear_relu_stack=body"})
    assert store.read_run(folder)["config"]["weights"] == f"{path} module. linear_relu_stack=body"
    assert serve(folder).status == "finished"


def test_what_does_not_fit_is_answered_with_what_may_be_typed(home: Path, tmp_path: Path) -> None:
    state = build("mlp", 10, (1, 28, 28)).state_dict()
    path = tmp_path / "theirs.pt"
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    torch.save({f"_orig_mod.{name}": value for name, value in state.items()} | {"graph": nested}, path)
    settings = {"model": "mlp", "dataset": "demo", "epochs": "1", "threads": "1"}
    with pytest.raises(CheckpointError) as caught:
        serve(from_weights.prepare(home, path, settings))
    assert str(caught.value).endswith("; use weights='_orig_mod. without:graph'")
    folder = from_weights.prepare(home, path, settings | {"weights": "_orig_mod. without:graph"})
    assert serve(folder).status == "finished"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (holding(x=tensor((4,), (1,), 0) + b"", epoch=text("3")), None),
        (holding(x=tensor((9,), (1,))), "is refused: x reaches element 9 of a storage that has 4"),
        (b"\x80\x02}" + text("epoch") + b"K\x03s.", "contains no weights"),
    ],
)
def test_what_holds_nothing_to_go_on_from_is_refused(content: bytes, words: str | None, tmp_path: Path) -> None:
    path = checkpoint(content, tmp_path / "some.pt")
    if words is None:
        assert not from_weights.look(path).own
        return
    with pytest.raises(CheckpointError, match=words):
        from_weights.look(path)


def test_our_own_form_with_anything_in_it_is_refused_in_one_line(
    straight: RunFolder, home: Path, tmp_path: Path
) -> None:
    content = torch.load(straight.checkpoint("epoch-0001.pt"), weights_only=True)
    for number, (wrong, words) in enumerate(
        (
            ({"format": 99}, "it has format 99"),
            ({"rng": 3}, "not as fmnist-tui writes it"),
            ({"rng": [{"torch": torch.zeros(3)}]}, "not as fmnist-tui writes it"),
            ({"order": torch.zeros(2)}, "not as fmnist-tui writes it"),
            ({"optimizer": {"state": {}}}, "not as fmnist-tui writes it"),
            ({"model": {"x": 3}}, "not as fmnist-tui writes it"),
            ({"config": {"lr": -1}}, "its settings can't be used"),
            ({"config": 3}, "not a checkpoint of a run"),
            (
                {"config": content["config"] | {"model": "/tmp/own.py:Net"}},
                r"needs /tmp/own\.py:Net, which would be executed",
            ),
            ({"config": content["config"] | {"epochs": 1}}, "1 of 1 epochs are done there already"),
            ({"epoch": 10**9}, "epochs"),
        )
    ):
        path = tmp_path / f"{number}.pt"
        torch.save(content | wrong, path)
        with pytest.raises(EngineError, match=words) as caught:
            serve(from_weights.prepare(home, path, {}))
        assert "\n" not in str(caught.value)


def test_a_file_that_changes_meanwhile_or_hides_an_object_is_refused(
    straight: RunFolder, home: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(straight.checkpoint("epoch-0001.pt"), tmp_path / "a.pt"))
    folder = from_weights.prepare(home, path, {})
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match="has changed since the run was created"):
        serve(folder)
    hidden = checkpoint(holding(x=tensor((4,), (1,)), y=reduced(named("os.system"), text("true"))), tmp_path / "b.pt")
    contents = read(hidden)
    with pytest.raises(CheckpointError, match=r"contains os\.system: refused"):
        safe_load.load(contents, contents.root)


def test_plain_python_is_what_torch_loads(straight: RunFolder) -> None:
    path = straight.checkpoint("epoch-0001.pt")
    contents = read(path)
    mine, theirs = safe_load.load(contents, contents.root), torch.load(path, weights_only=True)

    def same(a: Any, b: Any) -> bool:
        if isinstance(b, torch.Tensor):
            return a.dtype == b.dtype and torch.equal(a, b)
        if isinstance(b, dict):
            return list(a) == list(b) and all(same(a[key], b[key]) for key in b)
        if isinstance(b, list | tuple):
            return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
        return type(a) is type(b) and a == b

    assert same(mine, theirs)


def test_the_runs_own_file_is_known(straight: RunFolder, tmp_path: Path) -> None:
    path = straight.checkpoint("epoch-0002.pt")
    found = from_weights.in_run(path)
    assert found is not None
    assert (found[0], found[1].epoch) == (straight, 2)
    assert from_weights.in_run(Path(shutil.copy(path, tmp_path / "copy.pt"))) is None
    assert state(straight).status == "finished"
