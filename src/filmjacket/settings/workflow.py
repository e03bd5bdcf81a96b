"""Settings of the worklist, of procedure steps and of storage commitment."""

from __future__ import annotations

from pydantic import ByteSize, Field

from filmjacket.archive.commitment_records import CommitmentRules
from filmjacket.archive.procedure_records import ScheduleRules
from filmjacket.archive.worklist_records import WorklistRules
from filmjacket.settings.group import Group
from filmjacket.settings.values import MIB


class WorklistSettings(Group):
    """Workitems (UPS-RS)."""

    retention_days: int = Field(
        default=30,
        ge=0,
        le=36_500,
        description="Days for which completed and canceled workitems are kept, and longer while a deletion lock holds "
        "them.",
    )
    deletion_locks: bool = Field(
        default=True, description="Grant deletion locks to subscribers who ask for them; otherwise they are warned."
    )
    label: str = Field(
        default="WORKLIST",
        min_length=1,
        max_length=64,
        description="Worklist Label of workitems that are created without one.",
    )
    default_requester: str = Field(
        default="UNKNOWN",
        pattern=r"^[ -\[\]-~]{1,16}$",
        description="AE title of those who change a state or request a cancellation without saying who they are.",
    )
    requester_required: bool = Field(
        default=False, description="Refuse them instead, as PS3.18 2026 allows; older clients do not say who they are."
    )
    other_patient_ids: bool = Field(
        default=False,
        description="Let a search for Patient ID also find it among the Other Patient IDs, as IHE RAD-130 asks.",
    )
    initial_reports: int = Field(
        default=10_000,
        ge=0,
        le=1_000_000,
        description="Most workitems whose state is reported at once to who subscribes to all of them with a deletion "
        "lock.",
    )
    payload_bytes: ByteSize = Field(default=ByteSize(4 * MIB), description="Largest payload of one request.")

    @property
    def rules(self) -> WorklistRules:
        """The same for those who know no settings."""
        return WorklistRules(
            worklist_label=self.label,
            retention_days=self.retention_days,
            deletion_locks=self.deletion_locks,
            initial_reports=self.initial_reports,
            other_patient_ids=self.other_patient_ids,
        )


class ProcedureSettings(Group):
    """Scheduled and performed procedure steps: the modality worklist."""

    hide_started: bool = Field(
        default=False,
        description="Take steps off the worklist as soon as something is done for them. Otherwise they stay, with the "
        "status STARTED, until they are completed or discontinued.",
    )
    mark_stored: bool = Field(
        default=True,
        description="Give scheduled steps the status STARTED when an instance arrives that was made for them.",
    )
    from_workitems: bool = Field(
        default=False,
        description="Put a step into the schedule for each workitem that names a station, a modality and a start, and "
        "let it follow the workitem.",
    )
    strict: bool = Field(
        default=False,
        description="Refuse performed procedure steps without the attributes of type 2 rather than add them empty, and "
        "updates of attributes that were not created.",
    )
    import_steps: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Most steps that one request may put into the schedule."
    )

    @property
    def rules(self) -> ScheduleRules:
        """The same for those who know no settings."""
        return ScheduleRules(self.hide_started)


class CommitmentSettings(Group):
    """Storage commitment."""

    result_days: int = Field(
        default=7, ge=1, le=36_500, description="Days for which the result of a storage commitment can be asked for."
    )
    immediate_seconds: float = Field(
        default=5.0,
        ge=0,
        le=60,
        description="Seconds that a requester of storage commitment waits for instances to be read back; what takes "
        "longer is done in the background, and the answer is 202.",
    )
    unreadable_hours: int = Field(
        default=24,
        ge=0,
        le=24 * 365,
        description="Hours for which bytes that the store does not hand out are tried again before commitment fails.",
    )
    hold: bool = Field(
        default=False,
        description="Put studies of committed instances on legal hold, so that nobody can delete what is committed "
        "until the hold is removed.",
    )

    @property
    def rules(self) -> CommitmentRules:
        """The same for those who know no settings."""
        return CommitmentRules(self.result_days, self.immediate_seconds, self.unreadable_hours, self.hold)
