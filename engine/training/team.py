"""One training over several processes: torch.distributed, as `torchrun` sets it up; a single process uses none of it.

Process 0 makes the decisions; the others carry them out at the same step, so that all train alike.
"""

import datetime
import os
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from engine.errors import DeviceError

TIMEOUT = datetime.timedelta(minutes=30)  # for a process that waits for another; a paused run sends signs of life


class Team:
    """The processes that train together; this one is alone."""

    rank = 0
    size = 1
    local_rank = 0

    def agree(self, mine: Any) -> Any:
        """The value of process 0."""
        return mine

    def gather(self, mine: Any) -> list[Any]:
        """The values of all processes, in the order of their ranks."""
        return [mine]

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean over the processes, element by element."""
        return values

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The module to train with: its backward leaves the same gradients in every process."""
        return model

    def close(self) -> None: ...


class TorchrunTeam(Team):
    """The processes of a `torchrun`: gradients averaged by DistributedDataParallel, everything else over gloo."""

    def __init__(self, device_type: str) -> None:
        """Raises DeviceError where there are fewer GPUs than processes on this machine."""
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        self.local_rank = int(os.environ["LOCAL_RANK"])
        if device_type == "cuda":
            there, wanted = torch.cuda.device_count(), int(os.environ.get("LOCAL_WORLD_SIZE", self.size))
            if there < wanted:
                raise DeviceError(
                    f"--nproc: {wanted} processes need as many GPUs, and {there} are here; or --device cpu"
                )
            torch.cuda.set_device(self.local_rank)
        dist.init_process_group("cpu:gloo,cuda:nccl" if device_type == "cuda" else "gloo", timeout=TIMEOUT)
        # A group of its own, so that these messages never mix with DistributedDataParallel's gradients.
        self._group: Any = dist.new_group(backend="gloo", timeout=TIMEOUT)

    def agree(self, mine: Any) -> Any:
        """The value of process 0."""
        values = [mine]
        dist.broadcast_object_list(values, src=0, group=self._group)
        return values[0]

    def gather(self, mine: Any) -> list[Any]:
        """The values of all processes, in the order of their ranks."""
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, mine, group=self._group)
        return values

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean over the processes, element by element; on the CPU."""
        total = values.to("cpu", torch.float64)
        dist.all_reduce(total, group=self._group)
        return total / self.size

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """DistributedDataParallel."""
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)

    def close(self) -> None:
        dist.destroy_process_group()


class WeightedLoss(nn.Module):
    """A process's loss, weighted so that the mean over the processes is the mean over the whole batch."""

    def __init__(self, loss_fn: nn.Module, batches: Any) -> None:
        super().__init__()
        self._loss_fn = loss_fn
        self._batches = batches  # its `weight` is that of the last batch

    def forward(self, pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self._loss_fn(pred, y) * self._batches.weight
        return loss


def under_torchrun(environment: Sequence[str] = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR")) -> bool:
    """Whether this process was started by torchrun (or by anything that sets the same variables)."""
    return all(name in os.environ for name in environment)
