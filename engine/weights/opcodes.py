"""A pickle read without being executed: the standard library's opcodes, interpreted into inert records.

A pickle is a program for a stack machine, whose harm lies in what it imports and calls. Here an import is a `Global`, a
call is a `Called`, and nothing of the file's ever runs. What rebuilds tensors is recognised by its name and becomes a
`Tensor`, with no numbers in it (`engine.weights.rebuild`).
"""

import io
import pickletools
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, cast

from engine.errors import CheckpointError
from engine.terminal_text import identifier, printable
from engine.weights import arrays
from engine.weights.arrays import Held
from engine.weights.pickle_stream import Frames, Lines, LinesInMemory, PickleError, Stream
from engine.weights.rebuild import MOST_ELEMENTS, MOST_NAME, REBUILDING
from engine.weights.records import Called, Dict, Elements, Global, Long, Storage

MOST_OPCODES = 12_000_000  # of one pickle; each tensor takes some 45
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, struct.error)
MOST_MEMORY = 512 << 20  # bytes that the records of one pickle may take, about
STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "ComplexDouble": "complex128",
    "ComplexFloat": "complex64", "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32", "QUInt4x2": "quint4x2",
    "QUInt2x4": "quint2x4",
}  # fmt: skip


@dataclass
class Read:
    """What one pickle describes."""

    root: Any
    globals: list[Global] = field(default_factory=list)  # each once, in the order of the file
    storages: dict[str, Storage] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)  # what looks like a tensor, but not as torch writes one
    opcodes: int = 0
    held: dict[str, Held] = field(default_factory=dict)  # the bytes of storages that are in the pickle, by their keys


class _Mark:
    """Where a group of things on the stack begins."""


MARK = _Mark()


def read(stream: Stream, *, inner: bool = False) -> Read:
    """Read the pickle that begins where `stream` stands, which is left after it. `inner`: one that stands in another;
    those in it are not read. Raises CheckpointError where it is none, or is cut off."""
    machine, frames, place = _Machine(None if inner else stream), Frames(), 0
    try:
        lines = stream if isinstance(stream, LinesInMemory) else Lines(stream)
        for opcode, argument, found in pickletools.genops(cast(IO[bytes], lines)):
            place = found or 0
            if opcode.name in ("GLOBAL", "INST"):
                argument = lines.names()
            if frames.end >= 0 or opcode.name == "FRAME":
                frames.check(opcode.name, argument, place)
            machine.count += 1
            if machine.count > MOST_OPCODES:
                raise CheckpointError(f"its pickle has more than {MOST_OPCODES:,} opcodes: too many to read")
            if opcode.name == "STOP":
                return Read(
                    machine.pop(), list(machine.globals), machine.storages, machine.problems, machine.count,
                    machine.held,
                )  # fmt: skip
            if passed := getattr(stream, "passed", 0):
                utf8 = "UNICODE" in opcode.name
                begins = place + 1 + (8 if opcode.name.endswith("8") else 4)  # after the opcode and the length
                argument = Long(passed, utf8 or "STRING" in opcode.name, begins, utf8)
            machine.weigh(_WEIGHTS.get(opcode.name, 16))
            if isinstance(argument, str | bytes | bytearray):
                machine.weigh(sys.getsizeof(argument))
            machine.do(opcode.name, argument)
    except CheckpointError as error:
        raise PickleError(str(error), list(machine.globals)) from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        what = printable(str(error), 120)
        why = f"its pickle is damaged at byte {place:,}: {type(error).__name__}: {what}"
        raise PickleError(why, list(machine.globals)) from error
    raise PickleError("its pickle is truncated", list(machine.globals))


def globals_of(stream: Stream) -> list[Global]:
    """What the pickle there would import, as far as it can be read."""
    try:
        return read(stream).globals
    except PickleError as error:
        return error.globals


class _Machine:
    """The stack, the memo, and what was met."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream  # None: of a pickle inside another one
        self.held: dict[str, Held] = {}
        self.arrays: dict[int, list[int]] = {}  # the places in the memo of arrays that have no state yet, by their ids
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.globals: dict[Global, None] = {}
        self.storages: dict[str, Storage] = {}
        self.problems: list[str] = []
        self.count = 0
        self.memory = 0  # bytes, about

    def weigh(self, size: int) -> None:
        self.memory += size
        if self.memory > MOST_MEMORY:
            raise CheckpointError(f"the objects in its pickle take more than {MOST_MEMORY >> 20} MB: too much to read")

    def pop(self) -> Any:
        return self.stack.pop()

    def marked(self) -> list[Any]:
        """What stands above the last mark, which goes too."""
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is MARK:
                found = self.stack[at + 1 :]
                del self.stack[at:]
                return found
        raise ValueError("no mark on the stack")

    def do(self, name: str, argument: Any) -> None:
        if (simple := _SIMPLE.get(name)) is not None:
            simple(self, argument)
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name not in ("PROTO", "FRAME", "READONLY_BUFFER"):
            raise ValueError(f"opcode {name}")

    def named(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("it imports a name that is not text")
        found = Global(identifier(module, MOST_NAME), identifier(name, MOST_NAME))
        self.globals[found] = None
        self.stack.append(found)

    def call(self, what: Any, args: Any, keywords: Any = None) -> Any:
        if isinstance(what, Global) and isinstance(args, tuple) and not keywords:
            rebuild = REBUILDING.get(what.full)
            if rebuild is not None:
                for part in args:
                    self.weigh(72 * len(part.items) if isinstance(part, Elements) else 0)
                try:
                    return rebuild(args)
                except UNREADABLE as error:
                    # Not as torch writes it: it stands for what it is.
                    if len(self.problems) < 20:
                        self.problems.append(f"left out a call of {what.full}, which can't be read: {error}")
        made = Called(what, (args, keywords) if keywords else args)
        if isinstance(what, Global) and isinstance(args, tuple) and not keywords:
            try:
                if what.full == arrays.LOAD_FROM_BYTES and self.stream is not None:
                    return self._storage(*args)
                return arrays.made(made, self.keep)
            except UNREADABLE:
                return made
        return made

    def keep(self, held: Held, dtype: str, count: int) -> Storage:
        """A storage whose bytes are in the pickle."""
        self.weigh(len(held.data) if isinstance(held.data, bytes) else 0)
        storage = Storage(f"in the pickle {len(self.held) + 1}", dtype, count, "cpu")
        self.held[storage.key] = held
        return storage

    def _storage(self, data: Any) -> Storage:
        """The storage in a file that stands in the pickle as bytes, which torch would load."""
        data = arrays.bytes_of(data)
        place = self.stream.tell()
        try:
            file = self.stream.inside(data.offset, data.size) if isinstance(data, Long) else io.BytesIO(data)
            if isinstance(data, Long) and data.utf8:
                file = io.BytesIO(arrays.beginning(file))
            found, held = arrays.storage_in(file, data, lambda stream: read(stream, inner=True))
        except CheckpointError as error:
            raise ValueError(str(error)) from error
        finally:
            self.stream.seek(place)
        self.globals |= dict.fromkeys(found.globals)
        return self.keep(held, found.root.dtype, found.root.count)

    def persistent(self, identity: Any) -> Any:
        if isinstance(identity, tuple) and len(identity) >= 5 and identity[0] == "storage":
            _, kind, key, location, count = identity[:5]
            if not isinstance(key, str | int):
                raise ValueError("a storage whose key is not text")
            dtype = STORAGES.get(kind.name.removesuffix("Storage"), "") if isinstance(kind, Global) else ""
            if isinstance(count, int) and 0 <= count <= MOST_ELEMENTS:
                where = printable(location, MOST_NAME) if isinstance(location, str) else "?"
                storage = Storage(identifier(str(key), MOST_NAME), dtype, count, where)
                self.storages.setdefault(storage.key, storage)
                return storage
        if isinstance(identity, tuple) and len(identity) >= 2 and identity[0] == "module":
            return identity[1]  # a class, with its source, as the legacy format has it
        return Called(Global("", "a persistent id"), identity)

    def put(self, pairs: list[Any]) -> None:
        """Set keys of what is on top of the stack."""
        target = self.stack[-1]
        if not isinstance(target, Dict | Called):
            raise ValueError(f"keys are set on a {type(target).__name__}")
        target.items += list(zip(pairs[::2], pairs[1::2], strict=True))

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Elements):
            target.items += values
        elif isinstance(target, Called):
            target.elements += values
        else:
            raise ValueError(f"elements are appended to a {type(target).__name__}")

    def build(self) -> None:
        state = self.pop()
        target = self.stack[-1]
        if isinstance(target, Called | Dict):
            target.state = state
        if arrays.is_array(target):
            try:
                self.stack[-1] = made = arrays.array(target, self.keep)
            except UNREADABLE as error:
                self.problems += [f"left out a NumPy array that can't be read: {printable(str(error), 80)}"]
                return
            for key in self.arrays.pop(id(target), ()):
                self.memo[key] = made
        # What else is given a state, a tensor with attributes, is shown without it.


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    def make(machine: _Machine, _: Any) -> None:
        if len(machine.stack) < count:
            raise ValueError("the stack is empty")
        found = tuple(machine.stack[len(machine.stack) - count :])
        del machine.stack[len(machine.stack) - count :]
        machine.stack.append(found)

    return make


def _dict(machine: _Machine, _: Any) -> None:
    pairs = machine.marked()
    machine.stack.append(Dict())
    machine.put(pairs)


def _set_one(machine: _Machine, _: Any) -> None:
    value = machine.pop()
    key = machine.pop()
    machine.put([key, value])


def _append_one(machine: _Machine, _: Any) -> None:
    value = machine.pop()
    machine.append([value])


def _stack_global(machine: _Machine, _: Any) -> None:
    name = machine.pop()
    machine.named(machine.pop(), name)


def _global(machine: _Machine, argument: Any) -> None:
    machine.named(*argument)


def _reduce(machine: _Machine, _: Any) -> None:
    args = machine.pop()
    machine.stack.append(machine.call(machine.pop(), args))


def _new(machine: _Machine, _: Any) -> None:
    args = machine.pop()
    machine.stack.append(Called(machine.pop(), args))


def _new_ex(machine: _Machine, _: Any) -> None:
    keywords = machine.pop()
    args = machine.pop()
    machine.stack.append(Called(machine.pop(), (args, keywords)))


def _inst(machine: _Machine, argument: Any) -> None:
    args = tuple(machine.marked())
    _global(machine, argument)
    machine.stack.append(Called(machine.pop(), args))


def _obj(machine: _Machine, _: Any) -> None:
    what, *args = machine.marked()
    machine.stack.append(Called(what, tuple(args)))


def _pop(machine: _Machine, _: Any) -> None:
    machine.stack.pop()


def _memoize(machine: _Machine, argument: Any) -> None:
    key = len(machine.memo) if argument is None else int(argument)
    value = machine.memo[key] = machine.stack[-1]
    if arrays.is_array(value) and value.state is None:
        machine.arrays.setdefault(id(value), []).append(key)


def _extension(machine: _Machine, argument: Any) -> None:
    machine.named("copyreg", f"extension {argument}")


# Bytes that an opcode adds to memory, about: what it makes, and its place on the stack or in the memo.
_WEIGHTS = {
    **dict.fromkeys(("EMPTY_LIST", "LIST", "EMPTY_DICT", "DICT", "EMPTY_SET", "FROZENSET"), 200),
    **dict.fromkeys(("REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID", "BINPERSID"), 250),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), 100),
    **dict.fromkeys(("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "SETITEM"), 72),
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER"), 250),
}
_LITERALS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_SIMPLE: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda m, _: m.stack.append(MARK),
    "POP": _pop,
    "POP_MARK": lambda m, _: (m.marked(), None)[1],
    "DUP": lambda m, _: m.stack.append(m.stack[-1]),
    "NONE": lambda m, _: m.stack.append(None),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    "EMPTY_LIST": lambda m, _: m.stack.append(Elements("list")),
    "LIST": lambda m, _: m.stack.append(Elements("list", m.marked())),
    "APPEND": _append_one,
    "APPENDS": lambda m, _: m.append(m.marked()),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.marked())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "EMPTY_DICT": lambda m, _: m.stack.append(Dict()),
    "DICT": _dict,
    "SETITEM": _set_one,
    "SETITEMS": lambda m, _: m.put(m.marked()),
    "EMPTY_SET": lambda m, _: m.stack.append(Elements("set")),
    "ADDITEMS": lambda m, _: m.append(m.marked()),
    "FROZENSET": lambda m, _: m.stack.append(Elements("frozenset", m.marked())),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "BUILD": lambda m, _: m.build(),
    "INST": _inst,
    "OBJ": _obj,
    "NEWOBJ": _new,
    "NEWOBJ_EX": _new_ex,
    "PERSID": lambda m, argument: m.stack.append(m.persistent(argument)),
    "BINPERSID": lambda m, _: m.stack.append(m.persistent(m.pop())),
    "PUT": _memoize,
    "BINPUT": _memoize,
    "LONG_BINPUT": _memoize,
    "MEMOIZE": _memoize,
    "GET": lambda m, argument: m.stack.append(m.memo[int(argument)]),
    "BINGET": lambda m, argument: m.stack.append(m.memo[argument]),
    "LONG_BINGET": lambda m, argument: m.stack.append(m.memo[argument]),
    "EXT1": _extension,
    "EXT2": _extension,
    "EXT4": _extension,
    "NEXT_BUFFER": lambda m, _: m.stack.append(Called(Global("", "an out-of-band buffer"), ())),
}
