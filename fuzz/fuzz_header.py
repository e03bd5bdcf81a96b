"""Coverage-guided fuzzing of the header reader, for machines that have atheris:

    python fuzz/fuzz_header.py -max_total_time=60 CORPUS_FOLDER

`fuzz/mutate_header.py` needs no engine; `make fuzz` takes whichever works.
"""

from __future__ import annotations

import random
import sys

import atheris  # pyright: ignore[reportMissingImports] - not on every platform, hence no dependency

with atheris.instrument_imports():
    from mutate_header import check


def one_input(content: bytes) -> None:
    check(content, random.Random(len(content)))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
