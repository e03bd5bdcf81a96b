"""Opening an archive, for the command line and the server alike; nothing of HTTP is needed for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.blob_opening import open_blobs
from filmjacket.clock import now
from filmjacket.index import DatabaseOptions, open_database, open_index
from filmjacket.index.leases import SqlLeases
from filmjacket.index.scheduled_workitems import ScheduledWorkitems
from filmjacket.index.sql_changes import SqlChanges
from filmjacket.index.sql_commitments import SqlCommitments
from filmjacket.index.sql_non_patient import SqlNonPatientInstances
from filmjacket.index.sql_procedures import SqlPerformedSteps, SqlScheduledSteps
from filmjacket.index.sql_upkeep import SqlUpkeep
from filmjacket.index.sql_webhooks import SqlWebhooks
from filmjacket.index.sql_workitems import SqlWorkitems
from filmjacket.observability.blobs import WatchedBlobs
from filmjacket.services.procedures.matching_steps import ArrivedInstances
from filmjacket.services.procedures.workitem_steps import step_of_workitem
from filmjacket.services.studies.ingest import Ingest

if TYPE_CHECKING:
    from filmjacket.archive.change_port import ChangeLog, WebhookStore
    from filmjacket.archive.commitment_port import Commitments
    from filmjacket.archive.leases_port import Leases
    from filmjacket.archive.non_patient_port import NonPatientInstances
    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.procedures_port import PerformedSteps, ScheduledSteps
    from filmjacket.archive.upkeep_port import UpkeepIndex
    from filmjacket.archive.worklist_port import WorklistIndex
    from filmjacket.settings import Settings


@dataclass(frozen=True, slots=True)
class Archive:
    """An opened archive: what the command line and the server both work on."""

    index: Index
    blobs: Blobs
    ingest: Ingest
    non_patient: NonPatientInstances
    non_patient_ingest: Ingest
    changes: ChangeLog
    webhooks: WebhookStore
    leases: Leases
    worklist: WorklistIndex
    scheduled_steps: ScheduledSteps
    performed_steps: PerformedSteps
    commitments: Commitments
    upkeep: UpkeepIndex

    def close(self) -> None:
        """Finish pending work and release files and connections."""
        self.index.close()
        self.blobs.close()


def open_archive(settings: Settings) -> Archive:
    """Open, and create if it is not there, the archive that the settings name."""
    settings.data.mkdir(parents=True, exist_ok=True)
    blobs = WatchedBlobs(open_blobs(settings))
    database = open_database(settings.database_url, DatabaseOptions(**settings.database_pool.model_dump()))
    index = open_index(
        database,
        maximum_results=settings.search.maximum_results,
        search_attributes=settings.search.attributes,
    )
    non_patient = SqlNonPatientInstances(database, maximum_results=settings.search.maximum_results)
    followed = settings.procedures.from_workitems
    worklist = ScheduledWorkitems(database, step_of_workitem) if followed else SqlWorkitems(database)
    scheduled_steps = SqlScheduledSteps(database)
    arrived = ArrivedInstances(scheduled_steps, now) if settings.procedures.mark_stored else None
    return Archive(
        index,
        blobs,
        Ingest(index, blobs, settings.duplicates, settings.deletion.rules, on_stored=arrived),
        non_patient,
        Ingest(non_patient, blobs, settings.duplicates, settings.deletion.rules),
        SqlChanges(database),
        SqlWebhooks(database),
        SqlLeases(database),
        worklist,
        scheduled_steps,
        SqlPerformedSteps(database),
        SqlCommitments(database),
        SqlUpkeep(database),
    )
