"""`/metrics` at an address of its own: one of the workers has it, and when it ends, another takes over."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, Self

from filmjacket.observability.addresses import split_address
from filmjacket.observability.shared_directory import shared_directory

if TYPE_CHECKING:
    from types import TracebackType

RETRY_SECONDS: Final = 2.0
_REQUEST_SECONDS: Final = 10.0


class MetricsServer:
    """Listens as soon as nobody else does, until it is closed."""

    def __init__(self, listen: str) -> None:
        self._address = split_address(listen)
        self._stopping = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        server = self._server
        if server is not None:
            server.shutdown()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                server = _Server(self._address, _Handler)
            except OSError:  # another worker has it
                self._stopping.wait(RETRY_SECONDS)
                continue
            with server:
                self._server = server
                if not self._stopping.is_set():
                    server.serve_forever(poll_interval=0.2)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_SECONDS
    server_version = "filmjacket"
    sys_version = ""

    def do_GET(self) -> None:
        """The numbers; nothing else is here."""
        from filmjacket.observability.exposition import exposition  # noqa: PLC0415 - loaded by the first who asks

        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        body, content_type = exposition(self.headers.get("Accept"), shared_directory())
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Nobody wants a line for each scrape."""
