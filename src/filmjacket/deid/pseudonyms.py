"""New identifiers that are always the same for the same old one, and cannot be traced back without the key."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MINIMUM_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Pseudonyms under a secret key: HMAC-SHA256, since whoever knows a UID could try a plain hash of it."""

    key: bytes

    def uid(self, uid: str) -> str:
        """A UID under the root 2.25 (PS3.5 B.2)."""
        return _uid(self.key, uid)

    def patient_id(self, study_uid: str) -> str:
        """A Patient ID for one study; that two studies are of one patient cannot be seen from it."""
        return f"ANON-{_digest(self.key, 'patient', study_uid)[:8].hex().upper()}"


@lru_cache(maxsize=16_384)
def _uid(key: bytes, uid: str) -> str:
    # Version 8 of RFC 9562: a UUID whose bits are the implementation's own affair.
    bits = int.from_bytes(_digest(key, "uid", uid)[:16], "big")
    bits = bits & ~(0xF << 76) | 0x8 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return f"2.25.{uuid.UUID(int=bits).int}"


def _digest(key: bytes, purpose: str, text: str) -> bytes:
    return hmac.digest(key, f"{purpose}\0{text}".encode(), hashlib.sha256)
