"""A result on the test set, in words."""

from engine.evaluation.requests import Evaluation, EvaluationComparison
from tui.columns import column, cut, width_of
from tui.format import count, counted, percent

MOST_CLASSES = 20  # of which the confusion matrix is shown


def evaluation_text(found: Evaluation) -> str:
    """A result on the test set, in lines."""
    cached = " (computed before)" if found.cached else ""
    lines = [
        f"{found.model} on {found.data}, {count(found.samples)} test images{cached}",
        f"test accuracy {percent(found.accuracy)}, loss {found.loss:.6f} (mean of the means of batches of "
        f"{found.batch_size}, as in a run's log; mean over the images {found.loss_per_sample:.6f})",
        "",
    ]
    width = width_of(found.classes)
    for at, (name, share) in enumerate(zip(found.classes, found.per_class, strict=True)):
        others = [(number, other) for other, number in enumerate(found.confusion[at]) if other != at and number]
        most = ", ".join(f"{number} as {found.classes[other]}" for number, other in sorted(others, reverse=True)[:3])
        lines.append(f"{column(name, width)}  {percent(share):>6}  {most}".rstrip())
    if len(found.classes) <= MOST_CLASSES:
        lines += ["", "Confusion matrix: rows are true classes, columns are predictions.", *_matrix(found, width)]
    return "\n".join(lines)


def _matrix(found: Evaluation, width: int) -> list[str]:
    """The confusion matrix, at most 80 cells wide; the columns have the first letters of the classes' names."""
    room = min(6, max(4, (74 - width) // len(found.classes)))
    heads = "".join(column(cut(name, room - 1), room, right=True) for name in found.classes)
    rows = zip(found.classes, found.confusion, strict=True)
    return [
        f"{' ' * width}{heads}",
        *(f"{column(name, width)}{''.join((str(n) if n else '·').rjust(room) for n in row)}" for name, row in rows),
    ]


def comparison_lines(found: EvaluationComparison) -> list[str]:
    """Two files on the test set, in lines."""
    classes, labels, fixed, broken = found.classes, found.labels, found.fixed, found.broken
    a, b = (f"{100 * accuracy:.2f}%" for accuracy in found.accuracy)
    lines = [
        f"{found.first} {a}",
        f"{found.second} {b}",
        f"{found.model} on {found.data}: the second file fixes {counted(len(fixed), 'test image')} and breaks "
        f"{count(len(broken))}",
        "",
    ]
    width = width_of(classes)
    for number, name in enumerate(classes):
        better, worse = labels[: len(fixed)].count(number), labels[len(fixed) :].count(number)
        lines.append(f"{column(name, width)}  fixes {better:4}  breaks {worse:4}  {better - worse:+}")
    for what, begin, indices in (("fixed", 0, fixed), ("broken", len(fixed), broken)):
        shown = [
            f"{index} ({classes[labels[at]]}, not {classes[found.predicted_as[at]]})"
            for at, index in list(enumerate(indices, begin))[:12]
        ]
        if shown:
            lines += ["", f"{what}: {', '.join(shown)}{' …' if len(indices) > len(shown) else ''}"]
    return lines
