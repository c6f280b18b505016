"""Whether a killed and resumed training is the uninterrupted one, bit for bit: tried out with real processes."""

import contextlib
import hashlib
import json
import math
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from engine import private
from engine.errors import ConfigError, RunError
from engine.home import Home, RunFolder
from engine.runs import client, log, state_file, store
from engine.runs.state import RunState
from engine.training import events as ev
from engine.training.config import TrainConfig

POLL_S = 0.05


def verify_resume(
    config: TrainConfig,
    *,
    home: Path,
    steps: int | None = None,
    at: int | None = None,
    data_dir: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> bool:
    """Train `steps` steps straight, and again with a checkpoint after step `at`, a kill -9 some steps later and a
    resume; compare the weights, the optimizer's state, the generators' and every loss of the log.

    Steps count over the epochs, from 1; by default one and a half epochs, the checkpoint in the middle of the first.
    The runs lie in a folder of `home` that is deleted afterwards. Raises EngineError where the training can't start.
    """
    for given, option in ((steps, "--steps"), (at, "--at")):
        if given is not None and given < 1:
            raise ConfigError("", f"{option}: {given} is out of range; it must be at least 1")
    place = home / f"verify-{os.getpid()}"
    try:
        try:
            private.folder(place)
            if Home(home).data.is_dir():
                Home(place).data.symlink_to(Home(home).data)
        except OSError as error:
            raise RunError(f"cannot write to the home folder {home} ({error.strerror})") from None
        return _verify(config, place, steps, at, data_dir, report)
    finally:
        for folder in store.run_folders(place):
            kill(folder)
        shutil.rmtree(place, ignore_errors=True)


def kill(folder: RunFolder) -> None:
    """End the run's host at once, without a signal that it can handle, and wait until it is gone."""
    record = store.read_host(folder)
    if record is not None and store.alive(folder) and record.pid != os.getpid():
        process = psutil.Process(record.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGKILL)
        with contextlib.suppress(psutil.Error):
            process.wait(10)


def fingerprint(value: Any) -> str:
    """SHA-256 over tensors, numbers, strings and containers of them: names, shapes, dtypes and every bit."""
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()


def _verify(
    config: TrainConfig,
    home: Path,
    steps: int | None,
    at: int | None,
    data_dir: Path | None,
    report: Callable[[str], None],
) -> bool:
    probe = _prepared(home, config, data_dir)
    config = TrainConfig.from_dict(probe["config"])  # what is measured is decided once, for all runs
    per_epoch = math.ceil(probe["dataset"]["train"] / config.batch_size)
    total = steps or per_epoch + per_epoch // 2
    point = at or max(1, min(per_epoch // 2, total - 1))
    if point >= total:
        raise ConfigError(
            "", f"--at: step {point} is not before the last of {total} steps; give fewer, or more --steps"
        )
    config = TrainConfig.from_dict(config.to_dict() | {"epochs": max(config.epochs, math.ceil(total / per_epoch))})
    report(f"{total} steps straight …")
    straight = _launch(home, config, data_dir, [_place(total, per_epoch, "stop")])
    _wait(straight, lambda run: run.done)
    killed_at = min(total - 1, point + max(1, (total - point) // 10))
    report(f"{total} steps, with a checkpoint after step {point}, kill -9 after step {killed_at} and a resume …")
    agenda = [_place(point, per_epoch, "checkpoint")]
    broken = _launch(home, config, data_dir, [*agenda, _place(killed_at, per_epoch, "pause")])
    _wait(broken, lambda run: run.status == "paused")
    kill(broken)
    store.write_run(broken, store.read_run(broken) | {"agenda": [_place(total, per_epoch, "stop")]})
    resumed = client.resume(broken)
    run = _wait(broken, lambda run: run.done)
    for difference in (*resumed.differences, *resumed.bad):
        report(f"  {difference}")
    began = run.resumes[-1]
    if (began.epoch - 1) * per_epoch + began.step != point:
        raise RunError(f"it resumed from step {began.step} of epoch {began.epoch}, not from step {point}")
    return _compare(straight, broken, report)


def _compare(straight: RunFolder, broken: RunFolder, report: Callable[[str], None]) -> bool:
    one, other = _last(straight), _last(broken)
    equal = True
    picked = {
        "weights": (one["model"], other["model"]),
        "optimizer": (one["optimizer"], other["optimizer"]),
        "generators": ([one["rng"], one["order"]], [other["rng"], other["order"]]),
    }
    for name, states in picked.items():
        prints = [fingerprint(state) for state in states]
        same = prints[0] == prints[1]
        equal &= same
        verdict = "equal" if same else "NOT EQUAL"
        report(f"{name:<11} straight {prints[0][:32]}  resumed {prints[1][:32]}  {verdict}")
    losses = [_losses(folder) for folder in (straight, broken)]
    equal &= losses[0] == losses[1]
    report(f"{'losses':<11} {len(losses[0])} of the log, {'equal' if losses[0] == losses[1] else 'NOT EQUAL'}")
    report("the resumed run is the uninterrupted one, bit for bit" if equal else "NOT the same run")
    return equal


def _losses(folder: RunFolder) -> dict[tuple[Any, ...], float]:
    """Every loss with its place: of each hundredth batch, of each epoch, of each test."""
    losses: dict[tuple[Any, ...], float] = {}
    for event in log.events(folder):
        match event:
            case ev.BatchLoss():
                losses[event.kind, event.epoch, event.step] = event.loss
            case ev.EpochFinished():
                losses[event.kind, event.epoch, 0] = event.loss
            case ev.Evaluated():
                losses[event.split, event.epoch, 0] = event.loss
    return losses


def _last(folder: RunFolder) -> Mapping[str, Any]:
    from engine.checkpoints.read import newest_good

    found = newest_good(folder)
    assert found is not None, "a stop saves"
    return found[1]


def _prepared(home: Path, config: TrainConfig, data_dir: Path | None) -> dict[str, Any]:
    """What the data, the model and the settings turn out to be, with the errors that starting would raise. Imports
    torch."""
    from engine.training import tuning
    from engine.training.setup import make_setup

    return tuning.decided(make_setup(config, home=home, data_dir=data_dir)).describe()


def _place(step: int, per_epoch: int, order: str) -> list[Any]:
    """An entry of run.json's agenda for a step that counts over the epochs."""
    return [(step - 1) // per_epoch + 1, (step - 1) % per_epoch + 1, order]


def _launch(home: Path, config: TrainConfig, data_dir: Path | None, agenda: list[list[Any]]) -> RunFolder:
    folder = store.create(home, client.request(config, data_dir=data_dir) | {"agenda": agenda})
    return client.launch(folder)


def _wait(folder: RunFolder, until: Callable[[RunState], bool]) -> RunState:
    folded = state_file.begun(folder)
    while True:
        living = store.alive(folder)
        folded = state_file.read_on(folder, folded)
        run = folded.fold.snapshot()
        if run.status == "failed":
            raise RunError(f"the training failed: {run.reason}")
        if until(run) and (not run.done or not living):
            return run
        if not living:
            last = folder.host_log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise RunError(f"the training's process ended{': ' + last[0] if last else ''}")
        time.sleep(POLL_S)


def _feed(digest: Any, value: Any) -> None:
    import torch

    if isinstance(value, torch.Tensor):
        digest.update(f"{value.dtype}{list(value.shape)}".encode())
        flat: torch.Tensor = value.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    elif isinstance(value, dict):
        for key in value:
            digest.update(json.dumps(str(key)).encode())
            _feed(digest, value[key])
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}".encode())
        for one in value:
            _feed(digest, one)
    else:
        digest.update(repr(value).encode())
