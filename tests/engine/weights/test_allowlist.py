"""The allow-list that a file's imports are judged by is that of the installed torch's version."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._weights_only_unpickler import _get_allowed_globals

from engine.weights import allowlist
from engine.weights.allowlist import Span, of
from engine.weights.reading import read
from engine.weights.records import Global
from tui.cli.main import main

# Three made-up versions apart, so that these tests say nothing about which names torch has.
TABLE = (
    Span((2, 10), (2, 11), adds=("torch.old",)),
    Span((2, 12), (2, 12), adds=("torch.new",), removes=("torch.old", "builtins.set")),
    Span((2, 14), (2, 15), removes=("torch.new",)),
)
NEWEST = f"{allowlist.TABLE[-1].last[0]}.{allowlist.TABLE[-1].last[1]}"


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """For tests that say which torch is installed."""
    allowlist.installed.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    allowlist.installed.cache_clear()


def test_the_list_is_that_of_the_installed_torch() -> None:
    ours = allowlist.installed()
    assert ours.installed.partition("+")[0] == str(torch.__version__).partition("+")[0]
    assert ours.names == set(_get_allowed_globals())


@pytest.mark.parametrize(
    ("version", "torch_version"),
    [
        ("2.10", "2.10"), ("2.10.0", "2.10"), ("2.11.0", "2.11"), ("2.12.1", "2.12"), ("2.14.1+cpu", "2.14"),
        ("2.15.0+cu132", "2.15"), ("2.12.0.post2", "2.12"),
    ],
)  # fmt: skip
def test_a_release_is_judged_by_its_own_list(version: str, torch_version: str) -> None:
    found = of(version, TABLE)
    assert (found.torch, found.installed, found.exact, found.caveat) == (torch_version, version, True, "")
    names = {"2.10": {"torch.old"}, "2.11": {"torch.old"}, "2.12": {"torch.new"}}.get(torch_version, set())
    assert found.names - allowlist.BASE == names
    assert allowlist.BASE - found.names == (set() if torch_version in ("2.10", "2.11") else {"builtins.set"})


@pytest.mark.parametrize(
    ("version", "nearest"),
    [
        ("2.99.0", "2.15"), ("3.0.1+cpu", "2.15"), ("2.16.0.dev20260901+cu132", "2.15"),  # newer than the table
        ("2.9.1", "2.10"), ("1.13.1", "2.10"),  # older
        ("2.13.0", "2.12"),  # between two rows
        ("2.12.0a0+git1234567", "2.12"), ("2.12.0rc1", "2.12"),  # not the release: its list may be another
        ("main", "2.15"), ("?", "2.15"), ("v2", "2.15"), ("2.12345678", "2.15"), ("\x1b[31m", "2.15"),  # no version
    ],
)  # fmt: skip
def test_another_version_is_judged_by_the_nearest_list_and_the_report_says_so(version: str, nearest: str) -> None:
    found = of(version, TABLE)
    assert (found.torch, found.exact) == (nearest, False)
    assert found.names == of(nearest, TABLE).names
    assert found.caveat == (
        f"checked against the list of torch {nearest}, as that of the installed torch {found.installed} is not known"
    )
    assert found.caveat.isprintable()


def test_without_torch_the_newest_list_judges_and_the_report_says_so(pretend: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    pretend.setattr(allowlist, "version", version)
    assert allowlist.installed().torch == NEWEST
    assert allowlist.installed().caveat == f"checked against the list of torch {NEWEST}, as torch is not installed"


def test_python_2s_names_are_those_that_torch_maps_them_to() -> None:
    assert of("2.10.0", TABLE).allows(Global("__builtin__", "set"))
    assert not of("2.12.0", TABLE).allows(Global("__builtin__", "set"))
    assert not of("2.10.0", TABLE).allows(Global("__builtin__", "eval"))


def test_the_table_has_every_version_from_the_oldest_that_the_program_takes() -> None:
    spans = allowlist.TABLE
    assert spans[0].first == (2, 10)
    for before, after in pairwise(spans):
        assert after.first == (before.last[0], before.last[1] + 1)
    names = [names for _, names in allowlist.lists()]
    assert all(before != after for before, after in pairwise(names))


def test_the_versions_differ_as_torchs_own_lists_do() -> None:
    # What `make allowlist` found.
    nested, bcomplex = "torch._utils._rebuild_nested_tensor", "torch.bcomplex32"
    versions = ("2.10.0", "2.13.0", "2.14.1", "2.15.0")
    has = {version: [name in of(version).names for name in (nested, bcomplex)] for version in versions}
    assert has == {"2.10.0": [True, False], "2.13.0": [True, False], "2.14.1": [True, True], "2.15.0": [False, True]}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """One whose imports are all allowed, and a module that was pickled whole."""
    weights, whole = tmp_path / "weights.pt", tmp_path / "whole.pt"
    torch.save({"w": torch.zeros(2)}, weights)
    torch.save(nn.Linear(2, 2), whole)
    return weights, whole


def test_inspect_says_by_which_version_it_judged_only_where_that_is_not_the_installed_one(
    files: tuple[Path, Path], pretend: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, whole = files
    pretend.setattr(allowlist, "version", lambda _: "2.12.1+cpu")
    assert main(["inspect", str(weights)]) == 0
    assert "globals are on the allow-list of torch.load(weights_only=True)\n" in capsys.readouterr().out
    assert main(["inspect", str(weights), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["allow_list"]
    assert told == {"torch": "2.12", "installed": "2.12.1+cpu", "exact": True}

    allowlist.installed.cache_clear()
    pretend.setattr(allowlist, "version", lambda _: "2.99.0")
    caveat = f"(checked against the list of torch {NEWEST}, as that of the installed torch 2.99.0 is not known)\n"
    assert main(["inspect", str(weights)]) == 0
    assert f"on the allow-list of torch.load(weights_only=True) {caveat}" in capsys.readouterr().out
    assert main(["inspect", str(whole)]) == 0
    assert f"outside the allow-list: torch.nn.modules.linear.Linear {caveat}" in capsys.readouterr().out
    assert main(["inspect", str(weights), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["allow_list"]
    assert told == {"torch": NEWEST, "installed": "2.99.0", "exact": False}


def test_a_name_that_only_another_version_imports_is_outside(tmp_path: Path, pretend: pytest.MonkeyPatch) -> None:
    path = tmp_path / "nested.pkl"
    path.write_bytes(b"\x80\x02ctorch._utils\n_rebuild_nested_tensor\n.")
    pretend.setattr(allowlist, "version", lambda _: "2.14.1")
    assert read(path).unknown == []
    allowlist.installed.cache_clear()
    pretend.setattr(allowlist, "version", lambda _: "2.15.0")
    contents = read(path)
    assert [one.full for one in contents.unknown] == ["torch._utils._rebuild_nested_tensor"]
    assert [one["known"] for one in contents.to_dict()["globals"]] == [False]


def test_judging_a_file_imports_no_torch(files: tuple[Path, Path]) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.weights.reading import read; "
        f"print(read(Path({str(files[1])!r})).safety); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "outside the allow-list: torch.nn.modules.linear.Linear" in done.stdout
