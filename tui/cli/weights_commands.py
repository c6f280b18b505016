"""`inspect`, `eval`, `convert`: any files of weights; nothing in them is executed."""

import argparse
from pathlib import Path

from engine.errors import ConfigError
from engine.training.config import absolute_dataset, parse
from engine.weights.formats import registry
from engine.weights.key_mapping import KeyMapping
from tui.cli.command import Commands, Parser, file_of, home_of
from tui.cli.options import add_options, given
from tui.cli.output import complain


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    made = commands.add(
        "inspect", _inspect, "show what is in a file of weights without executing any of it",
        "inspect model_weights.pth --values 'linear_relu_stack.4.bias[:3]'", isolated=True,
    )  # fmt: skip
    made.add_argument(
        "file",
        metavar="FILE",
        help=f"{', '.join(registry.file_endings())}, an index of shards, or a folder; or RUN@PLACE",
    )
    made.add_argument("--json", action="store_true", help="print a JSON object (docs/events.md)")
    made.add_argument("--tensors", action="store_true", help="list every tensor, and all metadata")
    made.add_argument("--check", action="store_true", help="read the whole file and compare it with its checksums")
    made.add_argument("--diff", metavar="OTHER", help="compare with another file; exit code 1 if they differ")
    made.add_argument(
        "--values", metavar="NAME[SLICE]", default="", help="print a tensor's values, or a slice of them, as in Python"
    )

    made = commands.add(
        "eval", _eval, "evaluate the weights of a file on the test set without executing any of it",
        "eval weights.pth --model cnn", data=True, isolated=True,
    )  # fmt: skip
    made.add_argument("file", metavar="FILE", help="of any format that inspect reads; or RUN@PLACE")
    in_the_file = dict.fromkeys(("model", "transform", "loss", "tta"), " (default: what the file says)")
    add_options(made, ("model", "dataset", "transform", "loss", "tta", "device"), about=in_the_file)
    _add_mapping(made)
    made.add_argument(
        "--against", metavar="OTHER", help="list the images that another file classifies better and worse"
    )
    made.add_argument(
        "--trust",
        metavar="SHA256",
        default="",
        help="load a module that was pickled whole, which executes its author's code",
    )
    made.add_argument("--json", action="store_true", help="print a JSON object (docs/events.md)")

    made = commands.add(
        "convert", _convert, "write the weights of a file, or the mean of several, as a bare state_dict or safetensors",
        "convert epoch-0004.pt weights.safetensors", isolated=True,
    )  # fmt: skip
    made.add_argument(
        "files", nargs="+", metavar="FILE", help="one file, or several of one network, which are averaged; or RUN@PLACE"
    )
    made.add_argument(
        "target", type=Path, metavar="OUT", help="the file to write: safetensors if its name ends so, else a state_dict"
    )
    _add_mapping(made)


def _add_mapping(parser: Parser) -> None:
    parser.add_argument(
        "--section", metavar="NAME", help="which section of the file to use (default: model, state_dict, …)"
    )
    parser.add_argument(
        "--strip",
        metavar="PREFIX",
        default="",
        help="prefix to remove from each name, such as module.; _orig_mod. and the like wherever they stand",
    )
    meaning = "rename a tensor, or all tensors in a module; may be repeated"
    parser.add_argument("--rename", metavar="NEW=OLD", action="append", default=[], help=meaning)
    meaning = "tensors or modules of the file to leave out, such as loss.*; may be repeated"
    parser.add_argument("--without", metavar="PATTERN", action="append", default=[], help=meaning)


def _inspect(options: argparse.Namespace) -> int:
    from tui.cli import weights

    file = file_of(options, options.file)
    if options.diff is not None:
        return weights.diff(file, file_of(options, options.diff), as_json=options.json)
    return weights.run(
        file, as_json=options.json, tensors=options.tensors, values=options.values, checked=options.check
    )  # fmt: skip


def _eval(options: argparse.Namespace) -> int:
    from engine import sources
    from engine.evaluation.requests import EvaluationSettings
    from engine.sources import WeightsFile
    from tui.cli import weights

    asked = given(options, ("model", "transform", "loss", "tta", "device"))
    mapping, model = _mapping(options), str(asked.pop("model", ""))
    settings = EvaluationSettings(dataset=absolute_dataset(parse("dataset", options.dataset)), **asked)
    home, data_dir = home_of(options), options.data_dir
    source = WeightsFile(file_of(options, options.file), mapping, model)
    if words := sources.warning(home, source):
        complain(words)
    if options.against is not None:
        other = WeightsFile(file_of(options, options.against), mapping, model)
        return weights.compare_evaluations(source, other, settings, home, data_dir, as_json=options.json)
    return weights.evaluate(source, settings, home, data_dir, trust=options.trust, as_json=options.json)


def _mapping(options: argparse.Namespace) -> KeyMapping:
    renames = []
    for text in options.rename:
        new, equals, old = text.partition("=")
        if not equals or not new or not old:
            raise ConfigError("rename", f"--rename: {text!r} is not of the form NEW=OLD")
        renames.append((new, old))
    return KeyMapping(options.strip, tuple(renames), options.section, tuple(options.without))


def _convert(options: argparse.Namespace) -> int:
    from tui.cli import weights

    return weights.convert([file_of(options, one) for one in options.files], options.target, _mapping(options))
