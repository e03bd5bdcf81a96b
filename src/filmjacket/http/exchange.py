"""Watching requests: an id, numbers of each transaction, one line of the access log, a span for whoever traces.

No line, number or span holds a path or a query: search keys are patient data, and UIDs lead to patients.
"""

from __future__ import annotations

import re
import secrets
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Final

import structlog

from filmjacket.metrics import counter, gauge, histogram
from filmjacket.settings.watching import Access
from filmjacket.spans import request_span

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from filmjacket.metrics import Counter

log = structlog.stdlib.get_logger("filmjacket.access")

UNMATCHED: Final = "unmatched"
"""The transaction of a request that no row of the route table has."""
EXCHANGE: Final = "exchange"
"""Where the exchange is in the ASGI scope."""
FIRST_ERROR: Final = 400

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_PRODUCT = re.compile(rb"[A-Za-z][A-Za-z0-9_.-]{0,31}")
"""RFC 9110 10.1.5: the name of the program comes first."""
_NO_ANSWER: Final = "none"
_CLASSES: Final = (_NO_ANSWER, "1xx", "2xx", "3xx", "4xx", "5xx")


class _Transaction:
    """The numbers of one transaction."""

    __slots__ = ("answered", "in_flight", "name", "received", "seconds", "sent")

    def __init__(self, name: str) -> None:
        self.name = name
        self.answered: dict[str, Counter] = {}
        self.seconds = histogram("filmjacket_request_seconds", transaction=name)
        self.received = counter("filmjacket_request_bytes_total", transaction=name)
        self.sent = counter("filmjacket_response_bytes_total", transaction=name)
        self.in_flight = gauge("filmjacket_requests_in_flight", transaction=name)

    def answer(self, status: int) -> None:
        """Count an answer; statuses of one class are one number."""
        name = _CLASSES[min(status // 100, 5)]
        answered = self.answered.get(name)
        if answered is None:
            answered = self.answered[name] = counter("filmjacket_requests_total", transaction=self.name, status=name)
        answered.add()


class Exchange:
    """One request and its answer, as far as it goes."""

    __slots__ = ("_transactions", "received", "sent", "status", "transaction")

    def __init__(self, transactions: dict[str, _Transaction]) -> None:
        self._transactions = transactions
        self.transaction: _Transaction | None = None
        self.status = 0
        self.received = 0
        self.sent = 0

    def begin(self, name: str) -> None:
        """Say which transaction it is, by the name that the route table has for it."""
        transaction = self._transactions.get(name)
        if transaction is None:
            transaction = self._transactions[name] = _Transaction(name)
        self.transaction = transaction
        transaction.in_flight.add(1)

    def end(self, seconds: float) -> str:
        """Count it; returns the name of the transaction."""
        if self.transaction is None:
            self.begin(UNMATCHED)
        transaction = self.transaction
        assert transaction is not None  # noqa: S101 - just begun
        transaction.in_flight.add(-1)
        transaction.answer(self.status)
        transaction.seconds.observe(seconds)
        if self.received:
            transaction.received.add(self.received)
        if self.sent:
            transaction.sent.add(self.sent)
        return transaction.name


def begin_transaction(scope: Scope, name: str) -> None:
    """Tell the exchange of a request which transaction it is; somebody may have left it out of the stack."""
    exchange: Exchange | None = scope.get(EXCHANGE)
    if exchange is not None:
        exchange.begin(name)


class Watched:
    """The application, watched.

    `every`: of successful requests only so many-th gets a line.
    """

    def __init__(self, app: ASGIApp, *, access: Access = Access.ALL, every: int = 1) -> None:
        self._app = app
        self._access = access
        self._every = every
        self._numbers = count()
        self._transactions: dict[str, _Transaction] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id = _request_id(scope)
        exchange = scope[EXCHANGE] = Exchange(self._transactions)
        scope["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        span = request_span(scope)

        async def received() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                exchange.received += len(message.get("body", b""))
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            elif message["type"] == "http.response.body":
                exchange.sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, received, sent)
        finally:
            seconds = perf_counter() - started
            transaction = exchange.end(seconds)
            if span is not None:
                span.end(transaction, exchange.status)
            if self._is_logged(exchange.status):
                _log(scope, exchange, transaction, seconds)
            structlog.contextvars.unbind_contextvars("request_id")

    def _is_logged(self, status: int) -> bool:
        if self._access is Access.NONE:
            return False
        if status == 0 or status >= FIRST_ERROR:
            return True
        return self._access is Access.ALL and next(self._numbers) % self._every == 0


def _request_id(scope: Scope) -> str:
    """The client's, so that its log and ours can be laid side by side, or a new one."""
    given = _header(scope, b"x-request-id")
    return given.decode() if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _log(scope: Scope, exchange: Exchange, transaction: str, seconds: float) -> None:
    product = _PRODUCT.match(_header(scope, b"user-agent"))
    log.info(
        "request",
        method=scope["method"],
        transaction=transaction,
        status=exchange.status,
        received=exchange.received,
        bytes=exchange.sent,
        ms=round(seconds * 1000, 1),
        agent=product[0].decode() if product else None,
    )


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")
