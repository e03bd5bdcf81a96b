"""Entity tags of what is coded here rather than stored (RFC 9110 8.8.3)."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from filmjacket.pixels.forms import CODEC_VERSION
from filmjacket.web.conditional import etag

if TYPE_CHECKING:
    from filmjacket.archive.records import StoredInstance


def coded_etag(instance: StoredInstance, content_type: str, *variant: str) -> str:
    """The strong entity tag of something coded here: the same encoders make the same bytes of the same frames."""
    return etag(instance.blob.sha256, content_type, _codecs(), *variant)


@cache
def _codecs() -> str:
    return f"c{CODEC_VERSION}.{version('imagecodecs')}"
