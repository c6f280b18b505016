"""What the panel beside a file's lists says of the tensor, value, import, module or problem under the cursor."""

from engine.inspection.tensor_stats import TensorStats
from engine.weights.contents import Named
from engine.weights.requests import FileListing
from tui import format as fmt
from tui.detail.subject import Subject, stats_facts
from tui.weights.file_facts import Fact
from tui.weights.file_rows import Histograms, Stats

LARGEST = 1 << 29  # bytes of a tensor whose values are read without being asked for
VALUELESS = (
    ("values", "none: saved from PyTorch's meta device"),
    ("instead", "Esc goes back to Checkpoints, where o opens another file"),
)


def of_tensor(listing: FileListing, one: Named, stats: Stats, histograms: Histograms) -> Subject:
    """What is known of a tensor before its values are read."""
    tensor = one.tensor
    facts = [
        ("shape", f"{fmt.shape(tensor.shape)}, {fmt.counted(tensor.count, 'number')}, {fmt.size(tensor.bytes)}"),
        ("dtype", tensor.dtype + (f", {tensor.about}" if tensor.about else "")),
    ]
    if tensor.storage is not None:
        facts.append(("storage", f"{tensor.storage.key}, offset {tensor.offset}, stride {tensor.stride}"))
    if others := shared_with(listing, one.name):
        facts.append(("shared with", ", ".join(others)))
    known: TensorStats | None = stats.get(one.name)
    if known is not None:
        facts += stats_facts(known)
        facts += [("note", "all values are 0")] if known.zeros == 1 else []
    found = histograms.get(one.name)
    counts = [] if found is None else [int(count) for count in found]
    ends = (0.0, 0.0) if known is None else (known.min or 0.0, known.max or 0.0)
    if valueless(one):
        beside = [(other.name, other.tensor.count) for other in listing.tensors]
        return Subject(one.name, tensor.dtype, (*facts, *VALUELESS), beside=beside)
    missing = f"It is large: {fmt.size(tensor.bytes)}. Press Enter to read its values." if is_large(one) else ""
    return Subject(one.name, tensor.dtype, tuple(facts), counts, ends, missing)


def valueless(one: Named) -> bool:
    """Whether it has a shape, but no values."""
    return one.tensor.layout == "meta"


def is_large(one: Named) -> bool:
    """Whether its values are read only where that is asked for."""
    return one.tensor.bytes > LARGEST


def shared_with(listing: FileListing, name: str) -> list[str]:
    """The other tensors with its storage."""
    names = next((names for names in listing.shared if name in names), ())
    return [other for other in names if other != name]


def of_part(listing: FileListing, view: str, key: str) -> list[Fact]:
    """What is said of a value, an import, a module or a problem, the whole of it; and an empty line."""
    return [*_of_part(listing, view, key), Fact("", "")]


def _of_part(listing: FileListing, view: str, key: str) -> list[Fact]:
    match view:
        case "values":
            return [Fact("value", key, "strong"), Fact("is", str(listing.values[key]))]
        case "imports":
            one = next(one for one in listing.imports if one.name == key)
            words = "on the list of what torch.load(weights_only=True) imports"
            return [Fact("import", key, "strong"), Fact("", words if one.allowed else f"not {words}: untrusted")]
        case "modules":
            module = next(one for one in listing.modules if one.name == key)
            facts = [Fact("module", key or "(root)", "strong"), Fact("type", module.type)]
            return facts + [Fact(name, value) for name, value in module.attributes.items()]
    return [Fact("problem", listing.problems[int(key)], "bad")]
