"""Before any worker starts: is the archive usable? Brings its schema up to date, too."""

# ruff: noqa: PLC0415 - commands import when they run

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import typer

from filmjacket.errors import FilmjacketError, OutOfStorage, Unavailable

if TYPE_CHECKING:
    from filmjacket.settings import Settings


def prepare_archive(settings: Settings) -> None:
    """Open the archive once and try its store. Raises what keeps it from being served.

    A full disk is no reason not to serve what is stored: it only keeps new instances out.

    With blobs in an S3 store this happens in a process of its own: the client has threads, which do not survive the
    fork that makes workers. Seen without: workers that hang, and a segmentation fault in their parent.
    """
    if not (settings.blobs or "").startswith("s3:"):
        _prepare(settings)
        return
    from filmjacket.settings import to_environment

    foreign = {name: value for name, value in os.environ.items() if not name.startswith("FILMJACKET_")}
    done = subprocess.run(
        [sys.executable, "-m", "filmjacket.cli.preparing"],
        env=foreign | to_environment(settings),
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise Unavailable("Trying the archive ended without an answer.")
    answer = json.loads(done.stdout)
    if answer:
        raise (Unavailable if answer["unavailable"] else FilmjacketError)(answer["message"])


def _prepare(settings: Settings) -> None:
    from filmjacket.maintenance.sweep import GRACE_SECONDS
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        archive.blobs.clear_stage(older_than_seconds=GRACE_SECONDS)
        try:
            archive.blobs.check()
        except OutOfStorage as error:
            typer.echo(f"Warning: storing is refused until there is room. {error.message}", err=True)


def _prepare_and_tell() -> None:
    """Prepare what the environment says; what was wrong goes to the standard output."""
    from filmjacket.logs import configure_logging
    from filmjacket.settings import load_settings

    settings = load_settings()
    configure_logging(level=settings.log.level, output=settings.log.format)
    answer: dict[str, object] = {}
    try:
        _prepare(settings)
    except FilmjacketError as error:
        answer = {"unavailable": isinstance(error, Unavailable | OutOfStorage), "message": error.message}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _prepare_and_tell()
