"""Settings of those who watch the server: log lines, metrics, traces."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from filmjacket.settings.group import Group


class LogLevel(StrEnum):
    """Least severity of a log line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """Shape of log lines."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class Access(StrEnum):
    """Which requests get a line in the log."""

    ALL = "all"
    ERRORS = "errors"
    NONE = "none"


def _check_listen(listen: str) -> str:
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("expected an address and a port such as 127.0.0.1:9104 or [::]:9104")
    return listen


def _check_endpoint(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected the URL of an OTLP/HTTP receiver such as http://localhost:4318/v1/traces")
    return endpoint


class LogSettings(Group):
    """Log lines; they never hold patient data."""

    level: LogLevel = Field(default=LogLevel.INFO, description="Least severity that is written.")
    format: LogFormat = Field(
        default=LogFormat.AUTO,
        description="One JSON object a line, readable text for the console, or auto: console on a terminal.",
    )
    access: Access = Field(
        default=Access.ALL, description="Requests that get a line: all, those that end in errors, or none."
    )
    access_every: int = Field(
        default=1, ge=1, description="Of requests that succeed only every so many-th gets a line; errors always do."
    )
    slow_query_ms: int | None = Field(
        default=1000,
        ge=1,
        description="Statements of the index that take longer are logged with their plan, without values. Unset: none.",
    )


class MetricsSettings(Group):
    """Numbers for Prometheus."""

    enabled: bool = Field(default=True, description="Answer `/metrics`, outside of the base path.")
    listen: Annotated[str, AfterValidator(_check_listen)] | None = Field(
        default=None,
        description="Address and port that `/metrics` has for itself, such as 127.0.0.1:9104; the port of the services "
        "then has none.",
    )


class TracingSettings(Group):
    """Traces for OpenTelemetry; they need the extra `[otel]`."""

    endpoint: Annotated[str, AfterValidator(_check_endpoint)] | None = Field(
        default=None,
        description="OTLP/HTTP receiver of traces, such as http://localhost:4318/v1/traces. Unset: nothing is traced.",
    )
    sample: float = Field(
        default=1.0, ge=0, le=1, description="Share of requests that are traced when the client has not decided."
    )
