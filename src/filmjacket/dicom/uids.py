"""Unique identifiers: validity, minting and the ones that name this implementation (PS3.5 9.1, B.2)."""

from __future__ import annotations

import re
import uuid

MAX_UID_LENGTH = 64
"""PS3.5 9.1: a UID has at most 64 characters."""

IMPLEMENTATION_CLASS_UID = "2.25.193650478531237459380211497236842093"
"""Names this implementation in File Meta Information (PS3.10 7.1, PS3.7 D.3.3.2)."""

IMPLEMENTATION_VERSION_NAME = "FILMJACKET"
"""At most 16 characters (PS3.7 D.3.3.2)."""

_VALID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*", re.ASCII)
_TOLERABLE = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)


def is_valid_uid(text: str) -> bool:
    """Tell whether a text is a UID by the letter of PS3.5 9.1: no empty component, no leading zero."""
    return len(text) <= MAX_UID_LENGTH and _VALID.fullmatch(text) is not None


def is_tolerable_uid(text: str) -> bool:
    """Tell whether a text can serve as a UID: like `is_valid_uid`, but components may begin with a zero.

    Such UIDs are common in old archives; they are harmless in a path and must not be rewritten.
    """
    return len(text) <= MAX_UID_LENGTH and _TOLERABLE.fullmatch(text) is not None


def mint_uid() -> str:
    """Return a new UID under the root 2.25, derived from a random UUID (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"
