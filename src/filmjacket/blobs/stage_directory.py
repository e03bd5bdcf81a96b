"""A directory of its own for what a process stages, which says of itself whether the process lives.

The process holds a lock on it, which ends with the process whatever ends that. So nobody has to guess from the age of
a file, by a clock that may jump, whether somebody still writes to it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from filmjacket.blobs.stage import storage_error

_OPEN = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_ATTEMPTS = 3
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


class StageDirectory:
    """The one of this process, made when it is first needed."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._lock = threading.Lock()
        self._claimed: tuple[str, int] | None = None

    def new_path(self) -> str:
        """A new name in it. Raises `OutOfStorage` or `Unavailable` if there can be no such directory."""
        claimed = self._claimed
        if claimed is None:
            with self._lock:
                claimed = self._claimed = self._claimed or self._claim()
        return f"{claimed[0]}/{token_hex(16)}"

    def close(self) -> None:
        """Give it up; what is left in it is anybody's to remove."""
        with self._lock:
            claimed, self._claimed = self._claimed, None
        if claimed is not None:
            with suppress(OSError):
                Path(claimed[0]).rmdir()
            os.close(claimed[1])

    def _claim(self) -> tuple[str, int]:
        try:
            for _ in range(_ATTEMPTS):
                path = f"{self._parent}/{token_hex(8)}"
                Path(path).mkdir()
                descriptor = os.open(path, _OPEN)
                _hold(descriptor)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.stat(path), os.fstat(descriptor)):  # noqa: PTH116 - beside fstat
                        return path, descriptor
                os.close(descriptor)  # somebody took it for an abandoned one before the lock
        except OSError as error:
            raise storage_error(error) from error
        raise storage_error(FileNotFoundError())


def _hold(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError as error:
        # On a file system without locks nobody gets the one that would say that it is abandoned.
        if error.errno not in _NO_LOCKS:
            raise


def is_abandoned(path: str) -> bool:
    """Whether no process that lives stages in a directory."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
