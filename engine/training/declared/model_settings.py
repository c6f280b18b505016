"""The settings of the model: which one, what it starts with, and where it is computed."""

from typing import Any

from engine.device import default_threads, usable_cores
from engine.models.names import MODELS
from engine.training import freezing, pytorch_code, references
from engine.training.setting import TUNE, Setting, integer, or_if_empty, or_tuned, text

MODEL = "Model"
OWN_FILE = "path/to/file.py:ClassName"


def _freeze(value: Any) -> None:
    text(value)
    freezing.patterns(value)


def _threads_shown(value: int) -> str:
    if value == TUNE:
        return "measured before the run"
    return str(value) if value else f"auto ({default_threads()} of {usable_cores()} cores)"


SETTINGS = (
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
        check=or_tuned(integer(0, 1024)),
        words={"tune": TUNE},
        example="2",
        help="PyTorch's CPU threads; 0: all usable cores but one, of two both; tune: the fastest number, measured",
        about="PyTorch's CPU threads. 0: all usable cores but one, which other programs have; of two both. tune: "
        "as many as take the shortest time for a step, measured on the network before the run begins. The last digits "
        "of a run's numbers depend on it; while a run trains, a change is on record as any other.",
        steps=lambda value, direction: value + direction,
        display=_threads_shown,
        editable=True,
        pytorch=lambda values: f"torch.set_num_threads({values['threads']})" if values["threads"] > 0 else "",
    ),
)
