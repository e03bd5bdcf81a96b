"""Patterns with `*` and `?` (PS3.4 C.2.2.2.4)."""

from __future__ import annotations

import re
from functools import lru_cache


def has_wildcards(text: str) -> bool:
    """Tell whether a text is a pattern."""
    return "*" in text or "?" in text


@lru_cache(maxsize=1024)
def wildcard_expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern with `*` and `?` (PS3.4 C.2.2.2.4).

    Each run between two asterisks is found at its first place and never tried again (atomic groups), which is
    enough for these patterns and keeps the time proportional to text times pattern whatever is asked.
    """
    first, *rest = [
        "".join("." if character == "?" else re.escape(character) for character in run)
        for run in re.split(r"\*+", pattern)
    ]
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{run})" for run in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)
