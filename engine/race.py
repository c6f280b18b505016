"""A race: branches of a run from one of its checkpoints, each with other settings, that train equally many steps, side
by side. One is kept and goes on, the others go. Imports no torch. It blocks, all but `typed`, `standing` and `best`:
not for the event loop.

The branches draw the same batches as their run would from there on, as branches do: with the same batch size, their
losses are of the same images.
"""

import contextlib
import itertools
import secrets
import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from engine.errors import ConfigError, EngineError, RunError
from engine.home import RunFolder
from engine.queue import resources
from engine.runs import checkpoint_refs, client, listing, state_file, store
from engine.runs.branch import BranchPlan, BranchPoint
from engine.runs.listing import ENDED, RunSummary
from engine.runs.state import RunState
from engine.runs.unreadable import UnreadableError
from engine.training.config import pairs
from engine.training.setting import TUNE

LEAST, MOST = 2, 8  # branches
STEPS = 500  # where nobody says how many
LAST_PART = 4  # one step in so many, at the end, counts for the loss that is compared
POLL_S = 0.1
RACE, AGENDA, THREADS = "race", "agenda", "threads_before"  # in run.json


@dataclass(frozen=True)
class Contender:
    """A branch that can be made."""

    words: str  # its changes, as they were typed
    plan: BranchPlan
    begun: int  # steps of its own epochs that are done at the checkpoint
    an_epoch: int  # its steps


@dataclass(frozen=True)
class RacePlan:
    """A race that can be begun."""

    point: BranchPoint
    steps: int
    contenders: tuple[Contender, ...]


@dataclass(frozen=True)
class Lane:
    """A branch that races."""

    run: RunSummary
    words: str  # its changes
    begun: int  # steps of its own epochs that were done at the checkpoint


@dataclass(frozen=True)
class Race:
    """A race that was begun."""

    id: str
    parent: str  # the run's id
    epoch: int  # of the checkpoint that all begin with
    step: int
    steps: int
    lanes: tuple[Lane, ...]  # those that are there, in the order in which they were asked for

    @property
    def folders(self) -> list[RunFolder]:
        """Of the branches."""
        return [lane.run.folder for lane in self.lanes]

    @property
    def over(self) -> bool:
        """Whether none of them trains any more."""
        return all(lane.run.state in (*ENDED, "ended") for lane in self.lanes)


def typed(texts: Sequence[str]) -> list[dict[str, str]]:
    """The changes of each branch: `lr=1e-3`, or `lr=1e-3 momentum=0.8`; `lr=1e-3|1e-2` are two branches, and several
    such settings all combinations. A `;` ends one branch's changes. Raises ConfigError."""
    found: list[dict[str, str]] = []
    for text in itertools.chain.from_iterable(map(_parts, texts)):
        choices = {name: value.split("|") for name, value in pairs(text).items()}
        if empty := next((name for name, values in choices.items() if len(values) > 1 and "" in values), ""):
            raise ConfigError(empty, f"{empty}: a value is missing beside a |")
        for values in itertools.product(*choices.values()):
            found.append(dict(zip(choices, values, strict=True)))
            if len(found) > MOST:
                raise ConfigError("", f"more than {MOST} branches; at most {MOST} race")
    return found


def _parts(text: str) -> list[list[str]]:
    """The words of each branch."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";")
    lexer.whitespace_split = True
    lexer.commenters = ""
    parts: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word.strip(";"):
                parts[-1].append(word)
            else:
                parts.append([])
    except ValueError:  # "No closing quotation"
        raise ConfigError("", "a quote is not closed: quotes keep a value with spaces together") from None
    return [part for part in parts if part] if len(parts) > 1 else parts


def plan(
    point: BranchPoint,
    changes: Sequence[Mapping[str, str]],
    steps: int = STEPS,
    request: Mapping[str, Any] | None = None,
) -> RacePlan:
    """The race of branches with these changes; one without any has the run's own settings. `request`: the run's
    run.json; None: it is read. Raises EngineError where the race can't be."""
    if not LEAST <= len(changes) <= MOST:
        raise ConfigError("", f"{len(changes)} branches; from {LEAST} to {MOST} race, such as lr=1e-3; lr=3e-3")
    if steps < 1:
        raise ConfigError("steps", f"steps: {steps} is out of range; it must be at least 1")
    request, found = request or store.read_run(point.parent), list[Contender]()
    for one in changes:
        words = " ".join(shlex.quote(f"{name}={value}") for name, value in one.items()) or "unchanged"
        planned = point.plan(one)
        if twin := next((other for other in found if other.plan.config == planned.config), None):
            raise ConfigError("", f"{words} is the same as {twin.words}; each branch needs other settings")
        found.append(_contender(point, planned, steps, request, words))
    return RacePlan(point, steps, tuple(found))


def _contender(
    point: BranchPoint, planned: BranchPlan, steps: int, request: Mapping[str, Any], words: str
) -> Contender:
    """Raises EngineError where the branch's epochs end before so many steps."""
    config = planned.config
    there, images = request.get("steps"), (request.get("dataset") or {}).get("train")
    if not (isinstance(there, int) and isinstance(images, int) and there > 0 < images):
        raise RunError(f"{point.parent.id} has not begun: how many steps its epochs have is not known yet")
    if config.batch_size == TUNE:
        raise ConfigError("batch_size", f"{words}: batches of a race need a size; type a number")
    same = config.batch_size == point.config.batch_size
    inside = point.epochs_done < point.entry.epoch
    if not same and inside:
        raise ConfigError(
            "batch_size", f"{words}: another batch size needs a checkpoint at an epoch's end, and this one is after "
            f"step {point.entry.step} of {there}"
        )  # fmt: skip
    an_epoch = there if same else -(-images // config.batch_size)
    begun = point.epochs_done * an_epoch + (point.entry.step if inside else 0)
    left = config.epochs * an_epoch - begun
    if steps > left:
        raise ConfigError(
            "steps", f"{words}: only {left} steps are left of its {config.epochs} epochs; race fewer steps, or add "
            f"epochs={config.epochs + -(-(steps - left) // an_epoch)}"
        )  # fmt: skip
    return Contender(words, planned, begun, an_epoch)


def begin(race: RacePlan, told: Callable[[str], None] = lambda words: None) -> list[RunFolder]:
    """Make the branches and start them all, each in a host of its own; the machine's cores and GPUs are shared out
    among them. Returns their folders. `told`: what is being done. Raises EngineError, with none left."""
    made, begun = list[RunFolder](), list[RunFolder]()

    def one_begins(folder: RunFolder, environment: dict[str, str]) -> None:
        client.begin(folder, environment=environment)
        begun.append(folder)

    name, gpus = secrets.token_hex(4), resources.gpus()
    environments = list[dict[str, str]]()
    in_use: list[str] = []
    try:
        for place, one in enumerate(race.contenders):
            at = checkpoint_refs.name_of(race.point.entry)
            folder = client.prepare_branch(race.point.parent, at, _typed(one), name=one.words)
            made.append(folder)
            request = store.read_request(folder)
            config = request["config"]
            gpu = resources.gpu_of(config, gpus, in_use)
            in_use += [gpu] if gpu is not None else []
            environments.append({} if gpu is None else {resources.VISIBLE: gpu})
            threads = resources.threads_of({}, len(race.contenders))
            more = {
                RACE: {
                    "id": name,
                    "steps": race.steps,
                    "place": place,
                    "words": one.words,
                    "begun": one.begun,
                    THREADS: config["threads"],
                },
                AGENDA: [[*_place(one, race.steps), "stop"]],
                "config": config | {"threads": min(threads, resources.threads_of(config, len(race.contenders)))},
            }
            store.write_run(folder, request | more)
        told(f"starting {len(made)} branches: PyTorch, the data …")
        with ThreadPoolExecutor(len(made)) as pool:
            list(pool.map(one_begins, made, environments))
    except BaseException:
        with contextlib.suppress(RunError):
            stop(begun)
        for folder in made:
            shutil.rmtree(folder.path, ignore_errors=True)
        raise
    return made


def _place(one: Contender, steps: int) -> tuple[int, int]:
    """The epoch, and the step of it, after which it has done so many steps of the race."""
    last = one.begun + steps - 1
    return last // one.an_epoch + 1, last % one.an_epoch + 1


def _typed(one: Contender) -> dict[str, str]:
    return {name: str(value) for name, value in one.plan.changes.items()}


def races(runs: Sequence[RunSummary]) -> list[Race]:
    """The races among the runs, the newest first."""
    members: dict[str, list[tuple[int, int, Lane]]] = {}
    for run in runs:
        if not (run.race and run.parent) or run.problem:
            continue
        with contextlib.suppress(RunError):  # it was deleted meanwhile
            said = store.read_run(run.folder).get(RACE) or {}
            lane = Lane(run, said.get("words") or run.title, said.get("begun") or 0)
            members.setdefault(run.race, []).append((said.get("place") or 0, said.get("steps") or 0, lane))
    found = []
    for name, its in members.items():
        its.sort(key=lambda one: (one[0], one[2].run.id))
        first = its[0][2].run
        lanes = tuple(lane for _, _, lane in its)
        found.append(Race(name, first.parent, first.parent_epoch, first.parent_step, its[0][1], lanes))
    return sorted(found, key=lambda race: race.lanes[0].run.started, reverse=True)


@dataclass(frozen=True)
class Standing:
    """How far a branch is."""

    done: int  # steps of the race
    loss: float | None  # the mean training loss of the last quarter of them; None: none is known yet


def standing(race: Race, lane: Lane, state: RunState) -> Standing:
    """`state`: of the branch."""
    done = (state.epoch - 1) * state.steps + state.step - lane.begun if state.epoch else 0
    done = max(0, min(race.steps, done))
    since = lane.begun + done - max(1, done // LAST_PART)
    total, values = 0.0, 0
    for before, point in zip((None, *state.curve), state.curve, strict=False):
        if point.step > since:
            held = point.values - (before.values if before is not None else 0)
            total, values = total + held * point.mean, values + held
    return Standing(done, total / values if values else None)


def best(race: Race, states: Sequence[RunState]) -> Lane | None:
    """The branch with the lowest loss, of those that have done all the steps; `states` as `race.lanes`. None: none
    has."""
    found = [
        (stood.loss, place)
        for place, (lane, state) in enumerate(zip(race.lanes, states, strict=True))
        if (stood := standing(race, lane, state)).done == race.steps and stood.loss is not None
    ]
    return race.lanes[min(found)[1]] if found else None


def keep(folder: RunFolder) -> client.Resumed:
    """Have a branch go on by itself, as a run like any other, with as many threads as its run has; where it still
    races, it is stopped before. The others are left as they are. Raises EngineError; then it is as it was, but for
    that."""
    _end_of(folder)
    request = store.read_run(folder)
    threads = (request.get(RACE) or {}).get(THREADS) or None
    store.write_run(folder, {name: value for name, value in request.items() if name not in (RACE, AGENDA)})
    try:
        return client.resume(folder, threads=None if threads == request.get("threads") else threads)
    except BaseException:
        if not store.alive(folder):
            store.write_run(folder, request)
        raise


def stop(folders: Sequence[RunFolder]) -> None:
    """Stop those that still train, and wait for their end. Raises RunError where one does not end."""
    with ThreadPoolExecutor(max(1, len(folders))) as pool:
        list(pool.map(_end_of, folders))


def _end_of(folder: RunFolder) -> None:
    _stop(folder)
    until = time.monotonic() + client.ENDS_WITHIN_S
    while store.alive(folder):
        if time.monotonic() > until:
            raise RunError(f"{folder.id} was told to stop, but its process still lives; try again later")
        time.sleep(POLL_S)
        _stop(folder)  # it was starting, and knew no commands yet


def _stop(folder: RunFolder) -> None:
    try:
        if store.alive(folder):
            client.command(folder, "stop")
    except EngineError:  # it has ended meanwhile, or is starting
        return


def of_run(runs: Sequence[RunSummary], run: str) -> list[Race]:
    """The races from checkpoints of that run, and the one that it is a branch of itself; the newest first. `runs`: all
    that there are."""
    return [race for race in races(runs) if run == race.parent or run in [lane.run.id for lane in race.lanes]]


class RaceReader:
    """Reads a race again and again, as it goes on; from one thread at a time."""

    def __init__(self, folders: Sequence[RunFolder]) -> None:
        self._folded = {folder: state_file.begun(folder) for folder in folders}

    def read(self) -> tuple[Race | None, list[RunState]]:
        """The race, of the branches that are there and were not kept, and their states; None where there are none."""
        runs = list[RunSummary]()
        for folder in self._folded:
            with contextlib.suppress(RunError, UnreadableError):  # it is gone
                runs.append(listing.summary(folder))
        found = races(runs)
        race = found[0] if found else None
        states = []
        for folder in race.folders if race else ():
            with contextlib.suppress(UnreadableError):  # it has the state that it had
                self._folded[folder] = state_file.read_on(folder, self._folded[folder])
            states.append(self._folded[folder].fold.snapshot())
        return race, states
