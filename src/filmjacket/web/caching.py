"""What caches may do with answers that hold patient data (PS3.18 leaves it to RFC 9111).

| answer | Cache-Control | why |
| --- | --- | --- |
| instance, frame, bulk value: one strong tag, never changes | `private, no-cache`, or with the setting `cache_seconds` `private, max-age=..., immutable` | only the client that asked may keep it; who lost access, or whose study was deleted, finds out at the next request |
| metadata: a tag that names its content | `private, no-cache` | grows with its study; 304 costs a look at the index |
| whatever has no tag: searches, receipts, problem documents, archives | `no-store` | could not be asked for again by its tag, so that keeping it would only leave names of patients on a disk |
"""  # noqa: E501 - a table

from __future__ import annotations

from typing import Final

VARY: Final = "Accept, Accept-Charset, Accept-Encoding"
"""On every negotiated answer, refusals and 304 too: what the choice depended on (RFC 9110 12.5.5)."""

NOT_KEPT: Final = "no-store"
ASKED_AGAIN: Final = "private, no-cache"


def cache_control(*, tagged: bool, immutable: bool = False, fresh_seconds: int = 0) -> str:
    """`Cache-Control` of an answer; `fresh_seconds` is how long an immutable one need not be asked for again."""
    if not tagged:
        return NOT_KEPT
    return f"private, max-age={fresh_seconds}, immutable" if immutable and fresh_seconds else ASKED_AGAIN
