"""Wiring of those who listen: wake-ups by the kind of database, what one worker does for all, goodbye at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from anyio.to_thread import run_sync

from filmjacket.errors import FilmjacketError
from filmjacket.events.postgres import PostgresWakeups
from filmjacket.events.wakeups import LocalWakeups
from filmjacket.metrics import count
from filmjacket.observability.shared_directory import Word, note, shared_directory
from filmjacket.services.notifications.center import NotificationCenter, announce_start
from filmjacket.services.notifications.delivery import Delivered, deliver
from filmjacket.services.notifications.targets import TargetRules
from filmjacket.services.notifications.upkeep import LogUpkeep, Turns
from filmjacket.services.notifications.webhooks import Dispatcher
from filmjacket.settings import Engine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
    from pathlib import Path
    from types import FrameType

    from filmjacket.events.wakeups import Wakeups
    from filmjacket.offload import Lanes
    from filmjacket.opening import Archive
    from filmjacket.services.notifications.webhooks import Send
    from filmjacket.settings import Settings

log = structlog.stdlib.get_logger("filmjacket.notifications")

START_VARIABLE = "SERVER_START_OF_FILMJACKET"
"""Names one start of the server to all of its workers, so that they report it once."""

_LEASE_SECONDS = 30.0
_UPKEEP_SECONDS = 2.0
_WEBHOOK_SECONDS = 1.0
# Half of it is what a change in another process takes to be seen; a look costs SQLite a fifth of a millisecond.
_SQLITE_POLL_SECONDS = 0.025
# NOTIFY comes first, if it works.
_POSTGRES_POLL_SECONDS = 0.25


def open_wakeups(settings: Settings) -> Wakeups:
    """Wake-ups between the workers of an archive, by where its index is."""
    url = settings.database_url
    if url.startswith("sqlite"):
        return LocalWakeups(poll_seconds=_SQLITE_POLL_SECONDS)
    return PostgresWakeups(url.replace("+psycopg", "", 1), poll_seconds=_POSTGRES_POLL_SECONDS)


@asynccontextmanager
async def listening(settings: Settings, archive: Archive, lanes: Lanes) -> AsyncGenerator[NotificationCenter]:
    """The notification centre of a worker while it runs."""
    chosen = settings.notifications
    wakeups = open_wakeups(settings)
    center = NotificationCenter(archive.changes, wakeups, lanes.db, most=chosen.listeners)
    tasks, stop_webhooks = _begin_turns(settings, archive, center)
    await lanes.db(_announce, settings, archive)

    async def go_down() -> None:
        await center.go_down(await lanes.db(_told_goodbye, settings, archive) if center.listeners else ())

    try:
        with _before_signals(settings.server, go_down):
            yield center
    finally:
        stop_webhooks()
        await go_down()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        wakeups.close()


def open_dispatcher(settings: Settings, archive: Archive) -> Dispatcher:
    """What delivers to webhooks."""
    chosen = settings.webhooks
    return Dispatcher(
        archive.webhooks,
        archive.changes,
        open_sender(settings),
        source_of(settings),
        attempts=chosen.attempts,
        waits=(chosen.first_wait_seconds, chosen.longest_wait_seconds),
    )


def open_sender(settings: Settings) -> Send:
    """What sends one event to a target that the settings allow."""
    rules = target_rules(settings)
    seconds = settings.webhooks.seconds

    def send(url: str, secret: str, body: bytes) -> Delivered:
        delivered = deliver(url, secret, body, rules, seconds=seconds)
        outcome = "failed" if delivered.failure else "delivered"
        count("filmjacket_notifications_total", channel="webhooks", outcome=outcome)
        return delivered

    return send


def target_rules(settings: Settings) -> TargetRules:
    """Where webhooks may point."""
    chosen = settings.webhooks
    return TargetRules(chosen.allow_http, chosen.ports, chosen.allowed_networks)


def source_of(settings: Settings) -> str:
    """What CloudEvents call this server: its public URL, or a path when that is not set."""
    return (settings.public_url or "") + settings.base_path or "/"


def _begin_turns(
    settings: Settings, archive: Archive, center: NotificationCenter
) -> tuple[list[asyncio.Task[None]], Callable[[], None]]:
    """Begin what one worker does for all; returns the tasks, and what keeps the webhooks from going on."""
    chosen = settings.notifications
    limiter = anyio.CapacityLimiter(2)

    async def run(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - whatever the function has
        return await run_sync(function, *arguments, limiter=limiter)

    upkeep = LogUpkeep(
        center,
        stable_seconds=chosen.stable_seconds,
        keep_days=chosen.keep_days,
        queue_hours=chosen.queue_hours,
    )
    every = min(_UPKEEP_SECONDS, max(0.1, chosen.stable_seconds / 4))
    turns = Turns(archive.leases, "change-log", run, lease_seconds=_LEASE_SECONDS, every=every)
    tasks = [asyncio.create_task(turns.take(upkeep.turn, upkeep.wanted))]
    dispatcher = open_dispatcher(settings, archive)
    if settings.webhooks.enabled:
        lease = _LEASE_SECONDS + 2 * settings.webhooks.seconds
        turns = Turns(archive.leases, "webhooks", run, lease_seconds=lease, every=_WEBHOOK_SECONDS)
        tasks.append(asyncio.create_task(turns.take(dispatcher.turn, dispatcher.wanted)))
    return tasks, dispatcher.stop


def _announce(settings: Settings, archive: Archive) -> None:
    """Report the start; a database that cannot be written to is no reason not to serve."""
    try:
        listed = _subscribers(settings, archive)
        if listed:
            announce_start(archive.changes, listed, os.environ.get(START_VARIABLE) or secrets.token_hex(8))
    except FilmjacketError as error:
        log.warning("start_not_announced", reason=error.reason_code)


def _told_goodbye(settings: Settings, archive: Archive) -> tuple[str, ...]:
    """Who hears of the stop; without the index, which may be why the server stops, the fallback list alone."""
    try:
        return _subscribers(settings, archive)
    except FilmjacketError as error:
        log.warning("subscribers_unknown", reason=error.reason_code)
        return settings.notifications.fallback_subscribers


def _subscribers(settings: Settings, archive: Archive) -> tuple[str, ...]:
    """Who hears of starts and stops (PS3.4 CC.2.4.3): the fallback list, and whoever has any subscription."""
    return (
        *settings.notifications.fallback_subscribers,
        *archive.worklist.worklist_subscribers(),
    )


@contextlib.contextmanager
def _before_signals(engine: Engine, go_down: Callable[[], Coroutine[Any, Any, None]]) -> Generator[None]:
    """Let connections say goodbye before the HTTP server ends them: uvicorn with an error code, granian without."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    begun: list[asyncio.Task[None]] = []
    started = START_VARIABLE in os.environ
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ours = {
        number: handler
        for number, handler in before.items()
        if callable(handler) and (_is_of_uvicorn(handler) or (started and engine is Engine.UVICORN))
    }
    if started and engine is Engine.GRANIAN:
        directory = shared_directory()
        if directory is not None:
            _on_farewell_of_the_parent(loop, go_down, directory)

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop = ours[signal.Signals(number)]

        def begin() -> None:
            task = loop.create_task(go_down())
            task.add_done_callback(lambda _task: stop(number, frame))
            begun.append(task)

        if begun:
            # Whoever signals again wants it to end now.
            stop(number, frame)
        else:
            loop.call_soon_threadsafe(begin)

    for number in ours:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


def _on_farewell_of_the_parent(
    loop: asyncio.AbstractEventLoop, go_down: Callable[[], Coroutine[Any, Any, None]], directory: Path
) -> None:
    """granian ends connections before the lifespan does; its parent tells us first (`filmjacket.cli.farewell`)."""
    begun: list[asyncio.Task[None]] = []

    async def answer() -> None:
        try:
            await go_down()
        finally:
            note(directory, Word.FAREWELL)

    def begin() -> None:
        begun.append(loop.create_task(answer()))

    loop.add_signal_handler(signal.SIGUSR2, begin)
    note(directory, Word.LISTENING)


def _is_of_uvicorn(handler: object) -> bool:
    return type(getattr(handler, "__self__", None)).__module__.partition(".")[0] == "uvicorn"
