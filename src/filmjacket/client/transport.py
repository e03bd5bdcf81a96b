"""Doing calls over HTTP, and listening: one client that waits, one for asyncio. The only module that does I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast
from urllib.parse import quote

import httpx2
import orjson

from filmjacket.client import changes as change_calls
from filmjacket.client.calls import Answer
from filmjacket.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
    from types import TracebackType

    from filmjacket.client.calls import Call, Page
    from filmjacket.client.changes import Change
    from filmjacket.dicom.attributes import Attributes

_T = TypeVar("_T")

LONG_POLL: Final = 30
"""Seconds for which the server may hold back an answer while nothing changes."""
TIMEOUT: Final = httpx2.Timeout(30.0, read=LONG_POLL + 30.0)
MESSAGE_BYTES: Final = 16 << 20
"""Largest event report that is taken: parameters of a workitem have no upper size."""


class _Settings:
    """What both clients are made of."""

    def __init__(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        user: tuple[str, str] | None = None,
        timeout: httpx2.Timeout = TIMEOUT,
    ) -> None:
        self.url = url.rstrip("/")
        self.options: dict[str, Any] = {"headers": list(headers), "auth": user, "timeout": timeout}

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """The arguments of a request."""
        headers = {"Accept": call.accept}
        if call.content is not None:
            headers["Content-Type"] = call.content_type
        return {
            "method": call.method,
            "url": f"{self.url}{call.path}{_query(call)}",
            "headers": headers,
            "content": call.content,
        }

    def socket_url(self, path: str) -> str:
        """A WebSocket URL of the services, for a path or for what a subscription was answered with."""
        return path if path.startswith(("ws:", "wss:")) else self.url.replace("http", "ws", 1) + path


class Client:
    """A client that waits for each answer. Safe to use from several threads."""

    def __init__(self, url: str, **options: Any) -> None:  # noqa: ANN401 - those of `_Settings`
        self._settings = _Settings(url, **options)
        self._http = httpx2.Client(**self._settings.options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def do(self, call: Call[_T]) -> _T:
        """Do a call. Raises `RemoteError` when it is refused, `Unavailable` when nobody answers."""
        try:
            response = self._http.request(**self._settings.request(call))
        except httpx2.HTTPError as error:
            raise _unavailable(error) from error
        return call.result(_answer(response))

    def pages(self, search: Call[Page[_T]]) -> Generator[_T]:
        """Every result of a search, page by page."""
        offset = 0
        while True:
            page = self.do(search.at(offset))
            yield from page.items
            offset += len(page.items)
            if not page.items or not page.remaining:
                return

    def follow(self, since: int | None = None, wanted: Mapping[str, str] | None = None) -> Generator[Change]:
        """Changes after number `since`, or from now on, for ever: keep the number of the last one, and go on there."""
        after = self.do(change_calls.latest()) if since is None else since
        while True:
            page = self.do(change_calls.read(after, wanted, wait=LONG_POLL))
            yield from page.changes
            after = page.through

    def events(self, subscriber: str) -> Generator[Attributes]:
        """Event reports of the worklist (PS3.18 11.13) to an AE title, or at the URL that `worklist.subscribe` gave."""
        url = self._settings.socket_url(_socket_path(subscriber))
        try:
            with self._http.websocket(url, max_message_size_bytes=MESSAGE_BYTES) as socket:
                while True:
                    yield cast("Attributes", orjson.loads(socket.receive_text()))
        except httpx2.HTTPError as error:
            raise _unavailable(error) from error


class AsyncClient:
    """The same for asyncio."""

    def __init__(self, url: str, **options: Any) -> None:  # noqa: ANN401 - those of `_Settings`
        self._settings = _Settings(url, **options)
        self._http = httpx2.AsyncClient(**self._settings.options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def do(self, call: Call[_T]) -> _T:
        """Do a call. Raises `RemoteError` when it is refused, `Unavailable` when nobody answers."""
        try:
            response = await self._http.request(**self._settings.request(call))
        except httpx2.HTTPError as error:
            raise _unavailable(error) from error
        return call.result(_answer(response))

    async def pages(self, search: Call[Page[_T]]) -> AsyncGenerator[_T]:
        """Every result of a search, page by page."""
        offset = 0
        while True:
            page = await self.do(search.at(offset))
            for item in page.items:
                yield item
            offset += len(page.items)
            if not page.items or not page.remaining:
                return

    async def follow(self, since: int | None = None, wanted: Mapping[str, str] | None = None) -> AsyncGenerator[Change]:
        """Changes after number `since`, or from now on, for ever."""
        after = await self.do(change_calls.latest()) if since is None else since
        while True:
            page = await self.do(change_calls.read(after, wanted, wait=LONG_POLL))
            for change in page.changes:
                yield change
            after = page.through

    async def events(self, subscriber: str) -> AsyncGenerator[Attributes]:
        """Event reports of the worklist (PS3.18 11.13) to an AE title, or at the URL that `worklist.subscribe` gave."""
        url = self._settings.socket_url(_socket_path(subscriber))
        try:
            async with self._http.websocket(url, max_message_size_bytes=MESSAGE_BYTES) as socket:
                while True:
                    yield cast("Attributes", orjson.loads(await socket.receive_text()))
        except httpx2.HTTPError as error:
            raise _unavailable(error) from error


def _query(call: Call[Any]) -> str:
    """The query as PS3.18 8.3.4 reads it: wildcards, ranges and commas stay as they are, `update` has no value."""
    if not call.query:
        return ""
    pairs = (quote(name, safe=".") + (f"={quote(value, safe='*?-:,.')}" if value else "") for name, value in call.query)
    return "?" + "&".join(pairs)


def _socket_path(subscriber: str) -> str:
    if subscriber.startswith(("ws:", "wss:")):
        return subscriber
    return f"/ws/subscribers/{quote(subscriber, safe='')}"


def _answer(response: httpx2.Response) -> Answer:
    return Answer(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content
    )


def _unavailable(error: httpx2.HTTPError) -> Unavailable:
    return Unavailable(f"The server does not answer: {type(error).__name__}: {error}")
