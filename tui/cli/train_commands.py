"""`train`, `resume`, `branch`, `set`, `lr-find`, `verify-resume`: trainings begun, continued, changed and tried out."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from engine.digits import significant
from engine.errors import ConfigError
from engine.home import RunFolder
from engine.models.trusted_code import name_typed
from engine.terminal_text import argument_text
from engine.training.config import TrainConfig, editable, pairs, parse
from engine.training.lr_sweep import Sweep
from tui.cli.command import RUN, Commands, add_report, add_run, home_of
from tui.cli.notify import add_notify, ways, ways_of_new
from tui.cli.options import add_train_options, config, given
from tui.cli.output import DONE, FAILED, complain, say


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    train = commands.add(
        "train",
        _train,
        "train a model, here or detached",
        "train --lr 1e-2 --epochs 5 --json > events.jsonl",
        data=True,
        config=True,
    )
    add_train_options(train)
    train.add_argument("--name", type=argument_text, default="", help="what to call the run")
    train.add_argument(
        "--seeds", metavar="SEEDS", help="a run for each seed: 5 (so many, from --seed on), 3..7, or 1,4,9"
    )
    train.add_argument(
        "--slots",
        type=int,
        metavar="N",
        help="with --queue: how many runs of the queue train at once (default: as it is; 1)",
    )
    train.add_argument("--nproc", type=_processes, default=1, help="number of processes to train with, under torchrun")
    add_notify(train)
    report = add_report(train)
    report.add_argument(
        "--prepare", action="store_true", help="make the run's folder, print the command that starts it, start nothing"
    )
    report.add_argument("--queue", action="store_true", help="have it wait its turn, and return at once (see queue)")

    resume = commands.add(
        "resume", _resume, "resume a run that was stopped, killed or finished", "resume last --epochs 20"
    )
    add_run(resume)
    resume.add_argument(
        "changes", nargs="*", metavar="SETTING=VALUE", help="settings to change before the first step, as with set"
    )
    resume.add_argument("--epochs", metavar="EPOCHS", help="train to this epoch (default: as before)")
    resume.add_argument(
        "--device", metavar="DEVICE", help="resume on another device, not bit for bit (default: as before)"
    )
    resume.add_argument(
        "--threads", metavar="THREADS", help="resume with another number of threads (default: as before)"
    )
    add_notify(resume)
    add_report(resume)

    branch = commands.add(
        "branch", _branch, "start a new run from a checkpoint of a run, or from a file of weights",
        "branch last --at 3 lr=3e-4 epochs=8", data=True,
        config=True,
    )  # fmt: skip
    branch.add_argument(
        "which", metavar="RUN", help=f"{RUN}; or a file of weights, with model=… if it does not name one"
    )
    branch.add_argument(
        "--at", default="last", metavar="PLACE", help="an epoch (3), a step in it (3:412), last, best (default: last)"
    )
    branch.add_argument("changes", nargs="*", metavar="SETTING=VALUE", help="settings to change, named as in train")
    branch.add_argument("--name", type=argument_text, default="", help="what to call the new run")
    add_notify(branch)
    add_report(branch)

    edit = commands.add(
        "set", _set, f"change {', '.join(editable())} of a run while it trains", "set last lr=3e-4 momentum=0.9"
    )
    add_run(edit)
    edit.add_argument("changes", nargs="+", metavar="SETTING=VALUE", help="a new value, or a factor: x2, /2")

    find = commands.add(
        "lr-find", _lr_find, "try rising learning rates on a training, and suggest one",
        "lr-find --model cnn --optimizer adam", data=True,
    )  # fmt: skip
    find.add_argument(
        "which", metavar="RUN", nargs="?",
        help=f"{RUN}; or RUN@PLACE (RUN@best, RUN@3:412): go on from its checkpoint, with the run's settings but for "
        "those given (default: a new training)",
    )  # fmt: skip
    add_train_options(find)
    sweep = Sweep()
    find.add_argument(
        "--from", dest="low", type=_rate, metavar="LR", default=sweep.low,
        help=f"the first learning rate (default: {significant(sweep.low)})",
    )  # fmt: skip
    find.add_argument(
        "--to", dest="high", type=_rate, metavar="LR", default=sweep.high,
        help=f"the last learning rate, if the loss does not diverge before (default: {significant(sweep.high)})",
    )  # fmt: skip
    find.add_argument(
        "--steps", type=int, default=sweep.steps, help=f"so many learning rates, a step each (default: {sweep.steps})"
    )
    find.add_argument("--json", action="store_true", help="print a JSON object (docs/events.md)")

    verify = commands.add(
        "verify-resume", _verify_resume, "check that a killed and resumed training gives the same weights, bit for bit",
        "verify-resume --model cnn --optimizer adam --schedule one_cycle --shuffle", data=True,
    )  # fmt: skip
    add_train_options(verify)
    verify.add_argument("--steps", type=int, help="steps to train (default: one and a half epochs)")
    verify.add_argument("--at", type=int, metavar="STEP", help="the step of the checkpoint (default: half an epoch)")


def _processes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes, 1 to 1024")
    return int(text)


def _rate(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a learning rate, such as 1e-5") from None


def _train(options: argparse.Namespace) -> int:
    asked, home = config(options), home_of(options)
    if options.slots is not None and not options.queue:
        raise ConfigError("slots", "--slots: it applies with --queue only; or: fmnist-tui queue slots N")
    notify = ways_of_new(options)
    if options.seeds is not None or options.queue:
        return _train_several(options, asked, home, notify)
    if options.prepare:
        from engine.runs import client, store

        request = client.request(
            asked, name=options.name, data_dir=options.data_dir, processes=options.nproc, notify=notify
        )
        say(client.shown_command(store.create(home, request | {"prepared": True})))
        return DONE
    if options.detach:
        from engine.runs import client

        folder = client.start(
            home, asked, name=options.name, data_dir=options.data_dir, processes=options.nproc, notify=notify
        )
        say(folder.id)
        return DONE
    from tui.cli import train

    return train.train(
        home, asked, name=options.name, data_dir=options.data_dir, as_json=options.json, processes=options.nproc,
        notify=notify,
    )  # fmt: skip


def _train_several(options: argparse.Namespace, asked: TrainConfig, home: Path, notify: Sequence[str]) -> int:
    """Runs of several seeds, or those that are to wait in the queue."""
    from engine.runs import client, groups, notice, store
    from tui.cli import seeds

    if options.seeds is None:
        request = client.request(asked, name=options.name, data_dir=options.data_dir, processes=options.nproc)
        folders = [store.create(home, request | {"prepared": True})]
    else:
        wanted = groups.parse_seeds(options.seeds, asked.seed)
        folders = groups.make(
            home, asked, wanted, name=options.name, data_dir=options.data_dir, processes=options.nproc
        )
    for folder in folders:
        notice.keep(folder, notify)
    if options.prepare:
        for folder in folders:
            say(client.shown_command(folder))
        return DONE
    if options.queue or options.detach:
        seeds.enqueue(home, folders, slots=options.slots)
        return DONE
    return seeds.train_all(folders, as_json=options.json)


def _resume(options: argparse.Namespace) -> int:
    from engine.runs import client, notice, store
    from tui.cli import train

    if Path(options.which).is_file():
        what = f"resume takes a run; to start a new run from a file: fmnist-tui branch {options.which}"
        raise ConfigError("which", what)
    folder = store.find(home_of(options), options.which)
    texts = {name: getattr(options, name) for name in ("epochs", "device", "threads")}
    changes = {name: parse(name, text) for name, text in texts.items() if text is not None}
    typed = pairs(options.changes)
    if "epochs" in typed:
        changes["epochs"] = parse("epochs", typed.pop("epochs"))
    if refused := next((name for name in typed if name not in editable()), ""):
        what = f"{refused!r} can't be changed when a run is resumed; {', '.join(editable())} can, and branch takes all"
        raise ConfigError(refused, what)
    if typed:
        changes["settings"] = typed
    if (notify := ways(options)) is not None:
        client.check_resumable(folder)
        notice.keep(folder, notify)
    if not options.detach:
        return train.resume(folder, changes, as_json=options.json)
    resumed = client.resume(folder, **changes)
    for words in train.resumed_words(resumed.differences, resumed.bad):
        complain(words)
    say(folder.id)
    return DONE


def _branch(options: argparse.Namespace) -> int:
    from engine import sources
    from engine.runs import checkpoint_refs, client, notice, store
    from engine.typed_path import typed_path
    from tui.cli import train

    home, changes, notify = home_of(options), pairs(options.changes), ways_of_new(options)
    name_typed(changes.get("model"), changes.get("transform"))
    path = typed_path(options.which)
    if sources.is_file(options.which):
        new = _from_file(home, path, options, changes)
    else:
        parent = store.find(home, options.which)
        if words := checkpoint_refs.warning(parent, checkpoint_refs.find(parent, options.at)):
            complain(words)
        new = client.prepare_branch(parent, options.at, changes, name=options.name)
    if notify:
        notice.keep(new, notify)
    if not options.detach:
        return train.serve_new(new, as_json=options.json)
    say(client.launch(new).id)
    return DONE


def _from_file(home: Path, path: Path, options: argparse.Namespace, changes: dict[str, str]) -> RunFolder:
    """The branch of a file: of a run's own checkpoint as `RUN --at` would be."""
    from engine.runs import checkpoint_refs, client, from_weights

    if options.at != "last":
        raise ConfigError("at", "--at: a file is one place already; name a run to say where in it")
    run = from_weights.in_run(path)
    if run is not None and run[0].home.path == home.absolute():
        return client.prepare_branch(run[0], checkpoint_refs.name_of(run[1]), changes, name=options.name)
    return from_weights.prepare(home, path, changes, name=options.name, data_dir=options.data_dir)


def _set(options: argparse.Namespace) -> int:
    from engine.runs import client, store

    folder = store.find(home_of(options), options.which)
    for words in client.command(folder, "set", pairs(options.changes)):
        say(f"{folder.id}: {words}")
    return DONE


def _lr_find(options: argparse.Namespace) -> int:
    from engine import sources
    from engine.inspection.lr_find_requests import LrFindRequest
    from tui.cli import lr_find

    home, sweep = home_of(options), Sweep(options.low, options.high, options.steps)
    if options.which is None:
        request = LrFindRequest(config(options), sweep, data_dir=options.data_dir)
    else:
        source = sources.parse(options.which)
        if not isinstance(source, sources.RunCheckpoint):
            what = f"{options.which} is not a run, or RUN@PLACE; a model is named with --model, a file with --weights"
            raise ConfigError("which", what)
        if words := sources.warning(home, source):
            complain(words)
        changes = given(options)
        if changes.get("dataset") == "auto":  # nothing was named: the run's own
            del changes["dataset"]
        request = LrFindRequest(source, sweep, changes=changes)
    return lr_find.run(home, request, as_json=options.json)


def _verify_resume(options: argparse.Namespace) -> int:
    from engine.runs import verify_resume

    report = verify_resume.verify_resume(
        config(options),
        steps=options.steps,
        at=options.at,
        data_dir=options.data_dir,
        home=home_of(options),
        report=say,
    )
    return DONE if report else FAILED
