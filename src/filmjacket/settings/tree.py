"""The tree of settings: every key with its type, default, bounds and meaning."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ByteSize, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from filmjacket.archive.deletions import DeletionRules
from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.pixels.wall import Isolation
from filmjacket.settings.group import Group
from filmjacket.settings.notifying import NotificationSettings, WebhookSettings
from filmjacket.settings.operating import DatabasePoolSettings, JobSettings
from filmjacket.settings.s3 import BlobsUrl, S3Settings
from filmjacket.settings.values import (
    GIB,
    KIB,
    MIB,
    BasePath,
    Directory,
    Networks,
    Origins,
    PublicUrl,
    SearchAttributes,
    ZipNames,
)
from filmjacket.settings.watching import LogSettings, MetricsSettings, TracingSettings
from filmjacket.settings.workers import Workers, worker_count
from filmjacket.settings.workflow import CommitmentSettings, ProcedureSettings, WorklistSettings
from filmjacket.web.zip_names import NameTemplate

if TYPE_CHECKING:
    from pydantic_settings import PydanticBaseSettingsSource

PREFIX = "FILMJACKET_"
DELIMITER = "__"


class Edition(StrEnum):
    """Edition of PS3.18 whose wording decides where editions differ."""

    Y2026 = "2026"
    Y2024 = "2024"


class Engine(StrEnum):
    """HTTP server that carries the application."""

    GRANIAN = "granian"
    UVICORN = "uvicorn"


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
        default=2,
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
        description="How long a server that was told to stop serves on as ever while `/healthz/ready` says 503, so "
        "that proxies notice.",
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
        "a search without matches is 200 with [] in 2026 and 204 in 2024, a wrong Transaction UID 400 and 409.",
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
