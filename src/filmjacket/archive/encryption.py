"""Encryption of blobs where they lie."""

from __future__ import annotations

from enum import StrEnum


class Encryption(StrEnum):
    """Who encrypts objects where they lie."""

    STORE = "store"
    """Whatever the bucket is set to."""
    SSE_S3 = "sse-s3"
    """The store, with its own keys."""
    SSE_KMS = "sse-kms"
    """The store, with a key of its key management."""
    SSE_KMS_TWICE = "dsse-kms"
    """The store, in two layers."""
    SSE_C = "sse-c"
    """The store, with a key that comes with each request and that it does not keep."""
