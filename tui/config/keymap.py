"""`[keys]`: other keys for acts. What is asked for, against the keys that all screens have."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from textual.binding import Binding

from tui.config.declared import KEYS
from tui.config.file import Contents, Problem
from tui.config.preference import toml_text
from tui.keys import ACTS
from tui.textual_private import key_name, key_names

EXAMPLE = '"o" or "ctrl+s"'
MODIFIERS = {"ctrl", "shift", "alt", "meta", "super", "hyper"}
SENT_AS = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape", "ctrl+h": "backspace"}


@dataclass(frozen=True)
class Room:
    """Bindings that are there at once: those of a screen or a widget, or of the app."""

    title: str
    bindings: tuple[Binding, ...]
    everywhere: bool = False


@dataclass(frozen=True, eq=False)
class Asked:
    """One entry of `[keys]`: an act (`sort`), or the id of one screen's binding (`runs.sort`)."""

    name: str
    value: object  # of the file
    path: tuple[str, ...]  # of names in the file

    @property
    def keys(self) -> tuple[str, ...]:
        """By Textual's names. Raises ValueError, saying what they must be."""
        given = [self.value] if isinstance(self.value, str) else self.value
        if not isinstance(given, list) or not given or not all(isinstance(key, str) for key in given):
            raise ValueError(f"it must be a key, such as {EXAMPLE}, or a list of keys")
        return tuple(map(_key, given))


def asked(table: Mapping[str, object]) -> Iterator[Asked]:
    """The entries of the table; `runs.sort = …` is the same with and without quotes around the name."""
    for name, value in table.items():
        if isinstance(value, dict):
            for act, key in value.items():
                yield Asked(f"{name}.{act}", key, (KEYS, name, act))
        else:
            yield Asked(name, value, (KEYS, name))


def keymap(contents: Contents, rooms: Sequence[Room]) -> tuple[dict[str, str], list[Problem]]:
    """The keys by the ids of bindings, as Textual takes them, and what of `[keys]` is not used, and why. An entry that
    can't be used leaves its act its default."""
    table = contents.values.get(KEYS, {})
    if not isinstance(table, dict):
        what = f"{KEYS} = {toml_text(table)} is not used; it must be a table, [{KEYS}]"
        return {}, [Problem(what, contents.line_of(KEYS))]
    entries = list(asked(table))
    refused: dict[Asked, str] = {}  # why
    keys: dict[Asked, tuple[str, ...]] = {}
    for entry in entries:
        try:
            _known(entry.name, rooms)
            keys[entry] = entry.keys
        except ValueError as error:
            refused[entry] = str(error)
    while True:
        meant = _meant(keys, rooms)
        clash = _clash(meant, keys, rooms)
        if clash is None:
            break
        entry, why = clash
        refused[entry] = why
        del keys[entry]
    problems = [
        Problem(
            f"{KEYS}.{entry.name} = {toml_text(entry.value)} is not used; {refused[entry]}",
            contents.line_of(*entry.path),
        )
        for entry in entries
        if entry in refused
    ]
    return {binding: ",".join(keys[entry]) for binding, entry in meant.items()}, problems


def _key(text: str) -> str:
    """A key by Textual's name. Raises ValueError where there is none of that name, or no terminal sends it."""
    *modifiers, base = [text] if len(text) == 1 else text.strip().lower().split("+") if "+" in text else [text.strip()]
    base = key_name(base) if len(base) == 1 else base
    name = "+".join([*modifiers, base])
    if not base or not set(modifiers) <= MODIFIERS or (len(base) > 1 and base not in key_names()):
        close = difflib.get_close_matches(text, key_names(), 1)
        hint = f"did you mean {close[0]}?" if close else f"a key is named as in {EXAMPLE}"
        raise ValueError(f"there is no key {text!r}; {hint}")
    if name in SENT_AS:
        raise ValueError(f"terminals send {name} as {SENT_AS[name]}")
    if modifiers == ["shift"] and len(base) == 1 and base.isalpha():
        raise ValueError(f"write {base.upper()} for {name}")
    return name


def _known(name: str, rooms: Sequence[Room]) -> None:
    """Raises ValueError where there is neither an act nor a binding of that name."""
    ids = [binding.id for room in rooms for binding in room.bindings if binding.id]
    names = [*ACTS, *ids]
    if name not in names:
        close = difflib.get_close_matches(name, names, 1)
        raise ValueError(f"there is no such act; {f'did you mean {close[0]}?' if close else 'docs/keys.md lists them'}")


def _meant(keys: Mapping[Asked, tuple[str, ...]], rooms: Sequence[Room]) -> dict[str, Asked]:
    """Which entry is about which binding, by its id. An entry for one screen counts before that for the act."""
    by_name = {entry.name: entry for entry in keys}
    found = {}
    for room in rooms:
        for binding in room.bindings:
            act = (binding.id or "").rpartition(".")[2]
            usual = act in ACTS and ACTS[act].keys == binding.key  # a dialog's letters are its own
            entry = by_name.get(binding.id or "") or (by_name.get(act) if usual else None)
            if entry is not None and binding.id:
                found[binding.id] = entry
    return found


def _clash(
    meant: Mapping[str, Asked], keys: Mapping[Asked, tuple[str, ...]], rooms: Sequence[Room]
) -> tuple[Asked, str] | None:
    """An entry that gives a key to two acts which are there at once, the later of two that do, and what else has it."""
    order = list(keys)
    app = [(room, binding) for room in rooms if room.everywhere for binding in room.bindings]
    for room in rooms:
        taken: dict[str, tuple[Room, Binding]] = {}
        own = [(room, binding) for binding in room.bindings]
        for there, binding in own if room.everywhere else [*own, *app]:
            entry = meant.get(binding.id or "")
            for key in keys[entry] if entry is not None else [one.strip() for one in binding.key.split(",")]:
                other_room, other = taken.setdefault(key, (there, binding))
                other_entry = meant.get(other.id or "")
                if other.action == binding.action or entry is other_entry:
                    continue
                if entry is None or (other_entry is not None and order.index(other_entry) > order.index(entry)):
                    assert other_entry is not None
                    return other_entry, _has(there, key, binding)
                return entry, _has(other_room, key, other)
    return None


def _has(room: Room, key: str, binding: Binding) -> str:
    where = "everywhere" if room.everywhere else f"on {room.title}"
    return f"{key} is {binding.description or binding.action} {where}{f' ({binding.id})' if binding.id else ''}"
