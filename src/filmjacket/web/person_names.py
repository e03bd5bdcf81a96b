"""Person names folded for matching: case, accents and padding do not count (PS3.4 C.2.2.2.1; PS3.5 6.2.1)."""

from __future__ import annotations

import unicodedata
from typing import cast

GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def fold_name(text: str) -> str:
    """Return one component group in the form in which names are compared.

    Case and accents are dropped, compatibility forms unified (full-width letters, half-width katakana), spaces
    around components and empty trailing components removed. Only the combining marks of Latin, Greek and
    Cyrillic go: a voiced kana or a vowel sign of another script is a different letter.
    """
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = unicodedata.normalize("NFC", "".join(mark for mark in decomposed if not "\u0300" <= mark <= "\u036f"))
    folded = text.casefold()
    return "^".join(" ".join(component.split()) for component in folded.split("^")).rstrip("^")


def folded_groups(value: object) -> tuple[str | None, str | None, str | None]:
    """Return the folded component groups of one JSON person name; None for a group that is not there."""
    if isinstance(value, str):
        return (fold_name(value), None, None)
    if not isinstance(value, dict):
        return (None, None, None)
    groups = cast("dict[str, object]", value)
    alphabetic, ideographic, phonetic = (_folded(groups.get(group)) for group in GROUPS)
    return (alphabetic, ideographic, phonetic)


def _folded(text: object) -> str | None:
    return fold_name(text) if isinstance(text, str) and text else None
