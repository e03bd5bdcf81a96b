"""Another archive over DICOMweb, read as any client would: what it has, and the files themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, cast

import httpx2
import orjson

from filmjacket.dicom.attributes import get_text
from filmjacket.errors import FilmjacketError, Unavailable
from filmjacket.web.media_types import parse_media_type
from filmjacket.web.multipart_reader import MultipartReader, PartBegin, PartData, boundary_of
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from filmjacket.dicom.attributes import Attributes

PAGE: Final = 500
"""Results that are asked for at once."""

TIMEOUT: Final = httpx2.Timeout(30.0, read=300.0)
"""Other servers may convert a whole study before they send its first byte."""

_STUDY: Final = "0020000D"
_SERIES: Final = "0020000E"
_INSTANCE: Final = "00080018"
# As it is stored; the second is for servers that know single parts only.
_FILE_TYPES: Final = (
    'multipart/related; type="application/dicom"; transfer-syntax=*',
    "application/dicom; transfer-syntax=*",
)


class RemoteRefusal(FilmjacketError):
    """The other server answered something else than what was asked for."""

    reason_code = "remote-refusal"


class RemoteArchive:
    """A DICOMweb service at a base URL. Safe to use from several threads."""

    def __init__(
        self, url: str, *, headers: Sequence[tuple[str, str]] = (), user: tuple[str, str] | None = None
    ) -> None:
        self._url = url.rstrip("/")
        limits = httpx2.Limits(max_connections=32, max_keepalive_connections=32)
        self._client = httpx2.Client(
            headers=list(headers), auth=user, timeout=TIMEOUT, limits=limits, follow_redirects=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def studies(self, conditions: Sequence[tuple[str, str]] = ()) -> list[str]:
        """Study Instance UIDs of all studies that match, each once, in the order of the server (PS3.18 10.6)."""
        found = self._search("/studies", conditions)
        return list(dict.fromkeys(uid for item in found if (uid := get_text(item, _STUDY))))

    def instances(self, study: str) -> list[ResourceRef]:
        """All instances of a study, each once."""
        refs: dict[str, ResourceRef] = {}
        for item in self._search(f"/studies/{study}/instances", ()):
            series, uid = get_text(item, _SERIES), get_text(item, _INSTANCE)
            if series and uid:
                refs.setdefault(uid, ResourceRef(study, series, uid))
        return list(refs.values())

    def file(self, ref: ResourceRef) -> Iterator[bytes | memoryview]:
        """The bytes of one instance as it is stored there (PS3.18 10.4), piece by piece.

        Raises `RemoteRefusal` or `Unavailable`; also when the answer ends early.
        """
        refusal: RemoteRefusal | None = None
        for accept in _FILE_TYPES:
            try:
                yield from self._file(ref, accept)
            except _NotAcceptable as error:
                refusal = error
            else:
                return
        raise refusal or RemoteRefusal("no file type was asked for")

    def _file(self, ref: ResourceRef, accept: str) -> Iterator[bytes | memoryview]:
        try:
            with self._client.stream("GET", f"{self._url}/{ref.path}", headers={"Accept": accept}) as response:
                _check(response, f"/{ref.path}")
                media_type = parse_media_type(response.headers.get("content-type", "application/dicom"))
                if media_type.type == "multipart":
                    yield from _only_part(response.iter_bytes(), MultipartReader(boundary_of(media_type)))
                else:
                    yield from response.iter_bytes()
        except httpx2.HTTPError as error:
            raise _unavailable(error) from error

    def _search(self, path: str, conditions: Sequence[tuple[str, str]]) -> Iterator[Attributes]:
        """Every result of a search; pages go on until one brings nothing new."""
        offset = 0
        seen: set[tuple[str | None, str | None]] = set()
        while True:
            page = self._page(path, [*conditions, ("limit", str(PAGE)), ("offset", str(offset))])
            before = len(seen)
            seen.update((get_text(item, _STUDY), get_text(item, _INSTANCE)) for item in page)
            yield from page
            # A server may have smaller pages than asked for; one that knows no offset sends the same again.
            if len(seen) == before:
                return
            offset += len(page)

    def _page(self, path: str, query: list[tuple[str, str]]) -> list[Attributes]:
        try:
            response = self._client.get(
                f"{self._url}{path}", params=tuple(query), headers={"Accept": "application/dicom+json"}
            )
        except httpx2.HTTPError as error:
            raise _unavailable(error) from error
        if response.status_code == 204:
            return []
        _check(response, path)
        try:
            found: Any = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise RemoteRefusal(f"{path} was answered with something that is no JSON.") from None
        if not isinstance(found, list):
            raise RemoteRefusal(f"{path} was answered with JSON that is no list of data sets.")
        return cast("list[Attributes]", found)


class _NotAcceptable(RemoteRefusal):
    """The media type cannot be had there; another one may."""


def _check(response: httpx2.Response, path: str) -> None:
    status = response.status_code
    if status == 200:
        return
    text = f"{path} was answered with status {status}."
    if status in {400, 406, 415}:
        raise _NotAcceptable(text)
    if status in {401, 403}:
        raise RemoteRefusal(f"{text} Credentials? See --user and --header.")
    if status == 429 or status >= 500:
        raise Unavailable(text)
    raise RemoteRefusal(text)


def _only_part(chunks: Iterator[bytes], reader: MultipartReader) -> Iterator[memoryview]:
    parts = 0
    for chunk in chunks:
        for event in reader.feed(chunk):
            parts += isinstance(event, PartBegin)
            if parts > 1:
                raise RemoteRefusal("One instance was asked for, and several came.")
            if isinstance(event, PartData):
                yield event.data
    reader.finish()
    if not parts:
        raise RemoteRefusal("One instance was asked for, and none came.")


def _unavailable(error: httpx2.HTTPError) -> Unavailable:
    return Unavailable(f"The other server does not answer: {type(error).__name__}: {error}")
