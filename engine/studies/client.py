"""What others do with studies: make them, work on them too, stop them, give them more to do. Imports no torch. All of
it blocks, and what asks the storage takes the second that Optuna's import does: not for the event loop."""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine import file_lock
from engine.errors import ConfigError, RunError
from engine.home import Home, StudyFolder
from engine.hosting import detached
from engine.models import trusted_code
from engine.runs.client import with_absolute_paths
from engine.studies import space, study_file, trials
from engine.studies.space import Choices, Parameter, Range, Space
from engine.studies.study_file import MOST_PARALLEL, MOST_TRIALS, Definition, Record
from engine.studies.trials import Snapshot
from engine.training.config import TrainConfig, is_file_reference, pairs

if TYPE_CHECKING:
    from engine.studies.search import Search

TRIALS = 20  # where nobody says how many
VALIDATION = "0.1"  # of the training images, where nobody says
HEARTBEAT_S = 30


def define(
    texts: Sequence[str],
    *,
    metric: str = "",
    sampler: str = "tpe",
    pruner: str = "none",
    seed: int = 0,
    heartbeat_s: int = HEARTBEAT_S,
    base: TrainConfig | None = None,
) -> Definition:
    """What a study looks for, from what was typed of it: `lr=1e-4..1e-1:log`, `optimizer=sgd,adam`, `epochs=5`.

    Without `val=`, a metric of the validation images (val_loss, where none is named) holds a tenth of the training
    images out. A NaN loss stops a trial, unless it is said otherwise. Raises ConfigError.
    """
    found, config = space.parse_pairs(texts, base or TrainConfig())
    typed = {text.partition("=")[0] for text in texts}
    metric = metric or "val_loss"
    if metric.startswith("val_") and not config.validates and "val" not in typed:
        config = replace(config, val=VALIDATION)
    if "on_non_finite" not in typed:
        config = replace(config, on_non_finite="stop")
    if not found.parameters:
        raise ConfigError("space", f"a study needs a setting with several values, such as {space.EXAMPLES}")
    study_file.check_metric(metric, config)
    for name, value, known in (("sampler", sampler, study_file.SAMPLERS), ("prune", pruner, study_file.PRUNERS)):
        if value not in known:
            raise ConfigError(name, f"--{name}: {value!r} is unknown; choose from {', '.join(known)}")
    if not 0 <= seed < 2**32:
        raise ConfigError("seed", f"--seed: {seed} is out of range; from 0 to {2**32 - 1}")
    if not 1 <= heartbeat_s <= 3600:
        raise ConfigError("heartbeat", f"--heartbeat: {heartbeat_s} is out of range; from 1 to 3600 seconds")
    if sampler == "grid":
        space.grid(found, config)
    config, found = with_absolute_paths(config), _with_absolute_paths(found, config)
    return msgspec.convert(
        {
            "space": found.to_dict(), "config": config.to_dict(), "metric": metric, "sampler": sampler,
            "pruner": pruner, "seed": seed, "heartbeat_s": heartbeat_s,
        },
        Definition,
    )  # fmt: skip


def create(
    home: Path,
    name: str,
    definition: Definition,
    *,
    count: int | None = None,
    parallel: int = 1,
    storage: str = "",
    data_dir: Path | None = None,
) -> StudyFolder:
    """Make a study, in its storage too, and have this home work on it. `count`: trials (default: TRIALS; of a grid, all
    its points). Raises EngineError, with nothing left of it here."""
    study_file.check_name(name)
    _check_parallel(parallel)
    if storage:
        from engine.studies.storage import check_url

        check_url(storage)
    points = _points(definition, count)
    record = Record(
        id=secrets.token_hex(8), name=name, worker=secrets.token_hex(8), definition=definition, storage=storage,
        data_dir=None if data_dir is None else os.fspath(data_dir.absolute()), parallel=parallel,
        created=round(time.time(), 3),
    )  # fmt: skip
    folder = Home(home).study(name)
    study_file.write_new(folder, record)
    try:
        from engine.studies.search import Search

        trials.write(folder, Search.create(folder, record, points).snapshot())
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    ensure_worker(folder)
    return folder


def join(home: Path, name: str, storage: str, *, parallel: int = 1, data_dir: Path | None = None) -> StudyFolder:
    """Work on a study that another machine has made, too. Raises EngineError, with nothing left of it here; of a study
    whose trials run a Python file that is not trusted here, UntrustedCodeError."""
    study_file.check_name(name)
    _check_parallel(parallel)
    from engine.studies import search
    from engine.studies.storage import check_url, quiet

    check_url(storage)
    quiet()
    record = Record(
        id="0" * 16, name=name, worker=secrets.token_hex(8),
        definition=Definition(space={}, config={}, metric="val_loss"), storage=storage,
        data_dir=None if data_dir is None else os.fspath(data_dir.absolute()), parallel=parallel,
        created=round(time.time(), 3),
    )  # fmt: skip
    stored = search.find(record)
    check_code(stored.definition)
    record = msgspec.structs.replace(record, id=stored.id, definition=stored.definition)
    folder = Home(home).study(name)
    study_file.write_new(folder, record)
    try:
        trials.write(folder, search.Search(folder, record).snapshot())
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    ensure_worker(folder)
    return folder


def check_code(definition: Definition) -> None:
    """Raises UntrustedCodeError where trials would run a Python file that the person does not trust."""
    found, config = definition.read()
    named = [config.model, config.transform]
    named += [text for one in found.parameters if isinstance(one, Choices) for text in one.texts]
    for reference in named:
        if is_file_reference(reference):
            trusted_code.source(reference.rpartition(":")[0])


def extend(folder: StudyFolder, count: int) -> None:
    """Have so many more trials made. Raises EngineError."""
    if not 1 <= count <= MOST_TRIALS:
        raise ConfigError("trials", f"{count} trials are out of range; from 1 to {MOST_TRIALS}")
    search = opened(folder)
    if search.definition.sampler == "grid":
        raise ConfigError("trials", "a grid has all its points already; add one with: fmnist-tui sweep add")
    search.add([{}] * count)
    go_on(folder)


def add(folder: StudyFolder, texts: Mapping[str, str]) -> None:
    """Have one more trial made, with these parameters as they are typed; what they leave out is searched. Raises
    EngineError."""
    search = opened(folder)
    point = space.check_point(search.space, search.base, texts)
    if search.definition.sampler == "grid" and (missing := _missing(search, point)):
        raise ConfigError(missing, f"a trial of a grid needs a value of every parameter; {missing} has none")
    search.add([point])
    go_on(folder)


def change_space(folder: StudyFolder, texts: Sequence[str]) -> Definition:
    """Change what is searched, for the trials that are not taken yet: another range, a further parameter, or one value
    for a parameter that there is. Raises EngineError, with nothing changed."""
    search = opened(folder)
    if search.definition.sampler == "grid":
        raise ConfigError("space", "the points of a grid are made with the study; add one with: fmnist-tui sweep add")
    before = search.space
    changed, base = space.parse_pairs(texts, search.base)
    kept = [one for one in before.parameters if f"{one.name}" not in pairs(list(texts))]
    for one in changed.parameters:
        _check_compatible(next((old for old in before.parameters if old.name == one.name), None), one)
    if not (kept or changed.parameters):
        raise ConfigError("space", "nothing would be left to search")
    names = {one.name: str(one) for one in (*kept, *changed.parameters)}
    checked, base = space.parse(names, with_absolute_paths(base))
    definition = msgspec.structs.replace(search.definition, space=checked.to_dict(), config=base.to_dict())
    study_file.check_metric(definition.metric, base)
    search.redefine(definition)
    study_file.change(folder, lambda now: msgspec.structs.replace(now, definition=definition))
    ensure_worker(folder)
    return definition


def stop(folder: StudyFolder, *, now: bool = False) -> None:
    """Have this home take no more trials; those that train are trained to their ends, or with `now` stopped too, each
    with a checkpoint. Raises RunError."""
    wanted: Any = "stop" if now else "finish"
    study_file.change(folder, lambda record: msgspec.structs.replace(record, wanted=wanted))


def go_on(folder: StudyFolder, *, parallel: int | None = None) -> None:
    """Have this home work on the study, with so many trials at once (default: as before). Raises RunError."""
    if parallel is not None:
        _check_parallel(parallel)

    def going(record: Record) -> Record:
        return msgspec.structs.replace(record, wanted="go", parallel=parallel or record.parallel)

    study_file.change(folder, going)
    ensure_worker(folder)


def worker_lives(folder: StudyFolder) -> bool:
    """Whether a worker of this home works on the study, here or on another machine."""
    return detached.lives(folder.host_json)


def ensure_worker(folder: StudyFolder) -> None:
    """Start a worker, detached, where none is there. It ends by itself where there is nothing to do. Raises RunError
    where it can't be started."""
    try:
        with file_lock.held(folder.change_lock):
            if worker_lives(folder):
                return
        detached.begin("engine.studies.worker", folder.path, folder.host_log)
    except OSError as error:
        raise RunError(f"cannot start the worker of the study {folder.id} ({error.strerror})") from None


def needs_worker(folder: StudyFolder) -> bool:
    """Whether this home has something to do for the study, as far as its files say, and no worker does it: after a
    restart of the machine, say."""
    try:
        record, seen = study_file.read(folder), trials.read(folder)
    except RunError:
        return False
    return record.wanted == "go" and (seen is None or not seen.over) and not worker_lives(folder)


def opened(folder: StudyFolder) -> "Search":
    """The study in its storage. Raises RunError."""
    from engine.studies.search import Search

    return Search(folder, study_file.read(folder))


def refreshed(folder: StudyFolder) -> Snapshot:
    """The study as it is in its storage now, written down for screens. Raises RunError."""
    found = opened(folder).snapshot()
    with contextlib.suppress(OSError):  # a home that can't be written can be read all the same
        trials.write(folder, found)
    return found


def delete(folder: StudyFolder) -> None:
    """Delete what this home has of the study, and the journal with it; its runs stay, and so does a database. Raises
    RunError while it is worked on."""
    if worker_lives(folder):
        raise RunError(f"{folder.id} is worked on; stop it first, with: fmnist-tui sweep stop --now {folder.id}")
    study_file.read(folder)
    try:
        shutil.rmtree(folder.path)
    except OSError as error:
        raise RunError(f"{folder} can't be deleted ({error.strerror})") from None


def _with_absolute_paths(found: Space, config: TrainConfig) -> Space:
    """The same, with absolute paths of the user's files: a worker may have another working directory."""

    def absolute(one: Parameter) -> Parameter:
        if not isinstance(one, Choices) or one.name not in ("model", "transform"):
            return one
        named = (TrainConfig.from_dict(config.to_dict() | {one.name: text}) for text in one.texts)
        return Choices(one.name, tuple(str(getattr(with_absolute_paths(each), one.name)) for each in named))

    return Space(tuple(map(absolute, found.parameters)))


def _points(definition: Definition, count: int | None) -> list[dict[str, str]]:
    found, config = definition.read()
    if definition.sampler == "grid":
        points = space.grid(found, config)
        if count is not None and count < len(points):
            what = f"--trials: the grid has {len(points)} points"
            raise ConfigError("trials", f"{what}; leave --trials out, or choose --sampler random")
        return points
    count = TRIALS if count is None else count
    if not 1 <= count <= MOST_TRIALS:
        raise ConfigError("trials", f"--trials: {count} is out of range; from 1 to {MOST_TRIALS}")
    return [{} for _ in range(count)]


def _missing(search: "Search", point: Mapping[str, str]) -> str:
    one = space.wanted(search.space, search.base, point)
    return one.name if one is not None else ""


def _check_compatible(before: Parameter | None, after: Parameter) -> None:
    """Raises ConfigError where Optuna can't go on from one to the other."""
    if before is None or (isinstance(before, Range) and isinstance(after, Range) and before.log == after.log):
        return
    if isinstance(before, Choices) and before == after:
        return
    what = "its choices" if isinstance(before, Choices) else "whether it is a list, or logarithmic,"
    raise ConfigError(
        after.name,
        f"{after.name}: {what} can't be changed, as the sampler learns by them; give one value, or begin a new study",
    )


def _check_parallel(parallel: int) -> None:
    if not 1 <= parallel <= MOST_PARALLEL:
        raise ConfigError("parallel", f"--parallel: {parallel} is out of range; from 1 to {MOST_PARALLEL}")
