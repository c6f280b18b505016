"""What people say of runs, and which they delete: `rename`, `note`, `tag`, `hide`, `pin`, `delete`, `disk`, `prune`."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ConfigError, RunError
from engine.terminal_text import argument_text, shown
from tui.cli import run_rows
from tui.cli.command import RUN, Commands, Parser, add_run, home_of
from tui.cli.output import DONE, FAILED, ask, complain, console, say, say_json, say_text, tell

if TYPE_CHECKING:
    from engine.home import RunFolder
    from engine.runs.deletion import Plan, Pruned
    from engine.runs.listing import RunSummary

_SAID = {"hide": "hidden", "unhide": "not hidden any more", "pin": "pinned", "unpin": "not pinned any more"}
_AGES = {"min": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    rename = commands.add("rename", _rename, "give a run or a group another name", "rename last baseline")
    rename.add_argument("which", metavar="RUN", help=f"{RUN}; or a group's name or id")
    rename.add_argument("name", metavar="NAME", type=argument_text, help="the new name; empty: none, it has its id")

    note = commands.add("note", _note, "print the note of a run, or write one", "note last 'diverged; try lr=1e-4'")
    add_run(note)
    how = note.add_mutually_exclusive_group()
    how.add_argument(
        "text", metavar="TEXT", nargs="?", type=argument_text, help="the new note; - reads it from stdin; empty: none"
    )
    how.add_argument("--edit", action="store_true", help="write it in $VISUAL or $EDITOR")

    tag = commands.add("tag", _tag, "print the tags of a run, add some, take some away", "tag last +paper -draft")
    add_run(tag)
    tag.add_argument(
        "tags", metavar="+TAG", nargs=argparse.REMAINDER,
        help="a tag to add, with + before it or without, or with - before it to take away; options stand before RUN",
    )  # fmt: skip

    for name, summary in (
        ("hide", "leave runs out of the lists; runs --all shows them"),
        ("unhide", "show hidden runs in the lists again"),
        ("pin", "let runs stand first in the lists"),
        ("unpin", "let pinned runs stand with the others again"),
    ):
        made = commands.add(name, _mark, summary, f"{name} last")
        _add_runs(made)
        made.set_defaults(command=name)

    delete = commands.add("delete", _delete, "delete runs; says first what goes, and asks", "delete last --yes")
    _add_runs(delete)
    _add_yes(delete)
    delete.add_argument("--now", action="store_true", help="for good, at once (default: undelete has it for a day)")
    delete.add_argument(
        "--json", action="store_true", help="print what goes as a JSON object; without --yes, all stays"
    )

    undelete = commands.add(
        "undelete", _undelete, "bring back a run that was deleted within a day, or list those", "undelete baseline"
    )
    undelete.add_argument(
        "which", nargs="*", metavar="DELETED", help="the beginning of its id, or its name (default: list them)"
    )

    disk = commands.add("disk", _disk, "show what runs take on the disk, the largest first", "disk --sort age")
    disk.add_argument("--sort", choices=("size", "age"), default="size", help="age: the oldest first (default: size)")
    _add_filter(disk)
    disk.add_argument("--json", action="store_true", help="as a JSON object")

    prune = commands.add(
        "prune", _prune, "delete old runs, or their checkpoints; shows what goes, and does it with --yes",
        "prune --older-than 30d --checkpoints-only",
    )  # fmt: skip
    prune.add_argument(
        "--older-than", type=_age, metavar="TIME", help="runs that last trained before that, such as 12h, 30d or 8w"
    )
    _add_filter(prune)
    prune.add_argument(
        "--keep-pinned", action=argparse.BooleanOptionalAction, default=True,
        help="leave pinned runs as they are (default: yes)",
    )  # fmt: skip
    prune.add_argument(
        "--checkpoints-only", action="store_true", help="keep the runs, and of each the newest checkpoint and the best"
    )
    prune.add_argument(
        "--keep", type=_count, default=None, metavar="N", help="with --checkpoints-only: keep the newest N (default: 1)"
    )
    _add_yes(prune)
    prune.add_argument("--json", action="store_true", help="print what goes as a JSON object")


def _add_runs(parser: Parser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="+", help=RUN)


def _add_yes(parser: Parser) -> None:
    parser.add_argument("--yes", action="store_true", help="do it without a question")


def _add_filter(parser: Parser) -> None:
    parser.add_argument(
        "--filter", type=argument_text, metavar="TEXT", default="", help="only the runs that pass it, as in runs"
    )


def _age(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s*(min|h|d|w)", text.strip(), re.ASCII)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give one such as 12h, 30d or 8w")
    return float(found[1]) * _AGES[found[2]]


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of checkpoints, 1 or more")
    return int(text)


# What is said of runs


def _rename(options: argparse.Namespace) -> int:
    from tui.cli.renaming import rename

    return rename(home_of(options), options.which, options.name)


def _note(options: argparse.Namespace) -> int:
    from engine.runs import meta, store

    folder = store.find(home_of(options), options.which)
    before = meta.read(folder).note
    if options.edit:
        from tui import editor

        text = editor.edited(before, name=folder.id)
    elif options.text is None:
        if before:
            say_text(before)
        else:
            tell(f"{folder.id} has no note")
        return DONE
    else:
        text = _stdin() if options.text == "-" else options.text
    after = meta.change(folder, note=text).note
    what = "no note any more" if not after else "the note is as it was" if after == before else "the note is kept"
    say(f"{folder.id}: {what}")
    return DONE


def _stdin() -> str:
    from engine.runs.meta import MOST_BYTES

    return sys.stdin.buffer.read(MOST_BYTES).decode("utf-8", "replace")


def _tag(options: argparse.Namespace) -> int:
    from engine.runs import meta, store

    if option := next((word for word in options.tags if word.startswith("--")), ""):
        raise ConfigError("tags", f"{option}: options stand before RUN: fmnist-tui tag {option} … RUN +TAG")
    folder = store.find(home_of(options), options.which)
    add, remove = meta.typed_tags([argument_text(word) for word in options.tags])
    tags = meta.change(folder, add=add, remove=remove).tags if options.tags else meta.read(folder).tags
    say(f"{folder.id}: {' '.join(tags) or 'no tags'}")
    return DONE


def _mark(options: argparse.Namespace) -> int:
    from engine.runs import meta

    hidden = {"hide": True, "unhide": False}.get(options.command)
    pinned = {"pin": True, "unpin": False}.get(options.command)
    for folder in _folders(options):
        meta.change(folder, hidden=hidden, pinned=pinned)
        say(f"{folder.id}: {_SAID[options.command]}")
    return DONE


# Deleting


def _folders(options: argparse.Namespace) -> "list[RunFolder]":
    """Those that are meant, each once, also such that can't be read."""
    from engine.runs import trash

    home = home_of(options)
    return list(dict.fromkeys(trash.resolve(home, text) for text in options.runs))


def _delete(options: argparse.Namespace) -> int:
    from engine.runs import deletion, trash
    from tui.deletion_text import about, counted, refused

    folders = _folders(options)
    every = _rows(home_of(options))
    plan = deletion.plan([run for run in every if run.folder in folders], every)
    if plan.refused:
        raise RunError("; ".join(refused(plan)))
    act = options.yes or (
        not options.json and _asked(f"Delete {counted(one.run for one in plan.doomed)}?", about(plan))
    )
    problems = list[str]()
    if act:
        if options.now:
            problems = trash.delete_now(plan.folders)
        else:
            trash.Trash(home_of(options)).delete(plan.folders)
            trash.sweep(home_of(options))
    if options.json:
        say_json({"done": bool(act), **_plan_json(plan)})
    elif act:
        way_back = "" if options.now else f"; for a day: fmnist-tui undelete {plan.folders[0].id}"
        say(f"deleted {counted(one.run for one in plan.doomed)}{way_back}")
    else:
        say("nothing is deleted")
    return _ended(problems)


def _asked(question: str, lines: Sequence[str]) -> bool:
    """Say what it is about, and ask. Raises ConfigError where nobody can answer."""
    for line in lines:
        say(line, flush=True)
    if not sys.stdin.isatty():
        raise ConfigError("yes", "nobody is here to ask: add --yes to do it")
    return ask(question)


def _ended(problems: Sequence[str]) -> int:
    for problem in problems:
        complain(problem)
    return FAILED if problems else DONE


def _undelete(options: argparse.Namespace) -> int:
    from engine.home import RunFolder
    from engine.runs import store, trash

    home = home_of(options)
    if options.which:
        for one in [trash.find(home, argument_text(text)) for text in options.which]:
            say(f"{trash.bring_back(one).id} is back")
        return DONE
    every = trash.contents(home)
    for one in every:
        title = store.title(RunFolder(one.place))
        say(f"{one.folder.id} {title if title != one.folder.id else ''}".rstrip())
    if not every:
        say("the trash is empty")
    return DONE


def _rows(home: Path) -> "list[RunSummary]":
    from engine.queue.shown import read, with_queue

    return with_queue(run_rows.read(home)[0], read(home))


def _plan_json(plan: "Plan") -> dict[str, Any]:
    runs = [
        {
            "id": one.run.id, "name": one.run.name, "folder": str(one.run.folder), "bytes": one.usage.bytes,
            "freed": one.usage.freed, "branches": [branch.id for branch in one.branches],
        }
        for one in plan.doomed
    ]  # fmt: skip
    return {"runs": runs, "bytes": plan.usage.bytes, "freed": plan.usage.freed}


# Room on the disk


def _disk(options: argparse.Namespace) -> int:
    from engine.home import RunFolder
    from engine.runs import disk, run_filter, trash
    from tui import format as fmt

    wanted, home = run_filter.parse(options.filter), home_of(options)
    found = [run for run in _rows(home) if wanted.passes(run)]
    rows = [(run, disk.usage(run.folder), disk.trained_last(run.folder)) for run in found]
    rows.sort(key=lambda row: row[2] if options.sort == "age" else -row[1].bytes)
    every, in_trash = disk.usage(*(run.folder for run in found)), trash.contents(home)
    trashed = disk.usage(*(RunFolder(one.place) for one in in_trash))
    if options.json:
        runs = [
            {
                "id": run.id, "name": run.name, "state": run.state, "folder": str(run.folder), "bytes": usage.bytes,
                "checkpoints": usage.checkpoints, "freed": usage.freed, "trained": trained, "pinned": run.pinned,
            }
            for run, usage, trained in rows
        ]  # fmt: skip
        say_json({"runs": runs, "bytes": every.bytes, "trash": trashed.bytes})
        return DONE
    if rows:
        _print_disk(rows)
    say(f"{fmt.counted(len(rows), 'run')}, {fmt.size(every.bytes)}")
    if in_trash:
        say(f"deleted within a day: {fmt.counted(len(in_trash), 'run')}, {fmt.size(trashed.bytes)}")
    return DONE


def _print_disk(rows: "Sequence[tuple[RunSummary, Any, float]]") -> None:
    import time

    from rich.table import Table

    from tui import format as fmt

    table = Table(box=None, pad_edge=False)
    for heading, side in (("run", "left"), ("size", "right"), ("checkpoints", "right"), ("gives back", "right")):
        table.add_column(heading, overflow="fold", justify="right" if side == "right" else "left")
    table.add_column("trained last", justify="right")
    table.add_column("state")
    now = time.time()
    for run, usage, trained in rows:
        name = f"{run.id} {run.name}".strip()
        sizes = [fmt.size(count) for count in (usage.bytes, usage.checkpoints, usage.freed)]
        state = f"{run.state_words}{', pinned' if run.pinned else ''}"
        table.add_row(*map(shown, (name, *sizes, fmt.age(now - trained) if trained else fmt.NOTHING, state)))
    console(width=None if sys.stdout.isatty() else 200).print(table)


def _prune(options: argparse.Namespace) -> int:
    from engine.runs import deletion, run_filter

    if options.older_than is None and not options.filter.strip():
        raise ConfigError("older_than", "prune which runs? Such as --older-than 30d, or --filter 'tag:old'")
    if options.keep is not None and not options.checkpoints_only:
        raise ConfigError("keep", "--keep says how many checkpoints stay: add --checkpoints-only")
    wanted, every = run_filter.parse(options.filter), _rows(home_of(options))
    chosen = [run for run in every if wanted.passes(run) and not (options.keep_pinned and run.pinned)]
    if options.older_than is not None:
        chosen = deletion.old(chosen, options.older_than)
    if options.checkpoints_only:
        return _prune_checkpoints(options, chosen)
    return _prune_runs(options, deletion.plan(chosen, every))


def _prune_runs(options: argparse.Namespace, plan: "Plan") -> int:
    from engine.runs import trash
    from tui.deletion_text import about, counted

    problems = trash.delete_now(plan.folders) if options.yes else []
    if options.json:
        say_json({"done": options.yes, **_plan_json(plan)})
        return _ended(problems)
    if not options.yes or plan.refused:
        for line in about(plan):
            say(line)
    if not plan.doomed:
        say("no run to delete")
    elif options.yes:
        say(f"deleted {counted(one.run for one in plan.doomed)}")
    else:
        say(f"nothing is deleted yet: --yes deletes {counted(one.run for one in plan.doomed)} for good")
    return _ended(problems)


def _prune_checkpoints(options: argparse.Namespace, chosen: "Sequence[RunSummary]") -> int:
    from engine.runs import deletion
    from tui import format as fmt
    from tui.deletion_text import named

    keep = options.keep or 1
    pruned = deletion.plan_checkpoints(chosen, keep)
    freed, count = sum(one.freed for one in pruned), sum(len(one.entries) for one in pruned)

    def told(one: "Pruned") -> None:
        if not options.json:
            say(f"{named(one.run)}: {fmt.counted(len(one.entries), 'checkpoint')}, {fmt.size(one.freed)}")

    if options.yes:
        deletion.prune_checkpoints(pruned, keep, told)
    else:
        for one in pruned:
            told(one)
    if options.json:
        runs = [
            {"id": one.run.id, "name": one.run.name, "files": [entry.file for entry in one.entries], "freed": one.freed}
            for one in pruned
        ]
        say_json({"done": options.yes, "runs": runs, "freed": freed})
    elif not pruned:
        say("no checkpoint to delete")
    else:
        what = f"{fmt.counted(count, 'checkpoint')}, {fmt.size(freed)}"
        say(f"deleted: {what}" if options.yes else f"nothing is deleted yet: --yes deletes {what} for good")
    return DONE
