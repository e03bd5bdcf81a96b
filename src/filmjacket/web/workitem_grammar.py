"""Requests of the Worklist service: query strings and payloads (PS3.18 chapter 11).

The templates of chapter 11 leave the names of parameters open, and editions and products chose different ones:
every spelling that is in use is understood. Names are case-sensitive (8.3.1.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from filmjacket.dicom.json_model import decode_array
from filmjacket.dicom.uids import is_tolerable_uid
from filmjacket.dicom.xml_model import decode_native
from filmjacket.errors import BadRequest, UnsupportedMediaType
from filmjacket.web.matching import MatchKind
from filmjacket.web.media_types import (
    DICOM_JSON,
    DICOM_XML,
    JSON,
    MULTIPART_RELATED,
    item_type,
    parse_media_type,
    written,
)
from filmjacket.web.multipart_reader import MultipartReader, PartBegin, PartData, boundary_of
from filmjacket.web.query import EntityQuery, parse_entity_search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.matching import MatchKey
    from filmjacket.web.media_types import MediaType

TRANSACTION_UID: Final = "00081195"

WORKITEM_PARAMETERS: Final = ("workitem", "AffectedSOPInstanceUID")
"""Names of the UID of Create: of today's servers, and of PS3.18 from 2014 to 2019; a bare UID is one more spelling."""
TRANSACTION_PARAMETERS: Final = ("Transaction-uid", "transaction-uid", "transaction")
"""Names of the Transaction UID of Update: of PS3.18 2025, 2019 and 2014; a bare UID is one more spelling."""
REQUESTER: Final = "requester"
DELETION_LOCK: Final = "deletionlock"
FILTER: Final = "filter"

ACCEPTED_PAYLOADS: Final = (
    DICOM_JSON,
    DICOM_XML,
    written(DICOM_XML, multipart=True),
    written(DICOM_JSON, multipart=True),
)
_ROOTS: Final = {DICOM_JSON: DICOM_JSON, JSON: DICOM_JSON, DICOM_XML: DICOM_XML, "application/xml": DICOM_XML,
                 "text/xml": DICOM_XML}  # fmt: skip

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\\]")
_ATTRIBUTE: Final = re.compile(rb"([A-Z]\w*|[0-9A-Fa-f]{8})(\.([A-Z]\w*|[0-9A-Fa-f]{8}))*=", re.ASCII)
_FLAG: Final = re.compile(rb"(fuzzymatching|emptyvaluematching|multiplevaluematching)=")
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# PS3.5 6.2: VR AE has up to 16 characters, no backslash and no control characters.
_LONGEST_AE_TITLE: Final = 16
_LONGEST_FILTER: Final = 8192


@dataclass(frozen=True, slots=True)
class SubscriptionQuery:
    """What Subscribe asks for: a deletion lock, and the filter as a query of searches, "" for none."""

    deletion_lock: bool
    filter: str


def workitem_of(raw_query: bytes) -> str | None:
    """Return the UID that the query of Create gives the new workitem, None if it gives none (11.4.1)."""
    return _uid_of(raw_query, WORKITEM_PARAMETERS, "11.4.1")


def transaction_of(raw_query: bytes) -> str | None:
    """Return the Transaction UID of Update's query, None if there is none (11.6.1)."""
    return _uid_of(raw_query, TRANSACTION_PARAMETERS, "11.6.1")


def _uid_of(raw_query: bytes, names: tuple[str, ...], section: str) -> str | None:
    found: set[str] = set()
    for name, value in _parameters(raw_query):
        if name in names:
            if not is_tolerable_uid(value):
                raise BadRequest(f"{name} is not a UID.", section=section, offender=name, accepted=("1.2.3",))
            found.add(value)
        elif not value and is_tolerable_uid(name):
            # The template `?{workitem}` taken by its letter: the UID is the name of a parameter without a value.
            found.add(name)
    if len(found) > 1:
        raise BadRequest(
            "The query has two different UIDs for the same thing.",
            section=section,
            offender="query",
            accepted=tuple(f"{name}={{uid}}" for name in names),
        )
    return found.pop() if found else None


def requester_of(raw_query: bytes, suffix: str | None) -> str | None:
    """Return who asks for a change of state or a cancellation: a parameter (2026), or the end of the path (2024)."""
    named = [value for name, value in _parameters(raw_query) if name == REQUESTER]
    if len(set(named)) > 1:
        raise BadRequest("requester occurs twice.", section="11.7.1", offender=REQUESTER)
    text = named[0] if named else suffix
    return None if text is None else parse_ae_title(text, REQUESTER)


def parse_ae_title(text: str, what: str) -> str:
    """Return an AE title without the spaces around it, which do not count (PS3.5 6.2)."""
    title = text.strip(" ")
    if not title or len(title) > _LONGEST_AE_TITLE or _CONTROL.search(title) or not title.isascii():
        raise BadRequest(
            f"The {what} is not an AE title: 1 to {_LONGEST_AE_TITLE} ASCII characters, no backslash.",
            section="PS3.5 6.2",
            offender=what,
            accepted=("an AE title such as RIS_1",),
        )
    return title


# Search -------------------------------------------------------------------------------------------------------


def parse_workitem_search(raw_query: bytes | str) -> EntityQuery:
    """Parse the query of a search for workitems (11.9.1); the Transaction UID is no key and is never returned."""
    query = parse_entity_search(raw_query)
    if any(_names_the_lock(key) for key in query.keys):
        raise BadRequest(
            "The Transaction UID is not matched: it is the secret of who claimed a workitem.",
            section="PS3.4 CC.2.8.3",
            offender=TRANSACTION_UID,
        )
    return query


def _names_the_lock(key: MatchKey) -> bool:
    return key.tag == TRANSACTION_UID or any(_names_the_lock(item) for item in key.items)


def parse_subscription(raw_query: bytes, *, filtered: bool) -> SubscriptionQuery:
    """Parse the query of Subscribe (11.10.1).

    Before 2020 a filter was the attributes themselves, as in a search; since then it is one parameter, a comma list of
    pairs. Attributes are refused where there is no filter: they would silently not be obeyed.
    """
    lock = "false"
    pairs: list[bytes] = []
    for raw in raw_query.split(b"&"):
        name, _, value = raw.partition(b"=")
        if name == DELETION_LOCK.encode():
            lock = _decoded(value, DELETION_LOCK)
        elif name == FILTER.encode():
            pairs += _pairs_of(value)
        elif _ATTRIBUTE.match(raw) or _FLAG.match(raw):
            pairs.append(raw)
    if lock not in {"true", "false"}:
        raise BadRequest(
            "deletionlock is true or false.", section="11.10.1", offender=DELETION_LOCK, accepted=("true", "false")
        )
    if pairs and not filtered:
        raise BadRequest(
            "Only a subscription to the filtered worklist has a filter.",
            section="11.10.1",
            offender=FILTER,
            accepted=("/workitems/1.2.840.10008.5.1.4.34.5.1/subscribers/{aetitle}?filter=...",),
        )
    return SubscriptionQuery(lock == "true", _filter(pairs) if filtered else "")


def _pairs_of(raw: bytes) -> list[bytes]:
    """Split a filter at its commas, but for those of a list of UIDs; each pair is then a parameter of a search."""
    if _BAD_ESCAPE.search(raw):
        raise BadRequest("filter: `%` is followed by two hexadecimal digits.", section="RFC 3986 2.1", offender=FILTER)
    pairs: list[bytes] = []
    for part in unquote_to_bytes(raw).split(b","):
        if _ATTRIBUTE.match(part) or _FLAG.match(part) or not pairs:
            pairs.append(part)
        else:
            pairs[-1] += b"," + part
    # What was one value before stays one: only separators that the client encoded twice are still escapes.
    return [_BAD_ESCAPE.sub(b"%25", pair.replace(b"&", b"%26").replace(b"#", b"%23")) for pair in pairs]


def _filter(pairs: list[bytes]) -> str:
    wrong = next((pair for pair in pairs if not (_ATTRIBUTE.match(pair) or _FLAG.match(pair))), None)
    if wrong is not None or not pairs:
        raise BadRequest(
            "A filtered subscription has a filter of one or more attributes with their values.",
            section="11.10.1",
            offender=FILTER,
            accepted=("filter=00741000%3DSCHEDULED%2CWorklistLabel%3DCT",),
        )
    try:
        text = b"&".join(pairs).decode()
    except UnicodeDecodeError:
        raise BadRequest("filter: not UTF-8.", section="PS3.18 8.3", offender=FILTER) from None
    if len(text) > _LONGEST_FILTER:
        raise BadRequest(f"filter: longer than {_LONGEST_FILTER} characters.", section="11.10.1", offender=FILTER)
    if all(key.kind is MatchKind.UNIVERSAL for key in parse_workitem_search(text).keys):
        raise BadRequest(
            "This filter lets everything through.",
            section="11.10.1",
            offender=FILTER,
            accepted=("/workitems/1.2.840.10008.5.1.4.34.5/subscribers/{aetitle}",),
        )
    return text


def _parameters(raw_query: bytes) -> Iterator[tuple[str, str]]:
    for raw in raw_query.split(b"&"):
        name, _, value = raw.partition(b"=")
        if name:
            yield _decoded(name, "a parameter name"), _decoded(value, _decoded(name, "a parameter name"))


def _decoded(raw: bytes, name: str) -> str:
    if _BAD_ESCAPE.search(raw):
        raise BadRequest(
            f"{name[:40]}: `%` is followed by two hexadecimal digits.", section="RFC 3986 2.1", offender=name[:40]
        )
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise BadRequest(f"{name[:40]}: not UTF-8.", section="PS3.18 8.3", offender=name[:40]) from None


# Payloads -----------------------------------------------------------------------------------------------------


def payload_type(content_type: str | None) -> MediaType:
    """Return the media type of a payload (11.1.3). Raises `UnsupportedMediaType` for one that cannot be read."""
    media_type = parse_media_type(content_type) if content_type else None
    if media_type is not None:
        root = media_type if media_type.essence != MULTIPART_RELATED else item_type(media_type)
        if root is None or root.essence in _ROOTS:
            return media_type
    raise UnsupportedMediaType(
        "A payload of this type is no workitem that can be read."
        if media_type
        else "The payload has no Content-Type, so that it cannot be read.",
        section="11.1.3",
        offender="Content-Type",
        accepted=ACCEPTED_PAYLOADS,
    )


def read_data_set(media_type: MediaType, payload: bytes) -> Attributes:
    """Return the one data set of a payload: alone, in an array, or in a part of its own (11.1.3).

    Elements of group 0000 belong to messages, not to data sets, and are left out.
    """
    if media_type.essence == MULTIPART_RELATED:
        declared = item_type(media_type)
        part_type, payload = _only_part(media_type, payload)
        root = _ROOTS.get(part_type or (declared.essence if declared else ""), "")
    else:
        root = _ROOTS[media_type.essence]
    if root == DICOM_JSON:
        data_sets = decode_array(payload)
    elif root == DICOM_XML:
        data_sets = [decode_native(payload)]
    else:
        raise UnsupportedMediaType(
            "The part is neither DICOM JSON nor DICOM XML.",
            section="11.1.3",
            offender="Content-Type",
            accepted=ACCEPTED_PAYLOADS,
        )
    if len(data_sets) != 1:
        raise BadRequest(
            f"The payload has {len(data_sets)} data sets; each request is about one.",
            section="11.1.3",
            offender="payload",
            accepted=("[{...}]", "{...}"),
        )
    return {tag: element for tag, element in data_sets[0].items() if not tag.startswith("0000")}


def _only_part(media_type: MediaType, payload: bytes) -> tuple[str, bytes]:
    """Return the media type and the bytes of the only part of a multipart payload."""
    reader = MultipartReader(boundary_of(media_type))
    bodies: list[bytearray] = []
    kinds: list[str] = []
    for event in reader.feed(payload):
        if isinstance(event, PartBegin):
            text = event.headers.get("content-type")
            kinds.append(parse_media_type(text).essence if text else "")
            bodies.append(bytearray())
        elif isinstance(event, PartData):
            bodies[-1] += event.data
    reader.finish()
    if len(bodies) != 1:
        raise BadRequest(
            f"The payload has {len(bodies)} parts; each request is about one data set.",
            section="11.1.3",
            offender="payload",
        )
    return kinds[0], bytes(bodies[0])
