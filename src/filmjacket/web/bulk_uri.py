"""Bulk data references in metadata, and the way back to the attribute (PS3.18 10.4.1.1.5, F.2.6).

To clients they are opaque. To this server they are the instance's URL and the path of the attribute inside
it: tags and 0-based item numbers joined with dots, `00880200.0.7FE00010`.
"""

from __future__ import annotations

import re
from typing import Final

from filmjacket.errors import NotFound
from filmjacket.web.targets import instance_url

MAX_BULK_PATH: Final = 2048
"""Characters of a path: some hundred levels of nesting, more than the scanner lets in."""

_PATH = re.compile(r"[0-9A-Fa-f]{8}(?:\.[0-9]{1,9}\.[0-9A-Fa-f]{8})*", re.ASCII)
_RELATIVE: Final = b'"BulkDataURI":"/'


def bulk_prefix(base: str, study: str, series: str, instance: str) -> str:
    """What stands before `/{path}` in the bulk data URLs of an instance."""
    return f"{instance_url(base, study, series, instance)}/bulkdata"


def bulk_url(base: str, study: str, series: str, instance: str, path: str) -> str:
    """URL of one bulk value."""
    return f"{bulk_prefix(base, study, series, instance)}/{path}"


def parse_bulk_path(text: str) -> str:
    """The path of an attribute from a bulk data URL, tags in upper case.

    Anything else was never minted here, so it is a resource that does not exist rather than a malformed
    request.
    """
    if len(text) > MAX_BULK_PATH or not _PATH.fullmatch(text):
        raise NotFound(
            "This is no bulk data URL of this server; take BulkDataURI values from the metadata as they are.",
            section="10.4.1.1.5",
            offender="target URI",
        )
    return text.upper()


def absolute_bulk_uris(document: bytes, prefix: bytes) -> bytes:
    """Make the relative references in prebuilt DICOM JSON absolute by putting `prefix` before them.

    Exact without parsing: inside a JSON string every quotation mark is escaped, so the bytes looked for can
    only be a member name followed by its value.
    """
    return document.replace(_RELATIVE, _RELATIVE[:-1] + prefix + b"/")
