"""Failure and warning reasons of a store, texts of the `Warning` header (PS3.18 8.3.4, 10.5, Annex I)."""

from __future__ import annotations

from typing import Final

# Failure Reason (0008,1197), Table I.2-2. Codes outside of the table belong into the conformance statement.
PROCESSING_FAILURE: Final = 0x0110
DUPLICATE_SOP_INSTANCE: Final = 0x0111  # PS3.7 Annex C; not in Table I.2-2
SOP_CLASS_NOT_SUPPORTED: Final = 0x0122
OUT_OF_RESOURCES: Final = 0xA700
DATA_SET_DOES_NOT_MATCH: Final = 0xA900
STUDY_INSTANCE_UID_MISMATCH: Final = 0xA901  # the standard has no code of its own; others use this one too
CANNOT_UNDERSTAND: Final = 0xC000
TRANSFER_SYNTAX_NOT_SUPPORTED: Final = 0xC122  # not 0124H, a common error that the standard itself points out

# Warning Reason (0008,1196), Table I.2-1
COERCION_OF_DATA_ELEMENTS: Final = 0xB000
ELEMENTS_DISCARDED: Final = 0xB006
DATA_SET_DOES_NOT_MATCH_WARNING: Final = 0xB007


def additional_results(remaining: int) -> str:
    """Text for a page of search results that is not the last (8.3.4.4.1)."""
    return f"There are {remaining} additional results that can be requested"


def warning(service: str, text: str) -> str:
    """Value of a `Warning` header: code 299, the service's base URI, and the text.

    The standard prints the text without quotes; RFC 7234 5.5 wants a quoted string, and that is what is sent.
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    escaped = printable.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 {service} "{escaped}"'
