"""Which network or weights are meant: what is typed, in words and on the disk."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine import sources
from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import ConfigError, EngineError, InspectionError
from engine.home import Home, RunFolder
from engine.models import names
from engine.sources import NewModel, RunCheckpoint, WeightsFile
from engine.training import references, settings
from engine.weights.key_mapping import KeyMapping
from tui.model import prompts

ENTRY = Entry("epoch-0001.pt", 1, 100, 10, "ab" * 32, 0.0, "epoch", accuracy=0.4)


@pytest.fixture
def run(home: Path) -> RunFolder:
    """A run called "fast" with three checkpoints, of which the second is the best."""
    folder = Home(home).run("20260102-030405-abcd")
    folder.checkpoints.mkdir(parents=True)
    folder.run_json.write_text(json.dumps({"v": 1, "id": folder.id, "name": "fast", "config": {}}))
    entries = [
        ENTRY,
        replace(ENTRY, file="epoch-0002.pt", epoch=2, accuracy=0.7),
        replace(ENTRY, file="epoch-0003-step-000041.pt", epoch=3, step=41, reason="asked", accuracy=None),
    ]
    for entry in entries:
        folder.checkpoint(entry.file).write_bytes(b"x")
    manifest.write(folder, entries)
    return folder


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("mlp", NewModel("mlp")),
        (" cnn ", NewModel("cnn")),
        ("torchvision:vgg16", NewModel("torchvision:vgg16")),
        ("my nets/net.py:Net", NewModel("my nets/net.py:Net")),
        ("last", RunCheckpoint("last")),
        ("fast@best", RunCheckpoint("fast", "best")),
        ("fast@3:41", RunCheckpoint("fast", "3:41")),
        ("@2", RunCheckpoint("last", "2")),
        ("weights.pth", WeightsFile(Path("weights.pth"))),
        ("a/b", WeightsFile(Path("a/b"))),
        ("w.bin module. a=b", WeightsFile(Path("w.bin"), KeyMapping("module.", (("a", "b"),)))),
        ("mlp=my weights.ckpt", WeightsFile(Path("my weights.ckpt"), model="mlp")),
        ("x/n.py:Net=w.pt section:ema", WeightsFile(Path("w.pt"), KeyMapping(section="ema"), "x/n.py:Net")),
    ],
)
def test_what_is_typed_is_one_of_three_things(text: str, source: sources.Source) -> None:
    assert sources.parse(text) == source
    assert sources.parse(str(source)) == source  # as it is typed


def test_a_file_that_is_there_is_a_file_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sources.parse("weights") == RunCheckpoint("weights")
    Path("weights").write_bytes(b"")
    assert sources.parse("weights") == WeightsFile(Path("weights"))


@pytest.mark.parametrize("text", ["", "  ", "mlp=", "cnn= "])
def test_nothing_is_refused_in_words(text: str) -> None:
    with pytest.raises(InspectionError, match="name "):
        sources.parse(text)


def test_a_model_that_is_unknown_is_refused() -> None:
    names = "mlp, cnn, fast_cnn, accurate_cnn, torchvision:NAME"
    with pytest.raises(ConfigError, match=f"is unknown; choose from {names}"):
        sources.parse("torchvision:not-a-name")


def test_a_third_model_is_known_everywhere_once_it_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sources.parse("resmlp") == RunCheckpoint("resmlp")
    monkeypatch.setitem(names.MODELS, "resmlp", names.ModelEntry("engine.models.mlp:NeuralNetwork", "a third one"))
    assert sources.parse("resmlp") == NewModel("resmlp")
    assert sources.parse("resmlp=w.pt") == WeightsFile(Path("w.pt"), model="resmlp")
    references.check_model("resmlp")
    assert "resmlp" in names.known()
    assert "resmlp: a third one" in settings.about("model")
    assert "mlp, cnn, fast_cnn, accurate_cnn, resmlp," in settings.help_text("model")
    assert "mlp, cnn, fast_cnn, accurate_cnn, resmlp, torchvision:" in prompts.sources_text()
    from engine.models.registry import build

    assert build("resmlp", classes=7)(torch.zeros(2, 1, 28, 28)).shape == (2, 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cnn", "a new cnn"),
        ("fast@best", "fast, epoch 2"),
        ("fast", "fast, epoch 3, step 41"),
        ("last@1", "fast, epoch 1"),
    ],
)
def test_a_source_in_words(home: Path, run: RunFolder, text: str, words: str) -> None:
    assert sources.describe(home, sources.parse(text)) == words


def test_files_in_words(home: Path, run: RunFolder, tmp_path: Path) -> None:
    path = run.checkpoint("epoch-0002.pt")
    assert sources.describe(home, sources.parse(f"{path}")) == "the checkpoint epoch-0002.pt of fast"
    assert sources.describe(home, sources.parse(f"mlp={path}")) == "a mlp with the weights of epoch-0002.pt"
    other = tmp_path / "other.pt"
    other.write_bytes(b"")
    assert sources.describe(home, sources.parse(f"{other}")) == "other.pt"
    with pytest.raises(InspectionError, match=r"no such file: /nowhere/x\.pt"):
        sources.describe(home, sources.parse("/nowhere/x.pt"))


def test_a_runs_checkpoint_is_found(home: Path, run: RunFolder) -> None:
    found = sources.resolve(home, RunCheckpoint("fast", "2"))
    assert (found.folder, found.entry.file, found.title) == (run, "epoch-0002.pt", "fast")
    assert found.path == run.checkpoint("epoch-0002.pt")
    assert sources.weights_path(home, RunCheckpoint("fast", "best")) == found.path
    assert sources.weights_path(home, WeightsFile(Path("w.pt"))) == Path("w.pt")
    with pytest.raises(ConfigError, match="not a file"):
        sources.weights_path(home, NewModel("mlp"))


def test_what_is_neither_model_nor_run_is_told_what_there_is(home: Path, run: RunFolder) -> None:
    with pytest.raises(InspectionError, match=r"'slow' is not a model \(mlp, cnn, .*no run 'slow'"):
        sources.resolve(home, RunCheckpoint("slow"))
    with pytest.raises(EngineError, match="no checkpoint at the end of epoch 9"):
        sources.resolve(home, RunCheckpoint("fast", "9"))


def test_a_file_is_a_runs_checkpoint_only_where_its_manifest_lists_it(home: Path, run: RunFolder) -> None:
    stray = run.checkpoint("stray.pt")
    stray.write_bytes(b"x")
    assert sources.listed_checkpoint(WeightsFile(stray)) is None
    (run.checkpoint("epoch-0001.pt")).unlink()
    assert sources.listed_checkpoint(WeightsFile(run.checkpoint("epoch-0001.pt"))) is None
    found = sources.listed_checkpoint(WeightsFile(run.checkpoint("epoch-0002.pt")))
    assert found is not None
    assert found.entry.epoch == 2
