"""Where the program writes: each path has one name in the code."""

import re
from pathlib import Path

import pytest

from engine.errors import PathError
from engine.home import Home, RunFolder, expanded, resolve

ROOT = Path(__file__).parents[2]
HOME = Path("/somewhere/home")
PATHS = {
    "runs": Home(HOME).runs, "data": Home(HOME).data, "cache": Home(HOME).cache, "trusted.json": Home(HOME).trusted,
    "recent-files.json": Home(HOME).recent_files, "lab-progress.json": Home(HOME).lab_progress,
    "worker.log": Home(HOME).worker_log,
    "fmnist-tui.log": Home(HOME).app_log,
}  # fmt: skip
RUN = Home(HOME).run("20260101-101010-aaaa")
OF_A_RUN = {
    "run.json": RUN.run_json, "host.json": RUN.host_json, "host.log": RUN.host_log, "host.lock": RUN.host_lock,
    "ready-1f.json": RUN.ready("1f"), "state.json": RUN.state_json, "summary.json": RUN.summary_json,
    "control.sock": RUN.control_socket, "events.jsonl": RUN.events, ".reserve": RUN.reserve,
    "checkpoints": RUN.checkpoints, "checkpoints/manifest.json": RUN.manifest,
    "checkpoints/model_weights.pth": RUN.weights, "checkpoints/epoch-0003.pt": RUN.checkpoint("epoch-0003.pt"),
}  # fmt: skip


def test_every_file_is_where_older_versions_look_for_it() -> None:
    assert {name: HOME / name for name in PATHS} == PATHS
    assert {name: HOME / "runs" / "20260101-101010-aaaa" / name for name in OF_A_RUN} == OF_A_RUN


def test_a_run_folder_knows_its_id_its_home_and_its_checkpoints() -> None:
    assert (RUN.id, RUN.home) == ("20260101-101010-aaaa", Home(HOME))
    assert RunFolder.of_checkpoint(RUN.checkpoint("epoch-0003.pt")) == RUN


@pytest.mark.parametrize(
    "name", sorted({path.name for path in (*PATHS.values(), *OF_A_RUN.values())} - {"data", "runs"})
)
def test_no_other_module_spells_a_files_name(name: str) -> None:
    if name in ("cache", "checkpoints", "epoch-0003.pt"):  # words that mean other things too
        spelled = re.compile(rf"""/ ["']{re.escape(name)}["']""")
    else:
        spelled = re.compile(rf"""["'/]{re.escape(name)}["']""")
    modules = [*ROOT.glob("engine/**/*.py"), *ROOT.glob("tui/**/*.py")]
    assert [str(path.relative_to(ROOT)) for path in modules if spelled.search(path.read_text())] in (
        ["engine/home.py"],
        [],  # `checkpoints` has a constant, `epoch-0003.pt` is made up
    )


@pytest.mark.parametrize("text", ["~nosuchuser", "~nosuchuser/x", "~no such/y.pt"])
def test_a_person_who_is_not_known_is_named(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        PathError, match=rf"{text}: no home folder is known for ~no ?such.* \(nobody is called no ?such"
    ):
        expanded(text)
    with pytest.raises(PathError, match="nobody is called"):
        resolve(text)
    (tmp_path / Path(text).parts[0]).touch()
    assert expanded(text) == Path(text)  # a file that is really called so


def test_a_home_folder_stands_for_its_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert expanded("~/x y/z") == Path("/somewhere/x y/z")
    assert expanded("~") == Path("/somewhere")
    assert expanded("a/~/b") == Path("a/~/b")
    assert expanded("") == Path()
    monkeypatch.setenv("HOME", "")
    with pytest.raises(PathError, match="HOME is not set"):
        expanded("~/x")
