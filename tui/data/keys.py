"""The keys of *Data*."""

from textual.binding import BindingType

from tui.keys import bind

DATA_KEYS: list[BindingType] = [
    bind("data", "right", "Next image", action="move(1)", show=False),
    bind("data", "left", "Previous image", action="move(-1)", show=False),
    bind("data", "down", "Image below", action="move_row(1)", show=False),
    bind("data", "up", "Image above", action="move_row(-1)", show=False),
    bind("data", "next", "Next page", action="page(1)"),
    bind("data", "previous", "Previous page", action="page(-1)", show=False),
    bind("data", "page_down", "Next page", action="page(1)", show=False),
    bind("data", "page_up", "Previous page", action="page(-1)", show=False),
    bind("data", "first", "First image", show=False),
    bind("data", "last", "Last image", show=False),
    bind("data", "open", "Enlarge", "one image, with its numbers", action="enlarge"),
    bind("data", "back", "All images", "no filter, sorting or figure; cancels a computation", action="all"),
    bind("data", "split", "Train/test", "show the other split"),
    bind("data", "more", "Larger", "pictures, fewer of them", action="size(1)", show=False),
    bind("data", "less", "Smaller", "pictures, more of them", action="size(-1)", show=False),
    bind("data", "reset", "Fill", "pictures of the size that fills the page", action="fill", show=False),
    bind("data", "filter", "Filter", "by class name or number"),
    bind("data", "sort", "Sort", "by index, class, brightness"),
    bind("data", "reverse", "Reverse", "the order", show=False),
    bind("data", "go_to", "Go to", "an image by its index", action="find"),
    bind("data", "mark", "Mark", "for export, or to show only marked images"),
    bind("data", "other", "Predictions", "of a checkpoint, or of a file of weights", action="predictions"),
    bind("data", "overview", "Overview", "classes, mean images, histogram"),
    bind("data", "only_marked", "Only marked", "or all images", action="marked", show=False),
    bind("data", "wrong", "Wrong predictions", "the most confident ones first", show=False),
    bind("data", "random", "Random 3×3", "the tutorial's figure, by seed", show=False),
    bind("data", "quality", "Quality", "near-duplicates, label errors, …", show=False),
    bind("data", "partner", "Its duplicate", "go to the image's near-duplicate", show=False),
    bind("data", "export", "Export", "marked images, else all that are shown, as files", show=False),
    bind("data", "copy", "Copy", "index and label, to your clipboard (OSC 52)", show=False),
    bind("data", "transforms", "Transforms", "before and after, step by step", show=False),
    bind("data", "batches", "Batches", "as training gets them, and how long each takes", show=False),
    bind("data", "forward", "Forward pass", "through the network, by stages", show=False),
    bind("data", "appearance", "Blocks/characters", "how the images are drawn", action="style", show=False),
    bind("data", "again", "Try again", "to read the data", action="open"),
    bind("data", "download", "Download", "fetch Fashion-MNIST, 30 MB"),
]
