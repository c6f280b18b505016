"""What is in a file of weights, as a screen shows it. Imports no torch."""

from pathlib import Path

from engine.progress import Progress
from engine.weights.contents_cache import contents_of
from engine.weights.requests import MOST_LISTED, FileListing, FileRequest, Import


def compute(home: Path, request: FileRequest, progress: Progress) -> FileListing:
    """Raises CheckpointError where the file can't be read."""
    contents, part = contents_of(request.file), request.filter
    allow_list, shared = contents.allow_list, contents.shared
    imports = [Import(one.full, allow_list.allows(one)) for one in contents.globals]
    values = [(name, value) for name, value in contents.metadata.items() if part in name]
    return FileListing(
        format=contents.format,
        bytes=contents.bytes,
        notes=tuple(contents.notes),
        safety=contents.safety,
        elements=sum(one.tensor.count for one in contents.tensors),
        tensors=tuple([one for one in contents.tensors if part in one.name][:MOST_LISTED]),
        values=dict(values[:MOST_LISTED]),
        imports=tuple([one for one in imports if part in one.name][:MOST_LISTED]),
        modules=tuple([one for one in contents.modules if part in one.name][:MOST_LISTED]),
        shared=tuple(tuple(names) for names in list(shared.values())[:MOST_LISTED]),
        problems=tuple(contents.problems),
        counts={
            "tensors": len(contents.tensors),
            "values": len(contents.metadata),
            "imports": len(contents.globals),
            "modules": len(contents.modules),
            "shared": len(shared),
            "problems": len(contents.problems),
        },
        model=contents.model,
    )
