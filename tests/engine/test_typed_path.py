"""Paths as they are typed and pasted."""

import os
import shlex
from pathlib import Path
from urllib.parse import quote

import pytest

from engine.sources import WeightsFile, parse
from engine.typed_path import typed_path
from engine.weights.key_mapping import KeyMapping, file_and_mapping

NAMES = (
    "best model-val_loss=0.31.ckpt",
    "w.pt",
    "two  spaces.pth",
    "epoch=3-step=100.ckpt",
    "it's (1) [x] & y.pt",
    'say "hi".pt',
    "a\\b.pt",
    "100%.safetensors",
    "änderung.pt",
    "module.",
    "cnn=0.3.pt",
    "section:a b.pt",
)


def made(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(b"x")
    return path


def escaped(text: str) -> str:
    return "".join(f"\\{one}" if one in " '\"()[]&\\" else one for one in text)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("more", ["", " module.", " --strip module. new.a=old.a", " section:ema without:x"])
def test_every_spelling_of_a_file_and_the_mapping_after_it(tmp_path: Path, name: str, more: str) -> None:
    path = made(tmp_path, name)
    _, wanted = file_and_mapping(f"w{more}")
    spellings = [str(path), escaped(str(path)), f"file://{quote(str(path))}", f"file://localhost{quote(str(path))}"]
    spellings += [f"{mark}{path}{mark}" for mark in "'\"" if mark not in name]
    for spelling in spellings:
        for text in (f"{spelling}{more}", f"  {spelling}{more}\n", f"{spelling}{more}\r\n"):
            assert file_and_mapping(text) == (path, wanted), text
    assert file_and_mapping(f"{path} {wanted}".strip()) == (path, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_source_and_goes_on_without_the_file(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path, name)
    assert parse(str(path)) == WeightsFile(path)
    assert parse(f"mlp={path}") == WeightsFile(path, model="mlp")
    assert parse(f"mlp='{path}' module.") == WeightsFile(path, KeyMapping("module."), "mlp") or "'" in name
    monkeypatch.chdir(tmp_path)
    assert parse(name) == WeightsFile(Path(name))


def test_the_longest_beginning_that_is_a_file_is_the_file(tmp_path: Path) -> None:
    short, long = made(tmp_path, "a"), made(tmp_path, "a new.x=old.x")
    assert file_and_mapping(f"{short} new.x=old.x") == (long, KeyMapping())
    assert file_and_mapping(f"{short} new.y=old.y") == (short, KeyMapping(renames=(("new.y", "old.y"),)))
    assert file_and_mapping(f"{long} new.y=old.y") == (long, KeyMapping(renames=(("new.y", "old.y"),)))


@pytest.mark.parametrize(
    ("text", "path", "mapping"),
    [
        ("best model-val_loss=0.31.ckpt", "best model-val_loss=0.31.ckpt", KeyMapping()),
        ("gone file.pt module.", "gone file.pt", KeyMapping("module.")),
        ("'gone file' a.b=c.d", "gone file", KeyMapping(renames=(("a.b", "c.d"),))),
        ("file:///gone%20file.pt", "/gone file.pt", KeyMapping()),
        ("gone\\ file.pt net.", "gone file.pt", KeyMapping("net.")),
        ("~nosuchuserhere/w.pt", "~nosuchuserhere/w.pt", KeyMapping()),
    ],
)
def test_a_file_that_is_not_there_is_named_whole(text: str, path: str, mapping: KeyMapping) -> None:
    assert file_and_mapping(text) == (Path(path), mapping)


@pytest.mark.parametrize("text", ["", " ", "\0", "'", "''", "file:", "file://[x", "\\", "a" * 5000, "x " * 3000])
def test_anything_is_a_path_that_is_not_there(text: str) -> None:
    assert isinstance(typed_path(text), Path)
    assert file_and_mapping(text)[1] == KeyMapping() or "x" in text


def test_a_file_whose_name_has_quotes_or_a_line_end_is_itself(tmp_path: Path) -> None:
    for name in ("'w.pt'", '"w.pt"', " w.pt", "w.pt\n", "file:w"):
        path = made(tmp_path, name)
        assert typed_path(str(path)) == path
        assert typed_path(os.path.relpath(path)) == Path(os.path.relpath(path))


@pytest.mark.parametrize("name", ["it's.pt", "it's (1) of 'two'.pt", "a b.pt"])
def test_a_name_with_apostrophes_as_a_shell_quotes_it(tmp_path: Path, name: str) -> None:
    path = made(tmp_path, name)
    assert typed_path(shlex.quote(str(path))) == path
    escaped_quote = str(path).replace("'", r"'\''")
    assert typed_path(f"'{escaped_quote}'") == path
