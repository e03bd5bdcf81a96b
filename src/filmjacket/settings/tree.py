"""The tree of settings: every key with its type, default, bounds and meaning."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from filmjacket.archive.commitment_records import CommitmentRules
from filmjacket.archive.deletions import DeletionRules
from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.archive.procedure_records import ScheduleRules
from filmjacket.archive.worklist_records import WorklistRules
from filmjacket.pixels.wall import Isolation
from filmjacket.settings.cron_lines import check_cron
from filmjacket.settings.group import Group
from filmjacket.settings.s3 import BlobsUrl, S3Settings
from filmjacket.settings.watching import LogSettings, MetricsSettings, TracingSettings
from filmjacket.settings.workers import Workers, worker_count
from filmjacket.web.search_attributes import parse_search_attribute
from filmjacket.web.workitem_grammar import parse_ae_title
from filmjacket.web.zip_names import NameTemplate

if TYPE_CHECKING:
    from pydantic_settings import PydanticBaseSettingsSource

PREFIX = "FILMJACKET_"
DELIMITER = "__"

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


class Edition(StrEnum):
    """Edition of PS3.18 whose wording decides where editions differ."""

    Y2026 = "2026"
    Y2024 = "2024"


class Engine(StrEnum):
    """HTTP server that carries the application."""

    GRANIAN = "granian"
    UVICORN = "uvicorn"


def _split_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in (part.strip() for part in value.split(",")) if part)
    return value


def _check_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise ValueError(f"{network!r} is no IP address or network such as 10.0.0.0/8") from None
    return networks


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        parts = urlsplit(origin)
        exact = parts.scheme in {"http", "https"} and origin == f"{parts.scheme}://{parts.netloc}"
        if origin != "*" and not exact:
            raise ValueError(f"{origin!r} is neither * nor an origin such as https://viewer.example.org")
    return origins


def _check_ae_titles(titles: tuple[str, ...]) -> tuple[str, ...]:
    for title in titles:
        parse_ae_title(title, "subscriber")
    return titles


def _check_search_attributes(attributes: tuple[str, ...]) -> tuple[str, ...]:
    for attribute in attributes:
        parse_search_attribute(attribute)
    return attributes


def _check_base_path(path: str) -> str:
    path = path.rstrip("/")
    if path and (not path.startswith("/") or "//" in path or set(path) & set("?#%{} ")):
        raise ValueError("expected a path such as /dicom-web, or / for the root")
    return path


def _check_public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected an absolute URL without query such as https://pacs.example.org")
    return url.rstrip("/")


def _check_zip_names(names: str) -> str:
    NameTemplate.parse(names)
    return names


def _expand_home(path: Path) -> Path:
    return path.expanduser()


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_commas)]
SearchAttributes = Annotated[Texts, AfterValidator(_check_search_attributes)]
Networks = Annotated[Texts, AfterValidator(_check_networks)]
Origins = Annotated[Texts, AfterValidator(_check_origins)]
AeTitles = Annotated[Texts, AfterValidator(_check_ae_titles)]
Ports = Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], NoDecode, BeforeValidator(_split_commas)]
BasePath = Annotated[str, AfterValidator(_check_base_path)]
PublicUrl = Annotated[str, AfterValidator(_check_public_url)]
ZipNames = Annotated[str, AfterValidator(_check_zip_names)]
CronLine = Annotated[str, AfterValidator(check_cron)]
Directory = Annotated[Path, AfterValidator(_expand_home)]


class SearchSettings(Group):
    """Bounds of search results."""

    default_limit: int | None = Field(
        default=None,
        ge=1,
        description="Matches returned when a search names no limit. Unset: `search.maximum_results`.",
    )
    maximum_results: int = Field(
        default=5000,
        ge=1,
        description="Most matches in one answer, whatever limit is asked for; the rest is paged.",
    )
    attributes: SearchAttributes = Field(
        default=(),
        description="Attributes that searches look up instead of reading every candidate: keywords, tags, paths as "
        "RequestAttributesSequence.RequestedProcedureDescription, or private ones such as 00091001@ACME. "
        "After a change run `filmjacket reindex`.",
    )


class LimitSettings(Group):
    """What a single request may cost."""

    request_bytes: ByteSize | None = Field(default=None, description="Largest request payload. Unset: no limit.")
    part_bytes: ByteSize = Field(default=ByteSize(16 * GIB), description="Largest single stored file.")
    parts: int = Field(default=100_000, ge=1, description="Most parts in one multipart payload.")
    part_header_bytes: ByteSize = Field(
        default=ByteSize(16 * KIB), description="Largest header of one part of a multipart payload."
    )
    metadata_bytes: ByteSize = Field(
        default=ByteSize(32 * MIB),
        description="Largest part of JSON or XML metadata in a store; parsed it takes some ten times that in memory.",
    )
    query_bytes: ByteSize = Field(default=ByteSize(64 * KIB), description="Longest query string.")
    header_bytes: ByteSize = Field(
        default=ByteSize(64 * KIB), ge=4 * KIB, description="Largest header section of a request, without its query."
    )


class DeletionSettings(Group):
    """Who may delete, and how long things are kept all the same."""

    enabled: bool = Field(
        default=True,
        description="Let clients delete with DELETE; the command line always can. What is deleted can be restored for "
        "`deletion.undo_days`, and its bytes go only when somebody purges.",
    )
    undo_days: int = Field(
        default=7, ge=0, le=36_500, description="Days for which what is deleted can be restored; then it is purged."
    )
    minimum_retention_days: int = Field(
        default=0, ge=0, le=36_500, description="Instances cannot be deleted for this many days after they were stored."
    )
    tombstone_days: int | None = Field(
        default=None,
        ge=0,
        le=36_500,
        description="Days after a deletion for which its resources answer 410 instead of 404. Unset: for ever.",
    )

    @property
    def rules(self) -> DeletionRules:
        """The same for those who know no settings."""
        return DeletionRules(self.undo_days, self.minimum_retention_days, self.tombstone_days)


class ZipSettings(Group):
    """Archives of whole studies, series and instances."""

    names: ZipNames = Field(
        default="{study}/{series}/{instance}.dcm",
        description="Path of each file: letters, digits, . _ - / and blanks, and the fields {study}, {series}, "
        "{instance} (UIDs), {series_number}, {instance_number}; {instance_number:04} has at least four digits. "
        "Names that would be equal are numbered.",
    )

    @property
    def template(self) -> NameTemplate:
        """The names, ready for use."""
        return NameTemplate.parse(self.names)


class CodecSettings(Group):
    """Decoding and encoding of frames."""

    isolation: Isolation = Field(
        default=Isolation.PROCESS,
        description="Where codecs run: in processes of their own, which a malformed frame may crash without harm, or "
        "in threads of the server.",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Frames that each server process works on at the same time. Unset: one for each processor.",
    )
    seconds: float = Field(default=60.0, gt=0, le=3600, description="Work on a frame is stopped after this time.")
    memory_bytes: ByteSize = Field(
        default=ByteSize(2 * GIB),
        ge=256 * MIB,
        description="Memory that one codec process may take; a frame that needs more gets an error.",
    )
    cache_bytes: ByteSize = Field(
        default=ByteSize(64 * MIB),
        description="Memory of each server process for decoded frames that may be asked again.",
    )
    coded_bytes: ByteSize = Field(
        default=ByteSize(64 * MIB),
        description="Memory of each server process for frames that were made in other transfer syntaxes than the "
        "stored one.",
    )


class VolumeSettings(Group):
    """Volumes that planes and 3D pictures are made of."""

    maximum_bytes: ByteSize = Field(
        default=ByteSize(GIB),
        ge=MIB,
        description="Largest volume that is rendered, at two bytes a voxel; larger ones are refused with 413.",
    )
    cache_bytes: ByteSize = Field(
        default=ByteSize(512 * MIB),
        description="Memory of each server process for volumes that may be asked for again.",
    )


class ThumbnailSettings(Group):
    """Thumbnails of studies, series, instances and frames."""

    size: int = Field(
        default=256, ge=16, le=1024, description="Longest side of a thumbnail in pixels when no viewport is asked for."
    )


class DeidentificationSettings(Group):
    """Instances that WADO-URI hands out with `anonymize=yes`."""

    key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Secret that new UIDs are made with: the same one gives the same UIDs on every server. Unset: a "
        "random one, kept in the data directory.",
    )


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
    longest_wait_seconds: float = Field(default=3600.0, gt=0, le=7 * 24 * 3600, description="Longest such wait.")


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


class JobSettings(Group):
    """Long work that goes on after whatever stops it: `filmjacket jobs`."""

    executor: bool = Field(
        default=True,
        description="Start an executor beside the server when jobs wait; it ends when there are none for a while. "
        "Without it somebody has to run `filmjacket jobs run`.",
    )
    parallel: int = Field(default=1, ge=1, le=64, description="Jobs that one executor runs at the same time.")
    step_seconds: float = Field(
        default=2.0,
        gt=0,
        le=600,
        description="How long a job works between two notes of where it is: what is done again after a crash, and how "
        "long it takes until it is cancelled.",
    )
    poll_seconds: float = Field(
        default=0.5, ge=0.05, le=60, description="How often an executor looks for the next job."
    )
    history_days: int = Field(
        default=90, ge=1, le=36_500, description="Days for which jobs that are over are remembered."
    )
    purge_at: CronLine | None = Field(
        default=None,
        description="When deleted instances are purged, as cron has it, in UTC: 30 2 * * * for each night.",
    )
    purge_workitems_at: CronLine | None = Field(
        default=None, description="When final workitems are removed whose retention is over."
    )
    sweep_at: CronLine | None = Field(default=None, description="When bytes that nobody refers to are removed.")
    verify_at: CronLine | None = Field(default=None, description="When every stored instance is checked.")
    reindex_at: CronLine | None = Field(default=None, description="When `filmjacket reindex` is made up for.")

    @property
    def schedule(self) -> dict[str, str]:
        """The cron lines that are set, by kind of job."""
        lines = {
            "purge": self.purge_at,
            "purge-workitems": self.purge_workitems_at,
            "sweep": self.sweep_at,
            "verify": self.verify_at,
            "reindex": self.reindex_at,
        }
        return {kind: line for kind, line in lines.items() if line is not None}


class DatabasePoolSettings(Group):
    """Connections of each server process to the index, and how long they may take."""

    readers: int = Field(default=16, ge=1, le=256, description="Most connections that read at the same time.")
    writers: int = Field(
        default=4, ge=1, le=64, description="Most connections that write at the same time; SQLite has one."
    )
    wait_seconds: float = Field(default=10.0, gt=0, le=600, description="How long a request waits for a connection.")
    statement_seconds: float = Field(
        default=120.0, gt=0, le=86_400, description="Longest that PostgreSQL works on one statement."
    )
    lock_seconds: float = Field(
        default=20.0,
        gt=0,
        le=600,
        description="How long a change waits in PostgreSQL for another one of the same study before it is tried again.",
    )
    reconnect_seconds: float = Field(
        default=8.0,
        ge=0,
        le=600,
        description="How long a request waits for a PostgreSQL server that is gone, a restart or a failover; then it "
        "gets 503.",
    )
    prepare_after: int | None = Field(
        default=None,
        ge=0,
        description="Uses after which a connection prepares a statement in PostgreSQL. Unset: never, which PgBouncer "
        "in transaction mode needs.",
    )


class LaneSettings(Group):
    """Worker threads of each server process, by what they wait for."""

    db: int = Field(default=8, ge=1, le=256, description="Threads for the index.")
    disk: int = Field(default=8, ge=1, le=256, description="Threads for stored files.")
    cpu: int | None = Field(
        default=None, ge=1, le=256, description="Threads that render pictures. Unset: one for each processor."
    )


class Settings(BaseSettings):
    """Everything an administrator can choose."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", validate_default=True, env_prefix=PREFIX, env_nested_delimiter=DELIMITER
    )

    data: Directory = Field(
        default=Path("filmjacket-data"), description="Directory of the index and of the stored files."
    )
    database: SecretStr | None = Field(
        default=None,
        description="URL of the index: sqlite:///path, or postgresql://user@host/name as libpq understands it, several "
        "hosts included. Unset: an SQLite file in the data directory.",
    )
    blobs: BlobsUrl | None = Field(
        default=None,
        description="Where stored files are kept: file:///path or s3://bucket/prefix. Unset: in the data directory.",
    )
    server: Engine = Field(default=Engine.GRANIAN, description="HTTP server: granian, or uvicorn when it is installed.")
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; 0.0.0.0 or :: for every network.",
    )
    port: int = Field(default=8104, ge=1, le=65535, description="TCP port to listen on.")
    workers: Workers = Field(
        default=1,
        description="Worker processes: a number, or auto for one of each processor, at most 4. Each takes memory of "
        "its own; the index may be SQLite or PostgreSQL.",
    )
    base_path: BasePath = Field(default="/dicom-web", description="Path under which the DICOMweb services are offered.")
    public_url: PublicUrl | None = Field(
        default=None,
        description="Root of all URLs that the server writes, without the base path. Unset: taken from the request.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Addresses or networks of proxies whose Forwarded and X-Forwarded headers are believed.",
    )
    cors_origins: Origins = Field(
        default=(), description="Origins whose web pages may use the services; * allows every page."
    )
    drain_seconds: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="How long a server that was told to stop serves on as ever while `/healthz/ready` says 503, so that "
        "proxies notice.",
    )
    shutdown_seconds: int = Field(
        default=10,
        ge=1,
        le=3600,
        description="How long running requests may take to end when the server stops.",
    )
    edition: Edition = Field(
        default=Edition.Y2026,
        description="Edition of PS3.18 followed where editions differ: "
        "a search without matches is 200 with [] in 2026 and 204 in 2024.",
    )
    duplicates: DuplicatePolicy = Field(
        default=DuplicatePolicy.KEEP,
        description="When a SOP Instance UID arrives again with different bytes: keep the stored instance, "
        "replace it, or reject the new one.",
    )
    strict_accept: bool = Field(
        default=False,
        description="Refuse requests without an Accept header, as the letter of PS3.18 8.4.1 has it.",
    )
    stage_memory_bytes: ByteSize = Field(
        default=ByteSize(MIB), description="A file that is being received stays in memory up to this size."
    )
    minimum_free_bytes: ByteSize = Field(
        default=ByteSize(256 * MIB),
        description="Storing is refused when less than this would be left on the disk.",
    )
    cache_seconds: int = Field(
        default=0,
        ge=0,
        le=365 * 24 * 3600,
        description="How long a browser may show instances, frames and bulk values again without asking the server. "
        "0: it asks each time, and is told that nothing changed.",
    )
    coded_answers_bytes: ByteSize = Field(
        default=ByteSize(32 * MIB),
        description="Memory of each worker for compressed metadata, so that nothing is compressed twice. "
        "One answer may take a quarter of it.",
    )
    rendered_bytes: ByteSize = Field(
        default=ByteSize(64 * MIB),
        description="Memory of each worker for rendered pictures that were asked for lately, so that nothing is "
        "rendered twice. One picture may take an eighth of it.",
    )
    search: SearchSettings = SearchSettings()
    deletion: DeletionSettings = DeletionSettings()
    limits: LimitSettings = LimitSettings()
    zip: ZipSettings = ZipSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    lanes: LaneSettings = LaneSettings()
    database_pool: DatabasePoolSettings = DatabasePoolSettings()
    codecs: CodecSettings = CodecSettings()
    volumes: VolumeSettings = VolumeSettings()
    thumbnails: ThumbnailSettings = ThumbnailSettings()
    deidentification: DeidentificationSettings = DeidentificationSettings()
    jobs: JobSettings = JobSettings()
    worklist: WorklistSettings = WorklistSettings()
    procedures: ProcedureSettings = ProcedureSettings()
    commitment: CommitmentSettings = CommitmentSettings()
    notifications: NotificationSettings = NotificationSettings()
    webhooks: WebhookSettings = WebhookSettings()
    s3: S3Settings = S3Settings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed: `load_settings` merges the sources, so a value built in code is just that."""
        return (init_settings,)

    @property
    def worker_count(self) -> int:
        """Worker processes on this machine."""
        return worker_count(self.workers)

    @property
    def blob_directory(self) -> Path:
        """Root of the local blob store."""
        return self.data / "blobs"

    @property
    def pseudonym_key_file(self) -> Path:
        """Where the random key for new UIDs is kept."""
        return self.data / "pseudonym.key"

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the index; it may hold a password."""
        if self.database is not None:
            return self.database.get_secret_value()
        return f"sqlite:///{self.data.absolute() / 'index.sqlite3'}"
