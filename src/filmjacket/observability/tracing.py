"""Traces through OpenTelemetry, for those who ask for them; the only module that knows its libraries (extra `[otel]`).

Attributes are those that have few values: method, transaction, status. Paths name studies and queries name patients;
neither leaves the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from filmjacket import __version__
from filmjacket.errors import FilmjacketError

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from contextlib import AbstractContextManager

    from filmjacket.spans import RequestSpan

    Scope = MutableMapping[str, Any]

_FAILED: Final = 500
_PROPAGATED: Final = (b"traceparent", b"tracestate")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


def open_tracer(endpoint: str, *, sample: float, exporter: Any = None) -> OtelTracer:  # noqa: ANN401 - of an extra
    """A tracer that sends to an OTLP/HTTP endpoint in batches; `sample` of the traces that no client began."""
    try:
        return OtelTracer(endpoint, sample=sample, exporter=exporter)
    except ImportError:
        raise FilmjacketError(
            "Tracing needs OpenTelemetry; `pip install 'filmjacket[otel]'` brings it.", offender="tracing.endpoint"
        ) from None


class OtelTracer:
    """Makes spans and hands them to an exporter; see `filmjacket.spans.Tracer`."""

    def __init__(self, endpoint: str, *, sample: float, exporter: Any = None) -> None:  # noqa: ANN401 - see above
        # Half a second of imports and memory that nobody needs who does not trace.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, Status, StatusCode, use_span  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        resource = Resource.create({"service.name": "filmjacket", "service.version": __version__})
        self._provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(sample)), resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("filmjacket", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._server_kind = SpanKind.SERVER
        self._use = use_span
        self._failed = Status(StatusCode.ERROR)

    def span(self, name: str) -> AbstractContextManager[object]:
        """A span below the current one; what the error was is not said, for it may quote values."""
        return self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)

    def request(self, scope: Scope) -> RequestSpan:
        """The span of a request."""
        carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _PROPAGATED}
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        span: Any = self._tracer.start_span(
            method,
            context=self._propagator.extract(carrier) if carrier else None,
            kind=self._server_kind,
            attributes={"http.request.method": method},
        )
        current: Any = self._use(span, end_on_exit=False, record_exception=False, set_status_on_exception=False)
        current.__enter__()
        return _Request(span, current, method, self._failed)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


class _Request:
    """A request's span, which is the current one in its task and in the threads that work for it."""

    __slots__ = ("_current", "_failed", "_method", "_span")

    def __init__(self, span: Any, current: Any, method: str, failed: Any) -> None:  # noqa: ANN401 - of an extra
        self._span = span
        self._current = current
        self._method = method
        self._failed = failed

    def end(self, transaction: str, status: int) -> None:
        """Name the span after the transaction, and end it."""
        self._span.update_name(f"{self._method} {transaction}")
        self._span.set_attribute("http.route", transaction)
        if status:
            self._span.set_attribute("http.response.status_code", status)
        if not status or status >= _FAILED:
            self._span.set_status(self._failed)
        self._current.__exit__(None, None, None)
        self._span.end()
