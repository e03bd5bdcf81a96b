"""Settings of the change log and of those who are told of changes."""

from __future__ import annotations

from pydantic import Field

from filmjacket.settings.group import Group
from filmjacket.settings.values import AeTitles, Networks, Ports  # noqa: TC001 - pydantic reads the annotations


class NotificationSettings(Group):
    """The change log and those who follow it."""

    stable_seconds: int = Field(
        default=60,
        ge=0,
        le=7 * 24 * 3600,
        description="A study to which no instance came for so long is reported as stable, once. 0: never.",
    )
    keep_days: int = Field(default=90, ge=0, le=36500, description="How long the change log remembers. 0: for ever.")
    queue_events: int = Field(
        default=1000,
        ge=0,
        le=100_000,
        description="Event reports of the worklist that wait for a subscriber which is not connected; "
        "older ones are dropped, and the subscriber can tell. 0: it only hears what happens while it is connected.",
    )
    queue_hours: int = Field(
        default=72, ge=1, le=24 * 365, description="How long event reports of the worklist are kept."
    )
    listeners: int = Field(
        default=1000, ge=1, le=100_000, description="Connections that may listen to one worker at a time."
    )
    heartbeat_seconds: float = Field(
        default=15.0, gt=0, le=3600, description="Seconds without a change after which a listener gets a sign of life."
    )
    fallback_subscribers: AeTitles = Field(
        default=(),
        description="AE titles that are told of every start and stop of the server, subscribed or not.",
    )


class WebhookSettings(Group):
    """Deliveries of changes over HTTP."""

    enabled: bool = Field(default=True, description="Deliver to the webhooks that are registered.")
    allow_http: bool = Field(default=False, description="Allow targets without TLS.")
    allowed_networks: Networks = Field(
        default=(),
        description="Private, loopback or link-local addresses or networks where targets may be; all public ones may.",
    )
    ports: Ports = Field(default=(443, 8443), description="Ports that targets may have.")
    seconds: float = Field(default=10.0, gt=0, le=300, description="How long one delivery may take.")
    attempts: int = Field(
        default=12, ge=1, le=100, description="Attempts after which a delivery becomes a dead letter."
    )
    first_wait_seconds: float = Field(
        default=2.0, gt=0, le=3600, description="Wait before the second attempt; it doubles with each further one."
    )
    longest_wait_seconds: float = Field(
        default=3600.0, gt=0, le=7 * 24 * 3600, description="Longest wait between two attempts."
    )
