"""One picture as the payload: of the URI service, and thumbnails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.services.studies.download import Download, Part, single_part
from filmjacket.services.studies.rendered import encoded_picture, picture_tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.services.studies.studio import Picture, Studio
    from filmjacket.web.rendering import RenderRequest


def picture_download(
    studio: Studio, picture: Picture, media_type: str, request: RenderRequest, has: Callable[[str], bool]
) -> Download:
    """A picture as a file; it is not made if the requester `has` the one with that entity tag."""
    tag = picture_tag(picture, media_type, request)
    if has(tag):
        return Download(media_type, None, iter(()), location=picture.location, etag=tag)
    return file_download(encoded_picture(studio, picture, media_type, request), media_type, picture.location, tag)


def file_download(file: bytes, media_type: str, location: str, tag: str) -> Download:
    """A file that is at hand."""
    return single_part(
        Part(media_type, location, len(file), lambda: (file,), tag, lambda first, count: (file[first : first + count],))
    )
