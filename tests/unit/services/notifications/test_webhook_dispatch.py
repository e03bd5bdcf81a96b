"""Deliveries: in order, again after failures, given up at last, resumed by whoever comes next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest

from filmjacket.archive.changes import Change, Log
from filmjacket.archive.webhooks import Webhook
from filmjacket.errors import BadRequest, Conflict, NotFound
from filmjacket.index import open_database
from filmjacket.index.change_log import record_changes
from filmjacket.index.sql_changes import SqlChanges
from filmjacket.index.sql_webhooks import SqlWebhooks
from filmjacket.services.notifications.delivery import Delivered
from filmjacket.services.notifications.targets import TargetRules
from filmjacket.services.notifications.webhooks import PING, Dispatcher, find, ping, register

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

URL = "https://93.184.216.34/hook"
SECRET = "sixteen letters!"


class Target:
    """Takes events, or fails as often as it is told to."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.bodies: list[bytes] = []
        self.fail = 0
        self.retry_after = 0.0

    def __call__(self, url: str, secret: str, body: bytes) -> Delivered:
        assert (url, secret) == (URL, SECRET)
        self.bodies.append(body)
        if self.fail:
            self.fail -= 1
            return Delivered("HTTP status 500", self.retry_after)
        self.taken.append(orjson.loads(body)["data"].get("number", 0))
        return Delivered()


class World:
    """A log, webhooks, a target."""

    def __init__(self, url: str) -> None:
        self.database = open_database(url)
        self.log = SqlChanges(self.database)
        self.store = SqlWebhooks(self.database)
        self.target = Target()
        self.dispatcher = self.another()

    def another(self) -> Dispatcher:
        return Dispatcher(self.store, self.log, self.target, "/dicom-web", attempts=3, waits=(60.0, 600.0))

    def register(self, name: str = "ai", wanted: str = "level=study", *, from_start: bool = False) -> Webhook:
        webhook = Webhook(name, URL, SECRET, wanted, 0, 0)
        return register(self.store, self.log, TargetRules(), webhook, from_start=from_start)

    def happen(self, *levels: str) -> None:
        changes = [Change(level, "created", "1.2") for level in levels]  # type: ignore[arg-type]
        self.database.write(lambda connection: record_changes(connection, changes, at=1))

    def hurry(self) -> None:
        """The wait before the next attempt is over."""
        for webhook in self.store.webhooks():
            self.store.note(replace(webhook, next_at=0))

    @property
    def webhook(self) -> Webhook:
        return find(self.store, "ai")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'index.db'}")
    yield made
    made.database.close()


def test_what_is_wanted_is_delivered_in_order_once(world: World) -> None:
    world.happen("study")
    world.register()
    world.happen("study", "instance", "study", "series")
    world.dispatcher.turn()
    world.dispatcher.turn()
    assert world.target.taken == [2, 4]
    assert world.webhook.number == 5


def test_from_the_start(world: World) -> None:
    world.happen("study", "study")
    world.register(from_start=True)
    world.dispatcher.turn()
    assert world.target.taken == [1, 2]


def test_nothing_is_sent_before_an_earlier_event_is_taken(world: World) -> None:
    world.register()
    world.happen("study", "study")
    world.target.fail = 1
    world.dispatcher.turn()
    assert (world.target.taken, world.webhook.attempts, world.webhook.failure) == ([], 1, "HTTP status 500")
    world.dispatcher.turn()
    assert len(world.target.bodies) == 1, "it is not time yet"
    world.hurry()
    world.dispatcher.turn()
    assert world.target.taken == [1, 2]
    assert world.target.bodies[0] == world.target.bodies[1]
    assert (world.webhook.attempts, world.webhook.failure) == (0, "")


def test_waits_double_and_a_target_can_ask_for_more(world: World) -> None:
    world.register()
    world.happen("study")
    world.target.fail = 2
    waits: list[float] = []
    for asked in (0.0, 300.0):
        world.target.retry_after = asked
        world.hurry()
        world.dispatcher.turn()
        from filmjacket.clock import now

        waits.append((world.webhook.next_at - now()) / 1_000_000)
    assert 29 < waits[0] <= 60
    assert 299 < waits[1] <= 300


def test_what_is_given_up_is_kept_and_can_be_tried_again(world: World) -> None:
    world.register()
    world.happen("study", "study")
    world.target.fail = 3
    for _ in range(3):
        world.hurry()
        world.dispatcher.turn()
    assert world.target.taken == [2]
    (letter,) = world.store.dead_letters("ai")
    assert (letter.number, letter.attempts, letter.failure) == (1, 3, "HTTP status 500")
    assert orjson.loads(letter.entry)["id"] == "1"
    assert world.store.revive("ai", 2) == 0
    assert world.store.revive("ai") == 1
    world.target.fail = 1
    world.dispatcher.turn()
    assert [one.attempts for one in world.store.dead_letters()] == [4]
    assert world.store.dead_letters(again=True) == []
    world.store.revive("ai", 1)
    world.dispatcher.turn()
    assert world.target.taken == [2, 1]
    assert world.store.dead_letters() == []


def test_another_worker_goes_on_where_the_first_one_was(world: World) -> None:
    world.register()
    world.happen("study", "study")
    world.target.fail = 1
    world.dispatcher.turn()
    world.hurry()
    world.another().turn()
    assert world.target.taken == [1, 2]


def test_a_target_that_fails_does_not_keep_others_waiting(world: World) -> None:
    world.register("ai", "level=study")
    world.register("other", "level=series")
    world.happen("study", "series")
    world.target.fail = 0
    world.dispatcher.turn()
    assert sorted(world.target.taken) == [1, 2]


def test_a_stopped_dispatcher_begins_nothing(world: World) -> None:
    world.register()
    world.happen("study")
    world.dispatcher.stop()
    world.dispatcher.turn()
    assert world.target.taken == []
    assert world.webhook.number == 0


def test_changes_that_are_no_longer_kept_are_skipped(world: World) -> None:
    world.register()
    world.happen("study", "study", "study")
    world.log.forget(10, 0, batch=2)
    world.dispatcher.turn()
    assert world.target.taken == [3]


def test_whether_there_is_anything_to_do(world: World) -> None:
    assert not world.dispatcher.wanted()
    world.register()
    assert world.dispatcher.wanted()
    world.store.note(replace(world.webhook, enabled=False))
    assert not world.dispatcher.wanted()


def test_a_trial_event(world: World) -> None:
    assert ping(world.target, world.register(), "/dicom-web").failure == ""
    assert orjson.loads(world.target.bodies[0])["type"] == PING


REFUSED = [
    ({"name": "Upper"}, "name"),
    ({"name": "../x"}, "name"),
    ({"url": "http://hook.example.org/"}, "url"),
    ({"secret": "short"}, "secret"),
    ({"filter": "level=patient"}, "level"),
    ({"filter": "PatientNam=X"}, "PatientNam"),
]


@pytest.mark.parametrize(("change", "offender"), REFUSED, ids=str)
def test_what_cannot_be_registered(world: World, change: dict[str, str], offender: str) -> None:
    webhook = replace(Webhook("ai", URL, SECRET, "", 0, 0), **change)
    with pytest.raises(BadRequest) as refusal:
        register(world.store, world.log, TargetRules(), webhook)
    assert refusal.value.offender == offender
    assert world.store.webhooks() == []


def test_names_are_unique_and_go_with_their_dead_letters(world: World) -> None:
    world.register()
    with pytest.raises(Conflict):
        world.register()
    world.happen("study")
    world.target.fail = 3
    for _ in range(3):
        world.hurry()
        world.dispatcher.turn()
    assert len(world.store.dead_letters()) == 1
    assert world.store.remove("ai")
    assert not world.store.remove("ai")
    assert world.store.dead_letters() == []
    with pytest.raises(NotFound):
        find(world.store, "ai")


def test_a_secret_is_made(world: World) -> None:
    made = register(world.store, world.log, TargetRules(), Webhook("ai", URL, "", "", 0, 0))
    assert len(made.secret) >= 32
    assert world.webhook.secret == made.secret
    assert world.log.extent(Log.CHANGES).last == 0
