"""Run every fuzz target in turn, sharing a time budget: `python fuzz/run.py --seconds 60`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

TARGETS = sorted(Path(__file__).parent.glob("fuzz_*.py"))


def main() -> int:
    """Exit status of the first target that found something, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="time for all targets together")
    seconds = max(parser.parse_args().seconds // len(TARGETS), 1)
    for target in TARGETS:
        print(f"{target.name}: {seconds} s", flush=True)
        status = subprocess.run([sys.executable, str(target), "--seconds", str(seconds)], check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
