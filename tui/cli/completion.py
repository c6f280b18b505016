"""The script that completes commands, options and runs in a shell. shtab writes it from the parser; what it can't know
is added here: which arguments are files, the choices of settings, and the runs there are when tab is pressed."""

import argparse

import shtab

from engine.training.settings import SETTINGS
from tui.cli.command import Parser

FILES = ("FILE", "OTHER", "OUT")
FOLDERS = ("DIR",)
# Each asks the program, for the home folder that is named on the line, if one is.
PREAMBLE = {
    "bash": r"""
_fmnist_tui_runs() {
  local home=() index
  for ((index = 1; index < COMP_CWORD; index++)); do
    if [[ "${COMP_WORDS[index]}" == --home ]]; then
      [[ "${COMP_WORDS[index + 1]}" == "=" ]] && ((index++))
      home=(--home "${COMP_WORDS[index + 1]}")
    fi
  done
  compgen -W "$("${COMP_WORDS[0]}" completion --runs ${home[@]+"${home[@]}"} 2>/dev/null)" -- "$1"
}
""",
    "zsh": r"""
_fmnist_tui_runs() {
  local -a home line runs
  line=(${(z)LBUFFER})  # `words` begins at the command
  local index=${line[(I)--home(=*|)]}
  if (( index )); then
    [[ ${line[index]} == *=* ]] && home=(--home ${(Q)line[index]#--home=}) || home=(--home ${(Q)line[index + 1]})
  fi
  runs=(${(f)"$(fmnist-tui completion --runs $home 2>/dev/null)"})
  compadd -V runs -a runs
}
""",
    "fish": r"""
function _fmnist_tui_runs
  set -l tokens (commandline -opc)
  set -l home
  for index in (seq (count $tokens))
    switch $tokens[$index]
      case --home
        set home --home $tokens[(math $index + 1)]
      case '--home=*'
        set home --home (string replace -- --home= '' $tokens[$index])
    end
  end
  fmnist-tui completion --runs $home 2>/dev/null
end
""",
}

RUNS = {
    "bash": "_fmnist_tui_runs",
    "zsh": "_fmnist_tui_runs",
    "fish": "(_fmnist_tui_runs)",
    "preamble": PREAMBLE,
}


def script(parser: Parser, shell: str) -> str:
    """For a shell of `PREAMBLE`. The parser can't be used for anything else any more."""
    _mark(parser)
    return shtab.complete(parser, shell=shell)


def _mark(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _mark(command)
        elif action.metavar == "RUN":
            action.complete = RUNS  # type: ignore[attr-defined]
        elif action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.nargs != 0 and action.dest in SETTINGS and SETTINGS[action.dest].choices:
            action.choices = list(SETTINGS[action.dest].choices)
