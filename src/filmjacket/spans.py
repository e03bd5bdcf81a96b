"""Spans of a trace, for code that knows no tracing: nothing happens unless a tracer was installed."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from contextlib import AbstractContextManager
    from typing import Any

    Scope = MutableMapping[str, Any]


class RequestSpan(Protocol):
    """The span of a request that is being served."""

    def end(self, transaction: str, status: int) -> None:
        """The request is over; status 0 when there was no answer."""
        ...


class Tracer(Protocol):
    """What makes spans."""

    def span(self, name: str) -> AbstractContextManager[object]:
        """A span below the current one, while the block runs."""
        ...

    def request(self, scope: Scope) -> RequestSpan:
        """Begin the span of a request, below that of a client who says `traceparent` (W3C Trace Context)."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


class _Installed:
    tracer: Tracer | None = None


_INSTALLED: Final = _Installed()
_NOTHING: Final = nullcontext()


def install(tracer: Tracer | None) -> None:
    """Let a tracer have all spans of this process from now on, or nobody."""
    _INSTALLED.tracer = tracer


def span(name: str) -> AbstractContextManager[object]:
    """A span of a name of few, which says nothing of patients: `with span("index.read"):`."""
    tracer = _INSTALLED.tracer
    return _NOTHING if tracer is None else tracer.span(name)


def request_span(scope: Scope) -> RequestSpan | None:
    """The span of a request, if anybody traces."""
    tracer = _INSTALLED.tracer
    return None if tracer is None else tracer.request(scope)
