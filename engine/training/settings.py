"""The settings of a training: one declaration each, in the order of the form.

From these derive `TrainConfig`'s checks and defaults, `train --help` and how its options are read, the form's rows,
arrow keys and explanations, what can be changed while a run trains, and the documentation's table of options
(`engine.training.option_table`). A new setting is a declaration here, its field in `TrainConfig`, and the code that
obeys it. Imports no torch, so that a form can check what is typed at once.
"""

from collections.abc import Mapping
from typing import Any

from engine.data.custom.spec import FORMS
from engine.device import default_threads, usable_cores
from engine.errors import ConfigError
from engine.models.names import MODELS
from engine.training import freezing, pytorch_code, references
from engine.training.losses import LOSSES
from engine.training.optimizers import OPTIMIZERS
from engine.training.references import DATASETS
from engine.training.schedules import SCHEDULES
from engine.training.setting import (
    Setting,
    integer,
    number,
    number_text,
    one_of,
    one_or_three,
    or_if_empty,
    text,
    with_unit,
    yes_or_no,
)

ON_NON_FINITE = ("pause", "stop", "continue")
OWN_FILE = "path/to/file.py:ClassName"
OWN_DATA = ", ".join(FORMS)
LARGEST_FLOAT = 3.4028234663852886e38  # torch.finfo(torch.float32).max: PyTorch takes no larger factor
MOST = 1_000_000
DATA, MODEL, OPTIMIZER, SCHEDULE, WATCHING = GROUPS = (
    "Data", "Model", "Optimizer", "Schedule", "Saving and watching",
)  # fmt: skip


def _freeze(value: Any) -> None:
    text(value)
    freezing.patterns(value)


_DECLARED = (
    Setting(
        name="dataset",
        group=DATA,
        default="auto",
        check=references.check_dataset,
        choices=DATASETS,
        help="{choices} (auto: Fashion-MNIST where it is found, else the demo data), or your own: " + OWN_DATA,
        about="The data to train on. auto: Fashion-MNIST where its files are found, else the small built-in demo data "
        f"(named as demo on every screen). Or your own: {OWN_DATA}.",
        pytorch=pytorch_code.train_set,
    ),
    Setting(
        name="transform",
        group=DATA,
        default="",
        check=references.check_transform,
        help="a pipeline such as 'RandomCrop(28, padding=4); Normalize(0.286, 0.353)', or path/to/file.py:NAME",
        about="What is applied to each image: transforms of torchvision.transforms.v2, separated by semicolons, such "
        "as RandomCrop(28, padding=4); Normalize(0.286, 0.353); random ones apply to training only. Or your own, "
        "path/to/file.py:NAME. Empty: ToTensor(), a float tensor [1, 28, 28] from 0 to 1.",
        display=or_if_empty("ToTensor()"),
        pytorch=pytorch_code.train_set,
    ),
    Setting(
        name="batch_size",
        group=DATA,
        column="batch",
        default=64,
        check=integer(1, MOST),
        unit="images",
        help="images per step",
        about="Images in one step of the optimizer. While a run trains, a new batch size applies from the next epoch.",
        steps=lambda value, direction: value * 2 if direction > 0 else value // 2,
        display=with_unit("images"),
        pytorch=pytorch_code.data_loader,
        editable=True,
    ),
    Setting(
        name="shuffle",
        group=DATA,
        default=False,
        check=yes_or_no,
        help="shuffle the training set in every epoch",
        about="Shuffle the training images in every epoch, from the seed. The tutorial's run does not shuffle.",
        steps=(False, True),
        pytorch=pytorch_code.data_loader,
    ),
    Setting(
        name="seed",
        group=DATA,
        default=0,
        check=integer(0, 2**63 - 1),
        help="for the initial weights and for shuffling",
        about="For the initial weights and for shuffling: the same seed gives the same run.",
        steps=lambda value, direction: value + direction,
        pytorch=lambda values: f"torch.manual_seed({values['seed']})",
    ),
    Setting(
        name="model",
        group=MODEL,
        default="mlp",
        check=references.check_model,
        choices=MODELS,
        typed_choice="file.py:ClassName or torchvision:NAME",
        help=f"{{choices}}, torchvision:NAME, or {OWN_FILE} for your own nn.Module",
        about=f"The network. {{explained}}. Or your own nn.Module from a file, {OWN_FILE}; or torchvision:NAME.",
        pytorch=pytorch_code.model,
    ),
    Setting(
        name="weights",
        group=MODEL,
        default="",
        check=text,
        label="start from",
        help="a file of weights to start from, of any origin: FILE, or 'FILE PREFIX. NEW=OLD' where names differ",
        about="A file of weights to start from, in any format that Checkpoints reads; nothing in it is executed. FILE, "
        "or FILE PREFIX to strip a prefix such as module. from the names, or NEW=OLD to rename. Empty: random weights "
        "from the seed.",
        display=or_if_empty("random, by the seed"),
        pytorch=lambda values: f"model.load_state_dict(torch.load({values['weights']!r}))" if values["weights"] else "",
    ),
    Setting(
        name="freeze",
        group=MODEL,
        default="",
        check=_freeze,
        label="frozen",
        help="parameters not to train: names, modules or patterns, such as 'linear_relu_stack.0.*'; !NAME unfreezes",
        about="Parameters not to train (requires_grad=False): names, modules, or patterns such as "
        "linear_relu_stack.0.*, separated by commas; ! before one unfreezes it. f on the Model screen selects them. A "
        "frozen batch norm still updates its running mean and variance.",
        display=or_if_empty("nothing"),
        pytorch=pytorch_code.frozen,
    ),
    Setting(
        name="device",
        group=MODEL,
        default="auto",
        check=references.check_device,
        choices=("auto", "cpu"),  # the form adds what the machine has
        help="auto, cpu, cuda, cuda:N, mps",
        about="Where the computation runs: auto, cpu, cuda, cuda:N or mps. auto: a GPU if there is one, else the CPU.",
        pytorch=lambda values: "model.to(device)" if values["device"] == "auto" else f"model.to({values['device']!r})",
    ),
    Setting(
        name="threads",
        group=MODEL,
        default=0,
        check=integer(0, 1024),
        example="2",
        help="PyTorch's CPU threads; 0: all usable cores but one",
        about="PyTorch's CPU threads. 0: all usable cores but one, so that no other program stalls the training.",
        steps=lambda value, direction: value + direction,
        display=lambda value: str(value) if value else f"auto ({default_threads()} of {usable_cores()} cores)",
        pytorch=lambda values: f"torch.set_num_threads({values['threads']})" if values["threads"] else "",
    ),
    Setting(
        name="loss",
        group=OPTIMIZER,
        column="loss_fn",  # beside the loss itself
        default="cross_entropy",
        check=one_of(LOSSES),
        choices=LOSSES,
        help="{choices}",
        about="What the optimizer minimizes, a mean over the batch. {explained}.",
        pytorch=lambda values: f"loss_fn = {LOSSES[values['loss']].pytorch}",
    ),
    Setting(
        name="optimizer",
        group=OPTIMIZER,
        column="optim",
        default="sgd",
        check=one_of(OPTIMIZERS),
        choices=OPTIMIZERS,
        help="{choices}",
        about="How the parameters are updated from their gradients after each batch. {explained}.",
        pytorch=pytorch_code.optimizer,
    ),
    Setting(
        name="lr",
        group=OPTIMIZER,
        default=1e-3,
        check=number(0, LARGEST_FLOAT, low_included=False),
        label="learning rate",
        help="learning rate",
        about="The size of a step. Too large, and the loss rises or becomes NaN; too small, and it hardly falls.",
        steps=one_or_three,
        pytorch=pytorch_code.optimizer,
        editable=True,
    ),
    Setting(
        name="momentum",
        group=OPTIMIZER,
        default=0.0,
        check=number(0, 1),
        help="for {with}",
        about="The part of the last step that is kept, from 0 to 1. For {with}.",
        example="0.9",
        steps=(0.0, 0.5, 0.9, 0.95, 0.99),
        pytorch=pytorch_code.optimizer,
        editable=True,
        depends_on="optimizer",
        strict=True,
    ),
    Setting(
        name="weight_decay",
        group=OPTIMIZER,
        column="decay",
        default=0.0,
        check=number(0, LARGEST_FLOAT),
        help="L2 penalty (adamw: decoupled)",
        about="Pulls the parameters towards 0: an L2 penalty (adamw: decoupled from the gradient).",
        example="1e-4",
        steps=(0.0, 1e-5, 1e-4, 1e-3, 1e-2),
        pytorch=pytorch_code.optimizer,
        editable=True,
        depends_on="optimizer",
        strict=True,
    ),
    Setting(
        name="epochs",
        group=SCHEDULE,
        default=10,
        check=integer(1, MOST),
        help="passes over the training set",
        about="Passes over the training set. The test set is evaluated after each.",
        steps=lambda value, direction: value + direction,
        pytorch=lambda values: f"for epoch in range({values['epochs']}):",
        editable=True,
    ),
    Setting(
        name="schedule",
        group=SCHEDULE,
        default="constant",
        check=one_of(SCHEDULES),
        choices=SCHEDULES,
        label="lr schedule",
        help="how the learning rate changes during the run: {choices}",
        about="How the learning rate changes during the run. {explained}.",
        pytorch=pytorch_code.schedule,
    ),
    Setting(
        name="warmup",
        group=SCHEDULE,
        default=0.0,
        check=number(0, MOST),
        label="lr warm-up",
        unit="epochs",
        example="0.5",
        help="epochs in which the learning rate rises to where the schedule starts",
        about="Epochs in which the learning rate rises linearly, from a hundredth, to where the schedule starts. 0: "
        "none. one_cycle has its own warm-up.",
        steps=(0.0, 0.1, 0.5, 1.0, 2.0, 5.0),
        display=with_unit("epochs", "none"),
        pytorch=pytorch_code.schedule,
        depends_on="schedule",
        strict=True,
    ),
    Setting(
        name="step_size",
        group=SCHEDULE,
        column="step",
        default=3,
        check=integer(1, MOST),
        label="lr step every",
        unit="epochs",
        help="for the schedule {with}: epochs between two drops",
        about="For the schedule {with}: epochs between two drops of the learning rate.",
        steps=lambda value, direction: value + direction,
        display=with_unit("epochs"),
        pytorch=pytorch_code.schedule,
        depends_on="schedule",
    ),
    Setting(
        name="gamma",
        group=SCHEDULE,
        default=0.1,
        check=number(0, 1, low_included=False),
        label="lr step factor",
        help="for the schedule {with}: the factor on the learning rate at each drop",
        about="For the schedule {with}: each drop multiplies the learning rate by this factor.",
        steps=(0.1, 0.2, 0.5, 0.8, 0.9),
        pytorch=pytorch_code.schedule,
        depends_on="schedule",
    ),
    Setting(
        name="checkpoint_every",
        group=WATCHING,
        column="saved",
        default=60.0,
        check=number(0, MOST),
        label="checkpoint",
        unit="seconds",
        help="seconds of training between two checkpoints within an epoch; 0: none",
        about="Seconds of training between two checkpoints within an epoch: at most that is lost when a run is killed. "
        "The end of every epoch is saved too. 0: no checkpoints within an epoch.",
        steps=(0.0, 10.0, 30.0, 60.0, 300.0, 600.0, 3600.0),
        display=lambda value: f"every {number_text(value)} s" if value else "each epoch only",
    ),
    Setting(
        name="keep",
        group=WATCHING,
        default="all",
        check=references.check_keep,
        help="which checkpoints stay: of all epochs, or the newest N; the best and the last in any case",
        about="Which checkpoints stay on disk. all: the end of every epoch, and those you ask for. A number: the "
        "newest N. The best, the last, and one that a branch or a resume started from stay in any case.",
        steps=("all", "10", "5", "3", "1"),
        display=lambda value: "all epochs" if value == "all" else f"the newest {value}",
    ),
    Setting(
        name="inspect_every",
        group=WATCHING,
        column="inspect",
        default=100,
        check=integer(0, 10**9),
        label="inspect",
        unit="steps",
        help="sample the layers every so many steps: gradients, updates, activations; 0: never",
        about="Steps between two samples of the layers: gradient and weight norms, updates, activations, with warnings "
        "about vanishing and exploding gradients and dead ReLUs; i on Train shows them. 0: never.",
        steps=(0, 1, 10, 50, 100, 500, 1000),
        display=with_unit("steps", "never", "every {}"),
    ),
    Setting(
        name="on_non_finite",
        group=WATCHING,
        column="at NaN",
        default="pause",
        check=one_of(ON_NON_FINITE),
        choices=ON_NON_FINITE,
        label="at a NaN loss",
        help="at a NaN or infinite loss: {choices}",
        about="What to do when the loss becomes NaN or infinite: pause (look, then decide), stop, or continue.",
    ),
)
SETTINGS: dict[str, Setting] = {setting.name: setting for setting in _DECLARED}


def find(name: str) -> Setting:
    """The setting of that name. Raises ConfigError where there is none."""
    if name not in SETTINGS:
        raise ConfigError(name, f"there is no setting {name!r}; choose from {', '.join(SETTINGS)}")
    return SETTINGS[name]


def defaults() -> dict[str, Any]:
    """The default of every setting, by name."""
    return {name: setting.default for name, setting in SETTINGS.items()}


def editable() -> tuple[str, ...]:
    """The names of the settings that can be changed while a run trains."""
    return tuple(name for name, setting in SETTINGS.items() if setting.editable)


def applies(name: str, values: Mapping[str, Any]) -> bool:
    """Whether the setting means anything with these values: momentum does not for adam."""
    return not (depends_on := SETTINGS[name].depends_on) or values[depends_on] in applies_with(name)


def applies_with(name: str) -> list[str]:
    """For a setting that depends on another one: the choices of that one with which it applies."""
    registry = SETTINGS[SETTINGS[name].depends_on].choices
    assert isinstance(registry, Mapping)
    return [choice for choice, entry in registry.items() if name in entry.settings]


def help_text(name: str) -> str:
    """The setting's line in `--help`."""
    return _filled(SETTINGS[name].help, SETTINGS[name])


def about(name: str) -> str:
    """What the setting is, in a sentence or two."""
    return _filled(SETTINGS[name].about, SETTINGS[name])


def _filled(template: str, setting: Setting) -> str:
    choices = setting.choices
    entries = choices.items() if isinstance(choices, Mapping) else ()
    explained = ". ".join(f"{name}: {entry.about}" for name, entry in entries)
    suits = " and ".join(applies_with(setting.name)) if setting.depends_on else ""
    return template.format(choices=", ".join(choices), explained=explained, **{"with": suits})
