"""What is said of a prediction, in English and Korean."""

from dataclasses import dataclass


@dataclass(frozen=True)
class VerdictWords:
    """Templates of `str.format`."""

    right: str
    other: str  # what it is, what was typed
    other_shape: str  # what it is, its shape, the shape that was typed
    at: str  # index, what it is there, what was typed there
    differ: str  # how many differ, of how many
    dimensions: str  # the shape, its number of dimensions, that of what was typed
    one_dimension: str  # the shape, 1, that of what was typed
    raises: str
    raises_nothing: str
    raises_other: str  # the exception, what was typed
    also: str
    not_these: str
    none: str
    write: str  # what, an example
    a_value: str
    a_shape: str
    names: str
    yes_or_no: str
    run_again: str  # of what can't be read as a prediction
    restart: str  # of a wrong one


ENGLISH = VerdictWords(
    right="Right: {0}",
    other="it is {0}, not {1}",
    other_shape="it is {0}: its shape is {1}, not {2}",
    at="at {0} it is {1}, not {2}",
    differ=" ({0} of {1} differ)",
    dimensions="it is {0}: {1} dimensions, not {2}",
    one_dimension="it is {0}: 1 dimension, not {2}",
    raises="it raises {0}",
    raises_nothing="it raises nothing",
    raises_other="it raises {0}, not {1}",
    also="also: {0}",
    not_these="not: {0}",
    none="none",
    write="write {0}, such as {1}",
    a_value="a value",
    a_shape="a shape",
    names="names",
    yes_or_no="yes or no",
    run_again="Run the cell again to answer.",
    restart="After a restart of the kernel (0) you are asked again.",
)
KOREAN = VerdictWords(
    right="맞았습니다: {0}",
    other="답은 {0}입니다 (입력: {1})",
    other_shape="답은 {0}입니다. 모양은 {1}이고, 입력한 값의 모양은 {2}입니다",
    at="{0} 위치의 값은 {1}입니다 (입력: {2})",
    differ=" ({1}개 가운데 {0}개가 다릅니다)",
    dimensions="답은 {0}입니다. {1}차원인데 {2}차원으로 답했습니다",
    one_dimension="답은 {0}입니다. 1차원인데 {2}차원으로 답했습니다",
    raises="{0} 예외가 발생합니다",
    raises_nothing="예외가 발생하지 않습니다",
    raises_other="{0} 예외가 발생합니다 (입력: {1})",
    also="빠진 이름: {0}",
    not_these="해당하지 않는 이름: {0}",
    none="없음",
    write="{0} 형식으로 적으세요. 예: {1}",
    a_value="값",
    a_shape="모양",
    names="이름 목록",
    yes_or_no="예/아니요",
    run_again="셀을 다시 실행하면 다시 답할 수 있습니다.",
    restart="커널을 다시 시작하면(0 키) 다시 물어봅니다.",
)


def words(lang: str) -> VerdictWords:
    """Those of a language: "ko", else English."""
    return KOREAN if lang == "ko" else ENGLISH
