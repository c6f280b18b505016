"""`train --seeds`: runs that differ in their seed, one after another, and what they come to together."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import EngineError
from engine.home import RunFolder
from engine.runs import client, groups, listing
from engine.runs.groups import Group
from tui.cli.output import complain, say
from tui.cli.train import follow
from tui.format import counted, mean_percent


def train_all(folders: Sequence[RunFolder], *, as_json: bool) -> int:
    """Train the runs in turn, each in a host of its own that is followed. A signal stops the one that trains, after
    saving, and takes those that have not begun away. Returns the exit code. Raises EngineError where the first can't
    start; then none is left."""
    code = 0
    for at, folder in enumerate(folders):
        if not as_json:
            say(f"run {at + 1} of {len(folders)}, {_seed_of(folder)}:", flush=True)
        try:
            client.begin(folder)
        except EngineError as error:
            groups.discard(folders[at:])
            if at == 0:
                raise
            complain(f"{folder.id}: {error}")
            code = 1
            break
        ended = follow(folder, as_json=as_json)
        code = max(code, ended)
        if ended >= 128:
            groups.discard(folders[at + 1 :])
            break
    if not as_json:
        found = groups.groups([listing.summary(folder) for folder in folders if folder.path.is_dir()])
        for group in found:
            say(summary(group))
    return code


def summary(group: Group) -> str:
    """What the runs came to: `5 runs: best accuracy 92.4 ± 0.2% …`."""
    tta = " (flip TTA)" * any(run.tta for run in group.runs)
    validated = any(run.settings.get("val") for run in group.runs)
    tested = f"; test accuracy {mean_percent(group.test)}{tta}" if validated else ""
    best = f"best accuracy {mean_percent(group.best)}{tta}" if group.best else "no result yet"
    return f"{counted(len(group.runs), 'run')}: {best}{tested}"


def _seed_of(folder: RunFolder) -> str:
    from engine.runs import store

    return f"seed {store.read_run(folder)['config'].get('seed', '?')}"


def enqueue(home: Path, folders: Sequence[RunFolder], *, slots: int | None, held: bool = False) -> None:
    """Put the runs into the queue, and say where they stand. Raises EngineError; then none is left."""
    from engine.queue import client as queue

    try:
        if slots is not None:
            queue.set_slots(home, slots)
        found = queue.add(home, folders, held=held)
    except EngineError:
        groups.discard(folders)
        raise
    for folder in folders:
        place = found.position(folder.id)
        say(f"{folder.id} waits, place {place} in the queue" if place else f"{folder.id} is started by the queue")
