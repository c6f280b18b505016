"""The words of a document's screen, in each language that a document may be written in. What is said of exercises is
in `engine.lab.exercise_words`."""

from collections.abc import Mapping

from tui.lab.words.english import LabWords
from tui.lab.words.korean import KOREAN

__all__ = ["ENGLISH", "LANGUAGES", "LabWords", "words"]
ENGLISH = LabWords()
LANGUAGES: Mapping[str, LabWords] = {"en": ENGLISH, "ko": KOREAN}


def words(lang: str) -> LabWords:
    """Those of a language; of one that is not there the English ones."""
    return LANGUAGES.get(lang, ENGLISH)
