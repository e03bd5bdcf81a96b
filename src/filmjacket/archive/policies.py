"""Policies an administrator chooses, as values."""

from __future__ import annotations

from enum import StrEnum


class DuplicatePolicy(StrEnum):
    """What happens when a SOP Instance UID arrives again with *different* bytes.

    Identical bytes are always a success without a second copy.
    """

    KEEP = "keep"
    """The stored instance stays; the new one is reported as stored with warning B007-like text and dropped."""
    REPLACE = "replace"
    """The new instance takes the place of the stored one, whose bytes go only after the new ones are durable."""
    REJECT = "reject"
    """The new instance fails with reason 0111H (duplicate SOP instance)."""
