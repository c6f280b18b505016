"""A study's search: what Optuna is asked and told, by ask and tell. Imports Optuna, and no torch.

Every trial that is to be made waits in the storage before anybody takes it, and to take one is one step of the
storage's: no two workers take the same, and none makes more than were asked for. What a worker does after that it can
do again: it may be killed at any moment, and goes on from what the storage says.
"""

import contextlib
import datetime
import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import optuna
from msgspec import Meta
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from engine.errors import RunError
from engine.home import StudyFolder
from engine.studies import space, storage, trials
from engine.studies.space import Choices, Parameter, Space
from engine.studies.study_file import MOST_TRIALS, Definition, Record, shown_storage
from engine.studies.trials import Snapshot, State, Trial
from engine.training.config import TrainConfig
from engine.training.setting import Kind
from engine.training.settings import SETTINGS

OURS = "fmnist-tui"  # the study's attribute that holds what it is
# A trial's attributes.
WORKER, RUN, FAILURE, PRUNED_AT, GIVEN, AGAIN = "worker", "run", "failure", "pruned_at", "given", "again"
SURPLUS = "surplus"  # a FAILURE of a trial that nobody asked for: two workers took the last one that waited
STATES: Mapping[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
STARTUP = 5  # trials that are complete before the median is asked
FIRST_EPOCHS = 1  # in which nothing is pruned
REDUCTION = 3  # hyperband: of so many trials one goes on
LOOK_S = 2.0  # between two looks at a database for what is new
IMPORTANCE = 4  # complete trials that importances are computed of


class Stored(msgspec.Struct, frozen=True):
    """What the study's attribute holds."""

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8,64}$")]
    definition: Definition


def find(record: Record) -> Stored:
    """What a database says of the study of that name. Raises RunError where there is none, or it is not ours."""
    with storage.told(record):
        there = storage.of_database(record)
        try:
            attributes = optuna.load_study(study_name=record.name, storage=there).user_attrs
        except KeyError:
            raise RunError(f"there is no study {record.name!r} in {shown_storage(record.storage)}") from None
    return _stored(record, attributes)


def _stored(record: Record, attributes: Mapping[str, Any]) -> Stored:
    """What the study's attributes say. They may be anybody's."""
    try:
        return msgspec.convert(attributes.get(OURS), Stored)
    except msgspec.ValidationError:
        what = f"the study {record.name!r} in its storage is not one of this program's"
        raise RunError(f"{what}, or of a newer version") from None


class Search:
    """A study in its storage. Its methods raise StorageError where that can't be reached."""

    def __init__(self, folder: StudyFolder, record: Record) -> None:
        """Open one that there is. Raises RunError where there is none."""
        self._folder, self._record = folder, record
        self._importances_of: tuple[int, dict[str, float]] = (0, {})  # so many complete trials
        self._storage = storage.opened(folder, record)
        with storage.told(record):
            try:
                self._study = optuna.load_study(study_name=record.name, storage=self._storage)
            except KeyError:
                raise RunError(f"there is no study {record.name!r} in its storage") from None
            self._study_id = self._storage.get_study_id_from_name(record.name)
        self.definition = self.stored().definition
        self._space, self.base = self.definition.read()

    @classmethod
    def create(cls, folder: StudyFolder, record: Record, points: Sequence[Mapping[str, str]]) -> "Search":
        """Make the study in its storage, with a trial for each of the points (those parameters that are empty are
        searched). Raises RunError where one of that name is there."""
        with storage.told(record):
            where = storage.opened(folder, record)
            direction = StudyDirection.MAXIMIZE if record.definition.maximizes else StudyDirection.MINIMIZE
            try:
                study = optuna.create_study(storage=where, study_name=record.name, direction=direction)
            except optuna.exceptions.DuplicatedStudyError:
                how = f"fmnist-tui sweep join {record.name} --storage URL"
                raise RunError(
                    f"there is a study {record.name!r} in that storage; work on it too with: {how}"
                ) from None
            study.set_user_attr(OURS, msgspec.to_builtins(Stored(record.id, record.definition)))
        search = cls(folder, record)
        search.add(points)
        return search

    def stored(self) -> Stored:
        """What the storage says that the study is. Raises RunError."""
        with storage.told(self._record):
            attributes = self._study.user_attrs
        return _stored(self._record, attributes)

    def redefine(self, definition: Definition) -> None:
        """Change what it looks for. Trials that were taken stay as they are."""
        definition.read()
        with storage.told(self._record):
            self._study.set_user_attr(OURS, msgspec.to_builtins(Stored(self._record.id, definition)))
        self._take_definition(definition)

    def read_again(self) -> None:
        """Take over what others have changed about the definition."""
        found = self.stored().definition
        if found != self.definition:
            self._take_definition(found)

    def _take_definition(self, definition: Definition) -> None:
        self._space, self.base = definition.read()
        self.definition = definition

    @property
    def space(self) -> Space:
        return self._space

    # What waits.

    def add(self, points: Sequence[Mapping[str, str]]) -> None:
        """Have trials with these parameters wait; what a point leaves out is searched."""
        with storage.told(self._record):
            there = len(self._study.get_trials(deepcopy=False))
            if there + len(points) > MOST_TRIALS:
                raise RunError(f"{there + len(points)} trials are too many for a study; at most {MOST_TRIALS}")
            for point in points:
                self._enqueue(point)

    def _enqueue(self, point: Mapping[str, str], again: int | None = None) -> None:
        values = {name: self._value(name, text) for name, text in point.items()}
        attributes: dict[str, Any] = {GIVEN: dict(point)} | ({} if again is None else {AGAIN: again})
        self._study.enqueue_trial(values, user_attrs=attributes)

    def _value(self, name: str, text: str) -> Any:
        """A parameter as Optuna has it: a choice by its text."""
        known = {one.name: one for one in self._space.parameters}
        number = SETTINGS[name].kind in (Kind.FLOAT, Kind.INTEGER) and not isinstance(known.get(name), Choices)
        return SETTINGS[name].parse(text) if number else text

    def repair(self, *, alone: bool) -> None:
        """Put back what workers that were lost had taken. `alone`: nobody else works on the study, so what has no
        worker was lost."""
        with storage.told(self._record):
            optuna.storages.fail_stale_trials(self._study)
            grace = datetime.timedelta(seconds=storage.GRACE * self.definition.heartbeat_s)
            for one in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if one.user_attrs.get(WORKER):
                    continue
                begun = one.datetime_start
                if alone or begun is None or datetime.datetime.now(begun.tzinfo) - begun > grace:
                    self._lose(one.number)
            there = self._study.get_trials(deepcopy=False)
            done_again = {one.user_attrs.get(AGAIN) for one in there}
            for one in there:
                if _is_lost(one) and one.number not in done_again:
                    self._enqueue(_texts(one) or one.user_attrs.get(GIVEN, {}), again=one.number)

    def _lose(self, number: int) -> None:
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_state_values(self._id(number), state=TrialState.FAIL)

    # What this worker does.

    def waits(self) -> int:
        """How many trials wait."""
        with storage.told(self._record):
            return len(self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def others_run(self) -> int:
        """How many trials others work on."""
        return len(self._running(lambda worker: worker != self._record.worker))

    def own(self) -> list[int]:
        """The trials that this worker has taken and not told the end of."""
        return self._running(lambda worker: worker == self._record.worker)

    def _running(self, wanted: Callable[[str], bool]) -> list[int]:
        with storage.told(self._record):
            running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            return [one.number for one in running if wanted(str(one.user_attrs.get(WORKER, "")))]

    def take(self) -> int | None:
        """Take a trial that waits, whichever it is; None where none does."""
        if not self.waits():
            return None
        with storage.told(self._record):
            trial = self._study.ask()
            attributes = trial.user_attrs
            if GIVEN not in attributes or self._is_second(trial.number, attributes.get(AGAIN)):
                self.fail(trial.number, SURPLUS)
                return None
            trial.set_user_attr(WORKER, self._record.worker)
        self.beat([trial.number])
        return trial.number

    def _is_second(self, number: int, again: int | None) -> bool:
        """Whether an earlier trial does the same one again: two workers saw that it was lost."""
        there = self._study.get_trials(deepcopy=False)
        return again is not None and any(one.user_attrs.get(AGAIN) == again for one in there if one.number < number)

    def config(self, number: int) -> tuple[TrainConfig, dict[str, str]]:
        """A taken trial's settings, and its parameters as they are typed; the same each time. Raises ConfigError where
        they don't go together."""
        texts = dict[str, str]()
        with storage.told(self._record):
            self._study.sampler = self._sampler(number)
            trial = optuna.trial.Trial(self._study, self._id(number))
            while (one := space.wanted(self._space, self.base, texts)) is not None:
                texts[one.name] = self._suggested(trial, one)
        return space.settings_of(self._space, self.base, texts), texts

    def _suggested(self, trial: optuna.trial.Trial, one: Parameter) -> str:
        if isinstance(one, Choices):
            return str(trial.suggest_categorical(one.name, one.texts))
        if one.integer:
            step = 1 if one.log or one.step is None else int(one.step)
            return one.text(trial.suggest_int(one.name, int(one.low), int(one.high), step=step, log=one.log))
        return one.text(trial.suggest_float(one.name, one.low, one.high, step=one.step, log=one.log))

    def attribute(self, number: int, name: str) -> Any:
        """What this worker has noted of a trial."""
        with storage.told(self._record):
            return self._storage.get_trial(self._id(number)).user_attrs.get(name)

    def note(self, number: int, name: str, value: Any) -> None:
        """Note something of a trial."""
        with storage.told(self._record):
            self._storage.set_trial_user_attr(self._id(number), name, value)

    def beat(self, numbers: Sequence[int]) -> None:
        """Say that this worker works on these trials."""
        with storage.told(self._record):
            if isinstance(self._storage, optuna.storages.RDBStorage):
                for number in numbers:
                    self._storage.record_heartbeat(self._id(number))

    def reported(self, number: int) -> dict[int, float]:
        """The values that were reported, by epoch."""
        with storage.told(self._record):
            return dict(self._storage.get_trial(self._id(number)).intermediate_values)

    def report(self, number: int, epoch: int, value: float) -> None:
        """Report an epoch's value."""
        with storage.told(self._record):
            self._storage.set_trial_intermediate_value(self._id(number), epoch, value)

    def should_prune(self, number: int) -> bool:
        """Whether the trial is to end with the epochs that were reported."""
        with storage.told(self._record):
            pruner = self._pruner()
            return pruner.prune(self._study, self._storage.get_trial(self._id(number)))

    def complete(self, number: int, value: float) -> None:
        """Tell a trial's value."""
        self._tell(number, TrialState.COMPLETE, value)

    def prune(self, number: int) -> None:
        """Tell that a trial ended early; its value is the one reported last."""
        self._tell(number, TrialState.PRUNED)

    def fail(self, number: int, why: str) -> None:
        """Tell that a trial failed, and is not to be done again."""
        self.note(number, FAILURE, why[:1000] or "failed")
        self._tell(number, TrialState.FAIL)

    def _tell(self, number: int, state: TrialState, value: float | None = None) -> None:
        with storage.told(self._record):
            self._study.tell(number, value, state=state, skip_if_finished=True)

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """A trial's own: what it draws does not depend on who draws it, or on what was drawn before by whom."""
        seed = int.from_bytes(hashlib.sha256(f"{self.definition.seed}:{number}".encode()).digest()[:4], "little")
        if self.definition.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        return optuna.samplers.RandomSampler(seed=seed)  # of a grid's points nothing is left to draw

    def _pruner(self) -> optuna.pruners.BasePruner:
        match self.definition.pruner:
            case "median":
                return optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=FIRST_EPOCHS + 1)
            case "hyperband":
                epochs = self.base.epochs
                if "epochs" in self._space.names:
                    one = self._space["epochs"]
                    epochs = max(map(int, one.texts)) if isinstance(one, Choices) else int(one.high)
                return optuna.pruners.HyperbandPruner(1, max(1, epochs), REDUCTION)
        return optuna.pruners.NopPruner()

    # What is seen of it.

    def stamp(self) -> object:
        """Something else whenever the study may have changed. A database is not asked so often."""
        if self._record.storage:
            return time.monotonic() // LOOK_S
        with storage.told(self._record):
            return self._folder.journal.stat().st_size

    def snapshot(self) -> Snapshot:
        """The study as it is."""
        with storage.told(self._record):
            there = self._study.get_trials(deepcopy=False)
            importances = self._importances(there)
        shown = [one for one in there if not _is_lost(one) and one.user_attrs.get(FAILURE) != SURPLUS]
        return Snapshot(self.definition, [_trial(one) for one in shown], importances, sum(map(_is_lost, there)))

    def _importances(self, there: Sequence[FrozenTrial]) -> dict[str, float]:
        """By PED-ANOVA (Watanabe et al., IJCAI 2023): how much each decides whether a trial is among the best."""
        count = sum(one.state is TrialState.COMPLETE for one in there)
        if count < IMPORTANCE:
            return {}
        if count != self._importances_of[0]:
            try:
                found = optuna.importance.get_param_importances(self._study)
            except (ValueError, RuntimeError):  # all the trials alike
                found = {}
            shares = {name: float(share) for name, share in found.items() if math.isfinite(share)}
            self._importances_of = (count, shares)
        return self._importances_of[1]


def _is_lost(one: FrozenTrial) -> bool:
    """Whether it failed because its worker was lost."""
    return one.state is TrialState.FAIL and not one.user_attrs.get(FAILURE)


def _texts(one: FrozenTrial) -> dict[str, str]:
    """A trial's parameters, as they are typed."""
    return {name: _text(name, value) for name, value in one.params.items()}


def _text(name: str, value: Any) -> str:
    setting = SETTINGS.get(name)
    if setting is None or isinstance(value, str | bool):
        return str(value)
    return setting.typed(round(value) if setting.kind is Kind.INTEGER else float(value))


def _trial(one: FrozenTrial) -> Trial:
    attributes = one.user_attrs
    value = one.value if one.state is TrialState.COMPLETE else None
    values = trials.finite(sorted(one.intermediate_values.items()))
    pruned_at = attributes.get(PRUNED_AT)
    if one.state is TrialState.PRUNED and values:
        value = values[-1][1]
    again = attributes.get(AGAIN)
    given = attributes.get(GIVEN)
    params = _texts(one) or ({str(k): str(v) for k, v in given.items()} if isinstance(given, dict) else {})
    return Trial(
        number=one.number,
        state=STATES[one.state],
        params=params,
        value=value if value is None or math.isfinite(value) else None,
        values=values,
        pruned_at=pruned_at if isinstance(pruned_at, int) else None,
        run=str(attributes.get(RUN, ""))[:1000],
        worker=str(attributes.get(WORKER, ""))[:1000],
        started=one.datetime_start.timestamp() if one.datetime_start else 0.0,
        ended=one.datetime_complete.timestamp() if one.datetime_complete else 0.0,
        failure=str(attributes.get(FAILURE, ""))[:1000],
        again=again if isinstance(again, int) else None,
    )
