"""Another program's optimizer state, taken over into a run's optimizer: what fits, and, in words, what was taken and
what could not be."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from engine.training.optimizers import (
    NOT_NUMBERS,
    OPTIMIZERS,
    TORCH_DEFAULTS,
    OptimizerEntry,
    add_optional_state,
    argument,
    is_state_of,
)
from engine.training.setup import TrainingSetup
from engine.weights.key_mapping import WRAPPERS, unwrapped

MOST_NAMED = 4  # names in a sentence
NOT_LOADED = "the optimizer's state in the file was not loaded: "


class _NotTakenError(Exception):
    """Why the state can't be loaded, in words."""


def take(prepared: TrainingSetup, state: Any, weights: Sequence[str], ours: Callable[[str], str]) -> list[str]:
    """Load an `optimizer.state_dict()` from a file, if it belongs to the run's optimizer and parameters. Returns what
    was taken of it that no setting shows, and what could not be taken, a line each, for people.

    `weights`: the names of the file's weights in its order, as they are in the network; `ours`: the network's name for
    one of the file's. The config's learning rate and the like take precedence over the file's. Parameters are matched
    by their names where the file has them, else by their order.
    """
    optimizer, entry = prepared.optimizer, OPTIMIZERS[prepared.config.optimizer]
    try:
        groups = [group for group in state["param_groups"] if isinstance(group, dict)]
        if not groups or len(groups) != len(state["param_groups"]):
            raise _NotTakenError("it has no parameter groups")
        _refuse_other_optimizer(state["state"], groups, prepared.config.optimizer)
        names = {id(parameter): name for name, parameter in prepared.network.named_parameters()}
        here = {names[id(parameter)]: parameter for group in optimizer.param_groups for parameter in group["params"]}
        options, more = _options(groups, optimizer.param_groups[0], entry, prepared.config)
        own = [group | options for group in optimizer.state_dict()["param_groups"]]
        try:
            found, notes = _by_parameter(state["state"], groups, here, weights, ours)
            loaded = {
                at: _checked(found[name], here[name], name, entry) for at, name in enumerate(here) if name in found
            }
        except _NotTakenError as error:
            loaded, notes = {}, [f"{NOT_LOADED}{error}"]
        optimizer.load_state_dict({"state": loaded, "param_groups": own})
    except _NotTakenError as error:
        return [f"{NOT_LOADED}{error}"]
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError, OverflowError) as error:
        return [f"{NOT_LOADED}it is not in torch.optim's format ({type(error).__name__})"]
    add_optional_state(prepared.config.optimizer, optimizer)
    return notes + more


def _refuse_other_optimizer(entries: Mapping[Any, Any], groups: Sequence[Mapping[str, Any]], name: str) -> None:
    entry = OPTIMIZERS[name]
    kept = {key for each in entries.values() for key, value in each.items() if value is not None}
    if kept and not entry.state <= kept:
        raise _NotTakenError(f"it has {', '.join(sorted(kept))}, and {name} needs {', '.join(sorted(entry.state))}")
    if other := kept - entry.state - entry.optional_state.keys():
        raise _NotTakenError(f"it has {', '.join(sorted(other))}, which {name} does not keep")
    if not is_state_of(name, kept, groups[0].keys()):
        raise _NotTakenError(f"its groups are not those of {name}")


def _by_parameter(
    entries: Mapping[Any, Any],
    groups: Sequence[Mapping[str, Any]],
    here: Mapping[str, nn.Parameter],
    weights: Sequence[str],
    ours: Callable[[str], str],
) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    """The state of each parameter by its name in the network, and what is to be told of that."""
    numbers = [number for group in groups for number in group["params"]]
    if len(set(map(str, numbers))) != len(numbers):
        raise _NotTakenError("a parameter is in it twice")
    state = {number: _entry(entries, number) for number in numbers}
    theirs = [_names(group) for group in groups]
    if all(names is not None for names in theirs):
        return _by_name(state, [name for names in theirs for name in names or ()], here, ours)
    if len(numbers) != len(here):
        raise _NotTakenError(f"it has {len(numbers)} parameters, and the network trains {len(here)}")
    orders = [list(here)]
    in_file = [name for name in weights if name in here]
    if len(in_file) == len(here) and in_file != orders[0]:
        orders.append(in_file)
    if len(groups) > 1:
        orders = [_in_groups(state, order, here) or order for order in orders]
        orders = orders[:1] if len(orders) > 1 and orders[0] == orders[1] else orders
    fitting = [order for order in orders if not _misshapen(state, order, here)]
    if not fitting:
        raise _NotTakenError(_misshapen(state, orders[0], here))
    if len(fitting) > 1 or _ambiguous(state, groups):
        raise _NotTakenError(
            "it has no names of parameters (param_names), and parameters of equal shape are in several groups or orders"
        )
    return {name: kept for name, kept in zip(fitting[0], state.values(), strict=True) if kept}, []


def _names(group: Mapping[str, Any]) -> list[str] | None:
    """The parameters' names, which torch.optim keeps since 2.6, and torch.distributed in the place of numbers."""
    numbers = list(group["params"])
    names = group.get("param_names")
    if isinstance(names, list | tuple) and len(names) == len(numbers) and all(isinstance(one, str) for one in names):
        return list(names)
    if all(isinstance(one, str) and not one.isdecimal() for one in numbers):
        return numbers
    return None


def _by_name(
    state: Mapping[Any, Mapping[str, Any]],
    theirs: Sequence[str],
    here: Mapping[str, nn.Parameter],
    ours: Callable[[str], str],
) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    found: dict[str, Mapping[str, Any]] = {}
    unknown = []
    for name, kept in zip(theirs, state.values(), strict=True):
        bare = unwrapped(name, WRAPPERS).removeprefix("module.")  # of the names that a wrapper gives its parameters
        mine = next((one for one in (ours(name), name, ours(bare), bare) if one in here), None)
        if mine is None:
            unknown += [name] if kept else []
        elif mine in found:
            raise _NotTakenError(f"several of its parameters are {mine}")
        else:
            found[mine] = kept
    without = [name for name in here if not found.get(name)]
    if unknown and len(without) == len(here):
        raise _NotTakenError(f"none of its parameters ({_some(unknown)}) is the network's")
    notes = []
    if unknown:
        notes.append(f"the optimizer's state of {_some(unknown)} was left out: the network trains none of these names")
    if without and any(found.values()):
        notes.append(f"the optimizer begins without state for {_some(without)}: the file has none")
    return {name: kept for name, kept in found.items() if kept}, notes


def _entry(entries: Mapping[Any, Any], number: Any) -> dict[str, Any]:
    kept = entries[number] if number in entries else entries.get(str(number), {})  # as distributed ones write it
    return {key: value for key, value in kept.items() if value is not None}


def _misshapen(state: Mapping[Any, Mapping[str, Any]], order: Sequence[str], here: Mapping[str, nn.Parameter]) -> str:
    """What does not fit where the parameters have this order; "": all does."""
    for name, kept in zip(order, state.values(), strict=True):
        for key, value in kept.items():
            if key != "step" and isinstance(value, torch.Tensor) and value.shape != here[name].shape:
                return f"its {key} of {name} is {list(value.shape)}, and {name} is {list(here[name].shape)}"
    return ""


def _in_groups(
    state: Mapping[Any, Mapping[str, Any]], order: Sequence[str], here: Mapping[str, nn.Parameter]
) -> list[str] | None:
    """The parameters of the groups, one group after another, where each group has those of its shapes in this order,
    such as the weights, then the biases. None where a shape is not known, or there are too few of it."""
    left, found = dict.fromkeys(order), []
    for kept in state.values():
        shape = next((one.shape for key, one in kept.items() if key != "step" and hasattr(one, "shape")), None)
        name = next((name for name in left if here[name].shape == shape), None)
        if name is None:
            return None
        del left[name]
        found.append(name)
    return found


def _ambiguous(state: Mapping[Any, Mapping[str, Any]], groups: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two groups have parameters of one shape: in which order the network has them is not known then."""
    seen: dict[tuple[int, ...], int] = {}
    for at, group in enumerate(groups):
        for number in group["params"]:
            for key, value in state[number].items():
                is_moment = key != "step" and isinstance(value, torch.Tensor)
                if is_moment and seen.setdefault(tuple(value.shape), at) != at:
                    return True
    return False


def _checked(kept: Mapping[str, Any], parameter: nn.Parameter, name: str, entry: OptimizerEntry) -> dict[str, Any]:
    """What is kept of a parameter. Raises _NotTakenError where it is not what the optimizer computes with."""
    if not entry.state <= kept.keys():
        raise _NotTakenError(f"of {name} it has {', '.join(kept)} alone")
    for key, value in kept.items():
        if key == "step":
            _number(value)
        elif not isinstance(value, torch.Tensor) or not (value.is_floating_point() or value.is_complex()):
            raise _NotTakenError(f"its {key} of {name} is not a tensor of numbers")
        elif value.shape != parameter.shape:
            raise _NotTakenError(f"its {key} of {name} is {list(value.shape)}, and {name} is {list(parameter.shape)}")
    return dict(kept)


def _options(
    groups: Sequence[Mapping[str, Any]], own: Mapping[str, Any], entry: OptimizerEntry, config: Any
) -> tuple[dict[str, Any], list[str]]:
    """The optimizer's arguments that no setting says, as the first group has them, and what is to be told."""
    first, options, notes = groups[0], dict[str, Any](), []
    said = [key for key in entry.kept if key in TORCH_DEFAULTS and getattr(config, key) != TORCH_DEFAULTS[key]]
    for key in entry.kept:
        if key in said:
            continue
        if key not in first:
            notes.append(f"the file does not say the optimizer's {key}; {own[key]} is used")
            continue
        try:
            value = _option(first[key], own[key])
        except (TypeError, ValueError, RuntimeError, OverflowError):
            notes.append(f"the optimizer's {key} in the file can't be used; {own[key]} is used")
            continue
        if value != own[key]:
            options[key] = value
    if options:
        taken = ", ".join(f"{key} {value}" for key, value in options.items())
        notes.insert(0, f"taken from the optimizer in the file: {taken}")
    for key in dict.fromkeys((*entry.settings, *entry.options)):
        values = [_plain(group.get(key)) for group in groups]
        if len({str(value) for value in values}) > 1:
            set_here = key in entry.settings and key not in options
            used = _plain(argument(key, getattr(config, key))) if set_here else options.get(key, own[key])
            which = f"the file's {len(groups)} parameter groups have their own {key} ({_some(values)})"
            notes.append(f"{which}: it is {used} for all")
    left = {key for group in groups for key in group} - {*entry.settings, *entry.options, *NOT_NUMBERS}
    if first.get("decoupled_weight_decay") == entry.decoupled:
        left.discard("decoupled_weight_decay")
    if left:
        notes.append(f"not taken from the optimizer in the file: {_some(sorted(map(str, left)))}")
    return options, notes


def _option(value: Any, default: Any) -> Any:
    """A value of the kind that the default is of. Raises ValueError, TypeError."""
    if isinstance(default, tuple):
        found = tuple(_number(one) for one in value)
        if len(found) != len(default) or not all(0 <= one < 1 for one in found):
            raise ValueError(value)
        return found
    if isinstance(default, bool):
        if value not in (False, True):
            raise ValueError(value)
        return bool(value)
    return _number(value)


def _number(value: Any) -> float:
    """A number of 0 or more. Raises ValueError, TypeError."""
    found = float(value)
    if not math.isfinite(found) or found < 0:
        raise ValueError(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return tuple(_plain(one) for one in value) if isinstance(value, list | tuple) else value


def _some(values: Iterable[Any]) -> str:
    words = [str(value) for value in values]
    return ", ".join(words[:MOST_NAMED]) + (f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else "")
