"""A run's checkpoint as it is evaluated: its network with its weights, and its data."""

from pathlib import Path

from engine.checkpoints.read import load
from engine.runs import store
from engine.sources import Checkpoint
from engine.training.config import TrainConfig
from engine.training.resume import load_model
from engine.training.setup import TrainingSetup, make_setup

BATCH = 256  # images


def setup_of_checkpoint(found: Checkpoint, *, device: str = "", batch_size: int = BATCH) -> TrainingSetup:
    """`device`: another one than the run's. Raises EngineError."""
    content, asked = load(found.folder, found.entry), store.read_run(found.folder)
    data_dir = asked.get("data_dir")
    changes = {"batch_size": batch_size, "shuffle": False, "device": device or asked.get("device", "cpu")}
    config = TrainConfig.from_dict(content["config"] | changes)
    setup = make_setup(config, home=found.folder.home.path, data_dir=Path(data_dir) if data_dir else None, fresh=False)
    load_model(setup.network, content["model"], config.model)
    return setup
