"""Every request names a function that takes it and gives its answer."""

import importlib
import pkgutil
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import engine
from engine.progress import Progress, Report
from engine.worker.request import Request
from engine.worker.server import handler_of


def every_request() -> list[type[Request[Any]]]:
    """The requests of all modules named `…requests`."""
    for module in pkgutil.walk_packages(engine.__path__, "engine."):
        if module.name.endswith("requests"):
            importlib.import_module(module.name)
    return sorted(Request.__subclasses__(), key=lambda cls: cls.__qualname__)


REQUESTS = [cls for cls in every_request() if cls.__module__.startswith("engine.")]


def test_there_are_requests() -> None:
    assert len(REQUESTS) >= 15
    assert len({cls.__qualname__ for cls in REQUESTS}) == len(REQUESTS)


@pytest.mark.parametrize("cls", REQUESTS, ids=lambda cls: cls.__qualname__)
def test_its_handler_takes_it_and_gives_its_answer(cls: type[Request[Any]]) -> None:
    handler = handler_of(cls.__new__(cls))
    hints = get_type_hints(handler)
    answer = hints.pop("return")
    assert list(hints.values()) in ([Path, cls, Progress], [Path, cls, Report])
    base = next(one for one in cls.__orig_bases__ if getattr(one, "__origin__", None) is Request)  # type: ignore[attr-defined]
    (promised,) = get_args(base)
    name = getattr(promised, "__forward_arg__", "") or promised.__name__
    assert name in {one.__name__ for one in answer.__mro__}  # or a kind of it
    assert cls.__doc__
