"""A folder of images for each class, in train/ and test/ where there are these."""

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from engine.data import image_files
from engine.data.custom.samples import Listing, Sample, check_classes, counted, named
from engine.data.custom.spec import Spec
from engine.data.custom.split import split_in, split_of
from engine.data.custom.tree import Tree
from engine.errors import DataError
from engine.terminal_text import path_text

ONE_INSIDE = ("images", "image", "imgs", "img", "jpg", "jpeg", "png", "photos", "pictures")  # a class's only folder


def list_samples(spec: Spec) -> Listing:
    """The images in the folders, by their names. Raises DataError where there are none, too many classes, or folders
    that are not those of classes."""
    if not spec.path.is_dir():
        raise DataError(f"{spec.where} is not a folder")
    tree, notes = Tree(spec.path), list[str]()
    places = _places(tree, spec, notes)
    found = {split: {folder: tree.images(folder) for folder in tree.folders(place)} for split, place in places.items()}
    empty = [path_text(folder.name) for folders in found.values() for folder, images in folders.items() if not images]
    if empty:
        verbs = "holds no image and is not a class", "hold no image and are not classes"
        notes.append(f"{counted(len(empty), 'folder', verbs)}: {named(empty)}")
    for place in places.values():
        if own := len(tree.own_images(place)):
            notes.append(
                f"{counted(own, 'image', ('lies', 'lie'))} outside the folders of the classes, in {path_text(place)}"
            )
    names = {split: {_name(folder) for folder, images in folders.items() if images} for split, folders in found.items()}
    classes = tuple(sorted(set().union(*names.values())))
    check_classes(spec.where, classes)
    samples = [
        Sample(path, label, split)
        for split, folders in found.items()
        for folder, images in folders.items()
        if images
        for label in (classes.index(_name(folder)),)
        for path in images
    ]
    if not samples:
        raise DataError(f"{spec.where} has no image in its class folders ({', '.join(image_files.SUFFIXES)} are read)")
    _check_names(spec, names)
    for split, there in names.items():
        if len(places) > 1 and (missing := sorted(set(classes) - there)):
            notes.append(f"the {'training' if split == 'train' else split} set has no sample of {named(missing)}")
    return Listing(samples, classes, tree.unread(), (*notes, *tree.notes()))


def _check_names(spec: Spec, names: Mapping[str, set[str]]) -> None:
    """Raises DataError where training set and test set call their classes differently."""
    if len(names) < 2:
        return
    train, test = names["train"], names["test"]
    spelled = {name.casefold(): name for name in train - test}
    other = next((name for name in sorted(test - train) if name.casefold() in spelled), None)
    if other is not None:
        raise DataError(
            f"{spec.where}: a class is called {spelled[other.casefold()]} in the training set and {other} in the test "
            "set; call its folders the same"
        )
    if train and test and not train & test:
        raise DataError(
            f"{spec.where}: the training set has the classes {named(sorted(train))}, the test set "
            f"{named(sorted(test))}: none is in both"
        )


def _name(folder: Path) -> str:
    """Of a class. An accent is one character, as on most systems: macOS writes two."""
    return unicodedata.normalize("NFC", path_text(folder.name))


def _places(tree: Tree, spec: Spec, notes: list[str]) -> Mapping[str, Path]:
    """The folders that hold those of the classes: "train" and "test", or "" alone. Raises DataError for folders that
    are neither splits nor classes."""
    folders = tree.folders(spec.path)
    if not folders:
        own = len(tree.own_images(spec.path))
        inside = f": its {own:,} images lie side by side; move those of each class into a folder" if own else " in it"
        raise DataError(f"{spec.where} has no folder for each class{inside}")
    splits = {role: _split(tree, spec, role, folders) for role in ("train", "test", "val")}
    train, test = splits["train"], splits["test"] or splits["val"]
    if train is None or test is None:
        _refuse_halves(tree, spec, folders)
        _refuse_levels(tree, spec, folders)
        return {"": spec.path}
    for other in folders:
        if other not in (train, test):
            instead = f" ({path_text(test.name)} is the test set)" if other == splits["val"] else ""
            notes.append(f"{path_text(other.name)} is not used{instead}: {counted(len(tree.images(other)), 'image')}")
    if test == splits["val"]:
        notes.append(f"{path_text(test.name)} is the test set")
    return {"train": _unwrapped(tree, train), "test": _unwrapped(tree, test)}


def _split(tree: Tree, spec: Spec, role: str, folders: list[Path]) -> Path | None:
    """The folder of a split, which holds folders with images. A name that is the word itself goes before one that
    contains it. Raises DataError where there are two."""
    for says in (split_of, split_in):
        found = [
            folder
            for folder in folders
            if says(folder.name) == role and _with_images(tree, folder) and (says is split_of or _is_bare(tree, folder))
        ]
        if len(found) > 1:
            names = " and ".join(path_text(folder.name) for folder in found)
            raise DataError(f"{spec.where} has {names}: which of them is the {role} set? Move the other elsewhere")
        if found:
            return found[0]
    return None


def _with_images(tree: Tree, place: Path) -> list[Path]:
    return [folder for folder in tree.folders(place) if tree.images(folder)]


def _is_bare(tree: Tree, place: Path) -> bool:
    return not tree.own_images(place)


def _unwrapped(tree: Tree, place: Path) -> Path:
    """The folder that holds those of the classes, where it is the only one in another: seg_train/seg_train/…"""
    while len(inside := tree.folders(place)) == 1 and _is_bare(tree, place) and len(_with_images(tree, inside[0])) > 1:
        place = inside[0]
    return place


def _refuse_halves(tree: Tree, spec: Spec, folders: list[Path]) -> None:
    """Raises DataError where folders that are called as splits hold no folders of classes, or are not both there."""
    says = split_in if all(split_in(folder.name) for folder in folders) else split_of
    splits = [folder for folder in folders if says(folder.name) and tree.images(folder)]
    flat = [folder for folder in splits if not _with_images(tree, folder)]
    deep = [folder for folder in splits if len(_with_images(tree, folder)) > 1 and _is_bare(tree, folder)]
    if flat and (deep or len({says(folder.name) for folder in splits}) > 1):
        names = " and ".join(path_text(folder.name) for folder in flat)
        verb = "holds" if len(flat) == 1 else "hold"
        raise DataError(
            f"{spec.where}: {names} {verb} images but no folder for each class; move the images of each class into one"
        )
    if deep:
        names = " and ".join(path_text(folder.name) for folder in deep)
        lacks = "test set (test or val)" if any(says(one.name) == "train" for one in deep) else "training set (train)"
        raise DataError(
            f"{spec.where} has {names} but no {lacks}; add it, or name folder:{path_text(deep[0])} to draw one"
        )


def _refuse_levels(tree: Tree, spec: Spec, folders: list[Path]) -> None:
    """Raises DataError where the folders look like something above the classes: each has the same folders in it and no
    image of its own."""
    inside = {folder: {path.name for path in tree.folders(folder)} for folder in folders if tree.images(folder)}
    if not inside or any(not names or tree.own_images(folder) for folder, names in inside.items()):
        return
    shared = set.intersection(*inside.values())
    alike = all(names == shared for names in inside.values()) and not (
        len(shared) == 1 and next(iter(shared)).lower() in ONE_INSIDE
    )
    some = named(sorted(map(path_text, shared)))
    if len(inside) == 1 and len(shared) > 1:
        only = next(iter(inside))
        raise DataError(f"{spec.where} has one folder, with {some} in it; name folder:{path_text(only)}")
    if len(inside) > 1 and shared and (alike or len(shared) > 1):
        names = named([path_text(folder.name) for folder in inside])
        raise DataError(
            f"{spec.where}: its folders {names} hold the same folders ({some}) and no images of their own, so they are "
            f"no classes; name one of them, or call them train and test"
        )
