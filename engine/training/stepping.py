"""How a batch becomes a step of the optimizer where the config asks for more than the tutorial's loop: in parts, with
clipped gradients, in mixed precision."""

import contextlib
from typing import Any

import torch
from torch import nn

from engine.training.config import TrainConfig

AMP = {"bf16": torch.bfloat16, "fp16": torch.float16}  # of engine.training.precision.PRECISIONS


class Stepping:
    """Forward, backward and update, for one batch after another."""

    def __init__(
        self,
        model: nn.Module,
        loss_fn: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        device: torch.device,
        parts: int = 1,
        clip: float = 0.0,
        amp: str = "none",
    ) -> None:
        """`parts`: in how many parts a batch goes through the model, one after another; `clip`: the largest 2-norm of
        all gradients together, 0: any; `amp`: a key of AMP; any other is float32."""
        self._model, self._loss_fn, self._optimizer = model, loss_fn, optimizer
        self._device, self._parts, self._clip = device, parts, clip
        self._dtype = AMP.get(amp)
        self._scaler = torch.amp.GradScaler(device.type) if amp == "fp16" else None
        self._parameters = [one for group in optimizer.param_groups for one in group["params"]]

    def __call__(self, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """One step with images X [B, C, H, W] and labels y [B]. Returns the batch's loss, a scalar on the device."""
        loss = self._backward(X, y)
        if self._clip:
            if self._scaler:
                self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._parameters, self._clip)
        if self._scaler:
            self._scaler.step(self._optimizer)
            self._scaler.update()
        else:
            self._optimizer.step()
        self._optimizer.zero_grad()
        return loss

    def _backward(self, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The gradients of the mean loss over the batch. Returns that loss."""
        if self._parts == 1 or len(X) == 1:
            return self._part(X, y, 1.0)
        losses = [
            self._part(images, labels, len(images) / len(X))
            for images, labels in zip(X.tensor_split(self._parts), y.tensor_split(self._parts), strict=True)
            if len(images)
        ]
        return torch.stack(losses).sum()

    def _part(self, X: torch.Tensor, y: torch.Tensor, share: float) -> torch.Tensor:
        with torch.autocast(self._device.type, self._dtype) if self._dtype else contextlib.nullcontext():
            loss = self._loss_fn(self._model(X), y)
        loss = loss if share == 1 else loss * share
        (self._scaler.scale(loss) if self._scaler else loss).backward()
        detached: torch.Tensor = loss.detach()
        return detached

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds of it: the loss scale of fp16."""
        return self._scaler.state_dict() if self._scaler else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; nothing to do where it has none."""
        if self._scaler and state:
            self._scaler.load_state_dict(state)


def stepping_of(
    config: TrainConfig, model: nn.Module, loss_fn: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
) -> Stepping | None:
    """What the config needs beside the tutorial's loop; None: that is enough."""
    if not (config.clip or config.accumulate > 1 or config.amp in AMP):
        return None
    return Stepping(
        model, loss_fn, optimizer, device=device, parts=config.accumulate, clip=config.clip, amp=config.amp
    )  # fmt: skip
