"""What others do with runs: start a detached host, and send it commands. Imports no torch. Both calls block: not for
the event loop."""

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine import errors
from engine.errors import ConfigError, EngineError, RunError
from engine.runs import listing, store
from engine.runs.control import ask
from engine.training.config import TrainConfig


def start(home: Path, config: TrainConfig, *, name: str = "", data_dir: Path | None = None) -> Path:
    """Start a detached host for a new run and wait (2 to 5 seconds, most of it torch's import) until it trains.

    Returns the run's folder. Raises the EngineError that says why it can't start; then no folder is left.
    """
    folder = store.create(home, request(config, name=name, data_dir=data_dir))
    ours, theirs = os.pipe()
    try:
        with open(folder / store.LOG, "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "engine.runs.host", os.fspath(folder), "--ready-fd", str(theirs)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # its own session: a closed terminal takes only its own along
                pass_fds=[theirs],
            )
    except OSError as error:
        os.close(ours)
        shutil.rmtree(folder, ignore_errors=True)
        raise RunError(f"cannot start the run's host process ({error.strerror})") from None
    finally:
        os.close(theirs)
    threading.Thread(target=process.wait, name="reap", daemon=True).start()  # leaves no zombie when it ends
    with open(ours, "rb") as pipe:
        line = pipe.readline()
    if not line:
        code = process.wait()
        raise RunError(f"the run's host process died while starting (exit {code}); see {folder / store.LOG}")
    answer: dict[str, Any] = json.loads(line)
    if not answer["ok"]:
        process.wait()
        if not answer.get("keep"):
            shutil.rmtree(folder, ignore_errors=True)
        raise _refusal(answer)
    return folder


def request(config: TrainConfig, *, name: str = "", data_dir: Path | None = None) -> dict[str, Any]:
    """What a new run's run.json holds before its host adds what it found. Paths in it are absolute."""
    config = replace(config, model=_absolute(config.model), transform=_absolute(config.transform))
    return {
        "name": name,
        "config": config.to_dict(),
        "data_dir": str(data_dir.expanduser().absolute()) if data_dir else None,
    }


def command(folder: Path, name: str) -> None:
    """Send pause, unpause, step, stop or checkpoint to the run's host and wait until it is taken.

    Raises RunError with the reason where it is refused or there is nobody to take it.
    """
    record, living, run_id = store.read_host(folder), store.alive(folder), folder.name
    state = listing.state_of(listing.quick_state(folder), living)
    if record is None or state in ("finished", "stopped", "failed", "ended"):
        ended = "ended without finishing" if state == "ended" else state
        raise RunError(f"{run_id} does not run any more: {ended}")
    if not record.socket:
        raise RunError(f"{run_id} is still starting; try again in a moment")
    try:
        answer = ask(record.socket, {"command": name})
    except RunError as error:
        raise RunError(f"{run_id}: {error}") from None
    if not answer["ok"]:
        raise RunError(f"{run_id}: {answer['reason']}")


def _absolute(reference: str) -> str:
    path, colon, name = reference.rpartition(":")
    return f"{Path(path).expanduser().absolute()}:{name}" if colon else reference


def _refusal(answer: dict[str, Any]) -> EngineError:
    area = getattr(errors, answer["area"], RunError) if answer["area"] else RunError
    if area is ConfigError:
        return ConfigError(answer["field"], answer["reason"])
    refusal: EngineError = area(answer["reason"])
    return refusal
