"""What `export` writes."""

from collections.abc import Callable, Mapping
from pathlib import Path

from engine.digits import significant
from engine.errors import ConfigError, PathError
from engine.home import RunFolder, expanded
from engine.progress import Progress
from engine.runs import store
from engine.terminal_text import printable
from tui import new_file
from tui.cli import written
from tui.cli.output import DONE, complain, say, tell_in_place, told_of_reading


def export(home: Path, which: str, form: str, path: Path, *, at: str = "", force: bool = False) -> int:
    """Write a run in one of the forms, to a new file or folder unless `force`; `-` prints a text. `at`: of which
    checkpoint, for `onnx`. Raises EngineError."""
    folder = store.find(home, which)
    if at and form != "onnx":
        raise ConfigError("at", "--at: it applies with --onnx only")
    if form in TEXTS:
        with told_of_reading(folder.id) as progress:
            written.write(path, lambda: TEXTS[form](folder, progress), force=force)
        return DONE
    if str(path) == "-":
        raise PathError(f"--{form}: it can't be printed; give a path")
    if form == "tensorboard":
        return _tensorboard(folder, expanded(path), force=force)
    return _onnx(folder, expanded(path), at or "best", force=force)


def _script(folder: RunFolder, progress: Progress) -> str:
    from engine.export.script import script  # it reads a checkpoint, with torch

    return script(folder, progress)


def _csv(folder: RunFolder, progress: Progress) -> str:
    from engine.export.numbers import csv_text

    return csv_text(folder, progress)


def _card(folder: RunFolder, progress: Progress) -> str:
    from engine.export.card import card

    return card(folder, progress)


TEXTS: Mapping[str, Callable[[RunFolder, Progress], str]] = {"script": _script, "csv": _csv, "card": _card}


def _tensorboard(folder: RunFolder, target: Path, *, force: bool) -> int:
    if target.exists() and not target.is_dir():
        raise PathError(f"{printable(str(target))} is there already, and no folder; give another name")
    if target.is_dir() and any(target.iterdir()) and not force:
        raise PathError(f"{printable(str(target))} is not empty; give another name, or --force to add to it")
    from engine.export import tensorboard

    with told_of_reading(folder.id) as progress:
        count = tensorboard.write(folder, target, progress)
    say(f"written to {target}: {count} scalars; see them with: tensorboard --logdir {target}")
    return DONE


def _onnx(folder: RunFolder, target: Path, at: str, *, force: bool) -> int:
    new_file.check(target, force=force)
    tell_in_place("starting PyTorch …")
    try:
        from engine.export import onnx_file

        found = onnx_file.export(folder, at, lambda words: tell_in_place(f"{words} …" if words else ""))
    finally:
        tell_in_place("")
    new_file.write(target, found.data, force=force)
    size = ", ".join(map(str, found.shape))
    say(f"written to {target}: {found.checkpoint}; input images, float32 [batch, {size}]")
    say(
        f"largest difference to PyTorch over {found.images} test images: {significant(found.difference, 2)}, of logits "
        f"up to {significant(found.largest, 3)} (onnxruntime, CPU)"
    )
    if found.transform:
        say(f"the images are to be transformed before: {found.transform}")
    if found.disagree:
        complain(f"{found.disagree} of {found.images} images are classified otherwise than by PyTorch")
    return DONE
