"""How the names in a file of weights are mapped to a network's. Imports no torch."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.typed_path import is_there, typed_path
from engine.weights.formats.registry import file_endings

# Parts of names that wrappers add wherever the wrapped module stands: torch.compile, FSDP, activation checkpointing.
MOST_WORDS = 200  # of a text that are looked at
_QUOTED = re.compile(r"""'[^']+'|"[^"]+\"""")
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
USE_OF_FILES = 3  # raised where weights of a file become others than before: results that were kept before are not used
OPTIONS = ("--strip", "--rename", "--section", "--without")


@dataclass(frozen=True)
class KeyMapping:
    """Which tensors of a file are used, and how their names are changed."""

    strip: str = ""  # a prefix to remove from each name; the parts of it in WRAPPERS are removed wherever they stand
    renames: tuple[tuple[str, str], ...] = ()  # new name, old name
    section: str | None = None  # the part of the file; None: the likeliest weights
    without: tuple[str, ...] = ()  # names, modules or patterns of the file's tensors that are left out
    new: tuple[str, ...] = ()  # those of the network's that the file is not asked for: they stay as they are

    def renamed(self, name: str) -> str:
        """A name, whose prefix is removed already, with the renames."""
        for new, old in self.renames:
            if name == old or name.startswith(f"{old}."):
                name = new + name.removeprefix(old)
        return name

    def ours(self, name: str) -> str:
        """The network's name for one of the file's."""
        shorter = stripped(name, self.strip)
        return self.renamed(name if shorter is None else shorter)

    def __str__(self) -> str:
        """As it is typed."""
        words = [self.strip] if self.strip else []
        words += [f"{new}={old}" for new, old in self.renames]
        words += [f"section:{self.section}"] if self.section is not None else []
        words += [f"without:{pattern}" for pattern in self.without] + [f"new:{pattern}" for pattern in self.new]
        return " ".join(words)


def wrappers_in(names: Iterable[str]) -> tuple[str, ...]:
    """Which of WRAPPERS are parts of the names."""
    parts = {part for name in names if "_" in name for part in name.split(".")}
    return tuple(part for part in WRAPPERS if part in parts)


def unwrapped(name: str, wrappers: Collection[str]) -> str:
    """The name without these parts."""
    return ".".join(part for part in name.split(".") if part not in wrappers)


def stripped(name: str, strip: str) -> str | None:
    """The name without a prefix; None where it does not begin so. Parts of the prefix that are in WRAPPERS are removed
    wherever they stand, if they do."""
    if not (wrappers := wrappers_in([strip])):
        return name.removeprefix(strip) if name.startswith(strip) else None
    prefix, name = unwrapped(strip, wrappers), unwrapped(name, wrappers)
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def parse_mapping(words: list[str]) -> KeyMapping | None:
    """The mapping that the words spell: a prefix to remove ends with a dot, `NEW=OLD` renames, `section:NAME` chooses a
    section, `without:PATTERN` leaves out, `new:PATTERN` keeps the network's own weights; the command line's options may
    precede them. None where a word is none of these."""
    strip, renames, section = "", [], None
    without: list[str] = []
    new_ones: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if word in OPTIONS:
            continue
        new, equals, old = word.partition("=")
        if word.startswith("section:") or before == "--section":
            section = word.removeprefix("section:")
        elif (word.startswith("without:") and word != "without:") or before == "--without":
            without.append(word.removeprefix("without:"))
        elif word.startswith("new:") and word != "new:":
            new_ones.append(word.removeprefix("new:"))
        elif equals and new and old and "/" not in new:
            renames.append((new, old))
        elif before == "--strip" or (word.endswith(".") and len(word) > 1 and "/" not in word):
            strip = word
        else:
            return None
    return KeyMapping(strip, tuple(renames), section, tuple(without), tuple(new_ones))


def file_and_mapping(text: str) -> tuple[Path, KeyMapping]:
    """The file, and the mapping after it: `FILE [PREFIX.] [NEW=OLD …] [section:NAME]
    [without:PATTERN …] [new:PATTERN …]`. Its name may have spaces, or read like a part of the mapping: the longest
    beginning of the text that is a file, is the file. It may be quoted or escaped (`engine.typed_path`)."""
    text = text.strip()
    ends = [match.start() for match in re.finditer(r"\s+|$", text)]
    for end in ends[: -MOST_WORDS - 1 : -1]:
        file, mapping = typed_path(text[:end]), parse_mapping(text[end:].split())
        if mapping is not None and end and is_there(file):
            return file, mapping
    quoted = _QUOTED.match(text)
    if quoted is not None and (mapping := parse_mapping(text[quoted.end() :].split())) is not None:
        return typed_path(quoted[0]), mapping
    name, mapping = text_and_mapping(text, is_file=True)
    return typed_path(name), mapping


def text_and_mapping(text: str, *, is_file: bool = False) -> tuple[str, KeyMapping]:
    """The same for any text before the mapping, such as a network's name. `is_file`: of a file, so that a word that
    ends like one is not part of the mapping."""
    words = text.split()
    at = len(words)
    while at > 1:
        pair = at > 2 and words[at - 2] in OPTIONS  # an option, and its value
        if is_file and words[at - 1].endswith(file_endings()):
            break
        if pair and parse_mapping(words[at - 2 :]) is not None:
            at -= 2
        elif parse_mapping(words[at - 1 :]) is not None:
            at -= 1
        else:
            break
    mapping = parse_mapping(words[at:])
    file = text.strip()
    for word in reversed(words[at:]):
        file = file.removesuffix(word).rstrip()
    return file, mapping or KeyMapping()
