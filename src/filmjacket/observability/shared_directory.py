"""What the processes of one server share: a directory for their numbers, and words about its stop.

It is made by the process that starts the others, named to them in the environment, and removed at the end. What a
killed server left behind is removed by the next one of the same user.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Final

VARIABLE: Final = "_FILMJACKET_SHARED"
PREFIX: Final = "filmjacket-"
_DRAINING: Final = "draining"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the directories in it are made by mkdtemp
"""Files here never reach a disk."""


class Word(StrEnum):
    """What a worker says to the process that started it."""

    LISTENING = "listening"
    """It knows what SIGUSR2 means."""
    FAREWELL = "farewell"
    """Its connections have said goodbye."""


def make_shared_directory() -> Path:
    """A new directory, for this process and those that it starts; removed when this process ends."""
    root = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    _remove_left(root)
    directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=root))
    os.environ[VARIABLE] = str(directory)
    atexit.register(_remove, directory, os.getpid())
    return directory


def shared_directory() -> Path | None:
    """The directory of the server that this process belongs to."""
    path = os.environ.get(VARIABLE)
    return Path(path) if path and Path(path).is_dir() else None


def begin_draining(directory: Path) -> None:
    """Tell every process that the server is stopping."""
    (directory / _DRAINING).touch()


def is_draining(directory: Path | None) -> bool:
    """Whether the server is stopping: it is still there for requests that run, and for no others."""
    return directory is not None and (directory / _DRAINING).exists()


def note(directory: Path, word: Word) -> None:
    """Tell the process that started this one."""
    (directory / f"{word}-{os.getpid()}").touch()


def has_noted(directory: Path, word: Word, pid: int) -> bool:
    """Whether a process of the server has said so."""
    return (directory / f"{word}-{pid}").exists()


def _remove(directory: Path, owner: int) -> None:
    # Processes that were forked have inherited this, and must not.
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


def _remove_left(root: Path) -> None:
    for path in root.glob(f"{PREFIX}*-*"):
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not _lives(int(owner)) and path.stat().st_uid == os.getuid():
            shutil.rmtree(path, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
