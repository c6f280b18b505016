"""From a checkpoint's content back to a training: the states into their objects, and the place to resume at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from engine.data.loader import Batches
from engine.errors import CheckpointError, ModelError
from engine.terminal_text import printable
from engine.training import content_types, determinism
from engine.training.config import TrainConfig
from engine.training.optimizers import OPTIMIZERS, add_optional_state
from engine.training.setup import TrainingSetup

FORMAT = 2  # of what `TrainingSession.content` gives


@dataclass(frozen=True)
class ResumePoint:
    """Where a session begins. The defaults: at the first step."""

    epoch: int = 1
    step: int = 0  # steps done in that epoch
    evaluated: bool = False  # the epoch is over, and its results count
    loss_sum: float = 0.0  # of the losses of these steps
    seconds: float = 0.0  # of training in that epoch
    training_s: float = 0.0  # of training in all
    edits: tuple[dict[str, Any], ...] = ()  # those that are in the config
    rng: Mapping[str, Any] = field(default_factory=dict)  # of `determinism.capture`
    batch_size: int = 0  # of that epoch's batches, which an edit changes for the next; 0: the config's
    shuffle: bool | None = None  # whether that epoch is shuffled; None: as the config says
    order: torch.Tensor | None = None  # the state of the generator that shuffles
    best: tuple[int, float] | None = None  # the best epoch so far, and its accuracy
    hooks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # their states (engine.training.hooks)

    @property
    def epochs_done(self) -> int:
        """Whole epochs, with their results."""
        return self.epoch if self.evaluated else self.epoch - 1


def check(content: Any) -> dict[str, Any]:
    """A checkpoint's content, if it is one that a session wrote. Raises CheckpointError with what is wrong."""
    if not isinstance(content, dict) or "format" not in content:
        raise CheckpointError("it is not a checkpoint of a run")
    if content["format"] != FORMAT:
        raise CheckpointError(f"it has format {content['format']}, and this version reads format {FORMAT}")
    missing = {"model", "optimizer", "rng", "order", "config", "epoch", "step", "steps", "evaluated"} - content.keys()
    if missing:
        raise CheckpointError(f"it lacks {', '.join(sorted(missing))}")
    if name := content_types.wrong(content):
        raise CheckpointError(f"its {printable(name, 60)} is not as fmnist-tui writes it")
    return content


def restore(prepared: TrainingSetup, content: Mapping[str, Any]) -> tuple[ResumePoint, list[str]]:
    """Load the model's and the optimizer's states into `prepared`. Returns where to begin, and what could not be
    loaded, for people: another optimizer's state.

    The config's learning rate and the like take precedence over the checkpoint's. Raises ModelError, naming the
    parameter, if the model is another one.
    """
    team, config = prepared.team, prepared.config
    load_model(prepared.network, content.get("training_model", content["model"]), config.model)
    averaged = content.get("averaged")
    if prepared.averaging and averaged and averaged["kind"] == config.average:
        prepared.averaging.load(averaged, content["model"])
    if prepared.stepping:
        prepared.stepping.load_state_dict(content.get("loss_scale", {}))
    notes = []
    was = content["config"].get("optimizer")
    if was == config.optimizer:
        set_groups = [dict(group) for group in prepared.optimizer.param_groups]
        prepared.optimizer.load_state_dict(content["optimizer"])
        for group, wanted in zip(prepared.optimizer.param_groups, set_groups, strict=True):
            entry = OPTIMIZERS[config.optimizer]
            # A checkpoint of an older version has what was no setting yet in its optimizer alone.
            fixed = [name for name in entry.kept if name in content["config"] and name in wanted]
            group.update({name: wanted[name] for name in (*entry.live_settings, *fixed)})
        add_optional_state(config.optimizer, prepared.optimizer)
    else:
        notes.append(f"the state of the optimizer {was} was not loaded: {config.optimizer} starts without state")
    states = content["rng"]
    start = ResumePoint(
        epoch=content["epoch"],
        step=content["step"],
        evaluated=content["evaluated"],
        loss_sum=content["loss_sum"],
        seconds=content["seconds"],
        training_s=content["training_s"],
        edits=tuple(content["edits"]),
        rng=states[team.rank] if team.rank < len(states) else {},
        batch_size=content["batch_size"],
        shuffle=content["shuffle"],
        order=content["order"],
        best=tuple(content["best"]) if content.get("best") else None,
        hooks=content.get("hooks", {}),  # checkpoints of older versions have none
    )
    return start, notes


def take_up(batches: Batches, config: TrainConfig, start: ResumePoint) -> None:
    """Take up the start's place in the data, and its generators."""
    batches.change(batch_size=start.batch_size or None, shuffle=start.shuffle)
    batches.set_epoch(start.epoch, start.order)
    batches.change(batch_size=config.batch_size, shuffle=config.shuffle, seed=config.seed)
    if start.rng:
        determinism.restore(start.rng)


def load_model(network: nn.Module, state: Mapping[str, Any], name: str) -> None:
    """`load_state_dict`, with errors of one line. Raises ModelError with the first parameter that does not match."""
    here = network.state_dict()
    for key, value in state.items():
        if key not in here:
            raise ModelError(
                f"--model {name} has changed: the checkpoint's {key} {_shape(value)} is not in it any more"
            )
        if tuple(value.shape) != tuple(here[key].shape):
            raise ModelError(
                f"--model {name} has changed: {key} is {_shape(here[key])} now, and {_shape(value)} in the checkpoint"
            )
    for key, value in here.items():
        if key not in state:
            raise ModelError(f"--model {name} has changed: its {key} {_shape(value)} is not in the checkpoint")
    network.load_state_dict(state)


def _shape(value: torch.Tensor) -> str:
    return f"[{', '.join(map(str, value.shape))}]"
