"""What is in a file of weights, as a screen shows it. Imports no torch."""

from pathlib import Path

from engine.progress import Report
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from engine.weights.listing_so_far import ListingSoFar
from engine.weights.requests import FileListing, FileRequest, Import, Section


def compute(home: Path, request: FileRequest, report: Report) -> FileListing:
    """Raises CheckpointError where the file can't be read. The tensors that were met are told meanwhile."""
    contents = contents_of(request.file, report, ListingSoFar(request, report.so_far))
    part, most = request.filter, request.most
    allow_list, shared = contents.allow_list, contents.shared
    imports = [Import(one.full, allow_list.allows(one)) for one in contents.globals]
    values = [(name, value) for name, value in contents.metadata.items() if part in name]
    return FileListing(
        format=contents.format,
        bytes=contents.bytes,
        notes=tuple(contents.notes),
        safety=contents.safety,
        elements=sum(one.tensor.count for one in contents.tensors),
        tensors=tuple([one for one in contents.tensors if part in one.name][:most]),
        values=dict(values[:most]),
        imports=tuple([one for one in imports if part in one.name][:most]),
        modules=tuple([one for one in contents.modules if part in one.name][:most]),
        shared=tuple(tuple(names) for names in list(shared.values())[:most]),
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
        own=contents.own,
        sections=_sections(contents, most),
    )


def _sections(contents: Contents, most: int) -> tuple[Section, ...]:
    found = {name: Section(name, 0, 0, 0) for name in contents.state_dicts}
    for one in contents.tensors:
        so_far, tensor = found[one.section], one.tensor
        found[one.section] = Section(
            one.section, so_far.tensors + 1, so_far.elements + tensor.count, so_far.bytes + tensor.bytes
        )
    return tuple(found.values())[:most]
