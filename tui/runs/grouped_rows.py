"""The rows of *Runs*: runs, their branches below them, and groups, which are one row until they are unfolded."""

from collections.abc import Collection, Mapping, Sequence

from engine.runs.groups import Group
from engine.runs.listing import RunSummary

Entry = tuple[int, RunSummary | Group]  # how far it stands in, in levels
KEY = "group "  # before the id of a group, in the key of its row


def key_of(group: Group) -> str:
    """The key of a group's row."""
    return KEY + group.id


def of_two(groups: Sequence[Group]) -> dict[str, Group]:
    """The groups of which at least two runs are shown, by their ids: one run needs no row above it."""
    return {group.id: group for group in groups if len(group.runs) > 1}


def arranged(
    tree: Sequence[tuple[int, RunSummary]], groups: Mapping[str, Group], unfolded: Collection[str]
) -> list[Entry]:
    """The rows. `tree`: the runs with their depths, each followed by its branches. A group stands where the first of
    its runs would; below it, where it is unfolded, its runs in the order of their seeds, and always their branches."""
    places = {run.id: at for at, (_, run) in enumerate(tree)}
    rows: list[Entry] = []
    placed: set[str] = set()
    at = 0
    while at < len(tree):
        depth, run = tree[at]
        group = groups.get(run.group)
        if group is None:
            rows.append((depth, run))
            at += 1
            continue
        if group.id not in placed:
            placed.add(group.id)
            rows.append((depth, group))
            for member in group.runs:
                rows += _below(tree, places[member.id], depth + 1, with_run=group.id in unfolded)
        at = _end(tree, at)
    return rows


def _below(tree: Sequence[tuple[int, RunSummary]], start: int, depth: int, *, with_run: bool) -> list[Entry]:
    """A run and its branches, the run itself only `with_run`, so far in."""
    shift = depth - tree[start][0] - (not with_run)  # without it, its branches stand where it would
    rows: list[Entry] = [(depth, tree[start][1])] if with_run else []
    rows += [(was + shift, run) for was, run in tree[start + 1 : _end(tree, start)]]
    return rows


def _end(tree: Sequence[tuple[int, RunSummary]], start: int) -> int:
    """Behind the last branch of the run there."""
    end = start + 1
    while end < len(tree) and tree[end][0] > tree[start][0]:
        end += 1
    return end
