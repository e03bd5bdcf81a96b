"""What a Retrieve Metadata request asks for besides its target: `includefield` and `charset` (PS3.18 8.3, 8.8).

`includefield` is an extension: PS3.18 knows it for searches only. Its grammar is that of searches (8.3.4.3), and so is
its meaning: what is not known is not returned, and a private attribute is asked for with its creator in the same query,
`includefield=00091001&00090010=ACME`. Without `includefield`, or with `all`, the whole data set is returned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.json_model import filter_attributes
from filmjacket.dicom.levels import Level
from filmjacket.dicom.tags import creator_tag_of
from filmjacket.web.charset_choice import NO_WISHES, CharsetWishes, parse_charset_wishes
from filmjacket.web.matching import resolve_tag
from filmjacket.web.query import parse_search
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes

# A private creator element as the name of a parameter; groups are odd.
_CREATOR = re.compile(rb"(?:[0-9A-Fa-f]{8}\.)*[0-9A-Fa-f]{3}[13579BDFbdf]00[1-9A-Fa-f][0-9A-Fa-f]")
# A tag that no data set has: what is not there is not returned.
_NOWHERE: Final = "FFFFFFFF"

ALWAYS_RETURNED: Final = (
    ("00080005",),  # what it says about the text is true of every text
    ("00080016",),
    ("00080018",),
    ("0020000D",),
    ("0020000E",),
)
"""What tells instances apart, whatever is asked for: SOP Class, SOP Instance, Study and Series Instance UID."""


@dataclass(frozen=True, slots=True)
class MetadataQuery:
    """`include` are the paths of tags to return, None for the whole data set.

    `creators` maps private creator elements such as `00090010` to the creators that the request gives them.
    """

    include: tuple[tuple[str, ...], ...] | None = None
    creators: tuple[tuple[str, str], ...] = ()
    charsets: CharsetWishes = NO_WISHES


def parse_metadata_query(raw_query: bytes, accept_charset: str | None) -> MetadataQuery:
    """Read the parameters that metadata have; all others are ignored (8.3). Raises `BadRequest`."""
    parameters = [part.partition(b"=") for part in raw_query.split(b"&")]
    wishes = parse_charset_wishes(raw_query, accept_charset)
    asked = [name + equals + value for name, equals, value in parameters if name == b"includefield"]
    if not asked:
        return MetadataQuery(charsets=wishes)
    asked += [name + equals + value for name, equals, value in parameters if _CREATOR.fullmatch(name)]
    query = parse_search(Level.INSTANCE, ResourceRef(), b"&".join(asked))
    if query.include_all:
        return MetadataQuery(charsets=wishes)
    creators = [
        (*path[:depth], creator)
        for path in query.include
        for depth, tag in enumerate(path)
        if (creator := creator_tag_of(tag)) is not None
    ]
    include = tuple(dict.fromkeys((*ALWAYS_RETURNED, *query.include, *creators)))
    return MetadataQuery(include, query.creators, wishes)


def select_attributes(attributes: Attributes, query: MetadataQuery) -> Attributes:
    """What a request asks for of one data set, private attributes in the blocks that this data set gives them."""
    if query.include is None:
        return attributes
    return filter_attributes(attributes, [_resolved(attributes, path, query) for path in query.include])


def _resolved(attributes: Attributes, path: tuple[str, ...], query: MetadataQuery) -> tuple[str, ...]:
    first, *below = path
    creator = dict(query.creators).get(creator_tag_of(first) or first)
    return path if creator is None else (resolve_tag(attributes, first, creator) or _NOWHERE, *below)
