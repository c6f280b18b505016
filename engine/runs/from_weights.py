"""New runs from a file of weights of any origin: what the file holds for that, and the run's folder. Imports no torch,
and executes nothing in the file; the host (`engine.runs.launch`) loads its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.checkpoints.manifest import Entry
from engine.checkpoints.verify import identity, listed
from engine.errors import CheckpointError, ConfigError
from engine.home import RunFolder, expanded
from engine.models import trusted_code
from engine.runs import client, store
from engine.runs.branch import check_epochs, check_validation
from engine.terminal_text import printable
from engine.training.config import TrainConfig, changed, check, parse
from engine.training.optimizers import OPTIMIZERS, TORCH_DEFAULTS, is_state_of
from engine.weights import scalars
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from engine.weights.key_mapping import KeyMapping, file_and_mapping
from engine.weights.records import Dict, Elements, Tensor

OPTIMIZER_KEYS = (
    "optimizer",
    "optimizer_state_dict",
    "optim",
    "optimizer_states",
    "optimizers",
    "opt",
)  # the usual keys


@dataclass(frozen=True)
class Origin:
    """What a new run from a file would start with."""

    path: Path
    own: bool  # a checkpoint of this program: with all that a resume takes
    config: TrainConfig  # its settings; of other files the defaults, and what the optimizer's state says
    epoch: int = 1
    step: int = 0  # steps done in that epoch
    evaluated: bool = False  # the epoch is over
    optimizers: tuple[str, ...] = ()  # which optimizers the state in another program's file can be of
    state: tuple[str, ...] = ()  # what an optimizer's state in the file keeps of each parameter
    fixed: Mapping[str, str] = field(default_factory=dict)  # its settings that torch.optim has defaults for, as typed

    @property
    def done(self) -> int:
        """Whole epochs."""
        return self.epoch if self.evaluated else self.epoch - 1

    @property
    def words(self) -> str:
        """What is loaded, in words."""
        if self.own and self.evaluated:
            return f"the end of epoch {self.epoch} of a run of fmnist-tui, with the state of {self.config.optimizer}"
        if self.own:
            return f"epoch {self.epoch}, step {self.step} of a run of fmnist-tui, with the state of its optimizer"
        if self.optimizers:
            return (
                f"its weights and the state of its optimizer ({', '.join(self.state)}: {' or '.join(self.optimizers)})"
            )
        if self.state:
            known = " or ".join(name for name, entry in OPTIMIZERS.items() if entry.in_torch)
            return f"its weights; the state of its optimizer ({', '.join(self.state)}) is not that of {known}"
        return "its weights; it has no known optimizer state"


def in_run(path: Path) -> tuple[RunFolder, Entry] | None:
    """The run's folder and the checkpoint, where the file is one that the manifest of a run lists."""
    entry = listed(path)
    run = RunFolder.of_checkpoint(path)
    return (run, entry) if entry is not None and run.run_json.is_file() else None


def look(path: Path) -> Origin:
    """Read what is in the file. Raises CheckpointError where it can't be used, ConfigError where its settings can't."""
    contents = contents_of(path)
    if contents.problems:
        raise CheckpointError(f"{path} is refused: {contents.problems[0]}")
    root = contents.root
    if contents.own:
        return _own(contents, root)
    if not contents.state_dicts:
        raise CheckpointError(f"{path} contains no weights")
    optimizer = optimizer_in(root)
    if optimizer is None:
        return Origin(path, False, TrainConfig())
    kept, group = _kept(optimizer), _first_group(optimizer)
    settings = _settings(contents, group)
    may_be = tuple(name for name in OPTIMIZERS if kept and _may_be(name, kept, group))
    usable = {"lr", "weight_decay"}.union(*(OPTIMIZERS[name].settings for name in may_be))
    config = TrainConfig.from_dict({name: value for name, value in settings.items() if name in usable})
    return Origin(path, False, config, optimizers=may_be, state=kept, fixed=_fixed(contents, group))


def optimizer_in(root: Any) -> Dict | None:
    """The record of an optimizer's `state_dict`, under one of the usual keys, or under another one; of several
    optimizers the first."""
    found = _optimizers(root)
    return found[0][1] if found else None


def not_taken(contents: Contents, section: str) -> list[str]:
    """What a run from another program's file leaves there besides the weights of the section and one optimizer's state:
    schedules, other weights, other optimizers, a line each."""
    root = contents.root
    if not isinstance(root, Dict):
        return []
    optimizers = _optimizers(root)
    notes = [f"the file has {len(optimizers)} optimizers: the first is taken"] if len(optimizers) > 1 else []
    taken = {section, *(key for key, _ in optimizers)}
    left = [key for key in dict.fromkeys(root.keys) if isinstance(root.get(key), Dict) and key not in taken]
    if left and section:
        shown = ", ".join(printable(key, 60) for key in left[:6]) + (", …" if len(left) > 6 else "")
        notes.append(f"not taken from the file: {shown}")
    return notes


def _optimizers(root: Any) -> list[tuple[str, Dict]]:
    """The states of optimizers in a file, with the keys that they are under; those under the usual keys first."""
    if not isinstance(root, Dict):
        return []
    found = []
    for key in dict.fromkeys([*OPTIMIZER_KEYS, *root.keys]):
        value = root.get(key)
        for one in value.items if isinstance(value, Elements) else (value,):
            if isinstance(one, Dict) and {"state", "param_groups"} <= set(one.keys):
                found.append((key, one))
    return found


def prepare(
    home: Path, path: Path, changes: Mapping[str, str], *, name: str = "", data_dir: Path | None = None
) -> RunFolder:
    """The folder of a new run from the file; `client.launch` starts it: of our own checkpoints as a branch does, with
    `changes` to the settings; of other files from the weights and, if there is one, the optimizer's state, where the
    changes say which `model`, and which `optimizer` it was; `weights` then may hold the mapping of names
    (`key_mapping.file_and_mapping`).

    Raises EngineError, with nothing changed.
    """
    path = expanded(path).absolute()
    origin = look(path)
    config = asked(origin, changes)
    parent = {
        "run": "", "file": str(path), "epoch": origin.epoch, "step": origin.step, "sha256": identity(path),
        "own": origin.own, "changes": {setting: getattr(config, setting) for setting in changes},
    }  # fmt: skip
    return store.create(home, client.request(config, name=name, data_dir=data_dir) | {"parent": parent})


def asked(origin: Origin, changes: Mapping[str, str]) -> TrainConfig:
    """The settings of a new run from the file. Raises ConfigError that names what is missing."""
    typed = {key: text for key, text in changes.items() if key != "weights"}
    takes = OPTIMIZERS[typed["optimizer"]].settings if typed.get("optimizer") in OPTIMIZERS else ()
    config = changed(origin.config, {name: text for name, text in origin.fixed.items() if name in takes} | typed)
    if not origin.own:
        if "model" not in changes:
            raise ConfigError(
                "model", f"{origin.path} does not say which network it belongs to: add one, such as model=mlp"
            )
        if origin.optimizers and "optimizer" not in changes:
            fits = " or ".join(f"optimizer={name}" for name in origin.optimizers)
            kept = ", ".join(origin.state)
            raise ConfigError(
                "optimizer", f"it has the state of an optimizer ({kept}): add {fits}; any other starts without it"
            )
        return replace(config, weights=f"{origin.path} {_mapping(origin.path, changes.get('weights', ''))}".strip())
    if "weights" in changes:
        raise ConfigError("weights", "the weights come from the file: leave this out")
    for setting in ("model", "transform"):
        reference = getattr(config, setting)
        if setting not in changes and not trusted_code.allows(reference):
            what = f"{origin.path} needs {reference}, which would be executed"
            raise ConfigError(setting, f"{what}: if you trust that file, add {setting}={reference}")
    check_validation(config, origin.config.val)
    check_epochs(config, origin.done)
    return replace(config, weights="")


def _mapping(path: Path, text: str) -> KeyMapping:
    """Of `weights=…`; the file itself may stand before the mapping."""
    file, mapping = file_and_mapping(f"{path} {text.removeprefix(str(path))}")
    if file != path:
        raise ConfigError("weights", f"{text!r}: give a prefix such as module., NEW=OLD, or section:NAME")
    return mapping


def _own(contents: Contents, root: Dict) -> Origin:
    config, place = root.get("config"), [root.get(name) for name in ("epoch", "step", "evaluated")]
    epoch, step, evaluated = place
    if not isinstance(config, Dict) or not (isinstance(epoch, int) and isinstance(step, int)):
        raise CheckpointError(f"{contents.path} is not a checkpoint of a run, though it looks like one")
    values = {key: value for key, value in config.last() if isinstance(key, str)}
    try:
        settings = TrainConfig.from_dict(values)
    except ConfigError as error:
        raise CheckpointError(f"{contents.path}: its settings can't be used ({error})") from error
    return Origin(contents.path, True, settings, epoch, step, evaluated is True)


def _kept(optimizer: Dict) -> tuple[str, ...]:
    """The names of what is kept of the parameters."""
    state = optimizer.get("state")
    kept: dict[str, None] = {}
    for _, of_parameter in state.items if isinstance(state, Dict) else ():
        if isinstance(of_parameter, Dict):
            kept |= dict.fromkeys(
                key for key, value in of_parameter.last() if value is not None and isinstance(key, str)
            )
    return tuple(kept)


def _first_group(optimizer: Dict) -> Dict:
    """The first parameter group; an empty one where there is none."""
    groups = optimizer.get("param_groups")
    first = groups.items[0] if isinstance(groups, Elements) and groups.items else None
    return first if isinstance(first, Dict) else Dict()


def _may_be(name: str, kept: tuple[str, ...], group: Dict) -> bool:
    decoupled = group.get("decoupled_weight_decay")
    other = isinstance(decoupled, bool) and OPTIMIZERS[name].decoupled is not decoupled
    return is_state_of(name, kept, group.keys) and not other


def _settings(contents: Contents, group: Dict) -> dict[str, float]:
    """The parameter group's settings that can be used here."""
    usable: dict[str, float] = {}
    names = dict.fromkeys(name for entry in OPTIMIZERS.values() if entry.in_torch for name in entry.settings)
    for name in names.keys() - TORCH_DEFAULTS.keys():
        value = group.get(name)
        if isinstance(value, Tensor):
            value = scalars.number(contents, value)
        if isinstance(value, int | float):
            try:
                check(name, float(value))
            except ConfigError:
                continue
            usable[name] = float(value)
    return usable


def _fixed(contents: Contents, group: Dict) -> dict[str, str]:
    """The parameter group's nesterov, betas and eps, as they are typed, where they can be used here."""
    found: dict[str, str] = {}
    for name in TORCH_DEFAULTS:
        value = group.get(name)
        parts = value.items if isinstance(value, Elements) else value if isinstance(value, tuple) else (value,)
        plain = [scalars.number(contents, one) if isinstance(one, Tensor) else one for one in parts]
        text = ", ".join(str(one) if isinstance(one, bool | int | float) else "" for one in plain)
        try:
            parse(name, text)
        except ConfigError:
            continue
        found[name] = text
    if group.get("dampening") or not group.get("momentum"):  # torch.optim.SGD takes no nesterov with these
        found.pop("nesterov", None)
    return found
