"""The command line, `fmnist-tui`. Imports nothing heavy until a command needs it."""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine import home as homes
from engine.errors import ConfigError, EngineError
from engine.evaluation import quality
from engine.terminal_text import printable
from engine.training.config import absolute_dataset, editable, pairs, parse
from engine.training.settings import help_text
from engine.weights.key_mapping import KeyMapping
from tui.cli.options import add_options, add_train_options, config, given

if TYPE_CHECKING:
    from engine.runs.listing import RunSummary

DONE, FAILED, BAD_INPUT = 0, 1, 2
RUN = "an id, its beginning, a name, or last"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 failed while running, 2 bad input, 128 + a signal's number."""
    options = _parsed(arguments)
    if arguments is None and options.run in (_inspect, _eval, _convert):  # of other people's files
        from tui.cli import isolated

        return isolated.run(lambda: _run(options), BAD_INPUT)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    try:
        code: int = options.run(options)
    except EngineError as error:
        print(f"fmnist-tui: {printable(str(error))}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:  # what it was printing to was closed, as by `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:
        from tui import crash

        print(crash.record(_home(options), error), file=sys.stderr)
        return FAILED
    return code


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """argparse takes no positional arguments after an option if there were some before: `branch RUN --at 3 lr=3e-4`."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if hasattr(options, "changes") and all("=" in text and not text.startswith("-") for text in rest):
        options.changes += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options


def _parser() -> Parser:
    parser = Parser(
        prog="fmnist-tui",
        description="Train and look into neural networks on Fashion-MNIST, in a terminal. Without a command: the app.",
        epilog="example: fmnist-tui train --model cnn --optimizer adam --epochs 3",
    )
    _add_home(parser, default=None)
    _add_data_dir(parser, default=None)
    parser.add_argument("--version", action="version", version=f"fmnist-tui {version('fmnist-tui')}")
    parser.add_argument("--dataset", metavar="DATASET", default="auto", help=help_text("dataset"))
    parser.add_argument("--ascii", action="store_true", help="the app's pictures as characters, whatever the terminal")
    parser.set_defaults(run=_app)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, run: Callable[[Any], int], summary: str, example: str, *, with_data: bool = False) -> Parser:
        made: Parser = commands.add_parser(
            name, help=summary, description=summary, epilog=f"example: fmnist-tui {example}"
        )
        # These may stand before the command too: given here or not, they must not undo what stood there.
        _add_home(made, default=argparse.SUPPRESS)
        if with_data:
            _add_data_dir(made, default=argparse.SUPPRESS)
        made.set_defaults(run=run)
        return made

    train = command(
        "train",
        _train,
        "train a model, here or detached",
        "train --lr 1e-2 --epochs 5 --json > events.jsonl",
        with_data=True,
    )
    add_train_options(train)
    train.add_argument("--name", default="", help="what to call the run")
    train.add_argument("--nproc", type=_processes, default=1, help="processes that train together, under torchrun")
    _add_report(train).add_argument(
        "--prepare", action="store_true", help="make the run's folder, print the line that starts it, and start nothing"
    )

    resume = command(
        "resume", _resume, "go on with a run that was stopped, killed or finished", "resume last --epochs 20"
    )
    resume.add_argument("which", metavar="RUN", help=RUN)
    resume.add_argument("--epochs", metavar="EPOCHS", help="train to this epoch (default: as it was)")
    resume.add_argument(
        "--device", metavar="DEVICE", help="go on elsewhere (default: where it was; else not bit for bit)"
    )
    resume.add_argument("--threads", metavar="THREADS", help="with another number (default: as it was)")
    _add_report(resume)

    made = command(
        "branch",
        _branch,
        "a new run from a checkpoint of another one, or from anybody's file",
        "branch last --at 3 lr=3e-4 epochs=8",
        with_data=True,
    )
    made.add_argument("which", metavar="RUN", help=f"{RUN}; or a file of weights, with model=… where it is not ours")
    made.add_argument(
        "--at", default="last", metavar="PLACE", help="an epoch (3), a step in it (3:412), last, best (default: last)"
    )
    made.add_argument(
        "changes", nargs="*", metavar="SETTING=VALUE", help="settings that shall differ, named as in train"
    )
    made.add_argument("--name", default="", help="what to call the new run")
    _add_report(made)

    made = command("set", _set, f"change {', '.join(editable())} of a run that trains", "set last lr=3e-4 momentum=0.9")
    made.add_argument("which", metavar="RUN", help=RUN)
    made.add_argument("changes", nargs="+", metavar="SETTING=VALUE", help="a value, or x2, /2 of what it is")

    verify = command(
        "verify-resume",
        _verify_resume,
        "check that a killed and resumed training gives the same weights, bit for bit",
        "verify-resume --model cnn --optimizer adam --schedule one_cycle --shuffle",
        with_data=True,
    )
    add_train_options(verify)
    verify.add_argument("--steps", type=int, help="steps to train (default: one and a half epochs)")
    verify.add_argument("--at", type=int, metavar="STEP", help="the step of the checkpoint (default: half an epoch)")

    watch = command("watch", _watch, "open the app on a run", "watch last", with_data=True)
    watch.add_argument("which", metavar="RUN", nargs="?", default="last", help=RUN)

    runs = command("runs", _runs, "list the runs", "runs --json | jq '.[0].accuracy'")
    runs.add_argument("--json", action="store_true", help="as a JSON list")

    for name, summary in (
        ("pause", "pause a run between two steps"),
        ("unpause", "let a paused run go on"),
        ("step", "let a run do one step, and pause it"),
        ("checkpoint", "let a run save a checkpoint now"),
        ("stop", "let a run save a checkpoint and end"),
    ):
        made = command(name, _command, summary, f"{name} last")
        made.add_argument("which", metavar="RUN", help=RUN)
        made.set_defaults(command=name)

    made = command(
        "model", _model, "look into a network: its modules, its parameters, one image through it",
        "model last@best --image 7", with_data=True,
    )  # fmt: skip
    made.add_argument(
        "source", metavar="MODEL", nargs="?", default="mlp",
        help="a model as in train, RUN, RUN@PLACE (RUN@best, RUN@3, RUN@3:412), or a checkpoint's file (default: mlp)",
    )  # fmt: skip
    made.add_argument("--json", action="store_true", help="as a JSON object (docs/events.md)")
    shown = made.add_mutually_exclusive_group()
    shown.add_argument("--parameters", action="store_true", help="every parameter and buffer, in figures")
    shown.add_argument("--image", type=_index, metavar="INDEX", help="send this image through it, module by module")
    made.add_argument("--split", choices=("test", "train"), default="test", help="of the image (default: test)")
    add_options(made, ("dataset", "transform", "seed", "freeze"))

    made = command(
        "inspect", _inspect, "what is in a file of weights, anybody's, without executing a byte of it",
        "inspect model_weights.pth --values 'linear_relu_stack.4.bias[:3]'",
    )  # fmt: skip
    made.add_argument(
        "file", metavar="FILE", help=".pt, .pth, .safetensors, an index of shards, or a folder; or RUN@PLACE"
    )
    made.add_argument("--json", action="store_true", help="as a JSON object (docs/events.md)")
    made.add_argument("--tensors", action="store_true", help="list every tensor, and all metadata")
    made.add_argument("--check", action="store_true", help="read all of it, and compare it with its checksums")
    made.add_argument("--diff", metavar="OTHER", help="what this other file differs in: exit code 1 if it does")
    made.add_argument(
        "--values", metavar="NAME[SLICE]", default="", help="a tensor's numbers, or a slice, as in Python"
    )

    made = command(
        "eval", _eval, "what the weights of a file reach on the test set; nothing of it is executed",
        "eval weights.pth --model cnn", with_data=True,
    )  # fmt: skip
    made.add_argument("file", metavar="FILE", help="of any format that inspect reads; or RUN@PLACE")
    in_the_file = dict.fromkeys(("model", "transform", "loss"), " (default: what the file says)")
    add_options(made, ("model", "dataset", "transform", "loss", "device"), about=in_the_file)
    _add_how(made)
    made.add_argument("--against", metavar="OTHER", help="which images this other file fixes and breaks")
    made.add_argument(
        "--trust", metavar="SHA256", default="", help="load a module that was pickled whole: its author's code runs"
    )
    made.add_argument("--json", action="store_true", help="as a JSON object (docs/events.md)")

    made = command(
        "convert", _convert, "the weights of a file as a bare state_dict or safetensors; of several, their mean",
        "convert epoch-0004.pt weights.safetensors",
    )  # fmt: skip
    made.add_argument("files", nargs="+", metavar="FILE", help="several of one network are averaged; or RUN@PLACE")
    made.add_argument("target", type=Path, metavar="OUT", help="by its name: .safetensors, else as torch.save does")
    _add_how(made)

    where = command("data", _data, "say which data is there, and check it", "data --json", with_data=True)
    where.add_argument("--json", action="store_true", help="as a JSON object")
    where.add_argument(
        "--dataset", metavar="DATASET", default=argparse.SUPPRESS, help="your own data, as for train (default: auto)"
    )
    where.add_argument(
        "--issues",
        metavar="KINDS",
        help=f"look for suspicious images: all, or, apart by commas, of {', '.join(quality.KINDS)}",
    )
    where.add_argument("--model", metavar="MODEL", default=quality.MODEL, help="that looks for label errors")
    where.add_argument("--folds", type=_count, metavar="N", default=quality.FOLDS, help="that it is trained on in turn")
    where.add_argument("--epochs", type=_count, metavar="N", default=quality.EPOCHS, help="of each of its trainings")
    where.add_argument("--download", action="store_true", help="fetch Fashion-MNIST (30 MB) into the data folder first")
    return parser


def _add_how(parser: Parser) -> None:
    parser.add_argument("--section", metavar="NAME", help="the part of the file (default: model, state_dict, …)")
    parser.add_argument("--strip", metavar="PREFIX", default="", help="to take off each name, such as module.")
    meaning = "a tensor, or all in a module; may be given again"
    parser.add_argument("--rename", metavar="NEW=OLD", action="append", default=[], help=meaning)
    meaning = "tensors or modules of the file to leave out, such as loss.*; may be given again"
    parser.add_argument("--without", metavar="PATTERN", action="append", default=[], help=meaning)


def _add_report(parser: Parser) -> Any:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the run's events as JSON lines (docs/events.md)")
    form.add_argument("--detach", action="store_true", help="start it, print its id, and leave it training")
    return form


def _index(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not the index of an image, such as 7")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)


def _processes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes, 1 to 1024")
    return int(text)


def _add_home(parser: Parser, default: str | None) -> None:
    meaning = "where runs and downloads are kept (default: $FMNIST_TUI_HOME, else your data folder)"
    parser.add_argument("--home", type=Path, metavar="DIR", default=default, help=meaning)


def _add_data_dir(parser: Parser, default: str | None) -> None:
    meaning = "a torchvision data folder (default: $FMNIST_TUI_DATA, else HOME/data)"
    parser.add_argument("--data-dir", type=Path, metavar="DIR", default=default, help=meaning)


def _home(options: argparse.Namespace) -> Path:
    return homes.resolve(options.home)


def _app(options: argparse.Namespace, watch: Path | None = None) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(
            "fmnist-tui: the app needs a terminal, and this is none; run it in one (ssh -t), "
            "or see fmnist-tui --help for the commands that do without",
            file=sys.stderr,
        )
        return BAD_INPUT
    home = _home(options)
    homes.ensure(home)
    from tui.app import FmnistApp

    data_dir = options.data_dir.resolve() if options.data_dir else None
    app = FmnistApp(
        home=home,
        data_dir=data_dir,
        dataset=absolute_dataset(parse("dataset", options.dataset)),
        watch=watch,
        ascii_only=bool(options.ascii),
    )
    app.run()
    if app.farewell:
        print(app.farewell, file=sys.stderr if app.return_code else sys.stdout)
    return app.return_code or DONE


def _watch(options: argparse.Namespace) -> int:
    from engine.runs import folder as store

    folder = store.find(_home(options), options.which)
    if options.data_dir is None and (used := store.read_run(folder).get("data_dir")):
        options.data_dir = Path(used)  # *Data* shows what the run trains on
    return _app(options, watch=folder)


def _train(options: argparse.Namespace) -> int:
    asked, home = config(options), _home(options)
    if options.prepare:
        from engine.runs import client
        from engine.runs import folder as store

        request = client.request(asked, name=options.name, data_dir=options.data_dir, processes=options.nproc)
        print(client.shown_command(store.create(home, request | {"prepared": True})))
        return DONE
    if options.detach:
        from engine.runs import client

        folder = client.start(home, asked, name=options.name, data_dir=options.data_dir, processes=options.nproc)
        print(folder.name)
        return DONE
    from tui.cli import train

    return train.train(
        home, asked, name=options.name, data_dir=options.data_dir, as_json=options.json, processes=options.nproc
    )


def _model(options: argparse.Namespace) -> int:
    from tui.cli import model

    values = {
        "source": options.source, "dataset": absolute_dataset(parse("dataset", options.dataset)),
        "data_dir": str(options.data_dir) if options.data_dir else None, "split": options.split, "index": options.image,
        **given(options, ("transform", "seed", "freeze")),
    }  # fmt: skip
    what = "parameters" if options.parameters else "summary" if options.image is None else "image"
    return model.run(_home(options), values, what=what, as_json=options.json)


def _file(options: argparse.Namespace, text: str) -> Path:
    """The file that was named: a path, or a run's checkpoint, `RUN@PLACE`. Raises RunError where there is none."""
    path = Path(text).expanduser()
    name, at, place = text.partition("@")
    if path.exists() or (not at and text != "last") or "/" in text:
        return path
    from engine.runs import checkpoint_refs
    from engine.runs import folder as store

    folder = store.find(_home(options), name or "last")
    return homes.RunFolder(folder).checkpoint(checkpoint_refs.find(folder, place or "last").file)


def _inspect(options: argparse.Namespace) -> int:
    from tui.cli import weights

    file = _file(options, options.file)
    if options.diff is not None:
        return weights.diff(file, _file(options, options.diff), as_json=options.json)
    return weights.run(
        file, as_json=options.json, tensors=options.tensors, values=options.values, checked=options.check
    )  # fmt: skip


def _eval(options: argparse.Namespace) -> int:
    from engine.evaluation.evaluate import EvaluationOptions
    from tui.cli import weights

    dataset = absolute_dataset(parse("dataset", options.dataset))
    asked = given(options, ("model", "transform", "loss", "device"))
    way = EvaluationOptions(how=_how(options), dataset=dataset, **asked)
    file = _file(options, options.file)
    if options.against is not None:
        return weights.versus(
            file, _file(options, options.against), way, _home(options), options.data_dir, as_json=options.json
        )
    return weights.evaluate(file, way, _home(options), options.data_dir, trust=options.trust, as_json=options.json)


def _how(options: argparse.Namespace) -> KeyMapping:
    renames = []
    for text in options.rename:
        new, equals, old = text.partition("=")
        if not equals or not new or not old:
            raise ConfigError("rename", f"--rename: {text!r} is not of the form NEW=OLD")
        renames.append((new, old))
    return KeyMapping(options.strip, tuple(renames), options.section, tuple(options.without))


def _convert(options: argparse.Namespace) -> int:
    from tui.cli import weights

    return weights.convert([_file(options, one) for one in options.files], options.target, _how(options))


def _resume(options: argparse.Namespace) -> int:
    from engine.runs import client
    from engine.runs import folder as store
    from tui.cli import train

    if Path(options.which).is_file():
        what = f"resume goes on with runs; a new run goes on from a file: fmnist-tui branch {options.which}"
        raise ConfigError("which", what)
    folder = store.find(_home(options), options.which)
    texts = {name: getattr(options, name) for name in ("epochs", "device", "threads")}
    changes = {name: parse(name, text) for name, text in texts.items() if text is not None}
    if not options.detach:
        return train.resume(folder, changes, as_json=options.json)
    resumed = client.resume(folder, **changes)
    for words in train.resumed_words(resumed.differences, resumed.bad):
        print(f"fmnist-tui: {words}", file=sys.stderr)
    print(folder.name)
    return DONE


def _branch(options: argparse.Namespace) -> int:
    from engine.runs import client
    from engine.runs import folder as store
    from tui.cli import train

    home, changes = _home(options), pairs(options.changes)
    path = Path(options.which).expanduser()
    if path.is_file() or path.is_dir() or path.suffix in (".pt", ".pth", ".safetensors"):
        new = _from_file(home, path, options, changes)
    else:
        parent = store.find(home, options.which)
        new = client.prepare_branch(parent, options.at, changes, name=options.name)
    if not options.detach:
        return train.serve_new(new, as_json=options.json)
    print(client.begin(new).name)
    return DONE


def _from_file(home: Path, path: Path, options: argparse.Namespace, changes: dict[str, str]) -> Path:
    """The branch of a file: of a run's own checkpoint as `RUN --at` would be."""
    from engine.runs import checkpoint_refs, client, from_weights

    if options.at != "last":
        raise ConfigError("at", "--at: a file is one place already; name a run to say where in it")
    run = from_weights.in_run(path)
    if run is not None and run[0].parent == homes.Home(home).runs.absolute():
        return client.prepare_branch(run[0], checkpoint_refs.name_of(run[1]), changes, name=options.name)
    return from_weights.prepare(home, path, changes, name=options.name, data_dir=options.data_dir)


def _set(options: argparse.Namespace) -> int:
    from engine.runs import client
    from engine.runs import folder as store

    folder = store.find(_home(options), options.which)
    for words in client.command(folder, "set", pairs(options.changes)):
        print(f"{folder.name}: {words}")
    return DONE


def _verify_resume(options: argparse.Namespace) -> int:
    from engine.runs import verify_resume

    report = verify_resume.verify_resume(
        config(options), steps=options.steps, at=options.at, data_dir=options.data_dir, home=_home(options), tell=print
    )
    return DONE if report else FAILED


def _runs(options: argparse.Namespace) -> int:
    from engine.runs import listing

    home = _home(options)
    found = listing.list_runs(home)
    if options.json:
        print(json.dumps([run.to_dict() for run in found], indent=1))
    elif not found:
        print(f"no runs yet in {homes.Home(home).runs}; start one with: fmnist-tui train")
    else:
        _print_runs(found)
    return DONE


def _print_runs(found: "list[RunSummary]") -> None:
    import time

    from rich.console import Console
    from rich.table import Table

    from engine.runs.listing import family
    from tui.format import age, percent

    table = Table(box=None, pad_edge=False)
    for column in ("run", "state", "model", "data", "epoch", "best accuracy", "started"):
        table.add_column(column, overflow="fold")
    for depth, run in family(found):
        label = "  " * (depth - 1) + "└ " * bool(depth) + f"{run.id} {run.name}".strip()
        state = "ended without finishing" if run.state == "ended" else run.state
        best = percent(run.best_accuracy) if run.best_accuracy is not None else "–"
        table.add_row(
            label, state, run.model, run.dataset, f"{run.epoch}/{run.epochs}", best, age(time.time() - run.started)
        )
    console = Console(highlight=False, markup=False) if sys.stdout.isatty() else Console(width=200, highlight=False)
    console.print(table)


def _command(options: argparse.Namespace) -> int:
    from engine.runs import client
    from engine.runs import folder as store

    folder = store.find(_home(options), options.which)
    if options.command == "step":
        with contextlib.suppress(EngineError):  # it is paused already
            client.command(folder, "pause")
    client.command(folder, options.command)
    if options.command == "stop":
        from tui.cli import train

        return train.wait_for_end(folder)
    said = {
        "pause": "paused",
        "unpause": "training",
        "step": "one step, then paused",
        "checkpoint": "saving a checkpoint",
    }
    print(f"{folder.name}: {said[options.command]}")
    return DONE


def _data(options: argparse.Namespace) -> int:
    from tui.cli import data

    home, dataset = _home(options), absolute_dataset(parse("dataset", options.dataset))
    if options.issues is None:
        return data.run(home, options.data_dir, dataset, download=options.download, as_json=options.json)
    from tui.cli import issues

    settings = quality.Settings(model=parse("model", options.model), folds=options.folds, epochs=options.epochs)
    return issues.run(home, options.data_dir, dataset, options.issues, settings, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
