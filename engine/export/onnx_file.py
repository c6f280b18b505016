"""A run's network as an ONNX file, checked against PyTorch. Imports torch, and packages that are extras."""

import contextlib
import importlib
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine import sources
from engine.errors import EngineError, ModelError, RunError
from engine.evaluation.of_checkpoint import setup_of_checkpoint
from engine.home import RunFolder
from engine.runs import checkpoint_refs, store
from engine.sources import RunCheckpoint

IMAGES = 256  # test images, that both are asked about
INPUT, OUTPUT = "images", "logits"
PACKAGES = "onnx onnxscript onnxruntime"


@dataclass(frozen=True)
class Exported:
    """What came of it."""

    data: bytes  # of the file
    checkpoint: str  # which one it is of, in words
    shape: tuple[int, ...]  # of an image as the network gets it: channels, height, width
    images: int  # that both were asked about
    difference: float  # the largest between two logits
    largest: float  # of PyTorch's logits, by size
    disagree: int  # images for which the predicted classes differ
    transform: str  # of the run; empty: none, the pixels are from 0 to 1


def export(folder: RunFolder, place: str = "best", doing: Callable[[str], object] = lambda words: None) -> Exported:
    """The network with the weights of a checkpoint, on the CPU and as it is evaluated. The file's input is float32
    [batch, channels, height, width], as the run's transform makes it; its output the logits, float32 [batch, classes].
    `doing`: told what is done next, in words, and "" at the end; how far each is can't be told.

    Raises EngineError: what can't be exported, and where a package is missing.
    """
    found = sources.resolve(folder.home.path, RunCheckpoint(folder.id, place))
    doing(f"reading {checkpoint_refs.words(found.entry)}, and the data")
    setup = setup_of_checkpoint(found, device="cpu", batch_size=IMAGES)
    model = setup.network.eval()
    images, _ = next(iter(setup.test_batches))
    with torch.no_grad():
        expected = model(images).float()
    details = {
        "run": folder.id, "name": store.title(folder), "checkpoint": found.entry.file, "sha256": found.entry.sha256,
        "classes": json.dumps(list(setup.dataset.classes)), "model": setup.config.model,
        "transform": setup.config.transform or "pixels from 0 to 1",
    }  # fmt: skip
    doing("writing the network as ONNX")
    data = _written(model, images, details, setup.config.model)
    doing(f"comparing the logits of {len(images)} test images with onnxruntime")
    got = _run(data, images)
    doing("")
    if got.shape != expected.shape:
        raise ModelError(f"onnxruntime gives logits of {tuple(got.shape)}, PyTorch of {tuple(expected.shape)}")
    return Exported(
        data, checkpoint_refs.words(found.entry), tuple(images.shape[1:]), len(images),
        float((got - expected).abs().max()), float(expected.abs().max()),
        int((got.argmax(1) != expected.argmax(1)).sum()), setup.config.transform,
    )  # fmt: skip


def _written(model: torch.nn.Module, images: torch.Tensor, details: dict[str, str], name: str) -> bytes:
    _package("onnxscript")
    with tempfile.TemporaryDirectory() as folder, _quiet():
        file = Path(folder) / "model.onnx"
        try:
            program = torch.onnx.export(
                model, (images[:2],), dynamo=True, input_names=[INPUT], output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False,
            )  # fmt: skip
            assert program is not None
            for key, value in details.items():
                program.model.metadata_props[key] = value
            program.save(str(file), external_data=False)
        except EngineError:
            raise
        except Exception as error:  # of the exporter, or of a model of the person's
            cause = error.__cause__ or error
            first = (str(cause).strip().splitlines() or [""])[0]
            raise ModelError(f"{name} can't be exported to ONNX: {type(cause).__name__}: {first[:200]}") from error
        return file.read_bytes()


def _run(data: bytes, images: torch.Tensor) -> torch.Tensor:
    onnxruntime = _package("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        (found,) = session.run([OUTPUT], {INPUT: images.numpy()})
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise ModelError(f"onnxruntime can't run the exported model: {first[:200]}") from error
    return torch.from_numpy(found).float()


def _package(name: str) -> Any:
    """One of the extras. Raises RunError."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise RunError(f"--onnx: the package {name} is missing: pip install {PACKAGES}") from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of its steps, and of a failure in pages."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
