"""Why a key of *Data* can't act now. No widgets."""

from engine.evaluation.quality import Other
from tui.data.browse import Browse

# Need the whole data set, not only its first images.
WHOLE = {
    "filter", "find", "sort", "reverse", "random", "mark", "marked", "overview", "transforms", "batches", "export",
    "copy", "enlarge", "forward", "predictions", "wrong", "quality", "partner",
}  # fmt: skip
OF_AN_IMAGE = {"mark", "transforms", "export", "copy", "enlarge", "forward"}  # need one that is shown


def why_not(action: str, browse: Browse, *, problem: bool, dataset: str, busy: bool) -> str:
    """In a few words; "" where it can act. `problem`: the data can't be read; `dataset`: its name, as it was asked for;
    `busy`: something is being computed."""
    data = browse.dataset or browse.preview
    if action == "open":
        return "" if problem else "the data is read"
    if action == "download":
        if ":" in dataset:
            return "the data is your own"
        return "" if problem or (data is not None and data.demo) else "Fashion-MNIST is there"
    if problem:
        return "there is no data"
    if action in WHOLE and browse.dataset is None:
        return "the images are being read"
    if action in OF_AN_IMAGE and browse.index is None:
        return "no image is shown"
    if action == "all" and browse.selection.plain and not busy:
        return "all images are shown"
    if action == "partner" and (browse.image_list is None or browse.image_list.other is not Other.IMAGE):
        return "only in the list of near-duplicates, which Q finds"
    if action == "wrong" and browse.split not in browse.predictions:
        return f"no model's predictions for {browse.split} are shown; o asks for them"
    return ""
