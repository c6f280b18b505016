"""The optimizers: one entry each, from which the command line, the form, branches of files and the training derive.

The entries import no torch; `make_optimizer` does.
"""

import pkgutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from engine.training.setting import number_text

if TYPE_CHECKING:
    import torch
    from torch import nn


# The defaults of torch.optim for arguments that are settings here: the code that people read leaves them out.
NESTEROV, BETAS, EPS = False, "0.9, 0.999", 1e-8
TORCH_DEFAULTS: Mapping[str, Any] = {"nesterov": NESTEROV, "betas": BETAS, "eps": EPS}
SCALED = ("lr", "muon_lr")  # arguments that are learning rates: a schedule scales them


@dataclass(frozen=True, kw_only=True)
class OptimizerEntry:
    """One optimizer."""

    torch_class: str  # "torch.optim.SGD", or a class of this program's
    about: str  # for the form
    settings: tuple[str, ...]  # which of our settings it takes, by the names of its own arguments
    state: frozenset[str]  # the keys of the state that it keeps for each parameter
    # Keys that it keeps only while a setting is above 0, and that torch makes only at a parameter's first step.
    optional_state: Mapping[str, str] = field(default_factory=dict)
    # Its arguments that are not settings: torch's defaults, or those of a file that a run began with.
    options: tuple[str, ...] = ()
    mark: str = ""  # the one of them that tells it from optimizers that keep the same of each parameter
    decoupled: bool | None = None  # whether its weight decay is decoupled from the gradient; None: nobody asks
    fused: bool = True  # torch has a fused CUDA kernel for it

    @property
    def name(self) -> str:
        """Of its class: "SGD"."""
        return self.torch_class.rpartition(".")[2]

    @property
    def in_torch(self) -> bool:
        """Whether PyTorch has it."""
        return self.torch_class.startswith("torch.")

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What its class is called with, beside the parameters; what is torch's default anyway is left out."""
        there = {name: value for name in self.settings if (value := values[name]) != TORCH_DEFAULTS.get(name)}
        return {name: argument(name, value) for name, value in there.items()}

    def in_pytorch(self, values: Mapping[str, Any]) -> str:
        """`torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0, weight_decay=0)`."""
        arguments = ", ".join(f"{name}={_in_python(value)}" for name, value in self.arguments(values).items())
        return f"{self.torch_class if self.in_torch else self.name}(model.parameters(), {arguments})"

    @property
    def kept(self) -> tuple[str, ...]:
        """Its arguments that nothing changes while a run trains."""
        return (*(name for name in self.settings if name in TORCH_DEFAULTS), *self.options)

    @property
    def live_settings(self) -> tuple[str, ...]:
        """Those settings that its parameter groups take over while a run trains."""
        return tuple(name for name in self.settings if name not in TORCH_DEFAULTS)


OPTIMIZERS: dict[str, OptimizerEntry] = {
    "sgd": OptimizerEntry(
        torch_class="torch.optim.SGD",
        about="gradient descent, with momentum if set",
        settings=("lr", "momentum", "nesterov", "weight_decay"),
        state=frozenset({"momentum_buffer"}),
        options=("dampening", "maximize"),
        mark="nesterov",
    ),
    "adam": OptimizerEntry(
        torch_class="torch.optim.Adam",
        about="a step size for each parameter, from running means of its gradient",
        settings=("lr", "betas", "eps", "weight_decay"),
        state=frozenset({"step", "exp_avg", "exp_avg_sq"}),
        optional_state={"max_exp_avg_sq": "amsgrad"},
        options=("amsgrad", "maximize"),
        mark="amsgrad",
        decoupled=False,
    ),
    "adamw": OptimizerEntry(
        torch_class="torch.optim.AdamW",
        about="Adam with decoupled weight decay",
        settings=("lr", "betas", "eps", "weight_decay"),
        state=frozenset({"step", "exp_avg", "exp_avg_sq"}),
        optional_state={"max_exp_avg_sq": "amsgrad"},
        options=("amsgrad", "maximize"),
        mark="amsgrad",
        decoupled=True,
    ),
    "rmsprop": OptimizerEntry(
        torch_class="torch.optim.RMSprop",
        about="gradients divided by a running mean of their size",
        settings=("lr", "momentum", "eps", "weight_decay"),
        state=frozenset({"step", "square_avg"}),
        optional_state={"momentum_buffer": "momentum", "grad_avg": "centered"},
        options=("alpha", "centered", "maximize"),
        mark="centered",
        fused=False,
    ),
    "muon": OptimizerEntry(
        torch_class="engine.training.muon.Muon",
        about="momentum with all its singular values brought near to 1 for matrices and convolution kernels (Muon), "
        "sgd for the classifier's matrix, biases and batch norms",
        settings=("lr", "muon_lr", "momentum", "muon_momentum", "nesterov", "weight_decay"),
        state=frozenset({"momentum_buffer"}),
        mark="muon_lr",
        fused=False,
    ),
}


# What torch.optim and its schedulers keep in a parameter group besides, which decides no number of a step here.
NOT_NUMBERS = frozenset({
    "params", "param_names", "foreach", "fused", "capturable", "differentiable", "initial_lr", "max_lr", "min_lr",
    "base_momentum", "max_momentum", "swa_lr",
})  # fmt: skip


def is_state_of(name: str, kept: Collection[str], group: Collection[str]) -> bool:
    """Whether an optimizer's `state_dict` is of that kind. `kept`: the keys of what it keeps of parameters; `group`:
    those of its first parameter group."""
    entry = OPTIMIZERS[name]
    if kept and not entry.state <= set(kept) <= entry.state | entry.optional_state.keys():
        return False
    return entry.mark in group or (entry.in_torch and not set(entry.kept) & set(group))


def argument(name: str, value: Any) -> Any:
    """A setting's value as torch.optim takes it."""
    return parse_betas(value) if name == "betas" else value


def parse_betas(text: str) -> tuple[float, float]:
    """`0.9, 0.999` as two numbers. Raises ValueError, saying what is wrong."""
    parts = [part.strip() for part in text.strip().removeprefix("(").removesuffix(")").split(",")]
    try:
        first, second = map(float, parts)
    except ValueError:
        raise ValueError(f"{text!r} is not two numbers, such as {BETAS}") from None
    if not (0 <= first < 1 and 0 <= second < 1):
        raise ValueError(f"{text!r} is out of range; both must be at least 0 and below 1")
    return first, second


def betas_text(betas: Sequence[float]) -> str:
    """Two numbers as the setting has them: the inverse of `parse_betas`."""
    return ", ".join(map(number_text, betas))


def _in_python(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(number_text, value))})"
    return str(value) if isinstance(value, bool) else number_text(value)


class HasOptimizer(Protocol):
    """A config: it names the optimizer and has the settings that the optimizer's entry names."""

    @property
    def optimizer(self) -> str: ...


def make_optimizer(
    config: HasOptimizer, parameters: "Iterable[nn.Parameter]", device: "torch.device"
) -> "torch.optim.Optimizer":
    """The class of the config, with torch's defaults where the config says nothing.

    On CUDA in one fused kernel where torch has one; on the CPU as torch chooses itself, so that the numbers are
    those of the same line typed by hand.
    """
    entry = OPTIMIZERS[config.optimizer]
    arguments = entry.arguments({name: getattr(config, name) for name in entry.settings})
    if entry.fused:
        arguments["fused"] = True if device.type == "cuda" else None
    made: torch.optim.Optimizer = pkgutil.resolve_name(entry.torch_class)(parameters, **arguments)
    return made


def add_optional_state(name: str, optimizer: "torch.optim.Optimizer") -> None:
    """Add the state that torch makes only at a parameter's first step, where its setting was switched on later.
    `name`: the optimizer's in OPTIMIZERS."""
    import torch

    for key, setting in OPTIMIZERS[name].optional_state.items():
        for group in optimizer.param_groups:
            for parameter in group["params"] if group[setting] > 0 else ():
                state = optimizer.state.get(parameter, {})  # not [ ]: that would make one
                if state and key not in state:
                    state[key] = torch.zeros_like(parameter)
