"""Staging for an object store: small blobs wait on this machine, large ones are uploaded while they arrive."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from filmjacket.archive.records import BlobRef
from filmjacket.blobs.multipart_upload import MultipartUpload

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.blobs.budget import ByteBudget
    from filmjacket.blobs.s3_client import S3Client
    from filmjacket.blobs.spool import LocalSpool


class ObjectStage:
    """A blob being received by `ObjectBlobs`; see the `StagedBlob` port.

    Its key is new and nobody knows it, and the object is not there before `upload`: a multipart upload is invisible
    until it is completed.
    """

    __slots__ = (
        "_budget", "_buffer", "_client", "_digest", "_discarded", "_make_spool", "_part_bytes", "_reference", "_upload",
        "key", "size", "uploaded",
    )  # fmt: skip

    def __init__(
        self,
        client: S3Client,
        key: str,
        part_bytes: int,
        budget: ByteBudget,
        make_spool: Callable[[], LocalSpool],
    ) -> None:
        self.key = key
        self.size = 0
        self.uploaded = False
        self._client = client
        self._part_bytes = part_bytes
        self._budget = budget
        self._make_spool = make_spool
        self._buffer = make_spool()
        self._upload: MultipartUpload | None = None
        self._digest = hashlib.sha256()
        self._discarded = False
        self._reference: BlobRef | None = None

    def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; raises `OutOfStorage` when there is no room to wait in, and what the upload failed with."""
        if self._discarded:
            raise ValueError("this staged blob was discarded")
        self._digest.update(chunk)
        self.size += len(chunk)
        rest = memoryview(chunk)
        try:
            while rest:
                room = self._part_bytes - self._buffer.size
                if room == 0:  # only when more comes: a blob of just this size is no multipart upload
                    self._send_part()
                    room = self._part_bytes
                self._buffer.write(rest[:room])
                rest = rest[room:]
        except Exception:
            self.discard()
            raise

    def finish(self) -> BlobRef:
        """No more bytes. The object is not there yet."""
        if self._discarded:
            raise ValueError("this staged blob was discarded")
        if self._reference is None:
            self._reference = BlobRef(self.key, self.size, self._digest.hexdigest())
        return self._reference

    def upload(self) -> None:
        """Bring the object to the store, or complete it there; returns when that is acknowledged."""
        if self._discarded:
            raise ValueError("this staged blob was discarded")
        if self._upload is not None:
            self._upload.feed(self._buffer)
            self._upload.complete()
        else:
            with self._budget.holding(self.size):
                self._client.put(self.key, self._buffer.read(0, self.size))
            self._buffer.close()
        self.uploaded = True

    def discard(self) -> None:
        """Drop the bytes; safe to call at any time and more than once, without effect after `publish`."""
        if self._discarded or self.uploaded:
            return
        self._discarded = True
        self._buffer.close()
        if self._upload is not None:
            self._upload.abort()

    def _send_part(self) -> None:
        if self._upload is None:
            self._upload = MultipartUpload(self._client, self.key, self._part_bytes, self._budget)
        full, self._buffer = self._buffer, self._make_spool()
        self._upload.feed(full)
