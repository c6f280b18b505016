"""The test images that two files of weights disagree about, as a list for *Data*. Imports no torch."""

from engine.evaluation.quality import ImageList, Other
from engine.evaluation.requests import EvaluationComparison, Suspects


def compared_images(
    found: EvaluationComparison, title: str, who: str, *, fixed: bool, label: int | None = None
) -> tuple[Suspects, ImageList]:
    """`fixed`: those that only the second file gets right, else those that only the first does; of the class `label`,
    None: of all. `title`: of the list; `who`: the one that is wrong, in words."""
    import numpy as np

    number = len(found.fixed)
    part = slice(None, number) if fixed else slice(number, None)
    indices = np.asarray(found.fixed if fixed else found.broken, np.int64)
    labels = np.asarray(found.labels[part], np.int64)
    wrong = np.asarray(found.predicted_as[part], np.int64)
    chosen = np.ones(len(labels), np.bool_) if label is None else labels == label
    nothing = np.zeros(int(chosen.sum()), np.float32)
    suspects = Suspects(title, "test", indices[chosen], nothing, wrong[chosen], nothing.astype(np.bool_))
    words = who.replace("{", "{{").replace("}", "}}")  # it goes into a format string
    listed = ImageList(title=title, other=Other.LABEL, caption="{label}→{other}", reason=f"{words} predicts {{other}}")
    return suspects, listed
