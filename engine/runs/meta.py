"""meta.json: what people say of a run afterwards: its name, a note, tags, whether it is hidden or pinned.

It is the one file of a run that anybody writes at any time, also while a host trains, which never does. What it says
decides no number. Imports no torch.
"""

import contextlib
import json
import unicodedata
from collections.abc import Collection
from typing import Annotated, Any

import msgspec
from msgspec import Meta as Bounds

from engine import atomic, file_lock, plain_file
from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import run_json
from engine.runs.run_name import check_name
from engine.terminal_text import printable

MOST_BYTES = 1 << 20  # of the file
MOST_NOTE = 50_000  # characters
MOST_TAGS, MOST_TAG = 100, 50  # of a run; characters of one
_NOT_IN_A_TAG = frozenset('",')


class Meta(msgspec.Struct, frozen=True):
    """The content of meta.json. It may come from anybody: what is read of it is text of any characters."""

    name: Annotated[str, Bounds(max_length=1000)] | None = None  # None: as run.json says
    note: Annotated[str, Bounds(max_length=MOST_NOTE)] = ""  # of several lines
    tags: Annotated[tuple[Annotated[str, Bounds(max_length=1000)], ...], Bounds(max_length=MOST_TAGS)] = ()
    hidden: bool = False
    pinned: bool = False
    group: Annotated[str, Bounds(max_length=1000)] | None = None  # the name of its group; None: as run.json says


NOTHING = Meta()


def read(folder: RunFolder) -> Meta:
    """What is said of the run; `NOTHING` where there is no meta.json. Raises RunError where it can't be read."""
    found, problem = known(folder)
    if problem:
        raise RunError(f"{folder.meta_json} can't be read ({problem}); mend that, or move it out of the way")
    return found


def known(folder: RunFolder) -> tuple[Meta, str]:
    """The same for a list, which shows a run whatever its meta.json is: `NOTHING` where it can't be read, and why, in a
    few words."""
    try:
        return _typed(plain_file.read(folder.meta_json, MOST_BYTES)), ""
    except FileNotFoundError:
        return NOTHING, ""
    except OSError as error:
        return NOTHING, error.strerror or type(error).__name__
    except run_json.MalformedError as error:
        return NOTHING, str(error)


def change(
    folder: RunFolder,
    *,
    name: str | None = None,
    note: str | None = None,
    add: Collection[str] = (),
    remove: Collection[str] = (),
    hidden: bool | None = None,
    pinned: bool | None = None,
    group: str | None = None,
) -> Meta:
    """Say something else of the run; None: that stays. `name`, and `group`, that of its group: empty, it has none.
    `add`, `remove`: tags.

    What another process changes at the same time is kept, and so are fields that this program does not know. Returns
    what is said now. Raises RunError, with nothing changed.
    """
    for one in (name, group):
        check_name(one or "")
    if note is not None:
        note = checked_note(note)
    add = [checked_tag(tag) for tag in add]
    try:
        with file_lock.held(folder.home.meta_lock):
            before = read(folder)
            tags = ({*before.tags, *add} - {_composed(tag) for tag in remove}) if add or remove else before.tags
            if len(tags) > max(MOST_TAGS, len(before.tags)):
                raise RunError(f"{folder.id} would have {len(tags)} tags; at most {MOST_TAGS} are possible")
            after = Meta(
                name=before.name if name is None else name,
                note=before.note if note is None else note,
                tags=tuple(sorted(tags)),
                hidden=before.hidden if hidden is None else hidden,
                pinned=before.pinned if pinned is None else pinned,
                group=before.group if group is None else group,
            )
            if after != before:
                _write(folder, after)
            return after
    except OSError as error:
        raise RunError(f"cannot write {folder.meta_json} ({error.strerror})") from None


def checked_note(text: str) -> str:
    """The note as it is kept: with `\\n` as its line ends, and none at its end. Raises RunError."""
    text = "\n".join(text.splitlines()).rstrip()
    if len(text) > MOST_NOTE:
        raise RunError(f"the note has {len(text)} characters; at most {MOST_NOTE} are possible")
    return _storable(text)


def checked_tag(tag: str) -> str:
    """The tag as it is kept. Raises RunError where it is no word that can be shown and typed."""
    tag = _composed(tag)
    if not tag:
        raise RunError("a tag has no characters; give a word, such as paper")
    if len(tag) > MOST_TAG:
        raise RunError(f"the tag {printable(tag, 30)!r} has {len(tag)} characters; at most {MOST_TAG} are possible")
    if tag[0] in "+-" or not tag.isprintable() or any(one.isspace() or one in _NOT_IN_A_TAG for one in tag):
        raise RunError(
            f"{printable(tag)!r} can't be a tag: one is a word without spaces, commas or quotes that begins with "
            "neither + nor -"
        )
    return tag


def typed_tags(words: Collection[str]) -> tuple[list[str], list[str]]:
    """The tags that `+paper -old` adds and removes; a word without a sign is added. Raises RunError."""
    add = [word.removeprefix("+") for word in words if not word.startswith("-")]
    remove = [word.removeprefix("-") for word in words if word.startswith("-")]
    if "" in remove:
        raise RunError("- takes a tag away: -old, say")
    add = [checked_tag(tag) for tag in add]
    both = {_composed(tag) for tag in remove} & set(add)
    if both:
        raise RunError(f"the tag {sorted(both)[0]!r} can't be added and taken away at once")
    return add, remove


def _composed(tag: str) -> str:
    return unicodedata.normalize("NFC", tag)


def _storable(text: str) -> str:
    """Without halves of surrogate pairs, which no file can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def _typed(data: bytes) -> Meta:
    """Raises MalformedError."""
    try:
        return msgspec.json.decode(data, type=Meta)
    except msgspec.ValidationError as error:
        raise run_json.MalformedError(run_json.words(error)) from None
    except (msgspec.DecodeError, ValueError):
        raise run_json.MalformedError("no JSON") from None
    except RecursionError:
        raise run_json.MalformedError("its JSON is too deep") from None


def _write(folder: RunFolder, after: Meta) -> None:
    """Raises OSError, and RunError. Called with the lock, after `read` took what is there for a meta.json."""
    content: dict[str, Any] = {"v": 1}
    with contextlib.suppress(FileNotFoundError):
        try:
            content |= json.loads(plain_file.read(folder.meta_json, MOST_BYTES))
        except (ValueError, RecursionError):  # in a field that is not known, such as a number of many digits
            raise RunError(
                f"{folder.meta_json} can't be read (no JSON); mend that, or move it out of the way"
            ) from None
    said = msgspec.structs.asdict(after) | {"tags": list(after.tags)}
    content |= said
    for field in ("name", "group"):
        if said[field] is None:
            content.pop(field, None)
    text = json.dumps(content, indent=1, ensure_ascii=False)
    atomic.write_text(folder.meta_json, text + "\n")
