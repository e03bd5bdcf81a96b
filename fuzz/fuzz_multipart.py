"""Malformed multipart payloads and Content-Types against the reader: refused or read, never anything else.

    python fuzz/fuzz_multipart.py --seconds 20 [--seed 7]

With atheris installed its coverage-guided engine drives the target; without it seeded mutations of good payloads do.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import time

from filmjacket.errors import BadRequest, TooLarge
from filmjacket.web.accept import accept_parameter, parse_accept
from filmjacket.web.media_types import parse_media_type
from filmjacket.web.multipart_reader import (
    Finished,
    MultipartLimits,
    MultipartReader,
    PartBegin,
    PartData,
    PartEnd,
    boundary_of,
)

LIMITS = MultipartLimits(header_bytes=256, headers=8, parts=20, preamble_bytes=512)
SEEDS = (
    b'multipart/related; type="application/dicom"; boundary=b\0--b\r\nContent-Type: a/b\r\n\r\nDICM\r\n--b--\r\n',
    b"multipart/related; boundary=b\0pre\r\n--b\r\nA: 1\r\n 2\r\n\r\n\r\n--b\r\n\r\nx\r\n--b--\r\nend",
    b"multipart/related; boundary=b\0--b\n\nx\n--b\n\ny\n--b--",
    b'multipart/related; boundary="a b:?"\0--a b:?\r\n\r\n\r\n--a b:? \t\r\n\r\n--a b:\r\n--a b:?--',
)
PIECES = (
    b"--b", b"--b--", b"\r\n", b"\n", b"\r", b"--", b"\r\n\r\n", b": ", b"\0", b" ", b"\t", b";", b'"', b"\\",
    b"=", b"*/*", b",", b"q=0", b"x" * 300,
    b"boundary=", b"type=", b"Content-Type: ",
)  # fmt: skip


def one_input(data: bytes) -> None:
    """The target: a Content-Type, a NUL and a payload, whose bytes also decide how it is cut into chunks."""
    head, _, payload = data.partition(b"\0")
    text = head.decode("latin-1")
    check_negotiation(head, text)
    try:
        boundary = boundary_of(parse_media_type(text))
    except BadRequest:
        boundary = b"b"
    whole = outcome(boundary, [payload])
    step = 1 + sum(payload[:3]) % 17
    pieces = outcome(boundary, [payload[at : at + step] for at in range(0, len(payload), step)])
    assert pieces == whole, (boundary, payload, step)


def outcome(boundary: bytes, chunks: list[bytes]) -> list[tuple[dict[str, str], bytes]] | str:
    """Parts, or the refusal; asserts the order of events and that memory stays bounded."""
    reader = MultipartReader(boundary, LIMITS)
    parts: list[tuple[dict[str, str], bytes]] = []
    expected: tuple[type, ...] = (PartBegin, Finished)
    try:
        for chunk in chunks:
            for event in reader.feed(chunk):
                assert isinstance(event, expected), (event, expected)
                if isinstance(event, PartBegin):
                    parts.append((event.headers, b""))
                    expected = (PartData, PartEnd)
                elif isinstance(event, PartData):
                    parts[-1] = (parts[-1][0], parts[-1][1] + event.data)
                else:
                    expected = (PartBegin, Finished) if isinstance(event, PartEnd) else ()
            held = len(reader._buffer) - reader._start  # noqa: SLF001 - the bound is what is tested
            assert held <= 1024, held
        reader.finish()
    except (BadRequest, TooLarge) as error:
        return error.message
    return parts


def check_negotiation(raw: bytes, text: str) -> None:
    """Headers are never worse than ignored, query parameters than a 400."""
    preferences = parse_accept(text)
    assert all(0 <= entry.q <= 1 for entry in preferences.header)
    try:
        parse_accept("*/*", accept_parameter(b"accept=" + raw))
        assert str(parse_media_type(text))
    except BadRequest:
        return


def mutate(source: random.Random) -> bytes:
    """A seed with a few pieces inserted, removed, replaced or repeated."""
    data = bytearray(source.choice(SEEDS))
    for _ in range(source.randint(1, 8)):
        at = source.randrange(len(data) + 1)
        match source.randrange(4):
            case 0:
                data[at:at] = source.choice(PIECES)
            case 1:
                del data[at : at + source.randint(1, 6)]
            case 2:
                data[at : at + 1] = source.randbytes(1)
            case _:
                data[at:at] = data[at : at + source.randint(1, 30)]
    return bytes(data)


def run(seconds: float, seed: int) -> int:
    """Mutate for so long; returns how many inputs were tried."""
    source = random.Random(seed)
    end = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < end:
        data = mutate(source)
        try:
            one_input(data)
        except Exception:
            sys.stderr.write(f"seed {seed}, input {tried}: {data!r}\n")
            raise
        tried += 1
    return tried


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        tried = run(options.seconds, options.seed)
        sys.stdout.write(f"fuzz_multipart: {tried} inputs in {options.seconds:g} s, nothing found\n")
        return
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={int(options.seconds)}"], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
