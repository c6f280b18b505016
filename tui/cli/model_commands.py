"""`model`: a network's modules, its parameters, or one image's forward pass."""

import argparse

from engine import sources
from engine.inspection.image_requests import ImageRef
from engine.models.trusted_code import name_typed
from engine.sources import NetworkRef
from engine.training.config import absolute_dataset, parse
from tui.cli.command import Commands, home_of
from tui.cli.options import add_options, given
from tui.cli.output import complain


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

    home, as_json = home_of(options), options.json
    source = sources.parse(options.source)
    name_typed(sources.model_of(source))
    if words := sources.warning(home, source):
        complain(words)
    network = NetworkRef(
        source,
        dataset=absolute_dataset(parse("dataset", options.dataset)),
        data_dir=options.data_dir,
        **given(options, ("transform", "seed", "freeze")),
    )
    if options.parameters:
        return model.parameters(home, network, as_json=as_json)
    if options.image is None:
        return model.summary(home, network, as_json=as_json)
    return model.image(home, network, ImageRef(options.split, options.image), as_json=as_json)
