"""A random key that an archive keeps for itself, made when it is needed for the first time."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32


def read_or_make_key(path: Path) -> bytes:
    """The key in a file that only its owner may read; several processes that make it at once get the same one."""
    with suppress(FileNotFoundError):
        return bytes.fromhex(path.read_text(encoding="ascii"))
    made = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # A link is made whole or not at all, and never over another one.
        with suppress(FileExistsError):
            os.link(made, path)
    finally:
        made.unlink()
    return bytes.fromhex(path.read_text(encoding="ascii"))
