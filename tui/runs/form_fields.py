"""The settings of a new run as a form shows them: what each is, what its arrows do, and the equal command line."""

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.device import default_threads, usable_cores
from engine.errors import ConfigError
from engine.training.config import (
    DATASETS,
    LOSSES,
    MODELS,
    NUMBERS,
    ON_NON_FINITE,
    OPTIMIZERS,
    SCHEDULES,
    TrainConfig,
    option,
    parse,
)
from tui import format as fmt

OWN_FILE = "own file…"  # the choice that asks for path/to/file.py:Class
NAMES = (
    "model", "dataset", "loss", "optimizer", "lr", "momentum", "weight_decay", "batch_size", "epochs", "shuffle",
    "schedule", "warmup", "step_size", "gamma", "seed", "device", "threads", "on_non_finite", "inspect_every",
    "checkpoint_every",
    "keep", "weights", "freeze", "transform", "name",
)  # fmt: skip
LABELS = {
    "lr": "learning rate",
    "schedule": "lr schedule",
    "warmup": "lr warm-up",
    "step_size": "lr step every",
    "gamma": "lr step factor",
    "on_non_finite": "at a NaN loss",
    "checkpoint_every": "checkpoint",
    "inspect_every": "inspect",
    "keep": "keep",
    "weights": "begin with",
    "freeze": "frozen",
    "name": "run name",
}

_OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop"}
_LOSSES = {"cross_entropy": "CrossEntropyLoss", "nll": "NLLLoss", "mse": "MSELoss"}
_ABOUT = {
    "model": "The network. mlp: the tutorial's NeuralNetwork, 784→512→512→10 with ReLU. cnn: a small convolutional "
    "network. Or your own nn.Module from a file, path/to/file.py:ClassName; or torchvision:NAME.",
    "dataset": "What to train on. auto: Fashion-MNIST where its files are found, else the small built-in demo data "
    "(named as demo on every screen).",
    "loss": "What the optimizer makes smaller, a mean over the batch.",
    "optimizer": "How the parameters follow their gradients after each batch.",
    "lr": "The size of a step. Too large and the loss rises or becomes NaN; too small and it hardly falls.",
    "momentum": "The part of the last step that is kept, from 0 to 1. For sgd and rmsprop.",
    "weight_decay": "Pulls the parameters towards 0: an L2 penalty (adamw: decoupled from the gradient).",
    "schedule": "How the learning rate goes over the run. constant: as it is. step: multiplied by the factor below "
    "every so many epochs. cosine: half a cosine, down to 0 at the end. one_cycle: up to it in the first 30 %, then "
    "down.",
    "warmup": "Epochs in which the learning rate rises, in a line from a hundredth, to what the schedule gives. 0: "
    "none. one_cycle warms up by itself.",
    "step_size": "For the schedule step: epochs between two drops.",
    "gamma": "For the schedule step: what a drop multiplies the learning rate by.",
    "checkpoint_every": "Seconds of training between two checkpoints inside an epoch: a run that is killed loses at "
    "most that. Every epoch's end is saved too. 0: nothing inside an epoch.",
    "inspect_every": "Steps between two readings of the layers: gradient and weight norms, updates, activations, with "
    "warnings of vanishing and exploding gradients and dead ReLUs; i on Train shows them. 0: none.",
    "keep": "Which checkpoints stay on the disk. all: every epoch's end and those you ask for. A number: the newest so "
    "many. The best, the last, and one that a branch or a resume began with stay in any case.",
    "batch_size": "Images in one step of the optimizer.",
    "epochs": "Passes over the training set. The test set is evaluated after each.",
    "shuffle": "A new order of the training images in every epoch. The tutorial's run does not shuffle.",
    "seed": "Of the first weights and of the shuffling: the same seed gives the same run.",
    "device": "Where the arithmetic runs. auto: a GPU where there is one, else the CPU.",
    "threads": "CPU threads of PyTorch. 0: the usable cores less one, so that nothing else stalls the training.",
    "on_non_finite": "What to do when the loss becomes NaN or infinite: pause (look, then decide), stop, or continue.",
    "weights": "A file of weights that the run begins with, of any format that Checkpoints reads: nothing in it is "
    "executed. FILE, or FILE PREFIX where a prefix such as module. is to be taken off the names. Empty: new ones, "
    "drawn by the seed.",
    "freeze": "Parameters that do not train (requires_grad False): names, modules, or patterns such as "
    "linear_relu_stack.0.*, apart by commas; one with ! before it trains all the same. f on the Model screen chooses "
    "them. A frozen batch norm still updates its running mean and variance.",
    "transform": "What each image goes through: transforms of torchvision.transforms.v2, apart by semicolons, such as "
    "RandomCrop(28, padding=4); Normalize(0.286, 0.353); those that draw are for training alone. Or your own, "
    "path/to/file.py:NAME. Empty: ToTensor(), a float tensor [1, 28, 28] from 0 to 1.",
    "name": "What to call the run in lists. Empty: its date and time.",
}


def about(name: str) -> str:
    """What the setting is, in a sentence or two."""
    return _ABOUT[name]


def in_pytorch(name: str, values: Mapping[str, Any]) -> str:
    """How PyTorch spells it, with the values of the form; empty where it has no word for it."""
    match name:
        case "optimizer" | "lr" | "momentum" | "weight_decay":
            kind = values["optimizer"]
            settings = f"lr={fmt.setting(values['lr'])}"
            if kind in ("sgd", "rmsprop"):
                settings += f", momentum={fmt.setting(values['momentum'])}"
            return f"torch.optim.{_OPTIMIZERS[kind]}({settings}, weight_decay={fmt.setting(values['weight_decay'])})"
        case "schedule" | "warmup" | "step_size" | "gamma":
            return _scheduler(values)
        case "loss":
            return f"torch.nn.{_LOSSES[values['loss']]}()"
        case "batch_size" | "shuffle":
            return f"DataLoader(batch_size={values['batch_size']}, shuffle={values['shuffle']})"
        case "seed":
            return f"torch.manual_seed({values['seed']})"
        case "device":
            return "model.to(device)"
        case "threads":
            return f"torch.set_num_threads({values['threads'] or default_threads()})"
        case "weights":
            return "model.load_state_dict(…)" if values["weights"] else ""
        case "freeze":
            return "parameter.requires_grad_(False)" if values["freeze"] else ""
        case "model":
            return "model(images): [N, 1, 28, 28] → [N, 10] logits"
    return ""


def shown(name: str, value: Any) -> str:
    """The value as the form's row shows it."""
    match name:
        case "lr" | "momentum" | "weight_decay" | "gamma":
            return fmt.setting(value)
        case "warmup":
            return f"{fmt.setting(value)} epochs" if value else "none"
        case "step_size":
            return f"{value} epochs"
        case "checkpoint_every":
            return f"every {fmt.setting(value)} s" if value else "each epoch only"
        case "inspect_every":
            return f"every {value} steps" if value else "never"
        case "keep":
            return "all epochs" if value == "all" else f"the newest {value}"
        case "shuffle":
            return "yes" if value else "no"
        case "threads" if value == 0:
            return f"auto ({default_threads()} of {usable_cores()} cores)"
        case "batch_size":
            return f"{value} images"
        case "weights" if not value:
            return "new weights"
        case "freeze" if not value:
            return "nothing"
        case "transform" if not value:
            return "ToTensor()"
        case "name" if not value:
            return "(date and time)"
    return str(value)


def typed(name: str, value: Any) -> str:
    """The value as it is edited: what `read` takes back."""
    if name in NUMBERS:
        return fmt.setting(value)
    return ("yes" if value else "no") if name == "shuffle" else str(value)


def read(name: str, text: str) -> Any:
    """The value of what was typed. Raises ConfigError."""
    return " ".join(text.split()) if name == "name" else parse(name, text)


def config_of(values: Mapping[str, Any]) -> TrainConfig:
    """The settings together. Raises ConfigError for those that don't go together."""
    return TrainConfig(**{name: value for name, value in values.items() if name != "name"})


def turn(name: str, value: Any, direction: int, devices: Sequence[str]) -> Any:
    """The next value to the right (1) or left (-1); the same where an arrow can't change it."""
    choices: Sequence[Any] | None = {
        "model": (*MODELS, OWN_FILE),
        "dataset": DATASETS,
        "loss": LOSSES,
        "optimizer": OPTIMIZERS,
        "shuffle": (False, True),
        "on_non_finite": ON_NON_FINITE,
        "schedule": SCHEDULES,
        "inspect_every": (0, 1, 10, 50, 100, 500, 1000),
        "keep": ("all", "10", "5", "3", "1"),
        "warmup": (0.0, 0.1, 0.5, 1.0, 2.0, 5.0),
        "gamma": (0.1, 0.2, 0.5, 0.8, 0.9),
        "checkpoint_every": (0.0, 10.0, 30.0, 60.0, 300.0, 600.0, 3600.0),
        "device": ("auto", *devices),
        "momentum": (0.0, 0.5, 0.9, 0.95, 0.99),
        "weight_decay": (0.0, 1e-5, 1e-4, 1e-3, 1e-2),
    }.get(name)
    if choices is not None:
        if name in NUMBERS:
            beyond = [c for c in choices if (c > value if direction > 0 else c < value)]
            return (beyond[0] if direction > 0 else beyond[-1]) if beyond else value
        if value not in choices:  # typed, or the person's own
            return choices[0 if direction > 0 else -1]
        return choices[(choices.index(value) + direction) % len(choices)]
    new: Any = value
    if name == "lr":
        new = _one_or_three(value, direction)
    elif name == "batch_size":
        new = value * 2 if direction > 0 else value // 2
    elif name in ("epochs", "seed", "threads", "step_size"):
        new = value + direction
    try:
        return read(name, typed(name, new))
    except ConfigError:
        return value


def turns(name: str) -> bool:
    """Whether the arrows change this setting."""
    return name not in ("weights", "freeze", "transform", "name")


def command_line(values: Mapping[str, Any], data_dir: Path | None = None) -> str:
    """The command that starts the same run: only what differs from the defaults."""
    default = {**TrainConfig().to_dict(), "name": ""}
    words = ["fmnist-tui", "train"]
    for name in NAMES:
        if values[name] == default[name]:
            continue
        words += [option(name)] if name == "shuffle" else [option(name), typed(name, values[name])]
    if data_dir is not None:
        words += ["--data-dir", str(data_dir)]
    return shlex.join(words)


def _scheduler(values: Mapping[str, Any]) -> str:
    """The scheduler of torch.optim.lr_scheduler that does the same; T steps are the run."""
    spelled = {
        "constant": "",
        "step": f"StepLR(optimizer, step_size={values['step_size']}, gamma={fmt.setting(values['gamma'])})",
        "cosine": "CosineAnnealingLR(optimizer, T_max=T)",
        "one_cycle": f"OneCycleLR(optimizer, max_lr={fmt.setting(values['lr'])}, total_steps=T)",
    }[values["schedule"]]
    if values["warmup"]:
        warmup = "LinearLR(optimizer, start_factor=0.01, total_iters=W)"
        return f"SequentialLR(optimizer, [{warmup}, {spelled}], [W])" if spelled else warmup
    return spelled


def _one_or_three(value: float, direction: int) -> float:
    """The next of …, 1e-3, 3e-3, 1e-2, … above or below `value`."""
    exponent = math.floor(math.log10(value))
    ladder = [float(f"{m}e{e}") for e in range(exponent - 1, exponent + 3) for m in (1, 3)]
    if direction > 0:
        return next(step for step in ladder if step > value * (1 + 1e-9))
    return next(step for step in reversed(ladder) if step < value * (1 - 1e-9))
