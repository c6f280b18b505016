"""Texts of other people's in a real terminal: whatever a run, a file, a data set or a document says, no byte of it
commands the terminal, and none turns the direction of writing or has no width."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from engine.home import Home
from engine.runs import store
from engine.training import event_json
from engine.training import events as ev
from tests.engine.training.test_events import EVENTS
from tests.support.hostile import checkpoint, holding, named, reduced, tensor, text
from tests.support.images import tree
from tests.support.made_up import MadeUpRun
from tests.support.terminal import PROGRAM, Terminal

pytestmark = pytest.mark.slow

MARK = "GOTCHA"
# Titles, clipboard, device control, C1, line ends, bells, marks that turn the writing, characters without a width.
POISON = (
    f"{MARK}\x1b]0;{MARK}\x07\x1b]52;c;R09UQ0hB\x07\x1b[77;77H\x1bP{MARK}\x1b\\\x9b77m\x9d0;{MARK}\x9c\x85\r\n\x0b\x0c"
    f"\x08\x7f\u202e{MARK}\u2066\u200b\u200d\u2028\ufeff\U000e0041"
)
IN_A_PATH = POISON.replace("/", "").replace("\n", "")
MEANT_BY_NOBODY = [
    *(f"{start}{MARK}".encode() for start in ("\x1b]0;", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\u202e")),
    *(f"{MARK}{end}".encode() for end in ("\x07", "\r", "\n", "\x08", "\x7f")),
    b"\x1b]52;", b"\x1b[77;77H", "\x9b".encode(), "\x9d".encode(), "\x9c".encode(), "\x85".encode(), b"\x0b", b"\x0c",
    *(sign.encode() for sign in "\u202e\u2066\u200b\u200d\u2028\ufeff\U000e0041"),
]  # fmt: skip


def poisoned(value: Any) -> Any:
    """JSON with the poison in place of each of its texts, and in each of its keys that hold something else than texts
    that this program knows."""
    match value:
        case str():
            return POISON
        case list():
            return [poisoned(one) for one in value]
        case dict():
            return {key: poisoned(one) for key, one in value.items()} | {POISON: POISON}
        case _:
            return value


def poisoned_run(home: Path, run_id: str, known: Mapping[str, Any]) -> None:
    """A run whose every text is poison, but for those that say what it is, without which nothing of it would be shown:
    `known`, of its settings."""
    run = MadeUpRun(home, run_id, dead=True)
    content = json.loads(run.folder.run_json.read_text())
    config: dict[str, Any] = {name: poisoned(value) for name, value in content["config"].items()} | dict(known)
    parent = {"run": POISON, "file": POISON, "epoch": 1, "step": 2, "sha256": POISON, "own": True, "changes": {"lr": 1}}
    facts = poisoned({"environment": {"python": "3"}, "versions": {"torch": "2"}, "dataset": {"title": "x"}})
    facts |= {"name": POISON, "config": config, "parent": parent, "device": POISON}
    store.write_run(run.folder, content | facts)
    lines = list[str]()
    for event in [*EVENTS[:-1], *EVENTS[:-1], EVENTS[-1]]:
        body = json.loads(event_json.encode(event))
        changed = {key: value if key == "kind" else poisoned(value) for key, value in body.items()}
        if isinstance(event, ev.RunStarted | ev.Resumed):
            changed["config"] = config
        if isinstance(event, ev.RunStarted):
            changed["dataset"] |= {"classes": [POISON] * 2, "notes": [POISON]}
        if isinstance(event, ev.LayerStats):
            changed["parameters"] = {POISON: body["parameters"]["a.weight"]}
            changed["activations"] = {POISON: body["activations"]["a"]}
        lines.append(json.dumps(changed | {"seq": len(lines) + 1, "t": 1000.0 + len(lines)}))
    run.folder.events.write_text("\n".join(lines) + "\n")
    manifest = {"v": 1, "checkpoints": [{"file": POISON, "epoch": 1, "step": 5, "bytes": 10, "sha256": POISON}]}
    run.folder.checkpoints.mkdir(exist_ok=True)
    (run.folder.checkpoints / "manifest.json").write_text(json.dumps(manifest))
    run.folder.host_log.write_text(POISON)


def weights(folder: Path) -> list[Path]:
    """Files of weights whose names, values and imports are poison."""
    folder.mkdir()
    one = torch.ones(2, 2)
    torch.save({POISON: one, "state_dict": {f"{POISON}.weight": one}, "note": POISON, 5: [POISON]}, folder / "plain.pt")
    one_line = POISON.replace("\n", "")
    pickled = holding(**{POISON: tensor((2, 2), (2, 1)), "x": reduced(named(f"{one_line}.{one_line}"), text(POISON))})
    checkpoint(pickled, folder / "imports.pt")
    checkpoint(pickled[:-2] + b"\xff", folder / "damaged.pt")
    save_file({POISON: np.ones(3, np.float32)}, folder / "safe.safetensors", metadata={POISON: POISON})
    torch.save({"a": torch.ones(2)}, folder / f"{IN_A_PATH}.pt")
    (folder / "index.index.json").write_text(json.dumps({"weight_map": {POISON: POISON}, "metadata": {POISON: POISON}}))
    return sorted(folder.iterdir())


def document(folder: Path) -> Path:
    """A notebook with poison in its cells, outputs, metadata and error."""
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": POISON},
        {"output_type": "execute_result", "data": {"text/plain": POISON}, "metadata": {}, "execution_count": 1},
        {"output_type": "error", "ename": POISON, "evalue": POISON, "traceback": [POISON, POISON]},
    ]
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": f"# {POISON}\n\n{POISON} [{POISON}]({POISON})"},
        {"cell_type": "code", "id": "b", "metadata": {}, "source": f"print({POISON!r})\n# {POISON}", "outputs": outputs,
         "execution_count": 1},
        {"cell_type": "raw", "id": "c", "metadata": {}, "source": POISON},
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": POISON, "display_name": POISON}, "title": POISON}
    path = folder / "some.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}))
    return path


def check(raw: bytes) -> None:
    """Nothing of the poison came through, though its words did."""
    for one in MEANT_BY_NOBODY:
        at = raw.find(one)
        assert at < 0, f"{one!r} is there: {raw[max(0, at - 60) : at + 60]!r}"


@pytest.fixture
def place(home: Path, tmp_path: Path) -> Path:
    """A home with poisoned runs, and beside it files, images and a document."""
    poisoned_run(home, "20260101-101010-aaaa", {"model": "mlp", "dataset": "demo", "optimizer": "sgd"})
    poisoned_run(home, "20260101-111111-bbbb", {})
    weights(tmp_path / "weights")
    tree(tmp_path / "images", ["good", IN_A_PATH[:60]], count=3)
    document(tmp_path)
    return tmp_path


def test_what_the_app_shows(home: Path, place: Path) -> None:
    images = f"folder:{place / 'images'}"
    with Terminal([PROGRAM, "--home", str(home), "--dataset", images], columns=140, rows=45) as terminal:
        terminal.wait_for(MARK)
        for screen, appears in (("3", "2 runs"), ("4", "Modules/par"), ("5", "Open a path"), ("6", "Open")):
            terminal.press(screen)
            terminal.wait_for(appears)
            terminal.fall_silent(1)
            terminal.press("?")
            terminal.wait_for("This screen")
            terminal.press("escape")
            terminal.wait_for(lambda text: "This screen" not in text)
            terminal.fall_silent(0.5)  # an escape and a digit at once would be one key
        terminal.press("3")
        terminal.wait_for("2 runs")
        for _ in range(2):
            terminal.press("enter")
            terminal.wait_for("Confusion: true")
            terminal.fall_silent(1)
            terminal.press("3")
            terminal.wait_for("N New run")
            terminal.press("down")
            terminal.fall_silent(0.5)
        terminal.press("q")
        assert terminal.exit_code() == 0
        raw = bytes(terminal.raw)
    assert raw.count(MARK.encode()) > 10
    check(raw)


def test_what_the_app_shows_of_files_and_documents(home: Path, place: Path) -> None:
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], columns=140, rows=45) as terminal:
        terminal.wait_for("Enlarge")
        terminal.press("5")
        terminal.wait_for("Open a path")
        for path in sorted((place / "weights").iterdir()):
            if path.name.isprintable():
                terminal.press("o")
                terminal.wait_for("Open which file?")
                terminal.press(*str(path), "enter")
                terminal.wait_for(f"/{path.name}")
                terminal.fall_silent(1.5)
                terminal.press("v", "v", "v", "v")
                terminal.fall_silent(0.5)
                terminal.press("escape")
                terminal.wait_for("Open a path")
        raw = bytes(terminal.raw)
        assert raw.count(MARK.encode()) > 10
        terminal.press("6")
        terminal.wait_for("Open")
        terminal.press("o")
        terminal.fall_silent(0.5)
        terminal.press(*str(place / "some.ipynb"), "enter")
        terminal.wait_for("[1]")
        terminal.fall_silent(1)
        terminal.press("down", "down")
        terminal.fall_silent(1)
        terminal.press("q")
        raw = bytes(terminal.raw)
    check(raw)


def test_what_commands_print(home: Path, place: Path) -> None:
    files = sorted((place / "weights").iterdir())
    commands = [
        ["runs"], ["runs", "--json"], ["runs", "--filter", POISON], ["stop", POISON], ["resume", "20260101-1010"],
        ["resume", "20260101-1010", POISON], ["branch", "20260101-1010", f"model={POISON}"], ["model", POISON],
        ["data", "--dataset", f"folder:{place / 'images'}"], ["data", "--dataset", POISON],
        ["train", "--name", POISON], ["train", "--model", POISON], ["train", "--dataset", POISON],
        ["inspect", POISON], ["eval", POISON], ["convert", str(files[0]), str(place / POISON)],
        ["lab"], ["lab", "run", POISON],
        *(["inspect", str(path)] for path in files), *(["inspect", "--json", str(path)] for path in files),
        ["inspect", str(place / "weights" / "plain.pt"), "--values", POISON],
        ["inspect", str(place / "weights" / "plain.pt"), "--diff", str(place / "weights" / "imports.pt")],
        ["eval", str(place / "weights" / "plain.pt"), "--model", "mlp", "--dataset", "demo"],
        ["lab", "run", str(place / "some.ipynb")],
    ]  # fmt: skip
    said = 0
    for command in commands:
        with Terminal([PROGRAM, "--home", str(home), *command], columns=140, draw=False) as terminal:
            assert terminal.exit_code() in (0, 1, 2), command
            raw = bytes(terminal.raw).replace(b"\r\n", b"\x00")
        said += MARK.encode() in raw
        check(raw)
    assert said > len(commands) // 2
    assert "20260101-101010-aaaa" in {folder.name for folder in Home(home).runs.iterdir()}
