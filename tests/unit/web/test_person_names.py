"""Words and sounds of names (PS3.18 8.3.4.2; docs/explanation/search.md)."""

from __future__ import annotations

import pytest

from filmjacket.web.person_names import fold_name, fuzzy_test, key_words, name_words, sound_of_key
from filmjacket.web.phonetics import sound_of


@pytest.mark.parametrize(
    ("word", "code"),
    [
        # From Postel's paper and the examples that implementations share
        ("wikipedia", "3412"),
        ("breschnew", "17863"),
        ("mullerludenscheidt", "65752682"),
        ("heithabu", "021"),
        ("xavier", "4837"),
        ("caesar", "487"),
        ("acht", "042"),
        ("chlor", "457"),
        # Letters that have no decomposition
        ("søren", "876"),
        ("łukasz", "548"),
        # Nothing to tell apart
        ("ay", ""),
        ("h", ""),
        ("山田", ""),
        ("o1", ""),
        ("", ""),
    ],
)
def test_cologne_phonetics(word: str, code: str) -> None:
    assert sound_of(word) == code


@pytest.mark.parametrize(
    "alike",
    [("meyer", "maier", "mayr"), ("smith", "smyth", "schmidt"), ("philipp", "filip"), ("catherine", "kathryn")],
)
def test_spellings_of_one_sound(alike: tuple[str, ...]) -> None:
    assert len({sound_of(word) for word in alike}) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Doe^John", ("doe", "john")),
        ("Van Dyke^Dick^^Mr", ("van", "dyke", "dick", "mr", "vandyke")),
        ("O'Brien-Smith^J.", ("obrien", "smith", "j", "obriensmith")),
        ("山田^太郎", ("山田", "太郎", "山田太郎")),
        ("^^^^", ()),
    ],
)
def test_words_of_a_name(name: str, words: tuple[str, ...]) -> None:
    assert name_words(fold_name(name)) == words


@pytest.mark.parametrize(
    ("key", "words"), [("doe john", ("doe", "john")), ("* doe", ("doe",)), ("d*e^*", ("d*e",)), ("^", ())]
)
def test_words_of_a_key(key: str, words: tuple[str, ...]) -> None:
    assert key_words(key) == words


@pytest.mark.parametrize(("word", "code"), [("smith", "862"), ("*smith*", "862"), ("sm?th", ""), ("s*th", "")])
def test_sound_of_a_key(word: str, code: str) -> None:
    assert sound_of_key(word) == code


def test_words_may_be_of_different_groups_unless_the_key_has_groups() -> None:
    name = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}
    assert fuzzy_test(("yamada 太郎",))(name)
    assert fuzzy_test(("yamada", "太郎"))(name)
    assert not fuzzy_test(("太郎", "yamada"))(name)
    assert not fuzzy_test(("", "", "た"))(name)
