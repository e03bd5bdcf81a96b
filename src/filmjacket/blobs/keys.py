"""Names of blobs in the local store: when they came, and a random part, never a UID."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from filmjacket.errors import FilmjacketError

if TYPE_CHECKING:
    from datetime import datetime

KEY_PATTERN = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{4}/[0-9a-f]{32}\.dcm", re.ASCII)
"""`year/month/day/hour-and-minute/random.dcm`, all in UTC."""

DIRECTORY_DEPTH = 4
"""Directory levels in a key."""


def new_key(moment: datetime, random: str) -> str:
    """Key of a blob that is received at `moment` (in UTC); `random` is 128 random bits as hexadecimal digits.

    Minutes as directories keep the files of one batch together (one directory to sync), let an incremental
    backup look at new directories only, and bound the number of files in one directory. The random part makes
    a clash of two different files impossible, so a key is never written twice.
    """
    day = f"{moment.year:04}/{moment.month:02}/{moment.day:02}"
    return f"{day}/{moment.hour:02}{moment.minute:02}/{random}.dcm"


def check_key(key: str) -> str:
    """The key itself if it is one of `new_key`'s; otherwise an error, before it can name a path."""
    if KEY_PATTERN.fullmatch(key) is None:
        raise FilmjacketError(
            "The index refers to stored bytes by a key that the local blob store never gives.",
            offender="blob key",
            accepted=("YYYY/MM/DD/HHMM/<32 hexadecimal digits>.dcm",),
        )
    return key
