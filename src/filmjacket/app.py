"""Composition root: settings in, wired archive and ASGI application out.

The only place that knows every concrete class.
"""

from __future__ import annotations

import gc
import os
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from filmjacket.commitment_loop import committing
from filmjacket.deid.pseudonyms import Pseudonyms
from filmjacket.dicom.dictionary import warm_up
from filmjacket.errors import FilmjacketError
from filmjacket.http.coding import CodedAnswers
from filmjacket.http.context import Context
from filmjacket.http.errors import on_client_disconnect, on_filmjacket_error, on_http_exception, on_unexpected
from filmjacket.http.exchange import Watched
from filmjacket.http.health import Readiness
from filmjacket.http.middleware import HeaderLimit, with_cors
from filmjacket.http.notifications import WakeAfterWrites
from filmjacket.http.responses import Delivery
from filmjacket.http.routes import routes
from filmjacket.jobs.supervisor import Supervisor, start_executor
from filmjacket.listening import listening
from filmjacket.logs import configure_logging
from filmjacket.offload import Lanes
from filmjacket.opening import open_archive
from filmjacket.pixels.volume_cache import VolumeCache
from filmjacket.pixels.wall import CodecWall
from filmjacket.secret_key import read_or_make_key
from filmjacket.services.studies.rendered_cache import RenderedCache
from filmjacket.services.studies.studio import Studio
from filmjacket.services.studies.transcode import Transcoder
from filmjacket.settings import load_settings
from filmjacket.watching import watching

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import ASGIApp

    from filmjacket.opening import Archive
    from filmjacket.settings import Settings


def open_wall(settings: Settings) -> CodecWall:
    """The wall that codecs run behind; no worker is started before there is work."""
    codecs = settings.codecs
    return CodecWall(
        workers=codecs.workers or os.cpu_count() or 1,
        seconds=codecs.seconds,
        memory_bytes=codecs.memory_bytes,
        cache_bytes=codecs.cache_bytes,
        isolation=codecs.isolation,
    )


def open_transcoder(settings: Settings, archive: Archive, wall: CodecWall) -> Transcoder:
    """What makes other forms of frames while they are sent."""
    codecs = settings.codecs
    workers = codecs.workers or os.cpu_count() or 1
    return Transcoder(archive.index, archive.blobs, wall, workers=workers, cache_bytes=codecs.coded_bytes)


def open_pseudonyms(settings: Settings) -> Callable[[], Pseudonyms]:
    """Pseudonyms under the archive's key, which is made when somebody needs it."""
    given = settings.deidentification.key

    @cache
    def pseudonyms() -> Pseudonyms:
        if given is not None:
            return Pseudonyms(given.get_secret_value().encode())
        return Pseudonyms(read_or_make_key(settings.pseudonym_key_file))

    return pseudonyms


def tune_garbage_collection() -> None:
    """Look for cycles rarely: data sets are trees of containers, freed by their counts alone.

    Measured while storing: up to a fifth more instances a second. What start-up made is never looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def create_app(settings: Settings) -> ASGIApp:
    """The ASGI application; the archive is opened when the server starts it and closed when it stops."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[dict[str, Context]]:
        archive = open_archive(settings)
        warm_up()
        archive.worklist.prepare()
        tune_garbage_collection()
        lanes = Lanes(db=settings.lanes.db, disk=settings.lanes.disk, cpu=settings.lanes.cpu or os.cpu_count() or 1)
        wall = open_wall(settings)
        volumes = VolumeCache(maximum_bytes=settings.volumes.maximum_bytes, cache_bytes=settings.volumes.cache_bytes)
        coder = open_transcoder(settings, archive, wall)
        supervisor = Supervisor(archive.leases, settings.jobs.schedule, start_executor)
        if settings.jobs.executor:
            supervisor.start()
        try:
            delivery = Delivery(CodedAnswers(settings.coded_answers_bytes), settings.cache_seconds)
            studio = Studio(archive.index, archive.blobs, wall, RenderedCache(settings.rendered_bytes))
            async with (
                watching(settings),
                listening(settings, archive, lanes) as center,
                committing(settings, archive, lanes) as loop,
            ):
                yield {
                    "context": Context(
                        settings,
                        archive.index,
                        archive.blobs,
                        archive.ingest,
                        lanes,
                        delivery,
                        wall,
                        volumes,
                        studio,
                        coder,
                        pseudonyms=open_pseudonyms(settings),
                        non_patient=archive.non_patient,
                        non_patient_ingest=archive.non_patient_ingest,
                        committer=loop.committer,
                        wake_committer=loop.wake,
                        changes=archive.changes,
                        notifications=center,
                        worklist=archive.worklist,
                        scheduled_steps=archive.scheduled_steps,
                        performed_steps=archive.performed_steps,
                        readiness=Readiness({"index": archive.index, "blobs": archive.blobs}),
                    )
                }
        finally:
            supervisor.close()
            coder.close()
            wall.close()
            archive.close()

    app = Starlette(
        routes=routes(settings.base_path, metrics=settings.metrics.enabled and settings.metrics.listen is None),
        lifespan=lifespan,
        exception_handlers={
            FilmjacketError: on_filmjacket_error,
            HTTPException: on_http_exception,
            ClientDisconnect: on_client_disconnect,
            Exception: on_unexpected,
        },
    )
    app.router.redirect_slashes = False
    bounded = HeaderLimit(WakeAfterWrites(app), settings.limits.header_bytes)
    watched = with_cors(bounded, settings.cors_origins)
    return Watched(watched, access=settings.log.access, every=settings.log.access_every)


def create_app_from_environment() -> ASGIApp:
    """Factory for server processes: settings travel in the environment (FILMJACKET_...)."""
    settings = load_settings()
    configure_logging(level=settings.log.level, output=settings.log.format)
    return create_app(settings)
