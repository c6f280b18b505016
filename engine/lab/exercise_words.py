"""All that is said around an exercise, in each language that a chapter may have: the word that begins its explanation,
what asks for a prediction, and what is said of one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ExerciseWords:
    """Templates of `str.format`."""

    why: str  # begins the paragraph that explains the answer
    asks: str  # beneath the question, until it is answered
    done: str  # beneath one that was answered another time
    title: str  # of the prompt
    type_so: str  # what: one of `typed`
    typed: Mapping[str, str]  # by the kind of an exercise
    more_line: str  # of code, in the prompt
    more_lines: str  # how many
    no_prediction: str
    enter: str  # the keys of the prompt
    earlier: str
    back: str
    not_checked: str  # why
    not_ready: str  # the cell failed where cells above it have not run
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
    yes: str
    no: str
    write: str  # one of `typed`, where something else was typed
    run_again: str  # of what can't be read as a prediction
    restart: str  # of a wrong one


ENGLISH = ExerciseWords(
    why="Why:",
    asks="Before you run the cell below, you are asked for your prediction.",
    done="done before",
    title="Your prediction",
    type_so="Type {0}; leave it empty to run without an answer.",
    typed={
        "value": "a value, such as 3, [1, 2] or float32",
        "shape": "a shape, such as [2, 3]",
        "names": "names, such as a, b; or none",
        "raises": "yes or no, or the exception's name",
    },
    more_line="… 1 more line",
    more_lines="… {0} more lines",
    no_prediction="no prediction",
    enter="Enter: OK",
    earlier="↑: earlier entries",
    back="Esc: cancel",
    not_checked="your prediction could not be checked: {0}. Run the cell again to answer.",
    not_ready="The cell failed, and cells above it have not run in this kernel. Press R on this question to run those; "
    "then run the cell again to answer.",
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
    also="missing: {0}",
    not_these="wrong: {0}",
    none="none",
    yes="yes",
    no="no",
    write="write {0}",
    run_again="Run the cell again to answer.",
    restart="After a restart of the kernel (0) you are asked again.",
)
KOREAN = ExerciseWords(
    why="이유:",
    asks="아래 셀을 실행하기 전에 결과를 예측해 보세요. 실행하면 예측을 묻습니다.",
    done="전에 맞힌 문제",
    title="결과 예측",
    type_so="{0}. 비워 두면 답하지 않고 실행합니다.",
    typed={
        "value": "값을 쓰세요(예: 3, [1, 2], float32)",
        "shape": "모양을 쓰세요(예: [2, 3])",
        "names": "이름을 쓰세요(예: a, b). 하나도 없으면 ‘없음’이라고 쓰세요",
        "raises": "예/아니요나 예외의 이름을 쓰세요",
    },
    more_line="… 이하 1줄",
    more_lines="… 이하 {0}줄",
    no_prediction="예측 없이 실행",
    enter="Enter: 확인",
    earlier="↑: 전에 쓴 답",
    back="Esc: 취소",
    not_checked="예측이 맞는지 확인하지 못했습니다: {0}. 셀을 다시 실행하면 다시 답할 수 있습니다.",
    not_ready="셀이 실패했습니다. 이 커널에서 아직 실행하지 않은 셀이 위에 있습니다. 이 질문에서 R을 눌러 위의 셀을 "
    "모두 실행한 뒤, 셀을 다시 실행해 답하세요.",
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
    yes="예",
    no="아니요",
    write="{0}",
    run_again="셀을 다시 실행하면 다시 답할 수 있습니다.",
    restart="커널을 다시 시작하면(0 키) 다시 물어봅니다.",
)


LANGUAGES: Mapping[str, ExerciseWords] = {"en": ENGLISH, "ko": KOREAN}


def words(lang: str) -> ExerciseWords:
    """Those of a language; of one that is not there the English ones."""
    return LANGUAGES.get(lang, ENGLISH)
