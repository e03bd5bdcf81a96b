"""Guarantee: frame n of 100,000 costs what frame 1 costs: the same statements, and no bytes but its own."""

from __future__ import annotations

import struct
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event
from starlette.testclient import TestClient
from structlog.contextvars import get_contextvars
from tests.conftest import BASE
from tests.part10 import LITTLE, encapsulated, explicit, part10

from filmjacket.app import create_app
from filmjacket.blobs.local import LocalBlobs
from filmjacket.index import unit
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FRAMES = 100_000
FRAME_BYTES = 16
J2K = "1.2.840.10008.1.2.4.90"
ITEM_HEADER = 8
# What tells a JP2 file, which is not sent as it is, from a codestream.
SIGNATURE = 12
NUMBERS = (1, 2, 1024, 1025, 49_999, 99_999, 100_000)


def frame(number: int) -> bytes:
    return struct.pack("<2Q", number, ~number & (2**64 - 1))


def file_of(table: str, uid: str) -> bytes:
    """100,000 frames of 4 x 4 pixels, encapsulated with a table or native."""
    frames = [frame(number) for number in range(1, FRAMES + 1)]
    offsets = [number * (ITEM_HEADER + FRAME_BYTES) for number in range(FRAMES)]
    head = [
        explicit("00080016", "UI", b"1.2.840.10008.5.1.4.1.1.77.1.6"),
        explicit("00080018", "UI", uid.encode()),
        explicit("0020000D", "UI", b"2.25.11\0"),
        explicit("0020000E", "UI", b"2.25.12\0"),
        explicit("00280002", "US", b"\1\0"),
        explicit("00280004", "CS", b"MONOCHROME2 "),
        explicit("00280008", "IS", b"100000"),
        explicit("00280010", "US", b"\4\0"),
        explicit("00280011", "US", b"\4\0"),
        explicit("00280100", "US", b"\x08\0"),
    ]
    if table == "native":
        return part10(b"".join(head) + explicit("7FE00010", "OB", b"".join(frames)), LITTLE)
    if table == "extended":
        head.append(explicit("7FE00001", "OV", struct.pack(f"<{FRAMES}Q", *offsets)))
        head.append(explicit("7FE00002", "OV", struct.pack(f"<{FRAMES}Q", *[FRAME_BYTES] * FRAMES)))
    basic = struct.pack(f"<{FRAMES}I", *offsets) if table == "basic" else b""
    return part10(b"".join(head) + encapsulated(*frames, table=basic), J2K)


@dataclass
class Cost:
    """What answering took."""

    statements: list[str] = field(default_factory=list)
    reads: list[tuple[int, int]] = field(default_factory=list)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cost]:
    cost = Cost()
    read = LocalBlobs.read

    def spied(self: LocalBlobs, key: str, offset: int, length: int) -> bytes:
        cost.reads.append((offset, length))
        return read(self, key, offset, length)

    def forbidden(self: LocalBlobs, *arguments: Any) -> Any:
        raise AssertionError(f"more than one frame is read: {arguments}")

    def note(statement: str) -> None:
        # What runs in the background asks the index now and then, too.
        if "request_id" in get_contextvars():
            cost.statements.append(statement)

    def executed(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        note(statement)

    text_of = unit._text_of

    def asked(*arguments: Any) -> Any:
        # Whatever `unit` runs, which goes past the events of SQLAlchemy, asks for its text first.
        text = text_of(*arguments)
        note(text.sql)
        return text

    event.listen(Engine, "before_cursor_execute", executed)
    with monkeypatch.context() as patch:
        patch.setattr(unit, "_text_of", asked)
        patch.setattr(LocalBlobs, "read", spied)
        patch.setattr(LocalBlobs, "chunks", forbidden)
        patch.setattr(LocalBlobs, "open", forbidden)
        try:
            yield cost
        finally:
            event.remove(Engine, "before_cursor_execute", executed)


@pytest.fixture(scope="module", params=["native", "basic", "extended", "none"])
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, str, str]]:
    data: Path = tmp_path_factory.mktemp("frames") / "archive"
    with TestClient(create_app(Settings(data=data)), base_url="http://testserver:8104") as client:
        answer = client.post(
            f"{BASE}/studies",
            content=file_of(request.param, "2.25.13\0"),
            headers={"Content-Type": "application/dicom", "Accept": "*/*"},
        )
        assert answer.status_code == 200, answer.text
        yield client, f"{BASE}/studies/2.25.11/series/2.25.12/instances/2.25.13", request.param


def test_a_frame_costs_the_same_wherever_it_is(
    loaded: tuple[TestClient, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, url, form = loaded
    overhead = 0 if form == "native" else ITEM_HEADER + SIGNATURE
    statements: set[tuple[str, ...]] = set()
    for number in NUMBERS:
        for accept in ("*/*", "application/octet-stream" if form == "native" else "image/jp2"):
            with counted(monkeypatch) as cost:
                answer = client.get(f"{url}/frames/{number}", headers={"Accept": accept})
            assert answer.status_code == 200
            assert frame(number) in answer.content
            assert sum(length for _, length in cost.reads) == FRAME_BYTES + overhead
            statements.add(tuple(cost.statements))
    assert len(statements) == 1
    assert 1 <= len(next(iter(statements))) <= 2, statements


def test_a_list_of_frames_reads_only_those(
    loaded: tuple[TestClient, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, url, form = loaded
    overhead = 0 if form == "native" else ITEM_HEADER + SIGNATURE
    with counted(monkeypatch) as cost:
        answer = client.get(f"{url}/frames/{','.join(map(str, NUMBERS))}", headers={"Accept": "*/*"})
    assert all(frame(number) in answer.content for number in NUMBERS)
    assert sum(length for _, length in cost.reads) == len(NUMBERS) * (FRAME_BYTES + overhead)
    assert 1 <= len(cost.statements) <= 2, cost.statements


def test_a_range_of_a_list_reads_only_what_is_in_it(
    loaded: tuple[TestClient, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, url, form = loaded
    target = f"{url}/frames/{','.join(map(str, NUMBERS))}"
    whole = client.get(target, headers={"Accept": "*/*"}).content
    first = whole.index(frame(49_999)) + 3
    with counted(monkeypatch) as cost:
        answer = client.get(target, headers={"Accept": "*/*", "Range": f"bytes={first}-{first + 4}"})
    assert answer.content == whole[first : first + 5]
    contents = [length for _, length in cost.reads if length not in {ITEM_HEADER, SIGNATURE}]
    assert contents == [5]
    assert len(cost.reads) == 1 + (0 if form == "native" else 2 * len(NUMBERS))
