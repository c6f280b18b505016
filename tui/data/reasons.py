"""Why a key of *Data* can't act now. No widgets."""

from typing import NamedTuple

from engine.evaluation.quality import Other
from tui.data.browse import Browse

# Need the whole data set, not only its first images.
WHOLE = {
    "filter", "find", "sort", "reverse", "random", "mark", "marked", "overview", "transforms", "batches", "export",
    "copy", "enlarge", "forward", "predictions", "wrong", "quality", "partner",
}  # fmt: skip
OF_AN_IMAGE = {"mark", "transforms", "export", "copy", "enlarge", "forward"}  # need one that is shown


class Now(NamedTuple):
    """What decides, beside what is browsed."""

    problem: str  # why the data can't be read; empty: it can
    dataset: str  # its name, as it was asked for
    busy: bool  # something is being computed
    capacity: int  # images of a page; 0: there is none yet


def why_not(action: str, browse: Browse, now: Now) -> str:
    """In a few words; "" where it can act."""
    data = browse.dataset or browse.preview
    if action == "open":
        return "" if now.problem else "the data is read"
    if action == "download":
        if ":" in now.dataset:
            return "the data is your own"
        return "" if now.problem or (data is not None and data.demo) else "Fashion-MNIST is there"
    if now.problem:
        return "there is no data"
    if action in WHOLE and browse.dataset is None:
        return "the images are being read"
    if action in OF_AN_IMAGE and browse.index is None:
        return "no image is shown"
    if action == "page" and browse.total <= now.capacity:
        return "all of them are on this page"
    if action == "all" and browse.selection.plain and not now.busy:
        return "all images are shown"
    if action == "partner" and (browse.image_list is None or browse.image_list.other is not Other.IMAGE):
        return "only in the list of near-duplicates, which Q finds"
    if action == "wrong" and browse.split not in browse.predictions:
        return f"no model's predictions for {browse.split} are shown; o asks for them"
    return ""
