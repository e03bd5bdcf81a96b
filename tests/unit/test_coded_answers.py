"""The bounded memory of coded answers."""

from __future__ import annotations

import gzip

import pytest

from filmjacket.http.coding import CodedAnswers, Collector, encode, encoded


def collect(answers: CodedAnswers, tag: str, *pieces: bytes, unchanged: bool = True) -> None:
    collector = Collector(answers, tag, lambda: unchanged)
    for piece in pieces:
        collector.add(piece)
    collector.finish()
    collector.drop()


def test_what_was_collected_is_kept_until_there_is_no_room() -> None:
    answers = CodedAnswers(400)
    for number in range(5):
        collect(answers, str(number), b"x" * 50, b"y" * 50)
    assert answers.get("0") is None, "the least recently used goes"
    assert answers.get("1") == b"x" * 50 + b"y" * 50
    collect(answers, "5", b"z" * 100)
    assert (answers.get("2"), answers.get("1")) == (None, b"x" * 50 + b"y" * 50), "1 was used since"


def test_one_answer_takes_a_quarter_at_most() -> None:
    answers = CodedAnswers(400)
    collect(answers, "large", b"x" * 60, b"x" * 60)
    assert answers.get("large") is None
    collect(answers, "small", b"x" * 100)
    assert answers.get("small") is not None


def test_what_has_changed_meanwhile_is_not_kept() -> None:
    answers = CodedAnswers(400)
    collect(answers, "tag", b"x", unchanged=False)
    assert answers.get("tag") is None


def test_bytes_that_are_being_collected_count() -> None:
    answers = CodedAnswers(400)
    collectors = [Collector(answers, str(number), lambda: True) for number in range(5)]
    for collector in collectors:
        collector.add(b"x" * 100)
    for collector in collectors:
        collector.finish()
    assert sum(answers.get(str(number)) is not None for number in range(5)) == 4


def test_a_reader_that_goes_gives_its_room_back() -> None:
    answers = CodedAnswers(400)
    for _ in range(100):
        stream = encoded(iter([bytes(range(256)) * 4000] * 3), "gzip", Collector(answers, "tag", lambda: True))
        next(stream)
        stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    collect(answers, "whole", b"x" * 100)
    assert answers.get("whole") is not None


def test_keeping_the_same_answer_twice_costs_once() -> None:
    answers = CodedAnswers(400)
    for _ in range(50):
        collect(answers, "tag", b"x" * 100)
    for number in range(3):
        collect(answers, str(number), b"x" * 100)
    assert answers.get("tag") == b"x" * 100


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_chunks_and_whole_are_the_same_bytes_each_time(coding: str) -> None:
    chunks = [bytes([number]) * 70_000 for number in range(5)]
    first, second = (b"".join(encoded(iter(chunks), coding, None)) for _ in range(2))
    assert first == second
    if coding == "gzip":
        assert gzip.decompress(first) == gzip.decompress(encode(b"".join(chunks), "gzip")) == b"".join(chunks)
