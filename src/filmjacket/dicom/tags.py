"""Tags as text: eight upper-case hexadecimal digits, keywords, dotted paths (PS3.18 8.3.4.1, PS3.5 7.8)."""

from __future__ import annotations

import re

from filmjacket.dicom import dictionary
from filmjacket.errors import BadRequest

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9]{1,63}")

# Deeper paths name nothing that exists, and would only cost time.
MAX_PATH_LENGTH = 16


def parse_tag(text: str) -> str | None:
    """Return eight hexadecimal digits in upper case, None for anything else."""
    return text.upper() if _TAG.fullmatch(text) else None


def parse_attribute(text: str) -> str | None:
    """Return the tag that eight hexadecimal digits or a keyword of PS3.6 mean, else None."""
    return parse_tag(text) or (dictionary.tag_of(text) if _KEYWORD.fullmatch(text) else None)


def parse_path(text: str) -> tuple[str, ...]:
    """Return the tags of a path such as `RequestAttributesSequence.00400009`; BadRequest when it is none."""
    parts = text.split(".", MAX_PATH_LENGTH)
    tags = tuple(tag for tag in map(parse_attribute, parts) if tag)
    if len(tags) != len(parts) or len(parts) > MAX_PATH_LENGTH:
        raise BadRequest(
            "an attribute is named by its keyword or its tag, and inside sequences by a path of them",
            section="PS3.18 8.3.4.1",
            offender=text[:80],
            accepted=("PatientID", "00100020", "RequestAttributesSequence.ScheduledProcedureStepID"),
        )
    return tags


def keyword_of(tag: str) -> str | None:
    """Return the keyword of a public tag (PS3.6), None for private and unknown ones."""
    return dictionary.keyword_of(tag)


def is_private(tag: str) -> bool:
    """Tell whether the group number is odd (PS3.5 7.8)."""
    return tag[3] in "13579BDF"


def is_private_creator(tag: str) -> bool:
    """Tell whether the tag is (gggg,0010-00FF) of an odd group: it reserves a block (PS3.5 7.8.1)."""
    return is_private(tag) and tag[4:6] == "00" and tag[6] != "0"


def creator_tag_of(tag: str) -> str | None:
    """Return the tag of the element that names the creator of a private element, None for other tags."""
    if not is_private(tag) or tag[4] == "0":
        return None
    return f"{tag[:4]}00{tag[4:6]}"


def is_group_length(tag: str) -> bool:
    """Tell whether the tag is (gggg,0000) (PS3.5 7.2)."""
    return tag[4:] == "0000"
