"""Fuzzes the header reader without a fuzzing engine: mutates real files for a number of seconds.

Run it as `python fuzz/mutate_header.py --seconds 60 --seed 1`. Whatever the bytes, the reader must answer with a
header that has a JSON form or with a `DicomError`, in bounded time, and a file that it reads must have the same
attributes after rewriting. A finding is printed with the seed that makes it again.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import sys
import time
import traceback
from pathlib import Path

from filmjacket.dicom.header import HeaderReader, read_header
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.dicom.rewrite import to_explicit_little_endian
from filmjacket.errors import DicomError

MAX_SEED_BYTES = 40_000
MAX_SECONDS_EACH = 2.0

# Values with a meaning somewhere in the format.
TOKENS = (
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\x0d\xe0\0\0\0\0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\xe0\x7f\x10\x00",
    b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192",
    b"SQ\0\0\xff\xff\xff\xff",
    b"UN\0\0\xff\xff\xff\xff",
    b"OB\0\0\xff\xff\xff\xff",
    b"UN",
    b"DS",
    b"\x1b$B",
    b"1.2.840.10008.1.2.1.99",
)


def seeds() -> list[bytes]:
    """The small files that pydicom and pydicom-data carry."""
    found = []
    for package in ("pydicom", "data_store"):
        spec = importlib.util.find_spec(package)
        for root in spec.submodule_search_locations if spec else ():
            paths = sorted(path for path in Path(root).rglob("*.dcm") if path.stat().st_size <= MAX_SEED_BYTES)
            found += [path.read_bytes() for path in paths]
    return found


def mutate(content: bytes, other: bytes, choose: random.Random) -> bytes:
    """One to eight small changes."""
    mutated = bytearray(content)
    for _ in range(choose.randint(1, 8)):
        at = choose.randrange(len(mutated) + 1)
        match choose.randrange(6):
            case 0:
                mutated[at : at + 1] = bytes([choose.randrange(256)])
            case 1:
                token = choose.choice(TOKENS)
                mutated[at : at + len(token)] = token
            case 2:
                mutated[at:at] = choose.choice(TOKENS)
            case 3:
                del mutated[at : at + choose.randint(1, 64)]
            case 4:
                start = choose.randrange(len(other))
                mutated[at:at] = other[start : start + choose.randint(1, 400)]
            case _:
                del mutated[max(at, 200) :]
    return bytes(mutated)


def check(content: bytes, choose: random.Random) -> None:
    """Read in random chunks, encode, rewrite."""
    reader = HeaderReader()
    size = choose.choice((1 << 20, 1 << 20, 4096, 97))
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    try:
        for chunk in chunks:
            reader.feed(chunk)
        header = reader.finish()
    except DicomError:
        return
    encode_attributes(header.attributes)
    header.layout.encode()
    again = read_header(b"".join(to_explicit_little_endian(chunks)))
    if again.attributes.keys() != header.attributes.keys():
        raise AssertionError(f"lost in rewriting: {again.attributes.keys() ^ header.attributes.keys()}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    corpus = seeds()
    until = time.monotonic() + options.seconds
    runs = 0
    while time.monotonic() < until:
        number = options.seed + runs
        choose = random.Random(number)
        content = mutate(choose.choice(corpus), choose.choice(corpus), choose)
        start = time.monotonic()
        try:
            check(content, choose)
        except Exception:  # noqa: BLE001 - every kind of failure is a finding
            traceback.print_exc()
            sys.stderr.write(f"found with --seed {number} --seconds 0.01\n")
            return 1
        if time.monotonic() - start > MAX_SECONDS_EACH:
            sys.stderr.write(f"slow ({time.monotonic() - start:.1f} s) with --seed {number} --seconds 0.01\n")
            return 1
        runs += 1
    sys.stdout.write(f"{runs} mutated files from {len(corpus)} real ones, nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
