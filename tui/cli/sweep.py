"""What `sweep` and its actions do."""

import argparse
import contextlib
import sys
import time
from typing import Any

from engine.errors import ConfigError, RunError
from engine.home import Home, StudyFolder
from engine.models.trusted_code import name_typed
from engine.studies import client, study_file, trials
from engine.studies.space import Choices
from engine.studies.study_file import Definition, Record
from engine.studies.trials import Snapshot, Trial
from engine.terminal_text import shown
from engine.training.config import is_file_reference, pairs
from tui import format as fmt
from tui.cli import written
from tui.cli.command import home_of
from tui.cli.output import DONE, FAILED, ask, complain, console, say, say_json
from tui.study_text import about, metric_text, param_text, param_texts, shown_value, state_text, summary, trial_state

SHOWN = 20  # trials that are printed, where not all are asked for
LOOK_S = 0.5


def new(options: argparse.Namespace) -> int:
    """Make a study."""
    home = home_of(options)
    study_file.check_name(options.study)
    definition = client.define(
        options.changes, metric=options.metric, sampler=options.sampler, pruner=options.prune, seed=options.seed,
        heartbeat_s=options.heartbeat,
    )  # fmt: skip
    _name_files(definition)
    folder = client.create(
        home, options.study, definition, count=options.trials, parallel=options.parallel, storage=options.storage,
        data_dir=options.data_dir,
    )  # fmt: skip
    seen = trials.read(folder)
    count = len(seen.trials) if seen else 0
    say(f"study {folder.id}: {fmt.counted(count, 'trial')}; {about(definition)}")
    if not any(text.startswith("val=") for text in options.changes) and definition.config.get("val"):
        say("10% of the training images are held out for validation (val=0.1); the test set decides nothing")
    if definition.metric.startswith("test_"):
        complain("the trials are chosen by the test set: the best result says more than the model can hold; see val=")
    if options.wait:
        return _wait_for(folder)
    say(f"it goes on by itself; see it with: fmnist-tui sweep show {folder.id}")
    return DONE


def join(options: argparse.Namespace) -> int:
    """Work on a study that lies in a database."""
    if not options.storage:
        raise ConfigError(
            "storage", "--storage: which database the study lies in, such as postgresql://USER@HOST/DATABASE"
        )
    folder = client.join(
        home_of(options), options.study, options.storage, parallel=options.parallel, data_dir=options.data_dir
    )
    say(f"study {folder.id}: this home works on it, {fmt.counted(options.parallel, 'trial')} at once")
    return _wait_for(folder) if options.wait else DONE


def list_all(options: argparse.Namespace) -> int:
    """List the studies."""
    home = home_of(options)
    found, broken = list[tuple[StudyFolder, Record, Snapshot | None]](), list[str]()
    for folder in study_file.folders(home):
        try:
            found.append((folder, study_file.read(folder), trials.read(folder)))
        except RunError as error:
            broken.append(str(error))
    if getattr(options, "json", False):
        say_json([_as_json(*one, trials_too=False) for one in found])
    elif found:
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for heading in ("study", "state", "trials", "best", "metric", "parameters"):
            table.add_column(heading, overflow="fold")
        for folder, record, seen in found:
            best = seen.best if seen else None
            cells = (
                folder.id,
                state_text(record, seen, living=client.worker_lives(folder)),
                summary(seen) if seen else "–",
                metric_text(record.definition, best.value if best else None),
                record.definition.metric,
                ", ".join(record.definition.space),
            )
            table.add_row(*map(shown, cells))
        console(width=None if sys.stdout.isatty() else 200).print(table)
    elif not broken:
        say(f"no studies yet in {Home(home).studies}; make one with: fmnist-tui sweep NAME 'lr=1e-4..1e-1:log'")
    for line in broken:
        complain(line)
    return 2 if broken else DONE


def show(options: argparse.Namespace) -> int:
    """Show a study's trials."""
    folder = _folder(options)
    record, seen = study_file.read(folder), _seen(folder)
    if options.json:
        say_json(_as_json(folder, record, seen))
        return DONE
    if options.csv is not None:
        written.write(options.csv, lambda: trials.as_csv(seen), force=options.force)
        return DONE
    living = client.worker_lives(folder)
    where = study_file.shown_storage(record.storage) if record.storage else folder.journal
    say(f"study {folder.id}: {state_text(record, seen, living=living)}; {summary(seen)}")
    say(f"{about(record.definition)}; in {where}")
    if seen.trouble:
        complain(seen.trouble)
    if seen.lost:
        say(f"{fmt.counted(seen.lost, 'trial')} done again, as the machine that worked on it was lost")
    _print(seen, every=options.all)
    if seen.importances:
        shares = ", ".join(f"{name} {100 * share:.0f}%" for name, share in seen.importances.items())
        say(f"importances (PED-ANOVA): {shares}")
    return DONE


def stop(options: argparse.Namespace) -> int:
    """Begin no more trials."""
    folder = _folder(options)
    client.stop(folder, now=options.now)
    what = "the trials that train are stopped" if options.now else "those that train go on to their ends"
    say(f"study {folder.id}: no more trials begin here; {what}. Go on with: fmnist-tui sweep start {folder.id}")
    return DONE


def start(options: argparse.Namespace) -> int:
    """Go on."""
    folder = _folder(options)
    client.go_on(folder, parallel=options.parallel)
    say(f"study {folder.id}: goes on")
    return _wait_for(folder) if options.wait else DONE


def extend(options: argparse.Namespace) -> int:
    """More trials."""
    folder = _folder(options)
    client.extend(folder, options.count)
    say(f"study {folder.id}: {fmt.counted(options.count, 'trial')} more")
    return DONE


def add(options: argparse.Namespace) -> int:
    """A trial by hand."""
    folder, texts = _folder(options), pairs(options.changes)
    client.add(folder, texts)
    given = ", ".join(f"{name}={text}" for name, text in texts.items()) or "nothing given: all is searched"
    say(f"study {folder.id}: a trial more ({given})")
    return DONE


def space(options: argparse.Namespace) -> int:
    """Change what is searched."""
    folder = _folder(options)
    definition = study_file.read(folder).definition
    if options.changes:
        definition = client.change_space(folder, options.changes)
        _name_files(definition)
    for name, text in definition.space.items():
        say(f"{name}={text}")
    return DONE


def delete(options: argparse.Namespace) -> int:
    """Delete a study."""
    folder = _folder(options)
    record, seen = study_file.read(folder), trials.read(folder)
    count = fmt.counted(len(seen.trials) if seen else 0, "trial")
    rest = "the database keeps it" if record.storage else "its journal goes with it"
    if not options.yes and not ask(f"delete the study {folder.id} ({count}; {rest}; the runs stay)?"):
        say("nothing is deleted")
        return DONE
    client.delete(folder)
    say(f"study {folder.id} is deleted")
    return DONE


def _folder(options: argparse.Namespace) -> StudyFolder:
    """The study that is meant. Raises EngineError where there is none."""
    study_file.check_name(options.study)
    folder = Home(home_of(options)).study(options.study)
    study_file.read(folder)
    if client.needs_worker(folder):
        client.ensure_worker(folder)
    return folder


def _seen(folder: StudyFolder) -> Snapshot:
    """The study as its worker sees it; where there is none, as it is in its storage."""
    with contextlib.suppress(RunError):  # one that is damaged is made anew
        seen = trials.read(folder)
        if seen is not None and client.worker_lives(folder):
            return seen
    return client.refreshed(folder)


def _name_files(definition: Definition) -> None:
    """The person has typed what the trials run."""
    found, config = definition.read()
    texts = [text for one in found.parameters if isinstance(one, Choices) for text in one.texts]
    name_typed(config.model, config.transform, *filter(is_file_reference, texts))


def _as_json(folder: StudyFolder, record: Record, seen: Snapshot | None, *, trials_too: bool = True) -> dict[str, Any]:
    living = client.worker_lives(folder)
    shared = {
        "name": folder.id, "id": record.id, "worker": record.worker, "wanted": record.wanted, "working": living,
        "parallel": record.parallel, "storage": study_file.shown_storage(record.storage), "created": record.created,
    }  # fmt: skip
    if seen is None:
        return shared
    counts = {state: seen.count(state) for state in trials.STATES}
    found = seen.to_dict()
    if not trials_too:
        best = seen.best
        found |= {"trials": len(seen.trials), "best_value": None if best is None else best.value}
    return shared | {"counts": counts} | found


def _print(seen: Snapshot, *, every: bool) -> None:
    from rich.table import Table

    best = {one.number: place for place, one in enumerate(seen.ranked)}
    rank = {"running": 0, "complete": 1, "pruned": 2, "failed": 3, "waiting": 4}
    ordered = sorted(seen.trials, key=lambda one: (rank[one.state], best.get(one.number, 0), one.number))
    rows = ordered if every else [one for one in ordered if one.state != "waiting"][: SHOWN + seen.count("running")]
    table = Table(box=None, pad_edge=False)
    names = list(seen.definition.space)
    for heading in ("trial", "state", seen.definition.metric, "epoch", *names, "run"):
        table.add_column(heading, overflow="fold")
    params = {name: param_texts(name, [one.params.get(name) for one in rows]) for name in names}
    for at, one in enumerate(rows):
        table.add_row(*map(shown, _cells(seen.definition, one, [params[name][at] for name in names])))
    console(width=None if sys.stdout.isatty() else 200).print(table)
    if left := len(seen.trials) - len(rows) - (0 if every else seen.count("waiting")):
        say(f"{left} more; --all shows them")


def _cells(definition: Definition, one: Trial, params: list[str]) -> list[str]:
    epoch = str(one.values[-1][0]) if one.values else fmt.NOTHING
    return [str(one.number), trial_state(one), metric_text(definition, shown_value(one)), epoch, *params, one.run]


def _wait_for(folder: StudyFolder) -> int:
    """Wait until the study is over, or this home has nothing to do for it; print a line for each trial that ends."""
    told = set[int]()
    while True:
        living = client.worker_lives(folder)
        seen = trials.read(folder)
        if seen is not None:
            for one in seen.trials:
                if one.state in ("complete", "pruned", "failed") and one.number not in told:
                    told.add(one.number)
                    say(_line(seen, one), flush=True)
            if seen.over:
                break
        record = study_file.read(folder)
        if not living and (record.wanted != "go" or seen is not None):
            time.sleep(4 * LOOK_S)  # one may be starting
            if not client.worker_lives(folder):
                complain(f"nobody works on the study {folder.id} here any more; see {folder.host_log}")
                return FAILED
        time.sleep(LOOK_S)
    best = seen.best
    if best is None:
        complain(f"study {folder.id}: no trial has a result")
        return FAILED
    result = f"{seen.definition.metric} {metric_text(seen.definition, best.value)}"
    say(f"best: trial {best.number}, {result}, {_params(best)}, {best.run}")
    return DONE


def _params(one: Trial) -> str:
    return ", ".join(f"{name}={param_text(name, text)}" for name, text in one.params.items())


def _line(seen: Snapshot, one: Trial) -> str:
    settings = _params(one)
    what = metric_text(seen.definition, one.value)
    if one.state == "failed":
        return f"trial {one.number}: failed: {one.failure}  {settings}"
    after = f"pruned at epoch {one.pruned_at}, " if one.state == "pruned" else ""
    return f"trial {one.number}: {after}{seen.definition.metric} {what}  {settings}"
