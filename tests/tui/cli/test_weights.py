"""`fmnist-tui inspect` from the command line."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.models.registry import build
from engine.training.config import TrainConfig
from tests.engine.runs.test_host_resume import create, serve
from tests.engine.weights.test_reading import Evil
from tui.cli.main import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 2))
    path = tmp_path / "run.pt"
    torch.save({"epoch": 4, "model": net.state_dict()}, path)
    return path


def test_a_file_as_text_and_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(file)]) == 0
    text = capsys.readouterr().out
    assert "PyTorch (zip)" in text
    assert "not executed; all " in text
    assert "model.0.weight  2×3" in text
    assert "epoch = 4" in text
    assert main(["inspect", str(file), "--check"]) == 0
    assert "every byte is as written, according to the file's checksums (CRC-32)" in capsys.readouterr().out
    assert main(["inspect", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == "PyTorch (zip)"
    weight, bias = told["tensors"]
    assert {key: weight[key] for key in ("name", "shape", "dtype", "bytes")} == {
        "name": "model.0.weight", "shape": [2, 3], "dtype": "float32", "bytes": 24,
    }  # fmt: skip
    assert bias["name"] == "model.0.bias"
    assert {"name": "torch._utils._rebuild_tensor_v2", "known": True} in told["globals"]
    assert told["metadata"]["epoch"] == 4
    assert told["problems"] == []


def test_the_values_of_a_tensor(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weight = torch.load(file, weights_only=True)["model"]["0.weight"]
    assert main(["inspect", str(file), "--values", "model.0.weight"]) == 0
    assert str(weight) in capsys.readouterr().out
    assert main(["inspect", str(file), "--values", "model.0.weight[:, ::2].T", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["values"] == weight[:, ::2].T.tolist()
    assert told["shape"] == [2, 2]
    assert told["mean"] == pytest.approx(float(weight[:, ::2].mean()))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.pt"], "gone.pt: No such file"),
        (["{file}", "--values", "nothing"], "has no tensor 'nothing'; --tensors lists them"),
        (["{file}", "--values", "model.0.weight[9]"], "index 9 is out of bounds"),
        (["{file}", "--values", "model.0.weight.numpy()"], "can't be asked for"),
    ],
)
def test_bad_input_is_one_line(
    file: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", *(argument.replace("{file}", str(file)) for argument in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


def test_what_would_run_is_named_and_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"x": Evil(tmp_path / "made")}, tmp_path / "evil.pt")
    assert main(["inspect", str(tmp_path / "evil.pt")]) == 0
    assert "1 global outside the allow-list: posix.system" in capsys.readouterr().out
    assert not (tmp_path / "made").exists()


def test_two_files(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = torch.load(file, weights_only=True)
    content["model"]["0.bias"] += 1
    torch.save(content, tmp_path / "other.pt")
    assert main(["inspect", str(file), "--diff", str(file)]) == 0
    assert "2 tensors are identical" in capsys.readouterr().out
    assert main(["inspect", str(file), "--diff", str(tmp_path / "other.pt")]) == 1
    text = capsys.readouterr().out
    assert "model.0.bias  2 float32             max |Δ| 1, |Δ| 1.41" in text
    assert main(["inspect", str(file), "--diff", str(tmp_path / "other.pt"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in told["tensors"]] == ["same", "changed"]
    assert told["differs"] is True


def test_converting_from_the_command_line(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.safetensors"
    assert main(["convert", str(file), str(file), str(out)]) == 0
    assert "2 tensors of the mean of 2 files" in capsys.readouterr().out
    assert main(["convert", str(file), str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_run_s_checkpoint_is_named_by_its_place(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = create(home, TrainConfig(dataset="demo", epochs=2, threads=1), name="made")
    serve(folder)
    capsys.readouterr()
    assert main(["inspect", "--home", str(home), "made@1"]) == 0
    assert "epoch-0001.pt: PyTorch (zip)" in capsys.readouterr().out
    assert main(["inspect", "--home", str(home), "made@1", "--diff", "last@2"]) == 1
    assert "changed" in capsys.readouterr().out
    assert main(["convert", "--home", str(home), "last@1", "last@2", str(home / "mean.safetensors")]) == 0
    assert "the mean of 2 files" in capsys.readouterr().out
    assert main(["inspect", "--home", str(home), "made@7"]) == 2
    assert "no checkpoint at the end of epoch 7" in capsys.readouterr().err


@pytest.mark.parametrize(
    "spelled", ["{path}", "'{path}'", '"{path}"', "file://{url}", "{escaped}", "{path}\n", " {path} "]
)
def test_a_path_is_taken_as_it_is_pasted(
    spelled: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "best model-val_loss=0.31.ckpt"
    torch.manual_seed(0)
    torch.save(build("mlp").state_dict(), path)
    url, escaped = str(path).replace(" ", "%20"), str(path).replace(" ", "\\ ")
    text = spelled.format(path=path, url=url, escaped=escaped)
    assert main(["inspect", text]) == 0
    assert f"{path}: PyTorch (zip)" in capsys.readouterr().out
    assert main(["eval", "--home", str(home), text, "--model", "mlp", "--dataset", "demo"]) == 0
    assert f"{path}: mlp on " in capsys.readouterr().out
    assert main(["branch", "--home", str(home), text, "model=mlp", "dataset=demo", "epochs=1", "threads=1"]) == 0
    weights = ["--weights", f"{text} new:linear_relu_stack.4"]
    settings = ["--model", "mlp", "--dataset", "demo", "--epochs", "1", "--threads", "1"]
    assert main(["train", "--home", str(home), *settings, *weights]) == 0


def test_two_files_on_the_test_set_are_told_line_by_line(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / f"{seed}.pt" for seed in range(2)]
    for seed, path in enumerate(files):
        torch.manual_seed(seed)
        torch.save(build("mlp").state_dict(), path)
    command = ["eval", "--home", str(home), str(files[0]), "--against", str(files[1])]
    command += ["--model", "mlp", "--dataset", "demo"]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition(" ")[0] for line in lines[:2]] == list(map(str, files))
    assert re.fullmatch(r"mlp on .*: the second file fixes \d+ test images? and breaks \d+", lines[2])
    assert re.match(r"McNemar's test: p = [\d.e-]+, ", lines[3])
    assert [line.split()[0] for line in lines[5:8]] == ["T-Shirt", "Trouser", "Pullover"]
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert f"p = {told['p_value']:.3g}," in lines[3]
    assert f"fixes {len(told['fixed'])} test" in lines[2]


def test_a_conversion_tells_what_has_another_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "q.pt"
    torch.save({"w": torch.quantize_per_tensor(torch.ones(3), 0.5, 1, torch.qint8), "b": torch.ones(2)}, path)
    assert main(["convert", str(path), str(tmp_path / "out.pt")]) == 0
    assert "1 quantized tensor (w): used dequantized, as float32\n" in capsys.readouterr().out
    assert main(["inspect", str(path), "--values", "w"]) == 0
    out = capsys.readouterr().out
    assert "w [3] float32, dequantized from qint8 (per_tensor_affine, scale 0.5, zero_point 1)" in out
    assert "tensor([1., 1., 1.])" in out
    assert main(["inspect", str(path), "--values", "w[0]", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["values"], told["dtype"], told["shown_as"][:22]) == (1.0, "float32", "dequantized from qint8")


def test_a_sparse_tensor_is_printed_as_pytorch_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.pt"
    value = torch.tensor([[0.0, 2], [3, 0]]).to_sparse_csr()
    wide = torch.sparse_coo_tensor(torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0), (1 << 15, 1 << 15))
    torch.save({"w": value, "wide": wide}, path)
    assert main(["inspect", str(path), "--values", "w"]) == 0
    assert str(value) in capsys.readouterr().out
    assert main(["inspect", str(path), "--values", "w[0]"]) == 0
    assert "w[0] [2] float32, all elements of sparse_csr, 2 stored" in capsys.readouterr().out
    assert main(["inspect", str(path), "--values", "wide"]) == 0
    assert "nnz=0" in capsys.readouterr().out
    assert main(["inspect", str(path), "--values", "wide[0]"]) == 2
    assert "would become 4,294,967,296: not expanded" in capsys.readouterr().err
