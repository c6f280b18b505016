"""A result on the test set, in words."""

from typing import Any

from engine.terminal_text import printable
from tui.format import count

MOST_CLASSES = 20  # of which the confusion matrix is shown


def evaluation_text(told: dict[str, Any]) -> str:
    """A result on the test set, in lines."""
    lines = [
        f"{told['model']} on {told['data']}, {count(told['samples'])} test images"
        + (" (computed before)" if told["cached"] else ""),
        f"test accuracy {100 * told['accuracy']:.1f}%, loss {told['loss']:.6f}",
        "",
    ]
    width = max(map(len, told["classes"]))
    for at, (name, share) in enumerate(zip(told["classes"], told["per_class"], strict=True)):
        others = [(number, other) for other, number in enumerate(told["confusion"][at]) if other != at and number]
        most = ", ".join(f"{number} as {told['classes'][other]}" for number, other in sorted(others, reverse=True)[:3])
        accuracy = "none" if share is None else f"{100 * share:5.1f}%"
        lines.append(f"{name.ljust(width)}  {accuracy}  {most}".rstrip())
    if len(told["classes"]) <= MOST_CLASSES:
        lines += [
            "",
            "Confusion: a row is a true class, a column a predicted one.",
            *_matrix(told, width),
        ]
    return "\n".join(lines)


def _matrix(told: dict[str, Any], width: int) -> list[str]:
    """The confusion matrix; the columns under the beginnings of the classes' names, of 80 cells or less."""
    room = min(6, max(4, (74 - width) // len(told["classes"])))
    heads = "".join(name[: room - 1].rjust(room) for name in told["classes"])
    rows = zip(told["classes"], told["confusion"], strict=True)
    return [
        f"{' ' * width}{heads}",
        *(f"{name.ljust(width)}{''.join((str(n) if n else '·').rjust(room) for n in row)}" for name, row in rows),
    ]


def comparison_lines(told: dict[str, Any]) -> list[str]:
    """Two files on the test set (see `engine.evaluation.evaluate.Versus`), in lines."""
    classes, labels, fixed, broken = told["classes"], told["labels"], told["fixed"], told["broken"]
    a, b = (f"{100 * accuracy:.2f}%" for accuracy in told["accuracy"])
    lines = [
        f"{printable(told['first'])} {a}",
        f"{printable(told['second'])} {b}",
        f"{told['model']} on {told['data']}: the second fixes {count(len(fixed))} test images and breaks "
        f"{count(len(broken))}",
        "",
    ]
    width = max(map(len, classes))
    for number, name in enumerate(classes):
        better, worse = labels[: len(fixed)].count(number), labels[len(fixed) :].count(number)
        lines.append(f"{name.ljust(width)}  fixes {better:4}  breaks {worse:4}  {better - worse:+}")
    for what, begin, indices in (("fixed", 0, fixed), ("broken", len(fixed), broken)):
        shown = [
            f"{index} ({classes[labels[at]]}, not {classes[told['predicted_as'][at]]})"
            for at, index in list(enumerate(indices, begin))[:12]
        ]
        if shown:
            lines += ["", f"{what}: {', '.join(shown)}{' …' if len(indices) > len(shown) else ''}"]
    return lines
