"""Texts become the numbers of their words, as Keras' `TextVectorization` counts them: 0 stands for none, 1 for an unknown word."""

import codecs
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..base.text import counted, first_few
from ..base.validate import require

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_MOST_WORDS = 10_000   # that are told apart: the most frequent ones
_LONGEST = 256         # words of a text that are looked at, from its beginning
_USUAL = 0.95          # share of the training texts that are looked at whole, where they are not longer
_FEWEST_WORDS, _FEWEST_DIFFERENT = 4, 40  # words of a usual text, and different ones, of what is a column of texts
_FEWEST_ROWS = 2       # training texts that a word stands in


@dataclass(frozen=True, slots=True)
class Words:
    """The words that are told apart, the most frequent ones first, and how many words of a text are looked at."""

    known: tuple[str, ...]
    length: int

    def transform(self, texts):
        """int32[n, length]: the place of each word among the known ones, plus 2."""
        places = {word: place for place, word in enumerate(self.known, start=2)}
        x = np.zeros((len(texts), self.length), np.int32)
        for row, text in zip(x, texts, strict=True):
            found = [places.get(word, 1) for word in words_of(text)[: self.length]]
            row[: len(found)] = found
        return x


def words_of(text):
    """The words of a text in small letters."""
    return _WORD.findall(str(text).lower())


def learn_words(texts):
    """The `Words` of the training texts, and a sentence.

    Raises:
        UsageError: hardly any word stands in two of them.
    """
    rows, lengths = Counter(), []
    for text in texts:
        words = words_of(text)
        lengths.append(len(words))
        rows.update(set(words))
    often = [(word, n) for word, n in rows.items() if n >= _FEWEST_ROWS]
    known = tuple(word for word, _ in sorted(often, key=lambda one: (-one[1], one[0]))[:_MOST_WORDS])
    require(known, "texts", counted(len(lengths), "text"), "texts of words that return", "No word stands in two of them.")
    length = max(1, min(_LONGEST, int(np.quantile(lengths, _USUAL))))
    longer = sum(n > length for n in lengths) / len(lengths)
    return Words(known, length), (f"{counted(len(known), 'word')} of the training texts are told apart, and the first "
                                  f"{counted(length, 'word')} of a text are looked at"
                                  + (f" ({100 * longer:.2g} % of the texts are longer)." if longer else "."))


def of_files(files):
    """The texts in files, UTF-8 (or UTF-16 where the first two bytes say so), or else cp1252; and sentences on the latter."""
    found, other = [], []
    for file in files:
        raw = file.read_bytes()
        try:
            found.append(raw.decode("utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"))
        except UnicodeDecodeError:
            other.append(file.name)
            found.append(raw.decode("cp1252", errors="replace"))
    return found, ((f"{counted(len(other), 'text')} in another encoding than UTF-8, read as cp1252 ({first_few(other, 3)}): where "
                    "that is wrong, save them as UTF-8.",) if other else ())


def are_texts(column):
    """Whether a column of text holds sentences, whose words in their order may tell more than pieces of letters."""
    n_words = column.dropna().map(lambda text: len(words_of(text)))
    return bool(len(n_words) and n_words.median() >= _FEWEST_WORDS and column.nunique() > _FEWEST_DIFFERENT)
