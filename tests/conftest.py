"""Fixtures: an archive over every backend, the application in process, and a real server process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from filmjacket.app import create_app
from filmjacket.opening import Archive, open_archive
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE = "/dicom-web"

pytest_plugins = ("tests.engines.fixtures",)


@pytest.fixture
def settings(tmp_path: Path, backend_settings: Callable[[Path], dict[str, Any]]) -> Settings:
    """Settings of an empty archive."""
    data = tmp_path / "archive"
    return Settings(data=data, **backend_settings(data))


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    """An empty archive."""
    opened = open_archive(settings)
    yield opened
    opened.close()


@pytest.fixture
def make_client(
    tmp_path: Path, backend_settings: Callable[[Path], dict[str, Any]]
) -> Iterator[Callable[..., TestClient]]:
    """Build the application with changed settings: `make_client(edition="2024")`."""
    open_clients: list[TestClient] = []

    def make(**changes: object) -> TestClient:
        data = changes.setdefault("data", tmp_path / f"archive{len(open_clients)}")
        changes = {**backend_settings(Path(str(data))), **changes}
        client = TestClient(create_app(Settings(**changes)), base_url="http://testserver:8104")
        client.headers["Accept"] = "*/*"
        client.__enter__()
        open_clients.append(client)
        return client

    yield make
    for client in open_clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    """The application in process, on an empty archive with default settings."""
    return make_client()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A real server process."""

    data: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Base URL of the services."""
        return f"http://127.0.0.1:{self.port}{BASE}"

    def kill(self) -> None:
        """SIGKILL the whole process group: nothing gets a chance to clean up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, then wait."""
        self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def start_server(data: Path, *, port: int | None = None, kind: str = "granian", **environment: str) -> Server:
    """Start `filmjacket serve` and wait until it is ready: as by default with granian, with one worker with uvicorn."""
    if kind == "uvicorn":
        environment = {"FILMJACKET_WORKERS": "1", **environment}
    port = port or free_port()
    command = [sys.executable, "-m", "filmjacket", "serve", "--data", str(data), "--port", str(port), "--server", kind]
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=(data.parent / "server.log").open("ab"),
    )
    server = Server(data, port, process)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/ready", timeout=1):
                return server
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    if process.poll() is None:
        server.kill()
    pytest.fail("the server did not become ready:\n" + (data.parent / "server.log").read_text()[-3000:])


@pytest.fixture(params=["granian", "uvicorn"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server process on an empty archive, once for each supported HTTP server."""
    running = start_server(tmp_path / "archive", kind=request.param)
    yield running
    if running.process.poll() is None:
        running.stop()
