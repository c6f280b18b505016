"""A state_dict from a file of weights: the tensors of one section, with their names mapped."""

from collections.abc import Collection, Mapping, Sequence

import torch

from engine.errors import CheckpointError
from engine.patterns import matching
from engine.weights import problems, tensors
from engine.weights.contents import Contents, Named
from engine.weights.key_mapping import KeyMapping, stripped, wrappers_in


def chosen(
    contents: Contents, section: str | None = None, *, strip: str = "", without: Sequence[str] = ()
) -> dict[str, Named]:
    """The tensors of a section (None: the likeliest weights) by their names in it, less the prefix `strip`, and except
    those that a pattern of `without` matches (by their names in the section).

    Raises CheckpointError where there is no such section, a pattern matches nothing, or a name lacks the prefix.
    """
    sections = contents.state_dicts
    if not sections:
        raise CheckpointError(f"{contents.path} has no tensors")
    section = sections[0] if section is None else section
    if section not in sections:
        names = ", ".join(repr(name) for name in sections[:8]) + (", …" if len(sections) > 8 else "")
        raise CheckpointError(f"{contents.path} has no section {section!r}; it has {names}")
    inside = contents.section(section)
    for pattern in without:
        if not matching([pattern], inside):
            raise CheckpointError(f"{contents.path}: no tensor matches {pattern!r}, which is to be left out")
    left_out, found = matching(without, inside), {}
    for name, one in inside.items():
        if name in left_out:
            continue
        shorter = stripped(name, strip)
        if shorter is None:
            raise CheckpointError(f"{contents.path}: {name} does not begin with {strip!r}")
        if shorter in found:
            raise CheckpointError(f"{contents.path}: without {strip!r}, several tensors have the name {shorter}")
        found[shorter] = one
    wrappers = wrappers_in([strip])
    if wrappers and not wrappers_in(inside):
        raise CheckpointError(f"{contents.path}: no name has the part {wrappers[0]}")
    return found


def of_section(
    contents: Contents, section: str | None = None, *, strip: str = "", without: Sequence[str] = ()
) -> dict[str, torch.Tensor]:
    """The values of those that `chosen` gives. Raises CheckpointError, also for values that can't be read."""
    found, flats = chosen(contents, section, strip=strip, without=without), tensors.Flats()
    return {name: _values(contents, one, flats) for name, one in found.items()}


def forms(contents: Contents, mapping: KeyMapping) -> list[str]:
    """Which of the weights that the mapping chooses are used in another form than they are saved in, and which of a
    folder's files were read, a line each. Raises CheckpointError."""
    used = chosen(contents, mapping.section, strip=mapping.strip, without=mapping.without)
    return [*([contents.choice] if contents.choice else []), *problems.forms(used.values())]


def for_network(contents: Contents, mapping: KeyMapping) -> dict[str, torch.Tensor]:
    """The same for a network, which may not want all of them: their shapes alone, on the meta device. Those that it
    wants are read by `values`. Raises CheckpointError."""
    _refuse_new(mapping)
    used = chosen(contents, mapping.section, strip=mapping.strip, without=mapping.without)
    return renamed({name: _unread(one) for name, one in used.items()}, dict(mapping.renames))


def values(contents: Contents, mapping: KeyMapping, names: Collection[str]) -> dict[str, torch.Tensor]:
    """The weights of these names in the network. Raises CheckpointError, also for values that can't be read here."""
    used, flats = chosen(contents, mapping.section, strip=mapping.strip, without=mapping.without), tensors.Flats()
    given = {mapping.renamed(name): one for name, one in used.items()}
    return {name: _values(contents, one, flats) for name, one in given.items() if name in names}


def refuse_other_numbers(contents: Contents, mapping: KeyMapping, wanted: Mapping[str, torch.Tensor]) -> None:
    """Raises CheckpointError for the first tensor that a network wants as floats and that the file has as numbers of
    another kind, which PyTorch would convert without a word: integers, booleans, complex numbers, or floats of 8 bits
    with a scale of their own. Libraries that quantize (bitsandbytes, compressed-tensors) save them so. `wanted`: of
    the network, by its own names."""
    used = chosen(contents, mapping.section, strip=mapping.strip, without=mapping.without)
    for name, one in used.items():
        network, dtype = wanted.get(mapping.renamed(name)), one.tensor.dtype
        if network is None or not network.is_floating_point() or one.tensor.layout == "quantized":
            continue
        both = f"is {dtype} in the file, {str(network.dtype).removeprefix('torch.')} in the network"
        if dtype.startswith("complex"):
            words = f"{both}: its imaginary part would be lost"
        elif dtype == "bool" or dtype.startswith(("int", "uint")):
            words = f"{both}: if it is quantized, dequantize it with the library that wrote it"
        elif dtype.startswith("float8") and (scale := _scale_of(one, contents)):
            words = f"is quantized ({dtype}, with {scale} as its scale): dequantize it with the library that wrote it"
        else:
            continue
        raise CheckpointError(f"{contents.path}: {one.name} {words}")


def _scale_of(one: Named, contents: Contents) -> str:
    """The tensor beside this one, of another dtype, that is a scale by its name; "": none."""
    module = one.name.rpartition(".")[0]
    for other in contents.tensors:
        where, _, last = other.name.rpartition(".")
        if other.tensor.dtype != one.tensor.dtype and where in (module, one.name) and "scale" in last:
            return other.name
    return ""


def mapped(contents: Contents, mapping: KeyMapping) -> dict[str, torch.Tensor]:
    """The weights of a file, with the mapping applied. Raises CheckpointError, also for values that can't be read."""
    _refuse_new(mapping)
    found = of_section(contents, mapping.section, strip=mapping.strip, without=mapping.without)
    return renamed(found, dict(mapping.renames))


def _refuse_new(mapping: KeyMapping) -> None:
    if mapping.new:
        raise CheckpointError(f"new:{mapping.new[0]}: only a network that is to be trained can have new weights")


def _unread(one: Named) -> torch.Tensor:
    return torch.empty((), device="meta").expand(one.tensor.shape)


def _values(contents: Contents, one: Named, flats: tensors.Flats) -> torch.Tensor:
    try:
        return tensors.whole(contents, one.name, flats)
    except CheckpointError as error:
        if one.tensor.readable:
            raise
        raise CheckpointError(f"{contents.path}: {error}; leave it out with --without {one.name_in_section}") from error


def renamed(given: Mapping[str, torch.Tensor], renames: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """The weights with `renames`, new name: old name, of tensors or of all tensors in a module. Raises CheckpointError
    where there is no such old name."""
    found = dict(given)
    for new, old in renames.items():
        inside = [name for name in found if name.startswith(f"{old}.")]
        if old not in found and not inside:
            raise CheckpointError(f"--rename {new}={old}: the file has no {old}")
        for name in inside or [old]:
            found[new + name.removeprefix(old)] = found.pop(name)
    return found
