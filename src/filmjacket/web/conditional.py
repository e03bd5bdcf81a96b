"""Entity tags and the conditions made with them (PS3.18 8.4.2, RFC 9110 8.8.3, 13.1)."""

from __future__ import annotations

import re

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_LIST = re.compile(r'\s*(?:(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,\s*|$))+')
_NOT_IN_TAG = re.compile(r"[^\x21\x23-\x7e]")


def etag(digest: str, *variant: str) -> str:
    """A strong entity tag: the digest of what is stored and whatever selects the representation of it.

    A stored instance never changes under its digest, and a representation depends on nothing but that and the
    variant (media type, transfer syntax, boundary), so that the tag is strong (8.8.1).
    """
    return '"' + _NOT_IN_TAG.sub("_", "-".join((digest, *variant))) + '"'


def coded_etag(tag: str, coding: str) -> str:
    """The tag of the same representation in a content coding: other bytes, hence another tag (8.8.3.3)."""
    return tag if coding == "identity" else f'{tag[:-1]}-{coding}"'


def is_not_modified(if_none_match: str | None, current: str) -> bool:
    """Whether to answer GET with 304: `If-None-Match` is `*` or lists the tag, weakly compared (13.1.2)."""
    return if_none_match is not None and _lists(if_none_match, current, weak=True)


def is_precondition_failed(if_match: str | None, current: str | None) -> bool:
    """Whether `If-Match` fails, strongly compared (13.1.1); `current` is None where nothing exists."""
    if if_match is None:
        return False
    return current is None or not _lists(if_match, current, weak=False)


def listed_digests(if_match: str | None) -> frozenset[str] | None:
    """The digests in the strong tags of `If-Match`, made by `etag`; `None` when there is no list, or it is `*`.

    Whatever the representation, its tag begins with the digest of what is stored.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.finditer(if_match) if _LIST.fullmatch(if_match) else ()
    return frozenset(tag[2].strip('"').partition("-")[0] for tag in found if not tag[1])


def is_range_allowed(if_range: str | None, current: str) -> bool:
    """Whether `Range` is to be obeyed: no `If-Range`, or one with this strong tag (13.1.5).

    A date never matches: representations have no Last-Modified here.
    """
    return if_range is None or (not current.startswith("W/") and if_range.strip() == current)


def _lists(header: str, current: str, *, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    if not _LIST.fullmatch(header):
        return False
    is_weak = current.startswith("W/")
    tag = current.removeprefix("W/")
    return any(found[2] == tag and (weak or not (found[1] or is_weak)) for found in _TAG.finditer(header))
