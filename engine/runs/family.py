"""The order in which lists show runs: the pinned ones first, branches below their parents. Imports no torch."""

from collections.abc import Sequence

from engine.runs.listing import RunSummary


def pinned_first(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """The runs in their order, the pinned ones before the others."""
    return sorted(runs, key=lambda run: not run.pinned)


def family(runs: Sequence[RunSummary], *, by_place: bool = True) -> list[tuple[int, RunSummary]]:
    """The runs as a tree, each with its depth: in the order in which they are given, and below each run its branches,
    in the order in which they left it (`by_place`), or in that in which they are given. A branch whose parent is not
    among them, or that is pinned, stands by itself."""
    there = {run.id for run in runs}
    children: dict[str, list[RunSummary]] = {}
    roots = list[RunSummary]()
    for run in runs:
        if run.parent in there and run.parent != run.id and not run.pinned:
            children.setdefault(run.parent, []).append(run)
        else:
            roots.append(run)
    tree: list[tuple[int, RunSummary]] = []

    def add(run: RunSummary, depth: int) -> None:
        tree.append((depth, run))
        branches = children.get(run.id, [])
        if by_place:
            branches = sorted(branches, key=lambda one: (one.parent_epoch, one.parent_step, one.started))
        for child in branches:
            add(child, depth + 1)

    for run in roots:
        add(run, 0)
    return tree
