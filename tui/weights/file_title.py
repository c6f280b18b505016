"""What a file of weights is called on a screen: a run's checkpoint by its run and place, any other by its name."""

from pathlib import Path

from engine.checkpoints.manifest import Entry
from engine.errors import EngineError
from engine.home import RunFolder
from engine.runs import from_weights, store
from engine.terminal_text import printable


def file_title(path: Path) -> str:
    """`fast · epoch 10`, or the file's name. Reads the run's manifest, where it is in a run."""
    if (found := _in_run(path)) is None:
        run = RunFolder.of_checkpoint(path)
        newest = path.absolute() == run.weights and run.run_json.is_file()
        return printable(f"{store.title(run)} · {path.name}" if newest else path.name)
    run, entry = found
    return printable(f"{store.title(run)} · {_place(entry)}")


def pair_title(first: Path, second: Path) -> str:
    """`fast · epoch 1 → epoch 10`, `fast · epoch 1 → slow · epoch 1`, or the files' names."""
    both = _in_run(first), _in_run(second)
    if both[0] is not None and both[1] is not None and both[0][0] == both[1][0]:
        return f"{file_title(first)} → {_place(both[1][1])}"
    return f"{file_title(first)} → {file_title(second)}"


def _in_run(path: Path) -> tuple[RunFolder, Entry] | None:
    try:
        return from_weights.in_run(path)
    except EngineError:  # a manifest that can't be read
        return None


def _place(entry: Entry) -> str:
    return f"epoch {entry.epoch}" if entry.reason == "epoch" else f"epoch {entry.epoch}, step {entry.step}"
