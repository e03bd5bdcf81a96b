"""`filmjacket serve`: run the server; the only module that knows the HTTP servers."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415

from __future__ import annotations

import os
import secrets
import signal
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from filmjacket.cli.farewell import say_goodbye_first
from filmjacket.cli.options import BlobsOption, ConfigOption, DatabaseOption, DataOption, settings_from
from filmjacket.errors import FilmjacketError, OutOfStorage, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.settings import Settings

TARGET = "filmjacket.app:create_app_from_environment"

HTTP2_WINDOW = 16 * 1024 * 1024
"""Receive window of an HTTP/2 stream: uploads over HTTP/2 take less than half the time of the default's."""

CONNECTIONS = 1024
"""Connections that one worker serves at a time; more wait in the backlog."""


def serve(  # noqa: PLR0913, PLR0917 - one for each option
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; 0.0.0.0 for every network.", show_default="127.0.0.1"),
    ] = None,
    port: Annotated[int | None, typer.Option(help="TCP port.", show_default="8104")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.", show_default="1")] = None,
    server: Annotated[str | None, typer.Option(help="HTTP server: granian or uvicorn.", show_default="granian")] = None,
    config: ConfigOption = None,
) -> None:
    """Run the DICOMweb server until it is stopped with Ctrl-C or SIGTERM.

    Example: `filmjacket serve --data ./archive --host 127.0.0.1 --port 8104 --workers 1`
    """
    settings = settings_from(
        config, data=data, database=database, blobs=blobs, host=host, port=port, workers=workers, server=server
    )
    prepare(settings)
    run_server(settings, lambda: typer.echo(banner(settings)))


def prepare(settings: Settings) -> None:
    """Before any worker starts: is the address free, the archive usable? Brings its schema up to date, too.

    A full disk is no reason not to serve what is stored: it only keeps new instances out.
    """
    check_address(settings.host, settings.port)
    from filmjacket.maintenance.sweep import GRACE_SECONDS
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        archive.blobs.clear_stage(older_than_seconds=GRACE_SECONDS)
        try:
            archive.blobs.check()
        except OutOfStorage as error:
            typer.echo(f"Warning: storing is refused until there is room. {error.message}", err=True)


def run_server(settings: Settings, on_start: Callable[[], None]) -> None:
    """Serve until stopped; `on_start` is called when connections are accepted."""
    from filmjacket.listening import START_VARIABLE
    from filmjacket.logs import configure_logging
    from filmjacket.settings import Engine, export_environment

    configure_logging(level=settings.log.level, output=settings.log.format)
    export_environment(settings)
    os.environ[START_VARIABLE] = secrets.token_hex(8)
    _allow_many_files()
    if settings.server is Engine.UVICORN:
        _run_uvicorn(settings, on_start)
    else:
        _run_granian(settings, on_start)


def banner(settings: Settings) -> str:
    """The line that says where the server is."""
    from filmjacket import __version__

    url = service_url(settings)
    return f"Filmjacket {__version__} serves {url} from {settings.data} ({settings.server}). Ctrl-C stops it."


def service_url(settings: Settings) -> str:
    """Base URL of the services as a client on this machine would write it."""
    if settings.public_url is not None:
        return settings.public_url + settings.base_path
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}{settings.base_path}"


def check_address(host: str, port: int) -> None:
    """Raise an error that names the address if it cannot be listened on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise FilmjacketError(f"{host!r} is not an address of this machine.", offender="host") from None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise Unavailable(f"Cannot listen on {host} port {port}: {reason}. Another --port?") from None


def _run_granian(settings: Settings, on_start: Callable[[], None]) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP2Settings
    from granian.log import LogLevels

    silent: dict[str, object] = {"level": "WARNING", "propagate": True, "handlers": []}
    server = Granian(
        TARGET,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        http=HTTPModes.auto,
        http2_settings=HTTP2Settings(
            initial_connection_window_size=HTTP2_WINDOW, initial_stream_window_size=HTTP2_WINDOW
        ),
        backlog=2 * CONNECTIONS,
        backpressure=CONNECTIONS,
        workers_kill_timeout=settings.shutdown_seconds,
        respawn_failed_workers=settings.workers > 1,
        log_level=LogLevels.warning,
        log_dictconfig={"handlers": {}, "loggers": {"_granian": silent, "granian.access": silent}},
    )
    server.on_startup(on_start)
    server.on_startup(lambda: say_goodbye_first(settings.workers))
    server.serve()


def _run_uvicorn(settings: Settings, on_start: Callable[[], None]) -> None:
    try:
        import uvicorn
    except ImportError:
        raise FilmjacketError(
            "uvicorn is not installed; `pip install 'filmjacket[uvicorn]'` brings it.", offender="server"
        ) from None
    # After its orderly end uvicorn raises the signal that stopped it once more; that would look like a failure.
    signal.signal(signal.SIGTERM, _stopped)
    on_start()
    uvicorn.run(
        TARGET,
        http="filmjacket.http.uvicorn_protocol:BoundedProtocol",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        backlog=2 * CONNECTIONS,
        proxy_headers=False,  # `http.request` believes configured proxies only
        server_header=False,
        access_log=False,
        log_config=None,
    )


def _stopped(_number: int, _frame: object) -> None:
    pass


def _allow_many_files() -> None:
    """Raise the soft limit of open files to the hard one: every connection and every read holds one."""
    try:
        import resource
    except ImportError:  # not on every platform
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
