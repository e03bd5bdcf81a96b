"""What schemathesis cannot know: UIDs that are stored, headers worth asking with, payloads that are nearly right.

Loaded by the command `schemathesis`, as SCHEMATHESIS_HOOKS. SCHEMATHESIS_SHELF names a folder with `addresses.json`,
and `payloads.json`: names of files in it and their Content-Type.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st

SHELF = Path(os.environ["SCHEMATHESIS_SHELF"])
ADDRESSES = json.loads((SHELF / "addresses.json").read_text())
PAYLOADS = tuple(
    (content_type, (SHELF / name).read_bytes())
    for name, content_type in json.loads((SHELF / "payloads.json").read_text()).items()
)

ACCEPT = (
    "*/*", "application/*", "application/dicom+json", "application/json", "application/dicom+xml", "image/*",
    "multipart/related", 'multipart/related; type="*/*"', 'multipart/related; type="application/dicom"',
    'multipart/related; type="application/dicom"; transfer-syntax=*', "multipart/related;type=application/dicom+xml",
    'multipart/related; type="application/octet-stream"; transfer-syntax=*, */*;q=0.1', "application/dicom",
    "application/dicom;transfer-syntax=1.2.840.10008.1.2.1", "application/octet-stream", "application/zip",
    "application/zip;transfer-syntax=*", 'multipart/related; type="image/jp2"', "image/jpeg", "text/html", "text/*",
    "application/problem+xml, */*;q=0.5", "application/vnd.sun.wadl+xml", "video/mp4", "", "*/*;q=0",
)  # fmt: skip
HEADERS = {
    "Accept": ACCEPT,
    "Accept-Charset": ("utf-8", "iso-8859-1", "utf-16", "*;q=0", ""),
    # Without zstd, which the client that checks the answers may be unable to decode.
    "Accept-Encoding": ("gzip", "gzip;q=0.5, identity;q=0", "identity;q=0", "*;q=0", "br", ""),
    "Range": ("bytes=0-9", "bytes=-5", "bytes=5-", "bytes=9-3", "bytes=0-1,5-6", "bytes=99999999-", "lines=1"),
    "If-Range": ('"x"', 'W/"x"', "Sat, 01 Jan 2022 00:00:00 GMT"),
    "If-None-Match": ("*", '"x"', 'W/"x", "y"', "x"),
    "If-Match": ("*", '"x"', "x"),
    "Prefer": ("return=minimal", "count=exact", "respond-async, wait=10"),
    "Host": ("pacs.example.org", "pacs.example.org:8443", "[::1]:80"),
    "Origin": ("https://viewer.example.org", "null"),
}


@schemathesis.hook
def flatmap_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> st.SearchStrategy[Any]:
    """Mostly what is stored, with a bulk value and a frame that are there, or with what was generated."""
    if not path_parameters:
        return st.just(path_parameters)
    delete = context.operation is not None and context.operation.method.upper() == "DELETE"
    known = st.sampled_from(ADDRESSES["expendable" if delete else "kept"])
    there = {"path": "7FE00010", "frames": "1"}

    def placed(address: dict[str, str], *, exact: bool) -> dict[str, Any]:
        better = address | (there if exact else {})
        return {name: better.get(name, value) for name, value in path_parameters.items()}

    return st.one_of(
        st.builds(placed, known, exact=st.booleans()),
        st.builds(placed, known, exact=st.just(value=True)),
        st.just(path_parameters),
    )


@schemathesis.hook
def flatmap_headers(context: Any, headers: dict[str, str] | None) -> st.SearchStrategy[Any]:
    """Negotiation, conditions, ranges: headers that OpenAPI does not describe, or only as text."""
    asked = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in HEADERS.items()})
    return st.one_of(st.just(headers), asked.map(lambda more: {**(headers or {}), **more}))


class Payload(bytes):
    """A payload that knows its Content-Type."""

    content_type: str


@st.composite
def damaged(draw: st.DrawFn) -> Payload:
    """A payload that would be stored, with a few bytes changed, cut short or doubled."""
    content_type, whole = draw(st.sampled_from(PAYLOADS))
    payload = bytearray(whole)
    # The metadata are in the first few thousand bytes, and so is what makes a difference.
    positions = st.integers(0, min(len(payload), 6000) - 1)
    for position, value in draw(st.lists(st.tuples(positions, st.integers(0, 255)), max_size=6)):
        payload[position] = value
    cut = draw(st.none() | positions)
    if cut is not None:
        payload = payload[:cut] + payload[draw(positions) :] if draw(st.booleans()) else payload[:cut]
    made = Payload(payload)
    made.content_type = content_type
    return made


@schemathesis.hook
def flatmap_body(context: Any, body: Any) -> st.SearchStrategy[Any]:
    """Noise never gets past the first bytes of a reader; damaged payloads do."""
    return st.one_of(st.just(body), damaged(), damaged())


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """The Content-Type of a damaged payload, with its boundary; nobody waits for changes."""
    if case.query and "wait" in case.query:
        case.query = {**case.query, "wait": "0"}
    if isinstance(case.body, Payload):
        case.headers = {**(case.headers or {}), "Content-Type": case.body.content_type}
