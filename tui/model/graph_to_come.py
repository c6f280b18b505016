"""What *Autograd* shows before there is a graph: the leaves that it will grow from, and what it is, by an example."""

from collections.abc import Sequence

from engine.inspection.autograd_requests import AutogradState
from tui import format as fmt
from tui.columns import fit, width_of
from tui.widgets.lines import Line, Lines, padded, wrapped_words

FIRST = "No graph yet: space runs forward."
KEEPS = (
    "Each operation on a tensor that needs a gradient makes a node, the grad_fn of what comes out: from where its "
    "inputs come, and what its derivative needs. backward() goes from the loss back through the nodes to these leaves."
)
EXAMPLE = (
    ("w = torch.tensor(3., requires_grad=True)", ""),
    ("loss = (w + 1) ** 2", "16"),
    ("loss.backward(); w.grad", "8"),
)  # what is written, and what it gives
NODES = (
    ("PowBackward0", "2 · (w + 1) = 8"),
    ("  AddBackward0", "8 · 1 = 8"),
    ("    AccumulateGrad", "w.grad += 8"),
)  # of its graph, from the loss back, and what backward() computes there
GAP = 2


class GraphToCome(Lines):
    """As much as there is room for: first the example goes, then the last leaves."""

    DEFAULT_CSS = "GraphToCome { height: 1fr; width: 1fr; padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._leaves: tuple[tuple[str, str, str], ...] = ()

    def show(self, answer: AutogradState) -> None:
        """Another network or batch."""
        self._leaves = (
            ("X", fmt.shape(answer.shape), "no gradient"),
            *((row.name, fmt.shape(row.shape), "" if row.requires_grad else "frozen") for row in answer.parameters),
        )
        self.repaint(now=True)

    def paint(self, width: int, height: int) -> list[Line]:
        if not self._leaves:
            return []
        words: list[Line] = [[(FIRST, "strong")], [], *([(line, "")] for line in wrapped_words(KEEPS, width))]
        example = _example(width)
        room = height - len(words) - 2  # an empty line and a heading
        if room < 1:
            return words[:height]
        leaves = _leaves(self._leaves, width)
        if len(leaves) > room:
            leaves = [*leaves[: room - 1], [(f"… and {fmt.count(len(leaves) - room + 1)} more", "dim")]]
        lines = [*words, [], [("The leaves", "strong")], *leaves]
        return [*lines, [], *example] if len(lines) + 1 + len(example) <= height else lines


def _leaves(leaves: Sequence[tuple[str, str, str]], width: int) -> list[Line]:
    """A line each: its name, its shape, and what is to be said of its gradient."""
    shapes, notes = width_of([shape for _, shape, _ in leaves]), width_of([note for _, _, note in leaves])
    names = max(8, min(width_of([name for name, _, _ in leaves]), width - shapes - notes - 2 * GAP))
    return [
        [
            (padded(fit(name, names), names + GAP), "dim" if note else "test"),
            (padded(shape, shapes + GAP), ""),
            (note, "dim"),
        ]
        for name, shape, note in leaves
    ]


def _example(width: int) -> list[Line]:
    """An expression of two operations, its graph, and what backward() does there."""
    lines: list[Line] = [[("In small", "strong")]]
    for part in (EXAMPLE, NODES):
        lines += [[]] if part is NODES else []
        left = min(width, width_of([one for one, _ in part]) + GAP)
        lines += [
            [(padded(fit(one, left), left), ""), (fit(gives, max(0, width - left)), "test")] for one, gives in part
        ]
    return lines
