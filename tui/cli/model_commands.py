"""`model`: a network's modules, its parameters, or one image's forward pass."""

import argparse

from engine.training.config import absolute_dataset, parse
from tui.cli.command import Commands, home_of
from tui.cli.options import add_options, given


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    made = commands.add(
        "model", _model, "inspect a network: its modules, its parameters, or the forward pass of one image",
        "model last@best --image 7", data=True,
    )  # fmt: skip
    made.add_argument(
        "source", metavar="MODEL", nargs="?", default="mlp",
        help="a model as in train, RUN, RUN@PLACE (RUN@best, RUN@3:412), a checkpoint's file, MODEL=FILE (default mlp)",
    )  # fmt: skip
    made.add_argument("--json", action="store_true", help="as a JSON object (docs/events.md)")
    shown = made.add_mutually_exclusive_group()
    shown.add_argument("--parameters", action="store_true", help="statistics of every parameter and buffer")
    shown.add_argument("--image", type=_index, metavar="INDEX", help="the forward pass of this image, module by module")
    made.add_argument("--split", choices=("test", "train"), default="test", help="split of the image (default: test)")
    add_options(made, ("dataset", "transform", "seed", "freeze"))


def _index(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not the index of an image, such as 7")
    return int(text)


def _model(options: argparse.Namespace) -> int:
    from tui.cli import model

    values = {
        "source": options.source, "dataset": absolute_dataset(parse("dataset", options.dataset)),
        "data_dir": str(options.data_dir) if options.data_dir else None, "split": options.split, "index": options.image,
        **given(options, ("transform", "seed", "freeze")),
    }  # fmt: skip
    what = "parameters" if options.parameters else "summary" if options.image is None else "image"
    return model.run(home_of(options), values, what=what, as_json=options.json)
