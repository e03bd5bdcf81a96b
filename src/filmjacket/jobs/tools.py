"""What runs work with: the archive, and codecs for those that need them."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filmjacket.maintenance.transcode_at_rest import Recoder
    from filmjacket.opening import Archive
    from filmjacket.pixels.wall import CodecWall
    from filmjacket.services.studies.transcode import Transcoder
    from filmjacket.settings import Settings


class Tools:
    """One archive and what is made of it when a job first asks."""

    def __init__(self, settings: Settings, archive: Archive) -> None:
        self.settings = settings
        self.archive = archive
        self._opened: tuple[CodecWall, Transcoder] | None = None

    @cached_property
    def recoder(self) -> Recoder:
        """What rewrites instances."""
        from filmjacket.maintenance.transcode_at_rest import Recoder  # noqa: PLC0415 - most jobs need no codecs
        from filmjacket.pixels.wall import CodecWall  # noqa: PLC0415 - as above
        from filmjacket.services.studies.transcode import Transcoder  # noqa: PLC0415 - as above

        archive, codecs = self.archive, self.settings.codecs
        workers = codecs.workers or os.cpu_count() or 1
        wall = CodecWall(
            workers=workers,
            seconds=codecs.seconds,
            memory_bytes=codecs.memory_bytes,
            cache_bytes=0,
            isolation=codecs.isolation,
        )
        transcoder = Transcoder(archive.index, archive.blobs, wall, workers=workers, cache_bytes=0)
        self._opened = (wall, transcoder)
        return Recoder(archive.index, archive.upkeep, archive.blobs, archive.ingest, transcoder, wall)

    def close(self) -> None:
        """End the codecs and close the archive."""
        if self._opened is not None:
            wall, transcoder = self._opened
            transcoder.close()
            wall.close()
        self.archive.close()
