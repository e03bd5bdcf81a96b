"""Elements of items are replaced, put in and left out; whatever the pieces in which the file comes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.part10 import (
    ITEM_END,
    J2K,
    SEQUENCE_END,
    UNDEFINED,
    encapsulated,
    explicit,
    item,
    open_item,
    part10,
)

from filmjacket.dicom.rewrite import to_explicit_little_endian
from filmjacket.services.studies.item_changes import with_changed_items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Changes = Mapping[str, Callable[[], Mapping[str, bytes] | None]]

ICON, REFERENCES, PRIVATE = "00880200", "00081140", "00111001"
BEFORE = explicit("00080016", "UI", b"1.2\0") + explicit("00080018", "UI", b"1.4\0")
AFTER = encapsulated(b"\xff\x4f\xff\x51" + bytes(100_000))
ROWS, COLUMNS = explicit("00280010", "US", b"\1\0"), explicit("00280011", "US", b"\2\0")
PIXELS = encapsulated(b"\1" * 70_000, b"\2" * 2)
NATIVE = explicit("7FE00010", "OB", b"\7" * 10)
PLANAR = explicit("00280006", "US", b"\0\0")


def sequence(tag: str, *items: bytes) -> bytes:
    return explicit(tag, "SQ", b"".join(map(open_item, items)) + SEQUENCE_END, length=UNDEFINED)


def measured(tag: str, *items: bytes) -> bytes:
    return explicit(tag, "SQ", b"".join(map(item, items)))


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def changed(data_set: bytes, changes: Changes, size: int = 4096) -> bytes:
    return b"".join(with_changed_items(pieces(part10(data_set, J2K), size), changes))


def plain(data_set: bytes) -> bytes:
    return b"".join(to_explicit_little_endian([part10(data_set, J2K)]))


def to(elements: Mapping[str, bytes] | None) -> Callable[[], Mapping[str, bytes] | None]:
    return partial(lambda value: value, elements)


@pytest.mark.parametrize("size", [1, 7, 4096, 10**7])
@pytest.mark.parametrize("form", [sequence, measured])
def test_an_element_becomes_another(form: Callable[..., bytes], size: int) -> None:
    """Others are put in where their tags belong; a wrong length outside would not be readable."""
    if size == 1:
        content = BEFORE + form(ICON, ROWS + PIXELS[:12] + item() + item(b"\1\2") + SEQUENCE_END)
    else:
        content = BEFORE + form(ICON, ROWS + PIXELS)
    change = {f"{ICON}.0": to({"7FE00010": NATIVE, "00280006": PLANAR, "00280011": COLUMNS})}
    expected = plain(BEFORE + sequence(ICON, PLANAR + ROWS + COLUMNS + NATIVE) + AFTER)
    assert changed(content + AFTER, change, size if size > 1 else 1000) == expected
    assert changed(content, change, size) == plain(BEFORE + sequence(ICON, PLANAR + ROWS + COLUMNS + NATIVE))


@pytest.mark.parametrize("size", [7, 4096, 10**7])
def test_only_the_item_at_the_path(size: int) -> None:
    inner = sequence(ICON, ROWS + PIXELS)
    content = BEFORE + sequence(REFERENCES, ROWS, inner + COLUMNS, inner) + sequence(PRIVATE, PIXELS) + AFTER
    change = {f"{REFERENCES}.1.{ICON}.0": to({"7FE00010": NATIVE})}
    assert changed(content, change, size) == plain(
        BEFORE
        + sequence(REFERENCES, ROWS, sequence(ICON, ROWS + NATIVE) + COLUMNS, inner)
        + sequence(PRIVATE, PIXELS)
        + AFTER
    )


@pytest.mark.parametrize("size", [7, 4096, 10**7])
def test_elements_and_sequences_go(size: int) -> None:
    """None of the first item: its sequence, and nothing around it."""
    inner = sequence(ICON, ROWS + sequence(PRIVATE, ROWS, PIXELS) + PIXELS)
    content = BEFORE + sequence(REFERENCES, ROWS + inner + COLUMNS, inner) + inner + sequence(PRIVATE, PIXELS, ROWS)
    change = {
        f"{REFERENCES}.0.{ICON}.0": to(None),
        f"{REFERENCES}.1.{ICON}.0": to(None),
        f"{ICON}.0": to(None),
        f"{PRIVATE}.0": to({"7FE00010": b""}),
    }
    expected = BEFORE + sequence(REFERENCES, ROWS + COLUMNS, b"") + sequence(PRIVATE, b"", ROWS)
    assert changed(content + AFTER, change, size) == plain(expected + AFTER)
    assert changed(content, change, size) == plain(expected)


def test_what_has_no_place_before_goes_to_the_end_of_its_item() -> None:
    content = BEFORE + sequence(REFERENCES, ROWS, ROWS) + sequence(PRIVATE)
    change = {f"{REFERENCES}.{n}": to({"00280011": COLUMNS}) for n in range(2)}
    assert changed(content + AFTER, change) == plain(
        BEFORE + sequence(REFERENCES, ROWS + COLUMNS, ROWS + COLUMNS) + sequence(PRIVATE) + AFTER
    )


def test_a_change_is_asked_for_once_when_its_item_comes() -> None:
    asked: list[int] = []

    def change(number: int) -> Mapping[str, bytes]:
        asked.append(number)
        return {"7FE00010": NATIVE}

    content = BEFORE + sequence(PRIVATE, *[ROWS + PIXELS] * 5) + AFTER
    file = pieces(part10(content, J2K), 4096)
    made: Iterable[bytes] = with_changed_items(file, {f"{PRIVATE}.{n}": partial(change, n) for n in range(5)})
    last = 0
    for _ in made:
        assert len(asked) <= last + 1
        last = len(asked)
    assert asked == [0, 1, 2, 3, 4]


def test_items_of_all_lengths() -> None:
    """Mixed forms in one file come out alike."""
    content = (
        BEFORE
        + explicit(REFERENCES, "SQ", item(ROWS) + open_item(COLUMNS) + item(), length=UNDEFINED)
        + SEQUENCE_END
        + explicit(PRIVATE, "SQ", open_item(ROWS + PIXELS) + item(PIXELS))
    )
    change = {f"{PRIVATE}.1": to({"7FE00010": NATIVE}), f"{REFERENCES}.2": to({"00280010": ROWS})}
    assert ITEM_END in content
    assert changed(content, change) == plain(
        BEFORE + sequence(REFERENCES, ROWS, COLUMNS, ROWS) + sequence(PRIVATE, ROWS + PIXELS, NATIVE)
    )
