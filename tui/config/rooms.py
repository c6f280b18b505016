"""All the keys there are: reading this reads the code of every screen, which takes some 0.3 s."""

import importlib
import pkgutil

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode

import tui
from tui.config.keymap import Room

FOLDERS = ("data", "runs", "model", "weights", "lab", "dialogs", "widgets")


def rooms(app: type[App[None]]) -> list[Room]:
    """The keys of each screen, each widget and the app."""
    found: dict[type[DOMNode], None] = {}
    for module in pkgutil.walk_packages(tui.__path__, "tui."):
        if module.name.split(".")[1] in FOLDERS:
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, DOMNode) and value.__module__ == module.name:
                    found[value] = None
    made = [Room(_title(cls), _bindings(cls)) for cls in found]
    palette = Binding(app.COMMAND_PALETTE_BINDING, "command_palette", "Palette", id="app.palette")
    return [Room("", (*_bindings(app), palette), everywhere=True), *(room for room in made if room.bindings)]


def _title(cls: type) -> str:
    return cls.__name__.removesuffix("Screen")


def _bindings(cls: type) -> tuple[Binding, ...]:
    """A class's own and those of the program's classes that it is made from; of the app also Textual's."""
    own = issubclass(cls, App)
    made = []
    for one in cls.__mro__:
        if own or one.__module__.startswith("tui."):
            made += [binding if isinstance(binding, Binding) else Binding(*binding) for binding in _declared(one)]
    return tuple(made)


def _declared(cls: type) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    return list(vars(cls).get("BINDINGS", ()))
