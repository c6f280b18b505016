"""Writes a distributed checkpoint in two processes, as FSDP does: run as a program, by test_distributed."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

from engine.models.registry import build


def write(rank: int, processes: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}.meet", rank=rank, world_size=processes)
    torch.manual_seed(0)
    mesh = init_device_mesh("cpu", (processes,))
    model = build("mlp", 10, (1, 28, 28))
    fully_shard(model, mesh=mesh)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    model(torch.rand(4, 1, 28, 28)).square().sum().backward()
    optimizer.step()
    state, kept = get_state_dict(model, optimizer)
    more = {
        "columns": distribute_tensor(torch.arange(15.0).reshape(3, 5), mesh, [Shard(1)]),
        "on all": distribute_tensor(torch.arange(4), mesh, [Replicate()]),
        "empty": torch.zeros(0, 3),
        "epoch": 3,
        "names": ["a", "b"],
    }
    dcp.save(  # type: ignore[attr-defined]
        {"model": state, "optim": kept, "more": more}, checkpoint_id=folder
    )
    dist.destroy_process_group()


if __name__ == "__main__":
    # Forked, so that torch is imported once.
    torch.multiprocessing.start_processes(write, args=(2, sys.argv[1]), nprocs=2, start_method="fork")  # type: ignore[attr-defined]
    Path(f"{sys.argv[1]}.meet").unlink(missing_ok=True)
