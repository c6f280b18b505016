"""A run as one plain PyTorch file that trains the same weights, bit for bit."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from engine.checkpoints import read
from engine.data import augment, augmentations, holdout, loader, transforms
from engine.data.transforms import DType, Step
from engine.errors import CheckpointError, RunError
from engine.export import loop_code, parts, schedule_code, source
from engine.export.recipe import Recipe, recipe_of
from engine.home import WEIGHTS, RunFolder
from engine.models.names import MODELS, TORCHVISION
from engine.models.registry import build
from engine.progress import Progress, silent
from engine.runs import checkpoint_refs
from engine.training import freezing, loss_modules
from engine.training.losses import LOSSES
from engine.training.optimizers import OPTIMIZERS

IMPORTS = {
    "import argparse", "import gzip", "import hashlib", "import random", "import sys",
    "from collections.abc import Iterator, Mapping", "from pathlib import Path", "import numpy as np", "import torch",
    "from torch import nn", "from torchvision.datasets import FashionMNIST",
}  # fmt: skip
IDX = '''\
def idx(name: str) -> torch.Tensor:
    """A file of the data set, unpacked or not: uint8, of the sizes that its header says."""
    folder = Path(options.data, "FashionMNIST", "raw")
    if not (path := folder / name).exists() and not (path := folder / f"{name}.gz").exists():
        sys.exit(f"{folder} has no {name}: name another folder with --data, or fetch the data with --download")
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        content = bytearray(file.read())
    sizes = [int.from_bytes(content[at : at + 4], "big") for at in range(4, 4 + 4 * content[3], 4)]
    return torch.frombuffer(content, dtype=torch.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)


# The data: uint8 [N, 28, 28], labels int64 [N].
if options.download:
    FashionMNIST(options.data, download=True)
train_images, train_labels = idx("train-images-idx3-ubyte"), idx("train-labels-idx1-ubyte").long()
test_images, test_labels = idx("t10k-images-idx3-ubyte"), idx("t10k-labels-idx1-ubyte").long()
'''


def script(folder: RunFolder, progress: Progress = silent) -> str:
    """The text of the script: it trains up to the run's newest checkpoint. `progress`: in bytes of the log. Raises
    RunError, naming it, for what can't be said so, and where there is no checkpoint."""
    recipe = recipe_of(folder, progress)
    entry = checkpoint_refs.find(folder, "last")
    try:
        content = read.load(folder, entry)
    except CheckpointError as error:
        raise RunError(f"{folder.id}: checkpoint {entry.file}: {error}") from None
    return _Writer(recipe, content).text()


class _Writer:
    """Puts the sections together; what a run does not use is left out."""

    def __init__(self, recipe: Recipe, content: Mapping[str, Any]) -> None:
        self._recipe, self._config = recipe, recipe.config
        self._content = content
        self._steps = transforms.parse(self._config.transform)
        self._images = bool(self._steps) and not transforms.Pipeline(self._steps).batchable
        self._cuda = recipe.device.startswith("cuda")
        self._imports = set(IMPORTS)
        self._augments = augmentations.parse(self._config.augment)
        self._smoothed = bool(LOSSES[self._config.loss].arguments(self._config.to_dict()))

    def text(self) -> str:
        """All of it."""
        sections = [
            self._arguments(), self._set_up(), self._data(), self._batches(), self._model(), self._optimizer(),
            self._schedule(), self._averaging(), self._evaluation(), self._training(), self._end(),
        ]  # fmt: skip
        body = "\n\n".join(section.strip("\n") + "\n" for section in sections if section)
        return f"{self._head()}\n{source.import_block(self._imports)}\n{body}"

    def _head(self) -> str:
        recipe, there = self._recipe, self._content.get("environment") or {}
        versions = f"PyTorch {there.get('torch', '?')}, NumPy {there.get('numpy', '?')}"
        where = f"{there.get('device', recipe.device_name)}, threads: {recipe.threads}"
        about = f"Train a network on Fashion-MNIST: the weights of the run {_plain(recipe.run_id)}, bit for bit."
        return (
            f'"""{about}\n\n    python train.py --data DIR\n\n'
            "DIR is the folder that torchvision.datasets.FashionMNIST takes. The weights go to model_weights.pth in\n"
            "the folder where this runs.\n\n"
            f"The bits are those of {_plain(versions)}\non {_plain(where)}; others may give other last digits.\n"
            '"""\n'
        )

    def _arguments(self) -> str:
        digest = parts.weights_sha256(self._content["model"])
        return (
            "parser = argparse.ArgumentParser()\n"
            'parser.add_argument("--data", required=True, help="the folder that FashionMNIST/raw is in")\n'
            'parser.add_argument("--download", action="store_true", help="fetch the files that are missing")\n'
            "options = parser.parse_args()\n\n"
            f'RUN_SHA256 = "{digest}"  # of the run\'s weights\n'
            f"SEED = {self._config.seed}\n"
        )

    def _set_up(self) -> str:
        lines = ["# The thread count decides the order of sums, and so the last bits."]
        lines += [f"torch.set_num_threads({self._recipe.threads})", f"device = torch.device({self._recipe.device!r})"]
        if self._cuda:
            self._imports.add("import os")
            lines += [
                'os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # the same sums each time',
                "torch.backends.cudnn.deterministic = True", "torch.backends.cudnn.benchmark = False",
            ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def _data(self) -> str:
        if not self._config.validates:
            return IDX
        wanted = holdout.parse(self._config.val)
        assert wanted is not None
        self._imports |= {"import numpy.typing as npt"}
        drawing = source.of(holdout.draw).replace("    import numpy as np\n\n", "")
        return (
            f"{IDX}\n\n{drawing}\n\n"
            "# Part of the training images is held out for validation.\n"
            f"held_out = torch.from_numpy(draw(train_labels.numpy(), {self._recipe.dataset['val']}, {wanted.seed}))\n"
            "rest = torch.ones(len(train_labels), dtype=torch.bool)\n"
            "rest[held_out] = False\n"
            "val_images, val_labels = train_images[held_out], train_labels[held_out]\n"
            "train_images, train_labels = train_images[rest], train_labels[rest]\n"
        )

    def _batches(self) -> str:
        order = ""
        if self._config.shuffle:
            order = source.of(loader.epoch_generator, loader.epoch_order) + "\n\n"
        text = self._pipelines() + self._augmentation() + order
        epoch, augmented = (
            (", epoch: int = 0", "        X = augment(X, {}, epoch) if epoch else X\n") if self._augments else ("", "")
        )
        if self._images:
            self._imports |= {"from PIL import Image", "from collections.abc import Callable", "from typing import Any"}
            return text + (
                "def batches(\n"
                "    images: torch.Tensor, labels: torch.Tensor, order: torch.Tensor, size: int, "
                f"transform: Callable[[Any], Any]{epoch}\n"
                ") -> Iterator[tuple[torch.Tensor, torch.Tensor]]:\n"
                '    """Each image goes through the transforms by itself, in the order of the epoch."""\n'
                "    for part in order.split(size):\n"
                "        X = torch.stack([transform(Image.fromarray(images[at].numpy())) for at in part]).to(device)\n"
                f"{augmented.format('part.to(device)')}"
                "        yield X, labels[part].to(device)\n"
            )
        moved = "".join(
            f"{name} = {name}.to(device)\n"
            for split in ("train", "test", *(["val"] if self._config.validates else []))
            for name in (f"{split}_images", f"{split}_labels")
        )
        transformed = "transform(X)" if len(self._steps) > 1 else "X"
        return (
            f"{text}{moved if self._cuda else ''}"
            "full = torch.tensor(255, dtype=torch.float32, device=device)\n\n\n"
            "def batches(\n"
            f"    images: torch.Tensor, labels: torch.Tensor, order: torch.Tensor, size: int{epoch}\n"
            ") -> Iterator[tuple[torch.Tensor, torch.Tensor]]:\n"
            '    """Batches of float32 [B, 1, 28, 28] from 0 to 1, as ToTensor makes them."""\n'
            "    for part in order.to(device).split(size):\n"
            "        X = images[part].unsqueeze(1).to(torch.float32).div_(full)\n"
            f"{augmented.format('part')}"
            f"        yield {transformed}, labels[part]\n"
        )

    def _augmentation(self) -> str:
        """`augment`, with the functions that it calls."""
        if not self._augments:
            return ""
        self._imports.add("from torch.nn import functional as F")
        functions, lines, first = dict[str, Any](), [], ""
        for one in self._augments:
            name = f"{one.name}_{one.word}" if one.word else one.name
            functions[name] = getattr(augment, name)
            given = f", {one.amount}" if one.amount else ""
            if one.word:
                functions["first_half"] = augment.first_half
                first = (
                    "first = first_half(SEED, len(train_labels)).to(device)  # the images that are mirrored first\n\n\n"
                )
                given = ", first[index], epoch"
            lines.append(f"    X = {name}(X{given})\n")
        return (
            f"{source.of(*functions.values())}\n\n{first}"
            "def augment(X: torch.Tensor, index: torch.Tensor, epoch: int) -> torch.Tensor:\n"
            '    """A batch of training images, changed at random; `index`: which they are."""\n'
            f"{''.join(lines)}    return X\n\n\n"
        )

    def _pipelines(self) -> str:
        if not self._steps or (not self._images and len(self._steps) == 1):
            return ""
        self._imports.add("from torchvision.transforms import v2")
        if not self._images:  # ToTensor is done by `batches`
            return f"transform = {self._pipeline(self._steps[1:])}\n\n\n"
        tested = [step for step in self._steps if not step.random]
        return (
            f"train_transform = {self._pipeline(self._steps)}\n"
            f"test_transform = {self._pipeline(tested)}  # without those that draw\n\n\n"
        )

    def _pipeline(self, steps: Sequence[Step]) -> str:
        return f"v2.Compose([{', '.join(map(self._step, steps))}])"

    def _step(self, step: Step) -> str:
        if step.name == "ToTensor":
            self._imports.add("from torchvision.transforms import ToTensor")
            return "ToTensor()"
        one = step.name == "Normalize"
        given = [_spelled([value] if one and isinstance(value, float | int) else value) for value in step.args]
        for name, value in step.kwargs:
            given.append(f"{name}={_spelled([value] if one and isinstance(value, float) else value)}")
        return f"v2.{step.name}({', '.join(given)})"

    def _model(self) -> str:
        name, classes = self._config.model, len(self._recipe.dataset["classes"])
        shape, text = "", ""
        if self._steps:
            first = self._call("test", "torch.arange(1)", "1")
            text = f"# The transforms decide the size of the images.\nshape = tuple(next({first})[0].shape[1:])\n"
            shape = ", shape=shape"
        text += "for seed in (torch.manual_seed, np.random.seed, random.seed):\n"
        text += (
            f"    seed({'SEED' if self._config.seed < 2**32 else 'SEED % 2**32 if seed is np.random.seed else SEED'})\n"
        )
        if name in MODELS:
            module, _, cls = MODELS[name].target.partition(":")
            imports, code = source.of_module(module)
            self._imports |= imports
            text = f"{code}\n\n{text}model = {cls}(classes={classes}{shape})\n"
        else:
            self._imports.add("from torchvision import models")
            wanted = name.removeprefix(TORCHVISION)
            text += f'model = models.get_model("{wanted}", weights=None, num_classes={classes})\n'
        if frozen := self._frozen():
            text += "for name, parameter in model.named_parameters():\n"
            text += f"    if name in {{{', '.join(map(_quoted, frozen))}}}:  # they do not train\n"
            text += "        parameter.requires_grad_(False)\n"
        if self._config.memory_format == "channels_last":
            return text + "model.to(device).to(memory_format=torch.channels_last)\n"
        return text + "model.to(device)\n"

    def _frozen(self) -> list[str]:
        if not self._config.freeze:
            return []
        import torch

        with torch.device("meta"):
            names = [name for name, _ in build(self._config.model).named_parameters()]
        chosen = freezing.frozen(self._config.freeze, names)
        return [name for name in names if name in chosen]

    def _optimizer(self) -> str:
        config = self._config
        entry = OPTIMIZERS[config.optimizer]
        arguments = [f"{name}={value!r}" for name, value in entry.arguments(config.to_dict()).items()]
        if entry.fused and self._cuda:
            arguments.append("fused=True")
        module, _, cls = entry.torch_class.rpartition(".")
        code, made = "", entry.torch_class
        if not entry.in_torch:
            imports, code = source.of_module(module)
            self._imports |= imports
            code, made = f"{code}\n\n", cls
        return f"{code}{self._loss()}optimizer = {made}(model.parameters(), {', '.join(arguments)})\n"

    def _loss(self) -> str:
        entry = LOSSES[self._config.loss]
        maker = entry.maker
        module, _, cls = maker.rpartition(".")
        if module != loss_modules.__name__:
            given = ", ".join(f"{name}={value!r}" for name, value in entry.arguments(self._config.to_dict()).items())
            plain = f"plain_loss_fn = {maker}()  # of evaluation\n" if given else ""
            return f"loss_fn = {maker}({given})\n{plain}"
        self._imports.add("from torch.nn import functional as F")
        return f"{source.of(getattr(importlib.import_module(module), cls))}\n\nloss_fn = {cls}()\n"

    def _schedule(self) -> str:
        text = schedule_code.code(self._config)
        if "math." in text:
            self._imports.add("import math")
        return text

    def _averaging(self) -> str:
        """The averaged network; empty where there is none."""
        config = self._config
        if config.average == "none":
            return ""
        self._imports.add("from torch.optim import swa_utils")
        ema = config.average == "ema"
        of = f"get_ema_multi_avg_fn({config.average_decay!r})" if ema else "get_swa_multi_avg_fn()"
        text = f"averaged = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.{of}, use_buffers={ema})\n"
        return text + "averaged.requires_grad_(False)\n"

    def _evaluation(self) -> str:
        transform = ", test_transform" if self._images else ""
        averaged, flips = self._config.average != "none", self._config.tta == "flip"
        network = "network" if averaged else "model"
        first = "    network = averaged.module if averaged.n_averaged else model\n" if averaged else ""
        pred = f"({network}(X) + {network}(X.flip(-1))) / 2" if flips else f"{network}(X)"
        return (
            "@torch.no_grad()\n"
            "def evaluate(images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:\n"
            '    """The mean loss of the images, and the fraction that is classified correctly."""\n'
            f"{first}    {network}.eval()\n"
            "    losses, sizes, correct = [], [], 0\n"
            "    order = torch.arange(len(labels))\n"
            f"    for X, y in batches(images, labels, order, {self._config.batch_size}{transform}):\n"
            f"        pred = {pred}\n"
            f"        losses.append({'plain_loss_fn' if self._smoothed else 'loss_fn'}(pred, y).item())\n"
            "        sizes.append(len(y))\n"
            "        correct += int((pred.argmax(1) == y).sum())\n"
            "    mean = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)\n"
            "    return mean, correct / sum(sizes)\n"
        )

    def _training(self) -> str:
        code, imports = loop_code.code(self._recipe, self._content, self._call("train", "order", "size", epoch=True))
        self._imports |= imports
        return code

    def _call(self, split: str, order: str, size: str, *, epoch: bool = False) -> str:
        more = f", {split}_transform" if self._images else ""
        more += ", epoch" if epoch and self._augments else ""
        return f"batches({split}_images, {split}_labels, {order}, {size}{more})"

    def _end(self) -> str:
        test, kept, weights = "", "", "model.state_dict()"
        if self._config.average != "none":
            kept, weights = "state = (averaged.module if averaged.n_averaged else model).state_dict()\n", "state"
        if self._config.validates:
            test = (
                "_, accuracy = evaluate(test_images, test_labels)\n"
                'print(f"test accuracy {accuracy:.2%} with the last weights")\n'
            )
        return (
            f"{source.of(parts.weights_sha256)}\n\n{test}{kept}"
            f'torch.save({weights}, "{WEIGHTS}")\n'
            f"digest = weights_sha256({weights})\n"
            'print(f"model_weights.pth: SHA-256 of the tensors {digest}")\n'
            'print("the same weights as the run\'s" if digest == RUN_SHA256 else "other weights than the run\'s")\n'
        )


def _spelled(value: Any) -> str:
    if isinstance(value, DType):
        return f"torch.{value.name}"
    return f"[{_spelled(value[0])}]" if isinstance(value, list) and len(value) == 1 else repr(value)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _plain(text: str) -> str:
    """Text from a log or a file, as it may stand in a docstring."""
    return "".join(letter if letter.isprintable() and letter not in '\\"' else "?" for letter in text)[:90]
