"""What every endpoint needs, handed over by the composition root through the ASGI lifespan state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.change_port import ChangeLog
    from filmjacket.archive.non_patient_port import NonPatientInstances
    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.procedures_port import PerformedSteps, ScheduledSteps
    from filmjacket.archive.worklist_port import WorklistIndex
    from filmjacket.deid.pseudonyms import Pseudonyms
    from filmjacket.http.health import Readiness
    from filmjacket.http.responses import Delivery
    from filmjacket.offload import Lanes
    from filmjacket.pixels.volume_cache import VolumeCache
    from filmjacket.pixels.wall import CodecWall
    from filmjacket.services.commitment.commit import Committer
    from filmjacket.services.notifications.center import NotificationCenter
    from filmjacket.services.studies.ingest import Ingest
    from filmjacket.services.studies.studio import Studio
    from filmjacket.services.studies.transcode import Transcoder
    from filmjacket.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """Settings and wired services of one worker."""

    settings: Settings
    index: Index
    blobs: Blobs
    ingest: Ingest
    lanes: Lanes
    delivery: Delivery
    wall: CodecWall
    volumes: VolumeCache
    studio: Studio
    coder: Transcoder
    pseudonyms: Callable[[], Pseudonyms]
    non_patient: NonPatientInstances
    non_patient_ingest: Ingest
    committer: Committer
    wake_committer: Callable[[], None]
    changes: ChangeLog
    notifications: NotificationCenter
    worklist: WorklistIndex
    scheduled_steps: ScheduledSteps
    performed_steps: PerformedSteps
    readiness: Readiness
