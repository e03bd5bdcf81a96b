"""Write every deployment example from `truth.toml`, so that they cannot disagree.

Example: `python deploy/generate.py`; with `--check` nothing is written, and the exit status is 1 if a file
is not current.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from string import Template

FOLDER = Path(__file__).parent
TEMPLATES = FOLDER / "templates"
NOTE = "Made by deploy/generate.py from deploy/truth.toml and deploy/templates: change those."


class Marked(Template):
    """Templates with `@{name}`: compose files, Helm charts and nginx all use `$` themselves."""

    delimiter = "@"


def values() -> dict[str, str]:
    """Every value of the truth by its dotted name with underscores, and what follows from several of them."""
    truth = tomllib.loads((FOLDER / "truth.toml").read_text(encoding="utf-8"))
    flat = {
        f"{table}_{key}".replace(".", "_"): ",".join(value) if isinstance(value, list) else str(value)
        for table, entries in truth.items()
        for key, value in entries.items()
    }
    flat["note"] = NOTE
    flat["stop_seconds"] = str(truth["server"]["shutdown_seconds"] + 10)
    return flat


def rendered() -> dict[str, str]:
    """The text of each example by its path below this folder."""
    known = values()
    return {
        str(path.relative_to(TEMPLATES)): Marked(path.read_text(encoding="utf-8")).substitute(known)
        for path in sorted(TEMPLATES.rglob("*"))
        if path.is_file()
    }


def main(arguments: list[str]) -> int:
    """Write the files, or tell which ones are not current."""
    stale = [name for name, text in rendered().items() if _read(FOLDER / name) != text]
    for name in stale:
        if "--check" in arguments:
            print(f"deploy/{name} is not current; run `python deploy/generate.py`")
        else:
            (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_text(rendered()[name], encoding="utf-8")
            print(f"wrote deploy/{name}")
    return 1 if stale and "--check" in arguments else 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
