from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from filmjacket.archive.encryption import Encryption
from filmjacket.archive.policies import DuplicatePolicy
from filmjacket.errors import FilmjacketError
from filmjacket.pixels.wall import Isolation
from filmjacket.settings import (
    Edition,
    Engine,
    Settings,
    SettingsError,
    describe_settings,
    effective_values,
    export_environment,
    load_settings,
    reference_page,
    to_environment,
    unknown_variables,
)

SAMPLES: dict[str, tuple[str, object]] = {
    "data": ("/srv/archive", Path("/srv/archive")),
    "database": ("postgresql://user:secret@db/filmjacket", None),
    "blobs": ("s3://bucket/prefix/", "s3://bucket/prefix"),
    "server": ("uvicorn", Engine.UVICORN),
    "host": ("::", "::"),
    "port": ("8105", 8105),
    "workers": ("4", 4),
    "base_path": ("/pacs/dicomweb/", "/pacs/dicomweb"),
    "public_url": ("https://pacs.example.org/", "https://pacs.example.org"),
    "trusted_proxies": ("10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
    "cors_origins": ("https://viewer.example.org", ("https://viewer.example.org",)),
    "shutdown_seconds": ("30", 30),
    "edition": ("2024", Edition.Y2024),
    "duplicates": ("reject", DuplicatePolicy.REJECT),
    "strict_accept": ("true", True),
    "stage_memory_bytes": ("2MiB", 2 << 20),
    "minimum_free_bytes": ("1GiB", 1 << 30),
    "search.default_limit": ("50", 50),
    "search.attributes": ("ProtocolName, 00080070", ("ProtocolName", "00080070")),
    "search.maximum_results": ("100", 100),
    "limits.request_bytes": ("4GiB", 4 << 30),
    "limits.part_bytes": ("1000", 1000),
    "deletion.enabled": ("false", False),
    "deletion.undo_days": ("30", 30),
    "deletion.minimum_retention_days": ("3650", 3650),
    "deletion.tombstone_days": ("365", 365),
    "limits.parts": ("10", 10),
    "limits.part_header_bytes": ("4096", 4096),
    "limits.header_bytes": ("32KiB", 32 << 10),
    "cache_seconds": ("3600", 3600),
    "coded_answers_bytes": ("64MiB", 64 << 20),
    "limits.metadata_bytes": ("8MiB", 8 << 20),
    "limits.query_bytes": ("1KiB", 1024),
    "zip.names": ("{study}/{instance}.dcm", None),
    "codecs.isolation": ("thread", Isolation.THREAD),
    "codecs.workers": ("3", 3),
    "codecs.seconds": ("12.5", 12.5),
    "codecs.memory_bytes": ("1GiB", 1 << 30),
    "codecs.cache_bytes": ("1MiB", 1 << 20),
    "codecs.coded_bytes": ("2MiB", 2 << 20),
    "volumes.maximum_bytes": ("2GiB", 2 << 30),
    "volumes.cache_bytes": ("1GiB", 1 << 30),
    "log.level": ("debug", "debug"),
    "log.format": ("json", "json"),
    "log.access": ("errors", "errors"),
    "log.access_every": ("10", 10),
    "log.slow_query_ms": ("250", 250),
    "metrics.enabled": ("false", False),
    "metrics.listen": ("[::1]:9104", "[::1]:9104"),
    "tracing.endpoint": ("http://localhost:4318/v1/traces", "http://localhost:4318/v1/traces"),
    "tracing.sample": ("0.1", 0.1),
    "drain_seconds": ("5", 5.0),
    "lanes.db": ("3", 3),
    "lanes.disk": ("4", 4),
    "lanes.cpu": ("4", 4),
    "thumbnails.size": ("128", 128),
    "notifications.stable_seconds": ("5", 5),
    "notifications.keep_days": ("7", 7),
    "notifications.queue_events": ("10", 10),
    "notifications.queue_hours": ("1", 1),
    "notifications.listeners": ("5", 5),
    "notifications.heartbeat_seconds": ("2.5", 2.5),
    "notifications.fallback_subscribers": ("RIS, PACS", ("RIS", "PACS")),
    "webhooks.enabled": ("false", False),
    "webhooks.allow_http": ("true", True),
    "webhooks.allowed_networks": ("10.0.0.0/8", ("10.0.0.0/8",)),
    "webhooks.ports": ("443,8080", (443, 8080)),
    "webhooks.seconds": ("3", 3.0),
    "webhooks.attempts": ("3", 3),
    "webhooks.first_wait_seconds": ("1", 1.0),
    "webhooks.longest_wait_seconds": ("60", 60.0),
    "deidentification.key": ("a secret of some length", SecretStr("a secret of some length")),
    "s3.endpoint": ("https://s3.example.org/", "https://s3.example.org"),
    "s3.region": ("eu-central-1", "eu-central-1"),
    "s3.key_id": ("filmjacket", "filmjacket"),
    "s3.secret": ("secret", SecretStr("secret")),
    "s3.session_token": ("token", SecretStr("token")),
    "s3.virtual_hosted": ("true", True),
    "s3.allow_http": ("true", True),
    "s3.connect_seconds": ("1", 1.0),
    "s3.read_seconds": ("2.5", 2.5),
    "s3.write_seconds": ("60", 60.0),
    "s3.retries": ("0", 0),
    "s3.retry_seconds": ("5", 5.0),
    "s3.part_bytes": ("16MiB", 16 << 20),
    "s3.upload_memory_bytes": ("64MiB", 64 << 20),
    "s3.read_ahead_bytes": ("2MiB", 2 << 20),
    "s3.read_memory_bytes": ("64MiB", 64 << 20),
    "s3.cache_directory": ("/var/cache/filmjacket", Path("/var/cache/filmjacket")),
    "s3.cache_bytes": ("0", 0),
    "s3.redirects": ("true", True),
    "s3.redirect_seconds": ("60", 60),
    "s3.redirect_endpoint": ("https://images.example.org", "https://images.example.org"),
    "s3.encryption": ("sse-kms", Encryption.SSE_KMS),
    "s3.encryption_key": ("key", SecretStr("key")),
    "rendered_bytes": ("1MiB", 1 << 20),
    "procedures.hide_started": ("true", True),
    "procedures.mark_stored": ("false", False),
    "procedures.from_workitems": ("true", True),
    "procedures.strict": ("true", True),
    "procedures.import_steps": ("100", 100),
    "database_pool.readers": ("8", 8),
    "database_pool.writers": ("2", 2),
    "database_pool.wait_seconds": ("3", 3.0),
    "database_pool.statement_seconds": ("60", 60.0),
    "database_pool.lock_seconds": ("5", 5.0),
    "database_pool.reconnect_seconds": ("0", 0.0),
    "database_pool.prepare_after": ("5", 5),
    "jobs.executor": ("false", False),
    "jobs.parallel": ("2", 2),
    "jobs.step_seconds": ("1", 1.0),
    "jobs.poll_seconds": ("0.2", 0.2),
    "jobs.history_days": ("30", 30),
    "jobs.purge_at": ("30 2 * * *", "30 2 * * *"),
    "jobs.purge_workitems_at": ("40 2 * * *", "40 2 * * *"),
    "jobs.sweep_at": ("0 3 * * 0", "0 3 * * 0"),
    "jobs.verify_at": ("0 4 1 * *", "0 4 1 * *"),
    "jobs.reindex_at": ("0 5 * * *", "0 5 * * *"),
    "worklist.retention_days": ("90", 90),
    "worklist.deletion_locks": ("false", False),
    "worklist.label": ("RADIOLOGY", "RADIOLOGY"),
    "worklist.default_requester": ("GATEWAY", "GATEWAY"),
    "worklist.requester_required": ("true", True),
    "worklist.other_patient_ids": ("true", True),
    "worklist.initial_reports": ("0", 0),
    "worklist.payload_bytes": ("1MiB", 1 << 20),
    "commitment.result_days": ("30", 30),
    "commitment.immediate_seconds": ("0", 0.0),
    "commitment.unreadable_hours": ("1", 1),
    "commitment.hold": ("true", True),
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("FILMJACKET_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def value_at(settings: Settings, name: str) -> object:
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def test_every_setting_is_described_and_has_a_sample_here():
    rows = describe_settings()
    page = reference_page()
    assert {row.name for row in rows} == set(SAMPLES)
    for row in rows:
        assert row.description.endswith(".")
        assert row.accepted
        assert f"| `{row.name}` | `{row.variable}` |" in page


@pytest.mark.parametrize("name", SAMPLES)
def test_every_setting_can_come_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch):
    text, expected = SAMPLES[name]
    row = next(row for row in describe_settings() if row.name == name)
    monkeypatch.setenv(row.variable, text)
    settings = load_settings()
    if expected is not None:
        assert value_at(settings, name) == expected
        assert value_at(Settings(), name) != expected
    others = {other: value for other, value in effective_values(settings).items() if other != name}
    assert others == {row.name: row.default for row in describe_settings() if row.name != name}


def test_all_settings_travel_to_worker_processes_whatever_files_there_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for row in describe_settings():
        monkeypatch.setenv(row.variable, SAMPLES[row.name][0])
    settings = load_settings()
    for row in describe_settings():
        monkeypatch.delenv(row.variable)
    (tmp_path / "filmjacket.toml").write_text('port = 1\nhost = "other"\n[lanes]\ndb = 99\n')

    for name, value in to_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings
    assert load_settings().database_url == "postgresql://user:secret@db/filmjacket"


def test_exporting_replaces_what_the_process_was_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("FILMJACKET_PORT", "9000")
    monkeypatch.setenv("FILMJACKET_WORKERS", "3")
    settings = load_settings(overrides={"port": 8104, "data": Path("here")})
    monkeypatch.setattr(os, "environ", dict(os.environ))
    export_environment(settings)
    assert "FILMJACKET_PORT" not in os.environ
    assert os.environ["FILMJACKET_WORKERS"] == "3"
    assert os.environ["FILMJACKET_DATA"] == str(tmp_path / "here")


def test_rank_is_options_environment_file_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "filmjacket.toml").write_text("port = 1\nworkers = 2\n[limits]\nparts = 3\nquery_bytes = 4000\n")
    monkeypatch.setenv("FILMJACKET_WORKERS", "5")
    monkeypatch.setenv("FILMJACKET_LIMITS__PARTS", "6")
    settings = load_settings(overrides={"host": "localhost", "limits": {"parts": 7}})
    assert (settings.host, settings.port, settings.workers) == ("localhost", 1, 5)
    assert (settings.limits.parts, settings.limits.query_bytes) == (7, 4000)
    assert settings.limits.part_header_bytes == Settings().limits.part_header_bytes


def test_which_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "filmjacket.toml").write_text("port = 1")
    (tmp_path / "named.toml").write_text("port = 2")
    (tmp_path / "given.toml").write_text("port = 3")
    assert load_settings().port == 1
    monkeypatch.setenv("FILMJACKET_CONFIG", str(tmp_path / "named.toml"))
    assert load_settings().port == 2
    assert load_settings(tmp_path / "given.toml").port == 3
    monkeypatch.setenv("FILMJACKET_CONFIG", "")
    assert load_settings().port == 8104


def test_a_value_built_in_code_reads_no_environment_and_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("FILMJACKET_PORT", "9")
    (tmp_path / "filmjacket.toml").write_text("workers = 9")
    assert Settings(host="x") == Settings().model_copy(update={"host": "x"})
    assert Settings().port == 8104


def test_settings_are_frozen():
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError):
        settings.limits.parts = 1  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("toml", "parts"),
    [
        ("port = 0", ["port (FILMJACKET_PORT)", "1 to 65535"]),
        ('port = "tcp"', ["port (FILMJACKET_PORT)", "integer"]),
        ('edition = "2020"', ["edition (FILMJACKET_EDITION)", "2026 | 2024"]),
        ('duplicates = "overwrite"', ["duplicates", "keep | replace | reject"]),
        ('server = "gunicorn"', ["server", "granian | uvicorn"]),
        ('base_path = "dicom-web"', ["base_path", "/dicom-web"]),
        ('base_path = "/a//b"', ["base_path"]),
        ('base_path = "/a?b"', ["base_path"]),
        ('public_url = "pacs.example.org"', ["public_url", "https://"]),
        ('public_url = "ftp://pacs.example.org"', ["public_url"]),
        ('trusted_proxies = ["proxy.local"]', ["trusted_proxies", "'proxy.local'", "10.0.0.0/8"]),
        ('trusted_proxies = "10.0.0.0/99"', ["trusted_proxies"]),
        ('cors_origins = ["viewer.example.org"]', ["cors_origins", "https://viewer.example.org"]),
        ('cors_origins = ["https://viewer.example.org/path"]', ["cors_origins"]),
        ("[limits]\npart_bytes = -1", ["limits.part_bytes (FILMJACKET_LIMITS__PART_BYTES)"]),
        ("[limits]\nparst = 1", ["limits.parst", "no such setting", "limits.parts"]),
        ("prot = 1", ["prot", "did you mean", "port"]),
        ("limits = 3", ["limits", "table"]),
        ('blobs = "/srv/blobs"', ["blobs (FILMJACKET_BLOBS)", "file:///path", "s3://bucket/prefix"]),
        ('blobs = "s3:///prefix"', ["blobs"]),
        ('blobs = "s3://key:secret@bucket/prefix"', ["blobs", "settings of their own"]),
        ('blobs = "file://host/path"', ["blobs"]),
        ('[s3]\nendpoint = "s3.example.org"', ["s3.endpoint (FILMJACKET_S3__ENDPOINT)", "https://"]),
        ('[s3]\npart_bytes = "1MiB"', ["s3.part_bytes"]),
        ("port = ", ["filmjacket.toml", "TOML"]),
    ],
)
def test_errors_name_the_key_and_what_is_accepted(tmp_path: Path, toml: str, parts: list[str]):
    (tmp_path / "filmjacket.toml").write_text(toml)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert isinstance(caught.value, FilmjacketError)
    for part in parts:
        assert part in caught.value.message


def test_all_errors_are_told_at_once(tmp_path: Path):
    (tmp_path / "filmjacket.toml").write_text("port = 0\nworkers = 0\n[log]\nlevel = 'loud'\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert [line.split(" ", 1)[0] for line in caught.value.message.splitlines()] == ["port", "workers", "log.level"]


def test_a_missing_file_that_was_asked_for_is_an_error(tmp_path: Path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "absent.toml")


def test_variables_that_container_platforms_invent_change_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FILMJACKET_PORT", "tcp://10.96.0.12:8104")
    monkeypatch.setenv("FILMJACKET_PORT_8104_TCP", "tcp://10.96.0.12:8104")
    monkeypatch.setenv("FILMJACKET_SERVICE_HOST", "10.96.0.12")
    assert load_settings() == Settings()


def test_misspelt_variables_are_noticed():
    environment = {"FILMJACKET_PROT": "1", "FILMJACKET_LIMITS__PART": "2", "FILMJACKET_CONFIG": "", "PATH": ""}
    assert unknown_variables(environment) == [
        ("FILMJACKET_LIMITS__PART", "FILMJACKET_LIMITS__PARTS"),
        ("FILMJACKET_PROT", "FILMJACKET_PORT"),
    ]


def test_the_database_password_is_shown_nowhere():
    settings = load_settings(overrides={"database": "postgresql://user:hunter2@db/x"})
    assert "hunter2" in settings.database_url
    assert "hunter2" not in f"{settings!r} {effective_values(settings)}"


def test_defaults_of_the_data_directory(tmp_path: Path):
    settings = Settings(data=Path("somewhere"))
    assert settings.database_url == f"sqlite:///{tmp_path}/somewhere/index.sqlite3"
    assert settings.blob_directory == Path("somewhere/blobs")
    assert Settings(data=Path("~/x")).data == Path.home() / "x"
