"""The command line and the Python files of runs: what a person types runs, what a run names is asked about first."""

import json
import os
import shutil
from pathlib import Path

import pytest

from engine.home import Home, RunFolder
from engine.models import trusted_code
from engine.runs import store
from tui.cli.main import main

NETWORK = """
from torch import nn
from torchvision.transforms import ToTensor


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10))


def augment(image):
    return ToTensor()(image)


with open(__file__ + ".ran", "a") as file:
    file.write("x")
"""


class Theirs:
    """A run of somebody else's, with the file of its network and of its transform."""

    def __init__(self, folder: RunFolder, file: Path) -> None:
        self.folder, self.file = folder, file

    @property
    def ran(self) -> bool:
        """Whether the file was executed."""
        return Path(f"{self.file}.ran").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Theirs:
    """The run, trained by who wrote its file."""
    there = tmp_path_factory.mktemp("theirs")
    file = there / "net.py"
    file.write_text(NETWORK)
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CONFIG_HOME", str(there / "config"))
    arguments = ["--model", f"{file}:Net", "--transform", f"{file}:augment", "--epochs", "1", "--threads", "1"]
    assert main(["--home", str(there), "train", "--dataset", "demo", *arguments]) == 0
    patch.undo()
    return Theirs(store.find(there, "last"), file)


@pytest.fixture
def theirs(trained: Theirs, home: Path) -> Theirs:
    """The same in the home of a person who never named its file."""
    folder = Home(home).run(trained.folder.id)
    shutil.copytree(trained.folder.path, folder.path)
    folder.host_json.unlink()  # this process
    Path(f"{trained.file}.ran").unlink(missing_ok=True)
    return Theirs(folder, trained.file)


COMMANDS = {
    "model": ["model", "last"],
    "model of a file": ["model", "{checkpoint}"],
    "parameters": ["model", "last@1", "--parameters"],
    "image": ["model", "last@best", "--image", "3"],
    "eval": ["eval", "last@1"],
    "eval of a file": ["eval", "{checkpoint}"],
    "resume": ["resume", "last", "--epochs", "2"],
    "resume, detached": ["resume", "last", "--epochs", "2", "--detach"],
    "branch": ["branch", "last", "epochs=2"],
    "branch, detached": ["branch", "last", "epochs=2", "--detach"],
    "branch of a file": ["branch", "{copy}", "epochs=2"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_whose_file_was_never_named_is_one_line_and_executes_nothing(
    theirs: Theirs, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = next(theirs.folder.checkpoints.glob("epoch-*.pt"))
    copy = tmp_path / "copy.pt"
    copy.write_bytes(checkpoint.read_bytes())
    runs = set(theirs.folder.path.parent.iterdir())
    assert main([part.format(checkpoint=checkpoint, copy=copy) for part in COMMANDS[name]]) == 2
    words = capsys.readouterr().err.splitlines()[-1]
    assert str(theirs.file) in words
    assert "which would be executed: if you trust that file, add " in words or words.endswith(
        f"if you do: fmnist-tui trust {theirs.file}"
    )
    assert not theirs.ran
    assert set(theirs.folder.path.parent.iterdir()) == runs


def test_trust_lets_it_run_until_the_file_changes(theirs: Theirs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trust", f"{theirs.file}:Net"]) == 0
    assert f"trusted as it is now: {theirs.file} (SHA-256 " in capsys.readouterr().out
    for command in (["model", "last"], ["eval", "last"], ["resume", "last", "--epochs", "2"]):
        assert main(command) == 0, command
    assert theirs.ran
    before = theirs.file.read_text()
    try:
        theirs.file.write_text(f"{before}# more\n")
        capsys.readouterr()
        assert main(["model", "last"]) == 2
        assert capsys.readouterr().err.endswith(
            f"has changed since you trusted it, and would be executed; if you trust it as it is now: "
            f"fmnist-tui trust {theirs.file}\n"
        )
    finally:
        theirs.file.write_text(before)


@pytest.mark.parametrize("typed", ["model", "eval", "branch"])
def test_a_file_that_is_typed_runs(theirs: Theirs, typed: str, tmp_path: Path) -> None:
    net, augment = f"{theirs.file}:Net", f"{theirs.file}:augment"
    copy = tmp_path / "copy.pt"
    copy.write_bytes(next(theirs.folder.checkpoints.glob("epoch-*.pt")).read_bytes())
    command = {
        "model": ["model", f"{net}={copy}", "--transform", augment, "--dataset", "demo"],
        "eval": ["eval", str(copy), "--model", net, "--dataset", "demo"],
        "branch": ["branch", str(copy), f"model={net}", f"transform={augment}", "epochs=2"],
    }
    assert main(command[typed]) == 0
    assert theirs.ran
    assert main(["model", "last"]) == 0  # it is remembered


def test_the_list_is_shown_and_shortened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trust"]) == 0
    assert "no Python file is trusted yet" in capsys.readouterr().out
    file = tmp_path / "a b.py"
    file.write_text("x = 1\n")
    assert main(["trust", os.path.relpath(file)]) == 0
    capsys.readouterr()
    assert main(["trust", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == trusted_code.files()
    assert main(["trust"]) == 0
    assert capsys.readouterr().out.endswith(f"… {file}\n")
    assert main(["trust", "--forget", str(file)]) == 0
    assert main(["trust", "--forget", str(file)]) == 0
    assert capsys.readouterr().out == f"not trusted any more: {file}\nwas not trusted: {file}\n"
    for wrong, words in ((["--forget"], "name the files"), (["--json", "x"], "name none"), (["gone.py"], "no such")):
        assert main(["trust", *wrong]) == 2
        assert words in capsys.readouterr().err
