"""The stack machine that a pickle is a program for: its opcodes, interpreted into inert records.

The harm of a pickle lies in what it imports and calls. Here an import is a `Global`, a call is a `Called`, and nothing
of the file's ever runs. What rebuilds tensors is recognised by its name and becomes a `Tensor`, with no numbers in it
(`engine.weights.rebuild`).
"""

import io
import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.errors import CheckpointError
from engine.terminal_text import identifier, printable
from engine.weights import arrays
from engine.weights.arrays import Held
from engine.weights.budget import Budget
from engine.weights.pickle_arguments import Reader, in_a_line, reader_of
from engine.weights.rebuild import MOST_ELEMENTS, MOST_NAME, REBUILDING
from engine.weights.records import Called, Dict, Elements, Global, Long, Storage, Tensor

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, struct.error)
OF_ANY, OF_A_LINE = 3, 9  # operations that an opcode of the table costs, and one with text in a line of its own
MOST_PROBLEMS = 20  # of a kind, that are told
_OF_STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "ComplexDouble": "complex128",
    "ComplexFloat": "complex64", "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32", "QUInt4x2": "quint4x2",
    "QUInt2x4": "quint2x4",
}  # fmt: skip
STORAGES = _OF_STORAGES | {f"{name}Storage": dtype for name, dtype in _OF_STORAGES.items()}


class _Mark:
    """Where a group of things on the stack begins."""


MARK = _Mark()


class Machine:
    """The stack, the memo, and what was met."""

    def __init__(self, budget: Budget, stream: Any, read: Callable[[Any], Any]) -> None:
        """`stream`: what the pickle is read from; None: it stands in another one, and those in it are not read. `read`:
        what reads such a pickle (engine.weights.opcodes)."""
        self.budget = budget
        self.stream = stream
        self._read = read
        self.held: dict[str, Held] = {}
        self.arrays: dict[int, list[int]] = {}  # the places in the memo of arrays that have no state yet, by their ids
        self.stack: list[Any] = []
        self.marks: list[int] = []  # where on the stack marks were put; those that are gone too
        self.memo: dict[int, Any] = {}
        self.globals: dict[Global, None] = {}
        self.storages: dict[str, Storage] = {}
        self.problems: list[str] = []

    def pop(self) -> Any:
        return self.stack.pop()

    def marked(self) -> list[Any]:
        """What stands above the last mark, which goes too."""
        stack, marks = self.stack, self.marks
        while marks:
            at = marks.pop()
            if at < len(stack) and stack[at] is MARK:
                found = stack[at + 1 :]
                del stack[at:]
                return found
        raise ValueError("no mark on the stack")

    def named(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("it imports a name that is not text")
        found = Global(identifier(module, MOST_NAME), identifier(name, MOST_NAME))
        self.globals[found] = None
        self.stack.append(found)

    def call(self, what: Any, args: Any, keywords: Any = None) -> Any:
        if type(what) is not Global or type(args) is not tuple or keywords:
            return Called(what, (args, keywords) if keywords else args)
        rebuild = REBUILDING.get(what.full)
        if rebuild is not None:
            for part in args:
                if type(part) is Elements:
                    self.budget.weigh(72 * len(part.items))
            try:
                made = rebuild(args)
            except UNREADABLE as error:  # not as torch writes it: it stands for what it is
                self._problem(f"left out a call of {what.full}, which can't be read: {error}")
            else:
                if type(made) is Tensor and type(args[0]) is not Tensor:
                    self.budget.tensor()
                return made
        called = Called(what, args)
        try:
            if what.full == arrays.LOAD_FROM_BYTES and self.stream is not None:
                return self._storage(*args)
            return arrays.made(called, self.keep)
        except UNREADABLE:
            return called

    def _problem(self, problem: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)

    def keep(self, held: Held, dtype: str, count: int) -> Storage:
        """A storage whose bytes are in the pickle."""
        self.budget.weigh(len(held.data) if isinstance(held.data, bytes) else 0)
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
            found, held = arrays.storage_in(file, data, self._read)
        except CheckpointError as error:
            raise ValueError(str(error)) from error
        finally:
            self.stream.seek(place)
        self.globals |= dict.fromkeys(found.globals)
        return self.keep(held, found.root.dtype, found.root.count)

    def persistent(self, identity: Any) -> Any:
        if type(identity) is tuple and len(identity) >= 5 and identity[0] == "storage":
            _, kind, key, location, count = identity[:5]
            if not isinstance(key, (str, int)):
                raise ValueError("a storage whose key is not text")
            dtype = STORAGES.get(kind.name, "") if type(kind) is Global else ""
            if isinstance(count, int) and 0 <= count <= MOST_ELEMENTS:
                if type(location) is not str:
                    location = "?"
                elif location != "cpu":
                    location = printable(location, MOST_NAME)
                key = identifier(str(key), MOST_NAME)
                storage = Storage(key, dtype, count, location)
                self.storages.setdefault(key, storage)
                return storage
        if type(identity) is tuple and len(identity) >= 2 and identity[0] == "module":
            return identity[1]  # a class, with its source, as the legacy format has it
        return Called(Global("", "a persistent id"), identity)

    def memoize(self, key: int) -> None:
        """Remember what is on top of the stack."""
        value = self.memo[key] = self.stack[-1]
        if isinstance(value, Called) and value.state is None and arrays.is_array(value):
            self.arrays.setdefault(id(value), []).append(key)

    def put(self, pairs: list[Any]) -> None:
        """Set keys of what is on top of the stack."""
        target = self.stack[-1]
        if not isinstance(target, Dict | Called):
            raise ValueError(f"keys are set on a {type(target).__name__}")
        self.budget.weigh(36 * len(pairs))
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
                self._problem(f"left out a NumPy array that can't be read: {printable(str(error), 80)}")
                return
            for key in self.arrays.pop(id(target), ()):
                self.memo[key] = made
        # What else is given a state, a tensor with attributes, is shown without it.


def _tuple(count: int) -> Callable[[Machine, Any], None]:
    def make(machine: Machine, _: Any) -> None:
        if len(machine.stack) < count:
            raise ValueError("the stack is empty")
        found = tuple(machine.stack[len(machine.stack) - count :])
        del machine.stack[len(machine.stack) - count :]
        machine.stack.append(found)

    return make


def _duplicate(machine: Machine, _: Any) -> None:
    if machine.stack[-1] is MARK:
        raise ValueError("a mark is no object")
    machine.stack.append(machine.stack[-1])


def _dict(machine: Machine, _: Any) -> None:
    pairs = machine.marked()
    machine.stack.append(Dict())
    machine.put(pairs)


def _set_one(machine: Machine, _: Any) -> None:
    value = machine.pop()
    key = machine.pop()
    machine.put([key, value])


def _append_one(machine: Machine, _: Any) -> None:
    value = machine.pop()
    machine.append([value])


def _stack_global(machine: Machine, _: Any) -> None:
    name = machine.pop()
    machine.named(machine.pop(), name)


def _global(machine: Machine, argument: Any) -> None:
    machine.named(*argument)


def _new(machine: Machine, _: Any) -> None:
    args = machine.pop()
    machine.stack.append(Called(machine.pop(), args))


def _new_ex(machine: Machine, _: Any) -> None:
    keywords = machine.pop()
    args = machine.pop()
    machine.stack.append(Called(machine.pop(), (args, keywords)))


def _inst(machine: Machine, argument: Any) -> None:
    args = tuple(machine.marked())
    _global(machine, argument)
    machine.stack.append(Called(machine.pop(), args))


def _obj(machine: Machine, _: Any) -> None:
    what, *args = machine.marked()
    machine.stack.append(Called(what, tuple(args)))


def _put(machine: Machine, argument: Any) -> None:
    machine.memoize(int(argument))


def _extension(machine: Machine, argument: Any) -> None:
    machine.named("copyreg", f"extension {argument}")


def _push(machine: Machine, argument: Any) -> None:
    machine.stack.append(argument)


def _nothing(machine: Machine, argument: Any) -> None:
    pass


# Bytes that an opcode adds to memory, about: what it makes, and its place on the stack or in the memo.
_WEIGHTS = {
    **dict.fromkeys(("EMPTY_LIST", "LIST", "EMPTY_DICT", "DICT", "EMPTY_SET", "FROZENSET"), 200),
    **dict.fromkeys(("BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID"), 250),
    **dict.fromkeys(("TUPLE3", "SETITEM"), 72),
    "PUT": 100,
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER"), 250),
}
_LITERALS = {
    "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_DOES: dict[str, Callable[[Machine, Any], None]] = {
    "POP_MARK": lambda m, _: (m.marked(), None)[1],
    "DUP": _duplicate,
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "EMPTY_LIST": lambda m, _: m.stack.append(Elements("list")),
    "LIST": lambda m, _: m.stack.append(Elements("list", m.marked())),
    "APPEND": _append_one,
    "APPENDS": lambda m, _: m.append(m.marked()),
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
    "BUILD": lambda m, _: m.build(),
    "INST": _inst,
    "OBJ": _obj,
    "NEWOBJ": _new,
    "NEWOBJ_EX": _new_ex,
    "PERSID": lambda m, argument: m.stack.append(m.persistent(argument)),
    "PUT": _put,
    "GET": lambda m, argument: m.stack.append(m.memo[int(argument)]),
    "EXT1": _extension,
    "EXT2": _extension,
    "EXT4": _extension,
    "PROTO": _nothing,
    "READONLY_BUFFER": _nothing,
    "NEXT_BUFFER": lambda m, _: m.stack.append(Called(Global("", "an out-of-band buffer"), ())),
}


@dataclass(frozen=True, slots=True)
class Act:
    """What an opcode does."""

    do: Callable[[Machine, Any], None]
    argument: Reader | None  # of what stands behind it
    weight: int  # bytes that it adds to memory, about
    cost: int  # operations, besides one


def _act(opcode: pickletools.OpcodeInfo) -> Act | None:
    does = _push if opcode.name in _LITERALS else _DOES.get(opcode.name)
    if does is None:
        return None
    return Act(does, reader_of(opcode), _WEIGHTS.get(opcode.name, 16), OF_A_LINE if in_a_line(opcode) else OF_ANY)


_BY_BYTE = {ord(opcode.code): _act(opcode) for opcode in pickletools.opcodes}
# By the opcode's byte; None: no opcode, or one that engine.weights.opcodes interprets itself.
ACTS: tuple[Act | None, ...] = tuple(_BY_BYTE.get(code) for code in range(256))
