"""Answers as people type them and as Python spells them, read without executing anything, and compared."""

import ast
import contextlib
import math
import re
from typing import TypeAlias

from engine.lab.exercise_words import ENGLISH, ExerciseWords
from engine.terminal_text import printable

Answer: TypeAlias = float | str | list["Answer"]  # a bool and an int are floats to the types
MOST = 20_000  # characters that are read
DEEPEST = 30  # lists in lists
NEAR = 0.01, 1e-6  # of a float: of its size, and at least
YES = ("yes", "y", "true", "raises", "it raises", "예", "네", "응", "참")
NO = ("no", "n", "false", "아니요", "아니오", "아뇨", "거짓")
NONE = ("", "none", "no", "nothing", "nobody", "no names", "-", "없음", "없다")
UNIFORM = str.maketrans({"−": "-", "–": "-", "×": "x", "“": '"', "”": '"', "‘": "'", "’": "'", "，": ",", "\xa0": " "})
SHAPE = re.compile(r"(?:(?:torch\.)?Size|shape)?\s*[=:]?\s*[(\[]*\s*((?:\d+\s*(?:[,x* ]\s*)*)*)[)\]]*", re.IGNORECASE)
NAME = re.compile(r"[^\W\d][\w.]*(?:\[\d+\])?")
AND = re.compile(r"\band\b|(?<![가-힣])(?:와|과|랑|이랑|하고)(?=\s)")  # also the Korean ones, after a name
BETWEEN = re.compile(r"(?<=[\d.\]])[\s;]+(?=[-+.\d\[])")  # numbers and lists without a comma, as NumPy prints them
NUMBERS = {"inf": math.inf, "nan": math.nan, "infinity": math.inf}
SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "⁄": "/", "^": "**"})  # of a product, a fraction, a power
GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")  # 1,048,576
LARGEST_POWER = 1024, 64  # of which a whole number is computed: its base and its exponent


def read(text: str, *, yes_and_no: bool = False, thousands: bool = False) -> Answer | None:
    """A number, a bool, text, or a list of these; the values of a tensor or an array as lists; "8 and 4" and "8 4" are
    lists too; of sums, products, fractions and powers of two or so what they come to. None where it can't be read.
    `yes_and_no`: these words are bools. `thousands`: 1,234 is one number, as it is in "1,234 * 4" always."""
    text = text.strip().translate(SIGNS).translate(UNIFORM)
    if len(text) > MOST or not text:
        return None
    if yes_and_no and (word := yes(text)) is not None:
        return word
    if thousands and re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+", text):
        return int(text.replace(",", ""))
    if percent := re.fullmatch(r"([+-]?[\d.]+)\s*%", text):
        number = read(percent[1])
        return number / 100 if isinstance(number, int | float) else None
    text = re.sub(r",\s*grad_fn=<\w+>", "", text)  # of a tensor that is printed
    if re.search(r"\d\s*[*/]", text) and not re.search(r"[\[({]", text):
        text = GROUPED.sub(lambda found: found[0].replace(",", ""), text)
    found = _literal(text)
    if found is None and re.fullmatch(r"[^\W\d][\w .:/<>-]*", text):
        return text
    return found if found is not None else _literal(BETWEEN.sub(", ", re.sub(r",\s*,", ",", AND.sub(",", text))))


def shape(text: str) -> list[int] | None:
    """The sizes in `[2, 3]`, `(2, 3)`, `2x3`, `2 × 3`, `torch.Size([2, 3])`; a scalar has none."""
    text = text.strip().translate(UNIFORM)
    if len(text) > MOST:
        return None
    if text.lower() in ("scalar", "()", "[]", "스칼라"):
        return []
    found = SHAPE.fullmatch(text)
    if found is None or not (found[1].strip() or "[]" in text or "()" in text):
        return None
    sizes = re.findall(r"\d+", found[1])
    return [int(size) for size in sizes] if all(len(size) < 20 for size in sizes) else None


def names(text: str) -> list[str] | None:
    """The names in `a, b`, `a b`, `a and b`, `['a', 'b']`; in their order, each once."""
    text = text.strip().translate(UNIFORM)
    if text.lower() in NONE or text in ("[]", "{}", "()", "set()"):
        return []
    text = AND.sub(" ", text)
    words = NAME.findall(text)
    left = NAME.sub("", text)
    if not words or len(text) > MOST or not re.fullmatch(r"""[\s,;&'"(){}\[\]]*""", left):
        return None
    return list(dict.fromkeys(words))


def yes(text: str) -> bool | None:
    """Whether it says yes or no; None where neither."""
    word = text.strip().strip(".!").lower()
    return True if word in YES else False if word in NO else None


def difference(answer: Answer, typed: Answer, words: ExerciseWords = ENGLISH) -> str:
    """What differs, in one line that says what is right; empty: nothing."""
    if isinstance(answer, list) and isinstance(typed, list):
        sizes, typed_sizes = _sizes(answer), _sizes(typed)
        if sizes != typed_sizes:
            return words.other_shape.format(spelled(answer), sizes, typed_sizes)
        wrong = _differing(answer, typed, [])
        if not wrong:
            return ""
        at, one, other = wrong[0]
        count = words.differ.format(len(wrong), math.prod(sizes)) if len(wrong) > 1 else ""
        return words.at.format(at, spelled(one), spelled(other)) + count
    return "" if _same(answer, typed) else words.other.format(spelled(answer), spelled(typed))


def spelled(answer: Answer) -> str:
    """In one short line."""
    if isinstance(answer, float):
        return f"{answer:.6g}"
    if isinstance(answer, list):
        text = f"[{', '.join(map(spelled, answer))}]"
        return text if len(text) <= 60 else f"{text[:59]}…"
    return printable(str(answer), 60) if isinstance(answer, str) else str(answer)


def _literal(text: str) -> Answer | None:
    with contextlib.suppress(SyntaxError, ValueError, MemoryError, RecursionError, OverflowError, ZeroDivisionError):
        return _value(ast.parse(text, mode="eval").body, 0)
    return None


def _value(node: ast.expr, depth: int) -> Answer:
    """Of a literal, or of what prints like one. Raises ValueError for anything else."""
    if depth > DEEPEST:
        raise ValueError("too deep")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return node.value
    if isinstance(node, ast.Constant) and node.value is None:
        return "None"
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [_value(one, depth + 1) for one in node.elts]
    if isinstance(node, ast.Name):
        return NUMBERS.get(node.id, node.id)
    if isinstance(node, ast.Attribute):  # torch.float32
        return node.attr
    if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name | ast.Attribute):
        called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        if called in ("tensor", "array", "Size", "set", "Parameter"):
            return _value(node.args[0], depth + 1)
    if isinstance(node, ast.UnaryOp | ast.BinOp):
        return _number(node, depth)
    raise ValueError("no value")


def _number(node: ast.UnaryOp | ast.BinOp, depth: int) -> float:
    """Of a sum, a product, a fraction or a power of numbers."""
    if isinstance(node, ast.UnaryOp):
        one = _value(node.operand, depth + 1)
        if isinstance(one, int | float) and isinstance(node.op, ast.USub | ast.UAdd):
            return -one if isinstance(node.op, ast.USub) else one
        raise ValueError("no number")
    left, right = _value(node.left, depth + 1), _value(node.right, depth + 1)
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        raise ValueError("no number")
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    if isinstance(node.op, ast.Div):
        return left / right
    if isinstance(node.op, ast.Pow):
        base, exponent = LARGEST_POWER
        if isinstance(left, int) and isinstance(right, int) and abs(left) <= base and 0 <= right <= exponent:
            return int(left**right)
    raise ValueError("no number")


def _same(answer: Answer, typed: Answer) -> bool:
    if isinstance(answer, list) or isinstance(typed, list):
        if isinstance(answer, list) and len(answer) == 1:  # the one element of a list, without the brackets
            return not isinstance(typed, list) and _same(answer[0], typed)
        return False
    if isinstance(answer, str) or isinstance(typed, str):
        return _word(answer) == _word(typed)
    if isinstance(answer, bool) or isinstance(typed, bool):
        return isinstance(answer, bool) and isinstance(typed, bool) and answer == typed
    if math.isnan(answer) or math.isnan(typed):
        return math.isnan(answer) and math.isnan(typed)
    if isinstance(answer, int) or math.isinf(answer) or math.isinf(typed):
        return answer == typed
    share, least = NEAR
    return abs(answer - typed) <= share * abs(answer) + least


def _word(answer: Answer) -> str:
    text = str(answer).strip().lower().removeprefix("torch.")
    return "".join(part for part in re.split(r"[\s_-]+", text))


def _differing(answer: Answer, typed: Answer, at: list[int]) -> list[tuple[list[int], Answer, Answer]]:
    if isinstance(answer, list) and isinstance(typed, list) and len(answer) == len(typed):
        pairs = enumerate(zip(answer, typed, strict=True))
        return [found for place, (one, other) in pairs for found in _differing(one, other, [*at, place])]
    return [] if _same(answer, typed) else [(at, answer, typed)]


def _sizes(answer: Answer) -> list[int]:
    """The shape of lists in lists; of uneven ones, down to where they differ."""
    if not isinstance(answer, list):
        return []
    inner = [_sizes(one) for one in answer]
    return [len(answer), *(inner[0] if inner and all(one == inner[0] for one in inner) else [])]
