"""Comma lists of names with quality values, as `Accept-Encoding` and `Accept-Charset` are (RFC 9110 12.4.2)."""

from __future__ import annotations

import re
from typing import Final

MAX_MEMBERS: Final = 64
"""Members that are read; more than there are charsets and codings together."""

_QUALITY = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", re.ASCII)


def parse_quality_list(text: str) -> dict[str, float]:
    """Names in lower case with their quality values, in the order given; unreadable members are ignored (8.7.5).

    A name in quotation marks is the same as without, so that the defined terms of DICOM can be written (8.8.1).
    """
    found: dict[str, float] = {}
    for member in text.split(",")[:MAX_MEMBERS]:
        name, *parameters = (part.strip() for part in member.split(";"))
        name = name.strip('"').strip().lower()
        weights = [part[2:].strip() for part in parameters if part[:2].lower() == "q="]
        quality = weights[0] if weights else "1"
        if name and _QUALITY.fullmatch(quality):
            found.setdefault(name, float(quality))
    return found
