"""The keys of *Data*."""

from textual.binding import Binding, BindingType

from tui.data.predictions import PREDICTION_KEYS

DATA_KEYS: list[BindingType] = [
    Binding("right,l", "move(1)", "Next image", show=False, id="data.right"),
    Binding("left,h", "move(-1)", "Previous image", show=False, id="data.left"),
    Binding("down,j", "move_row(1)", "Image below", show=False, id="data.down"),
    Binding("up,k", "move_row(-1)", "Image above", show=False, id="data.up"),
    Binding("pagedown,n,space", "page(1)", "Next page", key_display="PgDn", id="data.next_page"),
    Binding("pageup,p", "page(-1)", "Previous page", show=False, id="data.previous_page"),
    Binding("home,g", "first", "First image", show=False, id="data.first"),
    Binding("end,G", "last", "Last image", show=False, id="data.last"),
    Binding("enter", "enlarge", "Enlarge", id="data.enlarge", tooltip="one image, with its numbers"),
    Binding("t", "split", "Train/test", id="data.split", tooltip="show the other split"),
    Binding(
        "plus,equals_sign",
        "size('full')",
        "Larger",
        show=False,
        key_display="+",
        id="data.larger",
        tooltip="28 × 14 cells an image",
    ),
    Binding(
        "minus",
        "size('half')",
        "Smaller",
        show=False,
        key_display="-",
        id="data.smaller",
        tooltip="14 × 7 cells an image: more of them",
    ),
    Binding("slash", "filter", "Filter", key_display="/", id="data.filter", tooltip="by class name or number"),
    Binding("s", "sort", "Sort", id="data.sort", tooltip="by index, class, brightness"),
    Binding("S", "reverse", "Reverse", show=False, id="data.reverse", tooltip="the order"),
    Binding("i", "find", "Go to", id="data.find", tooltip="an image by its index"),
    Binding("R", "random", "Random 3×3", show=False, id="data.random", tooltip="the tutorial's figure, by seed"),
    Binding("m", "mark", "Mark", id="data.mark", tooltip="for export, or to show only marked images"),
    Binding("M", "marked", "Marked", show=False, id="data.marked", tooltip="only marked images, or all"),
    Binding("o", "overview", "Overview", id="data.overview", tooltip="classes, mean images, histogram"),
    Binding(
        "e",
        "export",
        "Export",
        show=False,
        id="data.export",
        tooltip="marked images, else all that are shown, as files",
    ),
    Binding("y", "copy", "Copy", show=False, id="data.copy", tooltip="index and label, to your clipboard (OSC 52)"),
    Binding(
        "T", "transforms", "Transforms", show=False, id="data.transforms", tooltip="before and after, step by step"
    ),
    Binding(
        "B",
        "batches",
        "Batches",
        show=False,
        id="data.batches",
        tooltip="as training gets them, and how long each takes",
    ),
    Binding("N", "forward", "Forward pass", show=False, id="data.forward", tooltip="through the network, by stages"),
    *PREDICTION_KEYS,
    Binding("escape", "all", "All images", show=False, id="data.all", tooltip="no filter, sorting or figure"),
    Binding("a", "style", "Blocks/characters", show=False, id="data.style", tooltip="how the images are drawn"),
    Binding("r", "open", "Try again", id="data.retry", tooltip="to read the data"),
    Binding("D", "download", "Download", id="data.download", tooltip="fetch Fashion-MNIST, 30 MB"),
]
