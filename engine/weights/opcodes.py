"""A pickle's opcodes, one after the other, as Python's C unpickler takes them from its bytes; nothing is executed.

Those that torch.save writes for each tensor are interpreted here, in one loop: some 35 of them, for each of up to
hundreds of thousands of tensors. The rest stand in the table of `engine.weights.pickle_machine`.
"""

import struct
import sys
from dataclasses import dataclass, field
from typing import Any

from engine.errors import CheckpointError
from engine.terminal_text import printable
from engine.weights.arrays import Held
from engine.weights.budget import Budget
from engine.weights.pickle_arguments import of_length
from engine.weights.pickle_machine import ACTS, MARK, Machine
from engine.weights.pickle_stream import AHEAD, PickleError, Source, Stream, TruncatedError
from engine.weights.records import Called, Global, Storage

AT_ONCE = 500  # opcodes between two looks at the budget
OF_A_CALL = 7  # what a call, and the like, costs besides, in opcodes of the loop
_TWO_WAYS = "its pickle can be read in two ways"
_INT4, _UINT2 = struct.Struct("<i").unpack_from, struct.Struct("<H").unpack_from
_UINT4, _UINT8 = struct.Struct("<I").unpack_from, struct.Struct("<Q").unpack_from
_LONG_TEXT = of_length(4, text="utf-8")


@dataclass
class Read:
    """What one pickle describes."""

    root: Any
    globals: list[Global] = field(default_factory=list)  # each once, in the order of the file
    storages: dict[str, Storage] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)  # what looks like a tensor, but not as torch writes one
    held: dict[str, Held] = field(default_factory=dict)  # the bytes of storages that are in the pickle, by their keys


def read(stream: Stream, budget: Budget | None = None, *, inner: bool = False, size: int = 0) -> Read:
    """Read the pickle that begins where `stream` stands, which is left after it. `budget`: what it may cost; None: as
    much as a single one. `inner`: one that stands in another; those in it are not read. `size`: how many bytes it has,
    for the budget's progress; 0: there is none.

    Raises PickleError where it is none, is cut off or costs too much, with what it would have imported before that."""
    machine = Machine(budget or Budget(), None if inner else stream, lambda inside: read(inside, budget, inner=True))
    try:
        root = _run(machine, Source(stream), size)
    except CheckpointError as error:
        raise PickleError(str(error), list(machine.globals)) from None
    return Read(root, list(machine.globals), machine.storages, machine.problems, machine.held)


def globals_of(stream: Stream, budget: Budget | None = None) -> list[Global]:
    """What the pickle there would import, as far as it can be read."""
    try:
        return read(stream, budget).globals
    except PickleError as error:
        return error.globals


def _run(machine: Machine, source: Source, size: int) -> Any:
    """Interpret the opcodes up to STOP, and return what is on top of the stack then. Raises CheckpointError.

    C's unpickler reads on behind a frame where an opcode does not fit into it or another frame begins within it, and
    passes over the rest: it would run what is not shown here, so that is refused.
    """
    budget, stack, marks, memo = machine.budget, machine.stack, machine.marks, machine.memo
    push, pop = stack.append, stack.pop
    data, at, start = source.data, 0, source.base
    base, place = source.base, 0  # where the block begins in the stream, and the opcode at hand in the block
    look_at = 0  # a byte of the block from which more of it is wanted, or at which a frame ends
    frame: int | None = None  # where the frame under way ends, in the stream
    made = cost = 0  # bytes of records, about, and operations besides, that the budget does not know of yet
    try:
        while True:
            budget.spend(AT_ONCE + cost)
            budget.weigh(made)
            made = cost = 0
            if size:
                budget.progress(min(size, base + at - start), size)
                if budget.so_far is not None:
                    budget.so_far(stack)
            for _ in range(AT_ONCE):
                if at >= look_at:
                    if source.size - at < AHEAD and not source.whole:
                        source.have(at, AHEAD)
                        at = 0
                    data, base, place = source.data, source.base, at
                    if frame is not None and base + at >= frame:
                        if base + at > frame:
                            what = f"an opcode before byte {base + at:,} crosses the end of its frame"
                            raise CheckpointError(f"{what}: {_TWO_WAYS}")
                        frame = None
                    if at >= source.size:
                        raise TruncatedError("it does not end")
                    look_at = source.size if source.whole else source.size - AHEAD + 1
                    look_at = look_at if frame is None else min(look_at, frame - base)
                place = at
                code = data[at]
                at += 1
                if code == 0x68:  # BINGET
                    push(memo[data[at]])
                    at += 1
                elif code == 0x4B:  # BININT1
                    push(data[at])
                    at += 1
                elif code == 0x72:  # LONG_BINPUT
                    if type(value := stack[-1]) is Called:
                        machine.memoize(_UINT4(data, at)[0])
                    else:
                        memo[_UINT4(data, at)[0]] = value
                    at += 4
                    made += 100
                elif code == 0x28:  # MARK
                    marks.append(len(stack))
                    push(MARK)
                    made += 40
                elif code == 0x86:  # TUPLE2
                    second = pop()
                    stack[-1] = (stack[-1], second)
                    made += 72
                elif code == 0x52:  # REDUCE
                    arguments = pop()
                    stack[-1] = machine.call(stack[-1], arguments)
                    made += 250
                    cost += OF_A_CALL
                elif code == 0x74:  # TUPLE
                    push(tuple(machine.marked()))
                    made += 72
                elif code == 0x58:  # BINUNICODE
                    (length,) = _UINT4(data, at)
                    if length <= 64 and at + 4 + length <= source.size:
                        at += 4
                        push(str(data[at : at + length], "utf-8", "surrogatepass"))
                        at += length
                        made += 120
                    else:
                        value, at = _LONG_TEXT(source, at)
                        data, look_at = source.data, 0
                        budget.weigh(sys.getsizeof(value))
                        push(value)
                elif code == 0x85:  # TUPLE1
                    stack[-1] = (stack[-1],)
                    made += 72
                elif code == 0x51:  # BINPERSID
                    stack[-1] = machine.persistent(stack[-1])
                    made += 250
                    cost += OF_A_CALL
                elif code == 0x29:  # EMPTY_TUPLE
                    push(())
                elif code == 0x89:  # NEWFALSE
                    push(False)
                elif code == 0x6A:  # LONG_BINGET
                    push(memo[_UINT4(data, at)[0]])
                    at += 4
                elif code == 0x71:  # BINPUT
                    if type(value := stack[-1]) is Called:
                        machine.memoize(data[at])
                    else:
                        memo[data[at]] = value
                    at += 1
                elif code == 0x4A:  # BININT
                    push(_INT4(data, at)[0])
                    at += 4
                    made += 32
                elif code == 0x4D:  # BININT2
                    push(_UINT2(data, at)[0])
                    at += 2
                    made += 32
                elif code == 0x94:  # MEMOIZE
                    machine.memoize(len(memo))
                    made += 100
                elif code == 0x30:  # POP
                    pop()
                elif code == 0x4E:  # NONE
                    push(None)
                elif code == 0x2E:  # STOP
                    if frame is not None and base + at != frame:
                        raise CheckpointError(f"it ends at byte {base + place:,}, within a frame: {_TWO_WAYS}")
                    root = pop()
                    source.leave(at)
                    return root
                elif code == 0x95:  # FRAME
                    if frame is not None:
                        what = f"a frame begins within another one at byte {base + place:,}"
                        raise CheckpointError(f"{what}: {_TWO_WAYS}")
                    frame = base + at + 8 + _UINT8(data, at)[0]
                    at += 8
                    look_at = min(look_at, frame - base)
                else:
                    act = ACTS[code]
                    if act is None:
                        raise ValueError(f"the opcode {code:#04x} is not known")
                    made += act.weight
                    cost += act.cost
                    if act.argument is None:
                        act.do(machine, None)
                        continue
                    argument, at = act.argument(source, at)
                    if source.data is not data:
                        data, look_at = source.data, 0
                    budget.weigh(sys.getsizeof(argument))
                    act.do(machine, argument)
    except TruncatedError as error:
        raise CheckpointError(f"its pickle is damaged or truncated at byte {base + place:,}: {error}") from error
    except CheckpointError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        if at > source.size:
            raise CheckpointError(f"its pickle is truncated at byte {base + place:,}: it does not end") from error
        what = printable(str(error), 120)
        why = f"its pickle is damaged at byte {base + place:,}: {type(error).__name__}: {what}"
        raise CheckpointError(why) from error
