"""Rows of the table of services that only tests of PostgreSQL itself need: a standby, and PgBouncer before it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import psycopg

from tests.engines.services import POSTGRES, Place, Service, postgres_binary

if TYPE_CHECKING:
    from collections.abc import Mapping


def standby_of(primary_port: int) -> Service:
    """Return a PostgreSQL that follows another one; it becomes the primary when it is promoted."""
    source = f"host=127.0.0.1 port={primary_port} user=postgres application_name=standby"

    def prepare(place: Place) -> list[list[str]]:
        target = str(place.directory / "data")
        return [
            [postgres_binary("pg_basebackup"), "-d", source, "-D", target, "-R", "-X", "stream", "-c", "fast", "-N"]
        ]

    return Service(
        name="standby",
        ports=POSTGRES.ports,
        command=POSTGRES.command,
        ready=POSTGRES.ready,
        urls=POSTGRES.urls,
        prepare=prepare,
        stop_signal=POSTGRES.stop_signal,
        refuses_root=True,
    )


def pgbouncer_binary() -> str | None:
    """Return the path of PgBouncer, from the variable PGBOUNCER or as it is installed; no wheel has it."""
    return os.environ.get("PGBOUNCER") or shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


def _pgbouncer_command(place: Place) -> list[str]:
    settings: Mapping[str, str] = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(place.ports["sql"]),
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        # Fewer than there are clients: every transaction may get another server connection.
        "default_pool_size": "3",
        "server_fast_close": "1",
    }
    lines = [
        "[databases]",
        f"* = host=127.0.0.1 port={place.options['server_port']} user=postgres",
        "[pgbouncer]",
        *(f"{name} = {value}" for name, value in settings.items()),
    ]
    file = place.directory / "pgbouncer.ini"
    file.write_text("\n".join(lines) + "\n")
    return [str(pgbouncer_binary()), str(file)]


def _pgbouncer_ready(place: Place) -> bool:
    try:
        psycopg.connect(_pgbouncer_urls(place)["PGBOUNCER_URL"], prepare_threshold=None).close()
    except psycopg.OperationalError:
        return False
    return True


def _pgbouncer_urls(place: Place) -> dict[str, str]:
    return {"PGBOUNCER_URL": f"postgresql://postgres@127.0.0.1:{place.ports['sql']}/postgres"}


PGBOUNCER = Service(
    name="pgbouncer",
    ports=("sql",),
    command=_pgbouncer_command,
    ready=_pgbouncer_ready,
    urls=_pgbouncer_urls,
    refuses_root=True,
)
