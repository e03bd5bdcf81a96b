"""Webhooks: who is told of changes by HTTP, and what could not be delivered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Webhook:
    """One target. `filter` is the query string by which it chooses changes; `number` the last change it is done with.

    `attempts` of the next one failed, `failure` says how the last of them did; it is tried again at `next_at`.
    """

    name: str
    url: str
    secret: str
    filter: str
    created_at: int
    number: int
    enabled: bool = True
    attempts: int = 0
    next_at: int = 0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that was given up; `entry` is the JSON of the change, as it would be sent."""

    webhook: str
    number: int
    at: int
    attempts: int
    failure: str
    entry: bytes
