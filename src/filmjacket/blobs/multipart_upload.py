"""A multipart upload that goes on in the background while the rest of the blob arrives."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from filmjacket.blobs.budget import ByteBudget
    from filmjacket.blobs.s3_client import S3Client
    from filmjacket.blobs.spool import LocalSpool

WAITING_PARTS = 4
"""Parts that wait on the local disk; who brings more waits, too, so that a fast sender does not fill the disk."""


class Aborted(Exception):
    """Stops the iterator that the client takes parts from: then it aborts the upload in the store."""


class MultipartUpload:
    """One object in parts. Whoever feeds it learns of a failure with the next part, or at the end.

    Memory holds a part only while it is on its way: parts wait in spools, and the budget is given back as soon as
    the store has acknowledged, so that a slow sender keeps no room from others.
    """

    def __init__(self, client: S3Client, key: str, part_bytes: int, budget: ByteBudget) -> None:
        self._client = client
        self._key = key
        self._part_bytes = part_bytes
        self._budget = budget
        self._changed = threading.Condition()
        self._waiting: deque[LocalSpool] = deque()
        self._complete = False
        self._aborted = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="s3-upload", daemon=True)
        self._thread.start()

    def feed(self, part: LocalSpool) -> None:
        """Take over a part; raises what the upload failed with."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < WAITING_PARTS or not self._thread.is_alive())
            if self._failure is not None:
                part.close()
                raise self._failure
            self._waiting.append(part)
            self._changed.notify_all()

    def complete(self) -> None:
        """No more parts: returns when the store has acknowledged the whole object."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def abort(self) -> None:
        """Drop everything, also in the store; without effect once it is complete."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        parts = self._parts()
        try:
            self._client.put_parts(self._key, parts, self._part_bytes)
        except Exception as error:  # noqa: BLE001 - handed to whoever feeds or completes
            self._failure = error
        finally:
            parts.close()
            with self._changed:
                while self._waiting:
                    self._waiting.popleft().close()
                self._changed.notify_all()

    def _parts(self) -> Generator[bytes]:
        while (part := self._next()) is not None:
            size = part.size
            with self._budget.holding(size):
                try:
                    content = part.read(0, size)
                finally:
                    part.close()
                yield content
                del content
                yield b""  # the client comes back from this one when the part is acknowledged

    def _next(self) -> LocalSpool | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._complete or self._aborted)
            if self._aborted:
                raise Aborted
            if not self._waiting:
                return None
            part = self._waiting.popleft()
            self._changed.notify_all()
            return part
