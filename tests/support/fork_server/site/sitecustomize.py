"""Python runs this at the start of each program that a test starts: what that starts itself, the fork server forks."""

import importlib
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from typing import Any


def _install(module: Any) -> None:
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    name = "fmnist_tui_tests_fork_server"
    spec = importlib.util.spec_from_file_location(
        name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    importlib.import_module(f"{name}.launching").install(module)


class _Finder:
    """Finds `subprocess`, once it is imported, with another Popen."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "subprocess":
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = importlib.util.find_spec(name)
        assert spec is not None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            _install(module)

        loader.exec_module = exec_module
        return spec


if os.environ.get("FMNIST_TUI_TESTS_FORK_SERVER"):
    if "subprocess" in sys.modules:
        _install(sys.modules["subprocess"])
    else:
        sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]
