"""The tensors, modules and values below the root of a pickle, by their names."""

from collections.abc import Iterator
from typing import Any

from engine.terminal_text import identifier, printable
from engine.weights import problems
from engine.weights.contents import TEXT, Contents, Module, Named
from engine.weights.key_mapping import wrappers_in
from engine.weights.records import Called, Dict, Elements, Global, Long, Storage, Tensor

MOST_VALUES = 5000  # numbers and texts that are kept
DEEPEST = 60  # containers in one another that are gone into
SHORT = 16  # elements of a list that is written out
_MODULE_PARTS = {"_parameters", "_buffers", "_modules"}


def describe(contents: Contents, root: Any) -> None:
    """Find the tensors, the modules and the rest below the root of a pickle, and the problems with them."""
    contents.root = root
    name_tensors(contents, root)
    _note(contents, root)
    contents.notes += problems.forms(contents.tensors)
    problems.check(contents)


def name_tensors(contents: Contents, root: Any) -> None:
    """Find the tensors, the modules and the values below the root, by their names."""
    _Walk(contents).go(root)
    problems.number_doubles(contents)


class _Walk:
    """Through containers, by their names. Those that stand in themselves, or too deep, are left."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._budget = contents.budget

    def go(self, root: Any) -> None:
        budget, tensors = self._budget, self._contents.tensors
        stack: list[tuple[Any, tuple[str, ...], str, tuple[int, ...]]] = [(root, (), "", ())]
        while stack:
            value, keys, section, above = stack.pop()
            if type(value) is Tensor:
                name = ".".join(keys)
                if not budget.lists(name):
                    self._too_many()
                    return
                tensors.append(Named(name, value, section))
                continue
            if not budget.goes_into(_parts_of(value)):
                self._too_many()
                return
            parts = list(self._parts(value, keys, section))
            budget.parts -= len(parts)
            if not parts and not isinstance(value, Dict | Called | Elements | tuple):
                self._keep_value(value, keys)
                continue
            if id(value) in above or len(keys) > DEEPEST:
                self._add_problem(f"{'.'.join(keys[:6])} … contains itself or is nested too deeply: left out")
                continue
            below = (*above, id(value)) if not isinstance(value, tuple) or value else above
            stack += [(part, name, where, below) for part, name, where in reversed(parts)]

    def _parts(self, value: Any, keys: tuple[str, ...], section: str) -> Iterator[tuple[Any, tuple[str, ...], str]]:
        match value:
            case Dict():
                for key, part in value.last():
                    name = _key(key)
                    starts_section = not keys and isinstance(part, (Dict, Called, Elements))
                    yield part, (*keys, name), name if starts_section else section
            case Called() if _is_module(value):
                yield from self._module(value, keys, section)
            case Called():
                if not keys and not value.items and value.state is None and not value.elements:
                    self._contents.metadata.setdefault("object", _words(value))
                if isinstance(value.state, Dict):
                    for key, part in value.state.last():
                        yield part, (*keys, _key(key)), section
                elif isinstance(value.state, tuple | Tensor | Elements):
                    yield value.state, (*keys, "state"), section
                for key, part in value.items:
                    yield part, (*keys, _key(key)), section
                for at, part in enumerate(value.elements):
                    yield part, (*keys, str(at)), section
                if isinstance(value.args, tuple) and any(
                    isinstance(part, Tensor | Dict | Elements) for part in value.args
                ):
                    for at, part in enumerate(value.args):
                        if isinstance(part, Tensor | Dict | Elements):
                            yield part, (*keys, str(at)) if at or keys else ("value",), section
                elif value.state is None and not value.items:
                    self._keep_value(value, keys)
            case Elements(items=items) | tuple(items) if _holds(items):
                for at, part in enumerate(items):
                    yield part, (*keys, str(at)), section
            case Elements(items=items) | tuple(items):
                self._keep_value(value, keys)

    def _module(self, value: Called, keys: tuple[str, ...], section: str) -> Iterator[tuple[Any, tuple[str, ...], str]]:
        """A module that was pickled whole: its parameters and buffers by their names, and those of what is in it."""
        state = value.state
        assert isinstance(state, Dict)
        attributes = {
            key: _words(part) for key, part in state.items
            if isinstance(key, str) and not key.startswith("_") and key != "training"
        }  # fmt: skip
        training = state.get("training")
        self._contents.modules.append(
            Module(".".join(keys), value.class_name, attributes, training if isinstance(training, bool) else None)
        )
        for kind in ("_parameters", "_buffers", "_modules"):
            part = state.get(kind)
            if isinstance(part, Dict):
                for key, inner in part.last():
                    if inner is not None:
                        yield inner, (*keys, _key(key)), section

    def _keep_value(self, value: Any, keys: tuple[str, ...]) -> None:
        if len(self._contents.metadata) < MOST_VALUES:
            name = ".".join(keys) or "value"
            plain = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 1 << 63)
            self._contents.metadata[name] = value if plain else _words(value)

    def _too_many(self) -> None:
        listed = len(self._contents.tensors)
        self._add_problem(f"only the first {listed:,} tensors are listed: there are too many parts")

    def _add_problem(self, problem: str) -> None:
        if problem not in self._contents.problems:
            self._contents.problems.append(problem)


def _parts_of(value: Any) -> int:
    """How many parts are read to go into it."""
    match value:
        case Dict(items=items) | Elements(items=items):
            return len(items)
        case Called(items=items, elements=elements, state=state):
            return len(items) + len(elements) + (len(state.items) if isinstance(state, Dict) else 0)
        case tuple():
            return len(value)
    return 0


def _is_module(value: Called) -> bool:
    return isinstance(value.state, Dict) and set(value.state.keys) >= _MODULE_PARTS


def _holds(items: Any) -> bool:
    """Whether there is more than numbers and texts among them."""
    return any(isinstance(part, Tensor | Dict | Called | Elements | tuple) for part in items)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return identifier(key, TEXT)
    return "None" if key is None else _words(key)


def _words(value: Any) -> str:
    """A value in a few words."""
    match value:
        case str():
            text = value
        case Global():
            text = value.full
        case Called():
            text = f"{value.class_name}(…)"
        case Dict():
            text = f"a dictionary of {len(value.items)}"
        case Elements(kind=kind, items=items):
            short = len(items) <= SHORT and not _holds(items)
            text = f"[{', '.join(map(_words, items))}]" if short else f"a {kind} of {len(items)}"
        case tuple():
            short = len(value) <= SHORT and not _holds(value)
            text = f"({', '.join(map(_words, value))})" if short else f"a tuple of {len(value)}"
        case Tensor():
            text = f"a tensor {list(value.shape)}"
        case Storage():
            text = f"a storage of {value.count} elements"
        case bytes() | bytearray():
            text = f"{len(value)} bytes"
        case Long(size=size, text=long_text):
            text = f"{'a text of ' if long_text else ''}{size:,} bytes, not read"
        case int() if abs(value) >= 1 << 63:
            text = f"an integer of {value.bit_length()} bits"
        case _:
            text = repr(value)
    return printable(text, TEXT)


def _note(contents: Contents, root: Any) -> None:
    """What the file seems to be."""
    notes, names = contents.notes, {one.name for one in contents.tensors}
    if isinstance(root, Dict):
        keys = set(root.keys)
        if "pytorch-lightning_version" in keys:
            notes.append("a checkpoint of PyTorch Lightning")
        elif contents.own:
            finite = "it can be resumed and branched from"
            not_finite = "not finite, so that nothing can be trained on from it"
            notes.append(f"a checkpoint of fmnist-tui: {not_finite if root.get('finite') is False else finite}")
        elif any("optim" in key for key in keys):
            notes.append("a training checkpoint")
        elif contents.tensors and all(isinstance(value, Tensor) for _, value in root.items):
            notes.append("a state_dict")
    elif contents.modules and not contents.modules[0].name:
        notes.append(f"a whole pickled module, {contents.modules[0].type}: loading it would execute its code")
    plain = {one.section for one in contents.tensors if not one.name_in_section.startswith("module.")}
    for section in contents.state_dicts:
        if section not in plain and len(notes) < 8:
            where = f" of {section}" if section else ""
            notes.append(f"all names{where} begin with module., as DistributedDataParallel saves them")
    if wrappers := wrappers_in(names):
        notes.append(f"names have {' and '.join(f'{part}.' for part in wrappers)} in them, which a wrapper adds")
    if names and not notes:
        notes.append("tensors in containers")
