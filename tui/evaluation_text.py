"""A result on the test set, in words."""

from engine.digits import significant
from engine.evaluation.metrics import ClassFigures
from engine.evaluation.requests import Evaluation, EvaluationComparison
from tui.columns import column, fit, told_apart, width_of
from tui.format import count, counted, how_words, percent

MOST_CLASSES = 20  # of which the confusion matrix is shown
BAR = 30  # cells


def evaluation_text(found: Evaluation) -> str:
    """A result on the test set, in lines."""
    cached = " (computed before)" if found.cached else ""
    how = how_words("", found.tta)
    lines = [
        f"{found.model} on {found.data}, {count(found.samples)} test images{cached}",
        f"test accuracy {percent(found.accuracy)}{how} (95% interval {_interval(found.interval)}), top-2 accuracy "
        f"{percent(found.top_2)}{how}",
        f"loss {found.loss:.6f} (mean of the means of batches of {found.batch_size}, as in a run's log; mean over the "
        f"images {found.loss_per_sample:.6f})",
        "",
        *_by_class(found),
        "",
        *_calibration(found),
    ]
    if len(found.classes) <= MOST_CLASSES:
        lines += ["", "Confusion matrix: rows are true classes, columns are predictions.", *_matrix(found)]
    return "\n".join(lines)


def _interval(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"{percent(low).removesuffix('%')}–{percent(high)}"


def _by_class(found: Evaluation) -> list[str]:
    """Precision, recall and F1 of each class, the means, and what its images are taken for."""
    width = width_of([*found.classes, "class", "mean"])
    lines = [f"{column('class', width)}  recall  precision      F1  mistaken"]

    def figures(one: ClassFigures) -> str:
        return f"{percent(one.recall):>6}  {percent(one.precision):>9}  {percent(one.f1):>6}"

    for at, (name, one) in enumerate(zip(found.classes, found.by_class, strict=True)):
        others = [(number, other) for other, number in enumerate(found.confusion[at]) if other != at and number]
        most = ", ".join(f"{number} as {found.classes[other]}" for number, other in sorted(others, reverse=True)[:2])
        lines.append(f"{column(name, width)}  {figures(one)}  {most}".rstrip())
    return [*lines, f"{column('mean', width)}  {figures(found.macro)}"]


def _calibration(found: Evaluation) -> list[str]:
    """The reliability diagram, at most 80 cells wide."""
    error = percent(found.calibration_error)
    lines = [
        f"Expected calibration error {error}, by the highest softmax probability:",
        "probability     images    mean  correct  ━ correct, │ mean probability",
    ]
    for one in found.reliability:
        if one.confidence is None or one.accuracy is None:
            continue
        filled, at = round(BAR * one.accuracy), min(BAR - 1, int(BAR * one.confidence))
        bar = "".join("│" if cell == at else "━" if cell < filled else " " for cell in range(BAR))
        span = f"{one.low:.2f} to {one.high:.2f}"
        shares = f"{percent(one.confidence):>6}  {percent(one.accuracy):>7}"
        lines.append(f"{span:<12}  {count(one.images):>8}  {shares}  {bar}".rstrip())
    return lines


def _matrix(found: Evaluation) -> list[str]:
    """The confusion matrix, at most 80 cells wide where the classes' names leave room for that; over a column is as
    much of its class's name as fits."""
    width = width_of(found.classes)
    room = min(6, max(4, (74 - width) // len(found.classes)))
    names = told_apart(found.classes, room - 1)
    width = width_of(names)
    heads = "".join(column(fit(name, room - 1), room, right=True) for name in names)
    rows = zip(names, found.confusion, strict=True)
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
        f"McNemar's test: p = {significant(found.p_value, 3)}, the chance that two equally good models differ this "
        "much or more",
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
