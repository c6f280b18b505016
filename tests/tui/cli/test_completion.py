"""Completion in a shell: commands, options, the choices of settings, and the runs that there are."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.terminal import PROGRAM
from tools.docs import commands
from tui.cli import completion, main
from tui.cli.config_commands import SHELLS
from tui.cli.parser import make_parser


def run(home: Path, run_id: str, name: object) -> None:
    folder = home / "runs" / run_id
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"id": run_id, "name": name}))


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main.main(["completion", "--runs", *arguments]) == 0
    out, err = capsys.readouterr()
    assert not err
    return out.splitlines()


def test_the_runs_are_told_newest_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(home, "20260101-000000-aaaa", "fast")
    run(home, "20260102-000000-bbbb", "")
    run(home, "20260103-000000-cccc", "fast")
    assert told(capsys) == [
        "last",
        "fast",
        "20260103-000000-cccc",
        "20260102-000000-bbbb",
        "20260101-000000-aaaa",
    ]


@pytest.mark.parametrize("name", ["$(touch pwned)", "a b", "`id`", "-x", "a\nb", "a;b", "\x1b[31m", 3, ["a"], None])
def test_a_name_that_a_shell_would_act_on_is_not_told(
    home: Path, capsys: pytest.CaptureFixture[str], name: object
) -> None:
    run(home, "20260101-000000-aaaa", name)
    assert [word for word in told(capsys) if word != "3"] == ["last", "20260101-000000-aaaa"]


def test_what_can_not_be_read_is_left_out(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys) == []
    run(home, "20260101-000000-aaaa", "good")
    (home / "runs" / "20260102-000000-bbbb").mkdir()
    (home / "runs" / "20260103-000000-cccc").mkdir()
    (home / "runs" / "20260103-000000-cccc" / "run.json").write_text("[" * 90_000)
    assert told(capsys)[:2] == ["last", "good"]
    assert told(capsys, "--home", str(home / "nothing")) == []
    assert told(capsys, "--home", "~nosuchuser/x") == []


def test_a_tab_imports_next_to_nothing() -> None:
    code = "import sys; from tui.cli.main import main; main(['completion', '--runs']); print(sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("'torch'", "'textual'", "'numpy'", "'rich'", "'tui.cli.parser'", "'engine.training.settings'"):
        assert heavy not in out


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_has_every_command(shell: str, tmp_path: Path) -> None:
    parser = make_parser()
    script = completion.script(parser, shell)
    for name in commands(parser):
        assert name in script
    assert "_fmnist_tui_runs" in script
    assert script.replace("\n", "").isprintable()  # `say_text` changes nothing in it
    if shutil.which(shell):
        file = tmp_path / "script"
        file.write_text(script)
        subprocess.run([shell, "-n", file], check=True)


def test_bash_completes_commands_options_choices_and_runs(home: Path, tmp_path: Path) -> None:
    run(home, "20260101-000000-aaaa", "fast")
    script = tmp_path / "script"
    script.write_text(completion.script(make_parser(), "bash"))
    ask = (
        'source "$0"; for line in "$@"; do read -ra COMP_WORDS <<< "$line"; [[ $line == *" " ]] && COMP_WORDS+=(""); '
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _shtab_fmnist_tui; echo "${COMPREPLY[@]}"; done'
    )
    lines = {
        f"{PROGRAM} ver": "verify-resume",
        f"{PROGRAM} train --optimi": "--optimizer",
        f"{PROGRAM} train --optimizer ": "sgd adam adamw rmsprop muon",
        f"{PROGRAM} watch fa": "fast",
        f"{PROGRAM} --home {tmp_path}/nothing stop ": "",
        f"{PROGRAM} inspect {script}": str(script),
    }
    bash = shutil.which("bash") or pytest.skip("needs bash")
    out = subprocess.run([bash, "-c", ask, script, *lines], capture_output=True, text=True, env=dict(os.environ))
    assert out.stdout.splitlines() == list(lines.values()), out.stderr
