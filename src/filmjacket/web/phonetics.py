"""How names sound: Cologne phonetics (Kölner Phonetik, H. J. Postel 1969), for fuzzy matching (PS3.18 8.3.4.2).

Chosen because it treats the spellings of European names alike (Meyer, Maier; Schmidt, Smith, Smyth; Philipp, Filip;
Catherine, Kathryn) and is a table: a letter becomes a digit by the letters beside it, equal neighbours become one,
vowels count only at the beginning.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import groupby

# Letters that no Unicode decomposition turns into those of the table.
_SPELT_OUT = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ß": "ss"}
)
_LETTERS = re.compile(r"[a-z]+")

_DIGITS = {"aeijouy": "0", "h": "", "b": "1", "fvw": "3", "gkq": "4", "l": "5", "mn": "6", "r": "7", "sz": "8"}
_ALWAYS = {letter: digit for letters, digit in _DIGITS.items() for letter in letters}
_HARD_AFTER_INITIAL_C = frozenset("ahkloqrux")
_HARD_AFTER_C = frozenset("ahkoqux")


@lru_cache(maxsize=65_536)
def sound_of(word: str) -> str:
    """Return the code of a folded word; "" when it has other letters than Latin, or too few sounds to tell apart."""
    word = word.translate(_SPELT_OUT)
    if not _LETTERS.fullmatch(word):
        return ""
    digits = "".join(_digit(word, place) for place in range(len(word)))
    merged = "".join(digit for digit, _ in groupby(digits))
    code = merged[:1] + merged[1:].replace("0", "")
    return "" if code in {"", "0"} else code


def _digit(word: str, place: int) -> str:
    letter = word[place]
    if letter in _ALWAYS:
        return _ALWAYS[letter]
    before, after = word[place - 1 : place] if place else "", word[place + 1 : place + 2]
    if letter == "p":
        return "3" if after == "h" else "1"
    if letter == "x":
        return "8" if before and before in "ckq" else "48"
    if letter in "dt":
        return "8" if after and after in "csz" else "2"
    # Only `c` is left.
    if not place:
        return "4" if after in _HARD_AFTER_INITIAL_C else "8"
    return "4" if after in _HARD_AFTER_C and before not in "sz" else "8"
