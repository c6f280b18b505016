"""Runs that tests only read or go on from: each is trained once a session, and every test has a copy of its own."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.home import Home, RunFolder
from engine.runs import client, store
from engine.runs.follower import Follower
from engine.runs.host import take
from engine.runs.state import fold
from engine.training.config import TrainConfig

TrainOnce = Callable[[Path, TrainConfig, str], RunFolder]


@pytest.fixture(scope="session")
def train_once(tmp_path_factory: pytest.TempPathFactory) -> TrainOnce:
    """Gives a finished run with this configuration and name, in this home."""
    there = tmp_path_factory.mktemp("trained")
    trained: dict[str, RunFolder] = {}

    def copy(home: Path, config: TrainConfig, name: str) -> RunFolder:
        asked = json.dumps([config.to_dict(), name], sort_keys=True)
        if asked not in trained:
            folder = store.create(there, client.request(config, name=name))
            take(folder, None).serve()
            assert fold(Follower(folder).poll()).status == "finished"
            trained[asked] = folder
        folder = Home(home).run(trained[asked].id)
        shutil.copytree(trained[asked].path, folder.path)
        return folder

    return copy
