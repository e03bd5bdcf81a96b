"""Malformed input against every parser, sharing a time budget: `python fuzz/run.py --seconds 60`.

Seeded mutations of real files and payloads need no engine. With atheris (`pip install atheris`) its
coverage-guided engine gets half of the time.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def commands(seconds: int, scratch: str) -> list[list[str]]:
    """The targets and their shares of the time."""
    has_engine = importlib.util.find_spec("atheris") is not None
    share = max(seconds // (4 if has_engine else 2), 1)
    seed = str(int(time.time()) % 10**6)
    found = [
        ["mutate_header.py", "--seconds", str(share), "--seed", seed],
        ["fuzz_multipart.py", "--seconds", str(share), "--seed", seed],
    ]
    if has_engine:
        found.append(["fuzz_header.py", f"-max_total_time={2 * share}", f"-artifact_prefix={scratch}/", scratch])
    return found


def main() -> int:
    """Exit status of the first target that found something, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="time for all targets together")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as scratch:
        for target, *options in commands(seconds, scratch):
            print(f"fuzz: {target} {' '.join(options)}", flush=True)
            status = subprocess.run([sys.executable, str(HERE / target), *options], check=False).returncode
            if status:
                return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
