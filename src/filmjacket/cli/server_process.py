"""What `filmjacket serve` becomes when all is checked: a program that starts workers and does little else.

It takes the place of the command (exec), so that neither it nor a worker carries what only the checks needed, and no
thread of theirs is there when workers are forked. The only module that knows the HTTP servers.
"""

# ruff: noqa: PLC0415 - one server is imported, not both

from __future__ import annotations

import gc
import importlib
import json
import logging
import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from filmjacket.cli.draining import Draining
from filmjacket.cli.farewell import say_goodbye_first
from filmjacket.observability.shared_directory import make_shared_directory

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    import uvicorn
    from uvicorn.supervisors import Multiprocess

TARGET: Final = "filmjacket.app:create_app_from_environment"
VARIABLE: Final = "_FILMJACKET_SERVER"
"""Not one of the settings, which begin without an underscore."""

HTTP2_WINDOW: Final = 16 * 1024 * 1024
"""Receive window of an HTTP/2 stream: uploads over HTTP/2 take less than half the time of the default's."""
CONNECTIONS: Final = 1024
"""Connections that one worker serves at a time; more wait in the backlog."""
FAILED: Final = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What the process needs to know; the settings of workers are in the environment."""

    server: str
    host: str
    port: int
    workers: int
    shutdown_seconds: int
    drain_seconds: float
    greeting: str
    log_level: str
    log_format: str


def become_server(plan: Plan) -> NoReturn:
    """Replace this process by one that serves."""
    os.environ[VARIABLE] = json.dumps(asdict(plan))
    # Threads that read and render would each get an arena of their own, and none would give memory back.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    sys.stdout.flush()
    sys.stderr.flush()
    # What the command was told is repeated for those who look at the list of processes.
    os.execv(sys.executable, [sys.executable, "-m", __name__, *sys.argv[1:]])  # noqa: S606 - ourselves


def main() -> None:
    """Serve until stopped."""
    plan = Plan(**json.loads(os.environ.pop(VARIABLE)))
    logging.getLogger().handlers[:] = [_WhenNeeded(plan)]
    directory = make_shared_directory()
    draining = Draining(plan.drain_seconds, directory)
    if plan.server == "uvicorn":
        _run_uvicorn(plan, draining)
    else:
        _run_granian(plan, draining, directory)


class _WhenNeeded(logging.Handler):
    """Brings the program's logging when there is something to write, which there mostly is not."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def emit(self, record: logging.LogRecord) -> None:
        from filmjacket.logs import configure_logging

        configure_logging(level=self._plan.log_level, output=self._plan.log_format)
        logging.getLogger(record.name).handle(record)


def _greet(plan: Plan) -> None:
    sys.stdout.write(plan.greeting + "\n")
    sys.stdout.flush()


def _run_granian(plan: Plan, draining: Draining, directory: Path) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP2Settings
    from granian.log import LogLevels

    silent: dict[str, object] = {"level": "WARNING", "propagate": True, "handlers": []}
    server = Granian(
        TARGET,
        factory=True,
        address=plan.host,
        port=plan.port,
        interface=Interfaces.ASGI,
        # Not uvloop, which it would take where that is installed: a signal that comes while its loop is not running, as
        # between start and service, is lost, and the worker would not stop.
        loop=Loops.asyncio,
        workers=plan.workers,
        http=HTTPModes.auto,
        http2_settings=HTTP2Settings(
            initial_connection_window_size=HTTP2_WINDOW, initial_stream_window_size=HTTP2_WINDOW
        ),
        backlog=2 * CONNECTIONS,
        backpressure=CONNECTIONS,
        workers_kill_timeout=plan.shutdown_seconds,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
        log_dictconfig={"handlers": {}, "loggers": {"_granian": silent, "granian.access": silent}},
    )
    server.on_startup(lambda: _greet(plan))
    server.on_startup(lambda: say_goodbye_first(directory))
    server.on_startup(draining.come_first)
    if multiprocessing.get_start_method() == "fork":
        _load_application()
    server.serve()


def _load_application() -> None:
    """Import for all workers at once what each would else import: they start sooner, and share the memory of it."""
    importlib.import_module(TARGET.partition(":")[0])
    # A collection in a worker would write to every shared page.
    gc.collect()
    gc.freeze()


def _run_uvicorn(plan: Plan, draining: Draining) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    # After its orderly end uvicorn raises the signal that stopped it once more; that would look like a failure.
    signal.signal(signal.SIGTERM, _stopped)
    _greet(plan)
    config = uvicorn.Config(
        TARGET,
        http="filmjacket.http.uvicorn_protocol:BoundedProtocol",
        factory=True,
        host=plan.host,
        port=plan.port,
        workers=plan.workers,
        timeout_graceful_shutdown=plan.shutdown_seconds,
        backlog=2 * CONNECTIONS,
        proxy_headers=False,  # `http.request` believes configured proxies only
        server_header=False,
        access_log=False,
        log_config=None,
    )
    if plan.workers > 1:
        supervisor = Multiprocess(config, [config.bind_socket()])
        _refuse_when_stopping(supervisor)
        draining.come_first()
        supervisor.run()
    else:
        _run_one(uvicorn.Server(config), draining)


def _refuse_when_stopping(supervisor: Multiprocess) -> None:
    """Close the socket in this process, too: else connections are taken that no worker will ever serve."""
    end_workers = supervisor.terminate_all

    def terminate_all() -> None:
        for listening in supervisor.sockets:
            listening.close()
        end_workers()

    supervisor.terminate_all = terminate_all


def _run_one(server: uvicorn.Server, draining: Draining) -> None:
    # It has its own handler of signals from when it begins to serve until it ends.
    stop = server.handle_exit

    def handle_exit(sig: int, frame: FrameType | None) -> None:
        if not draining.takes(sig):
            stop(sig, frame)

    server.handle_exit = handle_exit
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(FAILED)


def _stopped(_number: int, _frame: object) -> None:
    pass


if __name__ == "__main__":
    main()
