from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from filmjacket.cli.demo import what_to_try
from filmjacket.cli.serve import banner, check_address, prepare, service_url
from filmjacket.errors import FilmjacketError, Unavailable
from filmjacket.settings import Settings
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "http://127.0.0.1:8104/dicom-web"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80/dicom-web"),
        ({"host": "::"}, "http://[::1]:8104/dicom-web"),
        ({"host": "pacs.local", "base_path": "/"}, "http://pacs.local:8104"),
        ({"public_url": "https://pacs.example.org/x"}, "https://pacs.example.org/x/dicom-web"),
    ],
)
def test_the_printed_url_is_one_that_works_here(changes: dict[str, object], url: str):
    settings = Settings(**changes)
    assert service_url(settings) == url
    assert f" {url} " in banner(settings)
    text = what_to_try(settings, ResourceRef("1.2", "1.3", "1.4"))
    assert f"{url}/studies/1.2/series/1.3/instances/1.4" in text
    assert text.count("curl ") == 3


def test_a_taken_port_is_told_before_anything_starts():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        with pytest.raises(Unavailable, match=f"port {port}"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)


def test_a_foreign_address_is_told():
    with pytest.raises(FilmjacketError, match="192"):
        check_address("192.0.2.1", 8104)


def test_preparing_creates_the_archive_and_warns_of_a_full_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    prepare(Settings(data=tmp_path / "new", port=port))
    assert (tmp_path / "new" / "index.sqlite3").is_file()
    assert capsys.readouterr().err == ""
    prepare(Settings(data=tmp_path / "new", port=port, minimum_free_bytes=1 << 60))
    assert "storing is refused until there is room" in capsys.readouterr().err


def begin_to_serve(folder: Path, **environment: str) -> tuple[subprocess.Popen[str], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "filmjacket", "serve", "--data", str(folder / "a"), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FILMJACKET_LOG__LEVEL": "warning", **environment},
        cwd=folder,
    )
    return process, port


@pytest.mark.slow
@pytest.mark.parametrize("server", ["granian", "uvicorn"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_one_line_and_stops_cleanly(tmp_path: Path, server: str, number: signal.Signals):
    process, port = begin_to_serve(tmp_path, FILMJACKET_SERVER=server)
    try:
        assert is_soon(lambda: is_ready(port))
    finally:
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert len(out.splitlines()) == 1
    assert f"http://127.0.0.1:{port}/dicom-web" in out
    assert err == ""


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/ready", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


# What the parent does when the loop of the first worker has run for the lifespan, and not yet for the service.
BETWEEN = """
import os, signal
from pathlib import Path
import granian.server.mp as servers
make = servers.ASGIWorker

def make_and_stop(*arguments):
    if not Path("stopped").exists():
        Path("stopped").write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGTERM)
    return make(*arguments)

servers.ASGIWorker = make_and_stop
"""


@pytest.mark.slow
def test_a_signal_that_comes_while_the_loop_of_a_worker_does_not_run_is_not_lost(tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text(BETWEEN)
    process, _ = begin_to_serve(tmp_path, FILMJACKET_WORKERS="1", PYTHONPATH=str(tmp_path))
    stopped = tmp_path / "stopped"
    try:
        assert is_soon(lambda: stopped.exists() and stopped.read_text() != "")
        assert is_soon(lambda: not lives(int(stopped.read_text()))), "the worker serves on"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False
