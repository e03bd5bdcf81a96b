"""Person names for matching (PS3.4 C.2.2.2.1; PS3.5 6.2.1; PS3.18 8.3.4.2).

Folded, so that case, accents and padding do not count; and as the words that fuzzy matching looks for.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, cast

from filmjacket.web.phonetics import sound_of
from filmjacket.web.wildcards import has_wildcards, wildcard_expression

if TYPE_CHECKING:
    from collections.abc import Callable

NameTest: TypeAlias = "Callable[[object], bool]"
"""Tells whether one value of VR PN, as JSON holds it, satisfies a key."""

_PLUS = re.compile(r"(?<=[\w*?.'])\++(?=[\w*?.'])")
# What parts the words of a name; apostrophes do not (O'Brien is one word, written with or without).
_BETWEEN_WORDS = re.compile(r"[\^\s,.;/_\-\u2010-\u2015\u30fb]+")
_APOSTROPHES = dict.fromkeys(map(ord, "'`\u00b4\u02bc\u2018\u2019"))

GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def fold_name(text: str) -> str:
    """Return one component group in the form in which names are compared.

    Case and accents are dropped, compatibility forms unified (full-width letters, half-width katakana), spaces
    around components and empty trailing components removed. Only the combining marks of Latin, Greek and
    Cyrillic go: a voiced kana or a vowel sign of another script is a different letter. A plus sign between words is as
    good as a space: widespread clients write spaces so (form encoding), and no name is told from another by it.
    """
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = unicodedata.normalize("NFC", "".join(mark for mark in decomposed if not "\u0300" <= mark <= "\u036f"))
    folded = _PLUS.sub(" ", text.casefold())
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


@lru_cache(maxsize=65_536)
def name_words(group: str) -> tuple[str, ...]:
    """Return the words of one folded component group that a fuzzy key may begin with or sound like.

    A component of several words is one more word without the gaps ("vandyke"), and so is a group in another
    script than Latin: its family and given name are often typed without anything between them.
    """
    components = [_words_of(component) for component in group.split("^")]
    words = [word for component in components for word in component]
    joined = ["".join(component) for component in components if len(component) > 1]
    if not group.isascii() and len(words) > 1:
        joined.append("".join(words))
    return tuple(dict.fromkeys([*words, *joined]))


def key_words(group: str) -> tuple[str, ...]:
    """Return the words of a fuzzy key's folded group, all of which must be found; `*` alone asks for nothing."""
    return tuple(dict.fromkeys(word for word in _words_of(group.replace("^", " ")) if word.strip("*")))


def sound_of_key(word: str) -> str:
    """Return the sound that a key's word asks for besides its spelling: asterisks around it do not change it."""
    bare = word.strip("*")
    return "" if has_wildcards(bare) else sound_of(bare)


def literal_test(groups: tuple[str, ...]) -> NameTest:
    """Return the test of literal matching: a key without `=` for any group, else group by group."""
    return _by_groups(groups, [_group_test(group) for group in groups])


def fuzzy_test(groups: tuple[str, ...]) -> NameTest:
    """Return the test of fuzzy matching: every word of the key begins, or sounds like, some word of the name."""
    tests = [[_word_test(word) for word in key_words(group)] for group in groups]
    if len(tests) == 1:
        (wanted,) = tests

        def anywhere(value: object) -> bool:
            found = [word for group in folded_groups(value) if group for word in name_words(group)]
            return all(any(map(test, found)) for test in wanted)

        return anywhere

    def of_group(wanted: list[Callable[[str], bool]]) -> Callable[[str], bool]:
        return lambda group: all(any(map(test, name_words(group))) for test in wanted)

    return _by_groups(groups, [of_group(wanted) for wanted in tests])


def _by_groups(wanted: tuple[str, ...], tests: list[Callable[[str], bool]]) -> NameTest:
    if len(tests) == 1:
        (any_group,) = tests
        return lambda value: any(group is not None and any_group(group) for group in folded_groups(value))

    def by_group(value: object) -> bool:
        found = folded_groups(value)
        return all(
            not text or (group is not None and test(group))
            for text, test, group in zip(wanted, tests, found, strict=False)
        )

    return by_group


def _group_test(wanted: str) -> Callable[[str], bool]:
    if has_wildcards(wanted):
        expression = wildcard_expression(wanted)
        return lambda group: expression.fullmatch(group) is not None
    return lambda group: group == wanted


def _word_test(wanted: str) -> Callable[[str], bool]:
    sound = sound_of_key(wanted)
    if has_wildcards(wanted):
        expression = wildcard_expression(wanted)
        return lambda word: expression.fullmatch(word) is not None or (bool(sound) and sound_of(word) == sound)
    return lambda word: word.startswith(wanted) or (bool(sound) and sound_of(word) == sound)


def _words_of(text: str) -> list[str]:
    return [word for word in _BETWEEN_WORDS.split(text.translate(_APOSTROPHES)) if word]
