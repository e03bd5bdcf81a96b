"""`filmjacket serve`: check everything, then become the server."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415

from __future__ import annotations

import os
import secrets
import socket
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from filmjacket.cli.options import BlobsOption, ConfigOption, DatabaseOption, DataOption, settings_from
from filmjacket.cli.preparing import prepare_archive
from filmjacket.errors import FilmjacketError, Unavailable
from filmjacket.observability.addresses import split_address

if TYPE_CHECKING:
    from filmjacket.settings import Settings


def serve(  # noqa: PLR0913, PLR0917 - one for each option
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; 0.0.0.0 for every network.", show_default="127.0.0.1"),
    ] = None,
    port: Annotated[int | None, typer.Option(help="TCP port.", show_default="8104")] = None,
    workers: Annotated[
        str | None, typer.Option(help="Worker processes; auto for one of each processor.", show_default="2")
    ] = None,
    server: Annotated[str | None, typer.Option(help="HTTP server: granian or uvicorn.", show_default="granian")] = None,
    config: ConfigOption = None,
) -> None:
    """Run the DICOMweb server until it is stopped with Ctrl-C or SIGTERM.

    Example: `filmjacket serve --data ./archive --host 127.0.0.1 --port 8104 --workers 4`
    """
    settings = settings_from(
        config, data=data, database=database, blobs=blobs, host=host, port=port, workers=workers, server=server
    )
    prepare(settings)
    run_server(settings, banner(settings))


def prepare(settings: Settings) -> None:
    """Before any worker starts: is the address free, the archive usable? Brings its schema up to date, too."""
    check_address(settings.host, settings.port)
    if settings.metrics.enabled and settings.metrics.listen is not None:
        check_address(*split_address(settings.metrics.listen))
    prepare_archive(settings)


def run_server(settings: Settings, greeting: str) -> NoReturn:
    """Serve until stopped; the greeting is printed when connections are accepted."""
    from filmjacket.cli.server_process import Plan, become_server
    from filmjacket.listening import START_VARIABLE
    from filmjacket.settings import Engine, export_environment

    if settings.server is Engine.UVICORN and find_spec("uvicorn") is None:
        raise FilmjacketError(
            "uvicorn is not installed; `pip install 'filmjacket[uvicorn]'` brings it.", offender="server"
        )
    export_environment(settings)
    os.environ[START_VARIABLE] = secrets.token_hex(8)
    _allow_many_files()
    become_server(
        Plan(
            settings.server,
            settings.host,
            settings.port,
            settings.worker_count,
            settings.shutdown_seconds,
            settings.drain_seconds,
            greeting,
            settings.log.level,
            settings.log.format,
        )
    )


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


def _allow_many_files() -> None:
    """Raise the soft limit of open files to the hard one: every connection and every read holds one."""
    try:
        import resource
    except ImportError:  # not on every platform
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
