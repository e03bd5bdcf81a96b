"""Group commit: callers that come while a transaction is being written share the next one.

A caller that finds nobody writing writes at once, so a single caller waits for nothing. The others queue; when
the writer is done, the first of them takes all that is queued into one transaction, with one sync to disk.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from filmjacket.errors import CommitUnknown, OutOfStorage, Unavailable
from filmjacket.metrics import histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Request = TypeVar("_Request")
_Result = TypeVar("_Result")


class _Entry(Generic[_Request, _Result]):
    __slots__ = ("error", "leads", "request", "result", "wake")

    def __init__(self, request: _Request) -> None:
        self.request = request
        self.result: list[_Result] = []
        self.error: Exception | None = None
        self.leads = False
        self.wake = threading.Event()


class GroupCommit(Generic[_Request, _Result]):
    """Runs `commit` for groups of requests, one group at a time, each caller getting its own result."""

    def __init__(self, commit: Callable[[Sequence[_Request]], Sequence[_Result]], *, largest_group: int) -> None:
        self._commit = commit
        self._largest_group = largest_group
        self._mutex = threading.Lock()
        self._idle = threading.Condition(self._mutex)
        self._waiting: list[_Entry[_Request, _Result]] = []
        self._writing = False
        self._closed = False
        self._sizes = histogram("filmjacket_group_commit_requests")

    def submit(self, request: _Request) -> _Result:
        """Return the result for one request once its group is committed."""
        entry: _Entry[_Request, _Result] = _Entry(request)
        with self._mutex:
            if self._closed:
                raise Unavailable("The index is closed.")
            self._waiting.append(entry)
            entry.leads = not self._writing
            self._writing = True
        if not entry.leads:
            entry.wake.wait()
        if entry.leads:
            self._lead()
        if entry.error is not None:
            raise entry.error
        return entry.result[0]

    def close(self) -> None:
        """Refuse new requests and wait for those under way."""
        with self._mutex:
            self._closed = True
            self._idle.wait_for(lambda: not self._writing)

    def _lead(self) -> None:
        """Commit one group, which holds the caller's own request, then hand the lead to the next in line."""
        with self._mutex:
            group = self._waiting[: self._largest_group]
            del self._waiting[: self._largest_group]
        self._sizes.observe(len(group))
        try:
            self._run(group)
        finally:
            with self._mutex:
                if self._waiting:
                    self._waiting[0].leads = True
                    self._waiting[0].wake.set()
                else:
                    self._writing = False
                    self._idle.notify_all()
            for entry in group:
                if not entry.result and entry.error is None:
                    entry.error = CommitUnknown("The index was interrupted while storing.")
                if not entry.leads:
                    entry.wake.set()

    def _run(self, group: Sequence[_Entry[_Request, _Result]]) -> None:
        try:
            results = self._commit([entry.request for entry in group])
        except (Unavailable, OutOfStorage) as error:
            # It is the index that cannot, whoever asks; nobody waits for it in turn.
            for entry in group:
                entry.error = error
            return
        except Exception as error:  # noqa: BLE001 - raised again in the thread of the caller it belongs to
            if len(group) == 1:
                group[0].error = error
                return
            # One request must not fail the others that happened to share its transaction.
            for entry in group:
                self._run([entry])
            return
        for entry, result in zip(group, results, strict=True):
            entry.result.append(result)
