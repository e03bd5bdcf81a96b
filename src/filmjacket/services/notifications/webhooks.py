"""Webhooks: every change that a target wants, in order, each until it is taken or given up.

The change log is the queue: a webhook is a position in it. One worker delivers, whoever has the lease; another one
that takes over goes on at the same position, so that a delivery may be repeated and none is left out (ADR 0017).
"""

from __future__ import annotations

import random
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import orjson
import structlog

from filmjacket.archive.changes import ChangeFilter, Log
from filmjacket.archive.webhooks import DeadLetter, Webhook
from filmjacket.clock import now
from filmjacket.errors import BadRequest, Conflict, FilmjacketError, NotFound
from filmjacket.services.notifications.entries import change_object, cloud_event
from filmjacket.services.notifications.feed import chosen
from filmjacket.services.notifications.query import parse_change_query
from filmjacket.services.notifications.targets import EXTENSION, parse_target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filmjacket.archive.change_port import ChangeLog, WebhookStore
    from filmjacket.archive.changes import LoggedChange
    from filmjacket.services.notifications.delivery import Delivered
    from filmjacket.services.notifications.targets import TargetRules

    Send = Callable[[str, str, bytes], Delivered]

log = structlog.stdlib.get_logger("filmjacket.webhooks")

PING: Final = "org.filmjacket.ping"
DEFAULT_FILTER: Final = "level=study"
SMALLEST_SECRET: Final = 16
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_EVERYTHING: Final = ChangeFilter()
_READ_AT_ONCE: Final = 200
_AT_ONCE: Final = 8
_SECOND: Final = 1_000_000
# A turn ends after so long, well before the lease does.
_TURN_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 1.0


def register(
    store: WebhookStore, changes: ChangeLog, rules: TargetRules, webhook: Webhook, *, from_start: bool = False
) -> Webhook:
    """Register a webhook; without a secret it gets one. It hears of what happens from now on, or of all there is."""
    if not _NAME.fullmatch(webhook.name):
        raise BadRequest(
            "The name of a webhook is made of small letters, digits, - and _.",
            section=EXTENSION,
            offender="name",
            accepted=("a name such as ai-worker",),
        )
    if webhook.secret and len(webhook.secret) < SMALLEST_SECRET:
        raise BadRequest(
            f"The secret is shorter than {SMALLEST_SECRET} characters.", section=EXTENSION, offender="secret"
        )
    parse_target(webhook.url, rules)
    filter_of(webhook)
    extent = changes.extent(Log.CHANGES)
    complete = replace(
        webhook,
        secret=webhook.secret or secrets.token_urlsafe(32),
        created_at=now(),
        number=extent.first - 1 if from_start else extent.last,
    )
    if not store.add(complete):
        raise Conflict("A webhook of this name is registered already.", section=EXTENSION, offender="name")
    return complete


def find(store: WebhookStore, name: str) -> Webhook:
    """The webhook of a name. Raises `NotFound`."""
    for webhook in store.webhooks():
        if webhook.name == name:
            return webhook
    raise NotFound("No webhook has this name.", section=EXTENSION, offender="name")


def filter_of(webhook: Webhook) -> ChangeFilter:
    """Which changes a webhook wants. Raises `BadRequest`."""
    return parse_change_query(webhook.filter.encode(), live=True, strict=True).wanted


def ping(send: Send, webhook: Webhook, source: str) -> Delivered:
    """Deliver a trial event."""
    event: dict[str, object] = {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": source,
        "type": PING,
        "datacontenttype": "application/json",
        "data": {},
    }
    return send(webhook.url, webhook.secret, orjson.dumps(event))


class Dispatcher:
    """Delivers for all webhooks of an archive, several targets at a time, each in order."""

    def __init__(
        self,
        store: WebhookStore,
        changes: ChangeLog,
        send: Send,
        source: str,
        *,
        attempts: int,
        waits: tuple[float, float],
    ) -> None:
        self._store = store
        self._changes = changes
        self._send = send
        self._source = source
        self._attempts = attempts
        self._first_wait, self._longest_wait = waits
        self._stopped = False

    def wanted(self) -> bool:
        """Whether there is anything to do, ever; costs one read."""
        return any(one.enabled for one in self._store.webhooks())

    def stop(self) -> None:
        """Begin no further delivery; callable from any thread."""
        self._stopped = True

    def turn(self) -> float:
        """Deliver what is due, for a few seconds; returns after how many seconds to look again."""
        at = now()
        # A try that is further away than any wait was put off before the clock went back.
        latest = at + int(self._longest_wait * _SECOND)
        due = [one for one in self._store.webhooks() if one.enabled and not at < one.next_at <= latest]
        if not due:
            return _IDLE_SECONDS
        until = time.monotonic() + _TURN_SECONDS

        def serve(webhook: Webhook) -> bool:
            return self._serve(webhook, until)

        with ThreadPoolExecutor(min(_AT_ONCE, len(due)), thread_name_prefix="webhook") as pool:
            busy = list(pool.map(serve, due))
        return 0.0 if any(busy) else _IDLE_SECONDS

    def _serve(self, webhook: Webhook, until: float) -> bool:
        """Deliver to one target until the turn is over or nothing is left; True if there may be more."""
        try:
            self._retry_dead(webhook)
            while time.monotonic() < until and not self._stopped:
                some = self._changes.changes(webhook.number, 2**62, _READ_AT_ONCE, _EVERYTHING)
                if not some:
                    return False
                if some[0].number > webhook.number + 1:
                    log.error("webhook_missed", webhook=webhook.name, changes=some[0].number - webhook.number - 1)
                before = webhook
                webhook, held = self._deliver_some(webhook, some, until)
                if webhook != before:
                    self._store.note(webhook)
                if held:
                    return False
        except FilmjacketError as error:
            log.warning("webhook_stopped", webhook=webhook.name, reason=error.reason_code)
            return False
        return True

    def _deliver_some(self, webhook: Webhook, some: Sequence[LoggedChange], until: float) -> tuple[Webhook, bool]:
        """Deliver what is wanted of some changes; returns how far it got, and whether one has to be tried again.

        How far it got is noted now and then: a crash repeats what was sent for a second.
        """
        noted_at = time.monotonic()
        for one in chosen(self._changes, some, filter_of(webhook)):
            if time.monotonic() >= until or self._stopped:
                return webhook, False
            webhook = self._deliver(webhook, one)
            if webhook.number < one.number:
                return webhook, True
            if time.monotonic() - noted_at > 1:
                self._store.note(webhook)
                noted_at = time.monotonic()
        return replace(webhook, number=some[-1].number), False

    def _deliver(self, webhook: Webhook, one: LoggedChange) -> Webhook:
        """Try one change; returns the webhook moved on, or waiting."""
        body = self.body(one)
        result = self._send(webhook.url, webhook.secret, body)
        attempts = webhook.attempts + 1
        moved = replace(webhook, number=one.number, attempts=0, next_at=0, failure=result.failure)
        if not result.failure:
            return moved
        log.warning("webhook_failed", webhook=webhook.name, number=one.number, attempt=attempts, failure=result.failure)
        if attempts >= self._attempts:
            self._store.bury(moved, DeadLetter(webhook.name, one.number, now(), attempts, result.failure, body))
            return moved
        wait = max(self._wait(attempts), min(result.retry_after, self._longest_wait))
        return replace(webhook, attempts=attempts, failure=result.failure, next_at=now() + int(wait * _SECOND))

    def body(self, one: LoggedChange) -> bytes:
        """The event of a change, the same for every attempt."""
        return orjson.dumps(cloud_event(change_object(one, self._source), self._source))

    def _retry_dead(self, webhook: Webhook) -> None:
        """Try what somebody asked to be tried once more, in order, before anything newer."""
        letters: Sequence[DeadLetter] = self._store.dead_letters(webhook.name, again=True)
        for letter in letters:
            result = self._send(webhook.url, webhook.secret, letter.entry)
            tried = replace(letter, attempts=letter.attempts + 1, failure=result.failure, at=now())
            self._store.lay_down(tried, delivered=not result.failure)

    def _wait(self, attempts: int) -> float:
        """Doubling waits; jitter of a half keeps targets that failed together from being tried together."""
        wait = min(self._longest_wait, self._first_wait * 2 ** (attempts - 1))
        return wait * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
